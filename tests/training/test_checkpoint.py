"""A run that is stopped goes on bit for bit as if it had not been, and one that diverges goes back and slows down."""

from __future__ import annotations

import json
from dataclasses import replace

import jax
import msgspec
import numpy as np
import optax
import pytest

import harmonium as hm
from harmonium import gradients
from harmonium.io.container import VersionError, pack
from harmonium.training import Checkpoint, CheckpointManager, checkpoint_files, latest_checkpoint
from harmonium.training.checkpoint import CheckpointHeader
from harmonium.training.metrics import Metrics
from harmonium.training.rows import Rows

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
            return state.checkpoint
    raise AssertionError("it ended before")


def through_a_file(checkpoint, folder):
    return Checkpoint.load(checkpoint.save(folder / "checkpoint.safetensors", overwrite=True))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.slow_except("[pcd, centered]", "[ptt]")
def test_a_run_goes_on_bit_for_bit(rows, tmp_path, name):
    """Stopped three times, inside windows of batches; momentum, average, final decay, chains and ladders go with it."""
    rbm = hm.initialize(rows, 4)
    run = dict(estimator=ESTIMATORS[name], optimizer=optax.sgd(0.1, momentum=0.5), batch_size=5, updates=200, final_decay=0.5)
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


def test_the_best_model_so_far_is_not_forgotten(rows, tmp_path):
    """Its log likelihood is made one that no later model reaches."""
    rbm = hm.initialize(rows, 4)
    run = dict(estimator=gradients.exact(), optimizer=optax.sgd(0.5), updates=100, early_stopping=1000.0, valid=rows[:9])
    run |= dict(seconds_between_states=lambda: 0.0)
    checkpoint = stopped_at(hm.train(rbm, rows, **run), 50)
    observed = replace(checkpoint.progress.early_stopping, best_value=1.0)
    checkpoint = replace(checkpoint, progress=replace(checkpoint.progress, early_stopping=observed))
    *_, last = hm.train(rbm, rows, **run, resume=through_a_file(checkpoint, tmp_path))
    assert last.step == 100
    assert last.metrics["best_step"] == observed.best_step <= 50
    assert same(last.rbm.weights, checkpoint.arrays["best.weights"])
    assert not same(last.rbm, last.iterate)


def test_a_timed_run_keeps_its_length_and_the_time_it_has_had(rows, tmp_path):
    rbm = hm.initialize(rows, 4)
    states = hm.train(rbm, rows, estimator="cd-1", minutes=0.05)
    for state in states:
        if "total_updates" in state.metrics and state.step < state.metrics["total_updates"]:
            break
    checkpoint = through_a_file(state.checkpoint, tmp_path)
    again = list(hm.train(rbm, rows, estimator="cd-1", minutes=0.05, resume=checkpoint))
    assert again[0].metrics["seconds"] >= checkpoint.progress.seconds > 0.3
    assert again[-1].metrics["total_updates"] == state.metrics["total_updates"]


def test_another_runs_checkpoint_is_refused(rows, tmp_path):
    rbm = hm.initialize(rows, 4)
    checkpoint = stopped_at(hm.train(rbm, rows, estimator=hm.pcd(1, chains=20), updates=50), 0)
    for other, words in (
        (dict(rbm=hm.initialize(rows, 5), estimator=hm.pcd(1, chains=20)), "another run.*hidden"),
        (dict(rbm=rbm, estimator=hm.pcd(1, chains=21)), "another run.*estimator"),
        (dict(rbm=rbm, estimator=hm.pcd(1, chains=20), seed=1), "began with seed 0, but 1 is given"),
        (dict(rbm=rbm, estimator=hm.pcd(1, chains=20), average=0.5), "began with average 0.1, but 0.5"),
    ):
        settings = dict(updates=50) | other
        with pytest.raises(hm.InputError, match=words):
            hm.train(settings.pop("rbm"), rows, **settings, resume=checkpoint)


