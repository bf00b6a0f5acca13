"""What a model gains over independent units, and when that is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from kinds import LAYERS, rbm_of

import harmonium as hm
from harmonium import exact
from harmonium.likelihood import Gain, gain, gain_over_independent

TRAINED = hm.RBM(hm.Binary([-2.0] * 6), hm.Binary([-12.0]), np.full((6, 1), 4.0))
"""Six bits that are mostly alike."""


@pytest.fixture(scope="module")
def alike():
    return exact.sample(TRAINED, 200, seed=0)


@pytest.mark.parametrize(
    ("mean", "error", "baseline", "is_none", "words"),
    [
        (0.5, 0.1, -10.0, False, "is better than"),
        (0.5, 0.3, -10.0, True, "is not clearly better than"),
        (0.5, 0.1, -1000.0, True, "is not clearly better than"),  # half a thousandth
        (-0.5, 0.1, -10.0, True, "is no better than"),
        (0.5, np.inf, -10.0, True, "is not clearly better than"),  # a single row
        (np.nan, 0.1, -10.0, True, "is not clearly better than"),
    ],
)
def test_a_gain_below_two_standard_errors_or_a_thousandth_is_none(mean, error, baseline, is_none, words):
    found = Gain(mean, error, baseline, 0.2, 50, "log likelihood")
    assert found.is_none is is_none
    assert f"{words} independent units: the mean log likelihood of 50 rows differs" in str(found)


def test_the_gain_is_that_of_the_exact_likelihoods_row_by_row(alike):
    base = TRAINED.visible.fit_base_rate(alike)
    independent = hm.RBM(base, hm.Binary([0.0]), np.zeros((6, 1)))
    values = exact.log_likelihood(TRAINED, alike) - exact.log_likelihood(independent, alike)
    found = gain_over_independent(TRAINED, base, alike)
    assert found.mean == pytest.approx(values.mean(), abs=1e-9)
    assert found.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(200), abs=1e-9)
    assert found.baseline == pytest.approx(hm.likelihood.base_rate_log_likelihood(base, alike))
    assert found.baseline_error > 0
    assert not found.is_none
    given = gain_over_independent(TRAINED, base, alike, log_partition=exact.log_partition(TRAINED) + 1, error=0.5)
    assert given.mean == pytest.approx(found.mean - 1, abs=1e-9)
    assert given.standard_error == pytest.approx(np.hypot(found.standard_error, 0.5), abs=1e-9)


@pytest.mark.parametrize("visible", [name for name, units in LAYERS.items() if units.independent])
@pytest.mark.slow_except("binary")
def test_by_pseudo_likelihoods_independent_units_gain_nothing(visible, monkeypatch):
    """Their conditionals are their marginals, whatever unit of a row is drawn."""
    monkeypatch.setattr(gain, "CHEAP_SECONDS", 0.0)
    rbm = rbm_of(visible, "binary", scale=0.0)
    rows = np.asarray(hm.sample(rbm_of(visible, "binary"), 50, seed=0))
    for terms in (gain.MAX_TERMS, 0):
        monkeypatch.setattr(gain, "MAX_TERMS", terms)
        found = gain_over_independent(rbm, rbm.visible, rows)
        assert found.what == "pseudo-log-likelihood"
        assert found.mean == pytest.approx(0, abs=1e-8)
        assert found.is_none


def test_by_pseudo_likelihoods_a_model_gains_with_missing_cells_too(alike, monkeypatch):
    monkeypatch.setattr(gain, "CHEAP_SECONDS", 0.0)
    base = TRAINED.visible.fit_base_rate(alike)
    whole = gain_over_independent(TRAINED, base, alike)
    assert not whole.is_none
    holed = np.where(np.random.default_rng(0).random(alike.shape) < 0.1, np.nan, alike)
    found = gain_over_independent(TRAINED, base, holed)  # by the complete rows
    assert found.rows < 200
    assert abs(found.mean - whole.mean) < 5 * np.hypot(found.standard_error, whole.standard_error)
    holed[:, 0] = np.nan
    assert not gain_over_independent(TRAINED, base, holed).is_none  # by completed ones
