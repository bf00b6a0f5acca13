"""RBMImputer: known cells stay, missing ones follow from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn_rows import rows_of

import harmonium as hm
from harmonium.sklearn import RBMClassifier, RBMImputer


def small(**parameters):
    return RBMImputer(3, **{"n_iter": 200, "batch_size": 20, "random_state": 0} | parameters)


@pytest.fixture(scope="module")
def rows():
    return rows_of(100)[0]


@pytest.fixture(scope="module")
def gaps(rows):
    with_gaps = rows.copy()
    with_gaps[np.random.default_rng(1).random(rows.shape) < 0.2] = np.nan
    return with_gaps


@pytest.fixture(scope="module")
def fitted(gaps):
    return small().fit(gaps)


def test_known_cells_stay_and_missing_ones_follow(fitted, rows, gaps):
    filled = fitted.transform(gaps)
    known = ~np.isnan(gaps)
    np.testing.assert_array_equal(filled[known], gaps[known])
    assert set(np.unique(filled)) == {0.0, 1.0}
    assert (filled == rows)[~known].mean() > 0.75  # of independent bits: one half
    assert np.isnan(gaps).any()  # and X itself is left alone


def test_what_is_filled_in_is_the_models_conditional_distribution(fitted, gaps):
    expected = fitted.set_params(strategy="expected").transform(gaps)
    fitted.set_params(strategy="most_probable")
    holes = np.flatnonzero(np.isnan(gaps).sum(axis=1) == 1)[:5]
    for row in holes:
        column = int(np.flatnonzero(np.isnan(gaps[row]))[0])
        both = np.stack([gaps[row], gaps[row]])
        both[:, column] = [0, 1]
        weights = np.exp(hm.exact.log_likelihood(fitted.rbm_, both))
        assert expected[row, column] == pytest.approx(weights[1] / weights.sum())


def test_the_unit_of_a_column_changes_nothing():
    """From the smallest to the largest of floating point, also where columns differ in their units."""
    random = np.random.default_rng(0)
    x = random.multivariate_normal([2, -3], [[1, 0.96], [0.96, 1]], 60)
    x[::4, 0] = x[1::4, 1] = np.nan
    expected = small(n_iter=20).fit_transform(x)
    for unit in (1e-300, 1e-13, [1e-13, 1e9], 1e300):
        np.testing.assert_allclose(small(n_iter=20).fit_transform(x * unit) / unit, expected, rtol=1e-6)


def test_draws_differ_and_the_seed_decides(gaps):
    first, again = (small(strategy="draw", n_iter=20).fit(gaps) for _ in range(2))
    one = first.transform(gaps)
    np.testing.assert_array_equal(one, again.transform(gaps))
    assert not np.array_equal(one, first.transform(gaps))


@pytest.mark.slow
def test_tables_of_several_kinds():
    random = np.random.default_rng(0)
    color = random.choice(["red", "green", "blue"], 120).astype(object)
    weight = np.where(color == "red", 9.0, 1.0) + 0.3 * random.standard_normal(120)
    table = pd.DataFrame({"color": color, "weight": weight})
    gaps = table.copy()
    gaps.loc[:19, "color"] = None
    gaps.loc[20:39, "weight"] = np.nan
    filled = small(n_iter=500).fit(gaps).transform(gaps)
    assert list(filled.columns) == ["color", "weight"]
    assert not filled.isna().any().any()
    assert ((filled["color"] == "red") == (table["color"] == "red"))[:20].mean() > 0.9
    assert (filled["weight"] - table["weight"])[20:40].abs().mean() < 1.5  # the column's own mean is wrong by 3.6


def test_in_a_pipeline(gaps):
    kinds = rows_of(100)[1]
    model = make_pipeline(small(n_iter=20), RBMClassifier(3, n_iter=100, random_state=0)).fit(gaps, kinds)
    assert model.score(gaps, kinds) > 0.85


def test_a_column_without_any_value_is_refused(rows):
    empty = rows.copy()
    empty[:, 2] = np.nan
    with pytest.raises(hm.InputError, match="column 3 of X has no value in any row"):
        small().fit(empty)