def test_a_checkpoint_stays_that_of_its_state_and_is_of_a_run_as_long(rows):
    rbm = hm.initialize(rows, 4)
    states = list(hm.train(rbm, rows, estimator="pcd-1", chains=20, updates=50, seconds_between_states=lambda: 0.0))
    assert len(states) > 2
    for state in (states[1], states[-1]):  # long after the next state was yielded
        resumed = list(hm.train(rbm, rows, estimator="pcd-1", chains=20, updates=50, resume=state.checkpoint))
        assert resumed[0].metrics == state.metrics
        assert same(resumed[-1].iterate, states[-1].iterate)
    assert len(resumed) == 1  # a run at its last update has one state
    *_, again = hm.train(rbm, rows, resume=states[1].checkpoint)  # with the checkpoint's own settings
    assert same(again.iterate, states[-1].iterate)
    with pytest.raises(hm.InputError, match="began with updates 50, but 60 is given"):
        hm.train(rbm, rows, estimator="pcd-1", chains=20, updates=60, resume=state.checkpoint)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", -1),
        ("step", "3"),
        ("step", 7),
        ("settings", None),
        ("budget", {}),
        ("seconds", None),
        ("metrics", {"step": "x"}),
        ("early_stopping", []),
        ("early_decay", [1]),
        ("lr_reductions", 10**6),
    ],
)
def test_progress_that_is_no_progress_is_refused(rows, tmp_path, field, value):
    """With a checksum that is right: the file was written by another program."""
    rbm = hm.initialize(rows, 4)
    run = dict(estimator=hm.pcd(1, chains=20), updates=50)
    checkpoint = next(hm.train(rbm, rows, **run)).checkpoint
    progress = json.loads(msgspec.json.encode(checkpoint.progress)) | {field: value}
    (tmp_path / "x.safetensors").write_bytes(pack(checkpoint.arrays, CheckpointHeader(progress=progress)))
    with pytest.raises(hm.InputError):
        hm.train(rbm, rows, **run, resume=Checkpoint.load(tmp_path / "x.safetensors"))


def test_text_of_a_checkpoint_does_not_drive_the_terminal(rows):
    rbm = hm.initialize(rows, 4)
    checkpoint = next(hm.train(rbm, rows, estimator="cd-1", updates=5)).checkpoint
    for name in ("seed", "estimator"):
        progress = replace(checkpoint.progress, settings=checkpoint.progress.settings | {name: "\x1b[2J\n"})
        with pytest.raises(hm.InputError, match=r"\\x1b\[2J") as refusal:
            hm.train(rbm, rows, estimator="cd-1", updates=5, resume=replace(checkpoint, progress=progress))
        assert str(refusal.value).isprintable()


def test_a_damaged_checkpoint_is_refused(rows, tmp_path):
    rbm = hm.initialize(rows, 4)
    path = next(hm.train(rbm, rows, updates=5)).checkpoint.save(tmp_path / "x.safetensors")
    content = path.read_bytes()
    for place in np.random.default_rng(0).integers(len(content), size=200):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(hm.InputError):
            Checkpoint.load(path)
    hm.save(rbm, tmp_path / "model.safetensors")
    with pytest.raises(hm.InputError, match="not one that harmonium wrote"):
        Checkpoint.load(tmp_path / "model.safetensors")


def test_the_last_two_sound_checkpoints_of_a_run_remain(rows, tmp_path, monkeypatch):
    states = list(hm.train(hm.initialize(rows, 4), rows, estimator="cd-1", updates=6, seconds_between_states=lambda: 0.0))
    assert len(states) > 3
    manager = CheckpointManager(tmp_path, minutes=0)
    for state in states:
        manager.save_if_due(state)
    assert checkpoint_files(tmp_path) == []
    for state in states:
        manager.save(state)
    files = checkpoint_files(tmp_path)
    assert files == manager.sound[::-1]
    assert len(files) == 2
    checkpoint, file, damage = latest_checkpoint(tmp_path)
    assert (checkpoint.step, file, damage) == (states[-1].step, files[0], [])
    files[0].write_bytes(files[0].read_bytes()[:-9])
    checkpoint, file, damage = latest_checkpoint(tmp_path)
    assert (checkpoint.step, file) == (states[-2].step, files[1])
    assert [text.startswith(f"{files[0]} is damaged") for text in damage] == [True]
    resumed = CheckpointManager(tmp_path, sound=file)
    resumed.save(states[0])  # a lower number than that of the damaged one, which goes
    assert checkpoint_files(tmp_path) == [file, tmp_path / "checkpoint-0000000000.safetensors"]
    monkeypatch.setattr(CheckpointHeader, "VERSIONS", (6,))
    with pytest.raises(VersionError, match="format version '5'; this harmonium reads 6"):
        latest_checkpoint(tmp_path)
    resumed.remove_all()
    assert latest_checkpoint(tmp_path) == (None, None, [])


