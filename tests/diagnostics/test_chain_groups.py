"""The comparison of groups of chains: its false alarms and what it ignores."""

from __future__ import annotations

import numpy as np
from scipy import stats
from statistics_of_tests import FALSE_ALARM

from harmonium.diagnostics import chain_groups


def test_comparison_raises_few_false_alarms_and_not_too_few(monkeypatch):
    """Groups of one distribution, with strongly autocorrelated chains; Bonferroni over independent quantities is near exact."""
    monkeypatch.setattr(chain_groups, "FALSE_ALARM", 0.05)
    monkeypatch.setattr(chain_groups, "NEGLIGIBLE", 0.0)
    random = np.random.default_rng(1)
    replicates, quantities = 2000, 3
    alarms = 0
    for _ in range(replicates):
        groups = [np.repeat(random.standard_normal((10, 1, quantities)), 2, axis=1) for _ in range(2)]
        alarms += chain_groups.compare_chains(*groups, ["a", "b", "c"]).differ.any()
    assert stats.binomtest(alarms, replicates, 1 - (1 - 0.05 / 3) ** 3).pvalue > FALSE_ALARM


def test_a_certain_but_negligible_difference_is_none():
    random = np.random.default_rng(2)
    groups = [random.standard_normal((200, 500, 1)) + shift for shift in (0, 0.05)]
    compared = chain_groups.compare_chains(*groups, ["a"])
    assert compared.p_value[0] < 1e-6
    assert compared.agree
