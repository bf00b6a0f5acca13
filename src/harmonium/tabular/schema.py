"""What the columns of a table mean: their kinds, categories and units, and the way to a model's columns and back.

A column is binary (two values), categorical or ordered (several), or real. In the model a binary column is 0 and 1, a
categorical or ordered one has a column for each category, one of them 1 and the others 0 (one-hot), and a real one is in
standard deviations from its mean. Ordered columns are one-hot too: a code that used the order in the model (as many ones as the
level is high) would have states that encode no level. A missing cell is NaN in all of its columns.

In the model the columns are grouped: all binary ones, then categorical and ordered ones, then real ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from jaxtyping import Float, Shaped

from harmonium import _checks
from harmonium.errors import InputError
from harmonium.io.frames import Frame, Value, as_numbers, count_values, missing, parse_number, value_text
from harmonium.io.untrusted import convert

GROUPS = {"binary": 0, "categorical": 1, "ordered": 1, "real": 2}
"""The kinds of columns, with the place of each kind's group in the model."""
SCHEMA = "schema"
"""Where a model file's notes hold the schema."""
SPIN = "spin"
"""A column of -1 and +1 that is the same in the model: of models that were trained on no table."""
VERSION = 1
UNSEEN = ("missing", "error")
"""What a value may be that was not met in training: a missing cell, or a mistake."""


class ColumnSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column in terms of JSON: of a real one `mean`, `scale` and `decimals`, of others `levels`; see `Column`."""

    kind: Literal["binary", "categorical", "ordered", "real"] | None = None
    levels: tuple[str | float | bool, ...] | None = None
    mean: float | None = None
    scale: Annotated[float, msgspec.Meta(gt=0)] | None = None
    decimals: Annotated[int, msgspec.Meta(ge=-15, le=15)] | None = None


class StoredSchema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A schema in terms of JSON, as model files and the files `schema.json` of runs hold it."""

    version: int
    columns: dict[str, ColumnSpec]
    ignore: dict[str, str]
    constants: dict[str, str | float | bool] = {}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `levels`: the values of a binary, categorical or ordered column, in their order. `mean`, `scale`: of a real one, whose
    cells are (value - mean) / scale in the model. `decimals`: to which a real one's values are rounded when they come back,
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
        """The number of its columns in the model."""
        return len(self.levels) if self.one_hot else 1

    @property
    def one_hot(self) -> bool:
        """Whether it has one column for each of its levels in the model."""
        return self.kind in ("categorical", "ordered")

    @property
    def numeric(self) -> bool:
        """Whether its levels are numbers."""
        return not any(isinstance(level, (str, bool)) for level in self.levels)

    def encode(self, cells: Shaped[np.ndarray, " rows"], unseen: str = "error") -> Float[np.ndarray, "rows width"]:
        """Cells as the model's columns, NaN where missing.

        Args:
            unseen: `missing`, so that a value that is none of the levels counts as missing, or `error`.

        Raises:
            InputError: a value that is none of the levels, or no finite number; it is named.
        """
        if self.kind == "real":
            return ((as_numbers(cells, self.name) - self.mean) / self.scale)[:, None]
        values = cells
        if self.numeric and unseen == "missing" and cells.dtype.kind == "O":
            texts = np.array([None if cell is None or parse_number(str(cell)) is None else str(cell) for cell in cells])
            values = as_numbers(texts.astype(object), self.name)
        elif self.numeric:
            values = as_numbers(cells, self.name)
        absent = missing(values)
        key = float if self.numeric else value_text
        indices = {key(level): index for index, level in enumerate(self.levels)}
        if not self.numeric and cells.dtype.kind == "f":
            # Codes such as 02138 may come as numbers; those that two levels spell stay unknown.
            spelled = [(value_text(number), level) for level in self.levels if (number := parse_number(str(level))) is not None]
            count = Counter(text for text, _ in spelled)
            indices |= {text: indices[key(level)] for text, level in spelled if count[text] == 1}
        by_value = {value: indices.get(key(value), -1) for value in count_values(values)}
        codes = np.fromiter(map(by_value.__getitem__, values[~absent].tolist()), dtype=np.int64)
        if (codes < 0).any() and unseen == "missing":
            absent[~absent] = codes < 0
            codes = codes[codes >= 0]
        if (codes < 0).any():
            row = np.flatnonzero(~absent)[np.flatnonzero(codes < 0)[0]]
            known = ", ".join(map(value_text, self.levels[:8])) + (", ..." if len(self.levels) > 8 else "")
            raise InputError(
                f"column {self.name!r}: {value_text(values[row])!r} in row {row + 1} is none of its values ({known}); name all "
                "levels when the column is typed, as in 'ordered:0..2'"
            )
        encoded = np.full((len(values), self.width), np.nan)
        if self.kind == SPIN:
            codes = 2 * codes - 1
        encoded[~absent] = np.eye(self.width)[codes] if self.one_hot else codes[:, None]
        return encoded

    def decode(self, columns: Float[np.ndarray, "rows width"]) -> Shaped[np.ndarray, " rows"]:
        """The cells of the model's columns: a float64 column, or objects."""
        absent = np.isnan(columns).any(axis=1)
        if self.kind == "real":
            values = self.mean + self.scale * columns[:, 0]
            return values if self.decimals is None else np.round(values, self.decimals) + 0.0  # no -0
        levels = np.empty(len(self.levels), dtype=np.float64 if self.numeric else object)
        levels[:] = self.levels
        filled = np.where(absent[:, None], 0, columns)
        middle = 0.0 if self.kind == SPIN else 0.5
        cells = levels[np.argmax(filled, axis=1) if self.one_hot else (filled[:, 0] > middle).astype(np.int64)]
        cells[absent] = np.nan if self.numeric else None
        return cells

    def description(self) -> dict[str, Any]:
        """The column in terms of JSON."""
        if self.kind == "real":
            return {"kind": self.kind, "mean": self.mean, "scale": self.scale, "decimals": self.decimals}
        return {"kind": self.kind, "levels": list(self.levels)}


