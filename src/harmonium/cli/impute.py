"""fill the missing cells of a table

Each missing cell gets its most probable value given the row's observed cells (numbers their mean), and the probability
of that value (numbers a standard deviation). Observed cells stay as they are. --draws N draws it instead, N times: N
tables one after the other, numbered by a first column `draw` (multiple imputation). For intervals that are to hold, add
--refit: the draws then differ by what the training rows leave open about the model, too. For an array --out may be .npy:
[rows, columns] or [draws, rows, columns].

--truth FILE, a table that has the true values of missing cells, judges the draws by proper scores of whole rows, beside those
of independent columns: the energy score, mean |draw - truth| - mean |draw - other draw| / 2 with numbers in standard deviations
and 1 between two categories (lower is better), and the log score, ln p(missing | observed cells) of the model (higher is).

example:
  harmonium impute runs/survey survey.csv --out completed.csv
  harmonium impute runs/survey survey.csv --draws 20 --refit --out imputations.csv
  harmonium impute runs/survey holes.csv --draws 20 --truth survey.csv
  harmonium impute runs/images holes.npy --out filled.npy
"""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING, Any

import harmonium as hm
from harmonium import _checks
from harmonium.cli.inputs import ModelFile, add, add_count, load_model, say_unseen
from harmonium.cli.output import TABLES, Answer, Table, cell_text, check_out, say

if TYPE_CHECKING:
    import numpy as np

