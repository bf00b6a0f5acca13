"""Arrays from files: .npy, .npz (dense or SciPy's sparse), .csv, .parquet and IDX, gzipped or not."""

from __future__ import annotations

import gzip
import io
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harmonium.errors import InputError, reason
from harmonium.io import row_groups
from harmonium.io.frames import FILL, MISSING, Frame, frame_of_cells, from_native, number, read_cells
from harmonium.io.sparse_files import open_sparse
from harmonium.io.streams import Streamed

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Element types of the IDX format by the third byte of its magic number (Y. LeCun's MNIST page)."""


@dataclass(frozen=True)
class Table:
    """Rows of numbers `values [n, V]`; the names of the columns, and (height, width) of a picture, where known."""

    values: np.ndarray
    columns: list[str] | None = None
    image_shape: tuple[int, int] | None = None


def read_table(location: str, missing: bool = False) -> Table:
    """The table in a file; an array inside an .npz file is named after a colon: `file.npz:train`.

    Gray levels stored as bytes (0 to 255) are read as 0 to 1; all other values are left as they are.

    Args:
        missing: let NaN stand for missing cells; in text also an empty cell, NA and the like, in Parquet a null.

    Raises:
        InputError: there is no such file, it is empty or damaged, or it holds no table of numbers; a value is infinite, or
            missing where none may be.
    """
    path, key = _split_key(location)
    streamed = open_streamed(location) if path.name.lower().endswith(".npz") else None
    if streamed is not None:
        return _checked(Table(streamed.take(np.arange(len(streamed)))), path, missing)
    content = _content(path)
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(".npy"):
            table = _from_array(_npy(content, path), path)
        elif name.endswith(".npz"):
            table = _from_array(_npz_member(content, key, path), path)
        elif name.endswith(TEXT_TABLES):
            table = _csv(content.decode("utf-8-sig"), path, missing)
        elif name.endswith(".parquet"):
            table = _parquet(content, path, missing)
        elif content[:2] == b"\0\0" and len(content) > 4 and content[2] in IDX_TYPES:
            table = _from_array(_idx(content, path), path)
        else:
            raise InputError(f"{path}: unknown kind of file; use .npy, .npz, .csv, .parquet or IDX (each may be gzipped)")
    except InputError:
        raise
    except Exception as error:  # the readers of damaged files raise almost anything
        raise InputError(f"{path} cannot be read as {Path(name).suffix or 'data'}: {reason(error)}") from error
    return _checked(table, path, missing)


def _checked(table: Table, path: Path, missing: bool) -> Table:
    unusable = np.argwhere(np.isinf(table.values) if missing else ~np.isfinite(table.values))
    if len(unusable):
        row, column = unusable[0]
        value = table.values[row, column]
        hint = "" if np.isinf(value) else f"; {FILL}"
        raise InputError(f"{path} has {value} in row {row + 1}, column {column + 1}; every value must be a finite number{hint}")
    return table


TEXT_TABLES = (".csv", ".tsv", ".txt")


def is_table_file(location: str) -> bool:
    """Whether the file is of a kind that has columns with names: CSV or Parquet, gzipped or not."""
    return location.lower().removesuffix(".gz").endswith((*TEXT_TABLES, ".parquet"))


def read_frame(location: str) -> Frame:
    """The columns of a CSV or Parquet file, with texts and missing cells as they are.

    Raises:
        InputError: there is no such file, it is of another kind, empty or damaged, or its names are not unique.
    """
    path = Path(location)
    if not is_table_file(location):
        raise InputError(f"{path}: a table of named columns is read from a .csv or .parquet file (each may be gzipped)")
    content = _content(path)
    try:
        if path.name.lower().removesuffix(".gz").endswith(".parquet"):
            return from_native(_arrow_table(content, path), str(path))
        names, rows, _ = read_cells(content.decode("utf-8-sig"), path)
        return frame_of_cells(names, rows, path)
    except InputError:
        raise
    except Exception as error:  # the readers of damaged files raise almost anything
        raise InputError(f"{path} cannot be read as a table: {reason(error)}") from error


LARGE_BYTES = 1 << 30
"""An .npy or Parquet file of this size or more is not read into memory where its rows can be read as they are needed."""


def open_streamed(location: str) -> Streamed | None:
    """The rows of files that need not be in memory, which are used as they are.

    That is a large .npy file, a large Parquet file, a folder with Parquet files of any size (by their names, each with the same
    columns), or an .npz file of `scipy.sparse.save_npz`. None for anything else.

    Raises:
        InputError: it is such a file, but damaged or of another shape, or a column of Parquet holds no numbers.
    """
    path, key = _split_key(location)
    try:
        source = _source(path, key)
    except InputError:
        raise
    except Exception as error:  # the readers of damaged files raise almost anything
        raise InputError(f"{path} cannot be read as {path.suffix or 'data'}: {reason(error)}") from error
    try:
        return None if source is None else Streamed(source)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _source(path: Path, key: str | None) -> Any:
    """What `Streamed` takes; None for a file that is to be read into memory."""
    suffix = path.suffix.lower()
    if path.is_dir():
        files = row_groups.files_in(path)
        return row_groups.RowGroups(files) if files else None
    if suffix in (".npy", row_groups.SUFFIX) and path.is_file() and path.stat().st_size >= LARGE_BYTES:
        return np.load(path, mmap_mode="r", allow_pickle=False) if suffix == ".npy" else row_groups.RowGroups([path])
    return open_sparse(path) if suffix == ".npz" and key is None else None


def _split_key(location: str) -> tuple[Path, str | None]:
    match = re.fullmatch(r"(.*\.npz(?:\.gz)?):([^:]+)", location, re.IGNORECASE)
    return (Path(match[1]), match[2]) if match else (Path(location), None)


def _content(path: Path) -> bytes:
    try:
        if not path.exists():
            raise InputError(f"{path}: there is no such file (nor a named source of that name; `harmonium data` lists them)")
        if path.is_dir():
            raise InputError(f"{path} is a folder, but a data file was expected")
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from error
    if not content.strip():
        raise InputError(f"{path} is empty")
    return content


def _npy(content: bytes, path: Path) -> np.ndarray:
    if not content.startswith(b"\x93NUMPY"):
        raise InputError(f"{path} is damaged or no .npy file: it does not begin as one")
    return np.load(io.BytesIO(content), allow_pickle=False)


def _npz_member(content: bytes, key: str | None, path: Path) -> np.ndarray:
    if not content.startswith(b"PK"):
        raise InputError(f"{path} is damaged or no .npz archive: it does not begin as one")
    archive = np.load(io.BytesIO(content), allow_pickle=False)
    names = list(archive.keys())
    if not names:
        raise InputError(f"{path} holds no arrays")
    if key is None and len(names) == 1:
        key = names[0]
    if key is None or key not in names:
        asked = f"has no array {key!r}" if key else "holds several arrays"
        raise InputError(f"{path} {asked}; name one of them: {', '.join(f'{path.name}:{name}' for name in names)}")
    return np.asarray(archive[key])


def _from_array(array: np.ndarray, path: Path) -> Table:
    if array.dtype.kind not in "fiub":
        raise InputError(f"{path} holds {array.dtype.name} values, but real numbers were expected")
    if array.ndim < 2 or array.size == 0:
        raise InputError(f"{path} has shape {list(array.shape)}, but rows and columns [n, V] were expected, none empty")
    shape = (int(array.shape[1]), int(array.shape[2])) if array.ndim == 3 else None
    return Table(_gray_levels(array).reshape(len(array), -1), image_shape=shape)


def _gray_levels(array: np.ndarray) -> np.ndarray:
    return array / 255.0 if array.dtype == np.uint8 and array.max() > 1 else array


def _csv(text: str, path: Path, missing: bool) -> Table:
    columns, texts, lines = read_cells(text, path)
    rows: list[list[float | None]] = []
    for place, cells in zip(lines, texts, strict=True):
        row = [math.nan if missing and cell.lower() in MISSING else number(cell) for cell in cells]
        if None in row:
            column = row.index(None)
            hint = " (a line of names has no numbers in it)" if columns is None and not rows else ""
            raise InputError(f"{path}, line {place}, column {column + 1}: {cells[column]!r} is not a number{hint}")
        rows.append(row)
    return Table(np.array(rows, dtype=np.float64), columns)


def _parquet(content: bytes, path: Path, missing: bool) -> Table:
    table = _arrow_table(content, path)
    row_groups.check_numbers(table.schema, path)
    import pyarrow as pa

    arrays = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count and not missing:
            raise InputError(f"{path}: column {name!r} has {column.null_count} missing values; {FILL}")
        arrays.append(column.cast(pa.float64()).to_numpy() if column.null_count else column.to_numpy())
    if not arrays or not len(arrays[0]):
        raise InputError(f"{path} has no rows or no columns")
    values = np.stack(arrays, axis=1)
    gray = all(pa.types.is_uint8(column.type) for column in table.columns) and (values > 1).any()
    return Table(values / 255.0 if gray else values, list(table.column_names))


def _arrow_table(content: bytes, path: Path) -> Any:
    pyarrow = row_groups.pyarrow_for(path)
    try:
        return pyarrow.parquet.read_table(io.BytesIO(content))
    except pyarrow.ArrowException as error:
        raise InputError(f"{path} is damaged or no Parquet file: {reason(error)}") from error


def _idx(content: bytes, path: Path) -> np.ndarray:
    dtype, dimensions = np.dtype(IDX_TYPES[content[2]]), content[3]
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise InputError(f"{path} is damaged: its IDX header is cut short")
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    expected = header + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise InputError(f"{path} is damaged: its IDX header announces {expected} bytes, but it has {len(content)}")
    return np.frombuffer(content, dtype, offset=header).reshape(shape).astype(dtype.newbyteorder("="))
