"""Schemas from values, and from what the caller says of columns; every mistake in one line."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pytest
from surveys import SURVEY, csv_frame, each_form, survey

from harmonium.errors import InputError
from harmonium.io import frames
from harmonium.tabular import ColumnSpec, read_schema_file
from harmonium.tabular.infer_schema import infer


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


def test_what_the_user_says_of_columns_wins():
    frame = csv_frame("a,b,c\n" + "1,1,1\n2,2,2\n3,3,5\n" * 5)
    given = {"a": "real", "b": {"kind": "ordered", "levels": [1, 2, 3, 4]}, "c": {"kind": "real", "mean": 0, "scale": 2}}
    schema = infer(frame, given)
    assert [column.kind for column in schema.columns] == ["real", "ordered", "real"]
    assert schema.columns[1].levels == (1, 2, 3, 4)
    np.testing.assert_allclose(schema.encode(frame)[:3, -1], [0.5, 1, 2.5])


def test_categories_of_a_csv_file_may_look_like_numbers():
    schema = infer(csv_frame("code,z\n" + "01,1\n7b,0\n10,1\n" * 4), {"code": "categorical"})
    assert schema.columns[0].levels == ("01", "10", "7b")
    # A file in which only the numbers occur is still read by the schema's texts.
    encoded = schema.encode(csv_frame("code,z\n01,1\n10,0\n"))
    assert schema.decode(encoded)["code"].tolist() == ["01", "10"]


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
        ("a,b\n1,x\n2,y\n", {"song *": "real"}, (), r"there is no column 'song \*'"),
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
        ("a,b\n1,1\n2,-\n3,3\nold,4\n", {}, (), "'old' in row 4 .*; column 'b': '-' in row 2 .*; if they are"),
        ("a,b\n" + "".join(f"t{n},x\nt{n}b,y\n" for n in range(30)), {}, (), "60 different texts"),
        ("id,day\n1,2.1.2020\n2,3.1.2020\n", {}, (), "columns 'id' numbers the rows; 'day' holds dates such as '2.1.2020'"),
    ],
)
def test_bad_tables(text, kinds, ignore, words):
    with pytest.raises(InputError, match=words):
        infer(csv_frame(text), kinds, ignore, strict=True)


def test_a_single_column_may_be_of_another_delimiter():
    table = csv_frame("a^b\n" + "".join(f"{row}^x\n" for row in range(60)))
    with pytest.raises(InputError, match=r"nothing to learn .* say the delimiter if the file has more columns than one$"):
        infer(table)


@pytest.mark.parametrize("unit", [1e-300, 1e-13, 1e300])
def test_real_columns_may_have_any_unit(unit):
    values = np.array([1.25, 2.5, 3.5, 0.75, 8.0, 2.25])
    (column,) = infer({"x": values * unit}).columns
    assert (column.mean, column.scale) == pytest.approx((values.mean() * unit, values.std() * unit), rel=1e-12, abs=0)
    np.testing.assert_allclose(column.decode(column.encode(values * unit)), values * unit)


def test_codes_of_digits_are_few_categories_or_left_out():
    random = np.random.default_rng(0)
    codes = [f"{code:08d}" for code in random.choice(10**8, 60, replace=False)]
    frame = {"account": codes, "zip": [codes[row % 5] for row in range(60)], "Unnamed: 0.1": list(range(60))}
    schema = infer(frame)
    assert [(column.name, column.kind, len(column.levels)) for column in schema.columns] == [("zip", "categorical", 5)]
    assert dict(schema.ignored) == {
        "account": "has 60 different texts in 60 rows, too many for categories",
        "Unnamed: 0.1": "numbers the rows",
    }


def test_numbers_with_a_mark_among_them_are_left_out_with_the_remedy():
    shares = {"share": ["-", *(f"{row / 10}%" for row in range(59))], "b": range(60)}
    assert infer(shares).ignored == {"share": "has numbers such as '0.0%': say so if '-' marks missing cells"}


def test_all_pixels_are_of_one_kind():
    random = np.random.default_rng(0)
    pixels = random.choice([0, 0, 255, 128, 17], (40, 20))
    pixels = pixels.astype(float)
    pixels[:, 2] = np.nan
    pixels[:, 0], pixels[:, 1] = 0, random.choice([0, 255], 40)  # a corner, and one that is black or white
    labels = random.integers(0, 4, 40)
    frame = {"label": labels} | {f"pixel{place}": column for place, column in enumerate(pixels.T)}
    schema = infer(frame)
    kinds = {column.name: column.kind for column in schema.columns}
    assert kinds == {"label": "ordered"} | {f"pixel{place}": "real" for place in range(1, 20) if place != 2}
    assert schema.ignored == {"pixel0": "every value is 0", "pixel2": "no row has a value"}
    unnamed = infer({f"c{place}": column for place, column in enumerate([labels, *pixels.T])})  # MNIST without names
    assert [column.kind for column in unnamed.columns] == ["ordered"] + ["real"] * 18
    ranks = {f"film {place}": column for place, column in enumerate(random.integers(1, 6, (40, 20)).T)}
    assert {column.kind for column in infer(ranks).columns} == {"ordered"}


def test_columns_that_nothing_can_be_learned_from_are_left_out():
    rows = range(30)
    frame = {
        "name": [f"person {row}" for row in rows],
        "day": [f"{row + 1}/1/2024" for row in rows],
        "seen": [f"{row % 3 + 1}.2.2024 10:30" for row in rows],
        "born": [datetime.date(2000, 1, 1)] * 30,
        "parts": [[row] for row in rows],
        "row": list(rows),
        "user_id": [7 * row % 31 for row in rows],
        "barcode": [str(10**17 + 1 + row % 5) for row in rows],
        "age": [20 + row % 13 for row in rows],
        "color": ["red", "green", "blue"] * 10,
        "grid": [row % 6 for row in rows],
    }
    schema = infer(frame)
    assert [column.name for column in schema.columns] == ["age", "color", "grid"]
    assert schema.ignored == {
        "name": "has 30 different texts in 30 rows, too many for categories",
        "day": "holds dates such as '1/1/2024', of which day and month are not known: give it the kind date:%d/%m/%Y or "
        "date:%m/%d/%Y",
        "seen": "holds dates such as '1.2.2024 10:30', of which day and month are not known: give it the kind "
        "date:%d.%m.%Y %H:%M or date:%m.%d.%Y %H:%M",
        "born": "every value is 2000-01-01",
        "parts": "holds a list in row 1",
        "row": "numbers the rows",
        "user_id": "numbers the rows",
        "barcode": "has whole numbers with more digits than floating point holds",
    }
    said = infer(frame, {"row": "real", "day": "categorical"})
    assert [column.name for column in said.columns] == ["day", "row", "age", "color", "grid"]
    for name in set(schema.ignored) - {"born"}:
        with pytest.raises(InputError, match=f"column '{name}' .*: make .* or leave it out"):
            infer({name: frame[name], "age": frame["age"]}, strict=True)
    with pytest.raises(InputError, match=r"nothing to learn .*\('name' has 30 different texts .*; 'day' holds dates such .*\)"):
        infer({"name": frame["name"], "day": frame["day"]})
