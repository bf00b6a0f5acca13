"""The schema of a table from its values, and from what the user says of its columns."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from harmonium.errors import InputError, reason
from harmonium.io.frames import Frame, Value, as_numbers, missing, value_text
from harmonium.tabular.schema import KINDS, Column, Schema

Kind: TypeAlias = str | Mapping[str, Any]
"""What a caller says of a column: its kind, or a mapping with `kind`, and `levels` or `mean`, `scale`, `decimals`."""
MOST_LEVELS = 50
"""Texts of a column that are taken for categories unasked."""
MOST_ORDERED, ROWS_A_LEVEL = 10, 4
"""Whole numbers that are taken for levels unasked: at most so many, and each in so many rows on average."""
MOST_DECIMALS = 6


def read_schema_file(path: str | Path) -> tuple[dict[str, Any], list[str]]:
    """What a schema file says: kinds of columns, and which to leave out, as `infer` takes them.

    TOML or JSON: a table `columns` of names with a kind each, or with a table of `kind` and `levels` (or `mean`, `scale`,
    `decimals`), and a list `ignore` of names. The columns that it does not name are typed by their values.

    Raises:
        InputError: there is no such file, it is neither, or it says something else.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        told = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from error
    except (ValueError, UnicodeDecodeError) as error:  # both readers' errors are such
        raise InputError(f"{path} is no {'JSON' if path.suffix.lower() == '.json' else 'TOML'}: {reason(error)}") from error
    unknown = set(told) - {"columns", "ignore", "version"} if isinstance(told, dict) else {"no table"}
    if unknown:
        raise InputError(f"{path}: a schema file has columns and ignore, but this one has {sorted(unknown)[0]!r}")
    columns, ignore = told.get("columns", {}), told.get("ignore", [])
    if not isinstance(columns, dict) or not all(isinstance(kind, (str, dict)) for kind in columns.values()):
        raise InputError(f"{path}: columns must be a table with a kind, or a table with a kind in it, for each name")
    if not isinstance(ignore, (list, dict)) or not all(isinstance(name, str) for name in ignore):
        raise InputError(f"{path}: ignore must be a list of names")
    return columns, list(ignore)


def infer(
    data: Frame,
    kinds: Mapping[str, Any] | None = None,
    ignore: Collection[str] = (),
    fit_on: np.ndarray | None = None,
) -> Schema:
    """The schema of a table: what is said of its columns, and for all others what their values look like.

    Two values make a column binary. Texts are categories (unless there are more than 50 of them, or nearly as many as rows),
    and so are the values of a dtype with categories. At most ten different whole numbers are ordered levels, where each has
    four rows on average; all other numbers are real. Columns without any value, and with a single one, are left out.

    Args:
        kinds: for some columns the kind, or a dict with `kind`, and `levels` or `mean`, `scale`, `decimals`.
        ignore: columns to leave out. fit_on: numbers of the rows that give mean and scale; by default all.

    Raises:
        InputError: a name or kind is unknown, a column cannot be of the kind that is asked for or of any, or none is left.
    """
    if not len(data):
        raise InputError("the table has no rows")
    kinds = kinds or {}
    for name in (*kinds, *ignore):
        if name not in data.columns:
            known = ", ".join(map(repr, list(data.columns)[:20]))
            raise InputError(f"there is no column {name!r}; the table has {known}")
    columns, ignored = [], dict.fromkeys(ignore, "as asked")
    for name, cells in data.columns.items():
        if name in ignored:
            continue
        told = kinds.get(name)
        present = cells[~missing(cells)]
        if told is None and not len(present):
            ignored[name] = "no row has a value"
        elif told is None and len(set(present.tolist())) == 1:
            ignored[name] = f"every value is {value_text(present[0])}"
        else:
            columns.append(_column(name, cells, data.categories.get(name), told, fit_on))
    if not columns:
        raise InputError("the table has no column with two different values, so there is nothing to learn")
    return Schema(tuple(columns), {name: ignored[name] for name in data.columns if name in ignored})


