"""Frames of other libraries and dicts of columns: what cannot be a table is refused in a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import harmonium as hm
from harmonium import tabular
from harmonium.errors import InputError
from harmonium.io import frames, table_content
from harmonium.tabular.infer_schema import infer


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"a": [1, "x"]}, "mixes kinds"),
        ({"a": [True, 2]}, "mixes kinds"),
        ({"a": [[1], [2]]}, "holds a list in row 1"),
        ({"a": [1], "b": [1, 2]}, "different lengths"),
        ({"a": 3}, "column 'a' must be a list of cells, but is 3"),
        ({"a": {1, 2}}, "column 'a' must be a list of cells, but is {1, 2}"),
        ({"a": b"xyz"}, "column 'a' must be a list of cells, but is b'xyz'"),
        ({"a": "xyz"}, "column 'a' must be a list of cells, but is 'xyz'"),
        ({"a": [np.zeros(2)]}, "holds a ndarray in row 1"),
        ({"a": [b"1", b"0"]}, "holds bytes in row 1"),
        (pa.table({"a": [{"x": 1}]}), "holds a dict in row 1"),
        ({"a": [1, 10**400]}, "holds a number beyond floating point in row 2"),
        ({}, "no columns"),
        (3, "must be a frame"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "2 columns called 'a'"),
        (pd.DataFrame({1: [1, 2]}), "needs a name that is text"),
        (pl.DataFrame({"a": [pd.Timedelta(0)]}), "holds a timedelta in row 1"),
        ({"a": [pd.Timestamp(0), "x"]}, "mixes kinds"),
        (pd.DataFrame({"a": [1, "x"]}), "mixes kinds"),
    ],
)
def test_bad_frames(data, words):
    with pytest.raises(InputError, match=words):
        frames.from_native(data)["a"]


def test_columns_that_cannot_be_used_may_be_ignored():
    """Also where `infer` says so, and they come through `impute` as they were."""
    spans = [pd.Timedelta(days=n) for n in range(8)]
    table = pd.DataFrame({"span": spans, "a": [0, 1] * 4, "b": [1, None] * 4}, index=list("stuvwxyz"))
    with pytest.raises(
        InputError, match="column 'span' holds a Timedelta in row 1; make numbers or texts of it, or leave it out"
    ):
        infer(table, {"span": "real"})
    assert infer(table).ignored["span"] == "holds a Timedelta in row 1"
    schema = infer(table.assign(b=[1, 0] * 4), ignore=["span"])
    assert schema.ignored == {"span": "as asked"}
    rbm = hm.initialize(tabular.encode(schema, table.fillna(0)), 2, tabular.units_of(schema))
    done = tabular.impute(rbm, schema, table).table
    pd.testing.assert_series_equal(done["span"], table["span"])
    assert list(done.index) == list("stuvwxyz")


def test_columns_that_cannot_be_written_again():
    frame = frames.from_native(pa.table({"a": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64()))}))
    for write in (
        lambda columns: frames.to_native(columns, pa.table({"a": [1]})),
        lambda columns: table_content(columns, ".parquet"),
    ):
        with pytest.raises(InputError, match="leave out those of dates and lists"):
            write(frame.columns)


@pytest.mark.parametrize("form", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_whole_numbers_that_floating_point_rounds_are_no_numbers(form):
    frame = frames.from_native(form({"a": [2**53, 2**53 + 1], "b": [2**53, 0]}))
    assert frame["b"].tolist() == [2**53, 0]
    with pytest.raises(InputError, match="column 'a' holds 9007199254740993 in row 2, which floating point rounds"):
        frame["a"]
    cells = np.array(["9007199254740992", "9007199254740993", "1e300", "0.1234567890123456789"], dtype=object)
    with pytest.raises(InputError, match="column 'a' has 9007199254740993 in row 2, which floating point rounds"):
        frames.as_numbers(cells, "a")
    assert frames.as_numbers(cells[[0, 2, 3]], "a").tolist() == [2.0**53, 1e300, 0.1234567890123456789]


def test_numbers_of_all_libraries_with_gaps():
    frame = frames.from_native(pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [None, None, None]}))
    np.testing.assert_array_equal(frame["a"], [1, np.nan, 3])
    assert np.isnan(frame["b"]).all()
    assert len(frames.from_native(pd.DataFrame({"a": pd.Series([], dtype="int64")}))) == 0


def test_pandas_columns_of_several_levels_are_refused():
    columns = pd.MultiIndex.from_product([["a"], ["x", "y"]])
    with pytest.raises(InputError, match=r"every column needs a name that is text, but one is called \('a', 'x'\)"):
        frames.from_native(pd.DataFrame([[1, 2]], columns=columns))


def test_dictionaries_of_arrow_in_pandas_are_texts():
    """They have no list of categories, and None where no cell is."""
    dictionary = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    table = pd.DataFrame({"a": pd.Series(["x", "y", None, "x"], dtype=dictionary), "b": [0, 1, 1, 0]})
    assert frames.from_native(table).columns["a"].tolist() == ["x", "y", None, "x"]
    filled = frames.fill_missing(table, {"a": np.array(["x", "y", "y", "x"], dtype=object)})
    assert filled["a"].tolist() == ["x", "y", "y", "x"]
