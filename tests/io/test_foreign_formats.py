"""Files of other programs, read as their writers meant them."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import h5py
import numpy as np
import openpyxl
import pytest
from PIL import Image

import harmonium as hm
from harmonium.errors import InputError
from harmonium.io import read_frame, read_table

ROWS = np.array([[0.0, 2.0, 0.0], [1.5, 0.0, 3.0]])
INPUTS = Path(__file__).parents[1] / "inputs"


def test_arff_has_categories_and_columns_of_no_use():
    frame = read_frame(str(INPUTS / "flowers.arff"))
    assert frame.categories == {"petal color": ["red", "white"]}
    assert frame["seen"].tolist() == [datetime.datetime(2020, 1, day) for day in range(2, 6)]


def test_a_sheet_of_excel_is_a_table(tmp_path, monkeypatch):
    path = str(tmp_path / "a.xlsx")
    book = openpyxl.Workbook()
    rows = [["", "size", "town", "code", "day", "ok"]]
    rows += [[i, 1.5 * i, ["kiel", None][i % 2], "007", datetime.datetime(2020, 1, i + 1), i > 1] for i in range(4)]
    for row in [*rows, [4, "#DIV/0!", "bonn", "010", None, False], [None] * 9]:
        book.active.append(row)
    book.create_sheet("empty")
    book.save(path)
    frame = read_frame(path)
    assert list(frame.columns) == ["index", "size", "town", "code", "day", "ok"]
    np.testing.assert_array_equal(frame["size"], [0, 1.5, 3, 4.5, np.nan])
    assert frame["town"].tolist() == ["kiel", None, "kiel", None, "bonn"]
    assert frame["code"].tolist() == ["007"] * 4 + ["010"]
    assert frame["day"].tolist()[1] == "2020-01-02"
    assert hm.data.load(path, columns=True).description == (
        "5 rows of 6 columns, below a line of names, without 'index', which names the rows"
    )
    book["empty"].append([1, 0])
    book.save(path)
    with pytest.raises(InputError, match=r"holds several sheets; name one of them: a.xlsx:Sheet, a.xlsx:empty"):
        read_frame(path)
    np.testing.assert_array_equal(read_table(f"{path}:empty").values, [[1, 0]])
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="cannot be read as an Excel file"):
        read_frame(path)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match=r"needs openpyxl: pip install 'harmonium\[excel\]'; or save it as CSV"):
        read_frame(path)


def test_svmlight_can_be_streamed():
    streamed = hm.data.load(INPUTS / "features.svm", stream=True, hold_out=())
    np.testing.assert_array_equal(streamed.train.take(np.array([1, 0])), ROWS[::-1])


def test_hdf5_has_arrays_by_name(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["part/x"] = ROWS
        file["y"] = np.arange(4.0).reshape(2, 2)
        file["elsewhere"] = h5py.ExternalLink("b.h5", "x")
    with pytest.raises(InputError, match=r"holds several arrays; name one of them: a\.h5:part/x, a\.h5:y"):
        read_table(f"{tmp_path}/a.h5")
    with pytest.raises(InputError, match="has no array 'elsewhere'"):
        read_table(f"{tmp_path}/a.h5:elsewhere")


def test_images_of_several_sizes_need_one(tmp_path):
    levels = np.array([[0, 51], [102, 10]], np.uint8)
    (tmp_path / "kind").mkdir()
    Image.fromarray(levels).save(tmp_path / "kind" / "a.png")
    Image.fromarray(np.stack([levels // 5] * 3, axis=-1)).save(tmp_path / "b.png")
    assert read_table(str(tmp_path)).image_shape == (2, 2)
    Image.new("L", (4, 6), 204).save(tmp_path / "c.png")
    with pytest.raises(InputError, match=r"c\.png has 6 x 4 pixels, but b\.png 2 x 2; name one size for all: .*:2x2"):
        read_table(str(tmp_path))
    small = hm.data.load(f"{tmp_path}:1x2", hold_out=())
    assert small.image_shape == (1, 2)
    np.testing.assert_allclose(small.train[1], [0.8, 0.8])


def test_small_bytes_may_be_categories(tmp_path):
    stars = np.array([[1, 5], [3, 2], [5, 1], [4, 4]], np.uint8)
    np.save(tmp_path / "stars.npy", stars)
    data = hm.data.load_columns(tmp_path / "stars.npy", {"c1": "categorical", "c2": "categorical"}, hold_out=())
    assert [column.levels for column in data.schema.columns] == [(1.0, 3.0, 4.0, 5.0), (1.0, 2.0, 4.0, 5.0)]


@pytest.mark.parametrize("suffix", ["arff", "svm", "h5", "mat", "png"])
def test_damaged_files_are_refused_in_one_line(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"\x89not one of these\xff\x00 @data 1:2:3 \n" * 40)
    with pytest.raises(InputError) as raised:
        read_table(str(tmp_path if suffix == "png" else path))
    assert "\n" not in str(raised.value)
    assert "a." in str(raised.value)
