"""Rows of Parquet files, one or a folder of them, of which no more than about a row group is in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harmonium.errors import InputError, reason
from harmonium.io.frames import FILL
from harmonium.io.streams import Sequential

SUFFIX = ".parquet"
BATCH_VALUES = 1 << 22
"""Values that are made into an array at a time."""


class Group(NamedTuple):
    """A row group: its file, its number there, and the numbers of its first row and of the one after its last."""

    path: Path
    number: int
    first: int
    end: int


class RowGroups(Sequential):
    """The rows of Parquet files, one file after the other, whose columns are all numbers without nulls.

    Opening reads what the files say of themselves, no rows. Values are left as they are, in one type that holds those of
    all columns: a byte where each is of one at most, otherwise float32 or float64.

    Args:
        paths: of the files, which must have the same columns; their types may differ.

    Raises:
        InputError: pyarrow is missing, a file is damaged, or a column holds no numbers or is not in all files.
    """

    def __init__(self, paths: list[Path]) -> None:
        self._name = paths[0] if len(paths) == 1 else paths[0].parent
        self._groups: list[Group] = []
        names: list[str] = []
        types: set[np.dtype[Any]] = set()
        count = 0
        for path in paths:
            with _opened(path) as file:
                schema, about = file.schema_arrow, file.metadata
                check_numbers(schema, path)
                if path == paths[0]:
                    names = schema.names
                elif schema.names != names:
                    raise InputError(f"{path} {_difference(names, schema.names)}, unlike {paths[0].name} beside it")
                types |= {np.dtype(column.type.to_pandas_dtype()) for column in schema}
                for number in range(about.num_row_groups):
                    end = count + about.row_group(number).num_rows
                    self._groups.append(Group(path, number, count, end))
                    count = end
        self.shape = count, len(names)
        self.dtype = _held_type(types)

    def read(self, numbers: np.ndarray) -> np.ndarray:
        rows = np.empty((len(numbers), self.shape[1]), self.dtype)
        asked = []
        for group in self._groups:
            here = numbers[slice(*np.searchsorted(numbers, [group.first, group.end]))]
            if len(here):
                asked.append((group, int(here[0]), int(here[-1]) + 1))
        for first, batch in self._batches(asked):
            begin, end = np.searchsorted(numbers, [first, first + len(batch)])
            rows[begin:end] = batch[numbers[begin:end] - first]
        return rows

    def hold(self, first: int, end: int) -> np.memmap[Any, Any]:
        asked = [(group, max(first, group.first), min(end, group.end)) for group in self._groups]
        try:
            # Written, not mapped for writing: a full disk is then an error rather than the end of the process.
            with tempfile.TemporaryFile(prefix="harmonium-") as file:
                for _, batch in self._batches([each for each in asked if each[1] < each[2]]):
                    file.write(batch.data)
                file.flush()
                # The mapping keeps the file, which has no name, for as long as it is used.
                return np.memmap(file, self.dtype, mode="r", shape=(end - first, self.shape[1]))
        except OSError as error:
            size = (end - first) * self.shape[1] * self.dtype.itemsize / 2**30
            raise InputError(
                f"rows of {self._name} need {size:.2g} GiB in {tempfile.gettempdir()}, but cannot be written there: "
                f"{reason(error)}; the environment variable TMPDIR names another folder"
            ) from error

    def _batches(self, asked: list[tuple[Group, int, int]]) -> Iterator[tuple[int, np.ndarray]]:
        """Of each group the rows from a first to before an end, in batches, each with the number of its first row."""
        for path, of_file in groupby(asked, key=lambda each: each[0].path):
            with _opened(path) as file:
                for each in of_file:
                    yield from self._of_group(file, *each)

    def _of_group(self, file: Any, group: Group, first: int, end: int) -> Iterator[tuple[int, np.ndarray]]:
        found = file.metadata.row_group(group.number).num_rows if group.number < file.metadata.num_row_groups else 0
        if found != group.end - group.first or file.metadata.num_columns != self.shape[1]:
            raise InputError(f"{group.path} has changed since it was opened")
        place = group.first
        batches = file.iter_batches(max(1, BATCH_VALUES // self.shape[1]), [group.number])
        while place < end:
            try:
                batch = next(batches)
            except Exception as error:  # the readers of damaged files raise almost anything
                raise InputError(f"{group.path} is damaged: {reason(error)}") from error
            before = max(first - place, 0)
            if before < len(batch):
                yield place + before, self._array(batch[before : end - place], group.path)
            place += len(batch)

    def _array(self, batch: Any, path: Path) -> np.ndarray:
        rows = np.empty((len(batch), self.shape[1]), self.dtype)
        for place, column in enumerate(batch.columns):
            if column.null_count:
                raise InputError(f"{path}: column {batch.schema.names[place]!r} has missing values; {FILL}")
            rows[:, place] = column.to_numpy(zero_copy_only=False)
        return rows


def files_in(folder: Path) -> list[Path]:
    """The Parquet files in a folder by their names, without hidden ones and those that begin with an underscore."""
    found = (path for path in folder.iterdir() if path.name.lower().endswith(SUFFIX) and path.name[0] not in "._")
    return sorted(path for path in found if path.is_file())


def pyarrow_for(path: Path) -> Any:
    """The module pyarrow, with `pyarrow.parquet`.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(f"reading {path} needs pyarrow: pip install 'harmonium[tables]'") from error
    return pyarrow


def check_numbers(schema: Any, path: Path) -> None:
    """Refuse columns that hold anything but numbers; `schema` is Arrow's."""
    types = pyarrow_for(path).types
    for column in schema:
        if not (types.is_integer(column.type) or types.is_floating(column.type) or types.is_boolean(column.type)):
            raise InputError(f"{path}: column {column.name!r} holds {column.type} values, but numbers were expected")


def _opened(path: Path) -> Any:
    pyarrow = pyarrow_for(path)
    try:
        return pyarrow.parquet.ParquetFile(path)
    except Exception as error:  # the readers of damaged files raise almost anything
        raise InputError(f"{path} is damaged or no Parquet file: {reason(error)}") from error


def _difference(names: list[str], others: list[str]) -> str:
    """What sets the columns of a file apart from those expected, in words."""
    for name in names:
        if name not in others:
            return f"has no column {name!r}"
    for name in others:
        if name not in names:
            return f"has a column {name!r}"
    return "has its columns in another order"


def _held_type(types: set[np.dtype[Any]]) -> np.dtype[Any]:
    """The type that holds the values of columns of these types.

    It follows from the stored types alone, not from the values, so that it is the same for all parts of the rows.
    """
    common = np.result_type(*types) if types else np.dtype(np.float64)
    if common.itemsize == 1:
        return np.dtype(np.uint8) if common.kind == "b" else common
    return np.dtype(np.float32 if all(np.can_cast(each, np.float32) for each in types) else np.float64)
