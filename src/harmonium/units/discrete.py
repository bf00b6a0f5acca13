"""Units of finitely many states: binary ones, spins, and categorical ones, which are one-hot."""

from __future__ import annotations

import abc
import numbers
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Real

from harmonium._checks import fill_masked, numeric_array
from harmonium._numerics import counts_of, sum_of_rows
from harmonium._pytree import static
from harmonium._types import Array, ArrayLike, Key, Result
from harmonium.errors import InputError
from harmonium.random import uniform
from harmonium.units.base import Units, type_name_to_class, units

MAX_PADDING = 128
"""Columns in all by which categorical units may be padded. Less of it takes more code, which takes longer to compile."""


class Discrete(Units):
    """Units with energy(x) = -sum_i bias_i x_i and finitely many states: binary, spin and categorical ones; abstract."""

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        return -jnp.sum(self.bias * x, axis=-1)

    def statistics(self, x: Real[Array, "*batch N"]) -> Self:
        return self._with_bias(x)

    @abc.abstractmethod
    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]: ...

    def moments(self, inputs: Real[Array, "*batch N"]) -> Self:
        return self._with_bias(self.mean(inputs))

    def add_field(self, by: Real[Array, "*batch N"]) -> Self:
        return self._with_bias(self.bias + by)

    def infinite_temperature(self) -> Self:
        return self._with_bias(jnp.zeros_like(self.bias))

    def _with_bias(self, bias: Real[Array, "*batch N"]) -> Self:
        return replace(self, bias=bias)  # type: ignore[type-var]


