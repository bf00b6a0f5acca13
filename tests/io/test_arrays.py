"""Every kind of file is read for what it holds, and every bad one is refused with a message that names it."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from harmonium.errors import InputError, describe
from harmonium.io import read_table

X = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.5, -2.0, 1e-3], [3.0, 0.0, 7.0]])


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def npy(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npz(compressed: bool = False, **arrays) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def as_parquet(**columns) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def idx(array: np.ndarray, code: int) -> bytes:
    """The IDX format by its definition: two zeros, type, dimensions, sizes and values, the most significant byte first."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def put(name: str, content: bytes) -> str:
    Path(name).write_bytes(content)
    return name


def refused(location: str) -> str:
    """The message, one line, with which a file is refused."""
    with pytest.raises((InputError, OSError)) as caught:
        read_table(location)
    message = describe(caught.value)
    assert "\n" not in message
    return message


# ---- .npy and .npz


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ">f8", "i1", "i8", "u2", "?"])
def test_npy_of_every_type_of_number(dtype):
    array = (X > 0).astype(dtype)
    table = read_table(put("x.npy", npy(array)))
    np.testing.assert_array_equal(table.values, array)
    assert table.columns is None
    assert table.image_shape is None


def test_npy_keeps_float_bits_and_column_order():
    table = read_table(put("x.npy", npy(np.asfortranarray(X))))
    assert table.values.tobytes() == X.tobytes()


def test_npz_needs_no_key_if_it_holds_one_array():
    np.testing.assert_array_equal(read_table(put("x.npz", npz(only=X))).values, X)


@pytest.mark.parametrize("name", ["x.npz", "x.npz.gz", "X.NPZ"])
@pytest.mark.parametrize("compressed", [False, True])
def test_npz_member_by_its_key(name, compressed):
    content = npz(compressed, train=X, test=X[:2])
    put(name, gzip.compress(content) if name.endswith(".gz") else content)
    np.testing.assert_array_equal(read_table(f"{name}:test").values, X[:2])
    np.testing.assert_array_equal(read_table(f"{name}:train").values, X)


def test_npz_key_may_have_a_slash():
    np.testing.assert_array_equal(read_table(put("x.npz", npz(**{"a/b": X, "c": X[:1]})) + ":a/b").values, X)


def test_npz_without_the_right_key_lists_the_keys():
    put("x.npz", npz(train=X, test=X))
    for location, words in (("x.npz", "several arrays"), ("x.npz:valid", "no array 'valid'")):
        message = refused(location)
        assert words in message
        assert "x.npz:train, x.npz:test" in message


def test_npz_with_no_arrays_says_so():
    assert "holds no arrays" in refused(put("x.npz", npz()))


# ---- gray levels and pictures


def test_bytes_are_gray_levels_from_zero_to_one():
    gray = np.array([[0, 51, 255], [102, 1, 0]], dtype=np.uint8)
    np.testing.assert_allclose(read_table(put("x.npy", npy(gray))).values, gray / 255, rtol=1e-15)
    np.testing.assert_allclose(read_table(put("x", idx(gray, 0x08))).values, gray / 255, rtol=1e-15)
    columns = {f"c{i}": gray[:, i] for i in range(3)}
    np.testing.assert_allclose(read_table(put("x.parquet", as_parquet(**columns))).values, gray / 255, rtol=1e-15)


@pytest.mark.parametrize("array", [np.array([[0, 1], [1, 1]], dtype=np.uint8), np.array([[0, 255]]), np.array([[0.0, 255.0]])])
def test_zeros_and_ones_and_wider_types_are_left_as_they_are(array):
    np.testing.assert_array_equal(read_table(put("x.npy", npy(array))).values, array)


def test_three_dimensions_are_pictures():
    images = np.arange(24).reshape(2, 3, 4)
    table = read_table(put("x.npy", npy(images)))
    assert table.image_shape == (3, 4)
    assert table.description == "2 images of 3 x 4"
    np.testing.assert_array_equal(table.values, images.reshape(2, 12))


def test_more_dimensions_are_flattened():
    table = read_table(put("x.npy", npy(np.arange(24).reshape(2, 3, 2, 2))))
    assert table.values.shape == (2, 12)
    assert table.image_shape is None
    assert table.description == "2 rows of 3 x 2 x 2 values, each flattened to 12 columns"


