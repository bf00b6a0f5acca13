"""Tables, files and arrays as people have them: the small inputs of tests/inputs, each with its right reading."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest
from inputs import binary

import harmonium as hm
from harmonium.io import Dialect, read_table

INPUTS = Path(__file__).parent / "inputs"
A_B = {"a": ("real", [1.5, 2.5, 3.5]), "b": ("binary", ["x", "y", "x"])}
CAFE = {"café": ("binary", ["Zoë", "Jürgen", "Zoë"]), "größe": ("real", [1.5, 2.5, 3.5])}
PIXELS = {f"pixel{place}": ("real", None) for place in range(2, 16)}
NAN = float("nan")

# Of each table: its rows, the kind and the first cells of each column, and the columns left out with the reason.
TABLES = {
    "bars.csv": (8, A_B, {}),
    "comments.csv": (8, A_B, {}),
    "excel_sep.csv": (8, A_B, {}),
    "tabs.tsv": (8, {"a": A_B["a"], "b, or c": A_B["b"]}, {}),
    "quoted_delimiters.csv": (8, {"a;x": A_B["a"], "b\ty": A_B["b"]}, {}),
    "savetxt.txt": (8, {"a": A_B["a"], "b": ("binary", [0, 1, 0])}, {}),
    "cp1252.csv": (8, CAFE, {}),
    "utf16.csv": (8, CAFE, {}),
    "utf8_bom.csv": (8, CAFE, {}),
    "numbers_as_names.csv": (20, {"0": ("binary", [1, 0, 0]), **dict.fromkeys("123", ("binary", None))}, {}),
    "years_as_names.csv": (
        5,
        {"country": ("categorical", ["A", "B", "C"]), "2019": ("real", [18, 16, 20]), "2020": ("real", [20, 20, 22])}
        | {"2021": ("real", [22, 24, 21])},
        {},
    ),
    "without_names.csv": (12, {"c1": ("real", [5, 5.1, 5.2]), "c2": A_B["b"], "c3": ("ordered", [0, 1, 2])}, {}),
    "nameless_column.csv": (
        12,
        {"a": ("binary", [0, 1, 0]), "c2": ("real", [0.5, 2.5, 4.5]), "b": ("binary", ["x", "x", "y"])},
        {},
    ),
    "pandas_index.csv": (
        12,
        {"height": ("real", [160, 167.5, 175]), "sex": ("binary", ["f", "m", "f"])},
        {"index": "it names the rows"},
    ),
    "pandas.parquet": (
        12,
        {"height": ("real", [160, 171.5, 182]), "sex": ("binary", ["f", "m", "m"])},
        {"__index_level_0__": "it names the rows"},
    ),
    "names_of_rows.csv": (
        12,
        {"height": ("real", [160, 167.5, 175]), "sex": ("binary", ["f", "m", "f"])},
        {"index": "it names the rows"},
    ),
    "report_above.csv": (8, {"month": ("binary", ["may", "june", "may"]), "sales": ("real", [100.5, 107.5, 114.5])}, {}),
    "sheet.xlsx": (
        8,
        {
            "size": ("real", [0, 1.5, 3]),
            "town": ("binary", ["kiel", "bonn", "kiel"]),
            "code": ("binary", ["007", "010", "007"]),
        },
        {},
    ),
    "worth_a_look.csv": (60, {"age": ("real", [20, 27, 34]), "count": ("real", [1, 2, 3]), "b": ("real", [20, 27, 34])}, {}),
    "decimal_commas.csv": (
        40,
        {"grade": ("real", [1, 1.7, 2.4]), "subject": ("categorical", ["math", "art", "music"])},
        {},
    ),
    "thousands.csv": (24, {"people": ("real", [1051, 14714, 3153]), "region": ("binary", ["north", "south", "north"])}, {}),
    "units_in_cells.csv": (
        16,
        {"price": ("real", [1234, 1335, 1436]), "share": ("real", [12, 17, 22]), "change": ("real", [0.5, -3.5, 6.5])},
        {},
    ),
    "codes.csv": (
        24,
        {"zip": ("categorical", ["02138", "94305", "00501"]), "n": ("binary", [1, 2, 1])}
        | {"bits": ("categorical", ["1010101110", "1110101010", "1000000001"])},
        {},
    ),
    "digits.csv": (
        40,
        {"label": ("ordered", [0, 7, 4]), "pixel1": ("real", [17, 0, 0])} | PIXELS,
        {"pixel0": "every value is 0"},
    ),
    "dates_and_ids.csv": (
        30,
        {"age": ("real", [20, 21, 22]), "color": ("categorical", ["red", "green", "blue"])}
        | {"day": ("real", ["2024-01-01", "2024-01-02", "2024-01-03"])},
        {
            "user_id": "numbers the rows",
            "name": "has 30 different texts in 30 rows, too many for categories",
        },
    ),
    "flowers.arff": (
        4,
        {"length": ("real", [1.5, NAN, 2]), "petal color": ("binary", ["red", "white", None])}
        | {"seen": ("real", [datetime.datetime(2020, 1, day) for day in (2, 3, 4)])},
        {},
    ),
    "stars.npy": (40, {"c1": ("ordered", [1, 3, 5]), "c2": ("ordered", [5, 2, 1])}, {}),
}
# What is shown of a guess, so that it can be said otherwise.
SHOWN = {
    "bars.csv": "separated by bars, below a line of names",
    "cp1252.csv": "encoding cp1252",
    "decimal_commas.csv": "separated by semicolons, below a line of names, decimal commas in 'grade'",
    "pandas_index.csv": "without 'index', which names the rows",
    "report_above.csv": "without 2 lines at its beginning",
    "thousands.csv": "thousands commas in 'people'",
    "units_in_cells.csv": "commas in 'price', percent in 'share', numbers in another notation in 'change'",
    "utf16.csv": "encoding utf-16",
    "without_names.csv": "without a line of names",
}
# What is said wins over what is guessed.
SAID = [
    ("koi8.csv", {"encoding": "koi8-r"}, 8, {"имя": ("binary", ["да", "нет", "да"]), "b": A_B["a"]}),
    (
        "missing_marks.csv",
        {"missing": ("-999", "not asked")},
        20,  # four have neither
        {"a": ("real", [NAN, NAN, 2.5]), "b": ("binary", ["x", "y", None])},
    ),
    ("tabs.tsv", {"delimiter": "|"}, 8, {"a\tb, or c": ("categorical", ["1.5\tx", "2.5\ty", "3.5\tx"])}),
    ("thousands.csv", {"header": False}, 25, {"c2": ("categorical", ["region", "north", "south"])}),
    ("thousands.csv", {"decimal": ","}, 24, {"people": ("real", [1.051, 14.714, 3.153]), "region": ("binary", None)}),
    ("pandas_index.csv", {"index": False}, 12, {"c1": ("real", [0, 1, 2]), "height": ("real", None), "sex": ("binary", None)}),
]
# Of each array: its first rows, their number, and how it is described.
ARRAYS = {
    "arrays.h5:part/x": (binary.ROWS, 2, "2 rows of 3 columns"),
    "arrays.npz": (binary.ROWS, 2, "2 rows of 3 columns"),
    "table.mat": (binary.ROWS, 2, "2 rows of 3 columns"),
    "new.mat": (binary.ROWS, 2, "2 rows of 3 columns"),
    "features.svm": (binary.ROWS, 2, "2 rows of 3 columns, labels left out"),
    "gray.npy": (binary.GRAY / 255, 2, "2 rows of 2 columns, gray levels divided by 255"),
    "stars.npy": (binary.STARS[:4], 40, "40 rows of 2 columns, bytes up to 5 as they are"),
    "images": ([binary.GRAY.ravel() / 255] * 2, 2, "2 images of 2 x 2, gray levels divided by 255"),
    "rotated.amat": ([[0] * 6, [1 / 7, 2 / 7, 3 / 7, 4 / 7, 5 / 7, 1]], 12, "12 rows of 6 columns, separated by spaces"),
    "numbers_as_names.csv": ([[1, 1, 1, 0]], 20, "20 rows of 4 columns, separated by commas, below a line of names"),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Where an input lies: in its folder, or written by `binary`."""
    folder = tmp_path_factory.mktemp("inputs")
    binary.write(folder)
    return lambda name: INPUTS / name if (INPUTS / name).exists() else folder / name


