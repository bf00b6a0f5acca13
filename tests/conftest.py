"""Machines and reference figures that many tests share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# Most of the tests' time is compilation, and what is compiled runs for milliseconds: the compiler's costly passes are left out
# unless the environment says otherwise (as .ci/run does for the slow tests, which run for longer and with all of them).
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import jax
import numpy as np
import pytest

import harmonium as hm

REFERENCE = Path(__file__).parent / "reference"
LECTURE = json.loads((REFERENCE / "two_by_two.json").read_text())
SMALL = json.loads((REFERENCE / "small_machines.json").read_text())["cases"]

# The commands under test must not share compiled code with those of other processes, nor leave any behind.
os.environ["HARMONIUM_CACHE"] = "off"


def machine(case: dict[str, Any]) -> hm.RBM:
    """The machine of a reference case, at its own parameters (not divided by the temperature)."""
    return hm.RBM(hm.Binary(case["visible_bias"]), hm.Binary(case["hidden_bias"]), case["weights"])


def random_machine(visible: type, hidden: type, shape: tuple[int, int], seed: int = 0, scale: float = 1.0) -> hm.RBM:
    """A machine with normal parameters in float64."""
    random = np.random.default_rng(seed)
    layers = [kind(scale * random.standard_normal(n)) for kind, n in zip((visible, hidden), shape, strict=True)]
    return hm.RBM(*layers, scale * random.standard_normal(shape))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test marked `slow_except`, the cases whose names hold none of the given strings are slow."""
    for item in items:
        marker = item.get_closest_marker("slow_except")
        if marker is not None and not any(part in item.name for part in marker.args):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def two_by_two() -> hm.RBM:
    """The lecture's machine."""
    return machine(LECTURE)


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled_code():
    """What one file's tests compiled hardly serves another's, and all of it together takes gigabytes."""
    yield
    jax.clear_caches()
