"""A layer's units one by one: which columns they have, which states, how these are numbered and written."""

from __future__ import annotations

import abc
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from harmonium.errors import InputError
from harmonium.units.listing import Listing


class UnitByUnit(abc.ABC):
    """What follows from the states of each unit, the same for every kind."""

    name: ClassVar[str]
    """Tag of the kind, as model files and the command line spell it."""
    symbols: ClassVar[str | None] = None
    """One character for each state of one unit, where all units have the same, in the order of `unit_states`."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of columns N."""

    @property
    def unit_states(self) -> np.ndarray | None:
        """All states of one unit, `[K, columns of one unit]`; None where units are a continuum or differ in their states."""
        return None

    @property
    def unit_tables(self) -> tuple[np.ndarray | None, ...]:
        """All states of each unit, `[K, columns of the unit]`, unit by unit; None for a unit of a continuum, of one column."""
        values = self.unit_states
        return (None,) * self.size if values is None else (values,) * (self.size // values.shape[1])

    @property
    def boundaries(self) -> np.ndarray:
        """The first column of each unit, and N, `[units + 1]`: unit u has the columns from boundaries[u] to before the next."""
        return np.cumsum([0, *(1 if table is None else table.shape[1] for table in self.unit_tables)])

    @property
    def zero_state(self) -> np.ndarray:
        """Some state of the layer, `[N]`: each unit in its first, or at zero where it is a continuum."""
        return np.concatenate([np.zeros(1) if table is None else table[0] for table in self.unit_tables])

    @property
    def ranges(self) -> np.ndarray:
        """The lowest and the highest value of each column, `[2, N]`; infinite where there is none."""
        anywhere = np.array([[-np.inf], [np.inf]])
        return np.concatenate([anywhere if t is None else [t.min(axis=0), t.max(axis=0)] for t in self.unit_tables], axis=1)

    @property
    def state_count(self) -> int | None:
        """Number of states of the whole layer, the product of its units' numbers; None where it is not finite."""
        tables = self.unit_tables
        if any(table is None for table in tables):
            return None
        return math.prod(len(table) for table in tables if table is not None)

    def listing(self) -> Listing:
        """The states of all units.

        Raises:
            InputError: some units take a continuum of values.
        """
        tables = [table for table in self.unit_tables if table is not None]
        if len(tables) < len(self.unit_tables):
            raise InputError(f"{self.name} units take a continuum of values, so their states cannot be listed")
        return Listing.of(tables)

    def states(self, indices: Any) -> Any:
        """The layer's states of the given numbers, `[...] -> [..., N]`; the first unit is the most significant digit."""
        listing = self.listing()
        # Division digit by digit: a table of powers would overflow where only the indices in use are small.
        digits = []
        for count in listing.counts[::-1].tolist():
            digits.append(indices % count)
            indices = indices // count
        return listing.states(jnp.stack(digits[::-1], axis=-1), self._dtype())

    def indices(self, x: Any) -> np.ndarray:
        """The numbers of the states `x` (the inverse of `states`), `[..., N] -> [...]`, as int64 on the host."""
        listing = self.listing()
        if math.prod(listing.counts.tolist()) > np.iinfo(np.int64).max:
            raise InputError(f"{self.size} {self.name} columns have too many states to be numbered")
        return listing.digits(np.asarray(x)) @ np.array(listing.powers(), dtype=np.int64)

    @property
    def unit_symbols(self) -> tuple[str | None, ...]:
        """One character for each state of each unit; None for a unit whose states are not written so."""
        return (self.symbols,) * len(self.unit_tables)

    def write(self, x: Any) -> str:
        """One state as text, one character a unit: binary `[0, 1]` is `01`, categories count from 0 to 9 and on from a to z."""
        return self.write_all(np.asarray(x)[None])[0]

    def write_all(self, states: np.ndarray) -> list[str]:
        """Each of `states [n, N]` as text."""
        symbols = self._written()
        digits = self.listing().digits(np.asarray(states)).tolist()
        return ["".join(of[digit] for of, digit in zip(symbols, row, strict=True)) for row in digits]

    def read(self, text: str, what: str) -> np.ndarray:
        """The state `[N]` that `write` would write as `text`.

        Raises:
            InputError: the text has the wrong length or an unknown character.
        """
        symbols = self._written()
        cleaned = text.replace(" ", "").replace(",", "")
        if len(cleaned) != len(symbols):
            each = f", each {' or '.join(symbols[0])}" if len(set(symbols)) == 1 else ""
            raise InputError(
                f"{what} {text!r} has {len(cleaned)} characters, but the layer has {len(symbols)} {self.name} units: "
                f"write {len(symbols)} characters{each}"
            )
        for number, (character, of) in enumerate(zip(cleaned, symbols, strict=True)):
            if character not in of:
                which = f"a {self.name} unit" if len(set(symbols)) == 1 else f"{self.name} unit {number + 1}"
                raise InputError(f"{what} {text!r} has {character!r}, but {which} is {' or '.join(of)}")
        tables = self.unit_tables
        chosen = [tables[unit][of.index(c)] for unit, (c, of) in enumerate(zip(cleaned, symbols, strict=True))]  # type: ignore[index]
        return np.concatenate(chosen).astype(np.float64)

    def _dtype(self) -> Any:
        return jnp.result_type(*jax.tree.leaves(self))

    def _written(self) -> tuple[str, ...]:
        symbols = tuple(of for of in self.unit_symbols if of is not None)
        if len(symbols) < len(self.unit_symbols):
            raise InputError(f"states of {self.name} units cannot be written one character a unit")
        return symbols
