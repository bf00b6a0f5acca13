"""Units with a precision: gaussian and rectified linear ones; how a precision is fitted, and how it stays above zero."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium._numerics import float64
from harmonium._types import Array, Key, Result
from harmonium.errors import InputError
from harmonium.random import normal
from harmonium.units import truncated
from harmonium.units.base import Units, units

LEAST_FRACTION = 1e-3
"""A column that hardly varies counts as varying by this fraction of the columns' average: no precision is infinite."""
MIN_PRECISION, MAX_PRECISION = 1e-6, 1e6
"""The range of a learned precision: its squares and roots are well within float32."""
MAX_CENTER = 30.0
"""How far from zero, in standard deviations, the center of a fitted truncated distribution may be."""


class Quadratic(Units):
    """Units with energy(x) = sum_i precision_i x_i^2 / 2 - bias_i x_i; abstract."""

    precision: Any

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        return jnp.sum((self.precision * x / 2 - self.bias) * x, axis=-1)

    def statistics(self, x: Real[Array, "*batch N"]) -> Self:
        return type(self)(x, -(x**2) / 2)  # type: ignore[call-arg]

    @property
    def curvature(self) -> Float[Result, " N"]:
        return self.precision

    def apply_update(self, by: Self, hold_scale: bool = False) -> Self:
        precision = self.precision if hold_scale else update_precision(self.precision, by.precision)
        return type(self)(self.bias + by.bias, precision)  # type: ignore[call-arg]

    def rescale(self, center: Real[Array, " N"], scale: Real[Array, " N"]) -> Self:
        bias = (self.bias - self.precision * center) * scale
        return type(self)(bias, rescale_precision(self.precision, scale))  # type: ignore[call-arg]

    @classmethod
    def zeros(cls, size: int) -> Self:
        return cls(np.zeros(size), np.ones(size))  # type: ignore[call-arg]

    def validation_error(self) -> str | None:
        return precision_error(self.bias, precision=self.precision)


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

    def fit_base_rate(self, data: Real[Array, "n N"]) -> Gaussian:
        x = np.asarray(data, dtype=np.float64)
        variance = variance_of(x)
        return Gaussian(x.mean(axis=0) / variance, 1 / variance)


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

    def rescale(self, center: Real[Array, " N"], scale: Real[Array, " N"]) -> ReLU:
        if np.any(np.asarray(center) != 0):
            raise InputError("the values of relu units cannot be moved, because they begin at zero")
        return super().rescale(center, scale)

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


# ---- precisions


def update_precision(precision: Float[Array, " N"], step: Float[Array, " N"]) -> Float[Result, " N"]:
    """The precision after a step, at least half and at most twice what it was.

    A precision below zero has no distribution, and the slope by it goes with the variance, the inverse: a full step from a
    small precision would leap to the other side of the best one.
    """
    return jnp.clip(precision + jnp.clip(step, -precision / 2, precision), MIN_PRECISION, MAX_PRECISION)


def rescale_precision(precision: Float[Array, " N"], scale: Real[Array, " N"]) -> Float[Result, " N"]:
    """The precision of x / scale.

    Raises:
        InputError: a scale is not positive.
    """
    if not np.all(np.asarray(scale) > 0):
        raise InputError("scale must be positive in every column")
    return precision * np.asarray(scale) ** 2


def variance_of(x: Float[np.ndarray, "n N"]) -> Float[np.ndarray, " N"]:
    """The variance of each column, with a floor for columns that hardly vary."""
    variance = x.var(axis=0)
    return np.maximum(variance, LEAST_FRACTION * (variance.mean() or 1.0))


def precision_error(bias: Any, **precisions: Any) -> str | None:
    """What is wrong with precisions beside a bias, if anything; of a tracer, only its shape is looked at."""
    for name, value in precisions.items():
        if value.shape != bias.shape:
            return f"{name} has {value.size} values, but bias has {bias.size}"
        if isinstance(value, jax.core.Tracer):
            continue
        array = np.asarray(value)
        # Below the root of the smallest number the variances would overflow.
        least = float(np.sqrt(np.finfo(array.dtype if array.dtype.kind == "f" else np.float64).tiny))
        if not (array > least).all():
            column = int(np.flatnonzero(~(array > least))[0])
            limit = "above zero" if array[column] <= 0 else f"at least {least:.0e}"
            return f"{name} must be {limit}, but is {array[column]:g} in column {column + 1}"
    return None
