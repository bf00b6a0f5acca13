"""Training in several processes from the command line: one run, in good order to whatever end it comes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statistics_of_tests import FALSE_ALARM

import harmonium as hm
from harmonium import exact
from harmonium.cli import checkpoints, run

RUN = ["train", "shifter:4", "--hidden", "6", "--estimator", "pcd-1", "--chains", "40", "--batch", "20"]
UPDATES = 40
LONG = [*RUN, "--updates", "1000000", "--checkpoint-every", "0.005", "--out", "run"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def started(*arguments, **environment):
    command = [sys.executable, "-m", "harmonium", *arguments]
    environment = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"} | environment
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def ended(process):
    output, errors = process.communicate(timeout=200)
    return process.returncode, output, errors.strip().splitlines()


def until(true, process):
    deadline = time.monotonic() + 120
    while not true():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def checkpointed(*options):
    process = started(*LONG, *options)
    until(lambda: checkpoints.files(Path("run")), process)
    return process


def workers():
    """The processes of this test's runs that are still there, by their numbers."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().decode().split("\0")
            if "--process-id" in words and os.readlink(path / "cwd") == os.getcwd():
                found[int(words[words.index("--process-id") + 1])] = int(path.name)
        except OSError:
            continue
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_processes_train_the_machine_that_one_trains(count):
    close = 4 * UPDATES * float(np.finfo(np.float32).eps)  # as in tests/mesh: rounding in every update, all one way
    for seed in ("0", "1"):  # the second decides where a draw of the first lies within rounding of its threshold
        few = [*RUN, "--updates", str(UPDATES), "--seed", seed, "--json", "--overwrite", "--evaluation-seconds", "1"]
        status, output, errors = ended(started(*few, "--processes", str(count), "--out", "several"))
        assert status == 0, errors
        found = json.loads(output)  # and nothing else on stdout
        assert run([*few, "--out", "one"]) == 0
        one, several = hm.load("one"), hm.load("several")
        far = np.abs(several.weights - one.weights).max() / np.abs(one.weights).max()
        if far < close:
            break
    assert far < close
    rows = hm.data.load("shifter:4").train
    likelihood = float(np.mean(exact.log_likelihood(several, rows)))
    assert found["log_likelihood"]["mean"] == pytest.approx(likelihood, abs=1e-5)
    config = json.loads(Path("several/config.json").read_text())
    assert (config["machine"]["processes"], config["machine"]["devices"]) == (count, [count, 1])
    assert not {"processes", "coordinator", "process_id", "arguments"} & config["settings"].keys()
    assert "process" not in config["repeat"]
    assert sorted(path.name for path in Path("several").iterdir()) == sorted(path.name for path in Path("one").iterdir())


@pytest.mark.slow
def test_processes_divide_hidden_units_and_estimate_a_likelihood_together():
    rows = (np.random.default_rng(0).random((400, 30)) < 0.3).astype(np.uint8)
    np.save("rows.npy", rows)
    arguments = ["train", "rows.npy", "--hidden", "40", "--updates", "300", "--evaluation-seconds", "3", "--json"]
    status, output, errors = ended(started(*arguments, "--processes", "2", "--hidden-shards", "2", "--out", "several"))
    assert status == 0, errors
    found = json.loads(output)["log_likelihood"]
    assert found["method"].startswith("AIS")
    rbm = hm.load("several")
    truth = float(np.mean(hm.likelihood.evaluate(rbm, hm.data.load("rows.npy").test, method="exact").mean))
    # The 95 % interval, taken wider to the false-alarm rate.
    middle, half = (found["upper"] + found["lower"]) / 2, (found["upper"] - found["lower"]) / 2
    assert abs(truth - middle) <= half * stats.norm.isf(FALSE_ALARM / 2) / 1.96


