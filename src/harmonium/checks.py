"""What every face checks, and the one error that bad input raises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class InputError(ValueError):
    """What was given cannot be used. The message, one line, says what was wrong, what was expected and how to mend it."""


def positive(value: Any, what: str) -> float:
    """`value` as a float, if it is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < float(value) < math.inf:
        raise InputError(f"{what} must be a positive number, but is {value!r}")
    return float(value)


def whole(value: Any, what: str, least: int = 1) -> int:
    """`value` as an int, if it is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f"{what} must be a whole number of at least {least}, but is {value!r}")
    return int(value)


def seed(value: Any) -> int:
    """`value` as a seed: a whole number from 0 to 2^63 - 1."""
    if whole(value, "seed", 0) >= 2**63:
        raise InputError(f"seed must be less than 2^63, but is {value!r}")
    return int(value)


def numeric_array(x: Any, what: str) -> np.ndarray:
    """`x` as a NumPy array of numbers, or an `InputError` that says it is none."""
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise InputError(f"{what} is not a rectangular array of numbers: its rows differ in length") from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{what} must hold numbers, but holds {array.dtype.name} values")
    return array
