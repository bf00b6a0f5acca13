"""What is followed while a model is trained, against the exact values."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import random_rbm

import harmonium as hm
from harmonium import exact
from harmonium.errors import NoGainWarning
from harmonium.samplers import parallel_tempering
from harmonium.training import metrics
from harmonium.training.metrics import Metrics, summarize
from harmonium.training.rows import Rows
from harmonium.units import Binary

ROWS = np.random.default_rng(0).integers(0, 2, size=(60, 10), dtype=np.int8)


def measured(rbm, state=(), rows=ROWS, valid=ROWS[:20], exact_seconds=1.0, estimates=True, run_seconds=100.0):
    return following(rbm, rows, valid, exact_seconds, estimates, run_seconds).measure(rbm, state).metrics


def following(rbm, rows, valid=None, exact_seconds=1.0, estimates=True, run_seconds=100.0):
    training, held_out = (None if each is None else Rows(each, None, each) for each in (rows, valid))
    return Metrics(rbm, exact_seconds, estimates, True, None, run_seconds, training, held_out)


@pytest.fixture
def rbm():
    return random_rbm(Binary, Binary, (10, 6))


def test_means_of_thousands_of_large_free_energies_lose_no_digits():
    wide = random_rbm(Binary, Binary, (400, 6), scale=3.0)
    rows = np.random.default_rng(1).integers(0, 2, size=(5000, 400), dtype=np.int8)
    shown = metrics._free_energies(wide, rows).mean()
    assert shown == pytest.approx(hm.free_energy(wide, rows).mean(), rel=1e-7)


def test_chains_are_compared_with_training_rows(rbm):
    sampler = parallel_tempering(chains=20, rungs=3)
    state = sampler.init(jax.random.key(0), jax.tree.map(jnp.float32, rbm))
    found = measured(rbm, state)
    top = np.asarray(state.v[-1])
    shown = ROWS[np.linspace(0, 59, 20, dtype=int)]
    assert found["chain_gap"] == pytest.approx(hm.free_energy(rbm, top).mean() - hm.free_energy(rbm, shown).mean(), abs=1e-4)
    assert found["chain_spread"] == pytest.approx(top.var(axis=0).sum() / shown.var(axis=0).sum())
    assert "chain_gap" not in measured(rbm)


def test_an_estimate_is_followed_where_exact_values_take_too_long(rbm):
    """The estimate has an error bar; over five of them (5 sigma: a false alarm in about a million) it holds the exact value."""
    found = measured(rbm, exact_seconds=1e-12)
    log_z = exact.log_partition(rbm)
    assert 0 < found["log_partition_error"] < 0.1
    expected = -hm.free_energy(rbm, ROWS[:20]).mean() - log_z
    assert found["valid_log_likelihood"] == pytest.approx(expected, abs=5 * found["log_partition_error"])
    assert "log_partition_error" not in measured(rbm)
    assert "valid_log_likelihood" not in measured(rbm, exact_seconds=1e-12, estimates=False)


def test_short_runs_are_spared_estimates(rbm):
    assert "valid_log_likelihood" not in measured(rbm, exact_seconds=1e-12, run_seconds=7.0)
    wide = hm.initialize(np.zeros((9, 5000)), 400)  # an estimate takes a second
    assert following(wide, np.zeros((9, 5000), np.int8), run_seconds=9.0).look_seconds == 0
    assert following(wide, np.zeros((9, 5000), np.int8), run_seconds=90.0).look_seconds > 1


def test_without_held_out_rows_training_rows_are_followed(rbm):
    found = measured(rbm, valid=None)
    assert found["train_log_likelihood"] == pytest.approx(exact.log_likelihood(rbm, ROWS).mean(), abs=1e-5)
    assert "valid_log_likelihood" not in found
    assert "free_energy_gap" not in found


def test_the_progress_line_says_what_is_known():
    first = {"step": 1200.0, "updates_per_second": 300.0, "valid_log_likelihood": -88.123, "log_partition_error": 0.17}
    first |= {"free_energy_gap": 1.5, "chain_gap": 2.0, "chain_spread": 0.98}
    later = {"step": 1500.0, "updates_per_second": 310.0}
    line = summarize([first, later])
    assert line == "update 1,500  310/s  held-out log likelihood about -88.12 +- 0.17  gap +1.50  chains +2.0"
    collapsed = summarize([later | {"valid_log_likelihood": -5.0, "chain_gap": 0.0, "chain_spread": 0.1}])
    assert "held-out log likelihood -5.000" in collapsed
    assert "chains: only 10% of the data's spread" in collapsed
    assert "chains: 300% of the data's spread" in summarize([later | {"chain_gap": 0.0, "chain_spread": 3.0}])


def test_a_model_that_gains_nothing_over_independent_units_says_so():
    rows = np.random.default_rng(0).integers(0, 2, (60, 5))
    rbm = hm.initialize(rows, hidden=2, seed=0)
    with pytest.warns(NoGainWarning, match=r"better than independent units: .* of 60 rows differs from theirs by [+-]0"):
        hm.fit(rbm, rows, updates=3)
    alike = np.repeat(np.arange(60)[:, None] % 2, 5, axis=1)  # two states: much to gain
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = hm.fit(hm.initialize(alike, hidden=2, seed=0), alike, estimator="exact", updates=300)
        hm.fit(rbm, rows, updates=3, measure=False)  # unknown
    first = next(hm.train(found, alike, updates=1))
    assert repr(first).startswith("TrainState(step 0, RBM(5 binary, 2 binary, float32), train_log_likelihood -0.")
