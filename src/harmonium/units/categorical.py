"""Categorical units: each is in one of several categories, written as as many columns of which one is 1."""

from __future__ import annotations

import numbers
from functools import lru_cache
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from harmonium._checks import numeric_array
from harmonium._pytree import static
from harmonium.errors import InputError
from harmonium.random import uniform
from harmonium.units.base import Units, units

SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyz"


@units
class Categorical(Units):
    """One-hot units with energy(x) = -sum_i bias_i x_i, i over the columns of all units.

    p(unit u is in category k | inputs) = exp(y_uk) / sum_l exp(y_ul), y = inputs + bias: the softmax over the unit's columns.
    A constant added to the biases of one unit, or to the weights from all its columns to one unit of the other layer (whose
    bias is lowered by as much), changes no probability: `model.zero_sum_gauge` takes such constants away.

    Args:
        bias: `[N]`, the columns of one unit after another's. levels: the number of categories of each unit, N in all.
    """

    bias: Any
    levels: tuple[int, ...] = static()

    name: ClassVar[str] = "categorical"

    @property
    def size(self) -> int:
        return int(self.bias.shape[-1])

    @property
    def unit_states(self) -> np.ndarray | None:
        return np.eye(self.levels[0]) if len(set(self.levels)) == 1 else None

    @property
    def unit_tables(self) -> tuple[np.ndarray, ...]:
        return tuple(np.eye(count) for count in self.levels)

    @property
    def unit_symbols(self) -> tuple[str | None, ...]:
        return tuple(SYMBOLS[:count] if count <= len(SYMBOLS) else None for count in self.levels)

    def encode(self, categories: Any) -> np.ndarray:
        """Category numbers from 0 as columns, `[..., units] -> [..., N]`.

        Raises:
            InputError: a wrong number of units, or a category that a unit does not have.
        """
        chosen = numeric_array(categories, "categories")
        if chosen.ndim < 1 or chosen.shape[-1] != len(self.levels):
            raise InputError(f"categories must have shape [..., {len(self.levels)}], but have {list(chosen.shape)}")
        within = (chosen >= 0) & (chosen < self.levels) & (chosen == np.floor(chosen))
        if not within.all():
            unit, wrong = int(np.argwhere(~within)[0, -1]), chosen[~within][0]
            raise InputError(f"the categories of unit {unit + 1} are 0 to {self.levels[unit] - 1}, but one is {wrong}")
        return np.asarray(self.listing().states(chosen.astype(np.int64), np.float32))

    def decode(self, x: Any) -> np.ndarray:
        """The category numbers of one-hot rows, `[..., N] -> [..., units]`; the inverse of `encode`."""
        return self.listing().digits(self.check(x, "x"))

    # ---- the law of the layer

    def energy(self, x: Any) -> Any:
        return -jnp.sum(self.bias * x, axis=-1)

    def log_normalizer_terms(self, inputs: Any) -> Any:
        return jax.nn.logsumexp(self._by_unit(inputs + self.bias), axis=-1)

    def mean(self, inputs: Any) -> Any:
        return self._flat(jax.nn.softmax(self._by_unit(inputs + self.bias), axis=-1))

    def sample(self, key: Any, inputs: Any) -> Any:
        total = self._by_unit(inputs + self.bias)
        rising = jnp.cumsum(jnp.exp(total - jnp.max(total, axis=-1, keepdims=True)), axis=-1)
        chance = uniform(key, (*total.shape[:-1], 1), total.dtype)
        # Below the last sum in any precision, so a category that is filled up, or of probability 0, is never chosen.
        chosen = jnp.sum(rising <= chance * rising[..., -1:], axis=-1, keepdims=True)
        return self._flat((jnp.arange(total.shape[-1]) == chosen).astype(total.dtype))

    def statistics(self, x: Any) -> Categorical:
        return Categorical(x, self.levels)

    def moments(self, inputs: Any) -> Categorical:
        return Categorical(self.mean(inputs), self.levels)

    @property
    def linear(self) -> Any:
        return self.bias

    def add_field(self, by: Any) -> Categorical:
        return Categorical(self.bias + by, self.levels)

    # ---- what other laws are near

    def flat(self) -> Categorical:
        return Categorical(jnp.zeros_like(self.bias), self.levels)

    def gauge(self, x: Any) -> Any:
        by_unit = self._by_unit(x, filling=0)
        mean = jnp.sum(by_unit, axis=-1) / np.asarray(self.levels)
        return self._flat(jnp.broadcast_to(mean[..., None], by_unit.shape))

    def fit_base_rate(self, data: Any) -> Categorical:
        x = np.asarray(data, dtype=np.float64)
        each = np.repeat(self.levels, self.levels)
        return Categorical(np.log((x.sum(axis=0) + 1 / each) / (len(x) + 1.0)), self.levels)

    @classmethod
    def zeros(cls, size: Any) -> Categorical:
        """A layer of units with these numbers of categories, (3, 2) say, whose biases are zero."""
        if isinstance(size, numbers.Integral):
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
        # Where a unit has no 1, or several, its first column is told.
        outside[..., starts] |= (ones != 1) & (wrong == 0)
        return outside

    def _domain(self) -> str:
        return "has a 1 in one of its columns and 0 in the others"

    # ---- columns unit by unit

    def _by_unit(self, x: Any, filling: float = -jnp.inf) -> Any:
        """`[..., N] -> [..., units, most levels]`, filled up where a unit has fewer."""
        x = jnp.asarray(x)
        if len(set(self.levels)) == 1:
            return x.reshape(*x.shape[:-1], len(self.levels), self.levels[0])
        filled = jnp.concatenate([x, jnp.full((*x.shape[:-1], 1), filling, x.dtype)], axis=-1)
        return filled[..., _places(self.levels)]

    def _flat(self, by_unit: Any) -> Any:
        """The inverse of `_by_unit`."""
        flat = by_unit.reshape(*by_unit.shape[:-2], -1)
        if len(set(self.levels)) == 1:
            return flat
        return flat[..., np.flatnonzero(_places(self.levels).ravel() < sum(self.levels)).astype(np.int32)]


@lru_cache
def _places(levels: tuple[int, ...]) -> np.ndarray:
    """The column of each unit's categories, N where a unit has none any more, `[units, most levels]`."""
    category = np.arange(max(levels))
    starts = np.cumsum([0, *levels[:-1]])
    places = np.where(category < np.array(levels)[:, None], starts[:, None] + category, sum(levels))
    return places.astype(np.int32)  # JAX keeps constants, and takes one of 64 bits for what it was in the other precision
