"""Estimators of the gradient: exactness, agreement of PCD, the bias of CD shown and not hidden."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import LECTURE, random_machine
from statistics_of_tests import largest_z, z_limit

import harmonium as hm
from harmonium import exact, gradients, model
from harmonium.gradients.centering import SMOOTHING
from harmonium.units import Binary, Spin

each_pair = pytest.mark.parametrize(("visible", "hidden"), list(itertools.product((Binary, Spin), repeat=2)))
ESTIMATORS = {
    "exact": gradients.exact(),
    "cd-1": gradients.cd(1),
    "cd-1, sampled": gradients.cd(1, sampled=True),
    "cd-3": gradients.cd(3),
    "pcd-1": gradients.pcd(1, chains=50),
    "pcd-2": gradients.pcd(2, chains=20),
    "exact, centered": gradients.centered(gradients.exact()),
    "cd-1, sampled, centered": gradients.centered(gradients.cd(1, sampled=True)),
    "pcd-1, centered": gradients.centered(gradients.pcd(1, chains=50)),
}
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=list(ESTIMATORS))


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def data_for(rbm, n=6):
    states = exact.all_states(rbm.visible)
    return states[np.random.default_rng(0).integers(len(states), size=n)]


def exact_gradient(rbm, v):
    return gradients.exact().gradient(None, rbm, (), v)[0]


@each_pair
@pytest.mark.parametrize("shape", [(3, 4), (4, 3)])
def test_exact_gradient_is_the_slope_of_the_exact_log_likelihood(visible, hidden, shape):
    """Central differences of the enumerated log likelihood: their error is about step^2, far below 1e-7."""
    rbm = random_machine(visible, hidden, shape, seed=1)
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


@each_estimator
@each_pair
@pytest.mark.slow_except("Spin-Binary")
def test_a_gradient_is_shaped_like_its_machine_and_is_the_difference_of_its_terms(estimator, visible, hidden):
    rbm = random_machine(visible, hidden, (3, 4))
    state = estimator.init(jax.random.key(0), rbm)
    slope, _, terms = jax.jit(estimator.gradient)(jax.random.key(1), rbm, state, data_for(rbm))
    assert jax.tree.structure(slope) == jax.tree.structure(rbm)
    difference = jax.tree.map(lambda p, n: p - n, terms.positive, terms.negative)
    if isinstance(state, gradients.Centered):
        difference = in_centered_variables(rbm, difference, state, terms)
    jax.tree.map(lambda s, d: np.testing.assert_allclose(s, d, atol=1e-12), slope, difference)
    assert [leaf.shape for leaf in jax.tree.leaves(slope)] == [leaf.shape for leaf in jax.tree.leaves(rbm)]


def in_centered_variables(rbm, difference, state, terms):
    """The definition, written with the offsets inside: dW = <(v - m)(h - n)^T>_data - <...>_model, da = <v> - <v> - dW n."""
    data = (terms.positive.visible.bias, terms.positive.hidden.bias)
    m, n = (old + SMOOTHING * (np.asarray(new) - old) for old, new in zip((state.visible, state.hidden), data, strict=True))

    def covariance(term):
        v, h = term.visible.bias, term.hidden.bias
        return term.weights - np.outer(m, h) - np.outer(v, n) + np.outer(m, n)

    weights = covariance(terms.positive) - covariance(terms.negative)
    return hm.RBM(difference.visible.add_field(-weights @ n), difference.hidden.add_field(-m @ weights), weights)


def flipped(rbm, visible, hidden):
    """The machine that has the same law for binary units whose chosen states are called the other way round: v' = 1 - v."""
    s, t = 1 - 2 * np.asarray(visible), 1 - 2 * np.asarray(hidden)
    f, g = np.asarray(visible, float), np.asarray(hidden, float)
    # v = f + s v', h = g + t h'
    weights = s[:, None] * rbm.weights * t
    a = s * (rbm.visible.bias + rbm.weights @ g)
    b = t * (rbm.hidden.bias + f @ rbm.weights)
    return hm.RBM(Binary(a), Binary(b), weights)


