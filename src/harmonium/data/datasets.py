"""Data by name: named sources and files, all as one `Dataset`."""

from __future__ import annotations

import errno
import hashlib
import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harmonium import _checks
from harmonium._numerics import validation_rows
from harmonium._types import ArrayLike, PathLike
from harmonium.data.row_weights import RowWeights, take_weights
from harmonium.data.sources import SOURCES, Source
from harmonium.errors import InputError
from harmonium.gray_levels import Resampled, resampled
from harmonium.io.arrays import Table, is_table_file, open_streamed, read_bits_or_frame, read_frame, read_table
from harmonium.io.dialect import Dialect
from harmonium.io.frames import Frame, parse_number
from harmonium.io.frames import missing as missing_cells
from harmonium.io.streams import Streamed, evenly_spaced
from harmonium.io.untrusted import check_path
from harmonium.tabular.infer_schema import Kind, find_label, infer
from harmonium.tabular.schema import Schema

TEST_FRACTION = 0.1
"""Fraction of the rows that is held out for the test where no such file is given."""
MIN_ROWS_TO_SPLIT = 10
MAX_HELD_OUT = 10_000
"""The most rows that are held out where rows are read as they are needed."""
PARTS = ("test", "valid")
WORDS = {"valid": "validation", "test": "the test"}
BINARIZE = "threshold=X (1 above X, else 0) or stochastic (1 with the value as its probability, drawn once)"
RESAMPLE = "resample"
"""Training rows stay gray levels, whose states are drawn anew in every update; those of the other parts are drawn once."""


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test rows `[n, V]`, and what is known of them.

    Training rows are an array, but for `load(..., stream=True)` of a file that need not be in memory: then `Streamed` ones;
    or gray levels of which training draws states anew (`Resampled`).
    `held_out`: how validation and test rows were chosen, in words. `description`: what was read, such as `2 images of 2 x 2`.
    `image_shape`: (height, width) if a row is an image. `columns`: their names if they have any. `entropy`: of the distribution
    of the rows, in nats, where it is known (no model's mean log likelihood can exceed -entropy; training on rows that are the
    distribution itself needs no penalty, `l1=0`).
    `binarized`: how, or None. `schema`: of rows that encode a table with columns of any kinds. NaN is a missing cell.
    `weights`: of the rows of each part by its name, where rows have weights; `weights_column`: the column that holds them.
    `log_density`: of the rows of each part, what is to be added to their ln p, where columns are binned (`Schema.log_density`).

    Attributes:
        train: rows for training.
        valid: rows for validation.
        test: rows for the test.
    """

    name: str
    train: Any  # np.ndarray, Streamed or Resampled
    valid: np.ndarray
    test: np.ndarray
    held_out: str
    description: str = ""
    image_shape: tuple[int, int] | None = None
    columns: list[str] | None = None
    entropy: float | None = None
    binarized: str | None = None
    schema: Schema | None = None
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    weights_column: str | None = None
    log_density: Mapping[str, np.ndarray] = field(default_factory=dict)

    def count(self, part: str) -> str:
        """The number of rows of a part and their form, such as `2 images of 2 x 2`."""
        return f"{len(getattr(self, part)):,} {self.description.partition(', ')[0].partition(' ')[2] or 'rows'}"

    def replace_part(
        self,
        part: str,
        location: PathLike,
        binarized: str | None = None,
        seed: int = 0,
        dialect: Dialect | None = None,
        ignore: Collection[str] = (),
        unseen: str = "missing",
    ) -> Dataset:
        """The data set with other rows for the test or for validation, read by its schema if it has one.

        Args:
            part: "test" or "valid".
            location: a named source, for its own rows of that part, or a file, for all of its rows.
            binarized, seed, dialect, ignore: as `load` takes them.
            unseen: what values not met in training are: `missing` cells, counted in `held_out`, or an `error`.

        Raises:
            OSError, InputError: as `load`.
        """
        _checks.choice(part, PARTS, "part")
        words, own = "", {name: weights for name, weights in self.weights.items() if name != part}
        densities = dict(self.log_density)
        if self.schema is None:
            settings: dict[str, Any] = {"dialect": dialect, "ignore": ignore, "weights": self.weights_column}
            once = "stochastic" if binarized == RESAMPLE else binarized
            other = load(location, once, seed, hold_out=(), missing=True, **settings)
            _checks.column_order(other.columns, self.columns, os.fspath(location))
            rows, own = getattr(other, part), own | {name: each for name, each in other.weights.items() if name == part}
        else:
            frame = read_frame(os.fspath(check_path(location, "location")), dialect=dialect)
            if self.weights_column is not None:
                frame, of_rows = take_weights(os.fspath(location), frame, self.weights_column)
                own[part] = of_rows.values
            rows, words = _encode(os.fspath(location), frame, self.schema, unseen)
            if densities:
                densities[part] = self.schema.log_density(frame)
        held_out = f"{self.held_out}; {part}: {location}{words}"
        entropy = None if part == "test" else self.entropy
        return replace(self, held_out=held_out, entropy=entropy, weights=own, log_density=densities, **{part: rows})

    @property
    def parts(self) -> dict[str, Any]:
        """The rows by the names of the parts."""
        return {part: getattr(self, part) for part in ("train", "valid", "test")}

    def describe(self) -> dict[str, Any]:
        """What is known of the rows, for JSON: `provenance`, their means and range, and the fields that are no rows."""
        values = self.train[~np.isnan(self.train)]
        return self.provenance() | {
            "description": self.description,
            "means": {part: None if np.isnan(rows).all() else float(np.nanmean(rows)) for part, rows in self.parts.items()},
            "column_names": self.columns,
            "smallest": float(values.min()),
            "largest": float(values.max()),
            "mean": float(values.mean()),
            "binary": bool(((values == 0) | (values == 1)).all()),
            "missing": sum(int(np.isnan(rows).sum()) for rows in self.parts.values()),
            "entropy": self.entropy,
        }

    def provenance(self) -> dict[str, Any]:
        """What tells these rows from others, for JSON: their names and numbers, and the SHA-256 of each part's values.

        Streamed rows have none (null): it would take a pass over all of them.
        """
        digests = {
            part: hashlib.sha256(np.ascontiguousarray(rows, "<f8").data).hexdigest() if isinstance(rows, np.ndarray) else None
            for part, rows in (self.parts | ({"train": self.train.levels} if isinstance(self.train, Resampled) else {})).items()
        }
        for part, weights in self.weights.items():
            digests[f"{part} weights"] = hashlib.sha256(np.ascontiguousarray(weights, "<f8").data).hexdigest()
        return {name: getattr(self, name) for name in ("name", "held_out", "binarized", "image_shape")} | {
            "rows": {part: len(rows) for part, rows in self.parts.items()},
            "columns": self.train.shape[1],
            "schema": None if self.schema is None else self.schema.description(),
            "sha256": digests,
        }


def load(
    location: PathLike,
    binarized: str | None = None,
    seed: int = 0,
    hold_out: Collection[str] = PARTS,
    stream: bool = False,
    missing: bool = False,
    max_bytes: int | None = None,
    columns: bool = False,
    dialect: Dialect | None = None,
    ignore: Collection[str] = (),
    strict: bool = False,
    weights: str | None = None,
) -> Dataset:
    """The data set that `location` names: a named source, NAME or NAME:SIZE, or a file (see `read_table`); with
    `stream` also a folder of Parquet files.

    Args:
        location: a named source, NAME or NAME:SIZE, or a file.
        binarized: `threshold=X`, `stochastic`, or `resample` (`gray_levels.resampled`), for which validation and test rows
            are drawn once; by default what the source prescribes, and nothing for files.
        seed: of those draws.
        hold_out: for which of "test" and "valid" rows of a file are held out; the other part is the training rows.
        stream: leave training rows that `open_streamed` can read as they are needed in their file; at most 10,000 rows are
            held out then.
        missing: let NaN in a file stand for a missing cell.
        max_bytes: as `read_table` takes it.
        columns: read as `load_columns` does: a file of named columns that holds anything but zeros and ones, and an array
            `[n, V]` of small whole numbers, which may be codes of categories.
        dialect, ignore: as `read_table` takes them.
        strict: as `infer` takes it.
        weights: of a file's rows: the name of a column, which is then no data, or of a file with one number a row. Rows of
            weight zero are left out before anything else.

    Raises:
        OSError: there is no such file or source, or it cannot be read.
        InputError: an argument is of the wrong kind, or the file cannot be used.

    Example:
        >>> import harmonium as hm
        >>> patterns = hm.data.load("bars-and-stripes:3x3")
        >>> patterns.train.shape, patterns.image_shape
        ((14, 9), (3, 3))
    """
    location = os.fspath(check_path(location, "location"))
    _checks.seed(seed)
    if binarized is not None:
        _checks.instance(binarized, str, "binarized", BINARIZE)
    for name, value in (("stream", stream), ("missing", missing), ("columns", columns), ("strict", strict)):
        _checks.boolean(value, name)
    hold_out = _check_parts(hold_out)
    name, _, size = location.partition(":")
    if name in SOURCES and weights is not None:
        raise InputError(f"weights are for the rows of a file, but {location} is a named source: leave them out")
    if name in SOURCES:
        dataset = _load_source(SOURCES[name], size)
        binarized = SOURCES[name].binarize if binarized is None else binarized
    else:
        of_rows: RowWeights | None = None
        as_columns = columns and is_table_file(location) and not os.path.isdir(location)
        try:
            streamed = open_streamed(location, max_bytes) if stream else None
        except InputError:
            if not as_columns:
                raise
            streamed = None  # texts or missing cells, or a fault that reading it as columns will show
        if streamed is not None:
            if binarized not in (None, RESAMPLE):
                remedy = f"do that beforehand, or let training draw states from gray levels ({RESAMPLE})"
                raise InputError(f"{location} is read as it is needed, so it cannot be binarized: {remedy}")
            if weights is not None:
                streamed, of_rows = take_weights(location, streamed, weights)
            dataset = _split_stream(location, streamed, hold_out, of_rows)
            return dataset if binarized is None else _resample(dataset, seed)
        try:
            if as_columns:
                table: Table | Frame = read_bits_or_frame(location, max_bytes, dialect)
            else:
                table = read_table(location, missing, max_bytes, dialect=dialect, ignore=ignore)
            if columns and isinstance(table, Table) and table.has_codes:
                table = read_frame(location, max_bytes)
        except FileNotFoundError as error:
            words = f"there is no such file, nor a data set of that name ({', '.join(SOURCES)})"
            raise FileNotFoundError(errno.ENOENT, words, location) from error
        if weights is not None:
            table, of_rows = take_weights(location, table, weights)
        if isinstance(table, Frame):
            return _split_frame(location, table, None, (), hold_out, strict, of_rows)
        if binarized is not None and is_table_file(location):
            _refuse_label(location, table)
        dataset = _split(location, table, hold_out, of_rows)
        parts = {f" in its {part} rows": rows for part, rows in dataset.parts.items()}
        for where, rows in ({"": table.values} | parts).items():
            if np.isnan(rows).all():
                raise InputError(f"{location} has no values{where}: every cell is missing")
    if binarized is None:
        return dataset
    if binarized == RESAMPLE:
        return _resample(dataset, seed)
    bits = []
    for index, rows in enumerate(dataset.parts.values()):
        absent = np.isnan(rows)
        bits.append(np.where(absent, np.nan, binarize(np.where(absent, 0, rows), binarized, (seed + index) % 2**63)))
    train, valid, test = bits
    # The entropy is that of the values as they were.
    entropy = dataset.entropy if np.array_equal(train, dataset.train) else None
    return replace(dataset, binarized=binarized, train=train, valid=valid, test=test, entropy=entropy)


def _resample(dataset: Dataset, seed: int) -> Dataset:
    """The data set with gray levels to train on; validation and test rows are drawn from theirs once."""
    try:
        train = resampled(dataset.train)
    except InputError as error:
        raise InputError(f"{dataset.name}: {error}") from error
    scale = train.white if isinstance(train.levels, Streamed) or dataset.train.max() > 1 else 1
    valid, test = (
        binarize(rows / scale, "stochastic", (seed + index) % 2**63)
        for index, rows in enumerate((dataset.valid, dataset.test), 1)
    )
    held_out = f"{dataset.held_out}; every update draws zeros and ones anew from gray levels, those held out are drawn once"
    return replace(dataset, binarized=RESAMPLE, held_out=held_out, entropy=None, train=train, valid=valid, test=test)


def load_columns(
    location: PathLike,
    kinds: Mapping[str, Kind] | None = None,
    ignore: Collection[str] = (),
    hold_out: Collection[str] = PARTS,
    dialect: Dialect | None = None,
    strict: bool = False,
    weights: str | None = None,
    schema: Schema | None = None,
) -> Dataset:
    """The data set in a CSV or Parquet file whose columns are of any kinds, with missing cells as NaN, and its schema.

    Rows in which every cell is missing are left out. Mean and scale of real columns are those of the training rows.

    Args:
        location: a table file.
        kinds, ignore, strict: as `infer` takes them.
        hold_out, weights: as `load` takes them.
        dialect: as `read_table` does.
        schema: of the columns, to read the file by in place of one that is made of its training rows; values that it does not
            know count as missing, and are counted in `held_out`, or are refused if `strict`.

    Raises:
        OSError: there is no such file, or it cannot be read.
        InputError: it cannot be used, or no schema can be made of it.
    """
    hold_out = _check_parts(hold_out)
    location = os.fspath(check_path(location, "location"))
    frame, of_rows = read_frame(location, dialect=dialect), None
    if weights is not None:
        frame, of_rows = take_weights(location, frame, weights)
    return _split_frame(location, frame, kinds, ignore, hold_out, strict, of_rows, schema)


def binarize(values: ArrayLike, how: str, seed: int = 0) -> np.ndarray:
    """`values` as zeros and ones.

    Args:
        values: any numbers; for `stochastic`, from 0 to 1.
        how: `threshold=X` or `stochastic`.
        seed: of the draws.

    Raises:
        InputError: `how` is neither, a value is NaN, or `stochastic` is given a value outside [0, 1].

    Reference (stochastic): R. Salakhutdinov and I. Murray, ICML 2008, section 5.

    Example:
        >>> import harmonium as hm
        >>> hm.data.binarize([[0.2, 0.7]], "threshold=0.5")
        array([[0., 1.]])
    """
    values = _checks.numeric_array(values, "values")
    if np.isnan(values).any():
        raise InputError("values to be binarized include NaN; every value must be a number")
    how = _checks.instance(how, str, "how", BINARIZE)
    if how == "stochastic":
        if ((values < 0) | (values > 1)).any():
            raise InputError(
                f"stochastic binarization takes values from 0 to 1, but they run from {values.min():g} to {values.max():g}"
            )
        return (np.random.default_rng(_checks.seed(seed)).random(values.shape) < values).astype(np.float64)
    threshold = parse_number(how.removeprefix("threshold=")) if how.startswith("threshold=") else None
    if threshold is None or not np.isfinite(threshold):
        raise InputError(f"binarize {how!r} is unknown: use {BINARIZE}")
    return (values > threshold).astype(np.float64)


def _refuse_label(name: str, table: Table) -> None:
    """Refuse to binarize a label among the pixels."""
    values = table.values
    names = table.columns or [f"c{place + 1}" for place in range(values.shape[1])]
    is_gray = not (np.isin(values, (0, 1)) | np.isnan(values)).all()
    if is_gray and (label := find_label(values, names)) is not None:
        words = f"column {label!r} is unlike the {len(names) - 1:,} others, a label beside pixels"
        raise InputError(f"{name}: {words}, and would be binarized too; leave it out by its name, or binarize beforehand")


def _check_parts(hold_out: Collection[str]) -> Collection[str]:
    _checks.instance(hold_out, Collection, "hold_out", 'some of "test" and "valid"')
    return [_checks.choice(part, PARTS, "hold_out") for part in hold_out]


def _load_source(source: Source, size: str) -> Dataset:
    name, table = source.load(size)
    rows = table.values
    if source.in_order:
        train, valid, test = np.split(rows, [-2 * MAX_HELD_OUT, -MAX_HELD_OUT])
        words = f"the last {MAX_HELD_OUT:,} rows are the test set, the {MAX_HELD_OUT:,} before them held out for validation"
        return Dataset(name, train, valid, test, words, table.description, table.image_shape)
    if not source.sizes:
        return _split(name, table)
    words = f"all {len(rows)} patterns, equally probable, serve for training, validation and test"
    entropy = math.log(len(rows))
    return Dataset(name, rows, rows, rows, words, table.description, table.image_shape, entropy=entropy)


def _split_frame(
    name: str,
    frame: Frame,
    kinds: Mapping[str, Kind] | None,
    ignore: Collection[str],
    hold_out: Collection[str],
    strict: bool,
    weights: RowWeights | None = None,
    schema: Schema | None = None,
) -> Dataset:
    unseen, given = "", None
    if schema is not None:
        given, unseen = _encode(name, frame, schema, "error" if strict else "missing")
        empty = np.isnan(given).all(axis=1)
    else:
        try:
            used = infer(frame, kinds, ignore, strict=strict, bins=False).columns
        except InputError as error:
            if frame.csv is None or len(frame.columns) > 1:
                raise
            raise InputError(f"{name}, read as {frame.csv}: {error}") from error  # it may have more columns
        empty = np.logical_and.reduce([missing_cells(frame[column.name]) for column in used])
    form = f", {frame.csv}" if frame.csv else ""
    frame, weights = frame.rows(~empty), weights and weights.select(~empty)
    indices, words = _parts(len(frame), hold_out)
    if schema is None:
        schema = infer(frame, kinds, ignore, fit_on=indices["train"])
    rows = schema.encode(frame) if given is None else given[~empty]
    words += unseen
    if empty.any():
        words = f"{int(empty.sum())} rows without any value left out; {words}"
    train, valid, test = (rows[indices[part]] for part in ("train", "valid", "test"))
    about = f"{len(frame):,} rows of {len(frame.columns):,} columns{form}"
    more = _of_parts(about, weights, indices)
    if schema.has_bins:
        density = schema.log_density(frame)
        more["log_density"] = {part: density[rows] for part, rows in indices.items()}
    return Dataset(name, train, valid, test, words, columns=schema.column_names, schema=schema, **more)


def _encode(name: str, frame: Frame, schema: Schema, unseen: str) -> tuple[np.ndarray, str]:
    """The rows by a schema that was made of others, and in words how many cells it does not know."""
    try:
        rows = schema.encode(frame, unseen)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    found = schema.find_unseen(frame)
    count, names = sum(map(len, found.values())), ", ".join(map(repr, found))
    return rows, f" ({count:,} cells count as missing, of values not met in training, in {names})" if found else ""


def _split(name: str, table: Table, hold_out: Collection[str] = PARTS, weights: RowWeights | None = None) -> Dataset:
    indices, words = _parts(len(table.values), hold_out)
    train, valid, test = (table.values[indices[part]] for part in ("train", "valid", "test"))
    more = _of_parts(table.description, weights, indices)
    return Dataset(name, train, valid, test, words, image_shape=table.image_shape, columns=table.columns, **more)


def _of_parts(description: str, weights: RowWeights | None, indices: dict[str, Any]) -> dict[str, Any]:
    """The description, and the weights of the parts."""
    if weights is None:
        return {"description": description}
    of_parts = {part: weights.values[rows] for part, rows in indices.items()}
    return {"description": f"{description}, {weights}", "weights": of_parts, "weights_column": weights.column}


def _parts(count: int, hold_out: Collection[str], most: int | None = None) -> tuple[dict[str, Any], str]:
    """The indices (or slices) of the training, validation and test rows of `count` rows, and how they were chosen, in words.

    Of at least ten rows a tenth is held out for the test, and `validation_rows` for validation, at most `most` of each. The
    split depends on the number of rows alone, so that runs with different seeds can be compared.
    """
    if not hold_out or count < MIN_ROWS_TO_SPLIT:
        words = f"{count} rows are too few to hold any out: all serve for training too" if hold_out else "all rows"
        return dict.fromkeys(("train", *sorted(PARTS)), slice(None)), words
    wanted = {"test": int(TEST_FRACTION * count), "valid": validation_rows(count)}
    sizes = {part: min(wanted[part], most or count) for part in hold_out}
    *held_out, train = np.split(np.random.default_rng(0).permutation(count), np.cumsum(list(sizes.values())))
    parts = dict(zip(sizes, held_out, strict=True))
    words = " and ".join(f"{size} rows held out for {WORDS[part]}" for part, size in sizes.items())
    words += ", chosen at random once for all"
    return {"train": train, "valid": train, "test": train} | parts, words


def _split_stream(name: str, rows: Streamed, hold_out: Collection[str], weights: RowWeights | None) -> Dataset:
    about = f"{len(rows):,} rows of {rows.shape[1]:,} columns, read as they are needed{rows.form and f', {rows.form}'}"
    indices, words = _parts(len(rows), hold_out, MAX_HELD_OUT)
    if isinstance(indices["train"], slice):
        some = evenly_spaced(len(rows), MAX_HELD_OUT)
        more = _of_parts(about, weights, indices | dict.fromkeys(PARTS, some))
        taken = rows.take(some)
        return Dataset(name, rows, taken, taken, f"none held out; {len(some)} of the training rows are followed", **more)
    # All of them at once: each time may be a pass over the whole file.
    taken = rows.take(np.concatenate([indices[part] for part in hold_out]))
    ends = np.cumsum([len(indices[part]) for part in hold_out])[:-1]
    parts = dict(zip(hold_out, np.split(taken, ends), strict=True))
    some = next(iter(parts.values()))
    # The rows that stay are left in their order: reading is quicker, and training shuffles anyway.
    indices["train"] = np.sort(indices["train"])
    indices |= {part: indices[part if part in parts else next(iter(parts))] for part in PARTS}
    train = rows.subset(indices["train"])
    more = _of_parts(about, weights, indices)
    return Dataset(name, train, parts.get("valid", some), parts.get("test", some), words, **more)
