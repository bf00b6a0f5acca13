"""The rows that `train` is asked to train on: a source, an array, or a table with columns of any kinds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from harmonium.cli.inputs import column_choices
from harmonium.errors import InputError

if TYPE_CHECKING:
    from harmonium.data import Dataset


def dataset_of(options: argparse.Namespace) -> Dataset:
    """The rows for training, validation and the test, as the options of `train` say."""
    from dataclasses import replace

    from harmonium import data

    missing = [part for part in data.PARTS if getattr(options, part) is None]
    if _has_columns(options):
        return _columns(options, missing)
    dataset = data.load(options.data, options.binarize, options.seed, missing, stream=True, missing=True)
    for part in ("valid", "test"):
        file = getattr(options, part)
        if file is not None:
            # As `evaluate` does: a source's own rows of that part, all rows of a file.
            rows = getattr(data.load(file, options.binarize, options.seed, hold_out=(), missing=True), part)
            dataset = replace(dataset, held_out=f"{dataset.held_out}; {part}: {file}")
            dataset = replace(dataset, valid=rows) if part == "valid" else replace(dataset, test=rows, entropy=None)
    return dataset


def _has_columns(options: argparse.Namespace) -> bool:
    """Whether DATA is a table with a schema; how it is to be read may be said otherwise."""
    from harmonium import data, io

    told = next((name for name in ("kinds", "ignore", "schema") if getattr(options, name) is not None), None)
    otherwise = next((name for name in ("binarize", "visible_units") if getattr(options, name) is not None), None)
    if told is None:
        return otherwise is None and data.needs_schema(options.data)
    told = "as" if told == "kinds" else told
    if otherwise is not None:
        raise InputError(f"--{told} goes with columns as they are; leave out --{otherwise.replace('_', '-')}")
    if options.data in data.SOURCES or not io.is_table_file(options.data):
        raise InputError(f"--{told} is for the columns of a .csv or .parquet file, but DATA is {options.data}")
    return True


def _columns(options: argparse.Namespace, missing: list[str]) -> Dataset:
    from dataclasses import replace

    from harmonium import data, io

    dataset = data.load_columns(options.data, *column_choices(options), missing)
    assert dataset.schema is not None
    for part in ("valid", "test"):
        file = getattr(options, part)
        if file is not None:
            try:
                rows = dataset.schema.encode(io.read_frame(file))
            except InputError as error:
                raise InputError(f"--{part} {file}: {error}") from error
            dataset = replace(dataset, held_out=f"{dataset.held_out}; {part}: {file}")
            dataset = replace(dataset, valid=rows) if part == "valid" else replace(dataset, test=rows)
    return dataset
