"""The RBM: two layers of units and the weights between them.

    E(v, h) = visible.energy(v) + hidden.energy(h) - v . weights . h

The functions here are pure and traceable: they work inside `jax.jit`, `jax.grad` and `jax.vmap`, and check nothing but shapes.
`harmonium.functional` has the same functions with checked inputs and NumPy results.

Reference: P. Smolensky, "Information processing in dynamical systems: foundations of harmony theory", 1986;
A. Fischer and C. Igel, "Training restricted Boltzmann machines: an introduction", Pattern Recognition 47 (2014), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium import _checks, _pytree
from harmonium._numerics import float64, own_dtype, to_float64
from harmonium._types import Array, ArrayLike, Result, Scalar
from harmonium.errors import InputError
from harmonium.units import Units

__all__ = [
    "RBM",
    "apply_update",
    "at_temperature",
    "energy",
    "free_energy",
    "free_energy_difference",
    "hidden_inputs",
    "hidden_mean",
    "independent",
    "independent_log_partition",
    "infinite_temperature",
    "interpolate",
    "joint_statistics",
    "statistics",
    "transpose",
    "visible_inputs",
    "visible_mean",
]


@_pytree.register
@dataclass(frozen=True, eq=False)
class RBM:
    """A restricted Boltzmann machine, as a value (a pytree).

    Since its energy is linear in its parameters, a gradient, an average of models and a set of expected sufficient statistics
    are RBMs too, and temperature is a map over its leaves.

    Args:
        visible: units of V columns.
        hidden: units of H columns.
        weights: `[V, H]`. Lists become float64 arrays on the host.

    Raises:
        InputError: a list of weights is no rectangular array of numbers. `harmonium.model.validate` checks the rest.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> rbm.weights.shape
        (2, 2)
    """

    visible: Units
    hidden: Units
    weights: Any

    def __post_init__(self) -> None:
        # As in Units: anything but a list passes untouched, because tracers pass through here too.
        if isinstance(self.weights, (list, tuple)):
            object.__setattr__(self, "weights", _checks.float64_array(self.weights, "weights"))

    def __repr__(self) -> str:
        return f"RBM({_layer(self.visible)}, {_layer(self.hidden)}, {getattr(self.weights, 'dtype', '?')})"


def _layer(units: Any) -> str:
    try:
        return f"{units.size} {units.name}"
    except (AttributeError, IndexError):
        return repr(units)  # inside a transformation the leaves may be anything


# ---- energies


def hidden_inputs(rbm: RBM, v: Real[Array, "*batch V"]) -> Float[Result, "*batch H"]:
    """What the visible layer sends: v @ weights, without the hidden units' own biases.

    Args:
        rbm: the model.
        v: rows `[..., V]`.
    """
    return product(v, rbm.weights)


def visible_inputs(rbm: RBM, h: Real[Array, "*batch H"]) -> Float[Result, "*batch V"]:
    """What the hidden layer sends: h @ weights.T, without the visible units' own biases.

    Args:
        rbm: the model.
        h: rows `[..., H]`.
    """
    return product(h, rbm.weights.T)


def hidden_mean(rbm: RBM, v: Real[Array, "*batch V"]) -> Float[Result, "*batch H"]:
    """E[h | v].

    Args:
        rbm: the model.
        v: rows `[..., V]`.
    """
    return rbm.hidden.mean(hidden_inputs(rbm, v))


def visible_mean(rbm: RBM, h: Real[Array, "*batch H"]) -> Float[Result, "*batch V"]:
    """E[v | h].

    Args:
        rbm: the model.
        h: rows `[..., H]`.
    """
    return rbm.visible.mean(visible_inputs(rbm, h))


def product(a: Real[Array, "... K"], b: Real[Array, "... K M"]) -> Real[Result, "... M"]:
    """The matrix product a @ b. If a factor is bfloat16, both are rounded to it and the sum is taken in float32.

    So a model with bfloat16 weights and float32 layers takes half the time for its products where the hardware has such
    products, while inputs, probabilities and random numbers stay in float32.
    """
    if jnp.bfloat16 not in (jnp.result_type(a), jnp.result_type(b)):
        return a @ b  # type: ignore[return-value]
    return jnp.matmul(jnp.asarray(a, jnp.bfloat16), jnp.asarray(b, jnp.bfloat16), preferred_element_type=jnp.float32)


def energy(rbm: RBM, v: Real[Array, "*batch V"], h: Real[Array, "*batches H"]) -> Float[Result, "..."]:
    """E(v, h) in nats; the leading axes combine as in NumPy.

    Args:
        rbm: the model.
        v: rows `[..., V]`.
        h: rows `[..., H]`.
    """
    return rbm.visible.energy(v) + rbm.hidden.energy(h) - jnp.sum(hidden_inputs(rbm, v) * h, axis=-1)


def free_energy(
    rbm: RBM, v: Real[Array, "*batch V"], inputs: Float[Array, "*batch H"] | None = None
) -> Float[Result, "*batch"]:
    """F(v) = -ln sum_h exp(-E(v, h)) in nats.

    Args:
        rbm: the model.
        v: rows `[..., V]`.
        inputs: `hidden_inputs(rbm, v)`, if at hand.
    """
    if inputs is None:
        inputs = hidden_inputs(rbm, v)
    return rbm.visible.energy(v) - rbm.hidden.log_normalizer(inputs)


def free_energy_difference(
    rbm: RBM,
    other: RBM,
    v: Real[Array, "*batch V"],
    inputs: Float[Array, "*batch H"],
    other_inputs: Float[Array, "*batch H"],
) -> Float[Result, "*batch"]:
    """F of `other` minus F of `rbm` at the same v, in nats.

    Differences are formed unit by unit and then summed, so nothing is lost to cancellation between close models. The visible
    part uses that an energy is linear in the parameters.

    Args:
        rbm: the model.
        other: another model of the same layers.
        v: rows `[n, V]`.
        inputs, other_inputs: `hidden_inputs` of v under each of the two.
    """
    visible = jax.tree.map(lambda a, b: b - a, rbm.visible, other.visible).energy(v)
    hidden = other.hidden.log_normalizer_terms(other_inputs) - rbm.hidden.log_normalizer_terms(inputs)
    return visible - jnp.sum(hidden, axis=-1)


# ---- sufficient statistics


def statistics(rbm: RBM, v: Real[Array, "B V"], inputs: Float[Array, "B H"], factors: Float[Array, " B"] | None = None) -> RBM:
    """The expected sufficient statistics given `v`, averaged over its rows: the gradient of -mean F(v).

    For binary units the leaves are the means of v_i, E[h_j | v] and v_i E[h_j | v].

    Args:
        rbm: the model.
        v: rows `[n, V]`.
        inputs: `hidden_inputs(rbm, v)`.
        factors: by which rows are multiplied, of mean 1: their weights over the mean weight.
    """
    return _mean_statistics(rbm, v, rbm.hidden.mean(inputs), rbm.hidden.moments(inputs), factors)


def joint_statistics(rbm: RBM, v: Real[Array, "B V"], h: Real[Array, "B H"], factors: Float[Array, " B"] | None = None) -> RBM:
    """The sufficient statistics of the pairs (v, h), averaged over rows: for binary units the means of v, h and v h^T.

    Args:
        rbm: the model.
        v: rows `[n, V]`.
        h: rows `[n, H]`.
        factors: by which rows are multiplied, of mean 1.
    """
    return _mean_statistics(rbm, v, h, rbm.hidden.statistics(h), factors)


def _mean_statistics(
    rbm: RBM, v: Real[Array, "B V"], h: Real[Array, "B H"], of_hidden: Units, factors: Float[Array, " B"] | None
) -> RBM:
    """The means over rows; that of v h^T is in the precision of the model's products."""
    narrow = jnp.bfloat16 if rbm.weights.dtype == jnp.bfloat16 else v.dtype
    layers = (rbm.visible.statistics(v), of_hidden)
    if factors is not None:
        # Of the two factors of the products the means are real numbers anyway.
        h, layers = jax.tree.map(lambda leaf: (leaf.T * factors).T, (h, layers))
    pairs = product(v.T.astype(narrow), h) / len(v)
    visible, hidden = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), layers)
    return RBM(visible, hidden, pairs)


