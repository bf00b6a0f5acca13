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
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harmonium as hm
from harmonium.cli.inputs import add, add_count, load_model, load_rows
from harmonium.cli.output import Answer, Styled, say, staged_progress

if TYPE_CHECKING:
    import numpy as np


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "data", "--weights", "--binarize", "--unseen", "--seed")
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
    weights = dataset.weights.get("test")
    limits = {name: getattr(options, name) for name in names} | {"weights": weights}
    limits["log_density"] = density = dataset.log_density.get("test")
    log_likelihood = evaluate(model.rbm, dataset.test, model.base_rate, method, **limits, mesh=mesh)
    compared = compare_with_independent(
        model.rbm, model.base_rate, log_likelihood, dataset.test, weights=weights, log_density=density
    )
    if mesh is not None and not hm.distributed.is_primary():
        return None
    folder = Path(options.model)
    result: dict[str, Any] = {
        "log_likelihood": log_likelihood.to_dict(),
        **compared,
        "rows": log_likelihood.rows,
        "seconds": time.monotonic() - begun,
        "run": str(folder if folder.is_dir() else folder.parent),
    }
    error = log_likelihood.standard_error
    spread = "" if error is None else f", standard error over rows {error:.3f}"
    unit = nats_per_example(dataset).removeprefix("nats per example")
    error = compared["baseline_standard_error"]
    spread_of_baseline = "" if error is None else f" +- {error:.3f}"
    baseline = "" if compared["gain"] is None else f"; independent units reach {compared['baseline']:.3f}{spread_of_baseline}"
    weighted = "" if weights is None else f", {dataset.description.partition(', ')[2]}"
    about = f"mean of {dataset.count('test')}{weighted}{unit}{spread}, ln Z = {log_likelihood.log_partition:.6f}{baseline}"
    text = [*likelihood_text("", log_likelihood, compared), about]
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


def compare_with_independent(
    rbm: hm.RBM,
    base_rate: hm.units.Units | None,
    result: hm.LogLikelihood,
    rows: np.ndarray,
    remedy: str = "",
    weights: np.ndarray | None = None,
    log_density: np.ndarray | None = None,
) -> dict[str, Any]:
    """For JSON, how likely the rows of a result are under independent units, and what the model gains over these."""
    names = ("baseline", "baseline_standard_error", "gain")
    if base_rate is None:
        return dict.fromkeys(names)
    gain = hm.likelihood.gain_over_independent(
        rbm,
        base_rate,
        rows,
        log_partition=result.log_partition,
        error=result.log_partition_error,
        weights=weights,
        log_density=log_density,
    )
    warning = f"{gain}{remedy}" if gain.is_none else None
    of_gain = {"mean": gain.mean, "standard_error": finite(gain.standard_error), "warning": warning}
    return dict(zip(names, (gain.baseline, finite(gain.baseline_error), of_gain), strict=True))


def finite(error: float) -> float | None:
    """None for the standard error of a single row."""
    return error if math.isfinite(error) else None


def nats_per_example(dataset: hm.data.Dataset) -> str:
    """The unit of a log likelihood: of real and binned columns it is that of a density in their standard deviations."""
    kinds = {column.kind for column in dataset.schema.columns} if dataset.schema is not None else set()
    named = " and ".join(kind for kind in ("real", "binned") if kind in kinds)
    return "nats per example" + (f", {named} columns in standard deviations" if named else "")


def likelihood_text(of: str, log_likelihood: hm.LogLikelihood, compared: dict[str, Any]) -> list[str | Styled]:
    """The figure, why not to believe it, and whether it is no gain, a line each; `compared`: with independent units."""
    no_gain = compared["gain"] and compared["gain"]["warning"]
    warnings = [*log_likelihood.warnings, *([no_gain] if no_gain else [])]
    return [Styled(f"{of}log likelihood {log_likelihood}"), *(Styled(f"warning: {each}", "yellow") for each in warnings)]
