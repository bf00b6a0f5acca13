"""Tables in memory: columns of numbers, texts or truth values, with cells that are missing.

From CSV files and, by way of narwhals, from frames of pandas, polars, pyarrow and their like; and back again. A `Frame` is no
narwhals frame because that needs one of those libraries, which users of CSV files and dicts may not have.

Reference: narwhals, https://narwhals-dev.github.io/narwhals (one interface to the libraries of frames).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np

from harmonium import _checks
from harmonium.errors import InputError
from harmonium.io.untrusted import translate_errors

EXACT = 2**53
"""Up to this float64 holds every whole number."""
Value = str | float | bool
"""What a cell holds; None where it is missing. Cells of dates hold `date` or `datetime`."""


Lines: TypeAlias = Callable[[], Sequence[int]]


class CsvForm(NamedTuple):
    """How a CSV file was read: what stands between cells (nothing in a sheet), and whether there are names.

    `lines`: gives the line that each row begins at. `notes`: what else was guessed, in words. `decimal_commas`: the columns
    that have them, or points between thousands.
    """

    delimiter: str
    has_names: bool
    lines: Lines | None = None
    notes: tuple[str, ...] = ()
    decimal_commas: tuple[str, ...] = ()

    def __str__(self) -> str:
        marks = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", " ": "spaces"}
        separated = marks.get(self.delimiter, repr(self.delimiter))
        cells = [f"separated by {separated}"] if self.delimiter else []
        return ", ".join([*cells, f"{'below' if self.has_names else 'without'} a line of names", *self.notes])


@dataclass(frozen=True)
class Frame:
    """A table in memory.

    Args:
        columns: the cells of each column by its name, `[n]`: float64, NaN where missing; or objects: str, bool, or date and
            datetime of the standard library, None where missing.
        categories: of columns that come with a list of categories, the list.
        unusable: of columns that hold something else, such as lists, what they hold, in words. Such a column may be
            ignored.
        csv: how the CSV file was read, if it was one.
        texts: of the columns of a CSV file that was read with them, the cells as they are in the file.
        index: the columns that name or count the rows; they are no data.
    """

    columns: dict[str, np.ndarray]
    categories: dict[str, list[Value]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    csv: CsvForm | None = None
    texts: dict[str, np.ndarray] = field(default_factory=dict)
    index: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        """The cells of a column.

        Raises:
            InputError: it holds neither numbers nor texts.
        """
        if name in self.unusable:
            raise InputError(f"column {name!r} {self.unusable[name]}; make numbers or texts of it, or leave it out")
        return self.columns[name]

    def rows(self, indices: Sequence[int] | np.ndarray) -> Frame:
        """The rows of these indices (or under this mask)."""
        return replace(self, columns={name: cells[indices] for name, cells in self.columns.items()}, csv=None, texts={})


def missing(cells: np.ndarray) -> np.ndarray:
    """Which cells of a column have no value, `[n]`."""
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    return np.equal(cells, np.array(None, dtype=object)).astype(bool)


def count_values(cells: np.ndarray) -> dict[Any, int]:
    """The different values of a column and how many cells have each; numbers in order."""
    if cells.dtype.kind == "f":
        values, counts = np.unique(cells[~np.isnan(cells)], return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))
    count = Counter(cells.tolist())
    del count[None]
    return dict(count)


def value_text(value: object) -> str:
    """A value as text: whole numbers without a decimal point, dates by ISO 8601."""
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, (float, np.floating)):
        return str(value)
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def parse_number(text: str) -> float | None:
    """The number that a text spells, or None."""
    try:
        return None if "_" in text else float(text)  # to Python 1_0 is 10
    except ValueError:
        return None


def is_rounded(text: str, number: float) -> bool:
    """Whether a text spells a whole number that floating point rounds."""
    return abs(number) >= EXACT and text.lstrip("+-").isdecimal() and Decimal(text) != number


def are_codes(texts: Collection[object]) -> bool:
    """Whether texts that spell numbers are codes: all of one length, some with a zero in front or all of eight bits or more."""
    if any(not isinstance(text, str) or not text.isdecimal() for text in islice(texts, 1)):
        return False  # most columns of texts
    length = {len(text) if isinstance(text, str) and text.isdecimal() else 0 for text in texts}
    if len(length) != 1 or 0 in length:
        return False
    has_zero = max(length) > 2 and any(str(text)[0] == "0" for text in texts)
    return has_zero or (max(length) > 7 and set("".join(map(str, texts))) <= {"0", "1"})


def as_numbers(cells: np.ndarray, name: str, lines: Lines | None = None) -> np.ndarray:
    """A column as finite numbers, `[n]`, NaN where missing.

    Args:
        lines: gives those of a file at which the rows begin: they say where a fault is, otherwise the row does.

    Raises:
        InputError: a cell is no number, infinite, or a whole number that float64 rounds; it is named.
    """

    def where(row: int) -> str:
        return f"row {row + 1}" if lines is None else f"line {lines()[row]}"

    values = cells
    if cells.dtype.kind != "f":
        numbers = [
            math.nan if c is None else float(c) if isinstance(c, bool) else parse_number(c) if isinstance(c, str) else None
            for c in cells
        ]
        if None in numbers:
            row = numbers.index(None)
            words = f"{value_text(cells[row])!r} in {where(row)} is not a number, but the column is read as numbers"
            raise InputError(f"column {name!r}: {words}")
        values = np.array(numbers, dtype=np.float64)
        for row in np.flatnonzero(np.isfinite(values) & (np.abs(values) >= EXACT)).tolist():
            if is_rounded(cells[row], values[row]):
                words = f"{cells[row]} in {where(row)}, which floating point rounds"
                raise InputError(f"column {name!r} has {words}; ignore the column")
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        row = infinite[0]
        raise InputError(f"column {name!r} has {values[row]} in {where(row)}; every number must be finite, or the cell empty")
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


# ---- frames of other libraries


def from_native(data: object, what: str = "the table") -> Frame:
    """A frame of pandas, polars, pyarrow or another library that narwhals knows, or a mapping of names to columns.

    Columns of lists or a mixture of kinds are `unusable`: they may be there, but not in a schema.

    Args:
        data: a frame, or a mapping of names to columns.
        what: the argument, in messages.

    Raises:
        InputError: it is none, its names are not unique texts, or its columns differ in length.
    """
    if isinstance(data, Frame):
        return data
    frame = Frame({})
    for name, values, categories in _native_columns(data, what):
        try:
            frame.columns[name] = _cells(values)
            if categories is not None:
                frame.categories[name] = _cells(categories).tolist()
        except InputError as error:
            frame.columns[name] = np.fromiter(values, dtype=object, count=len(values))
            frame.unusable[name] = str(error)
    if len(set(map(len, frame.columns.values()))) != 1:
        raise InputError(f"{what} has columns of different lengths")
    return frame


def _native_columns(data: object, what: str) -> Iterator[tuple[str, list[Any] | np.ndarray, list[Any] | None]]:
    """Name, cells and categories (or None) of each column."""
    if isinstance(data, Mapping):
        for name in check_names(list(data), what):
            if isinstance(data[name], (str, bytes, Set, Mapping)) or not isinstance(data[name], Iterable):
                raise InputError(f"{what}: column {name!r} must be a list of cells, but is {data[name]!r:.60}")
            yield name, list(data[name]), None
        return
    import narwhals.stable.v2 as nw

    if hasattr(data, "iloc") and hasattr(data, "columns"):
        check_names(list(data.columns), what)  # pandas lets names be used twice
    try:
        native = nw.from_native(cast(Any, data), eager_only=True)
    except Exception as error:  # narwhals raises almost anything for what it does not know
        raise InputError(
            f"{what} must be a frame of pandas, polars or pyarrow, or a dict of columns, but is a {type(data).__name__}"
        ) from error
    for name in check_names(native.columns, what):
        series = native[name]
        if series.dtype.is_numeric():
            known = series.drop_nulls()
            is_exact = not (series.dtype.is_integer() and len(known)) or max(-int(known.min()), int(known.max())) <= EXACT
            yield name, series.cast(nw.Float64()).to_numpy() if is_exact else series.to_list(), None
        else:
            categories = None
            if isinstance(series.dtype, (nw.Categorical, nw.Enum)):
                with suppress(AttributeError):  # Arrow's dictionaries in pandas have no list of categories
                    categories = series.cat.get_categories().to_list()
            yield name, series.to_list(), categories


def _cells(values: list[object] | np.ndarray) -> np.ndarray:
    """Cells as a column of one kind.

    Raises:
        InputError: they are of several kinds, or of one that is no kind of column.
    """
    if isinstance(values, np.ndarray):
        return values.astype(np.float64)
    examples: dict[str, Any] = {}
    cells: list[Any] = [None] * len(values)
    for row, value in enumerate(values):
        if not is_absent(value):
            kind, cells[row] = _read_cell(value, row)
            examples.setdefault(kind, value)
    if len(examples) > 1:
        raise InputError(f"mixes kinds: {', '.join(f'{cell!r} ({kind})' for kind, cell in sorted(examples.items()))}")
    return np.array(cells, dtype=np.float64 if "number" in examples or not examples else object)


def is_absent(value: object) -> bool:
    """Whether a cell has no value: None, NaN, the marks of pandas and NumPy's masks, and an empty text."""
    # NaN, NaT and pandas' NA differ from themselves, or refuse to say.
    if value is None or value is np.ma.masked or (isinstance(value, str) and not value):
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True
    except ValueError:  # an array
        return False