@pytest.mark.slow
def test_processes_may_meet_more_seldom():
    few = [*RUN, "--updates", "50", "--synchronize-every", "8", "--evaluation-seconds", "1"]
    status, _, errors = ended(started(*few, "--processes", "2", "--out", "several"))
    assert status == 0, errors
    assert run([*few, "--out", "one"]) == 0
    configs = [json.loads(Path(folder, "config.json").read_text()) for folder in ("several", "one")]
    assert [config["settings"]["synchronize_every"] for config in configs] == [8, 8]
    assert configs[0]["repeat"] is None  # what two devices do apart, one does not repeat
    assert configs[1]["repeat"] is not None
    assert not np.array_equal(hm.load("several").weights, hm.load("one").weights)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_processes_that_are_asked_to_stop_leave_a_run_to_go_on_with(how):
    process = checkpointed("--processes", "2")
    process.send_signal(how)
    status, output, errors = ended(process)
    assert status == 128 + how
    assert output == ""
    assert errors[-1].endswith("go on with: harmonium train --resume run")
    assert not workers()
    assert not Path("run/.lock").exists()


@pytest.mark.slow
def test_as_many_processes_go_on_bit_for_bit():
    run_of_two = [*RUN, "--updates", "6000", "--processes", "2", "--evaluation-seconds", "1"]
    stopped = started(*run_of_two, "--out", "stopped")
    metrics = Path("stopped/metrics.jsonl")
    until(lambda: metrics.exists() and metrics.read_text().count("\n") >= 4, stopped)
    stopped.send_signal(signal.SIGTERM)
    status, _, errors = ended(stopped)
    assert status == 143, errors
    assert ended(started("train", "--resume", "stopped", "--processes", "2"))[0] == 0
    assert ended(started(*run_of_two, "--out", "whole"))[0] == 0
    one, other = hm.load("stopped"), hm.load("whole")
    for a, b in ((one.weights, other.weights), (one.visible.bias, other.visible.bias), (one.hidden.bias, other.hidden.bias)):
        np.testing.assert_array_equal(a, b)


def test_a_process_that_is_killed_ends_the_run_which_goes_on_in_other_numbers():
    process = checkpointed("--processes", "2")
    os.kill(workers()[1], signal.SIGKILL)
    status, output, errors = ended(process)
    assert (status, output) == (1, "")
    assert errors[-1] == (
        "harmonium: error: process 1 of 2 was killed by signal 9, and so the run ended; "
        "go on with: harmonium train --resume run"
    )
    assert "Traceback" not in "".join(errors)
    assert not workers()
    step = checkpoints.latest(Path("run"))[0].step
    resumed = started("train", "--resume", "run")
    until(lambda: checkpoints.latest(Path("run"))[0].step > step, resumed)
    resumed.send_signal(signal.SIGTERM)
    status, _, errors = ended(resumed)
    assert status == 143
    assert errors[0] == "harmonium: not every bit need come out as before: 2 devices then, 1 device now"
    status, _, errors = ended(started("train", "--resume", "run", "--processes", "3"))
    assert status == 2
    assert errors[-1] == "harmonium: error: 20 rows in an update cannot be shared evenly by 3 devices; 18 can"


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_the_death_of_any_process_is_told_in_one_line(victim):
    process = checkpointed("--processes", "2")
    os.kill(workers()[victim], signal.SIGKILL)
    status, _, errors = ended(process)
    assert status == 1
    assert errors[-1].startswith(f"harmonium: error: process {victim} of 2 was killed by signal 9")
    assert sum("harmonium:" in line for line in errors) == 1
    assert not workers()


@pytest.mark.slow
def test_a_process_that_is_no_longer_heard_of_ends_the_run():
    process = checkpointed("--processes", "2")
    os.kill(workers()[1], signal.SIGSTOP)  # as if its computer had lost its network
    status, _, errors = ended(process)
    assert status == 1
    assert errors[-1] == (
        "harmonium: error: process 1 of 2 no longer answered, and so the run ended; go on with: harmonium train --resume run"
    )
    assert not workers()


@pytest.mark.slow
def test_workers_stop_in_order_when_nobody_watches_them_any_more():
    process = checkpointed("--processes", "2")
    process.kill()
    deadline = time.monotonic() + 60
    while workers():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.communicate()
    assert checkpoints.latest(Path("run"))[0] is not None
    assert not Path("run/.lock").exists()


def together(*several):
    return [ended(process) for process in several]


