"""Gaussian units in both layers against SciPy's normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import harmonium as hm
from harmonium import exact
from harmonium.likelihood import can_be_exact

RANDOM = np.random.default_rng(4)
MODEL = hm.RBM(
    hm.Mixed((hm.Gaussian([0.3, -1.2], [0.8, 2.5]), hm.Gaussian([2.0], [5.0]))),
    hm.Gaussian([0.5, -0.4], [1.5, 0.9]),
    RANDOM.normal(size=(3, 2)) / 2,
)
PRECISION = np.block([[np.diag([0.8, 2.5, 5.0]), -MODEL.weights], [-MODEL.weights.T, np.diag([1.5, 0.9])]])
MEAN = np.linalg.solve(PRECISION, [0.3, -1.2, 2.0, 0.5, -0.4])
COVARIANCE = np.linalg.inv(PRECISION)
VISIBLE = multivariate_normal(MEAN[:3], COVARIANCE[:3, :3])
ROWS = RANDOM.normal(size=(6, 3))
HOLES = np.where(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 1]], bool), np.nan, ROWS)


def given(row: int, cells: list[int], others: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of some cells of a row given others, from the joint covariance."""
    gain = COVARIANCE[np.ix_(cells, others)] @ np.linalg.inv(COVARIANCE[np.ix_(others, others)])
    mean = MEAN[cells] + gain @ (ROWS[row, others] - MEAN[others])
    return mean, COVARIANCE[np.ix_(cells, cells)] - gain @ COVARIANCE[np.ix_(others, cells)]


def test_log_partition_is_that_of_the_density():
    density = multivariate_normal(MEAN, COVARIANCE).logpdf(np.zeros(5))
    assert exact.log_partition(MODEL) == pytest.approx(-density, abs=1e-12)  # the energy at zero is zero
    assert exact.estimate_seconds(MODEL) < 0.01
    assert can_be_exact(MODEL)


def test_moments_and_log_probabilities():
    found = exact.moments(MODEL)
    np.testing.assert_allclose(np.concatenate([found.v, found.h]), MEAN, atol=1e-12)
    np.testing.assert_allclose(found.vh, COVARIANCE[:3, 3:] + np.outer(MEAN[:3], MEAN[3:]), atol=1e-12)
    np.testing.assert_allclose(exact.log_likelihood(MODEL, ROWS), VISIBLE.logpdf(ROWS), atol=1e-12)
    result = hm.evaluate(MODEL, ROWS)
    assert result.mean == pytest.approx(VISIBLE.logpdf(ROWS).mean(), abs=1e-12)
    assert result.method == "exact (Gaussian)"


def test_missing_cells_are_integrated():
    found, filled = hm.log_prob(MODEL, HOLES), hm.impute(MODEL, HOLES, 20_000, seed=1)
    assert found.method == filled.method == "exact"
    for row, holes in enumerate(np.isnan(HOLES)):
        seen, lost = np.flatnonzero(~holes).tolist(), np.flatnonzero(holes).tolist()
        log_p = multivariate_normal(MEAN[seen], COVARIANCE[np.ix_(seen, seen)]).logpdf(ROWS[row, seen]) if seen else 0
        assert found.value[row] == pytest.approx(log_p, abs=1e-12)
        if lost:
            mean, covariance = given(row, lost, seen)
            np.testing.assert_allclose(filled.mean[row, lost], mean, atol=1e-12)
            np.testing.assert_allclose(filled.deviation[row, lost], np.sqrt(np.diag(covariance)), atol=1e-12)
            # Six standard errors: false alarms about 1e-8.
            error = 6 * np.sqrt(np.diag(covariance) / 20_000)
            assert (np.abs(filled.draws[:, row, lost].mean(axis=0) - mean) < error).all()
            assert np.abs(np.cov(filled.draws[:, row, lost].T) - covariance).max() < 6 * covariance.max() / 100


def test_surprisal_and_prediction_of_a_cell():
    found = hm.surprisal(MODEL, ROWS)
    for row in range(len(ROWS)):
        for cell in range(3):
            others = [other for other in range(3) if other != cell]
            mean, covariance = given(row, [cell], others)
            assert found.nats[row, cell] == pytest.approx(-multivariate_normal(mean, covariance).logpdf(ROWS[row, cell]))
            assert found.expected[row, cell] == pytest.approx(mean[0])
    predicted = hm.imputation.predict(MODEL, ROWS, 1)
    np.testing.assert_allclose(predicted.nats, found.nats[:, 1])


def test_draws_are_independent_and_of_the_joint_distribution():
    v, h = exact.sample_joint(MODEL, 50_000, seed=3)
    draws = np.concatenate([v, h], axis=1)
    # Six standard errors of a mean and of a covariance, which is at most its variances': false alarms about 1e-8.
    deviations = np.sqrt(np.diag(COVARIANCE))
    assert (np.abs(draws.mean(axis=0) - MEAN) < 6 * deviations / np.sqrt(50_000)).all()
    assert (np.abs(np.cov(draws.T) - COVARIANCE) < 6 * np.sqrt(2 / 50_000) * np.outer(deviations, deviations)).all()
    drawn = hm.sampling.draw(MODEL, 10, clamp={0: 1.5})
    assert drawn.method == "exact"
    np.testing.assert_array_equal(drawn.values[:, 0], 1.5)


def test_a_model_whose_precision_is_not_positive_definite_is_refused():
    with pytest.raises(hm.InputError, match="not positive definite"):
        exact.log_partition(hm.RBM(hm.Gaussian.zeros(1), hm.Gaussian.zeros(1), [[1.0]]))
