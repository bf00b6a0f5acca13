"""Gradient ascent on the penalized mean log likelihood, as optax transformations."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from harmonium import _checks
from harmonium.model import RBM


def add_l1(descent: RBM, rbm: RBM, strength: Float[Array, ""] | float) -> RBM:
    """The descent direction plus the slope of strength * sum_ij |w_ij|; the biases are free (traceable)."""
    return replace(descent, weights=descent.weights + strength * jnp.sign(rbm.weights))


def l1(strength: float) -> optax.GradientTransformation:
    """Add the slope of strength * sum_ij |w_ij| to the descent direction; the biases are free.

    The objective is then the mean ln p(v) minus that sum: with n rows, a Laplace prior of scale 1 / (n strength) on every
    weight. It is chained before an optimizer: `optax.chain(l1(1e-4), optax.sgd(0.1))`.

    Raises:
        InputError: the strength is not a positive number.

    Reference: R. Tibshirani, JRSS B 58 (1996).
    """
    return optax.stateless(partial(add_l1, strength=_checks.positive(strength, "strength")))


@lru_cache(maxsize=64)
def gradient_ascent(momentum: float = 0.0) -> optax.GradientTransformation:
    """Ascent at a rate of 1 with the given momentum: the update scales it, so that another rate compiles nothing anew.

    Equal settings give the same object, so that what is compiled for it serves again.
    """
    # No momentum rather than one of 0, which would keep an array as large as the weights for nothing.
    return optax.sgd(1.0, momentum=momentum or None)
