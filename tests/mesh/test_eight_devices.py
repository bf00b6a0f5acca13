"""Eight devices that work as one: every check runs by itself in `on_eight_devices`, in a process that JAX gives so many."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import on_eight_devices
import pytest

QUICK = {
    "arrays": ("bad input", "random numbers", "copies", "shares", "rows of a part", "checkpoints"),
    "chains": ("stationarity", "ladders", "ladders of an estimate"),
    "likelihoods": ("annealed runs", "running estimates", "bracket"),
    "updates": (
        "one update",
        "cd, sampled, all rows on 8x1",
        "pcd, centred, adam, penalty on 4x2",
        "pcd, bfloat16 on 8x1",
        "ptt on 4x2",
        "exact, centred on 2x1",
    ),
    "rows and units": (
        "missing cells, all rows on 8x1",
        "mapped on 8x1",
        "sparse on 4x2",
        "gaussian on 8x1",
        "categorical on 4x2",
        "mixed on 1x8",
    ),
}
SLOW = {name: (f"{name} on all",) for name in on_eight_devices.CASES}
SLOW["ladders, slow"] = ("stationarity of ladders", "checkpoints of ladders")


def test_every_check_is_run():
    run = {check for checks in (QUICK | SLOW).values() for check in checks}
    assert run >= {check for check in on_eight_devices.CHECKS if not check.endswith(on_eight_devices.MESHES)}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_eight_devices_do_what_one_does(name):
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, on_eight_devices.__file__, *(QUICK | SLOW)[name]]
    done = subprocess.run(command, env=environment | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
