"""Several devices, in one process and in two, make the updates of one device within rounding."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import on_devices
import on_processes
import pytest
import xla_flags
from on_devices import CASES, CLOSE, distance
from scipy import stats
from statistics_of_tests import FALSE_ALARM

import harmonium as hm
from harmonium import distributed
from harmonium.cli import run
from harmonium.training import Checkpoint

# Every kind of run on one of the meshes.
RUNS = [f"{name} on {('8x1', '4x2', '1x8', '2x1')[index % 4]}" for index, name in enumerate(CASES)]
GROUPS = {
    "4 devices, in short": ("placement", "one sum", "random numbers", "bad input", "pcd, centered on 2x2"),
    "8 devices, chains": ("state lies as it is placed", "samplers", "stationarity"),
    "8 devices, likelihoods": ("annealed runs", "running estimates", "bracket"),
    "8 devices, checkpoints": ("checkpoints",),
    "8 devices, runs": RUNS[::2],
    "8 devices, more runs": RUNS[1::2],
}


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"} | more


def test_every_check_is_run():
    assert set(on_devices.CHECKS) <= {check for checks in GROUPS.values() for check in checks}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.slow_except("4 devices")
def test_several_devices_do_what_one_does(group):
    # How sums are divided does not depend on how their loops are compiled, and every mesh is compiled for.
    flags = f"{xla_flags.QUICK} --xla_force_host_platform_device_count={group[0]}"
    command = [sys.executable, on_devices.__file__, *GROUPS[group]]
    done = subprocess.run(command, env=environment(XLA_FLAGS=flags), capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


def test_few_modules_know_of_devices_and_processes():
    package = Path(hm.__file__).parent

    def modules_with(*words: str) -> set[str]:
        return {
            path.relative_to(package).as_posix()
            for path in package.rglob("*.py")
            if any(word in path.read_text("utf-8") for word in words)
        }

    assert modules_with("PartitionSpec", "shard_map", "process_index") == {"distributed.py"}
    assert modules_with("broadcast(") == {"distributed.py", "training/run.py", "cli/train.py"}


def on_two_processes(*arguments: str) -> str:
    """What two processes of `python ARGUMENTS` print under mpirun."""
    if shutil.which("mpirun") is None:
        pytest.skip("needs mpirun (Debian: openmpi-bin)")
    command = ["mpirun", "-n", "2", "--allow-run-as-root", "--oversubscribe", sys.executable, *arguments]
    done = subprocess.run(command, env=environment(XLA_FLAGS=""), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def as_slurm_starts_them(*arguments: str) -> str:
    """What two processes of `python ARGUMENTS` print that have the environment variables of srun."""
    variables = {"PJRT_NPROC": "1", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2"}
    variables["SLURM_JOB_ID"] = str(20_000 + os.getpid() % 4000)
    pipes: dict[str, Any] = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    processes = []
    for index in ("0", "1"):
        own = environment(XLA_FLAGS="", SLURM_PROCID=index, SLURM_LOCALID=index, **variables)
        processes.append(subprocess.Popen([sys.executable, *arguments], env=own, **pipes))
    outputs = [process.communicate(timeout=280) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    return "".join(output for output, _ in outputs)


@pytest.fixture(scope="module")
def processes(tmp_path_factory) -> tuple[list[dict[str, Any]], Path]:
    """What each of two processes found, and the folder of their files."""
    folder = tmp_path_factory.mktemp("processes")
    on_two_processes(on_processes.__file__, str(folder))
    return [json.loads((folder / f"{index}.json").read_text()) for index in range(2)], folder


def with_leaves(rbm: hm.RBM, leaves: list[Any]) -> hm.RBM:
    return jax.tree.unflatten(jax.tree.structure(rbm), [np.array(leaf, np.float32) for leaf in leaves])


@pytest.mark.slow
def test_processes_agree_and_make_the_updates_of_one(processes):
    found, folder = processes
    assert [each["row part"] for each in found] == [[0, 2], [1, 2]]
    assert [each["is primary"] for each in found] == [True, False]
    for each in found:
        assert each["broadcast"] == [{"index": 0, "text": ""}, "x" * 300, None]
        assert each["local"] == [0, 0, 1, 1]
    for hidden_shards in (1, 2):
        distances = []
        for seed in (0, 1):  # the second decides where a draw of the first lies within rounding of its threshold
            name = f"iterate, {hidden_shards}, {seed}"
            assert found[0][name] == found[1][name]
            *_, one = on_processes.in_memory(seed=seed)
            distances.append(distance(with_leaves(one.iterate, found[0][name]), one.iterate))
        assert min(distances) < CLOSE
    distances = []
    for seed in (0, 1):  # one process resumes what two began
        checkpoint = Checkpoint.load(folder / f"{seed}.safetensors")
        assert on_processes.STOPPED_AT <= checkpoint.step < on_processes.UPDATES
        *_, one = on_processes.in_memory(seed=seed)
        *_, last = on_processes.in_memory(seed=seed, resume=checkpoint)
        distances.append(distance(last.iterate, one.iterate))
    assert min(distances) < CLOSE


@pytest.mark.slow
def test_each_process_reads_its_own_rows_and_the_model_is_as_good(processes):
    """As good as one process's, by the exact log likelihoods of several seeds: a t test at the false-alarm rate."""
    found, _ = processes
    rows = len(on_processes.ROWS)
    for index, each in enumerate(found):
        assert all(read == list(range(rows * index // 2, rows * (index + 1) // 2)) for read in each["read"])
        assert each["log likelihoods"] == found[0]["log likelihoods"]
    own = [on_processes.log_likelihood(on_processes.streamed(seed=seed)[0]) for seed in range(on_processes.SEEDS)]
    theirs = found[0]["log likelihoods"]
    assert len(set(theirs)) == len(theirs)
    assert stats.ttest_ind(own, theirs).pvalue > FALSE_ALARM
    # The test must see what half of the rows is worth.
    half, _ = on_processes.streamed(rows=on_processes.ROWS[: rows // 2])
    worse = on_processes.log_likelihood(half) - np.mean(own)
    assert stats.ttest_ind(own, [value + worse for value in theirs]).pvalue < FALSE_ALARM


@pytest.mark.slow
def test_processes_share_an_estimate(processes):
    (first, second), _ = processes
    assert first["estimate"] == second["estimate"]
    rbm = hm.initialize(on_processes.ROWS, 8, scale=0.5)
    report = SimpleNamespace(**first["estimate"])
    on_devices.check_bracket(report, rbm, on_processes.ROWS)


@pytest.mark.slow
def test_commands_on_two_processes_do_what_one_does(tmp_path):
    """Of one model each writes once: one folder, one report, one line a state. MPI starts one command, Slurm the other.
    A second seed decides, as above."""
    np.save(tmp_path / "rows.npy", np.tile(on_processes.ROWS, (3, 1)))
    rows, distances = str(tmp_path / "rows.npy"), []
    for seed in ("0", "1"):
        arguments = ["-m", "harmonium", "train", rows, "--hidden", "8", "--set", "estimator=pcd-1", "--updates", "40"]
        arguments += ["--seed", seed, "--out"]
        settings = ["--set", "chains=24", "--set", "batch_size=24", "--json"]
        one, two = str(tmp_path / f"one-{seed}"), str(tmp_path / f"two-{seed}")
        assert run([*arguments[2:], one, *settings]) == 0
        report = json.loads(on_two_processes(*arguments, two, *settings, "--distributed"))
        assert report["run"] == two
        lines = [json.loads(line)["step"] for line in (tmp_path / f"two-{seed}" / "metrics.jsonl").read_text().splitlines()]
        assert lines == sorted(set(lines))
        models = [hm.load(f"{folder}/model.safetensors") for folder in (one, two)]
        distances.append(distance(*models))
        estimate = json.loads(as_slurm_starts_them("-m", "harmonium", "evaluate", two, rows, "--json", "--distributed"))
        expected = hm.log_prob(models[1], np.load(rows)).value.mean()
        assert estimate["log_likelihood"]["mean"] == pytest.approx(expected, abs=1e-6)
        if distances[-1] < CLOSE:
            break
    assert min(distances) < CLOSE


def test_a_computer_whose_name_has_no_address_is_refused(monkeypatch):
    def unknown(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(distributed.socket, "gethostname", lambda: "nowhere")
    monkeypatch.setattr(distributed.socket, "getaddrinfo", unknown)
    with pytest.raises(hm.InputError, match=r"^this computer's name, nowhere, has no address"):
        distributed.initialize("127.0.0.1:1", 0, 2)


def test_a_process_that_nothing_started_as_one_of_several_is_refused():
    code = "from harmonium import distributed\ndistributed.initialize()"
    clean = {name: value for name, value in environment().items() if not name.startswith(("OMPI_", "SLURM_", "KUBERNETES_"))}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, timeout=120)
    assert "InputError: the other processes were not found" in done.stderr
    assert "srun, mpirun or an indexed" in done.stderr
