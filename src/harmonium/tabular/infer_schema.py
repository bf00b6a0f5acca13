"""The schema of a table from its values, and from what the caller says of its columns."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import msgspec
import numpy as np
from jaxtyping import Float, Shaped

from harmonium import _checks
from harmonium._numerics import mean_and_deviation
from harmonium._types import PathLike
from harmonium.errors import InputError
from harmonium.io.arrays import LEAST_WHITE
from harmonium.io.frames import (
    Frame,
    Value,
    are_codes,
    as_numbers,
    count_values,
    from_native,
    is_rounded,
    missing,
    parse_number,
    value_text,
)
from harmonium.io.parquet import PANDAS_INDEX
from harmonium.io.streams import evenly_spaced
from harmonium.io.untrusted import check_path, convert, parse_json, parse_toml, read_file
from harmonium.tabular.bins import fit, gain
from harmonium.tabular.dates import Dates, find_dates, said_dates
from harmonium.tabular.dependence import MAX_CORRELATED, choose_binned
from harmonium.tabular.fingerprint import MAX_VALUES, take_fingerprint
from harmonium.tabular.schema import BINNED, GROUPS, Column, ColumnSpec, Schema, read_column

Kind: TypeAlias = str | ColumnSpec | Mapping[str, Any]
"""What a caller says of a column: its kind, also with its levels, as in `ordered:1..5` or `ordered:low,middle,high`, or the
edges between bins, as in `binned:18,30,65`; or a mapping with `kind`, and `levels` or `mean`, `scale`, `decimals`."""
MAX_LEVELS = 50
"""The most different texts that are categories by default."""
MAX_ORDERED, ROWS_PER_LEVEL = 10, 4
"""The most whole numbers that are levels by default, and the rows that each must have on average."""
MIN_BINNED_ROWS, MIN_GAIN, FEW_BINNED_ROWS = 200, 0.2, 1000
"""The fewest rows of bins by default, and the nats per value that they must gain over a normal distribution with up to so many
rows. With n more, it is less in proportion to n^(-2/3), as is what the weights of n^(1/3) bins cost."""
MAX_BINNED_ROWS = 5000
"""Values, at most, by which that is decided."""
FEW = 1000
"""Rows that show whether a column of numbers has more values than levels can be."""
MIN_PIXELS = 16
"""The fewest columns that are read as an image's."""
DIGITS = 15
"""Whole numbers of this many digits or fewer are floating point numbers, all of them."""
MAX_DECIMALS = 6
_SIGNED = re.compile(r"[-+]?[$\u20ac\u00a3]\s*\d[\d.,]*|[-+]?\d[\d.,]*\s*[%$\u20ac\u00a3]|[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
"""Numbers with a sign of percent or currency, or with thousands."""
REMEDY = "; if they are categories, give the column the kind 'categorical'; if they stand for missing values, say so"
"""Of texts among numbers."""
_ID = re.compile(r"(.*[\W_])?(id|ID|Id|uuid|guid)|.*[a-z]I[dD]|(?i:index|row|row ?names?|row ?number)|Unnamed: \d+(\.\d+)*")
"""The names of columns that number the rows."""
_MARK = re.compile(r"-1|-?(7+|8+|9+)")
"""Numbers that often mark missing cells, such as -9, 99, 888 or -999."""
MAX_NAMED_LEVELS = 1000
"""The most levels that a range such as `1..5` may stand for."""


class SchemaFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a schema file may hold; that of a run has a version, a reason for each column that is ignored, and constants."""

    columns: dict[str, str | dict[str, Any]] = {}
    ignore: list[str] | dict[str, str] = []
    version: int = 1
    constants: dict[str, str | float | bool] = {}


def read_schema_file(path: PathLike) -> tuple[dict[str, ColumnSpec], list[str]]:
    """The kinds of columns in a schema file, and the columns to leave out, as `infer` takes them.

    TOML or JSON: a table `columns` of names with a kind each, or with a table of `kind` and `levels` (or `mean`, `scale`,
    `decimals`), and a list `ignore` of names. The columns that it does not name are typed by their values.

    Args:
        path: of a TOML or JSON file.

    Raises:
        OSError: there is no such file, or it cannot be read.
        InputError: it is neither, or holds something else.
    """
    path = check_path(path)
    parse = parse_json if path.suffix.lower() == ".json" else parse_toml
    schema: SchemaFile = parse(read_file(path, "schema file"), SchemaFile, str(path))
    columns = {name: _spec(f"column {name!r} in {path}", kind) for name, kind in schema.columns.items()}
    return columns, list(schema.ignore)


def infer(
    table: object,
    kinds: Mapping[str, Kind] | None = None,
    ignore: Collection[str] = (),
    fit_on: np.ndarray | slice | None = None,
    strict: bool = False,
    bins: bool = True,
) -> Schema:
    """The schema of a table: what the caller says of its columns, and for all others what their values look like.

    Two values make a column binary. Texts are categories (unless there are more than 50 of them, or nearly as many as rows),
    and so are the values of a dtype with categories. At most ten different whole numbers are ordered levels, where each has
    four rows on average; all other numbers are real, and so are all pixels of an image (16 columns or more of one name with a
    number, such as pixel0, that hold whole numbers up to 255). In place of real, numbers of 200 rows or more are binned, whole
    ones from zero on counts, if in values left out bins are likelier than a normal distribution by 0.2 nats, with n > 1000 rows
    by 0.2 (n / 1000)^(-2/3), or if many rows have the same value (`Bins`); but not where other real columns say more of them
    (`harmonium.tabular.dependence`). Dates and times are numbers of days or seconds, real or binned (`Dates`): those of a
    library of frames, texts of ISO 8601, and 20210305.

    Left out, with the reason in `Schema.ignored`, is what nothing can be learned from unless the caller names its kind: columns
    without any value, and with a single one; of lists or a mixture of kinds; of dates whose format is not known; of too many
    different texts; whole numbers that floating point rounds, or that differ in all rows of a column with a name such as id,
    user_id or index.

    Args:
        table: any frame that narwhals knows, or a dict of columns.
        kinds: for some columns, by names or patterns such as `film *`, the kind, also with its levels (`ordered:1..5`), or
            a dict with `kind`, and `levels` or `mean`, `scale`, `decimals`; `date:%d/%m/%Y` gives the format of dates.
        ignore: columns to leave out, by names or patterns.
        fit_on: indices of the rows that give mean and scale; by default all.
        strict: whether a column that would be left out is an error instead, unless it has no or a single value.
        bins: whether numbers may be binned where `kinds` does not say so.

    Raises:
        InputError: a name or kind is unknown, a column cannot be of the kind that is asked for or of any, or none is left.

    Example:
        >>> import harmonium as hm
        >>> table = {"smokes": ["yes", "no", "yes", "no"], "region": ["north", "south", "east", "south"]}
        >>> schema = hm.tabular.infer(table)
        >>> [(column.name, column.kind) for column in schema.columns]
        [('smokes', 'binary'), ('region', 'categorical')]
    """
    data = from_native(table)
    kinds = _checks.instance({} if kinds is None else kinds, Mapping, "kinds", "a mapping of names to kinds")
    _checks.boolean(bins, "bins")
    _checks.instance(ignore, Collection, "ignore", "a list of names")
    if not len(data):
        raise InputError("the table has no rows")
    try:
        fit_on = np.atleast_1d(np.arange(len(data))[slice(None) if fit_on is None else fit_on])
    except (IndexError, ValueError, OverflowError) as error:
        raise InputError(f"fit_on must be indices of the table's {len(data)} rows") from error
    kinds = _match_names(list(kinds.items()), list(data.columns))
    columns, ignored = [], _match_names([(name, "as asked") for name in ignore], list(data.columns))
    constants: dict[str, Value] = {}
    faults: list[str] = []
    kinds = dict.fromkeys(_pixels(data), "real") | kinds
    index = {*data.index, *filter(PANDAS_INDEX.fullmatch, data.columns)} - set(kinds)
    ignored = dict.fromkeys(index, "it names the rows") | ignored
    if _checks.boolean(strict, "strict"):
        named = {*kinds, *ignored}
        problems = {name: problem for name in data.columns if name not in named and (problem := _problem(name, data))}
        if problems:
            listed = "; ".join(f"{name!r} {problem}" for name, problem in list(problems.items())[:5])
            words = f"column{'s' * (len(problems) > 1)} {listed}{'; ...' * (len(problems) > 5)}"
            raise InputError(f"{words}: make numbers or texts of each, give it a kind, or leave it out")
    for name in data.columns:
        if name in ignored:
            continue
        kind = kinds.get(name)
        problem = _problem(name, data) if kind is None else None
        if problem is not None:
            ignored[name] = problem
            continue
        cells = data[name]
        present = cells[~missing(cells)]
        if kind is None and not len(present):
            ignored[name] = "no row has a value"
        elif kind is None and (present == present[0]).all():
            constants[name] = value_text(present[0]) if isinstance(present[0], date) else present.tolist()[0]
            ignored[name] = f"every value is {value_text(constants[name])}"
        else:
            try:
                columns.append(_column(name, cells, data.categories.get(name), _spec(f"column {name!r}", kind), fit_on, bins))
            except InputError as error:
                faults.append(str(error))
    if faults:
        listed = "; ".join(fault.removesuffix(REMEDY) for fault in faults[:5]) + "; ..." * (len(faults) > 5)
        raise InputError(listed + REMEDY * any(fault.endswith(REMEDY) for fault in faults))
    if not columns:
        reasons = "; ".join(f"{name!r} {reason}" for name, reason in list(ignored.items())[:5])
        remedy = "give one of them a kind"
        if data.csv is not None and len(data.columns) == 1:
            remedy += ", or say the delimiter if the file has more columns than one"
        raise InputError(f"there is nothing to learn in the table's columns ({reasons}); {remedy}")
    columns = _keep_dependent(columns, data, fit_on, {name for name, kind in kinds.items() if kind is not None})
    left_out = {name: ignored[name] for name in data.columns if name in ignored}
    notes = {column.name: words for column in columns if (words := _note(column, data[column.name]))}
    schema = Schema(tuple(columns), left_out, constants=constants, notes=notes)
    few = len(data) * schema.width <= MAX_VALUES
    return replace(schema, fingerprint=take_fingerprint(schema.encode(data))) if few else schema


def _keep_dependent(columns: list[Column], data: Frame, fit_on: np.ndarray, named: set[str]) -> list[Column]:
    """The columns, those in bins real again that other real ones say more of than bins do."""
    free = {column.name for column in columns if column.bins is not None and not column.bins.spikes} - named
    numbers = [column for column in columns if column.kind == "real" or column.name in free]
    if not free or not 1 < len(numbers) <= MAX_CORRELATED:
        return columns
    some = fit_on[evenly_spaced(len(fit_on), MAX_BINNED_ROWS)]
    x = [column.numbers(data[column.name])[some] for column in numbers]
    known = {place: values[~np.isnan(values)] for place, values in enumerate(x)}
    gains = {place: gain(known[place], of.kind == "count") for place, of in enumerate(numbers) if of.name in free}
    deviations = [(values - column.mean) / column.scale for column, values in zip(numbers, x, strict=True)]
    binned = {numbers[place].name for place in choose_binned(np.stack(deviations, axis=1), gains)}
    return [replace(column, kind="real", bins=None) if column.name in free - binned else column for column in columns]


@np.errstate(over="ignore", invalid="ignore")
def _note(column: Column, cells: np.ndarray) -> str:
    """What of a column is worth a look: missing cells, numbers that may mark some, and a last row that sums up the others."""
    absent = missing(cells)
    words = [f"{absent.sum():,} missing"] if absent.any() else []
    if not column.is_number:
        return "; ".join(words)
    present = column.numbers(cells)[~absent]
    for mark in (present.min(), present.max()) if len(present) else ():
        rest = present[present != mark]
        count = len(present) - len(rest)
        if count > 1 and len(rest) and (column.dates or _MARK.fullmatch(value_text(mark))):
            is_far = np.abs(rest - mark).min() > np.ptp(rest) > 0
            if is_far or (column.dates is None and mark < 0 <= rest.min()):
                text = value_text(mark) if column.dates is None else column.dates.text(mark)
                what = f"{text} in {count:,} rows is unlike all other values"
                words.append(f"{what}: say so if it marks missing cells")
    is_long = column.dates is None and len(present) > 3
    if is_long and not absent[-1] and present[-1] and np.isclose(present[:-1].sum(), present[-1], rtol=1e-9, atol=0):
        words.append("the last row is the sum of all others: leave it out if it is no row of data")
    return "; ".join(words)


def _pixels(data: Frame) -> list[str]:
    """The columns of an image's pixels, which are of one kind: many of one name and a number, of bytes that are gray levels."""
    pixels = []
    for names in _numbered(list(data.columns)):
        if any(name in data.unusable for name in names):
            continue
        try:
            values = np.stack([as_numbers(data[name], name) for name in names], axis=1)
        except InputError:
            continue
        known = values[~np.isnan(values)]
        if len(known) and known.min() >= 0 and LEAST_WHITE <= known.max() <= 255 and (known == np.rint(known)).all():
            label = find_label(values, names)
            spread = [len(np.unique(column[~np.isnan(column)])) > 1 for column in values.T]
            pixels += [name for name, varies in zip(names, spread, strict=True) if varies and name != label]
    return pixels


def _numbered(names: Sequence[str]) -> list[list[str]]:
    """Groups of names that differ by a number alone, each of as many as the pixels of an image."""
    groups: dict[str, list[str]] = {}
    for name in names:
        if match := re.fullmatch(r"(.*?)\d+(?:[x_,. ]\d+)?", name):
            groups.setdefault(match[1], []).append(name)
    return [group for group in groups.values() if len(group) >= MIN_PIXELS]


def find_label(values: Shaped[np.ndarray, "rows columns"], names: Sequence[str]) -> str | None:
    """The column that is a label beside pixels: of another name than all others, or the first or last one if it holds codes.

    Codes are whole numbers from 0 or 1 on, each in four rows or more on average, none of them in most rows, and so few that
    they are no gray levels.
    """
    for group in _numbered(names):
        if len(group) == len(names) - 1:
            return next(name for name in names if name not in group)
    greatest = float(np.nanmax(values, initial=0.0))
    scale = 255 if greatest <= 1 else 1
    if len(names) <= MIN_PIXELS or scale * greatest < LEAST_WHITE:
        return None
    for place in (0, -1):
        levels, counts = np.unique(np.rint(values[:, place] * scale), return_counts=True)
        are_codes = levels[0] in (0, 1) and 1 < len(levels) <= MAX_LEVELS and (np.diff(levels) == 1).all()
        if are_codes and counts.max() <= len(values) / 2 and len(values) >= ROWS_PER_LEVEL * len(levels):
            return names[place]
    return None


def _problem(name: str, data: Frame) -> str | None:
    """Why nothing can be learned from a column as it is, in words; None if something can."""
    if name in data.unusable:
        return data.unusable[name]
    if name in data.categories:
        return None
    cells = data.columns[name]
    if (dates := find_dates(cells)) is not None:
        return dates if isinstance(dates, str) else None
    if cells.dtype.kind == "f":
        return _problem_of_numbers(name, cells)
    counts = count_values(cells)
    rows = sum(counts.values())
    if len(counts) < 2 or isinstance(next(iter(counts)), bool):
        return None
    read = {cell: parse_number(cell) if isinstance(cell, str) else cell for cell in counts}
    codes = are_codes(counts)
    if None not in read.values() and not codes:
        if any(isinstance(cell, str) and len(cell) > DIGITS and is_rounded(cell, float(cell)) for cell in counts):
            return "has whole numbers with more digits than floating point holds"
        numbers = np.array(list(read.values()), dtype=float)
        is_whole = np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()
        return "numbers the rows" if is_whole and _ID.fullmatch(name) and len(counts) == len(cells) else None
    if not codes and 2 * sum(count for cell, count in counts.items() if read[cell] is not None) > rows:
        return None  # texts among numbers: an error says where
    if len(counts) > MAX_LEVELS or (len(counts) > MAX_ORDERED and 2 * len(counts) > rows):
        signed = [cell for cell in counts if isinstance(cell, str) and _SIGNED.fullmatch(cell)]
        if 2 * len(signed) > len(counts):
            odd = next((cell for cell in counts if cell not in signed and read[cell] is None), None)
            but = "make numbers of them" if odd is None else f"say so if {value_text(odd)!r} marks missing cells"
            return f"has numbers such as {signed[0]!r}: {but}"
        return f"has {len(counts)} different texts in {rows} rows, too many for categories"
    return None


def _problem_of_numbers(name: str, cells: Float[np.ndarray, " rows"]) -> str | None:
    """As `_problem`."""
    present = cells[~np.isnan(cells)]
    if not len(present) or present.min() == present.max() or not (np.isfinite(present) & (present == np.rint(present))).all():
        return None
    return "numbers the rows" if _ID.fullmatch(name) and len(np.unique(present)) == len(cells) else None


def _spec(what: str, kind: Kind | None) -> ColumnSpec:
    """What a caller says of a column, checked; `what`: the column in messages."""
    if isinstance(kind, ColumnSpec):
        return kind
    values = {} if kind is None else dict(kind) if isinstance(kind, Mapping) else {"kind": kind}
    if isinstance(kind, str) and ":" in kind:
        word, _, levels = kind.partition(":")
        values = {"dates": levels} if word == "date" else {"kind": word, "levels": _read_levels(levels)}
    if values.get("kind") is not None:
        _checks.choice(values["kind"], GROUPS, f"the kind of {what}")
    spec: ColumnSpec = convert({key: _plain(value) for key, value in values.items()}, ColumnSpec, what)
    numbers, of_bins = ("mean", "scale", "decimals"), ("spikes", "edges", "tails", "pieces")
    of_dates = () if spec.kind in (None, "real", "binned") else ("dates",)
    if spec.kind in BINNED:
        wrong: tuple[str, ...] = of_dates
    else:
        wrong = ("levels", *of_bins) if spec.kind == "real" else (*numbers, *of_bins, *of_dates)
    for key in wrong:
        if getattr(spec, key) is not None:
            raise InputError(f"{what}: {key!r} is not for a column of this kind")
    if spec.kind in BINNED and spec.levels is not None and not all(isinstance(cut, str) for cut in spec.levels):
        _check_edges(what, spec.levels)
    return spec


def _check_edges(what: str, cuts: Sequence[object]) -> None:
    numbers = [cut for cut in cuts if isinstance(cut, float)]
    if len(numbers) < len(cuts) or numbers != sorted(set(numbers)):
        raise InputError(f"{what}: the edges between bins must be rising numbers, or dates, as in 'binned:18,30,65'")


def _match_names(choices: Sequence[tuple[object, Any]], names: list[str]) -> dict[str, Any]:
    """The choices by the names of columns: those of patterns such as `film *`, and over them those of names themselves.

    Raises:
        InputError: a name or pattern is that of no column.
    """
    by_pattern: dict[str, Any] = {}
    by_name: dict[str, Any] = {}
    for name, choice in choices:
        if not isinstance(name, str) or not (of := [each for each in names if name == each or fnmatchcase(each, name)]):
            raise InputError(f"there is no column {name!r:.80}; the table has {', '.join(map(repr, names[:20]))}")
        if name in names:
            by_name[name] = choice
        else:
            by_pattern |= dict.fromkeys(of, choice)
    return by_pattern | by_name


def _read_levels(text: str) -> list[Value]:
    """`1..5` as the whole numbers from 1 to 5; `low,middle,high` as these, numbers where all of them are."""
    ends = re.fullmatch(r"(-?\d{1,9})\.\.(-?\d{1,9})", text.strip())
    if ends and int(ends[2]) - int(ends[1]) < MAX_NAMED_LEVELS:
        return [float(level) for level in range(int(ends[1]), int(ends[2]) + 1)]
    parts = [part.strip() for part in text.split(",")]
    numbers = [number for part in parts if (number := parse_number(part)) is not None]
    return list(numbers if len(numbers) == len(parts) else parts)


def _plain(value: object) -> Any:
    """NumPy's numbers, and lists of them, as Python's own."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def _column(
    name: str, cells: np.ndarray, categories: list[Value] | None, spec: ColumnSpec, fit_on: np.ndarray, bins: bool
) -> Column:
    dates = _dates(name, cells, spec) if categories is None else None
    if dates is not None:
        return _column_of_dates(name, dates.numbers(cells, name), dates, spec, fit_on, bins)
    if any(isinstance(cell, date) for cell in cells[:FEW]):
        cells = np.array([None if cell is None else value_text(cell) for cell in cells], dtype=object)
    if spec.kind in ("real", *BINNED):
        _check_edges(f"column {name!r}", spec.levels or ())  # which may be dates where the cells are
        return _number(name, as_numbers(cells, name), spec, fit_on, bins)
    given = categories if spec.levels is None else spec.levels
    if spec.kind is None and given is None and cells.dtype.kind == "f" and len(np.unique(cells[:FEW])) > MAX_ORDERED + 1:
        return _number(name, as_numbers(cells, name), spec, fit_on, bins)
    levels = _levels(name, cells) if given is None else tuple(given)
    if given is not None and len(set(map(value_text, levels))) != len(levels):
        raise InputError(f"column {name!r}: a level is given twice")
    kind = spec.kind or _kind(name, cells, levels, given is not None)
    if kind == "real":
        return _number(name, as_numbers(cells, name), spec, fit_on, bins)
    if kind == "binary" and len(levels) != 2:
        raise InputError(f"column {name!r} has {len(levels)} different values, but a binary column has two")
    if len(levels) < 2:
        raise InputError(f"column {name!r} has a single value, so there is nothing to learn of it: ignore it")
    column = Column(name, kind, levels)
    if given is not None:
        column.encode(cells)  # they must be the cells' own
    return column


def _dates(name: str, cells: np.ndarray, spec: ColumnSpec) -> Dates | None:
    """How a column of dates writes them; None if it holds none, or is to have levels.

    Raises:
        InputError: it is to be one of numbers, but its dates cannot be read, or they are not of the format that is said.
    """
    if isinstance(spec.dates, str):
        try:
            return said_dates(spec.dates)
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from error
    if spec.dates is not None or spec.kind not in (None, "real", "binned"):
        return spec.dates
    found = find_dates(cells)
    if isinstance(found, str):
        raise InputError(f"column {name!r} {found}")
    return found


def _column_of_dates(
    name: str, values: Float[np.ndarray, " rows"], dates: Dates, spec: ColumnSpec, fit_on: np.ndarray, bins: bool
) -> Column:
    """A column of dates, from their numbers."""
    spec = msgspec.structs.replace(spec, dates=None)
    if spec.levels is not None:
        edges = [dates.number(cut) if isinstance(cut, str) else cut for cut in spec.levels]
        _check_edges(f"column {name!r}", edges)
        # A day begins half a unit before its number, to which times of that day are rounded.
        half = 0.5 if dates.unit == "day" else 0.0
        spec = msgspec.structs.replace(spec, levels=tuple(float(edge) - half for edge in edges if edge is not None))
    if spec.kind is None:
        shifted = values - np.nanmax(values) - 1  # below zero none are counts
        known, everything = (each[~np.isnan(each)] for each in (shifted[fit_on], shifted))
        spec = msgspec.structs.replace(spec, kind=_kind_of_numbers(known, everything) if bins else "real")
    return replace(_number(name, values, spec, fit_on, bins), dates=dates)


def _levels(name: str, cells: np.ndarray) -> tuple[Value, ...]:
    """The different values of a column, sorted: numbers where all of them are."""
    values = list(count_values(cells))
    if values and isinstance(values[0], bool):
        return False, True
    if cells.dtype.kind == "O" and not are_codes(values):
        with suppress(InputError):
            return tuple(np.unique(as_numbers(np.array(values, dtype=object), name)).tolist())
    if cells.dtype.kind == "f":
        as_numbers(cells, name)  # refuses infinities
    return tuple(sorted(values))


def _kind(name: str, cells: np.ndarray, levels: Sequence[Value], listed: bool) -> str:
    """The kind that the values look like."""
    counts = count_values(cells)
    rows = sum(counts.values())
    is_binary = len(levels) == 2
    if listed:
        return "binary" if is_binary else "categorical"
    if all(isinstance(level, float) for level in levels):
        if is_binary:
            return "binary"
        is_short = len(levels) <= min(MAX_ORDERED, rows // ROWS_PER_LEVEL)
        return "ordered" if is_short and all(level == round(float(level)) for level in levels) else "real"
    texts = {cell: count for cell, count in counts.items() if isinstance(cell, str)}
    if 2 * sum(count for text, count in texts.items() if parse_number(text) is not None) > rows and not are_codes(counts):
        try:
            as_numbers(cells, name)  # names the cell that is no number
        except InputError as error:
            raise InputError(f"{error}{REMEDY}") from error
    commas = [text for text in texts if "," in text and parse_number(text.replace(",", "")) is not None]
    if 2 * sum(texts[text] for text in commas) > rows:
        raise InputError(
            f"column {name!r} has numbers with a comma, such as {commas[0]!r}: write decimals with a point and thousands with "
            "nothing, or give it the kind 'categorical'"
        )
    if is_binary:
        return "binary"
    return "categorical"


def _number(name: str, values: Float[np.ndarray, " rows"], spec: ColumnSpec, fit_on: np.ndarray, may_bin: bool) -> Column:
    present = values[fit_on]
    (mean,), (scale,) = (part.tolist() for part in mean_and_deviation(present[:, None]))
    if np.isnan(present).all():
        scale = 1.0
    mean, scale = (mean if spec.mean is None else spec.mean), (scale if spec.scale is None else spec.scale)
    if not scale > 0:
        raise InputError(f"column {name!r}: its scale must be above zero, but is {scale!r}; if all values are equal, ignore it")
    decimals = spec.decimals
    if decimals is None:  # the fewest that write all values
        tries = range(MAX_DECIMALS + 1)
        decimals = next((d for d in tries if np.array_equal(np.round(values, d), values, equal_nan=True)), None)
    known, everything = present[~np.isnan(present)], values[~np.isnan(values)]
    kind = spec.kind or (_kind_of_numbers(known, everything) if may_bin else "real")
    if kind == "real":
        return Column(name, "real", mean=mean, scale=scale, decimals=decimals)
    stored = [part for part in (spec.spikes, spec.edges, spec.tails) if part is not None]
    if stored and (len(stored) < 3 or spec.levels is not None):
        remedy = "give 'spikes', 'edges' and 'tails', as a model file has them, or 'levels', the edges between bins"
        raise InputError(f"column {name!r}: its bins are given in part: {remedy}")
    if stored:
        column = read_column(name, msgspec.structs.replace(spec, mean=mean, scale=scale, decimals=decimals))
    else:
        if kind == "count" and not _are_counts(everything):
            raise InputError(f"column {name!r} has values that are no counts, whole numbers of zero or above")
        cuts = None if spec.levels is None else tuple(map(float, spec.levels))
        if cuts is not None and kind == "count":
            cuts = tuple(math.floor(cut) + 0.5 for cut in cuts)
        found = fit(known if len(known) else np.zeros(1), kind == "count", cuts, everything)
        if found.count < 2:
            raise InputError(f"column {name!r} has too few different values for bins: give it the kind 'ordered' or 'real'")
        column = Column(name, kind, mean=mean, scale=scale, decimals=decimals, bins=found)
    column.encode(values)  # every value must have a bin
    return column


def _are_counts(values: Float[np.ndarray, " n"]) -> bool:
    return bool((values >= 0).all() and (values == np.rint(values)).all())


def _kind_of_numbers(known: Float[np.ndarray, " n"], everything: Float[np.ndarray, " m"]) -> str:
    """Real, unless bins are likelier: by MIN_GAIN nats or less in values left out, of the column alone."""
    if len(known) < MIN_BINNED_ROWS:
        return "real"
    whole = _are_counts(everything)
    some = known[evenly_spaced(len(known), MAX_BINNED_ROWS)]
    least = MIN_GAIN * min(1.0, FEW_BINNED_ROWS / len(known)) ** (2 / 3)
    return ("count" if whole else "binned") if gain(some, whole) > least else "real"
