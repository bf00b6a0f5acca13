"""Parallel tempering and parallel trajectory tempering: betas adapt, states travel, ladders grow (and test_stationarity)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import random_rbm

import harmonium as hm
from harmonium import exact, model
from harmonium.samplers import parallel_tempering, trajectory_tempering
from harmonium.units import Binary, Spin

SHAPE = (3, 6)


def single(rbm: hm.RBM) -> hm.RBM:
    return jax.tree.map(jnp.float32, rbm)


@pytest.mark.slow
def test_the_betas_go_to_where_all_neighbors_exchange_equally_often():
    rbm = random_rbm(Binary, Binary, (12, 8), seed=2, scale=1.5)
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
    """Two rungs that are the same model exchange always: a state climbs in one step, and is back two steps later."""
    rbm = random_rbm(Binary, Binary, SHAPE, seed=1)
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
def test_a_trajectory_grows_as_its_model_moves_and_stops_when_full():
    rbm = single(random_rbm(Binary, Binary, (8, 6), seed=3, scale=0.01))
    target = single(random_rbm(Binary, Binary, (8, 6), seed=3, scale=3.0))
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
    # After growth the top is still the given model.
    np.testing.assert_array_equal(state.model_at(target)(state.count).weights, target.weights)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pt-1", "ptt-1"])
def test_a_ladder_estimates_the_gradient_and_trains(name):
    """Its negative term agrees with the exact one, and training with it raises the exact log likelihood."""
    data = hm.data.load("bars-and-stripes:3x3").train
    rbm = hm.initialize(data, 6, seed=1)
    states = list(hm.train(rbm, data, estimator=name, centered=False, chains=200, final_decay=0.0, updates=1500, seed=2))
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
            lambda: parallel_tempering(5, base=random_rbm(Binary, Binary, (2, 2))).init(
                None, random_rbm(Binary, Binary, (3, 2))
            ),
            "base",
        ),
        (
            lambda: trajectory_tempering([random_rbm(Binary, Binary, (2, 2))]).init(None, random_rbm(Spin, Binary, (2, 2))),
            "layers of",
        ),
        (
            lambda: trajectory_tempering([random_rbm(Binary, Binary, s) for s in ((2, 2), (3, 2))]),
            "must have the same layers",
        ),
    ],
)
def test_bad_settings_are_refused(make, complaint):
    with pytest.raises(hm.InputError, match=complaint):
        make()
