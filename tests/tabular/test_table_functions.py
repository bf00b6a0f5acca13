"""Tables in, tables out: completing, scoring, drawing and explaining rows by a schema."""

from __future__ import annotations

import datetime
from types import SimpleNamespace

import jax
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from kinds import rbm_of
from pyarrow import parquet

import harmonium as hm
from harmonium import tabular
from harmonium.errors import InputError
from harmonium.io.frames import from_native

SURVEY = {
    "sex": ["m", "f", None, "f"] * 10,
    "age": [20 + n for n in range(39)] + [None],
    "region": ["north", "south", "east", None] * 10,
    "name": [f"p{n}" for n in range(40)],
}


@pytest.fixture(scope="module")
def schema():
    return tabular.infer(SURVEY, ignore=["name"])


@pytest.fixture(scope="module")
def rbm(schema):
    random = np.random.default_rng(0)
    start = hm.initialize(tabular.encode(schema, SURVEY), 3, tabular.units_of(schema))
    return hm.RBM(start.visible, start.hidden, 0.7 * random.standard_normal(start.weights.shape))


def test_units_are_those_of_the_kinds(schema):
    assert [part.name for part in tabular.units_of(schema).parts] == ["binary", "categorical", "gaussian"]
    assert isinstance(tabular.units_of(tabular.infer({"a": [1, 2], "b": ["x", "y"]})), hm.Binary)


def test_units_of_ordered_states_say_so_and_files_without_that_load(tmp_path):
    random = np.random.default_rng(0)
    table = {"answer": random.integers(5, size=200), "visits": random.poisson(3, size=200), "town": list("abcd" * 50)}
    schema = tabular.infer(table, {"visits": "count"})
    ordered, plain = tabular.units_of(schema), tabular.units_of(schema, ordered=False)
    kinds = [column.kind for column in schema.columns]
    assert kinds == ["ordered", "count", "categorical"]
    assert ordered.ordered == (True, True, False)
    assert not plain.ordered
    rows, notes = tabular.encode(schema, table), {tabular.SCHEMA: schema.description()}
    for units in (ordered, plain):
        rbm = hm.initialize(rows, 2, units)
        path = hm.save(rbm, tmp_path / f"{len(units.ordered)}.safetensors", notes=notes)
        loaded, same = tabular.load(path)
        assert loaded.visible.ordered == units.ordered
        assert same == schema


def test_completing_fills_what_is_missing_and_nothing_else(rbm, schema):
    frame = pd.DataFrame(SURVEY)
    done = tabular.impute(rbm, schema, frame, draws=2)
    assert isinstance(done.table, pd.DataFrame)
    assert list(done.table.columns) == list(frame.columns)
    assert not done.table.isna().any().any()
    assert done.table["age"].dtype.kind in "fi"
    for name in SURVEY:
        known = frame[name].notna()
        assert (done.table[name][known] == frame[name][known]).all()
        assert all((draw[name][known] == frame[name][known]).all() for draw in done.draws)
    assert len(done.cells["row"]) == 10 + 1 + 10
    rows = tabular.encode(schema, frame)
    found = hm.impute(rbm, rows)
    for row, column, value, probability, deviation in zip(*done.cells.values(), strict=True):
        place = schema.column_slices[column]
        if column == "age":
            age = next(c for c in schema.columns if c.name == "age")
            assert value == round(age.mean + age.scale * found.mean[row, place.start])
            assert deviation == pytest.approx(age.scale * found.deviation[row, place.start])
            assert probability is None
        elif column == "region":
            levels = next(c for c in schema.columns if c.name == "region").levels
            assert probability == pytest.approx(found.mean[row, place].max())
            assert value == levels[int(found.mean[row, place].argmax())]
        else:
            p = found.mean[row, place.start]
            assert (value, probability) == (("m", pytest.approx(p)) if p > 0.5 else ("f", pytest.approx(1 - p)))


@pytest.mark.slow
def test_refitted_draws_spread_as_what_few_rows_say():
    """The mean of 400 cells drawn by one model spreads by their own variance; by models of 20 rows as the mean of 20 does.

    The ratio of these is 20; the mean of 8 squared deviations is off by a factor of 8 with a chance below 1e-3.
    """
    random = np.random.default_rng(3)
    table = {"side": ["a", "b"] * 210, "y": [*random.normal(size=20).tolist(), *[None] * 400]}
    schema = tabular.infer(table)
    rows = tabular.encode(schema, table)
    rbm = hm.initialize(rows, 2, tabular.units_of(schema))
    spread = {}
    for refit in (False, True):
        drawn = tabular.impute(rbm, schema, table, 8, refit=refit).draws
        assert all(list(draw["y"][:20]) == table["y"][:20] for draw in drawn)
        spread[refit] = np.var([np.mean(draw["y"][20:]) for draw in drawn], ddof=1)
    assert 20 / 8 < spread[True] / spread[False] < 20 * 8
    with pytest.raises(InputError, match="refit must be False where draws is 0"):
        tabular.impute(rbm, schema, table, refit=True)


