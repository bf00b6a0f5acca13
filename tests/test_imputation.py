"""Rows with missing cells against full sums: p(v_o), the distribution of missing cells, and each cell's surprisal."""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import LAYERS, rbm_of, single
from statistics_of_tests import largest_z, z_limit

import harmonium as hm
from harmonium import imputation, model
from harmonium.errors import InputError
from harmonium.exact import missing
from harmonium.likelihood import clamped
from harmonium.likelihood import missing as annealed
from harmonium.random import key_of
from harmonium.samplers.gibbs import resample_missing

each_kind = pytest.mark.parametrize("visible", LAYERS)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(100)
REACH = 14.0
"""A continuum is summed from -14 to 14, on either side of zero by itself, where a density may have a kink."""


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def with_holes(units, rows=4, seed=1):
    """Rows of the layer drawn at random, row r with r units missing."""
    random = np.random.default_rng(seed)
    v = np.array(units.sample(jax.random.key(seed), np.zeros((rows, units.size))))
    bounds = units.boundaries
    for row in range(rows):
        for unit in random.permutation(len(bounds) - 1)[:row]:
            v[row, bounds[unit] : bounds[unit + 1]] = np.nan
    return v


free_energy = jax.jit(model.free_energy)
slope_of_free_energy = jax.jit(jax.grad(lambda rbm, p, states: p @ model.free_energy(rbm, states)))
renewed = jax.jit(resample_missing)


def exactly(rbm, v):
    """By enumeration, of four rows at a time: so the code for them is compiled once a model."""
    found = missing.posterior(rbm, np.resize(v, (4, v.shape[1])))
    return missing.Posterior(*(part[: len(v)] for part in found))


def sum_over(what, monkeypatch):
    """Let rows be summed over their completions, or over the hidden states, whatever is cheaper."""
    if what == "completions":
        monkeypatch.setattr(missing, "MAX_STATES", 0)
        monkeypatch.setattr(missing, "MAX_COMPLETIONS", 1 << 16)  # two real cells of a kind whose density has a kink
    else:
        monkeypatch.setattr(missing, "MAX_COMPLETIONS", 0)


def line(lowest):
    half = (NODES + 1) * REACH / 2
    values, weights = (half, WEIGHTS) if lowest == 0 else (np.concatenate([-half, half]), np.tile(WEIGHTS, 2))
    return values[:, None], np.log(weights * REACH / 2)


def sums(rbm, row):
    """All rows that agree with the observed cells, and ln of p Z times their volume: by quadrature on a continuum."""
    units = rbm.visible
    states, log_volume = np.zeros((1, 0)), np.zeros(1)
    for (first, end), table in zip(pairwise(units.boundaries), units.unit_tables, strict=True):
        values, volume = row[None, first:end], np.zeros(1)
        if np.isnan(row[first]):
            values, volume = (table, np.zeros(len(table))) if table is not None else line(units.ranges[0, first])
        states = np.concatenate([np.repeat(states, len(values), axis=0), np.tile(values, (len(states), 1))], axis=1)
        log_volume = np.repeat(log_volume, len(values)) + np.tile(volume, len(log_volume))
    return states, log_volume - np.asarray(free_energy(rbm, filled_up(units, states)))[: len(states)]


def filled_up(units, states):
    """States repeated to as many as a row without any observed cell has, for the same reason."""
    counts = [2 * len(NODES) if table is None else len(table) for table in units.unit_tables]
    return np.resize(states, (np.prod(counts), units.size))


def expectation(log_p, values):
    return np.exp(log_p - np.logaddexp.reduce(log_p)) @ values


@pytest.mark.parametrize("by", ["completions", "hidden states"])
@pytest.mark.parametrize("visible", ["binary", "mixed", "gaussian", "drelu"])
@pytest.mark.slow_except("mixed-completions", "mixed-hidden states", "gaussian-completions")
def test_observed_cells_are_as_likely_as_all_rows_that_have_them(visible, by, monkeypatch):
    rbm = rbm_of(visible, "binary")
    v = with_holes(rbm.visible)
    sum_over(by, monkeypatch)
    found = exactly(rbm, v)
    for row, log_weight, mean, square in zip(v, *found, strict=True):
        states, log_p = sums(rbm, row)
        assert log_weight == pytest.approx(np.logaddexp.reduce(log_p), abs=1e-9)
        np.testing.assert_allclose(mean, expectation(log_p, states), atol=1e-9)
        np.testing.assert_allclose(square, expectation(log_p, states**2), atol=1e-9)


