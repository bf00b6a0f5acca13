"""What a page asks: the parameters of one question, each checked when it is taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from harmonium.errors import InputError

if TYPE_CHECKING:
    from harmonium.model import RBM

MOST_UNITS = (5, 5)
LARGEST = 20.0
"""The largest size of a weight or a bias."""
COLDEST, HOTTEST = 0.05, 20.0
MOST_SEED = 2**53
"""JavaScript's whole numbers are exact up to here."""
SHOWN = 60
"""Characters of a wrong value that are repeated to whoever sent it."""


class Page(Protocol):
    """What an answer may use of the page that asked."""

    keep: dict[str, Any]
    """The page's own objects; what has a `close()` is closed when the page goes."""
    model_path: Path | None
    """The model file that the lab was opened with."""

    def push(self, name: str, payload: dict[str, Any]) -> None:
        """Tell the page something that it did not ask for. Of what it cannot take in time the oldest is dropped."""


class Ask:
    """One question of a page. Every getter raises `InputError` with one line that says what was wrong and what was expected.

    Args:
        params: the question's JSON object. page: who asked; None where the answer needs no page.
    """

    def __init__(self, params: dict[str, Any], page: Page | None) -> None:
        self.params = params
        self._page = page

    @property
    def page(self) -> Page:
        if self._page is None:
            raise InputError("this question needs a page that stays connected")
        return self._page

    def parameters(
        self, most: tuple[int, int] = MOST_UNITS, name: str = "machine"
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`weights [V, H]`, `a [V]`, `b [H]` in float64, of the machine `{"weights": V rows of H, "a": V, "b": H numbers}`.

        Args:
            most: the largest V and H. name: the parameter that holds the machine.
        """
        machine = self.params.get(name)
        if not isinstance(machine, dict):
            raise InputError(f"{name} must be an object with weights, a and b" + _but(machine))
        rows = machine.get("weights")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and row for row in rows):
            raise InputError(f"{name}.weights must be rows of numbers, one row a visible unit" + _but(rows))
        visible, hidden = len(rows), len(rows[0])
        if visible > most[0] or hidden > most[1]:
            raise InputError(
                f"{name} may have at most {most[0]} visible and {most[1]} hidden units, but has {visible} and {hidden}"
            )
        if any(len(row) != hidden for row in rows):
            raise InputError(f"{name}.weights must have {hidden} numbers in every row, as in its first")
        weights = [_parameters(row, f"row {i + 1} of {name}.weights", hidden) for i, row in enumerate(rows)]
        a = _parameters(machine.get("a"), f"{name}.a", visible)
        b = _parameters(machine.get("b"), f"{name}.b", hidden)
        return np.array(weights, np.float64), np.array(a, np.float64), np.array(b, np.float64)

    def machine(self, most: tuple[int, int] = MOST_UNITS) -> RBM:
        """The machine in `machine`, binary and in float64; see `parameters`."""
        from harmonium.model import RBM  # here, because the page's first table must not wait for JAX
        from harmonium.units import Binary

        weights, a, b = self.parameters(most)
        return RBM(Binary(a), Binary(b), weights)

    def temperature(self) -> float:
        """`temperature`, 1 where it is not given."""
        return self.number("temperature", COLDEST, HOTTEST, default=1.0)

    def seed(self) -> int:
        """`seed`, 0 where it is not given."""
        return self.whole("seed", 0, MOST_SEED, default=0)

    def number(self, name: str, least: float, most: float, default: float | None = None) -> float:
        """The number `name`, from `least` to `most`; `default` where it is not given."""
        value = self._given(name, default)
        if not _is_number(value) or not least <= value <= most:
            raise InputError(f"{name} must be a number from {least:g} to {most:g}" + _but(value))
        return float(value)

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        """The whole number `name`, from `least` to `most`; `default` where it is not given."""
        value = self._given(name, default)
        # JSON has one kind of number: 3.0 is whole.
        if not _is_number(value) or not least <= value <= most or value != int(value):
            raise InputError(f"{name} must be a whole number from {least} to {most}" + _but(value))
        return int(value)

    def bits(self, name: str, length: int) -> np.ndarray:
        """`length` bits, given as text "0101" or as a list, as `[length]` in float64."""
        value = self.params.get(name)
        characters = list(value) if isinstance(value, str) else value
        if (
            not isinstance(characters, list)
            or len(characters) != length
            or not all(bit in ("0", "1") if isinstance(value, str) else _is_number(bit) and bit in (0, 1) for bit in characters)
        ):
            raise InputError(f"{name} must be {_count(length, 'bit')}, each 0 or 1" + _but(value))
        return np.array([float(bit) for bit in characters])

    def held(self, name: str, length: int) -> np.ndarray:
        """`length` bits, some of them free, as `[length]` in float64 with NaN for those: a list of 0, 1 and null."""
        value = self.params.get(name)
        if (
            not isinstance(value, list)
            or len(value) != length
            or not all(bit is None or (_is_number(bit) and bit in (0, 1)) for bit in value)
        ):
            raise InputError(f"{name} must be a list of {length}, each 0, 1 or null" + _but(value))
        return np.array([math.nan if bit is None else float(bit) for bit in value])

    def choice(self, name: str, options: Sequence[str], default: str | None = None) -> str:
        """One of `options`; `default` where it is not given."""
        value = self._given(name, default)
        if not isinstance(value, str) or value not in options:
            raise InputError(f"{name} must be one of {', '.join(options)}" + _but(value))
        return value

    def nested(self, name: str) -> Ask:
        """The object `name`, whose members can be taken in the same way."""
        value = self.params.get(name)
        if not isinstance(value, dict):
            raise InputError(f"{name} must be an object" + _but(value))
        return Ask(value, self._page)

    def text(self, name: str, most: int, default: str | None = None) -> str:
        """A text of at most `most` characters; `default` where it is not given."""
        value = self._given(name, default)
        if not isinstance(value, str) or len(value) > most:
            but = f", but has {len(value):,}" if isinstance(value, str) else _but(value)
            raise InputError(f"{name} must be a text of at most {most:,} characters" + but)
        return value

    def _given(self, name: str, default: Any) -> Any:
        value = self.params.get(name)
        return default if value is None else value


def _parameters(values: Any, what: str, length: int) -> list[float]:
    if not isinstance(values, list) or len(values) != length:
        raise InputError(f"{what} must be a list of {_count(length, 'number')}" + _but(values))
    for value in values:
        if not _is_number(value) or not abs(value) <= LARGEST:
            raise InputError(f"{what}: every number must be from -{LARGEST:g} to {LARGEST:g}" + _but(value, "one "))
    return values


def _is_number(value: Any) -> bool:
    """Python's JSON reads NaN, Infinity and whole numbers of any length, too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def _but(value: Any, who: str = "") -> str:
    """The end of a message: what came instead."""
    if value is None:
        return f", but {who}is missing"
    if isinstance(value, dict | list):
        return f", but {who}is {'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return f", but {who}is far larger"  # Python refuses to write out numbers of thousands of digits
    return f", but {who}is {_short(value)}"


def _short(value: Any) -> str:
    return repr(value[:SHOWN]) if isinstance(value, str) else repr(value)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")
