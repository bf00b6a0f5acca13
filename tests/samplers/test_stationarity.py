"""Stationarity: start from exact draws, run the kernel, and the draws must still be exact; a broken kernel must be caught.

A new sampler joins these tests by being added to SAMPLERS. Each test's number of draws follows from the size of the error that
it must see; the false-alarm rate of each p-value is FALSE_ALARM.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import random_rbm
from kinds import LAYERS, rbm_of, single
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts, largest_z, z_limit

import harmonium as hm
from harmonium import exact, model
from harmonium.random import uniform
from harmonium.samplers import Chains, Sampler, Samples, gibbs, parallel_tempering, replicas, trajectory_tempering
from harmonium.samplers.base import Draw
from harmonium.units import Binary, Spin

SHAPE = (3, 3)
EFFECT = 0.005
CHAINS = draws_for_counts(64, EFFECT)
BETAS = (0.0, 0.35, 0.7, 1.0)


def path(rbm: hm.RBM) -> list[hm.RBM]:
    """Models as if training had passed through them: each has other parameters, the first no weights."""
    kinds, shape = (type(rbm.visible), type(rbm.hidden)), rbm.weights.shape
    others = [random_rbm(*kinds, shape, seed=seed, scale=0.7) for seed in (5, 6)]
    return [model.independent(rbm.visible, rbm.hidden), *others]


def shifted_base(rbm: hm.RBM) -> hm.RBM:
    return model.independent(jax.tree.map(lambda bias: bias - 0.3, rbm.visible), rbm.hidden)


SAMPLERS: dict[str, Callable[[int, hm.RBM], Sampler]] = {
    "gibbs": lambda chains, rbm: gibbs(chains, 1),
    "gibbs, 3 sweeps": lambda chains, rbm: gibbs(chains, 3),
    "parallel tempering": lambda chains, rbm: parallel_tempering(chains, betas=BETAS, adapt=0),
    "parallel tempering, 2 sweeps, base": lambda chains, rbm: parallel_tempering(
        chains, betas=BETAS, sweeps=2, base=shifted_base(rbm), adapt=0
    ),
    "trajectory tempering": lambda chains, rbm: trajectory_tempering(path(rbm), chains, rungs=3),
    "trajectory tempering, 2 sweeps": lambda chains, rbm: trajectory_tempering(path(rbm), chains, 2, rungs=3),
}


def sharp_model(visible: type = Binary, hidden: type = Binary, shape: tuple[int, int] = SHAPE) -> hm.RBM:
    return random_rbm(visible, hidden, shape, seed=1, scale=1.5)


def exact_draws(rbm: hm.RBM) -> Draw:
    """Independent draws of any model of the same layers, by enumeration (traceable)."""
    states = jnp.asarray(exact.all_states(rbm.visible), jnp.float32)

    def draw(key: Any, rbm: hm.RBM, count: int) -> Any:
        energy = model.free_energy(rbm, states)
        return states[jnp.argmax(-jnp.log(-jnp.log(uniform(key, (count, len(states)), energy.dtype))) - energy, axis=1)]

    return draw


def start(rbm: hm.RBM, sampler: Sampler, draw: Draw) -> Any:
    return jax.jit(lambda rbm: sampler.init(jax.random.key(2), rbm, draw))(jax.tree.map(jnp.float32, rbm))


@functools.cache
def exact_chains() -> Chains:
    """The start of all kernels of single chains on `sharp_model()`, compiled once."""
    return start(sharp_model(), gibbs(CHAINS), exact_draws(sharp_model()))


def p_values(rbm: hm.RBM, sampler: Sampler, state: Any = None, steps: int = 2) -> dict[str, float]:
    """p-values of exactness after some steps: of the samples (v, h), and of v on every rung of a ladder."""
    own = jax.tree.map(jnp.float32, rbm)
    state = start(rbm, sampler, exact_draws(rbm)) if state is None else state
    step = jax.jit(sampler.step)
    for number in range(steps):
        state, samples = step(jax.random.key(3 + number), own, state)
    np.testing.assert_allclose(samples.hidden_inputs, samples.v @ own.weights, atol=1e-5)
    joint = rbm.visible.indices(samples.v) * rbm.hidden.state_count + rbm.hidden.indices(samples.h)
    found = {"samples": counts_agree(joint, exact.joint_table(rbm).probability)}
    if hasattr(state, "model_at"):
        np.testing.assert_array_equal(samples.v, state.v[int(state.in_use) - 1])
        states = exact.all_states(rbm.visible)
        for i in range(int(state.in_use)):
            p = np.exp(-np.asarray(model.free_energy(state.model_at(own)(i), states), float))
            found[f"rung {i}"] = counts_agree(rbm.visible.indices(state.v[i]), p / p.sum())
    return found


@pytest.mark.parametrize(
    ("name", "visible", "hidden"), [("gibbs", Binary, Binary), *((name, Spin, Binary) for name in SAMPLERS)]
)
@pytest.mark.slow_except("gibbs-", "base-", "trajectory tempering-")
def test_exact_draws_stay_exact(name, visible, hidden):
    rbm = sharp_model(visible, hidden)
    found = p_values(rbm, SAMPLERS[name](CHAINS, rbm), exact_chains() if (name, visible) == ("gibbs", Binary) else None)
    assert min(found.values()) > FALSE_ALARM, found


def test_exact_draws_stay_exact_at_another_temperature():
    rbm = hm.at_temperature(sharp_model(), 0.5)
    assert min(p_values(rbm, gibbs(CHAINS)).values()) > FALSE_ALARM


def test_chains_from_one_state_reach_the_distribution():
    """Not only do exact draws stay: chains started at one state forget it."""
    rbm = sharp_model()
    at_zero = Chains(jnp.zeros((CHAINS, SHAPE[0])), jnp.zeros((CHAINS, SHAPE[1])))
    assert min(p_values(rbm, gibbs(CHAINS, 60), at_zero, steps=1).values()) > FALSE_ALARM


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
        from_v = model.hidden_inputs(rbm, state.v) if mistake == "h from the old v" else inputs
        if mistake == "8-bit uniforms":
            coarse = jnp.floor(4 * uniform(h_key, from_v.shape, from_v.dtype)) / 4  # coarser still, to be seen in a small model
            h = (coarse < rbm.hidden.mean(from_v)).astype(v.dtype)
        else:
            h = rbm.hidden.sample(h_key, from_v)
        return Chains(v, h), Samples(v, h, inputs)

    return Sampler(gibbs(CHAINS).init, step)


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
    assert min(p_values(sharp_model(), broken("none"), exact_chains(), steps=1).values()) > FALSE_ALARM


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_kernel_broken_on_purpose_is_caught(mistake):
    assert min(p_values(sharp_model(), broken(mistake), exact_chains(), steps=1).values()) < FALSE_ALARM


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("parallel tempering", "beta times free energy"),
        pytest.param("parallel tempering", "sign", marks=pytest.mark.slow),
        ("trajectory tempering", "stale inputs"),
        pytest.param("parallel tempering", "always", marks=pytest.mark.slow),
        pytest.param("parallel tempering", "stale inputs", marks=pytest.mark.slow),
        pytest.param("parallel tempering, 2 sweeps, base", "stale inputs", marks=pytest.mark.slow),
        pytest.param("trajectory tempering", "sign", marks=pytest.mark.slow),
        pytest.param("trajectory tempering", "always", marks=pytest.mark.slow),
    ],
)
def test_a_broken_exchange_is_caught(name, mistake, monkeypatch):
    rbm = sharp_model(shape=(3, 6))  # in a smaller one the first mistake is hardly seen
    right = replicas.exchange_log_ratio

    def exchange_log_ratio(a, b, v_a, v_b, a_at_a, a_at_b, b_at_a, b_at_b):
        if mistake == "beta times free energy":  # the free energy of a tempered model is not beta times F
            top = single(rbm)
            beta_a, beta_b = (each.weights[0, 0] / top.weights[0, 0] for each in (a, b))
            return (beta_a - beta_b) * (model.free_energy(top, v_a) - model.free_energy(top, v_b))
        if mistake == "always":
            return jnp.zeros(len(v_a))
        if mistake == "sign":
            return -right(a, b, v_a, v_b, a_at_a, a_at_b, b_at_a, b_at_b)
        return right(a, b, v_a, v_b, a_at_a, a_at_a, b_at_b, b_at_b)

    monkeypatch.setattr(replicas, "exchange_log_ratio", exchange_log_ratio)
    assert min(p_values(rbm, SAMPLERS[name](CHAINS, rbm)).values()) < FALSE_ALARM


def statistics(rbm: hm.RBM, v: Any, h: Any) -> np.ndarray:
    """The sufficient statistics of each pair, `[n, parameters]` in float64."""
    v, h = np.asarray(v, float), np.asarray(h, float)
    of_layers = (jax.tree.leaves(layer.statistics(x)) for layer, x in ((rbm.visible, v), (rbm.hidden, h)))
    pairs = v[:, :, None] * h[:, None]
    return np.concatenate([*(np.asarray(leaf) for leaves in of_layers for leaf in leaves), pairs.reshape(len(v), -1)], axis=1)


def deviation(rbm: hm.RBM, sampler: Sampler, draw: Draw, expected: np.ndarray) -> float:
    """How far the means of the statistics are from `expected` after one step, as a fraction of what is allowed."""
    own = jax.tree.map(jnp.asarray, single(rbm))
    state = jax.jit(lambda rbm: sampler.init(jax.random.key(2), rbm, draw))(own)
    _, samples = jax.jit(sampler.step)(jax.random.key(3), own, state)
    return largest_z(statistics(rbm, samples.v, samples.h), expected) / z_limit(len(expected))


KINDS = [("ragged", "binary"), ("gaussian", "binary"), ("binary", "drelu"), ("relu", "ragged"), ("mixed", "mixed, listed")]
N = 40_000
"""Draws that see a mean move by 0.05 of its standard deviation: z of 10, where about 6 are allowed."""


@pytest.mark.parametrize(
    ("visible", "hidden"), [*KINDS[:1], *(pytest.param(*pair, marks=pytest.mark.slow) for pair in KINDS[1:])]
)
def test_exact_draws_of_every_kind_stay_exact(visible, hidden):
    """By the means of all sufficient statistics, whose exact values are enumerated."""
    rbm = rbm_of(visible, hidden, seed=1, scale=0.8)
    v = jnp.asarray(exact.sample(rbm, N, seed=7), jnp.float32)
    with jax.enable_x64(True):
        expected = np.concatenate(
            [np.ravel(leaf) for leaf in jax.tree.leaves(exact.factorized.log_partition_and_statistics(rbm)[1])]
        )
    sampler = gibbs(N)
    assert deviation(rbm, sampler, lambda *_: v, expected) < 1
    if rbm.visible.bounded:
        return
    # The test must tell the same draws from those of a model whose visible layer is somewhat narrower.
    narrower = hm.RBM(jax.tree.map(lambda leaf: 1.1 * leaf, rbm.visible), rbm.hidden, rbm.weights)
    assert deviation(narrower, sampler, lambda *_: v, expected) > 1


@pytest.mark.parametrize("name", ["gibbs", "parallel tempering"])
@pytest.mark.slow_except("gibbs")
def test_two_gaussian_layers_keep_their_joint_normal_distribution(name):
    """The one pair of unbounded layers whose distribution has a closed form: precision matrix [[P, -W], [-W^T, Q]]."""
    visible = LAYERS["gaussian"]
    hidden = hm.Gaussian([0.2, 0.0, -0.5], [1.0, 0.7, 2.0])
    rbm = hm.RBM(visible, hidden, 0.35 * np.random.default_rng(0).standard_normal((2, 3)))
    model.validate(rbm)

    def moments(rbm: hm.RBM) -> tuple[Any, Any]:
        precision = jnp.block(
            [[jnp.diag(rbm.visible.precision), -rbm.weights], [-rbm.weights.T, jnp.diag(rbm.hidden.precision)]]
        )
        covariance = jnp.linalg.inv(precision)
        return covariance @ jnp.concatenate([rbm.visible.bias, rbm.hidden.bias]), covariance

    def draw(key: Any, rbm: hm.RBM, count: int) -> Any:
        mean, covariance = moments(rbm)
        return jax.random.multivariate_normal(key, mean[:2], covariance[:2, :2], (count,))

    with jax.enable_x64(True):
        mean, covariance = map(np.asarray, moments(jax.tree.map(jnp.asarray, rbm)))
    second = covariance + np.outer(mean, mean)
    squares = -np.diag(second) / 2
    expected = np.concatenate([mean[:2], squares[:2], mean[2:], squares[2:], second[:2, 2:].ravel()])
    sampler = SAMPLERS[name](N, rbm)
    assert deviation(rbm, sampler, draw, expected) < 1
    if name == "gibbs":
        assert deviation(rbm, sampler, lambda *of: draw(*of) + 0.5, expected) > 1


def test_clamped_units_stay_and_the_others_follow_the_conditional_distribution():
    rbm = sharp_model()
    clamp = np.array([np.nan, 1.0, np.nan])
    n = draws_for_counts(32, EFFECT)
    sampler = gibbs(n, 60, clamp)
    own = jax.tree.map(jnp.float32, rbm)
    state = sampler.init(jax.random.key(0), own)
    assert (state.v[:, 1] == 1).all()
    state, _ = sampler.step(jax.random.key(1), own, state)
    assert (state.v[:, 1] == 1).all()
    table = exact.joint_table(rbm)
    conditional = np.where(table.v[:, 1] == 1, table.probability, 0)
    joint = rbm.visible.indices(state.v) * rbm.hidden.state_count + rbm.hidden.indices(state.h)
    assert counts_agree(joint, conditional / conditional.sum()) > FALSE_ALARM
    assert counts_agree(joint, table.probability) < FALSE_ALARM


@pytest.mark.parametrize("name", ["gibbs", "parallel tempering"])
def test_init_draws_from_the_visible_units_alone(name):
    rbm = jax.tree.map(jnp.float32, sharp_model())
    n = draws_for_counts(8, EFFECT)
    state = SAMPLERS[name](n, rbm).init(jax.random.key(5), rbm)
    v = state.v if name == "gibbs" else state.v[-1]
    p = np.exp(np.asarray(rbm.visible.log_probability(exact.all_states(rbm.visible), np.zeros(3)), float))
    assert counts_agree(rbm.visible.indices(v), p / p.sum()) > FALSE_ALARM
