"""Tables as they come: kinds from values, the way into a machine's rows and back, and every mistake in one line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from harmonium.data import load_columns
from harmonium.errors import InputError
from harmonium.io import frames, read_frame, table_content
from harmonium.io.csv_files import read_cells
from harmonium.tabular import ColumnSpec, read_schema_file
from harmonium.tabular.inference import infer
from harmonium.tabular.schema import from_description

SURVEY = {
    "id": [f"p{n}" for n in range(40)],
    "sex": ["m", "f", None, "f"] * 10,
    "age": [20.5 + n for n in range(39)] + [None],
    "answer": [1, 2, 3, None, 5, 1, 2, 3] * 5,
    "region": ["north", "south", "east", None] * 10,
    "member": [True, False, None, True] * 10,
    "constant": [7] * 40,
    "empty": [None] * 40,
}


def survey(kind):
    """The survey in each of the forms in which it may come."""
    if kind == "dict":
        return SURVEY
    if kind == "pandas":
        return pd.DataFrame(SURVEY).astype({"region": "category"})
    if kind == "polars":
        return pl.DataFrame(SURVEY, schema_overrides={"region": pl.Categorical})
    return pa.table(SURVEY)


def csv_frame(text):
    return frames.frame_of_cells(read_cells(text, "x.csv"), "x.csv")


each_form = pytest.mark.parametrize("form", ["dict", "pandas", "polars", "pyarrow"])


@each_form
def test_kinds_follow_from_values(form):
    schema = infer(frames.from_native(survey(form)), ignore=["id"])
    assert {column.name: column.kind for column in schema.columns} == {
        "sex": "binary",
        "age": "real",
        "answer": "ordered",
        "region": "categorical",
        "member": "binary",
    }
    assert dict(schema.ignored) == {"id": "as asked", "constant": "every value is 7", "empty": "no row has a value"}
    levels = {column.name: set(column.levels) for column in schema.columns}
    assert levels["answer"] == {1, 2, 3, 5}
    assert levels["region"] == {"north", "south", "east"}
    assert levels["member"] == {False, True}


@each_form
def test_rows_come_back_in_the_tables_own_columns_categories_and_units(form):
    table = survey(form)
    frame = frames.from_native(table)
    schema = infer(frame, ignore=["id"])
    rows = schema.encode(frame)
    assert rows.shape == (40, 2 + 4 + 3 + 1)
    assert np.isnan(rows).sum() == 10 + 10 + 4 * 5 + 3 * 10 + 1
    np.testing.assert_allclose([np.nanmean(rows[:, -1]), np.nanstd(rows[:, -1])], [0, 1], atol=1e-12)
    back = frames.to_native(schema.decode(rows), table)
    wanted = {name: SURVEY[name] for name in ("sex", "age", "answer", "region", "member")}
    if form != "dict":
        assert type(back) is type(table)
    cells = back if form == "dict" else {name: frames.from_native(back).columns[name] for name in wanted}
    for name, column in wanted.items():
        found = [None if cell is None or cell != cell else cell for cell in cells[name]]
        assert found == column, name


def test_a_column_keeps_its_dtype_where_it_can():
    table = survey("pandas")
    frame = frames.from_native(table)
    schema = infer(frame, ignore=["id"])
    back = frames.to_native(schema.decode(schema.encode(frame)), table)
    assert back["region"].dtype == "category"
    assert back["age"].dtype == table["age"].dtype


def test_a_schema_survives_json():
    schema = infer(frames.from_native(SURVEY), ignore=["id"])
    assert from_description(json.loads(json.dumps(schema.description()))) == schema


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"version": 2, "columns": {}, "ignore": {}},
        {"version": 1, "columns": [], "ignore": {}},
        {"version": 1, "columns": {"a": {"kind": "binary"}}, "ignore": {}},
        {"version": 1, "columns": {"a": {"kind": "odd", "levels": [1, 2]}}, "ignore": {}},
        {"version": 1, "columns": {"a": {"kind": "real", "color": 1}}, "ignore": {}},
        {"version": 1, "columns": {"a": {"kind": "real", "scale": 0}}, "ignore": {}},
        {"version": 1, "columns": {"a": {"kind": "real", "mean": 10**400}}, "ignore": {}},
        {"version": 1, "columns": {"a": {"kind": "real", "decimals": 999}}, "ignore": {}},
        {"version": 1, "columns": {"a": {"kind": "binary", "levels": [1, 2, 3]}}, "ignore": {}},
        {"version": 1, "columns": {"a": {"kind": "ordered", "levels": [1, 1]}}, "ignore": {}},
        {"version": 1, "columns": {"a": {"levels": [1, 2]}}, "ignore": {}},
        {"version": 1, "columns": {}, "ignore": {}},
        {"version": 1, "columns": {"a": "binary"}, "ignore": {}},
        {"version": "1", "columns": {}, "ignore": {}},
        [1],
        None,
    ],
)
def test_a_damaged_schema_is_refused(damage):
    with pytest.raises(InputError, match="the schema"):
        from_description(damage)


def test_csv_cells_are_numbers_texts_or_missing():
    text = 'x,y,"the z"\n1, NA,"a, b"\n2.50,yes,\n?,no,c\nnull,no,"line\nbreak"\n'
    frame = csv_frame(text)
    assert frame.columns["x"].tolist() == ["1", "2.50", None, None]
    assert frame.columns["y"].tolist() == [None, "yes", "no", "no"]
    assert frame.columns["the z"].tolist() == ["a, b", None, "c", "line\nbreak"]


def test_categories_of_a_csv_file_may_look_like_numbers():
    schema = infer(csv_frame("code,z\n" + "01,1\n7b,0\n10,1\n" * 4), {"code": "categorical"})
    assert schema.columns[0].levels == ("01", "10", "7b")
    # A file in which only the numbers occur is still read by the schema's texts.
    encoded = schema.encode(csv_frame("code,z\n01,1\n10,0\n"))
    assert schema.decode(encoded)["code"].tolist() == ["01", "10"]


def test_columns_are_found_by_name_and_others_passed_over():
    schema = infer(csv_frame("a,b\n1,x\n2,y\n"))
    np.testing.assert_array_equal(schema.encode(csv_frame("more,b,a\n9,y,1\n")), [[0, 1]])


def test_what_the_user_says_of_columns_wins():
    frame = csv_frame("a,b,c\n" + "1,1,1\n2,2,2\n3,3,5\n" * 5)
    given = {"a": "real", "b": {"kind": "ordered", "levels": [1, 2, 3, 4]}, "c": {"kind": "real", "mean": 0, "scale": 2}}
    schema = infer(frame, given)
    assert [column.kind for column in schema.columns] == ["real", "ordered", "real"]
    assert schema.columns[1].levels == (1, 2, 3, 4)
    np.testing.assert_allclose(schema.encode(frame)[:3, -1], [0.5, 1, 2.5])


def test_decimals_are_those_of_the_table():
    schema = infer(csv_frame("a,b\n" + "".join(f"{n},{n / 4}\n" for n in range(40))))
    assert [column.decimals for column in schema.columns] == [0, 2]
    cells = schema.decode(np.array([[0.123, 0.123]]))
    assert cells["a"][0] == round(cells["a"][0])
    assert table_content(cells, ".csv").decode().splitlines()[1].startswith("21,")


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_schema_file_says_kinds_and_what_to_ignore(tmp_path, suffix):
    path = tmp_path / f"s.{suffix}"
    given = {"columns": {"a": "real", "b": {"kind": "ordered", "levels": [1, 2]}}, "ignore": ["c"]}
    toml = 'ignore = ["c"]\n[columns]\na = "real"\nb = {kind = "ordered", levels = [1, 2]}\n'
    path.write_text(json.dumps(given) if suffix == "json" else toml)
    assert read_schema_file(path) == ({"a": ColumnSpec("real"), "b": ColumnSpec("ordered", (1.0, 2.0))}, ["c"])


def test_a_schema_that_was_written_is_a_schema_file(tmp_path):
    frame = frames.from_native(SURVEY)
    schema = infer(frame, ignore=["id"])
    (tmp_path / "s.json").write_text(json.dumps(schema.description()))
    assert infer(frame, *read_schema_file(tmp_path / "s.json")).columns == schema.columns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("columns = 3", "columns: expected 'object', got 'int'"),
        ("columns = {a = 3}", "columns.*: expected 'str | object', got 'int'"),
        ("columns = {a = {kind = 'odd'}}", "the kind of column 'a' in .* must be 'binary' or .*, but is 'odd'"),
        ("columns = {a = {kind = 'real', scale = 0.0}}", "column 'a' in .*s.toml: scale: expected 'float' > 0"),
        ("columns = {a = {kind = 'real', mean = nan}}", "nan is no finite number"),
        ("a." * 99 + "a = 3", "nested more than"),
        ("ignore = " + "[" * 9999, "nested too deeply"),
        ("ignore = 3", "ignore: expected 'object | array', got 'int'"),
        ("color = 3", "'color'"),
        ("a = = 3", "cannot be read as TOML"),
    ],
)
def test_bad_schema_files(tmp_path, text, words):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_schema_file(tmp_path / "s.toml")


@pytest.mark.parametrize(
    ("text", "kinds", "ignore", "words"),
    [
        ("a,b\n1,x\n2,y\n", {"z": "real"}, (), "no column 'z'"),
        ("a,b\n1,x\n2,y\n", {}, ("z",), "no column 'z'"),
        ("a,b\n1,x\n2,y\n", {"a": "odd"}, (), "the kind of column 'a' must be 'binary' or .*, but is 'odd'"),
        ("a,b\n1,x\n2,y\n", {"a": {"kind": "real", "levels": [1]}}, (), "'levels' is not for a column of this kind"),
        ("a,b\n1,x\n2,y\n", {"a": {"levels": [1, 1.0]}}, (), "given twice"),
        ("a,b\n1,x\n2,y\n", {"a": {"levels": [1, 3]}}, (), "'2' in row 2 is none of its values"),
        ("a,b\n1,x\n2,y\n", {"b": "real"}, (), "'x' in row 1 is not a number"),
        ("a,b\n1,x\n2,y\n3,x\n", {"a": "binary"}, (), "3 different values, but a binary column has two"),
        ("a,b\n1,x\n1,y\n", {"a": "real"}, (), "scale must be above zero"),
        ("a,b\n1,x\n1,y\n", {"a": "categorical"}, (), "single value"),
        ("a,b\n1,x\n1,x\n", {}, (), "nothing to learn"),
        ("a,a\n1,x\n", {}, (), "2 columns called 'a'"),
        ("a,b\n1,x\ninf,y\n2,y\n", {}, (), "column 'a' has inf in row 2"),
        ("a,b\n1,x\n2,y\n3,x\nold,y\n", {}, (), "'old' in row 4 is not a number"),
        ("a,b\n" + "".join(f"t{n},x\nt{n}b,y\n" for n in range(30)), {}, (), "60 different texts"),
    ],
)
def test_bad_tables(text, kinds, ignore, words):
    with pytest.raises(InputError, match=words):
        infer(csv_frame(text), kinds, ignore)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"a": [1, "x"]}, "mixes kinds"),
        ({"a": [True, 2]}, "mixes kinds"),
        ({"a": [[1], [2]]}, "holds a list in row 1"),
        ({"a": [1], "b": [1, 2]}, "different lengths"),
        ({"a": 3}, "column 'a' must be a list of cells, but is 3"),
        ({"a": "xyz"}, "column 'a' must be a list of cells, but is 'xyz'"),
        ({"a": [np.zeros(2)]}, "holds a ndarray in row 1"),
        ({"a": [1, 10**400]}, "holds a number beyond floating point in row 2"),
        ({}, "no columns"),
        (3, "must be a frame"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "2 columns called 'a'"),
        (pd.DataFrame({1: [1, 2]}), "needs a name that is text"),
        (pl.DataFrame({"a": [pd.Timestamp(0)]}), "Datetime"),
        (pd.DataFrame({"a": [1, "x"]}), "mixes kinds"),
    ],
)
def test_bad_frames(data, words):
    with pytest.raises(InputError, match=words):
        frames.from_native(data)


def test_a_table_to_be_used_is_held_to_the_schema():
    schema = infer(csv_frame("a,b\n1,x\n2,y\n3.5,x\n"))
    for text, words in (
        ("a,c\n1,x\n", "lacks the column 'b'"),
        ("a,b\n1,z\n", "'z' in row 1 is none of its values"),
        ("a,b\nx,x\n", "'x' in row 1 is not a number"),
        ("a,b\n-inf,x\n", "-inf in row 1"),
    ):
        with pytest.raises(InputError, match=words):
            schema.encode(csv_frame(text))
    with pytest.raises(InputError, match="no rows"):
        schema.encode(frames.from_native({"a": [], "b": []}))


def test_a_file_is_split_once_for_all_and_scaled_by_its_training_rows(tmp_path):
    path = tmp_path / "x.csv"
    values = np.random.default_rng(0).normal(5, 3, 50)
    path.write_text("a,b\n" + "".join(f"{value},{'xy'[n % 2]}\n" for n, value in enumerate(values)) + "NA,\n")
    dataset = load_columns(str(path))
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (40, 5, 5)
    np.testing.assert_allclose([dataset.train[:, 1].mean(), dataset.train[:, 1].std()], [0, 1], atol=1e-9)
    assert dataset.held_out.startswith("1 rows without any value left out")
    assert dataset.columns == ["b", "a"]


def test_parquet_keeps_texts_and_missing_cells(tmp_path):
    from pyarrow import parquet

    parquet.write_table(survey("pyarrow"), tmp_path / "x.parquet")
    frame = read_frame(str(tmp_path / "x.parquet"))
    assert frame.columns["region"].tolist() == SURVEY["region"]
    written = tmp_path / "y.parquet"
    written.write_bytes(table_content(frame.columns, ".parquet"))
    again = read_frame(str(written))
    assert [frames.plain_cells(cells) for cells in again.columns.values()] == [
        frames.plain_cells(cells) for cells in frame.columns.values()
    ]
