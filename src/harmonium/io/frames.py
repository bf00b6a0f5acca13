"""Tables in memory: columns of numbers, texts or truth values, with cells that are missing.

From CSV files and, by way of narwhals, from frames of pandas, polars, pyarrow and their like; and back again. A `Frame` is no
narwhals frame because that needs one of those libraries, which users of CSV files and dicts may not have.

Reference: narwhals, https://narwhals-dev.github.io/narwhals (one interface to the libraries of frames).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, cast

import numpy as np

from harmonium.errors import InputError
from harmonium.io.csv_files import Cells, is_missing, parse_number

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

    def rows(self, indices: Sequence[int] | np.ndarray) -> Frame:
        """The rows of these indices (or under this mask)."""
        return Frame({name: cells[indices] for name, cells in self.columns.items()}, self.categories)


def missing(cells: np.ndarray) -> np.ndarray:
    """Which cells of a column have no value, `[n]`."""
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    return np.array([cell is None for cell in cells], dtype=bool)


def value_text(value: Value) -> str:
    """A value as text: whole numbers without a decimal point."""
    if isinstance(value, (bool, np.bool_, str)):
        return str(value)
    return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else repr(float(value))


def as_numbers(cells: np.ndarray, name: str) -> np.ndarray:
    """A column as finite numbers, `[n]`, NaN where missing.

    Raises:
        InputError: a cell is no number, or infinite; it is named.
    """
    if cells.dtype.kind == "f":
        values = cells
    else:
        found = [math.nan if c is None else float(c) if isinstance(c, bool) else parse_number(c) for c in cells]
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


def check_names(names: Sequence[object], what: str) -> list[str]:
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
    return cast(list[str], list(names))


def frame_of_cells(cells: Cells, path: str | PathLike[str]) -> Frame:
    """The cells of a CSV file as columns of texts; without names they are called c1, c2, ..."""
    names = check_names(cells.names or [f"c{place + 1}" for place in range(len(cells.rows[0]))], str(path))
    columns = ([None if is_missing(text) else text for text in texts] for texts in zip(*cells.rows, strict=True))
    return Frame({name: np.array(column, dtype=object) for name, column in zip(names, columns, strict=True)})


# ---- frames of other libraries


def from_native(data: object, what: str = "the table") -> Frame:
    """A frame of pandas, polars, pyarrow or another library that narwhals knows, or a mapping of names to columns.

    Raises:
        InputError: it is none, its names are not unique, or a column holds dates, lists or a mixture of kinds.
    """
    if isinstance(data, Frame):
        return data
    if isinstance(data, Mapping):
        names = check_names(list(data), what)
        for name in names:
            if isinstance(data[name], str) or not isinstance(data[name], Iterable):
                raise InputError(f"{what}: column {name!r} must be a list of cells, but is {data[name]!r:.60}")
        frame = Frame({name: _objects(list(data[name]), name) for name in names})
        if len({len(cells) for cells in frame.columns.values()}) != 1:
            raise InputError(f"{what} has columns of different lengths")
        return frame
    import narwhals.stable.v2 as nw

    columns = getattr(data, "columns", None)
    if columns is not None and hasattr(data, "iloc"):
        check_names(list(columns), what)  # pandas lets names be used twice
    try:
        native = nw.from_native(cast(Any, data), eager_only=True)
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
    converters: dict[str, Callable[[Any], Value]] = {"truth value": bool, "text": str, "number": float}
    absent = [_is_absent(value) for value in values]
    examples: dict[str, Any] = {}
    for row, value in enumerate(values):
        if not absent[row]:
            examples.setdefault(_kind(value, name, row), value)
    if len(examples) > 1:
        found = ", ".join(f"{cell!r} ({kind})" for kind, cell in sorted(examples.items()))
        raise InputError(f"column {name!r} mixes kinds: {found}; make it one kind, or ignore it")
    kind = next(iter(examples), "number")
    cells = [None if gone else converters[kind](value) for value, gone in zip(values, absent, strict=True)]
    return np.array(cells, dtype=np.float64 if kind == "number" else object)


def _is_absent(value: Any) -> bool:
    # NaN, NaT and pandas' NA differ from themselves, or refuse to say.
    if value is None or (isinstance(value, str) and not value):
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True
    except ValueError:  # an array
        return False


def _kind(cell: Any, name: str, row: int) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "truth value"
    if isinstance(cell, str):
        return "text"
    try:
        float(cell)
    except (TypeError, ValueError, OverflowError) as error:
        kind = "number beyond floating point" if isinstance(error, OverflowError) else type(cell).__name__
        raise InputError(
            f"column {name!r} holds a {kind} in row {row + 1}; make numbers or texts of it, or ignore it"
        ) from error
    return "number"


def to_native(columns: Mapping[str, np.ndarray], like: object) -> Any:
    """Columns as a frame of the library that `like` is of: a frame, or the library's name; for a dict one of lists.

    Where `like` has a column of that name, its dtype is kept if it can hold the values.
    """
    if isinstance(like, Frame):
        return Frame(dict(columns))
    values = {name: plain_cells(cells) for name, cells in columns.items()}
    if isinstance(like, Mapping):
        return values
    import narwhals.stable.v2 as nw

    try:
        if isinstance(like, str):
            return nw.from_dict(values, backend=cast(Any, like)).to_native()
        template = nw.from_native(cast(Any, like), eager_only=True)
    except Exception as error:  # a library that is unknown, or not installed
        raise InputError(f"{like!r:.60} is no installed library of frames: use pandas, polars or pyarrow") from error
    frame = nw.from_dict(values, backend=template.implementation)
    for name in set(values) & set(template.columns):
        with suppress(Exception):  # it cannot hold the values, for example a category that is new to it
            frame = frame.with_columns(frame[name].cast(template[name].dtype))
    return frame.to_native()


def plain_cells(cells: np.ndarray) -> list[Any]:
    """The cells of a column as Python's own values, None where missing, whole numbers as int where all are."""
    if cells.dtype.kind != "f":
        return cells.tolist()
    present = cells[~np.isnan(cells)]
    whole = len(present) and (present == np.rint(present)).all() and (np.abs(present) < 2**53).all()
    return [None if math.isnan(cell) else int(cell) if whole else cell for cell in cells.tolist()]
