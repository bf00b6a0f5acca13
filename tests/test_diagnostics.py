"""Diagnostics: laws, oracles, and planted faults that each verdict must see and only then."""

from __future__ import annotations

import dataclasses
import warnings
from importlib import import_module

import numpy as np
import pytest
from conftest import random_machine
from scipy import stats
from statistics_of_tests import FALSE_ALARM, largest_z, z_limit

import harmonium as hm
from harmonium import diagnostics, exact
from harmonium.diagnostics import comparison
from harmonium.units import Binary, Spin

N = 16


def two_modes(kind: type = Binary) -> hm.RBM:
    """All off and all on, equally probable; between them lies what a Gibbs chain needs some 10^6 sweeps to cross."""
    binary = hm.RBM(hm.Binary(np.full(N, -3.0)), hm.Binary([-3.0 * N]), np.full((N, 1), 6.0))
    if kind is Binary:
        return binary
    return hm.RBM(hm.Spin(np.zeros(N)), hm.Spin(np.zeros(1)), np.full((N, 1), 1.5))


@pytest.fixture(scope="module")
def quick():
    """A machine that mixes within a few sweeps, exact draws of it, and its diagnoses."""
    rbm = random_machine(Binary, Binary, (6, 4), seed=3, scale=0.7)
    data = exact.sample(rbm, 400, seed=5)
    return rbm, data, diagnostics.relaxation(rbm, data, chains=100, sweeps=300, seed=1)


@pytest.fixture(scope="module")
def stuck():
    """A machine that Gibbs sampling cannot cross, with data from the mode where noise does not begin."""
    rbm = two_modes()
    return rbm, diagnostics.relaxation(rbm, np.ones((5, N)), chains=50, sweeps=100)


# ---- relaxation


def test_relaxation_begins_where_it_says_and_ends_at_the_machines_law(quick):
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


def test_comparison_raises_few_false_alarms_and_not_too_few(monkeypatch):
    """Groups of one law, with chains as autocorrelated as can be; Bonferroni over independent quantities is nearly exact."""
    monkeypatch.setattr(comparison, "FALSE_ALARM", 0.05)
    monkeypatch.setattr(comparison, "NEGLIGIBLE", 0.0)
    random = np.random.default_rng(1)
    replicates, quantities = 2000, 3
    alarms = 0
    for _ in range(replicates):
        groups = [np.repeat(random.standard_normal((10, 1, quantities)), 2, axis=1) for _ in range(2)]
        alarms += comparison.compare(*groups, ["a", "b", "c"]).differ.any()
    assert stats.binomtest(alarms, replicates, 1 - (1 - 0.05 / 3) ** 3).pvalue > FALSE_ALARM


def test_a_certain_but_negligible_difference_is_none():
    random = np.random.default_rng(2)
    groups = [random.standard_normal((200, 500, 1)) + shift for shift in (0, 0.05)]
    compared = comparison.compare(*groups, ["a"])
    assert compared.p_value[0] < 1e-6
    assert compared.agree


# ---- tempering


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


# ---- overfitting


def test_the_gap_is_a_difference_of_log_likelihoods(quick):
    rbm, data, _ = quick
    gap = diagnostics.free_energy_gap(rbm, data[:300], data[300:])
    log_p = exact.log_likelihood(rbm, data)
    assert gap.gap == pytest.approx(log_p[:300].mean() - log_p[300:].mean(), abs=1e-9)
    assert gap.standard_error == pytest.approx(np.sqrt(log_p[:300].var(ddof=1) / 300 + log_p[300:].var(ddof=1) / 100))
    assert abs(gap.gap) < z_limit(1) * gap.standard_error
    assert gap.verdict.ok


def test_a_machine_that_knows_its_rows_by_heart_overfits():
    """Each hidden unit holds one training row."""
    random = np.random.default_rng(0)
    train, held_out = random.integers(0, 2, (2, 20, 12)).astype(float)
    weights = 4 * (2 * train - 1).T
    rbm = hm.RBM(hm.Binary(np.zeros(12)), hm.Binary(-4 * (train.sum(axis=1) - 1)), weights)
    gap = diagnostics.free_energy_gap(rbm, train, held_out)
    assert gap.overfits
    assert "overfits" in gap.verdict.sentence
    assert not diagnostics.free_energy_gap(rbm, held_out, train).overfits


# ---- adversarial accuracy


def by_brute_force(real, synthetic):
    """Yale et al.'s definition row by row, a tie counting one half; the rows are of small whole numbers, so ties are exact."""

    def share(own, other):
        counts = []
        for i, row in enumerate(own):
            nearest_own = min(((row - x) ** 2).sum() for j, x in enumerate(own) if j != i)
            nearest_other = min(((row - x) ** 2).sum() for x in other)
            counts.append(0.5 if nearest_other == nearest_own else float(nearest_other > nearest_own))
        return np.mean(counts)

    return share(real, synthetic), share(synthetic, real)


