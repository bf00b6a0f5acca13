"""Gaussian units: each column is any real number."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from harmonium.random import normal
from harmonium.units.base import Units, units
from harmonium.units.precisions import not_positive, rescaled_precision, stepped_precision, variance_of


@units
class Gaussian(Units):
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

    @property
    def size(self) -> int:
        return int(self.bias.shape[-1])

    def energy(self, x: Any) -> Any:
        return jnp.sum((self.precision * x / 2 - self.bias) * x, axis=-1)

    def log_normalizer_terms(self, inputs: Any) -> Any:
        return ((inputs + self.bias) ** 2 / self.precision - jnp.log(self.precision) + np.log(2 * np.pi)) / 2

    def mean(self, inputs: Any) -> Any:
        return (inputs + self.bias) / self.precision

    def sample(self, key: Any, inputs: Any) -> Any:
        mean = self.mean(inputs)
        return mean + normal(key, mean.shape, mean.dtype) / jnp.sqrt(self.precision)

    def statistics(self, x: Any) -> Gaussian:
        return Gaussian(x, -(x**2) / 2)

    def moments(self, inputs: Any) -> Gaussian:
        mean = self.mean(inputs)
        return Gaussian(mean, -(mean**2 + 1 / self.precision) / 2)

    @property
    def linear(self) -> Any:
        return self.bias

    def add_field(self, by: Any) -> Gaussian:
        return Gaussian(self.bias + by, self.precision)

    def flat(self) -> Gaussian:
        return self

    @property
    def curvature(self) -> Any:
        return self.precision

    @property
    def bounded(self) -> bool:
        return False

    def apply_update(self, by: Gaussian, hold_scale: bool = False) -> Gaussian:
        precision = self.precision if hold_scale else stepped_precision(self.precision, by.precision)
        return Gaussian(self.bias + by.bias, precision)

    def rescaled(self, center: Any, scale: Any) -> Gaussian:
        bias = (self.bias - self.precision * center) * scale
        return Gaussian(bias, rescaled_precision(self.precision, scale))

    def fit_base_rate(self, data: Any) -> Gaussian:
        x = np.asarray(data, dtype=np.float64)
        variance = variance_of(x)
        return Gaussian(x.mean(axis=0) / variance, 1 / variance)

    @classmethod
    def zeros(cls, size: Any) -> Gaussian:
        return cls(np.zeros(size), np.ones(size))

    def validation_error(self) -> str | None:
        return not_positive(self.bias, precision=self.precision)

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(x.shape, dtype=bool)

    def _domain(self) -> str:
        return "is any finite number"
