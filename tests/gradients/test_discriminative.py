"""The classification RBM: p(y | v) and its gradient against enumeration and automatic differentiation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import harmonium as hm
from harmonium import gradients, model
from harmonium.gradients import discriminative

CLASSES = 3


@pytest.fixture(scope="module")
def rbm():
    random = np.random.default_rng(0)
    visible = hm.Mixed((hm.Binary(random.standard_normal(4)), hm.Categorical(random.standard_normal(CLASSES), (CLASSES,))))
    return hm.RBM(visible, hm.Binary(random.standard_normal(5)), random.standard_normal((7, 5)))


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(1)
    return np.concatenate([random.integers(0, 2, (6, 4)), np.eye(CLASSES)[random.integers(0, CLASSES, 6)]], axis=1)


def test_label_probabilities_are_those_of_the_joint_distribution(rbm, rows):
    known = rows[:, :-CLASSES]
    pairs = np.stack([np.concatenate([known, np.tile(label, (len(rows), 1))], axis=1) for label in np.eye(CLASSES)], axis=1)
    joint = hm.exact.log_likelihood(rbm, pairs)
    with jax.enable_x64(True):
        found = discriminative.log_probabilities(rbm, known, CLASSES)
    np.testing.assert_allclose(found, joint - np.logaddexp.reduce(joint, axis=1, keepdims=True), atol=1e-12)


def objective(rbm, rows, alpha=0.0):
    found = discriminative.log_probabilities(rbm, rows[:, :-CLASSES], CLASSES)
    value = jnp.mean(jnp.sum(rows[:, -CLASSES:] * found, axis=1))
    if alpha:
        value -= alpha * jnp.mean(model.free_energy(rbm, rows))
    return value


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.slow_except("0.3")
def test_the_gradient_is_that_of_the_objective(rbm, rows, alpha):
    estimator = discriminative.discriminative(CLASSES)
    if alpha:
        estimator = discriminative.hybrid(gradients.exact(), CLASSES, alpha)
    with jax.enable_x64(True):
        key = jax.random.key(0)
        found, _, terms = estimator.gradient(key, rbm, estimator.init(key, rbm), jnp.asarray(rows))
        expected = jax.grad(objective)(rbm, rows, alpha)
        if alpha:  # and - alpha grad ln Z, by enumeration
            negative = hm.exact.factorized.log_partition_and_statistics(rbm)[1]
            expected = jax.tree.map(lambda slope, term: slope - alpha * term, expected, negative)
    for leaf, other, positive, negative in zip(*map(jax.tree.leaves, (found, expected, *terms[:2])), strict=True):
        np.testing.assert_allclose(leaf, other, atol=1e-12)
        np.testing.assert_allclose(positive - negative, other, atol=1e-12)


def test_ascent_learns_the_labels(rows):
    start = hm.initialize(rows, 4, hm.Mixed((hm.Binary.zeros(4), hm.Categorical.zeros((CLASSES,)))), scale=0.1)
    unlike = np.unique(rows[:, :-CLASSES], axis=0, return_index=True)[1]
    *_, state = hm.train(
        start, rows[unlike], estimator=discriminative.discriminative(CLASSES), learning_rate=0.1, updates=3000, batch_size=10
    )
    found = discriminative.log_probabilities(state.rbm, rows[unlike, :-CLASSES], CLASSES)
    np.testing.assert_array_equal(found.argmax(axis=1), rows[unlike, -CLASSES:].argmax(axis=1))


def test_bad_settings_are_refused():
    with pytest.raises(hm.InputError, match="classes must be a whole number of at least 2"):
        discriminative.discriminative(1)
    with pytest.raises(hm.InputError, match="alpha must be a positive number"):
        discriminative.hybrid(gradients.exact(), 3, -1.0)