def test_refits_that_diverge_draw_from_their_last_sound_model(monkeypatch):
    table = {"side": ["a", "b"] * 10, "y": [*map(float, range(18)), None, None]}
    schema = tabular.infer(table)
    rbm = hm.initialize(tabular.encode(schema, table), 2, tabular.units_of(schema))

    def train(start, *_, **__):
        yield SimpleNamespace(rbm=start)
        raise hm.DivergenceError("training diverged")

    monkeypatch.setattr(hm.training, "train", train)
    with pytest.warns(UserWarning, match="3 of 3 refits diverged"):
        drawn = tabular.impute(rbm, schema, table, 3, refit=True).draws
    assert len({draw["y"][18] for draw in drawn}) == 3


@pytest.mark.parametrize("library", ["pandas", "nullable", "polars", "pyarrow", "dict"])
def test_completing_keeps_index_dtypes_and_other_columns(library):
    """Of every library, dates (ignored, and with a gap) and whole numbers, and a column in which a single value was met."""
    columns = {"sex": ["m", "f", None, "f"], "age": [20, None, 31, 40], "one": ["x", None, "x", "x"]}
    columns |= {"day": [datetime.date(2020, 1, 1 + day) for day in range(4)]}
    columns |= {"seen": [datetime.date(2020, 1, 1), None, datetime.date(1960, 1, 1), datetime.date(2020, 5, 1)]}
    schema = tabular.infer(columns | {"age": [20, 25, 31, 40]}, {"age": "real"}, ignore=["day"])
    rbm = hm.initialize(tabular.encode(schema, columns), 2, tabular.units_of(schema))
    if library in ("pandas", "nullable"):
        table = pd.DataFrame(columns, index=["d", "b", "c", "a"]).astype({"sex": "category"})
        if library == "nullable":
            table = table.convert_dtypes()
    else:
        table = {"polars": pl.DataFrame, "pyarrow": pa.table, "dict": dict}[library](columns)
    done = tabular.impute(rbm, schema, table)
    assert type(done.table) is type(table)
    if library in ("pandas", "nullable"):
        assert list(done.table.index) == ["d", "b", "c", "a"]
        assert done.table.dtypes.tolist() == table.dtypes.tolist()
    elif library == "polars":
        assert done.table.schema == table.schema
    after = done.table.to_pydict() if library == "pyarrow" else {name: list(done.table[name]) for name in columns}
    assert after["day"] == columns["day"]
    assert after["one"] == ["x"] * 4
    assert [after["age"][row] for row in (0, 2, 3)] == [20, 31, 40]
    assert [after["seen"][row] for row in (0, 2, 3)] == [columns["seen"][row] for row in (0, 2, 3)]
    assert 1960 <= after["seen"][1].year <= 2020
    assert after["sex"][2] in ("m", "f")
    places = list(zip(done.cells["row"], done.cells["column"], done.cells["probability"], strict=True))
    assert (1, "one", None) in places
    assert {place[:2] for place in places} == {(2, "sex"), (1, "age"), (1, "one"), (1, "seen")}


def test_scores_and_surprises_are_those_of_the_rows(rbm, schema):
    rows = tabular.encode(schema, SURVEY)
    scored = tabular.log_prob(rbm, schema, SURVEY)
    np.testing.assert_allclose(scored.rows.value, hm.log_prob(rbm, rows).value)
    assert list(scored.surprisal) == ["sex", "region", "age"]
    assert np.isnan(scored.surprisal["sex"][2])
    whole = np.flatnonzero(~np.isnan(rows).any(axis=1))
    np.testing.assert_allclose(
        np.stack(list(scored.surprisal.values()), axis=1)[whole], hm.surprisal(rbm, rows[whole]).nats, atol=1e-9
    )


def test_samples_have_the_tables_columns_and_keep_what_is_given(rbm, schema):
    drawn = tabular.sample(rbm, schema, 50, given={"region": "east", "age": "30"}, like="polars").table
    assert drawn.columns == ["sex", "age", "region"]
    assert set(drawn["region"]) == {"east"}
    assert set(drawn["age"]) == {30}
    assert set(drawn["sex"]) == {"m", "f"}


