"""Rows that are read when they are needed: the same rows whatever they are read from, and no more of them than asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from harmonium.data import load
from harmonium.errors import InputError
from harmonium.io import Streamed, arrays, parquet, read_table, untrusted
from harmonium.io.arrays import open_streamed
from harmonium.io.parquet import ParquetRows

ROWS = np.random.default_rng(0).integers(0, 3, size=(47, 5), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _small(tmp_path, monkeypatch):
    """Every file is a large one, and every batch and row group a few rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(arrays, "LARGE_BYTES", 1)
    monkeypatch.setattr(parquet, "BATCH_VALUES", 3 * 5)


def table(rows, types=None) -> pa.Table:
    kinds = types or [pa.from_numpy_dtype(rows.dtype)] * rows.shape[1]
    return pa.table({f"c{i}": pa.array(rows[:, i]).cast(kind) for i, kind in enumerate(kinds)})


def put_parquet(name: str, rows, types=None, group: int = 7) -> str:
    Path(name).parent.mkdir(exist_ok=True)
    pq.write_table(table(rows, types), name, row_group_size=group)
    return name


def npy() -> str:
    np.save("rows.npy", ROWS)
    return "rows.npy"


def one_parquet() -> str:
    return put_parquet("rows.parquet", ROWS)


def parquet_folder() -> str:
    for name, begin, end in (("b", 20, 21), ("a", 0, 20), ("c", 21, 21), ("d", 21, 47)):
        put_parquet(f"rows/{name}.parquet", ROWS[begin:end])
    Path("rows/_SUCCESS").touch()
    for name in ("._a.parquet", "_metadata.parquet", "notes.txt"):
        Path("rows", name).write_text("no table")
    return "rows"


def npz(kind=sparse.csr_array, compressed=True):
    def write() -> str:
        sparse.save_npz("rows.npz", kind(ROWS), compressed=compressed)
        return "rows.npz"

    return write


KINDS = {
    "npy": npy,
    "parquet": one_parquet,
    "parquet folder": parquet_folder,
    "csr": npz(),
    "csr uncompressed": npz(sparse.csr_matrix, False),
    "csc": npz(sparse.csc_array),
    "coo": npz(sparse.coo_array),
}
in_every_kind = pytest.mark.parametrize("kind", KINDS)


def opened(kind: str) -> Streamed:
    streamed = open_streamed(KINDS[kind]())
    assert streamed is not None
    return streamed


def every(streamed: Streamed) -> np.ndarray:
    return streamed.take(np.arange(len(streamed)))


# ---- laws of rows from anywhere


@in_every_kind
def test_taking_is_indexing(kind):
    rows = opened(kind)
    assert rows.shape == ROWS.shape
    random = np.random.default_rng(1)
    for numbers in (
        np.arange(47),
        np.array([46]),
        np.array([20, 0, 20, 46, 7]),
        random.integers(0, 47, 100),
        np.array([], int),
    ):
        taken = rows.take(numbers)
        np.testing.assert_array_equal(taken, ROWS[numbers])
        assert taken.dtype == np.uint8


