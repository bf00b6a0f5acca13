"""The centered gradient: the same model whichever state is called one, and always uphill."""

from __future__ import annotations

import jax
import numpy as np
from conftest import random_rbm
from small_models import _float64, data_for, each_pair, exact_gradient  # noqa: F401

import harmonium as hm
from harmonium import exact, gradients
from harmonium.units import Binary


def flipped(rbm, visible, hidden):
    """The model of the same distribution where the states of some binary units are called the other way round: v' = 1 - v."""
    s, t = 1 - 2 * np.asarray(visible), 1 - 2 * np.asarray(hidden)
    f, g = np.asarray(visible, float), np.asarray(hidden, float)
    # v = f + s v', h = g + t h'
    weights = s[:, None] * rbm.weights * t
    a = s * (rbm.visible.bias + rbm.weights @ g)
    b = t * (rbm.hidden.bias + f @ rbm.weights)
    return hm.RBM(Binary(a), Binary(b), weights)


def test_a_centered_step_does_not_depend_on_which_state_is_called_one():
    """Flip some units, take a step, flip them back: the same model. The plain gradient gives another one."""
    rbm = random_rbm(Binary, Binary, (4, 3), seed=3)
    v = data_for(rbm, 8)
    f, g = np.array([1, 0, 1, 0]), np.array([0, 1, 1])
    every = exact.all_states(rbm.visible)

    def step(estimator, rbm, rows, offsets=None):
        state = estimator.init(None, rbm)
        if offsets is not None:
            state = state._replace(visible=offsets[0], hidden=offsets[1])
        slope = estimator.gradient(None, rbm, state, rows)[0]
        return jax.tree.map(lambda p, d: p + 0.5 * d, rbm, slope)

    def differences(rbm):
        free = hm.free_energy(jax.tree.map(np.asarray, rbm), every)
        return free - free[0]

    m, n = np.array([0.3, 0.6, 0.2, 0.9]), np.array([0.5, 0.1, 0.7])
    other = flipped(rbm, f, g)
    other_rows = np.where(f, 1 - v, v)
    np.testing.assert_allclose(differences(flipped(other, f, g)), differences(rbm), atol=1e-12)
    centered = gradients.centered(gradients.exact())
    here = step(centered, rbm, v, (m, n))
    there = flipped(step(centered, other, other_rows, (np.where(f, 1 - m, m), np.where(g, 1 - n, n))), f, g)
    np.testing.assert_allclose(differences(there), differences(here), atol=1e-12)
    plain_here = step(gradients.exact(), rbm, v)
    plain_there = flipped(step(gradients.exact(), other, other_rows), f, g)
    assert np.abs(differences(plain_there) - differences(plain_here)).max() > 0.01


@each_pair
def test_a_centered_step_goes_uphill(visible, hidden):
    rbm = random_rbm(visible, hidden, (4, 3), seed=2)
    v = data_for(rbm)
    slope = exact_gradient(rbm, v)
    centered = gradients.centered(gradients.exact())
    direction = centered.gradient(None, rbm, centered.init(None, rbm), v)[0]
    products = jax.tree.map(lambda a, b: float(np.sum(np.asarray(a) * np.asarray(b))), slope, direction)
    assert sum(jax.tree.leaves(products)) > 0
