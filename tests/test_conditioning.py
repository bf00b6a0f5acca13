"""Draws under conditions have the distribution that enumeration gives, and so has the fraction of rows that fulfill them."""

from __future__ import annotations

import dataclasses
import itertools

import jax
import numpy as np
import pytest
from statistics_of_tests import FALSE_ALARM, counts_agree, largest_z, z_limit

import harmonium as hm
from harmonium import sampling, tabular
from harmonium.conditioning import Conditions
from harmonium.errors import InputError
from harmonium.io.frames import Frame
from harmonium.tabular.bins import Bins
from harmonium.tabular.schema import Column, Schema
from harmonium.units.boxed import Boxed

SCHEMA = Schema(
    (
        Column("age", "real", mean=40.0, scale=15.0, decimals=0),
        Column("sex", "binary", ("female", "male")),
        Column("region", "categorical", ("north", "south", "far, east")),
        Column("rooms", "ordered", (1.0, 2.0, 3.0)),
        Column("income", "real", mean=3.0, scale=2.0),
    ),
    {"note": "it is text"},
)
EDGES = np.array([17.5, 29.5, 44.5])
"""Edges between the ages that rows are counted by, besides their other columns."""
DRAWS = 4000


@pytest.fixture(scope="module")
def rbm():
    random = np.random.default_rng(5)
    visible = hm.Mixed(
        (
            hm.Binary(random.standard_normal(1)),
            hm.Categorical(random.standard_normal(6), (3, 3)),
            hm.Gaussian(random.standard_normal(2), np.array([1.3, 0.8])),
        )
    )
    return hm.RBM(visible, hm.Binary(random.standard_normal(3)), random.standard_normal((9, 3)))