def check_table(data, rows, columns, ignored):
    assert len(data.train) == rows
    assert {column.name: column.kind for column in data.schema.columns} == {name: kind for name, (kind, _) in columns.items()}
    assert data.schema.ignored == ignored
    cells = data.schema.decode(data.train)
    for name, (kind, first) in columns.items():
        if cells[name].dtype.kind == "f" and kind == "real" and first:
            np.testing.assert_allclose(cells[name][:3], first)
        elif first:
            assert cells[name][:3].tolist() == first


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_right(path, name):
    data = hm.data.load_columns(path(name), hold_out=())
    check_table(data, *TABLES[name])
    assert SHOWN.get(name, "") in data.description


@pytest.mark.parametrize(("name", "said", "rows", "columns"), SAID)
def test_what_is_said_wins(path, name, said, rows, columns):
    data = hm.data.load_columns(path(name), hold_out=(), dialect=Dialect(**said))
    check_table(data, rows, columns, data.schema.ignored)


def test_one_line_types_many_columns(path):
    kinds = {"film *": "ordered:1..5", "film 10": "binary", "mood": "ordered:low,middle,high"}
    schema = hm.data.load_columns(path("ratings.csv"), kinds, ignore=["us*"], hold_out=()).schema
    assert [(column.name, column.kind, column.levels) for column in schema.columns] == [
        ("film 1", "ordered", (1, 2, 3, 4, 5)),
        ("film 2", "ordered", (1, 2, 3, 4, 5)),
        ("film 10", "binary", (3, 4)),
        ("mood", "ordered", ("low", "middle", "high")),
    ]


def test_what_is_worth_a_look_is_said(path):
    assert hm.data.load_columns(path("worth_a_look.csv"), hold_out=()).schema.notes == {
        "age": "1 missing; -99 in 2 rows is unlike all other values: say so if it marks missing cells",
        "count": "the last row is the sum of all others: leave it out if it is no row of data",
    }


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read_right(path, name):
    first, count, description = ARRAYS[name]
    table = read_table(str(path(name)))
    assert len(table.values) == count
    np.testing.assert_allclose(table.values[: len(first)], first)
    assert table.description.startswith(description)


def test_every_input_has_its_reading():
    read = {*TABLES, *ARRAYS, *(name for name, *_ in SAID), "ratings.csv", "README.md", "binary.py"}
    assert {path.name for path in INPUTS.iterdir() if path.is_file()} <= read
