"""From the command to the first update, and the largest amount of memory that a process held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import here

OURS = """
import sys, time
from harmonium.cli import training_progress, run
told = training_progress.shown
def shown(history):
    if history[-1]["step"] >= 1 and not hasattr(training_progress, "first"):
        training_progress.first = time.time()
    return told(history)
training_progress.shown = shown
run(sys.argv[1:])
import json, resource
print(json.dumps({"first": training_progress.first, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""
PEER = """
import sys, time, json, resource
import numpy as np
from pathlib import Path
from benchmarks import here, peers
rows = np.load(sys.argv[2])
peer = getattr(peers, sys.argv[1])(rows, 500, 100)
peer.updates(1)
first = time.time()
peer.updates(300)
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
        for name, cache in (("Harmonium, first time", "empty"), ("Harmonium, again", "kept"), ("Harmonium, again", "kept")):
            if cache == "empty":
                cache_folder = tempfile.mkdtemp(dir=place)
            environment = os.environ | {"HARMONIUM_CACHE": cache_folder}
            lines.append([name, *_run(OURS, [*options, "--out", tempfile.mkdtemp(dir=place)], environment)])
        for name, kind in (("scikit-learn", "ScikitLearn"), ("rbms", "Rbms"), ("learnergy", "Learnergy")):
            lines.append([name, *_run(PEER, [kind, f"{place}/train.npy"], dict(os.environ))])
    columns = ["", "command to first update, s", "peak memory, MiB"]
    print(here.table(columns, lines), flush=True)
    return here.table(columns, lines)


def _run(code: str, arguments: list[str], environment: dict[str, str]) -> list[str]:
    begun = time.time()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        return ["-", f"failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:80]}"]
    found = json.loads(done.stdout.splitlines()[-1])
    return [f"{found['first'] - begun:.1f}", f"{found['peak']:,.0f}"]