@pytest.fixture(scope="module")
def distribution(rbm):
    """All values of a row but its income, on a grid of ages, and their probabilities: from a sum over the hidden states."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    edges = (np.concatenate([[-80.0], EDGES, [160.0]]) - 40) / 15
    half = np.diff(edges)[:, None] / 2
    ages, volumes = (edges[:-1, None] + half * (nodes + 1)).ravel(), (half * weights).ravel()
    h = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    (binary, categorical, gaussian), inputs = rbm.visible.parts, h @ rbm.weights.T
    s, precision = inputs + np.concatenate([binary.bias, categorical.bias, gaussian.bias]), gaussian.precision
    of_h = h @ rbm.hidden.bias + s[:, 8] ** 2 / precision[1] / 2
    rows, p = [], []
    for sex, region, rooms in itertools.product(range(2), range(3), range(3)):
        discrete = sex * s[:, 0] + s[:, 1 + region] + s[:, 4 + rooms] + of_h
        density = np.exp(discrete[:, None] + np.outer(s[:, 7], ages) - precision[0] * ages**2 / 2).sum(axis=0)
        rows += [(sex, region, rooms, 40 + 15 * age) for age in ages]
        p.append(density * volumes)
    return np.array(rows), np.concatenate(p) / np.sum(p)


def allow_three(sex, region, rooms, age):
    forbidden = ((region == 0) & (rooms == 0)) | ((rooms == 2) & (region == 1) & (age < 29.5))
    return (sex == 0) & (age > 17.5) & (age < 44.5) & ~forbidden


def allow_pairs(sex, region, rooms, age):
    return ~((age < 17.5) & (sex == 1)) & ~((age > 44.5) & (region > 0))


CASES = {
    "forbidden pairs": ((), ("age < 18, sex = male", "region = south|far, east, age >= 45"), allow_pairs),
    "a fixed column, an interval and a chain": (
        ["sex = female", "age >= 18, age < 45"],
        ["region = north, rooms = 1", "rooms = 3, region = south, age < 30"],
        allow_three,
    ),
}


def cells_of(rows):
    sex, region, rooms, age = np.asarray(rows, float).T
    return (((sex * 3 + region) * 3 + rooms) * 4 + np.searchsorted(EDGES, age)).astype(int)


@pytest.mark.parametrize("case", CASES)
def test_draws_under_conditions_have_the_distribution_of_enumeration(rbm, distribution, case):
    """Exact draws and a Gibbs sweep from them: the cells of the rows by a chi-square test, and the mean of the ages.

    The same test must refuse the draws under the distribution without conditions.
    """
    where, forbid, allows = CASES[case]
    rows, p = distribution
    allowed = allows(*rows.T)
    inside = np.where(allowed, p, 0) / p[allowed].sum()
    expected = np.bincount(cells_of(rows), inside, 72)
    conditions = tabular.conditions(SCHEMA, where, forbid)
    drawn = sampling.draw(rbm, DRAWS, seed=1, where=conditions)
    assert drawn.method == "exact"
    assert drawn.probability == pytest.approx(p[allowed].sum(), abs=1e-5)
    swept = sampling.draw(rbm, DRAWS, seed=2, where=conditions, method="gibbs", sweeps=1, start=drawn.values)
    for values in (drawn.values, swept.values):
        table = SCHEMA.decode(values)
        codes = [[column.levels.index(cell) for cell in table[column.name]] for column in SCHEMA.columns[1:4]]
        of_rows = np.stack([*codes, table["age"]], axis=1)
        assert allows(*of_rows.T.astype(float)).all()
        assert counts_agree(cells_of(of_rows), expected) > FALSE_ALARM
        ages = 40 + 15 * values[:, [7]].astype(float)
        assert largest_z(ages, [inside @ rows[:, 3]]) < z_limit(1)
    assert counts_agree(cells_of(of_rows), np.bincount(cells_of(rows), p, 72)) < FALSE_ALARM


def test_conditions_may_part_the_bins_of_a_column():
    """Ages in three bins, of which the first is parted: within the bins of probabilities p the densities are uniform."""
    bins = Bins((), (-0.5, 24.5, 49.5, 99.5))
    column = Column("age", "count", mean=40.0, scale=20.0, decimals=0, bins=dataclasses.replace(bins, whole=True))
    schema = Schema((column, Column("sex", "binary", ("female", "male"))), {})
    random = np.random.default_rng(1)
    visible = hm.Mixed((hm.Binary([0.3]), hm.Categorical([0.5, 0.2, -0.4], (3,))))
    rbm = hm.RBM(visible, hm.Binary([0.1]), random.standard_normal((4, 1)))
    states = np.array([[sex, *one] for sex in (0, 1) for one in np.eye(3)])
    p = np.exp(hm.exact.log_likelihood(rbm, states)).reshape(2, 3)
    kept = p * [0.4, 1, 1]  # from 15 on, of 25 ages in the first bin
    kept[1, 2] *= 0.8  # a man's, below 90, of 50 ages
    drawn = tabular.sample(rbm, schema, DRAWS, where="age >= 15", forbid="age >= 90, sex = male", like=Frame({}))
    assert "draws kept" in drawn.method
    age, male = drawn.table["age"], drawn.table["sex"] == "male"
    assert age.min() >= 15
    assert age[male].max() < 90
    cells = 3 * male + np.searchsorted([24.5, 49.5], age)
    assert counts_agree(cells.astype(int), kept.ravel() / kept.sum()) > FALSE_ALARM
    assert 0 < drawn.probability_error < 0.01
    assert drawn.probability == pytest.approx(kept.sum(), abs=z_limit(1) * drawn.probability_error)


def test_a_spike_at_the_end_of_a_range_is_decided_by_the_comparison():
    """Of a column that is not rounded, where ranges end at the spike itself; no bin is asked for whose end alone they touch."""
    bins = Bins((0.0,), (0.0, 1.0, 2.0), ((0.0, 1.0), (0.1, 1.0)))
    schema = Schema((Column("amount", "binned", bins=bins), Column("sex", "binary", ("female", "male"))), {})

    def states(text, kind):
        text = text if kind == "where" else f"{text}, sex = male"
        found = tabular.conditions(schema, **{kind: text})
        (values,) = [found.where] if kind == "where" else found.forbid
        return set(values[1])

    assert states("amount > 0", "forbid") == states("amount != 0", "forbid") == {1, 2}
    assert states("amount <= 0", "forbid") == states("amount <= 0", "where") == states("amount = 0", "where") == {0}
    assert states("amount > 1", "where") == {2}
    assert states("amount >= 0, amount <= 0", "where") == {0}
    for where in ("amount < 0", "amount < 1.2, amount > 1.5"):
        with pytest.raises(InputError, match="no value of column 'amount'"):
            tabular.conditions(schema, where)


@pytest.mark.slow
def test_tempered_chains_fulfill_conditions_too(rbm, distribution):
    where, forbid, allows = CASES["forbidden pairs"]
    rows, p = distribution
    conditions = tabular.conditions(SCHEMA, where, forbid)
    drawn = sampling.draw(rbm, 200, where=conditions, method="tempering")
    inside = np.where(allows(*rows.T), p, 0)
    assert not drawn.warnings
    assert largest_z(40 + 15 * drawn.values[:, [7]].astype(float), [inside @ rows[:, 3] / inside.sum()]) < z_limit(1)


def test_units_in_boxes_are_drawn_by_their_normalizer():
    """Against quadrature: ln Z, the means, and draws, wherever the mode of the real unit lies beside the boxes."""
    parts = (hm.Categorical([0.3, -0.2, 0.5], (3,)), hm.Gaussian([0.0], [1.7]))
    units = Boxed(parts, (((0, 2), (0.2, 1.5)), ((1,), (-np.inf, 0.0)), ((1,), (1.0, np.inf)), ((0,), (1.5, 1.50001))))
    modes = np.array([-30.0, -1.0, 0.4, 25.0])
    inputs = np.column_stack([np.tile([0.1, 0.4, -0.3], (4, 1)), 1.7 * modes])
    nodes, weights = np.polynomial.legendre.leggauss(200)

    def integrate(mode):
        values, masses = [], []
        for states, (low, high) in units.boxes:
            low, high = max(low, min(mode, high) - 8), min(high, max(mode, low) + 8)
            x, volume = low + (high - low) * (nodes + 1) / 2, weights * (high - low) / 2
            for state in states:
                values.append(np.column_stack([np.tile(np.eye(3)[state], (len(x), 1)), x]))
                exponent = inputs[0, state] + parts[0].bias[state] + 1.7 * (mode * x - x**2 / 2)
                masses.append(exponent + np.log(volume))
        values, masses = np.concatenate(values), np.concatenate(masses)
        log_z = np.logaddexp.reduce(masses)
        return log_z, np.exp(masses - log_z) @ values

    log_z, means = map(np.array, zip(*map(integrate, modes), strict=True))
    with jax.enable_x64(True):
        found, mean = jax.jit(lambda s: (units.log_normalizer(s), units.mean(s)))(inputs)
        np.testing.assert_allclose(found, log_z, rtol=1e-9)
        np.testing.assert_allclose(mean, means, rtol=1e-6, atol=1e-9)
    single = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), units)
    many = np.repeat(inputs[:, None], 20_000, axis=1).astype(np.float32)
    found, drawn = jax.jit(lambda s: (single.log_normalizer(s[:, 0]), single.sample(jax.random.key(0), s)))(many)
    np.testing.assert_allclose(found, log_z, rtol=1e-5, atol=1e-4)
    for each, mean in zip(np.asarray(drawn, float), means, strict=True):
        assert largest_z(each, mean) < z_limit(16)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("agee >= 18", "there is no column 'agee'; did you mean age?"),
        ("note = x", "column 'note' is not in the model: it is text"),
        ("age 18", "is no condition: write a column"),
        ("age >= old", "'old' is no number"),
        ("age = 18.5", "have 0 decimals, so none is 18.5"),
        ("sex = femal", "has no value 'femal'; did you mean female?"),
        ("sex > female", "have no order: use = or !="),
        ("rooms > 3", "no value of column 'rooms' fulfills it; it has 1, 2, 3"),
        (["age > 18", "age < 17"], "'age < 17': no value of column 'age' fulfills all conditions on it"),
        (3, "where must be"),
        ([3], "each of where must be"),
    ],
)
def test_conditions_that_cannot_be_met_are_refused(rbm, where, words):
    with pytest.raises(InputError, match=r"\A[^\n]+\Z") as refused:
        tabular.sample(rbm, SCHEMA, 3, where=where)
    assert words in str(refused.value)


def test_combinations_that_leave_nothing_are_refused(rbm):
    with pytest.raises(InputError, match="leave no row"):
        tabular.sample(rbm, SCHEMA, 3, where="sex = male", forbid=["age < 30, sex = male", "age >= 30"])


def test_given_values_and_conditions_hold_together(rbm):
    """A given value of a real column has a density and no probability; forbidden combinations count it."""
    drawn = tabular.sample(
        rbm, SCHEMA, 50, given={"income": 1.25, "sex": "male"}, forbid="income < 2, sex = male, rooms != 2", like=Frame({})
    )
    assert drawn.probability is None
    assert not drawn.warnings
    assert set(drawn.table["rooms"]) == {2.0}
    assert set(drawn.table["income"]) == {1.25}


@pytest.mark.parametrize(("forbid", "sexes"), [("income >= 1.25", {"female"}), ("income > 1.25", {"male", "female"})])
def test_a_given_value_at_the_end_of_a_forbidden_range(rbm, forbid, sexes):
    """The end of a range is decided by the comparison, of columns and of the units' own values (1.25 is -0.875 there)."""
    forbid = f"{forbid}, sex = male"
    drawn = tabular.sample(rbm, SCHEMA, 60, given={"income": 1.25}, forbid=forbid, like=Frame({}))
    assert set(drawn.table["sex"]) == sexes
    v = hm.sample(rbm, 60, clamp={8: -0.875}, where=tabular.conditions(SCHEMA, forbid=forbid))
    assert {("female", "male")[int(state)] for state in v[:, 0]} == sexes


