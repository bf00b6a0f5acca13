"""A run that is stopped goes on bit for bit as if it had not been, and one that diverges goes back and slows down."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

import harmonium as hm
from harmonium import gradients
from harmonium.training import Checkpoint
from harmonium.training.monitor import Monitor

ESTIMATORS = {
    "cd": hm.cd(1),
    "pcd, centered": hm.centered(hm.pcd(1, chains=20)),
    "pt": gradients.by_name("pt-1", 20),
    "ptt": gradients.by_name("ptt-1", 20),
    "exact": gradients.exact(),
}


@pytest.fixture
def rows():
    return np.random.default_rng(0).integers(0, 2, size=(37, 6))


def same(first, second):
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def stopped_at(states, step):
    """What a run that was stopped at the first state from that step on can go on from."""
    for state in states:
        if state.step >= step:
            return state.checkpoint()
    raise AssertionError("it ended before")


def through_a_file(checkpoint, folder):
    return Checkpoint.load(checkpoint.save(folder / "checkpoint.safetensors", overwrite=True))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.slow_except("pcd", "[ptt]")
def test_a_run_goes_on_bit_for_bit(rows, tmp_path, name):
    """Stopped three times, in the midst of windows of batches; momentum, average, cooldown, chains and ladders go with it."""
    rbm = hm.initialize(rows, 4)
    run = dict(estimator=ESTIMATORS[name], optimizer=optax.sgd(0.1, momentum=0.5), batch_size=5, updates=200, cooldown=0.5)
    run |= dict(seed=3, valid=rows[:5])
    *_, whole = hm.train(rbm, rows, **run)
    checkpoint = None
    for step in (1, 30, 101):
        states = hm.train(rbm, rows, **run, seconds_between_states=lambda: 0.0, resume=checkpoint)
        checkpoint = through_a_file(stopped_at(states, step), tmp_path)
    *_, last = hm.train(rbm, rows, **run, resume=checkpoint)
    for part in ("rbm", "iterate", "optimizer", "estimator"):
        assert same(getattr(last, part), getattr(whole, part)), part
    assert last.metrics["valid_log_likelihood"] == whole.metrics["valid_log_likelihood"]
    assert last.metrics["seconds"] > 0


def test_missing_cells_keep_their_values(tmp_path):
    random = np.random.default_rng(1)
    rows = np.where(random.random((30, 5)) < 0.2, np.nan, random.integers(0, 2, size=(30, 5)))
    rbm = hm.initialize(rows, 3)
    run = dict(estimator=hm.pcd(1, chains=10), batch_size=10, updates=60, seed=1)
    *_, whole = hm.train(rbm, rows, **run)
    states = hm.train(rbm, rows, **run, seconds_between_states=lambda: 0.0)
    *_, last = hm.train(rbm, rows, **run, resume=through_a_file(stopped_at(states, 20), tmp_path))
    assert same(last.iterate, whole.iterate)


def test_the_best_machine_so_far_is_not_forgotten(rows, tmp_path):
    """Its log likelihood is made one that no later machine reaches."""
    rbm = hm.initialize(rows, 4)
    run = dict(estimator=gradients.exact(), optimizer=optax.sgd(0.5), updates=100, patience=1000.0, valid=rows[:9])
    run |= dict(seconds_between_states=lambda: 0.0)
    checkpoint = stopped_at(hm.train(rbm, rows, **run), 50)
    checkpoint.progress["patience"]["best"]["score"] = 1.0
    best = checkpoint.progress["patience"]["best"]["step"]
    *_, last = hm.train(rbm, rows, **run, resume=through_a_file(checkpoint, tmp_path))
    assert last.step == 100
    assert last.metrics["best_step"] == best <= 50
    assert same(last.rbm.weights, checkpoint.arrays["best.weights"])
    assert not same(last.rbm, last.iterate)


def test_a_timed_run_keeps_its_length_and_the_time_it_has_had(rows, tmp_path):
    rbm = hm.initialize(rows, 4)
    states = hm.train(rbm, rows, hm.cd(1), minutes=0.05)
    for state in states:
        if "horizon" in state.metrics and state.step < state.metrics["horizon"]:
            break
    checkpoint = through_a_file(state.checkpoint(), tmp_path)
    again = list(hm.train(rbm, rows, hm.cd(1), minutes=0.05, resume=checkpoint))
    assert again[0].metrics["seconds"] >= checkpoint.progress["seconds"] > 1
    assert again[-1].metrics["horizon"] == state.metrics["horizon"]


def test_another_runs_checkpoint_is_refused(rows, tmp_path):
    rbm = hm.initialize(rows, 4)
    checkpoint = stopped_at(hm.train(rbm, rows, hm.pcd(1, chains=20), updates=50), 0)
    for other, words in (
        (dict(rbm=hm.initialize(rows, 5), estimator=hm.pcd(1, chains=20)), "another run.*hidden"),
        (dict(rbm=rbm, estimator=hm.pcd(1, chains=21)), "another run.*estimator"),
        (dict(rbm=rbm, estimator=hm.pcd(1, chains=20), seed=1), "begun with seed 0, but 1 is given"),
        (dict(rbm=rbm, estimator=hm.pcd(1, chains=20), average=0.5), "begun with average 0.1, but 0.5"),
    ):
        settings = dict(updates=50) | other
        with pytest.raises(hm.InputError, match=words):
            next(hm.train(settings.pop("rbm"), rows, **settings, resume=checkpoint))


def test_a_checkpoint_is_of_the_state_last_shown_and_of_a_run_as_long(rows):
    rbm = hm.initialize(rows, 4)
    states = hm.train(rbm, rows, updates=50, seconds_between_states=lambda: 0.0)
    first, second = next(states), next(states)
    with pytest.raises(hm.InputError, match="before the next state is asked for"):
        first.checkpoint()
    with pytest.raises(hm.InputError, match="begun with updates 50, but 60 is given"):
        next(hm.train(rbm, rows, updates=60, resume=second.checkpoint()))
    *_, last = states
    [again] = {state.step for state in hm.train(rbm, rows, updates=50, resume=last.checkpoint())}
    assert again == 50


def test_a_damaged_checkpoint_is_refused(rows, tmp_path):
    rbm = hm.initialize(rows, 4)
    path = stopped_at(hm.train(rbm, rows, updates=5), 0).save(tmp_path / "x.safetensors")
    content = path.read_bytes()
    for place in np.random.default_rng(0).integers(len(content), size=200):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(hm.InputError):
            Checkpoint.load(path)
    hm.save(rbm, tmp_path / "model.safetensors")
    with pytest.raises(hm.InputError, match="not one that harmonium wrote"):
        Checkpoint.load(tmp_path / "model.safetensors")


def test_a_run_that_diverges_goes_back_and_slows_down():
    """Real values far from standard: at the full rate the weights explode, at a part of it they do not."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((200, 3)) @ random.standard_normal((3, 4)) * 2.0
    rbm = hm.initialize(rows, 3, hm.Gaussian)
    found = {}
    for rate in (0.01, 1.0, 30.0):
        try:
            states = list(hm.train(rbm, rows, hm.pcd(1, chains=50), optax.sgd(rate), updates=400, average=0))
        except hm.DivergenceError as error:
            found[rate] = str(error)
            continue
        found[rate] = states[-1].metrics.get("rate_cut", 1.0)
        assert states[-1].step == 400
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(states[-1].rbm))
        back = [state for state in states if "diverged_at" in state.metrics]
        assert len(back) == -np.log2(found[rate])
        assert all(state.metrics["diverged_at"] > state.step for state in back)
    assert found[0.01] == 1.0
    assert found[1.0] in (0.5, 0.25, 0.125)
    assert "diverged between updates" in found[30.0]
    assert "0.0625 of its rate too" in found[30.0]


