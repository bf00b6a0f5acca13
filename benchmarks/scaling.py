"""How the time of an update grows with the model, 10^2 to 10^4 units a side; and training on more rows than memory holds."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import optax
from matplotlib.figure import Figure

import harmonium as hm
from benchmarks import here

SIDES = (100, 180, 320, 560, 1000, 1800, 3200, 5600, 10000)
ROWS = 100

STREAMED = """
import sys, resource
import numpy as np
import optax
import harmonium as hm


def peak():  # ru_maxrss would be the parent's, if that was larger
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


rows = np.load(sys.argv[1], mmap_mode="r")
before = peak()
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]), int(sys.argv[2])))
*_, state = hm.train(hm.initialize(rows, 64), rows, estimator='pcd-1', chains=100, updates=3000, exact_seconds=1e-9)
print(before, peak(), state.metrics["updates_per_second"])
"""


def main(out: Path) -> str:
    lines, measured = [], []
    for side in SIDES:
        data = (np.random.default_rng(0).random((ROWS, side)) < 0.2).astype(np.uint8)
        states = hm.train(
            hm.initialize(data, side),
            data,
            estimator=hm.pcd(1, chains=ROWS),
            optimizer=optax.sgd(0.01),
            batch_size=ROWS,
            final_decay=0.0,
            updates=10**9,
            estimates=False,
            exact_seconds=1e-9,
            seconds_between_states=lambda: 1.0,
        )
        for _ in range(3):
            next(states)
        each = float(np.median([1e3 / next(states).metrics["updates_per_second"] for _ in range(3)]))
        measured.append(each)
        lines.append([f"{side}x{side}", f"{each:.3g}", f"{1e6 * each / (side * side * ROWS):.3f}"])
        print(*lines[-1], flush=True)
    picture(measured).savefig(out / "scaling.png", dpi=120)
    text = here.table(["model", "ms an update", "ns a weight and chain"], lines)
    return f"{text}\n\n{streamed()}"


def streamed() -> str:
    """Train on a memory-mapped file of 4 GiB in a process that may hold 2 GiB of data."""
    with tempfile.TemporaryDirectory() as place:
        name = f"{place}/rows.npy"
        rows = np.lib.format.open_memmap(name, "w+", np.uint8, (4 << 20, 1024))
        random = np.random.default_rng(0)
        for first in range(0, len(rows), 1 << 18):
            rows[first : first + (1 << 18)] = random.integers(0, 2, size=(1 << 18, 1024), dtype=np.uint8)
        del rows
        command = [sys.executable, "-c", STREAMED, name, str(2 << 30)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        before, peak, speed = map(float, done.stdout.split())
    return (
        f"A memory-mapped file of 4 GiB (4,194,304 rows of 1,024 bytes) under a limit of 2 GiB of data memory (RLIMIT_DATA): "
        f"3,000 updates of 1024x64, {speed:,.0f} a second, resident memory {before:,.0f} MiB before and {peak:,.0f} MiB at the "
        "most (pages of the file among them, which the system takes back at need)."
    )


def picture(measured: list[float]) -> Figure:
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.loglog(SIDES, measured, "o-", color="#2f5d9e", label="one update, 100 rows and chains")
    axes.loglog(SIDES, [measured[-1] * (side / SIDES[-1]) ** 2 for side in SIDES], ":", color="#c2571a", label="V x H")
    axes.set(xlabel="units a side", ylabel="milliseconds")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
