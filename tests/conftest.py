"""Models and reference figures that many tests use."""

from __future__ import annotations

import gc
import json
import os
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import xla_flags

# Most of the tests' time is compilation. What one process compiles serves the others of the same run, the commands under test
# included; a run starts from nothing unless the environment names a folder of its own.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    COMPILED = tempfile.TemporaryDirectory(prefix="harmonium-tests-", ignore_cleanup_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
# XLA_FLAGS of your own, as in .ci/run, are kept.
os.environ.setdefault("XLA_FLAGS", xla_flags.QUICK)

import jax
import jaxtyping
import numpy as np
import pytest

# The shapes in these packages' signatures are checked at every call.
SHAPED = ("units", "model", "exact", "gauge", "lecture", "samplers", "gradients", "random")
jaxtyping.install_import_hook([f"harmonium.{module}" for module in SHAPED], "runtime_types.check")

import harmonium as hm  # noqa: E402

REFERENCE = Path(__file__).parent / "reference"
LECTURE = json.loads((REFERENCE / "two_by_two.json").read_text())
SMALL = json.loads((REFERENCE / "small_models.json").read_text())["cases"]

# The commands under test leave no compiled code in the user's folder.
os.environ["HARMONIUM_CACHE"] = "off"

# Each collection looks through all that JAX has compiled: 4 % of the time.
gc.set_threshold(100_000)

# Tests that run in the background (&, nohup) inherit these as ignored, and so would the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):  # not on Windows
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def reference_rbm(case: dict[str, Any]) -> hm.RBM:
    """The model of a reference case, at its own parameters (not divided by the temperature)."""
    return hm.RBM(hm.Binary(case["visible_bias"]), hm.Binary(case["hidden_bias"]), case["weights"])


def random_rbm(visible: type, hidden: type, shape: tuple[int, int], seed: int = 0, scale: float = 1.0) -> hm.RBM:
    """A model with normal parameters in float64."""
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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--module-times", action="store_true", help="print the seconds of each test module as a table")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("--module-times"):
        return
    seconds: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                module = report.nodeid.partition("::")[0]
                seconds[module] += report.duration
                tests[module] += report.when == "call"
    terminalreporter.section("times by module")
    rows = [f"| {name} | {tests[name]} | {total:.1f} |" for name, total in seconds.most_common()]
    summary = f"| all | {tests.total()} | {seconds.total():.1f} |"
    terminalreporter.write_line("\n".join(["| module | tests | seconds |", "|---|---|---|", *rows, summary]))


@pytest.fixture
def two_by_two() -> hm.RBM:
    """The model of the lecture."""
    return reference_rbm(LECTURE)


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled_code():
    """What one file's tests compiled hardly serves another's, and all of it together takes gigabytes."""
    yield
    jax.clear_caches()
