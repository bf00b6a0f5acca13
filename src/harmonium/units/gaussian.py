"""Gaussian units: each column is any real number."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium._types import Array, Key, Result
from harmonium.random import normal
from harmonium.units.base import units
from harmonium.units.quadratic import Quadratic, rescaled_precision, variance_of


@units
class Gaussian(Quadratic):
    """Real units with energy(x) = sum_i precision_i x_i^2 / 2 - bias_i x_i.

    p(x_i | inputs) is normal with mean (inputs_i + bias_i) / precision_i and variance 1 / precision_i.

    Args:
        bias: `[N]`. precision: `[N]`, above zero; learned like any parameter.

    Reference: M. Welling, M. Rosen-Zvi and G. Hinton, NIPS 2004, section 2; for the learned precision K. Cho, A. Ilin and
    T. Raiko, "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines", ICANN 2011.
    """

    bias: Any
    precision: Any

    name: ClassVar[str] = "gaussian"

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return ((inputs + self.bias) ** 2 / self.precision - jnp.log(self.precision) + np.log(2 * np.pi)) / 2

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return (inputs + self.bias) / self.precision

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        mean = self.mean(inputs)
        return mean + normal(key, mean.shape, mean.dtype) / jnp.sqrt(self.precision)

    def moments(self, inputs: Real[Array, "*batch N"]) -> Gaussian:
        mean = self.mean(inputs)
        return Gaussian(mean, -(mean**2 + 1 / self.precision) / 2)

    def rescaled(self, center: Real[Array, " N"], scale: Real[Array, " N"]) -> Gaussian:
        bias = (self.bias - self.precision * center) * scale
        return Gaussian(bias, rescaled_precision(self.precision, scale))

    def fit_base_rate(self, data: Real[Array, "n N"]) -> Gaussian:
        x = np.asarray(data, dtype=np.float64)
        variance = variance_of(x)
        return Gaussian(x.mean(axis=0) / variance, 1 / variance)

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(x.shape, dtype=bool)

    def _domain(self) -> str:
        return "is any finite number"
