"""Eight devices that work as one: every check runs by itself in `on_eight_devices`, in a process that JAX gives so many."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import on_eight_devices
import pytest
from on_eight_devices import CASES, MESHES

# Each kind of run on one of the meshes. By hand on all of them: python tests/mesh/on_eight_devices.py "cd on all".
RUNS = [f"{name} on {MESHES[number % len(MESHES)]}" for number, name in enumerate(CASES)]
QUICK = {"in short": ("bad input", "random numbers", "one update", "pcd, centered on 4x2")}
SLOW = {
    "arrays": ("copies", "shares", "checkpoints"),
    "chains": ("stationarity", "stationarity of ladders", "ladders", "ladders of an estimate", "checkpoints of ladders"),
    "likelihoods": ("annealed runs", "running estimates", "bracket"),
    "runs": RUNS[::2],
    "more runs": RUNS[1::2],
}


def test_every_check_is_run():
    run = {check for checks in (QUICK | SLOW).values() for check in checks}
    assert run >= {check for check in on_eight_devices.CHECKS if not check.endswith((*MESHES, "on all"))}
    assert all(any(check.startswith(f"{name} on") for check in run) for name in CASES)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_eight_devices_do_what_one_does(name):
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    environment |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # most of the time goes to compiling
    command = [sys.executable, on_eight_devices.__file__, *(QUICK | SLOW)[name]]
    done = subprocess.run(command, env=environment | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
