"""What checkpoints cost and how soon a run goes on, at 784x500: `python -m benchmarks.checkpoints [--record]`.

The cost is the share of the run's time that writing one a minute takes: the time of every writing is taken in a run of two
minutes that writes one at every state, and held against a minute. Going on is timed from the start of the command, Python
included, to the end of the first update, and of the first state after it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import here

TURNS = 5
RUN = ["train", "rows.npy", "--hidden", "500", "--minutes", "10", "--out", "run"]

TIMED = """
import sys, time
begun = float(sys.argv.pop(1))
from harmonium.cli import checkpoints, main
from harmonium.training import run

advance, look = run.advance, checkpoints.Keeper.look
told = []


def first_update(*arguments, **settings):
    carry, sound = advance(*arguments, **settings)
    if not told:
        sound.block_until_ready()
        told.append(time.time())
        print(f"update {time.time() - begun:.3f}", flush=True)
    return carry, sound


def written(self, state):
    before = time.time()
    self.save(state)
    print(f"written {time.time() - before:.4f} at {before - begun:.2f}", flush=True)
    if len(told) == 1 and state.metrics["updates_per_second"]:
        told.append(time.time())
        print(f"state {time.time() - begun:.3f}", flush=True)


run.advance, checkpoints.Keeper.look = first_update, written
main(sys.argv[1:])
"""


def timed(folder: Path, arguments: list[str], states: int) -> dict[str, list[float]]:
    """The times that a run says until so many states have been written, after which it is asked to stop."""
    process = subprocess.Popen(
        [sys.executable, "-c", TIMED, repr(time.time()), *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    found: dict[str, list[float]] = {"update": [], "state": [], "written": []}
    assert process.stdout is not None
    for line in process.stdout:
        name, value, *_ = line.split()
        found[name].append(float(value))
        if len(found["written"]) == states:
            process.send_signal(signal.SIGTERM)
    process.wait()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of mnist_binarized_larochelle.npz (default: rows at random)")
    parser.add_argument("--record", action="store_true", help="append the figures to RESULTS.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["HARMONIUM_CACHE"] = str(folder / "compiled")
        chance = np.random.default_rng(0)
        rows = (chance.random((60_000, 784)) < 0.13).astype(np.uint8) if given.data is None else here.mnist(given.data)[0]
        np.save(folder / "rows.npy", rows)
        fresh = timed(folder, RUN, 40)
        size = max(path.stat().st_size for path in folder.glob("run/checkpoint-*"))
        resumed = [timed(folder, ["train", "--resume", "run"], 4) for _ in range(TURNS)]
    writing = 1000 * median(fresh["written"][2:])
    text = (
        f"A checkpoint of {size / 2**20:.1f} MiB is written, flushed and renamed in {writing:.0f} ms (median of "
        f"{len(fresh['written']) - 2}; {1000 * min(fresh['written']):.0f} to {1000 * max(fresh['written']):.0f}): one a minute "
        f"takes {writing / 60_000:.2%} of the time.\n\n"
        + here.table(
            ["seconds from the command on", "begun (nothing compiled)", "gone on with (median, all)"],
            [
                [what, f"{fresh[key][0]:.1f}", f"{median(each[key][0] for each in resumed):.1f} ({_all(resumed, key)})"]
                for what, key in (("to the end of the first update", "update"), ("to the first state after it", "state"))
            ],
        )
    )
    here.finish("benchmarks.checkpoints", "checkpoints and going on, 784x500", text, given.record)


def _all(runs: list[dict[str, list[float]]], key: str) -> str:
    return ", ".join(f"{each[key][0]:.1f}" for each in runs)


if __name__ == "__main__":
    main()
