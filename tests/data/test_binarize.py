"""Zeros and ones from gray levels: by a threshold, or drawn with the gray level as the probability."""

from __future__ import annotations

import numpy as np
import pytest
from statistics_of_tests import largest_z, z_limit

from harmonium.data import binarize
from harmonium.errors import InputError

GREY = np.array([[0.0, 0.25, 0.5], [0.75, 1.0, 0.5000001]])


def test_threshold_is_one_above_and_zero_at_the_threshold():
    np.testing.assert_array_equal(binarize(GREY, "threshold=0.5"), [[0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(binarize(GREY - 1, "threshold=-0.75"), [[0, 0, 1], [1, 1, 1]])


@pytest.mark.parametrize("text", ["0.5", ".5", "5e-1", "+0.5", "0.50"])
def test_threshold_in_any_spelling(text):
    np.testing.assert_array_equal(binarize(GREY, f"threshold={text}"), binarize(GREY, "threshold=0.5"))


def test_any_type_of_number_becomes_float64_and_is_not_changed():
    for dtype in ("f4", "i2", "u1", "?"):
        values = np.array([[0, 1], [1, 0]], dtype=dtype)
        before = values.copy()
        for how in ("threshold=0.5", "stochastic"):
            result = binarize(values, how)
            assert result.dtype == np.float64
            np.testing.assert_array_equal(result, values)
        np.testing.assert_array_equal(values, before)
    np.testing.assert_array_equal(binarize([[0, 3]], "threshold=1"), [[0, 1]])


def test_stochastic_means_are_the_gray_levels():
    """Binary draws are right if their means are. False alarms: 1e-6 in all, by Bonferroni over the columns.

    100,000 draws see a mean that is wrong by 0.015: 5.6 standard errors of 0.0016 for the alarm, and 3.1 more so that it
    is missed with a chance of at most 1e-3.
    """
    gray = np.linspace(0, 1, 21)
    draws = binarize(np.tile(gray, (100_000, 1)), "stochastic", seed=1)
    assert set(np.unique(draws)) == {0.0, 1.0}
    assert largest_z(draws, gray) < z_limit(len(gray))
    # The same draws must not pass for gray levels 0.015 away.
    assert largest_z(draws[:, 1:], gray[1:] - 0.015) > z_limit(len(gray))


def test_stochastic_draws_are_independent_of_each_other():
    """Products of neighbors, along rows and down columns, have the mean 1/4. False alarms: 1e-6 for each direction."""
    draws = binarize(np.full((20_000, 11), 0.5), "stochastic", seed=2)
    along = (draws[:, 0:10:2] * draws[:, 1:11:2]).reshape(-1, 1)
    down = (draws[0::2] * draws[1::2]).reshape(-1, 1)
    for products in (along, down):
        assert largest_z(products, np.array([0.25])) < z_limit(1)


def test_stochastic_is_certain_at_zero_and_one():
    np.testing.assert_array_equal(binarize(np.tile([0.0, 1.0], (10_000, 1)), "stochastic"), np.tile([0.0, 1.0], (10_000, 1)))


def test_stochastic_depends_on_the_seed_alone():
    values = np.full((50, 4), 0.5)
    np.testing.assert_array_equal(binarize(values, "stochastic", seed=3), binarize(values, "stochastic", seed=3))
    assert (binarize(values, "stochastic", seed=3) != binarize(values, "stochastic", seed=4)).any()


def test_no_rows_stay_no_rows():
    for how in ("threshold=0.5", "stochastic"):
        assert binarize(np.zeros((0, 3)), how).shape == (0, 3)


@pytest.mark.parametrize(
    "how",
    ["", "threshold", "threshold=", "threshold=x", "threshold=nan", "threshold=1.2.3", "threshold=e", "Stochastic", None, 0.5],
)
def test_unknown_ways_are_refused(how):
    with pytest.raises(InputError, match="threshold=X"):
        binarize(GREY, how)


@pytest.mark.parametrize(
    ("values", "how", "words"),
    [
        ([[0.5, np.nan]], "threshold=0.5", "NaN"),
        ([[0.5, np.nan]], "stochastic", "NaN"),
        ([[0.5, 1.5]], "stochastic", "from 0 to 1, but they run from 0.5 to 1.5"),
        ([[-1, 1]], "stochastic", "run from -1 to 1"),
        ([[0.5, np.inf]], "stochastic", "to inf"),
        ([["a"]], "stochastic", "must hold real numbers"),
        ([[1.0], [1.0, 2.0]], "stochastic", "rows differ in length"),
    ],
)
def test_values_that_cannot_be_binarized(values, how, words):
    with pytest.raises(InputError, match=words):
        binarize(values, how)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0", 2**63])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(InputError, match="seed"):
        binarize(GREY, "stochastic", seed)
