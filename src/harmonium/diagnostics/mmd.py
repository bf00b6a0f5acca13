"""Squared maximum mean discrepancy (MMD) between two sets of rows, at several bandwidths of a Gaussian kernel, with its error.

    MMD^2(P, Q) = E k(x, x') - 2 E k(x, y) + E k(y, y'),   k(x, y) = exp(-|x - y|^2 / (2 s^2))

with independent x, x' of P and y, y' of Q; it is zero only if P = Q. The estimate is the U-statistic: pairs of different rows
alone, so its expectation is MMD^2, and it may be negative.

Its variance, with n and m rows, has a part of first order and one of second, which alone is left where P = Q:

    Var = 4 Var_x(a) / n + 4 Var_y(b) / m + 2 c_xx / (n (n - 1)) + 2 c_yy / (m (m - 1)) + 4 c_xy / (n m)
    a(x) = E k(x, x') - E k(x, y),   b(y) = E k(y, y') - E k(y, x)
    c_uv = E k(u, v)^2 - E_u (E_v k(u, v))^2 - E_v (E_u k(u, v))^2 + (E k(u, v))^2

Means over rows stand for a and b. Their noise adds twice the second part to the first, so it is subtracted once; each
square of a mean is estimated without its noise. The variance is never taken for less than the second part, so the error holds
for P = Q as for P far from Q; for P = Q it is rather too large (by a third with 60 rows of three real columns and a wide
kernel), and the distribution is that of a weighted sum of squares, skewed to the right.

References: A. Gretton, K. Borgwardt, M. Rasch, B. Scholkopf and A. Smola, "A kernel two-sample test", JMLR 13 (2012), sections
2.2 and 3 (estimate) and appendix B (variance); D. Sutherland and N. Deka, "Unbiased estimators for the variance of MMD
estimators", arXiv 1906.02104 (2019), sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from harmonium import _checks
from harmonium._numerics import effective_rows, float64
from harmonium._types import Array, ArrayLike
from harmonium.diagnostics.adversarial import check_rows
from harmonium.errors import InputError

MULTIPLES = (0.25, 0.5, 1.0)
"""Of the median distance: the bandwidths by default."""
ROWS_OF_MEDIAN = 1000
"""Rows of each set by whose distances bandwidths are chosen."""
BLOCK_ELEMENTS = 1 << 22
"""Kernel values that are held at once."""
LARGEST_RATE = 1e30
"""Of 1 / (2 s^2), so that float32 holds it."""
EXACT_IN_FLOAT32 = 2.0**24
"""Whole numbers up to this size, and so sums of products of such, are exact in float32."""


@dataclass(frozen=True)
class SquaredMMD:
    """`estimate` of MMD^2 and its `standard_error` at each of `bandwidths`.

    `bandwidth_choice`: where the bandwidths are from, in words.
    `rows`: the effective numbers of rows of the two sets, (sum of weights)^2 / (sum of their squares).
    """

    bandwidths: Float[np.ndarray, "bandwidths"]
    estimate: Float[np.ndarray, "bandwidths"]
    standard_error: Float[np.ndarray, "bandwidths"]
    rows: tuple[float, float]
    bandwidth_choice: str


def squared_mmd(
    first: ArrayLike,
    second: ArrayLike,
    bandwidths: Sequence[float] | Float[np.ndarray, "bandwidths"] | None = None,
    *,
    first_weights: ArrayLike | None = None,
    second_weights: ArrayLike | None = None,
) -> SquaredMMD:
    """Estimate MMD^2 between rows `first [n, V]` and `second [m, V]`.

    Products of rows of whole numbers, such as 0/1 or -1/+1, are exact in float32 and their kernel is computed in it; other rows
    are computed with in float64. Sums are in float64. Memory: some 10^7 numbers besides the rows, whatever n and m.

    Args:
        first: rows `[n, V]`.
        second: rows `[m, V]`.
        bandwidths: s, one or more; by default 1/4, 1/2 and 1 times the median distance between different rows of the pooled
            sets, by 1,000 evenly spaced rows of each.
        first_weights, second_weights: of the rows, `[n]` and `[m]`. A row of weight two counts as two rows, but is one
            observation: it makes no pair with itself, and the error is that of the effective number of rows. So rows that
            are independent and equal must be given one by one, not merged.

    Raises:
        InputError: no arrays of finite numbers with equal V and at least three rows each of weight above zero, worth two of one
            weight, or a bandwidth that is not a positive number.
    """
    x, y = check_rows(first, "first"), check_rows(second, "second")
    if x.shape[1] != y.shape[1]:
        raise InputError(f"first and second must have the same number of columns, but have {x.shape[1]} and {y.shape[1]}")
    x, x_weights = _weigh(x, first_weights, "first")
    y, y_weights = _weigh(y, second_weights, "second")
    x, y = _in_precision(x, y)
    if bandwidths is None:
        widths, choice = _choose(x, y)
    else:
        widths, choice = _checks.finite_array(bandwidths, "bandwidths").astype(np.float64), "given"
        if widths.ndim != 1 or len(widths) == 0:
            raise InputError(f"bandwidths must have shape [n] with n at least 1, but have {list(widths.shape)}")
        if not (widths > 0).all():
            raise InputError(f"bandwidths must be positive numbers, but the smallest is {widths.min():g}")
    xx, yy = _means_of_others(x, x_weights, widths), _means_of_others(y, y_weights, widths)
    xy, yx = _means(x, y, y_weights, widths), _means(y, x, x_weights, widths)
    mean_xx, mean_yy = _mean_of_pairs(xx, x_weights), _mean_of_pairs(yy, y_weights)
    mean_xy = xy.kernel @ x_weights
    n, m = effective_rows(x_weights, len(x)), effective_rows(y_weights, len(y))
    first_order = 4 * _variance(xx.kernel - xy.kernel, x_weights) / (n - 1)
    first_order += 4 * _variance(yy.kernel - yx.kernel, y_weights) / (m - 1)
    second_order = 2 * _interaction(xx, xx, x_weights, x_weights, mean_xx) / (n * (n - 1))
    second_order += 2 * _interaction(yy, yy, y_weights, y_weights, mean_yy) / (m * (m - 1))
    second_order += 4 * _interaction(xy, yx, x_weights, y_weights, mean_xy) / (n * m)
    # The first part holds the second twice. Chance must not make what is left less than the second alone.
    variance = np.maximum(first_order - second_order, second_order)
    return SquaredMMD(widths, mean_xx - 2 * mean_xy + mean_yy, np.sqrt(variance), (n, m), choice)


def _weigh(rows: np.ndarray, weights: ArrayLike | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows of weight above zero, and their weights, which add up to 1."""
    counts = np.ones(len(rows)) if weights is None else _checks.row_weights(weights, len(rows), f"{name}_weights")
    rows, counts = rows[counts > 0], counts[counts > 0]
    effective = effective_rows(counts, len(rows))
    if len(rows) < 3 or effective < 2:
        raise InputError(
            f"{name} must hold 3 rows that count or more, but holds {len(rows)}, worth {effective:.3g} of one weight"
        )
    return rows, counts / counts.sum()