@in_every_kind
@pytest.mark.parametrize("count", [1, 2, 5, 46, 47])
def test_parts_one_after_the_other_are_the_whole(kind, count):
    rows = opened(kind)
    parts = [rows.part(number, count) for number in range(count)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    np.testing.assert_array_equal(np.concatenate([every(part) for part in parts]), ROWS)
    last = np.array([len(parts[-1]) - 1])
    np.testing.assert_array_equal(parts[-1].take(last), ROWS[[46]])


@in_every_kind
@pytest.mark.parametrize("order", ["ascending", "any"])
def test_parts_of_a_subset_are_the_subset(kind, order):
    chosen = np.random.default_rng(2).permutation(47)[:31]
    if order == "ascending":
        chosen.sort()
    some = opened(kind).subset(chosen)
    np.testing.assert_array_equal(every(some), ROWS[chosen])
    parts = [some.part(number, 4) for number in range(4)]
    assert [len(part) for part in parts] == [7, 8, 8, 8]
    np.testing.assert_array_equal(np.concatenate([every(part) for part in parts]), ROWS[chosen])
    # Parts and subsets may be made of each other.
    np.testing.assert_array_equal(every(parts[1].subset(np.array([5, 2]))), ROWS[chosen[7:15][[5, 2]]])
    np.testing.assert_array_equal(every(parts[1].part(1, 2)), ROWS[chosen[11:15]])


@in_every_kind
def test_more_parts_than_rows_are_refused(kind):
    rows = opened(kind)
    with pytest.raises(InputError, match="47 rows are too few for 48 parts"):
        rows.part(0, 48)
    with pytest.raises(InputError, match="the index of a part must be a whole number of at most 2"):
        rows.part(3, 3)
    with pytest.raises(InputError, match="the index of a part must be a whole number of at least 0"):
        rows.part(-1, 3)
    with pytest.raises(InputError, match="the number of parts must be"):
        rows.part(0, 0)


@in_every_kind
def test_rows_that_are_held_out_and_those_that_stay_are_the_file(kind):
    name = KINDS[kind]()
    dataset = load(name, stream=True)
    assert isinstance(dataset.train, Streamed)
    parts = [dataset.train.part(number, 3) for number in range(3)]
    assert [len(part) for part in (dataset.valid, dataset.test, *parts)] == [11, 4, 10, 11, 11]
    together = np.concatenate([dataset.valid, dataset.test, *map(every, parts)])
    np.testing.assert_array_equal(together[np.lexsort(together.T)], ROWS[np.lexsort(ROWS.T)])


# ---- only what is needed is read


class Recorder(ParquetRows):
    """Rows of an array that record what is read of them."""

    def __init__(self):
        self.shape, self.dtype, self.calls = ROWS.shape, ROWS.dtype, []

    def read(self, indices):
        self.calls.append(indices.tolist())
        return ROWS[indices]

    def map_copy(self, first, end):
        self.calls.append((first, end))
        return ROWS[first:end]


def test_a_part_is_copied_once_and_from_its_first_row_to_its_last():
    source = Recorder()
    some = Streamed(source).subset(np.array([40, 3, 11, 20, 5, 6]))
    part = some.part(1, 2)
    assert source.calls == [(5, 21)]
    every(part)
    assert part.part(0, 1) is part
    assert source.calls == [(5, 21)]
    some.take(np.array([0, 1, 0]))
    assert source.calls[1:] == [[3, 40]]


def test_rows_that_are_quick_to_take_already_are_their_only_part():
    np.save("rows.npy", ROWS)
    for source in (np.load("rows.npy", mmap_mode="r"), sparse.csr_array(ROWS)):
        rows = Streamed(source)
        assert rows.part(0, 1) is rows


def test_row_groups_that_hold_none_of_the_rows_are_not_looked_at():
    name = Path(one_parquet())
    about = pq.ParquetFile(name).metadata
    begin, end = (about.row_group(number).column(0).dictionary_page_offset for number in (1, 2))
    content = bytearray(name.read_bytes())
    content[begin:end] = bytes(end - begin)
    name.write_bytes(content)
    source = ParquetRows([name])
    np.testing.assert_array_equal(source.read(np.array([0, 6, 14, 46])), ROWS[[0, 6, 14, 46]])
    np.testing.assert_array_equal(source.map_copy(14, 47), ROWS[14:])
    with pytest.raises(InputError, match=r"rows.parquet is damaged"):
        source.read(np.array([6, 7]))


def test_what_is_held_of_parquet_is_in_a_file_without_a_name():
    before = set(Path(parquet.tempfile.gettempdir()).glob("harmonium-*"))
    held = ParquetRows([Path(one_parquet())]).map_copy(3, 30)
    assert isinstance(held, np.memmap)
    assert held.shape == (27, 5)
    assert not held.flags.writeable
    assert set(Path(parquet.tempfile.gettempdir()).glob("harmonium-*")) <= before
    np.testing.assert_array_equal(held, ROWS[3:30])


def test_a_full_disk_is_said_in_a_line(monkeypatch):
    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def write(self, content):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet.tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(OSError, match=r"rows need .* GiB there, .* written: No space left on device; .* TMPDIR") as caught:
        opened("parquet folder").part(0, 2)
    assert "\n" not in str(caught.value)


# ---- Parquet


@pytest.mark.parametrize(
    ("types", "held"),
    [
        ([pa.bool_()] * 5, np.uint8),
        ([pa.bool_(), pa.int8(), pa.bool_(), pa.int8(), pa.int8()], np.int8),
        ([pa.uint8()] * 5, np.uint8),
        ([pa.uint8(), pa.int8(), pa.int16(), pa.bool_(), pa.float32()], np.float32),
        ([pa.int32()] * 5, np.float64),
        ([pa.bool_(), pa.bool_(), pa.int64(), pa.float32(), pa.float64()], np.float64),
    ],
)
def test_values_are_kept_in_the_smallest_type_for_all_columns(types, held):
    bits = ROWS % 2
    rows = open_streamed(put_parquet("x.parquet", bits, types))
    for some in (rows, rows.part(0, 1)):
        assert every(some).dtype == held
        np.testing.assert_array_equal(every(some), bits)


def test_streamed_bytes_are_no_gray_levels():
    gray = np.array([[0, 51, 255], [102, 1, 0]], dtype=np.uint8)
    np.testing.assert_array_equal(every(open_streamed(put_parquet("x.parquet", gray)).part(0, 1)), gray)


def test_types_may_differ_between_the_files_of_a_folder():
    put_parquet("x/1.parquet", np.ones((2, 2), np.uint8))
    put_parquet("x/2.parquet", np.full((2, 2), 0.5, np.float32))
    rows = open_streamed("x")
    assert every(rows).dtype == np.float32
    np.testing.assert_array_equal(every(rows)[:, 0], [1, 1, 0.5, 0.5])


def refused(location: str) -> str:
    """The message, one line, with which rows are refused when they are opened or read."""
    with pytest.raises(InputError) as caught:
        every(open_streamed(location))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1, 2], "b": ["x", "y"]}, "column 'b' holds string values, but numbers were expected"),
        ({"a": [1, 2], "b": [[1], [2]]}, "column 'b' holds list"),
        ({"a": [1] * 9 + [None], "b": [0.5] * 10}, "column 'a' has missing values; fill missing cells first"),
        ({"a": pa.array([], pa.int64())}, "must have shape [n, V] with at least one row and column, but have [0, 1]"),
        ({}, "has no columns"),
    ],
)
def test_parquet_that_cannot_be_used(columns, words):
    Path("x").mkdir()
    pq.write_table(pa.table(columns), "x/1.parquet")
    pq.write_table(pa.table(columns), "x.parquet")
    assert words in (message := refused("x")), message
    assert message.startswith(("x/1.parquet", "x:"))
    assert words in (message := refused("x.parquet")), message
    assert message.startswith("x.parquet")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1]}, "x/2.parquet has no column 'b', unlike 1.parquet"),
        ({"a": [1], "b": [1], "c": [1]}, "x/2.parquet has a column 'c', unlike 1.parquet"),
        ({"b": [1], "a": [1]}, "x/2.parquet has its columns in another order, unlike 1.parquet"),
    ],
)
def test_files_of_a_folder_must_have_the_same_columns(columns, words):
    Path("x").mkdir()
    pq.write_table(pa.table({"a": [1], "b": [1]}), "x/1.parquet")
    pq.write_table(pa.table(columns), "x/2.parquet")
    assert words in refused("x")


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PAR1 nothing of the kind PAR1"])
def test_a_damaged_file_is_named(content):
    put_parquet("x/1.parquet", ROWS)
    Path("x/2.parquet").write_bytes(content)
    assert refused("x").startswith("x/2.parquet is damaged or no Parquet file")


