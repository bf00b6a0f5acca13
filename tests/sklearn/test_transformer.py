"""RBMTransformer beside BernoulliRBM, and in scikit-learn's company."""

from __future__ import annotations

import io

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn_rows import rows_of

import harmonium as hm
from harmonium.sklearn import RBMTransformer, to_bernoulli_rbm


def small(**parameters):
    return RBMTransformer(3, **{"n_iter": 20, "batch_size": 10, "gradient": "cd-1", "random_state": 0} | parameters)


@pytest.fixture(scope="module")
def rows():
    return rows_of()[0]


@pytest.fixture(scope="module")
def fitted(rows):
    return small().fit(rows)


def test_attributes_and_features_are_those_of_a_bernoulli_rbm(fitted, rows):
    peer = to_bernoulli_rbm(fitted.rbm_)
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        np.testing.assert_array_equal(getattr(fitted, name), getattr(peer, name))
    np.testing.assert_allclose(fitted.transform(rows), peer.transform(rows), atol=1e-12)
    assert list(fitted.get_feature_names_out()) == ["rbmtransformer0", "rbmtransformer1", "rbmtransformer2"]
    assert fitted.gibbs(rows).shape == rows.shape
    shared = set(BernoulliRBM().get_params()) - set(RBMTransformer().get_params())
    assert not shared


def test_scores_are_true_log_likelihoods(fitted, rows):
    np.testing.assert_allclose(fitted.score_samples(rows), hm.exact.log_likelihood(fitted.rbm_, rows), atol=1e-10)
    assert fitted.score_method_ == "exact"
    assert fitted.score(rows) == pytest.approx(fitted.score_samples(rows).mean())


def test_gray_levels_are_drawn_anew_by_training_alone():
    with pytest.raises(hm.InputError, match="take gray levels as expected values"):
        RBMTransformer().fit(hm.data.resampled([[0.3, 0.6]]))


def test_gray_levels_are_bounds_of_the_binary_rows_drawn_from_them(fitted):
    gray = np.array([[0.3, 1, 1, 0, 0, 0.0]])
    ends = fitted.score_samples(np.array([[0, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0.0]]))
    assert fitted.score_samples(gray)[0] <= 0.7 * ends[0] + 0.3 * ends[1]


def test_learning_raises_the_likelihood(rows):
    before, after = small(n_iter=1).fit(rows).score(rows), small(n_iter=300).fit(rows).score(rows)
    assert before < after < -np.log(2)  # two prototypes at best


def test_the_seed_decides(rows, fitted):
    np.testing.assert_array_equal(small().fit(rows).components_, fitted.components_)
    assert not np.array_equal(small(random_state=1).fit(rows).components_, fitted.components_)


def test_sparse_rows_and_frames_give_the_same_model(rows, fitted):
    as_sparse = small().fit(sparse.csr_matrix(rows))
    np.testing.assert_allclose(as_sparse.components_, fitted.components_, atol=1e-5)
    np.testing.assert_allclose(as_sparse.transform(sparse.csr_array(rows)), as_sparse.transform(rows), atol=1e-12)
    frame = pd.DataFrame(rows, columns=list("abcdef"))
    of_frame = small().set_output(transform="pandas").fit(frame)
    np.testing.assert_array_equal(of_frame.components_, fitted.components_)
    assert list(of_frame.feature_names_in_) == list("abcdef")
    assert list(of_frame.transform(frame).columns) == list(of_frame.get_feature_names_out())


def test_a_fitted_estimator_survives_a_file(rows, fitted):
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    loaded = joblib.load(file)
    np.testing.assert_array_equal(loaded.transform(rows), fitted.transform(rows))
    np.testing.assert_array_equal(loaded.partial_fit(rows).components_, joblib_copy(fitted).partial_fit(rows).components_)


def joblib_copy(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


def test_partial_fit_goes_on(rows):
    estimator = small()
    for _ in range(200):
        estimator.partial_fit(rows)
    assert estimator.score(rows) > small(n_iter=1).fit(rows).score(rows)


def test_partial_fit_goes_on_with_another_gradient(rows):
    estimator = small().partial_fit(rows)
    before = estimator.components_
    assert not np.array_equal(estimator.set_params(gradient="pcd-1").partial_fit(rows).components_, before)


@pytest.mark.slow
def test_a_pipeline_in_a_search():
    rows, kinds = rows_of(80)
    search = GridSearchCV(
        make_pipeline(small(n_iter=200), LogisticRegression()), {"rbmtransformer__learning_rate": [0.05, "auto"]}, cv=2
    ).fit(rows, kinds)
    assert search.best_score_ > 0.8
    assert clone(search.best_estimator_).get_params()["rbmtransformer__n_components"] == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: small(visible="binary").fit(x + 1), "binary units take values from 0 to 1"),
        (lambda x: small(gradient="sgd").fit(x), "estimator 'sgd' is unknown"),
        (lambda x: small(n_iter=0).fit(x), "n_iter"),
        (lambda x: small(early_stopping=True).fit(x[:1]), "at least two rows"),
        (lambda x: small().fit(pd.DataFrame({"a": ["x", "y"], "b": [0.5, 2]})).transform(x), "X must be a frame"),
        (lambda x: small().fit(x).transform(x + 1), "binary units take values from 0 to 1"),
    ],
)
def test_bad_input_is_refused(rows, make, message):
    with pytest.raises(ValueError, match=message):
        make(rows)