def test_a_run_that_diverges_goes_back_and_slows_down():
    """Real values far from standard: at the full rate the weights explode, at a part of it they do not."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((200, 3)) @ random.standard_normal((3, 4)) * 2.0
    rbm = hm.initialize(rows, 3, hm.Gaussian)
    found = {}
    for rate in (0.01, 1.0, 30.0):
        try:
            states = list(
                hm.train(
                    rbm,
                    rows,
                    estimator=hm.pcd(1, chains=50),
                    optimizer=optax.sgd(rate),
                    updates=400,
                    average=0,
                    final_decay=0.0,
                )
            )
        except hm.DivergenceError as error:
            found[rate] = str(error)
            continue
        found[rate] = states[-1].metrics.get("lr_reduction", 1.0)
        assert states[-1].step == 400
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(states[-1].rbm))
        back = [state for state in states if "diverged_at" in state.metrics]
        assert len(back) == -np.log2(found[rate])
        assert all(state.metrics["diverged_at"] > state.step for state in back)
    assert found[0.01] == 1.0
    assert found[1.0] in (0.5, 0.25, 0.125)
    assert "diverged between updates" in found[30.0]
    assert "0.0625 of its learning rate too" in found[30.0]


def test_chains_that_have_all_come_to_one_state_are_a_divergence(rows, monkeypatch):
    rbm = hm.initialize(rows, 4)
    calls = []

    def dead(self, state):
        calls.append(state)
        return len(calls) == 2

    monkeypatch.setattr(Metrics, "chains_collapsed", dead)
    states = list(hm.train(rbm, rows, estimator=hm.pcd(1, chains=20), updates=100))
    assert [state.metrics["lr_reduction"] for state in states if "diverged_at" in state.metrics] == [0.5]
    assert states[-1].step == 100
    monkeypatch.setattr(Metrics, "chains_collapsed", lambda *_: True)
    with pytest.raises(hm.DivergenceError, match="all chains are in one state"):
        list(hm.train(rbm, rows, estimator=hm.pcd(1, chains=20), updates=100))


def test_dead_chains_differ_from_live_ones(rows):
    """All in one state is not dead where it is a row's: chains that learn few patterns may move between them together."""
    rows = rows[:, :5][(rows[:, :5] != [0, 1, 0, 1, 1]).any(axis=1)]
    rbm = hm.initialize(rows, 4)
    training, held_out = (Rows(each, None, each) for each in (rows.astype(np.int8), rows[-3:].astype(np.int8)))
    metrics = Metrics(rbm, 0.0, False, True, None, 1.0, training, held_out)  # which measures three of them
    state = next(hm.train(rbm, rows, estimator=hm.pcd(1, chains=20), updates=1)).estimator

    def all_at(v):
        return jax.tree.map(lambda leaf: np.tile(v, (20, 1)) if leaf.shape == (20, 5) else leaf, state)

    assert any(leaf.shape == (20, 5) for leaf in jax.tree.leaves(state))
    assert not metrics.chains_collapsed(state)
    assert metrics.chains_collapsed(all_at([0, 1, 0, 1, 1]))
    assert not metrics.chains_collapsed(all_at(rows[0]))
    assert not metrics.chains_collapsed(())
