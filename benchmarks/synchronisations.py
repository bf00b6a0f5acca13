"""Where sums over devices are dear, what is worth more in each update: `python -m benchmarks.synchronizations [--record]`.

First: a run makes a fixed number of updates, each of which is one sum over all devices, of more rows and chains, of more Gibbs
sweeps of the chains, or of both. Then: eight devices (simulated) of 200 rows and chains each make a fixed number of updates,
and meet at every one or more seldom. The held-out log likelihood is exact.
"""

from __future__ import annotations

import argparse
import os
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import jax

import harmonium as hm
from benchmarks import here
from harmonium.gradients import centered, pcd
from harmonium.training.settings import Settings, settings_for

WAYS = ((200, 1), (800, 1), (200, 4), (200, 16), (800, 4))
"""Rows (and as many chains) of an update, and Gibbs sweeps of a chain."""
UPDATES = (500, 2000)
EVERY = (1, 4, 16, 64)
PARTS, HIDDEN, SEEDS = 8, 20, 3


@cache
def optimizer_of(settings: Settings) -> Any:
    """The same object for the same settings, which is compiled for once."""
    return settings.make_optimizer()


def log_likelihood(data: tuple, rows: int, sweeps: int, updates: int, seed: int, parts: int = 1, every: int = 1) -> float:
    train, valid, _ = data
    rbm = hm.initialize(train, HIDDEN, seed=seed)
    settings = settings_for(len(train), rbm, "pcd-1")
    *_, state = hm.train(
        rbm,
        train,
        centered(pcd(sweeps, chains=rows)),
        optimizer_of(settings),
        batch_size=rows,
        updates=updates,
        cooldown=settings.cooldown,
        average=settings.average,
        seed=seed,
        follow=False,
        seconds_between_states=60.0,
        mesh=hm.mesh.over(devices=jax.devices()[:parts]),
        synchronize_every=every,
    )
    return hm.likelihood.evaluate(state.rbm, valid[:5000], method="exact").mean


def over_seeds(*arguments: Any) -> str:
    data, rows, sweeps, updates, *more = arguments
    found = [log_likelihood(data, rows, sweeps, updates, seed, *more) for seed in range(SEEDS)]
    return f"{mean(found):.2f} ({stdev(found):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of mnist_binarized_larochelle.npz")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    parser.add_argument("--part", choices=("more", "apart"), help="one of the two alone")
    given = parser.parse_args()
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={PARTS}"  # before JAX looks at its devices
    text = ""
    if given.part in (None, "more"):
        text += f"\n\n{more(given.data)}"
    if given.part in (None, "apart"):
        text += f"\n\n{UPDATES[-1]:,} updates by {PARTS} devices, 200 rows and chains each:\n\n{apart(given.data)}"
    about = (
        f"{HIDDEN} hidden units, rate, cooldown and penalty by default; exact held-out log likelihood (5,000 rows at most), "
        f"mean of {SEEDS} seeds and their standard deviation."
    )
    here.finish("benchmarks.synchronizations", "what is worth more between two sums over devices", about + text, given.record)


def more(folder: Path) -> str:
    lines = []
    for name in ("digits", "plants"):
        data = here.binary(folder, name)
        for rows, sweeps in WAYS:
            cells = [over_seeds(data, rows, sweeps, updates) for updates in UPDATES]
            arithmetic = rows * (2 + (1 + 2 * sweeps)) / (WAYS[0][0] * 5)
            lines.append([name, f"{rows:,}", str(sweeps), f"{arithmetic:.1f}", *cells])
            print(lines[-1], flush=True)
    return here.table(
        ["data", "rows and chains", "sweeps", "arithmetic", *(f"after {each:,} updates" for each in UPDATES)], lines
    )


def apart(folder: Path) -> str:
    lines = []
    for name in ("nltcs", "plants"):
        data = here.binary(folder, name)
        lines.append([name, over_seeds(data, 200, 1, UPDATES[-1])])
        for every in EVERY:
            lines[-1].append(over_seeds(data, PARTS * 200, 1, UPDATES[-1], PARTS, every))
        print(lines[-1], flush=True)
    return here.table(
        ["data", "one device", *("meeting " + (f"every {each}" if each > 1 else "at every one") for each in EVERY)], lines
    )


if __name__ == "__main__":
    main()
