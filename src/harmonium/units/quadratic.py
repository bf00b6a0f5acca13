"""What kinds of units with a precision have in common: how it is fitted, and how it stays above zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium._types import Array, Result
from harmonium.errors import InputError
from harmonium.units.base import Units

LEAST_FRACTION = 1e-3
"""A column that hardly varies counts as varying by this fraction of the columns' average: no precision is infinite."""
MIN_PRECISION, MAX_PRECISION = 1e-6, 1e6
"""The range of a learned precision: its squares and roots are well within float32."""


class Quadratic(Units):
    """Units with energy(x) = sum_i precision_i x_i^2 / 2 - bias_i x_i; abstract."""

    precision: Any

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        return jnp.sum((self.precision * x / 2 - self.bias) * x, axis=-1)

    def statistics(self, x: Real[Array, "*batch N"]) -> Self:
        return type(self)(x, -(x**2) / 2)  # type: ignore[call-arg]

    def add_field(self, by: Real[Array, "*batch N"]) -> Self:
        return replace(self, bias=self.bias + by)  # type: ignore[type-var]

    def infinite_temperature(self) -> Self:
        return self

    @property
    def curvature(self) -> Float[Result, " N"]:
        return self.precision

    @property
    def bounded(self) -> bool:
        return False

    def apply_update(self, by: Self, hold_scale: bool = False) -> Self:
        precision = self.precision if hold_scale else update_precision(self.precision, by.precision)
        return type(self)(self.bias + by.bias, precision)  # type: ignore[call-arg]

    @classmethod
    def zeros(cls, size: int) -> Self:
        return cls(np.zeros(size), np.ones(size))  # type: ignore[call-arg]

    def validation_error(self) -> str | None:
        return precision_error(self.bias, precision=self.precision)


def update_precision(precision: Float[Array, " N"], step: Float[Array, " N"]) -> Float[Result, " N"]:
    """The precision after a step, at least half and at most twice what it was.

    A precision below zero has no distribution, and the slope by it goes with the variance, the inverse: a full step from a
    small precision would leap to the other side of the best one.
    """
    return jnp.clip(precision + jnp.clip(step, -precision / 2, precision), MIN_PRECISION, MAX_PRECISION)


def rescaled_precision(precision: Float[Array, " N"], scale: Real[Array, " N"]) -> Float[Result, " N"]:
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
