"""What columns are taken for, and that there and back nothing changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from harmonium.sklearn.columns import Standardized, Tabular, Values, columns_of
from harmonium.units import Binary, Gaussian, Mixed, Spin

REAL = np.array([[1.0, 0, 10], [2, 1, 30], [4, 1, 20]])


def test_auto_looks_at_the_values():
    with pytest.warns(UserWarning, match="most of them 0 or 1, in 1 of its columns: taken for the expected values"):
        assert isinstance(columns_of(np.array([[0, 0.5], [1, 1]]), "auto").units, Binary)
    assert isinstance(columns_of(np.array([[0, 51 / 255], [1, 1]]), "auto").units, Binary)  # of bytes: pixels, without a word
    assert isinstance(columns_of(np.array([[-1.0, 1], [1, 1]]), "auto").units, Spin)
    assert isinstance(columns_of(REAL[:, [0, 2]], "auto").units, Gaussian)
    mixed = columns_of(REAL, "auto").units
    assert isinstance(mixed, Mixed)
    assert [part.size for part in mixed.parts] == [1, 2]
    assert isinstance(columns_of(REAL, "gaussian").units, Gaussian)
    assert isinstance(columns_of(REAL[:, [1]], "auto"), Values)


def test_real_columns_are_standardized_and_come_back():
    columns = columns_of(REAL, "auto")
    assert isinstance(columns, Standardized)
    v = columns.encode(REAL)
    np.testing.assert_array_equal(v[:, 0], REAL[:, 1])
    np.testing.assert_allclose(v[:, 1:].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(v[:, 1:].std(axis=0), 1)
    np.testing.assert_allclose(columns.decode(v), REAL)
    assert columns.log_density(v) == pytest.approx(-np.log(REAL[:, [0, 2]].std(axis=0)).sum())


def test_missing_cells_count_for_nothing():
    with_gaps = np.array([[1.0, 0, np.nan], [2, np.nan, 5], [np.nan, 1, 7]])
    columns = columns_of(with_gaps, "auto")
    np.testing.assert_allclose(columns.mean, [1.5, 0, 6])
    np.testing.assert_allclose(columns.scale, [0.5, 1, 1])
    np.testing.assert_array_equal(columns.decode(columns.encode(with_gaps)), with_gaps)


def test_constant_columns_are_no_trouble():
    columns = columns_of(np.array([[0.1 + 0.2, 5], [0.1 + 0.2, 6]]), "gaussian")
    np.testing.assert_array_equal(columns.scale, [1, 0.5])


def test_arrays_may_be_tables_sparse_or_not():
    dense = np.array([[0.0, 1, 7], [1, 2, 7.5], [0, 3, 1], [1, 1, 0]] * 4)
    columns = columns_of(dense, "table")
    assert [column.kind for column in columns.schema.columns] == ["binary", "ordered", "real"]
    rows = sparse.csr_array(dense)
    np.testing.assert_array_equal(columns_of(rows, "table").encode(rows), columns.encode(dense))


def test_frames_with_texts_are_tables():
    frame = pd.DataFrame({"a": ["x", "y", "z", "x"], "b": [0, 1, 1, 0], "c": [0.5, 1.5, 2.25, 3]})
    columns = columns_of(frame, "auto")
    assert isinstance(columns, Tabular)
    assert [part.name for part in columns.units.parts] == ["binary", "categorical", "gaussian"]
    pd.testing.assert_frame_equal(columns.decode(columns.encode(frame)), frame, check_dtype=False)


def test_a_density_takes_columns_between_0_and_1_for_real_unless_they_are_gray_levels():
    random = np.random.default_rng(0)
    mostly_zero = random.random((50, 4)) * (random.random((50, 4)) < 0.2)
    rounded, answers = np.round(mostly_zero, 2), random.integers(0, 5, (50, 4)) / 4
    for x in (mostly_zero, rounded, answers):
        assert isinstance(columns_of(x, "auto", as_density=True), Standardized)
    gray = random.integers(0, 17, (50, 4)) / 16
    with pytest.warns(UserWarning, match="in steps of 1/16: taken for gray levels"):
        assert isinstance(columns_of(sparse.csr_array(gray), "auto", as_density=True).units, Binary)
    assert isinstance(columns_of(np.round(gray), "auto", as_density=True).units, Binary)
    assert isinstance(columns_of(np.eye(4), "auto", as_density=True).units, Binary)


def test_real_columns_are_correlated_unless_gaussian_ones_are_asked_for():
    found = {how: columns_of(REAL, how, as_density=True, correlated=True) for how in ("auto", "gaussian")}
    assert found["auto"].visible == "binary and correlated"
    assert [part.name for part in found["auto"].units.parts] == ["binary", "correlated"]
    assert found["gaussian"].visible == found["gaussian"].units.name == "gaussian"
    assert columns_of(REAL[:, [0]], "auto", as_density=True, correlated=True).visible == "gaussian"
