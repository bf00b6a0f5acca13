"""Gradient ascent on the penalized mean log likelihood, as optax transformations."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import jax.numpy as jnp
import optax

from harmonium import _checks
from harmonium.model import RBM


def l1(strength: float) -> optax.GradientTransformation:
    """Add the slope of strength * sum_ij |w_ij| to the descent direction; the biases are free.

    The objective is then the mean ln p(v) minus that sum: with n rows, a Laplace prior of scale 1 / (n strength) on every
    weight. It is chained before an optimizer: `optax.chain(l1(1e-4), optax.sgd(0.1))`.

    Raises:
        InputError: the strength is not a positive number.

    Reference: R. Tibshirani, JRSS B 58 (1996).
    """
    strength = _checks.positive(strength, "strength")

    def add(descent: RBM, rbm: RBM) -> RBM:
        return replace(descent, weights=descent.weights + strength * jnp.sign(rbm.weights))

    return optax.stateless(add)


@lru_cache(maxsize=64)
def gradient_ascent(learning_rate: float, momentum: float = 0.0, penalty: float = 0.0) -> optax.GradientTransformation:
    """Ascent with the given rate and momentum under an l1 penalty of that strength.

    Equal settings give the same object, so that what is compiled for it serves again.
    """
    # No momentum rather than one of 0, which would keep an array as large as the weights for nothing.
    ascent = optax.sgd(learning_rate, momentum=momentum or None)
    return optax.chain(l1(penalty), ascent) if penalty else ascent
