"""Spin units: each column is -1 or +1."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium._types import Array, Key, Result
from harmonium.random import uniform
from harmonium.units.base import Discrete, units


@units
class Spin(Discrete):
    """Units x in {-1, +1} with energy(x) = -sum_i bias_i x_i; E[x_i | inputs] = tanh(inputs_i + bias_i).

    Args:
        bias: `[N]`.
    """

    bias: Any

    name: ClassVar[str] = "spin"
    symbols: ClassVar[str | None] = "-+"

    @property
    def unit_states(self) -> Float[np.ndarray, "2 1"]:
        return np.array([[-1.0], [1.0]])

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        # ln 2 cosh y, without forming e^|y|
        total = inputs + self.bias
        return jax.nn.softplus(2 * total) - total

    def softplus_form(self, inputs: Real[Array, "*batch N"]) -> tuple[Float[Result, "*batch"], Float[Result, "*batch N"]]:
        total = inputs + self.bias
        return -jnp.sum(total, axis=-1), 2 * total

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jnp.tanh(inputs + self.bias)

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        probability = jax.nn.sigmoid(2 * (inputs + self.bias))
        above = uniform(key, probability.shape, probability.dtype) < probability
        return jnp.where(above, 1, -1).astype(probability.dtype)

    def fit_base_rate(self, data: Real[Array, "n N"]) -> Spin:
        x = np.asarray(data, dtype=np.float64)
        rate = (((1 + x) / 2).sum(axis=0) + 0.5) / (len(x) + 1.0)
        return Spin((np.log(rate) - np.log1p(-rate)) / 2)

    @classmethod
    def zeros(cls, size: int) -> Spin:
        return cls(np.zeros(size))

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        return (x != -1) & (x != 1)

    def _outside_expected(self, x: np.ndarray) -> np.ndarray:
        return np.abs(x) > 1

    def _domain(self) -> str:
        return "is -1 or +1"
