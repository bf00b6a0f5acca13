"""Gaussian visible and Gaussian hidden units: (v, h) together are normal, so every quantity is linear algebra.

    p(v, h) = N(P^-1 b, P^-1),   P = [[D_v, -W], [-W^T, D_h]],   ln Z = ((V + H) ln 2 pi - ln det P + b^T P^-1 b) / 2,

with D the precisions, on diagonals but for correlated units, and b the biases. What is missing is summed over by leaving its
rows and columns of P^-1 out.

Reference: C. Bishop, "Pattern Recognition and Machine Learning", 2006, section 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from harmonium import _checks
from harmonium._numerics import block_diagonal
from harmonium.model import RBM
from harmonium.units import CorrelatedGaussian, Gaussian, Mixed, Units

LOG_2PI = float(np.log(2 * np.pi))


class Normal(NamedTuple):
    """The distribution of (v, h): `mean [N]`, `covariance [N, N]` and ln Z (nats)."""

    mean: Float[np.ndarray, " N"]
    covariance: Float[np.ndarray, "N N"]
    log_partition: float


def is_normal(rbm: RBM) -> bool:
    """Whether all units of both layers are Gaussian."""
    return _gaussian_part(rbm.visible) is not None and _gaussian_part(rbm.hidden) is not None


def _gaussian_part(units: Units) -> CorrelatedGaussian | None:
    """The layer as correlated Gaussian units, if all of its units are Gaussian."""
    if isinstance(units, CorrelatedGaussian):
        return units
    if isinstance(units, Gaussian):
        return CorrelatedGaussian(units.bias, np.diag(units.precision))
    parts = [_gaussian_part(part) for part in units.parts] if isinstance(units, Mixed) else [None]
    gaussians = [part for part in parts if part is not None]
    if len(gaussians) < len(parts):
        return None
    return CorrelatedGaussian(
        np.concatenate([part.bias for part in gaussians]), block_diagonal([part.precision for part in gaussians])
    )


def normal_of(rbm: RBM) -> Normal | None:
    """The distribution of a validated model in float64, if all its units are Gaussian.

    Raises:
        InputError: a result that is not finite.
    """
    visible, hidden = _gaussian_part(rbm.visible), _gaussian_part(rbm.hidden)
    if visible is None or hidden is None:
        return None
    # Scaled by the roots of the precisions, the matrix has ones in its diagonal.
    precisions = block_diagonal([visible.precision, hidden.precision])
    roots = np.sqrt(np.diag(precisions))
    bias = np.concatenate([visible.bias, hidden.bias]) / roots
    size = visible.size
    precisions[:size, size:] = -np.asarray(rbm.weights)
    precisions[size:, :size] = precisions[:size, size:].T
    precision = precisions / np.outer(roots, roots)
    inverse = np.linalg.inv(precision)
    mean = inverse @ bias
    log_z = (len(roots) * LOG_2PI - np.linalg.slogdet(precision)[1] + bias @ mean) / 2 - np.log(roots).sum()
    covariance = (inverse + inverse.T) / 2 / np.outer(roots, roots)
    return Normal(mean / roots, covariance, float(_checks.finite_result(log_z, "ln Z")))


def draw(normal: Normal, random: np.random.Generator, n: int) -> Float[np.ndarray, "n N"]:
    """Independent draws of (v, h)."""
    return normal.mean + random.standard_normal((n, len(normal.mean))) @ _root(normal.covariance).T


def posterior(normal: Normal, v: Float[np.ndarray, "n V"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln p(v_o) + ln Z `[n]`, E[v | v_o] and E[v^2 | v_o] `[n, V]` of rows with NaN where cells are missing."""
    log_p, mean, square = np.empty(len(v)), v.copy(), v**2
    for here, seen in _patterns(v):
        root, gain, rest = _condition(normal, seen)
        deviations = v[np.ix_(here, seen)] - normal.mean[: v.shape[1]][seen]
        whitened = np.linalg.solve(root, deviations.T)
        log_p[here] = -(whitened**2).sum(axis=0) / 2 - np.log(np.diag(root)).sum() - seen.sum() * LOG_2PI / 2
        filled = normal.mean[: v.shape[1]][~seen] + deviations @ gain.T
        mean[np.ix_(here, ~seen)], square[np.ix_(here, ~seen)] = filled, filled**2 + np.diag(rest)
    return log_p + normal.log_partition, mean, square


def draw_missing(
    normal: Normal, random: np.random.Generator, v: Float[np.ndarray, "n V"], draws: int
) -> Float[np.ndarray, "draws n V"]:
    """Independent draws of rows from p(v | v_o)."""
    drawn = np.repeat(v[None], draws, axis=0)
    for here, seen in _patterns(v):
        _, gain, rest = _condition(normal, seen)
        mean = normal.mean[: v.shape[1]]
        filled = mean[~seen] + (v[np.ix_(here, seen)] - mean[seen]) @ gain.T
        noise = random.standard_normal((draws, len(here), len(rest))) @ _root(rest).T
        drawn[np.ix_(np.arange(draws), here, ~seen)] = filled + noise
    return drawn


def conditionals(normal: Normal, v: Float[np.ndarray, "n V"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-ln p(v_i | the row's other observed cells), and that distribution's first two moments, `[n, V]`; NaN where missing."""
    nats, mean, square = (np.full(v.shape, np.nan) for _ in range(3))
    for here, seen in _patterns(v):
        cells = np.ix_(here, seen)
        own = np.flatnonzero(seen)
        # The inverse covariance of the observed cells has each one's conditional precision in its diagonal.
        precision = np.linalg.inv(normal.covariance[np.ix_(own, own)])
        each = np.diag(precision)
        slope = (v[cells] - normal.mean[own]) @ precision
        nats[cells] = slope**2 / each / 2 - (np.log(each) - LOG_2PI) / 2
        mean[cells] = v[cells] - slope / each
        square[cells] = mean[cells] ** 2 + 1 / each
    return nats, mean, square


def _condition(normal: Normal, seen: Bool[np.ndarray, " V"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the visible cells: the root of the seen ones' covariance, the others' gain from them, and what covariance is left."""
    own, other = np.flatnonzero(seen), np.flatnonzero(~seen)
    covariance = normal.covariance
    root = _root(covariance[np.ix_(own, own)])
    half = np.linalg.solve(root, covariance[np.ix_(own, other)])
    gain = np.linalg.solve(root.T, half).T
    return root, gain, covariance[np.ix_(other, other)] - half.T @ half


def _root(covariance: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """The lower triangular matrix whose product with its transpose is `covariance`; of a matrix of size zero itself."""
    return np.linalg.cholesky(covariance) if covariance.size else covariance


def _patterns(v: Float[np.ndarray, "n V"]) -> Iterator[tuple[Int[np.ndarray, " rows"], Bool[np.ndarray, " V"]]]:
    """The rows of each pattern of gaps, and which cells they have."""
    patterns, which = np.unique(~np.isnan(v), axis=0, return_inverse=True)
    for index, seen in enumerate(patterns):
        yield np.flatnonzero(which.ravel() == index), seen
