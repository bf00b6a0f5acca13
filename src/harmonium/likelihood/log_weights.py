"""From log weights to ln Z: effective sample size, errors and bootstrap intervals. All in float64 on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from harmonium._numerics import log_mean_exp

RESAMPLES, CHUNK, MAX_DRAWS = 1000, 100, 4_000_000
COVERAGE = 0.95

LogWeights = Float[np.ndarray, "runs"]


class Estimate(NamedTuple):
    """A number and the ends of its nominal 95 % interval, too short where weights are few or very skewed.

    Attributes:
        value: the number.
        lower: lower end.
        upper: upper end.
    """

    value: float
    lower: float
    upper: float

    def shift(self, by: float) -> Estimate:
        """The estimate of the number plus `by`."""
        return Estimate(self.value + by, self.lower + by, self.upper + by)

    def negate(self) -> Estimate:
        """The estimate of minus the number."""
        return Estimate(-self.value, -self.upper, -self.lower)


def effective_sample_size(log_weights: LogWeights) -> float:
    """(sum w)^2 / sum w^2, the number of equal weights that would be as good.

    Reference: A. Kong, technical report 348, University of Chicago, 1992.
    """
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


def relative_error(log_weights: Float[np.ndarray, "*rows runs"]) -> Float[np.ndarray, "*rows"]:
    """The standard error of ln mean w along the last axis, to first order: that of mean w over mean w."""
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    return weights.std(axis=-1, ddof=1) / weights.mean(axis=-1) / np.sqrt(log_weights.shape[-1])


def mean_weight(log_weights: LogWeights, seed: int = 0) -> Estimate:
    """ln E[w] with its bootstrap interval, whose percentiles are as skewed as the weights."""
    return bootstrap(lambda drawn: log_mean_exp(log_weights[drawn[0]]), [len(log_weights)], seed)


def bootstrap(statistic: Callable[[list[np.ndarray]], np.ndarray], sizes: list[int], seed: int = 0) -> Estimate:
    """A statistic of independent samples with its percentile interval under resampling.

    Args:
        statistic: takes one array of indices for each sample, `[..., size]`, and returns `[...]`.

    Reference: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    random = np.random.default_rng(seed)
    resamples = max(200, min(RESAMPLES, MAX_DRAWS // sum(sizes)))
    value = statistic([np.arange(size) for size in sizes])
    # A few hundred at a time, which bounds memory for any number of runs.
    parts = [statistic([random.integers(size, size=(CHUNK, size)) for size in sizes]) for _ in range(-(-resamples // CHUNK))]
    tail = (1 - COVERAGE) / 2
    lower, upper = np.quantile(np.concatenate(parts), [tail, 1 - tail])
    return Estimate(float(value), float(min(lower, value)), float(max(upper, value)))