def test_an_explanation_adds_up_to_the_free_energy(rbm, schema):
    found = tabular.explain(rbm, schema, SURVEY, 2)
    assert found.filled == ["sex"]
    completed = tabular.impute(rbm, schema, SURVEY).table
    v = tabular.encode(schema, completed)[2:3]
    assert found.free_energy == pytest.approx(float(hm.free_energy(rbm, v)[0]))
    total = found.visible + found.average + sum(unit.nats for unit in found.contributions)
    assert total == pytest.approx(-found.free_energy)
    average = np.asarray(rbm.visible.mean(np.zeros(rbm.visible.size, np.float32)))
    for unit in found.contributions:
        assert sum(unit.inputs.values()) == pytest.approx(float((v[0] - average) @ rbm.weights[:, unit.unit]), abs=1e-5)


def test_a_model_file_holds_the_schema_and_old_files_have_none(rbm, schema, tmp_path):
    hm.save(rbm, tmp_path / "new.safetensors", notes={tabular.SCHEMA: schema.description()})
    assert tabular.load(tmp_path / "new.safetensors")[1] == schema
    hm.save(hm.initialize(np.eye(3), 2), tmp_path / "old.safetensors", notes={"columns": ["a", "b", "c"]})
    old = tabular.load(tmp_path / "old.safetensors")[1]
    assert [column.name for column in old.columns] == ["a", "b", "c"]
    np.testing.assert_array_equal(tabular.encode(old, {"c": [1], "b": [None], "a": [0]}), [[0, np.nan, 1]])


@pytest.mark.parametrize("kind", ["mixed", pytest.param("drelu", marks=pytest.mark.slow)])
def test_models_of_every_kind_have_tables_without_a_schema(kind):
    rbm = rbm_of(kind, "binary")
    with jax.enable_x64(True):
        v = np.array(rbm.visible.sample(jax.random.key(0), np.zeros((5, rbm.visible.size))))
    starts = rbm.visible.boundaries
    v[0, : starts[1]] = v[1] = np.nan
    schema = tabular.schema_of(rbm, {"notes": {}})
    frame = schema.decode(v)
    assert list(frame) == [f"v{unit + 1}" for unit in range(len(starts) - 1)]
    np.testing.assert_array_equal(tabular.encode(schema, frame), v)


def test_the_cells_of_models_that_were_trained_on_no_table():
    rbm = rbm_of("mixed", "binary")
    schema = tabular.schema_of(rbm, {"notes": {"columns": ["spin", "level", "real"]}})
    frame = {"spin": [-1, 1, None], "level": [0, None, 2], "real": [None, 0.5, 0.25]}
    rows = [[-1, 1, 0, 0, np.nan], [1, np.nan, np.nan, np.nan, 0.5], [np.nan, 0, 0, 1, 0.25]]
    np.testing.assert_array_equal(tabular.encode(schema, frame), rows)
    found, done = hm.impute(rbm, rows), tabular.impute(rbm, schema, frame)
    np.testing.assert_array_equal(tabular.encode(schema, done.table), found.values)
    cells = {column: number for number, column in enumerate(done.cells["column"])}
    assert done.cells["probability"][cells["spin"]] == pytest.approx((1 + abs(found.mean[2, 0])) / 2)
    assert done.cells["probability"][cells["level"]] == pytest.approx(found.mean[1, 1:4].max())
    assert done.cells["deviation"][cells["real"]] == pytest.approx(found.deviation[0, 4])


def test_columns_taken_by_their_order_must_be_usable(tmp_path):
    parquet.write_table(pa.table({"part": [[1]], "b": [1]}), tmp_path / "x.parquet")
    rbm = hm.initialize(np.eye(2), 2)
    with pytest.raises(InputError, match="column 'part' holds a list in row 1"):
        tabular.read_by_position(str(tmp_path / "x.parquet"), rbm, tabular.schema_of(rbm, {"notes": {}}))