# ---- models nearby


def at_temperature(rbm: RBM, temperature: Scalar) -> RBM:
    """The RBM whose distribution is that of `rbm` at `temperature`: every parameter divided by it.

    Args:
        rbm: the model.
        temperature: T, above zero.
    """
    return jax.tree.map(lambda leaf: leaf / temperature, rbm)


def interpolate(base: RBM, rbm: RBM, beta: Scalar) -> RBM:
    """The RBM `beta` of the way from `base` to `rbm`, leaf by leaf: (1 - beta) base + beta rbm.

    From an RBM of zeros this is tempering (at temperature 1 / beta), from independent units the path of annealing.

    Args:
        base: the model at beta 0.
        rbm: the model.
        beta: from 0 to 1.
    """
    return jax.tree.map(lambda b, r: (1 - beta) * b + beta * r, base, rbm)


def independent(visible: Units, hidden: Units) -> RBM:
    """The two layers with weights of zero: ln Z is a sum over units, and samples need no chain.

    Args:
        visible: units of the visible layer.
        hidden: units of the hidden layer.
    """
    return RBM(visible, hidden, jnp.zeros((visible.size, hidden.size), jnp.result_type(*jax.tree.leaves(visible))))


def independent_log_partition(rbm: RBM) -> Float[Result, ""]:
    """ln Z of the RBM's two layers with weights of zero, in nats.

    Args:
        rbm: the model.
    """
    visible, hidden = (layer.log_normalizer(jnp.zeros(layer.size)) for layer in (rbm.visible, rbm.hidden))
    return visible + hidden


