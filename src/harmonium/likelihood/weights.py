"""From log weights to ln Z: the mean in logs, its effective sample size, its errors, and Bennett's bridge.

All in float64 on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import log_expit, logsumexp

RESAMPLES, CHUNK, MAX_DRAWS = 1000, 100, 4_000_000
COVERAGE = 0.95


class Estimate(NamedTuple):
    """A number and the ends of its nominal 95 % interval, which few or very skewed weights make too short."""

    value: float
    lower: float
    upper: float

    def shift(self, by: float) -> Estimate:
        """The estimate of the number plus `by`."""
        return Estimate(self.value + by, self.lower + by, self.upper + by)

    def negate(self) -> Estimate:
        """The estimate of minus the number."""
        return Estimate(-self.value, -self.upper, -self.lower)


def log_mean_exp(log_weights: np.ndarray) -> np.ndarray:
    """ln of the mean of exp(log_weights) along the last axis, `[..., n] -> [...]`."""
    largest = log_weights.max(axis=-1, keepdims=True)
    return np.log(np.exp(log_weights - largest).mean(axis=-1)) + largest[..., 0]


def effective_sample_size(log_weights: np.ndarray) -> float:
    """(sum w)^2 / sum w^2: how many equal weights would be as good (A. Kong, tech. report 348, Univ. of Chicago, 1992)."""
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


def mean_weight(log_weights: np.ndarray, seed: int = 0) -> Estimate:
    """ln E[w] with its bootstrap interval, `[n]`, made from percentiles of resampled means: as skewed as the weights are."""
    return bootstrap(lambda picked: log_mean_exp(log_weights[picked[0]]), [len(log_weights)], seed)


def bar(forward: np.ndarray, reverse: np.ndarray, seed: int = 0) -> Estimate:
    """ln Z_1 / Z_0 by the acceptance ratio that joins both directions, with its bootstrap interval.

    With n_0 forward log weights f from p_0 and n_1 reverse ones r from p_1 it is the c that solves
    sum_i s(f_i - c - m) = sum_j s(r_j + c + m), s(x) = 1 / (1 + exp(-x)), m = ln n_0 / n_1: of all estimates that weight
    the two kinds of walk, the one of least variance.

    Args:
        forward: `[n_0]`, with E[exp f] = Z_1 / Z_0. reverse: `[n_1]`, with E[exp r] = Z_0 / Z_1.

    Reference: C. Bennett, J. Comput. Phys. 22 (1976); M. Shirts, E. Bair, G. Hooker and V. Pande, Phys. Rev. Lett. 91 (2003).
    """

    def solved(picked: list[np.ndarray]) -> np.ndarray:
        return solve_bar(forward[picked[0]], reverse[picked[1]])

    return bootstrap(solved, [len(forward), len(reverse)], seed)


def solve_bar(forward: np.ndarray, reverse: np.ndarray) -> np.ndarray:
    """The solution c itself, see `bar`; `[..., n_0], [..., n_1] -> [...]`."""
    offset = np.log(forward.shape[-1] / reverse.shape[-1])
    low = np.minimum(forward.min(axis=-1), -reverse.max(axis=-1)) - abs(offset) - 1
    high = np.maximum(forward.max(axis=-1), -reverse.min(axis=-1)) + abs(offset) + 1
    # The left side falls with c and the right side rises; in logs, because without overlap both are far below any number.
    for _ in range(50):
        middle = (low + high) / 2
        left = logsumexp(log_expit(forward - middle[..., None] - offset), axis=-1)
        right = logsumexp(log_expit(reverse + middle[..., None] + offset), axis=-1)
        low, high = np.where(left > right, middle, low), np.where(left > right, high, middle)
    return (low + high) / 2


def bootstrap(
    statistic: Callable[[list[np.ndarray]], np.ndarray], sizes: list[int], seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """A statistic of independent samples with its percentile interval under resampling.

    Args:
        statistic: takes one array of places for each sample, `[..., size]`, and returns `[...]`.

    Reference: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    random = np.random.default_rng(seed)
    resamples = max(200, min(resamples, MAX_DRAWS // sum(sizes)))
    value = statistic([np.arange(size) for size in sizes])
    # A few hundred at a time, so that memory is bounded whatever the number of runs.
    parts = [statistic([random.integers(size, size=(CHUNK, size)) for size in sizes]) for _ in range(-(-resamples // CHUNK))]
    resampled = np.concatenate(parts)
    tail = (1 - COVERAGE) / 2
    lower, upper = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(float(value), float(min(lower, value)), float(max(upper, value)))
