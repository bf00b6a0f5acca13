"""Data as rows in the domain of a layer, for the functions of this room."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.errors import InputError
from harmonium.units import Units


def rows_of(units: Units, data: Any, what: str = "data", missing: bool = False) -> np.ndarray:
    """`data` as rows `[n, V]` in the domain of `units`, or an `InputError`; `missing`: NaN stands for a missing cell."""
    rows = units.check(data, what, missing)
    if rows.ndim != 2 or len(rows) == 0:
        raise InputError(f"{what} must have shape [n, {units.size}] with n at least 1, but has {list(rows.shape)}")
    return rows
