"""Schemas: the way of tables into a model's rows and back, their description, and what does not fit them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from surveys import SURVEY, csv_frame, each_form, survey

from harmonium.data import load_columns
from harmonium.errors import InputError
from harmonium.io import frames, read_frame, table_content
from harmonium.tabular.infer_schema import infer
from harmonium.tabular.schema import from_description


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
        {"version": 3, "columns": {}, "ignore": {}},
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
    np.testing.assert_array_equal(frame.columns["x"], [1, 2.5, np.nan, np.nan])
    assert frame.columns["y"].tolist() == [None, "yes", "no", "no"]
    assert frame.columns["the z"].tolist() == ["a, b", None, "c", "line\nbreak"]


def test_missing_cells_of_a_single_column_come_back():
    column = np.array([0.5, np.nan, 2], dtype=np.float64)
    content = table_content({"only": column}, ".csv").decode()
    np.testing.assert_array_equal(csv_frame(f"{content}\n \n").columns["only"], column)


def test_columns_are_found_by_name_and_others_passed_over():
    schema = infer(csv_frame("a,b\n1,x\n2,y\n"))
    np.testing.assert_array_equal(schema.encode(csv_frame("more,b,a\n9,y,1\n")), [[0, 1]])


def test_decimals_are_those_of_the_table():
    schema = infer(csv_frame("a,b\n" + "".join(f"{n},{n / 4}\n" for n in range(40))))
    assert [column.decimals for column in schema.columns] == [0, 2]
    cells = schema.decode(np.array([[0.123, 0.123]]))
    assert cells["a"][0] == round(cells["a"][0])
    assert table_content(cells, ".csv").decode().splitlines()[1].startswith("21,")


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
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (33, 12, 5)
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
