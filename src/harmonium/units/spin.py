"""Spin units: each column is -1 or +1."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from harmonium.random import uniform
from harmonium.units.base import Units, units


@units
class Spin(Units):
    """Units x in {-1, +1} with energy(x) = -sum_i bias_i x_i; E[x_i | inputs] = tanh(inputs_i + bias_i).

    Args:
        bias: `[N]`.
    """

    bias: Any

    name: ClassVar[str] = "spin"
    symbols: ClassVar[str | None] = "-+"

    @property
    def size(self) -> int:
        return int(self.bias.shape[-1])

    @property
    def unit_states(self) -> np.ndarray:
        return np.array([[-1.0], [1.0]])

    def energy(self, x: Any) -> Any:
        return -jnp.sum(self.bias * x, axis=-1)

    def log_normalizer_terms(self, inputs: Any) -> Any:
        # ln 2 cosh y, without forming e^|y|
        total = inputs + self.bias
        return jax.nn.softplus(2 * total) - total

    def softplus_form(self, inputs: Any) -> tuple[Any, Any]:
        total = inputs + self.bias
        return -jnp.sum(total, axis=-1), 2 * total

    def mean(self, inputs: Any) -> Any:
        return jnp.tanh(inputs + self.bias)

    def sample(self, key: Any, inputs: Any) -> Any:
        up = jax.nn.sigmoid(2 * (inputs + self.bias))
        chance = uniform(key, up.shape, up.dtype)
        return jnp.where(chance < up, 1, -1).astype(up.dtype)

    def statistics(self, x: Any) -> Spin:
        return Spin(x)

    def moments(self, inputs: Any) -> Spin:
        return Spin(self.mean(inputs))

    @property
    def linear(self) -> Any:
        return self.bias

    def add_field(self, by: Any) -> Spin:
        return Spin(self.bias + by)

    def flat(self) -> Spin:
        return Spin(jnp.zeros_like(self.bias))

    def fit_base_rate(self, data: Any) -> Spin:
        x = np.asarray(data, dtype=np.float64)
        up = (((1 + x) / 2).sum(axis=0) + 0.5) / (len(x) + 1.0)
        return Spin((np.log(up) - np.log1p(-up)) / 2)

    @classmethod
    def zeros(cls, size: Any) -> Spin:
        return cls(np.zeros(size))

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        return (x != -1) & (x != 1)

    def _outside_expected(self, x: np.ndarray) -> np.ndarray:
        return np.abs(x) > 1

    def _domain(self) -> str:
        return "is -1 or +1"
