"""A model given conditions on its visible units is an RBM too: its units lie in boxes, and only allowed values are ever drawn.

A condition on one unit leaves some of its states, or intervals of a real one. A forbidden combination takes away the rows in
which each of several units has one of certain values: what is left of all rows of these units is cut into boxes that do not
overlap, one forbidden box after another. Given the hidden units such a group of units is drawn together, first the box and then
a value inside it (`units.boxed`); everything else about the model stays as it is. A unit that has one value left is fixed: the
hidden units receive what it sends as an input. Real columns that depend on each other are exchanged for what the conditions
leave of them once the others are known (`Units.unconnect`), which depends on no other column.

So enumeration, Gibbs sampling and tempering sample the conditional distribution as they sample any RBM, and

    ln p(conditions) = ln Z(conditioned) - ln Z + ln of what fixed units contribute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple, TypeAlias, cast

import jax
import numpy as np
from jaxtyping import Float, Int

from harmonium._numerics import float64, own_dtype, to_float64
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.units import Gaussian, Mixed, Units
from harmonium.units.boxed import Boxed

Intervals: TypeAlias = tuple[tuple[float, float], ...]
Values: TypeAlias = frozenset[int] | Intervals
"""Some states of a unit, by their numbers; of a real unit intervals, in order, or single points, with equal ends.
Ends belong to intervals: one without its lower end begins at the next number of floating point."""
MAX_BOXES = 1 << 10
"""Of a group of units."""
MARGIN = 1e-6
"""By how much intervals are narrower than asked, relative to their ends: more than float32 rounds."""


class Conditions(NamedTuple):
    """What rows are allowed: each unit of `where` has one of its values, and no row has, of a combination in `forbid`, one of
    the values of each unit. Units are numbered from 0."""

    where: Mapping[int, Values]
    forbid: Sequence[Mapping[int, Values]] = ()


class Conditioned(NamedTuple):
    """A model given conditions.

    `rbm`: the conditioned model. `columns [V]`: the visible column of the original model that each of its columns is. `fixed
    [V]`: the values of the original columns that are fixed, NaN elsewhere; in `rbm` these have no weights. `log_normalizer`:
    what these, and hidden units that only connect columns, contribute to its ln Z. `has_density`: whether a real column is
    fixed, so that the conditions have a density but no probability. `shift [V, k]`: its columns are those of the original plus
    `shift` times the k columns with conditions, `shifting [k]`. `relaxation`: as in `Unconnected`.
    """

    rbm: RBM
    columns: Int[np.ndarray, " V"]
    fixed: Float[np.ndarray, " V"]
    log_normalizer: float
    has_density: bool
    shift: Float[np.ndarray, "V k"]
    shifting: Int[np.ndarray, " k"]
    relaxation: float = 0.0

    @classmethod
    def without(cls, rbm: RBM) -> Conditioned:
        """The model as it is."""
        size = rbm.visible.size
        none = np.zeros(0, int)
        return cls(rbm, np.arange(size), np.full(size, np.nan), 0.0, False, np.zeros((size, 0)), none)

    def restore(self, v: Float[np.ndarray, "n V"]) -> Float[np.ndarray, "n V"]:
        """Rows of `rbm` as rows of the original model."""
        rows = np.empty_like(v)
        rows[:, self.columns] = v
        rows -= (rows[:, self.shifting] @ self.shift.T).astype(v.dtype)
        return np.where(np.isnan(self.fixed), rows, self.fixed).astype(v.dtype)

    def enter(self, v: Float[np.ndarray, "n V"]) -> Float[np.ndarray, "n V"]:
        """Rows of the original model as rows of `rbm`."""
        return (v + (v[:, self.shifting] @ self.shift.T).astype(v.dtype))[:, self.columns]

    def log_probability(self, rbm: RBM, log_z: float, log_z_conditioned: float) -> float:
        """ln p(conditions) under the original model, given ln Z of both."""
        # The fixed units' normalizer is exchanged for the one value that they have.
        return float(log_z_conditioned - self.log_normalizer - rbm.visible.energy(np.nan_to_num(self.fixed)) - log_z)


def condition(rbm: RBM, conditions: Conditions) -> Conditioned:
    """The model given conditions.

    Raises:
        InputError: no row fulfills the conditions, they are on units that cannot be conditioned, or they leave too many boxes.
    """
    units = rbm.visible
    bounds, fixed = units.boundaries, np.full(units.size, np.nan)
    groups, has_density = [], False
    for group in _cut(units, conditions):
        chosen = list(group[0])
        for unit in list(chosen):
            (first, *others) = {box[unit] for box in group}
            value = None if others else _only(first)
            if value is not None:
                table, here = units.unit_tables[unit], slice(bounds[unit], bounds[unit + 1])
                fixed[here] = value if table is None else table[int(value)]
                has_density |= table is None
                chosen.remove(unit)
        sides = [[box[unit] for unit in chosen] for box in group]
        if chosen and (
            len(sides) > 1 or any(side != everything(units, unit) for side, unit in zip(*sides, chosen, strict=True))
        ):
            groups.append((chosen, sides))
    taken = [unit for chosen, _ in groups for unit in chosen]
    rest = [unit for unit in range(len(bounds) - 1) if unit not in taken]
    columns = np.concatenate([np.arange(bounds[unit], bounds[unit + 1]) for unit in (*rest, *taken)])
    weights = np.asarray(rbm.weights, np.float64)
    free = np.where(np.isnan(fixed)[:, None], weights, 0.0)
    visible, hidden = units.hold(fixed), rbm.hidden.add_field(np.nan_to_num(fixed) @ weights)
    with float64():
        terms = np.asarray(to_float64(visible).log_normalizer_terms(np.zeros(units.size)))
    log_normalizer = float(terms[~np.isnan(fixed[bounds[:-1]])].sum())
    is_taken = np.isin(np.arange(units.size), [column for unit in taken for column in range(bounds[unit], bounds[unit + 1])])
    shift, relaxation = np.zeros((units.size, int(is_taken.sum()))), 0.0
    if not visible.independent:
        # Boxes hold independent units alone: what connects those with conditions goes by way of more hidden units.
        visible, more, shift, relaxation = visible.unconnect(is_taken)
        free[is_taken] -= shift.T @ free
        if more.shape[1]:
            hidden = Mixed((hidden, Gaussian.zeros(more.shape[1])))
            free = np.concatenate([free, more], axis=1)
            log_normalizer += more.shape[1] * math.log(2 * math.pi) / 2
    if groups:
        parts = [_box(visible, chosen, sides) for chosen, sides in groups]
        left = [visible.select(rest)] if rest else []
        visible = (left + parts)[0] if len(left + parts) == 1 else Mixed((*left, *parts))
    # What was added is in float64, in which the chains of a float32 model would take twice the time.
    conditioned = jax.tree.map(lambda leaf: np.asarray(leaf, own_dtype(rbm)), RBM(visible, hidden, free[columns]))
    return Conditioned(conditioned, columns, fixed, log_normalizer, has_density, shift, np.flatnonzero(is_taken), relaxation)


def fix(units: Units, fixed: Float[np.ndarray, " V"]) -> dict[int, Values]:
    """Fixed columns (NaN where free) as the values of their units."""
    values: dict[int, Values] = {}
    for unit, ((first, end), table) in enumerate(zip(pairwise(units.boundaries), units.unit_tables, strict=True)):
        own = fixed[first:end]
        if not np.isnan(own[0]):
            values[unit] = ((own[0], own[0]),) if table is None else frozenset([int((own == table).all(axis=1).argmax())])
    return values


def everything(units: Units, unit: int) -> Values:
    """All values of a unit."""
    table = units.unit_tables[unit]
    if table is not None:
        return frozenset(range(len(table)))
    column = units.boundaries[unit]
    return (tuple(units.ranges[:, column].tolist()),)


# ---- sets of values


def intersect(a: Values, b: Values) -> Values:
    """The values in both.

    Raises:
        InputError: one are states and the other intervals.
    """
    if isinstance(a, frozenset) and isinstance(b, frozenset):
        return a & b
    if isinstance(a, frozenset) or isinstance(b, frozenset):
        raise InputError(f"values of real units are intervals, those of others numbers of states, but there are {a} and {b}")
    return overlap(a, b)


def overlap(a: Intervals, b: Intervals) -> Intervals:
    """The parts of intervals that are in both."""
    both = [(max(low, other), min(high, end), low == high or other == end) for low, high in a for other, end in b]
    # Where two intervals touch, they have nothing in common but a point, of no probability.
    return tuple((low, high) for low, high, is_point in both if low < high or (low == high and is_point))


def complement(of: Values, units: Units, unit: int) -> Values:
    """The unit's other values."""
    whole = everything(units, unit)
    if isinstance(whole, frozenset) or isinstance(of, frozenset):
        return cast(frozenset[int], whole) - cast(frozenset[int], intersect(whole, of))
    ((first, last),) = whole
    edges = [first, *(edge for low, high in of for edge in (before(low), after(high))), last]
    return tuple((low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if low < high)


def before(end: float) -> float:
    """The next smaller number."""
    return math.nextafter(end, -math.inf)


def after(end: float) -> float:
    """The next larger number."""
    return math.nextafter(end, math.inf)


def subtract(box: Mapping[int, Values], forbidden: Mapping[int, Values], units: Units) -> list[dict[int, Values]]:
    """The box without the forbidden one, as boxes that do not overlap."""
    left, inside = [], dict(box)
    for unit, values in forbidden.items():
        within = intersect(inside[unit], values)
        if not within or (_are_points(within) and not _are_points(inside[unit])):  # the latter have no probability
            return [dict(box)]
        if outside := intersect(inside[unit], complement(values, units, unit)):
            left.append(inside | {unit: outside})
        inside[unit] = within
    return left


def _are_points(values: Values) -> bool:
    """Whether they are single values of a real unit."""
    return not isinstance(values, frozenset) and all(low == high for low, high in values)


def _only(values: Values) -> float | None:
    """The value, if there is one only."""
    (first, *others) = values
    if isinstance(first, tuple):
        return first[0] if not others and first[0] == first[1] else None
    return None if others else first


def _cut(units: Units, conditions: Conditions) -> list[list[dict[int, Values]]]:
    """The groups of units that conditions connect, and each group's boxes."""
    groups: list[list[dict[int, Values]]] = []
    for unit, values in conditions.where.items():
        allowed = intersect(everything(units, unit), values)
        if not allowed:
            raise InputError(f"the conditions leave no value of visible unit {unit + 1}")
        groups.append([{unit: allowed}])
    for forbidden in conditions.forbid:
        joined: list[dict[int, Values]] = [{}]
        for unit in forbidden:
            if not any(unit in group[0] for group in groups):
                groups.append([{unit: everything(units, unit)}])
        for group in [group for group in groups if set(group[0]) & set(forbidden)]:
            groups.remove(group)
            joined = [a | b for a, b in product(joined, group)]
        joined = [part for box in joined for part in subtract(box, forbidden, units)]
        if not joined:
            raise InputError("the forbidden combinations leave no row that is allowed")
        if len(joined) > MAX_BOXES:
            raise InputError(f"the forbidden combinations leave more than {MAX_BOXES:,} boxes of allowed values: forbid fewer")
        groups.append(joined)
    return groups


def _box(units: Units, chosen: Sequence[int], boxes: Sequence[Sequence[Values]]) -> Boxed:
    parts = tuple(units.select([unit]) for unit in chosen)
    sides: list[Any] = []
    for box in boxes:
        # States of one unit are one side, but each interval is a side of its own.
        options = [[tuple(sorted(side))] if isinstance(side, frozenset) else _narrow(side) for side in box]
        sides += list(product(*options))
    layer = Boxed(parts, tuple(sides))
    wrong = layer.validation_error()
    if wrong is None and not sides:
        wrong = "an interval is narrower than numbers can tell"
    if wrong is None:
        return layer
    raise InputError(f"conditions on units of {units!r:.60} cannot be met: {wrong}")


def _narrow(intervals: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """The intervals without a margin, so that no value leaves them where it is rounded to float32."""
    narrowed = []
    for low, high in intervals:
        low, high = (
            end + way * MARGIN * max(1.0, abs(end)) if np.isfinite(end) else end for end, way in ((low, 1), (high, -1))
        )
        narrowed += [(low, high)] if low < high else []
    return narrowed
