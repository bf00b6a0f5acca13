"""What the columns of a table mean: their kinds, categories and units, and the way to a machine's columns and back.

A column is binary (two values), categorical or ordered (several), or real. A machine sees a binary column as 0 and 1, a
categorical or ordered one as one column for each category of which one is 1 (one-hot), and a real one in standard deviations
from its mean. Ordered columns are one-hot too: a code that used the order in the machine (so many ones for so high a level)
would have states that stand for no level. A missing cell is NaN in all of its columns.

In the machine the columns are grouped: all binary ones, then categorical and ordered ones, then real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harmonium.errors import InputError
from harmonium.io.frames import Frame, Value, as_numbers, missing, value_text

KINDS = ("binary", "categorical", "ordered", "real")
GROUPS = (("binary",), ("categorical", "ordered"), ("real",))
SCHEMA = "schema"
"""Where a model file's notes hold the schema."""
SPIN = "spin"
"""A column of -1 and +1 that is the same in the machine: of machines that were trained on no table."""
VERSION = 1


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `levels`: the values of a binary, categorical or ordered column, in their order. `mean`, `scale`: of a real one, whose
    cells are (value - mean) / scale in the machine. `decimals`: to which a real one's values are rounded when they come back,
    None where they are not.
    """

    name: str
    kind: str
    levels: tuple[Value, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    decimals: int | None = None

    @property
    def width(self) -> int:
        """How many columns it has in the machine."""
        return len(self.levels) if self.one_hot else 1

    @property
    def one_hot(self) -> bool:
        """Whether it has one column for each of its levels in the machine."""
        return self.kind in ("categorical", "ordered")

    def encoded(self, cells: np.ndarray) -> np.ndarray:
        """Cells `[n]` as the machine's columns `[n, width]`, NaN where missing.

        Raises:
            InputError: a value that is none of the levels, or no finite number; it is named.
        """
        if self.kind == "real":
            return ((as_numbers(cells, self.name) - self.mean) / self.scale)[:, None]
        numeric = not any(isinstance(level, (str, bool)) for level in self.levels)
        values = as_numbers(cells, self.name) if numeric else cells
        absent = missing(values)
        places = {level if numeric else value_text(level): place for place, level in enumerate(self.levels)}
        keys = (float(value) if numeric else value_text(value) for value in values[~absent])
        found = np.array([places.get(key, -1) for key in keys], dtype=np.int64)
        if (found < 0).any():
            row = np.flatnonzero(~absent)[np.flatnonzero(found < 0)[0]]
            known = ", ".join(map(value_text, self.levels[:8])) + (", ..." if len(self.levels) > 8 else "")
            raise InputError(
                f"column {self.name!r}: {value_text(values[row])!r} in row {row + 1} is none of its values ({known})"
            )
        encoded = np.full((len(values), self.width), np.nan)
        if self.kind == SPIN:
            found = 2 * found - 1
        encoded[~absent] = np.eye(self.width)[found] if self.one_hot else found[:, None]
        return encoded

    def decoded(self, columns: np.ndarray) -> np.ndarray:
        """The cells `[n]` of the machine's columns `[n, width]`: a float64 column, or objects."""
        absent = np.isnan(columns).any(axis=1)
        if self.kind == "real":
            values = self.mean + self.scale * columns[:, 0]
            return values if self.decimals is None else np.round(values, self.decimals) + 0.0  # no -0
        numeric = not any(isinstance(level, (str, bool)) for level in self.levels)
        levels = np.empty(len(self.levels), dtype=np.float64 if numeric else object)
        levels[:] = self.levels
        filled = np.where(absent[:, None], 0, columns)
        middle = 0.0 if self.kind == SPIN else 0.5
        cells = levels[np.argmax(filled, axis=1) if self.one_hot else (filled[:, 0] > middle).astype(np.int64)]
        cells[absent] = np.nan if numeric else None
        return cells

    def described(self) -> dict[str, Any]:
        """The column in terms of JSON."""
        if self.kind == "real":
            return {"kind": self.kind, "mean": self.mean, "scale": self.scale, "decimals": self.decimals}
        return {"kind": self.kind, "levels": list(self.levels)}


@dataclass(frozen=True)
class Schema:
    """The columns of a table in the table's own order, and those that are left out, each with the reason.

    `in_order`: the machine has them in that order too, not grouped by kind (of machines that were not trained on a table).
    """

    columns: tuple[Column, ...]
    ignored: Mapping[str, str]
    in_order: bool = False

    @property
    def grouped(self) -> tuple[tuple[Column, ...], ...]:
        """The columns in the machine's order: binary, categorical and ordered, real."""
        return tuple(tuple(c for c in self.columns if c.kind in kinds) for kinds in GROUPS)

    @property
    def places(self) -> dict[str, slice]:
        """Where each column is in the machine, in the machine's order."""
        found, first = {}, 0
        for column in self.columns if self.in_order else (c for group in self.grouped for c in group):
            found[column.name] = slice(first, first + column.width)
            first += column.width
        return found

    @property
    def width(self) -> int:
        """How many columns the machine has."""
        return sum(column.width for column in self.columns)

    @property
    def column_names(self) -> list[str]:
        """Names of the machine's columns: `age`, `region=north`."""
        by_name = {column.name: column for column in self.columns}
        names = []
        for name in self.places:
            levels = by_name[name].levels
            names += [f"{name}={value_text(level)}" for level in levels] if by_name[name].one_hot else [name]
        return names

    def encode(self, data: Frame) -> np.ndarray:
        """A table as rows for a machine, `[n, V]` in float64, NaN where cells are missing; columns are found by their names.

        Raises:
            InputError: a column is missing, the table has no rows, or a value is not one that its column has.
        """
        absent = [column.name for column in self.columns if column.name not in data.columns]
        if absent:
            raise InputError(
                f"the table lacks the column{'s' * (len(absent) > 1)} {', '.join(map(repr, absent))}; it has "
                f"{', '.join(map(repr, list(data.columns)[:20]))}"
            )
        if not len(data):
            raise InputError("the table has no rows")
        rows = np.empty((len(data), self.width))
        by_name = {column.name: column for column in self.columns}
        for name, place in self.places.items():
            rows[:, place] = by_name[name].encoded(data.columns[name])
        return rows

    def decode(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Rows of a machine `[n, V]` as the table's columns, in the table's order, categories and units."""
        places, rows = self.places, np.asarray(rows, dtype=np.float64)
        return {column.name: column.decoded(rows[:, places[column.name]]) for column in self.columns}

    def described(self) -> dict[str, Any]:
        """The schema in terms of JSON, as `from_description` reads it."""
        columns = {column.name: column.described() for column in self.columns}
        return {"version": VERSION, "columns": columns, "ignore": dict(self.ignored)}


def from_description(description: Any) -> Schema:
    """The schema that `Schema.described` wrote.

    Raises:
        InputError: it is damaged, or of a later version.
    """
    try:
        if description["version"] != VERSION:
            raise InputError(f"the schema has version {description['version']!r}; this harmonium reads version {VERSION}")
        columns = []
        for name, told in description["columns"].items():
            levels = tuple(float(level) if type(level) is int else level for level in told.get("levels", ()))
            columns.append(Column(name, **{**told, "levels": levels}))
            if told["kind"] not in KINDS or (told["kind"] != "real") != bool(levels):
                raise ValueError
        return Schema(tuple(columns), dict(description["ignore"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the schema is damaged: it does not describe columns") from error
