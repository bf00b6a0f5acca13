"""Rectified linear units: each column is zero or above."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium._numerics import float64
from harmonium._types import Array, Key, Result
from harmonium.errors import InputError
from harmonium.units import truncated
from harmonium.units.base import units
from harmonium.units.quadratic import Quadratic, rescaled_precision


@units
class ReLU(Quadratic):
    """Units x >= 0 with energy(x) = sum_i precision_i x_i^2 / 2 - bias_i x_i.

    p(x_i | inputs) is the normal distribution of mean (inputs_i + bias_i) / precision_i and variance 1 / precision_i,
    truncated at zero.

    Args:
        bias: `[N]`. precision: `[N]`, above zero; learned like any parameter.

    Reference: J. Tubiana and R. Monasson, "Emergence of compositional representations in restricted Boltzmann machines", Phys.
    Rev. Lett. 118 (2017). (Not the noisy rectified units of V. Nair and G. Hinton, ICML 2010, which have no energy.)
    """

    bias: Any
    precision: Any

    name: ClassVar[str] = "relu"

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return truncated.log_normalizer(self._standard(inputs)) - jnp.log(self.precision) / 2

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return truncated.mean(self._standard(inputs)) / jnp.sqrt(self.precision)

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return truncated.sample(key, self._standard(inputs)) / jnp.sqrt(self.precision)

    def moments(self, inputs: Real[Array, "*batch N"]) -> ReLU:
        first, second = truncated.moments(self._standard(inputs))
        return ReLU(first / jnp.sqrt(self.precision), -second / self.precision / 2)

    def _standard(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        """The center of the normal distribution before truncation, in standard deviations."""
        return (inputs + self.bias) / jnp.sqrt(self.precision)

    def rescaled(self, center: Real[Array, " N"], scale: Real[Array, " N"]) -> ReLU:
        if np.any(np.asarray(center) != 0):
            raise InputError("the values of relu units cannot be moved, because they begin at zero")
        return ReLU(self.bias * scale, rescaled_precision(self.precision, scale))

    def fit_base_rate(self, data: Real[Array, "n N"]) -> ReLU:
        x = np.asarray(data, dtype=np.float64)
        return ReLU(*_fit_truncated(x.mean(axis=0), (x**2).mean(axis=0)))

    @property
    def ranges(self) -> Float[np.ndarray, "2 N"]:
        return np.repeat([[0.0], [np.inf]], self.size, axis=1)

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        return x < 0

    def _domain(self) -> str:
        return "is zero or above"


MAX_CENTER = 30.0
"""How far from zero, in standard deviations, the center of a fitted distribution may be."""


def _fit_truncated(first: Float[np.ndarray, " N"], second: Float[np.ndarray, " N"]) -> tuple[np.ndarray, np.ndarray]:
    """Bias and precision of the truncated normal distributions with these first and second moments, or the nearest.

    E[y^2] / E[y]^2 falls from 2 (the exponential distribution) to 1 as s rises, so s is found by bisection.
    """
    least = 1e-3 * (first.mean() or 1.0)
    ratio = np.where(first < least, 2.0, second / np.maximum(first, least) ** 2)
    first = np.maximum(first, least)
    low, high = np.full_like(first, -MAX_CENTER), np.full_like(first, MAX_CENTER)
    with float64():
        for _ in range(60):
            middle = (low + high) / 2
            mean, square = (np.asarray(moment) for moment in truncated.moments(jnp.asarray(middle)))
            too_low = square / mean**2 > ratio
            low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
        root = np.asarray(truncated.mean(jnp.asarray(low))) / first
    return low * root, root**2
