"""p(v_i | all other units of v) in complete rows: from the unit's own states, or by quadrature where it takes real values.

With all other units fixed, -F(v) as a function of v_i is ln p(v_i | v_-i) up to a constant.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from harmonium import _checks, model
from harmonium._numerics import float64, to_float64
from harmonium.exact import missing as enumerated
from harmonium.exact import normal
from harmonium.exact.quadrature import list_values
from harmonium.model import RBM
from harmonium.units import Units

BLOCK_ELEMENTS = 1 << 20
"""Rows x values of a unit x columns of the wider layer at a time: 8 MiB in float64; a few blocks are alive at once."""
GROUPS, MAX_EXPONENT = (8, 4, 2), 600.0
"""Factors of which one logarithm is taken, and the exponent beyond which their product might overflow."""
MAX_ROWS = 256
"""Rows at a time, at most: so that complete rows and those with missing cells are served by the same code."""


class _Values(NamedTuple):
    """What a unit in the columns from `first` on may be, less its center given all others (`Units.center`), and ln of each
    value's weight in a sum minus its energy."""

    first: int
    points: Float[Array | np.ndarray, "points columns"]
    offsets: Float[Array | np.ndarray, "points"]


@np.errstate(all="ignore")
def conditionals(
    rbm: RBM, v: Float[np.ndarray, "rows visible"], unit: int | None = None
) -> tuple[Float[np.ndarray, "rows units"], Float[np.ndarray, "rows columns"], Float[np.ndarray, "rows columns"]]:
    """-ln p(v_i | v_-i), E[v_i | v_-i] and E[v_i^2 | v_-i] of every unit, or of one.

    Raises:
        InputError: real cells of a model whose hidden units are not bounded, or whose means lie too far apart; or a result that
            is not finite.
    """
    rbm = to_float64(rbm)
    gaussian = normal.normal_of(rbm)
    if gaussian is not None:
        parts = normal.conditionals(gaussian, v)
        nats, mean, square = parts if unit is None else (part[:, [unit]] for part in parts)
        return _checks.finite_result(nats, "-ln p of a cell"), mean, square
    with float64():
        units = _values(rbm, unit)
        groups = _choose_groups(rbm, v, units)
        rbm = jax.device_put(rbm)

        def of_batch(_: int, batch: np.ndarray) -> tuple[np.ndarray, ...]:
            inputs = _inputs(rbm, batch)
            parts = (
                _conditional(rbm, is_listed, group, values, batch, *inputs)
                for (is_listed, values), group in zip(units, groups, strict=True)
            )
            nats, *moments = zip(*parts, strict=True)
            return np.stack(nats, axis=1), *(np.concatenate(moment, axis=1) for moment in moments)

        rows = _batch_size(rbm, max(len(values.points) for _, values in units), len(v))
        nats, *moments = enumerated.in_batches(of_batch, v, rows)
    mean, square = (_checks.finite_result(moment, "the mean of a cell") for moment in moments)
    return _checks.finite_result(nats, "-ln p of a cell"), mean, square


def conditionals_of(
    rbm: RBM, v: Float[np.ndarray, "rows visible"], chosen: Int[np.ndarray, "rows"]
) -> Float[np.ndarray, "rows"]:
    """-ln p(v_i | v_-i) of one unit i of each row, `chosen`; raises as `conditionals`."""
    rbm, nats = to_float64(rbm), np.empty(len(v))
    with float64():
        units, rbm = _values(rbm), jax.device_put(rbm)
        kinds = [(is_listed, values.points.shape) for is_listed, values in units]
        for kind in dict.fromkeys(kinds[unit] for unit in np.unique(chosen)):
            of_kind = [unit for unit, other in enumerate(kinds) if other == kind]
            values = jax.tree.map(lambda *leaves: np.stack(leaves), *(units[unit][1] for unit in of_kind))
            here = np.isin(chosen, of_kind)
            places = np.searchsorted(of_kind, chosen[here])

            def of_batch(_: int, batch: np.ndarray, kind: Any = kind, values: _Values = values) -> tuple[Any]:
                return (_conditional_of_each(rbm, kind[0], values, batch[:, :-1], batch[:, -1].astype(np.int32)),)

            rows = _batch_size(rbm, kind[1][0], len(places))
            (nats[here],) = enumerated.in_batches(of_batch, np.column_stack([v[here], places]), rows)
    return _checks.finite_result(nats, "-ln p of a cell")


def _batch_size(rbm: RBM, points: int, rows: int) -> int:
    """Rows at a time; a power of two, so that code compiled for some rows serves as many others."""
    most = BLOCK_ELEMENTS // (points * max(rbm.weights.shape))
    return min(max(1, most), MAX_ROWS, 1 << (rows - 1).bit_length())


@jax.jit
def _inputs(rbm: RBM, v: Float[Array, "rows visible"]) -> tuple[Float[Array, "rows hidden"], Float[Array, "rows"]]:
    """The hidden units' inputs, and their log normalizer there."""
    inputs = model.hidden_inputs(rbm, v)
    return inputs, rbm.hidden.log_normalizer(inputs)


