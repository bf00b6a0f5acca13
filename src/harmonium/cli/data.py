"""list the named data sources, or describe one data set

Without DATA: the named sources and what each is. With DATA, a source or a file: its rows, columns and values; and how the
columns of a table of several kinds are read.

example:
  harmonium data
  harmonium data bars-and-stripes:3x3
  harmonium data survey.csv --ignore id
  harmonium data images.npz:train --binarize threshold=0.5
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from harmonium.cli.inputs import add_binarize, add_columns, add_seed, column_choices, count_text, print_schema
from harmonium.cli.output import console, print_json, print_table
from harmonium.errors import InputError

if TYPE_CHECKING:
    from harmonium.data import Dataset

PARTS = ("train", "valid", "test")


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="DATA", nargs="?", help="a named source or a file to describe")
    add_binarize(command)
    add_columns(command)
    add_seed(command)


def run(options: argparse.Namespace) -> None:
    from harmonium import data

    if options.data is None:
        if options.binarize is not None:
            raise InputError("--binarize goes with DATA")
        _list_sources(options)
    elif options.binarize is None and data.needs_schema(options.data):
        dataset = data.load_columns(options.data, *column_choices(options.kinds, options.ignore, options.schema))
        assert dataset.schema is not None
        result = {"rows": {part: len(getattr(dataset, part)) for part in PARTS}, "schema": dataset.schema.description()}
        if options.json:
            print_json({"name": dataset.name, "held_out": dataset.held_out} | result)
            return
        console().print(f"{dataset.name}: {len(dataset.schema.columns)} columns; {dataset.held_out}")
        print_schema(dataset.schema)
    else:
        _describe(options, data.load(options.data, options.binarize, options.seed, missing=True))


def _list_sources(options: argparse.Namespace) -> None:
    from harmonium import data

    sources = [{"name": s.name, "about": s.about, "binarize": s.binarize} for s in data.SOURCES.values()]
    if options.json:
        print_json({"sources": sources})
        return
    out = console()
    for source in sources:
        out.print(source["name"], style="bold", end="  ")
        out.print(source["about"])
    out.print("\nDATA may also be a file: .npy, .npz (file.npz:key), .csv, .parquet, IDX; gzipped or not.")


def _describe(options: argparse.Namespace, dataset: Dataset) -> None:
    result = dataset.describe()
    if options.json:
        print_json(result)
        return
    out = console()
    out.print(f"{dataset.name}: {result['columns']} columns; {dataset.held_out}")
    counts = [count_text(count, dataset.image_shape) for count in result["rows"].values()]
    rows = zip(result["rows"], counts, result["means"].values(), strict=True)
    print_table("", ["part", "contains", "mean value"], rows, decimals=4, out=out)
    kind = f"from {result['smallest']:g} to {result['largest']:g}, so not binary as they are"
    kind = "zeros and ones" if result["binary"] else kind
    out.print(f"values: {kind}" + (f" (by {dataset.binarized})" if dataset.binarized else ""))
    if result["missing"]:
        out.print(f"{result['missing']:,} cells are missing")
    if dataset.entropy is not None:
        out.print(f"no model's mean log likelihood can exceed {-dataset.entropy:.6f} nats, minus the entropy of this source")