def test_the_gradient_with_missing_cells_is_the_mean_statistics_of_exact_completions():
    """The slope of ln p(v_o) Z is what averaging complete rows over p(v_m | v_o) gives, which training does by chains."""
    rbm = rbm_of("mixed", "binary")
    v = with_holes(rbm.visible)
    h = rbm.hidden.states(np.arange(rbm.hidden.state_count))

    @jax.jit
    def log_weight(machine):
        return jax.nn.logsumexp(missing.joint_log_weights(machine, machine.visible.given(v), h), axis=1).sum()

    slope = jax.grad(log_weight)(rbm)
    total = jax.tree.map(np.zeros_like, rbm)
    for row in v:
        states, log_p = sums(rbm, row)
        filled = filled_up(rbm.visible, states)
        p = np.zeros(len(filled))
        p[: len(states)] = np.exp(log_p - np.logaddexp.reduce(log_p))
        total = jax.tree.map(np.subtract, total, slope_of_free_energy(rbm, p, filled))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-7), slope, total)


def test_clamped_chains_leave_the_distribution_of_the_missing_cells():
    """Stationarity: from exact draws sweeps lead to exact draws. z tests at a false-alarm rate of 1e-6 over all means."""
    rbm = rbm_of("mixed", "binary", scale=1.0)
    v = with_holes(rbm.visible)[2:3]
    exact = exactly(rbm, v)
    start = hm.impute(rbm, v, 20_000, method="exact", seed=1).draws[:, 0]
    held = np.broadcast_to(v, start.shape)
    end = np.asarray(renewed(key_of(2), rbm, held, start, jnp.asarray(3)))
    limit = z_limit(4 * rbm.visible.size)
    absent = np.isnan(v[0])
    for rows in (start, end):
        np.testing.assert_array_equal(rows[:, ~absent], held[:, ~absent])
        assert largest_z(rows[:, absent], exact.mean[0, absent]) < limit
        assert largest_z(rows[:, absent] ** 2, exact.square[0, absent]) < limit


def test_sweeps_without_the_clamp_are_caught():
    rbm = rbm_of("mixed", "binary", scale=1.0)
    v = np.array([[np.nan, np.nan, np.nan, np.nan, 4.0]])  # a real cell so far out that it matters whether it is held
    exact = exactly(rbm, v)
    start = hm.impute(rbm, v, 20_000, method="exact", seed=1).draws[:, 0]
    end = np.asarray(renewed(key_of(2), rbm, np.full(start.shape, np.nan), start, jnp.asarray(3)))
    absent = np.isnan(v[0])
    assert largest_z(end[:, absent], exact.mean[0, absent]) > z_limit(4 * rbm.visible.size)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "spin", "categorical", "gaussian"])
def test_tempered_chains_know_their_errors(kind):
    """Strongly coupled models, in the precision of trained ones: of 24 rows at least 18 lie within two standard errors.

    At 95 % fewer have a chance of 1 in 2,000 a kind, and six standard errors one of 1 in 10 million; the moments are those of
    draws of at least 16 chains in rows that are settled.
    """
    random, hidden = np.random.default_rng(3), 10
    layer = {
        "binary": hm.Binary(2 * random.standard_normal(16)),
        "spin": hm.Spin(0.6 * random.standard_normal(16)),
        "categorical": hm.Categorical(2 * random.standard_normal(24), (3,) * 8),
        "gaussian": hm.Gaussian(random.standard_normal(8), random.uniform(0.5, 2, 8)),
    }[kind]
    scale = 1.4 if kind == "spin" else 2.0
    rbm = hm.RBM(layer, hm.Binary(scale * random.standard_normal(hidden)), scale * random.standard_normal((layer.size, hidden)))
    v = hm.exact.sample(rbm, 24, 1).astype(float)
    gaps = random.random((24, len(layer.boundaries) - 1)) < 0.6
    gaps[:, 0] = True
    v[np.repeat(gaps, np.diff(layer.boundaries), axis=1)] = np.nan
    exact = missing.posterior(rbm, v)
    found = clamped.temper_rows(single(rbm), v, key_of(5), draws=4)
    assert found.settled.sum() >= 18
    z = np.abs(found.value - exact.log_weight)[found.settled] / found.error[found.settled]
    assert (z < 2).sum() >= len(z) - 6
    assert z.max() < 6
    deviation = np.sqrt(np.maximum(exact.square - exact.mean**2, 0))
    assert (np.abs(found.mean - exact.mean)[found.settled] <= 5 * deviation[found.settled] / np.sqrt(16) + 0.02).all()
    rbm.visible.check(found.draws.reshape(-1, layer.size), "draws")
    np.testing.assert_array_equal(np.where(np.isnan(v)[:, None], 0, found.draws), np.nan_to_num(v)[:, None].repeat(4, axis=1))


