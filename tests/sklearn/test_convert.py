"""Conversion to and from scikit-learn's BernoulliRBM."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from conftest import random_rbm
from sklearn.neural_network import BernoulliRBM

import harmonium as hm
from harmonium.sklearn import from_bernoulli_rbm, to_bernoulli_rbm


@pytest.fixture
def fitted():
    rows = np.random.default_rng(0).integers(0, 2, size=(40, 6)).astype(float)
    return BernoulliRBM(3, learning_rate=0.1, batch_size=10, n_iter=5, random_state=0).fit(rows)


def test_a_fitted_estimator_and_its_model_agree(fitted):
    rbm = from_bernoulli_rbm(fitted)
    v = hm.exact.all_states(rbm.visible)
    np.testing.assert_allclose(hm.free_energy(rbm, v), fitted._free_energy(v), atol=1e-12)
    np.testing.assert_allclose(hm.hidden_given_visible(rbm, v), fitted.transform(v), atol=1e-12)


def test_there_and_back_nothing_changes(fitted):
    rbm = random_rbm(hm.Binary, hm.Binary, (5, 3))
    back = from_bernoulli_rbm(to_bernoulli_rbm(rbm))
    assert jax.tree.all(jax.tree.map(np.array_equal, rbm, back))


def test_what_was_made_of_a_model_can_be_used_and_trained_on():
    rbm = random_rbm(hm.Binary, hm.Binary, (5, 3))
    estimator = to_bernoulli_rbm(rbm, learning_rate=0.05, batch_size=7, random_state=0)
    v = hm.exact.all_states(rbm.visible).astype(float)
    np.testing.assert_allclose(estimator.transform(v), hm.hidden_given_visible(rbm, v), atol=1e-12)
    assert list(estimator.get_feature_names_out()) == [f"bernoullirbm{i}" for i in range(3)]
    assert estimator.gibbs(v).shape == v.shape
    estimator.partial_fit(v[:7])
    assert not np.array_equal(estimator.components_, rbm.weights.T)
    assert not np.shares_memory(estimator.components_, rbm.weights)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: from_bernoulli_rbm(3), "must be a sklearn.neural_network.BernoulliRBM, but is an int"),
        (lambda: from_bernoulli_rbm(BernoulliRBM(2)), "must be fitted first"),
        (lambda: to_bernoulli_rbm(random_rbm(hm.Spin, hm.Binary, (3, 2))), "has binary units"),
        (lambda: to_bernoulli_rbm(random_rbm(hm.Binary, hm.Binary, (3, 2)), n_components=4), "cannot be given"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(hm.InputError, match=message):
        call()