def infinite_temperature(rbm: RBM) -> RBM:
    """The RBM with weights of zero in which all values of a unit are equally likely, where tempering begins.

    Units of a continuum have no such distribution and keep their parameters.

    Args:
        rbm: the model.
    """
    return RBM(rbm.visible.infinite_temperature(), rbm.hidden.infinite_temperature(), jnp.zeros_like(rbm.weights))


def transpose(rbm: RBM) -> RBM:
    """The same distribution with the layers exchanged.

    Args:
        rbm: the model.
    """
    return RBM(rbm.hidden, rbm.visible, rbm.weights.T)


MAX_COUPLING = 0.99
"""The largest singular value of `_coupling` that a step may lead to; Z is infinite from 1 on."""


def apply_update(rbm: RBM, by: RBM) -> RBM:
    """The RBM after a step `by` of its parameters, limited to RBMs that have a distribution.

    Precisions stay above zero, and the scale of hidden units where it was. Where both layers are unbounded the weights are
    scaled down if Z would be infinite otherwise.

    Args:
        rbm: the model.
        by: a step, shaped like the model.
    """
    weights = rbm.weights + rbm.visible.scale_steps(by.weights)
    moved = RBM(rbm.visible.apply_update(by.visible), rbm.hidden.apply_update(by.hidden, hold_scale=True), weights)
    if rbm.visible.bounded or rbm.hidden.bounded:
        return moved
    scaled = _coupling(moved)
    smaller = scaled @ scaled.T if scaled.shape[0] <= scaled.shape[1] else scaled.T @ scaled
    strength = jnp.sqrt(jnp.linalg.eigvalsh(smaller)[-1])
    return RBM(moved.visible, moved.hidden, moved.weights * jnp.minimum(1, MAX_COUPLING / jnp.maximum(strength, 1e-6)))


def _coupling(rbm: RBM) -> Float[Result, "V H"]:
    """The weights between values on a scale on which the quadratic form of either layer is the unit matrix.

    The form of both together is positive definite, so Z is finite, if and only if the largest singular value is below 1.
    """
    return rbm.hidden.whiten(rbm.visible.whiten(rbm.weights).T).T


def same_layers(a: RBM, b: RBM) -> bool:
    """Whether the layers are of the same kinds and sizes."""
    return a.visible.same_structure(b.visible) and a.hidden.same_structure(b.hidden)


def logical_axes(rbm: RBM, *before: str) -> RBM:
    """The names of every leaf's axes, as `harmonium.distributed` takes them.

    Args:
        before: the name of each axis that the leaves have before their own, such as "rung".
    """

    def name_axes(tree: Any, *axes: str) -> Any:
        return jax.tree.map(lambda _: " ".join((*before, *axes)), tree)

    return RBM(name_axes(rbm.visible, "visible"), name_axes(rbm.hidden, "hidden"), name_axes(rbm.weights, "visible", "hidden"))


# ---- validation