def test_bad_input(rbm, schema, tmp_path):
    for given, words in (({"color": 1}, "no column 'color'"), ({"region": "west"}, "'west' in row 1 is none of its values")):
        with pytest.raises(InputError, match=words):
            tabular.sample(rbm, schema, 1, given=given)
    with pytest.raises(InputError, match="there is no row 40"):
        tabular.explain(rbm, schema, SURVEY, 40)
    with pytest.raises(InputError, match="not one of"):
        tabular.schema_of(hm.initialize(np.eye(3), 2), {"notes": {tabular.SCHEMA: schema.description()}})
    for like in ("nowhere", 3):
        with pytest.raises(InputError, match="no installed library"):
            tabular.sample(rbm, schema, 1, like=like)
    assert from_native(SURVEY).columns["age"].dtype == np.float64


@pytest.mark.parametrize("wrong", [None, 3, "schema", {"columns": {}}])
def test_what_is_no_schema(rbm, wrong):
    calls = [
        lambda: tabular.encode(wrong, SURVEY),
        lambda: tabular.decode(wrong, [[0]]),
        lambda: tabular.units_of(wrong),
        lambda: tabular.impute(rbm, wrong, SURVEY),
        lambda: tabular.log_prob(rbm, wrong, SURVEY),
        lambda: tabular.sample(rbm, wrong, 3),
        lambda: tabular.explain(rbm, wrong, SURVEY, 0),
    ]
    for call in calls:
        with pytest.raises(InputError, match="schema must be a Schema, but is"):
            call()


def test_arguments_of_other_kinds():
    for call, words in (
        (lambda: tabular.infer(SURVEY, 3), "kinds must be a mapping"),
        (lambda: tabular.infer(SURVEY, {"age": 3}), "the kind of column 'age' must be"),
        (
            lambda: tabular.infer(SURVEY, {"age": {"kind": "real", "mean": "x"}}),
            "column 'age': mean: expected 'float . null', got 'str'",
        ),
        (lambda: tabular.infer(SURVEY, ignore=3), "ignore must be a list of names"),
        (lambda: tabular.load(None), "path must be the name of a file"),
        (lambda: tabular.read_schema_file(5), "path must be the name of a file"),
    ):
        with pytest.raises(InputError, match=words):
            call()
    schema = tabular.infer(SURVEY, {"age": {"kind": "real", "mean": np.float64(3)}}, ignore=["name"])
    assert schema.columns[1].mean == 3


@pytest.mark.parametrize("column", ["sex", "region", "age"])
def test_a_column_is_predicted_from_the_others_and_scored(rbm, schema, column):
    found = tabular.predict(rbm, schema, SURVEY, column)
    lacking = {name: cells for name, cells in SURVEY.items() if name != column}
    blind = tabular.predict(rbm, schema, lacking, column)
    assert (blind.known, blind.scores) == (0, {})
    if column == "age":
        np.testing.assert_allclose(blind.values, found.values)
    else:
        np.testing.assert_array_equal(blind.values, found.values)
    cells = SURVEY[column]
    known = [row for row, cell in enumerate(cells) if cell is not None]
    assert found.known == len(known)
    if column == "age":
        assert found.scores["squared error"].mean == pytest.approx(
            np.mean([(found.values[row] - cells[row]) ** 2 for row in known])
        )
        assert found.scores["squared error"].baseline == pytest.approx(np.var([cells[row] for row in known]))
        assert found.deviation.min() > 0
        return
    p = np.array([found.probabilities[cells[row]][row] for row in known])
    assert found.scores["log loss"].mean == pytest.approx(-np.log(p).mean())
    assert found.scores["log loss"].error == pytest.approx(np.log(p).std() / np.sqrt(len(p)))
    assert found.scores["accuracy"].mean == np.mean([found.values[row] == cells[row] for row in known])
    np.testing.assert_allclose(sum(found.probabilities.values()), 1)


def test_a_table_is_compared_by_its_own_columns(schema):
    """Copies of the training rows are said to leak, and what they predict is what the training rows do."""
    random = np.random.default_rng(0)

    def rows(n):
        age = random.integers(20, 60, n)
        return {
            "sex": np.where(random.random(n) < 0.5, "m", "f").tolist(),
            "age": age.tolist(),
            "region": np.where(age < 30, "north", np.where(age < 50, "south", "west")).tolist(),
        }

    train, table = rows(80), rows(60)
    found = tabular.compare(schema, train, table, train, target="age")
    assert found.names == ("sex", "age", "region")
    assert not found.leak.verdict.ok
    assert found.samples.target == found.floor.target
    assert found.samples.target["R2"] > 0.5 > found.independent.target["R2"]
    np.testing.assert_array_equal(found.samples.shapes, found.floor.shapes)
    with pytest.raises(InputError, match="lacks the column 'age'"):
        tabular.compare(schema, train, {"sex": ["m"], "region": ["north"]})
