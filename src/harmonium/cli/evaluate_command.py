"""report how likely data is under a machine, in nats per example

DATA's own test rows are used if it is a named source, all rows of a file otherwise. The baseline, independent units
fitted to the training data, is stored in the model file by `harmonium train`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli.machine import add_seed
from harmonium.cli.show import console, print_json

if TYPE_CHECKING:
    import numpy as np

EXAMPLE = """\
example:
  harmonium evaluate runs/digits digits
  harmonium evaluate runs/mine/model.safetensors rows.npy --binarise threshold=0.5 --json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a model file, or the run folder it is in")
    add_rows(command)
    add_seed(command)


def add_rows(command: argparse.ArgumentParser) -> None:
    """DATA and how it is read, for commands that take rows."""
    command.add_argument("data", metavar="DATA", help="a named source (its test rows) or a file (all its rows)")
    command.add_argument("--binarise", metavar="HOW", help="zeros and ones from grey levels: threshold=X or stochastic")


def test_rows(options: argparse.Namespace) -> np.ndarray:
    """The rows that DATA names."""
    from harmonium import data

    return data.load(options.data, options.binarise, options.seed, hold_out=()).test


def run(options: argparse.Namespace) -> None:
    begun = time.monotonic()
    from harmonium import likelihood, storage

    rbm, base_rate, _ = storage.load_described(options.model)
    rows = test_rows(options)
    report = likelihood.evaluate(rbm, rows)
    baseline = None if base_rate is None else likelihood.base_rate_log_likelihood(base_rate, rows)
    model = Path(options.model)
    result: dict[str, Any] = {
        "log_likelihood": report.as_dict(),
        "baseline": baseline,
        "rows": report.rows,
        "seconds": time.monotonic() - begun,
        "run": str(model if model.is_dir() else model.parent),
    }
    if options.json:
        print_json(result)
        return
    out = console()
    out.print(f"log likelihood {report}", style="bold")
    compared = "" if baseline is None else f"; independent units reach {baseline:.3f}"
    out.print(f"mean of {report.rows:,} rows, ln Z = {report.log_partition:.6f}{compared}")
