"""The progress line's estimate of ln Z against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import random_rbm

import harmonium as hm
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
        value, error, raised_by = running.log_partition(rbm)
        assert 0 < error < 0.1
        assert raised_by == 0
        assert value == pytest.approx(exact.log_partition(rbm), abs=5 * error)


def test_a_mode_that_no_run_meets_raises_it_to_a_bound():
    """A needle, e^20 times as heavy as all else: the runs know nothing of it, the rows do."""
    at = np.arange(40.0) % 2
    needle = hm.RBM(Binary(np.zeros(40)), Binary([40 * np.log(2) + 20 - 9 * 20]), 9 * (2 * at - 1)[:, None])
    running = RunningEstimate(needle, np.vstack([np.random.default_rng(0).integers(2, size=(50, 40)), at]))
    value, _, raised_by = running.log_partition(needle)
    assert value == pytest.approx(exact.log_partition(needle), abs=0.01)
    assert raised_by == pytest.approx(20, abs=0.1)
