"""Idle hidden units, planted and none."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium import diagnostics
from harmonium.units import Binary, Spin


@pytest.mark.parametrize("kind", [Binary, Spin])
def test_planted_idle_units_are_found(kind):
    random = np.random.default_rng(0)
    data = random.integers(0, 2, (200, 8)).astype(float)
    weights = random.standard_normal((8, 10))
    weights[:, 3] = 0
    weights[:, 6] = weights[:, 2]
    weights[:, 8:] = 0
    odds = np.ones(10)
    # On in 0.75 % of the rows is dead, in 1.25 % only indifferent.
    odds[[1, 5, 8, 9]] = 1e-9, 1e9, 0.0075 / 0.9925, 0.0125 / 0.9875
    bias = np.log(odds) / (1 if kind is Binary else 2)
    hidden = diagnostics.hidden_units(hm.RBM(hm.Binary(np.zeros(8)), kind(bias), weights), data)
    assert (hidden.dead, hidden.saturated, hidden.indifferent, hidden.doubles) == ([1, 8], [5], [3, 9], [(2, 6)])
    assert hidden.idle == [1, 3, 5, 6, 8, 9]
    assert not hidden.verdict.ok
    for words in ("4 of 10 take part", "2 dead (h2, h9)", "1 saturated (h6)", "2 indifferent (h4, h10)", "(h7)"):
        assert words in hidden.verdict.sentence


def test_hidden_units_that_all_work(quick):
    rbm, data, _ = quick
    hidden = diagnostics.hidden_units(rbm, data)
    np.testing.assert_allclose(hidden.activity, hm.hidden_given_visible(rbm, data), atol=1e-5)
    assert hidden.idle == []
    assert hidden.verdict.ok