class TwoStates(Discrete):
    """Units x in {low, high}, where p(x_i = high | inputs) = 1 / (1 + exp(-(high - low) (inputs_i + bias_i))); abstract."""

    low: ClassVar[int]
    high: ClassVar[int]

    @property
    def unit_tables(self) -> tuple[np.ndarray, ...]:
        return (np.array([[self.low], [self.high]], dtype=np.float64),) * self.size

    def softplus_form(self, inputs: Real[Array, "*batch N"]) -> tuple[Float[Result, "*batch"], Float[Result, "*batch N"]]:
        total = inputs + self.bias
        return self.low * jnp.sum(total, axis=-1), (self.high - self.low) * total

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        probability = jax.nn.sigmoid((self.high - self.low) * (inputs + self.bias))
        above = uniform(key, probability.shape, probability.dtype) < probability
        # Not by `where`: XLA would compute the random numbers once for every use of the states.
        state = above.astype(probability.dtype)
        return state if self.low == 0 else (self.high - self.low) * state + self.low

    def fit_base_rate(self, data: Real[Array, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> Self:
        counts = counts_of(weights, len(data))
        upper = (sum_of_rows(fill_masked(data), counts) - self.low * counts.sum()) / (self.high - self.low)
        rate = (upper + 0.5) / (counts.sum() + 1.0)
        return self._with_bias((np.log(rate) - np.log1p(-rate)) / (self.high - self.low))

    @classmethod
    def zeros(cls, size: int) -> Self:
        return cls(np.zeros(size))  # type: ignore[call-arg]

    def outside_domain(self, x: Real[np.ndarray, "*batch N"], expected: bool = False) -> Bool[np.ndarray, "*batch N"]:
        return (x < self.low) | (x > self.high) if expected else (x != self.low) & (x != self.high)


@units
class Binary(TwoStates):
    """Units x in {0, 1} with energy(x) = -sum_i bias_i x_i.

    p(x_i = 1 | inputs) = 1 / (1 + exp(-(inputs_i + bias_i))), the logistic sigmoid of the unit's total input.

    Args:
        bias: `[N]`.

    Example:
        >>> import harmonium as hm
        >>> hm.Binary([0, 0.5])
        Binary(bias=array([0. , 0.5]))
        >>> hm.Binary.zeros(3).size
        3
    """

    bias: Any

    name: ClassVar[str] = "binary"
    symbols: ClassVar[str] = "01"
    domain: ClassVar[str] = "is 0 or 1 (hm.data.binarize makes such values of gray levels; gaussian units take any)"
    low, high = 0, 1

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jax.nn.softplus(inputs + self.bias)

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jax.nn.sigmoid(inputs + self.bias)


@units
class Spin(TwoStates):
    """Units x in {-1, +1} with energy(x) = -sum_i bias_i x_i; E[x_i | inputs] = tanh(inputs_i + bias_i).

    Args:
        bias: `[N]`.

    Example:
        >>> import harmonium as hm
        >>> hm.Spin.zeros(2)
        Spin(bias=array([0., 0.]))
    """

    bias: Any

    name: ClassVar[str] = "spin"
    symbols: ClassVar[str] = "-+"
    domain: ClassVar[str] = "is -1 or +1"
    low, high = -1, 1

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        # ln 2 cosh y, without forming e^|y|
        total = inputs + self.bias
        return jax.nn.softplus(2 * total) - total

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jnp.tanh(inputs + self.bias)


@units
class Categorical(Discrete):
    """One-hot units with energy(x) = -sum_i bias_i x_i, i over the columns of all units.

    p(unit u is in category k | inputs) = exp(y_uk) / sum_l exp(y_ul), y = inputs + bias: the softmax over the unit's columns.
    A constant added to the biases of one unit, or to the weights from all its columns to one unit of the other layer (whose
    bias is lowered by as much), changes no probability: `gauge.zero_sum` takes such constants away.

    Args:
        bias: `[N]`, unit after unit.
        levels: the number of categories of each unit, N in all.
        ordered: which units have categories in an order, no unit if it is empty. The order changes no distribution but how
            training moves: a step of parameters y_k is one of a thermometer code, y_k = sum_l c_kl d_l with c_kl = 1 for l < k
            and -1 for other l, so that categories next to each other learn from each other.

    Example:
        >>> import harmonium as hm
        >>> kinds = hm.Categorical.zeros((3, 2))
        >>> kinds.encode([[2, 0], [0, 1]])
        array([[0., 0., 1., 1., 0.],
               [1., 0., 0., 0., 1.]], dtype=float32)
    """

    bias: Any
    levels: tuple[int, ...] = static()
    ordered: tuple[bool, ...] = static(default=())

    name: ClassVar[str] = "categorical"
    symbols: ClassVar[str] = "0123456789abcdefghijklmnopqrstuvwxyz"
    domain: ClassVar[str] = "has a 1 in one of its columns and 0 in the others"

    @property
    def unit_tables(self) -> tuple[np.ndarray, ...]:
        tables = {count: np.eye(count) for count in set(self.levels)}
        return tuple(tables[count] for count in self.levels)

    def encode(self, categories: ArrayLike) -> Float[np.ndarray, "*batch N"]:
        """Numbers from 0 of `categories` as columns, `[..., units] -> [..., N]`.

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
        """The category numbers of one-hot rows, `[..., N] -> [..., units]`; the inverse of `encode`.

        Raises:
            InputError: rows with another number of columns, or that are not one-hot.
        """
        return self.listing().digits(self.check(x, "x"))

    # ---- the distribution

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch units"]:
        terms = [jax.nn.logsumexp(group, axis=-1) for group in self._by_unit(inputs + self.bias)]
        if len(terms) == 1:
            return terms[0]
        order = np.concatenate([own for own, _ in _groups(self.levels)])
        return jnp.concatenate(terms, axis=-1)[..., np.argsort(order).astype(np.int32)]

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return self._by_column([jax.nn.softmax(group, axis=-1) for group in self._by_unit(inputs + self.bias)])

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        groups, states = self._by_unit(inputs + self.bias), []
        chance = uniform(key, (*groups[0].shape[:-2], len(self.levels), 1), groups[0].dtype)
        for total, (own, _) in zip(groups, _groups(self.levels), strict=True):
            rising = jnp.cumsum(jnp.exp(total - jnp.max(total, axis=-1, keepdims=True)), axis=-1)
            # Below the last sum in any precision, so a padded category, or one of probability 0, is never chosen.
            chosen = jnp.sum(rising <= chance[..., own, :] * rising[..., -1:], axis=-1, keepdims=True)
            states.append((jnp.arange(total.shape[-1]) == chosen).astype(total.dtype))
        return self._by_column(states)

    def fit_base_rate(self, data: Real[Array, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> Categorical:
        counts = counts_of(weights, len(data))
        each = np.repeat(self.levels, self.levels)
        return replace(self, bias=np.log((sum_of_rows(fill_masked(data), counts) + 1 / each) / (counts.sum() + 1.0)))

    @classmethod
    def zeros(cls, size: int | Sequence[int]) -> Categorical:
        """A layer of units with numbers of categories `size`, (3, 2) say, whose biases are zero.

        Raises:
            InputError: one number is given instead of one for each unit.
        """
        if isinstance(size, (int, np.integer)):
            raise InputError("a categorical layer is made from the number of categories of each unit, (3, 2) say: give those")
        return cls(np.zeros(sum(size)), tuple(size))

    def select(self, chosen: Sequence[int]) -> Categorical:
        bias = super().select(chosen).bias
        ordered = tuple(self.ordered[unit] for unit in chosen) if self.ordered else ()
        return Categorical(bias, tuple(self.levels[unit] for unit in chosen), ordered)

    # ---- steps of training

    def scale_steps(self, steps: Float[Array, "N M"]) -> Float[Result, "N M"]:
        """`steps` times the products of thermometer codes, c_k . c_l / (K - 1) = 1 - 2 |k - l| / (K - 1), of ordered units."""
        if not any(self.ordered):
            return steps  # type: ignore[return-value]
        moved = []
        for group, (own, columns) in zip(self._by_unit(jnp.swapaxes(steps, 0, 1)), _groups(self.levels), strict=True):
            codes = _code_products(tuple(self.levels[unit] for unit in own), tuple(self.ordered[unit] for unit in own))
            padded = jnp.where(columns < sum(self.levels), group, 0)
            moved.append(jnp.einsum("mul,ukl->muk", padded, jnp.asarray(codes, padded.dtype)))
        return jnp.swapaxes(self._by_column(moved), 0, 1)

    def apply_update(self, by: Categorical, hold_scale: bool = False) -> Categorical:  # noqa: ARG002
        return replace(self, bias=self.bias + self.scale_steps(by.bias[:, None])[:, 0])

    def validation_error(self) -> str | None:
        if not all(isinstance(count, numbers.Integral) and count > 0 for count in self.levels):
            return f"levels must be whole numbers of at least 1, one a unit, but are {self.levels}"
        if len(self.ordered) not in (0, len(self.levels)):
            return f"ordered must say of each of the {len(self.levels)} units whether it is, but has {len(self.ordered)}"
        if sum(self.levels) != self.size:
            return f"levels add up to {sum(self.levels)} columns, but bias has {self.size}"
        return None

    def outside_domain(self, x: Real[np.ndarray, "*batch N"], expected: bool = False) -> Bool[np.ndarray, "*batch N"]:  # noqa: ARG002
        outside = (x != 0) & (x != 1)
        starts = self.boundaries[:-1]
        ones, wrong = (np.add.reduceat(part.astype(np.int64), starts, axis=-1) for part in (x == 1, outside))
        # Where a unit has no 1, or several, its first column is reported.
        outside[..., starts] |= (ones != 1) & (wrong == 0)
        return outside

    # ---- columns unit by unit

    def _by_unit(self, x: Real[Array, "*batch N"]) -> list[Real[Array, "..."]]:
        """One row a unit, padded with -inf where a unit has fewer categories than another of its group."""
        x = jnp.asarray(x)
        if len(set(self.levels)) == 1:
            return [x.reshape(*x.shape[:-1], len(self.levels), self.levels[0])]
        filled = jnp.concatenate([x, jnp.full((*x.shape[:-1], 1), -jnp.inf, x.dtype)], axis=-1)
        return [filled[..., columns] for _, columns in _groups(self.levels)]

    def _by_column(self, by_unit: Sequence[Float[Result, "..."]]) -> Float[Result, "*batch N"]:
        """The inverse of `_by_unit`."""
        columns = [group.reshape(*group.shape[:-2], -1) for group in by_unit]
        if len(set(self.levels)) == 1:
            return columns[0]
        order = np.concatenate([of.ravel() for _, of in _groups(self.levels)])
        places = np.argsort(order, kind="stable")[: sum(self.levels)]
        return jnp.concatenate(columns, axis=-1)[..., places.astype(np.int32)]


@lru_cache
def _code_products(levels: tuple[int, ...], ordered: tuple[bool, ...]) -> Float[np.ndarray, "units most most"]:
    """Of each unit the products of its categories' thermometer codes, over their length; the unit matrix if it has no order."""
    distance = np.abs(np.subtract.outer(np.arange(max(levels)), np.arange(max(levels))))
    alone = np.eye(max(levels))
    return np.stack(
        [
            1 - 2 * distance / (count - 1) if is_ordered and count > 2 else alone
            for count, is_ordered in zip(levels, ordered, strict=True)
        ]
    )


@lru_cache
def _groups(levels: tuple[int, ...]) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Units of about as many categories, if padding all to the most would take many columns: their indices, and the columns of
    their categories, `[units, most levels]`; N beyond a unit's last category."""
    starts, counts = np.cumsum([0, *levels[:-1]]), np.array(levels)
    is_wasteful = len(levels) * max(levels) - sum(levels) > MAX_PADDING
    sizes = np.array([(count - 1).bit_length() if is_wasteful else 0 for count in levels])
    found = []
    for size in np.unique(sizes):
        own = np.flatnonzero(sizes == size)
        category = np.arange(counts[own].max())
        columns = np.where(category < counts[own, None], starts[own, None] + category, sum(levels))
        # JAX caches constants; one of 64 bits would be wrong in the other precision.
        found.append((own.astype(np.int32), columns.astype(np.int32)))
    return tuple(found)


def by_name(name: str, size: int, what: str = "units", columns: bool = False) -> Units:
    """A layer of zeros by the name of its kind; `categorical:3` or `categorical:3,2,4` says how many categories.

    Args:
        name: such as `binary`, `gaussian` or `categorical:3`.
        size: number of units, or with `columns` that of their columns.
        what: the argument, in messages.
        columns: whether `size` counts columns.

    Raises:
        InputError: the name is no kind's, or its numbers of categories do not fit the size.

    Example:
        >>> import harmonium as hm
        >>> hm.units.by_name("categorical:3", 2).size
        6
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
        there = f"{size} columns, and each category of a unit needs one of zeros and ones" if columns else f"{size} units"
        raise InputError(f"{what} {name!r} does not fit: there are {there}")
    return Categorical.zeros(levels)
