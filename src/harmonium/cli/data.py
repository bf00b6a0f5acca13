"""list the named data sources, or describe one data set

Without DATA: the named sources and what each is. With DATA, a source or a file: its rows, columns and values; of a table with
columns of several kinds what each is taken for.
"""

from __future__ import annotations

import argparse

from harmonium.cli.inputs import add_columns, said_of_columns, show_schema
from harmonium.cli.output import console, print_json, print_table
from harmonium.cli.small_model import add_seed
from harmonium.errors import InputError

EXAMPLE = """\
example:
  harmonium data
  harmonium data bars-and-stripes:3x3
  harmonium data survey.csv --ignore id
  harmonium data images.npz:train --binarize threshold=0.5
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="DATA", nargs="?", help="a named source or a file to describe")
    command.add_argument("--binarize", metavar="HOW", help="zeros and ones from gray levels: threshold=X or stochastic")
    add_columns(command)
    add_seed(command)


def run(options: argparse.Namespace) -> None:
    import numpy as np

    from harmonium import data

    out = console()
    if options.data is None:
        if options.binarize is not None:
            raise InputError("--binarize goes with DATA")
        sources = [{"name": s.name, "about": s.about, "binarize": s.binarize} for s in data.SOURCES.values()]
        if options.json:
            print_json({"sources": sources})
            return
        for source in data.SOURCES.values():
            out.print(source.name, style="bold", end="  ")
            out.print(source.about)
        out.print(
            "\nAny command that takes DATA also takes a file: .npy, .npz (file.npz:key), .csv, .parquet, IDX; gzipped or not."
        )
        return
    if options.binarize is None and data.needs_schema(options.data):
        dataset = data.load_columns(options.data, *said_of_columns(options))
        assert dataset.schema is not None
        if options.json:
            counts = {part: len(getattr(dataset, part)) for part in ("train", "valid", "test")}
            print_json(
                {"name": dataset.name, "rows": counts, "held_out": dataset.held_out, "schema": dataset.schema.described()}
            )
            return
        out.print(f"{dataset.name}: {len(dataset.schema.columns)} columns; {dataset.held_out}")
        show_schema(dataset.schema)
        return
    dataset = data.load(options.data, options.binarize, options.seed, missing=True)
    parts = {part: getattr(dataset, part) for part in ("train", "valid", "test")}
    missing = sum(int(np.isnan(rows).sum()) for rows in parts.values())
    values = dataset.train[~np.isnan(dataset.train)]
    result = {
        "name": dataset.name,
        "rows": {part: len(rows) for part, rows in parts.items()},
        "columns": dataset.train.shape[1],
        "column_names": dataset.columns,
        "image_shape": dataset.image_shape,
        "smallest": float(values.min()),
        "largest": float(values.max()),
        "mean": float(values.mean()),
        "binary": bool(((values == 0) | (values == 1)).all()),
        "missing": missing,
        "binarized": dataset.binarized,
        "entropy": dataset.entropy,
        "held_out": dataset.held_out,
    }
    if options.json:
        print_json(result)
        return
    shape = "" if dataset.image_shape is None else f" ({dataset.image_shape[0]} x {dataset.image_shape[1]} pixels)"
    out.print(f"{dataset.name}: {dataset.train.shape[1]} columns{shape}; {dataset.held_out}")
    shown = [[part, len(rows), None if np.isnan(rows).all() else float(np.nanmean(rows))] for part, rows in parts.items()]
    print_table("", ["part", "rows", "mean value"], shown, decimals=4, out=out)
    kind = "zeros and ones" if result["binary"] else f"from {values.min():g} to {values.max():g}, so not binary as they are"
    out.print(f"values: {kind}" + (f" (by {dataset.binarized})" if dataset.binarized else ""))
    if missing:
        out.print(f"{missing:,} cells are missing")
    if dataset.entropy is not None:
        out.print(f"no machine's mean log likelihood can exceed {-dataset.entropy:.6f} nats, minus the entropy of this source")
