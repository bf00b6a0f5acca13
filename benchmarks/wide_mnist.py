"""MNIST (fixed binarization) at any width: one run with the chosen settings on 58,000 rows.

The settings were chosen with 50,000 training and 10,000 validation rows. This run trains on 58,000 of the
60,000 and stops by the other 2,000, as a user would. Test rows are used once, for the last model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import harmonium as hm
from benchmarks import here
from benchmarks.mnist_race import train_harmonium
from harmonium.likelihood import evaluate_with

HELD_OUT = 2_000
FOLLOWED = 10_000


def main(folder: Path, out: Path, hidden: int, minutes: float, seconds: float = 240, **changes: Any) -> str:
    train, valid, test = here.mnist(folder)
    both = np.concatenate([train, valid])[np.random.default_rng(0).permutation(len(train) + len(valid))]
    train, valid = both[HELD_OUT:], both[:HELD_OUT]
    base_rate = hm.initialize(train, 1).visible
    snapshots, state = train_harmonium(train, valid, hidden, minutes, **changes)
    hm.save(state.rbm, out / f"mnist-{hidden}-{minutes:g}min.safetensors", base_rate=base_rate, overwrite=True)
    report = hm.evaluate(state.rbm, test, base_rate=base_rate, seconds=seconds)
    values = {
        "test": report,
        f"held out ({HELD_OUT:,})": evaluate_with(report, state.rbm, valid),
        f"training (first {FOLLOWED:,})": evaluate_with(report, state.rbm, train[:FOLLOWED]),
    }
    lines = [[rows, str(value), f"{value.upper - value.lower:.2f}"] for rows, value in values.items()]
    run = f"784x{hidden}, {minutes:g} minutes: {snapshots[-1][0]:.0f} s, {state.step:,} updates"
    table = here.table(["rows", "log likelihood", "width"], lines)
    text = "\n".join([f"{run}; {changes or 'the defaults'}.", "", table, "", *report.warnings]).rstrip()
    print(text, flush=True)
    return text
