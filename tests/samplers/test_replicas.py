"""Parallel tempering and parallel trajectory tempering: every rung keeps its own law, states travel, and nothing is lost.

As in test_stationarity: exact draws must stay exact, and a swap rule broken on purpose must be caught by the same test.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import random_machine
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts

import harmonium as hm
from harmonium import exact, model
from harmonium.samplers import Sampler, parallel_tempering, replicas, trajectory_tempering
from harmonium.units import Binary, Spin

SHAPE = (3, 6)
BETAS = (0.0, 0.35, 0.7, 1.0)
CHAINS = draws_for_counts(64, 0.005)  # as in test_stationarity


def single(rbm: hm.RBM) -> hm.RBM:
    return jax.tree.map(jnp.float32, rbm)


def path(rbm: hm.RBM) -> list[hm.RBM]:
    """Machines on the way of a training that never was: each from other parameters, the first without weights."""
    others = [random_machine(type(rbm.visible), type(rbm.hidden), SHAPE, seed=seed, scale=0.7) for seed in (5, 6)]
    return [model.independent(rbm.visible, rbm.hidden), *others]


def samplers(rbm: hm.RBM, sweeps: int) -> dict[str, tuple[Sampler, list[hm.RBM]]]:
    """Each ladder kernel with the machines of its rungs, the top one being `rbm`."""
    base = model.independent(jax.tree.map(lambda b: b - 0.3, rbm.visible), rbm.hidden)
    zeros = jax.tree.map(np.zeros_like, rbm)
    below = path(rbm)
    return {
        "tempering": (
            parallel_tempering(CHAINS, betas=BETAS, sweeps=sweeps, adapt=0),
            [model.interpolate(zeros, rbm, beta) for beta in BETAS],
        ),
        "tempering from independent units": (
            parallel_tempering(CHAINS, betas=BETAS, sweeps=sweeps, base=base, adapt=0),
            [model.interpolate(base, rbm, beta) for beta in BETAS],
        ),
        "trajectory": (trajectory_tempering(below, CHAINS, sweeps, threshold=0), [*below, rbm]),
    }


KERNELS = list(samplers(random_machine(Binary, Binary, SHAPE), 1))


def exact_state(sampler: Sampler, rungs: list[hm.RBM], rbm: hm.RBM) -> Any:
    """A state whose chains on every rung are exact draws of its own machine."""
    state = sampler.init(jax.random.key(0), single(rbm))
    v = np.stack([exact.sample(machine, CHAINS, seed=20 + number) for number, machine in enumerate(rungs)])
    inputs = np.stack([np.asarray(model.hidden_inputs(machine, x)) for machine, x in zip(rungs, v, strict=True)])
    return state._replace(replicas=replicas.from_states(jnp.asarray(v, jnp.float32), jnp.asarray(inputs, jnp.float32)))


def p_values(sampler: Sampler, rungs: list[hm.RBM], rbm: hm.RBM, steps: int) -> dict[str, float]:
    """p-values of exactness after `steps` steps: of (v, h) of the top's samples, and of v on every rung."""
    state = exact_state(sampler, rungs, rbm)
    step = jax.jit(sampler.step)
    for number in range(steps):
        state, samples = step(jax.random.fold_in(jax.random.key(3), number), single(rbm), state)
    np.testing.assert_allclose(samples.hidden_inputs, samples.v @ single(rbm).weights, atol=1e-5)
    np.testing.assert_array_equal(samples.v, state.v[-1])
    joint = rbm.visible.indices(samples.v) * rbm.hidden.state_count + rbm.hidden.indices(samples.h)
    found = {"top": counts_agree(joint, exact.joint_table(rbm).probability)}
    for number, machine in enumerate(rungs):
        states = exact.all_states(machine.visible)
        p = np.exp(exact.log_likelihood(machine, states))
        found[f"rung {number}"] = counts_agree(machine.visible.indices(state.v[number]), p)
    return found