@pytest.mark.parametrize("high", [2, 50])
def test_accuracy_by_its_definition(high, monkeypatch):
    random = np.random.default_rng(3)
    real, synthetic = random.integers(0, high, (2, 40, 5))
    synthetic[:10] = real[:10]
    expected = by_brute_force(real, synthetic)
    for elements in (1 << 21, 7 * 80):
        monkeypatch.setattr("harmonium.diagnostics.adversarial.BLOCK_ELEMENTS", elements)
        found = diagnostics.adversarial_accuracy(real, synthetic)
        np.testing.assert_allclose((found.truth, found.synthetic, found.accuracy), (*expected, np.mean(expected)))


def test_copies_and_strangers():
    rows = np.random.default_rng(4).standard_normal((50, 3))
    copies = diagnostics.adversarial_accuracy(rows, rows)
    assert (copies.truth, copies.synthetic, copies.accuracy) == (0, 0, 0)
    assert not copies.verdict.ok
    strangers = diagnostics.adversarial_accuracy(rows, rows[:30] + 100)
    assert (strangers.truth, strangers.synthetic, strangers.rows) == (1, 1, 30)
    assert not strangers.verdict.ok
    assert not diagnostics.privacy_loss(strangers, copies).ok
    assert diagnostics.privacy_loss(strangers, strangers).ok


@pytest.mark.parametrize("draw", [lambda r, n: r.standard_normal((n, 2)), lambda r, n: r.integers(0, 2, (n, 5))])
def test_two_samples_of_one_law_have_the_law_that_is_stated(draw):
    """The squares of 200 z are as 200 squares of a normal variable are: neither the mean nor the error is off."""
    random = np.random.default_rng(5)
    found = [diagnostics.adversarial_accuracy(draw(random, 40), draw(random, 40), seed) for seed in range(200)]
    z = np.array([(one.accuracy - one.expected) / one.standard_error for one in found])
    total = float((z**2).sum())
    assert min(stats.chi2.sf(total, 200), stats.chi2.cdf(total, 200)) > FALSE_ALARM
    assert abs(z.mean()) * np.sqrt(200) < z_limit(1)


# ---- hidden units and spectrum


@pytest.mark.parametrize("kind", [Binary, Spin])
def test_planted_idle_units_are_found(kind):
    random = np.random.default_rng(0)
    data = random.integers(0, 2, (200, 8)).astype(float)
    weights = random.standard_normal((8, 10))
    weights[:, 3] = 0
    weights[:, 6] = weights[:, 2]
    weights[:, 8:] = 0
    odds = np.ones(10)
    # On in 0.75 % of the rows is dead, in 1.25 % only indifferent.
    odds[[1, 5, 8, 9]] = 1e-9, 1e9, 0.0075 / 0.9925, 0.0125 / 0.9875
    bias = np.log(odds) / (1 if kind is Binary else 2)
    hidden = diagnostics.hidden_units(hm.RBM(hm.Binary(np.zeros(8)), kind(bias), weights), data)
    assert (hidden.dead, hidden.saturated, hidden.indifferent, hidden.doubles) == ([1, 8], [5], [3, 9], [(2, 6)])
    assert hidden.idle == [1, 3, 5, 6, 8, 9]
    assert not hidden.verdict.ok
    for words in ("4 of 10 take part", "2 dead (h2, h9)", "1 saturated (h6)", "2 indifferent (h4, h10)", "(h7)"):
        assert words in hidden.verdict.sentence


def test_hidden_units_that_all_work(quick):
    rbm, data, _ = quick
    hidden = diagnostics.hidden_units(rbm, data)
    np.testing.assert_allclose(hidden.activity, hm.hidden_given_visible(rbm, data), atol=1e-5)
    assert hidden.idle == []
    assert hidden.verdict.ok


def planted(n: int, random: np.random.Generator) -> np.ndarray:
    """Rows of 20 columns: ten follow one bit, ten another, each column with a tenth of its bits flipped."""
    bits = np.repeat(random.integers(0, 2, (n, 2)), 10, axis=1)
    return (bits ^ (random.random((n, 20)) < 0.1)).astype(float)


def test_a_planted_spectrum():
    random = np.random.default_rng(0)
    data = planted(500, random)
    blocks = np.kron(np.eye(2), np.ones((10, 1))) / np.sqrt(10)
    weights = (blocks * [9.0, 6.0]) @ np.linalg.qr(random.standard_normal((5, 2)))[0].T
    rbm = hm.RBM(hm.Binary(np.zeros(20)), hm.Binary(np.zeros(5)), weights + 0.001 * random.standard_normal((20, 5)))
    found = diagnostics.spectrum(rbm, data)
    np.testing.assert_allclose(found.weights[:2], [9, 6], atol=0.01)
    assert (found.amplifying, found.learned, found.in_data) == (4, 2, 2)
    np.testing.assert_allclose(found.data, np.sqrt(np.linalg.eigvalsh(np.cov(data.T, bias=True))[::-1]), atol=1e-9)
    assert found.alignment.min() > 0.95
    assert found.chance == 0.1
    assert found.verdict.ok
    untrained = diagnostics.spectrum(hm.RBM(rbm.visible, rbm.hidden, 0.01 * weights), data)
    assert untrained.learned == 0
    assert "nothing beyond independent units" in untrained.verdict.sentence