def _read_cell(value: Any, row: int) -> tuple[str, Any]:
    """The kind of a cell that has a value, and that value."""
    if isinstance(value, (bool, np.bool_)):
        return "truth value", bool(value)
    if isinstance(value, str):
        return "text", str(value)
    if isinstance(value, np.datetime64):
        value = value.astype("M8[us]").item()
    if isinstance(value, datetime):
        value = value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value  # of pandas
        return ("time" if value.tzinfo is None else "time with a zone"), value
    if isinstance(value, date):
        return "date", value
    if isinstance(value, (bytes, bytearray)):  # to Python b"1" is a number
        raise InputError(f"holds {type(value).__name__} in row {row + 1}")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        kind = "number beyond floating point" if isinstance(error, OverflowError) else type(value).__name__
        raise InputError(f"holds a {kind} in row {row + 1}") from error
    if isinstance(value, Integral) and int(value) != number:
        raise InputError(f"holds {value} in row {row + 1}, which floating point rounds")
    return "number", number


def fill_missing(table: object, values: Mapping[str, np.ndarray]) -> Any:
    """The table with the missing cells of some columns taken from `values`, each `[n]`; everything else is as it was.

    So observed cells, columns without a gap, an index and, where they can hold the values, dtypes are those of the table. In
    columns of texts values become texts.

    Args:
        table: as `from_native` takes it, and of that kind is what is returned.
    """
    frame = from_native(table)
    gaps = {name: np.flatnonzero(missing(frame.columns[name])) for name in values}
    gaps = {name: rows for name, rows in gaps.items() if len(rows)}
    new = {name: _fitting_cells(frame.columns[name], values[name], rows) for name, rows in gaps.items()}
    if isinstance(table, (Frame, Mapping)):
        columns: dict[str, Any] = dict(table.columns if isinstance(table, Frame) else table)
        for name, rows in gaps.items():
            cells = np.array(frame.columns[name]) if isinstance(table, Frame) else list(columns[name])
            if isinstance(cells, np.ndarray) and cells.dtype.kind == "f" and isinstance(new[name][0], str):
                # Without any text among them the cells of a file have been read as numbers.
                cells = np.array([None if math.isnan(cell) else value_text(cell) for cell in cells.tolist()], dtype=object)
            for row, value in zip(rows.tolist(), new[name], strict=True):
                cells[row] = value
            columns[name] = cells
        return replace(table, columns=columns) if isinstance(table, Frame) else columns
    import narwhals.stable.v2 as nw

    native = nw.from_native(cast(Any, table), eager_only=True)
    for name, rows in gaps.items():
        native = native.with_columns(_scatter(native[name], rows.tolist(), new[name]))
    return native.to_native()


