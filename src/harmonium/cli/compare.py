"""compare samples of a model with rows: two-sample tests, columns and their pairs, and whether training rows leak

Rows of DATA count as held out; --train names the rows on which the model was trained. Every figure stands beside that of other
rows of the data (the floor: the training rows, or half of DATA without them) and that of independent columns:

  column shapes        mean of 1 - total variation (categories) or 1 - Kolmogorov-Smirnov (numbers)
  column pair trends   mean of 1 - half the difference of correlations (numbers) or 1 - total variation of contingency tables
  two-sample score     2 (1 - max(AUC, 1/2)) of boosted trees that tell samples from rows: 1 if they cannot
  MMD squared          of a Gaussian kernel at several bandwidths, numbers in standard deviations, 1 between two categories
  adversarial accuracy how often the nearest neighbor is of the row's own kind (ideal: 0.5)
  prediction of X      with --target X: what boosted trees that learn from samples predict in DATA

The leak is the probability that a training row is closer to its closest sample than a held-out row is; by the test of Mann and
Whitney it is above 1/2 by more than chance where p is small. --out writes a picture.

example:
  harmonium compare runs/digits digits --out compared.png
  harmonium compare runs/survey new.csv --train survey.csv --target region
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import harmonium as hm
from harmonium import _checks
from harmonium.cli.inputs import ModelFile, add, load_model, load_rows
from harmonium.cli.output import Answer, Styled, Table, check_out, say, staged_progress
from harmonium.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from harmonium.diagnostics import Comparison

MIN_COUNT, MAX_COUNT = 1_000, 20_000
"""Samples by default: as many as rows, within these."""
WORST = 5
"""Columns, and pairs of them, that are listed."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "data", "--binarize", "--weights", "--seed", "--overwrite")
    command.add_argument("--train", metavar="FILE", help="the training rows (default: those of DATA, if it is a named source)")
    command.add_argument("--target", metavar="NAME", help="a column of the table to predict by what is learned from samples")
    count = f"number of samples (default: as many as rows, {MIN_COUNT:,} to {MAX_COUNT:,})"
    command.add_argument("--count", metavar="N", type=int, help=count)
    add(command, "--out", help="file for a picture: .png")


def run(options: argparse.Namespace) -> Answer:
    begun = time.monotonic()
    from harmonium.diagnostics.comparison import MIN_ROWS

    check_out(options, (".png",))
    if options.count is not None:
        _checks.integer(options.count, "count", MIN_ROWS)
    model = load_model(options.model)
    compared, method = (_compare_tables if model.is_of_table else _compare_arrays)(options, model)
    result = compared.to_dict() | {"method": method, "seed": options.seed, "seconds": time.monotonic() - begun}
    return Answer(result, _text(compared, method), None if options.out is None else hm.plots.comparison(compared))


def _compare_tables(options: argparse.Namespace, model: ModelFile) -> tuple[Comparison, str]:
    if options.binarize is not None:
        raise InputError("--binarize is not for a model that was trained on the columns of a table")
    frame, weights = _read_frame(options.data, options, model)
    train, train_weights = (None, None) if options.train is None else _read_frame(options.train, options, model)
    drawn = hm.tabular.sample(model.rbm, model.schema, _count(options, len(frame)), seed=options.seed, like=hm.io.Frame({}))
    for warning in drawn.warnings:
        say(f"warning: {warning}")
    settings = {"target": options.target, "weights": weights, "train_weights": train_weights, "seed": options.seed}
    with staged_progress() as progress:
        compared = hm.tabular.compare(model.schema, drawn.table, frame, train, progress=progress, **settings)
    return compared, drawn.method


def _read_frame(location: str, options: argparse.Namespace, model: ModelFile) -> tuple[hm.io.Frame, np.ndarray | None]:
    from harmonium.data.row_weights import take_weights

    frame = model.read_table(location, options)
    if options.weights is None:
        return frame, None
    frame, weights = take_weights(location, frame, options.weights)
    return frame, weights.values


