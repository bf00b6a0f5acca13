"""Binary units: each column is 0 or 1."""

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
class Binary(Discrete):
    """Units x in {0, 1} with energy(x) = -sum_i bias_i x_i.

    p(x_i = 1 | inputs) = 1 / (1 + exp(-(inputs_i + bias_i))), the logistic sigmoid of the unit's total input.

    Args:
        bias: `[N]`.
    """

    bias: Any

    name: ClassVar[str] = "binary"
    symbols: ClassVar[str | None] = "01"

    @property
    def unit_states(self) -> Float[np.ndarray, "2 1"]:
        return np.array([[0.0], [1.0]])

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jax.nn.softplus(inputs + self.bias)

    def softplus_form(self, inputs: Real[Array, "*batch N"]) -> tuple[Float[Result, "*batch"], Float[Result, "*batch N"]]:
        return jnp.zeros(jnp.shape(inputs)[:-1]), inputs + self.bias

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jax.nn.sigmoid(inputs + self.bias)

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        probability = self.mean(inputs)
        return (uniform(key, probability.shape, probability.dtype) < probability).astype(probability.dtype)

    def fit_base_rate(self, data: Real[Array, "n N"]) -> Binary:
        x = np.asarray(data, dtype=np.float64)
        rate = (x.sum(axis=0) + 0.5) / (len(x) + 1.0)
        return Binary(np.log(rate) - np.log1p(-rate))

    @classmethod
    def zeros(cls, size: int) -> Binary:
        return cls(np.zeros(size))

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        return (x != 0) & (x != 1)

    def _outside_expected(self, x: np.ndarray) -> np.ndarray:
        return (x < 0) | (x > 1)

    def _domain(self) -> str:
        return "is 0 or 1 (hm.data.binarize makes such values of gray levels; gaussian units take any)"
