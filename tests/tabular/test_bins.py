"""Numbers in bins: the densities within them, the choice between them and a normal distribution, and the way back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats
from statistics_of_tests import FALSE_ALARM

import harmonium as hm
from harmonium import tabular
from harmonium.errors import InputError
from harmonium.io import from_native
from harmonium.tabular.bins import Bins, fit
from harmonium.tabular.schema import from_description

random = np.random.default_rng(0)
NORMAL = random.standard_normal(400).round(3)
SKEWED = np.exp(random.standard_normal(400))
AMOUNTS = np.where(random.random(400) < 0.4, 0, SKEWED)
AGES = random.integers(18, 90, 400).astype(float)
VISITS = random.geometric(0.05, 400) - 1.0
HEAPED = np.where(random.random(400) < 0.3, 40, random.integers(1, 70, 400)) * 0.5
COLUMNS = {
    "two tails": fit(NORMAL),
    "one tail": fit(SKEWED),
    "a spike": fit(AMOUNTS),
    "ages": fit(AGES, whole=True),
    "visits": fit(VISITS, whole=True),
    "counts near zero": fit(np.repeat([2.0, 3, 4, 5, 9], 8), whole=True, cuts=(2.5, 4.5, 20.5)),
    "heaped": fit(HEAPED, cuts=(5.25, 25.25)),
    "heaped counts": fit(2 * HEAPED, whole=True, cuts=(9.5, 50.5)),
    "pieces beside a bin without width": Bins(
        (), (0.0, 0.0, 2.0, 5.0, 5.0), ((1, 1), (1, 2)), False, ((1, 0.2), (2, 0.8), (5, 1))
    ),
    "given": fit(NORMAL, cuts=(-1.0, 0.0, 2.0)),
    "one bin beside a spike": Bins((5.0,), (0.0, 2.0), ((0.1, 0.5), (0.2, 1.0))),
}


@pytest.mark.parametrize("bins", COLUMNS.values(), ids=COLUMNS)
def test_each_state_has_a_distribution_of_its_own(bins):
    """Mass one, and the moments and draws of that density."""
    assert bins.validation_error() is None
    step = 1.0 if bins.whole else 2**-10
    x = np.arange(-64, 512, step) + (0 if bins.whole else step / 2)
    states, mass = bins.states(x), np.exp(bins.log_density(x)) * step
    inside = states >= len(bins.spikes)
    sums = [np.bincount(states[inside], (mass * x**power)[inside], minlength=bins.count) for power in range(3)]
    of_bins = slice(len(bins.spikes), None)
    mean, square = bins.moments()
    for found, expected in zip(sums, (np.ones(bins.count), mean, square), strict=True):
        np.testing.assert_allclose(found[of_bins], expected[of_bins], rtol=2e-2, atol=2e-2)
    np.testing.assert_array_equal(mean[: len(bins.spikes)], bins.spikes)
    count = 2000
    drawn = np.repeat(np.arange(bins.count), count)
    values = bins.sample(drawn, np.random.default_rng(1))
    np.testing.assert_array_equal(bins.states(values), drawn)
    error = np.sqrt(np.maximum(square - mean**2, 1e-30) / count)
    assert (np.abs(values.reshape(-1, count).mean(axis=1) - mean) <= 5 * error).all()  # false alarms: 1e-6 a state


def test_a_value_that_many_rows_share_is_a_piece_of_its_bin():
    """Drawn back it is as frequent, and its neighbors are; uniform values make no pieces."""
    bins = COLUMNS["heaped"]
    drawn = np.round(2 * bins.sample(np.repeat(bins.states(HEAPED), 50), np.random.default_rng(3))) / 2
    for value, around in ((20, 0), (19, 2)):
        share = np.mean(np.abs(HEAPED - value) <= around)
        assert abs(np.mean(np.abs(drawn - value) <= around) - share) < 0.02
    assert fit((np.arange(200) + 0.5) / 200, cuts=(0.5,)).pieces == ()


def test_bins_are_chosen_where_they_are_likelier():
    table = {"normal": NORMAL, "skewed": SKEWED, "amounts": AMOUNTS, "visits": VISITS}
    schema = tabular.infer(table)
    assert [column.kind for column in schema.columns] == ["real", "binned", "binned", "count"]
    assert [column.bins and column.bins.spikes for column in schema.columns] == [None, (), (0.0,), ()]
    assert {column.kind for column in tabular.infer(table, bins=False).columns} == {"real"}
    said = tabular.infer(table, {"*": "real", "normal": "binned:-1,0,1"})
    assert [column.kind for column in said.columns] == ["binned", "real", "real", "real"]
    assert said.columns[0].bins.edges[1:-1] in {(-1.0, 0.0, 1.0), (0.0,)}


@pytest.fixture(scope="module")
def model():
    table = {"amount": AMOUNTS, "visits": VISITS, "high": (AMOUNTS > 1).astype(float), "normal": NORMAL}
    schema = tabular.infer(table)
    rows = tabular.encode(schema, table)
    rbm = hm.initialize(rows, 3, tabular.units_of(schema), seed=0)
    weights = np.random.default_rng(2).normal(0, 0.7, rbm.weights.shape)
    return hm.RBM(rbm.visible, rbm.hidden, weights), schema, table


def test_rows_and_the_schema_come_back(model):
    _, schema, table = model
    assert from_description(json.loads(json.dumps(schema.description()))) == schema
    rows = tabular.encode(schema, table)
    np.testing.assert_allclose(schema.encode(from_native(schema.decode(rows))), rows)
    drawn = schema.decode(rows, 3)
    assert not np.array_equal(drawn["amount"], AMOUNTS)
    np.testing.assert_allclose(schema.encode(from_native(drawn)), rows)
    with pytest.raises(InputError, match=r"'visits': '1\.5' in row 1 is no count"):
        schema.encode(from_native({name: cells[:1] for name, cells in table.items()} | {"visits": [1.5]}))
    for part in ({"edges": [2.0, 1.0]}, {"tails": [[2.0, 1.0], [0.0, 1.0]]}, {"spikes": None}, {"pieces": [[1.0, 0.5]]}):
        damaged = json.loads(json.dumps(schema.description()))
        damaged["columns"]["amount"] |= part
        with pytest.raises(InputError, match="the schema is damaged"):
            from_description(damaged)


def test_a_row_has_a_density_and_a_cell_the_mean_of_its_values(model):
    """The density over the values of a cell, other cells fixed, is that of the mean, of ln p and of surprisals."""
    rbm, schema, _ = model
    amount = schema.columns[0]
    x = np.concatenate([[0.0], (np.arange(40_000) + 0.5) / 1000])
    measure = np.concatenate([[1.0], np.full(40_000, 1e-3)])
    n = len(x)
    table = {"amount": x, "visits": np.full(n, 12.0), "high": np.ones(n), "normal": np.full(n, 0.3)}
    scored = tabular.log_prob(rbm, schema, table)
    own = np.where(x == 0, 0, np.log(amount.scale))  # from densities in standard deviations to those of x
    density = np.exp(scored.rows.value - own - scored.rows.value.max())
    density /= density @ measure
    np.testing.assert_allclose(density @ measure, 1)
    np.testing.assert_allclose(-scored.surprisal["amount"] - own, np.log(density), atol=2e-3)
    gap = {name: [None if name == "amount" else cells[0]] for name, cells in table.items()}
    mean = (density * measure) @ x
    cells = tabular.impute(rbm, schema, gap).cells
    assert cells["value"][0] == pytest.approx(mean, rel=2e-2)
    assert cells["deviation"][0] == pytest.approx(np.sqrt((density * measure) @ x**2 - mean**2), rel=5e-2)
    assert cells["probability"] == [None]
    some = np.arange(0, n, 400)
    found = tabular.predict(rbm, schema, {name: cells[some] for name, cells in table.items()}, "amount")
    np.testing.assert_allclose(found.values, cells["value"][0], rtol=1e-6)
    assert found.scores["log loss"].mean == pytest.approx(scored.surprisal["amount"][some].mean())


def test_draws_lie_in_bins_but_for_values_that_are_given(model):
    rbm, schema, _ = model
    drawn = tabular.sample(rbm, schema, 200, given={"visits": 12, "amount": "1.25"}, like={}).table
    assert set(drawn["visits"]) == {12}
    assert set(drawn["amount"]) == {1.25}
    free = tabular.sample(rbm, schema, 200, like={}).table
    assert len(set(free["amount"])) > 20
    assert 0.0 in free["amount"]
    assert min(free["visits"]) >= 0


def test_a_count_that_many_rows_share_has_a_bin_of_its_own():
    """Zeros among amounts of hundreds: drawn back, as many are zero as there were, and the others are spread as they were."""
    random = np.random.default_rng(4)
    values = np.where(random.random(2000) < 0.9, 0.0, random.integers(100, 5000, 2000))
    bins = fit(values, whole=True)
    assert bins.edges[:2] == (-0.5, 0.5)
    drawn = bins.sample(bins.states(values), random)
    assert (drawn == 0).sum() == (values == 0).sum()
    assert stats.ks_2samp(drawn[drawn > 0], values[values > 0]).pvalue > FALSE_ALARM


def test_a_value_on_the_last_edge_has_the_density_of_the_tail():
    """Where all of the highest bin lies beyond its edge, as with edges that are given and a long tail."""
    bins = fit(np.concatenate([np.arange(50.0), np.full(20, 50.0), 50 + SKEWED, [200.0]]), cuts=(10.0, 20.0, 50.0))
    assert bins.tails[1][0] == 1
    at_edge, beyond = bins.log_density(np.array([50.0, 50 + 1e-9]))
    assert at_edge == pytest.approx(beyond)
