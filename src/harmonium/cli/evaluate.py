"""report how likely data is under a model, in nats per example

A named source gives its test rows, a file all its rows. The baseline, independent units fitted to the training data, is in the
model file. In rows with missing cells (NaN in an array) the observed cells count.

ln Z is enumerated if that takes some ten seconds. Otherwise annealed importance sampling (AIS), forward and reverse, brackets
it: the interval is the 95 % interval of the mean. The printed counts repeat an estimate exactly.

example:
  harmonium evaluate runs/digits digits
  harmonium evaluate runs/mine/model.safetensors rows.npy --binarize threshold=0.5 --json
  mpirun -n 4 harmonium evaluate runs/large mnist --seconds 300 --precision 0.05 --distributed
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harmonium as hm
from harmonium.cli.inputs import add, add_count, load_model, load_rows
from harmonium.cli.output import Answer, Styled, say, staged_progress

if TYPE_CHECKING:
    import numpy as np


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "data", "--binarize", "--unseen", "--seed")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--exact", action="store_true", help="enumerate, however long it takes")
    how.add_argument("--estimate", action="store_true", help="estimate, even if the model can be enumerated")
    group = command.add_argument_group("the estimate")
    group.add_argument("--seconds", metavar="X", type=float, default=60.0, help="time allowed (default: 60)")
    group.add_argument("--precision", metavar="X", type=float, default=0.1, help="half-width to reach, in nats (default: 0.1)")
    add_count(group, "runs", 100, "AIS runs in each direction")
    for name, what in (("temperatures", "annealing"), ("steps", "tempering"), ("rungs", "tempering")):
        group.add_argument(f"--{name}", metavar="N", type=int, help=f"{what} {name} (default: as the time allows)")
    add(group, "--distributed")


def run(options: argparse.Namespace) -> Answer | None:
    begun = time.monotonic()
    mesh = None
    if options.distributed:
        hm.distributed.initialize()
        mesh = hm.distributed.make_mesh()
    model = load_model(options.model)
    dataset = load_rows(options.data, options, model, missing=True)
    method = "exact" if options.exact else "estimate" if options.estimate else "auto"
    names = ("seconds", "precision", "runs", "temperatures", "steps", "rungs", "seed")
    limits = {name: getattr(options, name) for name in names}
    log_likelihood = evaluate(model.rbm, dataset.test, model.base_rate, method, **limits, mesh=mesh)
    baseline = None if model.base_rate is None else hm.likelihood.base_rate_log_likelihood(model.base_rate, dataset.test)
    if mesh is not None and not hm.distributed.is_primary():
        return None
    folder = Path(options.model)
    result: dict[str, Any] = {
        "log_likelihood": log_likelihood.to_dict(),
        "baseline": baseline,
        "rows": log_likelihood.rows,
        "seconds": time.monotonic() - begun,
        "run": str(folder if folder.is_dir() else folder.parent),
    }
    error = log_likelihood.standard_error
    spread = "" if error is None else f", standard error over rows {error:.3f}"
    unit = nats_per_example(dataset).removeprefix("nats per example")
    compared = "" if baseline is None else f"; independent units reach {baseline:.3f}"
    about = f"mean of {dataset.count('test')}{unit}{spread}, ln Z = {log_likelihood.log_partition:.6f}{compared}"
    text = [*likelihood_text("", log_likelihood), about]
    if log_likelihood.arguments.get("method") == "estimate":
        counts = " ".join(f"--{name} {value}" for name, value in log_likelihood.arguments.items() if name != "method")
        text.insert(-1, f"the same estimate again: --estimate {counts}")
    return Answer(result, text)


def evaluate(
    rbm: hm.RBM, rows: np.ndarray, base_rate: hm.units.Units | None, method: str = "auto", **limits: Any
) -> hm.LogLikelihood:
    """`likelihood.evaluate` under a progress bar, with a forecast if a long enumeration begins."""
    if method == "exact" and hm.likelihood.EXACT_SECONDS < hm.exact.estimate_seconds(rbm) < float("inf"):
        say(f"enumerating takes some {hm.exact.estimate_seconds(rbm):,.0f} s")
    with staged_progress() as progress:
        return hm.likelihood.evaluate(rbm, rows, method=method, base_rate=base_rate, progress=progress, **limits)


def nats_per_example(dataset: hm.data.Dataset) -> str:
    """The unit of a log likelihood: of real columns it is that of a density in their standard deviations."""
    is_density = dataset.schema is not None and any(column.kind == "real" for column in dataset.schema.columns)
    return "nats per example" + (", real columns in standard deviations" if is_density else "")


def likelihood_text(of: str, log_likelihood: hm.LogLikelihood) -> list[str | Styled]:
    """The figure, and why not to believe it, a line each."""
    warnings = [Styled(f"warning: {warning}", "yellow") for warning in log_likelihood.warnings]
    return [Styled(f"{of}log likelihood {log_likelihood}"), *warnings]
