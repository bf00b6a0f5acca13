"""The machine: two layers of units and the weights between them.

    E(v, h) = visible.energy(v) + hidden.energy(h) - v . weights . h

The functions here are pure and traceable: they can stand inside `jax.jit`, `jax.grad` and `jax.vmap`, and they check
nothing but shapes. `harmonium.face` has the same functions with their inputs checked and NumPy arrays returned.

Reference: P. Smolensky, "Information processing in dynamical systems: foundations of harmony theory", 1986;
A. Fischer and C. Igel, "Training restricted Boltzmann machines: an introduction", Pattern Recognition 47 (2014), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import pytree
from harmonium.checks import InputError
from harmonium.units import Units


@dataclass(frozen=True, eq=False)
class RBM:
    """A restricted Boltzmann machine, as a value (a pytree).

    Since its energy is linear in its parameters, a gradient, an average of machines and a set of expected sufficient
    statistics are RBMs too, and temperature is a map over its leaves.

    Args:
        visible: units of V columns.
        hidden: units of H columns.
        weights: `[V, H]`. Lists become float64 arrays on the host.
    """

    visible: Units
    hidden: Units
    weights: Any

    def __post_init__(self) -> None:
        # As in Units: what is no list passes untouched, because tracers pass through here too.
        if isinstance(self.weights, (list, tuple)):
            object.__setattr__(self, "weights", np.asarray(self.weights, dtype=np.float64))

    def __repr__(self) -> str:
        return f"RBM({_layer(self.visible)}, {_layer(self.hidden)}, {getattr(self.weights, 'dtype', '?')})"


pytree.register(RBM)


def _layer(units: Any) -> str:
    try:
        return f"{units.size} {units.name}"
    except (AttributeError, IndexError):
        return repr(units)  # inside a transformation the leaves may be anything


def hidden_inputs(rbm: RBM, v: Any) -> Any:
    """What the visible layer sends: v @ weights, `[..., V] -> [..., H]`, without the hidden units' own biases."""
    return product(v, rbm.weights)


def visible_inputs(rbm: RBM, h: Any) -> Any:
    """What the hidden layer sends: h @ weights.T, `[..., H] -> [..., V]`, without the visible units' own biases."""
    return product(h, rbm.weights.T)


def product(a: Any, b: Any) -> Any:
    """The matrix product a @ b; of which one factor is bfloat16, both are rounded to it and the sum is taken in float32.

    So a machine whose weights are bfloat16 and whose layers are float32 spends half the time on its products where the
    hardware has such products, while inputs, probabilities and random numbers stay in float32.
    """
    if jnp.bfloat16 not in (jnp.result_type(a), jnp.result_type(b)):
        return a @ b
    return jnp.matmul(jnp.asarray(a, jnp.bfloat16), jnp.asarray(b, jnp.bfloat16), preferred_element_type=jnp.float32)


def energy(rbm: RBM, v: Any, h: Any) -> Any:
    """E(v, h), `[..., V], [..., H] -> [...]` (nats)."""
    return rbm.visible.energy(v) + rbm.hidden.energy(h) - jnp.sum(hidden_inputs(rbm, v) * h, axis=-1)


def free_energy(rbm: RBM, v: Any, inputs: Any = None) -> Any:
    """F(v) = -ln sum_h exp(-E(v, h)), `[..., V] -> [...]` (nats); `inputs`: `hidden_inputs(rbm, v)` if at hand."""
    if inputs is None:
        inputs = hidden_inputs(rbm, v)
    return rbm.visible.energy(v) - rbm.hidden.log_normaliser(inputs)


def free_energy_difference(rbm: RBM, other: RBM, v: Any, inputs: Any, other_inputs: Any) -> Any:
    """F of `other` minus F of `rbm` at the same v, `[..., V] -> [...]` (nats).

    The differences are formed unit by unit and then summed: between close machines nothing is lost to cancellation. The
    visible part uses that an energy is linear in the parameters.

    Args:
        inputs, other_inputs: `[..., H]`, `hidden_inputs` of v under each of the two.
    """
    visible = jax.tree.map(lambda a, b: b - a, rbm.visible, other.visible).energy(v)
    hidden = other.hidden.log_normaliser_terms(other_inputs) - rbm.hidden.log_normaliser_terms(inputs)
    return visible - jnp.sum(hidden, axis=-1)


