"""Training: how good the models are, repeatability, the end of a run, metrics, and refusals."""

from __future__ import annotations

import math
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import random_rbm

import harmonium as hm
from harmonium import data, exact, gradients
from harmonium.cli.options import RunOptions
from harmonium.training.update import advance
from harmonium.units import Binary, Spin


def last(states):
    *_, state = states
    return state


@pytest.fixture
def patterns():
    return data.load("bars-and-stripes:3x3").train


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.slow_except("[0]")
def test_exact_gradient_comes_within_a_tenth_of_a_nat_of_the_bound(patterns, seed):
    rbm = hm.initialize(patterns, 8, scale=0.1, seed=seed)
    optimizer = optax.sgd(0.5, momentum=0.9)
    state = last(
        hm.train(rbm, patterns, estimator=gradients.exact(), optimizer=optimizer, updates=2000, average=0.0, final_decay=0.0)
    )
    reached = exact.log_likelihood(state.rbm, patterns).mean()
    assert -math.log(14) - 0.1 < reached <= -math.log(14)


@pytest.mark.parametrize(("visible", "hidden"), [(Binary, Binary), (Spin, Spin), (Spin, Binary), (Binary, Spin)])
@pytest.mark.slow
def test_every_kind_of_unit_learns(patterns, visible, hidden):
    rows = patterns if visible is Binary else 2 * patterns - 1
    rbm = hm.initialize(rows, hidden.zeros(8), visible=visible, scale=0.1)
    # A spin's statistics are twice as large as a binary unit's, so its steps are made a quarter as long.
    rate = 0.2 if visible is hidden is Binary else 0.05
    state = last(hm.train(rbm, rows, estimator=gradients.exact(), learning_rate=rate, momentum=0.9, updates=3000))
    independent = exact.log_likelihood(rbm, rows).mean()
    assert exact.log_likelihood(state.rbm, rows).mean() > independent + 2


def test_pcd_learns_and_beats_independent_units_by_far(patterns):
    rbm = hm.initialize(patterns, 8, scale=0.1)
    state = last(hm.train(rbm, patterns, estimator=hm.pcd(1, chains=200), learning_rate=0.1, updates=3000))
    assert exact.log_likelihood(state.rbm, patterns).mean() > exact.log_likelihood(rbm, patterns).mean() + 2


@pytest.mark.parametrize("estimator", [gradients.exact(), hm.cd(1), hm.pcd(1, chains=30)], ids=["exact", "cd", "pcd"])
def test_the_result_depends_on_the_seed_alone_and_not_on_where_states_were_yielded(patterns, estimator, monkeypatch):
    monkeypatch.setattr(
        import_module("harmonium.training.train"), "UPDATES_PER_COPY", 0
    )  # states at will, however long copies take
    rbm = hm.initialize(patterns, 4)

    def run(seed, spacing):
        run = dict(batch_size=5, updates=60, early_stopping=0, seed=seed, valid=patterns, seconds_between_states=spacing)
        states = list(hm.train(rbm, patterns, estimator=estimator, **run))
        return len(states), states[-1]

    many, often = run(3, lambda: 0.0)
    few, seldom = run(3, 1e9)
    assert many > few
    assert same(often.rbm, seldom.rbm)
    assert same(often.iterate, seldom.iterate)
    assert not same(often.rbm, run(4, 1e9)[1].rbm)


@pytest.mark.slow
def test_minutes_record_the_updates_that_repeat_the_run(patterns):
    rbm = hm.initialize(patterns, 4)
    config = hm.TrainConfig.derive(len(patterns), rbm, estimator=hm.cd(1), batch_size=5, minutes=0.03)
    timed = last(hm.train(rbm, patterns, config))
    assert 0 < timed.step <= timed.metrics["total_updates"]  # fewer, where the machine slowed down and the time was over first
    counted = last(hm.train(rbm, patterns, config.repeat(timed.metrics)))
    assert same(timed.rbm, counted.rbm)


def test_states_start_at_the_beginning_and_end_at_the_end(patterns):
    rbm = hm.initialize(patterns, 4)
    states = list(hm.train(rbm, patterns, estimator=hm.cd(1), updates=25, valid=patterns))
    assert states[0].step == 0
    assert states[-1].step == 25
    assert [state.step for state in states] == sorted({state.step for state in states})
    np.testing.assert_allclose(states[0].rbm.weights, rbm.weights, atol=1e-7)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(states[-1].rbm))


