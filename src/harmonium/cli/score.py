"""rank the rows of a table by how unlikely they are, and say which cells make them so

A row's score is ln p of its observed cells, in nats (real columns counted in standard deviations); where ln Z cannot be
enumerated it is ln p + ln Z, which ranks rows alike. A cell's surprise is -ln p(cell | the row's other cells): large where a
value does not go with the rest of its row. Rows with missing cells say less, and so tend to be likelier.
--out writes all rows in the table's order: score, standard error, and the surprise of each cell.
"""

from __future__ import annotations

import argparse
from typing import Any

from harmonium.cli.inputs import add_model_and_table, add_table_out, cell_text, check_table_out, machine_and_table, write_table
from harmonium.cli.output import console, print_json, print_table
from harmonium.cli.small_model import add_seed

EXAMPLE = """\
example:
  harmonium score runs/survey survey.csv
  harmonium score runs/survey survey.csv --top 50 --out scores.csv
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_model_and_table(command)
    command.add_argument("--top", metavar="N", type=int, default=10, help="unlikeliest rows to print (default: 10)")
    command.add_argument("--cells", metavar="N", type=int, default=3, help="cells to name in each of them (default: 3)")
    add_seed(command)
    add_table_out(command)


def run(options: argparse.Namespace) -> None:
    import numpy as np

    from harmonium import _checks, tabular

    check_table_out(options)
    top, named = _checks.integer(options.top, "--top", 0), _checks.integer(options.cells, "--cells", 0)
    rbm, _, schema, frame = machine_and_table(options)
    found = tabular.log_prob(rbm, schema, frame, seed=options.seed)
    scores = found.rows
    normalized = scores.log_partition is not None
    surprise = np.stack(list(found.surprise.values()), axis=1)
    names = list(found.surprise)
    rows: list[dict[str, Any]] = []
    for row in np.argsort(scores.value, kind="stable")[:top]:
        order = np.argsort(-np.nan_to_num(surprise[row], nan=-np.inf))[:named]
        cells = [
            {
                "column": names[unit],
                "value": frame.columns[names[unit]][row],
                "surprise": float(surprise[row, unit]),
                "expected": found.expected[names[unit]][row],
            }
            for unit in order
            if not np.isnan(surprise[row, unit])
        ]
        missing = int(np.isnan(surprise[row]).sum())
        value, error = float(scores.value[row]), float(scores.error[row])
        rows.append({"row": int(row) + 1, "score": value, "standard_error": error, "missing": missing, "cells": cells})
    result: dict[str, Any] = {
        "rows": len(frame),
        "score": "ln p" if normalized else "ln p + ln Z",
        "log_partition": scores.log_partition,
        "method": scores.method,
        "mean": float(scores.value.mean()),
        "unlikeliest": rows,
    }
    if options.out is not None:
        columns = {"score": scores.value, "standard error": scores.error}
        columns |= {f"surprise {name}": nats for name, nats in found.surprise.items()}
        result["file"] = write_table(options, columns)
    if options.json:
        print_json(result)
        return
    out = console()
    exactly = "ln p(row)" if normalized else "ln p(row) + ln Z (ln Z is not known, and the same for all rows)"
    out.print(f"{len(frame)} rows, mean {exactly} {result['mean']:.3f} nats; {scores.method}")
    shown = [[row["row"], row["score"], row["missing"], "; ".join(map(_cell, row["cells"]))] for row in rows]
    if shown:
        header = ["row", result["score"], "missing", "the cells that surprise most (nats), and what was expected"]
        print_table("", header, shown, decimals=2, out=out)
    if options.out is not None:
        out.print(f"written to {result['file']}")


def _cell(cell: dict[str, Any]) -> str:
    return f"{cell['column']} = {cell_text(cell['value'])} ({cell['surprise']:.1f}; {cell_text(cell['expected'])})"