def test_independent_columns_seldom_seem_to_have_components():
    random = np.random.default_rng(1)
    rbm = hm.RBM(hm.Spin(np.zeros(12)), hm.Spin(np.zeros(2)), np.zeros((12, 2)))
    assert diagnostics.spectrum(rbm, np.ones((5, 12))).in_data == 0
    found = [diagnostics.spectrum(rbm, random.choice([-1, 1], (100, 12))).in_data > 0 for _ in range(300)]
    assert stats.binomtest(sum(found), 300, 0.02, alternative="greater").pvalue > FALSE_ALARM


# ---- all together, and bad input


def test_the_report_has_a_verdict_on_everything(quick):
    rbm, data, _ = quick
    stages = []
    # Trained on one row only, as far as the report knows.
    train = np.repeat(data[:1], 80, axis=0)
    report = diagnostics.diagnose(
        rbm, data[:100], train, chains=100, sweeps=300, rungs=3, progress=lambda stage, _: stages.append(stage)
    )
    assert report.accuracy.verdict.ok
    assert not report.train_accuracy.verdict.ok
    assert len(stages) == 4
    assert [verdict.name for verdict in report.verdicts] == [
        "relaxation",
        "mixing",
        "tempering",
        "Gibbs against tempering",
        "overfitting",
        "adversarial accuracy",
        "privacy loss",
        "hidden units",
        "spectrum",
    ]
    assert report.drawn == "by enumeration"
    names = [verdict.name for verdict in diagnostics.diagnose(rbm, data, chains=100, sweeps=300, rungs=3).verdicts]
    assert "overfitting" not in names
    assert "privacy loss" not in names


def test_rows_of_a_large_machine_are_drawn_by_chains(quick, monkeypatch):
    rbm, data, _ = quick
    monkeypatch.setattr(import_module("harmonium.diagnostics.diagnose"), "EXACT_SECONDS", 0)
    report = diagnostics.diagnose(rbm, data, chains=100, sweeps=300, rungs=3)
    assert "Gibbs chains of 300 sweeps" in report.drawn
    accuracy = report.accuracy
    assert abs(accuracy.accuracy - accuracy.expected) < z_limit(1) * accuracy.standard_error


def test_bad_input(two_by_two):
    rows = np.zeros((3, 2))
    for call, words in (
        (lambda: diagnostics.relaxation(two_by_two, rows[:, :1]), "2 columns"),
        (lambda: diagnostics.relaxation(two_by_two, rows[:0]), "at least 1"),
        (lambda: diagnostics.relaxation(two_by_two, rows + np.nan), "finite"),
        (lambda: diagnostics.relaxation(two_by_two, rows, chains=1), "chains must be a whole number of at least 2"),
        (lambda: diagnostics.relaxation(two_by_two, rows, sweeps=19), "sweeps must be a whole number of at least 20"),
        (lambda: diagnostics.relaxation(two_by_two, rows, seed=-1), "seed"),
        (lambda: diagnostics.relaxation("machine", rows), "must be a harmonium.RBM"),
        (lambda: diagnostics.swaps(two_by_two, steps=1), "steps"),
        (lambda: diagnostics.swaps(two_by_two, rungs=1), "rungs"),
        (lambda: diagnostics.free_energy_gap(two_by_two, rows, rows[:1]), "held_out must have shape .* at least 2"),
        (lambda: diagnostics.free_energy_gap(two_by_two, rows + 0.5, rows), "train has 0.5"),
        (lambda: diagnostics.adversarial_accuracy(rows, rows[:, :1]), "as many columns"),
        (lambda: diagnostics.adversarial_accuracy(rows[:1], rows), "real must have shape"),
        (lambda: diagnostics.adversarial_accuracy(rows, rows * np.nan), "synthetic must hold finite numbers"),
        (lambda: diagnostics.hidden_units(two_by_two, rows[0]), "must have shape"),
        (lambda: diagnostics.spectrum(two_by_two, rows[:1]), "at least 2"),
        (lambda: diagnostics.diagnose(two_by_two, rows, rows[:, :1]), "train must have 2 columns"),
        (lambda: diagnostics.diagnose(two_by_two, rows, chains=0), "chains"),
    ):
        with pytest.raises(hm.InputError, match=words):
            call()