def test_one_update_is_the_estimators_gradient_times_the_rate(patterns):
    rbm = hm.initialize(patterns, 4, scale=0.3)
    state = last(
        hm.train(rbm, patterns, estimator=gradients.exact(), optimizer=optax.sgd(0.5), updates=1, average=0, final_decay=0.0)
    )
    with jax.enable_x64(True):
        slope = gradients.exact().gradient(None, rbm, (), patterns)[0]
    expected = jax.tree.map(lambda p, g: p + 0.5 * np.asarray(g), rbm, slope)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), state.rbm, expected)


def test_the_average_is_that_of_the_iterates(patterns):
    """Reaching back over all of the run it is the plain mean of the iterates; over a share of it, the recursion of the mean
    with a step's weight 1 / (1 + share * number)."""
    rbm = hm.initialize(patterns, 3, scale=0.3)
    run = dict(estimator=gradients.exact(), optimizer=optax.sgd(0.5), final_decay=0.0)
    iterates = [last(hm.train(rbm, patterns, updates=n, average=0, **run)).rbm.weights for n in range(1, 13)]
    everything = last(hm.train(rbm, patterns, updates=12, average=1.0, **run)).rbm.weights
    np.testing.assert_allclose(everything, np.mean(iterates, axis=0), atol=1e-6)
    average = 0.0
    for step, iterate in enumerate(iterates):
        average = average + (iterate - average) / (1 + 0.25 * step)
    found = last(hm.train(rbm, patterns, updates=12, average=0.25, **run)).rbm.weights
    np.testing.assert_allclose(found, average, atol=1e-6)


def test_every_row_is_used_once_in_an_epoch():
    """Rows that each light one column of their own: the positive term of a batch counts which rows were in it."""
    rows = np.eye(6)
    seen = []

    def gradient(key, rbm, state, v):
        jax.debug.callback(lambda batch: seen.append(np.asarray(batch).sum(axis=0)), v, ordered=True)
        return jax.tree.map(lambda leaf: 0 * leaf, rbm), state, None

    estimator = gradients.Estimator(lambda key, rbm: (), gradient)
    last(hm.train(hm.initialize(rows, 2), rows, estimator=estimator, batch_size=2, updates=9))
    jax.effects_barrier()
    epochs = np.array(seen).reshape(3, 3, 6).sum(axis=1)
    np.testing.assert_array_equal(epochs, np.ones((3, 6)))
    assert any(not np.array_equal(seen[:3], seen[i : i + 3]) for i in (3, 6))


def test_metrics_are_what_they_say(patterns):
    train_rows, valid = patterns[:9], patterns[9:]
    rbm = hm.initialize(train_rows, 4, scale=0.5)
    metrics = next(iter(hm.train(rbm, train_rows, updates=1, valid=valid))).metrics
    assert (len(train_rows), len(valid)) == (9, 5)
    shown = train_rows[::2]  # as many as held-out rows, evenly spaced
    gap = hm.free_energy(rbm, valid).mean() - hm.free_energy(rbm, shown).mean()
    assert metrics["free_energy_gap"] == pytest.approx(gap, abs=1e-5)
    assert metrics["valid_log_likelihood"] == pytest.approx(exact.log_likelihood(rbm, valid).mean(), abs=1e-5)
    assert metrics["train_log_likelihood"] == pytest.approx(exact.log_likelihood(rbm, shown).mean(), abs=1e-5)
    assert metrics["train_log_likelihood"] - metrics["valid_log_likelihood"] == pytest.approx(gap, abs=1e-5)


def test_the_optimizers_steps_fall_linearly_to_zero_in_the_final_decay(patterns):
    """With a gradient that is always one, each update moves the weights by the scale times the rate."""

    def gradient(key, rbm, state, v):
        return jax.tree.map(jnp.ones_like, rbm), state, None

    always_one = gradients.Estimator(lambda key, rbm: (), gradient)
    rbm = hm.initialize(patterns, 2)

    def moved(**length):
        state = last(
            hm.train(rbm, patterns, estimator=always_one, optimizer=optax.sgd(1.0), final_decay=0.4, average=0, **length)
        )
        return float(state.rbm.weights[0, 0] - rbm.weights[0, 0])

    scales = [min(1.0, (1 - step / 10) / 0.4) for step in range(10)]
    for updates in (1, 7, 9, 10):
        assert moved(updates=updates, total_updates=10) == pytest.approx(sum(scales[:updates]), abs=1e-4)
    assert moved(updates=10) == pytest.approx(sum(scales), abs=1e-4)


