"""The arguments that commands share, and what they name: a model, rows of data, a table."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import harmonium as hm
from harmonium import _checks
from harmonium.cli.output import Styled, Table, cell_text, say
from harmonium.errors import InputError

if TYPE_CHECKING:
    from harmonium.cli.options import RunOptions


def _how_to_binarize(text: str) -> str:
    if text == hm.data.RESAMPLE:
        raise argparse.ArgumentTypeError(f"{text} is for training alone; stochastic draws zeros and ones once")
    return text


KIND_HELP = (
    "kind of a column, or of those of a pattern: binary, categorical, ordered, real, binned, count; with levels "
    "'film *=ordered:1..5' or edges 'age=binned:18,65'; or 'day=date:%%d/%%m/%%Y'; or ignore"
)
SHARED: dict[str, dict[str, Any]] = {
    "model": {"metavar": "MODEL", "help": "a model file, or the run folder it is in"},
    "data": {"metavar": "DATA", "help": "a named source (its test rows) or a file (all its rows)"},
    "table": {"metavar": "TABLE", "help": "a file with the model's columns, an array, or a named source"},
    "--binarize": {
        "metavar": "HOW",
        "type": _how_to_binarize,
        "help": "turn gray levels into zeros and ones: threshold=X or stochastic",
    },
    "--as": {"metavar": "NAME=KIND", "dest": "kinds", "action": "append", "help": KIND_HELP},
    "--csv": {
        "metavar": "SETTINGS",
        "help": "how a CSV file is written, where guessing fails: header=no delimiter=; decimal=, encoding=cp1252 index=no "
        "missing=-999",
    },
    "--ignore": {"metavar": "NAMES", "action": "append", "help": "leave out columns: names or patterns, as in 'id,note *'"},
    "--schema": {"metavar": "FILE", "help": "kinds of columns, and which to ignore, in a .toml or .json file"},
    "--weights": {
        "metavar": "COLUMN|FILE",
        "help": "weights of the rows: a column, which is then no data, or a file of numbers",
    },
    "--strict": {"action": "store_true", "help": "refuse columns to be left out, and test rows of new values"},
    "--unseen": {
        "choices": ("missing", "error"),
        "default": "missing",
        "help": "what a category is that was not met in training: a missing cell (the default), or an error",
    },
    "--seed": {"metavar": "N", "type": int, "default": 0, "help": "seed of every random number (default: 0)"},
    "--out": {"metavar": "FILE"},
    "--overwrite": {"action": "store_true", "help": "write to --out even if it exists"},
    "--distributed": {"action": "store_true", "help": "share the work among the processes of srun, mpirun or an indexed job"},
}
"""Arguments of several commands."""


def add(command: argparse._ActionsContainer, *names: str, **settings: Any) -> None:
    """Add shared arguments, with settings that differ from those in `SHARED`; with those that name a file, also --csv."""
    for name in names:
        command.add_argument(name, **SHARED[name] | settings)
    if {"data", "table"} & set(names):
        command.add_argument("--csv", **SHARED["--csv"])


def add_count(command: argparse._ActionsContainer, name: str, default: int, what: str) -> None:
    """A whole number with a default."""
    command.add_argument(f"--{name}", metavar="N", type=int, default=default, help=f"{what} (default: {default})")


# ---- models and their data


@dataclass(frozen=True)
class ModelFile:
    """A model file's content: the model, independent units fitted to its training data, and what the file says of itself."""

    rbm: hm.RBM
    base_rate: hm.units.Units | None
    description: dict[str, Any]

    @property
    def is_of_table(self) -> bool:
        """Whether the model was trained on the columns of a table."""
        return self.description["notes"].get(hm.tabular.SCHEMA) is not None

    @cached_property
    def schema(self) -> hm.tabular.Schema:
        """The columns of the model's tables."""
        return hm.tabular.schema_of(self.rbm, self.description)

    def read_table(self, location: str, options: argparse.Namespace, texts: bool = False) -> hm.io.Frame:
        """The table, with the columns of the schema; `texts` as `hm.io.read_frame` takes it."""
        is_source = location.partition(":")[0] in hm.data.SOURCES
        if self.is_of_table:
            refuse_other_rows(location)
            return hm.io.read_frame(location, dialect=dialect_of(options), texts=texts)
        if is_source:
            rows = self.rbm.visible.check(hm.data.load(location).test, location)
            return hm.io.Frame(self.schema.decode(rows))
        return hm.tabular.read_by_position(location, self.rbm, self.schema, dialect_of(options), texts)

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """(height, width) of a row as a picture, if the file has a shape that fits its columns."""
        match self.description["notes"].get("image_shape"):
            case [int(height), int(width)] if height > 0 and height * width == self.rbm.visible.size:
                return height, width
        return None


def load_model(location: str) -> ModelFile:
    """The model file, or the one in a run folder."""
    return ModelFile(*hm.io.load_with_header(location))


def refuse_other_rows(location: str, binarize: str | None = None) -> None:
    """Refuse what are no columns of a table, of a model that was trained on those."""
    if location.partition(":")[0] in hm.data.SOURCES:
        raise InputError(f"{location} is a named source, but the model was trained on a table: name a file of its columns")
    if binarize is not None:
        raise InputError("--binarize is not for a model that was trained on the columns of a table")


