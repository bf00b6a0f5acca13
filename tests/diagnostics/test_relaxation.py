"""Relaxation: where chains start and end."""

from __future__ import annotations

import numpy as np
from statistics_of_tests import largest_z, z_limit

import harmonium as hm
from harmonium import diagnostics, exact


def test_relaxation_begins_where_it_says_and_ends_at_the_models_distribution(quick):
    rbm, data, relaxed = quick
    assert relaxed.free_energy.shape == (2, 100, 151)
    assert relaxed.components.shape == (2, 100, 151, 4)
    assert (relaxed.sweeps[0], relaxed.sweeps[-1], relaxed.spacing) == (0, 300, 2)
    away = np.abs(relaxed.free_energy[1, :, :1] - hm.free_energy(rbm, data))
    assert away.min(axis=1).max() < 1e-4
    every = exact.all_states(rbm.visible)
    probability = np.exp(exact.log_likelihood(rbm, every))
    left = np.linalg.svd(rbm.weights)[0][:, :4]
    left *= np.sign(left[np.abs(left).argmax(axis=0), range(4)])
    expected = np.concatenate([[probability @ hm.free_energy(rbm, every)], probability @ every @ left])
    values = np.concatenate([relaxed.free_energy[..., None], relaxed.components], axis=-1)
    assert largest_z(values[:, :, -1].reshape(200, 5), expected) < z_limit(5)
    noise = 1 / (1 + np.exp(-rbm.visible.bias))
    assert largest_z(values[0, :, 0, 1:], noise @ left) < z_limit(4)


def test_the_same_seed_gives_the_same_chains(quick):
    rbm, data, relaxed = quick
    again = diagnostics.relaxation(rbm, data, chains=100, sweeps=300, seed=1)
    np.testing.assert_array_equal(again.free_energy, relaxed.free_energy)
    other = diagnostics.relaxation(rbm, data, chains=100, sweeps=300, seed=2)
    assert (other.free_energy != relaxed.free_energy).any()
