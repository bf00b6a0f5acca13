"""Samples beside rows: every statistic by its definition, what it says of equal sets and of others, and bad input."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from conftest import random_rbm
from scipy import stats
from sklearn.metrics import roc_auc_score
from statistics_of_tests import FALSE_ALARM, z_limit

import harmonium as hm
from harmonium import diagnostics, exact, plots
from harmonium.diagnostics import classifiers, column_statistics
from harmonium.diagnostics.cells import Columns, Embedding, Group, cells_of, columns_of
from harmonium.units import Binary

COLUMNS = Columns(("kind", "x", "y", "sex"), (3, 0, 0, 2))


def table(random, n, dependent=True, missing=0.0):
    """A category of three, two numbers and one of two, all dependent on the first unless they are permuted."""
    kind = random.integers(0, 3, n)
    x = kind + random.standard_normal(n)
    cells = np.stack([kind, x, 2 * x + random.standard_normal(n), (x > 1) ^ (random.random(n) < 0.1)], axis=1).astype(float)
    if not dependent:
        cells = np.stack([random.permutation(column) for column in cells.T], axis=1)
    return np.where(random.random(cells.shape) < missing, np.nan, cells)


def group(cells, weights=None):
    return Group(cells, np.ones(len(cells)) if weights is None else weights)


def test_column_statistics_by_their_definitions():
    """Total variation, SciPy's Kolmogorov-Smirnov and correlation, and contingency tables counted pair by pair."""
    random = np.random.default_rng(0)
    rows, others = table(random, 60, missing=0.2), table(random, 90, dependent=False, missing=0.1)
    shapes = column_statistics.shapes(COLUMNS, group(rows), group(others))
    trends = column_statistics.trends(COLUMNS, group(rows), group(others), np.arange(4))

    def frequencies(cells, *columns):
        binned = []
        for column in columns:
            own = cells[:, column]
            known = rows[~np.isnan(rows[:, column]), column]
            edges = np.linspace(known.min(), known.max(), 11)[1:-1]
            binned.append(own if COLUMNS.levels[column] else np.where(np.isnan(own), np.nan, np.digitize(own, edges)))
        kept = [pair for pair in zip(*binned, strict=True) if not np.isnan(pair).any()]
        return {pair: kept.count(pair) / len(kept) for pair in kept}

    def variation(*columns):
        p, q = (frequencies(cells, *columns) for cells in (rows, others))
        return sum(abs(p.get(key, 0) - q.get(key, 0)) for key in p.keys() | q.keys()) / 2

    for column in range(4):
        known = [cells[~np.isnan(cells[:, column]), column] for cells in (rows, others)]
        away = variation(column) if COLUMNS.levels[column] else stats.ks_2samp(*known).statistic
        assert shapes[column] == pytest.approx(1 - away)
    for a, b in combinations(range(4), 2):
        if {a, b} == {1, 2}:
            both = [cells[~np.isnan(cells[:, [a, b]]).any(axis=1)] for cells in (rows, others)]
            away = abs(np.subtract(*(np.corrcoef(cells[:, a], cells[:, b])[0, 1] for cells in both))) / 2
        else:
            away = variation(a, b)
        assert trends[a, b] == pytest.approx(1 - away)
    np.testing.assert_allclose(trends, trends.T)


def test_trees_pass_over_a_column_without_any_value(monkeypatch):
    monkeypatch.setattr(classifiers, "TREES", 3)
    cells = table(np.random.default_rng(2), 60)
    bare = np.where(np.array(COLUMNS.names) == "x", np.nan, cells)
    found = classifiers.predict_target(COLUMNS, 3, group(bare), group(cells), 0)
    without = Columns(("kind", "y", "sex"), (3, 0, 2))
    rest = np.delete(cells, 1, axis=1)
    assert found == classifiers.predict_target(without, 2, group(rest), group(rest), 0)