def cleft(size=12, strength=4.0):
    """Two modes, all zeros and all ones, of equal mass, between which no Gibbs chain crosses."""
    fields = hm.Binary(np.full(size, -2 * strength)), hm.Binary(np.full(4, -strength * size / 2))
    return hm.RBM(*fields, np.full((size, 4), strength))


@pytest.mark.slow
def test_tempered_draws_have_both_modes_where_gibbs_chains_keep_to_one():
    """A row without any cell but one that says nothing; the false-alarm rate of either is below 1e-6."""
    rbm = cleft()
    rbm = hm.RBM(hm.Binary(np.append(rbm.visible.bias, 0.0)), rbm.hidden, np.vstack([rbm.weights, np.zeros((1, 4))]))
    v = np.full((1, 13), np.nan)
    v[0, -1] = 1
    found = clamped.temper_rows(rbm, v, key_of(1), draws=64)
    ones = (found.draws[0, :, :12].mean(axis=1) > 0.5).sum()
    assert abs(ones - 32) < 5 * np.sqrt(64 / 4)
    assert found.settled.all()
    assert found.value[0] == pytest.approx(missing.posterior(rbm, v).log_weight[0], abs=5 * found.error[0])


@pytest.mark.slow
def test_rows_out_of_equilibrium_are_called_so(monkeypatch):
    """A ladder of two rungs and two steps does not reach the other mode: the halves of the chains differ."""
    rbm, v = cleft(), np.full((2, 12), np.nan)
    v[:, 0] = [0, 1]
    monkeypatch.setattr(clamped, "STAGES", ((2, 16, 4),))
    monkeypatch.setattr(annealed.enumerated, "cheap_rows", lambda rbm, v, **_: np.zeros(len(v), bool))
    with pytest.warns(UserWarning, match="2 rows with missing cells are not in equilibrium"):
        hm.log_prob(rbm, np.where(np.arange(12) == 5, 0, np.nan)[None].repeat(2, axis=0), log_partition=0.0)
    assert not clamped.temper_rows(rbm, v, key_of(0)).settled.all()


def test_completion_by_chains_agrees_with_enumeration():
    """The error allowed is five times that of 4000 independent draws; of each of as many chains 50 conditionals are averaged.

    The draws are the ends of chains that forget within 100 sweeps; z tests at a false-alarm rate of 1e-6.
    """
    rbm = rbm_of("mixed", "binary", scale=1.0)
    v = with_holes(rbm.visible, rows=5)
    exact = hm.impute(rbm, v, method="exact")
    chains = hm.impute(rbm, v, 4000, method="gibbs", sweeps=100)
    assert (exact.method, chains.method) == ("exact", "Gibbs, 4000 chains x 100 sweeps a row")
    assert (np.abs(exact.mean - chains.mean) <= 5 * exact.deviation / np.sqrt(4000)).all()
    absent = np.isnan(v)
    assert chains.draws.shape == (4000, *v.shape)
    assert largest_z(chains.draws[:, absent], exact.mean[absent]) < z_limit(v.size)
    np.testing.assert_array_equal(chains.draws[:, ~absent], np.broadcast_to(v[~absent], (4000, (~absent).sum())))
    np.testing.assert_allclose(exact.deviation, chains.deviation, atol=0.1)
    np.testing.assert_array_equal(exact.values[~np.isnan(v)], v[~np.isnan(v)])
    rbm.visible.check(exact.values, "completed")


@pytest.mark.parametrize("visible", ["mixed", "relu"])
@pytest.mark.slow_except("mixed")
def test_surprise_is_what_the_sum_over_the_units_own_values_says(visible):
    rbm = rbm_of(visible, "binary")
    v = with_holes(rbm.visible, rows=1)
    nats, expected, method = hm.surprisal(rbm, v)
    assert method == "exact"
    for unit, (first, end) in enumerate(pairwise(rbm.visible.boundaries)):
        without = v.copy()
        without[0, first:end] = np.nan
        states, log_p = sums(rbm, without[0])
        log_total = np.logaddexp.reduce(log_p)
        assert nats[0, unit] == pytest.approx(log_total - sums(rbm, v[0])[1][0], abs=1e-7)
        np.testing.assert_allclose(expected[0, first:end], expectation(log_p, states[:, first:end]), atol=1e-7)


