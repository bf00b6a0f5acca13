"""Weights of rows by name: a column of their file, which is then no data, or a file with one number a row."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from harmonium import _checks
from harmonium._numerics import effective_rows
from harmonium.errors import InputError
from harmonium.io.arrays import Table, read_table
from harmonium.io.frames import Frame, as_numbers
from harmonium.io.streams import Streamed
from harmonium.io.untrusted import translate_errors


class RowWeights(NamedTuple):
    """Weights of rows, and where they are from: a `column`, or else a file; `words` for people."""

    values: Float[np.ndarray, " n"]
    column: str | None
    words: str

    def select(self, indices: slice | np.ndarray) -> RowWeights:
        """Those of some of the rows."""
        return self._replace(values=self.values[indices])

    def __str__(self) -> str:
        return f"weighted by {self.words}, as {effective_rows(self.values, len(self.values)):,.0f} rows of one weight"


def take_weights(location: str, rows: Table | Frame | Streamed, weights: str, *, drop: bool = True) -> tuple[Any, RowWeights]:
    """The rows of weight above zero, without the column that holds the weights, and their weights.

    Args:
        location: of the rows.
        weights: a column's name, or else a file's.
        drop: leave out the rows of weight zero.

    Raises:
        InputError: there is neither, or it does not hold one finite number of zero or above for each row, or only zeros.
        OSError: the file cannot be read.
    """
    _checks.instance(weights, str, "weights", "the name of a column or a file")
    names = [] if isinstance(rows, Streamed) else list(rows.columns or [])
    column = weights if weights in names else None
    if column is not None:
        words = f"column {column!r}"
        words += f" (the file of that name would be ./{column})" if os.path.isfile(column) else ""
        rows, numbers = _split_column(rows, column)
    elif os.path.isfile(weights):
        words, numbers = f"the file {weights}", _read_numbers(weights)
    else:
        more = _checks.suggest(weights, names) or (f"; its columns are {', '.join(map(repr, names[:20]))}" if names else "")
        if isinstance(rows, Streamed):
            more = "; rows that are read as they are needed have their weights in a file of their own"
        raise InputError(f"weights {weights!r} is neither a column of {location} nor a file{more}")
    count = len(rows.values) if isinstance(rows, Table) else len(rows)
    values = _checks.row_weights(numbers, count, f"the weights of {location}, {words},")
    kept = np.flatnonzero(values) if drop else np.arange(count)
    if len(kept) < count:
        rows = rows.subset(kept) if isinstance(rows, Streamed) else rows.rows(kept)
    return rows, RowWeights(values[kept], column, words)


def _split_column(rows: Any, name: str) -> tuple[Table | Frame, Float[np.ndarray, " n"]]:
    """The rows without that column, and its numbers."""
    if isinstance(rows, Frame):
        numbers = as_numbers(rows[name], name)
        return replace(rows, columns={other: cells for other, cells in rows.columns.items() if other != name}), numbers
    place = rows.columns.index(name)
    names = [other for other in rows.columns if other != name]
    return replace(rows, columns=names, values=np.delete(rows.values, place, axis=1)), rows.values[:, place].astype(np.float64)


def _read_numbers(location: str) -> np.ndarray:
    if not location.endswith(".npy"):
        return read_table(location, missing=True).values.ravel()
    with translate_errors(f"{location} cannot be read as .npy"):
        return np.load(location, allow_pickle=False).ravel()