def test_a_row_of_weight_two_is_a_row_that_comes_twice():
    random = np.random.default_rng(1)
    rows, others = table(random, 50, missing=0.1), table(random, 80, missing=0.1)
    counts = random.integers(1, 4, 80)
    weighted, repeated = group(others, counts.astype(float)), group(np.repeat(others, counts, axis=0))
    for statistic in (column_statistics.shapes, lambda *sets: column_statistics.trends(*sets, np.arange(4))):
        np.testing.assert_allclose(
            statistic(COLUMNS, group(rows), weighted), statistic(COLUMNS, group(rows), repeated), atol=1e-12
        )
        np.testing.assert_allclose(
            statistic(COLUMNS, weighted, group(rows)), statistic(COLUMNS, repeated, group(rows)), atol=1e-12
        )
    score, positive, weights = random.integers(0, 9, 200) / 9, random.random(200) < 0.4, random.random(200)
    assert classifiers._auc(score, positive, weights)[0] == pytest.approx(roc_auc_score(positive, score, sample_weight=weights))


def test_cells_are_those_of_the_units_and_points_lie_one_apart():
    units = hm.Mixed((hm.Spin.zeros(1), hm.Categorical.zeros((3,)), hm.Gaussian.zeros(1)))
    rows = np.array([[1, 0, 0, 1, 0.5], [-1, 1, 0, 0, -0.5], [np.nan, 0, 1, 0, np.nan]])
    cells = cells_of(units, rows)
    np.testing.assert_array_equal(cells, [[1, 2, 0.5], [0, 0, -0.5], [np.nan, 1, np.nan]])
    assert columns_of(units).levels == (2, 3, 0)
    points = Embedding.of(columns_of(units), group(cells))(cells)
    # Another spin, another category, and two standard deviations.
    assert ((points[0] - points[1]) ** 2).sum() == pytest.approx(1 + 1 + 4)
    assert points[2, [0, -1]] == pytest.approx([0.5, 0])


@pytest.mark.parametrize("draw", [lambda r, n: r.standard_normal((n, 2)), lambda r, n: r.integers(0, 2, (n, 6))])
def test_samples_that_know_nothing_leak_nothing_and_copies_do(draw):
    """The squares of 200 z of the leak are as 200 squares of a normal variable are, with ties too."""
    random = np.random.default_rng(2)
    found = [diagnostics.leak(draw(random, 30), draw(random, 60), draw(random, 40)) for _ in range(200)]
    z = np.array([(each.leak - 0.5) / each.standard_error for each in found])
    total = float((z**2).sum())
    assert min(stats.chi2.sf(total, 200), stats.chi2.cdf(total, 200)) > FALSE_ALARM
    assert abs(z.mean()) * np.sqrt(200) < z_limit(1)
    train = random.standard_normal((60, 5))
    copied = diagnostics.leak(train[:20] + 0.01, train, random.standard_normal((60, 5)))
    assert not copied.verdict.ok
    assert copied.closer > 0.9
    assert (copied.scores[:20] > 0.95).all()