def _choose(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, str]:
    """The bandwidths by default, and how they were chosen."""
    some = [rows[np.unique(np.linspace(0, len(rows) - 1, ROWS_OF_MEDIAN).astype(int))] for rows in (x, y)]
    pooled = np.concatenate(some)
    squares = np.maximum(_squared_distances(pooled, pooled)[np.triu_indices(len(pooled), 1)], 0)
    apart = squares[squares > 1e-12 * (pooled**2).sum(axis=1).max()]
    median = float(np.sqrt(np.median(apart))) if len(apart) else 1.0
    words = f"{', '.join(f'{multiple:g}' for multiple in MULTIPLES)} times {median:.4g}, the median distance of different rows"
    return median * np.array(MULTIPLES), words


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T


def _in_precision(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the precision in which their products are formed, shifted so that those lose little."""
    with np.errstate(over="ignore", invalid="ignore"):
        largest = max(np.abs(x).max(), np.abs(y).max())
        whole = not (x % 1).any() and not (y % 1).any() and 4 * largest**2 * x.shape[1] <= EXACT_IN_FLOAT32
        if whole:
            return x.astype(np.float32), y.astype(np.float32)
        center = (x.mean(axis=0) + y.mean(axis=0)) / 2
        x, y = x - center, y - center
        if not np.isfinite((x**2).sum() + (y**2).sum()):
            raise InputError("first and second must hold numbers whose squares are finite; scale them down")
    return x, y


class _Means(NamedTuple):
    """Of each row: the weighted mean of the kernel with other rows, that of its square, and the others' effective number."""

    kernel: Float[np.ndarray, "bandwidths rows"]
    square: Float[np.ndarray, "bandwidths rows"]
    others: Float[np.ndarray, " rows"]


def _means(x: np.ndarray, y: np.ndarray, weights: np.ndarray, widths: np.ndarray) -> _Means:
    """Over all rows y."""
    length = max(1, BLOCK_ELEMENTS // len(y))
    with float64():
        squares = jnp.asarray((y**2).sum(axis=1))
        with np.errstate(over="ignore", divide="ignore"):
            rates = jnp.asarray(np.minimum(0.5 / widths**2, LARGEST_RATE), x.dtype)
        others, shares = jnp.asarray(y), jnp.asarray(weights)
        parts = [_block(jnp.asarray(x[i : i + length]), others, squares, shares, rates) for i in range(0, len(x), length)]
    kernel, square = (np.concatenate([np.asarray(part[i]) for part in parts], axis=1) for i in (0, 1))
    return _Means(kernel, square, np.full(len(x), effective_rows(weights, len(weights))))


def _means_of_others(x: np.ndarray, weights: np.ndarray, widths: np.ndarray) -> _Means:
    """Over all rows but the row itself, whose kernel with itself is 1."""
    whole = _means(x, x, weights, widths)
    rest = 1 - weights
    others = rest**2 / ((weights**2).sum() - weights**2)
    return _Means((whole.kernel - weights) / rest, (whole.square - weights) / rest, others)


@jax.jit
def _block(
    x: Float[Array, "block columns"],
    y: Float[Array, "rows columns"],
    squares: Float[Array, " rows"],
    weights: Float[Array, " rows"],
    rates: Float[Array, " bandwidths"],
) -> tuple[Float[Array, "bandwidths block"], Float[Array, "bandwidths block"]]:
    """Weighted sums over y of the kernel exp(-rate |x - y|^2) and of its square."""
    product = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    distances = jnp.maximum((x**2).sum(axis=1)[:, None] + squares - 2 * product, 0)

    def sums(rate: Array) -> tuple[Array, Array]:
        kernel = jnp.exp(-rate * distances).astype(weights.dtype)
        return (kernel * weights).sum(axis=1), (kernel**2 * weights).sum(axis=1)

    return jax.lax.map(sums, rates)


def _mean_of_pairs(means: _Means, weights: np.ndarray) -> Float[np.ndarray, "bandwidths"]:
    """The mean of the kernel over pairs of different rows, sum over i != j of w_i w_j k_ij / (1 - sum of w_i^2)."""
    return means.kernel @ (weights * (1 - weights)) / (1 - (weights**2).sum())


def _variance(values: Float[np.ndarray, "bandwidths rows"], weights: np.ndarray) -> Float[np.ndarray, "bandwidths"]:
    """The weighted variance over rows."""
    return (values - (values @ weights)[:, None]) ** 2 @ weights


def _interaction(
    rows: _Means, others: _Means, weights: np.ndarray, other_weights: np.ndarray, mean: Float[np.ndarray, "bandwidths"]
) -> Float[np.ndarray, "bandwidths"]:
    """c_uv: what is left of the kernel's variance without its means over either argument.

    With r others, the square of a mean over them is expected to be m^2 + (E k^2 - m^2) / r.
    """
    square = rows.square @ weights
    of_means = sum(
        (part.kernel**2 - part.square / part.others) / (1 - 1 / part.others) @ each
        for part, each in ((rows, weights), (others, other_weights))
    )
    return np.maximum(square - of_means + mean**2, 0)
