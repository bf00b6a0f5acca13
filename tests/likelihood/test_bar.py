"""The Bennett acceptance ratio and bootstrap intervals: against closed forms and known laws of weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statistics_of_tests import FALSE_ALARM

from harmonium._numerics import log_mean_exp
from harmonium.likelihood.bar import bar, solve_bar
from harmonium.likelihood.log_weights import mean_weight


def gaussian_runs(random, n, spread, log_ratio):
    """Forward and reverse log weights of a path whose work is normal: the reverse one follows from the forward one."""
    forward = log_ratio - spread**2 / 2 + spread * random.standard_normal(n)
    reverse = -log_ratio - spread**2 / 2 + spread * random.standard_normal(n)
    return forward, reverse


def test_bennett_solves_its_equation_for_unequal_numbers():
    random = np.random.default_rng(0)
    forward, _ = gaussian_runs(random, 70, 1.5, 12.0)
    _, reverse = gaussian_runs(random, 30, 1.5, 12.0)
    c = solve_bar(forward, reverse)
    offset = np.log(70 / 30)
    left = (1 / (1 + np.exp(-(forward - c - offset)))).sum()
    right = (1 / (1 + np.exp(-(reverse + c + offset)))).sum()
    assert left == pytest.approx(right, rel=1e-10)


def test_bennett_of_weights_without_spread_is_exact():
    assert solve_bar(np.full(5, 3.25), np.full(9, -3.25)) == pytest.approx(3.25, abs=1e-12)


@pytest.mark.parametrize("gap", [80.0, 200.0, 3000.0])
def test_bennett_without_any_overlap_is_half_way(gap):
    assert solve_bar(np.zeros(4), np.full(4, -gap)) == pytest.approx(gap / 2, rel=1e-9)


def test_both_sides_bracket_and_bennett_is_consistent():
    random = np.random.default_rng(1)
    forward, reverse = gaussian_runs(random, 200_000, 1.0, 40.0)
    error = np.sqrt((np.e - 1) / 200_000)
    limit = stats.norm.isf(FALSE_ALARM / 2)
    for found in (log_mean_exp(forward), -log_mean_exp(reverse), solve_bar(forward, reverse)):
        assert abs(found - 40) < limit * error


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.3, 1.5])
def test_the_bootstrap_interval_covers_as_often_as_it_says(spread):
    """At 1.5 the weights are so skewed that a normal interval would fail; the percentiles still may not fall below 85 %."""
    random = np.random.default_rng(2)
    trials, hits = 80, {"forward": 0, "bar": 0}
    for number in range(trials):
        forward, reverse = gaussian_runs(random, 100, spread, -7.0)
        for name, found in (("forward", mean_weight(forward, number)), ("bar", bar(forward, reverse, number))):
            assert found.lower <= found.value <= found.upper
            hits[name] += found.lower <= -7.0 <= found.upper
    assert stats.binom.sf(hits["bar"] - 1, trials, 0.95) < 1 - FALSE_ALARM  # not below 95 % beyond chance
    assert stats.binom.cdf(hits["forward"], trials, 0.95 if spread < 1 else 0.85) > FALSE_ALARM