def test_equal_sets_are_alike_and_independent_columns_are_not(monkeypatch):
    monkeypatch.setattr(classifiers, "TREES", 30)
    random = np.random.default_rng(3)
    rows, train = table(random, 200, missing=0.1), table(random, 300, missing=0.1)
    units = hm.Mixed((hm.Categorical.zeros((3,)), hm.Gaussian.zeros(2), hm.Binary.zeros(1)))

    def states(cells):
        one_hot = np.where(np.isnan(cells[:, :1]), np.nan, np.eye(3)[np.nan_to_num(cells[:, 0]).astype(int)])
        return np.concatenate([one_hot, cells[:, 1:]], axis=1)

    weights = random.random(200) + 0.5
    found = diagnostics.compare(states(table(random, 250)), states(rows), states(train), units=units, weights=weights)
    for what in (found.samples, found.floor):
        assert abs(what.two_sample.auc - 0.5) < z_limit(1) * what.two_sample.standard_error
        assert (np.abs(what.mmd.estimate) < z_limit(3) * what.mmd.standard_error).all()
        assert what.shape > 0.9
    assert found.leak.verdict.ok
    assert all(verdict.ok for verdict in found.verdicts)
    assert any("gaps" in note for note in found.notes)
    independent = found.independent
    assert independent.two_sample.auc - 0.5 > z_limit(1) * independent.two_sample.standard_error
    assert independent.trend < min(found.samples.trend, found.floor.trend) - 0.05
    assert found.worst_pairs(1)[0][2] == pytest.approx(np.nanmin(found.samples.trends))
    assert set(found.to_dict()) >= {"samples", "floor", "independent", "leak", "verdicts", "divergence", "rows", "notes"}
    column, pair, mmd, _ = plots.comparison(found).axes
    np.testing.assert_allclose(column.lines[0].get_ydata(), np.sort(1 - found.samples.shapes)[::-1])
    assert len(pair.lines[0].get_ydata()) == 6
    np.testing.assert_allclose(mmd.lines[0].get_ydata(), found.samples.mmd.estimate)


def test_the_divergence_from_a_known_distribution(monkeypatch):
    """Another model's distribution of all states, summed state by state; and without a model columns by their values."""
    monkeypatch.setattr(classifiers, "TREES", 3)
    rbm, other = (random_rbm(Binary, Binary, (5, 3), seed=seed, scale=1.0) for seed in (1, 2))
    states = exact.all_states(rbm.visible)
    p, q = (np.exp(exact.log_likelihood(each, states)) for each in (other, rbm))
    samples = exact.sample(rbm, 100, 0)
    found = diagnostics.compare(samples, states, rbm=rbm, probabilities=p)
    assert found.divergence == pytest.approx(float((p * np.log(p / q)).sum()))
    assert found.leak is None
    rows = exact.sample(other, 100, 1).copy()
    rows[::2, 0] = np.nan
    plain = diagnostics.compare(exact.sample(other, 100, 3), rows, exact.sample(other, 60, 2))
    # Samples get the gaps of the rows, not of the floor, which has none.
    assert plain.samples.two_sample.auc < 0.7 < plain.floor.two_sample.auc
    assert any("by its gaps too: 0 % of its cells in 'v1' are missing, and 50 % of the rows'" in note for note in plain.notes)
    assert plain.divergence is None
    assert plain.samples.shapes.shape == (5,)


def test_bad_input():
    rows = np.tile([[0.0, 1.0], [1.0, 0.5], [0.0, 2.0], [1.0, 1.5]], (20, 1))
    binary = hm.Binary.zeros(2)
    for call, words in (
        (lambda: diagnostics.compare(rows, rows[:, :1]), "same columns, but their numbers differ: samples 2, rows 1"),
        (lambda: diagnostics.compare(rows[:19], rows), "samples must have at least 20 rows"),
        (lambda: diagnostics.compare(rows, rows[:39]), "at least 40 rows of weight above zero, but there are 39"),
        (lambda: diagnostics.compare(rows, rows, rows[:19]), "train must have at least 20 rows"),
        (lambda: diagnostics.compare(rows, rows, units=binary), "samples has 0.5"),
        (lambda: diagnostics.compare(rows + np.inf, rows), "samples must be rows"),
        (lambda: diagnostics.compare(rows, rows, weights=np.ones(3)), r"weights must have shape \[80\]"),
        (lambda: diagnostics.compare(rows, rows, rows, train_weights=-np.ones(80)), "train_weights must be finite"),
        (lambda: diagnostics.compare(rows, rows, rows, probabilities=np.ones(80)), "probabilities must be given without train"),
        (lambda: diagnostics.leak(rows, rows, rows[:, :1]), "the same number of columns"),
        (lambda: diagnostics.compare(rows, rows, units="binary"), "units must be"),
    ):
        with pytest.raises(hm.InputError, match=words):
            call()
