"""Several processes as one: data per second against one process, what communication takes, and what a sum of arrays costs.

    python -m benchmarks.processes [--rounds 3] [--seconds 4] [--record]

Each process computes with one thread and has the same work whatever their number. Beside one process and two joined ones, two
that do not know of each other are timed (what the machine itself allows), and two joined ones whose sums over processes are
left out (what remains is the work; the difference is communication, waiting for the other included), and two that take the
mean of their machines every eighth update (`synchronise_every`). Rounds take turns.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import here

VISIBLE, HIDDEN = 784, 500
ROWS = (200, 500, 2000)
"""Of an update, a process; as many chains."""
SIZES = (1, 1 << 10, 1 << 14, 1 << 17, VISIBLE * HIDDEN, 1 << 22)
"""Numbers (float32) that are summed over processes."""
WAYS = ("one", "two apart", "two without sums", "two", "two, every 8")


def updates_per_second(rows: int, seconds: float, way: str, number: int, port: int) -> float:
    import harmonium as hm
    from harmonium import mesh
    from harmonium.gradients import centred, pcd
    from harmonium.mesh import axes

    joined = way not in ("one", "two apart")
    if joined:
        mesh.joined(f"127.0.0.1:{port}", number, 2)
    if way == "two without sums":
        axes.mean = axes.total = lambda tree: tree
    data = (np.random.default_rng(0).random((20_000, VISIBLE)) < 0.2).astype(np.uint8)
    total = 2 * rows if joined else rows
    states = hm.train(
        hm.initial(data, HIDDEN),
        data,
        centred(pcd(1, chains=total)),
        batch_size=total,
        updates=10**9,
        follow=False,
        seconds_between_states=seconds,
        mesh=mesh.over() if joined else None,
        synchronise_every=8 if way == "two, every 8" else 1,
    )
    speeds = []
    for state in states:
        if state.step:
            speeds.append(state.metrics["updates_per_second"])
        if len(speeds) == 5:  # the first ones are short, to find the pace
            break
    states.close()
    return float(median(speeds[-2:]))


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


def measured(rounds: int, seconds: float) -> tuple[str, dict[str, object]]:
    speeds: dict[tuple[int, str], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for rows in ROWS:
            for way in WAYS:
                found = run({"rows": rows, "seconds": seconds, "way": way}, 1 if way == "one" else 2)
                speeds[rows, way].append(float(np.mean(found)))  # type: ignore[arg-type]
                print(rows, way, found, flush=True)
    sums: dict[int, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for size, taken in run({"sums": True}, 2)[0].items():  # type: ignore[attr-defined]
            sums[int(size)].append(taken)
    best = {key: median(values) for key, values in speeds.items()}
    lines = []
    for rows in ROWS:
        one, apart, without, two, eighth = (best[rows, way] for way in WAYS)
        lines.append(
            [
                f"{rows:,}",
                *(f"{1000 / value:.1f}" for value in (one, apart, without, two, eighth)),
                *(f"{2 * value / one:.2f}" for value in (apart, two, eighth)),
                *(f"{1 - value / without:.0%}" for value in (two, eighth)),
            ]
        )
    columns = ["rows and chains a process", "one, ms", "two apart", "without sums", "two as one", "meeting every 8"]
    columns += ["data a second against one: two apart", "two as one", "meeting every 8", "communication", "every 8"]
    text = here.table(columns, lines)
    text += "\n\n" + here.table(
        ["numbers summed over two processes", "ms", "MB/s"],
        [[f"{size:,}", f"{1000 * median(times):.2f}", f"{4e-6 * size / median(times):.0f}"] for size, times in sums.items()],
    )
    return text, {"speeds": {f"{rows} {way}": values for (rows, way), values in speeds.items()}, "sums": sums}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a measurement")
    parser.add_argument("--record", action="store_true", help="append the tables to RESULTS.md")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        task = json.loads(given.worker)
        found = seconds_of_sums(task["number"], task["port"]) if task.pop("sums", False) else updates_per_second(**task)
        print("\n" + json.dumps(found), flush=True)
        os._exit(0)  # two that were joined need not wait for each other
    text, _ = measured(given.rounds, given.seconds)
    arguments = " ".join(sys.argv[1:])
    text = (
        f"\n## {datetime.date.today()}: two processes as one, {VISIBLE}x{HIDDEN}\n\n"
        f"`python -m benchmarks.processes {arguments}`; {here.header('harmonium')}. Times of an update in ms, median of "
        f"{given.rounds} rounds; PCD-1, centred, one thread a process.\n\n{text}\n"
    )
    print(text)
    if given.record:
        with (Path(__file__).parent / "RESULTS.md").open("a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
