"""Rubin's rules against a worked example and their limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import harmonium as hm
from harmonium.errors import InputError


def test_pooled_intervals_follow_rubins_rules():
    """By hand: Q = 2, U = 1, B = 1, m = 4, so T = 2.25, lambda = 5/9, r = 1.25; with 12 degrees of freedom without gaps
    nu_m = 3 (9/5)^2 = 9.72 and nu_o = (4/9) 12 x 13 / 15 = 4.6222..."""
    estimates = np.array([1.0, 2.0, 3.0, 2.0]) * np.sqrt(3 / 2) + 2 - 2 * np.sqrt(3 / 2)
    pooled = hm.pool(estimates, np.ones(4), 12)
    nu = 1 / (1 / 9.72 + 1 / (4 / 9 * 156 / 15))
    half = stats.t.ppf(0.975, nu) * 1.5
    expected = (2, 1.5, 2 - half, 2 + half, 1, 1, nu, (1.25 + 2 / (nu + 3)) / 2.25)
    np.testing.assert_allclose(np.array(pooled), expected, rtol=1e-12)


def test_without_gaps_the_interval_is_that_of_one_table():
    """Equal estimates: normal with infinite degrees of freedom; with 20 those that are left are 20 x 21 / 23."""
    of_20 = 20 * 21 / 23
    for degrees, left in ((np.inf, np.inf), (20, of_20), ([np.inf, 20], np.array([np.inf, of_20]))):
        pooled = hm.pool(np.full((3, 2), 5.0), np.full((3, 2), 0.5), degrees, level=0.9)
        np.testing.assert_allclose(pooled.high, 5 + 0.5 * stats.t.ppf(0.95, left))
        np.testing.assert_allclose(pooled.missing_information, 2 / (left + 3))


@pytest.mark.parametrize(
    ("estimates", "errors", "degrees", "words"),
    [
        ([1.0], [1.0], np.inf, "m at least 2"),
        ([1.0, 2.0], [1.0], np.inf, "one shape"),
        ([1.0, 2.0], [0.0, 1.0], np.inf, "above zero"),
        ([1.0, 2.0], [1.0, 1.0], -1, "degrees must be above zero"),
        ([1.0, 2.0], [1.0, 1.0], [1, 2], "degrees must be"),
    ],
)
def test_what_cannot_be_pooled_is_refused(estimates, errors, degrees, words):
    with pytest.raises(InputError, match=words):
        hm.pool(estimates, errors, degrees)
