"""report how likely data is under a machine, in nats per example

DATA's own test rows are used if it is a named source, all rows of a file otherwise. The baseline, independent units
fitted to the training data, is stored in the model file by `harmonium train`. Of rows with missing cells (NaN in an array) it
is the likelihood of the observed ones.

ln Z is enumerated where that takes some ten seconds, and otherwise bracketed by annealed importance sampling (AIS) forwards
and in reverse: the interval printed is the 95 % interval of the mean, and contains both estimates with their errors. Several
processes (--processes, or a cluster's) share the runs and chains of an estimate.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli import processes
from harmonium.cli.cluster import Place
from harmonium.cli.output import console, print_json, staged_progress
from harmonium.cli.small_model import add_seed, number
from harmonium.cli.team import Team, team
from harmonium.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from harmonium.likelihood import LogLikelihood
    from harmonium.model import RBM
    from harmonium.units import Units

EXAMPLE = """\
example:
  harmonium evaluate runs/digits digits
  harmonium evaluate runs/mine/model.safetensors rows.npy --binarize threshold=0.5 --json
  harmonium evaluate runs/large mnist --seconds 300 --precision 0.05 --processes 4
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a model file, or the run folder it is in")
    add_rows(command)
    add_seed(command)
    command.add_argument("--seconds", metavar="X", type=number, default=60.0, help="time for an estimate (default: 60)")
    command.add_argument(
        "--precision", metavar="X", type=number, default=0.1, help="half the interval, in nats, that is enough (default: 0.1)"
    )
    command.add_argument("--runs", metavar="N", type=int, default=100, help="AIS runs in each direction (default: 100)")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--exact", action="store_true", help="enumerate, however long it takes")
    how.add_argument("--estimate", action="store_true", help="estimate, even if the machine can be enumerated")
    processes.add_arguments(command)


def add_rows(command: argparse.ArgumentParser) -> None:
    """DATA and how it is read, for commands that take rows."""
    command.add_argument("data", metavar="DATA", help="a named source (its test rows) or a file (all its rows)")
    command.add_argument("--binarize", metavar="HOW", help="zeros and ones from gray levels: threshold=X or stochastic")


def rows_of(
    location: str, options: argparse.Namespace, rbm: RBM, description: dict[str, Any], missing: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows that `location` names, all rows of a file for both, read by the model's schema if it has one.

    Raises:
        InputError: they cannot be read so, or cells are missing where none may be.
    """
    import numpy as np

    from harmonium import data, io, tabular
    from harmonium.io.frames import FILL

    if description["notes"].get(tabular.SCHEMA) is None:
        dataset = data.load(location, options.binarize, options.seed, hold_out=(), missing=missing)
        return dataset.train, dataset.test
    if options.binarize is not None:
        raise InputError("--binarize is not for a machine that was trained on the columns of a table")
    schema = tabular.schema_of(rbm, description)
    rows = schema.encode(io.read_frame(location))
    if not missing and np.isnan(rows).any():
        row = np.flatnonzero(np.isnan(rows).any(axis=1))[0]
        name = next(name for name, place in schema.places.items() if np.isnan(rows[row, place]).any())
        raise InputError(f"{location}: column {name!r} has no value in row {row + 1}; {FILL}")
    return rows, rows


def run(options: argparse.Namespace) -> int | None:
    begun = time.monotonic()

    def work(place: Place | None, boss: socket.socket | None) -> int | None:
        with team(options, place, boss) as crew:
            _evaluate(options, begun, crew)
        return None

    return processes.run(options, work)


def _evaluate(options: argparse.Namespace, begun: float, crew: Team) -> None:
    from harmonium import io, likelihood

    def loaded() -> tuple[RBM, Units | None, np.ndarray]:
        rbm, base_rate, description = io.load_described(options.model)
        return rbm, base_rate, rows_of(options.data, options, rbm, description, missing=True)[1]

    rbm, base_rate, rows = crew.spread.together(loaded)
    method = "exact" if options.exact else "estimate" if options.estimate else "auto"
    limits = {name: getattr(options, name) for name in ("seconds", "precision", "runs", "seed")}
    report = evaluated(rbm, rows, base_rate, method, **limits, mesh=crew.spread.mesh)
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
    print_warnings(report, out)
    compared = "" if baseline is None else f"; independent units reach {baseline:.3f}"
    out.print(f"mean of {report.rows:,} rows, ln Z = {report.log_partition:.6f}{compared}")


def evaluated(rbm: RBM, rows: np.ndarray, base_rate: Units | None, method: str = "auto", **limits: Any) -> LogLikelihood:
    """`likelihood.evaluate` under a progress bar, with a forecast if the machine is to be enumerated at length."""
    from harmonium import exact, likelihood

    if method == "exact" and likelihood.EXACT_SECONDS < exact.forecast(rbm) < float("inf"):
        print(f"harmonium: enumerating takes some {exact.forecast(rbm):,.0f} s", file=sys.stderr)
    with staged_progress() as progress:
        return likelihood.evaluate(rbm, rows, method=method, base_rate=base_rate, progress=progress, **limits)


def print_warnings(report: LogLikelihood, out: Console) -> None:
    """Why not to believe the figure, a line each."""
    for warning in report.warnings:
        out.print(f"warning: {warning}", style="yellow")
