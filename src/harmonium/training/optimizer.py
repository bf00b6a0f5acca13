"""Gradient ascent on the penalized mean log likelihood, as optax transformations."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from harmonium import _checks
from harmonium.gradients import Centered
from harmonium.model import RBM


def add_l1(descent: RBM, rbm: RBM, strength: Float[Array, ""] | float, estimator: Any = None) -> RBM:
    """The descent direction plus the slope of strength * sum_ij |w_ij|; the biases are free (traceable).

    Args:
        estimator: the state of the estimator that the direction is from. If that is centered, the slope is transformed alike:
            else the direction would vanish where the objective is not largest, and the means of units would not be the data's.
    """
    slope = strength * jnp.sign(rbm.weights)
    visible, hidden = descent.visible, descent.hidden
    if isinstance(estimator, Centered):
        visible, hidden = visible.add_field(-slope @ estimator.hidden), hidden.add_field(-estimator.visible @ slope)
    return RBM(visible, hidden, descent.weights + slope)


def l1(strength: float) -> optax.GradientTransformation:
    """Add the slope of strength * sum_ij |w_ij| to the descent direction; the biases are free.

    The objective is then the mean ln p(v) minus that sum: with n rows, a Laplace prior of scale 1 / (n strength) on every
    weight. It is chained before an optimizer: `optax.chain(l1(1e-4), optax.sgd(0.1))`. It does not know of a centered gradient:
    train with `centered=False`, or else the direction is zero elsewhere.

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
