"""Binary units: each column is 0 or 1."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from harmonium.random import uniform
from harmonium.units.base import Units, units


@units
class Binary(Units):
    """Units x in {0, 1} with energy(x) = -sum_i bias_i x_i.

    p(x_i = 1 | inputs) = 1 / (1 + exp(-(inputs_i + bias_i))), the logistic sigmoid of the unit's total input.

    Args:
        bias: `[N]`.
    """

    bias: Any

    name: ClassVar[str] = "binary"
    symbols: ClassVar[str | None] = "01"

    @property
    def size(self) -> int:
        return int(self.bias.shape[-1])

    @property
    def unit_states(self) -> np.ndarray:
        return np.array([[0.0], [1.0]])

    def energy(self, x: Any) -> Any:
        return -jnp.sum(self.bias * x, axis=-1)

    def log_normalizer_terms(self, inputs: Any) -> Any:
        return jax.nn.softplus(inputs + self.bias)

    def softplus_form(self, inputs: Any) -> tuple[Any, Any]:
        return jnp.zeros(jnp.shape(inputs)[:-1]), inputs + self.bias

    def mean(self, inputs: Any) -> Any:
        return jax.nn.sigmoid(inputs + self.bias)

    def sample(self, key: Any, inputs: Any) -> Any:
        probability = self.mean(inputs)
        chance = uniform(key, probability.shape, probability.dtype)
        return (chance < probability).astype(probability.dtype)

    def statistics(self, x: Any) -> Binary:
        return Binary(x)

    def moments(self, inputs: Any) -> Binary:
        return Binary(self.mean(inputs))

    @property
    def linear(self) -> Any:
        return self.bias

    def add_field(self, by: Any) -> Binary:
        return Binary(self.bias + by)

    def flat(self) -> Binary:
        return Binary(jnp.zeros_like(self.bias))

    def fit_base_rate(self, data: Any) -> Binary:
        x = np.asarray(data, dtype=np.float64)
        rate = (x.sum(axis=0) + 0.5) / (len(x) + 1.0)
        return Binary(np.log(rate) - np.log1p(-rate))

    @classmethod
    def zeros(cls, size: Any) -> Binary:
        return cls(np.zeros(size))

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        return (x != 0) & (x != 1)

    def _outside_expected(self, x: np.ndarray) -> np.ndarray:
        return (x < 0) | (x > 1)

    def _domain(self) -> str:
        return "is 0 or 1 (--binarize, or hm.data.binarize, makes such values from gray levels; gaussian units take any)"
