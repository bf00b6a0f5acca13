"""Where sums over devices are dear, what is worth more in each update: `python -m benchmarks.synchronisations [--record]`.

A run makes a fixed number of updates, each of which is one sum over all devices, of more rows and chains, of more Gibbs sweeps
of the chains, or of both. The held-out log likelihood is exact.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from statistics import mean, stdev

import harmonium as hm
from benchmarks import here
from harmonium.gradients import centred, pcd
from harmonium.training.settings import settings_for

WAYS = ((200, 1), (800, 1), (3200, 1), (200, 4), (200, 16), (800, 4))
"""Rows (and as many chains) of an update, and Gibbs sweeps of a chain."""
UPDATES = (500, 2000)
SEEDS = 3


def log_likelihood(data: tuple, hidden: int, rows: int, sweeps: int, updates: int, seed: int) -> float:
    train, valid, _ = data
    rbm = hm.initial(train, hidden, seed=seed)
    settings = settings_for(len(train), rbm, "pcd-1")
    *_, state = hm.train(
        rbm,
        train,
        centred(pcd(sweeps, chains=rows)),
        settings.make_optimiser(),
        batch_size=rows,
        updates=updates,
        cooldown=settings.cooldown,
        average=settings.average,
        seed=seed,
        follow=False,
        seconds_between_states=60.0,
    )
    return hm.likelihood.evaluate(state.rbm, valid[:5000], method="exact").mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of mnist_binarized_larochelle.npz")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    lines = []
    for name, hidden in (("mnist", 20), ("plants", 20)):
        data = here.binary(given.data, name)
        for rows, sweeps in WAYS:
            cells = []
            for updates in UPDATES:
                found = [log_likelihood(data, hidden, rows, sweeps, updates, seed) for seed in range(SEEDS)]
                cells.append(f"{mean(found):.2f} ({stdev(found):.2f})")
            arithmetic = rows * (2 + (1 + 2 * sweeps)) / (WAYS[0][0] * 5)
            lines.append([name, f"{rows:,}", str(sweeps), f"{arithmetic:.1f}", *cells])
            print(lines[-1], flush=True)
    columns = ["data", "rows and chains", "sweeps", "arithmetic", *(f"after {updates:,} updates" for updates in UPDATES)]
    text = (
        f"\n## {datetime.date.today()}: what is worth more in an update, where each is a sum over devices\n\n"
        f"`python -m benchmarks.synchronisations {' '.join(sys.argv[1:])}`; {here.header('harmonium')}. 20 hidden units, rate, "
        f"cooldown and penalty by default; exact held-out log likelihood (5,000 rows), mean of {SEEDS} seeds and "
        "their standard deviation.\n\n" + here.table(columns, lines) + "\n"
    )
    print(text)
    if given.record:
        with (Path(__file__).parent / "RESULTS.md").open("a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
