"""Data by name: real digits, toys of known entropy, MNIST on request, and files, all as one `Dataset`."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harmonium import _checks
from harmonium._types import PathLike
from harmonium.data import synthetic
from harmonium.data.binarize import binarize
from harmonium.errors import InputError, reason
from harmonium.io.arrays import Table, is_table_file, open_streamed, read_frame, read_table
from harmonium.io.streams import Streamed, sample_rows
from harmonium.io.untrusted import checked_path
from harmonium.tabular.inference import Kind, infer
from harmonium.tabular.schema import Schema

HELD_OUT_FRACTION = 0.1
"""Fraction of the rows that is held out for validation, and again for the test, where no such files are given."""
MAX_HELD_OUT = 10_000
"""The most rows that are held out where rows are read as they are needed."""
PARTS = ("test", "valid")
WORDS = {"valid": "validation", "test": "the test"}


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test rows `[n, V]`, and what is known of them.

    Training rows are an array, but for `load(..., stream=True)` of a file that need not be in memory: then `Streamed` ones.
    `held_out`: how validation and test rows were chosen, in words. `description`: what was read, such as `2 images of 2 x 2`.
    `image_shape`: (height, width) if a row is an image. `columns`: their names if they have any. `entropy`: of the distribution
    of the rows, in nats, where it is known (no model's mean log likelihood can exceed -entropy). `binarized`: how, or None.
    `schema`: of rows that encode a table with columns of any kinds. NaN is a missing cell.
    """

    name: str
    train: Any  # np.ndarray, or Streamed
    valid: np.ndarray
    test: np.ndarray
    held_out: str
    description: str = ""
    image_shape: tuple[int, int] | None = None
    columns: list[str] | None = None
    entropy: float | None = None
    binarized: str | None = None
    schema: Schema | None = None

    def count(self, part: str) -> str:
        """The number of rows of a part and their form, such as `2 images of 2 x 2`."""
        return f"{len(getattr(self, part)):,} {self.description.partition(' ')[2] or 'rows'}"

    def describe(self) -> dict[str, Any]:
        """What is known of the rows, for JSON: their number, mean and range, and the fields that are no rows."""
        parts = {part: getattr(self, part) for part in ("train", "valid", "test")}
        values = self.train[~np.isnan(self.train)]
        return {
            "name": self.name,
            "description": self.description,
            "rows": {part: len(rows) for part, rows in parts.items()},
            "means": {part: None if np.isnan(rows).all() else float(np.nanmean(rows)) for part, rows in parts.items()},
            "columns": self.train.shape[1],
            "column_names": self.columns,
            "image_shape": self.image_shape,
            "smallest": float(values.min()),
            "largest": float(values.max()),
            "mean": float(values.mean()),
            "binary": bool(((values == 0) | (values == 1)).all()),
            "missing": sum(int(np.isnan(rows).sum()) for rows in parts.values()),
            "binarized": self.binarized,
            "entropy": self.entropy,
            "held_out": self.held_out,
        }

    def provenance(self) -> dict[str, Any]:
        """What tells these rows from others, for JSON: their names and numbers, and the SHA-256 of each part's values.

        Streamed rows have none (null): it would take a pass over all of them.
        """
        parts = {part: getattr(self, part) for part in ("train", "valid", "test")}
        digests = {
            part: hashlib.sha256(np.ascontiguousarray(rows, "<f8").data).hexdigest() if isinstance(rows, np.ndarray) else None
            for part, rows in parts.items()
        }
        return {name: getattr(self, name) for name in ("name", "held_out", "binarized", "image_shape")} | {
            "rows": {part: len(rows) for part, rows in parts.items()},
            "columns": self.train.shape[1],
            "schema": None if self.schema is None else self.schema.description(),
            "sha256": digests,
        }


@dataclass(frozen=True)
class Source:
    """A named source: `make(size)` gets what stands after the colon in NAME:SIZE, or None; its docstring is for users."""

    name: str
    make: Callable[[str | None], Dataset]
    binarize: str | None = None

    @property
    def about(self) -> str:
        return self.make.__doc__ or ""


