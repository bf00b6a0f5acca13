"""Rectified linear units: each column is zero or above."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from harmonium.errors import InputError
from harmonium.units import truncated
from harmonium.units.base import Units, units
from harmonium.units.precisions import not_positive, rescaled_precision, stepped_precision


@units
class ReLU(Units):
    """Units x >= 0 with energy(x) = sum_i precision_i x_i^2 / 2 - bias_i x_i.

    p(x_i | inputs) is the normal law of mean (inputs_i + bias_i) / precision_i and variance 1 / precision_i, cut off at zero.

    Args:
        bias: `[N]`. precision: `[N]`, above zero; learned like any parameter.

    Reference: J. Tubiana and R. Monasson, "Emergence of compositional representations in restricted Boltzmann machines", Phys.
    Rev. Lett. 118 (2017). (Not the noisy rectified units of V. Nair and G. Hinton, ICML 2010, which have no energy.)
    """

    bias: Any
    precision: Any

    name: ClassVar[str] = "relu"

    @property
    def size(self) -> int:
        return int(self.bias.shape[-1])

    def energy(self, x: Any) -> Any:
        return jnp.sum((self.precision * x / 2 - self.bias) * x, axis=-1)

    def log_normalizer_terms(self, inputs: Any) -> Any:
        return truncated.log_normalizer(self._standard(inputs)) - jnp.log(self.precision) / 2

    def mean(self, inputs: Any) -> Any:
        return truncated.mean(self._standard(inputs)) / jnp.sqrt(self.precision)

    def sample(self, key: Any, inputs: Any) -> Any:
        return truncated.sample(key, self._standard(inputs)) / jnp.sqrt(self.precision)

    def statistics(self, x: Any) -> ReLU:
        return ReLU(x, -(x**2) / 2)

    def moments(self, inputs: Any) -> ReLU:
        first, second = truncated.moments(self._standard(inputs))
        return ReLU(first / jnp.sqrt(self.precision), -second / self.precision / 2)

    @property
    def linear(self) -> Any:
        return self.bias

    def add_field(self, by: Any) -> ReLU:
        return ReLU(self.bias + by, self.precision)

    def flat(self) -> ReLU:
        return self

    @property
    def curvature(self) -> Any:
        return self.precision

    @property
    def bounded(self) -> bool:
        return False

    def apply_update(self, by: ReLU, hold_scale: bool = False) -> ReLU:
        precision = self.precision if hold_scale else stepped_precision(self.precision, by.precision)
        return ReLU(self.bias + by.bias, precision)

    def rescaled(self, center: Any, scale: Any) -> ReLU:
        if np.any(np.asarray(center) != 0):
            raise InputError("the values of relu units cannot be moved, because they begin at zero")
        return ReLU(self.bias * scale, rescaled_precision(self.precision, scale))

    def fit_base_rate(self, data: Any) -> ReLU:
        x = np.asarray(data, dtype=np.float64)
        return ReLU(*fitted_half(x.mean(axis=0), (x**2).mean(axis=0)))

    @classmethod
    def zeros(cls, size: Any) -> ReLU:
        return cls(np.zeros(size), np.ones(size))

    def validation_error(self) -> str | None:
        return not_positive(self.bias, precision=self.precision)

    def _standard(self, inputs: Any) -> Any:
        return (inputs + self.bias) / jnp.sqrt(self.precision)

    @property
    def ranges(self) -> np.ndarray:
        return np.repeat([[0.0], [np.inf]], self.size, axis=1)

    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        return x < 0

    def _domain(self) -> str:
        return "is zero or above"


REACH = 30.0
"""How far from zero, in standard deviations, the center of a fitted law may be."""


def fitted_half(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bias and precision of the cut-off normal laws with these first and second moments, `[N]`, or the nearest there are.

    E[y^2] / E[y]^2 falls from 2 (the exponential law) to 1 as s rises, so s is found by bisection.
    """
    least = 1e-3 * (first.mean() or 1.0)
    wanted = np.where(first < least, 2.0, second / np.maximum(first, least) ** 2)
    first = np.maximum(first, least)
    low, high = np.full_like(first, -REACH), np.full_like(first, REACH)
    with jax.enable_x64(True):
        for _ in range(60):
            middle = (low + high) / 2
            mean, square = (np.asarray(moment) for moment in truncated.moments(middle))
            too_low = square / mean**2 > wanted
            low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
        root = np.asarray(truncated.mean(low)) / first
    return low * root, root**2
