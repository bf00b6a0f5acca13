"""What can go wrong with a run, done to many runs on purpose, and counted.

    python -m benchmarks.faults [--kills 100] [--terminations 100] [--files 1000] [--record]

Kills (-9) and terminations at random moments, from the command's first instant on; a full disk (a small tmpfs, which needs
root); model and checkpoint files damaged at random; two writers. Every count of these should be zero: runs lost, resumed
runs that differ from an uninterrupted one by a bit, tracebacks, damaged files that loaded.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import harmonium as hm
from benchmarks import here
from harmonium.errors import InputError
from harmonium.training import Checkpoint
from tests.damage import damaged

TRAIN = ["train", "shifter:4", "--hidden", "6", "--set", "estimator=pcd-1", "--set", "chains=20", "--updates", "150000"]
OFTEN = ["--checkpoint-every", "0.003"]
STOPS_A_RUN = 5
LONGEST = 12.0
"""Seconds after which, at the latest, a run is stopped: some are hit in starting, some in compiling, most in training."""


def command(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "harmonium", *arguments]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def uninterrupted(folder: Path) -> hm.RBM:
    process = command(folder, *TRAIN, "--out", "run")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return hm.load(folder / "run")


def are_equal(first: hm.RBM, second: hm.RBM) -> bool:
    parts = [(rbm.visible.bias, rbm.hidden.bias, rbm.weights) for rbm in (first, second)]
    return all(a.tobytes() == b.tobytes() for a, b in zip(*parts, strict=True))


def stops(how: signal.Signals, number: int, chance: random.Random) -> Counter[str]:
    """Stop runs `number` times in all, each a few times, let each end, and compare its model with the uninterrupted one."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = uninterrupted(folder)
        while found["stops"] < number:
            left = min(STOPS_A_RUN, number - found["stops"])
            found.update(one_run(folder / f"{found['runs']}", how, left, expected, chance))  # zeros are counted too
            print(how.name, dict(found), flush=True)
    return found


def one_run(folder: Path, how: signal.Signals, most: int, expected: hm.RBM, chance: random.Random) -> Counter[str]:
    found = Counter(runs=1, stops=0, lost=0, differ=0, tracebacks=0)
    folder.mkdir()
    stopped = 0
    while True:
        config = folder / "run" / "config.json"
        on = config.exists()
        if on and json.loads(config.read_text())["finished"]:
            break  # it was stopped in its closing report
        process = command(folder, "train", "--resume", "run", *OFTEN) if on else command(folder, *TRAIN, *OFTEN, "--out", "run")
        seconds = None if stopped == most else chance.uniform(0, LONGEST)
        begun = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        if process.poll() is None:
            process.send_signal(how)
            stopped += 1
            found["stops"] += 1
            asked = time.monotonic()
            _, errors = process.communicate()
            found["slow to leave"] += time.monotonic() - asked > 10
        else:
            _, errors = process.communicate()
        found["tracebacks"] += int("Traceback" in errors)
        if process.returncode == 0:
            break
        if process.returncode not in (-how, 128 + how):
            print(f"after {time.monotonic() - begun:.1f} s: status {process.returncode}: {errors}", flush=True)
            found["lost"] += 1
            return found
    try:
        found["differ"] += not are_equal(hm.load(folder / "run"), expected)
    except InputError as error:
        print(error, flush=True)
        found["lost"] += 1
    shutil.rmtree(folder)
    return found


