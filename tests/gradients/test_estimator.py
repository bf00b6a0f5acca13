"""What every estimator fulfills: a new one joins by being added to ESTIMATORS."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import random_rbm
from small_models import _float64, data_for, each_pair  # noqa: F401

import harmonium as hm
from harmonium import gradients
from harmonium.gradients.centering import SMOOTHING
from harmonium.units import Binary, Spin

ESTIMATORS = {
    "exact": gradients.exact(),
    "cd-1": gradients.cd(1),
    "cd-1, sampled": gradients.cd(1, sampled=True),
    "cd-3": gradients.cd(3),
    "pcd-1": gradients.pcd(1, chains=50),
    "pcd-2": gradients.pcd(2, chains=20),
    "exact, centered": gradients.centered(gradients.exact()),
    "cd-1, sampled, centered": gradients.centered(gradients.cd(1, sampled=True)),
    "pcd-1, centered": gradients.centered(gradients.pcd(1, chains=50)),
}
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=list(ESTIMATORS))


@each_estimator
@pytest.mark.slow_except("[exact]", "[pcd-1]", "sampled, centered")
def test_a_gradient_is_shaped_like_its_model_and_is_the_difference_of_its_terms(estimator):
    rbm = random_rbm(Spin, Binary, (3, 4))
    state = estimator.init(jax.random.key(0), rbm)
    slope, _, terms = jax.jit(estimator.gradient)(jax.random.key(1), rbm, state, data_for(rbm))
    assert jax.tree.structure(slope) == jax.tree.structure(rbm)
    difference = jax.tree.map(lambda p, n: p - n, terms.positive, terms.negative)
    if isinstance(state, gradients.Centered):
        difference = in_centered_variables(rbm, difference, state, terms)
    jax.tree.map(lambda s, d: np.testing.assert_allclose(s, d, atol=1e-12), slope, difference)
    assert [leaf.shape for leaf in jax.tree.leaves(slope)] == [leaf.shape for leaf in jax.tree.leaves(rbm)]


def in_centered_variables(rbm, difference, state, terms):
    """The definition, written with the offsets inside: dW = <(v - m)(h - n)^T>_data - <...>_model, da = <v> - <v> - dW n."""
    data = (terms.positive.visible.bias, terms.positive.hidden.bias)
    m, n = (old + SMOOTHING * (np.asarray(new) - old) for old, new in zip((state.visible, state.hidden), data, strict=True))

    def covariance(term):
        v, h = term.visible.bias, term.hidden.bias
        return term.weights - np.outer(m, h) - np.outer(v, n) + np.outer(m, n)

    weights = covariance(terms.positive) - covariance(terms.negative)
    return hm.RBM(difference.visible.add_field(-weights @ n), difference.hidden.add_field(-m @ weights), weights)


@pytest.mark.parametrize("name", ["exact", "pcd-1"])
def test_a_gradient_does_not_depend_on_how_often_the_same_rows_are_given(name):
    """The positive term is a mean over rows, whatever their number."""
    rbm = random_rbm(Binary, Binary, (3, 4))
    v = data_for(rbm)
    estimator = ESTIMATORS[name]
    state = estimator.init(jax.random.key(0), rbm)
    once, often = (
        estimator.gradient(jax.random.key(1), rbm, state, rows)[2].positive.visible.bias for rows in (v, np.tile(v, (5, 1)))
    )
    np.testing.assert_allclose(once, often, atol=1e-12)


def test_the_chains_of_a_state_are_those_of_the_model_itself():
    rbm = random_rbm(Binary, Binary, (3, 4))
    key = jax.random.key(0)
    for sampler in (hm.gibbs(5), hm.parallel_tempering(5, rungs=3), hm.trajectory_tempering(chains=5, rungs=3)):
        estimator = gradients.centered(hm.from_sampler(sampler))
        found = gradients.chains_of(estimator.init(key, rbm))
        assert found.shape == (5, 3)
    assert gradients.chains_of(gradients.cd(1).init(key, rbm)) is None


def test_states_name_the_axes_of_their_arrays():
    rbm = jax.tree.map(jnp.float32, random_rbm(Binary, Binary, (3, 4)))
    samplers = (hm.gibbs(5), hm.parallel_tempering(5, rungs=3), hm.trajectory_tempering(chains=5, rungs=3))
    for estimator in (gradients.cd(1), *(gradients.centered(hm.from_sampler(sampler)) for sampler in samplers)):
        state = jax.eval_shape(estimator.init, jax.random.key(0), rbm)
        lengths = {"chain": 5, "visible": 3, "hidden": 4}
        for leaf, names in zip(jax.tree.leaves(state), jax.tree.leaves(gradients.state_axes(state)), strict=True):
            if names:
                assert all(length == lengths.get(name, length) for name, length in zip(names.split(), leaf.shape, strict=True))


class Nameless(NamedTuple):
    count: int


def test_a_state_without_names_is_refused():
    with pytest.raises(hm.InputError, match="a Nameless, must have a method axes"):
        gradients.state_axes(Nameless(0))
