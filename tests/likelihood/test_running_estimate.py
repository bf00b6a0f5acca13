"""The progress line's estimate of ln Z against enumeration."""

from __future__ import annotations

import pytest
from conftest import random_rbm

from harmonium import exact
from harmonium.likelihood.running_estimate import RunningEstimate
from harmonium.units import Binary, Spin


@pytest.mark.parametrize(("visible", "hidden"), [(Binary, Binary), (Spin, Binary)])
def test_it_agrees_with_the_exact_value_within_its_error(visible, hidden):
    """Three models in a row, each within 5 of its standard errors: a false alarm in about a million."""
    rows = exact.all_states(visible.zeros(8))[::3]
    machines = [random_rbm(visible, hidden, (8, 5), seed=seed, scale=0.7) for seed in range(3)]
    running = RunningEstimate(machines[0], rows)
    for rbm in machines:
        value, error = running.log_partition(rbm)
        assert 0 < error < 0.1
        assert value == pytest.approx(exact.log_partition(rbm), abs=5 * error)
