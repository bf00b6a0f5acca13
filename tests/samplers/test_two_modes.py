"""Two modes that Gibbs sampling cannot cross: it does not, and both kinds of ladder find the weights of the modes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats
from statistics_of_tests import FALSE_ALARM

import harmonium as hm
from harmonium import exact

SIZE, CHAINS = 30, 100
PATTERN = np.random.default_rng(1).integers(2, size=SIZE)


@pytest.fixture(scope="module")
def trained():
    """An RBM of rows near a pattern (30 %) or near its complement, trained with its own trajectory's ladder; the rungs."""
    random = np.random.default_rng(0)
    rows = PATTERN ^ (random.random((2000, 1)) < 0.7) ^ (random.random((2000, SIZE)) < 0.02)
    estimator = hm.from_sampler(hm.trajectory_tempering(chains=200, rungs=20, threshold=0.4))
    settings = dict(estimator=estimator, optimizer=optax.sgd(0.01), final_decay=0.0, updates=4000, batch_size=200)
    *_, state = hm.train(hm.initialize(rows, 6, seed=1), rows, **settings, seed=1)
    taken = state.estimator
    return state.rbm, [jax.tree.map(lambda leaf, i=i: leaf[i], taken.models) for i in range(int(taken.count))]


def in_larger_mode(v) -> np.ndarray:
    """Which states are near the complement of the pattern."""
    return np.mean(np.asarray(v) != PATTERN, axis=-1) > 0.5


def in_smaller_mode(key, rbm, count):
    """Where the chains of all rungs begin."""
    return jnp.broadcast_to(jnp.asarray(PATTERN, jnp.float32), (count, SIZE))


@pytest.mark.slow
def test_training_on_its_own_trajectory_finds_the_weights_of_both_modes(trained):
    rbm, rungs = trained
    assert len(rungs) >= 4
    assert 0.6 < in_larger_mode(exact.sample(rbm, 20_000)).mean() < 0.8


@pytest.mark.slow
def test_gibbs_sampling_does_not_cross_in_100_000_sweeps(trained):
    rbm = jax.tree.map(jnp.asarray, trained[0])
    state = hm.gibbs(20).init(jax.random.key(0), rbm, in_smaller_mode)
    v, _ = hm.sample_chains(rbm, hm.gibbs(20, sweeps=100), 1000, state=state, seed=1)
    assert not in_larger_mode(v).any()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tempering", "trajectory"])
def test_ladders_recover_the_weights_of_the_modes(trained, kind):
    rbm, rungs = trained
    rbm = jax.tree.map(jnp.asarray, rbm)
    truth = in_larger_mode(exact.sample(rbm, 400_000)).mean()
    sampler = (
        hm.parallel_tempering(CHAINS, rungs=8) if kind == "tempering" else hm.trajectory_tempering(rungs, CHAINS, threshold=0)
    )
    state = sampler.init(jax.random.key(0), rbm, in_smaller_mode)
    _, state = hm.sample_chains(rbm, sampler, 500, state=state, seed=99)
    fractions = []
    for seed in range(40):
        v, state = hm.sample_chains(rbm, sampler, 25, state=state, seed=seed)
        fractions.append(in_larger_mode(v))
    # Ladders are independent of one another: the error of the mean is that of their own averages.
    means = np.mean(fractions, axis=0)
    z = (means.mean() - truth) / (means.std(ddof=1) / np.sqrt(CHAINS))
    assert abs(z) < stats.t.isf(FALSE_ALARM / 2, CHAINS - 1)
    assert means.std(ddof=1) / np.sqrt(CHAINS) < 0.03
    assert int(state.round_trips) > CHAINS


@pytest.mark.slow
def test_the_likelihood_comes_along_the_trajectory(trained):
    rbm, rungs = trained
    state = hm.sample_chains(rbm, hm.trajectory_tempering(rungs, CHAINS, threshold=0), 500)[1]
    found, _ = hm.likelihood.replica_log_partition(rbm, state, steps=200)
    assert found.lower <= exact.log_partition(rbm) <= found.upper
    assert found.upper - found.lower < 0.5