# ---- .csv


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("0,1,0\n1,1,0\n0.5,-2,1e-3\n3,0,7\n", None),
        ("0,1,0\n1,1,0\n0.5,-2,1e-3\n3,0,7", None),
        ("0, 1, 0\n1, 1, 0\n0.5, -2, 1e-3\n3, 0, 7\n", None),
        ("a,b,c\n0,1,0\n1,1,0\n0.5,-2,1e-3\n3,0,7\n", ["a", "b", "c"]),
        ("a;b;c\n0;1;0\n1;1;0\n0.5;-2;1e-3\n3;0;7\n", ["a", "b", "c"]),
        ("0;1;0\n1;1;0\n0.5;-2;1e-3\n3;0;7\n", None),
        ("a\tb\tc\n0\t1\t0\n1\t1\t0\n0.5\t-2\t1e-3\n3\t0\t7\n", ["a", "b", "c"]),
        ("a b c\n0 1 0\n1 1 0\n0.5 -2 1e-3\n3 0 7\n", ["a", "b", "c"]),
        ("  0   1  0\n  1   1  0\n0.5  -2  1e-3\n  3   0  7\n", None),
        ("a,b,c\r\n0,1,0\r\n1,1,0\r\n0.5,-2,1e-3\r\n3,0,7\r\n", ["a", "b", "c"]),
        ("\n\na,b,c\n\n0,1,0\n1,1,0\n \n0.5,-2,1e-3\n3,0,7\n\n", ["a", "b", "c"]),
        ('"a","b","c"\n"0","1","0"\n1,1,0\n0.5,-2,1e-3\n3,0,7\n', ["a", "b", "c"]),
        # Spaces, and in quotes the delimiter, may be part of a name.
        ('first of all,second of all,"third, and last"\n0,1,0\n1,1,0\n0.5,-2,1e-3\n3,0,7\n', None),
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
def test_csv_in_its_many_forms(text, columns, mark):
    table = read_table(put("x.csv", mark + text.encode()))
    np.testing.assert_array_equal(table.values, X)
    if "second of all" in text:
        columns = ["first of all", "second of all", "third, and last"]
    assert table.columns == columns


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.txt", "x.CSV"])
def test_csv_of_one_column(name):
    table = read_table(put(name, b"only\n0\n1\n1\n"))
    np.testing.assert_array_equal(table.values, [[0], [1], [1]])
    assert table.columns == ["only"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n", "header but no rows"),
        ("0,1\n1\n", "line 2: 1 columns, but the first line has 2"),
        ("a,b\n0,1\n\n1,1,1\n", "line 4: 3 columns"),
        ("a,b\n0,1\n1,\n", "nan in row 2, column 2"),
        ("0,1\n\nyes,0\n", "separated by commas, without a line of names: column 'c1': 'yes' in line 3 is not a number"),
        ("a,b\n0,1_0\n", "column 'b': '1_0' in line 2 is not a number"),
        # A first row with a missing value is no header: nothing is dropped in silence.
        ("0,1,NA\n1,1,1\n", "nan in row 1, column 3"),
        ("0,,1\n1,1,1\n", "nan in row 1, column 2"),
        ("a,b\n0,1\nnan,0\n", "nan in row 2, column 1"),
        ("0,1\n1,inf\n", "column 'c2' has inf in line 2"),
        ("0,1\n1,1e999\n", "column 'c2' has inf in line 2"),
        ("a,a\n0,1\n", "2 columns called 'a'"),
        ('a,b\n0,1\n1,"0\n0,1\n', "x.csv, line 3: a quotation mark is not closed"),
        ('"a;b;c,d\n0,1\n', "x.csv, line 1: a quotation mark is not closed"),
        ("a,b\n0,9007199254740993\n", "column 'b' has 9007199254740993 in line 2, which floating point rounds"),
        ("\ufeff", "empty"),
        ("\u2003\n\u00a0\n", "empty"),
    ],
)
def test_bad_csv_says_where(text, words):
    assert words in refused(put("x.csv", text.encode()))