@pytest.mark.parametrize(("visible", "hidden"), [(Binary, Binary), (Spin, Binary)])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.slow_except("tempering-Binary-Binary", "trajectory-Binary-Binary")
def test_exact_draws_stay_exact_on_every_rung(kernel, visible, hidden):
    rbm = random_machine(visible, hidden, SHAPE, seed=1, scale=1.5)
    for sweeps, steps in ((1, 1), (2, 2)):
        sampler, rungs = samplers(rbm, sweeps)[kernel]
        found = p_values(sampler, rungs, rbm, steps)
        assert min(found.values()) > FALSE_ALARM, (sweeps, steps, found)


def test_a_swap_by_beta_times_the_free_energy_is_caught(monkeypatch):
    """The free energy of a tempered machine is not beta times F."""
    rbm = random_machine(Binary, Binary, SHAPE, seed=1, scale=1.5)

    def beta_times_free_energy(a, b, v_a, v_b, *_):
        beta_a, beta_b = (machine.weights[0, 0] / single(rbm).weights[0, 0] for machine in (a, b))
        return (beta_a - beta_b) * (model.free_energy(single(rbm), v_a) - model.free_energy(single(rbm), v_b))

    monkeypatch.setattr(replicas, "exchange_log_ratio", beta_times_free_energy)
    sampler, rungs = samplers(rbm, 1)["tempering"]
    assert min(p_values(sampler, rungs, rbm, 2).values()) < FALSE_ALARM