def test_a_centered_step_does_not_depend_on_which_state_is_called_one():
    """Flip some units, take a step, flip them back: the same machine. The plain gradient's step gives another one."""
    rbm = random_machine(Binary, Binary, (4, 3), seed=3)
    v = data_for(rbm, 8)
    f, g = np.array([1, 0, 1, 0]), np.array([0, 1, 1])
    every = exact.all_states(rbm.visible)

    def apply_update(estimator, machine, rows, offsets=None):
        state = estimator.init(None, machine)
        if offsets is not None:
            state = state._replace(visible=offsets[0], hidden=offsets[1])
        slope = estimator.gradient(None, machine, state, rows)[0]
        return jax.tree.map(lambda p, d: p + 0.5 * d, machine, slope)

    def differences(machine):
        free = hm.free_energy(jax.tree.map(np.asarray, machine), every)
        return free - free[0]

    m, n = np.array([0.3, 0.6, 0.2, 0.9]), np.array([0.5, 0.1, 0.7])
    other = flipped(rbm, f, g)
    other_rows = np.where(f, 1 - v, v)
    np.testing.assert_allclose(differences(flipped(other, f, g)), differences(rbm), atol=1e-12)
    centered = gradients.centered(gradients.exact())
    here = apply_update(centered, rbm, v, (m, n))
    there = flipped(apply_update(centered, other, other_rows, (np.where(f, 1 - m, m), np.where(g, 1 - n, n))), f, g)
    np.testing.assert_allclose(differences(there), differences(here), atol=1e-12)
    plain_here = apply_update(gradients.exact(), rbm, v)
    plain_there = flipped(apply_update(gradients.exact(), other, other_rows), f, g)
    assert np.abs(differences(plain_there) - differences(plain_here)).max() > 0.01


@each_pair
def test_a_centered_step_goes_uphill(visible, hidden):
    rbm = random_machine(visible, hidden, (4, 3), seed=2)
    v = data_for(rbm)
    slope = exact_gradient(rbm, v)
    centered = gradients.centered(gradients.exact())
    direction = centered.gradient(None, rbm, centered.init(None, rbm), v)[0]
    products = jax.tree.map(lambda a, b: float(np.sum(np.asarray(a) * np.asarray(b))), slope, direction)
    assert sum(jax.tree.leaves(products)) > 0


def test_the_chains_of_a_state_are_those_of_the_machine_itself():
    rbm = random_machine(Binary, Binary, (3, 4))
    key = jax.random.key(0)
    for sampler in (hm.gibbs(5), hm.parallel_tempering(5, rungs=3), hm.trajectory_tempering(chains=5, rungs=3)):
        estimator = gradients.centered(hm.from_sampler(sampler))
        found = gradients.chains_of(estimator.init(key, rbm))
        assert found.shape == (5, 3)
    assert gradients.chains_of(gradients.cd(1).init(key, rbm)) is None


@each_estimator
@pytest.mark.parametrize("repeats", [2, 5])
@pytest.mark.slow_except("5-exact", "5-pcd-1")
def test_a_gradient_does_not_depend_on_how_often_the_same_rows_are_given(estimator, repeats):
    """The positive term is a mean over rows, whatever their number."""
    rbm = random_machine(Binary, Binary, (3, 4))
    v = data_for(rbm)
    state = estimator.init(jax.random.key(0), rbm)
    once, often = (
        estimator.gradient(jax.random.key(1), rbm, state, rows)[2].positive.visible.bias
        for rows in (v, np.tile(v, (repeats, 1)))
    )
    np.testing.assert_allclose(once, often, atol=1e-12)


def mean_slopes(estimator, rbm, v, draws, seed=0):
    """`draws` independent gradients of the weights, `[draws, V * H]`."""
    state = estimator.init(jax.random.key(seed), rbm)
    keys = jax.random.split(jax.random.key(seed + 1), draws)
    run = jax.jit(jax.vmap(lambda key: estimator.gradient(key, rbm, state, v)[0].weights.ravel()))
    return np.asarray(run(keys))


@pytest.mark.slow
def test_the_bias_of_cd_is_seen_and_shrinks_with_k():
    """With 4,000 gradients a bias of CD-1 is seen beyond doubt; its size falls with k, and CD-100's cannot be seen."""
    rbm = random_machine(Binary, Binary, (3, 3), seed=4, scale=1.5)
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
    rbm = random_machine(Binary, Binary, (3, 3), seed=4, scale=1.5)
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


def test_persistent_chains_estimate_the_gradient_without_bias_when_the_machine_stands_still():
    rbm = random_machine(Binary, Binary, (3, 3), seed=4)
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
    rbm = random_machine(Binary, Binary, (3, 3))
    estimator = gradients.pcd(1, chains=5)
    first = estimator.init(jax.random.key(0), rbm)
    _, second, _ = estimator.gradient(jax.random.key(1), rbm, first, data_for(rbm))
    _, third, _ = estimator.gradient(jax.random.key(1), rbm, second, data_for(rbm))
    assert not np.array_equal(second.h, first.h) or not np.array_equal(second.v, first.v)
    assert not np.array_equal(third.v, second.v) or not np.array_equal(third.h, second.h)


def test_cd_shows_the_states_it_sampled():
    rbm = jax.tree.map(jnp.asarray, random_machine(Binary, Binary, (3, 4)))
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
