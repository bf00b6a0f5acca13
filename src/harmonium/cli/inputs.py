"""What the commands for tables share: the machine with its schema, the table, and the files that are written."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from harmonium.io import Frame
    from harmonium.model import RBM
    from harmonium.tabular import Column, Schema
    from harmonium.units import Units

SUFFIXES = (".csv", ".parquet")


def add_model_and_table(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a model file, or the run folder it is in")
    command.add_argument(
        "table",
        metavar="TABLE",
        help="a .csv or .parquet file; columns are found by their names; or an array, if MODEL was trained on one",
    )


def add_table_out(command: argparse.ArgumentParser) -> None:
    """`--out FILE` and `--overwrite`."""
    command.add_argument("--out", metavar="FILE", help="write to FILE, .csv or .parquet")
    command.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")


def check_table_out(options: argparse.Namespace, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Fail before the work rather than after it if the file cannot be written."""
    if options.out is None:
        return
    path = Path(options.out)
    if path.suffix not in suffixes:
        raise InputError(f"--out {path}: the name must end with {' or '.join(suffixes)}")
    if path.exists() and not options.overwrite:
        raise InputError(f"--out {path} exists already; choose another name, or add --overwrite")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.parent}")


def write_table(options: argparse.Namespace, columns: Mapping[str, np.ndarray]) -> str:
    """Write the columns to what --out names; the file's name."""
    from harmonium.io import container
    from harmonium.io.frames import csv_of, parquet_of

    content = csv_of(columns) if options.out.endswith(".csv") else parquet_of(columns)
    return str(container.write_file(options.out, content, options.overwrite))


def machine_and_table(options: argparse.Namespace) -> tuple[RBM, Units | None, Schema, Frame]:
    """The machine, its base rate if the file has one, the schema of its columns, and the table to look at.

    Raises:
        InputError: the model or the table cannot be used.
    """
    from harmonium import io, tabular

    rbm, base_rate, description = io.load_described(options.model)
    schema = tabular.schema_of(rbm, description)
    told = description["notes"].get(tabular.SCHEMA) is not None
    return rbm, base_rate, schema, io.read_frame(options.table) if told else _by_places(rbm, schema, options.table)


def _by_places(rbm: RBM, schema: Schema, location: str) -> Frame:
    """A table for a machine that was not trained on one, as a column for each unit.

    A table has those columns, by name or place, or all of the machine's; an array has the machine's.
    """
    import numpy as np

    from harmonium import io
    from harmonium.io.frames import numbers_in

    if io.is_table_file(location):
        frame = io.read_frame(location)
        names = [column.name for column in schema.columns]
        if set(names) <= set(frame.columns):
            return frame
        if len(frame.columns) == len(names):
            return io.Frame(dict(zip(names, frame.columns.values(), strict=True)))
        if len(frame.columns) != rbm.visible.size:
            return frame  # it is said elsewhere which columns it lacks
        rows = np.stack([numbers_in(cells, name) for name, cells in frame.columns.items()], axis=1)
    else:
        rows = io.read_table(location, missing=True).values
    return io.Frame(schema.decode(rbm.visible.check(rows, location, missing=True)))


def add_columns(command: argparse._ActionsContainer) -> None:
    """`--as`, `--ignore` and `--schema`: what the user says of a table's columns."""
    command.add_argument(
        "--as",
        metavar="NAME=KIND",
        dest="kinds",
        action="append",
        help="kind of a column: binary, categorical, ordered or real",
    )
    command.add_argument("--ignore", metavar="NAME", action="append", help="leave out a column")
    command.add_argument("--schema", metavar="FILE", help="kinds of columns, and which to ignore, in a .toml or .json file")


def said_of_columns(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """What those options say, as `tabular.infer` takes it: kinds by name, and the names to ignore."""
    from harmonium import tabular

    kinds: dict[str, Any] = {}
    ignore = list(options.ignore or [])
    if options.schema is not None:
        kinds, more = tabular.read_schema_file(options.schema)
        ignore += more
    for text in options.kinds or []:
        name, separator, kind = text.rpartition("=")
        if not separator or not name:
            raise InputError(f"--as {text!r}: write NAME=KIND, as in income=real")
        kinds[name] = kind
    return {name: kind for name, kind in kinds.items() if name not in ignore}, ignore


def show_schema(schema: Schema, stderr: bool = False) -> None:
    """Print the columns, what they are taken for, and which are left out."""
    from harmonium.cli.output import console, print_table

    rows = [[column.name, column.kind, _values(column)] for column in schema.columns]
    rows += [[name, "ignored", reason] for name, reason in schema.ignored.items()]
    out = console(stderr=stderr)
    print_table("", ["column", "taken for", "values"], rows, out=out)
    out.print("(to have it otherwise: --as NAME=KIND, --ignore NAME, or --schema FILE)")


def _values(column: Column) -> str:
    if column.kind == "real":
        return f"mean {column.mean:.5g}, standard deviation {column.scale:.5g}"
    shown = ", ".join(map(cell_text, column.levels[:8]))
    return shown if len(column.levels) <= 8 else f"{shown}, ... ({len(column.levels)} values)"


def cell_text(value: Any) -> str:
    """A cell as it is printed: five digits of a number that is not whole."""
    from harmonium.io.frames import shown

    if value is None or value != value:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) and value != int(value) else shown(value)
