"""Named sources hold what they say, and rows are held out once for all."""

from __future__ import annotations

import datetime
import gzip
import itertools
import math
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from harmonium.data import SOURCES, Resampled, load, load_columns
from harmonium.errors import InputError
from harmonium.io import Dialect, Streamed, csv_files, read_frame
from harmonium.tabular import infer


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def as_set(rows: np.ndarray) -> set[tuple[float, ...]]:
    return set(map(tuple, rows.tolist()))


def numbered(count: int, columns: int = 3) -> np.ndarray:
    """Rows of which no two are alike."""
    return np.arange(count * columns, dtype=float).reshape(count, columns)


# ---- digits


def test_digits_are_scikit_learns_and_binary():
    from sklearn.datasets import load_digits

    digits = load("digits")
    assert digits.image_shape == (8, 8)
    assert digits.binarized == "threshold=0.5"
    assert digits.entropy is None
    assert [len(part) for part in (digits.train, digits.valid, digits.test)] == [1439, 179, 179]
    assert "179 rows held out" in digits.held_out
    rows = np.concatenate([digits.train, digits.valid, digits.test])
    expected = (load_digits().data > 8).astype(float)
    # The same rows, each as often.
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])


def test_the_user_may_binarize_otherwise():
    gray = load("digits", "threshold=0.9")
    assert gray.binarized == "threshold=0.9"
    assert gray.train.mean() < load("digits").train.mean()


