"""Two processes as one: data per second against one process, what communication takes, and what a sum of arrays costs.

    python -m benchmarks.processes [--rounds 15] [--record]

Each process computes with one thread and has the same work in an update whatever their number. Five ways take turns, a second
or so each, in the same two processes, so that whatever else the machine does falls on all alike: the first process alone;
both, each for itself (what the machine itself allows); both as one; both as one, taking the mean of their machines every eighth
update; and every sixteenth (from the three follows what communication takes, waiting for the slower one included).
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from collections import defaultdict
from statistics import median

import numpy as np

from benchmarks import here

VISIBLE, HIDDEN = 784, 500
ROWS = (200, 500, 1000, 2000)
"""Of an update, a process; as many chains."""
SIZES = (1, 1 << 10, 1 << 14, 1 << 17, VISIBLE * HIDDEN, 1 << 22)
"""Numbers (float32) that are summed over processes."""
SECONDS, WARM = 0.7, 6
"""Of a turn; and the states that a run may take to find its pace."""
SELDOM = 16


def updates_per_second(rows: int, rounds: int, number: int, port: int) -> dict[str, list[float]]:
    import harmonium as hm
    from harmonium import mesh

    mesh.joined(f"127.0.0.1:{port}", number, 2)
    both = mesh.over()
    spread = mesh.Spread(both)
    data = (np.random.default_rng(0).random((20_000, VISIBLE)) < 0.2).astype(np.uint8)

    def run(parts: int):  # type: ignore[no-untyped-def]
        states = hm.train(
            hm.initialize(data, HIDDEN),
            data,
            estimator="pcd-1",
            chains=parts * rows,
            batch_size=parts * rows,
            updates=10**9,
            measure=False,
            seconds_between_states=SECONDS,
            mesh=both if parts > 1 else None,
        )
        for _ in range(WARM):
            next(states)
        return states

    alone, together = run(1), run(2)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for way, states in (("one", alone), ("apart", alone), ("two", together)):
            spread.of_each(0)
            if way != "one" or number == 0:
                found[way].append(next(states).metrics["updates_per_second"])
    return found


def seconds_of_sums(number: int, port: int) -> dict[int, float]:
    import time
    from functools import partial

    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    from harmonium import mesh

    mesh.joined(f"127.0.0.1:{port}", number, 2)
    both = mesh.over()

    @jax.jit
    @partial(jax.shard_map, mesh=both, in_specs=PartitionSpec(), out_specs=PartitionSpec(), check_vma=False)
    def many(x):  # type: ignore[no-untyped-def]
        return jax.lax.fori_loop(0, 20, lambda _, x: jax.lax.pmean(x, mesh.DATA), x)

    found = {}
    for size in SIZES:
        x = jax.make_array_from_callback(
            (size,), NamedSharding(both, PartitionSpec()), lambda part, size=size: np.ones(size, np.float32)[part]
        )
        times = []
        for _ in range(7):
            before = time.perf_counter()
            jax.block_until_ready(many(x))
            times.append((time.perf_counter() - before) / 20)
        found[size] = float(median(times[1:]))
    return found


def run(task: dict[str, object], processes: int) -> list[object]:
    """What each of so many processes of this module finds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"PJRT_NPROC": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.processes", "--worker", json.dumps(task | {"number": number, "port": port})],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )
        for number in range(processes)
    ]
    return [json.loads(process.communicate(timeout=300)[0].splitlines()[-1]) for process in started]


def measured(rounds: int) -> str:
    lines = []
    for rows in ROWS:
        first, second = run({"rows": rows, "rounds": rounds}, 2)
        assert isinstance(first, dict)
        assert isinstance(second, dict)
        one, two, eighth, seldom = (1 / median(first[way]) for way in ("one", "two", "eighth", "seldom"))
        meeting = (two - seldom) * SELDOM / (SELDOM - 1)
        apart = median([*first["apart"], *second["apart"]])
        # Of each round by itself: what the machine does meanwhile falls on both ways.
        against = {way: median(2 * b / a for a, b in zip(first["one"], first[way], strict=True)) for way in first}
        against["apart"] = median((a + b) / c for a, b, c in zip(first["apart"], second["apart"], first["one"], strict=True))
        lines.append(
            [
                f"{rows:,}",
                *(f"{1000 * value:.1f}" for value in (one, 1 / apart, two, eighth)),
                *(f"{against[way]:.2f}" for way in ("apart", "two", "eighth")),
                *(f"{share:.0%}" for share in (meeting / two, meeting / 8 / eighth)),
            ]
        )
        print(lines[-1], flush=True)
    columns = ["rows and chains a process", "one, ms", "two apart", "two as one", "meeting every 8"]
    columns += ["data a second against one: two apart", "two as one", "meeting every 8", "communication", "every 8"]
    sums: dict[int, list[float]] = defaultdict(list)
    for _ in range(3):
        for size, taken in run({"sums": True}, 2)[0].items():  # type: ignore[attr-defined]
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
    parser.add_argument("--record", action="store_true", help="append the tables to RESULTS.md")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        task = json.loads(given.worker)
        found = seconds_of_sums(task["number"], task["port"]) if task.pop("sums", False) else updates_per_second(**task)
        print("\n" + json.dumps(found), flush=True)
        os._exit(0)  # two that were joined need not wait for each other
    text = f"Times of an update in ms, median of {given.rounds} turns; PCD-1, centered, one thread a process.\n\n"
    title = f"two processes as one, {VISIBLE}x{HIDDEN}"
    here.finish("benchmarks.processes", title, text + measured(given.rounds), given.record)


if __name__ == "__main__":
    main()
