"""Patience: when a run is braked, where it ends, and which machine it keeps."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import harmonium as hm
from harmonium.training.patience import Brake, Patience


def shown(patience, values, spacing=1000):
    """Look at states whose machine and numbers tell which they are (None: not measured); the brakes asked for after each."""
    brakes = []
    for number, value in enumerate(values):
        metrics = {"updates_per_second": 7.0}
        if value is not None:
            metrics |= {"valid_log_likelihood": value, "train_log_likelihood": value + 1, "free_energy_gap": float(number)}
        patience.look(number * spacing, f"machine {number}", metrics)
        brakes.append(patience.brake(number * spacing))
    return brakes


def test_it_brakes_when_the_best_is_long_ago_and_keeps_the_best():
    patience = Patience(1.0)
    # The best is number 2; patience for as many updates again ends after number 4.
    brakes = shown(patience, [-9.0, -5.0, -3.0, -4.0, -3.5, -3.2], spacing=10_000)
    assert brakes == [None] * 5 + [Brake(50_000, 75_000)]
    rbm, metrics = patience.kept("the last", {"step": 9.0, "valid_log_likelihood": -8.0})
    assert rbm == "machine 2"
    assert metrics == {
        "step": 9.0,
        "valid_log_likelihood": -3.0,
        "train_log_likelihood": -2.0,
        "free_energy_gap": 2.0,
        "best_step": 20_000.0,
    }


def test_a_run_that_keeps_improving_is_left_alone():
    assert shown(Patience(0.5), [-3.0, None, -2.0, None, -1.0]) == [None] * 5


def test_without_a_likelihood_nothing_is_known():
    patience = Patience(0.5)
    assert shown(patience, [None] * 4) == [None] * 4
    assert patience.kept("the last", {"step": 3.0}) == ("the last", {"step": 3.0})


def test_no_run_is_braked_in_its_first_ten_thousand_updates():
    assert shown(Patience(0.5), [-1.0, -2.0, -3.0, -4.0], spacing=3000) == [None] * 4


def test_an_estimate_that_was_too_high_once_neither_brakes_nor_is_kept():
    patience = Patience(1.0)
    for number, value in enumerate([-9.0, -8.0, -3.0, -7.0, -6.5, -6.0, -5.8, -5.9, -5.7]):
        patience.look(number * 10_000, f"machine {number}", {"valid_log_likelihood": value, "log_partition_error": 0.1})
        assert patience.brake(number * 10_000) is None
    assert patience.kept("the last", {"step": 80_000.0}) == ("the last", {"step": 80_000.0, "best_step": 80_000.0})


def test_a_fall_of_an_estimate_by_more_than_its_error_brakes():
    patience = Patience(1.0)
    brakes = []
    for number, value in enumerate([-9.0, -5.0, -5.0, -5.1, -5.1, -5.2, -5.4, -5.5, -5.6]):
        patience.look(number * 10_000, f"machine {number}", {"valid_log_likelihood": value, "log_partition_error": 0.15})
        brakes.append(patience.brake(number * 10_000))
    # The best median is that after number 2; it is fallen below by more than 0.3 after number 7.
    assert [brake is not None for brake in brakes] == [False] * 7 + [True] * 2
    assert patience.kept("the last", {"step": 80_000.0})[0] == "machine 2"


@pytest.fixture
def coin_flips():
    """Rows whose law is that of fair coins: a machine learns twenty of them by heart, and others become less likely."""
    random = np.random.default_rng(0)
    return random.integers(0, 2, size=(20, 10)), random.integers(0, 2, size=(50, 10))


@pytest.mark.slow
def test_an_overfitting_run_is_braked_ends_and_can_be_repeated(coin_flips):
    rows, others = coin_flips
    rbm = hm.initialize(rows, 8)
    run = dict(valid=others, seconds_between_states=lambda: 0.02)
    *_, state = hm.train(rbm, rows, updates=200_000, patience=0.5, **run)
    brake = Brake(int(state.metrics["brake_first"]), int(state.metrics["brake_last"]))
    assert state.step == brake.last < 200_000
    assert brake.last == pytest.approx(1.5 * brake.first, abs=1)
    assert state.metrics["best_step"] < state.step
    found = hm.exact.log_likelihood(state.rbm, others).mean()
    assert found == pytest.approx(state.metrics["valid_log_likelihood"], abs=1e-4)
    assert found > hm.exact.log_likelihood(state.iterate, others).mean()
    *_, again = hm.train(rbm, rows, updates=state.step, horizon=200_000, brake=brake)
    assert jax.tree.all(jax.tree.map(np.array_equal, again.iterate, state.iterate))


def test_the_brake_takes_the_steps_to_zero(coin_flips):
    rbm = hm.initialize(coin_flips[0], 4)
    run = dict(cooldown=0.0, brake=(20, 40))
    *_, at_its_end = hm.train(rbm, coin_flips[0], updates=40, **run)
    *_, later = hm.train(rbm, coin_flips[0], updates=60, **run)
    *_, before = hm.train(rbm, coin_flips[0], updates=20, **run)
    *_, without = hm.train(rbm, coin_flips[0], updates=20, cooldown=0.0)
    assert jax.tree.all(jax.tree.map(np.array_equal, at_its_end.iterate, later.iterate))
    assert jax.tree.all(jax.tree.map(np.array_equal, before.iterate, without.iterate))
    assert not np.array_equal(at_its_end.iterate.weights, before.iterate.weights)
