"""R-hat, effective sample size and autocorrelation, against ArviZ and definitions; verdicts on planted faults."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

import harmonium as hm
from harmonium import diagnostics
from harmonium.units import Spin

from .conftest import N, two_modes


def test_starts_that_meet_and_chains_that_mix(quick):
    mixing = diagnostics.mixing(quick[2])
    assert mixing.starts.agree
    assert [verdict.ok for verdict in mixing.verdicts] == [True, True]
    assert "meet" in mixing.verdicts[0].sentence


def test_starts_that_do_not_meet(stuck):
    mixing = diagnostics.mixing(stuck[1])
    assert mixing.starts.differ.any()
    assert [verdict.ok for verdict in mixing.verdicts] == [False, False]
    assert "component 1" in mixing.verdicts[0].sentence
    assert mixing.r_hat.max() > 1.5


def test_too_few_chains_are_said_to_be_too_few(stuck):
    """Both starts in both modes: the means of four chains tell nothing."""
    rbm = two_modes(Spin)
    data = np.array([[1.0] * N, [-1.0] * N])
    mixing = diagnostics.mixing(diagnostics.relaxation(rbm, data, chains=4, sweeps=40, seed=2))
    assert not mixing.starts.agree
    assert not mixing.starts.differ.any()
    assert "too few chains" in mixing.verdicts[0].sentence


def test_figures_are_arvizs(quick):
    import arviz_stats

    mixing, tree = diagnostics.mixing(quick[2]), diagnostics.to_arviz(quick[2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function, ours in ((arviz_stats.rhat, mixing.r_hat), (arviz_stats.ess, mixing.ess)):
            theirs = function(tree)
            np.testing.assert_allclose([theirs.free_energy.item(), *theirs.component.values], ours, rtol=1e-4)
    assert dict(tree["posterior"].sizes) == {"chain": 200, "draw": 75, "direction": 4}
    assert tree["posterior"].draw.values[[0, -1]].tolist() == [152, 300]
    assert tree["warmup_posterior"].draw.values[[0, -1]].tolist() == [0, 150]
    assert tree["posterior"].start.values[[0, 99, 100]].tolist() == ["noise", "noise", "data"]
    assert mixing.draws == 200 * 75
    np.testing.assert_allclose(mixing.autocorrelation_time, 2 * mixing.draws / mixing.ess)
    np.testing.assert_array_equal(arviz_stats.summary(tree).index[:2], ["free_energy", "component[1]"])


def test_autocorrelation_by_its_definition():
    random = np.random.default_rng(0)
    energies = random.standard_normal((2, 3, 21)).cumsum(axis=-1)
    relaxed = diagnostics.Relaxation(energies, random.standard_normal((2, 3, 21, 1)), 5 * np.arange(21))
    mixing = diagnostics.mixing(relaxed)
    second = energies[:, :, 11:].reshape(6, 10)
    deviation = second - second.mean()
    for place, lag in enumerate(mixing.lags // 5):
        pairs = [chain[t] * chain[t + lag] for chain in deviation for t in range(10 - lag)]
        assert mixing.autocorrelation[0, place] == pytest.approx(np.mean(pairs) / second.var())


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_chains_that_never_move(spread):
    """Frozen in one place there is nothing to mix; frozen in several nothing ever will. Neither divides by zero."""
    energies = np.zeros((2, 4, 21)) + spread * np.arange(8).reshape(2, 4, 1)
    mixing = diagnostics.mixing(diagnostics.Relaxation(energies, np.zeros((2, 4, 21, 1)), np.arange(21)))
    assert mixing.verdicts[0].ok == (spread == 0)
    assert (mixing.r_hat[0] > 1.05) == (spread > 0)


def test_arviz_is_an_extra_and_its_figures_are_not(quick, monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz_base", None)
    monkeypatch.setitem(sys.modules, "xarray", None)
    assert np.isfinite(diagnostics.mixing(quick[2]).r_hat).all()
    with pytest.raises(hm.InputError, match=r"pip install 'harmonium\[arviz\]'"):
        diagnostics.to_arviz(quick[2])
