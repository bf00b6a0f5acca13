"""send data through the hidden units and back

Prints the probability of reconstructing each row, ln Pr{v'=v|v} = ln sum_h Pr{v|h} Pr{h|v}, where the hidden layer can
be summed over; --out writes E[v'|v], the mean over --draws draws of h, as .npy or as a picture beside the data (.png).
A model that was trained on a table takes tables with those columns, without missing cells, and --out writes them, .csv or
.parquet: the most probable value of each cell, of real columns the mean.

example:
  harmonium reconstruct runs/digits digits --out reconstructions.png
"""

from __future__ import annotations

import argparse
from typing import Any

from harmonium.cli.inputs import add_count, add_model_and_data, add_seed, load_model, load_rows
from harmonium.cli.output import ARRAYS, TABLES, Answer, add_out, check_out, write_array_or_picture, write_table, written

MAX_PICTURES = 64
"""Rows in a picture."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_model_and_data(command)
    add_count(command, "draws", 100, "draws of h for each row")
    add_seed(command)
    add_out(command, ".npy or .png; of a table .csv or .parquet")


def run(options: argparse.Namespace) -> Answer:
    import numpy as np

    import harmonium as hm
    from harmonium import lecture, plots

    model = load_model(options.model)
    rbm = model.rbm
    check_out(options, TABLES if model.is_of_table else ARRAYS)
    rows = rbm.visible.check(load_rows(options.data, options, model).test, options.data)
    reconstructed = hm.reconstruct(rbm, rows, options.draws, options.seed)
    result: dict[str, Any] = {
        "rows": len(rows),
        "mean_squared_difference": float(np.mean((reconstructed - rows) ** 2)),
        "log_reconstruction": lecture.mean_log_reconstruction(rbm, rows),
        "draws": options.draws,
        "seed": options.seed,
    }
    if options.out is not None and model.is_of_table:
        result["file"] = write_table(options, model.schema.decode(reconstructed))
    elif options.out is not None:
        some = rows[:MAX_PICTURES], reconstructed[:MAX_PICTURES]
        result["file"] = write_array_or_picture(options, reconstructed, lambda: plots.reconstructions(*some, model.image_shape))
    if np.isnan(result["log_reconstruction"]):
        text = [f"ln Pr{{v'=v|v}}: not available, the {rbm.hidden.size} hidden units have too many states to sum over"]
    else:
        text = [f"ln Pr{{v'=v|v}} = {result['log_reconstruction']:.6f} nats, mean of {len(rows):,} rows (exact)"]
    text.append(f"mean squared difference of E[v'|v] from v: {result['mean_squared_difference']:.6f} per column")
    return Answer(result, [*text, *written(result)])
