"""The gradient of any estimator in centered variables."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Float, Real

from harmonium import _checks
from harmonium._types import Array, Key
from harmonium.gradients.estimator import Estimator, Terms, state_axes
from harmonium.model import RBM
from harmonium.units import Units

SMOOTHING = 0.01
"""The weight of the latest batch in the running offsets."""


class Centered(NamedTuple):
    """The offsets of a centered gradient, and the state of the estimator inside.

    Attributes:
        visible: means of the visible units.
        hidden: means of the hidden units.
        inner: the state of the estimator inside.
    """

    visible: Float[Array, "visible"]
    hidden: Float[Array, "hidden"]
    inner: Any

    def axes(self) -> Centered:
        """The names of every array's axes."""
        return Centered("visible", "hidden", state_axes(self.inner))  # type: ignore[arg-type]


def centered(estimator: Estimator) -> Estimator:
    """The gradient of `estimator` in the centered parametrization, with m and n the running means of v and h under the data:

        dW = <(v - m)(h - n)^T>_data - <(v - m)(h - n)^T>_model,    da = <v>_data - <v>_model - dW n,    db likewise with m

    Its energy is that of an RBM in v - m and h - n. The distribution is the same, and following this direction no longer
    depends on whether a unit's state is called 0 or 1. The direction is a positive definite transformation of the gradient, so
    it vanishes where that does. Hidden units of unbounded values are not centered: their n is zero.

    Args:
        estimator: the one whose terms are centered, such as `pcd(1, 500)`.

    Raises:
        InputError: `estimator` is no estimator.

    References: G. Montavon and K.-R. Mueller, "Deep Boltzmann machines and the centering trick", 2012; J. Melchior,
    A. Fischer and L. Wiskott, "How to center deep Boltzmann machines", JMLR 17 (2016), section 4 (offsets from the data).

    Example:
        >>> import harmonium as hm
        >>> estimator = hm.centered(hm.pcd(1, chains=100))
    """
    return _centered(_checks.instance(estimator, Estimator, "estimator", "an estimator such as harmonium.pcd()"))


@cache
def _centered(estimator: Estimator) -> Estimator:
    def init(key: Key, rbm: RBM) -> Centered:
        m, n = (layer.mean(jnp.zeros(layer.size, layer.bias.dtype)) for layer in (rbm.visible, rbm.hidden))
        return Centered(m, _bounded_only(rbm.hidden, n), estimator.init(key, rbm))

    def gradient(
        key: Key, rbm: RBM, state: Centered, v: Float[Array, "rows visible"], *weights: Real[Array, " rows"] | None
    ) -> tuple[RBM, Centered, Terms]:
        slope, inner, terms = estimator.gradient(key, rbm, state.inner, v, *weights)
        positive = (terms.positive.visible.bias, terms.positive.hidden.bias)
        m, n = (old + SMOOTHING * (new - old) for old, new in zip(state[:2], positive, strict=True))
        n = _bounded_only(rbm.hidden, n)
        dv, dh = slope.visible.bias, slope.hidden.bias
        # The offsets are multiplied out: no product of matrices is needed beyond those of the gradient itself.
        visible = slope.visible.add_field(m * (dh @ n) + dv * (n @ n) - slope.weights @ n)
        hidden = slope.hidden.add_field((m @ m) * dh + (m @ dv) * n - m @ slope.weights)
        slope = RBM(visible, hidden, slope.weights - m[:, None] * dh - dv[:, None] * n)
        return slope, Centered(m, n, inner), terms

    return Estimator(init, gradient)


def _bounded_only(hidden: Units, offsets: Float[Array, "hidden"]) -> Float[Array, "hidden"]:
    """The offsets of hidden units with bounded values, zero for the others: a step grows with their squares, and the means of
    unbounded units, which are on no scale of their own, can run away with it."""
    return offsets if hidden.bounded else jnp.where(jnp.isinf(hidden.curvature), offsets, 0)
