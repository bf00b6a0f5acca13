"""The free-energy gap."""

from __future__ import annotations

import numpy as np
import pytest
from statistics_of_tests import z_limit

import harmonium as hm
from harmonium import diagnostics, exact


def test_the_gap_is_a_difference_of_log_likelihoods(quick):
    rbm, data, _ = quick
    gap = diagnostics.free_energy_gap(rbm, data[:300], data[300:])
    log_p = exact.log_likelihood(rbm, data)
    assert gap.gap == pytest.approx(log_p[:300].mean() - log_p[300:].mean(), abs=1e-9)
    assert gap.standard_error == pytest.approx(np.sqrt(log_p[:300].var(ddof=1) / 300 + log_p[300:].var(ddof=1) / 100))
    assert abs(gap.gap) < z_limit(1) * gap.standard_error
    assert gap.verdict.ok


def test_a_model_that_knows_its_rows_by_heart_overfits():
    """Each hidden unit holds one training row."""
    random = np.random.default_rng(0)
    train, held_out = random.integers(0, 2, (2, 20, 12)).astype(float)
    weights = 4 * (2 * train - 1).T
    rbm = hm.RBM(hm.Binary(np.zeros(12)), hm.Binary(-4 * (train.sum(axis=1) - 1)), weights)
    gap = diagnostics.free_energy_gap(rbm, train, held_out)
    assert gap.overfits
    assert "overfits" in gap.verdict.sentence
    assert not diagnostics.free_energy_gap(rbm, held_out, train).overfits
