"""send data through the hidden units and back

Prints ln Pr{v'=v|v} = ln sum_h Pr{v|h} Pr{h|v}, the probability of reconstructing a row, if the hidden layer can be summed.
--out writes E[v'|v], the mean over --draws draws of h: .npy, or a picture beside the data (.png). For a table without missing
cells it writes the most probable values: .csv or .parquet.

example:
  harmonium reconstruct runs/digits digits --out reconstructions.png
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import harmonium as hm
from harmonium.cli.inputs import add, add_count, load_model, load_rows
from harmonium.cli.output import ARRAYS, TABLES, Answer, check_out

MAX_PICTURES = 64
"""Rows in a picture."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "data", "--binarize", "--seed", "--overwrite")
    add_count(command, "draws", 100, "draws of h for each row")
    add(command, "--out", help="file for E[v'|v]: .npy or .png; of a table .csv or .parquet")


def run(options: argparse.Namespace) -> Answer:
    model = load_model(options.model)
    rbm = model.rbm
    check_out(options, TABLES if model.is_of_table else ARRAYS)
    dataset = load_rows(options.data, options, model)
    rows = rbm.visible.check(dataset.test, options.data)
    reconstructed = hm.reconstruct(rbm, rows, options.draws, options.seed)
    result: dict[str, Any] = {
        "rows": len(rows),
        "mean_squared_difference": float(((reconstructed - rows) ** 2).mean()),
        "log_reconstruction": hm.lecture.mean_log_reconstruction(rbm, rows),
        "draws": options.draws,
        "seed": options.seed,
    }
    content: Any = None
    if options.out is not None:
        content = model.schema.decode(reconstructed) if model.is_of_table else reconstructed
        if options.out.endswith(".png"):
            content = hm.plots.reconstructions(rows[:MAX_PICTURES], reconstructed[:MAX_PICTURES], model.image_shape)
    exactly = f"ln Pr{{v'=v|v}} = {result['log_reconstruction']:.6f} nats, mean of {dataset.count('test')} (exact)"
    not_available = f"ln Pr{{v'=v|v}}: not available, the {rbm.hidden.size} hidden units have too many states to sum over"
    text = [not_available if math.isnan(result["log_reconstruction"]) else exactly]
    text.append(f"mean squared difference of E[v'|v] from v: {result['mean_squared_difference']:.6f} per column")
    return Answer(result, text, content)
