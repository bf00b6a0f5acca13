"""Scores of imputations where the truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import harmonium as hm
from harmonium import tabular
from harmonium.errors import InputError

ROWS = 8
TABLE = {"a": ["x", None, "y", None] * 2, "b": ["u", "v", None, "w"] * 2, "c": [0.5, 1.5, None, 3.5] * 2}
TRUTH = {"a": ["x", "y", "y", "x"] * 2, "b": ["u", "v", "w", "w"] * 2, "c": [0.5, 1.5, None, 3.5] * 2}


@pytest.fixture(scope="module")
def model():
    schema = tabular.infer(TABLE, bins=False)
    random = np.random.default_rng(0)
    rbm = hm.initialize(tabular.encode(schema, TABLE), 3, tabular.units_of(schema), scale=1.0, seed=1)
    return hm.RBM(rbm.visible, hm.Binary(random.normal(size=3)), rbm.weights), schema


def test_log_scores_are_probabilities_of_what_the_truth_has(model):
    """Over all values of missing cells they add up to one, and cells that neither table has are summed over."""
    rbm, schema = model
    total = np.zeros(ROWS)
    for a, b in itertools.product("xy", "uvw"):
        truth = TRUTH | {"a": [old or a for old in TABLE["a"]], "b": [old or b for old in TABLE["b"]]}
        total += np.exp(np.nan_to_num(tabular.log_scores(rbm, schema, truth, TABLE), nan=-np.inf))
    # A value of the other column comes with each.
    np.testing.assert_allclose(total, [0, 3, 2, 3] * 2, rtol=1e-9)


def test_draws_are_scored_where_the_truth_is_known(model):
    _, schema = model
    draws = [
        TRUTH | {"a": ["x", first, "y", "x"] * 2, "b": ["u", "v", "u", "w"] * 2, "c": [0.5, 1.5, 9.0, 3.5] * 2}
        for first in "xy"
    ]
    found = tabular.score_draws(schema, TRUTH, TABLE, draws)
    # Half a distance of 1 less half of that; both draws off by 1; both right.
    np.testing.assert_allclose(found.energy, [np.nan, 0, 1, 0] * 2, atol=1e-12)
    assert found.cells == 6
    assert np.isnan(found.independent).tolist() == [True, False, False, False] * 2


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (TRUTH | {"c": [0.5, 1.5, None, 7.5] * 2}, "differs from it in column 'c' of row 4"),
        ({name: cells[:4] for name, cells in TRUTH.items()}, "must have the rows of the table, 8, but has 4"),
        (TABLE, "at least one cell"),
    ],
)
def test_a_truth_of_other_rows_is_refused(model, truth, words):
    with pytest.raises(InputError, match=words):
        tabular.score_draws(model[1], truth, TABLE, [TRUTH, TRUTH])
