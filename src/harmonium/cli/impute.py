"""fill the missing cells of a table

Each missing cell gets its most probable value given the row's observed cells (real columns their mean), and the probability
of that value (real columns a standard deviation). --draws N draws it instead, N times: N tables one after the other, numbered
by a first column `draw` (multiple imputation). Of an array --out may write .npy: [rows, columns] or [draws, rows, columns].

example:
  harmonium impute runs/survey survey.csv --out completed.csv
  harmonium impute runs/survey survey.csv --draws 20 --out imputations.csv
  harmonium impute runs/images holes.npy --out filled.npy
"""

from __future__ import annotations

import argparse
from typing import Any

from harmonium.cli.inputs import add, add_count, load_model
from harmonium.cli.output import TABLES, Answer, Table, cell_text, check_out, records, write, written

MAX_CELLS = 30
"""Cells that are printed."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "table", "--seed", "--overwrite")
    add_count(command, "draws", 0, "draw the missing cells, N times")
    method = "enumerate the hidden units or average over Gibbs chains (default: exact where that takes seconds)"
    command.add_argument("--method", choices=("auto", "exact", "gibbs"), default="auto", help=method)
    add_count(command, "sweeps", 200, "sweeps of each Gibbs chain")
    add(command, "--out", help="file for the table: .csv or .parquet; of an array also .npy")


def run(options: argparse.Namespace) -> Answer:
    import numpy as np

    from harmonium import _checks, io, tabular
    from harmonium.io.frames import plain_cells

    check_out(options, TABLES if io.is_table_file(options.table) else (".npy", *TABLES))
    _checks.integer(options.draws, "--draws", 0)
    model = load_model(options.model)
    frame = model.read_table(options.table)
    settings = {"method": options.method, "sweeps": options.sweeps, "seed": options.seed}
    found = tabular.impute(model.rbm, model.schema, frame, options.draws, **settings)
    columns = found.table.columns
    if found.draws:  # one after the other, with a first column that numbers them
        number = "harmonium draw" if "draw" in columns else "draw"
        stacked = {name: np.concatenate([drawn.columns[name] for drawn in found.draws]) for name in columns}
        columns = {number: np.repeat(np.arange(1.0, len(found.draws) + 1), len(frame))} | stacked
    cells = records({**found.cells, "row": [row + 1 for row in found.cells["row"]]})
    result: dict[str, Any] = {"rows": len(frame), "method": found.method, "cells": cells}
    result |= {"draws": options.draws, "seed": options.seed}
    if options.out is None:
        result["table"] = {name: plain_cells(column) for name, column in columns.items()}
    elif options.out.endswith(".npy"):
        rows = [model.schema.encode(table) for table in found.draws or [found.table]]
        result["file"] = write(options.out, np.stack(rows) if found.draws else rows[0], options.overwrite)
    else:
        result["file"] = write(options.out, columns, options.overwrite)
    text: list[str | Table] = [f"{len(cells)} missing cells in {len(frame)} rows; {found.method}"]
    if cells:
        lines = [[cell["row"], cell["column"], cell_text(cell["value"]), _certainty(cell)] for cell in cells[:MAX_CELLS]]
        text.append(Table("", ["row", "column", "value", "certainty"], lines))
    if len(cells) > MAX_CELLS:
        text.append(f"and {len(cells) - MAX_CELLS} more (all of them with --json)")
    return Answer(result, [*text, *(written(result) or ["nothing was written: name a file with --out"])])


def _certainty(cell: dict[str, Any]) -> str:
    return f"+- {cell['deviation']:.4g}" if cell["probability"] is None else f"probability {cell['probability']:.3f}"