MAX_CELLS = 30
"""Cells that are printed."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "table", "--unseen", "--seed", "--overwrite")
    add_count(command, "draws", 0, "draw the missing cells N times instead")
    refit = "before each draw train further on the table, the one trained on, with rows weighted at random"
    command.add_argument("--refit", action="store_true", help=refit)
    truth = "judge the draws, 2 or more, by a table that has true values of missing cells"
    command.add_argument("--truth", metavar="FILE", help=truth)
    method = (
        "enumerate the hidden units or average over Gibbs chains (default: exact if that takes seconds, else tempered chains)"
    )
    command.add_argument("--method", choices=("auto", "exact", "gibbs"), default="auto", help=method)
    add_count(command, "sweeps", 200, "sweeps of each Gibbs chain")
    add(command, "--out", help="file for the table: .csv or .parquet; of an array also .npy")


def run(options: argparse.Namespace) -> Answer:
    import numpy as np

    check_out(options, TABLES if hm.io.is_table_file(options.table) else (".npy", *TABLES))
    _checks.integer(options.draws, "--draws", 0)
    if options.truth is not None:
        _checks.integer(options.draws, "--draws with --truth", 2)
    model = load_model(options.model)
    as_texts = str(options.out).endswith(".csv")
    frame = model.read_table(options.table, options, as_texts)
    settings = {name: getattr(options, name) for name in ("refit", "method", "sweeps", "unseen", "seed")}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        imputed = hm.tabular.impute(model.rbm, model.schema, frame, options.draws, **settings)
    doubts = [str(each.message) for each in caught]
    for doubt in doubts:
        say(f"warning: {doubt}")
    table, filled_cells, draws, method, unseen = imputed
    tables = [_with_texts(each, frame) if as_texts else each.columns for each in draws or [table]]
    content: Any = {name: np.concatenate([columns[name] for columns in tables]) for name in table.columns}
    if draws:  # one after the other, with a first column that numbers them
        number = "harmonium draw" if "draw" in content else "draw"
        content = {number: np.repeat(np.arange(1.0, len(draws) + 1), len(frame))} | content
    cells = [dict(zip(filled_cells, cell, strict=True)) for cell in zip(*filled_cells.values(), strict=True)]
    for cell in cells:
        cell["row"] += 1
    result: dict[str, Any] = {"rows": len(frame), "method": method, "cells": cells}
    result |= {"draws": options.draws, "seed": options.seed, "unseen": say_unseen(unseen), "warnings": doubts}
    text: list[str | Table] = [f"{len(cells)} missing cells in {len(frame)} rows; {method}"]
    if options.truth is not None:
        result["scores"], scores = _scores(options, model, frame, draws)
        text.append(scores)
    units = dict.fromkeys(frame.columns, "") | {column.name: column.unit for column in model.schema.columns}
    if cells:
        some = cells[:MAX_CELLS]
        certain = [_certainty(cell, units[cell["column"]]) for cell in some]
        lines = [[cell["row"], cell["column"], cell_text(cell["value"]), how] for cell, how in zip(some, certain, strict=True)]
        text.append(Table("", ["row", "column", "value", "certainty"], lines))
    if len(cells) > MAX_CELLS:
        text.append(f"and {len(cells) - MAX_CELLS} more (all of them with --json)")
    if options.out is None:
        result["table"] = {name: hm.io.frames.plain_cells(column) for name, column in content.items()}
        return Answer(result, [*text, "nothing was written: name a file with --out"])
    if options.out.endswith(".npy"):
        rows = [model.schema.encode(each) for each in draws or [table]]
        content = np.stack(rows) if draws else rows[0]
    if as_texts and frame.csv is not None and len(frame.csv.delimiter.strip(" ")) == 1:
        # Between commas, decimal commas might be read as thousands.
        content = hm.io.table_content(content, ".csv", frame.csv.delimiter)
    return Answer(result, text, content)


def _scores(
    options: argparse.Namespace, model: ModelFile, frame: hm.io.Frame, draws: list[Any]
) -> tuple[dict[str, Any], Table]:
    """Mean scores over the rows with cells whose truth is known, and their standard errors."""
    import numpy as np

    from harmonium._numerics import standard_error

    truth = model.read_table(options.truth, options)
    found = hm.tabular.score_draws(model.schema, truth, frame, draws, seed=options.seed)
    of_rows = {"energy score": found.energy, "energy score of independent columns": found.independent}
    models = {"log score": model.rbm}
    if model.base_rate is not None:
        none = np.zeros_like(model.rbm.weights)
        models["log score of independent columns"] = hm.RBM(model.base_rate.marginals(), model.rbm.hidden, none)
    of_rows |= {name: hm.tabular.log_scores(rbm, model.schema, truth, frame, seed=options.seed) for name, rbm in models.items()}
    judged = ~np.isnan(found.energy)
    scores: dict[str, Any] = {"rows": int(judged.sum()), "cells": found.cells}
    scores |= {name: {"mean": x[judged].mean(), "error": standard_error(x[judged])} for name, x in of_rows.items()}
    title = f"{found.cells:,} cells in {scores['rows']:,} rows whose truth is known, means over rows"
    lines = [[name, scores[name]["mean"], scores[name]["error"]] for name in of_rows]
    return scores, Table(title, ["", "mean", "standard error"], lines, decimals=4)


def _with_texts(filled: hm.io.Frame, frame: hm.io.Frame) -> dict[str, np.ndarray]:
    """The columns of a filled table, in which cells that were not filled are as a CSV file has them, byte for byte."""
    columns = dict(filled.columns)
    commas = frame.csv.decimal_commas if frame.csv else ()
    for name, texts in frame.texts.items():
        was, now = hm.io.frames.missing(frame.columns[name]), hm.io.frames.missing(filled.columns[name])
        columns[name] = texts.copy()
        is_number = filled.columns[name].dtype.kind == "f"
        # Whole numbers beside a column of decimal commas have them too; 12.375 would be read as thousands there.
        has_commas = name in commas or (bool(commas) and is_number and not any("." in text for text in texts))
        for row in (was & ~now).nonzero()[0]:
            text = hm.io.frames.value_text(filled.columns[name][row])
            columns[name][row] = text.replace(".", ",") if has_commas else text
    return columns


def _certainty(cell: dict[str, Any], unit: str) -> str:
    if cell["probability"] is cell["deviation"] is None:
        return "the only value met in training"
    if cell["probability"] is None:
        return f"+- {cell['deviation']:.4g} {unit}".rstrip()
    return f"probability {cell['probability']:.3f}"