def test_fit_is_train_to_its_end_and_a_config_is_its_settings(patterns):
    rbm, seen = hm.initialize(patterns, 3), []
    config = hm.TrainConfig.derive(len(patterns), rbm, updates=20)
    by_config = hm.fit(rbm, patterns, config, progress=seen.append, seconds_between_states=1e308)
    assert same(by_config, last(hm.train(rbm, patterns, updates=20)).rbm)
    assert seen[-1].step == 20
    assert not same(by_config, hm.fit(rbm, patterns, config, learning_rate=0.1))


def test_states_hold_arrays_of_their_own(patterns):
    """The compiled loop writes over its own arrays, but never over those of a state that was yielded."""
    states = list(hm.train(hm.initialize(patterns, 3), patterns, updates=50, seconds_between_states=lambda: 0.0))
    seen = [np.array(state.iterate.weights) for state in states]
    assert not np.array_equal(seen[0], seen[-1])
    for state, weights in zip(states, seen, strict=True):
        np.testing.assert_array_equal(state.iterate.weights, weights)
        assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves((state.rbm, state.optimizer, state.estimator)))


def test_states_with_missing_cells_share_no_memory_that_is_overwritten(patterns):
    """A state keeps the missing cells alone; its checkpoint, asked for long afterwards, has the rows that were its own."""
    rows = np.where(np.random.default_rng(0).random(patterns.shape) < 0.3, np.nan, patterns)
    run = dict(estimator="pcd-1", chains=20, updates=40, seconds_between_states=lambda: 0.0, measure=False)
    at_once, later = [], []
    for state in hm.train(hm.initialize(rows, 3), rows, **run):
        at_once.append(state.checkpoint.arrays["completed"])
        later.append(state)
    assert not np.array_equal(at_once[0], at_once[-1])
    for array, state in zip(at_once, later, strict=True):
        np.testing.assert_array_equal(state.checkpoint.arrays["completed"], array)
        assert state._reached.completed.shape == (np.isnan(rows).sum(),)


def test_equal_names_of_estimators_are_compiled_once(patterns):
    compiled = advance._cache_size()
    for seed in (0, 1):
        rbm = hm.initialize(patterns[:7], 3, seed=seed)
        last(hm.train(rbm, patterns[:7], estimator="pt-1", chains=11, updates=3, seed=seed, measure=False))
    assert advance._cache_size() == compiled + 1


@pytest.mark.parametrize("name", ["cd", "pcd"])
@pytest.mark.slow_except("[cd]")
def test_rounded_products_learn_as_well(patterns, name):
    """bfloat16 rounds the factors by 2^-9 at most: the exact log likelihood reached stays within a twentieth of a nat."""
    estimator = gradients.centered(getattr(hm, name)(1))
    rbm = hm.initialize(patterns, 8, scale=0.1)
    reached = []
    for bfloat16 in (False, True):
        state = last(hm.train(rbm, patterns, estimator=estimator, learning_rate=0.05, updates=3000, bfloat16=bfloat16))
        assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves((state.rbm, state.estimator)))
        reached.append(exact.log_likelihood(state.rbm, patterns).mean())
    assert reached[0] != reached[1]
    assert reached[1] == pytest.approx(reached[0], abs=0.05)


@pytest.mark.parametrize("rate", [math.inf, 1e30])
def test_divergence_is_noticed_and_the_last_good_state_stays(patterns, rate):
    rbm = hm.initialize(patterns, 4)
    states = []

    def collect():
        for state in hm.train(rbm, patterns, estimator=hm.cd(1), optimizer=optax.sgd(rate), updates=100):
            states.append(state)

    with pytest.raises(hm.DivergenceError, match="lower the rate"):
        collect()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(states[-1].rbm))


def test_visible_units_by_name_and_the_command_line_s_number_of_hidden_ones():
    rows = np.random.default_rng(0).normal(size=(50, 3))
    rbm = hm.initialize(rows, visible="gaussian")
    assert isinstance(rbm.visible, hm.Gaussian)
    assert rbm.hidden.size == RunOptions.hidden
    assert hm.initialize(np.eye(3), 2, "categorical:3").visible.same_structure(hm.Categorical.zeros((3,)))
    with pytest.raises(hm.InputError, match="visible 'gausian' is unknown: use binary, "):
        hm.initialize(rows, visible="gausian")