def load_rows(location: str, options: argparse.Namespace, model: ModelFile, missing: bool = False) -> hm.data.Dataset:
    """The rows of `location`, all rows of a file as training and as test rows, read by the model's schema if it has one."""
    import numpy as np

    from harmonium.data.row_weights import take_weights

    if not model.is_of_table:
        how: dict[str, Any] = {"hold_out": (), "missing": missing, "dialect": dialect_of(options)}
        how["weights"] = getattr(options, "weights", None)
        dataset = hm.data.load(location, options.binarize, options.seed, **how)
        _checks.column_order(dataset.columns, model.description["notes"].get("columns"), location)
        return dataset
    refuse_other_rows(location, options.binarize)
    frame, weights = model.read_table(location, options), None
    if getattr(options, "weights", None) is not None:
        frame, weights = take_weights(location, frame, options.weights)
    unseen = getattr(options, "unseen", "error")
    rows = model.schema.encode(frame, unseen)
    if unseen == "missing":
        say_unseen(model.schema.find_unseen(frame))
    if not missing and np.isnan(rows).any():
        row = np.flatnonzero(np.isnan(rows).any(axis=1))[0]
        name = next(name for name, place in model.schema.column_slices.items() if np.isnan(rows[row, place]).any())
        remedy = "to fill missing cells first: harmonium impute MODEL TABLE --out FILE"
        raise InputError(f"{location}: column {name!r} has no value in row {row + 1}; {remedy}")
    about = f"{len(rows):,} rows of {len(frame.columns):,} columns"
    of_parts = {} if weights is None else dict.fromkeys(("train", "valid", "test"), weights.values)
    about += "" if weights is None else f", {weights}"
    density = dict.fromkeys(("train", "valid", "test"), model.schema.log_density(frame)) if model.schema.has_bins else {}
    more: dict[str, Any] = {"schema": model.schema, "weights": of_parts, "log_density": density}
    return hm.data.Dataset(location, rows, rows, rows, "all rows", about, **more)


def dialect_of(options: argparse.Namespace | RunOptions) -> hm.io.Dialect | None:
    """How CSV files are written, as far as --csv says it."""
    return None if options.csv is None else hm.io.Dialect.read(options.csv)


def say_unseen(unseen: dict[str, list[int]]) -> dict[str, list[int]]:
    """Warn of cells whose values were not met in training; their rows, from 1, by column."""
    numbers = {name: [row + 1 for row in rows] for name, rows in unseen.items()}
    if numbers:
        named = [f"{name!r} in row{'s' * (len(rows) > 1)} {', '.join(map(str, rows[:5]))}" for name, rows in numbers.items()]
        named = [f"{text}, ..." if len(rows) > 5 else text for text, rows in zip(named, numbers.values(), strict=True)]
        listed = "; ".join(named[:5]) + ("; ..." if len(named) > 5 else "")
        say(f"warning: {sum(map(len, numbers.values())):,} cells count as missing, of values not met in training: {listed}")
    return numbers


def column_choices(run: argparse.Namespace | RunOptions) -> tuple[dict[str, Any], list[str]]:
    """The kinds by name, and the names to ignore, that --as, --ignore and --schema give, as `tabular.infer` takes them."""
    kinds: dict[str, Any] = {}
    ignore = [name.strip() for names in run.ignore or [] for name in names.split(",")]
    if run.schema is not None:
        kinds, more = hm.tabular.read_schema_file(run.schema)
        ignore += more
    for text in run.kinds or []:
        name, _, kind = text.rpartition("=")
        if not name:
            raise InputError(f"--as {text!r}: write NAME=KIND, as in income=real")
        if kind == "ignore":
            ignore.append(name)
        kinds[name] = kind
    return {name: kind for name, kind in kinds.items() if name not in ignore}, ignore


def schema_text(schema: hm.tabular.Schema) -> list[str | Styled | Table]:
    """The columns, how they are read, and which are left out."""
    rows = [[column.name, column.kind, _values(column), schema.notes.get(column.name, "")] for column in schema.columns]
    rows += [[name, "ignored", reason, ""] for name, reason in schema.ignored.items()]
    remedy = "(to change this: --as NAME=KIND, --ignore NAME, or --schema FILE)"
    size = 4 if schema.notes else 3
    return [Table("", ["column", "read as", "values", "notes"][:size], [row[:size] for row in rows]), remedy]


def _values(column: hm.tabular.Column) -> str:
    if column.is_number:
        text = f"mean {column.mean:.5g}, standard deviation {column.scale:.5g}"
        if column.dates is not None:
            kind = "dates" if column.unit == "days" else "times"
            text = f"{kind}, mean {column.dates.text(column.mean)}, standard deviation {column.scale:.5g} {column.unit}"
        if column.bins is None:
            return text
        spikes = ", ".join(column.state_names[: len(column.bins.spikes)])
        bins = f"{column.width - len(column.bins.spikes)} bins"
        if column.bins.pieces:
            bins += f" of {len(column.bins.pieces)} pieces"
        return f"{text}; {f'{spikes} and ' if spikes else ''}{bins}"
    levels = ", ".join(map(cell_text, column.levels[:8]))
    return levels if len(column.levels) <= 8 else f"{levels}, ... ({len(column.levels)} values)"
