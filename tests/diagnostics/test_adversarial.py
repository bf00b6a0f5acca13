"""Adversarial accuracy, by its definition and under its null distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statistics_of_tests import FALSE_ALARM, z_limit

from harmonium import diagnostics


def by_brute_force(real, synthetic):
    """Yale et al.'s definition row by row, a tie counting one half; the rows are of small whole numbers, so ties are exact."""

    def share(own, other):
        counts = []
        for i, row in enumerate(own):
            nearest_own = min(((row - x) ** 2).sum() for j, x in enumerate(own) if j != i)
            nearest_other = min(((row - x) ** 2).sum() for x in other)
            counts.append(0.5 if nearest_other == nearest_own else float(nearest_other > nearest_own))
        return np.mean(counts)

    return share(real, synthetic), share(synthetic, real)


@pytest.mark.parametrize("high", [2, 50])
def test_accuracy_by_its_definition(high, monkeypatch):
    random = np.random.default_rng(3)
    real, synthetic = random.integers(0, high, (2, 40, 5))
    synthetic[:10] = real[:10]
    expected = by_brute_force(real, synthetic)
    for elements in (1 << 21, 7 * 80):
        monkeypatch.setattr("harmonium.diagnostics.adversarial.BLOCK_ELEMENTS", elements)
        found = diagnostics.adversarial_accuracy(real, synthetic)
        np.testing.assert_allclose((found.truth, found.synthetic, found.accuracy), (*expected, np.mean(expected)))


def test_copies_and_strangers():
    rows = np.random.default_rng(4).standard_normal((50, 3))
    copies = diagnostics.adversarial_accuracy(rows, rows)
    assert (copies.truth, copies.synthetic, copies.accuracy) == (0, 0, 0)
    assert not copies.verdict.ok
    strangers = diagnostics.adversarial_accuracy(rows, rows[:30] + 100)
    assert (strangers.truth, strangers.synthetic, strangers.rows) == (1, 1, 30)
    assert not strangers.verdict.ok


@pytest.mark.parametrize("draw", [lambda r, n: r.standard_normal((n, 2)), lambda r, n: r.integers(0, 2, (n, 5))])
def test_two_samples_of_one_distribution_have_the_distribution_that_is_stated(draw):
    """The squares of 200 z are as 200 squares of a normal variable are: neither the mean nor the error is off."""
    random = np.random.default_rng(5)
    found = [diagnostics.adversarial_accuracy(draw(random, 40), draw(random, 40), seed) for seed in range(200)]
    z = np.array([(one.accuracy - one.expected) / one.standard_error for one in found])
    total = float((z**2).sum())
    assert min(stats.chi2.sf(total, 200), stats.chi2.cdf(total, 200)) > FALSE_ALARM
    assert abs(z.mean()) * np.sqrt(200) < z_limit(1)
