"""The checks of arguments that every public function shares."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any, cast

from harmonium.errors import InputError

if TYPE_CHECKING:
    import numpy as np


def positive(value: Any, what: str) -> float:
    """`value` as a float, if it is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 < cast(Any, value) < math.inf:
        raise InputError(f"{what} must be a positive number, but is {value!r}")
    try:
        return float(value)
    except OverflowError as error:
        raise InputError(f"{what} must be a positive number that floating point can hold, but is far larger") from error


def fraction(value: Any, what: str) -> float:
    """`value` as a float, if it is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= cast(Any, value) <= 1:
        raise InputError(f"{what} must be a number from 0 to 1, but is {value!r}")
    return float(value)


MOST = 2**31 - 1
"""The largest count: what the 32-bit integers of compiled loops and shapes hold."""


def integer(value: Any, what: str, least: int = 1, most: int = MOST) -> int:
    """`value` as an int, if it is a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < least:
        raise InputError(f"{what} must be a whole number of at least {least}, but is {value!r}")
    if int(value) > most:
        raise InputError(f"{what} must be a whole number of at most {most}, but is larger")
    return int(value)


def seed(value: Any) -> int:
    """`value` as a seed: a whole number from 0 to 2^63 - 1."""
    return integer(value, "seed", 0, 2**63 - 1)


def numeric_array(x: Any, what: str) -> np.ndarray:
    """`x` as a NumPy array of numbers, or an `InputError` that says it is none."""
    import numpy as np  # here, because the command line's --help needs no arrays

    try:
        array = np.asarray(x)
    except ValueError as error:
        raise InputError(f"{what} is not a rectangular array of numbers: its rows differ in length") from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{what} must hold real numbers, but holds {array.dtype.name} values")
    return array