def test_a_file_that_changed_after_it_was_opened():
    rows = opened("parquet")
    put_parquet("rows.parquet", ROWS[:40])
    with pytest.raises(InputError, match=r"rows.parquet has changed since it was opened"):
        every(rows)


def test_folders_without_parquet_files_are_no_data():
    for name in ("x", "x.parquet"):
        Path(name).mkdir()
        Path(name, "_SUCCESS").touch()
        assert open_streamed(name) is None
        with pytest.raises(InputError, match="is a folder without Parquet files or images"):
            load(name, stream=True)
    with pytest.raises(InputError, match=r"^\. is a folder without Parquet files or images"):
        load(".", stream=True)


def test_rows_that_are_streamed_need_no_schema():
    """But for columns that cannot be streamed: those of one file are then read as a table."""
    put_parquet("x.parquet/1.parquet", ROWS)
    for name in ("x.parquet", parquet_folder(), one_parquet()):
        assert isinstance(load(name, stream=True, columns=True).train, Streamed)
    pq.write_table(pa.table({"a": ["x", "y"]}), "texts.parquet")
    assert load("texts.parquet", stream=True, columns=True).schema is not None
    with pytest.raises(InputError, match="column 'a' holds string values"):
        load("texts.parquet", stream=True)


# ---- .npz


