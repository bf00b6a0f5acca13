"""Squared maximum mean discrepancy: by its definition, for one distribution, and the coverage of its error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statistics_of_tests import FALSE_ALARM, z_limit

from harmonium.diagnostics import squared_mmd
from harmonium.errors import InputError

STATES = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
REPEATS = 100


def kernel(x, y, s):
    return np.exp(-((x[:, None].astype(float) - y) ** 2).sum(axis=2) / (2 * s**2))


def by_double_sums(x, y, s, group_x, group_y):
    """MMD^2 without the pairs of rows of one group."""
    xx, yy = (kernel(rows, rows, s)[groups[:, None] != groups].mean() for rows, groups in ((x, group_x), (y, group_y)))
    return xx - 2 * kernel(x, y, s).mean() + yy


def exact_error(p, q, n, m, s):
    """The standard deviation of the estimate, of n and m states by their probabilities."""
    k = kernel(STATES, STATES, s)

    def part(p, q, n):
        a = k @ p - k @ q
        return 4 * (p @ a**2 - (p @ a) ** 2) / n

    def interaction(p, q):
        return p @ k**2 @ q - p @ (k @ q) ** 2 - q @ (k @ p) ** 2 + (p @ k @ q) ** 2

    second = 2 * interaction(p, p) / (n * (n - 1)) + 2 * interaction(q, q) / (m * (m - 1)) + 4 * interaction(p, q) / (n * m)
    return np.sqrt(part(p, q, n) + part(q, p, m) + second)


@pytest.mark.parametrize("kind", ["bits", "spins", "real numbers far from zero"])
def test_the_estimate_by_its_definition_with_weights_as_repeated_rows(kind, monkeypatch):
    random = np.random.default_rng(0)
    x, y = (random.integers(0, 2, (rows, 6)) for rows in (30, 21))
    if kind == "spins":
        x, y = 2 * x - 1, 2 * y - 1
    if kind.startswith("real"):
        x, y = 1e4 + x + random.standard_normal(x.shape), 1e4 + y
    counts = random.integers(0, 4, 30)
    group_x, group_y = np.repeat(np.arange(30), counts), np.arange(21)
    for elements in (1 << 22, 5 * 30):
        monkeypatch.setattr("harmonium.diagnostics.mmd.BLOCK_ELEMENTS", elements)
        found = squared_mmd(x, y, [0.7, 2], first_weights=counts / 7)
        expected = [by_double_sums(x[group_x], y, s, group_x, group_y) for s in (0.7, 2)]
        np.testing.assert_allclose(found.estimate, expected, atol=2e-7)
    equal = squared_mmd(x, y, [0.7, 2], second_weights=np.full(21, 3.0))
    plain = squared_mmd(x, y, [0.7, 2])
    np.testing.assert_allclose(equal.estimate, plain.estimate, rtol=1e-12)
    np.testing.assert_allclose(equal.standard_error, plain.standard_error, rtol=1e-12)


@pytest.mark.parametrize("equal", [True, False])
def test_the_mean_and_the_error_over_repeated_draws(equal):
    """The mean is that of the probabilities, the error is their exact one, and it covers; random weights do no harm."""
    random = np.random.default_rng(1)
    p = np.array([0.4, 0.3, 0.2, 0.1])
    q = p if equal else p[::-1]
    n, m, s = 60, 90, 0.8
    k = kernel(STATES, STATES, s)
    expected = (p - q) @ k @ (p - q)
    weights = random.gamma(4, size=(REPEATS, n))
    plain, weighted = [], []
    for row_weights in weights:
        x, y = STATES[random.choice(4, n, p=p)], STATES[random.choice(4, m, p=q)]
        plain.append(squared_mmd(x, y, [s]))
        weighted.append(squared_mmd(x, y, [s], first_weights=row_weights))
    for found in (plain, weighted):
        estimates = np.array([one.estimate[0] for one in found])
        errors = np.array([one.standard_error[0] for one in found])
        assert abs(estimates.mean() - expected) < z_limit(1) * estimates.std() / np.sqrt(REPEATS)
        misses = int((np.abs(estimates - expected) > 2 * errors).sum())
        assert stats.binom.sf(misses - 1, REPEATS, 0.07) > FALSE_ALARM
    exact = exact_error(p, q, n, m, s)
    estimated = np.sqrt(np.mean([one.standard_error[0] ** 2 for one in plain]))
    # Where nothing but the second part is left, it is a lower limit, and the error is too large on average.
    assert 0.95 * exact < estimated < (1.4 if equal else 1.05) * exact


def test_bandwidths_by_default_are_said_and_follow_the_scale():
    random = np.random.default_rng(2)
    x, y = random.standard_normal((40, 3)), random.standard_normal((40, 3))
    found, larger = squared_mmd(x, y), squared_mmd(1000 * x, 1000 * y)
    np.testing.assert_allclose(1000 * found.bandwidths, larger.bandwidths)
    np.testing.assert_allclose(found.estimate, larger.estimate, atol=1e-12)
    assert f"{found.bandwidths[-1]:.4g}" in found.bandwidth_choice
    same = squared_mmd(np.ones((4, 2)), np.ones((5, 2)))
    assert same.estimate == pytest.approx(0)
    assert same.standard_error == pytest.approx(0, abs=1e-7)


def test_what_allows_no_estimate_is_refused():
    rows = np.eye(4)
    with pytest.raises(InputError, match="number of columns"):
        squared_mmd(rows, rows[:, :3])
    with pytest.raises(InputError, match="3 rows that count"):
        squared_mmd(rows, rows, second_weights=[1, 1, 0, 0])
    with pytest.raises(InputError, match="positive numbers"):
        squared_mmd(rows, rows, [1.0, 0.0])
