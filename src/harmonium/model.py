"""The machine: two layers of units and the weights between them.

    E(v, h) = visible.energy(v) + hidden.energy(h) - v . weights . h

The functions here are pure and traceable: they can stand inside `jax.jit`, `jax.grad` and `jax.vmap`, and they check
nothing but shapes. `harmonium.functional` has the same functions with their inputs checked and NumPy arrays returned.

Reference: P. Smolensky, "Information processing in dynamical systems: foundations of harmony theory", 1986;
A. Fischer and C. Igel, "Training restricted Boltzmann machines: an introduction", Pattern Recognition 47 (2014), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from harmonium import _pytree
from harmonium.errors import InputError
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


_pytree.register(RBM)


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
    return rbm.visible.energy(v) - rbm.hidden.log_normalizer(inputs)


def free_energy_difference(rbm: RBM, other: RBM, v: Any, inputs: Any, other_inputs: Any) -> Any:
    """F of `other` minus F of `rbm` at the same v, `[..., V] -> [...]` (nats).

    The differences are formed unit by unit and then summed: between close machines nothing is lost to cancellation. The
    visible part uses that an energy is linear in the parameters.

    Args:
        inputs, other_inputs: `[..., H]`, `hidden_inputs` of v under each of the two.
    """
    visible = jax.tree.map(lambda a, b: b - a, rbm.visible, other.visible).energy(v)
    hidden = other.hidden.log_normalizer_terms(other_inputs) - rbm.hidden.log_normalizer_terms(inputs)
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
    return sum(layer.log_normalizer(jnp.zeros(layer.size)) for layer in (rbm.visible, rbm.hidden))


def flat(rbm: RBM) -> RBM:
    """The machine without weights and without preferences, where tempering begins: at infinite temperature.

    Units of a continuum have no law there and keep their own parameters.
    """
    return RBM(rbm.visible.infinite_temperature(), rbm.hidden.infinite_temperature(), jnp.zeros_like(rbm.weights))


WIDEST = 0.99
"""How far toward the edge of the machines whose Z is finite, 1, a step may take one."""


def apply_update(rbm: RBM, by: RBM) -> RBM:
    """The machine after a step `by` of its parameters, kept among those that have a distribution.

    Precisions stay above zero, and the scale of hidden units where it was. Where both layers are unbounded the weights are
    scaled down if Z would be infinite else.
    """
    moved = RBM(
        rbm.visible.apply_update(by.visible), rbm.hidden.apply_update(by.hidden, hold_scale=True), rbm.weights + by.weights
    )
    if rbm.visible.bounded or rbm.hidden.bounded:
        return moved
    scaled = _coupling(moved)
    smaller = scaled @ scaled.T if scaled.shape[0] <= scaled.shape[1] else scaled.T @ scaled
    strength = jnp.sqrt(jnp.linalg.eigvalsh(smaller)[-1])
    return RBM(moved.visible, moved.hidden, moved.weights * jnp.minimum(1, WIDEST / jnp.maximum(strength, 1e-6)))


def _coupling(rbm: RBM) -> Any:
    """The weights over the roots of both sides' curvatures, `[V, H]`: of a joint quadratic form with ones on its diagonal.

    The form is positive definite, so that Z is finite, if and only if the largest singular value is below 1.
    """
    return rbm.weights / jnp.sqrt(rbm.visible.curvature)[:, None] / jnp.sqrt(rbm.hidden.curvature)


def logical_axes(rbm: RBM, *before: str) -> RBM:
    """The names of every leaf's axes, as `harmonium.distributed` takes them.

    Args:
        before: the name of each axis that the leaves have before their own, such as "rung".
    """

    def named(tree: Any, *axes: str) -> Any:
        return jax.tree.map(lambda _: " ".join((*before, *axes)), tree)

    return RBM(named(rbm.visible, "visible"), named(rbm.hidden, "hidden"), named(rbm.weights, "visible", "hidden"))


def transpose(rbm: RBM) -> RBM:
    """The same machine with its layers exchanged."""
    return RBM(rbm.hidden, rbm.visible, rbm.weights.T)


def validate(rbm: Any) -> RBM:
    """Return `rbm` if its shapes agree, its parameters are permissible finite numbers, and its Z is finite.

    Raises:
        InputError: with the argument's name, what was expected and what was given.
    """
    if not isinstance(rbm, RBM):
        raise InputError(f"rbm must be a harmonium.RBM, but is a {type(rbm).__name__}")
    for what, layer in (("visible", rbm.visible), ("hidden", rbm.hidden)):
        validate_layer(what, layer)
    _check_parameter("weights", rbm.weights)
    expected = [rbm.visible.size, rbm.hidden.size]
    if list(rbm.weights.shape) != expected:
        raise InputError(f"weights must have shape {expected} (visible x hidden units), but have {list(rbm.weights.shape)}")
    if not (rbm.visible.bounded or rbm.hidden.bounded or _is_traced(rbm)):
        strongest = float(np.linalg.norm(np.asarray(_coupling(rbm), dtype=np.float64), 2))
        if not strongest < 1:
            raise InputError(
                f"{rbm!r} has no distribution, because its Z is infinite: the quadratic form of its unbounded units is not "
                "positive definite (the largest singular value of the weights over the roots of both sides' precisions is "
                f"{strongest:.3g}, and must be below 1); scale the weights down, or the precisions up"
            )
    return rbm


def check_rows(
    rbm: RBM, data: ArrayLike, name: str = "data", least: int = 1, *, missing: bool = False, expected: bool = False
) -> np.ndarray:
    """`data` as rows `[n, V]` in the domain of the visible units, n being `least` or more.

    Args:
        missing: NaN stands for a missing cell. expected: cells may hold expected values, as gray levels.

    Raises:
        InputError: a malformed model, another shape, or a value outside the domain.
    """
    rows = validate(rbm).visible.check(data, name, missing, expected)
    if rows.ndim != 2 or len(rows) < least:
        raise InputError(f"{name} must have shape [n, {rbm.visible.size}] with n at least {least}, but has {list(rows.shape)}")
    return rows


def validate_layer(what: str, layer: Any) -> None:
    """Raise an `InputError` if `layer` is not a layer of units whose parameters are permissible finite numbers."""
    if not isinstance(layer, Units):
        raise InputError(f"{what} must be units such as harmonium.Binary(bias), but is a {type(layer).__name__}")
    for field in fields(layer):  # type: ignore[arg-type]
        value = getattr(layer, field.name)
        if _pytree.is_static(field):
            continue
        if isinstance(value, tuple):
            for number, part in enumerate(value):
                validate_layer(f"{what} part {number + 1}", part)
            continue
        _check_parameter(f"{what} {field.name}", value)
        if value.ndim != 1 or value.size == 0:
            raise InputError(f"{what} {field.name} must have shape [N] with N at least 1, but has {list(value.shape)}")
    wrong = layer.validation_error()
    if wrong:
        raise InputError(f"{what} {wrong}")


def _is_traced(tree: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def _check_parameter(what: str, value: Any) -> None:
    if not hasattr(value, "dtype") or np.dtype(value.dtype).kind not in "fiu":
        kind = getattr(value, "dtype", type(value).__name__)
        raise InputError(f"{what} must be an array of real numbers, but its type is {kind}")
    if not isinstance(value, jax.core.Tracer) and not np.isfinite(np.asarray(value)).all():
        raise InputError(f"{what}: every value must be a finite number, but there is a NaN or an infinity")
