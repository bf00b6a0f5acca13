"""When a run ends, by its time or its held-out log likelihood, and which of its models it keeps."""

from __future__ import annotations

from importlib import import_module
from itertools import islice

import jax
import numpy as np
import pytest

import harmonium as hm
from harmonium.training.checkpoint import Progress
from harmonium.training.stopping import MAX_SPACING, UPDATE_FRACTION, Budget, Decay, EarlyStopping, looks, rise


def test_looks_lie_at_growing_distances_up_to_a_constant_one():
    steps = np.array(list(islice(looks(0.01), 60)))
    assert list(steps[:4]) == [10, 15, 22, 34]
    distances = np.diff(steps)
    assert (np.diff(distances) >= -1).all()  # they are rounded
    assert (distances <= MAX_SPACING).all()
    assert distances[-1] == MAX_SPACING
    assert (steps <= 10_000).sum() < 20  # few, though they begin early


def test_dear_looks_are_fewer_in_proportion():
    cheap, dear = (np.array(list(islice(looks(seconds), 40))) for seconds in (0.1, 0.5))
    np.testing.assert_allclose(dear, 5 * cheap, atol=3)
    assert list(islice(looks(1e-9), 40)) == cheap.tolist()


def test_a_rise_is_compared_row_by_row():
    earlier = np.random.default_rng(0).normal(-9, 5, 50)
    assert rise(earlier + 0.01, earlier) == pytest.approx((0.01, 0))  # however much the rows differ
    later = earlier + np.tile([0.5, -0.3], 25)
    assert rise(later, earlier) == pytest.approx((0.1, 0.4 * np.sqrt(50 / 49) / np.sqrt(50)))
    assert rise(None, earlier) is rise(earlier, None) is None
    assert rise(earlier[:1] + 1, earlier[:1]) == pytest.approx((1, 0))


def observe(early_stopping, values, spacing=1000, error=None, of_rows=0.0):
    """Observe models of these held-out log likelihoods (None: not measured); the decays to begin after each, and the end.

    `of_rows`: the standard error over rows of the difference of two models.
    """
    decays, risen_value = [], None
    for index, value in enumerate(values):
        metrics = {"updates_per_second": 7.0}
        if value is not None:
            metrics |= {"valid_log_likelihood": value, "train_log_likelihood": value + 1, "free_energy_gap": float(index)}
        if error is not None:
            metrics |= {"log_partition_error": error}
        risen = None if value is None or risen_value is None else (value - risen_value, of_rows)
        early_stopping = early_stopping.observe(index * spacing, metrics, risen)
        risen_value = value if early_stopping.risen_step == index * spacing else risen_value
        decays.append(early_stopping.decay(index * spacing))
    return decays, early_stopping


def test_it_begins_the_decay_when_the_best_is_long_ago_and_keeps_the_best():
    # The best is number 2; as many updates again are over after number 4.
    decays, observed = observe(EarlyStopping(1.0), [-9.0, -5.0, -3.0, -4.0, -3.5, -3.2], spacing=10_000)
    assert decays == [None] * 5 + [Decay(50_000, 75_000)]
    assert observed.risen_step == observed.best_step
    assert observed.is_worse
    assert observed.best_step == 20_000
    assert observed.best_metrics == {"valid_log_likelihood": -3.0, "train_log_likelihood": -2.0, "free_energy_gap": 2.0}


def test_a_run_that_keeps_improving_goes_on():
    assert observe(EarlyStopping(0.5), [-3.0, None, -2.0, None, -1.0])[0] == [None] * 5


def test_without_a_likelihood_nothing_is_known():
    for value in (None, float("nan")):
        decays, observed = observe(EarlyStopping(0.5), [value] * 4)
        assert decays == [None] * 4
        assert observed == EarlyStopping(0.5)


def test_no_run_stops_in_its_first_five_thousand_updates():
    decays, _ = observe(EarlyStopping(0.5), [-1.0, -2.0, -3.0, -4.0, -5.0], spacing=1500)
    assert decays == [None] * 4 + [Decay(6000, 9000)]


