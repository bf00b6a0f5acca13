"""A training run that is stopped, killed, starved of disk or begun twice: nothing is lost, and what went wrong is said."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import harmonium as hm
from harmonium.cli import checkpoints, run
from harmonium.io import container

RUN = ["train", "shifter:4", "--hidden", "6", "--estimator", "pcd-1", "--chains", "20", "--seed", "3"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def begun(*options):
    """A run in a process of its own, once it has written a checkpoint."""
    command = [sys.executable, "-m", "harmonium", *RUN, *options, "--checkpoint-every", "0.005", "--out", "run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not checkpoints.files(Path("run")):
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


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.slow_except("[9]")
def test_a_stopped_run_goes_on_to_the_machine_of_one_that_was_not(capsys, how):
    updates = ["--updates", "30000"]
    process = begun(*updates)
    time.sleep(0.3)
    process.send_signal(how)
    output, errors = process.communicate(timeout=60)
    assert output == ""
    if how == signal.SIGTERM:
        assert process.returncode == 143
        assert errors.strip().splitlines()[-1].endswith("go on with: harmonium train --resume run")
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


def stopped_in_process(monkeypatch, *options):
    """A run in `run`, stopped at its third state as if by SIGTERM."""
    from harmonium.cli.stopping import Stopping

    asked = iter([None, None])
    with monkeypatch.context() as context:
        context.setattr(Stopping, "word", property(lambda self: next(asked, "terminated")))
        context.setattr(Stopping, "status", 143)
        assert run([*RUN, "--updates", "50", *options, "--out", "run"]) in (2, 143)


def test_the_last_whole_checkpoint_is_used(monkeypatch, capsys):
    stopped_in_process(monkeypatch, "--checkpoint-every", "1e-9")
    latest, earlier = checkpoints.files(Path("run"))
    latest.write_bytes(latest.read_bytes()[:-3])
    assert run(["train", "--resume", "run"]) == 0
    errors = capsys.readouterr().err
    assert "is damaged" in errors
    assert "is gone on from" in errors
    assert run([*RUN, "--updates", "50", "--out", "whole"]) == 0
    np.testing.assert_array_equal(hm.load("run").weights, hm.load("whole").weights)
    assert not checkpoints.files(Path("run"))
    assert earlier.parent == Path("run")


@pytest.mark.slow
def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(monkeypatch):
    stopped_in_process(monkeypatch)
    checkpoints.remove(Path("run"))
    Path("run/.model.safetensors.abc").touch()
    assert run(["train", "--resume", "run"]) == 0
    assert run([*RUN, "--updates", "50", "--out", "whole"]) == 0
    np.testing.assert_array_equal(hm.load("run").weights, hm.load("whole").weights)
    assert not Path("run/.model.safetensors.abc").exists()
    found = steps("run")
    assert found == sorted(set(found))


def test_where_no_checkpoint_is_whole_the_run_begins_again(monkeypatch, capsys):
    stopped_in_process(monkeypatch)
    for path in checkpoints.files(Path("run")):
        path.write_bytes(b"no checkpoint")
    assert run(["train", "--resume", "run"]) == 0
    assert "the run begins again" in capsys.readouterr().err
    found = steps("run")
    assert found == sorted(set(found))
    assert found[0] == 0


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


def test_a_machine_that_cannot_be_written_is_not_lost(monkeypatch, capsys):
    from harmonium.cli import training_record

    def fail(*_):
        raise OSError(errno.ENOSPC, "cannot be written: No space left on device", "run/model.safetensors")

    with monkeypatch.context() as context:
        context.setattr(training_record, "save", fail)
        line = mistake(capsys, *RUN, "--updates", "50", "--checkpoint-every", "1e-9", "--out", "run")
    assert line.endswith("mend that, and go on from the last checkpoint: harmonium train --resume run")
    assert run(["train", "--resume", "run"]) == 0
    assert np.isfinite(hm.load("run").weights).all()


def test_two_writers(capsys):
    Path("run").mkdir()
    with checkpoints.locked(Path("run")):
        line = mistake(capsys, *RUN, "--updates", "5", "--out", "run", "--overwrite")
        assert line == "harmonium: error: another run is writing to run: wait for its end, or choose another folder"
        Path("run/config.json").write_text(json.dumps({"finished": False, "settings": {}, "data": {}}))
        assert "another run is writing" in mistake(capsys, "train", "--resume", "run")
    assert run([*RUN, "--updates", "5", "--out", "run", "--overwrite"]) == 0


def test_a_folder_that_cannot_be_locked_and_one_that_is_not_empty(capsys):
    Path("run").mkdir()
    Path("run/.config.json.abc").touch()  # half written by a run that was killed
    assert run([*RUN, "--updates", "5", "--out", "run"]) == 0
    Path("other").mkdir()
    Path("other/.git").touch()
    assert "other exists and is not empty" in mistake(capsys, *RUN, "--updates", "5", "--out", "other")
    Path("run/.lock").mkdir()
    assert "run cannot be written to" in mistake(capsys, *RUN, "--updates", "5", "--out", "run", "--overwrite")


def test_mistakes(monkeypatch, capsys):
    assert "DATA is missing" in mistake(capsys, "train")
    assert "no is no run folder" in mistake(capsys, "train", "--resume", "no")
    np.save("rows.npy", np.random.default_rng(0).integers(0, 2, size=(50, 6)))
    with monkeypatch.context() as context:
        context.setitem(globals(), "RUN", ["train", "rows.npy", "--hidden", "3"])
        stopped_in_process(monkeypatch)
    assert "leave out --hidden" in mistake(capsys, "train", "--resume", "run", "--hidden", "4")
    assert "leave out DATA" in mistake(capsys, "train", "digits", "--resume", "run")
    assert "--checkpoint-every must be a positive number" in mistake(
        capsys, "train", "--resume", "run", "--checkpoint-every", "-1"
    )
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    np.save("rows.npy", np.random.default_rng(1).integers(0, 2, size=(50, 6)))
    assert "rows.npy holds other rows" in mistake(capsys, "train", "--resume", "run")
    Path("rows.npy").unlink()
    assert "rows.npy" in mistake(capsys, "train", "--resume", "run")
    assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == before
    Path("run/config.json").write_text("{")
    assert "config.json is damaged" in mistake(capsys, "train", "--resume", "run")
