"""The reference: every public name has a text, its parameters and an example, and the examples do what they show."""

from __future__ import annotations

import doctest
import re
import warnings
from pathlib import Path

import pytest

import harmonium as hm
from docs.calibration import PICTURES
from docs.public_names import examples, faults
from docs.raised_errors import raised
from docs.records import HEADING, RESULTS, records

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n.*?^```$|(?:^    harmonium [^\n]*\n)+|^On two cores, .*?\)\.$", re.MULTILINE | re.DOTALL)
EXAMPLES = examples()
SLOW = {
    *("diagnostics.md", "likelihood.md", "tabular.md", "harmonium.bidirectional_ais", "harmonium.tabular.log_prob"),
    *(f"harmonium.sklearn.{name}" for name in ("RBMClassifier", "RBMDensity", "RBMImputer", "RBMTransformer")),
}


def test_every_public_name_has_a_text_its_parameters_its_errors_and_an_example():
    assert faults() == []


def test_errors_are_found_on_their_way_through_the_package():
    assert raised(hm.free_energy) == {hm.InputError}  # of the checks of its arguments
    assert raised(hm.fit) == {hm.InputError, hm.DivergenceError}  # of the loop beneath `train`
    assert hm.io.container.VersionError in raised(hm.training.latest_checkpoint)  # of a handler that raises it again
    assert raised(hm.InputError.__init__) == set()


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in EXAMPLES])
def test_examples_do_what_they_show(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hm.NoGainWarning)
        doctest.DocTestRunner().run(EXAMPLES[name], out=said.append)
    assert not said, "".join(said)


def test_the_front_page_shows_what_readme_shows():
    """README's blocks are run by tests/test_readme.py."""
    front, readme = (BLOCK.findall((ROOT / name).read_text()) for name in ("docs/index.md", "README.md"))
    assert any("nats" in block for block in front)
    assert set(front) <= set(readme)


def test_records_are_found_by_their_headings_the_newest_first():
    dates = [record.date for record in records()]
    assert dates == sorted(dates, reverse=True)
    assert {(record.date, record.title) for record in records()} == set(HEADING.findall(RESULTS.read_text(encoding="utf-8")))
    assert len({record.anchor for record in records()}) == len(dates)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_calibration_are_drawn_from_a_record_and_take_the_color_of_the_page(name):
    picture = PICTURES[name]()
    assert picture.record in records()
    texts = re.findall("<text [^>]*>", picture.svg)
    assert texts
    assert all("fill: currentColor" in text for text in texts)


def test_the_page_of_environment_variables_has_all_that_are_read():
    page = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z_]+)`", page))
    lines = (line for path in (ROOT / "src").rglob("*.py") for line in path.read_text(encoding="utf-8").splitlines())
    read = {name for line in lines if "environ" in line for name in re.findall(r"\"([A-Z][A-Z_]+)\"", line)}
    assert "HARMONIUM_CACHE" in read
    assert read <= named
