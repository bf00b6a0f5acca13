"""send data through the hidden units and back

Prints how probable the reconstruction of each row is, ln Pr{v'=v|v} = ln sum_h Pr{v|h} Pr{h|v}, where the hidden layer can
be summed over; --out writes E[v'|v], the mean over --draws draws of h, as .npy or as a picture beside the data (.png).
A machine that was trained on a table takes tables with those columns, without missing cells, and --out writes them, .csv or
.parquet: the most probable value of each cell, of real columns the mean.
"""

from __future__ import annotations

import argparse
from typing import Any

from harmonium.cli.evaluate import add_rows, rows_of
from harmonium.cli.inputs import check_table_out, write_table
from harmonium.cli.output import console, print_json
from harmonium.cli.sample import add_out, check_out, write_out
from harmonium.cli.small_model import add_seed, image_shape

EXAMPLE = """\
example:
  harmonium reconstruct runs/digits digits --out reconstructions.png
"""

MOST_TERMS = 1 << 31
"""Hidden states x rows x columns up to which the probability of reconstruction is summed."""
SHOWN = 64
"""Rows in a picture."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a model file, or the run folder it is in")
    add_rows(command)
    command.add_argument("--draws", metavar="N", type=int, default=100, help="draws of h for each row (default: 100)")
    add_seed(command)
    add_out(command)


def run(options: argparse.Namespace) -> None:
    import numpy as np

    import harmonium as hm
    from harmonium import exact, io, plots, tabular

    rbm, _, description = io.load_described(options.model)
    of_a_table = description["notes"].get(tabular.SCHEMA) is not None
    (check_table_out if of_a_table else check_out)(options)
    rows = rbm.visible.check(rows_of(options.data, options, rbm, description)[1], options.data)
    reconstructed = hm.reconstruct(rbm, rows, options.draws, options.seed)
    states = rbm.hidden.state_count
    log_probability = None
    if states is not None and states * len(rows) * max(rbm.weights.shape) <= MOST_TERMS:
        log_probability = float(exact.log_reconstruction(rbm, rows).mean())
    result: dict[str, Any] = {
        "rows": len(rows),
        "mean_squared_difference": float(np.mean((reconstructed - rows) ** 2)),
        "log_reconstruction": log_probability,
        "draws": options.draws,
        "seed": options.seed,
    }
    if options.out is not None and of_a_table:
        result["file"] = write_table(options, tabular.schema_of(rbm, description).decode(reconstructed))
    elif options.out is not None:
        figure = plots.reconstructions(rows[:SHOWN], reconstructed[:SHOWN], image_shape(description, rbm))
        result["file"] = write_out(options, reconstructed, figure)
    if options.json:
        print_json(result)
        return
    out = console()
    if log_probability is None:
        out.print(f"ln Pr{{v'=v|v}}: not available, the {rbm.hidden.size} hidden units have too many states to sum over")
    else:
        out.print(f"ln Pr{{v'=v|v}} = {log_probability:.6f} nats, mean of {len(rows):,} rows (exact)")
    out.print(f"mean squared difference of E[v'|v] from v: {result['mean_squared_difference']:.6f} per column")
    if options.out is not None:
        out.print(f"written to {result['file']}")