def test_a_saturated_unit_beside_real_ones_costs_no_finer_grid():
    """Its deviation, 1e-22, is no scale of the real cells' quadrature."""
    rbm = hm.RBM(hm.Mixed((hm.Binary([100.0]), hm.Gaussian([0.5], [1.7]))), hm.Binary([0.3]), [[1.0], [0.7]])
    nats, expected, method = hm.surprisal(rbm, [[1, 0.4]])
    assert method == "exact"
    alone = hm.RBM(hm.Gaussian([0.5], [1.7]), hm.Binary([1.3]), [[0.7]])
    assert nats[0, 1] == pytest.approx(-hm.exact.log_likelihood(alone, [[0.4]])[0])
    assert expected[0, 1] == pytest.approx(hm.exact.moments(alone).v[0])


@pytest.mark.parametrize("by", ["completions", "exact draws", "chains"])
@pytest.mark.slow_except("completions")
def test_surprise_beside_missing_cells_averages_over_them(by, monkeypatch):
    """Against ln p(v_o) - ln p(v_o without the cell) of the enumeration, which 20,000 draws meet within 0.02 nats."""
    rbm = rbm_of("mixed", "binary", scale=1.0)
    v = with_holes(rbm.visible, rows=2)[1:]
    if by != "completions":
        monkeypatch.setattr(missing, "count_completions", lambda rbm, v: np.full(len(v), np.inf))
    if by == "chains":
        monkeypatch.setattr(missing, "cheap_rows", lambda rbm, v: np.zeros(len(v), bool))
    found = hm.surprisal(rbm, v, draws=20_000)
    how = {"completions": "exact", "exact draws": "averages over 20000 draws of the missing cells (exact)"}
    assert found.method == how.get(by, "averages over 20000 draws of the missing cells (tempered chains)")
    tolerance = 1e-8 if by == "completions" else 0.02
    nats = found.nats[0]
    monkeypatch.undo()
    whole = exactly(rbm, v).log_weight[0]
    for unit, (first, end) in enumerate(pairwise(rbm.visible.boundaries)):
        without = v.copy()
        without[0, first:end] = np.nan
        if np.isnan(v[0, first]):
            assert np.isnan(nats[unit])
        else:
            assert nats[unit] == pytest.approx(exactly(rbm, without).log_weight[0] - whole, abs=tolerance)


def test_scores_are_log_probabilities():
    rbm = rbm_of("binary", "binary")
    v = with_holes(rbm.visible, rows=5)
    found = hm.log_prob(rbm, v)
    log_z = hm.exact.log_partition(rbm)
    assert found.log_partition == pytest.approx(log_z)
    np.testing.assert_allclose(found.value[0], hm.exact.log_likelihood(rbm, v[:1])[0])
    np.testing.assert_allclose(found.value[3], 0, atol=1e-9)  # nothing is observed, which is certain
    np.testing.assert_array_equal(found.error, 0)


def test_most_probable_values_are_those_of_single_cells():
    rbm = rbm_of("mixed, listed", "binary", scale=2.0)
    v = with_holes(rbm.visible, rows=5)
    found = hm.impute(rbm, v)
    for row, values in zip(v, found.values, strict=True):
        states, log_p = sums(rbm, row)
        for first, end in pairwise(rbm.visible.boundaries):
            options, place = np.unique(states[:, first:end], axis=0, return_inverse=True)
            weights = np.bincount(place.ravel(), np.exp(log_p - log_p.max()))
            np.testing.assert_array_equal(values[first:end], options[np.argmax(weights)])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(v=[[np.nan, 2.0, 0.0]]), "2.0 in row 1, column 2"),
        (dict(v=[[np.nan, np.inf, 0.0]]), "inf in row 1, column 2"),
        (dict(v=[[np.nan, 0.0]]), "3 columns"),
        (dict(v=[np.nan, 0.0, 1.0]), "n at least 1"),
        (dict(draws=-1), "draws"),
        (dict(sweeps=1), "sweeps"),
        (dict(chains=0), "chains"),
        (dict(method="mean field"), "'auto' or 'exact' or 'gibbs'"),
    ],
)
def test_bad_input(arguments, said):
    rbm = rbm_of("binary", "binary")
    with pytest.raises(InputError, match=said):
        hm.impute(rbm, **{"v": [[np.nan, 0.0, 1.0]], **arguments})


