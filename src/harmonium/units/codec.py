"""A layer's values, unit by unit: which columns and states a unit has, how states are numbered, written and checked.

A layer whose units all have finitely many states is described by one table a unit, `[K, columns of the unit]`. Its states are
then numbers in mixed radix, with one digit a unit; the first unit is the most significant digit.
"""

from __future__ import annotations

import abc
import math
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Real

from harmonium._checks import instance, numeric_array
from harmonium._types import Array, ArrayLike, Result
from harmonium.errors import InputError

MAX_VALUE = 1e19
"""The largest value of a column: squares of what is larger overflow in float32."""


class Listing(NamedTuple):
    """All units' states in one array, padded with zeros where a unit has fewer states or columns than another.

    `values [U, K, W]`; `counts [U]`: the states of each unit; `columns [N]`: where the layer's columns are among the U x W.
    """

    values: np.ndarray
    counts: np.ndarray
    columns: np.ndarray

    def states(self, digits: Int[Array, "*batch U"], dtype: np.dtype | type) -> Float[Result, "*batch N"]:
        """The states with these digits; on the host where the digits are."""
        units, _, width = self.values.shape
        values: Any = self.values.astype(dtype) if isinstance(digits, np.ndarray) else jnp.asarray(self.values, dtype)
        states = values[np.arange(units), digits].reshape(*digits.shape[:-1], units * width)
        return states if len(self.columns) == units * width else states[..., self.columns]

    def digits(self, x: Real[np.ndarray, "*batch N"]) -> Int[np.ndarray, "*batch U"]:
        """The digits of states on the host; the inverse of `states`."""
        units, _, width = self.values.shape
        padded = np.zeros((*x.shape[:-1], units * width))
        padded[..., self.columns] = x
        equal = (padded.reshape(*x.shape[:-1], units, 1, width) == self.values).all(axis=-1)
        return np.argmax(equal, axis=-1).astype(np.int64)

    def powers(self) -> Int[np.ndarray, " U"]:
        """The value of a 1 in each digit, the last 1; they overflow where there are more states than int64 numbers."""
        return np.cumprod([1, *self.counts[:0:-1]])[::-1]


