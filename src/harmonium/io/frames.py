"""Tables as they come: columns of numbers, texts or truth values, with cells that are missing.

From CSV and Parquet files and, by way of narwhals, from frames of pandas, polars, pyarrow and their like; and back again.

Reference: narwhals, https://narwhals-dev.github.io/narwhals (one interface to the libraries of frames).
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from harmonium.errors import InputError

FILL = "to fill missing cells first: harmonium impute MODEL TABLE --out FILE"
"""The way out where cells may not be missing."""
MISSING = ("", "na", "n/a", "nan", "null", "#n/a", "?")
"""What a cell of a CSV file without a value holds, in small letters or large."""
Value = str | float | bool
"""What a cell holds; None where it is missing."""


@dataclass(frozen=True)
class Frame:
    """A table in memory.

    Args:
        columns: the cells of each column by its name, `[n]`: float64, NaN where missing; or objects: str or bool, None where
            missing. The cells of a CSV file are texts, also where they spell numbers.
        categories: of columns that come with a list of categories, the list.
    """

    columns: dict[str, np.ndarray]
    categories: dict[str, list[Value]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def rows(self, numbers: Any) -> Frame:
        """The rows of these numbers (or under this mask)."""
        return Frame({name: cells[numbers] for name, cells in self.columns.items()}, self.categories)


def missing(cells: np.ndarray) -> np.ndarray:
    """Which cells of a column have no value, `[n]`."""
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    return np.array([cell is None for cell in cells], dtype=bool)


def number(text: str) -> float | None:
    """The number that a text spells, or None."""
    try:
        return None if "_" in text else float(text)  # to Python 1_0 is 10
    except ValueError:
        return None


def shown(value: Any) -> str:
    """A value as text: whole numbers without a decimal point."""
    if isinstance(value, (bool, np.bool_, str)):
        return str(value)
    return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else repr(float(value))


def numbers_in(cells: np.ndarray, name: str) -> np.ndarray:
    """A column as finite numbers, `[n]`, NaN where missing.

    Raises:
        InputError: a cell is no number, or infinite; it is named.
    """
    if cells.dtype.kind == "f":
        values = cells
    else:
        found = [math.nan if cell is None else _as_number(cell) for cell in cells]
        if None in found:
            row = found.index(None)
            raise InputError(
                f"column {name!r}: {cells[row]!r} in row {row + 1} is not a number, as the column's other cells are"
            )
        values = np.array(found, dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        row = infinite[0]
        raise InputError(f"column {name!r} has {values[row]} in row {row + 1}; every number must be finite, or the cell empty")
    return values


def _as_number(cell: Any) -> float | None:
    return float(cell) if isinstance(cell, bool) else number(cell)


def check_names(names: Sequence[Any], what: str) -> list[str]:
    """The names as texts, if they differ from each other.

    Raises:
        InputError: there are none, one is used twice, or one is no text.
    """
    if not names:
        raise InputError(f"{what} has no columns")
    for name, count in Counter(names).items():
        if not isinstance(name, str) or not name:
            raise InputError(f"{what}: every column needs a name that is text, but one is called {name!r}")
        if count > 1:
            raise InputError(f"{what} has {count} columns called {name!r}; names must differ")
    return list(names)


# ---- frames of other libraries


def from_native(data: Any, what: str = "the table") -> Frame:
    """A frame of pandas, polars, pyarrow or another library that narwhals knows, or a mapping of names to columns.

    Raises:
        InputError: it is none, its names are not unique, or a column holds dates, lists or a mixture of kinds.
    """
    if isinstance(data, Frame):
        return data
    if isinstance(data, Mapping):
        names = check_names(list(data), what)
        frame = Frame({name: _objects(list(data[name]), name) for name in names})
        if len({len(cells) for cells in frame.columns.values()}) != 1:
            raise InputError(f"{what} has columns of different lengths")
        return frame
    import narwhals.stable.v2 as nw

    columns = getattr(data, "columns", None)
    if columns is not None and hasattr(data, "iloc"):
        check_names(list(columns), what)  # pandas lets names be used twice
    try:
        native = nw.from_native(data, eager_only=True)
    except Exception as error:  # narwhals raises almost anything for what it does not know
        raise InputError(
            f"{what} must be a frame of pandas, polars or pyarrow, or a dict of columns, but is a {type(data).__name__}"
        ) from error
    cells: dict[str, np.ndarray] = {}
    categories: dict[str, list[Value]] = {}
    for name in check_names(native.columns, what):
        series = native[name]
        if series.dtype.is_numeric():
            cells[name] = np.array(series.cast(nw.Float64()).to_numpy(), dtype=np.float64)
            continue
        if isinstance(series.dtype, (nw.Categorical, nw.Enum)):
            categories[name] = _objects(series.cat.get_categories().to_list(), name).tolist()
        elif not isinstance(series.dtype, (nw.String, nw.Boolean, nw.Object, nw.Unknown)):
            raise InputError(f"column {name!r} holds {series.dtype} values; make numbers or texts of them, or ignore it")
        cells[name] = _objects(series.to_list(), name)
    return Frame(cells, categories)


def _objects(values: list[Any], name: str) -> np.ndarray:
    """Cells of Python's own types as a column of one kind."""
    cells = [None if _is_missing(value) else str(value) if isinstance(value, str) else value for value in values]
    kinds = {_kind(cell, name, row) for row, cell in enumerate(cells) if cell is not None}
    if kinds <= {"number"}:
        return np.array([math.nan if cell is None else float(cell) for cell in cells], dtype=np.float64)
    if len(kinds) > 1:
        first = {
            kind: next(cell for cell in cells if cell is not None and _kind(cell, name, 0) == kind) for kind in sorted(kinds)
        }
        found = ", ".join(f"{cell!r} ({kind})" for kind, cell in first.items())
        raise InputError(f"column {name!r} mixes kinds: {found}; make it one kind, or ignore it")
    column = np.empty(len(cells), dtype=object)
    column[:] = [bool(cell) if kinds == {"truth value"} and cell is not None else cell for cell in cells]
    return column


