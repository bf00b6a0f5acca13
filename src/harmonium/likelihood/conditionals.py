"""p(v_i | all other units of v) in complete rows: from the unit's own states, or by quadrature where it takes real values.

With all other units fixed, -F(v) as a function of v_i is ln p(v_i | v_-i) up to a constant.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from harmonium import _checks, model
from harmonium._numerics import float64, to_float64
from harmonium.errors import InputError
from harmonium.exact import missing as enumerated
from harmonium.exact import normal
from harmonium.model import RBM
from harmonium.units import Units

BLOCK_ELEMENTS = 1 << 20
"""Rows x values of a unit x columns of the wider layer at a time: 8 MiB in float64; a few blocks are alive at once."""
MAX_ROWS = 256
"""Rows at a time, at most: so that complete rows and those with missing cells are served by the same code."""
PANELS, MAX_PANELS, NODES, REACH = 8, 10_000, 16, 20.0
"""Of the quadrature over a real cell: the least and the largest number of panels on either side, points of each, and deviations
beyond extreme means."""


class _Values(NamedTuple):
    """What a unit in the columns from `first` on may be, and ln of each value's weight in a sum minus its energy."""

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
        units, rbm = _values(rbm, unit), jax.device_put(rbm)

        def of_batch(_: int, batch: np.ndarray) -> tuple[np.ndarray, ...]:
            inputs = _inputs(rbm, batch)
            nats, *moments = zip(*(_conditional(rbm, *values, batch, *inputs) for values in units), strict=True)
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


@partial(jax.jit, static_argnums=1)
def _conditional(
    rbm: RBM,
    is_listed: bool,
    unit: _Values,
    v: Float[Array, "rows visible"],
    inputs: Float[Array, "rows hidden"],
    normalizer: Float[Array, "rows"],
) -> tuple[Float[Array, "rows"], Float[Array, "rows columns"], Float[Array, "rows columns"]]:
    """-ln p and the first two moments of one unit given all others."""
    first, points, offsets = unit
    own = jax.lax.dynamic_slice_in_dim(v, first, points.shape[1], axis=1)
    weights = jax.lax.dynamic_slice_in_dim(rbm.weights, first, points.shape[1])
    # -F(v) as far as the unit changes it: at its own value, and at all others.
    others = jnp.arange(len(points))[None]
    if is_listed:
        digit = jnp.argmin(((own[:, None] - points) ** 2).sum(axis=-1), axis=1)
        others = (digit[:, None] + others[:, 1:]) % len(points)
        at_own = normalizer + offsets[digit]
    else:
        alone = jax.lax.dynamic_update_slice_in_dim(jnp.zeros_like(v), own, first, axis=1)
        at_own = normalizer - rbm.visible.energy(alone)
    values = points[others]
    log_p = rbm.hidden.log_normalizer(inputs[:, None] + (values - own[:, None]) @ weights) + offsets[others]
    if is_listed:
        values, log_p = jnp.concatenate([own[:, None], values], 1), jnp.concatenate([at_own[:, None], log_p], 1)
    p = jax.nn.softmax(log_p, axis=1)[..., None]
    return jax.nn.logsumexp(log_p, axis=1) - at_own, jnp.sum(p * values, axis=1), jnp.sum(p * values**2, axis=1)


@partial(jax.jit, static_argnums=1)
def _conditional_of_each(
    rbm: RBM, is_listed: bool, units: _Values, v: Float[Array, "rows visible"], places: Int[Array, "rows"]
) -> Float[Array, "rows"]:
    """-ln p of one unit of each row: the one at its place among `units`, which are stacked."""

    def of_row(row: Float[Array, "visible"], place: Int[Array, ""]) -> Float[Array, ""]:
        unit = jax.tree.map(lambda leaf: leaf[place], units)
        return _conditional(rbm, is_listed, unit, row[None], *_inputs(rbm, row[None]))[0][0]

    return jax.vmap(of_row)(v, places)


def _values(rbm: RBM, unit: int | None = None) -> list[tuple[bool, _Values]]:
    """Of each unit, or of one, whether its states are listed, and its values."""
    units = rbm.visible
    chosen = slice(None) if unit is None else slice(unit, unit + 1)
    starts, tables = units.boundaries[:-1][chosen], units.unit_tables[chosen]
    grids = _grids(rbm) if any(table is None for table in tables) else {}
    each = [
        grids[int(first)] if table is None else (table, np.zeros(len(table)))
        for first, table in zip(starts, tables, strict=True)
    ]
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


_moments = jax.jit(enumerated.conditional_moments)


def _grids(rbm: RBM) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """For each continuous column points that cover its values, `[n, 1]`, and the logs of their weights in a sum, `[n]`.

    They reach from the column's extreme means over all states of the hidden layer to REACH deviations beyond. Gaussian
    quadrature on panels; one begins at zero, where the density of some kinds has a kink.
    """
    lowest, highest = rbm.hidden.ranges
    if not np.isfinite([lowest, highest]).all():
        raise InputError(f"the surprisal of a real cell needs bounded hidden units, but those of {rbm!r} are not")
    ends = np.stack([rbm.weights * lowest, rbm.weights * highest])
    inputs = np.stack([ends.min(axis=0).sum(axis=-1), ends.max(axis=0).sum(axis=-1)])
    mean, square = (np.asarray(part) for part in _moments(rbm.visible, inputs))
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    bounds = rbm.visible.ranges
    low = np.maximum(mean[0] - REACH * deviation.max(axis=0), bounds[0])
    high = np.minimum(mean[1] + REACH * deviation.max(axis=0), bounds[1])
    # Of other columns a deviation says nothing: that of a saturated binary one is next to zero.
    real = np.isinf(bounds[1])
    panels = max(PANELS, np.ceil(((high - low) / deviation.min(axis=0) / NODES)[real].max()))
    if not panels <= MAX_PANELS:
        raise InputError(f"the means of a real cell of {rbm!r} lie too far apart for quadrature; scale the weights down")
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    grids = {}
    for column in np.flatnonzero(real):
        middle = 0.0 if low[column] < 0 < high[column] else (low[column] + high[column]) / 2
        edges = [np.linspace(low[column], middle, int(panels) + 1), np.linspace(middle, high[column], int(panels) + 1)[1:]]
        starts = np.concatenate(edges)
        half = np.diff(starts)[:, None] / 2
        points = starts[:-1, None] + half * (nodes + 1)
        grids[int(column)] = points.reshape(-1, 1), np.log(half * weights).ravel()
    return grids
