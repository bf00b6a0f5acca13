"""How the random tests decide: the false-alarm rate is chosen, the number of draws follows from the error to be detected.

Reference: the design of TensorFlow Probability's statistical testing (choose both error rates, derive the sample size).
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

FALSE_ALARM = 1e-6
"""Chance that a correct program fails one such test. Seeds are fixed, so a failure is reproducible."""
MISS = 1e-3
"""Chance that an error of the stated size goes unnoticed."""


def draws_for_counts(cells: int, effect: float) -> int:
    """Independent draws after which a chi-square test sees sum (q - p)^2 / p >= `effect`, at the two rates above."""
    threshold = stats.chi2.isf(FALSE_ALARM, cells - 1)
    low, high = 1.0, 1e9
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        missed = stats.ncx2.cdf(threshold, cells - 1, middle * effect)
        low, high = (middle, high) if missed > MISS else (low, middle)
    return math.ceil(high)


def counts_agree(numbers: np.ndarray, probability: np.ndarray) -> float:
    """p-value of independent draws (as state numbers) under `probability`; cells are merged until 5 draws are expected."""
    expected = probability * len(numbers)
    observed = np.bincount(numbers, minlength=len(probability))
    cells = [[0.0, 0.0]]
    for cell in np.argsort(expected):
        if cells[-1][0] >= 5:
            cells.append([0.0, 0.0])
        cells[-1][0] += expected[cell]
        cells[-1][1] += observed[cell]
    statistic = sum((seen - due) ** 2 / due for due, seen in cells)
    return float(stats.chi2.sf(statistic, len(cells) - 1))


def largest_z(draws: np.ndarray, expected: np.ndarray) -> float:
    """The largest |mean - expected| in standard errors, over the entries of independent `draws [n, ...]`."""
    error = draws.std(axis=0, ddof=1) / math.sqrt(len(draws))
    difference = np.abs(draws.mean(axis=0) - expected)
    # An entry that never varied must agree by itself.
    never = np.where(difference > 1e-6, np.inf, 0)
    return float(np.max(np.where(error > 0, difference / np.where(error > 0, error, 1), never)))


def z_limit(entries: int) -> float:
    """The |z| that one of `entries` correct means exceeds with the false-alarm rate (Bonferroni)."""
    return float(stats.norm.isf(FALSE_ALARM / (2 * entries)))
