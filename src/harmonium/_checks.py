"""The checks of arguments that every public function shares: each returns the value, or raises an `InputError`.

A message says which argument, what was expected and what was given. `name` is the argument's name.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from harmonium.errors import InputError

if TYPE_CHECKING:
    import numpy as np

MAX_COUNT = 2**31 - 1
"""The largest count: what the 32-bit integers of compiled loops and shapes hold."""
MAX_FLOAT32 = 3e38
"""A little less than the largest number of float32."""

Value = TypeVar("Value")


def instance(value: object, types: type[Value] | tuple[type, ...], name: str, expected: str | None = None) -> Value:
    """`value`, if it is an instance of one of `types`; `expected` says in words what those are."""
    if isinstance(value, types):
        return value  # type: ignore[return-value]  # of several types it is one
    if expected is None:
        each = types if isinstance(types, tuple) else (types,)
        expected = " or ".join(f"{_article(of.__name__)} {of.__name__}" for of in each)
    given = type(value).__name__
    raise InputError(f"{name} must be {expected}, but is {'None' if value is None else f'{_article(given)} {given}'}")


def column_order(columns: Sequence[str] | None, expected: object, name: str) -> None:
    """Refuse `columns` of rows that are read by position if they are the `expected` names in another order."""
    if columns is None or not isinstance(expected, list) or list(columns) == expected:
        return
    if sorted(columns) == sorted(map(str, expected)):
        begin = ", ".join(map(str, expected[:5])) + ", ..." * (len(expected) > 5)
        raise InputError(f"{name} has the expected columns in another order; put them into this one: {begin}")


def _article(word: str) -> str:
    return "an" if word[:1] in "aeiouAEIOU" or word[:2] == "RB" else "a"


def boolean(value: object, name: str) -> bool:
    """`value` as a bool, if it is one."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise InputError(f"{name} must be True or False, but is {_shorten(value)}")
    return bool(value)


def choice(value: object, options: Iterable[Value], name: str) -> Value:
    """`value`, if it is one of `options`."""
    options = tuple(options)
    for option in options:
        if type(value) is type(option) and value == option:
            return option
    raise InputError(f"{name} must be {' or '.join(map(repr, options))}, but is {_shorten(value)}")


def positive(value: object, name: str) -> float:
    """`value` as a float, if it is a finite number above zero."""
    return _number(value, name, "a positive number", lambda x: 0 < x < math.inf)


def not_negative(value: object, name: str) -> float:
    """`value` as a float, if it is a finite number of zero or above."""
    return _number(value, name, "a number of zero or above", lambda x: 0 <= x < math.inf)


def fraction(value: object, name: str) -> float:
    """`value` as a float, if it is a number from 0 to 1."""
    return _number(value, name, "a number from 0 to 1", lambda x: 0 <= x <= 1)


def finite(value: object, name: str) -> float:
    """`value` as a float, if it is a finite number."""
    return _number(value, name, "a finite number", lambda x: -math.inf < x < math.inf)


def in_float32(value: float, name: str) -> float:
    """`value`, if float32 can hold it."""
    if abs(value) > MAX_FLOAT32:
        raise InputError(f"{name} must be at most {MAX_FLOAT32:.0e}, as training is in float32, but is {value}")
    return value