def test_initial_visible_biases_are_the_data_means(patterns):
    rbm = hm.initialize(patterns, 4, scale=1e-9)
    np.testing.assert_allclose(hm.visible_given_hidden(rbm, np.zeros(4)), (patterns.sum(axis=0) + 0.5) / 15, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(epochs=1.0), "exactly one of updates, epochs or minutes"),
        (dict(updates=0), "updates must be a whole number of at least 1"),
        (dict(updates=None, epochs=-1.0), "epochs must be a positive"),
        (dict(updates=None, minutes=0.0), "minutes must be a positive"),
        (dict(batch_size=0), "batch_size must be a whole number"),
        (dict(average=1.1), "average must be"),
        (dict(final_decay=1.5), "final_decay must be"),
        (dict(updates=None, minutes=1.0, final_decay=1.0), "final_decay must be at most 0.9 with minutes"),
        (dict(early_stopping=-0.5), "early_stopping must be"),
        (dict(early_stopping=0.5), "early_stopping needs held-out rows"),
        (dict(early_decay=(5, 5)), "early_decay must be two numbers"),
        (dict(total_updates=0), "total_updates must be"),
        (dict(updates=5, total_updates=4), "total_updates must be"),
        (dict(updates=None, minutes=1.0, total_updates=10), "total_updates goes with"),
        (dict(seconds_between_states=0.0), "seconds_between_states must be a positive"),
        (dict(learning_rate=1e308), "learning_rate must be at most 3e.38, as training is in float32, but is 1e.308"),
        (dict(l1=1e308), "l1 must be at most 3e.38"),
        (dict(momentum=1.0), "momentum must be below 1"),
        (dict(estimator="pt-0"), "estimator 'pt-0' is unknown"),
        (dict(estimator=3), "estimator must be a name such as pcd-1"),
        (dict(optimizer=optax.sgd(0.1), learning_rate=0.1), "learning_rate must be left out .* with an optimizer"),
        (dict(optimizer=optax.sgd(0.1), momentum=0.0), "momentum must be left out .* with an optimizer"),
        (dict(estimator="exact", chains=20), "chains must be left out .* with estimator exact"),
        (dict(estimator=hm.pcd(1, 10), chains=20), "chains must be left out .* with an Estimator"),
        (dict(updates=5, total_updates=9, final_decay=0.0), "total_updates must be left out"),
        (dict(valid=np.ones((3, 9)), measure=1), "measure must be True or False"),
        (dict(resume=5), "resume must be a harmonium.training.Checkpoint or None, but is an int"),
        (dict(mesh=5), "mesh must be a mesh of .* or None, but is an int"),
        (dict(estimator="pt-1", bfloat16=True), "bfloat16 is for the estimators"),
        (dict(rate=0.1), "there is no setting rate: use estimator, "),
        (dict(seed=-1), "seed must be"),
        (dict(data=np.ones((3, 4))), "data must have 9 columns"),
        (dict(data=np.ones(9)), r"data must have shape \[n, 9\]"),
        (dict(data=np.full((3, 9), np.inf)), "inf in row 1, column 1"),
        (dict(data=np.full((3, 9), 0.5)), "0.5 in row 1, column 1"),
        (dict(valid=np.ones((3, 4))), "valid must have 9 columns"),
        (dict(data=np.ones((0, 9))), "n at least 1"),
        (dict(data=np.ones((3, 9))), "data has 3 rows, all of them alike: there is nothing to learn"),
        (dict(data=np.full((3, 9), np.nan)), "data must have observed values"),
        (dict(valid=np.full((3, 9), np.nan)), "valid must have observed values"),
    ],
)
def test_bad_input_is_refused_at_the_call(patterns, change, message):
    arguments = dict(data=patterns, updates=1) | change
    with pytest.raises(hm.InputError, match=message):
        hm.train(random_rbm(Binary, Binary, (9, 3)), arguments.pop("data"), **arguments)


def test_a_model_too_large_for_the_estimator_is_refused_at_the_call():
    rows = np.eye(40)
    with pytest.raises(hm.InputError, match="too large to be exact"):
        hm.train(hm.initialize(rows, 40), rows, estimator="exact", updates=1)
