"""Arrays from files: .npy, .npz, .csv, .parquet and IDX, the last four and IDX gzipped too."""

from __future__ import annotations

import gzip
import io
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harmonium.checks import InputError

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Element types of the IDX format by the third byte of its magic number (Y. LeCun's MNIST page)."""


@dataclass(frozen=True)
class Table:
    """Rows of numbers `values [n, V]`; the names of the columns, and (height, width) of a picture, where known."""

    values: np.ndarray
    columns: list[str] | None = None
    image_shape: tuple[int, int] | None = None


def read_table(location: str) -> Table:
    """The table in a file; an array inside an .npz file is named after a colon: `file.npz:train`.

    Grey levels stored as bytes (0 to 255) are read as 0 to 1; all other values are left as they are.

    Raises:
        InputError: there is no such file, it is empty or damaged, or it holds no table of numbers.
    """
    path, key = _split_key(location)
    content = _content(path)
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(".npy"):
            return _from_array(np.load(io.BytesIO(content), allow_pickle=False), path)
        if name.endswith(".npz"):
            return _from_array(_npz_member(content, key, path), path)
        if name.endswith((".csv", ".tsv", ".txt")):
            return _csv(content.decode("utf-8-sig"), path)
        if name.endswith(".parquet"):
            return _parquet(content, path)
        if content[:2] == b"\0\0" and len(content) > 4 and content[2] in IDX_TYPES:
            return _from_array(_idx(content, path), path)
    except InputError:
        raise
    except (ValueError, OSError, EOFError, KeyError, zlib.error, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} cannot be read as {path.suffix or 'data'}: {reason}") from error
    raise InputError(f"{path}: unknown kind of file; use .npy, .npz, .csv, .parquet or IDX (each may be gzipped)")


def _split_key(location: str) -> tuple[Path, str | None]:
    match = re.fullmatch(r"(.*\.npz):([^/\\:]+)", location)
    return (Path(match[1]), match[2]) if match else (Path(location), None)


def _content(path: Path) -> bytes:
    if not path.exists():
        raise InputError(f"{path}: there is no such file (nor a named source of that name; `harmonium data` lists them)")
    if path.is_dir():
        raise InputError(f"{path} is a folder, but a data file was expected")
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not content.strip():
        raise InputError(f"{path} is empty")
    return content


def _npz_member(content: bytes, key: str | None, path: Path) -> np.ndarray:
    import zipfile

    try:
        archive = np.load(io.BytesIO(content), allow_pickle=False)
    except zipfile.BadZipFile as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise InputError(f"{path} is no .npz archive")
    names = list(archive.keys())
    if key is None and len(names) == 1:
        key = names[0]
    if key is None or key not in names:
        asked = f"has no array {key!r}" if key else "holds several arrays"
        raise InputError(f"{path} {asked}; name one of them: {', '.join(f'{path.name}:{name}' for name in names)}")
    return np.asarray(archive[key])


def _from_array(array: np.ndarray, path: Path) -> Table:
    if array.dtype.kind not in "fiub":
        raise InputError(f"{path} holds {array.dtype.name} values, but numbers were expected")
    if array.ndim < 2 or array.size == 0:
        raise InputError(f"{path} has shape {list(array.shape)}, but rows and columns [n, V] were expected, none empty")
    if array.dtype == np.uint8 and array.max() > 1:
        array = array / 255.0
    shape = (int(array.shape[1]), int(array.shape[2])) if array.ndim == 3 else None
    return Table(array.reshape(len(array), -1), image_shape=shape)


def _csv(text: str, path: Path) -> Table:
    lines = [line for line in text.splitlines() if line.strip()]
    delimiter = max(",;\t ", key=lines[0].count)
    first = [cell.strip().strip('"') for cell in lines[0].split(delimiter)]
    columns = None if all(_is_number(cell) for cell in first) else first
    body = lines[1:] if columns else lines
    if not body:
        raise InputError(f"{path} has a header but no rows")
    rows = [line.split(delimiter) for line in body]
    for number, row in enumerate(rows, start=2 if columns else 1):
        if len(row) != len(first):
            raise InputError(f"{path}, line {number}: {len(row)} columns, but the first line has {len(first)}")
        for column, cell in enumerate(row, start=1):
            if not _is_number(cell.strip().strip('"')):
                raise InputError(f"{path}, line {number}, column {column}: {cell.strip()!r} is not a number")
    return Table(np.array([[float(cell.strip().strip('"')) for cell in row] for row in rows]), columns)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parquet(content: bytes, path: Path) -> Table:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"reading {path} needs pyarrow: pip install 'harmonium[tables]'") from error
    try:
        table = parquet.read_table(io.BytesIO(content))
    except pa.ArrowException as error:
        raise InputError(f"{path} is damaged or no Parquet file: {str(error).splitlines()[0]}") from error
    arrays = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
            raise InputError(f"{path}: column {name!r} holds {column.type} values, but numbers were expected")
        if column.null_count:
            raise InputError(f"{path}: column {name!r} has {column.null_count} missing values")
        arrays.append(column.to_numpy().astype(np.float64))
    if not arrays or not len(arrays[0]):
        raise InputError(f"{path} has no rows or no columns")
    return Table(np.stack(arrays, axis=1), list(table.column_names))


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
