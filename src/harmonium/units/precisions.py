"""What kinds with precisions share: how a precision is fitted, stays above zero, and is told not to be."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium.errors import InputError

LEAST_SHARE = 1e-3
"""A column that hardly varies is taken to vary by this share of what columns vary on average: no precision is infinite."""
SMALLEST, LARGEST = 1e-6, 1e6
"""Between these a learned precision stays: their squares and roots are well within float32."""


def stepped_precision(precision: Any, step: Any) -> Any:
    """The precision after a step, at least half and at most twice what it was.

    A precision below zero has no law, and the slope by it goes with the variance, the inverse: a full step from a small
    precision would leap to the other side of the best one.
    """
    return jnp.clip(precision + jnp.clip(step, -precision / 2, precision), SMALLEST, LARGEST)


def rescaled_precision(precision: Any, scale: Any) -> Any:
    """The precision of x / scale."""
    if not np.all(np.asarray(scale) > 0):
        raise InputError("scale must be positive in every column")
    return precision * np.asarray(scale) ** 2


def variance_of(x: np.ndarray) -> np.ndarray:
    """The variance of each column of `x [n, N]`, with a floor for those that hardly vary; `[N]`."""
    variance = x.var(axis=0)
    return np.maximum(variance, LEAST_SHARE * (variance.mean() or 1.0))


def not_positive(bias: Any, **precisions: Any) -> str | None:
    """What is wrong with precisions (or other parameters beside a bias), if anything; of a tracer, only its shape."""
    for name, value in precisions.items():
        if value.shape != bias.shape:
            return f"{name} has {value.size} values, but bias has {bias.size}"
        if not isinstance(value, jax.core.Tracer) and not (np.asarray(value) > 0).all():
            column = int(np.flatnonzero(~(np.asarray(value) > 0))[0])
            return f"{name} must be above zero, but is {np.asarray(value)[column]:g} in column {column + 1}"
    return None