@pytest.mark.parametrize(("of_rows", "rises", "ends"), [(0.0, 0.1, False), (0.4, 0.1, True), (0.0, 2e-4, True)])
def test_a_rise_below_its_standard_error_is_none(of_rows, rises, ends):
    values = [-9.0, -5.0, -3.0, *(-3 + rises * index for index in (1, 2, 3))]
    decays, observed = observe(EarlyStopping(1.0), values, spacing=10_000, of_rows=of_rows)
    assert decays[-1] == (Decay(50_000, 75_000) if ends else None)
    assert observed.best_step == 50_000  # it counts as the best all the same
    assert not observed.is_worse


def test_small_rises_add_up():
    """Each is below the error; all are compared with the last one that was not."""
    values = [-9.0, *(-5.0 + 0.1 * index for index in range(9))]
    decays, observed = observe(EarlyStopping(1.0), values, spacing=1000, of_rows=0.25)
    assert decays == [None] * 10
    assert observed.risen_step == 7000  # by 0.3 each


def test_an_estimate_that_was_too_high_once_neither_stops_the_run_nor_is_kept():
    values = [-9.0, -8.0, -3.0, -7.0, -6.5, -6.0, -5.8, -5.9, -5.7]
    decays, observed = observe(EarlyStopping(1.0), values, spacing=10_000, error=0.1)
    assert decays == [None] * 9
    assert not observed.is_worse


def test_an_estimate_that_falls_by_more_than_its_error_stops_the_run():
    values = [-9.0, -5.0, -5.0, -5.1, -5.1, -5.2, -5.4, -5.5, -5.6]
    decays, observed = observe(EarlyStopping(1.0), values, spacing=10_000, error=0.15)
    # The best median is that of numbers 1 to 3; it is fallen below by more than 0.3 after number 7.
    assert [decay is not None for decay in decays] == [False] * 7 + [True] * 2
    assert observed.best_step == 10_000
    assert observed.is_worse


BUDGET = Budget(seconds=60.0, final_decay=0.9, last=None, total_updates=None)


def test_compiling_for_longer_than_the_constant_part_does_not_settle_the_length():
    budget = BUDGET.settle(1, 20.0, 0, 0.0)
    budget = budget.settle(9, 20.0, 8, 0.1)  # too few to say how fast they are
    assert budget.last is None
    assert not budget.is_over(9, 20.0)
    budget = budget.settle(109, 21.0, 108, 1.0)
    assert budget.last == budget.total_updates == 109 + int(UPDATE_FRACTION * 108 * 39)


def test_the_updates_so_far_lie_before_the_decay():
    assert 10_000 <= BUDGET.settle(1000, 50.0, 1000, 40.0).last <= 10_001  # 1,000 is a tenth of them, but for rounding


def test_a_run_whose_time_is_over_ends():
    assert BUDGET.settle(1, 61.0, 0, 0.0).is_over(1, 61.0)
    assert BUDGET.is_over(1, 67.0)


@pytest.fixture
def coin_flips():
    """Rows whose distribution is that of fair coins: a model learns twenty of them by heart, and others become less likely."""
    random = np.random.default_rng(0)
    return random.integers(0, 2, size=(20, 10)), random.integers(0, 2, size=(50, 10))


def test_the_kept_model_does_not_depend_on_when_states_come(coin_flips, monkeypatch):
    """As on computers of different loads; and it is no worse than the start, for rows of which nothing can be learned."""
    monkeypatch.setattr(import_module("harmonium.training.train"), "UPDATES_PER_COPY", 0)
    rows, others = coin_flips
    rbm = hm.initialize(rows, 4, seed=0)
    run = dict(estimator="pcd-1", updates=300, early_stopping=0.5, valid=others)
    few, many = (list(hm.train(rbm, rows, seconds_between_states=seconds, **run)) for seconds in (100.0, 1e-6))
    kept, other = few[-1], many[-1]
    assert len(few) < len(many)
    assert kept.ended == other.ended == "updates"
    assert {state.ended for state in few[:-1]} == {None}
    assert kept.metrics["best_step"] == other.metrics["best_step"]
    assert jax.tree.all(jax.tree.map(np.array_equal, kept.rbm, other.rbm))
    assert hm.exact.log_likelihood(kept.rbm, others).mean() >= hm.exact.log_likelihood(rbm, others).mean() - 1e-6
    looked_at = [state.step for state in few if "valid_log_likelihood" in state.metrics]
    assert looked_at == [step for step in [0, *islice(looks(1e-3), 9), 300] if step <= 300]


