"""Rows of the benchmark `spins` that are drawn by tempered chains follow the distribution."""

from __future__ import annotations

import numpy as np
import pytest
from statistics_of_tests import largest_z, z_limit

from benchmarks import spin_systems


@pytest.mark.parametrize("max_density", [0.0, 1.0], ids=["dense", "sparse"])
def test_tempered_rows_have_the_moments_of_enumeration(monkeypatch, max_density):
    """z tests of all first and second moments at a false-alarm rate of 1e-6; the mean over each ladder is one draw."""
    monkeypatch.setattr(spin_systems, "MAX_DENSITY", max_density)
    monkeypatch.setattr(spin_systems, "WARM_UP", 200)
    random = np.random.default_rng(0)
    couplings = np.triu(random.normal(0, 0.8, (8, 8)) * (random.random((8, 8)) < 0.5), 1)
    system = spin_systems.Ising(couplings + couplings.T, random.normal(0, 0.3, 8))

    def moments(rows):
        spins = 2.0 * rows - 1
        return np.concatenate([spins, (spins[:, :, None] * spins[:, None])[:, *np.triu_indices(8, 1)]], axis=1)

    expected = np.exp(system.log_probabilities()) @ moments(spin_systems.all_rows(8))
    rows = spin_systems.draw_by_tempering(system, random, 200 * spin_systems.LADDERS)
    drawn = moments(rows).reshape(200, spin_systems.LADDERS, -1).mean(axis=0)
    assert largest_z(drawn, expected) < z_limit(drawn.shape[1])