def _fitting_cells(cells: np.ndarray, values: np.ndarray, rows: np.ndarray) -> list[Any]:
    """The values of these rows as cells of a column: as texts beside texts."""
    new = plain_cells(values[rows])
    return [value_text(value) for value in new] if any(isinstance(cell, str) for cell in cells) else new


def _scatter(series: Any, rows: list[int], values: list[Any]) -> Any:
    """The series with these values in these rows, in its own dtype if that can hold them."""
    import narwhals.stable.v2 as nw

    is_number = not isinstance(values[0], (str, bool))
    for wider in (None, nw.Float64() if is_number else nw.String(), nw.Object()):
        with suppress(Exception):  # any, of the library of the table
            filled = (series if wider is None else series.cast(wider)).scatter(rows, values)
            with suppress(Exception):
                return filled if wider is None else filled.cast(series.dtype)
            return filled
    raise InputError(f"column {series.name!r} cannot hold {values[0]!r}: give it another dtype")


def to_native(columns: Mapping[str, np.ndarray], like: object) -> Any:
    """Columns as a frame of the library that `like` is of: a frame, or the library's name; for a dict one of lists.

    Where `like` has a column of that name, its dtype is kept if it can hold the values.

    Args:
        columns: the cells of each column by its name.
        like: a frame, or the name of a library.

    Raises:
        InputError: `like` is no frame, nor the name of an installed library of frames.
    """
    _checks.instance(columns, Mapping, "columns", "a mapping of names to arrays")
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
    with translate_errors("the columns make no frame of this library; leave out those of dates and lists"):
        frame = nw.from_dict(values, backend=template.implementation)
    for name in set(values) & set(template.columns):
        if frame[name].dtype == template[name].dtype:
            continue  # a cast of texts to texts would make the text "None" of a missing cell in pandas 2
        with suppress(Exception):  # it cannot hold the values, for example a category that is new to it
            frame = frame.with_columns(frame[name].cast(template[name].dtype))
    return frame.to_native()


def plain_cells(cells: np.ndarray) -> list[Any]:
    """The cells of a column as Python's own values, None where missing, whole numbers as int where all are."""
    if cells.dtype.kind != "f":
        return cells.tolist()
    present = cells[~np.isnan(cells)]
    whole = len(present) and (present == np.rint(present)).all() and (np.abs(present) < EXACT).all()
    return [None if math.isnan(cell) else int(cell) if whole else cell for cell in cells.tolist()]