def test_a_run_that_has_lost_a_tenth_of_its_gain_ends_at_once(coin_flips):
    rows, others = coin_flips
    rbm, run = hm.initialize(rows, 8), dict(estimator="pcd-1", learning_rate=0.1, l1=0.0)
    *_, state = hm.train(rbm, rows, updates=200_000, early_stopping=0.5, valid=others, **run)
    best = int(state.metrics["best_step"])
    assert state.ended == "no gain"
    assert max(1.5 * best, best + 500) < state.step < 10_000
    *_, again = hm.train(rbm, rows, updates=best, total_updates=200_000, **run)
    assert jax.tree.all(jax.tree.map(np.array_equal, again.rbm, state.rbm))


@pytest.mark.slow
def test_an_overfitting_run_stops_early_and_can_be_repeated(coin_flips, monkeypatch):
    monkeypatch.setattr("harmonium.training.stopping.FALL", 1e9)  # or it would end without a decay
    rows, others = coin_flips
    rbm = hm.initialize(rows, 8)
    run = dict(estimator="pcd-1", learning_rate=0.1, l1=0.0)
    *_, state = hm.train(
        rbm, rows, updates=200_000, early_stopping=0.5, valid=others, seconds_between_states=lambda: 0.02, **run
    )
    decay = Decay(int(state.metrics["early_decay_first"]), int(state.metrics["early_decay_last"]))
    assert state.step == decay.last < 200_000
    assert state.ended == "no gain"
    assert decay.last == pytest.approx(1.5 * decay.first, abs=1)
    assert state.metrics["best_step"] < state.step
    found = hm.exact.log_likelihood(state.rbm, others).mean()
    assert found == pytest.approx(state.metrics["valid_log_likelihood"], abs=1e-4)
    assert found > hm.exact.log_likelihood(state.iterate, others).mean()
    *_, again = hm.train(rbm, rows, updates=state.step, total_updates=200_000, early_decay=decay, **run)
    assert jax.tree.all(jax.tree.map(np.array_equal, again.iterate, state.iterate))


def test_the_decay_takes_the_steps_to_zero(coin_flips):
    rbm = hm.initialize(coin_flips[0], 4)
    run = dict(final_decay=0.0, early_decay=(20, 40))
    *_, at_its_end = hm.train(rbm, coin_flips[0], updates=40, **run)
    *_, later = hm.train(rbm, coin_flips[0], updates=60, **run)
    *_, before = hm.train(rbm, coin_flips[0], updates=20, **run)
    *_, without = hm.train(rbm, coin_flips[0], updates=20, final_decay=0.0)
    assert jax.tree.all(jax.tree.map(np.array_equal, at_its_end.iterate, later.iterate))
    assert jax.tree.all(jax.tree.map(np.array_equal, before.iterate, without.iterate))
    assert not np.array_equal(at_its_end.iterate.weights, before.iterate.weights)


def test_modes_that_were_left_out_are_remembered_and_only_their_own_model_says_so():
    stopping = EarlyStopping(1.0)
    for step, value in enumerate((-10.0, -5.0, -5.1, -40.0, -45.0, -50.0)):
        raised = {"log_partition_raised": 40.0} if value < -30 else {}
        metrics = {"step": float(step), "valid_log_likelihood": value, "log_partition_error": 0.1} | raised
        stopping = stopping.observe(step, metrics)
        assert stopping.left_modes_out == (value < -30)
    at_end = import_module("harmonium.training.train")._metrics_at_end
    last = Progress({}, Budget(None, 0.9, 6, 6), step=6, metrics=metrics)
    assert "log_partition_raised" not in at_end(stopping, last, False)
