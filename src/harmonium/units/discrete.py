"""What kinds of units with listed states and a bias alone have in common: binary, spin and categorical ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import jax.numpy as jnp
from jaxtyping import Float, Real

from harmonium._types import Array, Result
from harmonium.units.base import Units


class Discrete(Units):
    """Units with energy(x) = -sum_i bias_i x_i and finitely many states; abstract."""

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        return -jnp.sum(self.bias * x, axis=-1)

    def statistics(self, x: Real[Array, "*batch N"]) -> Self:
        return self._with_bias(x)

    def moments(self, inputs: Real[Array, "*batch N"]) -> Self:
        return self._with_bias(self.mean(inputs))

    def add_field(self, by: Real[Array, "*batch N"]) -> Self:
        return self._with_bias(self.bias + by)

    def infinite_temperature(self) -> Self:
        return self._with_bias(jnp.zeros_like(self.bias))

    def _with_bias(self, bias: Real[Array, "*batch N"]) -> Self:
        return replace(self, bias=bias)  # type: ignore[type-var]