def statistics(rbm: RBM, v: Any, inputs: Any) -> RBM:
    """The sufficient statistics expected when `v` is held, averaged over the rows of `v`.

    This is the gradient of -mean F(v): for binary units the leaves are <v_i>, <h_j> and <v_i h_j> with p(h|v).

    Args:
        v: `[B, V]`. inputs: `[B, H]`, `hidden_inputs(rbm, v)`.
    """
    pair = (rbm.visible.statistics(v), rbm.hidden.moments(inputs))
    visible, hidden = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), pair)
    return RBM(visible, hidden, _pairs(rbm, v, rbm.hidden.mean(inputs)))


def joint_statistics(rbm: RBM, v: Any, h: Any) -> RBM:
    """The sufficient statistics of the pairs (v, h), averaged over rows: for binary units the means of v, h and v h^T."""
    pair = (rbm.visible.statistics(v), rbm.hidden.statistics(h))
    visible, hidden = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), pair)
    return RBM(visible, hidden, _pairs(rbm, v, h))


def _pairs(rbm: RBM, v: Any, h: Any) -> Any:
    """The mean of v h^T over rows, `[V, H]`, in the precision of the machine's products."""
    narrow = jnp.bfloat16 if rbm.weights.dtype == jnp.bfloat16 else v.dtype
    return product(v.T.astype(narrow), h) / len(v)


def at_temperature(rbm: RBM, temperature: Any) -> RBM:
    """The machine whose distribution is that of `rbm` at `temperature`: every parameter divided by it."""
    return jax.tree.map(lambda leaf: leaf / temperature, rbm)


def interpolate(base: RBM, rbm: RBM, beta: Any) -> RBM:
    """The machine `beta` of the way from `base` to `rbm`, leaf by leaf: (1 - beta) base + beta rbm.

    From a machine of zeros this is tempering (at temperature 1 / beta), from independent units the path of annealing.
    """
    return jax.tree.map(lambda b, r: (1 - beta) * b + beta * r, base, rbm)


def independent(visible: Units, hidden: Units) -> RBM:
    """The two layers without any weight between them: its ln Z is a sum, its samples need no chain."""
    return RBM(visible, hidden, jnp.zeros((visible.size, hidden.size), jnp.result_type(*jax.tree.leaves(visible))))


def independent_log_partition(rbm: RBM) -> Any:
    """ln Z of the machine's two layers if there were no weights between them (nats)."""
    return sum(layer.log_normaliser(jnp.zeros(layer.size)) for layer in (rbm.visible, rbm.hidden))


def transpose(rbm: RBM) -> RBM:
    """The same machine with its layers exchanged."""
    return RBM(rbm.hidden, rbm.visible, rbm.weights.T)


def validate(rbm: Any) -> RBM:
    """Return `rbm` if its shapes agree and its parameters are finite numbers.

    Raises:
        InputError: with the argument's name, the shape expected and the shape given.
    """
    if not isinstance(rbm, RBM):
        raise InputError(f"rbm must be a harmonium.RBM, but is a {type(rbm).__name__}")
    for what, layer in (("visible", rbm.visible), ("hidden", rbm.hidden)):
        if not isinstance(layer, Units):
            raise InputError(f"{what} must be units such as harmonium.Binary(bias), but is a {type(layer).__name__}")
        for name, value in vars(layer).items():
            _check_parameter(f"{what} {name}", value)
            if value.ndim != 1 or value.size == 0:
                raise InputError(f"{what} {name} must have shape [N] with N at least 1, but has {list(value.shape)}")
    _check_parameter("weights", rbm.weights)
    expected = [rbm.visible.size, rbm.hidden.size]
    if list(rbm.weights.shape) != expected:
        raise InputError(f"weights must have shape {expected} (visible x hidden units), but have {list(rbm.weights.shape)}")
    return rbm


def _check_parameter(what: str, value: Any) -> None:
    if not hasattr(value, "dtype") or np.dtype(value.dtype).kind not in "fiu":
        kind = getattr(value, "dtype", type(value).__name__)
        raise InputError(f"{what} must be an array of real numbers, but its type is {kind}")
    if not isinstance(value, jax.core.Tracer) and not np.isfinite(np.asarray(value)).all():
        raise InputError(f"{what}: every value must be a finite number, but there is a NaN or an infinity")
