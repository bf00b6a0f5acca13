"""From the command to the first update (Harmonium: its first line of metrics), and the peak memory of the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import here

PEER = """
import sys, time, json, resource
import numpy as np
from benchmarks import peers
rows = np.load(sys.argv[2])
peer = getattr(peers, sys.argv[1])(rows, 500, 100)
peer.update(1)
first = time.time()
peer.update(300)
print(json.dumps({"first": first, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def main(folder: Path) -> str:
    train, valid, test = here.mnist(folder)
    lines = []
    with tempfile.TemporaryDirectory() as place:
        for part, rows in (("train", train), ("valid", valid), ("test", test)):
            np.save(f"{place}/{part}.npy", rows)
        options = ["train", f"{place}/train.npy", "--valid", f"{place}/valid.npy", "--test", f"{place}/test.npy"]
        options += ["--hidden", "500", "--updates", "300", "--evaluation-seconds", "1", "--json"]
        folder = Path(place)
        environment = os.environ | {"HARMONIUM_CACHE": str(folder / "compiled")}
        for number, name in enumerate(("Harmonium, first time", "Harmonium, again", "Harmonium, again")):
            command = [*options, "--out", f"{place}/run-{number}"]
            seconds, peak = time_to_metrics(command, folder, environment, stop=False)
            lines.append([name, f"{seconds:.1f}", f"{peak:,.0f}"])
        for name, kind in (("scikit-learn", "ScikitLearn"), ("rbms", "Rbms"), ("learnergy", "Learnergy")):
            lines.append([name, *_peer(kind, f"{place}/train.npy")])
    columns = ["", "command to first update or metrics, s", "peak memory, MiB"]
    print(here.table(columns, lines), flush=True)
    return here.table(columns, lines)


def time_to_metrics(arguments: list[str], folder: Path, environment: dict[str, str], stop: bool = True) -> tuple[float, float]:
    """Seconds from the start of a training command to its first line of metrics, and its peak memory in MiB."""
    run = folder / arguments[arguments.index("--out" if "--out" in arguments else "--resume") + 1]
    metrics = run / "metrics.jsonl"
    before = metrics.stat().st_size if metrics.exists() else 0
    begun = time.time()
    words = [sys.executable, "-m", "harmonium", *arguments]
    process = subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (metrics.exists() and metrics.stat().st_size > before):
        if process.poll() is not None:
            raise RuntimeError(f"harmonium {' '.join(arguments)} ended with status {process.returncode}")
        time.sleep(0.02)
    seconds = time.time() - begun
    if stop:
        process.send_signal(signal.SIGTERM)
    _, _, usage = os.wait4(process.pid, 0)
    return seconds, usage.ru_maxrss / 1024


def _peer(*arguments: str) -> list[str]:
    begun = time.time()
    done = subprocess.run([sys.executable, "-c", PEER, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        return ["-", f"failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:80]}"]
    found = json.loads(done.stdout.splitlines()[-1])
    return [f"{found['first'] - begun:.1f}", f"{found['peak']:,.0f}"]
