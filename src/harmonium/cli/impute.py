"""fill the missing cells of a table

Each missing cell gets its most probable value given the row's observed cells (real columns their mean), and the probability
of that value (real columns a standard deviation). With --draws N it is drawn instead, N times: N tables one after the other,
told apart by a first column `draw`, whose differences say how uncertain the cells are (multiple imputation). Of an array
--out may write one too, .npy: [rows, columns], of draws [draws, rows, columns].
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from harmonium.cli import runs
from harmonium.cli.inputs import (
    SUFFIXES,
    add_model_and_table,
    add_table_out,
    cell_text,
    check_table_out,
    machine_and_table,
    write_table,
)
from harmonium.cli.output import console, print_json, print_table
from harmonium.cli.small_model import add_seed

if TYPE_CHECKING:
    import numpy as np

EXAMPLE = """\
example:
  harmonium impute runs/survey survey.csv --out completed.csv
  harmonium impute runs/survey survey.csv --draws 20 --out imputations.csv
  harmonium impute runs/images holes.npy --out filled.npy
"""

SHOWN = 30


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_model_and_table(command)
    command.add_argument("--draws", metavar="N", type=int, default=0, help="draw the missing cells, N times (default: 0)")
    command.add_argument(
        "--method",
        choices=("auto", "exact", "gibbs"),
        default="auto",
        help="enumerate the hidden units, or average over clamped Gibbs chains (default: exact where that takes seconds)",
    )
    command.add_argument("--sweeps", metavar="N", type=int, default=200, help="sweeps of each Gibbs chain (default: 200)")
    add_seed(command)
    add_table_out(command)


def run(options: argparse.Namespace) -> None:
    import numpy as np

    from harmonium import _checks, io, tabular
    from harmonium.io.frames import plain_cells

    check_table_out(options, SUFFIXES if io.is_table_file(options.table) else (".npy", *SUFFIXES))
    _checks.integer(options.draws, "--draws", 0)
    rbm, _, schema, frame = machine_and_table(options)
    found = tabular.impute(rbm, schema, frame, options.draws, method=options.method, sweeps=options.sweeps, seed=options.seed)
    columns = _stacked([drawn.columns for drawn in found.draws]) if found.draws else found.table.columns
    cells = {**found.cells, "row": [row + 1 for row in found.cells["row"]]}
    result: dict[str, Any] = {
        "rows": len(frame),
        "method": found.method,
        "cells": [dict(zip(cells, cell, strict=True)) for cell in zip(*cells.values(), strict=True)],
        "draws": options.draws,
        "seed": options.seed,
    }
    if options.out is None:
        result["table"] = {name: plain_cells(column) for name, column in columns.items()}
    elif options.out.endswith(".npy"):
        rows = [schema.encode(table) for table in found.draws or [found.table]]
        result["file"] = str(runs.write_array(options.out, np.stack(rows) if found.draws else rows[0], options.overwrite))
    else:
        result["file"] = write_table(options, columns)
    if options.json:
        print_json(result)
        return
    out = console()
    out.print(f"{len(result['cells'])} missing cells in {len(frame)} rows; {found.method}")
    shown = [
        [cell["row"], cell["column"], cell_text(cell["value"]), _how_sure(cell["probability"], cell["deviation"])]
        for cell in result["cells"][:SHOWN]
    ]
    if shown:
        print_table("", ["row", "column", "value", "how sure"], shown, out=out)
    if len(result["cells"]) > SHOWN:
        out.print(f"and {len(result['cells']) - SHOWN} more (all of them with --json)")
    out.print(f"written to {result['file']}" if options.out is not None else "nothing was written: name a file with --out")


def _how_sure(probability: float | None, deviation: float | None) -> str:
    return f"probability {probability:.3f}" if probability is not None else f"+- {deviation:.4g}"


def _stacked(draws: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    import numpy as np

    rows = len(next(iter(draws[0].values())))
    columns = {name: np.concatenate([draw[name] for draw in draws]) for name in draws[0]}
    name = next(name for name in ("draw", "harmonium draw") if name not in columns)
    return {name: np.repeat(np.arange(1.0, len(draws) + 1), rows), **columns}