@dataclass(frozen=True)
class Schema:
    """The columns of a table in the table's own order, and those that are left out, each with the reason.

    `constants`: of columns that are left out because all of their cells have one value, the value. `in_order`: the model has
    the columns in that order too, not grouped by kind (of models that were not trained on a table). `notes`: what is worth a
    look in a column, in words, such as how many cells are missing; they are not stored.
    """

    columns: tuple[Column, ...]
    ignored: Mapping[str, str]
    in_order: bool = False
    constants: Mapping[str, Value] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def model_columns(self) -> tuple[Column, ...]:
        """The columns in the model's order."""
        return self.columns if self.in_order else tuple(sorted(self.columns, key=lambda column: GROUPS[column.kind]))

    @property
    def column_slices(self) -> dict[str, slice]:
        """The model's columns that belong to each column of the table, in the model's order."""
        ends = accumulate(column.width for column in self.model_columns)
        return {column.name: slice(end - column.width, end) for column, end in zip(self.model_columns, ends, strict=True)}

    @property
    def width(self) -> int:
        """The number of the model's columns."""
        return sum(column.width for column in self.columns)

    @property
    def column_names(self) -> list[str]:
        """Names of the model's columns: `age`, `region=north`."""
        names = []
        for column in self.model_columns:
            names += [f"{column.name}={value_text(level)}" for level in column.levels] if column.one_hot else [column.name]
        return names

    def encode(self, data: Frame, unseen: str = "error") -> Float[np.ndarray, "rows visible"]:
        """A table as rows of the model in float64, NaN where cells are missing; columns are found by their names.

        Args:
            unseen: what values are that a binary, categorical or ordered column does not have: `missing`, or an `error`.

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
        _checks.choice(unseen, UNSEEN, "unseen")
        return np.concatenate([column.encode(data[column.name], unseen) for column in self.model_columns], axis=1)

    def find_unseen(self, data: Frame) -> dict[str, list[int]]:
        """The rows (from 0) of each column in which a cell has a value that the column does not have; raises as `encode`."""
        rows, slices = self.encode(data, "missing"), self.column_slices
        unknown = {name: np.isnan(rows[:, here.start]) & ~missing(data[name]) for name, here in slices.items()}
        return {name: np.flatnonzero(mask).tolist() for name, mask in unknown.items() if mask.any()}

    def decode(self, rows: Shaped[np.ndarray, "rows visible"]) -> dict[str, Shaped[np.ndarray, " rows"]]:
        """Rows of the model as the table's columns, in the table's order, categories and units."""
        slices, rows = self.column_slices, np.asarray(rows, dtype=np.float64)
        return {column.name: column.decode(rows[:, slices[column.name]]) for column in self.columns}

    def description(self) -> dict[str, Any]:
        """The schema in terms of JSON, as `from_description` reads it."""
        columns = {column.name: column.description() for column in self.columns}
        constants = {"constants": dict(self.constants)} if self.constants else {}
        return {"version": VERSION, "columns": columns, "ignore": dict(self.ignored)} | constants


def from_description(description: object) -> Schema:
    """The schema that `Schema.description` wrote.

    Raises:
        InputError: it is damaged, or of a later version.
    """
    version = description.get("version") if isinstance(description, dict) else None
    if isinstance(version, int) and version != VERSION:
        raise InputError(f"the schema has version {version}; this harmonium reads version {VERSION}")
    stored: StoredSchema = convert(description, StoredSchema, "the schema is damaged")
    if not stored.columns:
        raise InputError("the schema is damaged: it has no columns")
    columns = []
    for name, spec in stored.columns.items():
        levels = spec.levels or ()
        count = len({value_text(level) for level in levels})
        fits = {"binary": count == 2, "real": not levels, None: False}.get(spec.kind, count > 0)
        if not fits or count != len(levels):
            raise InputError(f"the schema is damaged: column {name!r} has no kind, or levels that are not of its kind")
        mean, scale = (0.0 if spec.mean is None else spec.mean), (1.0 if spec.scale is None else spec.scale)
        columns.append(Column(name, str(spec.kind), levels, mean, scale, spec.decimals))
    return Schema(tuple(columns), stored.ignore, constants=stored.constants)