class Codec(abc.ABC):
    """The values of a layer. A kind of unit gives its size, its states, if they can be listed, and its domain."""

    name: ClassVar[str]
    """Tag of the kind, as model files and the command line spell it."""
    symbols: ClassVar[str] = ""
    """One character for each state of a unit, in the order of its table; none where units are a continuum."""
    domain: ClassVar[str] = "is any finite number"
    """The values in words, to follow 'a ... unit'."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of columns N."""

    # ---- the states of units

    @property
    def unit_tables(self) -> tuple[np.ndarray | None, ...]:
        """All states of each unit, `[K, columns of the unit]`; None for a unit of a continuum, which has one column."""
        return (None,) * self.size

    @property
    def unit_states(self) -> Float[np.ndarray, "K W"] | None:
        """All states of one unit, with the unit's columns; None where units are a continuum or differ in their states."""
        first, *others = self.unit_tables
        return first if all(table is first for table in others) else None

    @property
    def boundaries(self) -> Int[np.ndarray, " boundaries"]:
        """The first column of each unit, and N: unit u has the columns boundaries[u] to boundaries[u + 1] - 1."""
        return np.cumsum([0, *(1 if table is None else table.shape[1] for table in self.unit_tables)])

    @property
    def zero_state(self) -> Float[np.ndarray, " N"]:
        """The layer's first state: each unit in its first, or at zero where it is a continuum."""
        return np.concatenate([np.zeros(1) if table is None else table[0] for table in self.unit_tables])

    @property
    def ranges(self) -> Float[np.ndarray, "2 N"]:
        """The lowest and the highest value of each column; infinite where there is none."""
        line = np.array([[-np.inf], [np.inf]])
        return np.concatenate([line if t is None else [t.min(axis=0), t.max(axis=0)] for t in self.unit_tables], axis=1)

    @property
    def state_count(self) -> int | None:
        """Number of states of the layer, the product over its units; None where it is not finite."""
        counts = [None if table is None else len(table) for table in self.unit_tables]
        return None if None in counts else math.prod(counts)  # type: ignore[arg-type]

    # ---- states as numbers

    def listing(self) -> Listing:
        """The states of all units.

        Raises:
            InputError: some units take a continuum of values.
        """
        tables = [table for table in self.unit_tables if table is not None]
        if len(tables) < len(self.unit_tables):
            raise InputError(f"{self.name} units take a continuum of values, so their states cannot be listed")
        counts, widths = np.array([table.shape for table in tables]).T
        values = np.zeros((len(tables), counts.max(), widths.max()))
        for unit, table in enumerate(tables):
            values[unit, : table.shape[0], : table.shape[1]] = table
        return Listing(values, counts, np.flatnonzero(np.arange(values.shape[2]) < widths[:, None]).astype(np.int32))

    def states(self, indices: Int[Array, "*batch"] | int) -> Float[Result, "*batch N"]:
        """The layer's states of the given numbers; traceable."""
        listing = self.listing()
        # Division digit by digit: a table of powers would overflow where only the indices in use are small.
        digits = []
        for count in listing.counts[::-1].tolist():
            indices, digit = divmod(indices, count)
            digits.append(digit)
        return listing.states(jnp.stack(digits[::-1], axis=-1), jnp.result_type(*jax.tree.leaves(self)))

    def indices(self, x: Real[Array, "*batch N"]) -> Int[np.ndarray, "*batch"]:
        """The numbers of the states `x`, the inverse of `states`, as int64 on the host.

        Raises:
            InputError: the layer has more states than int64 can number.
        """
        listing = self.listing()
        if math.prod(listing.counts.tolist()) > np.iinfo(np.int64).max:
            raise InputError(f"{self.size} {self.name} columns have too many states to be numbered")
        return np.asarray(listing.digits(np.asarray(x)) @ listing.powers())

    # ---- states as text

    @property
    def unit_symbols(self) -> tuple[str | None, ...]:
        """One character for each state of each unit; None for a unit whose states are not written so."""
        counts = (0 if table is None else len(table) for table in self.unit_tables)
        return tuple(self.symbols[:count] if 0 < count <= len(self.symbols) else None for count in counts)

    def write(self, x: Real[Array, " N"]) -> str:
        """One state as text, one character a unit: binary [0, 1] is `01`; categories count from 0 to 9, then from a to z."""
        return self.write_all(np.asarray(x)[None])[0]

    def write_all(self, states: Real[Array, "n N"]) -> list[str]:
        """Each of the states as text."""
        symbols = self._all_symbols()
        digits = self.listing().digits(np.asarray(states)).tolist()
        return ["".join(of[digit] for of, digit in zip(symbols, row, strict=True)) for row in digits]

    def read(self, text: str, name: str) -> Float[np.ndarray, " N"]:
        """The state that `write` writes as `text`; spaces and commas between units are skipped.

        Raises:
            InputError: the text has the wrong length or an unknown character.
        """
        symbols = self._all_symbols()
        cleaned = instance(text, str, name).replace(" ", "").replace(",", "")
        if len(cleaned) != len(symbols):
            each = f", each {' or '.join(symbols[0])}" if len(set(symbols)) == 1 else ""
            raise InputError(
                f"{name} {text!r} has {len(cleaned)} characters, but the layer has {len(symbols)} {self.name} units: "
                f"write {len(symbols)} characters{each}"
            )
        for unit, (character, of) in enumerate(zip(cleaned, symbols, strict=True)):
            if character not in of:
                which = f"a {self.name} unit" if len(set(symbols)) == 1 else f"{self.name} unit {unit + 1}"
                raise InputError(f"{name} {text!r} has {character!r}, but {which} is {' or '.join(of)}")
        digits = np.array([of.index(character) for character, of in zip(cleaned, symbols, strict=True)])
        return np.asarray(self.listing().states(digits, np.float64))

    def _all_symbols(self) -> tuple[str, ...]:
        symbols = tuple(of for of in self.unit_symbols if of is not None)
        if len(symbols) < len(self.unit_symbols):
            raise InputError(f"states of {self.name} units cannot be written one character a unit")
        return symbols

    # ---- the domain

    def check(self, x: ArrayLike, name: str, missing: bool = False, expected: bool = False) -> Real[np.ndarray, "*batch N"]:
        """`x` as an array, if it lies in the domain of these units.

        Args:
            missing: NaN stands for a missing cell; a unit of several columns is missing as a whole.
            expected: expected values of the units are allowed in place of values, such as probabilities for binary units.

        Raises:
            InputError: a wrong number of columns, a value that is not finite or too large, or one outside the domain.
        """
        array = numeric_array(x, name)
        if array.ndim < 1 or array.shape[-1] != self.size:
            raise InputError(
                f"{name} must have {self.size} columns (shape [..., {self.size}]), but its shape is {list(array.shape)}"
            )
        if array.dtype.kind == "b":
            array = array.astype(np.uint8)
        if missing and array.dtype.kind == "f" and np.isnan(array).any():
            absent = np.isnan(array)
            whole = np.logical_and.reduceat(absent, self.boundaries[:-1], axis=-1)
            torn = absent & ~np.repeat(whole, np.diff(self.boundaries), axis=-1)
            if torn.any():
                raise InputError(
                    f"{name} has {_describe_first(array, torn)}, but a unit of several columns is missing as a whole"
                )
            self.check(np.where(absent, self.zero_state, array), name, expected=expected)
            return array
        if array.dtype.kind == "f" and not (within := np.abs(array) <= MAX_VALUE).all():
            limit = f"of at most {MAX_VALUE:.0e} in size" if np.isfinite(array).all() else "a finite number"
            raise InputError(f"{name} has {_describe_first(array, ~within)}; every value must be {limit}")
        outside = self.outside_domain(array, expected)
        if outside.any():
            kind = self.at(int(np.argwhere(outside)[0, -1]))
            raise InputError(f"{name} has {_describe_first(array, outside)}, but a {kind.name} unit {kind.domain}")
        return array

    def nearest_states(self, mean: Real[np.ndarray, "*rows N"]) -> Real[np.ndarray, "*rows N"]:
        """The state of each unit that is nearest its mean; of a continuous unit the mean itself.

        For units of two states and for one-hot units, whose means are probabilities, it is the most probable state.
        """
        states = mean.copy()
        for (first, end), table in zip(pairwise(self.boundaries), self.unit_tables, strict=True):
            if table is not None:
                distance = mean[..., first:end] @ table.T - (table**2).sum(axis=1) / 2
                states[..., first:end] = table[np.argmax(distance, axis=-1)]
        return states

    def fill_missing(
        self, rows: Real[np.ndarray, "n N"], weights: Real[np.ndarray, " n"] | None = None
    ) -> Real[np.ndarray, "n N"]:
        """Rows in which every missing unit (NaN) has one of its observed values, evenly spread over them (or their weights).

        So each unit's filled values are distributed as its observed ones. A unit that no row observes gets its first state.
        """
        if rows.dtype.kind != "f" or not np.isnan(rows).any():
            return rows
        filled = rows.copy()
        for first, end in pairwise(self.boundaries):
            absent = np.isnan(rows[:, first])
            observed, missing = np.flatnonzero(~absent), int(absent.sum())
            if not len(observed):
                filled[:, first:end] = self.zero_state[first:end]
            elif missing:
                places = np.arange(missing) * len(observed) // missing
                if weights is not None:
                    shares = np.cumsum(weights[observed] / weights[observed].max())
                    places = np.searchsorted(shares, (np.arange(missing) + 0.5) / missing * shares[-1])
                filled[absent, first:end] = rows[observed[places], first:end]
        return filled

    def at(self, column: int) -> Codec:  # noqa: ARG002
        """The layer of one kind to which a column belongs."""
        return self

    def outside_domain(self, x: Real[np.ndarray, "*batch N"], expected: bool = False) -> Bool[np.ndarray, "*batch N"]:  # noqa: ARG002
        """Where `x`, which is finite, is not a value, or with `expected` an expected value, of these units."""
        low, high = self.ranges
        return (x < low) | (x > high)


def _describe_first(array: np.ndarray, where: np.ndarray) -> str:
    """The first of the values, and where it is, in words."""
    index: list[int] = np.argwhere(where)[0].tolist()
    value = array[tuple(index)].item()
    if len(index) == 1:
        return f"{value!r} in column {index[0] + 1}"
    return f"{value!r} in row {', '.join(str(i + 1) for i in index[:-1])}, column {index[-1] + 1}"
