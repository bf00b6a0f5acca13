"""Frames of other libraries and dicts of columns: what cannot be a table is refused in a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from harmonium.errors import InputError
from harmonium.io import frames


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"a": [1, "x"]}, "mixes kinds"),
        ({"a": [True, 2]}, "mixes kinds"),
        ({"a": [[1], [2]]}, "holds a list in row 1"),
        ({"a": [1], "b": [1, 2]}, "different lengths"),
        ({"a": 3}, "column 'a' must be a list of cells, but is 3"),
        ({"a": "xyz"}, "column 'a' must be a list of cells, but is 'xyz'"),
        ({"a": [np.zeros(2)]}, "holds a ndarray in row 1"),
        ({"a": [1, 10**400]}, "holds a number beyond floating point in row 2"),
        ({}, "no columns"),
        (3, "must be a frame"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "2 columns called 'a'"),
        (pd.DataFrame({1: [1, 2]}), "needs a name that is text"),
        (pl.DataFrame({"a": [pd.Timestamp(0)]}), "Datetime"),
        (pd.DataFrame({"a": [1, "x"]}), "mixes kinds"),
    ],
)
def test_bad_frames(data, words):
    with pytest.raises(InputError, match=words):
        frames.from_native(data)
