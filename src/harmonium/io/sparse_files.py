"""Rows of a CSR matrix in an .npz file of `scipy.sparse.save_npz`, of which some are read without the others."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from harmonium.errors import InputError, reason
from harmonium.io.streams import Sequential

MEMBERS = {"format.npy", "shape.npy", "data.npy"}
"""What every sparse matrix has in its archive, whatever its format."""
BLOCK = 1 << 20
"""Entries that are read at a time, or those of one row if it has more."""


class SparseRows(Sequential):
    """The rows of a CSR matrix in an .npz file; opening reads its shape and where its rows begin.

    Entries are read from front to back, since an archive is mostly compressed: those before the ones needed are passed over,
    those after are not looked at.

    Raises:
        InputError: the file is damaged, or holds no such matrix.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._reading(), zipfile.ZipFile(path) as archive:
            shape, starts = (_array(archive, name) for name in ("shape", "indptr"))
            if shape.shape != (2,) or shape.min() < 0 or starts.dtype.kind not in "iu":
                raise ValueError("it holds no matrix")
            self.shape = int(shape[0]), int(shape[1])
            (self._length, stored), (places, integers) = (_announced(archive, name) for name in ("data", "indices"))
            if places != self._length or integers.kind not in "iu" or stored.kind not in "fiub":
                raise ValueError("'data' and 'indices' are no entries of a matrix")
            # SciPy has no sparse matrices of half precision.
            self.dtype = np.dtype(np.float32) if stored == np.float16 else stored.newbyteorder("=")
            self._starts = starts.astype(np.int64)
            within = self._starts[0] == 0 and self._starts[-1] <= self._length
            if len(self._starts) != self.shape[0] + 1 or not within or (np.diff(self._starts) < 0).any():
                raise ValueError("'indptr' does not say where rows begin")

    def read(self, numbers: np.ndarray) -> np.ndarray:
        with self._reading():
            rows = np.zeros((len(numbers), self.shape[1]), self.dtype)
        for first, end, data, columns in self._blocks(numbers):
            here, after = np.searchsorted(numbers, [first, end])
            rows[here:after] = self._matrix(first, end, data, columns)[numbers[here:after] - first].toarray()
        return rows

    def hold(self, first: int, end: int) -> Any:
        begin, stop = self._starts[first], self._starts[end]
        with self._reading():
            data, columns = np.empty(stop - begin, self.dtype), np.empty(stop - begin, self._integers(stop - begin))
        for row, after, some, places in self._blocks(np.arange(first, end)):
            here = slice(self._starts[row] - begin, self._starts[after] - begin)
            data[here], columns[here] = some, places
        return self._matrix(first, end, data, columns)

    def _matrix(self, first: int, end: int, data: np.ndarray, columns: np.ndarray) -> Any:
        """The rows from `first` to before `end`, whose entries these are, as SciPy's CSR array."""
        from scipy import sparse

        starts = (self._starts[first : end + 1] - self._starts[first]).astype(columns.dtype)
        return sparse.csr_array((data, columns, starts), shape=(end - first, self.shape[1]))

    def _integers(self, count: int) -> type[np.signedinteger[Any]]:
        """The integers that number so many entries and all columns."""
        return np.int32 if max(count, self.shape[1]) <= np.iinfo(np.int32).max else np.int64

    def _blocks(self, numbers: np.ndarray) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
        """The blocks that hold the rows of these numbers: first row, the row after the last, values and columns of entries."""
        with (
            self._reading(),
            zipfile.ZipFile(self._path) as archive,
            archive.open("data.npy") as values,
            archive.open("indices.npy") as places,
        ):
            streams = [(each, _header(each)[1], each.tell()) for each in (values, places)]
            place = 0
            while place < len(numbers):
                first = int(numbers[place])
                full = int(np.searchsorted(self._starts, self._starts[first] + BLOCK, side="right")) - 1
                end = min(max(first + 1, full), int(numbers[-1]) + 1)
                begin, stop = (int(self._starts[row]) for row in (first, end))
                data, columns = (_entries(*stream, begin, stop, stop == self._length) for stream in streams)
                if len(columns) and not 0 <= columns.min() <= columns.max() < self.shape[1]:
                    raise ValueError(f"an entry is outside the {self.shape[1]} columns")
                yield first, end, data.astype(self.dtype), columns.astype(self._integers(stop - begin))
                place = int(np.searchsorted(numbers, end))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except Exception as error:  # the readers of damaged files raise almost anything
            raise InputError(f"{self._path} cannot be read as .npz: {reason(error)}") from error


def open_sparse(path: Path) -> Any:
    """The rows of the sparse matrix in an .npz file, all of them in memory if it is no CSR matrix; None for any other file.

    Raises:
        Exception: of almost any kind, if the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except Exception:  # no archive, or a damaged one: for the reader of arrays to say
        return None
    if not names >= MEMBERS:
        return None
    with zipfile.ZipFile(path) as archive:
        kind = _array(archive, "format").item()
    if kind in (b"csr", "csr"):
        return SparseRows(path)
    from scipy import sparse

    with path.open("rb") as file:
        return sparse.load_npz(file)


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array that begins here; then its values do."""
    version = np.lib.format.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array is of version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    if len(shape) != 1 or dtype.hasobject:
        raise ValueError("it holds no entries of a matrix")
    return shape, dtype


def _announced(archive: zipfile.ZipFile, name: str) -> tuple[int, np.dtype[Any]]:
    """How many entries the archive says an array has, of which type; that the array has as many is checked."""
    with archive.open(f"{name}.npy") as member:
        (count,), dtype = _header(member)
        if archive.getinfo(f"{name}.npy").file_size != member.tell() + count * dtype.itemsize:
            raise ValueError(f"{name!r} is not as long as it says")
    return count, dtype


def _entries(member: IO[bytes], dtype: np.dtype[Any], start: int, begin: int, end: int, last: bool) -> np.ndarray:
    """Entries `begin` to before `end` of an array whose values begin at the byte `start` of the member."""
    member.seek(start + begin * dtype.itemsize)
    size = (end - begin) * dtype.itemsize
    content = member.read(size)
    if len(content) != size:
        raise ValueError("it ends too early")
    # Only at its very end does the archive compare the digest.
    if last and member.read(1):
        raise ValueError("it goes on after its end")
    return np.frombuffer(content, dtype)
