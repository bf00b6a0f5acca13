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
from typing import Any

import harmonium as hm
from harmonium.cli.inputs import add, column_choices, dialect_of, schema_text
from harmonium.cli.output import Answer, Table
from harmonium.errors import InputError


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "data", nargs="?", help="a named source or a file to describe")
    add(command, "--binarize", "--as", "--ignore", "--schema", "--strict", "--seed")


def run(options: argparse.Namespace) -> Answer:
    if options.data is None:
        if options.binarize is not None:
            raise InputError("--binarize goes with DATA")
        sources = [{"name": s.name, "about": s.about, "binarize": s.binarize} for s in hm.data.SOURCES.values()]
        files = f"DATA may also be a file: {hm.io.arrays.KINDS}."
        return Answer({"sources": sources}, [*(f"{source['name']}: {source['about']}" for source in sources), "", files])
    kinds, ignore = column_choices(options)
    dialect = dialect_of(options)
    if not kinds and (options.binarize is not None or not ignore):
        how: dict[str, Any] = {"missing": True, "columns": options.binarize is None, "dialect": dialect, "ignore": ignore}
        how["strict"] = options.strict
        dataset = hm.data.load(options.data, options.binarize, options.seed, **how)
    elif options.binarize is None:
        dataset = hm.data.load_columns(options.data, kinds, ignore, dialect=dialect, strict=options.strict)
    else:
        raise InputError("--binarize is not for columns with kinds: leave out --as and --schema")
    if dataset.schema is None:
        return _describe(dataset)
    summary = f"{dataset.name}: {dataset.description}; {dataset.held_out}"
    return Answer(dataset.provenance(), [summary, *schema_text(dataset.schema)])


def _describe(dataset: hm.data.Dataset) -> Answer:
    result = dataset.describe()
    rows = [[part, dataset.count(part), mean] for part, mean in result["means"].items()]
    spread = f"from {result['smallest']:g} to {result['largest']:g}, so not binary as they are"
    kind = "zeros and ones" if result["binary"] else spread
    text: list[str | Table] = [f"{dataset.name}: {dataset.description}; {dataset.held_out}"]
    text.append(Table("", ["part", "contains", "mean value"], rows, decimals=4))
    text.append(f"values: {kind}" + (f" (by {dataset.binarized})" if dataset.binarized else ""))
    if result["missing"]:
        text.append(f"{result['missing']:,} cells are missing")
    if dataset.entropy is not None:
        bound = -dataset.entropy
        text.append(f"no model's mean log likelihood can exceed {bound:.6f} nats, minus the entropy of this source")
    return Answer(result, text)
