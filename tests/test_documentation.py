"""The reference: every public name has a text, its parameters and an example, and the examples do what they show."""

from __future__ import annotations

import doctest
import warnings

import pytest

import harmonium as hm
from docs.public_names import examples, faults

EXAMPLES = examples()
SLOW: set[str] = set()


def test_every_public_name_has_a_text_its_parameters_and_an_example():
    assert faults() == []


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in EXAMPLES])
def test_examples_do_what_they_show(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hm.NoGainWarning)
        doctest.DocTestRunner().run(EXAMPLES[name], out=said.append)
    assert not said, "".join(said)
