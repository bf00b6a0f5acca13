"""Parallel tempering: it finds what Gibbs sampling does not, and only then."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats
from statistics_of_tests import FALSE_ALARM

from harmonium import diagnostics
from harmonium.units import Binary, Spin

from .conftest import N, two_modes


@pytest.mark.parametrize("kind", [Binary, Spin])
@pytest.mark.slow
def test_tempering_sees_what_gibbs_does_not(kind):
    """All data in one mode: for Gibbs chains from there the other does not exist."""
    rbm = two_modes(kind)
    data = np.full((5, N), rbm.visible.unit_states.min())
    relaxed = diagnostics.relaxation(rbm, data, chains=60, sweeps=60)
    swaps = diagnostics.swaps(rbm, chains=60, steps=400, rungs=8)
    assert swaps.verdict.ok
    half_way = rbm.visible.unit_states.mean() * np.sqrt(N)
    in_the_upper = int((swaps.values[:, -1, 1] > half_way).sum())
    assert stats.binomtest(in_the_upper, 60, 0.5).pvalue > FALSE_ALARM
    verdict = diagnostics.agreement(swaps, relaxed)
    assert not verdict.ok
    assert "from data in component 1" in verdict.sentence


def test_tempering_agrees_with_gibbs_where_gibbs_mixes(quick):
    rbm, _, relaxed = quick
    swaps = diagnostics.swaps(rbm, chains=100, steps=120, rungs=3)
    assert swaps.acceptance.shape == (2,)
    assert swaps.values.shape == (100, 120, 5)
    assert (swaps.betas[0], swaps.betas[-1]) == (0, 1)
    assert diagnostics.agreement(swaps, relaxed).ok
    idle = dataclasses.replace(swaps, round_trips=3)
    assert not idle.verdict.ok
    assert "too rarely for a comparison" in diagnostics.agreement(idle, relaxed).sentence
