"""Rows that are read when they are needed: arrays and files larger than memory if need be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, Union

import numpy as np
from jaxtyping import Float, Int, Shaped

from harmonium import _checks
from harmonium._types import ArrayLike
from harmonium.errors import InputError
from harmonium.io.parquet import ParquetRows

if TYPE_CHECKING:
    from scipy.sparse import sparray, spmatrix

Sparse: TypeAlias = Union["spmatrix", "sparray"]
"""A sparse matrix or array of SciPy's."""


class Streamed:
    """Rows of a two-dimensional source, read a few at a time.

    Args:
        source: a memory-mapped array `[n, V]`, a SciPy sparse matrix or array, whose missing entries are zeros, or the rows
            of Parquet files.
        rows: the indices of the source's rows that count; by default all of them, in their order.

    Raises:
        InputError: the source has no rows or columns, or holds no real numbers.
    """

    def __init__(self, source: np.ndarray | Sparse | ParquetRows, rows: Int[np.ndarray, " k"] | None = None) -> None:
        self._source: Any = source.tocsr() if is_sparse(source) else source
        self._rows = rows
        if len(self._source.shape) != 2 or 0 in self._source.shape:
            raise InputError(f"rows must have shape [n, V] with at least one row and column, but have {list(source.shape)}")
        if np.dtype(self._source.dtype).kind not in "fiub":
            raise InputError(f"rows must hold real numbers, but hold {self._source.dtype} values")

    @property
    def shape(self) -> tuple[int, int]:
        count = self._source.shape[0] if self._rows is None else len(self._rows)
        return int(count), int(self._source.shape[1])

    @property
    def form(self) -> str:
        """What the source leaves out, in words."""
        return self._source.form if isinstance(self._source, ParquetRows) else ""

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, indices: Int[np.ndarray, " k"]) -> Shaped[np.ndarray, "k visible"]:
        """The rows of these indices as a new array, read in the order in which they are stored."""
        wanted = indices if self._rows is None else self._rows[indices]
        ordered, places = np.unique(wanted, return_inverse=True)
        if isinstance(self._source, ParquetRows):
            return self._source.read(ordered)[places]
        read = self._source[ordered]
        return (read.toarray() if is_sparse(read) else np.asarray(read))[places]

    def subset(self, indices: Int[np.ndarray, " k"]) -> Streamed:
        """The rows of these indices, still unread."""
        return Streamed(self._source, indices if self._rows is None else self._rows[indices])

    def part(self, index: int, count: int) -> Streamed:
        """Part `index` (from 0) of `count` in which these rows follow each other; sizes differ by one at most.

        A part of Parquet files, which are quick to read from front to back only, is copied here, once: from its smallest row
        index in the files to its largest, and nothing else. Then any of its rows is quick to take.

        Raises:
            InputError: there are fewer rows than parts, or no such part, or it cannot be read.
            OSError: or not be copied.
        """
        count = _checks.integer(count, "the number of parts")
        index = _checks.integer(index, "the index of a part", least=0, most=count - 1)
        if len(self) < count:
            raise InputError(f"{len(self)} rows are too few for {count} parts: each must have one at least")
        if count == 1 and not isinstance(self._source, ParquetRows):
            return self
        first, end = (len(self) * place // count for place in (index, index + 1))
        rows = None
        if self._rows is not None:
            rows = self._rows[first:end]
            first, end = int(rows.min()), int(rows.max()) + 1
            rows = rows - first
        source = self._source
        return Streamed(source.map_copy(first, end) if isinstance(source, ParquetRows) else source[first:end], rows)


def is_sparse(x: object) -> TypeGuard[Sparse]:
    """Whether `x` is one of SciPy's sparse matrices or arrays, without importing SciPy."""
    return hasattr(x, "tocsr") and hasattr(x, "nnz")


def as_streamed(data: ArrayLike | Sparse | Streamed) -> Streamed | None:
    """`data` as rows to be read when needed, if it is of a kind that should be; otherwise None."""
    if isinstance(data, Streamed):
        return data
    return Streamed(data) if isinstance(data, np.memmap) or is_sparse(data) else None


def sample_rows(data: ArrayLike | Sparse | Streamed, most: int, name: str) -> Shaped[np.ndarray, "rows visible"]:
    """All rows of data in memory; of streamed data at most `most` rows, evenly spaced.

    Raises:
        InputError: `data` is no table of numbers with at least one row and column.
    """
    streamed = as_streamed(data)
    if streamed is not None:
        return streamed.take(evenly_spaced(len(streamed), most))
    array = _checks.numeric_array(data, name)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"{name} must have shape [n, V] with at least one row and column, but has {list(array.shape)}")
    return array


def evenly_spaced(count: int, most: int) -> Int[np.ndarray, " k"]:
    """The indices of at most `most` of `count` rows, evenly spaced: files may be sorted by class."""
    return np.linspace(0, count - 1, min(most, count), dtype=np.int64)


def drop_weightless(
    data: Any, weights: ArrayLike | None, what: str = "data", name: str = "weights"
) -> tuple[Any, Float[np.ndarray, " k"] | None]:
    """The rows of `data` whose weight is above zero, whatever the others hold, and their weights; None where all are 1.

    Raises:
        InputError: `weights` are not one finite number of zero or above for each row, or all of them are zero.
    """
    if weights is None:
        return data, None
    rows = data if hasattr(data, "subset") else as_streamed(data) or _checks.numeric_array(data, what)
    if not rows.shape:
        raise InputError(f"{what} must have rows, one for each of the {name}, but is a single number")
    checked = _checks.row_weights(weights, len(rows), name)
    kept = np.flatnonzero(checked)
    if len(kept) < len(checked):
        rows, checked = rows.subset(kept) if hasattr(rows, "subset") else rows[kept], checked[kept]
    return rows, None if (checked == 1).all() else checked
