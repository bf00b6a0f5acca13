"""Test log likelihood with no option but the number of hidden units, on data of many kinds."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import here

HIDDEN = {"nltcs": 16, "msnbc": 16, "plants": 100, "mushrooms": 23, "adult": 23, "digits": 20, "mnist": 500}
PUBLISHED = {"mushrooms": "-15.15 (RBM, 23 hidden units)", "adult": "-16.26 (RBM, 23 hidden units)", "mnist": "-86.34 (CD-25)"}


def main(folder: Path, names: tuple[str, ...] = tuple(HIDDEN)) -> str:
    lines = []
    for name in names:
        report = train(folder, name, HIDDEN[name])
        found = report["log_likelihood"]
        exact = found["lower"] == found["upper"]
        interval = "exact" if exact else f"[{found['lower']:.2f}, {found['upper']:.2f}]"
        figures = [f"{found['mean']:.3f}", interval, f"{report['train']['mean']:.3f}", f"{report['baseline']:.2f}"]
        length = [f"{report['updates']:,}", f"{report['seconds']:.0f}"]
        lines.append([name, f"{HIDDEN[name]}", *figures, PUBLISHED.get(name, ""), *length])
        print(*lines[-1], flush=True)
    columns = "data, hidden, test, 95 % interval, training, independent units, published, updates, seconds in all"
    return here.table(columns.split(", "), lines)


def train(folder: Path, name: str, hidden: int, *more: str) -> dict:
    """What `harmonium train --hidden N --json` reports on the data's own three parts."""
    with tempfile.TemporaryDirectory() as place:
        files = []
        for part, rows in zip(("train", "valid", "test"), here.binary(folder, name), strict=True):
            files.append(f"{place}/{name}-{part}.npy")
            np.save(files[-1], rows.astype(np.uint8))
        command = [sys.executable, "-m", "harmonium", "train", files[0], "--valid", files[1], "--test", files[2]]
        command += ["--hidden", str(hidden), "--out", f"{place}/run", "--json", *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr[-500:]}")
        return json.loads(done.stdout)
