r"""MNIST at any width, its zeros and ones drawn anew from gray levels in every update.

    python -m benchmarks.wide_mnist FOLDER --hidden 500 --updates 5000                    # compare settings on validation rows
    python -m benchmarks.wide_mnist FOLDER --hidden 500 --updates 40000 --set search= --set refit=false --set l1=0 \
        --seconds 200 --test                                                              # and look at the test rows, once

FOLDER holds mnist_60k.npz, the gray levels, whose first 50,000 rows are trained on, and mnist_binarized_larochelle.npz, whose
fixed binarization validation (the other 10,000) and test rows have. Settings are chosen on validation rows; the interval of
the log likelihood is narrowed until it is 0.2 nats wide or the seconds have passed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import harmonium as hm
from benchmarks import here
from benchmarks.mnist_race import train_harmonium
from harmonium.likelihood import evaluate_with

FOLLOWED = 10_000


def main(folder: Path, out: Path, hidden: int, seconds: float = 240, test: bool = True, **settings: Any) -> str:
    fixed, valid, test_rows = here.mnist(folder)
    gray = np.load(folder / "mnist_60k.npz")["train_x"].reshape(-1, valid.shape[1])[: len(fixed)]
    train = hm.data.resampled(gray)
    base_rate = hm.initialize(train, 1).visible
    snapshots, state = train_harmonium(train, valid, hidden, **settings)
    name = f"mnist-{hidden}-{state.step}"
    hm.save(state.rbm, out / f"{name}.safetensors", base_rate=base_rate, overwrite=True)
    rows = {"training (one draw)": fixed[:FOLLOWED], "validation": valid} | ({"test": test_rows} if test else {})
    report = hm.evaluate(state.rbm, valid, base_rate=base_rate, seconds=seconds)
    values = {part: evaluate_with(report, state.rbm, each) for part, each in rows.items()}
    lines = [[part, str(value), f"{value.upper - value.lower:.2f}"] for part, value in values.items()]
    run = f"784x{hidden}: {snapshots[-1][0]:.0f} s, {state.step:,} updates, ended because {hm.training.ENDINGS[state.ended]}"
    table = here.table(["rows", "log likelihood", "width"], lines)
    text = "\n".join([f"{run}; {settings}.", "", table, "", *report.warnings]).rstrip()
    print(text, flush=True)
    return text


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--updates", type=int)
    parser.add_argument("--seconds", type=float, default=240, help="for the log likelihood")
    parser.add_argument("--set", type=_setting, action="append", default=[], help="NAME=VALUE of hm.TrainConfig")
    parser.add_argument("--test", action="store_true", help="look at the test rows")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    length = {"updates": given.updates} if given.updates else {"minutes": given.minutes or 10}
    main(given.data, given.out, given.hidden, given.seconds, given.test, **length, **dict(given.set))
