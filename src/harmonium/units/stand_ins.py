"""Rows whose missing cells hold values of other rows, where a law of independent units is fitted to what was observed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from harmonium.units.base import Units


def with_stand_ins(units: Units, rows: np.ndarray) -> np.ndarray:
    """Rows `[n, N]` in which every missing unit (NaN) holds one of its observed values, evenly spread over them.

    So each unit's values are distributed as the observed ones are. A unit that nobody observed holds its first state.
    """
    if rows.dtype.kind != "f" or not np.isnan(rows).any():
        return rows
    filled = rows.copy()
    for first, end in pairwise(units.boundaries):
        absent = np.isnan(rows[:, first])
        seen, wanted = np.flatnonzero(~absent), int(absent.sum())
        if wanted:
            values = (
                rows[seen[np.arange(wanted) * len(seen) // wanted], first:end] if len(seen) else units.zero_state[first:end]
            )
            filled[absent, first:end] = values
    return filled