def _is_missing(value: Any) -> bool:
    # NaN, NaT and pandas' NA differ from themselves, or refuse to say.
    if value is None or value == "":
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True


def _kind(cell: Any, name: str, row: int) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "truth value"
    if isinstance(cell, str):
        return "text"
    try:
        float(cell)
    except (TypeError, ValueError) as error:
        kind = type(cell).__name__
        raise InputError(
            f"column {name!r} holds a {kind} in row {row + 1}; make numbers or texts of it, or ignore it"
        ) from error
    return "number"


def to_native(columns: Mapping[str, np.ndarray], like: Any) -> Any:
    """Columns as a frame of the library that `like` is of: a frame, or the library's name; for a dict one of lists.

    Where `like` has a column of that name, its dtype is kept if it can hold the values.
    """
    if isinstance(like, Frame):
        return Frame(dict(columns))
    values = {name: plain_cells(cells) for name, cells in columns.items()}
    if isinstance(like, Mapping):
        return values
    import narwhals.stable.v2 as nw

    if isinstance(like, str):
        try:
            return nw.from_dict(values, backend=cast(Any, like)).to_native()
        except Exception as error:  # a library that is unknown, or not installed
            raise InputError(f"{like!r} is no installed library of frames: use pandas, polars or pyarrow") from error
    template = nw.from_native(like, eager_only=True)
    frame = nw.from_dict(values, backend=template.implementation)
    for name in values:
        if name not in template.columns or frame[name].dtype == template[name].dtype:
            continue
        try:
            frame = frame.with_columns(frame[name].cast(template[name].dtype))
        except Exception:  # it cannot hold the values, for example a category that is new to it
            continue
    return frame.to_native()


def plain_cells(cells: np.ndarray) -> list[Any]:
    """The cells of a column as Python's own values, None where missing, whole numbers as int where all are."""
    if cells.dtype.kind != "f":
        return cells.tolist()
    present = cells[~np.isnan(cells)]
    whole = len(present) and (present == np.rint(present)).all() and (np.abs(present) < 2**53).all()
    return [None if math.isnan(cell) else int(cell) if whole else cell for cell in cells.tolist()]


# ---- files


def read_cells(text: str, path: Any) -> tuple[list[str] | None, list[list[str]], list[int]]:
    """The names (None where the first line has a number in it), the cells, and the line number of each row of a CSV text.

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
    if delimiter is None:
        for place, line in enumerate(lines, start=1):
            if line.strip():
                rows.append([cell.strip('"') for cell in line.split()])
                numbers.append(place)
    else:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        before = 0
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                rows.append([cell.strip() for cell in row])
                numbers.append(before + 1)
            before = reader.line_num
    names = None if any(number(cell) is not None for cell in rows[0]) else rows[0]
    for place, row in zip(numbers, rows, strict=True):
        if len(row) != len(rows[0]):
            raise InputError(f"{path}, line {place}: {len(row)} columns, but the first line has {len(rows[0])}")
    if names is not None:
        del rows[0], numbers[0]
        if not rows:
            raise InputError(f"{path} has a header but no rows")
    return names, rows, numbers


def frame_of_cells(names: list[str] | None, rows: list[list[str]], path: Any) -> Frame:
    """The cells of a CSV file as columns; without names they are called c1, c2, ..."""
    names = check_names(names or [f"c{place + 1}" for place in range(len(rows[0]))], str(path))
    columns = {}
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        column = np.empty(len(cells), dtype=object)
        column[:] = [None if cell.lower() in MISSING else cell for cell in cells]
        columns[name] = column
    return Frame(columns)


def csv_of(columns: Mapping[str, np.ndarray]) -> bytes:
    """Columns as a CSV file with a line of names, missing cells empty."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    texts = [["" if cell is None else shown(cell) for cell in plain_cells(cells)] for cells in columns.values()]
    writer.writerows(zip(*texts, strict=True))
    return out.getvalue().encode()


def parquet_of(columns: Mapping[str, np.ndarray]) -> bytes:
    """Columns as a Parquet file.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise InputError("writing Parquet needs pyarrow: pip install 'harmonium[tables]'") from error
    buffer = io.BytesIO()
    parquet.write_table(pa.table({name: plain_cells(cells) for name, cells in columns.items()}), buffer)
    return buffer.getvalue()