@pytest.mark.parametrize(
    ("given", "conditions", "words"),
    [
        ({"income": 1.25}, {"where": "income > 1.25"}, "'income > 1.25' contradicts what is given, income = 1.25"),
        ({"sex": "male"}, {"forbid": "sex = male"}, "'sex = male' is forbidden, but given: sex = male"),
        (
            {"sex": "male"},
            {"where": "age > 30", "forbid": "age > 20, sex = male"},
            "'not age > 20 (as sex = male)': no value of column 'age' fulfills all",
        ),
    ],
)
def test_given_values_that_contradict_conditions_are_named(rbm, given, conditions, words):
    with pytest.raises(InputError, match=r"\A[^\n]+\Z") as refused:
        tabular.sample(rbm, SCHEMA, 3, given=given, **conditions)
    assert words in str(refused.value)


def test_a_given_text_that_stands_for_no_number_is_refused(rbm):
    with pytest.raises(InputError, match="given has 'nan' for column 'income', which is no value"):
        tabular.sample(rbm, SCHEMA, 3, given={"income": "nan"})


def test_units_that_are_fixed_against_conditions_are_named(rbm):
    with pytest.raises(InputError, match="the conditions on v1 exclude the value that is fixed, 1"):
        hm.sample(rbm, 3, clamp={0: 1}, where=tabular.conditions(SCHEMA, "sex = female"))


def test_ranges_far_from_all_data_are_warned_of(rbm):
    """By their probability, 2e-9 here, and where there is none by the distance from the mean."""
    one = hm.RBM(hm.Binary([-20.0]), hm.Binary([0.0]), [[0.0]])
    (words,) = sampling.draw(one, 3, where=Conditions({0: frozenset([1])})).warnings
    assert words == "the conditions have a probability of 2e-09: draws may be unlike any data"
    given, forbid = {"income": 43, "sex": "male"}, "income > 2, sex = male, rooms != 2"
    (words,) = tabular.sample(rbm, SCHEMA, 50, given=given, forbid=forbid, like=Frame({})).warnings
    assert words == "column 'income' is 20 standard deviations from its mean: draws may be unlike any data"
