"""The normal distribution fitted to rows, with and without gaps."""

from __future__ import annotations

import numpy as np
from scipy.stats import multivariate_normal
from statistics_of_tests import z_limit

import harmonium as hm
from harmonium.units.normal_fit import SHRINKAGES, fit_normal

COVARIANCE = np.linalg.inv([[2.0, 0.9, -0.4], [0.9, 1.5, 0.3], [-0.4, 0.3, 0.8]])
MEAN = np.array([1.0, -2.0, 0.5])


def test_of_complete_rows_it_has_their_moments_but_for_shrunk_correlations():
    x = np.random.default_rng(4).multivariate_normal(MEAN, COVARIANCE, size=300)
    mean, precision = fit_normal(x)
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-9)
    ratio = np.linalg.inv(precision) / np.cov(x.T, bias=True)
    np.testing.assert_allclose(np.diag(ratio), 1, rtol=1e-9)
    kept = ratio[np.triu_indices(3, 1)]
    np.testing.assert_allclose(kept, kept[0], rtol=1e-6)
    assert np.isclose(1 - kept[0], SHRINKAGES, rtol=1e-6).any()


def test_gaps_that_depend_on_what_is_seen_do_not_mislead():
    """Within the standard errors of the cells that are seen."""
    random = np.random.default_rng(4)
    x = random.multivariate_normal(MEAN, COVARIANCE, size=3000)
    x[(random.random(x.shape) < 0.3) & (np.arange(3) > 0)] = np.nan
    x[x[:, 0] > 1.5, 2] = np.nan
    mean, precision = fit_normal(x)
    count, variance = (~np.isnan(x)).sum(axis=0).min(), np.diag(COVARIANCE)
    off = np.abs(np.stack([mean, np.nanmean(x, axis=0)]) - MEAN) / np.sqrt(variance / count)
    assert off[0].max() < z_limit(9) < off[1].max()
    error = np.sqrt((np.outer(variance, variance) + COVARIANCE**2) / count)
    assert (np.abs(np.linalg.inv(precision) - COVARIANCE) / error).max() < z_limit(9)


def test_correlations_of_few_rows_are_shrunk():
    """So that other rows are likelier than under the moments as they are."""
    random = np.random.default_rng(5)
    rows, others = random.standard_normal((30, 20)), random.standard_normal((1000, 20))
    mean, precision = fit_normal(rows)
    as_they_are = multivariate_normal(rows.mean(axis=0), np.cov(rows.T, bias=True))
    shrunk = multivariate_normal(mean, np.linalg.inv(precision))
    assert shrunk.logpdf(others).mean() > as_they_are.logpdf(others).mean()


def test_columns_that_do_not_vary_are_as_independent_ones():
    """Also where they vary in no row but one that is left out while shrinkages are compared."""
    x = np.random.default_rng(0).standard_normal((50, 4))
    x[:, :2] = 3
    x[2, 1] = 4
    fitted, alone = hm.CorrelatedGaussian.zeros(4).fit(x), hm.Gaussian.zeros(4).fit(x)
    np.testing.assert_allclose(fitted.precision[0], [alone.precision[0], 0, 0, 0], rtol=1e-9, atol=1e-9)
    for rows in (x, np.where(np.eye(50, 4, dtype=bool), np.nan, x)):
        assert hm.CorrelatedGaussian.zeros(4).fit(rows).validation_error() is None