def test_how_csv_was_read_is_said():
    assert read_table(put("x.csv", b"a;b\n0;1\n")).description == (
        "1 rows of 2 columns, separated by semicolons, below a line of names"
    )
    assert read_table(put("x.csv", b"0 1\n1 0\n")).description.endswith("separated by spaces, without a line of names")
    # A delimiter in quotation marks is none.
    assert read_table(put("x.csv", b'"a;b",c\n0,1\n')).columns == ["a;b", "c"]


# ---- .parquet


def test_parquet():
    table = read_table(put("x.parquet", as_parquet(a=X[:, 0], b=X[:, 1], c=X[:, 2])))
    np.testing.assert_array_equal(table.values, X)
    assert table.columns == ["a", "b", "c"]


def test_parquet_of_mixed_numbers():
    content = as_parquet(a=pa.array([True, False]), b=pa.array([1, -1], pa.int8()), c=pa.array([0.5, 2.0], pa.float32()))
    np.testing.assert_array_equal(read_table(put("x.parquet", content)).values, [[1, 1, 0.5], [0, -1, 2]])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1, 2], "b": ["x", "y"]}, "column 'b' holds string values"),
        ({"a": [1, None]}, "column 'a' has 1 missing values"),
        ({"a": [1.0, float("nan")]}, "nan in row 2, column 1"),
        ({"a": pa.array([], pa.int64())}, "no rows"),
        ({}, "no columns"),
    ],
)
def test_bad_parquet_says_what_is_wrong(columns, words):
    assert words in refused(put("x.parquet", as_parquet(**columns)))


def test_parquet_with_a_name_used_twice():
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), buffer)
    assert refused(put("x.parquet", buffer.getvalue())) == "x.parquet has 2 columns called 'a'; names must differ"


# ---- IDX


@pytest.mark.parametrize(
    ("code", "dtype"), [(0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]
)
def test_idx_of_every_type(code, dtype):
    array = np.array([[0, 1, 1], [1, 0, 1]], dtype=dtype)
    table = read_table(put("rows-idx2-ubyte", idx(array, code)))
    np.testing.assert_array_equal(table.values, array)
    assert table.values.dtype.isnative


def test_idx_pictures():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    table = read_table(put("train-images-idx3-ubyte", idx(images, 0x08)))
    assert table.image_shape == (4, 3)
    np.testing.assert_allclose(table.values, images.reshape(5, 12) / 255, rtol=1e-15)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes([0, 0, 8, 3, 0, 0, 0]), "header is cut short"),
        (idx(np.ones((4, 4), dtype=np.uint8), 0x08)[:-1], "announces 28 bytes, but it has 27"),
        (idx(np.ones((4, 4), dtype=np.uint8), 0x08) + b"\0", "announces 28 bytes, but it has 29"),
        (bytes([0, 0, 8, 2]) + b"\xff" * 8, "announces"),
        (idx(np.ones(4, dtype=np.uint8), 0x08), "rows and columns"),
        (bytes([0, 0, 0x0A, 1]) + b"\0" * 8, "unknown kind of file"),
    ],
)
def test_bad_idx_says_what_is_wrong(content, words):
    assert words in refused(put("x-ubyte", content))


# ---- gzipped


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npy.gz", npy(X)),
        ("x.npz.gz", npz(a=X)),
        ("x.csv.gz", b"0,1,0\n1,1,0\n0.5,-2,1e-3\n3,0,7\n"),
        ("x.parquet.gz", as_parquet(a=X[:, 0], b=X[:, 1], c=X[:, 2])),
        ("x-idx2.gz", idx(X, 0x0E)),
    ],
)
def test_every_kind_gzipped(name, content):
    np.testing.assert_array_equal(read_table(put(name, gzip.compress(content))).values, X)


def test_bad_gzip_says_so():
    assert "cannot be read" in refused(put("x.csv.gz", b"0,1\n1,0\n"))
    assert "cannot be read" in refused(put("y.csv.gz", gzip.compress(b"0,1\n1,0\n")[:-9]))
    assert "is empty" in refused(put("z.csv.gz", gzip.compress(b"")))


