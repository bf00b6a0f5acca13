"""A table of every kind of column, in each of the forms in which it may come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from harmonium.io.csv_files import read_csv

SURVEY = {
    "id": [f"p{n}" for n in range(40)],
    "sex": ["m", "f", None, "f"] * 10,
    "age": [20.5 + n for n in range(39)] + [None],
    "answer": [1, 2, 3, None, 5, 1, 2, 3] * 5,
    "region": ["north", "south", "east", None] * 10,
    "member": [True, False, None, True] * 10,
    "constant": [7] * 40,
    "empty": [None] * 40,
}


def survey(kind):
    """The survey in each of the forms in which it may come."""
    if kind == "dict":
        return SURVEY
    if kind == "pandas":
        return pd.DataFrame(SURVEY).astype({"region": "category"})
    if kind == "polars":
        return pl.DataFrame(SURVEY, schema_overrides={"region": pl.Categorical})
    return pa.table(SURVEY)


def csv_frame(text):
    return read_csv(text.encode(), Path("x.csv"))


def write_survey(path, answers="12345"):
    """A CSV file of 61 rows: a column of each kind, and cells that are missing."""
    random = np.random.default_rng(0)
    lines = ["id,age,region,sex,answer"]
    for n in range(60):
        age = "" if n % 9 == 0 else f"{random.normal(40, 9):.1f}"
        region = ("north", "south", "east", "NA")[random.integers(4)]
        lines.append(f"p{n},{age},{region},{'mf'[random.integers(2)]},{answers[random.integers(5)]}")
    lines.append("p60,,,,")
    path.write_text("\n".join(lines) + "\n")


each_form = pytest.mark.parametrize("form", ["dict", "pandas", "polars", "pyarrow"])
