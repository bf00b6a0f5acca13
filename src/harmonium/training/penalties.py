"""Penalties on the weights, as optax transformations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import optax

from harmonium import _checks
from harmonium.model import RBM


def l1(strength: float) -> optax.GradientTransformation:
    """Add the slope of strength * sum_ij |w_ij| to the descent direction; the biases are free.

    The objective is then the mean ln p(v) minus that sum, which is what a Laplace prior of scale 1 / (n strength) on every
    weight comes to with n rows. To be chained before an optimizer: `optax.chain(l1(1e-4), optax.sgd(0.1))`.

    Raises:
        InputError: the strength is not a positive number.

    Reference: R. Tibshirani, JRSS B 58 (1996).
    """
    strength = _checks.positive(strength, "strength")

    def add(descent: RBM, rbm: Any) -> RBM:
        return replace(descent, weights=descent.weights + strength * jnp.sign(rbm.weights))

    return optax.stateless(add)