def load(
    location: PathLike,
    binarized: str | None = None,
    seed: int = 0,
    hold_out: Collection[str] = PARTS,
    stream: bool = False,
    missing: bool = False,
    max_bytes: int | None = None,
) -> Dataset:
    """The data set that `location` names: a named source, NAME or NAME:SIZE, or a file (see `read_table`); with
    `stream` also a folder of Parquet files.

    Args:
        binarized: `threshold=X` or `stochastic`; by default what the source prescribes, and nothing for files.
        seed: of stochastic binarization.
        hold_out: for which of "test" and "valid" a tenth of a file's rows is held out; the other part is the training rows.
        stream: leave training rows that `open_streamed` can read as they are needed in their file; at most 10,000 rows are held
            out then.
        missing: let NaN in a file stand for a missing cell. max_bytes: as `read_table` takes it.

    Raises:
        OSError: there is no such file or source, or it cannot be read.
        InputError: an argument is of the wrong kind, or the file cannot be used.
    """
    location = os.fspath(checked_path(location, "location"))
    _checks.seed(seed)
    _checks.instance(hold_out, Collection, "hold_out", 'some of "test" and "valid"')
    for part in hold_out:
        _checks.choice(part, PARTS, "hold_out")
    name, _, size = location.partition(":")
    if name in SOURCES:
        source = SOURCES[name]
        dataset = source.make(size or None)
        binarized = binarized or source.binarize
    else:
        streamed = open_streamed(location, max_bytes) if stream else None
        if streamed is not None:
            if binarized is not None:
                raise InputError(f"{location} is read as it is needed, so it cannot be binarized: do that beforehand")
            return _split_streamed(location, streamed, hold_out)
        try:
            table = read_table(location, missing, max_bytes)
        except FileNotFoundError as error:
            words = f"there is no such file, nor a data set of that name ({', '.join(SOURCES)})"
            raise FileNotFoundError(errno.ENOENT, words, location) from error
        if hold_out and len(table.values) > 1 and (table.values == table.values[0]).all():
            raise InputError(f"{location} has {table.description}, all of them alike: there is nothing to learn from them")
        dataset = _split(location, table, hold_out)
        if np.isnan(dataset.train).all():
            raise InputError(f"{location} has no values to learn from: every cell is missing")
    if binarized is None:
        return dataset
    parts = []
    for index, rows in enumerate((dataset.train, dataset.valid, dataset.test)):
        absent = np.isnan(rows)
        parts.append(np.where(absent, np.nan, binarize(np.where(absent, 0, rows), binarized, (seed + index) % 2**63)))
    train, valid, test = parts
    # The entropy is that of the values as they were.
    entropy = dataset.entropy if np.array_equal(train, dataset.train) else None
    return replace(dataset, binarized=binarized, train=train, valid=valid, test=test, entropy=entropy)


def needs_schema(location: PathLike) -> bool:
    """Whether a location is a CSV or Parquet file that holds anything but zeros and ones.

    Not so a folder, nor a large Parquet file of numbers: rows that are read as they are needed are used as they are.
    """
    location = os.fspath(checked_path(location, "location"))
    if location.partition(":")[0] in SOURCES or not is_table_file(location) or Path(location).is_dir():
        return False
    try:
        if open_streamed(location) is not None:
            return False
        values = read_table(location).values
    except InputError:
        return True  # texts, missing cells, or a fault that reading it as columns will show
    return not ((values == 0) | (values == 1)).all()


def load_columns(
    location: PathLike, kinds: Mapping[str, Kind] | None = None, ignore: Collection[str] = (), hold_out: Collection[str] = PARTS
) -> Dataset:
    """The data set in a CSV or Parquet file whose columns are of any kinds, with missing cells as NaN, and its schema.

    Rows in which every cell is missing are left out. Mean and scale of real columns are those of the training rows.

    Args:
        kinds, ignore: as `infer` takes them. hold_out: as `load` takes it.

    Raises:
        OSError: there is no such file, or it cannot be read.
        InputError: it cannot be used, or no schema can be made of it.
    """
    location = os.fspath(checked_path(location, "location"))
    frame = read_frame(location)
    empty = np.isnan(infer(frame, kinds, ignore).encode(frame)).all(axis=1)
    frame = frame.rows(~empty)
    indices, words = _parts(len(frame), hold_out)
    schema = infer(frame, kinds, ignore, fit_on=indices["train"])
    rows = schema.encode(frame)
    if empty.any():
        words = f"{int(empty.sum())} rows without any value left out; {words}"
    train, valid, test = (rows[indices[part]] for part in ("train", "valid", "test"))
    about = f"{len(frame):,} rows of {len(frame.columns):,} columns"
    return Dataset(location, train, valid, test, words, about, columns=schema.column_names, schema=schema)


def _split(name: str, table: Table, hold_out: Collection[str] = PARTS) -> Dataset:
    indices, words = _parts(len(table.values), hold_out)
    train, valid, test = (table.values[indices[part]] for part in ("train", "valid", "test"))
    return Dataset(name, train, valid, test, words, table.description, table.image_shape, table.columns)


def _parts(count: int, hold_out: Collection[str], most: int | None = None) -> tuple[dict[str, Any], str]:
    """The indices (or slices) of the training, validation and test rows of `count` rows, and how they were chosen, in words.

    At most `most` rows are held out for each. The split depends on the number of rows alone, so that runs with different seeds
    can be compared.
    """
    size = min(int(HELD_OUT_FRACTION * count), most or count)
    if not hold_out or size == 0:
        words = f"{count} rows are too few to hold any out: all serve for training too" if hold_out else "all rows"
        return dict.fromkeys(("train", *sorted(PARTS)), slice(None)), words
    shuffled = np.random.default_rng(0).permutation(count)
    parts = {part: shuffled[size * place : size * (place + 1)] for place, part in enumerate(hold_out)}
    train = shuffled[size * len(parts) :]
    words = " and ".join(f"{size} rows held out for {WORDS[part]}" for part in hold_out) + ", chosen at random once for all"
    return {"train": train, "valid": train, "test": train} | parts, words