def test_a_unit_is_missing_as_a_whole():
    rbm = rbm_of("categorical", "binary")
    with pytest.raises(InputError, match="nan in row 1, column 2, but a unit of several columns is missing as a whole"):
        hm.impute(rbm, [[0.0, np.nan, 1.0, 1.0, 0.0, 0.0]])


def test_enumeration_is_refused_where_it_cannot_be():
    with pytest.raises(InputError, match="cannot be enumerated"):
        hm.impute(rbm_of("relu", "gaussian", scale=0.1), [[np.nan, 1.0]], method="exact")
    # Where the missing cells have few states, those of the hidden layer do not matter.
    rbm, row = rbm_of("binary", "gaussian"), np.array([np.nan, 0.0, 1.0])
    states, log_p = sums(rbm, row)
    np.testing.assert_allclose(hm.impute(rbm, [row], method="exact").mean[0], expectation(log_p, states))


@pytest.mark.parametrize("visible", ["mixed", pytest.param("ragged", marks=pytest.mark.slow)])
def test_a_unit_is_predicted_from_the_others(visible):
    """Against the enumeration with the unit's cell missing, in rows with and without other missing cells."""
    rbm = rbm_of(visible, "binary", scale=1.0)
    v = with_holes(rbm.visible, rows=2)
    for unit, (first, end) in enumerate(pairwise(rbm.visible.boundaries)):
        without = v.copy()
        without[:, first:end] = np.nan
        expected = exactly(rbm, without)
        found = imputation.predict(rbm, v, unit)
        assert found.method.startswith("exact")
        np.testing.assert_allclose(found.mean, expected.mean[:, first:end], atol=1e-7)
        variance = expected.square[:, first:end] - expected.mean[:, first:end] ** 2
        np.testing.assert_allclose(found.deviation**2, variance, atol=1e-7)
        nats = expected.log_weight - exactly(rbm, v).log_weight
        np.testing.assert_allclose(found.nats, np.where(np.isnan(v[:, first]), np.nan, nats), atol=1e-7)


@pytest.mark.parametrize("by", ["completions", pytest.param("hidden states", marks=pytest.mark.slow)])
def test_exact_draws_of_missing_cells_have_their_moments(by, monkeypatch):
    """z tests at a false-alarm rate of 1e-6 over all means; real cells are drawn from the continuum, not from a grid."""
    rbm = rbm_of("mixed", "binary", scale=1.0)
    v = with_holes(rbm.visible)
    exact, absent = exactly(rbm, v), np.isnan(v)
    sum_over(by, monkeypatch)
    monkeypatch.setattr(missing, "BLOCK_ELEMENTS", 2 * 5)  # several blocks of hidden states
    draws = missing.draw_missing(rbm, v, 20_000, key_of(1))
    np.testing.assert_array_equal(draws[:, ~absent], np.broadcast_to(v[~absent], (20_000, (~absent).sum())))
    limit = z_limit(2 * v.size)
    assert largest_z(draws[:, absent], exact.mean[absent]) < limit
    assert largest_z(draws[:, absent] ** 2, exact.square[absent]) < limit
    real = absent[:, -1]
    assert all(len(np.unique(cells)) == 20_000 for cells in draws[:, real, -1].T)


def test_a_row_is_as_likely_alone_as_among_others_with_other_gaps(monkeypatch):
    """Rows of all patterns share blocks of completions, and a row's completions may lie in several of them."""
    rbm = rbm_of("ragged", "binary", scale=1.0)
    v = np.tile(with_holes(rbm.visible), (50, 1))[:-1]
    alone = exactly(rbm, v[:4])
    monkeypatch.setattr(missing, "BLOCK_ELEMENTS", 9 * 16)
    monkeypatch.setattr(missing, "CHUNK_ELEMENTS", 6 * 100)
    found = annealed.log_weights(rbm, v, max_terms=0)
    assert found.method == "exact"
    np.testing.assert_allclose(found.value, np.resize(alone.log_weight, len(v)), atol=1e-12)
    for whole, part in zip(missing.posterior(rbm, v), alone, strict=True):
        np.testing.assert_allclose(whole, np.resize(part, whole.shape), atol=1e-12)