@pytest.mark.slow
def test_each_process_may_be_told_its_place():
    told = [*RUN, "--updates", "50", "--coordinator", f"127.0.0.1:{free_port()}", "--process-count", "2", "--out", "run"]
    first, second = together(*(started(*told, "--process-id", str(number)) for number in range(2)))
    assert first[0] == second[0] == 0, (first, second)
    assert "test log likelihood" in first[1]
    assert second[1:] == ("", [])  # the first speaks for both


@pytest.mark.slow
def test_processes_find_their_places_under_slurm():
    job = {"SLURM_JOB_ID": str(free_port()), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    job |= {"SLURM_STEP_NUM_TASKS": "2"}
    several = (started(*RUN, "--updates", "50", "--out", "run", **job, SLURM_PROCID=i, SLURM_LOCALID=i) for i in "01")
    first, second = together(*several)
    assert first[0] == second[0] == 0, (first, second)
    assert json.loads(Path("run/config.json").read_text())["machine"]["devices"] == [2, 1]


@pytest.mark.slow
def test_processes_find_their_places_under_open_mpi():
    job = {"OMPI_MCA_orte_hnp_uri": f"{free_port() << 12}.0;tcp://127.0.0.1:34911", "OMPI_COMM_WORLD_SIZE": "2"}
    several = (
        started(*RUN, "--updates", "50", "--out", "run", **job, OMPI_COMM_WORLD_RANK=i, OMPI_COMM_WORLD_LOCAL_RANK=i)
        for i in "01"
    )
    first, second = together(*several)
    assert first[0] == second[0] == 0, (first, second)
    assert json.loads(Path("run/config.json").read_text())["machine"]["devices"] == [2, 1]


@pytest.mark.slow
def test_what_one_process_lacks_is_said_by_all():
    np.save("first.npy", np.eye(8, dtype=np.uint8))
    np.save("second.npy", 1 - np.eye(8, dtype=np.uint8))
    where = ["--coordinator", f"127.0.0.1:{free_port()}", "--process-count", "2", "--hidden", "2", "--updates", "5"]
    several = [started("train", f"{name}.npy", *where, "--process-id", str(i)) for i, name in enumerate(("first", "absent"))]
    (status, _, errors), (other, _, _) = together(*several)
    assert status == other == 2
    assert errors[-1].startswith("harmonium: error: process 1 of 2: absent.npy: there is no such file")
    where[1] = f"127.0.0.1:{free_port()}"
    several = [started("train", f"{name}.npy", *where, "--process-id", str(i)) for i, name in enumerate(("first", "second"))]
    (status, _, errors), (other, _, _) = together(*several)
    assert status == other == 2
    assert errors[-1] == "harmonium: error: process 1 of 2 has rows other than the first's: give all the same"
    assert not Path("runs").exists()


def test_what_the_first_process_finds_is_said_once():
    Path("run").mkdir()
    Path("run/something").touch()
    status, output, errors = ended(started(*RUN, "--updates", "50", "--processes", "2", "--out", "run"))
    assert (status, output) == (2, "")
    assert errors == ["harmonium: error: run exists and is not empty; choose another --out, or add --overwrite"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--processes", "0"], "--processes must be a whole number of at least 1, but is 0"),
        (["--processes", "100000"], "--processes must be a whole number of at most 256, but is larger"),
        (["--processes", "2", "--process-id", "1"], "leave out --process-id"),
        (["--coordinator", "127.0.0.1:1234"], "give --process-id and --process-count too"),
        (["--process-id", "0"], "give --coordinator and --process-count too"),
        (["--coordinator", "here", "--process-id", "0", "--process-count", "2"], "--coordinator must be HOST:PORT"),
        (["--coordinator", "a:99999", "--process-id", "0", "--process-count", "2"], "--coordinator must be HOST:PORT"),
        (
            ["--coordinator", "a:1", "--process-id", "2", "--process-count", "2"],
            "--process-id must be a whole number of at most 1",
        ),
        (["--hidden-shards", "2"], "1 devices cannot be divided into groups of 2"),
        (["--hidden-shards", "0"], "at least 1, but is 0"),
    ],
)
def test_a_place_that_cannot_be_is_refused(capsys, options, said):
    assert run([*RUN, "--updates", "5", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert not Path("runs").exists()
