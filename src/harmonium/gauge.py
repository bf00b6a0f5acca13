"""The same machine by other parameters: every difference of free energies, and so the distribution, stays what it was.

With v = c + s y for new visible values y (each column by itself), v . W h = y . (s W) h + (c . W) h: the weights are scaled and
the hidden units shifted. Everything here is that, or a constant that no probability sees. Machines come back on the host, in
their own precision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import model
from harmonium._checks import numeric_array
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.units import Binary, Mixed, Spin, Units

Substitution = Callable[[Units], tuple[Units, Any, Any]]
"""A layer of x to the layer of y, with c and s `[N]` of x = c + s y."""


def _on_host(function: Callable[..., RBM]) -> Callable[..., RBM]:
    """Checked, computed in float64, returned as arrays of the machine's own type."""

    @wraps(function)
    def called(rbm: RBM, *arguments: Any) -> RBM:
        own = np.result_type(*jax.tree.leaves(model.validate(rbm)), np.float32)
        with jax.enable_x64(True):
            found = function(jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), rbm), *arguments)
            return jax.tree.map(lambda leaf: np.asarray(leaf, own), found)

    return called


@_on_host
def zero_sum(rbm: RBM) -> RBM:
    """The machine with the biases of each categorical unit, and the weights from its columns to any one, adding up to zero.

    Only so can a unit's parameters be read one by one, or compared between machines. Training needs no gauge to be chosen: a
    gradient in centered variables already adds up to zero over a unit's columns.

    Reference: M. Ekeberg and others, "Improved contact prediction in proteins", Phys. Rev. E 87 (2013), section II (for Potts
    models).
    """
    half = _zero_sum_of_visible(rbm)
    return model.transpose(_zero_sum_of_visible(model.transpose(half)))


def _zero_sum_of_visible(rbm: RBM) -> RBM:
    constant = rbm.visible.gauge(rbm.weights.T).T
    # One column of every unit is 1, so any state sends the same.
    hidden = rbm.hidden.add_field(rbm.visible.zero_state @ constant)
    return RBM(rbm.visible.add_field(-rbm.visible.gauge(rbm.visible.bias)), hidden, rbm.weights - constant)


@_on_host
def to_spin(rbm: RBM) -> RBM:
    """The machine with every binary unit as a spin: 0 is -1 and 1 is +1."""
    return _substituted(rbm, lambda units: _each_kind(units, Binary, lambda bias: Spin(bias / 2), 0.5, 0.5))


@_on_host
def to_binary(rbm: RBM) -> RBM:
    """The machine with every spin as a binary unit: -1 is 0 and +1 is 1."""
    return _substituted(rbm, lambda units: _each_kind(units, Spin, lambda bias: Binary(2 * bias), -1.0, 2.0))


def rescaled(rbm: RBM, center: Any, scale: Any) -> RBM:
    """The machine of y where v = center + scale y, `[V]` each; the columns of binary, spin and categorical units cannot change.

    A machine of v from one of standardized values y = (v - m) / s is `rescaled(rbm, -m / s, 1 / s)`.

    Raises:
        InputError: no numbers `[V]`, a scale that is not positive, or a column that cannot be moved or scaled so.
    """
    size = model.validate(rbm).visible.size
    found = []
    for value, what in ((center, "center"), (scale, "scale")):
        array = numeric_array(value, what).astype(np.float64)
        if array.shape != (size,) or not np.isfinite(array).all():
            raise InputError(f"{what} must be {size} finite numbers, one a visible column")
        found.append(array)
    return _rescaled(rbm, *found)


@_on_host
def _rescaled(rbm: RBM, center: Any, scale: Any) -> RBM:
    return _of_visible(rbm, lambda units: (units.rescaled(center, scale), center, scale))


def _substituted(rbm: RBM, substitution: Substitution) -> RBM:
    """Both layers substituted."""
    half = _of_visible(rbm, substitution)
    return model.transpose(_of_visible(model.transpose(half), substitution))


def _of_visible(rbm: RBM, substitution: Substitution) -> RBM:
    visible, c, s = substitution(rbm.visible)
    return RBM(visible, rbm.hidden.add_field(c @ rbm.weights), s[:, None] * rbm.weights)


def _each_kind(units: Units, kind: type[Units], make: Callable[[Any], Units], c: float, s: float) -> tuple[Units, Any, Any]:
    """The units of one kind, with a bias alone, as others; all else in a mixed layer stays."""
    if isinstance(units, Mixed):
        parts = [_each_kind(part, kind, make, c, s) for part in units.parts]
        layers, centers, scales = zip(*parts, strict=True)
        return Mixed(layers), jnp.concatenate(centers), jnp.concatenate(scales)
    if isinstance(units, kind):
        return make(units.bias), np.full(units.size, c), np.full(units.size, s)
    return units, np.zeros(units.size), np.ones(units.size)
