"""The search over settings: what is tried, what is kept, and that it can be repeated and resumed."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import jax
import numpy as np
import pytest

import harmonium as hm
from harmonium.training.search import (
    MAX_UPDATES,
    MIN_UPDATES,
    MODE_SEARCH,
    RISING,
    SEARCHED,
    Trial,
    best_index,
    describe_trials,
    propose,
)

FIRST = {"learning_rate": 0.3, "l1": 1e-4, "estimator": "pcd-1", "mode_search": 0}


def trial(value, step=1000, **settings):
    return Trial(FIRST | settings, 2 * step, "no gain", step, value)


def tried(free, values, tempering=True):
    """The settings that are tried after the first, where each trial gets the next of these values."""
    trials, settings = [trial(values[0])], []
    for value in values[1:]:
        proposal = propose(trials, free, tempering)
        if proposal is None:
            break
        settings.append(proposal.settings)
        trials.append(trial(value, **proposal.settings))
    return settings


def test_rates_fall_by_a_third_as_long_as_that_helps():
    rates = [settings["learning_rate"] for settings in tried(("learning_rate",), [-5.0, -4.0, -3.0, -3.5, -9.0])]
    assert rates == pytest.approx([0.1, 0.1 / 3, 0.1 / 9])  # the last was worse, so none follows


def test_a_lower_rate_then_penalties_then_lower_rates_and_then_chains_are_tempered():
    found = tried(SEARCHED, [-5.0, -4.0, -3.9, -4.2, -3.8, -4.3, -4.4])
    assert [settings["learning_rate"] for settings in found] == pytest.approx([0.1] * 4 + [0.1 / 3, 0.1])
    assert [settings["l1"] for settings in found] == pytest.approx([1e-4, 1e-3, 10**-2.5] + [10**-3.5] * 3)
    assert [settings["estimator"] for settings in found] == ["pcd-1"] * 5 + ["pt-1"]
    assert tried(SEARCHED, [-5.0, -6.0, -6.0, -6.0, -6.0], tempering=False)[-1]["estimator"] == "pcd-1"


def test_penalties_are_tried_at_one_rate():
    found = tried(SEARCHED, [-5.0, -4.0, -3.9, -4.2, -4.0, -3.7, -3.6, -3.8], tempering=False)
    assert [settings["learning_rate"] for settings in found][4:] == pytest.approx([0.1 / 3, 0.1 / 9, 0.1 / 27])
    assert {settings["l1"] for settings in found[4:]} == {1e-3}


def test_few_held_out_rows_choose_nothing_but_whether_anything_is_learned():
    assert propose([trial(-5.0)], SEARCHED, True, held_out=9) is None
    assert propose([trial(-5.0, step=0)], SEARCHED, True, held_out=9).settings["learning_rate"] == pytest.approx(0.1)


def test_a_rate_falls_until_something_is_learned():
    trials = [trial(-5.0, step=0), trial(-5.0, step=0, learning_rate=0.1)]
    assert propose(trials, SEARCHED, True).settings["learning_rate"] == pytest.approx(0.1 / 3)


def test_modes_that_chains_left_out_are_searched_for_next_in_all_the_time_left():
    first = replace(trial(-5.0), left_modes_out=True)
    found = propose([first], SEARCHED, False)
    assert found.settings == FIRST | {"mode_search": MODE_SEARCH}
    assert (found.updates, found.least) == (MAX_UPDATES, MIN_UPDATES)
    after = propose([first, trial(-4.0, **found.settings)], SEARCHED, False)  # a lower rate, with the search
    assert after.settings == found.settings | {"learning_rate": pytest.approx(0.1)}
    for given in (replace(first, settings=FIRST | {"estimator": "exact"}), trial(-5.0)):
        assert propose([given], SEARCHED, False).settings["mode_search"] == 0
    assert propose([first], ("learning_rate",), False).settings["mode_search"] == 0


def test_tempered_chains_do_without_a_search_for_modes():
    given = trial(-5.0, mode_search=MODE_SEARCH)
    assert propose([given], ("estimator",), True).settings == FIRST | {"estimator": "pt-1"}


def test_what_is_given_stays():
    assert {settings["learning_rate"] for settings in tried(("l1", "estimator"), [-5.0, -4.0, -3.0, -9.0])} == {0.3}
    assert propose([trial(-5.0)], (), True) is None


def test_trials_are_as_long_as_the_best_suggests_and_none_is_too_long():
    assert propose([trial(-5.0, step=700)], ("learning_rate",), True).updates == 6 * 700
    longer = [trial(-5.0, step=700), trial(-4.0, step=4000, learning_rate=0.1)]
    assert propose(longer, ("learning_rate",), True).updates == 3 * 4000
    assert propose([trial(-5.0, step=MAX_UPDATES)], ("learning_rate",), True) is None


def test_a_penalty_is_tried_in_the_updates_that_are_left():
    """Of the 20,000, the lower rate's trial took 8,000 and asks for as many twice."""
    trials = [trial(-5.0, step=1300), replace(trial(-4.0, step=8000, learning_rate=0.1), updates=8000)]
    found = propose(trials, SEARCHED, False)
    assert (found.settings["l1"], found.updates, found.least) == (1e-3, MAX_UPDATES - 8000, 8000)
    assert propose([trials[0], replace(trials[1], updates=12_001)], SEARCHED, False) is None


