"""The rows of every update: each once an epoch, the same from memory and as they are read."""

from __future__ import annotations

import contextlib
import sys

import jax
import numpy as np
import pyarrow.parquet
import pytest
from scipy import sparse

import harmonium as hm
from harmonium.io import Streamed
from harmonium.io.parquet import ParquetRows
from harmonium.training import batches
from harmonium.training.batches import Batches
from harmonium.units import Binary


@pytest.fixture
def rows():
    return np.random.default_rng(0).integers(0, 2, size=(23, 6), dtype=np.uint8)


@pytest.fixture
def on_disk(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    return np.load(tmp_path / "rows.npy", mmap_mode="r")


def of_updates(source, count, size=5, seed=3):
    units, key = Binary.zeros(6), jax.random.key(0)
    supply = Batches(source, units, size, seed)
    served = []
    with contextlib.closing(supply):
        while len(served) < count:
            window, first, end = supply.window_of(len(served))
            served += [
                np.asarray(batches.rows_at(window, place, np.float32, key, units)) for place in range(min(end, count) - first)
            ]
    return np.stack(served)


def test_an_epoch_has_every_row_at_most_once_and_epochs_differ():
    numbered = np.arange(23, dtype=np.int8)[:, None]
    supply = Batches(numbered, Binary.zeros(1), 5, 0)
    assert supply.per_epoch == 4
    window, *_ = supply.window_of(0)
    order = np.asarray(window.order)[:8].reshape(2, 20)
    assert all(len(set(epoch)) == 20 for epoch in order)
    assert not np.array_equal(order[0], order[1])
    first = np.asarray(batches.rows_at(window, 0, np.float32, jax.random.key(0), Binary.zeros(1)))
    np.testing.assert_array_equal(first[:, 0], order[0, :5])


def test_all_rows_at_once_come_in_their_order(rows):
    np.testing.assert_array_equal(of_updates(rows, 2, size=23), np.stack([rows, rows]))


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array, "memory-mapped"])
@pytest.mark.parametrize("most", [1 << 26, 4 * 5 * 6 * 3])
def test_rows_that_are_read_are_the_same_rows(rows, on_disk, kind, most, monkeypatch):
    """Also where a window holds three updates only, so that epochs begin in its middle."""
    monkeypatch.setattr(batches, "MAX_BYTES", most)
    source = Streamed(on_disk if kind == "memory-mapped" else kind(rows))
    np.testing.assert_array_equal(of_updates(source, 11), of_updates(rows, 11))


def test_rows_that_are_quick_to_read_in_their_order_only_are_read_once(rows, tmp_path, monkeypatch):
    columns = {f"c{i}": rows[:, i] for i in range(6)}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet", row_group_size=4)
    source = ParquetRows([tmp_path / "rows.parquet"])
    monkeypatch.setattr(ParquetRows, "read", None)  # they are copied instead
    np.testing.assert_array_equal(of_updates(Streamed(source), 11), of_updates(rows, 11))
    chosen = np.array([1, 2, 3, 5, 8, 13, 21])
    np.testing.assert_array_equal(of_updates(Streamed(source, chosen), 7), of_updates(rows[chosen], 7))


@pytest.mark.parametrize("kind", [sparse.csr_array, "memory-mapped"])
@pytest.mark.slow_except("memory")
def test_training_on_rows_that_are_read_gives_the_same_model(rows, on_disk, kind, monkeypatch):
    monkeypatch.setattr(batches, "MAX_BYTES", 4 * 5 * 6 * 7)
    source = on_disk if kind == "memory-mapped" else kind(rows)
    machines = []
    for data in (rows, source):
        rbm = hm.initialize(data, 4)
        *_, state = hm.train(rbm, data, estimator="pcd-1", chains=10, batch_size=5, updates=40, valid=rows[:5])
        machines.append(state.rbm)
        assert {"train_log_likelihood", "valid_log_likelihood"} <= set(state.metrics)
    assert jax.tree.all(jax.tree.map(np.array_equal, *machines))


def test_a_value_outside_the_domain_is_found_when_its_row_is_read(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys.modules["harmonium.training.train"], "MAX_ROWS", 3
    )  # of the rows that are looked at beforehand, 1, 12 and 23
    rows[17, 2] = 3
    np.save(tmp_path / "bad.npy", rows)
    bad = np.load(tmp_path / "bad.npy", mmap_mode="r")
    rbm = hm.initialize(rows[:10], 4)
    with pytest.raises(hm.InputError, match=r"data row 18 cannot be used: .*3 in .*column 3, but a binary unit is 0 or 1"):
        list(hm.train(rbm, bad, estimator="cd-1", batch_size=5, updates=10))


def test_bad_tables_are_refused(rows, on_disk):
    with pytest.raises(hm.InputError, match="data must have 5 columns"):
        hm.train(hm.initialize(rows[:, :5], 2), on_disk, updates=1)
    with pytest.raises(hm.InputError, match=r"must have shape \[n, V\]"):
        Streamed(np.zeros((0, 3)))
    with pytest.raises(hm.InputError, match="real numbers"):
        Streamed(np.array([["a", "b"]]))


def test_a_subset_is_read_by_its_own_numbers(rows):
    some = Streamed(sparse.csr_array(rows)).subset(np.array([20, 3, 7]))
    assert some.shape == (3, 6)
    np.testing.assert_array_equal(some.take(np.array([2, 0, 2])), rows[[7, 20, 7]])
    np.testing.assert_array_equal(some.subset(np.array([1])).take(np.array([0])), rows[[3]])
