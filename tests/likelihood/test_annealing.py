"""Annealed importance sampling: its weights' expectations are ratios of partition functions, whatever the schedule."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import random_rbm
from statistics_of_tests import largest_z, z_limit

import harmonium as hm
from harmonium import exact, model
from harmonium.likelihood import annealing
from harmonium.likelihood.bidirectional import fit_base
from harmonium.units import Binary, Spin

RUNS = 20_000


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def setting(visible, hidden, schedule="even", scale=1.2):
    rbm = jax.tree.map(jnp.asarray, random_rbm(visible, hidden, (4, 3), seed=4, scale=scale))
    base = fit_base(jax.random.key(9), rbm, exact.sample(rbm, 50, seed=1))
    log_ratio = exact.log_partition(rbm) - float(model.independent_log_partition(base))
    betas = annealing.even_schedule() if schedule == "even" else annealing.even_schedule() ** 2
    return rbm, base, log_ratio, betas


@pytest.mark.parametrize(
    ("visible", "hidden", "schedule"),
    [
        (Binary, Binary, "squared"),
        pytest.param(Spin, Spin, "even", marks=pytest.mark.slow),
        pytest.param(Binary, Spin, "squared", marks=pytest.mark.slow),
    ],
)
def test_the_mean_forward_weight_is_the_ratio_of_partition_functions(visible, hidden, schedule):
    rbm, base, log_ratio, betas = setting(visible, hidden, schedule)
    v = annealing.start(jax.random.key(0), base, rbm, RUNS)
    annealed = annealing.anneal(jax.random.key(1), base, rbm, v, betas, 64)
    assert annealed.log_weights.dtype == np.float64
    assert largest_z(np.exp(annealed.log_weights - log_ratio)[:, None], np.ones(1)) < z_limit(1)


@pytest.mark.parametrize(("visible", "hidden"), [(Spin, Spin), pytest.param(Binary, Spin, marks=pytest.mark.slow)])
def test_the_mean_reverse_weight_is_the_inverse_ratio(visible, hidden):
    rbm, base, log_ratio, betas = setting(visible, hidden)
    v = jnp.asarray(exact.sample(rbm, RUNS, seed=2))
    annealed = annealing.anneal(jax.random.key(1), base, rbm, v, betas, 64, reverse=True)
    assert largest_z(np.exp(annealed.log_weights + log_ratio)[:, None], np.ones(1)) < z_limit(1)


def test_reverse_runs_that_do_not_start_from_the_model_are_seen_to_be_wrong():
    """The known mistake: starting the reverse runs elsewhere, here at zeros, in a model that forgets them slowly."""
    rbm, base, log_ratio, betas = setting(Binary, Binary, scale=3.0)
    v = jnp.zeros((RUNS, 4))
    annealed = annealing.anneal(jax.random.key(1), base, rbm, v, betas, 64, reverse=True)
    assert largest_z(np.exp(annealed.log_weights + log_ratio)[:, None], np.ones(1)) > z_limit(1)


def test_runs_started_at_every_state_give_probabilities_that_add_up_to_one():
    """exp(-F(v)) w / Z_0 is an unbiased estimate of the probability that forward runs end at v (RAISE), even of few steps."""
    rbm, base, _, betas = setting(Binary, Binary)
    states = exact.all_states(rbm.visible)
    each = 2000
    v = jnp.asarray(np.repeat(states, each, axis=0))
    annealed = annealing.anneal(jax.random.key(3), base, rbm, v, betas, 64, reverse=True)
    log_z_base = float(model.independent_log_partition(base))
    log_p = exact.log_likelihood(rbm, states, log_z_base)[:, None] + annealed.log_weights.reshape(len(states), each)
    sums = np.exp(log_p).sum(axis=0)  # one estimate of the sum from one run at each state
    assert largest_z(sums[:, None], np.ones(1)) < z_limit(1)
    ends = annealing.anneal(jax.random.key(4), base, rbm, annealing.start(jax.random.key(5), base, rbm, RUNS), betas, 64).v
    counted = np.bincount(rbm.visible.indices(ends), minlength=len(states)) / RUNS
    error = np.sqrt(np.exp(log_p).var(axis=1) / each + counted / RUNS)
    assert (np.abs(np.exp(log_p).mean(axis=1) - counted) / error).max() < z_limit(len(states))


def test_the_base_is_all_there_is_when_the_model_has_no_weights():
    rbm, base, _, betas = setting(Binary, Binary)
    v = annealing.start(jax.random.key(0), base, rbm, 10)
    annealed = annealing.anneal(jax.random.key(1), base, base, v, betas, 64)
    np.testing.assert_allclose(annealed.log_weights, 0, atol=1e-12)


@pytest.mark.slow
def test_float32_models_keep_their_type_and_lose_nothing_to_cancellation():
    """Thousands of small steps: the sum of differences must not drift from that in float64."""
    rbm, base, _, betas = setting(Binary, Binary)
    narrow, narrow_base = (jax.tree.map(jnp.float32, machine) for machine in (rbm, base))
    v = annealing.start(jax.random.key(0), narrow_base, narrow, 500)
    assert v.dtype == jnp.float32
    annealed = annealing.anneal(jax.random.key(1), narrow_base, narrow, v, betas, 6400)
    assert annealed.v.dtype == jnp.float32
    # With every state held still the gains telescope to F_base - F exactly.
    differences = []
    for machine, below in ((rbm, base), (narrow, narrow_base)):
        x = jnp.asarray(exact.all_states(rbm.visible), machine.weights.dtype)
        total = np.zeros(len(x))
        steps = np.linspace(0, 1, 4001)
        for low, high in itertools.pairwise(steps[:401]):
            a, b = (model.interpolate(below, machine, jnp.asarray(beta, x.dtype)) for beta in (low, high))
            inputs = (model.hidden_inputs(a, x), model.hidden_inputs(b, x))
            total += np.asarray(model.free_energy_difference(a, b, x, *inputs), float)
        differences.append(total)
    np.testing.assert_allclose(differences[0], differences[1], atol=2e-6)


@pytest.mark.slow
def test_a_spread_schedule_evens_out_the_variance():
    rbm = jax.tree.map(jnp.asarray, random_rbm(Binary, Binary, (30, 10), seed=4, scale=1.0))
    base = fit_base(jax.random.key(9), rbm, exact.sample(rbm, 50, seed=1))
    schedule = annealing.even_schedule() ** 3
    unevenness = []
    for number in range(4):
        v = annealing.start(jax.random.key(number), base, rbm, 2000)
        gains = annealing.anneal(jax.random.key(number), base, rbm, v, schedule, 1024).gains
        lengths = gains.std(axis=1)
        unevenness.append(lengths.std() / lengths.mean())
        schedule = annealing.equalize_schedule(schedule, gains)
        assert schedule[0] == 0
        assert schedule[-1] == 1
        assert (np.diff(schedule) > 0).all()
    assert unevenness[0] > 0.5
    assert unevenness[-1] < 0.2


def test_progress_reaches_the_end():
    rbm, base, _, betas = setting(Binary, Binary)
    seen: list[float] = []
    annealing.anneal(jax.random.key(0), base, rbm, jnp.zeros((2, 4)), betas, 64, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_the_difference_of_free_energies_is_that():
    rbm, base, _, _ = setting(Spin, Binary)
    v = exact.all_states(rbm.visible)
    found = model.free_energy_difference(rbm, base, v, model.hidden_inputs(rbm, v), model.hidden_inputs(base, v))
    np.testing.assert_allclose(found, model.free_energy(base, v) - model.free_energy(rbm, v), atol=1e-12)


def test_a_model_without_weights_has_the_sum_of_its_layers_ln_z():
    rbm = random_rbm(Binary, Spin, (3, 2), seed=2)
    lone = hm.RBM(rbm.visible, rbm.hidden, np.zeros((3, 2)))
    assert float(model.independent_log_partition(rbm)) == pytest.approx(exact.log_partition(lone), rel=1e-14)