def test_the_earliest_of_equal_trials_is_the_best():
    assert best_index([trial(-5.0), trial(-4.0), trial(-4.0)]) == 1


def test_three_lines_say_what_was_tried():
    lines = describe_trials([trial(-5.0), trial(-4.5, learning_rate=0.1), trial(-6.0, l1=5e-4)])
    assert lines == [
        "tried on held-out rows: learning_rate 0.3, 0.1; l1 0.0001, 0.0005",
        "kept: learning_rate 0.1, l1 0.0001, estimator pcd-1: -4.500 after 1,000 of 2,000 updates (no gain)",
        "next best: learning_rate 0.3, l1 0.0001, estimator pcd-1: -5.000 after 1,000 of 2,000 updates (no gain)",
    ]
    assert describe_trials([trial(-5.0)]) == []


def test_a_rise_to_the_end_is_said():
    cut = replace(trial(-5.0), updates=1000, why="updates")
    assert describe_trials([cut]) == [RISING]
    assert describe_trials([trial(-6.0), cut])[-1] == RISING
    assert describe_trials([replace(cut, updates=1500)]) == describe_trials([replace(cut, why="no gain")]) == []
    assert RISING not in describe_trials([cut, trial(-4.0)])


@pytest.fixture(scope="module")
def two_patterns():
    """Few rows of two noisy patterns: soon learned by heart."""
    random = np.random.default_rng(0)

    def draw(rows):
        return ((random.random((rows, 1)) < 0.5) ^ (random.random((rows, 12)) < 0.2)).astype(int)

    return draw(25), draw(40)


RUN = {"updates": 9000, "estimator": "pcd-1", "seed": 1}


@pytest.fixture(scope="module")
def searched(two_patterns):
    rows, others = two_patterns
    return list(hm.train(hm.initialize(rows, 5), rows, valid=others, updates_between_states=997, **RUN))


def test_the_best_model_of_all_trials_is_kept(searched, two_patterns):
    last = searched[-1]
    assert len(last.trials) > 2
    assert last.ended == "no gain"
    assert sum(trial.updates for trial in last.trials) == last.step <= 9000
    found = hm.exact.log_likelihood(last.rbm, two_patterns[1]).mean()
    assert found == pytest.approx(max(trial.value for trial in last.trials), abs=1e-4)
    assert found > hm.exact.log_likelihood(hm.initialize(two_patterns[0], 5), two_patterns[1]).mean() + 1
    steps = [state.step for state in searched]
    assert steps == sorted(steps)


def test_a_search_neither_depends_on_the_clock_nor_on_being_resumed(searched, two_patterns):
    rows, others = two_patterns
    rbm, last = hm.initialize(rows, 5), searched[-1]
    *_, by_clock = hm.train(rbm, rows, valid=others, seconds_between_states=1e-4, **RUN)
    assert by_clock.trials == last.trials
    middle = next(state for state in searched if len(state.trials) == 1)  # at the start of the second trial
    later = next(state for state in searched if len(state.trials) == 2 and state.metrics["valid_log_likelihood"])
    for state in (middle, later):
        *_, resumed = hm.train(rbm, rows, valid=others, resume=state.checkpoint, updates_between_states=997, **RUN)
        assert resumed.trials == last.trials
        assert jax.tree.all(jax.tree.map(np.array_equal, resumed.rbm, last.rbm))