@partial(jax.jit, static_argnums=(1, 2))
def _conditional(
    rbm: RBM,
    is_listed: bool,
    group: int,
    unit: _Values,
    v: Float[Array, "rows visible"],
    inputs: Float[Array, "rows hidden"],
    normalizer: Float[Array, "rows"],
) -> tuple[Float[Array, "rows"], Float[Array, "rows columns"], Float[Array, "rows columns"]]:
    """-ln p and the first two moments of one unit given all others."""
    first, points, offsets = unit
    center = jax.lax.dynamic_slice_in_dim(rbm.visible.center(v), first, points.shape[1], axis=1)
    own = jax.lax.dynamic_slice_in_dim(v, first, points.shape[1], axis=1) - center
    weights = jax.lax.dynamic_slice_in_dim(rbm.weights, first, points.shape[1])
    # -F(v) as far as the unit changes it, at all its values.
    log_p = _log_normalizers(rbm.hidden, inputs - own @ weights, points @ weights, group) + offsets
    if is_listed:
        digit = jnp.argmin(((own[:, None] - points) ** 2).sum(axis=-1), axis=1)
        at_own = jnp.take_along_axis(log_p, digit[:, None], axis=1)[:, 0]
    else:
        alone = jax.lax.dynamic_update_slice_in_dim(jnp.zeros_like(v), own, first, axis=1)
        at_own = normalizer - rbm.visible.apart().energy(alone)
    p = jax.nn.softmax(log_p, axis=1)
    mean, square = p @ points, p @ points**2
    return jax.nn.logsumexp(log_p, axis=1) - at_own, center + mean, (center + 2 * mean) * center + square


def _log_normalizers(
    units: Units, inputs: Float[Array, "rows N"], others: Float[Array | np.ndarray, "points N"], group: int
) -> Float[Array, "rows points"]:
    """The log normalizer at the sum of each of the inputs and each of the others.

    With softplus(y) = ln(1 + exp(y)) and y the sum of two parts, the exponentials are those of the parts, and one logarithm is
    taken of the product of `group` factors; 0 where the units have no such form, or products would overflow.
    """
    if not group:
        return units.log_normalizer(inputs[:, None] + others)
    forms = [units.softplus_form(x) for x in (inputs, others, jnp.zeros_like(inputs[0]))]
    (start, y), (end, z), (origin, zero) = (form for form in forms if form is not None)
    spare = -units.size % group
    a, b = (jnp.pad(jnp.exp(part), ((0, 0), (0, spare))) for part in (y, z - zero))
    product = jnp.ones((), a.dtype)
    for offset in range(group):
        product *= 1 + a[:, None, offset::group] * b[:, offset::group]
    return start[:, None] + (end - origin) + jnp.log(product).sum(axis=-1)


def _choose_groups(rbm: RBM, v: Float[np.ndarray, "rows visible"], units: list[tuple[bool, _Values]]) -> list[int]:
    """Of each unit the `group` of `_log_normalizers`: as many factors as the largest inputs of the rows allow."""

    def largest(inputs: Float[np.ndarray, "n hidden"]) -> float:
        form = rbm.hidden.softplus_form(inputs)
        return np.inf if form is None else float(np.abs(form[1]).max(initial=0))

    # The units' own parts count twice: one is taken out of the rows' inputs, another put in.
    of_rows = largest(v @ rbm.weights) + 2 * largest(np.zeros((1, rbm.hidden.size)))
    bounds = [of_rows + 2 * largest(points @ rbm.weights[first : first + points.shape[1]]) for _, (first, points, _) in units]
    return [next((group for group in GROUPS if group * bound < MAX_EXPONENT), 0) for bound in bounds]


@partial(jax.jit, static_argnums=1)
def _conditional_of_each(
    rbm: RBM, is_listed: bool, units: _Values, v: Float[Array, "rows visible"], places: Int[Array, "rows"]
) -> Float[Array, "rows"]:
    """-ln p of one unit of each row: the one at its place among `units`, which are stacked."""

    def of_row(row: Float[Array, "visible"], place: Int[Array, ""]) -> Float[Array, ""]:
        unit = jax.tree.map(lambda leaf: leaf[place], units)
        return _conditional(rbm, is_listed, 0, unit, row[None], *_inputs(rbm, row[None]))[0][0]

    return jax.vmap(of_row)(v, places)


def _values(rbm: RBM, unit: int | None = None) -> list[tuple[bool, _Values]]:
    """Of each unit, or of one, whether its states are listed, and its values."""
    units = rbm.visible.apart()
    chosen = slice(None) if unit is None else slice(unit, unit + 1)
    starts, tables = units.boundaries[:-1][chosen], units.unit_tables[chosen]
    if any(table is None for table in tables):
        each = list_values(replace(rbm, visible=units))[chosen]
    else:
        each = [(table, np.zeros(len(table))) for table in tables if table is not None]
    energies = []
    # Each unit's values with all others at zero, unit after unit: the energies of many in one call.
    at_once = max(1, BLOCK_ELEMENTS // (units.size * max(len(points) for points, _ in each)))
    for begin in range(0, len(each), at_once):
        group = each[begin : begin + at_once]
        ends = np.cumsum([len(points) for points, _ in group])
        layers = np.zeros((ends[-1], units.size))
        for (points, _), first, end in zip(group, starts[begin:], ends, strict=False):
            layers[end - len(points) : end, first : first + points.shape[1]] = points
        energies += np.split(np.asarray(_energy(units, layers)), ends[:-1])
    return [
        (table is not None, _Values(int(first), points, log_weights - energy))
        for table, first, (points, log_weights), energy in zip(tables, starts, each, energies, strict=True)
    ]


@jax.jit
def _energy(units: Units, x: Float[Array, "states columns"]) -> Float[Array, "states"]:
    return units.energy(x)
