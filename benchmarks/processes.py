"""Two processes as one: data per second against one process, what communication takes, and what a sum of arrays costs.

    python -m benchmarks.processes [--rounds 15] [--rows 200,2000] [--record]

Each process computes with one thread and has the same work in an update whatever their number. Three ways take turns, about a
second each, in the same two processes, so that other work on the computer slows all of them alike: the first process alone;
both, each by itself (what the computer itself allows); both as one.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np

from benchmarks import here

VISIBLE, HIDDEN = 784, 500
ROWS = (200, 500, 1000, 2000)
"""Of an update, a process; as many chains."""
SIZES = (1, 1 << 10, 1 << 14, 1 << 17, VISIBLE * HIDDEN, 1 << 22)
"""Numbers (float32) that are summed over processes."""
SECONDS, WARM_UP = 0.7, 6
"""Of a turn; and the states in which a run finds its pace."""


def updates_per_second(rows: int, rounds: int, index: int, port: int) -> dict[str, list[float]]:
    import harmonium as hm
    from harmonium import distributed

    distributed.initialize(f"127.0.0.1:{port}", index, 2)
    mesh = distributed.make_mesh()
    data = (np.random.default_rng(0).random((20_000, VISIBLE)) < 0.2).astype(np.uint8)

    def start(processes: int) -> Iterator[hm.TrainState]:
        states = hm.train(
            hm.initialize(data, HIDDEN),
            data,
            estimator="pcd-1",
            chains=processes * rows,
            batch_size=processes * rows,
            updates=10**9,
            measure=False,
            seconds_between_states=SECONDS,
            mesh=mesh if processes > 1 else None,
        )
        for _ in range(WARM_UP):
            next(states)
        return states

    alone, together = start(1), start(2)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for way, states in (("one", alone), ("apart", alone), ("two", together)):
            distributed.broadcast(way)  # wait for the other
            if way != "one" or index == 0:
                found[way].append(next(states).metrics["updates_per_second"])
    return found


def seconds_of_sums(index: int, port: int) -> dict[int, float]:
    import jax
    import jax.numpy as jnp

    from harmonium import distributed

    distributed.initialize(f"127.0.0.1:{port}", index, 2)
    mesh = distributed.make_mesh()
    found = {}
    for size in SIZES:
        x = distributed.place_local(np.ones((1, size), np.float32), "row number", mesh)

        @jax.jit
        def many(x: jax.Array) -> jax.Array:
            # Each sum feeds the next, so that none is left out.
            return jax.lax.fori_loop(0, 20, lambda _, x: x + 1e-6 * jnp.sum(x, axis=0), x)

        times = []
        for _ in range(7):
            before = time.perf_counter()
            jax.block_until_ready(many(x))
            times.append((time.perf_counter() - before) / 20)
        found[size] = float(median(times[1:]))
    return found


def run(task: dict[str, object]) -> list[Any]:
    """What each of two processes of this module finds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.processes", "--worker"]
    started = [
        subprocess.Popen(
            [*command, json.dumps(task | {"index": index, "port": port})],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PJRT_NPROC": "1"},
            text=True,
        )
        for index in range(2)
    ]
    return [json.loads(process.communicate(timeout=300)[0].splitlines()[-1]) for process in started]


def measured(rounds: int, all_rows: list[int]) -> str:
    lines = []
    for rows in all_rows:
        first, second = run({"rows": rows, "rounds": rounds})
        one, two = (1 / median(first[way]) for way in ("one", "two"))
        apart = 1 / median([*first["apart"], *second["apart"]])
        # Of each round by itself: other work on the computer slows both ways.
        gain = median(2 * b / a for a, b in zip(first["one"], first["two"], strict=True))
        gain_apart = median((a + b) / c for a, b, c in zip(first["apart"], second["apart"], first["one"], strict=True))
        times = (f"{1000 * value:.1f}" for value in (one, apart, two))
        lines.append([f"{rows:,}", *times, f"{gain_apart:.2f}", f"{gain:.2f}", f"{1 - apart / two:.0%}"])
        print(lines[-1], flush=True)
    columns = ["rows and chains a process", "one, ms", "two apart", "two as one"]
    columns += ["data a second against one: two apart", "two as one", "communication"]
    sums: dict[int, list[float]] = defaultdict(list)
    for _ in range(3):
        for size, taken in run({"sums": True})[0].items():
            sums[int(size)].append(taken)
    return (
        here.table(columns, lines)
        + "\n\n"
        + here.table(
            ["numbers summed over two processes", "ms", "MB/s"],
            [
                [f"{size:,}", f"{1000 * median(times):.2f}", f"{4e-6 * size / median(times):.0f}"]
                for size, times in sums.items()
            ],
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows", default=",".join(map(str, ROWS)), help="of an update, a process")
    parser.add_argument("--record", action="store_true", help="append the tables to RESULTS.md")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        task = json.loads(given.worker)
        found = seconds_of_sums(task["index"], task["port"]) if task.pop("sums", False) else updates_per_second(**task)
        print("\n" + json.dumps(found), flush=True)
        os._exit(0)  # the processes need not wait for each other
    text = f"Times of an update in ms, median of {given.rounds} turns; PCD-1, centered, one thread a process.\n\n"
    title = f"two processes as one, {VISIBLE}x{HIDDEN}"
    here.finish("benchmarks.processes", title, text + measured(given.rounds, [*map(int, given.rows.split(","))]), given.record)


if __name__ == "__main__":
    main()
