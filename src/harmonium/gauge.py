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
import numpy as np
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._numerics import float64, own_dtype, to_float64
from harmonium._types import Array, ArrayLike
from harmonium.model import RBM
from harmonium.units import Binary, Spin, Units

__all__ = ["rescale", "to_binary", "to_spin", "zero_sum"]

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

    Args:
        rbm: the model.

    Raises:
        InputError: the model is malformed.

    Reference: M. Ekeberg and others, "Improved contact prediction in proteins", Phys. Rev. E 87 (2013), section II (for Potts
    models).

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Categorical([1, 3], levels=(2,)), hm.Binary([0]), [[1], [2]])
        >>> hm.gauge.zero_sum(rbm).visible.bias
        array([-1.,  1.])
    """
    return _in_both_layers(_zero_sum_of_visible, rbm)


def _in_both_layers(change_visible: Callable[[RBM], RBM], rbm: RBM) -> RBM:
    return model.transpose(change_visible(model.transpose(change_visible(rbm))))


def _zero_sum_of_visible(rbm: RBM) -> RBM:
    units, starts, widths = rbm.visible, rbm.visible.boundaries[:-1], np.diff(rbm.visible.boundaries)
    # Where one column of a unit is 1 in every state, any state sends the same constant.
    is_one_hot = [table is not None and bool((table.sum(axis=1) == 1).all()) for table in units.unit_tables]
    weights, bias = (
        np.repeat(np.where(is_one_hot, np.add.reduceat(x, starts, axis=-1) / widths, 0), widths, axis=-1).T
        for x in (np.asarray(rbm.weights).T, np.asarray(units.bias))
    )
    return RBM(units.add_field(-bias), rbm.hidden.add_field(units.zero_state @ weights), rbm.weights - weights)


@_on_host
def to_spin(rbm: RBM) -> RBM:
    """The RBM with every binary unit replaced by a spin: 0 becomes -1, and 1 becomes +1.

    Args:
        rbm: the model.

    Raises:
        InputError: the model is malformed.

    Example:
        >>> import harmonium as hm
        >>> hm.gauge.to_spin(hm.RBM(hm.Binary([0]), hm.Binary([0]), [[4]])).weights
        array([[1.]])
    """
    return _in_both_layers(lambda half: _replace_kind(half, Binary, Spin, 0.5, 0.5), rbm)


@_on_host
def to_binary(rbm: RBM) -> RBM:
    """The RBM with every spin replaced by a binary unit: -1 becomes 0, and +1 becomes 1.

    Args:
        rbm: the model.

    Raises:
        InputError: the model is malformed.

    Example:
        >>> import harmonium as hm
        >>> hm.gauge.to_binary(hm.RBM(hm.Spin([0]), hm.Spin([0]), [[1]])).weights
        array([[4.]])
    """
    return _in_both_layers(lambda half: _replace_kind(half, Spin, Binary, -1.0, 2.0), rbm)


@_on_host
def rescale(rbm: RBM, center: ArrayLike, scale: ArrayLike) -> RBM:
    """The RBM of y where v = center + scale y, `[V]` each; columns of binary, spin and categorical units cannot change.

    From an RBM of standardized values y = (v - m) / s, `rescale(rbm, -m / s, 1 / s)` is that of v.

    Args:
        rbm: the model.
        center: `[V]`.
        scale: `[V]`, above zero.

    Raises:
        InputError: the model is malformed, center or scale are not `[V]` finite numbers, a scale is not positive, or a column
            cannot be moved or scaled so.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Gaussian([0], [1]), hm.Binary([0]), [[1]])
        >>> hm.gauge.rescale(rbm, [0], [10]).weights
        array([[10.]])
    """
    pair = ((center, "center"), (scale, "scale"))
    c, s = (_checks.finite_array(value, name, (rbm.visible.size,)).astype(np.float64) for value, name in pair)
    return _substitute(rbm, rbm.visible.rescale(c, s), c, s)


def _substitute(rbm: RBM, visible: Units, c: Float[Array, " V"], s: Float[Array, " V"]) -> RBM:
    """The RBM of y with these visible units, where v = c + s y."""
    return RBM(visible, rbm.hidden.add_field(c @ rbm.weights), s[:, None] * rbm.weights)


def _replace_kind(rbm: RBM, kind: type[Binary | Spin], other: type[Binary | Spin], c: float, s: float) -> RBM:
    """The RBM whose visible units of one kind are of another, where v = c + s y; everything else in a mixed layer stays."""
    units = rbm.visible
    replaced = jax.tree.map(
        lambda layer: other(s * layer.bias) if isinstance(layer, kind) else layer, units, is_leaf=lambda x: isinstance(x, kind)
    )
    is_kind = [isinstance(units.at(column), kind) for column in range(units.size)]
    return _substitute(rbm, replaced, np.where(is_kind, c, 0), np.where(is_kind, s, 1))
