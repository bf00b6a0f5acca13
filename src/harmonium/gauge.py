"""The same model by other parameters: every difference of free energies, and so the distribution, is unchanged.

With v = c + s y for new visible values y (column by column), v . W h = y . (s W) h + (c . W) h: the weights are scaled and the
hidden units get a field. Everything here is that, or a constant that no probability depends on. The RBMs returned are on the
host, in the given model's precision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._numerics import float64, own_dtype, to_float64
from harmonium._types import Array, ArrayLike
from harmonium.model import RBM
from harmonium.units import Binary, Mixed, Spin, Units

Parameters = ParamSpec("Parameters")


def _on_host(
    function: Callable[Concatenate[RBM, Parameters], RBM],
) -> Callable[Concatenate[RBM, Parameters], RBM]:
    """The function, with its model validated, computed in float64 and returned in the model's own precision."""

    @wraps(function)
    def wrapper(rbm: RBM, *args: Parameters.args, **kwargs: Parameters.kwargs) -> RBM:
        dtype = own_dtype(model.validate(rbm))
        with float64(), np.errstate(all="ignore"):  # what comes out is validated
            result = function(to_float64(rbm), *args, **kwargs)
            return model.validate(jax.tree.map(lambda leaf: np.asarray(leaf, dtype), result))

    return wrapper  # type: ignore[return-value]  # functools.wraps names its first parameter


@_on_host
def zero_sum(rbm: RBM) -> RBM:
    """The RBM in which the biases of each categorical unit, and the weights from its columns to any other, add up to zero.

    A unit's parameters can be read one by one, or compared between models, in this gauge alone. Training needs no choice of
    gauge: a gradient in centered variables already adds up to zero over a unit's columns.

    Raises:
        InputError: the model is malformed.

    Reference: M. Ekeberg and others, "Improved contact prediction in proteins", Phys. Rev. E 87 (2013), section II (for Potts
    models).
    """
    return _in_both_layers(_zero_sum_of_visible, rbm)


def _in_both_layers(change_visible: Callable[[RBM], RBM], rbm: RBM) -> RBM:
    return model.transpose(change_visible(model.transpose(change_visible(rbm))))


def _zero_sum_of_visible(rbm: RBM) -> RBM:
    constant = rbm.visible.gauge(rbm.weights.T).T
    # One column of every unit is 1, so any state sends the same.
    hidden = rbm.hidden.add_field(rbm.visible.zero_state @ constant)
    return RBM(rbm.visible.add_field(-rbm.visible.gauge(rbm.visible.bias)), hidden, rbm.weights - constant)


@_on_host
def to_spin(rbm: RBM) -> RBM:
    """The RBM with every binary unit replaced by a spin: 0 becomes -1, and 1 becomes +1.

    Raises:
        InputError: the model is malformed.
    """
    return _in_both_layers(lambda half: _substitute(half, *_replace_kind(half.visible, Binary, Spin, 0.5, 0.5)), rbm)


@_on_host
def to_binary(rbm: RBM) -> RBM:
    """The RBM with every spin replaced by a binary unit: -1 becomes 0, and +1 becomes 1.

    Raises:
        InputError: the model is malformed.
    """
    return _in_both_layers(lambda half: _substitute(half, *_replace_kind(half.visible, Spin, Binary, -1.0, 2.0)), rbm)


@_on_host
def rescale(rbm: RBM, center: ArrayLike, scale: ArrayLike) -> RBM:
    """The RBM of y where v = center + scale y, `[V]` each; columns of binary, spin and categorical units cannot change.

    From an RBM of standardized values y = (v - m) / s, `rescale(rbm, -m / s, 1 / s)` is that of v.

    Raises:
        InputError: the model is malformed, center or scale are not `[V]` finite numbers, a scale is not positive, or a column
            cannot be moved or scaled so.
    """
    pair = ((center, "center"), (scale, "scale"))
    c, s = (_checks.finite_array(value, name, (rbm.visible.size,)).astype(np.float64) for value, name in pair)
    return _substitute(rbm, rbm.visible.rescale(c, s), c, s)


def _substitute(rbm: RBM, visible: Units, c: Float[Array, " V"], s: Float[Array, " V"]) -> RBM:
    """The RBM of y with these visible units, where v = c + s y."""
    return RBM(visible, rbm.hidden.add_field(c @ rbm.weights), s[:, None] * rbm.weights)


def _replace_kind(
    units: Units, kind: type[Binary | Spin], other: type[Binary | Spin], c: float, s: float
) -> tuple[Units, Float[Array, " N"], Float[Array, " N"]]:
    """The units of one kind as those of another, where x = c + s y; everything else in a mixed layer stays."""
    if isinstance(units, Mixed):
        parts = [_replace_kind(part, kind, other, c, s) for part in units.parts]
        layers, centers, scales = zip(*parts, strict=True)
        return Mixed(layers), jnp.concatenate(centers), jnp.concatenate(scales)
    if isinstance(units, kind):
        return other(s * units.bias), np.full(units.size, c), np.full(units.size, s)
    return units, np.zeros(units.size), np.ones(units.size)
