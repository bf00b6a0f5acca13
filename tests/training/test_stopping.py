"""Early stopping: when it stops, and which machine it keeps."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium.training import TrainState, stop_early


def states(values, spacing=1000):
    """States whose machine and numbers tell which they are; None: a state whose likelihood was not measured."""
    for number, value in enumerate(values):
        metrics = {"step": float(number * spacing)}
        if value is not None:
            metrics |= {"valid_log_likelihood": value, "train_log_likelihood": value + 1, "free_energy_gap": float(number)}
        yield TrainState(number * spacing, f"machine {number}", f"iterate {number}", None, None, metrics)


def test_it_stops_when_the_best_is_long_ago_and_ends_with_the_best():
    values = [-9.0, -5.0, -3.0, -4.0, -3.5, -3.2, -2.0, -1.0]
    seen = list(stop_early(states(values), patience=1.0))
    # The best is number 2; patience for as many updates again ends after number 4, so number 5 is the last looked at.
    assert [state.step for state in seen] == [0, 1000, 2000, 3000, 4000, 5000, 5000]
    last = seen[-1]
    assert (last.rbm, last.iterate) == ("machine 2", "iterate 5")
    assert last.metrics["best_step"] == 2000
    assert last.metrics["valid_log_likelihood"] == -3.0
    assert last.metrics["train_log_likelihood"] == -2.0
    assert last.metrics["free_energy_gap"] == 2.0
    assert last.metrics["step"] == 5000


def test_a_run_that_keeps_improving_is_left_alone():
    seen = list(stop_early(states([-3.0, None, -2.0, None, -1.0])))
    assert [state.rbm for state in seen] == [f"machine {number}" for number in range(5)]
    assert "best_step" not in seen[-1].metrics


def test_states_without_a_likelihood_pass():
    assert len(list(stop_early(states([None] * 4)))) == 4


def test_no_run_is_stopped_before_the_least_number_of_updates():
    assert len(list(stop_early(states([-1.0, -2.0, -3.0, -4.0], spacing=10), least=100))) == 5


def test_overfitting_stops_a_real_run():
    """Six rows of coin flips: a machine of 8 hidden units learns them by heart, and others become less and less likely."""
    random = np.random.default_rng(0)
    rows, others = random.integers(0, 2, size=(6, 10)), random.integers(0, 2, size=(50, 10))
    run = hm.train(hm.initial(rows, 8), rows, updates=200_000, valid=others, seconds_between_states=lambda: 0.05)
    *_, state = stop_early(run, patience=0.5, least=500)
    assert state.step < 200_000
    assert state.metrics["best_step"] < state.step
    found = hm.exact.log_likelihood(state.rbm, others).mean()
    assert found == pytest.approx(state.metrics["valid_log_likelihood"], abs=1e-4)
    assert found > hm.exact.log_likelihood(state.iterate, others).mean()


@pytest.mark.parametrize(("setting", "message"), [({"patience": 0.0}, "patience must be"), ({"least": 0}, "least must be")])
def test_bad_input_is_refused(setting, message):
    with pytest.raises(hm.InputError, match=message):
        list(stop_early(states([1.0]), **setting))
