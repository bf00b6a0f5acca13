"""A training run that is stopped, killed, starved of disk or begun twice: nothing is lost, and what went wrong is said."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import harmonium as hm
from harmonium.cli import parser, run, runs
from harmonium.cli.options import RunOptions, TrainOptions
from harmonium.io import container
from harmonium.training import CheckpointManager, checkpoint_files, latest_checkpoint

RUN = ["train", "shifter:4", "--hidden", "6", "--set", "estimator=pcd-1", "--set", "chains=20", "--seed", "3"]


CONFIG = {
    "finished": False,
    "options": {"data": "shifter:4"},
    "settings": hm.TrainConfig.derive(20, hm.initialize(np.eye(4), 2), updates=5).to_dict(),
    "data": {},
    "versions": {},
    "computer": {},
}


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def begun(*options):
    """A run in a process of its own, once it has written a checkpoint."""
    command = [sys.executable, "-m", "harmonium", *RUN, *options, "--checkpoint-every", "0.005", "--out", "run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not checkpoint_files(Path("run")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def mistake(capsys, *arguments):
    capsys.readouterr()
    assert run(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.strip().splitlines()[-1]


def steps(folder):
    return [json.loads(line)["step"] for line in Path(folder, "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.slow_except("[9]")
def test_a_stopped_run_goes_on_to_the_model_of_one_that_was_not(capsys, how):
    updates = ["--updates", "20000"]
    process = begun(*updates)
    time.sleep(0.1)
    process.send_signal(how)
    output, errors = process.communicate(timeout=60)
    assert output == ""
    if how != signal.SIGKILL:
        assert process.returncode == 128 + how
        assert errors.strip().splitlines()[-1].endswith("resume with: harmonium train --resume run")
        assert not Path("run/.lock").exists()
    assert run(["train", "--resume", "run"]) == 0
    assert run([*RUN, *updates, "--out", "whole"]) == 0
    for name in ("weights", "visible", "hidden"):
        resumed, whole = (getattr(hm.load(folder), name) for folder in ("run", "whole"))
        np.testing.assert_array_equal(getattr(resumed, "bias", resumed), getattr(whole, "bias", whole))
    configs = [json.loads(Path(folder, "config.json").read_text()) for folder in ("run", "whole")]
    assert configs[0]["repeat"] == configs[1]["repeat"]
    assert configs[0]["finished"]
    found = steps("run")
    assert found == sorted(set(found))
    assert sorted(path.name for path in Path("run").iterdir()) == sorted(path.name for path in Path("whole").iterdir())
    assert "is finished" in mistake(capsys, "train", "--resume", "run")


def stopped_in_process(monkeypatch, *options, arguments=None):
    """A run in `run`, stopped at its third state as if by SIGTERM."""
    from harmonium.cli import process

    class Stopped(process.GracefulShutdown):
        requests = iter([None, None])
        requested = property(lambda self: next(self.requests, signal.SIGTERM), lambda self, value: None)

    with monkeypatch.context() as context:
        context.setattr("harmonium.cli.train.GracefulShutdown", Stopped)
        assert run(arguments or [*RUN, "--updates", "50", *options, "--out", "run"]) == 143


def test_the_last_whole_checkpoint_is_used(monkeypatch, capsys):
    stopped_in_process(monkeypatch, "--checkpoint-every", "1e-9")
    latest, earlier = checkpoint_files(Path("run"))
    latest.write_bytes(latest.read_bytes()[:-3])
    assert run(["train", "--resume", "run"]) == 0
    errors = capsys.readouterr().err
    assert "is damaged" in errors
    assert "resuming from update" in errors
    assert run([*RUN, "--updates", "50", "--out", "whole"]) == 0
    np.testing.assert_array_equal(hm.load("run").weights, hm.load("whole").weights)
    assert not checkpoint_files(Path("run"))
    assert earlier.parent == Path("run")


@pytest.mark.slow
def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(monkeypatch):
    stopped_in_process(monkeypatch)
    CheckpointManager("run").remove_all()
    Path("run/.model.safetensors.abc.tmp").touch()
    assert run(["train", "--resume", "run"]) == 0
    assert run([*RUN, "--updates", "50", "--out", "whole"]) == 0
    np.testing.assert_array_equal(hm.load("run").weights, hm.load("whole").weights)
    assert not Path("run/.model.safetensors.abc.tmp").exists()
    found = steps("run")
    assert found == sorted(set(found))


def test_where_no_checkpoint_is_whole_the_run_begins_again(monkeypatch, capsys):
    stopped_in_process(monkeypatch, "--checkpoint-every", "1e-9")
    damaged = checkpoint_files(Path("run"))
    assert len(damaged) == 2
    for path in damaged:
        path.write_bytes(b"no checkpoint")
    assert run(["train", "--resume", "run"]) == 0
    errors = capsys.readouterr().err
    assert all(f"{path} is damaged" in errors for path in damaged)
    assert errors.count("the run begins again") == 1
    found = steps("run")
    assert found == sorted(set(found))
    assert found[0] == 0


def test_what_a_run_has_lost_is_said(monkeypatch, capsys):
    """Its checkpoints, so that it begins again, and lines of metrics; the half line of a run that was killed is none."""
    stopped_in_process(monkeypatch)
    metrics = Path("run/metrics.jsonl")
    content = metrics.read_text()
    for path in checkpoint_files(Path("run")):
        path.unlink()
    metrics.write_text("{}\n" + content + '{"st')
    assert run(["train", "--resume", "run", "--set", "x=1"]) == 2
    assert run(["train", "--resume", "run"]) == 0
    errors = capsys.readouterr().err
    assert "run has no checkpoint to resume from; the run begins again" in errors
    assert f"{metrics} is damaged: 2 of" in errors


def test_a_full_disk_ends_no_training_and_spoils_no_checkpoint(monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    written = []

    def write(path, content, overwrite=False):
        written.append(path)
        with monkeypatch.context() as context:
            if len(written) > 1:
                context.setattr("os.fsync", full)
            return container.write_file(path, content, overwrite)

    monkeypatch.setattr("harmonium.training.checkpoint.write_file", write)
    assert run([*RUN, "--updates", "300", "--checkpoint-every", "1e-9", "--out", "run"]) == 0
    errors = capsys.readouterr().err
    assert "no checkpoint: " in errors
    assert "No space left on device; training goes on" in errors
    assert len(written) > 2
    assert steps("run")[-1] == 300


@pytest.mark.parametrize(("code", "remedy"), [(errno.ENOSPC, "make room"), (errno.EISDIR, "mend that")])
def test_a_model_that_the_run_folder_does_not_take_is_saved_elsewhere(monkeypatch, capsys, tmp_path, code, remedy):
    from harmonium import io

    save = io.save

    def fail_in_run(rbm, path, **options):
        if Path(path).parent == Path("run"):
            raise OSError(code, f"cannot be written: {os.strerror(code)}", str(path))
        return save(rbm, path, **options)

    with monkeypatch.context() as context:
        context.setattr(io, "save", fail_in_run)
        context.setattr("tempfile.tempdir", str(tmp_path))
        line = mistake(capsys, *RUN, "--updates", "50", "--checkpoint-every", "1e-9", "--out", "run")
    assert f"{os.strerror(code)}; the model is in " in line
    assert line.endswith(f"{remedy} and resume from the last checkpoint: harmonium train --resume run")
    elsewhere = hm.load(line.partition("the model is in ")[2].partition(";")[0])
    assert run(["train", "--resume", "run"]) == 0
    np.testing.assert_array_equal(elsewhere.weights, hm.load("run").weights)


@pytest.mark.parametrize("streams", ["2>&-", "2> /dev/full", "2>&1 | true"])
@pytest.mark.slow_except("full")
def test_messages_that_cannot_be_written_lose_no_model(streams):
    line = f"{sys.executable} -m harmonium {' '.join(RUN)} --updates 50 --out run {streams}"
    subprocess.run(["bash", "-c", line], capture_output=True, check=False, timeout=120)
    assert np.isfinite(hm.load("run").weights).all()
    assert json.loads(Path("run/config.json").read_text())["finished"]


def test_what_need_not_be_damaged_is_neither_replaced_nor_passed_over(monkeypatch, capsys, tmp_path):
    """A checkpoint that cannot be read or is of a later version; files of the run that are pipes or devices."""

    def fail(path, **_):
        raise OSError(errno.EIO, "Input/output error")

    stopped_in_process(monkeypatch)
    [checkpoint] = checkpoint_files("run")
    with monkeypatch.context() as context:
        context.setattr("safetensors.safe_open", fail)
        line = mistake(capsys, "train", "--resume", "run")
    assert line == f"harmonium: error: {checkpoint}: cannot be read: Input/output error"
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content.replace(b'"version":"5"', b'"version":"6"'))
    assert "has format version '6', or is damaged (its checksum differs); this harmonium reads 5" in mistake(
        capsys, "train", "--resume", "run"
    )
    checkpoint.write_bytes(content)
    for name in ("metrics.jsonl", "config.json"):
        path, away = Path("run", name), tmp_path / name
        path.rename(away)
        for special in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
            special(path)
            assert f"{path} is a device or a pipe" in mistake(capsys, "train", "--resume", "run")
            path.unlink()
        away.rename(path)
    assert run(["train", "--resume", "run"]) == 0


def test_a_picture_that_cannot_be_written_costs_no_report(capsys):
    Path("run/filters.png").mkdir(parents=True)
    assert run([*RUN, "--updates", "5", "--out", "run", "--overwrite"]) == 2
    captured = capsys.readouterr()
    assert "test log likelihood" in captured.out
    assert captured.err.splitlines()[-1] == "harmonium: error: run/filters.png is a folder; name a file"
    assert Path("run/learning_curves.png").is_file()
    assert json.loads(Path("run/config.json").read_text())["finished"]


def test_damaged_checkpoints_do_not_count(monkeypatch, capsys):
    """New ones have lower numbers than the damaged ones that they replace."""
    stopped_in_process(monkeypatch, "--checkpoint-every", "1e-9")
    for path in checkpoint_files(Path("run")):
        path.write_bytes(path.read_bytes()[:100])
        path.rename(path.with_name(f"checkpoint-9{path.name[-20:]}"))
    stopped_in_process(monkeypatch, arguments=["train", "--resume", "run"])
    checkpoint, _, wrong = latest_checkpoint(Path("run"))
    assert checkpoint is not None
    assert wrong == []
    assert len(checkpoint_files(Path("run"))) <= 2


def test_a_run_that_is_stopped_at_its_last_update_has_it_once(monkeypatch):
    from harmonium.cli import train

    follow = train._follow
    with monkeypatch.context() as context:

        def stop_at_the_end(*arguments):
            state, _ = follow(*arguments)
            arguments[2].save(state)
            return state, "terminated"

        context.setattr(train, "_follow", stop_at_the_end)
        assert run([*RUN, "--updates", "50", "--out", "run"]) == 2
    assert run(["train", "--resume", "run"]) == 0
    assert steps("run")[-1] == 50
    assert steps("run") == sorted(set(steps("run")))


@pytest.mark.parametrize(
    "given", [["--hidden", "20"], ["--seed", "0"], ["--set", "l1=0"], ["--updates", "50"], ["--out", "run"]]
)
def test_options_that_equal_a_default_are_refused_where_a_run_is_resumed(monkeypatch, capsys, given):
    Path("run").mkdir()
    Path("run/config.json").write_text(json.dumps(CONFIG))
    name = f"--set {given[1].partition('=')[0]}" if given[0] == "--set" else given[0]
    assert mistake(capsys, "train", "--resume", "run", *given).endswith(f"leave out {name}")


def test_options_that_change_no_result_are_obeyed_where_a_run_is_resumed():
    given = vars(parser().parse_args(["train", "--resume", "run", "--checkpoint-every", "5"]))
    earlier = RunOptions("digits", checkpoint_every=1.0, evaluation_seconds=2.0)
    resumed = TrainOptions.of(argparse.Namespace(**given)).of_resumed_run(earlier)
    assert (resumed.checkpoint_every, resumed.evaluation_seconds) == (5.0, 2.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"options": None}, "begun by an earlier harmonium"),
        ({"options": {}}, "config.json is damaged: options"),
        ({"options": {"data": "digits", "hidden": "many"}}, "config.json is damaged: options"),
        ({"options": {"data": "digits", "seed": -1}}, "config.json is damaged: options"),
        ({"settings": {}}, "config.json is damaged: these are not the settings of a run: estimator"),
        ({"settings": {"average": 2}}, "batch_size, chains, final_decay, bfloat16 is missing"),
        ({"settings": CONFIG["settings"] | {"new": 1}}, "config.json is damaged: there is no setting new"),
        ({"settings": CONFIG["settings"] | {"average": 2}}, "config.json is damaged: average must be a number from 0 to 1"),
        ({"settings": CONFIG["settings"] | {"estimator": [1]}}, "config.json is damaged: estimator must be a name"),
        ({"data": []}, "config.json is damaged"),
        ({"finished": 1}, "config.json is damaged"),
    ],
)
def test_config_files_that_are_none(capsys, change, words):
    Path("run").mkdir()
    Path("run/config.json").write_text(json.dumps(CONFIG | change))
    assert words in mistake(capsys, "train", "--resume", "run")


def test_what_is_no_file_is_not_replaced(capsys):
    Path("run").mkdir()
    Path("elsewhere").touch()
    Path("run/metrics.jsonl").symlink_to("../elsewhere")
    assert "no regular file" in mistake(capsys, *RUN, "--updates", "5", "--out", "run", "--overwrite")
    assert Path("run/metrics.jsonl").is_symlink()


def test_the_settings_of_a_run_are_shown_without_training(capsys):
    assert run([*RUN, "--updates", "7", "--show-config", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["options"]["hidden"], shown["settings"]["chains"], shown["settings"]["updates"]) == (6, 20, 7)
    assert hm.training.TrainConfig.from_dict(shown["settings"]).make_estimator() == hm.centered(hm.pcd(1, chains=20))
    assert not Path("runs").exists()
    assert run([*RUN, "--show-config"]) == 0
    printed = capsys.readouterr().out
    assert "learning_rate" in printed
    assert "An optimizer is set from Python only." in printed


def test_two_writers(capsys):
    Path("run").mkdir()
    with runs.lock(Path("run")):
        line = mistake(capsys, *RUN, "--updates", "5", "--out", "run", "--overwrite")
        assert line == "harmonium: error: another run is writing to run: wait for its end, or choose another folder"
        Path("run/config.json").write_text(json.dumps(CONFIG))
        assert "another run is writing" in mistake(capsys, "train", "--resume", "run")
    assert run([*RUN, "--updates", "5", "--out", "run", "--overwrite"]) == 0


def test_a_folder_that_cannot_be_locked_and_one_that_is_not_empty(capsys):
    Path("run").mkdir()
    Path("run/.config.json.abc.tmp").touch()  # half written by a run that was killed
    assert run([*RUN, "--updates", "5", "--out", "run"]) == 0
    Path("other").mkdir()
    Path("other/.git").touch()
    assert "other exists and is not empty" in mistake(capsys, *RUN, "--updates", "5", "--out", "other")
    Path("run/.lock").mkdir()
    assert "run/.lock" in mistake(capsys, *RUN, "--updates", "5", "--out", "run", "--overwrite")


def test_mistakes(monkeypatch, capsys):
    assert "DATA is missing" in mistake(capsys, "train")
    assert "no is no run folder" in mistake(capsys, "train", "--resume", "no")
    np.save("rows.npy", np.random.default_rng(0).integers(0, 2, size=(50, 6)))
    with monkeypatch.context() as context:
        context.setitem(globals(), "RUN", ["train", "rows.npy", "--hidden", "3"])
        stopped_in_process(monkeypatch)
    assert "leave out --hidden" in mistake(capsys, "train", "--resume", "run", "--hidden", "4")
    assert "leave out DATA" in mistake(capsys, "train", "digits", "--resume", "run")
    assert "--checkpoint-every must be a number of zero or above" in mistake(
        capsys, "train", "--resume", "run", "--checkpoint-every", "-1"
    )
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    np.save("rows.npy", np.random.default_rng(1).integers(0, 2, size=(50, 6)))
    assert "rows.npy holds other rows" in mistake(capsys, "train", "--resume", "run")
    Path("rows.npy").unlink()
    assert "rows.npy" in mistake(capsys, "train", "--resume", "run")
    assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == before
    Path("run/config.json").write_text("{")
    assert "run/config.json cannot be read as JSON: Expecting" in mistake(capsys, "train", "--resume", "run")
