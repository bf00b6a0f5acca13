"""From log weights to ln Z: against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from harmonium._numerics import log_mean_exp
from harmonium.likelihood.log_weights import effective_sample_size, mean_weight


def test_log_mean_exp_is_that_and_does_not_overflow():
    x = np.array([[0.0, 1.0, 2.0], [-3.0, -3.0, -3.0]])
    np.testing.assert_allclose(log_mean_exp(x), np.log(np.exp(x).mean(axis=1)), rtol=1e-15)
    np.testing.assert_allclose(log_mean_exp(x + 5000), log_mean_exp(x) + 5000, rtol=1e-15)
    np.testing.assert_allclose(log_mean_exp(x - 5000), log_mean_exp(x) - 5000, rtol=1e-15)


def test_effective_sample_size_of_equal_and_of_one_weight():
    assert effective_sample_size(np.full(7, 900.0)) == pytest.approx(7)
    assert effective_sample_size(np.array([0.0, -800.0, -800.0])) == pytest.approx(1)
    assert effective_sample_size(np.log([1.0, 2.0, 3.0])) == pytest.approx(36 / 14)


def test_the_interval_is_skewed_as_the_weights_are():
    random = np.random.default_rng(3)
    found = mean_weight(2.0 * random.standard_normal(100))
    assert found.lower < found.value < found.upper
    assert found.shift(3.0).value == found.value + 3
    assert found.negate().lower == -found.upper
    assert abs((found.upper - found.value) - (found.value - found.lower)) > 0.05
