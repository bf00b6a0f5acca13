"""A layer given the values of some of its columns: what enumeration, chains and imputation know of a row with missing cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from harmonium import _pytree
from harmonium._types import Array, Key, Result

if TYPE_CHECKING:
    from harmonium.units.base import Units


def missing_units(units: Units, x: Float[Array, "*batch N"]) -> Bool[Result, "*batch units"]:
    """Which units of rows have no value: those whose columns are NaN."""
    return jnp.isnan(x[..., units.boundaries[:-1]])


def conditional_moments(
    units: Units, inputs: Float[Array, "*batch N"]
) -> tuple[Float[Result, "*batch N"], Float[Result, "*batch N"]]:
    """E[x | inputs] and E[x^2 | inputs] of each column of units that are independent given `inputs`; traceable.

    The derivative of a unit's mean by its own input is the variance. A unit of several columns has no such derivative at hand,
    but there x^2 = x.
    """
    mean, spread = jax.jvp(units.mean, (inputs,), (jnp.ones_like(inputs),))
    single = np.repeat(np.diff(units.boundaries) == 1, np.diff(units.boundaries))
    return mean, jnp.where(single, mean**2 + spread, mean)


@_pytree.register
@dataclass(frozen=True, eq=False)
class Given:
    """A layer of independent units of which rows `x [*batch, N]` have some values, NaN where a unit is free.

    The free units f follow p(x_f | x_o, inputs), which is proportional to exp(inputs . x - energy(x)). `inputs` have the
    layer's columns and leading axes that combine with those of `x`, but for those named `states`: every row is taken
    with each of K inputs.
    """

    units: Any
    x: Any

    def sample(self, key: Key, inputs: Float[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        """The rows with their free units drawn."""
        drawn = self.units.sample(key, inputs)
        return jnp.where(jnp.isnan(self.x), drawn, self.x).astype(drawn.dtype)

    def log_normalizer(self, inputs: Float[Array, "*batch N"]) -> Float[Result, "..."]:
        """ln sum_{x_f} exp(inputs . x - energy(x)), the free units summed over, or integrated."""
        # At zero a unit's statistics are zero, and so is its part of the energy: a missing cell leaves no trace.
        known = jnp.nan_to_num(self.x)
        free = jnp.where(missing_units(self.units, self.x), self.units.log_normalizer_terms(inputs), 0)
        return jnp.sum(inputs * known, axis=-1) + free.sum(axis=-1) - self.units.energy(known)

    def moments(self, inputs: Float[Array, "*batch N"]) -> tuple[Float[Result, "*batch N"], Float[Result, "*batch N"]]:
        """E[x] and E[x^2] of each column; of one with a value that value and its square."""
        each = conditional_moments(self.units, inputs)
        first, second = (jnp.where(jnp.isnan(self.x), own, self.x**power) for power, own in enumerate(each, 1))
        return first, second

    def log_normalizers(self, states: Float[Array, "K N"]) -> Float[Result, "rows K"]:
        """`log_normalizer` of each of the rows `[rows, N]` with each of the inputs."""
        known = jnp.nan_to_num(self.x)
        free = missing_units(self.units, self.x).astype(known.dtype) @ self.units.log_normalizer_terms(states).T
        return known @ states.T + free - self.units.energy(known)[:, None]

    def sum_moments(
        self, p: Float[Array, "rows K"], states: Float[Array, "K N"]
    ) -> tuple[Float[Result, "rows N"], Float[Result, "rows N"]]:
        """The sums of `p` times E[x] and E[x^2] over the inputs, of the free columns; what it says of others means nothing."""
        first, second = (jnp.matmul(p, each) for each in conditional_moments(self.units, states))
        return first, second


@_pytree.register
@dataclass(frozen=True, eq=False)
class GivenParts:
    """As `Given`, of a layer of several kinds side by side; `splits`: the columns of each."""

    parts: tuple[Any, ...]
    splits: tuple[int, ...] = _pytree.static()

    def _split(self, x: Any) -> list[Any]:
        return jnp.split(x, self.splits, axis=-1)

    def sample(self, key: Key, inputs: Float[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        keys = jax.random.split(key, len(self.parts))
        drawn = [part.sample(own, x) for part, own, x in zip(self.parts, keys, self._split(inputs), strict=True)]
        return jnp.concatenate(drawn, axis=-1)

    def log_normalizer(self, inputs: Float[Array, "*batch N"]) -> Float[Result, "..."]:
        return sum(part.log_normalizer(x) for part, x in zip(self.parts, self._split(inputs), strict=True))

    def moments(self, inputs: Float[Array, "*batch N"]) -> tuple[Float[Result, "*batch N"], Float[Result, "*batch N"]]:
        each = [part.moments(x) for part, x in zip(self.parts, self._split(inputs), strict=True)]
        first, second = (jnp.concatenate(moment, axis=-1) for moment in zip(*each, strict=True))
        return first, second

    def log_normalizers(self, states: Float[Array, "K N"]) -> Float[Result, "rows K"]:
        return sum(part.log_normalizers(x) for part, x in zip(self.parts, self._split(states), strict=True))

    def sum_moments(
        self, p: Float[Array, "rows K"], states: Float[Array, "K N"]
    ) -> tuple[Float[Result, "rows N"], Float[Result, "rows N"]]:
        each = [part.sum_moments(p, x) for part, x in zip(self.parts, self._split(states), strict=True)]
        first, second = (jnp.concatenate(moment, axis=-1) for moment in zip(*each, strict=True))
        return first, second