def test_bits_may_repeat_and_rows_be_empty():
    """Entries at the same place add up, as in SciPy."""
    matrix = sparse.csr_array((np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0, 0, 2, 2, 3, 3])), shape=(5, 3))
    sparse.save_npz("x.npz", matrix)
    rows = open_streamed("x.npz")
    expected = [[0, 0, 0], [0, 3, 0], [0, 0, 0], [4, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(every(rows), expected)
    np.testing.assert_array_equal(np.concatenate([every(rows.part(number, 5)) for number in range(5)]), expected)
    np.testing.assert_array_equal(read_table("x.npz").values, expected)


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i8", ">i4", "f4", "f8", ">f8"])
def test_entries_of_every_type(dtype):
    matrix = sparse.csr_array(ROWS)
    arrays = dict(data=matrix.data.astype(dtype), indices=matrix.indices, indptr=matrix.indptr)
    np.savez("x.npz", format=b"csr", shape=(47, 5), **arrays)
    rows = every(open_streamed("x.npz").part(0, 1))
    assert rows.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(rows, ROWS.astype(dtype))
    np.testing.assert_array_equal(every(open_streamed("x.npz")), rows)


@pytest.mark.parametrize(
    "wrong",
    [
        {"indptr": np.array([0, 1])},
        {"indptr": np.array([0, 2, 1, 3])},
        {"indptr": np.array([1, 1, 2, 3])},
        {"indptr": np.array([0, 1, 2, 4])},
        {"indptr": np.array([0.0, 1, 2, 3])},
        {"indices": np.array([0, 1, 2])},
        {"indices": np.array([0, -1, 1])},
        {"indices": np.array([0, 1])},
        {"indices": np.array([0.0, 1, 1])},
        {"data": np.array(["a", "b", "c"])},
        {"data": np.ones((3, 1))},
        {"data": np.array([{}] * 3)},
        {"shape": np.array([3])},
        {"shape": np.array([3, -2])},
        {"shape": np.array([3, 0])},
        {"format": np.array(b"wrong")},
    ],
)
def test_matrices_that_are_none(wrong):
    arrays = dict(data=np.ones(3), indices=np.array([0, 1, 1]), indptr=np.arange(4), shape=(3, 2), format=b"csr")
    np.savez("x.npz", **(arrays | wrong))
    assert refused("x.npz").startswith("x.npz")


@pytest.mark.parametrize("compressed", [False, True])
def test_damages_raise_nothing_else(compressed):
    """Cut files and flipped bits are refused or, where they hit nothing that counts, still read."""
    content = Path(npz(compressed=compressed)()).read_bytes()
    random = np.random.default_rng(0)
    messages = []
    for trial in range(200):
        damaged = bytearray(content)
        if trial % 2:
            damaged = damaged[: random.integers(len(damaged))]
        else:
            damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
        Path("x.npz").write_bytes(damaged)
        try:
            rows = open_streamed("x.npz")
            if rows is None:  # no archive any more
                read_table("x.npz")
            else:
                np.testing.assert_array_equal(every(rows), every(rows.part(0, 1)))
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 120
    assert all("x.npz" in message for message in messages)


def test_a_sparse_file_is_bounded_before_it_is_read(monkeypatch):
    sparse.save_npz("x.npz", sparse.csr_array((1_000_000, 2)))
    monkeypatch.setattr(untrusted, "FREE_BYTES", 10_000)
    for read in (open_streamed, read_table):
        with pytest.raises(InputError, match=r"x.npz is refused because its [0-9,]+ bytes grow to more than"):
            read("x.npz")
    assert read_table("x.npz", max_bytes=10**9).values.shape == (1_000_000, 2)
    sparse.save_npz("y.npz", sparse.coo_array(([1.0], ([0], [0])), shape=(10**9, 2)))
    with pytest.raises(InputError, match=r"y.npz is refused because"):
        open_streamed("y.npz")


def test_entries_outside_the_columns_are_refused_before_they_do_harm():
    for write, indices in ((sparse.csr_array, [0, 10**6, 1]), (sparse.csc_array, [0, 10**6, 1])):
        matrix = write(np.eye(3))
        matrix.indices = np.array(indices, dtype=np.int32)
        sparse.save_npz("x.npz", matrix)
        assert refused("x.npz").startswith("x.npz cannot be read as .npz")