@pytest.mark.parametrize("mistake", ["always", "sign", "stale inputs"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.slow_except("tempering-sign", "trajectory-stale")
def test_other_broken_swaps_are_caught(kernel, mistake, monkeypatch):
    rbm = random_machine(Binary, Binary, SHAPE, seed=1, scale=1.5)
    right = replicas.exchange_log_ratio

    def broken(a, b, v_a, v_b, a_at_a, a_at_b, b_at_a, b_at_b):
        if mistake == "always":
            return jnp.zeros(len(v_a))
        if mistake == "sign":
            return -right(a, b, v_a, v_b, a_at_a, a_at_b, b_at_a, b_at_b)
        return right(a, b, v_a, v_b, a_at_a, a_at_a, b_at_b, b_at_b)

    monkeypatch.setattr(replicas, "exchange_log_ratio", broken)
    sampler, rungs = samplers(rbm, 1)[kernel]
    assert min(p_values(sampler, rungs, rbm, 2).values()) < FALSE_ALARM


@pytest.mark.slow
def test_the_betas_go_to_where_all_neighbors_exchange_equally_often():
    rbm = random_machine(Binary, Binary, (12, 8), seed=2, scale=1.5)
    uneven = np.array([0, 0.01, 0.02, 0.03, 0.5, 1.0])
    sampler = parallel_tempering(2000, betas=uneven)
    state = sampler.init(jax.random.key(0), single(rbm))
    step = jax.jit(sampler.step)
    first = None
    for number in range(400):
        state, _ = step(jax.random.fold_in(jax.random.key(1), number), single(rbm), state)
        first = np.asarray(state.acceptance) if number == 2 else first
    assert np.ptp(first) > 0.5  # uneven betas are uneven
    assert np.ptp(np.asarray(state.acceptance)) < 0.05
    assert state.betas[0] == 0
    assert state.betas[-1] == 1
    assert (np.diff(state.betas) > 0).all()


def test_round_trips_are_those_of_the_states():
    """Two rungs that are the same machine exchange always: a state climbs in one step, and is back two steps later."""
    rbm = random_machine(Binary, Binary, SHAPE, seed=1)
    same = [model.independent(rbm.visible, rbm.hidden)] * 2
    sampler = trajectory_tempering(same[:1], chains=7, threshold=0)
    state = sampler.init(jax.random.key(0), single(same[0]))
    trips, step = [], jax.jit(sampler.step)
    for number in range(6):
        state, _ = step(jax.random.fold_in(jax.random.key(1), number), single(same[0]), state)
        trips.append(int(state.round_trips))
    # Exchanges happen at steps 0, 2 and 4. Step 0 takes the first states to the bottom; they climb at 2 and return at 4.
    assert trips == [0, 0, 0, 0, 7, 7]
    assert float(state.acceptance[0]) == 1


@pytest.mark.slow
def test_a_trajectory_grows_as_its_machine_moves_and_stops_at_its_places():
    rbm = single(random_machine(Binary, Binary, (8, 6), seed=3, scale=0.01))
    target = single(random_machine(Binary, Binary, (8, 6), seed=3, scale=3.0))
    sampler = trajectory_tempering(chains=500, rungs=4, threshold=0.8)
    state = sampler.init(jax.random.key(0), rbm)
    assert int(state.count) == 1
    assert not np.asarray(state.model_at(rbm)(0).weights).any()
    step = jax.jit(sampler.step)
    counts = []
    for number in range(600):
        now = model.interpolate(rbm, target, min(1.0, number / 400))
        before = state
        state, _ = step(jax.random.fold_in(jax.random.key(1), number), now, state)
        counts.append(int(state.count))
        if counts[-1] > int(before.count):
            np.testing.assert_array_equal(state.models.weights[counts[-1] - 1], before.last.weights)
    assert counts[-1] == 4
    assert counts == sorted(counts)
    # After growth the top is still the machine that is given, and its samples follow its law.
    np.testing.assert_array_equal(state.model_at(target)(state.count).weights, target.weights)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pt-1", "ptt-1"])
def test_a_ladder_estimates_the_gradient_and_trains(name):
    """Its negative term agrees with the exact one, and training with it raises the exact log likelihood."""
    data = hm.data.load("bars-and-stripes:3x3").train
    rbm = hm.initialize(data, 6, seed=1)
    states = list(hm.train(rbm, data, hm.gradients.by_name(name, chains=200), optax.sgd(0.3), updates=1500, seed=2))
    before, after = (exact.log_likelihood(state.rbm, data).mean() for state in (states[0], states[-1]))
    assert after > before + 0.5
    trained = states[-1].rbm
    sampler = (
        parallel_tempering(4000)
        if name == "pt-1"
        else trajectory_tempering([model.independent(rbm.visible, rbm.hidden), trained], 4000)
    )
    estimator = hm.from_sampler(sampler)
    state = estimator.init(jax.random.key(0), single(trained))
    gradient = jax.jit(estimator.gradient)
    for number in range(60):
        found, state, _ = gradient(
            jax.random.fold_in(jax.random.key(1), number), single(trained), state, jnp.asarray(data, jnp.float32)
        )
    right, _, _ = hm.gradients.exact().gradient(None, single(trained), (), jnp.asarray(data, jnp.float32))
    # A mean of 4,000 products of zeros and ones errs by at most 0.5 / sqrt(4000); 54 weights, five standard errors.
    np.testing.assert_allclose(found.weights, right.weights, atol=5 * 0.5 / np.sqrt(4000))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: parallel_tempering(0), "chains must be a whole number of at least 1"),
        (lambda: parallel_tempering(10, rungs=1), "rungs must be a whole number of at least 2"),
        (lambda: parallel_tempering(10, betas=[0, 0.5, 0.4, 1]), "betas must rise from 0 to 1"),
        (lambda: parallel_tempering(10, betas=[0.1, 1]), "betas must rise from 0 to 1"),
        (lambda: parallel_tempering(10, adapt=2), "adapt must be a number from 0 to 1"),
        (lambda: trajectory_tempering(threshold=1.5), "threshold must be a number from 0 to 1"),
        (lambda: trajectory_tempering(threshold=1), "threshold must be below 1"),
        (
            lambda: parallel_tempering(5, base=random_machine(Binary, Binary, (2, 2))).init(
                None, random_machine(Binary, Binary, (3, 2))
            ),
            "base",
        ),
        (
            lambda: trajectory_tempering([random_machine(Binary, Binary, (2, 2))]).init(
                None, random_machine(Spin, Binary, (2, 2))
            ),
            "layers of",
        ),
        (
            lambda: trajectory_tempering([random_machine(Binary, Binary, s) for s in ((2, 2), (3, 2))]),
            "must have the same layers",
        ),
    ],
)
def test_bad_settings_are_refused(make, complaint):
    with pytest.raises(hm.InputError, match=complaint):
        make()
