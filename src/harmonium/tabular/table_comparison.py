"""Is a synthetic table like a table of real rows? `harmonium.diagnostics.compare` on the table's own columns."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from harmonium import _checks
from harmonium._types import ArrayLike
from harmonium.diagnostics.cells import Columns
from harmonium.diagnostics.comparison import Comparison, Progress, compare_cells
from harmonium.io.frames import Frame, from_native
from harmonium.tabular.schema import Schema


def compare(
    schema: Schema,
    samples: object,
    table: object,
    train: object = None,
    *,
    target: str | None = None,
    weights: ArrayLike | None = None,
    train_weights: ArrayLike | None = None,
    seed: int = 0,
    progress: Progress = lambda _stage, _fraction: None,
) -> Comparison:
    """Compare a table of `samples` with rows that the model never saw, and with the rows on which it was trained.

    Columns without levels are numbers, as the table has them, all others categories. Columns that the schema ignores are left
    out; a value that its column did not have in training counts as missing.

    Args:
        schema, samples, table, train, seed, progress: as those of `harmonium.diagnostics.compare`.
        target: a column that boosted trees learn from the samples, from the training rows and from independent columns, and
            predict in `table`.
        weights, train_weights: of the rows of `table` and of `train`, `[n]` and `[m]`.

    Raises:
        InputError: a table that lacks columns, fewer than 20 rows, an unknown target, or weights out of range.
    """
    kinds = columns_of(_checks.instance(schema, Schema, "schema"))
    samples, rows = table_cells(schema, from_native(samples, "samples")), table_cells(schema, from_native(table))
    known = None if train is None else table_cells(schema, from_native(train, "train"))
    return compare_cells(kinds, samples, rows, known, target, weights, train_weights, seed, progress)


def columns_of(schema: Schema) -> Columns:
    """The columns of `table_cells`."""
    return Columns(tuple(column.name for column in schema.columns), tuple(len(column.levels) for column in schema.columns))


def table_cells(schema: Schema, frame: Frame) -> Float[np.ndarray, "n columns"]:
    """Numbers, and the indices of categories among the levels."""
    schema.encode(frame.rows(np.arange(min(len(frame), 1))), "missing")  # says which columns are lacking
    cells = np.full((len(frame), len(schema.columns)), np.nan)
    for index, column in enumerate(schema.columns):
        if not column.levels:
            cells[:, index] = column.numbers(frame[column.name])
        else:
            states = column.encode(frame[column.name], "missing")
            codes = states.argmax(axis=1) if column.one_hot else states[:, 0] > 0
            cells[:, index] = np.where(np.isnan(states[:, 0]), np.nan, codes)
    return cells
