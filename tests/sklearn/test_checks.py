"""scikit-learn's own checks of what an estimator must do, with no exception."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from harmonium.sklearn import RBMClassifier, RBMDensity, RBMImputer, RBMTransformer

SMALL = {"n_components": 2, "batch_size": 8, "gradient": "cd-1"}
ESTIMATORS = [
    RBMTransformer(n_iter=1, **SMALL),
    RBMClassifier(n_iter=100, objective="discriminative", **SMALL),
    RBMDensity(n_iter=1, **SMALL),
    RBMImputer(n_iter=1, **SMALL),
]


@pytest.mark.filterwarnings("default")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
