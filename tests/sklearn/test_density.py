"""RBMDensity: likelihoods, outliers, draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn_rows import rows_of
from statistics_of_tests import FALSE_ALARM, counts_agree

import harmonium as hm
from harmonium.sklearn import RBMDensity


def small(**parameters):
    return RBMDensity(3, **{"n_iter": 100, "batch_size": 20, "gradient": "cd-1", "random_state": 0} | parameters)


@pytest.fixture(scope="module")
def fitted():
    return small(contamination=0.05).fit(rows_of(80)[0])


def test_scores_are_log_likelihoods(fitted):
    states = hm.exact.all_states(fitted.rbm_.visible).astype(float)
    assert np.exp(fitted.score_samples(states)).sum() == pytest.approx(1)


@pytest.mark.slow
def test_scores_of_a_model_that_is_not_enumerated_are_bracketed(fitted, monkeypatch):
    rows = rows_of(80)[0]
    exact_scores, truth = fitted.score_samples(rows), fitted.log_partition_
    assert fitted.score_method_ == "exact"
    assert fitted.log_partition_interval_ == (truth, truth)
    monkeypatch.setattr("harmonium.sklearn.estimator.can_be_exact", lambda rbm: False)
    monkeypatch.setattr("harmonium.sklearn.estimator.TEMPERATURES", 256)
    first = small(contamination=0.05).fit(rows)
    np.testing.assert_allclose(first.decision_function(rows), first.score_samples(rows) - first.offset_, atol=1e-9)
    assert first.score_method_ == "AIS + reverse, 64 runs x 256 temperatures"
    low, high = first.log_partition_interval_
    assert low <= truth <= high
    assert low < first.log_partition_ < high < low + 0.5
    np.testing.assert_allclose(first.score_samples(rows), exact_scores + truth - first.log_partition_, atol=1e-6)


def test_the_offset_is_the_quantile_asked_for(fitted):
    rows = rows_of(80)[0]
    outliers = fitted.predict(rows) == -1
    assert outliers.sum() <= 4  # 5 % of 80; rows that are alike count together
    assert (fitted.score_samples(rows)[outliers] < fitted.offset_).all()
    states = hm.exact.all_states(fitted.rbm_.visible).astype(float)
    assert fitted.predict(states[[fitted.score_samples(states).argmin()]]) == [-1]


@pytest.mark.slow
def test_rows_that_are_trimmed_are_not_learned_from():
    """The tenth of the rows that are far from all others; as row or by its weight, learned from or not."""
    random = np.random.default_rng(0)
    x = np.concatenate([random.standard_normal((90, 2)), [[9.0, -9.0]] * 10])
    once, weights = x[:91], np.array([1.0] * 90 + [10.0])
    trimmed = small(trim_fraction=0.1).fit(x)
    np.testing.assert_array_equal(trimmed.rbm_.weights, small(trim_fraction=0.1).fit(once, sample_weight=weights).rbm_.weights)
    left_in, left_out = small().fit(x).score_samples(x), trimmed.score_samples(x)
    assert left_out[-1] < left_in[-1] - 10
    assert left_out[:90].mean() > left_in[:90].mean()
    assert (trimmed.predict(x) == -1).sum() == 10


def test_draws_are_from_the_model(fitted):
    # 2,000 independent draws.
    drawn = fitted.sample(2000, random_state=1)
    states = hm.exact.all_states(fitted.rbm_.visible).astype(float)
    numbers = fitted.rbm_.visible.indices(drawn)
    assert counts_agree(numbers, np.exp(fitted.score_samples(states))) > FALSE_ALARM
    np.testing.assert_array_equal(fitted.sample(2000, random_state=1), drawn)


def test_densities_are_of_the_datas_own_units():
    random = np.random.default_rng(0)
    x = random.standard_normal((100, 2))
    one, other = small().fit(x), small().fit(1000 * x + 7)
    np.testing.assert_allclose(other.score_samples(1000 * x + 7), one.score_samples(x) - 2 * np.log(1000), rtol=1e-3)


def test_tables_with_texts():
    random = np.random.default_rng(0)
    color = random.choice(["red", "green", "blue"], 90)
    table = pd.DataFrame({"color": color, "weight": np.where(color == "red", 9.0, 1.0) + random.standard_normal(90)})
    model = small(n_iter=300).fit(table)
    usual, odd = (pd.DataFrame({"color": ["red"], "weight": [weight]}) for weight in (9.0, 1.0))
    assert model.score_samples(usual)[0] > model.score_samples(odd)[0]
    drawn = model.sample(4, random_state=0)
    assert list(drawn.columns) == ["color", "weight"]
    assert set(drawn["color"]) <= {"red", "green", "blue"}
    new, unknown = (pd.DataFrame({"color": [color], "weight": [1.0]}) for color in ("purple", None))
    with pytest.warns(UserWarning, match="1 cells of X have values not met in training and count as missing: 'color' in row 1"):
        assert model.score_samples(new) == model.score_samples(unknown)
    assert np.isfinite(model.score_samples(pd.DataFrame({"color": [None, "red"], "weight": [1.0, None]}))).all()


@pytest.mark.slow
def test_length_and_rate_are_searched_by_default_where_few_rows_are_soon_learned_by_heart():
    """Rows of two noisy patterns; rows of the same distribution are likelier under the model of the search."""
    random = np.random.default_rng(0)
    x = ((random.random((1060, 1)) < 0.5) ^ (random.random((1060, 12)) < 0.2)).astype(float)
    found, fixed = (RBMDensity(8, random_state=0, early_stopping=how).fit(x[:60]).score(x[60:]) for how in ("auto", False))
    assert found > fixed + 0.1
    assert found > 12 * -np.log(2)  # independent units
