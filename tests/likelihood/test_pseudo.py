"""The pseudo-likelihood against brute force, against the distribution of its own estimate, and against scikit-learn's."""

from __future__ import annotations

from itertools import pairwise

import jax
import numpy as np
import pytest
from conftest import random_rbm
from kinds import LISTED, rbm_of
from scipy.special import logsumexp
from sklearn.neural_network import BernoulliRBM
from statistics_of_tests import largest_z, z_limit

import harmonium as hm
from harmonium import exact
from harmonium.likelihood import conditionals
from harmonium.likelihood.pseudo import pseudo_log_likelihood, stochastic_pseudo_log_likelihood
from harmonium.units import Binary, Spin

HIDDEN = 3


def by_brute_force(rbm: hm.RBM, v: np.ndarray) -> np.ndarray:
    """sum_i ln p(v) / sum over the states that differ from v in unit i alone, from the table of all p(v)."""
    every = exact.all_states(rbm.visible)
    log_p = exact.log_likelihood(rbm, every)
    total = np.zeros(len(v))
    for row, state in enumerate(v):
        for first, end in pairwise(rbm.visible.boundaries):
            others = np.delete(np.arange(rbm.visible.size), np.arange(first, end))
            same_structure = (every[:, others] == state[others]).all(axis=1)
            own = (every == state).all(axis=1)
            total[row] += log_p[own][0] - logsumexp(log_p[same_structure])
    return total


@pytest.mark.parametrize("kind", LISTED)
@pytest.mark.slow_except("[mixed, listed]", "[binary]")
def test_every_kind_agrees_with_brute_force(kind):
    rbm = rbm_of(kind, "binary", seed=1, scale=1.5)
    v = exact.all_states(rbm.visible)
    np.testing.assert_allclose(pseudo_log_likelihood(rbm, v), by_brute_force(rbm, v), atol=1e-9)


def test_blocks_change_nothing(monkeypatch):
    rbm = random_rbm(Spin, Binary, (6, HIDDEN), seed=1, scale=1.5)
    v = exact.all_states(rbm.visible)
    whole, one = pseudo_log_likelihood(rbm, v), stochastic_pseudo_log_likelihood(rbm, v)
    monkeypatch.setattr(conditionals, "BLOCK_ELEMENTS", 2 * 7 * 6)
    np.testing.assert_allclose(pseudo_log_likelihood(rbm, v), whole, rtol=1e-12)
    np.testing.assert_allclose(stochastic_pseudo_log_likelihood(rbm, v), one, rtol=1e-12)


@pytest.mark.parametrize("kind", ["mixed, listed", pytest.param("ragged", marks=pytest.mark.slow)])
def test_the_mean_of_the_stochastic_one_is_the_exact_one(kind):
    rbm = rbm_of(kind, "binary", seed=1, scale=1.5)
    v = exact.sample(rbm, 5, seed=3)
    draws = stochastic_pseudo_log_likelihood(rbm, np.repeat(v, 2000, axis=0), seed=8).reshape(5, 2000).T
    assert largest_z(draws, pseudo_log_likelihood(rbm, v)) < z_limit(5)


def test_the_stochastic_one_is_scikit_learns():
    """The same unit chosen for each row, scikit-learn's own code for the rest."""
    rbm = random_rbm(Binary, Binary, (6, 4), seed=2)
    v = exact.sample(rbm, 40, seed=1)

    class Chosen(np.random.RandomState):
        def randint(self, low, high=None, size=None):
            return np.random.default_rng(8).integers(high, size=size)

    theirs = BernoulliRBM(random_state=Chosen())
    theirs.components_, theirs.n_features_in_ = rbm.weights.T, 6
    theirs.intercept_visible_, theirs.intercept_hidden_ = rbm.visible.bias, rbm.hidden.bias
    np.testing.assert_allclose(stochastic_pseudo_log_likelihood(rbm, v, seed=8), theirs.score_samples(v), atol=1e-9)


def test_independent_units_have_their_log_likelihood():
    """Without weights every conditional is a marginal: the one model whose pseudo-likelihood is its likelihood."""
    rbm = hm.RBM(hm.Binary([0.3, -2.0, 40.0]), hm.Binary([1.0]), [[0.0], [0.0], [0.0]])
    v = np.array([[0.0, 1, 1], [1, 0, 0]])
    np.testing.assert_allclose(pseudo_log_likelihood(rbm, v), exact.log_likelihood(rbm, v), atol=1e-9)


def test_it_is_no_log_likelihood():
    """Two modes, all off and all on: each unit follows from the others, so the rows look certain, and are not."""
    n = 8
    rbm = hm.RBM(hm.Binary(np.full(n, -10.0)), hm.Binary([-10.0 * n]), np.full((n, 1), 20.0))
    v = np.stack([np.zeros(n), np.ones(n)])
    np.testing.assert_allclose(exact.log_likelihood(rbm, v), -np.log(2), atol=1e-3)
    np.testing.assert_allclose(pseudo_log_likelihood(rbm, v), 0, atol=1e-3)


@pytest.mark.parametrize("function", [pseudo_log_likelihood, stochastic_pseudo_log_likelihood])
def test_bad_input(function, two_by_two):
    for v, words in (
        (np.full((2, 2), 0.5), "has 0.5 in row 1, column 1"),
        (np.zeros((2, 3)), "2 columns"),
        (np.zeros((0, 2)), "at least 1"),
        (np.zeros(2), r"must have shape \[n, 2\]"),
    ):
        with pytest.raises(hm.InputError, match=words):
            function(two_by_two, v)
    with pytest.raises(hm.InputError, match="seed"):
        stochastic_pseudo_log_likelihood(two_by_two, np.zeros((1, 2)), seed=-1)


@pytest.mark.parametrize("hidden", ["binary", "spin"])
@pytest.mark.parametrize("group", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_products_of_factors_are_the_log_normalizers(hidden, group):
    """Three units, which the group does not divide, with inputs of both signs and far from zero."""
    units = rbm_of("binary", hidden).hidden
    inputs, others = (np.random.default_rng(seed).normal(scale=10, size=(4, 3)) for seed in (1, 2))
    with jax.enable_x64(True):
        found = conditionals._log_normalizers(units, inputs, others, group)
        np.testing.assert_allclose(found, units.log_normalizer(inputs[:, None] + others), rtol=1e-12)
