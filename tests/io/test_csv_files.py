"""Guesses at how a CSV file is written, at their edges; the usual kinds are in tests/inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmonium.errors import InputError
from harmonium.io import csv_files, csv_text, read_frame, read_table
from harmonium.io.dialect import Dialect
from harmonium.io.parquet import ParquetRows


def read(content: str | bytes, name: str = "x.csv", **said):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_frame(name, dialect=Dialect(**said), texts=True)


def numbers(frame, name):
    return [None if np.isnan(cell) else cell for cell in frame.columns[name].tolist()]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_line_of_names_may_have_numbers():
    assert list(read("country,2021,2020\nA,20,21\nB,18,19\n").columns) == ["country", "2021", "2020"]
    assert list(read("2000,2005\n20,21\n18,19\n").columns) == ["2000", "2005"]
    assert len(read("2000,2005\n1990,21\n18,19\n")) == 3
    assert list(read("id,7\n1,2\n3,4\n5,2\n").columns) == ["id", "7"]  # a text above numbers


def test_rows_of_numbers_are_no_names_unless_that_is_said():
    assert len(read("1,2,3\n2,3,4\n4,5,6\n")) == 3  # all rows count on
    assert len(read("5.1,3.5,x\n4.9,3.0,y\n")) == 2
    assert list(read("1,2\n3,4\n", header=True).columns) == ["1", "2"]
    assert list(read("a,b\nc,d\n", header=False).columns) == ["c1", "c2"]


def test_an_index_is_no_data():
    pd.DataFrame({"a": [0, 1, 1]}).to_csv("y.csv")
    np.testing.assert_array_equal(read_table("y.csv").values, [[0], [1], [1]])
    assert read(",b\n7,2\n3,4\n").index == read(",b\nx,2\ny,4\n").index == ("index",)
    assert read(",b\n7,2\n7,4\n").index == ()  # it tells no rows apart
    assert read("Unnamed: 0.1,Unnamed: 0,b\n7,0,2\n3,1,4\n").index == ("Unnamed: 0.1", "Unnamed: 0")
    assert read("a,b\n7,2\n7,4\n", index=True).index == ("a",)


def test_an_index_in_a_parquet_file_is_no_data():
    pd.DataFrame({"a": [0, 1, 1]}, index=[5, 7, 9]).to_parquet("x.parquet")
    assert "without '__index_level_0__', the index" in read_table("x.parquet").description
    rows = ParquetRows([Path("x.parquet")])
    assert (rows.shape, rows.read(np.arange(3)).tolist()) == ((3, 1), [[0], [1], [1]])
    np.testing.assert_array_equal(read_table("x.parquet").values, [[0], [1], [1]])


@pytest.mark.parametrize(
    ("text", "expected", "note"),
    [
        ('a,b\n"1,234",x\n"12,345,678.5",y\n7,x\n', [1234, 12345678.5, 7], "thousands commas in 'a'"),
        ("a;b\n1.234,5;x\n2,25;y\n", [1234.5, 2.25], "decimal commas in 'a'"),
        ("a;b\n1,234;1,5\n2,345;2,5\n", [1.234, 2.345], "decimal commas in 'a'"),  # as the other column shows
        ("a,b\n-$5,x\n6 €,y\n", [-5, 6], "currency in 'a'"),
        ("a;b\n1 234;x\n7;y\n", [1234, 7], "in another notation in 'a'"),
    ],
)
def test_numbers_in_other_notations(text, expected, note):
    frame = read(text)
    assert numbers(frame, "a") == expected
    assert note in str(frame.csv)


def test_what_is_said_is_obeyed():
    assert list(read("a;b,c\n1;2,3\n", delimiter=",").columns) == ["a;b", "c"]
    assert list(read("a::b\n1::2\n", delimiter="::").columns) == ["a", "b"]
    assert Dialect.read("header=no delimiter=tab decimal=, index=yes encoding=utf-16") == Dialect(
        "utf-16", "\t", False, ",", True
    )


def test_marks_of_missing_cells_can_be_said():
    frame = read("a,b\n-999,not asked\n2.5,x\nNA,y\n", missing=("-999", "Not asked"))
    assert (numbers(frame, "a"), frame.columns["b"].tolist()) == ([None, 2.5, None], [None, "x", "y"])
    assert frame.texts["a"].tolist() == ["-999", "2.5", "NA"]
    assert frame.texts["b"].tolist() == ["not asked", "x", "y"]
    assert Dialect.read("missing=-999 missing='not asked' header=yes") == Dialect(header=True, missing=("-999", "not asked"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("missing='a", "a quotation mark is not closed"),
        (
            "head=no",
            "write NAME=VALUE with encoding, delimiter, header, decimal, index, missing, quote",
        ),
        ("header=maybe", "header must be yes or no"),
        ("decimal=;", "decimal must be '.' or ','"),
        ("delimiter=", "is no setting of a CSV file"),
        ("encoding=klingon", "encoding 'klingon' is unknown"),
    ],
)
def test_settings_that_are_none(text, words):
    with pytest.raises(InputError, match=words):
        Dialect.read(text)


def test_what_is_no_text_is_refused():
    with pytest.raises(InputError, match=r"cannot be read as text .* say its encoding, or save it in UTF-8"):
        read(b"\x81\x8d,b\n\x00,1\n")
    with pytest.raises(InputError, match="cannot be read as text"):
        read("é,b\n1,2\n".encode("cp1252"), encoding="ascii")


def test_rows_of_different_lengths_name_the_delimiter():
    with pytest.raises(InputError, match=r"line 2: 1 columns, .*spaces\); mend or delete that line, or say the delimiter"):
        read("hello world\na\n")


@pytest.mark.parametrize(
    ("text", "columns", "note"),
    [
        ("a,b\n1,2\n3\n4\n", None, None),
        (
            "a,b,c\n1,2,3\n4,5\n7,8,9\n",
            {"a": [1, 4, 7], "b": [2, 5, 8], "c": [3, None, 9]},
            "missing the last cells of 1 row",
        ),
        ("a,b\n1,2,\n3,4,\n", {"a": [1, 3], "b": [2, 4]}, "separated by commas"),
        ("a,b\n1,2\n# second wave\n3,4\n", {"a": [1, 3], "b": [2, 4]}, "without 1 comment"),
        ("% a b\n1 2\n3 4\n", {"a": [1, 3], "b": [2, 4]}, "separated by spaces"),
        ("'a','b, c'\n1,'x'\n3,'y, z'\n", {"a": [1, 3], "b, c": ["x", "y, z"]}, "single quotation marks"),
        ("p,x\ne,b\np,b\np,x\n", {"c1": ["p", "e", "p", "p"], "c2": ["x", "b", "b", "x"]}, "without a line of names"),
        ("a;b\n46.775;1,73\n3.075;2,5\n", {"a": [46775, 3075], "b": [1.73, 2.5]}, "thousands points in 'a'"),
        ('a,b\n"(1,234.50)",x\n12,y\n', {"a": [-1234.5, 12], "b": ["x", "y"]}, "thousands commas in 'a'"),
        ("a,b\n1.5D+02,x\n2d-1,y\n", {"a": [150, 0.2], "b": ["x", "y"]}, "in another notation in 'a'"),
        (
            "400,402.5,405\n0.1,0.2,0.4\n0.2,0.3,0.1\n",
            {"400": [0.1, 0.2], "402.5": [0.2, 0.3], "405": [0.4, 0.1]},
            "below a line",
        ),
        ("2020-01-01;x\n2020-01-02;y\n", {"c1": ["2020-01-01", "2020-01-02"], "c2": ["x", "y"]}, "without a line of names"),
        (
            "a;b;t\n1,234;1,5;12.30\n2,345;2;9.15\n",
            {"a": [1.234, 2.345], "b": [1.5, 2], "t": [12.3, 9.15]},
            "decimal commas in 'b'",
        ),
        ("a;b\n1,234;12.30\n2,345;9.15\n", {"a": [1234, 2345], "b": [12.3, 9.15]}, "thousands commas in 'a'"),
        ("a;b\n1.234.567;x\n7;y\n", {"a": [1234567, 7], "b": ["x", "y"]}, "thousands points in 'a'"),
        ("a;b\n0,720;x\n7;y\n", {"a": [0.72, 7], "b": ["x", "y"]}, "decimal commas in 'a'"),
        (",,a\nx,1,2\nx,2,3\n", {"index": ["x", "x"], "c2": [1, 2], "a": [2, 3]}, "without 'index', which names the rows"),
        ("a,b\n12.5-,x\n3,y\n\x1a", {"a": [-12.5, 3], "b": ["x", "y"]}, "in another notation in 'a'"),
        ("a::b\n1::2\n", {"a::b": ["1::2"]}, "every row has as many '::': say so if that is the delimiter"),
        ("a^b\n1^2\n", {"a^b": ["1^2"]}, "every row has as many '^': say so if that is the delimiter"),
        ("a\n1,5\n2,5\n", {"a": [1.5, 2.5]}, "decimal commas in 'a'"),
        ('a,b\n"54,1",2.5\n"5,2",3.5\n', {"a": ["54,1", "5,2"], "b": [2.5, 3.5]}, "separated by commas"),
        ("a,b\nNa,1\nNA,2\n", {"a": ["Na", None], "b": [1, 2]}, "separated by commas"),
        ("1,2,3\n0,3,2\n2,5,1\n4,0,6\n", {"c1": [1, 0, 2, 4], "c2": [2, 3, 5, 0], "c3": [3, 2, 1, 6]}, "without a line"),
        ("1,5;x\n2,5;y\n", {"c1": [1.5, 2.5], "c2": ["x", "y"]}, "decimal commas in 'c1'"),
    ],
)
def test_forms_of_other_programs(text, columns, note):
    if columns is None:
        with pytest.raises(InputError, match="line 3: 1 columns"):
            read(text)
        return
    frame = read(text)
    got = {name: numbers(frame, name) if cells.dtype.kind == "f" else cells.tolist() for name, cells in frame.columns.items()}
    assert got == columns
    assert note in str(frame.csv)


def assert_same(a, b):
    assert list(a.columns) == list(b.columns)
    for name, cells in a.columns.items():
        np.testing.assert_array_equal(cells, b.columns[name])
    assert {name: cells.tolist() for name, cells in a.texts.items()} == {
        name: cells.tolist() for name, cells in b.texts.items()
    }
    assert str(a.csv) == str(b.csv)
    assert a.index == b.index
    assert list(a.csv.lines()) == list(b.csv.lines())


TEXTS = ("a", "b", "a or\nc")
LONG = "".join(f'{n / 8},"{TEXTS[n % 3]}",{n % 4 or "NA"}\n' for n in range(300))


@pytest.mark.parametrize(
    "text",
    [
        f"a,b,c\n{LONG}",
        f"a,b,c\n{LONG}late,x,1\n",  # a column that begins as numbers
        f"a,b,c\n{LONG}9007199254740993,x,late\n",  # one that floating point rounds
        f"\n\n{LONG}",
        f"a,b,c\n{LONG}1,é,1\n".encode("cp1252"),
        f"# from a program\na,b,c\n{LONG}",
        f"a,b,c\n{LONG}1,2\n",
        f"a,b,c\n{LONG}".encode("utf-16"),
    ],
    ids=["", "late text", "rounded", "no names", "cp1252", "comment", "short row", "utf-16"],
)
def test_large_files_are_read_in_blocks_to_the_same_columns(text, monkeypatch):
    frame = read(text)
    monkeypatch.setattr(csv_files, "LARGE_BYTES", 1)
    monkeypatch.setattr(csv_files, "BLOCK", 256)
    monkeypatch.setattr(csv_text, "HEAD", 128)
    assert_same(read(text), frame)


@pytest.mark.parametrize("head", range(8, 200, 16))
def test_a_beginning_may_end_within_a_cell_of_several_lines(head, monkeypatch):
    """Such a file is not read by the slow way for other forms."""
    monkeypatch.setattr(csv_files, "LARGE_BYTES", 1)
    monkeypatch.setattr(csv_text, "HEAD", head)
    monkeypatch.setattr(csv_text, "rewrite", None)
    assert len(read(f"a,b,c\n{LONG}")) == 300


def test_a_column_is_numbers_or_texts_by_all_of_its_cells():
    frame = read(f"a,b,c\n{LONG}late,x,1\n")
    assert frame.columns["a"].tolist() == [*(str(n / 8) for n in range(300)), "late"]
    assert numbers(frame, "c")[:4] == [None, 1, 2, 3]
    assert frame.texts["c"][0] == "NA"
    assert frame.columns["b"][2] == "a or\nc"
    assert read("a,b\n1,2\n9007199254740993,4\n").columns["a"].tolist() == ["1", "9007199254740993"]
