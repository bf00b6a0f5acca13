"""Exact, contrastive and persistent estimators: exactness, the bias of CD, persistence, names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import LECTURE, random_rbm
from small_models import _float64, data_for, each_pair, exact_gradient  # noqa: F401
from statistics_of_tests import largest_z, z_limit

import harmonium as hm
from harmonium import exact, gradients, model
from harmonium.units import Binary


@each_pair
@pytest.mark.parametrize("shape", [(3, 4), (4, 3)])
def test_exact_gradient_is_the_slope_of_the_exact_log_likelihood(visible, hidden, shape):
    """Central differences of the enumerated log likelihood: their error is about step^2, far below 1e-7."""
    rbm = random_rbm(visible, hidden, shape, seed=1)
    v = data_for(rbm)
    slope = exact_gradient(rbm, v)
    leaves, structure = jax.tree.flatten(rbm)
    step = 1e-5
    for leaf, found in zip(range(len(leaves)), jax.tree.leaves(slope), strict=True):
        for place in np.ndindex(leaves[leaf].shape):
            moved = []
            for sign in (1, -1):
                changed = [np.array(value) for value in leaves]
                changed[leaf][place] += sign * step
                moved.append(exact.log_likelihood(jax.tree.unflatten(structure, changed), v).mean())
            assert float(found[place]) == pytest.approx((moved[0] - moved[1]) / (2 * step), abs=1e-7)


def test_both_terms_of_the_lecture(two_by_two):
    slope, _, terms = gradients.exact().gradient(None, two_by_two, (), np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(terms.positive.weights, LECTURE["positive_term"], atol=1e-9)
    np.testing.assert_allclose(terms.negative.weights, LECTURE["negative_term"], atol=1e-9)
    np.testing.assert_allclose(0.1 * slope.weights, LECTURE["steps"][0]["delta_weights"], atol=1e-9)


def mean_slopes(estimator, rbm, v, draws, seed=0):
    """`draws` independent gradients of the weights, `[draws, V * H]`."""
    state = estimator.init(jax.random.key(seed), rbm)
    keys = jax.random.split(jax.random.key(seed + 1), draws)
    run = jax.jit(jax.vmap(lambda key: estimator.gradient(key, rbm, state, v)[0].weights.ravel()))
    return np.asarray(run(keys))


@pytest.mark.slow
def test_the_bias_of_cd_is_seen_and_shrinks_with_k():
    """With 4,000 gradients a bias of CD-1 is seen beyond doubt; its size falls with k, and CD-100's cannot be seen."""
    rbm = random_rbm(Binary, Binary, (3, 3), seed=4, scale=1.5)
    v = data_for(rbm, 20)
    truth = np.asarray(exact_gradient(rbm, v).weights).ravel()
    z, bias = {}, {}
    for k in (1, 3, 100):
        slopes = mean_slopes(gradients.cd(k), rbm, v, 4000)
        z[k] = largest_z(slopes, truth)
        bias[k] = np.abs(slopes.mean(axis=0) - truth).max()
    assert z[1] > z_limit(9)
    assert bias[1] > bias[3] > bias[100]
    assert z[100] < z_limit(9)


def test_cd_bias_agrees_with_the_exact_expectation_of_cd_1():
    """CD-1's expectation by enumeration: v' follows sum_h p(v'|h) p(h|v), the reconstruction probability."""
    rbm = random_rbm(Binary, Binary, (3, 3), seed=4, scale=1.5)
    v = data_for(rbm, 4)
    every = exact.all_states(rbm.visible)
    negative = 0.0
    for row in v:
        p = np.exp(exact.log_reconstruction(rbm, np.tile(row, (len(every), 1)), every))
        negative += np.einsum("s,si,sj->ij", p, every, np.asarray(rbm.hidden.mean(every @ rbm.weights))) / len(v)
    positive = np.asarray(model.statistics(rbm, v, v @ rbm.weights).weights)
    expected = (positive - negative).ravel()
    for sampled in (False, True):
        slopes = mean_slopes(gradients.cd(1, sampled), rbm, v, 20_000)
        assert largest_z(slopes, expected) < z_limit(9)
        assert largest_z(slopes, np.asarray(exact_gradient(rbm, v).weights).ravel()) > z_limit(9)


def test_persistent_chains_estimate_the_gradient_without_bias_when_the_model_stands_still():
    rbm = random_rbm(Binary, Binary, (3, 3), seed=4)
    v = data_for(rbm, 20)
    truth = np.asarray(exact_gradient(rbm, v).weights).ravel()
    # Independent runs, 60 sweeps from the start each, so that the draws compared are independent.
    estimator = gradients.pcd(60, chains=4)

    def one(key):
        first, second = jax.random.split(key)
        return estimator.gradient(second, rbm, estimator.init(first, rbm), v)[0].weights.ravel()

    slopes = np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), 4000)))
    assert largest_z(slopes, truth) < z_limit(9)


def test_persistent_chains_persist():
    rbm = random_rbm(Binary, Binary, (3, 3))
    estimator = gradients.pcd(1, chains=5)
    first = estimator.init(jax.random.key(0), rbm)
    _, second, _ = estimator.gradient(jax.random.key(1), rbm, first, data_for(rbm))
    _, third, _ = estimator.gradient(jax.random.key(1), rbm, second, data_for(rbm))
    assert not np.array_equal(second.h, first.h) or not np.array_equal(second.v, first.v)
    assert not np.array_equal(third.v, second.v) or not np.array_equal(third.h, second.h)


def test_cd_shows_the_states_it_sampled():
    rbm = jax.tree.map(jnp.asarray, random_rbm(Binary, Binary, (3, 4)))
    v = data_for(rbm)
    _, _, terms = gradients.cd(1, sampled=True).gradient(jax.random.key(3), rbm, (), v)
    start, h, end, h_end = (np.asarray(part) for part in terms.trace)
    np.testing.assert_array_equal(start, v)
    np.testing.assert_allclose(terms.positive.weights, start.T @ h / len(v), atol=1e-12)
    np.testing.assert_allclose(terms.negative.weights, end.T @ h_end / len(v), atol=1e-12)
    np.testing.assert_allclose(terms.negative.hidden.bias, h_end.mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("name", ["", "cd", "cd-0", "pcd-x", "exact-1", "CD-1", "cd-1.5"])
def test_unknown_estimators_are_refused(name):
    with pytest.raises(hm.InputError, match="use exact, cd-K, pcd-K, pt-K or ptt-K"):
        gradients.by_name(name)
