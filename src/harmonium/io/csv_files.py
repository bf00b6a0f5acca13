"""CSV files: cells with the line each stands in.

Python's `csv` reads them, not pyarrow's reader: that one neither knows the lines of cells nor the many forms that are read here
(delimiters of any kind, decimal commas refused, line breaks in quotes), and it would be needed by every user.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from harmonium.errors import InputError

SUFFIXES = (".csv", ".tsv", ".txt")
MISSING = ("", "na", "n/a", "nan", "null", "#n/a", "?")
"""The text of a cell without a value, in small letters or large."""


class Cells(NamedTuple):
    """The cells of a CSV file, `rows [n][V]`; the names of the columns, if it has any; the line that each row begins at."""

    names: list[str] | None
    rows: list[list[str]]
    lines: list[int]


def read_cells(text: str, path: str | Path) -> Cells:
    """The cells of a CSV text; its first row is one of names unless there is a number in it.

    Raises:
        InputError: there are no rows, or they differ in length.
    """
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise InputError(f"{path} is empty")
    # A comma may be a decimal one and a space part of a name, so each counts only where none of those before it is used.
    delimiter = next((mark for mark in "\t;," if mark in first), None)
    rows: list[list[str]] = []
    numbers: list[int] = []
    source = io.StringIO(text, newline="") if delimiter else (" ".join(line.split()) for line in lines)
    reader = csv.reader(source, delimiter=delimiter or " ", skipinitialspace=True)
    before = 0
    for row in reader:
        if len(row) > 1 or (row and row[0].strip()):
            rows.append([cell.strip() for cell in row])
            numbers.append(before + 1)
        before = reader.line_num
    for place, row in zip(numbers, rows, strict=True):
        if len(row) != len(rows[0]):
            raise InputError(f"{path}, line {place}: {len(row)} columns, but the first line has {len(rows[0])}")
    if any(parse_number(cell) is not None for cell in rows[0]):
        return Cells(None, rows, numbers)
    if len(rows) == 1:
        raise InputError(f"{path} has a header but no rows")
    return Cells(rows[0], rows[1:], numbers[1:])


def parse_number(text: str) -> float | None:
    """The number that a text spells, or None."""
    try:
        return None if "_" in text else float(text)  # to Python 1_0 is 10
    except ValueError:
        return None


def is_missing(text: str) -> bool:
    """Whether a cell has no value."""
    return text.lower() in MISSING


def numbers_of(cells: Cells, path: str | Path, missing: bool) -> Float[np.ndarray, "rows columns"]:
    """The cells as numbers.

    Args:
        missing: whether cells may be missing: they are NaN.

    Raises:
        InputError: a cell is no number; it is named.
    """
    rows: list[list[float | None]] = []
    for line, texts in zip(cells.lines, cells.rows, strict=True):
        row = [math.nan if missing and is_missing(text) else parse_number(text) for text in texts]
        if None in row:
            column = row.index(None)
            hint = " (a line of names has no numbers in it)" if cells.names is None and not rows else ""
            raise InputError(f"{path}, line {line}, column {column + 1}: {texts[column]!r} is not a number{hint}")
        rows.append(row)
    return np.array(rows, dtype=np.float64)
