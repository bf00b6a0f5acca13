"""Stationarity: start from exact draws, run the kernel, and the draws must still be exact; a broken kernel must be caught.

The broken kernels are those of known mistakes. Each test's number of draws follows from the size of error it must see.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import random_machine
from kinds import LAYERS, machine_of, single
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts, largest_z, z_limit

import harmonium as hm
from harmonium import exact, model
from harmonium.samplers import Chains, Sampler, Samples, gibbs, parallel_tempering
from harmonium.units import Binary, Spin

SHAPE = (3, 3)
EFFECT = 0.005
CHAINS = draws_for_counts(64, EFFECT)
KERNELS = {
    "gibbs, 1 sweep": lambda chains, clamp=None: gibbs(chains, 1, clamp),
    "gibbs, 3 sweeps": lambda chains, clamp=None: gibbs(chains, 3, clamp),
}
each_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=list(KERNELS))
each_pair = pytest.mark.parametrize(("visible", "hidden"), [(Binary, Binary), (Spin, Spin), (Binary, Spin), (Spin, Binary)])


def numbers_of(rbm: hm.RBM, v: Any, h: Any) -> np.ndarray:
    return rbm.visible.indices(v) * rbm.hidden.state_count + rbm.hidden.indices(h)


def p_value_after(rbm: hm.RBM, sampler: Sampler, steps: int = 1) -> float:
    """p-value of exactness after `steps` steps from CHAINS exact draws of (v, h)."""
    state = Chains(*(jnp.asarray(part, jnp.float32) for part in exact.sample_joint(rbm, CHAINS, seed=7)))
    single = jax.tree.map(jnp.float32, rbm)
    step = jax.jit(sampler.step)
    for number in range(steps):
        state, samples = step(jax.random.fold_in(jax.random.key(3), number), single, state)
        np.testing.assert_allclose(samples.hidden_inputs, samples.v @ single.weights, atol=1e-5)
    return counts_agree(numbers_of(rbm, state.v, state.h), exact.joint_table(rbm).probability)


@each_pair
@each_kernel
def test_exact_draws_stay_exact(visible, hidden, kernel):
    rbm = random_machine(visible, hidden, SHAPE, seed=1, scale=1.5)
    assert p_value_after(rbm, kernel(CHAINS)) > FALSE_ALARM


@each_kernel
def test_exact_draws_stay_exact_at_another_temperature(kernel):
    rbm = hm.at_temperature(random_machine(Binary, Binary, SHAPE, seed=1, scale=1.5), 0.5)
    assert p_value_after(rbm, kernel(CHAINS)) > FALSE_ALARM


def statistics(rbm: hm.RBM, v: Any, h: Any) -> np.ndarray:
    """The sufficient statistics of each pair, `[n, parameters]` in float64."""
    of_layers = (jax.tree.leaves(layer.statistics(x)) for layer, x in ((rbm.visible, v), (rbm.hidden, h)))
    pairs = v[:, :, None] * h[:, None]
    return np.concatenate([*(np.asarray(leaf) for leaves in of_layers for leaf in leaves), pairs.reshape(len(v), -1)], axis=1)


def off_after(rbm: hm.RBM, sampler: Sampler, draws: tuple[np.ndarray, np.ndarray], expected: np.ndarray) -> float:
    """How far the means of the statistics are from what is expected after one step from exact draws, in what is allowed."""
    state = Chains(*(jnp.asarray(part, jnp.float32) for part in draws))
    state, _ = jax.jit(sampler.step)(jax.random.key(3), jax.tree.map(jnp.asarray, single(rbm)), state)
    found = statistics(rbm, *(np.asarray(part, np.float64) for part in state))
    return largest_z(found, expected) / z_limit(len(expected))


KINDS = [("ragged", "binary"), ("gaussian", "binary"), ("binary", "drelu"), ("relu", "ragged"), ("mixed", "mixed, listed")]
N = 40_000
"""Draws that see a mean move by 0.05 of its standard deviation: z of 10, where some 6 are allowed."""


@pytest.mark.parametrize(
    ("visible", "hidden"), [*KINDS[:1], *(pytest.param(*pair, marks=pytest.mark.slow) for pair in KINDS[1:])]
)
def test_exact_draws_of_every_kind_stay_exact(visible, hidden):
    """By the means of all sufficient statistics, whose exact values are enumerated."""
    rbm = machine_of(visible, hidden, seed=1, scale=0.8)
    draws = exact.sample_joint(rbm, N, seed=7)
    with jax.enable_x64(True):
        expected = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(exact.log_partition_and_statistics(rbm)[1])])
    assert off_after(rbm, gibbs(N, 1), draws, expected) < 1
    if rbm.visible.bounded:
        return
    # The same draws must be told from those of a machine whose visible layer is somewhat narrower.
    narrower = hm.RBM(jax.tree.map(lambda leaf: 1.1 * leaf, rbm.visible), rbm.hidden, rbm.weights)
    assert off_after(narrower, gibbs(N, 1), draws, expected) > 1


@pytest.mark.parametrize("kernel", ["gibbs", "tempering"])
def test_two_gaussian_layers_keep_their_joint_normal_law(kernel):
    """The one pair of unbounded layers whose law can be written down: precision matrix [[P, -W], [-W^T, Q]]."""
    visible = LAYERS["gaussian"]
    hidden = hm.Gaussian([0.2, 0.0, -0.5], [1.0, 0.7, 2.0])
    rbm = hm.RBM(visible, hidden, 0.35 * np.random.default_rng(0).standard_normal((2, 3)))
    model.validate(rbm)
    covariance = np.linalg.inv(
        np.block([[np.diag(visible.precision), -rbm.weights], [-rbm.weights.T, np.diag(hidden.precision)]])
    )
    mean = covariance @ np.concatenate([visible.bias, hidden.bias])
    draws = np.split(np.random.default_rng(1).multivariate_normal(mean, covariance, N), [2], axis=1)
    second = covariance + np.outer(mean, mean)
    squares = -np.diag(second) / 2
    expected = np.concatenate([mean[:2], squares[:2], mean[2:], squares[2:], second[:2, 2:].ravel()])
    if kernel == "gibbs":
        assert off_after(rbm, gibbs(N, 1), draws, expected) < 1
        return
    sampler, own = parallel_tempering(2000, 4), jax.tree.map(jnp.asarray, single(rbm))
    state = sampler.init(jax.random.key(1), own)
    step = jax.jit(sampler.step)
    for number in range(60):
        state, samples = step(jax.random.key(number), own, state)
    found = statistics(rbm, np.asarray(samples.v, float), np.asarray(samples.h, float))
    assert largest_z(found, expected) < z_limit(len(expected))


def broken(mistake: str) -> Sampler:
    """Gibbs sampling with one well-known mistake."""

    def step(key: Any, rbm: hm.RBM, state: Chains) -> tuple[Chains, Samples]:
        v_key, h_key = jax.random.split(key)
        h = state.h
        if mistake == "h rounded instead of drawn":
            h = jnp.round(rbm.hidden.mean(model.hidden_inputs(rbm, state.v)))
        from_h = model.visible_inputs(rbm, h)
        if mistake == "visible bias forgotten":
            from_h = from_h - rbm.visible.bias
        if mistake == "visible bias twice":
            from_h = from_h + rbm.visible.bias
        if mistake == "temperature in one conditional only":
            from_h = from_h / 0.8
        v = rbm.visible.sample(v_key, from_h)
        if mistake == "one key for both layers":
            h_key = v_key
        inputs = model.hidden_inputs(rbm, v)
        sent = model.hidden_inputs(rbm, state.v) if mistake == "h from the old v" else inputs
        if mistake == "8-bit uniforms":
            uniform = jax.random.randint(h_key, sent.shape, 0, 4) / 4  # coarser still, to be seen on a small machine
            h = (uniform < rbm.hidden.mean(sent)).astype(v.dtype)
        else:
            h = rbm.hidden.sample(h_key, sent)
        return Chains(v, h), Samples(v, h, inputs)

    return Sampler(lambda key, rbm: None, step)


MISTAKES = [
    "h rounded instead of drawn",
    "visible bias forgotten",
    "visible bias twice",
    "temperature in one conditional only",
    "one key for both layers",
    "h from the old v",
    "8-bit uniforms",
]


def test_the_imitation_without_a_mistake_passes():
    assert p_value_after(random_machine(Binary, Binary, SHAPE, seed=1, scale=1.5), broken("none")) > FALSE_ALARM


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_kernel_broken_on_purpose_is_caught(mistake):
    rbm = random_machine(Binary, Binary, SHAPE, seed=1, scale=1.5)
    assert p_value_after(rbm, broken(mistake)) < FALSE_ALARM


def test_chains_from_anywhere_reach_the_distribution():
    """Not only do exact draws stay: chains started at one state forget it."""
    rbm = random_machine(Binary, Binary, SHAPE, seed=1, scale=1.5)
    n = CHAINS
    state = Chains(jnp.zeros((n, SHAPE[0])), jnp.zeros((n, SHAPE[1])))
    single = jax.tree.map(jnp.float32, rbm)
    v = gibbs(n, 60).step(jax.random.key(0), single, state)[0]
    assert counts_agree(numbers_of(rbm, v.v, v.h), exact.joint_table(rbm).probability) > FALSE_ALARM


def test_clamped_units_stay_and_the_others_follow_the_conditional_law():
    rbm = random_machine(Binary, Binary, SHAPE, seed=1, scale=1.5)
    clamp = np.array([np.nan, 1.0, np.nan])
    n = draws_for_counts(32, EFFECT)
    sampler = gibbs(n, 60, clamp)
    single = jax.tree.map(jnp.float32, rbm)
    state = sampler.init(jax.random.key(0), single)
    assert (state.v[:, 1] == 1).all()
    state, _ = sampler.step(jax.random.key(1), single, state)
    assert (state.v[:, 1] == 1).all()
    table = exact.joint_table(rbm)
    conditional = np.where(table.v[:, 1] == 1, table.probability, 0)
    assert counts_agree(numbers_of(rbm, state.v, state.h), conditional / conditional.sum()) > FALSE_ALARM
    assert counts_agree(numbers_of(rbm, state.v, state.h), table.probability) < FALSE_ALARM


def test_init_draws_from_the_visible_units_alone():
    rbm = jax.tree.map(jnp.float32, random_machine(Binary, Binary, SHAPE, seed=1, scale=1.5))
    n = draws_for_counts(8, EFFECT)
    v = gibbs(n).init(jax.random.key(5), rbm).v
    p = np.exp(rbm.visible.log_probability(exact.all_states(rbm.visible), np.zeros(3)))
    assert counts_agree(rbm.visible.indices(v), np.asarray(p, float) / np.sum(p, dtype=float)) > FALSE_ALARM