def _compare_arrays(options: argparse.Namespace, model: ModelFile) -> tuple[Comparison, str]:
    import numpy as np

    if options.target is not None:
        raise InputError("--target is for a model that was trained on the columns of a table")
    data = load_rows(options.data, options, model, missing=True)
    rows = hm.model.check_rows(model.rbm, data.test, options.data, missing=True)
    settings: dict[str, Any] = {"rbm": model.rbm, "seed": options.seed}
    train = None
    if data.entropy is not None and options.train is None:  # the rows are all patterns, equally probable
        settings["probabilities"] = np.full(len(rows), 1 / len(rows))
    else:
        settings["weights"] = data.weights.get("test")
        if options.train is not None:
            other = load_rows(options.train, options, model, missing=True)
            train, settings["train_weights"] = other.train, other.weights.get("train")
        elif not np.array_equal(data.train, rows, equal_nan=True):
            train, settings["train_weights"] = data.train, data.weights.get("train")
    drawn = hm.sampling.draw(model.rbm, _count(options, len(rows)), options.seed)
    for warning in drawn.warnings:
        say(f"warning: {warning}")
    with staged_progress() as progress:
        return hm.diagnostics.compare(drawn.values, rows, train, progress=progress, **settings), drawn.method


def _count(options: argparse.Namespace, rows: int) -> int:
    return min(max(rows, MIN_COUNT), MAX_COUNT) if options.count is None else options.count


def _text(compared: Comparison, method: str) -> list[str | Styled | Table]:
    sets = [compared.samples, compared.floor, compared.independent]
    lines: list[list[str]] = []

    def line(name: str, values: list[float | None], errors: list[float] | None = None, form: str = ".4f") -> None:
        cells = ["-" if value is None or value != value else f"{value:{form}}" for value in values]
        if errors is not None:
            cells = [f"{cell} +- {error:{form}}" for cell, error in zip(cells, errors, strict=True)]
        lines.append([name, *cells])

    line("column shapes", [each.shape for each in sets])
    line("column pair trends", [each.trend for each in sets])
    tests = [each.two_sample for each in sets]
    line("two-sample score", [test.score for test in tests], [2 * test.standard_error for test in tests])
    line("two-sample AUC", [test.auc for test in tests], [test.standard_error for test in tests])
    for index, width in enumerate(compared.samples.mmd.bandwidths):
        found = [(float(each.mmd.estimate[index]), float(each.mmd.standard_error[index])) for each in sets]
        values, errors = zip(*found, strict=True)
        line(f"MMD squared, bandwidth {width:.3g}", list(values), list(errors), ".1e")
    near = [each.adversarial for each in sets]
    line("adversarial accuracy", [each.accuracy for each in near], [each.standard_error for each in near])
    for name in compared.samples.target:
        line(f"prediction of {compared.target}: {name}", [each.target[name] for each in sets])
    counts = compared.counts
    title = f"{counts['samples']:,} samples ({method}) compared with {counts['compared']:,} rows"
    text: list[str | Styled | Table] = [
        Table(title, ["", "samples", f"{counts['floor']:,} other rows (the floor)", "independent columns"], lines)
    ]
    worst = [[name, value, floor] for name, value, floor in compared.worst_columns(WORST)]
    worst += [[f"{a}, {b}", value, floor] for a, b, value, floor in compared.worst_pairs(WORST)]
    text.append(Table("the columns, and pairs of columns, least alike", ["", "samples", "floor"], worst, decimals=4))
    for verdict in compared.verdicts:
        text.append(verdict.sentence if verdict.ok else Styled(f"warning: {verdict.sentence}"))
    if compared.divergence is not None:
        text.append(f"KL divergence of the model from the distribution of the rows: {compared.divergence:.6f} nats, exact")
    return [*text, *compared.notes]