def test_the_best_trial_can_be_repeated_alone(searched, two_patterns):
    rows, others = two_patterns
    rbm, last = hm.initialize(rows, 5), searched[-1]
    config = hm.TrainConfig.derive(len(rows), rbm, held_out=True, updates=9000, estimator="pcd-1")
    repeated = config.repeat(last.metrics, last.trials)
    assert repeated.updates == last.trials[best_index(last.trials)].step == last.metrics["best_step"]
    *_, again = hm.train(rbm, rows, repeated, valid=others, seed=1)
    assert jax.tree.all(jax.tree.map(np.array_equal, again.rbm, last.rbm))


def test_a_trial_that_diverges_is_followed_by_a_lower_rate():
    """Real values far from standard: at the full rate the weights explode."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((240, 3)) @ random.standard_normal((3, 4)) * 9.0
    *_, state = hm.train(
        hm.initialize(rows[:200], 3, hm.Gaussian), rows[:200], valid=rows[200:], estimator="pcd-1", updates=3000
    )
    assert state.trials[0].why == "diverged"
    best = state.trials[best_index(state.trials)]
    assert best.settings["learning_rate"] < state.trials[0].settings["learning_rate"]
    assert np.isfinite(state.rbm.weights).all()
    assert best.value > state.trials[0].value


def test_rows_are_held_out_for_the_search_and_then_learned_from_too(two_patterns):
    rows = np.concatenate(two_patterns)
    rbm = hm.initialize(rows, 5)
    run = {"estimator": "pcd-1", "minutes": 5.0, "updates_between_states": 5000}
    states = list(hm.train(rbm, rows, **run))
    last = states[-1]
    config = hm.TrainConfig.derive(len(rows), rbm, held_out=True, refit=True, minutes=5.0, estimator="pcd-1")
    repeated = config.repeat(last.metrics, last.trials)
    *_, again = hm.train(rbm, rows, repeated)  # nothing is held out there: all rows from the start
    assert jax.tree.all(jax.tree.map(np.array_equal, again.rbm, last.rbm))
    assert last.ended == "no gain"
    searching = next(state for state in states if len(state.trials) == 1)
    *_, resumed = hm.train(rbm, rows, resume=searching.checkpoint, **run)
    assert jax.tree.all(jax.tree.map(np.array_equal, resumed.rbm, last.rbm))
    *_, without = hm.train(rbm, rows, refit=False, **run)
    assert without.trials == last.trials
    assert not np.array_equal(without.rbm.weights, last.rbm.weights)


def test_rows_are_learned_from_in_the_end_though_nothing_is_searched(two_patterns):
    rows = np.concatenate(two_patterns)
    rbm, given = hm.initialize(rows, 5), {"estimator": "pcd-1", "learning_rate": 0.3, "l1": 0.0}
    *_, state = hm.train(rbm, rows, minutes=5.0, **given)
    assert len(state.trials) == 1
    assert state.metrics["refit"] == state.metrics["split"] == 1
    assert "valid_log_likelihood" not in state.metrics  # no row is held out any more
    assert state.metrics["refit_log_likelihood"] >= state.trials[0].value
    assert state.metrics["log_partition"] == pytest.approx(hm.exact.log_partition(state.rbm))
    assert state.step == state.trials[0].updates + state.trials[0].step


@pytest.mark.parametrize("name", ["refit", "train"])
@pytest.mark.parametrize("value", [-1e9, float("nan")])
def test_a_refit_that_loses_is_not_kept(two_patterns, monkeypatch, name, value):
    """Neither on the rows that it learned from besides nor on all together."""
    rows = np.concatenate(two_patterns)
    rbm, given = hm.initialize(rows, 5), {"estimator": "pcd-1", "learning_rate": 0.3, "l1": 0.0, "minutes": 5.0}
    config = hm.TrainConfig.derive(len(rows), rbm, held_out=True, refit=True, **given)
    *_, without = hm.train(rbm, rows, refit=False, **given)
    run = import_module("harmonium.training.run").Run
    measure = run.measure

    def worse(run, progress, *arguments):
        progress, kept = measure(run, progress, *arguments)
        if progress.is_refit:
            progress = replace(progress, metrics=progress.metrics | {f"{name}_log_likelihood": value})
        return progress, kept

    monkeypatch.setattr(run, "measure", worse)
    *_, state = hm.train(rbm, rows, **given)
    assert jax.tree.all(jax.tree.map(np.array_equal, state.rbm, without.rbm))
    assert state.metrics["refit"] == 0
    assert "refit_log_likelihood" not in state.metrics
    assert state.metrics["valid_log_likelihood"] == state.trials[0].value
    assert config.repeat(state.metrics, state.trials) is None  # these rows were held out here
