"""Units of two states: binary ones (0, 1) and spins (-1, +1)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium._types import Array, Key, Result
from harmonium.random import uniform
from harmonium.units.base import Discrete, units


class TwoStates(Discrete):
    """Units x in {low, high}, where p(x_i = high | inputs) = 1 / (1 + exp(-(high - low) (inputs_i + bias_i))); abstract."""

    low: ClassVar[int]
    high: ClassVar[int]

    @property
    def unit_states(self) -> Float[np.ndarray, "2 1"]:
        return np.array([[self.low], [self.high]], dtype=np.float64)

    def softplus_form(self, inputs: Real[Array, "*batch N"]) -> tuple[Float[Result, "*batch"], Float[Result, "*batch N"]]:
        total = inputs + self.bias
        return self.low * jnp.sum(total, axis=-1), (self.high - self.low) * total

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        probability = jax.nn.sigmoid((self.high - self.low) * (inputs + self.bias))
        above = uniform(key, probability.shape, probability.dtype) < probability
        # Not by `where`: XLA would compute the random numbers once for every use of the states.
        state = above.astype(probability.dtype)
        return state if self.low == 0 else (self.high - self.low) * state + self.low

    def fit_base_rate(self, data: Real[Array, "n N"]) -> Self:
        x = np.asarray(data, dtype=np.float64)
        rate = (((x - self.low) / (self.high - self.low)).sum(axis=0) + 0.5) / (len(x) + 1.0)
        return self._with_bias((np.log(rate) - np.log1p(-rate)) / (self.high - self.low))

    @classmethod
    def zeros(cls, size: int) -> Self:
        return cls(np.zeros(size))  # type: ignore[call-arg]

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        return (x != self.low) & (x != self.high)

    def _outside_expected(self, x: np.ndarray) -> np.ndarray:
        return (x < self.low) | (x > self.high)


@units
class Binary(TwoStates):
    """Units x in {0, 1} with energy(x) = -sum_i bias_i x_i.

    p(x_i = 1 | inputs) = 1 / (1 + exp(-(inputs_i + bias_i))), the logistic sigmoid of the unit's total input.

    Args:
        bias: `[N]`.
    """

    bias: Any

    name: ClassVar[str] = "binary"
    symbols: ClassVar[str | None] = "01"
    low, high = 0, 1

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jax.nn.softplus(inputs + self.bias)

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jax.nn.sigmoid(inputs + self.bias)

    def _domain(self) -> str:
        return "is 0 or 1 (hm.data.binarize makes such values of gray levels; gaussian units take any)"


@units
class Spin(TwoStates):
    """Units x in {-1, +1} with energy(x) = -sum_i bias_i x_i; E[x_i | inputs] = tanh(inputs_i + bias_i).

    Args:
        bias: `[N]`.
    """

    bias: Any

    name: ClassVar[str] = "spin"
    symbols: ClassVar[str | None] = "-+"
    low, high = -1, 1

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        # ln 2 cosh y, without forming e^|y|
        total = inputs + self.bias
        return jax.nn.softplus(2 * total) - total

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jnp.tanh(inputs + self.bias)

    def _domain(self) -> str:
        return "is -1 or +1"