def validate(rbm: object) -> RBM:
    """`rbm`, if its shapes agree, its parameters are permissible finite numbers, its energies are finite and so is its Z.

    Raises:
        InputError: with the argument's name, what was expected and what was given.
    """
    rbm = _checks.instance(rbm, RBM, "rbm", "a harmonium.RBM")
    for name, layer in (("visible", rbm.visible), ("hidden", rbm.hidden)):
        validate_layer(name, layer)
    _check_parameter("weights", rbm.weights)
    expected = [rbm.visible.size, rbm.hidden.size]
    if list(rbm.weights.shape) != expected:
        raise InputError(f"weights must have shape {expected} (visible x hidden units), but have {list(rbm.weights.shape)}")
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(rbm)):
        return rbm
    # No energy of bounded units exceeds the sum of the parameters' absolute values.
    largest = float(np.sqrt(np.finfo(own_dtype(rbm)).max))
    with np.errstate(over="ignore"):
        total = sum(float(np.abs(np.asarray(leaf, dtype=np.float64)).sum()) for leaf in jax.tree.leaves(rbm))
    if not total < largest:
        raise InputError(
            f"the absolute values of the parameters of {rbm!r} add up to {total:.3g}, but must stay below {largest:.1e} for "
            "its energies to be finite numbers; scale the parameters down"
        )
    if not (rbm.visible.bounded or rbm.hidden.bounded):
        with float64():
            strongest = float(np.linalg.norm(np.asarray(_coupling(to_float64(rbm))), 2))
        if not strongest < 1:
            raise InputError(
                f"{rbm!r} has no distribution, because its Z is infinite: the quadratic form of its unbounded units is not "
                "positive definite (the largest singular value of the weights over the roots of both sides' precisions is "
                f"{strongest:.3g}, and must be below 1); scale the weights down, or the precisions up"
            )
    return rbm


def in_float64(rbm: object) -> RBM:
    """`rbm`, validated, with all its parameters as float64 arrays on the host.

    Raises:
        InputError: as `validate`.
    """
    return to_float64(validate(rbm))


def check_rows(
    rbm: RBM, data: ArrayLike, name: str = "data", least: int = 1, *, missing: bool = False, expected: bool = False
) -> np.ndarray:
    """`data` as rows `[n, V]` in the domain of the visible units, n being `least` or more.

    Args:
        missing: NaN stands for a missing cell.
        expected: cells may hold expected values, as gray levels.

    Raises:
        InputError: a malformed model, another shape, or a value outside the domain.
    """
    rows = validate(rbm).visible.check(data, name, missing, expected)
    if rows.ndim != 2 or len(rows) < least:
        raise InputError(f"{name} must have shape [n, {rbm.visible.size}] with n at least {least}, but has {list(rows.shape)}")
    return rows


def check_observed(rows: np.ndarray, name: str = "data") -> np.ndarray:
    """`rows`, if any of their cells has a value: rows without one, such as a wrongly parsed table's, say nothing."""
    if np.isnan(rows).all():
        raise InputError(f"{name} must have observed values, but every cell is missing (NaN)")
    return rows


def validate_layer(name: str, layer: object) -> None:
    """Raise an `InputError` if `layer` is not a layer of units whose parameters are permissible finite numbers."""
    layer = _checks.instance(layer, Units, name, "units such as harmonium.Binary(bias)")
    for field in fields(layer):  # type: ignore[arg-type]
        value = getattr(layer, field.name)
        if _pytree.is_static(field):
            continue
        if isinstance(value, tuple):
            for index, part in enumerate(value):
                validate_layer(f"{name} part {index + 1}", part)
            continue
        _check_parameter(f"{name} {field.name}", value)
        is_matrix = field.name in layer.matrices
        if value.ndim != 1 + is_matrix or value.size == 0:
            shape = "[N, N]" if is_matrix else "[N]"
            raise InputError(f"{name} {field.name} must have shape {shape} with N at least 1, but has {list(value.shape)}")
    wrong = layer.validation_error()
    if wrong:
        raise InputError(f"{name} {wrong}")


def _check_parameter(name: str, value: object) -> None:
    if not hasattr(value, "dtype") or np.dtype(value.dtype).kind not in "fiu":
        kind = getattr(value, "dtype", type(value).__name__)
        raise InputError(f"{name} must be an array of real numbers, but its type is {kind}")
    if not isinstance(value, jax.core.Tracer) and not np.isfinite(np.asarray(value)).all():
        raise InputError(f"{name}: every value must be a finite number, but there is a NaN or an infinity")
