"""Categorical units: each is in one of several categories, one-hot: a column for each category, of which one is 1."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Real

from harmonium._checks import numeric_array
from harmonium._pytree import static
from harmonium._types import Array, ArrayLike, Key, Result
from harmonium.errors import InputError
from harmonium.random import uniform
from harmonium.units.base import Discrete, Units, type_name_to_class, units

SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyz"


@units
class Categorical(Discrete):
    """One-hot units with energy(x) = -sum_i bias_i x_i, i over the columns of all units.

    p(unit u is in category k | inputs) = exp(y_uk) / sum_l exp(y_ul), y = inputs + bias: the softmax over the unit's columns.
    A constant added to the biases of one unit, or to the weights from all its columns to one unit of the other layer (whose
    bias is lowered by as much), changes no probability: `gauge.zero_sum` takes such constants away.

    Args:
        bias: `[N]`, unit after unit. levels: the number of categories of each unit, N in all.
    """

    bias: Any
    levels: tuple[int, ...] = static()

    name: ClassVar[str] = "categorical"

    @property
    def unit_states(self) -> Float[np.ndarray, "K K"] | None:
        return np.eye(self.levels[0]) if len(set(self.levels)) == 1 else None

    @property
    def unit_tables(self) -> tuple[np.ndarray, ...]:
        return tuple(np.eye(count) for count in self.levels)

    @property
    def unit_symbols(self) -> tuple[str | None, ...]:
        return tuple(SYMBOLS[:count] if count <= len(SYMBOLS) else None for count in self.levels)

    def encode(self, categories: ArrayLike) -> Float[np.ndarray, "*batch N"]:
        """Category numbers from 0 as columns, `[..., units] -> [..., N]`.

        Raises:
            InputError: a wrong number of units, or a category that a unit does not have.
        """
        indices = numeric_array(categories, "categories")
        if indices.ndim < 1 or indices.shape[-1] != len(self.levels):
            raise InputError(f"categories must have shape [..., {len(self.levels)}], but have {list(indices.shape)}")
        within = (indices >= 0) & (indices < self.levels) & (indices == np.floor(indices))
        if not within.all():
            unit, wrong = int(np.argwhere(~within)[0, -1]), indices[~within][0]
            raise InputError(f"the categories of unit {unit + 1} are 0 to {self.levels[unit] - 1}, but one is {wrong}")
        return np.asarray(self.listing().states(indices.astype(np.int64), np.float32))

    def decode(self, x: ArrayLike) -> Int[np.ndarray, "*batch units"]:
        """The category numbers of one-hot rows, `[..., N] -> [..., units]`; the inverse of `encode`."""
        return self.listing().digits(self.check(x, "x"))

    # ---- the distribution

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch units"]:
        return jax.nn.logsumexp(self._by_unit(inputs + self.bias), axis=-1)

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return self._by_column(jax.nn.softmax(self._by_unit(inputs + self.bias), axis=-1))

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        total = self._by_unit(inputs + self.bias)
        rising = jnp.cumsum(jnp.exp(total - jnp.max(total, axis=-1, keepdims=True)), axis=-1)
        chance = uniform(key, (*total.shape[:-1], 1), total.dtype)
        # Below the last sum in any precision, so a padded category, or one of probability 0, is never chosen.
        chosen = jnp.sum(rising <= chance * rising[..., -1:], axis=-1, keepdims=True)
        return self._by_column((jnp.arange(total.shape[-1]) == chosen).astype(total.dtype))

    def gauge(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        by_unit = self._by_unit(x, filling=0.0)
        mean = jnp.sum(by_unit, axis=-1) / np.asarray(self.levels)
        return self._by_column(mean[..., None] + jnp.zeros_like(by_unit))

    def fit_base_rate(self, data: Real[Array, "n N"]) -> Categorical:
        x = np.asarray(data, dtype=np.float64)
        each = np.repeat(self.levels, self.levels)
        return Categorical(np.log((x.sum(axis=0) + 1 / each) / (len(x) + 1.0)), self.levels)

    @classmethod
    def zeros(cls, size: int | Sequence[int]) -> Categorical:
        """A layer of units with these numbers of categories, (3, 2) say, whose biases are zero."""
        if isinstance(size, (int, np.integer)):
            raise InputError("a categorical layer is made from the number of categories of each unit, (3, 2) say: give those")
        return cls(np.zeros(sum(size)), tuple(size))

    def validation_error(self) -> str | None:
        if not all(isinstance(count, numbers.Integral) and count > 0 for count in self.levels):
            return f"levels must be whole numbers of at least 1, one a unit, but are {self.levels}"
        if sum(self.levels) != self.size:
            return f"levels add up to {sum(self.levels)} columns, but bias has {self.size}"
        return None

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        outside = (x != 0) & (x != 1)
        starts = self.boundaries[:-1]
        ones, wrong = (np.add.reduceat(part.astype(np.int64), starts, axis=-1) for part in (x == 1, outside))
        # Where a unit has no 1, or several, its first column is reported.
        outside[..., starts] |= (ones != 1) & (wrong == 0)
        return outside

    def _domain(self) -> str:
        return "has a 1 in one of its columns and 0 in the others"

    # ---- columns unit by unit

    def _by_unit(self, x: Real[Array, "*batch N"], filling: float = -jnp.inf) -> Float[Result, "*batch units K"]:
        """One row a unit, padded with `filling` where a unit has fewer categories than another."""
        x = jnp.asarray(x)
        if len(set(self.levels)) == 1:
            return x.reshape(*x.shape[:-1], len(self.levels), self.levels[0])
        filled = jnp.concatenate([x, jnp.full((*x.shape[:-1], 1), filling, x.dtype)], axis=-1)
        return filled[..., _column_of(self.levels)]

    def _by_column(self, by_unit: Float[Result, "*batch units K"]) -> Float[Result, "*batch N"]:
        """The inverse of `_by_unit`."""
        columns = by_unit.reshape(*by_unit.shape[:-2], -1)
        if len(set(self.levels)) == 1:
            return columns
        return columns[..., np.flatnonzero(_column_of(self.levels).ravel() < sum(self.levels)).astype(np.int32)]


@lru_cache
def _column_of(levels: tuple[int, ...]) -> np.ndarray:
    """The column of each unit's categories, `[units, most levels]`; N beyond a unit's last category."""
    category = np.arange(max(levels))
    starts = np.cumsum([0, *levels[:-1]])
    columns = np.where(category < np.array(levels)[:, None], starts[:, None] + category, sum(levels))
    return columns.astype(np.int32)  # JAX caches constants; one of 64 bits would be wrong in the other precision


def by_name(name: str, size: int, what: str = "units", columns: bool = False) -> Units:
    """A layer of zeros by the name of its kind; `categorical:3` or `categorical:3,2,4` says how many categories.

    Args:
        size: number of units, or with `columns` that of their columns. what: the argument, in messages.

    Raises:
        InputError: the name is no kind's, or its numbers of categories do not fit the size.
    """
    word, _, rest = name.partition(":")
    kind = type_name_to_class.get(word)
    if kind is None or word == "mixed" or (kind is Categorical) != bool(rest):
        words = ", ".join(sorted(type_name_to_class.keys() - {"mixed", "categorical"}))
        raise InputError(f"{what} {name!r} is unknown: use {words}, or categorical:K for units of K categories")
    if kind is not Categorical:
        return kind.zeros(size)
    levels = tuple(int(part) if part.isdecimal() else 0 for part in rest.split(","))
    if min(levels) < 1:
        raise InputError(f"{what} {name!r}: numbers of categories are whole and at least 1, as in categorical:3")
    if len(levels) == 1:
        levels *= size // levels[0] if columns else size
    if (sum(levels) if columns else len(levels)) != size:
        raise InputError(f"{what} {name!r} does not fit: there are {size} {'columns' if columns else 'units'}")
    return Categorical.zeros(levels)