def _column(name: str, cells: np.ndarray, categories: list[Value] | None, told: Any, fit_on: np.ndarray | None) -> Column:
    told = {"kind": told} if isinstance(told, str) or told is None else dict(told)
    kind = told.pop("kind", None)
    if kind is not None and kind not in KINDS:
        raise InputError(f"column {name!r}: the kind {kind!r} is unknown; use {', '.join(KINDS)}")
    unknown = set(told) - ({"mean", "scale", "decimals"} if kind == "real" else {"levels"})
    if unknown:
        raise InputError(f"column {name!r}: a schema says nothing called {sorted(unknown)[0]!r} of a column of this kind")
    if kind == "real":
        return _real(name, as_numbers(cells, name), told, fit_on)
    levels, numeric = _levels(name, cells, told.get("levels", categories))
    if kind is None:
        kind = _kind(name, cells, levels, numeric, "levels" in told or categories is not None)
        if kind == "real":
            return _real(name, as_numbers(cells, name), {}, fit_on)
    if kind == "binary" and len(levels) != 2:
        raise InputError(f"column {name!r} has {len(levels)} different values, but a binary column has two")
    if len(levels) < 2:
        raise InputError(f"column {name!r} has a single value, so there is nothing to learn of it: ignore it")
    column = Column(name, kind, levels)
    column.encoded(cells)  # the levels that were given must be those of the cells
    return column


def _levels(name: str, cells: np.ndarray, given: Any) -> tuple[tuple[Value, ...], bool]:
    """The different values of a column, sorted, or those that are given; and whether they are numbers."""
    if given is not None:
        if not isinstance(given, (list, tuple)) or not all(isinstance(level, (str, int, float, bool)) for level in given):
            raise InputError(f"column {name!r}: levels must be a list of texts or numbers, but are {given!r:.60}")
        levels = [float(level) if type(level) is int else level for level in given]
        if len(set(map(value_text, levels))) != len(levels):
            raise InputError(f"column {name!r}: a level is given twice")
        return tuple(levels), all(isinstance(level, float) for level in levels)
    present = cells[~missing(cells)]
    try:
        return tuple(np.unique(as_numbers(present, name)).tolist() if not _truth(present) else (False, True)), not _truth(
            present
        )
    except InputError:
        if present.dtype.kind == "f":  # an infinity
            raise
        return tuple(sorted(set(present.tolist()))), False


def _truth(cells: np.ndarray) -> bool:
    return cells.dtype.kind == "O" and len(cells) > 0 and isinstance(cells[0], bool)


def _kind(name: str, cells: np.ndarray, levels: tuple[Value, ...], numeric: bool, listed: bool) -> str:
    """The kind that the values look like."""
    rows = int((~missing(cells)).sum())
    if len(levels) == 2:
        return "binary"
    if listed:
        return "categorical"
    if numeric:
        whole = all(level == round(float(level)) for level in levels)
        return "ordered" if whole and len(levels) <= min(MOST_ORDERED, rows // ROWS_A_LEVEL) else "real"
    spelled = [cell for cell in cells if isinstance(cell, str) and _is_number(cell)]
    if 2 * len(spelled) > rows:
        try:
            as_numbers(cells, name)  # names the cell that is no number
        except InputError as error:
            raise InputError(f"{error}; if they are categories, say so (--as {name}=categorical)") from error
    if len(levels) > MOST_LEVELS or (len(levels) > MOST_ORDERED and 2 * len(levels) > rows):
        raise InputError(
            f"column {name!r} has {len(levels)} different texts in {rows} rows, too many for categories: ignore it "
            f"(--ignore {name}), or insist (--as {name}=categorical)"
        )
    return "categorical"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _real(name: str, values: np.ndarray, told: Mapping[str, Any], fit_on: np.ndarray | None) -> Column:
    some = values if fit_on is None else values[fit_on]
    some = some[~np.isnan(some)]
    column = Column(name, "real", decimals=_decimals(values[~np.isnan(values)]))
    if len(some) and not {"mean", "scale"} <= set(told):
        column = replace(column, mean=float(some.mean()), scale=float(some.std()))
    column = replace(column, **told)
    for what, value in (("mean", column.mean), ("scale", column.scale)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise InputError(f"column {name!r}: its {what} must be a finite number, but is {value!r}")
    if not column.scale > 0:
        raise InputError(
            f"column {name!r}: its scale must be above zero, but is {column.scale!r}; if all values are equal, ignore it"
        )
    if column.decimals is not None and type(column.decimals) is not int:
        raise InputError(f"column {name!r}: decimals must be a whole number, but are {column.decimals!r}")
    return replace(column, mean=float(column.mean), scale=float(column.scale))


def _decimals(values: np.ndarray) -> int | None:
    """The fewest decimals that write all values, None if more than six."""
    return next((d for d in range(MOST_DECIMALS + 1) if np.array_equal(np.round(values, d), values)), None)
