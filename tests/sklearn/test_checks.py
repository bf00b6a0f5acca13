"""scikit-learn's own checks of what an estimator must do, with no exception."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from harmonium.sklearn import RBMClassifier, RBMDensity, RBMImputer, RBMTransformer

SMALL = {"n_components": 2, "batch_size": 8, "gradient": "cd-1"}
OTHERS = [
    RBMClassifier(n_iter=100, objective="discriminative", **SMALL),
    RBMDensity(n_iter=1, **SMALL),
    RBMImputer(n_iter=1, **SMALL),
]


@pytest.mark.filterwarnings("default")
@parametrize_with_checks([RBMTransformer(n_iter=1, **SMALL)])
@pytest.mark.slow_except("dtypes", "nan_inf", "pipeline", "fit2d_1sample", "n_features_in_after")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@parametrize_with_checks(OTHERS)
def test_scikit_learns_checks_of_all_others(estimator, check):
    check(estimator)
