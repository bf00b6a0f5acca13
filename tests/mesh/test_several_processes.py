"""Two and four processes that work as one: the same machine as one process trains, each reading its own share of the rows."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import one_of_several
import pytest
from on_eight_devices import CLOSE, distance
from scipy import stats
from statistics_of_tests import FALSE_ALARM

import harmonium as hm
from harmonium import mesh
from harmonium.training import Checkpoint

TIMEOUT = 240


def together(task: str, count: int, folder: Path) -> list[dict[str, Any]]:
    """What each of `count` processes found."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path, "PJRT_NPROC": "1", "JAX_PLATFORMS": "cpu"}
    environment |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    environment.pop("XLA_FLAGS", None)
    logs = [folder / f"{number}.log" for number in range(count)]
    running = []
    try:
        for number, log in enumerate(logs):
            words = [sys.executable, one_of_several.__file__, task, number, count, port, folder]
            with log.open("w") as file:
                running.append(subprocess.Popen([str(word) for word in words], env=environment, stdout=file, stderr=file))
        codes = [process.wait(TIMEOUT) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert codes == [0] * count, "\n\n".join(log.read_text()[-3000:] for log in logs)
    return [json.loads((folder / f"{number}.json").read_text()) for number in range(count)]


def machine_like(rbm: Any, leaves: list[Any]) -> Any:
    return jax.tree.unflatten(jax.tree.structure(rbm), [np.array(leaf, np.float32) for leaf in leaves])


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_processes_agree_and_train_what_one_process_trains(tmp_path, count):
    found = together("talk", count, tmp_path)
    assert [each["share"] for each in found] == [[number, count] for number in range(count)]
    assert [each["first"] for each in found] == [True] + [False] * (count - 1)
    for each in found:
        assert each["agreed"] == {"number": 0, "list": [0.1, None, ""]}
        assert [bytes.fromhex(content) for content in each["sent"]] == [b"", bytes(300), bytes(range(256))]
        assert each["of each"] == [10 * number + 1 for number in range(count)]
        assert each["now"] == found[0]["now"] == sorted(each["now"])
    for hidden in {1, max(2, count // 2)}:
        far = []
        for seed in (0, 1):  # the second decides where a draw of the first lies within rounding of its threshold
            name = f"machine, {hidden}, {seed}"
            assert all(each[name] == found[0][name] for each in found)
            *_, one = one_of_several.in_memory(seed=seed)
            far.append(distance(machine_like(one.iterate, found[0][name]), one.iterate))
        assert min(far) < CLOSE
    far = []
    for seed in (0, 1):  # what several processes began one goes on with
        checkpoint = Checkpoint.load(tmp_path / f"{seed}.safetensors")
        assert one_of_several.STOPPED_AT <= checkpoint.step < one_of_several.UPDATES
        *_, whole = one_of_several.in_memory(seed=seed)
        *_, last = one_of_several.in_memory(seed=seed, resume=checkpoint)
        far.append(distance(last.iterate, whole.iterate))
    assert min(far) < CLOSE


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_each_process_reads_its_own_share_and_the_machine_is_as_good(tmp_path, count):
    """As good as one process's, by the exact log likelihoods of several seeds: a t test at the false-alarm rate."""
    found = together("read", count, tmp_path)
    rows = len(one_of_several.ROWS)
    for number, each in enumerate(found):
        assert all(read == list(range(rows * number // count, rows * (number + 1) // count)) for read in each["read"])
        assert each["machine"] == found[0]["machine"]
        assert each["log likelihoods"] == found[0]["log likelihoods"]
    own = [one_of_several.log_likelihood(one_of_several.streamed(seed=seed)[0]) for seed in range(one_of_several.SEEDS)]
    theirs = found[0]["log likelihoods"]
    assert len(set(theirs)) == len(theirs)
    assert stats.ttest_ind(own, theirs).pvalue > FALSE_ALARM
    # The test must see what half of the rows is worth.
    half, _ = one_of_several.streamed(rows=one_of_several.ROWS[: rows // 2])
    worse = one_of_several.log_likelihood(half) - np.mean(own)
    assert stats.ttest_ind(own, [value + worse for value in theirs]).pvalue < FALSE_ALARM


@pytest.mark.slow
def test_processes_share_an_estimate(tmp_path):
    """The interval is taken wider, from its 95 % to the false-alarm rate."""
    first, second = together("estimate", 2, tmp_path)
    assert first == second
    rbm = hm.initialize(one_of_several.ROWS, 8, scale=0.5)
    wider = float(stats.norm.isf(FALSE_ALARM / 2)) / 1.96
    middle, half = (first["upper"] + first["lower"]) / 2, (first["upper"] - first["lower"]) / 2
    assert half < 0.5
    assert abs(one_of_several.log_likelihood(rbm) - middle) < wider * half


def test_a_computer_whose_name_stands_for_no_address_is_told_so(monkeypatch):
    def unknown(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(mesh.processes.socket, "gethostname", lambda: "nowhere")
    monkeypatch.setattr(mesh.processes.socket, "getaddrinfo", unknown)
    with pytest.raises(hm.InputError, match=r"^this computer's name, nowhere, stands for no address"):
        mesh.joined("127.0.0.1:1", 0, 2)