def _number(value: object, name: str, expected: str, allowed: Callable[[Any], bool]) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not allowed(value):
        raise InputError(f"{name} must be {expected}, but is {_shorten(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise InputError(f"{name} must be {expected} that floating point can hold, but is far larger") from error


def integer(value: object, name: str, least: int = 1, most: int = MAX_COUNT) -> int:
    """`value` as an int, if it is a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < least:
        raise InputError(f"{name} must be a whole number of at least {least}, but is {_shorten(value)}")
    if int(value) > most:
        raise InputError(f"{name} must be a whole number of at most {most}, but is larger")
    return int(value)


def seed(value: object) -> int:
    """`value` as a seed: a whole number from 0 to 2^63 - 1."""
    return integer(value, "seed", 0, 2**63 - 1)


def numeric_array(x: object, name: str) -> np.ndarray:
    """`x` as a NumPy array of real numbers, of float32 where it was float16; masked cells, None and pandas' NA are NaN."""
    import numpy as np  # here, because the command line's --help needs no arrays

    x = fill_masked(x)
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise InputError(f"{name} is not a rectangular array of numbers: its rows differ in length") from error
    if array.dtype == object:
        array = _objects_as_numbers(array)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} must hold real numbers, but holds {array.dtype.name} values")
    # Limits such as the largest value of a column would overflow in float16.
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _objects_as_numbers(array: np.ndarray) -> np.ndarray:
    """Objects as floats, NaN for None and pandas' NA; as they are if one is no number."""
    import numpy as np

    cells = [np.nan if cell is None or type(cell).__name__ == "NAType" else cell for cell in array.ravel().tolist()]
    if not all(isinstance(cell, (numbers.Real, np.bool_)) for cell in cells):
        return array
    with suppress(OverflowError):
        return np.array(cells, dtype=np.float64).reshape(array.shape)
    return array


def fill_masked(x: Any) -> Any:
    """`x` as it is; of a masked array with masked cells, or a list of such, an array of floats, NaN in those cells."""
    import numpy as np

    if isinstance(x, (list, tuple)) and any(isinstance(row, np.ma.MaskedArray) for row in x):
        return [fill_masked(row) for row in x]  # NumPy would drop their masks
    if not isinstance(x, np.ma.MaskedArray):
        return x
    masked: Any = x
    if not np.ma.is_masked(masked):
        return masked.data
    if masked.dtype.kind not in "fiub":
        return masked.astype(object).filled(None)
    return masked.astype(np.result_type(masked.dtype, np.float32)).filled(np.nan)


def float64_array(x: object, name: str) -> np.ndarray:
    """`x` as a NumPy array of real numbers in float64."""
    return numeric_array(x, name).astype("float64")


def finite_array(x: object, name: str, shape: tuple[int | None, ...] | None = None) -> np.ndarray:
    """`x` as a NumPy array of finite numbers, of the given shape where one is (None in it: any length)."""
    import numpy as np

    array = numeric_array(x, name)
    if shape is not None and (
        array.ndim != len(shape) or any(e not in (None, n) for e, n in zip(shape, array.shape, strict=True))
    ):
        expected = ", ".join("n" if size is None else str(size) for size in shape)
        raise InputError(f"{name} must have shape [{expected}], but has {list(array.shape)}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{name} must hold finite numbers, but holds a NaN or an infinity")
    return array


def row_weights(x: object, count: int, name: str) -> np.ndarray:
    """`x` as the weights of `count` rows in float64: finite numbers of zero or above, one of them above."""
    array = float64_array(x, name)
    if array.shape != (count,):
        raise InputError(f"{name} must have shape [{count}], one for each row, but have {list(array.shape)}")
    if not ((array >= 0) & (array < math.inf)).all():
        row = int((~((array >= 0) & (array < math.inf))).argmax())
        raise InputError(f"{name} must be finite numbers of zero or above, but that of row {row + 1} is {array[row]}")
    total = float(array.sum())
    if not 0 < total < math.inf:
        raise InputError(f"{name} must add up to a finite number above zero, so that some row counts, but add up to {total}")
    return array


def finite_result(x: np.ndarray, name: str) -> np.ndarray:
    """`x`, an array that was computed from a model, if all of it is finite."""
    import numpy as np

    if not np.isfinite(x).all():
        raise InputError(f"{name} is not finite: the parameters exceed what {x.dtype} can compute with; scale the model down")
    return x


def suggest(word: str, known: Sequence[str]) -> str:
    """The known word that a misspelled one is nearest to, as the end of a message; nothing if none is near."""
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
