"""The estimators' `sample_weight`."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from packaging.version import Version
from sklearn import set_config
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import estimator_checks

from harmonium.sklearn import RBMClassifier, RBMDensity, RBMImputer, RBMTransformer
from harmonium.sklearn.compiled import merge_alike
from harmonium.sklearn.density import _quantile

COUNTS = np.array([3, 0, 1, 2, 5, 1, 0, 4] * 3)
BITS = np.random.default_rng(0).integers(0, 2, (len(COUNTS), 6)).astype(float)
LABELS = BITS[:, 0].astype(int)
REPEATED, REPEATED_LABELS = BITS.repeat(COUNTS, axis=0), LABELS.repeat(COUNTS)
SPOILED = np.where(COUNTS[:, None] == 0, np.nan, BITS)


@pytest.mark.parametrize(
    "estimator",
    [
        RBMTransformer(n_components=2, n_iter=1),
        pytest.param(RBMClassifier(n_components=2, n_iter=2), marks=pytest.mark.slow),
        pytest.param(RBMDensity(n_components=2, n_iter=1), marks=pytest.mark.slow),
        pytest.param(RBMImputer(n_components=2, n_iter=1), marks=pytest.mark.slow),
    ],
)
def test_whole_weights_are_repeated_rows_to_scikit_learns_own_check(estimator):
    estimator_checks.check_sample_weight_equivalence_on_dense_data(type(estimator).__name__, estimator)


def test_rows_of_weight_zero_count_nothing_whatever_they_hold_and_scores_are_weighted():
    settings = {"n_components": 2, "n_iter": 2, "random_state": 0}
    found = RBMTransformer(**settings).fit(SPOILED, sample_weight=COUNTS)
    expected = RBMTransformer(**settings).fit(REPEATED)
    np.testing.assert_array_equal(found.components_, expected.components_)
    assert abs(found.score(SPOILED, sample_weight=COUNTS) - expected.score(REPEATED)) < 1e-10
    other = RBMTransformer(**settings).fit(BITS)
    assert not np.array_equal(other.components_, expected.components_)
    first = RBMClassifier(**settings).fit(SPOILED, np.where(COUNTS == 0, 7, LABELS), sample_weight=COUNTS)
    second = RBMClassifier(**settings).fit(REPEATED, REPEATED_LABELS)
    np.testing.assert_array_equal(first.predict_proba(BITS), second.predict_proba(BITS))
    assert abs(first.score(BITS, LABELS, sample_weight=COUNTS) - second.score(REPEATED, REPEATED_LABELS)) < 1e-12


def test_outliers_are_a_fraction_of_the_weight():
    values, counts = np.random.default_rng(1).standard_normal(9), np.arange(9) % 4
    for fraction in (0.1, 0.25, 0.5):
        found = _quantile(values[counts > 0], fraction, counts[counts > 0])
        np.testing.assert_allclose(found, np.quantile(values.repeat(counts), fraction))
        np.testing.assert_allclose(_quantile(values, fraction, None), np.quantile(values, fraction))


def test_only_rows_that_come_twice_are_merged():
    rows, weights = merge_alike(np.array([[0.0, np.nan], [1.0, 2.0], [-0.0, np.nan]]), None)
    assert sorted(zip(rows.tolist(), weights.tolist(), strict=True)) == [(0, 2.0), (1, 1.0)]
    assert merge_alike(BITS[:1], None) == (slice(None), None)
    assert merge_alike(np.arange(2002.0)[:, None] % 1001, None) == (slice(None), None)


@pytest.mark.skipif(Version(sklearn.__version__) < Version("1.8"), reason="its own Ridge in a pipeline is refused there too")
def test_weights_are_routed():
    set_config(enable_metadata_routing=True)
    try:
        density = RBMDensity(n_components=2, n_iter=1, random_state=0)
        pipeline = make_pipeline(
            MinMaxScaler(), density.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        result = cross_validate(pipeline, BITS, params={"sample_weight": COUNTS}, cv=2, error_score="raise")
        assert np.isfinite(result["test_score"]).all()
    finally:
        set_config(enable_metadata_routing=False)


@pytest.mark.parametrize("weights", [-np.ones(24), np.ones(23), np.zeros(24), np.full(24, np.nan)])
def test_weights_that_are_none_are_refused(weights):
    for estimator in (RBMTransformer(), RBMClassifier()):
        with pytest.raises(ValueError, match="sample_weight must"):
            estimator.fit(BITS, LABELS, sample_weight=weights)