def full_disk() -> Counter[str]:
    """A run whose checkpoints no longer find room: it must end with a model, or in one line with a checkpoint."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", name], stderr=subprocess.DEVNULL).returncode:
            return Counter()
        try:
            filler = folder / "filler"
            process = command(
                folder, *shlex.split("train digits --hidden 100 --set estimator=pcd-1 --updates 3000 --out run"), *OFTEN
            )
            while not list(folder.glob("run/checkpoint-*")) and process.poll() is None:
                time.sleep(0.02)
            with contextlib.suppress(OSError), filler.open("wb") as file:
                while True:
                    file.write(bytes(4096))
                    file.flush()
            _, errors = process.communicate()
            found = Counter({"full disks": 1, "tracebacks": int("Traceback" in errors)})
            print(f"full disk: status {process.returncode}: {errors.strip().splitlines()[-1:]}", flush=True)
            filler.unlink()
            if process.returncode:
                process = command(folder, "train", "--resume", "run")
                _, errors = process.communicate()
                found["lost"] += process.returncode != 0
            found["lost"] += not np.isfinite(hm.load(folder / "run").weights).all()
            return found
        finally:
            subprocess.run(["umount", "-l", name], check=True)


def damaged_files(number: int, chance: random.Random) -> Counter[str]:
    """Files that are cut off, have flipped bits, other tensors, absurd shapes or a huge header; none may load."""
    found: Counter[str] = Counter(files=0, loaded=0, tracebacks=0)
    rows = np.random.default_rng(0).integers(0, 2, size=(50, 12))
    state = next(iter(hm.train(hm.initialize(rows, 8), rows, estimator=hm.pcd(1, chains=10), updates=1)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {
            hm.save(state.rbm, folder / "model.safetensors", notes={"a": 1}): hm.load,
            state.checkpoint.save(folder / "checkpoint.safetensors"): Checkpoint.load,
        }
        contents = {path: path.read_bytes() for path in files}
        for _ in range(number):
            path = chance.choice(list(files))
            content = damaged(contents[path], chance)
            if content == contents[path]:
                continue
            path.write_bytes(content)
            found["files"] += 1
            try:
                files[path](path)
                found["loaded"] += 1
            except InputError as error:
                found["of several lines"] += int("\n" in str(error))
            except Exception as error:  # what the campaign is after
                print(f"{type(error).__name__}: {error}", flush=True)
                found["tracebacks"] += 1
    return found


def two_writers() -> Counter[str]:
    """While a run writes, another one in its folder, a new one or the same gone on with, is refused in one line."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = command(folder, *TRAIN, *OFTEN, "--out", "run")
        while not list(folder.glob("run/checkpoint-*")):
            time.sleep(0.02)
        for arguments in (("train", "--resume", "run"), (*TRAIN, "--out", "run", "--overwrite")):
            second = command(folder, *arguments)
            _, errors = second.communicate()
            found["second writers"] += 1
            found["let in"] += second.returncode != 2 or "another run is writing" not in errors
            found["tracebacks"] += int("Traceback" in errors)
        _, errors = first.communicate()
        found["lost"] += first.returncode != 0
    return found


@contextlib.contextmanager
def compiled_code() -> Iterator[None]:
    """One place for compiled code of all runs, so that most of the time goes to training."""
    before = os.environ.get("HARMONIUM_CACHE")
    with tempfile.TemporaryDirectory() as name:
        os.environ["HARMONIUM_CACHE"] = name
        try:
            yield
        finally:
            if before is None:
                del os.environ["HARMONIUM_CACHE"]
            else:
                os.environ["HARMONIUM_CACHE"] = before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--terminations", type=int, default=100)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with compiled_code():
        counts = {
            f"{given.kills} kills (-9)": stops(signal.SIGKILL, given.kills, chance),
            f"{given.terminations} terminations": stops(signal.SIGTERM, given.terminations, chance),
            "a full disk": full_disk(),
            f"{given.files:,} damaged files": damaged_files(given.files, chance),
            "two writers": two_writers(),
        }
    lines = [
        [what, ", ".join(f"{number:,} {name}" for name, number in found.items()) or "not done: needs root"]
        for what, found in counts.items()
    ]
    here.finish("benchmarks.faults", "faults", "\n\n" + here.table(["", "counted"], lines), given.record)


if __name__ == "__main__":
    main()
