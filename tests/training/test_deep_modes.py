"""Chains that begin at modes which they do not visit: how many, and that training pushes these modes down."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import harmonium as hm
from harmonium import InputError, exact
from harmonium.likelihood.running_estimate import RunningEstimate
from harmonium.random import key_of
from harmonium.samplers.gibbs import Chains
from harmonium.training.deep_modes import MAX_FRACTION, begin_chains, find_left_out
from harmonium.training.search import MODE_SEARCH

AT = np.arange(40.0) % 2
ROWS = np.vstack([np.random.default_rng(0).integers(2, size=(199, 40)), AT]).astype(float)


def needle(excess):
    """A model of which one state is e^excess times as heavy as all the others."""
    return hm.RBM(hm.Binary(np.zeros(40)), hm.Binary([40 * np.log(2) + excess - 9 * 20]), 9 * (2 * AT - 1)[:, None])


@pytest.mark.parametrize(("excess", "fraction"), [(20.0, MAX_FRACTION), (1.0, 0.73 * MAX_FRACTION), (0.0, 0.0)])
def test_chains_begin_at_a_mode_in_proportion_to_its_share(excess, fraction):
    rbm = jax.tree.map(np.float32, needle(excess))
    chains = Chains(jnp.zeros((100, 40)), jnp.zeros((100, 1)))
    found = find_left_out(RunningEstimate(rbm, ROWS), key_of(0), rbm)
    begun = chains if found is None else begin_chains(key_of(1), rbm, chains, *found)
    there = (np.asarray(begun.v) == AT).all(axis=1)
    assert there.mean() == pytest.approx(fraction, abs=0.03)
    assert (np.asarray(begun.h)[there] == 1).all()
    assert not np.asarray(begun.v)[~there].any()


def train(rbm, **settings):
    settings = {"estimator": "pcd-1", "learning_rate": 0.1, "l1": 0.0, "chains": 100, "measure": False} | settings
    *_, last = hm.train(rbm, ROWS, updates=400, **settings)
    return last.rbm


def test_a_mode_that_chains_do_not_visit_is_pushed_down():
    """Rows and chains know nothing of how heavy it is, so without the search it stays."""
    rbm = needle(20.0)
    without, found = (exact.log_likelihood(train(rbm, mode_search=spacing), ROWS).mean() for spacing in (0, 50))
    assert without < -45
    assert found > -30


def test_gaps_and_real_values_take_it_too():
    """Where nothing is left out, nothing changes."""
    random = np.random.default_rng(1)
    rows = random.standard_normal((60, 6))
    rows[::7, 2] = np.nan
    rbm = hm.initialize(rows, 4, visible="gaussian")
    settings = dict(estimator="pcd-1", updates=40, chains=20, measure=False, learning_rate=0.01)
    *_, without = hm.train(rbm, rows, **settings)
    *_, found = hm.train(rbm, rows, mode_search=20, **settings)
    for a, b in zip(jax.tree.leaves(without.rbm), jax.tree.leaves(found.rbm), strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_resumes_bit_for_bit():
    rbm, settings = needle(20.0), dict(estimator="pcd-1", learning_rate=0.1, chains=50, measure=False, mode_search=30)
    states = list(hm.train(rbm, ROWS, updates=100, updates_between_states=25, **settings))
    *_, last = hm.train(rbm, ROWS, resume=states[2].checkpoint)
    for a, b in zip(jax.tree.leaves(states[-1].rbm), jax.tree.leaves(last.rbm), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_states_in_between_change_nothing():
    rbm = needle(20.0)
    one, other = (train(rbm, mode_search=30, updates_between_states=count) for count in (400, 7))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_first_trial_that_left_modes_out_is_followed_by_one_that_searches_for_them(monkeypatch):
    monkeypatch.setattr("harmonium.training.metrics.MIN_SECONDS", 0.0)
    monkeypatch.setattr("harmonium.training.metrics.LOOKS_PER_RUN", 0)
    valid, seldom = np.random.default_rng(1).integers(2, size=(200, 40)).astype(float), 10**6
    given = {"estimator": "pcd-1", "learning_rate": 0.1, "l1": 0.0, "chains": 100, "updates": 1600}
    settings = hm.TrainConfig.derive(len(ROWS), needle(20.0), held_out=True, **given)
    *_, last = hm.train(needle(20.0), ROWS, settings, valid=valid, exact_seconds=1e-9, updates_between_states=seldom)
    assert [trial.settings["mode_search"] for trial in last.trials] == [0, MODE_SEARCH]
    assert last.trials[0].left_modes_out
    assert last.trials[0].value < -45
    assert exact.log_likelihood(last.rbm, valid).mean() > -30
    *_, again = hm.train(needle(20.0), ROWS, settings.repeat(last.metrics, last.trials), updates_between_states=seldom)
    for a, b in zip(jax.tree.leaves(last.rbm), jax.tree.leaves(again.rbm), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("estimator", ["exact", "cd-1", "pt-1"])
def test_it_is_for_persistent_chains(estimator):
    with pytest.raises(InputError, match=f"mode_search must be 0: .* not for estimator {estimator}"):
        hm.TrainConfig.derive(100, needle(0.0), estimator=estimator, mode_search=50)