def test_stochastic_digits_depend_on_the_seed_and_their_split_does_not():
    first, again, other = (load("digits", "stochastic", seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.train, again.train)
    assert (first.train != other.train).any()
    # The same images lie underneath: rows of two seeds agree far more often than images chosen at random would (about 0.7).
    assert (first.train == other.train).mean() > 0.8
    # Parts are drawn independently of each other.
    assert (first.valid != first.test).any()


def test_the_largest_seed_serves_all_parts():
    assert load("digits", "stochastic", 2**63 - 1).binarized == "stochastic"


# ---- toys of known entropy


@pytest.mark.parametrize(("height", "width"), [(2, 2), (2, 3), (3, 3), (4, 4), (5, 2)])
def test_bars_and_stripes_are_all_full_rows_or_full_columns(height, width):
    toy = load(f"bars-and-stripes:{height}x{width}")
    expected = {
        tuple(float(line[i] if rows else line[j]) for i in range(height) for j in range(width))
        for rows, length in ((True, height), (False, width))
        for line in itertools.product((0, 1), repeat=length)
    }
    assert len(toy.train) == 2**height + 2**width - 2
    assert as_set(toy.train) == expected
    assert toy.image_shape == (height, width)
    assert toy.entropy == pytest.approx(math.log(2**height + 2**width - 2), rel=1e-15)


def test_bars_and_stripes_are_four_by_four_unless_said():
    for name in ("bars-and-stripes", "bars-and-stripes:"):
        assert load(name).name == "bars-and-stripes:4x4"
    assert load("bars-and-stripes").entropy == pytest.approx(math.log(30))


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_shifter_holds_every_pattern_shifted_three_ways(bits):
    toy = load(f"shifter:{bits}")
    assert toy.train.shape == (3 * 2**bits, 2 * bits + 3)
    assert len(as_set(toy.train)) == len(toy.train)
    assert toy.entropy == pytest.approx(math.log(3 * 2**bits), rel=1e-15)
    for row in toy.train.astype(int).tolist():
        pattern, add_field, label = row[:bits], row[bits : 2 * bits], row[2 * bits :]
        left = [*pattern[1:], pattern[0]]
        right = [pattern[-1], *pattern[:-1]]
        assert sum(label) == 1
        assert add_field == (left, pattern, right)[label.index(1)]


def test_shifter_has_eight_bits_unless_said():
    assert load("shifter").name == "shifter:8"


@pytest.mark.parametrize("name", ["bars-and-stripes:3x3", "shifter:3"])
def test_toys_serve_whole_for_training_validation_and_test(name):
    toy = load(name)
    np.testing.assert_array_equal(toy.train, toy.valid)
    np.testing.assert_array_equal(toy.train, toy.test)
    assert f"all {len(toy.train)} patterns" in toy.held_out
    assert toy.columns is None


def test_entropy_is_known_only_as_long_as_the_values_are_the_sources():
    assert load("shifter:3", "threshold=0.5").entropy == load("shifter:3").entropy
    assert load("shifter:3", "stochastic").entropy == load("shifter:3").entropy
    assert load("shifter:3", "threshold=2").entropy is None


@pytest.mark.parametrize(
    "name",
    [
        "bars-and-stripes:1x4",
        "bars-and-stripes:4x17",
        "bars-and-stripes:99x2",
        "bars-and-stripes:3",
        "bars-and-stripes:3X3",
        "bars-and-stripes:-3x3",
        "bars-and-stripes:3x3x3",
        "bars-and-stripes:0x0",
        "shifter:1",
        "shifter:0",
        "shifter:17",
        "shifter:99",
        "shifter:x",
        "shifter:-8",
        "shifter:8.0",
    ],
)
def test_sizes_out_of_range_are_refused(name):
    with pytest.raises(InputError, match="from 2 to 16") as caught:
        load(name)
    assert str(caught.value).startswith(name)


def test_sources_of_one_size_take_no_size():
    for name in ("digits", "mnist"):
        with pytest.raises(InputError, match=f"write {name}, not {name}:3"):
            load(f"{name}:3")


def test_every_source_says_what_it_is():
    assert set(SOURCES) == {"digits", "bars-and-stripes", "shifter", "mnist"}
    assert all(source.name == name and source.about for name, source in SOURCES.items())


# ---- MNIST, without a network


def test_mnist_is_scaled_split_and_binarized(monkeypatch):
    # The first four pixels stand for all 784.
    pixels = np.zeros((70_000, 4), dtype=np.uint8)
    pixels[:, 0] = np.arange(70_000) % 256
    pixels[50_000:60_000, 1] = 255
    pixels[60_000:, 2] = 255
    asked = {}

    def fetch_openml(name, **settings):
        asked.update(settings, name=name)
        return SimpleNamespace(data=pixels)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    mnist = load("mnist")
    assert asked["name"] == "mnist_784"
    assert asked["as_frame"] is False
    assert [len(part) for part in (mnist.train, mnist.valid, mnist.test)] == [50_000, 10_000, 10_000]
    assert mnist.image_shape == (28, 28)
    assert mnist.binarized == "threshold=0.5"
    assert mnist.held_out.startswith("the last 10,000 rows are the test set")
    np.testing.assert_array_equal(mnist.train[:, 0], np.arange(50_000) % 256 > 127)
    np.testing.assert_array_equal(mnist.valid.any(axis=0), [True, True, False, False])
    np.testing.assert_array_equal(mnist.test.any(axis=0), [True, False, True, False])


@pytest.mark.parametrize(
    "error", [OSError("no route\nto host"), TimeoutError(), ValueError("checksum"), KeyError("data"), RuntimeError("")]
)
def test_mnist_without_a_network_says_so_in_a_line(monkeypatch, error):
    """Whatever the network did, also an exception that says nothing."""

    def fetch_openml(*_, **__):
        raise error

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    with pytest.raises(InputError, match="mnist could not be fetched from openml") as caught:
        load("mnist")
    assert "\n" not in str(caught.value)
    assert "name a file instead" in str(caught.value)
    assert type(error).__name__ in str(caught.value)


def test_mnist_interrupted_is_interrupted(monkeypatch):
    def fetch_openml(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    with pytest.raises(KeyboardInterrupt):
        load("mnist")


# ---- files


@pytest.mark.parametrize(("count", "valid", "test"), [(10, 2, 1), (79, 19, 7), (80, 20, 8), (209, 20, 20), (1000, 100, 100)])
def test_parts_of_a_file_are_disjoint_and_together_the_file(count, valid, test):
    rows = numbered(count)
    np.save("x.npy", rows)
    parts = load("x.npy")
    assert [len(part) for part in (parts.train, parts.valid, parts.test)] == [count - valid - test, valid, test]
    sets = [as_set(part) for part in (parts.train, parts.valid, parts.test)]
    assert sum(map(len, sets)) == count
    assert set.union(*sets) == as_set(rows)
    assert f"{test} rows held out for the test and {valid} rows held out for validation" in parts.held_out


def test_the_split_does_not_depend_on_the_seed():
    np.save("x.npy", numbered(100))
    first, second = load("x.npy", seed=0), load("x.npy", seed=1)
    for part in ("train", "valid", "test"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))


def test_the_split_is_not_the_order_of_the_file():
    """Files are often sorted by class."""
    np.save("x.npy", numbered(100, 1))
    assert not np.array_equal(np.sort(load("x.npy").test.ravel()), np.arange(90, 100))
    assert not np.array_equal(np.sort(load("x.npy").test.ravel()), np.arange(10))


def test_a_few_rows_serve_for_everything():
    np.save("x.npy", numbered(9))
    parts = load("x.npy")
    for part in ("train", "valid", "test"):
        np.testing.assert_array_equal(getattr(parts, part), numbered(9))
    assert "9 rows are too few to hold any out" in parts.held_out


def test_nothing_is_held_out_where_none_is_asked():
    np.save("x.npy", numbered(50))
    parts = load("x.npy", hold_out=())
    for part in ("train", "valid", "test"):
        np.testing.assert_array_equal(getattr(parts, part), numbered(50))
    assert parts.held_out == "all rows"


def test_names_of_columns_pictures_and_keys_come_along():
    with open("x.csv", "w") as file:
        file.write("a,b\n0,1\n1,0\n")
    assert load("x.csv").columns == ["a", "b"]
    np.savez("x.npz", images=np.eye(6)[:5].reshape(5, 2, 3), others=np.ones((5, 1)))
    images = load("x.npz:images")
    assert images.image_shape == (2, 3)
    assert images.name == "x.npz:images"


@pytest.mark.parametrize("stream", [False, True])
def test_gray_levels_stay_for_training_and_are_drawn_once_for_the_rest(stream, monkeypatch):
    monkeypatch.setattr("harmonium.io.arrays.LARGE_BYTES", 1)
    gray = np.random.default_rng(0).integers(0, 256, (40, 3), dtype=np.uint8)
    np.save("gray.npy", gray)
    dataset = load("gray.npy", "resample", seed=4, stream=stream)
    assert isinstance(dataset.train, Resampled)
    assert isinstance(dataset.train.levels, Streamed) == stream
    assert (len(dataset.train), dataset.train.white, dataset.binarized) == (26, 255, "resample")
    assert "every update draws zeros and ones anew" in dataset.held_out
    for part in ("valid", "test"):
        rows = getattr(dataset, part)
        assert set(np.unique(rows)) == {0, 1}
        np.testing.assert_array_equal(rows, getattr(load("gray.npy", "resample", seed=4), part))
    assert set(np.unique(dataset.replace_part("test", "gray.npy", "resample").test)) == {0, 1}
    assert dataset.provenance()["binarized"] == "resample"


def test_files_are_binarized_only_as_asked():
    np.save("x.npy", [[0.2, 0.7]] * 9 + [[0.1, 0.9]])
    gray = load("x.npy")
    assert gray.binarized is None
    assert set(np.unique(gray.train)) <= {0.1, 0.2, 0.7, 0.9}
    np.testing.assert_array_equal(load("x.npy", "threshold=0.5").train[0], [0, 1])


def test_a_named_source_goes_before_a_file_of_its_name():
    np.save("digits.npy", numbered(20))
    with open("digits", "w") as file:
        file.write("no data")
    assert load("digits").image_shape == (8, 8)
    np.testing.assert_array_equal(load("digits.npy").test.shape, (2, 3))


@pytest.mark.parametrize("name", ["digit", "bars_and_stripes", "BARS-AND-STRIPES", "x.npy"])
def test_unknown_names(name):
    with pytest.raises((InputError, FileNotFoundError), match=r"nor a data set of that name \(digits, "):
        load(name)


@pytest.mark.parametrize("location", [5, None, b"digits", ["digits"], "", "x\0y"])
def test_what_names_no_data(location):
    for function in (load, load_columns):
        with pytest.raises(InputError, match="location must be the name of a file, but"):
            function(location)


def test_parts_to_hold_out_are_known():
    for hold_out, words in ((3, "hold_out must be some of"), (("train",), "hold_out must be 'test' or 'valid'")):
        with pytest.raises(InputError, match=words):
            load("shifter:2", hold_out=hold_out)


def test_what_was_read_is_described():
    np.save("x.npy", np.arange(40).reshape(10, 2, 2))
    assert load("x.npy").description == "10 images of 2 x 2"
    assert load("bars-and-stripes:2x3").description == "10 images of 2 x 3"
    assert load("shifter:2").description == "12 rows of 7 columns"
    assert load("x.npy").count("test") == "1 images of 2 x 2"


def test_the_provenance_tells_rows_from_others():
    first, second = load("bars-and-stripes:2x2"), load("bars-and-stripes:2x2", "threshold=2")
    assert first.provenance() == load("bars-and-stripes:2x2").provenance()
    assert first.provenance()["rows"] == {"train": 6, "valid": 6, "test": 6}
    differing = {name for name, value in first.provenance().items() if value != second.provenance()[name]}
    assert differing == {"binarized", "sha256"}


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_part_without_any_value_is_refused(part):
    rows = numbered(20)
    np.save("x.npy", rows)
    is_empty = np.isin(rows[:, 0], load("x.npy").parts[part][:, 0])
    np.save("x.npy", np.where(is_empty[:, None], np.nan, rows))
    with pytest.raises(InputError, match=f"x.npy has no values in its {part} rows: every cell is missing"):
        load("x.npy", missing=True)


# ---- tables of columns of any kinds


def test_zeros_and_ones_need_no_schema_and_all_else_has_one():
    for text, names in (("a,b\n0,1\n1,0\n", ["a", "b"]), ("0,1\n1.0,0\n", None)):
        with open("x.csv", "w") as file:
            file.write(text)
        bits = load("x.csv", columns=True)
        assert (bits.schema, bits.columns) == (None, names)
        np.testing.assert_array_equal(bits.train, [[0, 1], [1, 0]])
    with open("x.csv", "w") as file:
        file.write("1;x\n2;y\n;x\n")
    table = load("x.csv", columns=True)
    assert table.description == "3 rows of 2 columns, separated by semicolons, without a line of names"
    assert [(column.name, column.kind) for column in table.schema.columns] == [("c1", "binary"), ("c2", "binary")]
    np.testing.assert_array_equal(table.train, [[0, 0], [1, 1], [np.nan, 0]])
    with pytest.raises(InputError, match="column 'c2': 'x' in line 1 is not a number"):
        load("x.csv")


def test_a_table_is_read_once(monkeypatch):
    reads = []
    read_csv = csv_files.read_csv
    monkeypatch.setattr(csv_files, "read_csv", lambda *arguments: reads.append(1) or read_csv(*arguments))
    for text in ("a,b\n0,1\n1,0\n", "a,b\n0,x\n1,y\n"):
        with open("x.csv", "w") as file:
            file.write(text)
        load("x.csv", columns=True)
    assert len(reads) == 2


@pytest.mark.parametrize("names", [["label", *(f"pixel{place}" for place in range(20))], None])
def test_a_label_among_pixels_is_not_binarized(names):
    random = np.random.default_rng(0)
    rows = np.column_stack([np.arange(60) % 10, random.choice([0, 0, 30, 255], (60, 20))])
    np.savetxt("x.csv", rows, "%d", ",", header="" if names is None else ",".join(names), comments="")
    name = "c1" if names is None else "label"
    with pytest.raises(InputError, match=f"x.csv: column '{name}' is unlike the 20 others, a label beside pixels"):
        load("x.csv", "threshold=127")
    pixels = load("x.csv", "threshold=127", hold_out=(), ignore=[name]).train
    np.testing.assert_array_equal(pixels, rows[:, 1:] > 127)
    np.savetxt("y.csv", rows[:, 1:] // 25, "%d", ",")  # all columns alike
    assert load("y.csv", "threshold=5", hold_out=()).train.shape == (60, 20)


@pytest.mark.parametrize("index", [[["a", "b"], [0, 1]], [["kiel", "bonn"]]])
def test_an_index_of_pandas_in_parquet_is_left_out_and_said(index):
    names = [None, None] if len(index) > 1 else ["town"]
    frame = pd.DataFrame({"x": [0.5, 1.5], "y": [2.5, 0.5]}, index=pd.MultiIndex.from_arrays(index, names=names))
    frame.to_parquet("x.parquet")
    schema = infer(read_frame("x.parquet"))
    assert [column.name for column in schema.columns] == ["x", "y"]
    assert set(schema.ignored.values()) == {"it names the rows"}
    if "town" in schema.ignored:
        assert "town" not in infer(read_frame("x.parquet"), {"town": "binary"}).ignored
    Path("folder").mkdir()
    frame.set_index(pd.Index(["kiel", "bonn"], name="town")).to_parquet("folder/x.parquet")
    assert load("folder", stream=True).description.endswith("read as they are needed, without 'town', the index")
    assert "without 'town', the index" in load("folder/x.parquet").description


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"a\n1\n2\n", mtime=0), "gzipped: add .gz to its name"),
        (b"PK\x03\x04 ...", "a zip archive, or one of Excel's files: unpack it, or name it .xlsx"),
        (b"PAR1 ...", "a Parquet file: name it .parquet"),
    ],
)
def test_a_file_under_another_kinds_name_says_what_it_is(content, words):
    Path("x.parquet").write_text("a,b\n")
    with pytest.raises(InputError, match=r"no Parquet file: it does not begin as one; text needs the name \.csv"):
        load("x.parquet")
    for name in ("x.csv", "x.table"):
        Path(name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} is {words}"):
            load(name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "x.csv is empty"),
        (b"a,b\n", "header but no rows"),
        (b"a,b\n1,x\n2\n", "line 3: 1 columns, but the first line has 2"),
        (b"a,a\n1,x\n", "2 columns called 'a'"),
        (b'a,b\n1,"x\n2,y\n', "line 2: a quotation mark is not closed"),
        (b"a,b\n1e999,x\n2,y\n", "column 'a' has inf in row 1"),
        (b"a,b\n,1\n,1\n", "there is nothing to learn in the table's columns \\('a' no row has a value; 'b' every value is 1"),
        (b"a,b\n9007199254740993,x\n2,y\n3,x\n", "column 'a' has whole numbers with more digits than floating point holds"),
    ],
)
def test_bad_tables_are_refused_in_a_line(content, words):
    with open("x.csv", "wb") as file:
        file.write(content)
    for read in (load_columns, partial(load, columns=True)):
        with pytest.raises(InputError, match=words) as caught:
            read("x.csv", strict=True)
        assert "\n" not in str(caught.value)


