"""A normal distribution fitted to rows with gaps by expectation maximization, its correlations shrunk as is likeliest.

References: R. Little and D. Rubin, "Statistical Analysis with Missing Data", 2002, section 11.2 (the algorithm);
J. Friedman, "Regularized discriminant analysis", JASA 84 (1989) (shrinkage chosen by what is left out).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Real

from harmonium._numerics import counts_of, mean_and_deviation
from harmonium.units.real_valued import variance_of

SHRINKAGES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 1e-4)
"""The fractions of the correlations that are tried to be taken away; 1 leaves independent columns. The last bounds how nearly a
column may be a linear function of others."""
LEFT_OUT = 5
"""One row in so many is left out, and compared on."""
MIN_VARIANCE = 1e-3
"""A column that varies less among some rows, in terms of all, counts as varying as among all."""
ROUNDS = 10
"""Of the algorithm, where cells are missing."""
MAX_ROWS, MAX_ELEMENTS = 20_000, 1 << 22
"""Rows with gaps that are used, evenly spaced, and numbers in the matrices of those at a time."""


def fit_normal(
    x: Float[np.ndarray, "n N"], weights: Real[np.ndarray, " n"] | None = None
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, "N N"]]:
    """Mean and precision of the normal distribution that fits rows, NaN where a cell is missing.

    Raises:
        InputError: a column's deviation is the inverse of no precision that can be learned.
    """
    counts = counts_of(weights, len(x))
    incomplete = np.isnan(x).any()
    if incomplete and len(x) > MAX_ROWS:
        some = np.linspace(0, len(x) - 1, MAX_ROWS).astype(int)
        x, counts = x[some], counts[some]
    mean, scale = mean_and_deviation(x, counts)[0], np.sqrt(variance_of(x, counts))
    z = (x - mean) / scale
    rows = np.flatnonzero(~np.isnan(z).all(axis=1))
    z, counts = z[rows], counts[rows]
    out = leave_out(len(z))
    best = SHRINKAGES[0]
    if z.shape[1] > 1 and 2 * out.sum() > LEFT_OUT:
        found = [_log_likelihood(z[out], counts[out], *_fit(z[~out], counts[~out], share)) for share in SHRINKAGES]
        best = SHRINKAGES[int(np.argmax(found))]
    center, precision = _fit(z, counts, best)
    return mean + scale * center, precision / np.outer(scale, scale)


def leave_out(count: int) -> Bool[np.ndarray, " rows"]:
    """Which of so many rows are left out to compare on."""
    return np.arange(count) % LEFT_OUT == LEFT_OUT // 2


def _fit(z: Float[np.ndarray, "n N"], counts: Float[np.ndarray, " n"], share: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and precision, with `share` of the correlations taken away."""
    size = z.shape[1]
    mean, precision = np.zeros(size), np.eye(size)
    for _ in range(ROUNDS if np.isnan(z).any() else 1):
        first, second = np.zeros(size), np.zeros((size, size))
        for part, of_part in _parts(z, counts):
            filled, spread = _complete(part, mean, precision)
            first += of_part @ filled
            second += (filled.T * of_part) @ filled + np.tensordot(of_part, spread, 1)
        mean = first / counts.sum()
        covariance = second / counts.sum() - np.outer(mean, mean)
        variance = np.where(np.diag(covariance) < MIN_VARIANCE, 1.0, np.diag(covariance))
        covariance *= 1 - share
        np.fill_diagonal(covariance, variance)
        precision = np.linalg.inv(covariance)
    return mean, (precision + precision.T) / 2


def _parts(z: Float[np.ndarray, "n N"], counts: Float[np.ndarray, " n"]) -> list[tuple[np.ndarray, np.ndarray]]:
    size = max(1, MAX_ELEMENTS // z.shape[1] ** 2) if np.isnan(z).any() else len(z)
    return [(z[start : start + size], counts[start : start + size]) for start in range(0, len(z), size)]


def _given(
    z: Float[np.ndarray, "n N"], mean: Float[np.ndarray, " N"], precision: Float[np.ndarray, "N N"]
) -> tuple[np.ndarray, np.ndarray]:
    """What the observed cells send to the missing ones, and these ones' precision: the unit matrix where there are none."""
    free = np.isnan(z).astype(float)
    own = precision * (free[:, :, None] * free[:, None, :]) + (1 - free)[:, :, None] * np.eye(z.shape[1])
    return -free * (np.where(np.isnan(z), 0, z - mean) @ precision), own


def _complete(
    z: Float[np.ndarray, "n N"], mean: Float[np.ndarray, " N"], precision: Float[np.ndarray, "N N"]
) -> tuple[np.ndarray, np.ndarray]:
    """The rows with the means of their missing cells given the others, and the covariances of these."""
    if not np.isnan(z).any():
        return z, np.zeros((len(z), 1, 1))
    sent, own = _given(z, mean, precision)
    covariance = np.linalg.inv(own)
    absent = np.isnan(z)
    covariance *= absent[:, :, None] & absent[:, None, :]
    return np.where(absent, mean + np.einsum("nij,nj->ni", covariance, sent), z), covariance


def _log_likelihood(
    z: Float[np.ndarray, "n N"],
    counts: Float[np.ndarray, " n"],
    mean: Float[np.ndarray, " N"],
    precision: Float[np.ndarray, "N N"],
) -> float:
    """ln p of the rows' observed cells, added up."""
    whole = np.linalg.slogdet(precision)[1]
    total = 0.0
    for part, of_part in _parts(z, counts):
        known = np.where(np.isnan(part), 0, part - mean)
        quadratic = -np.einsum("ni,ij,nj->n", known, precision, known) / 2
        seen = (~np.isnan(part)).sum(axis=1)
        log_volume = whole
        if np.isnan(part).any():
            sent, own = _given(part, mean, precision)
            quadratic += np.einsum("ni,ni->n", sent, np.linalg.solve(own, sent[:, :, None])[:, :, 0]) / 2
            log_volume = whole - np.linalg.slogdet(own)[1]
        total += float(of_part @ (quadratic + (log_volume - seen * np.log(2 * np.pi)) / 2))
    return total