# ---- what is no table at all


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x.parquet", "x-ubyte", "x.npy.gz"])
def test_empty_files(name):
    assert refused(put(name, b"")) == f"{name} is empty"
    assert refused(put(name, b"" if name.endswith(".gz") else b" \n\t\n")) == f"{name} is empty"


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.npz:a", "x.csv", "x.parquet", "x-ubyte", "no/such/x.npy", "digit"])
def test_missing_files(name):
    message = refused(name)
    assert message == f"{name.removesuffix(':a')}: there is no such file"


def test_a_folder_is_no_file():
    Path("x.npy").mkdir()
    assert "x.npy is a folder" in refused("x.npy")


def test_a_name_too_long_for_the_system():
    # From Python 3.14 such a file is just not there; before, asking for it was an error.
    assert "File name too long" in (message := refused("x" * 5000)) or "there is no such file" in message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_read():
    put("x.npy", npy(X))
    Path("x.npy").chmod(0)
    assert "x.npy: Permission denied" in refused("x.npy")


def test_a_file_that_the_disk_does_not_give_back(monkeypatch):
    """The system's own words reach the user, whoever runs the test."""

    def fail(path):
        raise OSError(5, "Input/output error", str(path))

    put("x.npy", npy(X))
    monkeypatch.setattr(Path, "read_bytes", fail)
    assert refused("x.npy") == "x.npy: cannot be read: Input/output error"


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.parquet", "x.png", "x", "x.json"])
def test_files_that_are_something_else(name):
    message = refused(put(name, b"The quick brown fox jumps over the lazy dog.\n"))
    assert message.startswith(name)
    assert "pickle" not in message


def test_the_right_content_under_a_wrong_name_is_refused():
    assert "no .npy file" in refused(put("x.npy", npz(a=X)))
    assert "no .npz archive" in refused(put("x.npz", npy(X)))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3), "shape [3]"),
        (np.array(1.0), "shape []"),
        (np.zeros((0, 3)), "none empty"),
        (np.zeros((3, 0)), "none empty"),
        (np.array([["a"]]), "numbers were expected"),
        (np.array([[1j]]), "real numbers were expected"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), "numbers were expected"),
        (np.zeros((2, 2), dtype=[("a", "f8"), ("b", "f8")]), "numbers were expected"),
        (np.array([[{}]], dtype=object), "Object arrays cannot be loaded"),
        (np.array([[0.0, 1.0], [np.nan, 1.0]]), "nan in row 2, column 1"),
        (np.array([[0.0, -np.inf]]), "-inf in row 1, column 2"),
    ],
)
def test_arrays_that_are_no_table_of_numbers(array, words):
    assert words in refused(put("x.npy", npy(array)))
    assert words in refused(put("x.npz", npz(a=array)))


def test_two_hundred_damages_of_each_kind_raise_nothing_else():
    """Cut files and flipped bits are refused or, where they hit only values, still read: never another exception."""
    random = np.random.default_rng(0)
    whole = {
        "x.npy": npy(X),
        "x.npz": npz(a=X),
        "y.npz": npz(True, a=X),
        "x.parquet": as_parquet(a=X[:, 0], b=X[:, 1]),
        "x.csv": b"a,b\n0,1\n1,0\n0.5,1\n",
        "x-ubyte": idx(X, 0x0E),
        "x.csv.gz": gzip.compress(b"a,b\n0,1\n1,0\n0.5,1\n"),
    }
    for name, content in whole.items():
        messages = []
        for trial in range(200):
            damaged = bytearray(content)
            if trial % 2:
                damaged = damaged[: random.integers(len(damaged))]
            else:
                for place in random.integers(len(damaged), size=random.integers(1, 4)):
                    damaged[place] ^= 1 << random.integers(8)
            put(name, bytes(damaged))
            try:
                assert np.isfinite(read_table(name).values).all()
            except InputError as error:
                messages.append(str(error))
        # Most of the cuts at least must have been noticed.
        assert len(messages) > 80, name
        assert all(name in message for message in messages)


@pytest.mark.parametrize("part", ["header", "values"])
def test_a_cut_npy_file_is_refused(part):
    content = npy(X)
    refused(put("x.npy", content[: 50 if part == "header" else -1]))
