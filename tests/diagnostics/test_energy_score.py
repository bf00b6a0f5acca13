"""The energy score of draws, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harmonium.diagnostics import energy_score
from harmonium.errors import InputError


def test_of_numbers_it_is_the_ranked_probability_score():
    """That of N(mu, s) has a closed form; the mean of 4,000 differences is off by five errors with a chance below 1e-6."""
    random = np.random.default_rng(0)
    mean, scale = random.normal(size=4000), random.uniform(0.5, 2, 4000)
    x = random.normal(size=(4000, 1))
    found = energy_score(x, (mean + scale * random.standard_normal((12, 4000)))[..., None])
    z = (x[:, 0] - mean) / scale
    exact = scale * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    off = found - exact
    assert abs(off.mean()) < 5 * off.std() / np.sqrt(len(off))


def test_only_cells_that_count_are_scored():
    rows = np.array([[3.0, np.nan], [0.0, 1.0], [np.nan, np.nan]])
    draws = np.array([[[0.0, np.nan], [3.0, 5.0], [9.0, 9.0]], [[6.0, 7.0], [0.0, 1.0], [9.0, 9.0]]])
    np.testing.assert_allclose(energy_score(rows, draws), [3 - 6 / 2, 5 / 2 - 5 / 2, np.nan])
    np.testing.assert_allclose(energy_score(rows, draws, [[1, 0], [0, 1], [0, 0]]), [0.0, 4 / 2 - 4 / 2, np.nan])


@pytest.mark.parametrize(
    ("draws", "scored", "words"),
    [
        (np.zeros((1, 2, 1)), None, "m at least 2"),
        (np.zeros((2, 1, 1)), None, "must have shape"),
        (np.full((2, 2, 1), np.nan), None, "must be finite"),
        (np.zeros((2, 2, 1)), [True], "the shape of rows"),
    ],
)
def test_what_cannot_be_scored_is_refused(draws, scored, words):
    with pytest.raises(InputError, match=words):
        energy_score(np.zeros((2, 1)), draws, scored)