def _split_streamed(name: str, rows: Streamed, hold_out: Collection[str]) -> Dataset:
    about = f"{len(rows):,} rows of {rows.shape[1]:,} columns, read as they are needed"
    indices, words = _parts(len(rows), hold_out, MAX_HELD_OUT)
    if isinstance(indices["train"], slice):
        some = sample_rows(rows, MAX_HELD_OUT, "rows")
        return Dataset(name, rows, some, some, f"none held out; {len(some)} of the training rows are followed", about)
    # All of them at once: each time may be a pass over the whole file.
    taken = rows.take(np.concatenate([indices[part] for part in hold_out]))
    parts = dict(zip(hold_out, np.split(taken, len(hold_out)), strict=True))
    some = next(iter(parts.values()))
    # The rows that stay are left in their order: reading is quicker, and training shuffles anyway.
    train = rows.subset(np.sort(indices["train"]))
    return Dataset(name, train, parts.get("valid", some), parts.get("test", some), words, about)


def _digits(size: str | None) -> Dataset:
    """1,797 handwritten digits of 8x8 pixels that come with scikit-learn (UCI Optical Recognition)"""
    from sklearn.datasets import load_digits

    _no_size("digits", size)
    return _split("digits", Table(load_digits().data / 16.0, row_shape=(8, 8)))


def _mnist(size: str | None) -> Dataset:
    """70,000 handwritten digits of 28x28 pixels, fetched from openml.org through scikit-learn when named"""
    import warnings

    from sklearn.datasets import fetch_openml

    _no_size("mnist", size)
    try:
        with warnings.catch_warnings(action="ignore"):
            fetched = fetch_openml("mnist_784", version=1, as_frame=False, parser="liac-arff")
        pixels = np.asarray(fetched.data) / 255.0
    except Exception as error:  # whatever the network did
        raise InputError(
            f"mnist could not be fetched from openml.org ({type(error).__name__}: {reason(error)}); "
            "name a file instead: IDX, .npz, .npy"
        ) from error
    words = "the last 10,000 rows are the test set, the 10,000 before them held out for validation"
    about = Table(pixels, row_shape=(28, 28)).description
    return Dataset("mnist", pixels[:50_000], pixels[50_000:60_000], pixels[60_000:], words, about, (28, 28))


def _bars_and_stripes(size: str | None) -> Dataset:
    """images of full rows or full columns, all equally probable; bars-and-stripes:3x3 sets the size (4x4 by default)"""
    shape = _sizes("bars-and-stripes", size, (4, 4), "HEIGHTxWIDTH, each")
    return _listed(f"bars-and-stripes:{shape[0]}x{shape[1]}", synthetic.bars_and_stripes(*shape), shape)


def _shifter(size: str | None) -> Dataset:
    """a pattern, the same pattern shifted by -1, 0 or +1, and which; shifter:4 sets the bits (8 by default)"""
    (bits,) = _sizes("shifter", size, (8,), "the number of bits,")
    return _listed(f"shifter:{bits}", synthetic.shifter(bits), ())


def _sizes(name: str, size: str | None, default: tuple[int, ...], words: str) -> tuple[int, ...]:
    usual = "x".join(map(str, default))
    sizes = tuple(int(text) if re.fullmatch(r"\d{1,2}", text) else 0 for text in (size or usual).split("x"))
    if len(sizes) != len(default) or not all(2 <= each <= synthetic.MAX_SIDE for each in sizes):
        raise InputError(f"{name}:{size} is out of range: write {words} from 2 to {synthetic.MAX_SIDE}, as in {name}:{usual}")
    return sizes


def _listed(name: str, patterns: np.ndarray, row_shape: tuple[int, ...]) -> Dataset:
    table = Table(patterns, row_shape=row_shape)
    words = f"all {len(patterns)} patterns, equally probable, serve for training, validation and test"
    entropy = math.log(len(patterns))
    return Dataset(name, patterns, patterns, patterns, words, table.description, table.image_shape, entropy=entropy)


def _no_size(name: str, size: str | None) -> None:
    if size is not None:
        raise InputError(f"{name} has one size; write {name}, not {name}:{size}")


SOURCES = {
    source.name: source
    for source in (
        Source("digits", _digits, "threshold=0.5"),
        Source("bars-and-stripes", _bars_and_stripes),
        Source("shifter", _shifter),
        Source("mnist", _mnist, "threshold=0.5"),
    )
}
"""The named sources, by name."""
