"""Rows that are read when they are needed: arrays and files larger than memory if need be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from harmonium import _checks
from harmonium._checks import numeric_array
from harmonium.errors import InputError


class Sequential(ABC):
    """Rows in files that are quick to read from front to back only; `shape` is [n, V], `dtype` that of what is read."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    @abstractmethod
    def read(self, numbers: np.ndarray) -> np.ndarray:
        """The rows of these numbers, which ascend, in one pass over what of the files holds them, `[k] -> [k, V]`.

        Raises:
            InputError: the files are damaged, or what they hold there cannot be used.
        """

    @abstractmethod
    def hold(self, first: int, end: int) -> Any:
        """The rows from `first` to before `end`, and no others, as a memory-mapped array or a CSR matrix of their own.

        Raises:
            InputError: as `read`, or there is no room for them.
        """


class Streamed:
    """Some rows of a two-dimensional source of which a few are read at a time.

    Args:
        source: a memory-mapped array `[n, V]`, a SciPy sparse matrix or array, whose missing entries are zeros, or
            `Sequential` rows.
        rows: the numbers of the source's rows that count; by default all of them, in their order.
    """

    def __init__(self, source: Any, rows: np.ndarray | None = None) -> None:
        self._source = source.tocsr() if is_sparse(source) else source
        self._rows = rows
        if len(self._source.shape) != 2 or 0 in self._source.shape:
            raise InputError(f"rows must have shape [n, V] with at least one row and column, but have {list(source.shape)}")
        if np.dtype(self._source.dtype).kind not in "fiub":
            raise InputError(f"rows must hold real numbers, but hold {self._source.dtype} values")

    @property
    def shape(self) -> tuple[int, int]:
        count = self._source.shape[0] if self._rows is None else len(self._rows)
        return int(count), int(self._source.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """The rows of these numbers as an array of its own, `[k] -> [k, V]`, read in the order in which they are stored."""
        wanted = numbers if self._rows is None else self._rows[numbers]
        if isinstance(self._source, Sequential):
            once, places = np.unique(wanted, return_inverse=True)
            return self._source.read(once)[places]
        order = np.argsort(wanted, kind="stable")
        read = self._source[wanted[order]]
        read = read.toarray() if is_sparse(read) else np.asarray(read)
        taken = np.empty_like(read)
        taken[order] = read
        return taken

    def subset(self, numbers: np.ndarray) -> Streamed:
        """The rows of these numbers, still unread."""
        return Streamed(self._source, numbers if self._rows is None else self._rows[numbers])

    def part(self, number: int, count: int) -> Streamed:
        """Share `number` (from 0) of `count` in which these rows follow each other; sizes differ by one at most.

        A share of a source that is quick to read from front to back only is read here, once, and held: from its smallest row
        number in the source to its largest, and nothing else. Then any of its rows is quick to take.

        Raises:
            InputError: there are fewer rows than shares, or no such share; the share cannot be read or held.
        """
        count = _checks.integer(count, "the number of parts")
        number = _checks.integer(number, "the number of a part", least=0, most=count - 1)
        if len(self) < count:
            raise InputError(f"{len(self)} rows are too few for {count} parts: each must have one at least")
        sequential = isinstance(self._source, Sequential)
        if count == 1 and not sequential:
            return self
        first, end = (len(self) * place // count for place in (number, number + 1))
        rows = None
        if self._rows is not None:
            rows = self._rows[first:end]
            first, end = int(rows.min()), int(rows.max()) + 1
            rows = rows - first
        return Streamed(self._source.hold(first, end) if sequential else self._source[first:end], rows)


def is_sparse(x: Any) -> bool:
    """Whether `x` is one of SciPy's sparse matrices or arrays, told without importing SciPy."""
    return hasattr(x, "tocsr") and hasattr(x, "nnz")


def as_streamed(data: Any) -> Streamed | None:
    """`data` as rows to be read when needed, if it is of a kind that should be; otherwise None."""
    if isinstance(data, Streamed):
        return data
    return Streamed(data) if isinstance(data, np.memmap) or is_sparse(data) else None


def sample_of(data: Any, most: int, what: str) -> np.ndarray:
    """All rows of data in memory, `[n, V]`; of streamed data at most `most` rows, evenly spaced.

    Raises:
        InputError: `data` is no table of numbers with at least one row and column.
    """
    streamed = as_streamed(data)
    if streamed is not None:
        return streamed.take(np.linspace(0, len(streamed) - 1, min(most, len(streamed)), dtype=np.int64))
    array = numeric_array(data, what)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"{what} must have shape [n, V] with at least one row and column, but has {list(array.shape)}")
    return array
