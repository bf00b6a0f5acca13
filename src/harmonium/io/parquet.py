"""Parquet files: tables in memory, and rows of large files and folders, read about one row group at a time.

`ParquetFile` serves better here than a `pyarrow.dataset`: it reads chosen row groups in their order, and nothing ahead of them.
"""

from __future__ import annotations

import errno
import io
import re
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Int, Shaped

from harmonium.errors import InputError, reason
from harmonium.io.frames import check_names
from harmonium.io.untrusted import check_file, check_growth, translate_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

SUFFIX = ".parquet"
MAGIC = b"PAR1"
BATCH_VALUES = 1 << 22
"""Values that are made into an array at a time."""
FILL = "fill missing cells first (harmonium.impute)"
"""The remedy where cells may not be missing."""

PANDAS_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index in a Parquet file."""


class Group(NamedTuple):
    """A row group: its file, its place there, the index of its first row and of the row after its last."""

    path: Path
    place: int
    first: int
    end: int


class ParquetRows:
    """The rows of Parquet files, one file after the other, whose columns are all numbers without nulls; `shape` is [n, V].

    Opening reads what the files say of themselves, no rows. Values are left as they are, in one type that holds those of
    all columns: a byte where each is of one at most, otherwise float32 or float64. `form`: what is left out, in words.

    Args:
        paths: of the files, which must have the same columns; their types may differ.

    Raises:
        InputError: a file is damaged, or a column holds no numbers or is not in all files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._name = paths[0] if len(paths) == 1 else paths[0].parent
        self._groups: list[Group] = []
        names: list[str] = []
        index: list[str] = []
        types: set[np.dtype] = set()
        count = 0
        for path in paths:
            with _open(path) as file:
                schema = file.schema_arrow
                check_numbers(schema, path)
                if path == paths[0]:
                    names, index = check_names(schema.names, str(path)), find_index(schema)
                elif schema.names != names:
                    lacking, more = set(names) - set(schema.names), set(schema.names) - set(names)
                    what = f"has no column {min(lacking)!r}" if lacking else f"has a column {min(more)!r}" if more else ""
                    raise InputError(f"{path} {what or 'has its columns in another order'}, unlike {paths[0].name} beside it")
                types |= {np.dtype(column.type.to_pandas_dtype()) for column in schema if column.name not in index}
                for place in range(file.metadata.num_row_groups):
                    end = count + file.metadata.row_group(place).num_rows
                    self._groups.append(Group(path, place, count, end))
                    count = end
        self._stored, self._names = names, [name for name in names if name not in index]
        self.form = ", ".join(f"without {name!r}, the index" for name in index)
        if not self._names:
            raise InputError(f"{self._name} has no column but an index")
        self.shape = count, len(self._names)
        self.dtype = _common_type(types)

    def read(self, indices: Int[np.ndarray, " k"]) -> Shaped[np.ndarray, "k visible"]:
        """The rows of these ascending indices, in one pass over the row groups that have some of them.

        Raises:
            InputError: a file is damaged or has changed, or a cell is missing.
        """
        rows = np.empty((len(indices), self.shape[1]), self.dtype)
        for first, batch in self._batches(indices):
            begin, end = np.searchsorted(indices, [first, first + len(batch)])
            rows[begin:end] = batch[indices[begin:end] - first]
        return rows

    def map_copy(self, first: int, end: int) -> np.memmap[Any, Any]:
        """The rows from `first` to before `end` as a memory-mapped array, in a temporary file without a name.

        Raises:
            InputError: as `read`.
            OSError: there is no room for them.
        """
        try:
            # Written, not mapped for writing: a full disk is then an error rather than the end of the process.
            with tempfile.TemporaryFile(prefix="harmonium-") as file:
                for _, batch in self._batches(range(first, end)):
                    file.write(batch.data)
                file.flush()
                # The mapping keeps the file for as long as it is used.
                return np.memmap(file, self.dtype, mode="r", shape=(end - first, self.shape[1]))
        except OSError as error:
            size = (end - first) * self.shape[1] * self.dtype.itemsize / 2**30
            words = f"rows of {self._name} need {size:.2g} GiB there, but cannot be written: {reason(error)}"
            remedy = "the environment variable TMPDIR names another folder"
            raise OSError(error.errno or errno.EIO, f"{words}; {remedy}", tempfile.gettempdir()) from error

    def _batches(self, indices: Sequence[int] | Int[np.ndarray, " k"]) -> Iterator[tuple[int, np.ndarray]]:
        """Batches, each with its first index: of every row group the rows from the first to the last of ascending `indices`."""
        wanted = [(group, bisect_left(indices, group.first), bisect_left(indices, group.end)) for group in self._groups]
        for path, of_file in groupby((each for each in wanted if each[1] < each[2]), key=lambda each: each[0].path):
            with _open(path) as file:
                for group, *bounds in of_file:
                    about = file.metadata
                    count = about.row_group(group.place).num_rows if group.place < about.num_row_groups else 0
                    if count != group.end - group.first or file.schema_arrow.names != self._stored:
                        raise InputError(f"{path} has changed since it was opened")
                    place, first, end = group.first, int(indices[bounds[0]]), int(indices[bounds[1] - 1]) + 1
                    batches = file.iter_batches(max(1, BATCH_VALUES // self.shape[1]), [group.place], self._names)
                    while place < end:
                        with translate_errors(f"{path} is damaged"):
                            batch = next(batches)
                        before = max(first - place, 0)
                        if before < len(batch):
                            yield place + before, self._array(batch[before : end - place], path)
                        place += len(batch)

    def _array(self, batch: pa.RecordBatch, path: Path) -> np.ndarray:
        rows = np.empty((len(batch), self.shape[1]), self.dtype)
        for place, column in enumerate(batch.columns):
            if column.null_count:
                raise InputError(f"{path}: column {batch.schema.names[place]!r} has missing values; {FILL}")
            rows[:, place] = column.to_numpy(zero_copy_only=False)
        return rows


def read_parquet(content: bytes, path: Path, max_bytes: int | None = None) -> pa.Table:
    """The table in the content of a Parquet file.

    Raises:
        InputError: it is damaged, has two columns of one name, or cells beyond what `check_growth` allows.
    """
    from pyarrow.parquet import ParquetFile

    if not content.startswith(MAGIC):
        raise InputError(f"{path} is damaged or no Parquet file: it does not begin as one; text needs the name .csv")
    source = io.BytesIO(content)
    with translate_errors(f"{path} is damaged or no Parquet file"), ParquetFile(source) as file:
        check_growth(path, len(content), file.metadata.num_rows * file.metadata.num_columns, max_bytes)
        check_names(file.schema_arrow.names, str(path))
        return file.read()


def find_index(schema: pa.Schema) -> list[str]:
    """The columns of a Parquet file that are the index: by what pandas wrote of itself there, or by their names."""
    index = []
    with suppress(ValueError, TypeError, AttributeError, RecursionError):  # metadata of another program
        index = schema.pandas_metadata["index_columns"]
    return [name for name in schema.names if PANDAS_INDEX.fullmatch(name) or name in index]


def check_numbers(schema: pa.Schema, path: Path) -> None:
    """Refuse columns that hold anything but numbers and are no index."""
    from pyarrow import types

    index = find_index(schema)
    for column in schema:
        is_number = types.is_integer(column.type) or types.is_floating(column.type) or types.is_boolean(column.type)
        if not is_number and column.name not in index:
            raise InputError(f"{path}: column {column.name!r} holds {column.type} values, but numbers were expected")


def _open(path: Path) -> ParquetFile:
    from pyarrow.parquet import ParquetFile

    check_file(path, "Parquet file")
    with translate_errors(f"{path} is damaged or no Parquet file"):
        return ParquetFile(path)


def _common_type(types: set[np.dtype]) -> np.dtype[Any]:
    """The type that holds the values of columns of these types.

    It follows from the stored types alone, not from the values, so that it is the same for all parts of the rows.
    """
    common = np.result_type(*types) if types else np.dtype(np.float64)
    if common.itemsize == 1:
        return np.dtype(np.uint8) if common.kind == "b" else common
    return np.dtype(np.float32 if all(np.can_cast(each, np.float32) for each in types) else np.float64)