def test_chains_that_have_all_come_to_one_state_are_a_divergence(rows, monkeypatch):
    rbm = hm.initialize(rows, 4)
    calls = []

    def dead(self, state):
        calls.append(state)
        return len(calls) == 2

    monkeypatch.setattr("harmonium.training.monitor.Monitor.dead", dead)
    states = list(hm.train(rbm, rows, hm.pcd(1, chains=20), updates=100))
    assert [state.metrics["rate_cut"] for state in states if "diverged_at" in state.metrics] == [0.5]
    assert states[-1].step == 100
    monkeypatch.setattr("harmonium.training.monitor.Monitor.dead", lambda *_: True)
    with pytest.raises(hm.DivergenceError, match="all chains are in one state"):
        list(hm.train(rbm, rows, hm.pcd(1, chains=20), updates=100))


def test_dead_chains_are_told_from_live_ones(rows):
    """All in one state is not dead where it is a row's: chains that learn few patterns may move between them together."""
    rows = rows[:, :5][(rows[:, :5] != [0, 1, 0, 1, 1]).any(axis=1)]
    rbm = hm.initialize(rows, 4)
    monitor = Monitor(rbm, rows.astype(np.int8), rows[-3:].astype(np.int8), 1, 0.0, False)  # which looks at three of them
    state = next(hm.train(rbm, rows, hm.pcd(1, chains=20), updates=1)).estimator

    def all_at(v):
        return jax.tree.map(lambda leaf: np.tile(v, (20, 1)) if leaf.shape == (20, 5) else leaf, state)

    assert any(leaf.shape == (20, 5) for leaf in jax.tree.leaves(state))
    assert not monitor.dead(state)
    assert monitor.dead(all_at([0, 1, 0, 1, 1]))
    assert not monitor.dead(all_at(rows[0]))
    assert not monitor.dead(())
