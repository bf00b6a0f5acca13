"""Correlated Gaussian units: given some columns, and under conditions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats
from statistics_of_tests import largest_z, z_limit

import harmonium as hm
from harmonium import exact, imputation, model
from harmonium._numerics import float64
from harmonium.conditioning import Conditions, condition
from harmonium.likelihood.clamped import temper_rows
from harmonium.sampling import draw

PRECISION = np.array([[2.0, 0.9, -0.4], [0.9, 1.5, 0.3], [-0.4, 0.3, 0.8]])


@pytest.fixture(scope="module")
def rbm():
    random = np.random.default_rng(2)
    visible = hm.Mixed((hm.Binary([0.4]), hm.CorrelatedGaussian(random.standard_normal(3), PRECISION)))
    return hm.RBM(visible, hm.Binary(random.standard_normal(3)), random.standard_normal((4, 3)))


@pytest.fixture(scope="module")
def mixture(rbm):
    """Hidden states and the binary cell as one index: probabilities, the cell, and the means of the real cells."""
    h = np.array(np.meshgrid(*[[0.0, 1.0]] * 3)).reshape(3, -1).T
    s = h @ rbm.weights.T
    real = rbm.visible.parts[1]
    center = s[:, 1:] + real.bias
    mean = np.linalg.solve(PRECISION, center.T).T
    log_p = h @ rbm.hidden.bias + (center * mean).sum(axis=1) / 2
    log_p = np.concatenate([log_p, log_p + s[:, 0] + 0.4])
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    return p, np.repeat([0.0, 1.0], len(h)), np.concatenate([mean, mean])


def given(mixture, row):
    """ln p(row's observed cells), and of its missing ones the probabilities, means and covariance in each component."""
    p, cell, mean = mixture
    covariance = np.linalg.inv(PRECISION)
    own, rest = ~np.isnan(row[1:]), np.isnan(row[1:])
    gain = covariance[np.ix_(rest, own)] @ np.linalg.inv(covariance[np.ix_(own, own)])
    likely = [
        stats.multivariate_normal(at[own], covariance[np.ix_(own, own)]).pdf(row[1:][own]) if own.any() else 1 for at in mean
    ]
    joint = p * likely * (np.isnan(row[0]) | (cell == row[0]))
    means = mean[:, rest] + (row[1:][own] - mean[:, own]) @ gain.T
    left = covariance[np.ix_(rest, rest)] - gain @ covariance[np.ix_(own, rest)]
    return np.log(joint.sum()), joint / joint.sum(), means, left


COPIES = 64
ROWS = np.array([[1.0, np.nan, 0.7, np.nan], [np.nan, 0.2, np.nan, -0.5], [0.0, np.nan, np.nan, np.nan]])


def test_rows_with_gaps_are_a_mixture_of_normal_distributions(rbm, mixture):
    found, scored = imputation.impute(rbm, ROWS), imputation.log_prob(rbm, ROWS)
    for place, row in enumerate(ROWS):
        log_p, p, means, left = given(mixture, row)
        rest = 1 + np.flatnonzero(np.isnan(row[1:]))
        mean = p @ means
        deviation = np.sqrt(p @ means**2 - mean**2 + np.diag(left))
        np.testing.assert_allclose(scored.value[place], log_p, atol=1e-9)
        np.testing.assert_allclose(found.mean[place, rest], mean, atol=1e-9)
        np.testing.assert_allclose(found.deviation[place, rest], deviation, atol=1e-9)
    draws = imputation.impute(rbm, np.repeat(ROWS[:1], 4000, axis=0), draws=1).draws[0][:, [1, 3]]
    _, p, means, left = given(mixture, ROWS[0])
    squares = np.einsum("k,ki,kj->ij", p, means, means) + left
    assert largest_z(draws, p @ means) < z_limit(2)
    assert largest_z(draws[:, :, None] * draws[:, None, :], squares) < z_limit(3)


@pytest.mark.slow
def test_tempered_chains_of_missing_cells_have_that_distribution_too(rbm, mixture):
    tempered = temper_rows(rbm, np.repeat(ROWS, COPIES, axis=0), jax.random.key(1), stages=1)
    log_z = exact.log_partition(rbm)
    for place, row in enumerate(ROWS):
        log_p, p, means, _ = given(mixture, row)
        copies = slice(place * COPIES, (place + 1) * COPIES)  # each with chains of its own
        assert largest_z(tempered.value[copies, None] - log_z, np.array([log_p])) < z_limit(9)
        assert largest_z(tempered.mean[copies][:, 1 + np.flatnonzero(np.isnan(row[1:]))], p @ means) < z_limit(9)


def test_the_surprisal_of_a_cell_is_that_of_the_mixture(rbm, mixture):
    row = np.array([1.0, 0.3, -0.2, 0.9])
    scored = imputation.surprisal(rbm, row[None])
    for column in range(4):
        others = row.copy()
        others[column] = np.nan
        whole, rest = given(mixture, row)[0], given(mixture, others)[0]
        np.testing.assert_allclose(scored.nats[0, column], rest - whole, atol=1e-8)
        if column:
            _, p, means, _ = given(mixture, others)
            np.testing.assert_allclose(scored.expected[0, column], (p @ means)[0], atol=1e-8)


@pytest.mark.slow
def test_conditions_on_columns_that_depend_on_each_other(rbm):
    """One column with a condition exactly; more by way of more hidden units; those that are fixed without any."""
    free = hm.sample(rbm, 40_000, seed=3)
    one, two = Conditions({2: ((0.5, np.inf),)}), Conditions({2: ((0.5, np.inf),), 3: ((-np.inf, 0.0), (1.0, 2.0))})
    exact_ones = draw(rbm, 3000, 1, where=one)
    chains = draw(rbm, 3000, 1, where=two, method="gibbs", sweeps=200)  # independent ones
    assert exact_ones.method == "exact"
    assert chains.warnings == []
    assert "set sweeps to" in draw(rbm, 3000, 1, where=two, method="gibbs", sweeps=2).warnings[0]
    allowed = free[:, 2] > 0.5
    also = (free[:, 3] < 0) | ((free[:, 3] > 1) & (free[:, 3] < 2))
    for drawn, kept in ((exact_ones, free[allowed]), (chains, free[allowed & also])):
        assert (drawn.values[:, 2] >= 0.5).all()
        deviation = np.sqrt(kept.var(axis=0) / len(kept) + drawn.values.var(axis=0) / len(drawn.values))
        assert (np.abs(drawn.values.mean(axis=0) - kept.mean(axis=0)) / deviation).max() < z_limit(8)
    fixed = draw(rbm, 4000, 2, clamp={2: 0.7, 0: 1.0})
    assert fixed.method == "exact"
    wanted = imputation.impute(rbm, ROWS[:1]).mean[0, [1, 3]]
    assert largest_z(fixed.values[:, [1, 3]], wanted) < z_limit(2)


def test_the_probability_of_a_condition_on_a_column_is_that_of_the_mixture(rbm, mixture):
    p, _, means = mixture
    wanted = p @ stats.norm.sf((0.5 - means[:, 1]) / np.sqrt(np.linalg.inv(PRECISION)[1, 1]))
    np.testing.assert_allclose(draw(rbm, 1, where=Conditions({2: ((0.5, np.inf),)})).probability, wanted, rtol=1e-5)


def test_conditions_beside_fixed_values_on_two_layers_of_a_float32_model():
    """Against the mixture over hidden states of normal distributions; the precision of the model stays what it is."""
    random = np.random.default_rng(1)
    parts = [hm.CorrelatedGaussian(random.standard_normal(3), PRECISION), hm.CorrelatedGaussian([0.1, 0.5], [[2, -1], [-1, 1]])]
    rbm = hm.RBM(hm.Mixed(tuple(parts)), hm.Binary([0.3, -0.4]), 0.7 * random.standard_normal((5, 2)))
    rbm = jax.tree.map(np.float32, rbm)
    log_p, conditions_p = [], []
    for h in np.array([[0, 0], [0, 1], [1, 0], [1, 1]]):
        log_p.append(h @ rbm.hidden.bias)
        conditions_p.append(1.0)
        for part, s, fixed, ranges in (
            (parts[0], (rbm.weights @ h)[:3], 0.4, [(0.1, 9)]),
            (parts[1], (rbm.weights @ h)[3:], -0.3, [(-9, 0), (1, 2)]),
        ):
            covariance = np.linalg.inv(part.precision)
            mean = covariance @ (s + part.bias)
            log_p[-1] += mean @ part.precision @ mean / 2
            gain = covariance[0, 1] / covariance[1, 1]
            rest = stats.norm(mean[0] + gain * (fixed - mean[1]), np.sqrt(covariance[0, 0] - gain * covariance[0, 1]))
            conditions_p[-1] *= stats.norm(mean[1], np.sqrt(covariance[1, 1])).pdf(fixed)
            conditions_p[-1] *= sum(rest.cdf(high) - rest.cdf(low) for low, high in ranges)
    wanted = np.log(np.exp(log_p) @ conditions_p / np.exp(log_p).sum())
    where = {0: ((0.1, np.inf),), 1: ((0.4, 0.4),), 3: ((-np.inf, 0.0), (1.0, 2.0)), 4: ((-0.3, -0.3),)}
    found = condition(rbm, Conditions(where))
    assert {leaf.dtype for leaf in jax.tree.leaves(found.rbm)} == {np.dtype(np.float32)}
    log_z, conditioned = exact.log_partition(rbm), exact.log_partition(found.rbm)
    np.testing.assert_allclose(found.log_probability(rbm, log_z, conditioned), wanted, atol=2e-5)


@pytest.mark.parametrize("chosen", [[True, True, True], [False, True, False], [True, False, True]])
def test_a_layer_without_some_connections_is_the_same_in_other_columns(rbm, chosen):
    layer, chosen = rbm.visible.parts[1], np.array(chosen)
    alone, weights, shift, relaxation = layer.unconnect(chosen)
    hidden = hm.Gaussian.zeros(weights.shape[1]) if weights.shape[1] else hm.Binary([-100.0])
    both = hm.RBM(alone, hidden, weights if weights.shape[1] else np.zeros((3, 1)))
    x = np.random.default_rng(0).standard_normal((5, 3))
    y = x + x[:, chosen] @ shift.T
    constant = weights.shape[1] * np.log(2 * np.pi) / 2
    np.testing.assert_allclose(model.free_energy(both, y), np.asarray(layer.energy(x)) - constant, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(y[:, chosen], x[:, chosen])
    if chosen.sum() > 1:  # the part of a deviation that is left after a sweep there and back
        left = np.linalg.eigvals(weights @ weights.T / np.diag(alone.precision)[:, None]).real.max()
        np.testing.assert_allclose(1 - 1 / relaxation, left)


@pytest.mark.slow
def test_derivatives_of_the_log_normalizer():
    with float64():
        bias, x = np.array([0.3, -1.2, 0.5]), np.array([[0.2, 1.0, -0.4]])

        def log_normalizer(precision: jax.Array) -> jax.Array:
            return hm.CorrelatedGaussian(jnp.asarray(bias), (precision + precision.T) / 2).log_normalizer(x).sum()

        check_grads(log_normalizer, (PRECISION,), 2)
        slopes = jax.vmap(jax.grad(log_normalizer))(jnp.stack([PRECISION, 2 * PRECISION]))
        np.testing.assert_allclose(slopes[1], jax.grad(log_normalizer)(2 * PRECISION), rtol=1e-12)


def test_drawing_column_after_column_keeps_the_distribution(rbm):
    layer, inputs = rbm.visible.parts[1], np.array([0.4, -0.2, 0.1])
    fixed = np.full((40_000, 3), [np.nan, 0.7, np.nan])
    with float64():
        x = layer.given(fixed).sample(jax.random.key(0), np.broadcast_to(inputs, fixed.shape))
        first, second = layer.given(fixed[0]).moments(inputs)
        for step in range(3):
            x = layer.resample(jax.random.key(1 + step), np.broadcast_to(inputs, fixed.shape), x, fixed)
    x = np.asarray(x)[:, [0, 2]]
    assert largest_z(x, np.asarray(first)[[0, 2]]) < z_limit(4)
    assert largest_z(x**2, np.asarray(second)[[0, 2]]) < z_limit(4)


def test_no_step_leads_above_the_ceiling():
    layer = hm.CorrelatedGaussian([0.3, -1.2, 0.5], PRECISION, 1.5 * PRECISION)
    random = np.random.default_rng(1)
    for _ in range(30):
        step = random.standard_normal((3, 3))
        layer = layer.apply_update(hm.CorrelatedGaussian(np.zeros(3), step @ step.T, np.zeros((3, 3))))
    relative = np.linalg.eigvals(np.linalg.solve(PRECISION, np.asarray(layer.precision)))
    assert 1.4 < relative.real.max() < 1.5 + 1e-4


def test_the_baseline_is_that_of_independent_columns():
    x = np.random.default_rng(6).multivariate_normal([1.0, -2.0, 0.5], np.linalg.inv(PRECISION), size=400)
    fitted, alone = hm.CorrelatedGaussian.zeros(3).fit(x), hm.Gaussian.zeros(3).fit_base_rate(x)
    baseline = hm.likelihood.base_rate_log_likelihood(fitted, x[:50])
    np.testing.assert_allclose(baseline, hm.likelihood.base_rate_log_likelihood(alone, x[:50]), rtol=1e-9)
    np.testing.assert_allclose(baseline, stats.norm(x.mean(axis=0), x.std(axis=0)).logpdf(x[:50]).sum(axis=1).mean(), rtol=1e-9)


@pytest.mark.parametrize(
    ("matrices", "words"),
    [
        ((np.eye(3),), r"precision must have shape \[2, 2\], as bias has 2, but has \[3, 3\]"),
        (([[2, 1], [0, 2]],), "precision must be symmetric"),
        (([[1, 2], [2, 1]],), "precision must be positive definite, but with a diagonal of ones its least eigenvalue is -1"),
        (([[1, 0], [0, 0]],), "precision must be positive definite, but its diagonal has 0"),
        ((np.eye(2), np.eye(3)), r"ceiling must have shape \[2, 2\]"),
        ((np.eye(2), [[1, 2], [2, 1]]), "ceiling must be positive definite"),
    ],
)
def test_matrices_of_no_normal_distribution_are_refused(matrices, words):
    with pytest.raises(hm.InputError, match=words):
        model.validate(hm.RBM(hm.CorrelatedGaussian([0, 0], *matrices), hm.Binary([0]), [[0], [0]]))


def test_columns_may_have_very_different_scales():
    """A correlation of one half, which rounding hides among the eigenvalues of the matrix itself."""
    assert hm.CorrelatedGaussian([0, 0], [[1e12, -5e2], [-5e2, 1e-6]]).validation_error() is None
