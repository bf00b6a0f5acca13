"""predict one column of a table from the others

For each row the most probable value of the column given the row's other cells, and the probability of every value (of numbers
the mean and a standard deviation). The column's own cells are not used, and may be empty or lacking. Where they have
values the prediction is scored: accuracy and log loss, the mean -ln p of the values in nats, beside those of the column's own
frequencies. Score rows that the model was not trained on. --out writes the predictions of all rows.

example:
  harmonium predict runs/survey new.csv --column region
  harmonium predict runs/survey new.csv --column region --out predicted.csv
"""

from __future__ import annotations

import argparse
from typing import Any

import harmonium as hm
from harmonium.cli.inputs import add, add_count, load_model, say_unseen
from harmonium.cli.output import TABLES, Answer, Table, cell_text, check_out

MAX_ROWS = 10
"""Rows that are printed."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "table")
    command.add_argument("--column", metavar="NAME", required=True, help="the column to predict")
    method = "how to sum over missing cells of a row (default: exact if that takes seconds, else tempered chains)"
    command.add_argument("--method", choices=("auto", "exact", "gibbs"), default="auto", help=method)
    add_count(command, "sweeps", 200, "sweeps of each Gibbs chain")
    add(command, "--unseen", "--seed", "--overwrite")
    add(command, "--out", help="file for the predictions: .csv or .parquet")


def run(options: argparse.Namespace) -> Answer:
    check_out(options, TABLES)
    model = load_model(options.model)
    frame = model.read_table(options.table, options)
    settings = {name: getattr(options, name) for name in ("method", "sweeps", "unseen", "seed")}
    found = hm.tabular.predict(model.rbm, model.schema, frame, options.column, **settings)
    unit = next(column.unit for column in model.schema.columns if column.name == options.column)
    columns: dict[str, Any] = {options.column: found.values}
    columns |= {f"p({hm.io.frames.value_text(level)})": p for level, p in found.probabilities.items()}
    columns |= {} if found.deviation is None else {"standard deviation" + f" ({unit})" * bool(unit): found.deviation}
    result: dict[str, Any] = {"rows": len(frame), "column": options.column, "known": found.known, "method": found.method}
    result |= {name: score._asdict() for name, score in found.scores.items()} | {"unseen": say_unseen(found.unseen)}
    text: list[str | Table] = [
        f"{options.column} in {len(frame):,} rows, {found.known:,} of which have its value; {found.method}"
    ]
    if found.scores:
        kinds = {column.name: column.kind for column in model.schema.columns}
        lines = [[_name(name, kinds[options.column], unit), *score] for name, score in found.scores.items()]
        text.append(Table("", ["", "mean", "standard error", "by the column alone"], lines, decimals=4))
    rows = [[index + 1, *(cell_text(cells[index]) for cells in columns.values())] for index in range(min(MAX_ROWS, len(frame)))]
    text.append(Table("", ["row", *columns], rows))
    if len(frame) > MAX_ROWS:
        text.append(f"and {len(frame) - MAX_ROWS:,} more rows (all of them with --out)")
    if options.out is None:
        result["predictions"] = {name: hm.io.frames.plain_cells(cells) for name, cells in columns.items()}
    return Answer(result, text, None if options.out is None else columns)


def _name(score: str, kind: str, unit: str) -> str:
    if score != "log loss":
        return f"{score} (of {unit})" if unit else score
    return f"{score} ({'nats, of the density in standard deviations' if kind in ('real', 'binned') else 'nats'})"
