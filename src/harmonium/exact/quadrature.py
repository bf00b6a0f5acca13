"""Points and weights with which a sum over the values of a real cell of the visible layer is its integral.

Given all other cells the density of a Gaussian unit is a mixture of normal densities of one variance, for which equal steps of
0.9 deviations are exact to some 1e-10 (the trapezoidal rule). Other kinds may have a kink at zero, and get Gauss-Legendre
nodes on panels, one of which begins there.

Reference: L. Trefethen and J. Weideman, "The exponentially convergent trapezoidal rule", SIAM Review 56 (2014), section 5.
"""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float

from harmonium._numerics import float64
from harmonium._types import Array, Result
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.units import Gaussian, Units
from harmonium.units.given import conditional_moments

STEP, TAIL = 0.9, 8.0
"""Deviations of a Gaussian unit between points, and beyond its extreme means."""
MULTIPLE = 8
"""Numbers of points are rounded up to multiples of it, so that code compiled for one model may serve another."""
PANELS, NODES, REACH = 8, 16, 20.0
"""Of other kinds: the least number of panels on either side, points of each, and deviations beyond extreme means."""
MAX_POINTS = 320_000


def count_points(rbm: RBM) -> float:
    """Points of a real visible unit of a model in float64; infinitely many where it has no quadrature."""
    return _span(rbm)[2] if rbm.visible.independent else np.inf


def list_values(rbm: RBM) -> list[tuple[Float[np.ndarray, "points columns"], Float[np.ndarray, " points"]]]:
    """Of each visible unit of a model in float64 its values, and the logs of their weights in a sum.

    Raises:
        InputError: real units beside hidden ones that are not bounded, or whose means lie too far apart.
    """
    tables, columns = rbm.visible.unit_tables, rbm.visible.boundaries[:-1].tolist()
    if all(table is not None for table in tables):
        return [(table, np.zeros(len(table))) for table in tables if table is not None]
    low, high, count = _span(rbm)
    if not count <= MAX_POINTS:
        raise InputError(
            f"the surprisal of a real cell needs bounded hidden units, but those of {rbm!r} are not"
            if not np.isfinite(rbm.hidden.ranges).all()
            else f"the means of a real cell of {rbm!r} lie too far apart for quadrature; scale the weights down"
        )
    place = _place_evenly if _is_gaussian(rbm) else _place_on_panels
    return [
        place(low[column], high[column], int(count)) if table is None else (table, np.zeros(len(table)))
        for column, table in zip(columns, tables, strict=True)
    ]


def _is_gaussian(rbm: RBM) -> bool:
    """Whether all real visible units are Gaussian."""
    real = np.flatnonzero(np.isinf(rbm.visible.ranges[1])).tolist()
    return all(isinstance(rbm.visible.at(column), Gaussian) for column in real)


def _span(rbm: RBM) -> tuple[Float[np.ndarray, " V"], Float[np.ndarray, " V"], float]:
    """Where the points of each real column begin and end, and how many they are, the same in all of them.

    They reach from the column's extreme means over all states of the hidden layer to some deviations beyond.
    """
    lowest, highest = rbm.hidden.ranges
    if not np.isfinite(rbm.hidden.ranges).all():
        return lowest, highest, np.inf
    ends = np.stack([rbm.weights * lowest, rbm.weights * highest])
    inputs = np.stack([ends.min(axis=0).sum(axis=-1), ends.max(axis=0).sum(axis=-1)])
    with float64():
        mean, square = (np.asarray(part) for part in _moments(rbm.visible, inputs))
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    # Of other columns a deviation says nothing: that of a saturated binary one is next to zero.
    real = np.isinf(rbm.visible.ranges[1])
    reach = (TAIL if _is_gaussian(rbm) else REACH) * deviation.max(axis=0)
    low, high = np.maximum(mean[0] - reach, rbm.visible.ranges[0]), mean[1] + reach
    with np.errstate(divide="ignore", invalid="ignore"):
        deviations = ((high - low)[real] / deviation.min(axis=0)[real]).max()
    if not np.isfinite(deviations):
        return low, high, np.inf
    if _is_gaussian(rbm):
        count = MULTIPLE * np.ceil(deviations / STEP / MULTIPLE)
    else:
        count = 2 * NODES * max(PANELS, np.ceil(deviations / NODES))
    return low, high, float(count) if count <= MAX_POINTS else np.inf


def _place_evenly(low: float, high: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    points = np.linspace(low, high, count)
    return points[:, None], np.full(count, np.log(points[1] - points[0]))


def _place_on_panels(low: float, high: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    panels = count // (2 * NODES)
    middle = 0.0 if low < 0 < high else (low + high) / 2
    edges = np.concatenate([np.linspace(low, middle, panels + 1), np.linspace(middle, high, panels + 1)[1:]])
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges)[:, None] / 2
    points = edges[:-1, None] + half * (nodes + 1)
    return points.reshape(-1, 1), np.log(half * weights).ravel()


@jax.jit
def _moments(units: Units, inputs: Float[Array, "*batch N"]) -> tuple[Float[Result, "*batch N"], Float[Result, "*batch N"]]:
    return conditional_moments(units, inputs)
