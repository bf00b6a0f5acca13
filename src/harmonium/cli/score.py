"""rank the rows of a table by how unlikely they are, and name the cells that make them so

A row's score is ln p of its observed cells, in nats (real and binned columns in standard deviations), or ln p + ln Z where ln Z
cannot be enumerated. A cell's surprisal is -ln p(cell | the row's other cells). Rows with missing cells tend to be likelier.
--out writes all rows in the table's order: score, standard error, and the surprisal of each cell.

example:
  harmonium score runs/survey survey.csv
  harmonium score runs/survey survey.csv --top 50 --out scores.csv
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import harmonium as hm
from harmonium import _checks
from harmonium.cli.inputs import add, add_count, load_model, say_unseen
from harmonium.cli.output import TABLES, Answer, Table, cell_text, check_out

if TYPE_CHECKING:
    import numpy as np

    from harmonium.data.row_weights import RowWeights


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "table", "--weights", "--unseen", "--seed", "--overwrite")
    add_count(command, "top", 10, "number of rows to print, the unlikeliest first")
    add_count(command, "cells", 3, "cells to name in each of them")
    add(command, "--out", help="file for the scores of all rows, .csv or .parquet")


def run(options: argparse.Namespace) -> Answer:
    check_out(options, TABLES)
    top, most = _checks.integer(options.top, "--top", 0), _checks.integer(options.cells, "--cells", 0)
    model = load_model(options.model)
    frame, weights = model.read_table(options.table, options), None
    if options.weights is not None:
        from harmonium.data.row_weights import take_weights

        frame, weights = take_weights(options.table, frame, options.weights, drop=False)
    log_probs = hm.tabular.log_prob(model.rbm, model.schema, frame, unseen=options.unseen, seed=options.seed)
    scores = log_probs.rows
    rows: list[dict[str, Any]] = []
    for row in log_probs.unlikeliest(top):
        observed = log_probs.surprising(row)
        parts = {"value": frame.columns, "surprisal": log_probs.surprisal, "expected": log_probs.expected}
        cells = [{"column": name, **{part: of[name][row] for part, of in parts.items()}} for name in observed[:most]]
        value, error = float(scores.value[row]), float(scores.error[row])
        missing = len(log_probs.surprisal) - len(observed)
        rows.append({"row": row + 1, "score": value, "standard_error": error, "missing": missing, "cells": cells})
    result: dict[str, Any] = {"rows": len(frame), "score": "ln p + ln Z" if scores.log_partition is None else "ln p"}
    result |= {"log_partition": scores.log_partition, "method": scores.method, "mean": _mean(scores.value, weights)}
    result |= {"unseen": say_unseen(log_probs.unseen), "unlikeliest": rows}
    columns = {"score": scores.value, "standard error": scores.error}
    columns |= {f"surprisal {name}": nats for name, nats in log_probs.surprisal.items()}
    what = "ln p(row)" if result["score"] == "ln p" else "ln p(row) + ln Z (ln Z is not known, and the same for all rows)"
    weighted = "" if weights is None else f", {weights}"
    text: list[str | Table] = [f"{len(frame)} rows{weighted}, mean {what} {result['mean']:.3f} nats; {scores.method}"]
    if rows:
        lines = [[row["row"], row["score"], row["missing"], "; ".join(_cell(**cell) for cell in row["cells"])] for row in rows]
        header = ["row", result["score"], "missing", "the most surprising cells (nats), and what was expected"]
        text.append(Table("", header, lines, decimals=2))
    return Answer(result, text, None if options.out is None else columns)


def _mean(values: np.ndarray, weights: RowWeights | None) -> float:
    import numpy as np

    return float(np.average(values, weights=None if weights is None else weights.values))


def _cell(column: str, value: Any, surprisal: float, expected: Any) -> str:
    return f"{column} = {cell_text(value)} ({surprisal:.1f}; {cell_text(expected)})"