def test_what_is_left_out_of_a_table_is_said():
    with open("x.csv", "wb") as file:
        file.write(b"\xef\xbb\xbfday,empty,same,a\n2020-01-01,,7,True\n2020-01-02,NA,7,False\n2020-01-03,?,7,True\n")
    schema = load_columns("x.csv", {"day": "categorical"}).schema
    assert schema.ignored == {"empty": "no row has a value", "same": "every value is 7"}
    assert schema.columns[1].levels == ("False", "True")


def test_parquet_with_dates_and_nested_columns():
    table = pa.table({"day": [datetime.date(2020, 1, 1)] * 2, "list": [[1], [2]], "a": ["x", "y"]})
    parquet.write_table(table, "x.parquet")
    with pytest.raises(InputError, match=r"column 'list' .*: make .* or leave it out"):
        load("x.parquet", columns=True, strict=True)
    assert load("x.parquet", columns=True).schema.ignored["day"] == "every value is 2020-01-01"
    with pytest.raises(InputError, match="column 'list' holds a list in row 1"):
        load_columns("x.parquet", ignore=["day"], strict=True)
    assert load_columns("x.parquet", ignore=["day", "list"]).columns == ["a"]


@pytest.mark.parametrize("seed", [-1, 0.5, 2**63])
def test_bad_seeds_are_refused_even_where_none_is_needed(seed):
    with pytest.raises(InputError, match="seed"):
        load("shifter:2", seed=seed)


def test_a_single_column_of_no_use_may_be_several(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("".join(f"{place}::{place % 3}::x{place}\n" for place in range(60)))
    with pytest.raises(InputError, match=r"every row has as many '::': say so if that is the delimiter: there is"):
        load_columns(path)
    assert load_columns(path, dialect=Dialect(delimiter="::")).schema.columns[1].kind == "ordered"
