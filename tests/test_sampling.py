"""Draws of a model with two modes that Gibbs sampling cannot cross: right proportions, or a warning."""

from __future__ import annotations

import numpy as np
import pytest
from statistics_of_tests import largest_z, z_limit

import harmonium as hm
from harmonium import sampling
from harmonium.io.frames import Frame
from harmonium.likelihood import equilibrium

DRAWS = 200
"""The same everywhere, so that tempering is compiled once."""


@pytest.fixture(scope="module")
def ferromagnet():
    """Aligned spins, up in 0.73 of the cases (odds e^(2 x 0.5)); a unit beside them copies them."""
    up = 2.0 * np.ones((9, 3))
    up[0] = 1.5
    return hm.RBM(hm.Spin([0.0] * 8 + [0.5]), hm.Spin([0.0] * 3), up)


def is_up(v):
    return (np.asarray(v).mean(axis=1, keepdims=True) > 0).astype(float)


def test_draws_have_the_proportions_of_the_modes(ferromagnet):
    """z tests of the share of one mode at a false-alarm rate of 1e-6."""
    share = 1 / (1 + np.exp(-2 * 0.5))
    drawn = sampling.draw(ferromagnet, DRAWS)
    assert (drawn.method, drawn.warnings) == ("exact", [])
    assert largest_z(is_up(drawn.values), [share]) < z_limit(1)
    tempered = sampling.draw(ferromagnet, DRAWS, method="tempering")
    assert tempered.method.startswith("tempered chains")
    assert not tempered.warnings
    assert largest_z(is_up(tempered.values), [share]) < z_limit(1)
    np.testing.assert_array_equal(tempered.values, hm.sample(ferromagnet, DRAWS, method="tempering"))
    down = hm.sample(ferromagnet, DRAWS, method="gibbs", start=np.full((DRAWS, 9), -1))
    assert is_up(down).sum() == 0


def test_chains_that_are_not_in_equilibrium_are_reported(ferromagnet):
    frozen = hm.RBM(ferromagnet.visible, ferromagnet.hidden, 40 * ferromagnet.weights)
    with pytest.warns(UserWarning, match="the draws may have wrong proportions"):
        hm.sample(frozen, DRAWS, method="tempering", sweeps=50)


def test_draws_given_some_units(ferromagnet):
    """The units given decide for a mode, by enumeration and by tempering."""
    for method in ("exact", "tempering"):
        v = hm.sample(ferromagnet, DRAWS, method=method, clamp={0: -1})
        assert (v[:, 0] == -1).all()
        assert is_up(v).sum() < 20


def test_draws_of_a_table_say_how(ferromagnet):
    schema = hm.tabular.schema_of(ferromagnet, {"notes": {}})
    drawn = hm.tabular.sample(ferromagnet, schema, 20, given={"v1": 1}, like=Frame({}))
    assert (drawn.method, drawn.warnings) == ("exact", [])
    assert set(drawn.table.columns["v1"]) == {1}


def test_the_limit_of_work_holds_for_many_draws(ferromagnet, monkeypatch):
    """Further draws of a ladder are a few Gibbs sweeps apart, where 50 steps on all temperatures would exceed the limit."""
    made, advance, sweep = [], equilibrium._advance, equilibrium._sweep

    def count_steps(key, rbm, state, directions):
        made.append(equilibrium.BLOCK * len(state.v))
        return advance(key, rbm, state, directions)

    def count_sweeps(key, rbm, v, sweeps):
        made.append(sweeps)
        return sweep(key, rbm, v, sweeps)

    monkeypatch.setattr(equilibrium, "_advance", count_steps)
    monkeypatch.setattr(equilibrium, "_sweep", count_sweeps)
    allowed, draws = 6000, 50 * DRAWS  # sweeps of all ladders on one rung
    of_ladder = 3 * ferromagnet.weights.size + 400 * 12
    monkeypatch.setattr(sampling, "MAX_WORK", allowed * (DRAWS * of_ladder + 1e6))
    monkeypatch.setattr(sampling, "MAX_LADDERS", DRAWS)
    with pytest.warns(UserWarning, match="200 ladders gives 50 draws, only 61 Gibbs sweeps apart; .* set sweeps to 400"):
        v = hm.sample(ferromagnet, draws, method="tempering")
    assert (len(v), sum(made)) == (draws, 4 * 50 * 12 + 49 * 61)
    assert 0.6 < is_up(v).mean() < 0.86  # 200 ladders: four standard errors
