"""What the columns of a table mean: their kinds, categories and units, and the way to a model's columns and back.

A column is binary (two values), categorical or ordered (several), real, binned (numbers in bins, with a density inside each)
or a count (whole numbers from zero on, in bins). In the model a binary column is 0 and 1, a categorical or ordered one has a
column for each category, one of them 1 and the others 0 (one-hot), a binned column or a count one for each of its bins, and a
real one is in standard deviations from its mean. Ordered columns are one-hot too, because a code with as many ones as the level
is high would have states that encode no level; training uses their order (`harmonium.Categorical`). A missing cell is NaN in
all of its columns. Dates and times are numbers, days or seconds (`dates`).

In the model the columns are grouped: all binary ones, then those of several states, then real ones.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from jaxtyping import Float, Int, Shaped

from harmonium import _checks
from harmonium.errors import InputError
from harmonium.io.frames import Frame, Value, as_numbers, count_values, missing, parse_number, value_text
from harmonium.io.untrusted import convert
from harmonium.tabular.bins import Bins
from harmonium.tabular.dates import Dates, said_dates
from harmonium.tabular.fingerprint import Fingerprint

GROUPS = {"binary": 0, "categorical": 1, "ordered": 1, "binned": 1, "count": 1, "real": 2}
"""The kinds of columns, with the place of each kind's group in the model."""
SCHEMA = "schema"
"""Where a model file's notes hold the schema."""
FINGERPRINT = "table"
"""Where they hold the fingerprint of the table."""
SPIN = "spin"
"""A column of -1 and +1 that is the same in the model: of models that were trained on no table."""
BINNED = ("binned", "count")
"""The kinds whose states are bins of numbers."""
VERSION, VERSION_OF_BINS, VERSION_OF_DATES = 1, 2, 3
UNSEEN = ("missing", "error")
"""What a value may be that was not met in training: a missing cell, or a mistake."""


class ColumnSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column in terms of JSON: of numbers `mean`, `scale` and `decimals`, of binned ones also `spikes`, `edges`, `tails` and
    `pieces`, of others `levels`; see `Column` and `Bins`. `dates`: of dates, also a format alone, such as
    `%d/%m/%Y`.

    Attributes:
        kind: as in `Column`.
    """

    kind: Literal["binary", "categorical", "ordered", "real", "binned", "count"] | None = None
    levels: tuple[str | float | bool, ...] | None = None
    mean: float | None = None
    scale: Annotated[float, msgspec.Meta(gt=0)] | None = None
    decimals: Annotated[int, msgspec.Meta(ge=-15, le=15)] | None = None
    spikes: tuple[float, ...] | None = None
    edges: tuple[float, ...] | None = None
    tails: tuple[tuple[float, float], tuple[float, float]] | None = None
    pieces: tuple[tuple[float, float], ...] | None = None
    dates: Dates | str | None = None


class StoredSchema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A schema in terms of JSON, as model files and the files `schema.json` of runs hold it."""

    version: int
    columns: dict[str, ColumnSpec]
    ignore: dict[str, str]
    constants: dict[str, str | float | bool] = {}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `levels`: the values of a binary, categorical or ordered column, in their order. `mean`, `scale`: of numbers; the cells of a
    real column are (value - mean) / scale in the model. `decimals`: to which numbers are rounded when they come back, None
    where they are not. `bins`: of a binned column or a count. `dates`: how dates are written, whose numbers these are.

    Attributes:
        name: in the table.
        kind: `binary`, `categorical`, `ordered`, `real`, `binned` or `count`.
    """

    name: str
    kind: str
    levels: tuple[Value, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    decimals: int | None = None
    bins: Bins | None = None
    dates: Dates | None = None

    @property
    def width(self) -> int:
        """The number of its columns in the model."""
        return self.bins.count if self.bins else len(self.levels) if self.one_hot else 1

    @property
    def one_hot(self) -> bool:
        """Whether it has one column for each of its levels or bins in the model."""
        return GROUPS.get(self.kind) == GROUPS["categorical"]

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, with a mean and a deviation, and not levels."""
        return self.kind in ("real", *BINNED)

    @property
    def state_names(self) -> list[str]:
        """Of a column of several states, their names: levels, spikes, or the ends of bins."""
        if self.bins is None:
            return [value_text(level) for level in self.levels]
        ends = [self._text(edge) for edge in self.bins.edges]
        return [self._text(spike) for spike in self.bins.spikes] + [f"{low}..{high}" for low, high in pairwise(ends)]

    def _text(self, number: float) -> str:
        if self.dates is None:
            return f"{number:.6g}"
        return self.dates.text(math.ceil(number) if self.decimals == 0 else number)  # the first date from there on

    @property
    def unit(self) -> str:
        """Of its numbers, in words, where it is known."""
        return f"{self.dates.unit}s" if self.dates else ""

    @property
    def numeric(self) -> bool:
        """Whether its levels are numbers."""
        return not any(isinstance(level, (str, bool)) for level in self.levels)

    def encode(self, cells: Shaped[np.ndarray, " rows"], unseen: str = "error") -> Float[np.ndarray, "rows width"]:
        """`cells` as the model's columns, NaN where missing.

        Args:
            unseen: `missing`, so that a value that is none of the levels counts as missing, or `error`.

        Raises:
            InputError: a value that is none of the levels or in none of the bins, or no finite number; it is named.
        """
        if self.kind == "real":
            return ((self.numbers(cells) - self.mean) / self.scale)[:, None]
        values = self.numbers(cells, unseen) if self.numeric else cells
        absent = missing(values)
        if self.bins is not None:
            return self._one_hot(values, absent, self.bins.states(values[~absent]), unseen)
        key = float if self.numeric else value_text
        indices = {key(level): index for index, level in enumerate(self.levels)}
        if not self.numeric and cells.dtype.kind == "f":
            # Codes such as 02138 may come as numbers; those that two levels spell stay unknown.
            spelled = [(value_text(number), level) for level in self.levels if (number := parse_number(str(level))) is not None]
            count = Counter(text for text, _ in spelled)
            indices |= {text: indices[key(level)] for text, level in spelled if count[text] == 1}
        by_value = {value: indices.get(key(value), -1) for value in count_values(values)}
        codes = np.fromiter(map(by_value.__getitem__, values[~absent].tolist()), dtype=np.int64)
        return self._one_hot(values, absent, codes, unseen)

    def numbers(self, cells: Shaped[np.ndarray, " rows"], unseen: str = "error") -> Float[np.ndarray, " rows"]:
        """The cells of a column of numbers, of dates in their unit; `unseen` as in `encode`, of texts that are none.

        Raises:
            InputError: as `encode`.
        """
        if self.dates is not None:
            return self.dates.numbers(cells, self.name, unseen)
        if unseen == "missing" and cells.dtype.kind == "O":
            texts = np.array([None if cell is None or parse_number(str(cell)) is None else str(cell) for cell in cells])
            cells = texts.astype(object)
        return as_numbers(cells, self.name)

    def _one_hot(
        self, values: np.ndarray, absent: np.ndarray, codes: Int[np.ndarray, " known"], unseen: str
    ) -> Float[np.ndarray, "rows width"]:
        """The model's columns of cells from the numbers of their states, below zero where a value has none."""
        if (codes < 0).any() and unseen == "missing":
            absent[~absent] = codes < 0
            codes = codes[codes >= 0]
        if (codes < 0).any():
            row = np.flatnonzero(~absent)[np.flatnonzero(codes < 0)[0]]
            wrong = f"column {self.name!r}: {value_text(values[row])!r} in row {row + 1}"
            if self.bins is not None:
                raise InputError(f"{wrong} {self._domain}")
            known = ", ".join(map(value_text, self.levels[:8])) + (", ..." if len(self.levels) > 8 else "")
            raise InputError(
                f"{wrong} is none of its values ({known}); name all levels when the column is typed, as in 'ordered:0..2'"
            )
        encoded = np.full((len(values), self.width), np.nan)
        if self.kind == SPIN:
            codes = 2 * codes - 1
        encoded[~absent] = np.eye(self.width)[codes] if self.one_hot else codes[:, None]
        return encoded

    @property
    def _domain(self) -> str:
        """Why a value is in none of the bins, in words."""
        if self.kind == "count":
            return "is no count, a whole number of zero or above: give the column the kind 'binned' or 'real'"
        return "lies outside of the bins: give the column other edges, or the kind 'real'"

    def decode(
        self, columns: Float[np.ndarray, "rows width"], random: np.random.Generator | None = None
    ) -> Shaped[np.ndarray, " rows"]:
        """The cells of the model's columns: a float64 column, or objects.

        Args:
            random: draws values within bins; by default these are means. The columns of bins may then hold probabilities.
        """
        absent = np.isnan(columns).any(axis=1)
        if self.is_number:
            if self.bins is None:
                values = self.mean + self.scale * columns[:, 0]
            elif random is None:
                values = columns @ self.bins.moments()[0]
            else:
                values = np.full(len(columns), np.nan)
                values[~absent] = self.bins.sample(columns[~absent].argmax(axis=1), random)
            values = values if self.decimals is None else np.round(values, self.decimals) + 0.0  # no -0
            return values if self.dates is None else self.dates.cells(values)
        levels = np.empty(len(self.levels), dtype=np.float64 if self.numeric else object)
        levels[:] = self.levels
        filled = np.where(absent[:, None], 0, columns)
        middle = 0.0 if self.kind == SPIN else 0.5
        cells = levels[np.argmax(filled, axis=1) if self.one_hot else (filled[:, 0] > middle).astype(np.int64)]
        cells[absent] = np.nan if self.numeric else None
        return cells

    def moments(
        self, mean: Float[np.ndarray, "rows width"], deviation: Float[np.ndarray, "rows width"]
    ) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """`mean` and `deviation` of a column of numbers, in its own units, from those of its columns in the model."""
        if self.bins is None:
            return self.mean + self.scale * mean[:, 0], self.scale * deviation[:, 0]
        first, second = (mean @ of for of in self.bins.moments())
        return first, np.sqrt(np.maximum(second - first**2, 0))

    def log_density(self, cells: Shaped[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        """What is to be added to the model's ln p of each of `cells` for the density of its value, in standard
        deviations (nats).

        Zero where the model's ln p is that already: of all kinds but binned columns and counts. Of counts, and at spikes, it
        is a mass, and has no unit.

        Raises:
            InputError: a cell of a binned column or count is no number.
        """
        found = np.zeros(len(cells))
        if self.bins is None:
            return found
        values = self.numbers(cells, "missing")
        known = ~np.isnan(values)
        found[known] = self.bins.log_density(values[known])
        if self.kind == "binned":
            found[known] += np.where(self.bins.states(values[known]) < len(self.bins.spikes), 0.0, math.log(self.scale))
        return found

    def description(self) -> dict[str, Any]:
        """The column in terms of JSON."""
        if self.is_number:
            numbers = {"kind": self.kind, "mean": self.mean, "scale": self.scale, "decimals": self.decimals}
            parts = ("spikes", "edges", "tails", *(("pieces",) if self.bins.pieces else ())) if self.bins else ()
            dates = {} if self.dates is None else {"dates": msgspec.structs.asdict(self.dates)}
            return numbers | {part: list(getattr(self.bins, part)) for part in parts} | dates
        return {"kind": self.kind, "levels": list(self.levels)}


@dataclass(frozen=True)
class Schema:
    """The columns of a table in the table's own order, and those that are left out, each with the reason.

    `constants`: of columns that are left out because all of their cells have one value, the value. `in_order`: the model has
    the columns in that order too, not grouped by kind (of models that were not trained on a table). `notes`: what is worth a
    look in a column, in words, such as how many cells are missing; they are not stored. `fingerprint`: of the table that it was
    made of; a model file has it beside the schema.

    Attributes:
        ignored: reasons by the names of the columns that are left out.
    """

    columns: tuple[Column, ...]
    ignored: Mapping[str, str]
    in_order: bool = False
    constants: Mapping[str, Value] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict, compare=False)
    fingerprint: Fingerprint | None = field(default=None, compare=False)

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
            names += [f"{column.name}={state}" for state in column.state_names] if column.one_hot else [column.name]
        return names

    def encode(self, data: Frame, unseen: str = "error") -> Float[np.ndarray, "rows visible"]:
        """A table, `data`, as rows of the model in float64, NaN where cells are missing; columns are found by their names.

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
        """The rows of `data` (from 0) of each column in which a cell has a value that the column does not have.

        Raises:
            InputError: as `encode`.
        """
        rows, slices = self.encode(data, "missing"), self.column_slices
        unknown = {name: np.isnan(rows[:, here.start]) & ~missing(data[name]) for name, here in slices.items()}
        return {name: np.flatnonzero(mask).tolist() for name, mask in unknown.items() if mask.any()}

    def decode(
        self, rows: Shaped[np.ndarray, "rows visible"], seed: int | None = None
    ) -> dict[str, Shaped[np.ndarray, " rows"]]:
        """`rows` of the model as the table's columns, in the table's order, categories and units.

        Args:
            seed: of draws of the values within bins; by default they are the means of their bins.
        """
        slices, rows = self.column_slices, np.asarray(rows, dtype=np.float64)
        random = None if seed is None else np.random.default_rng(seed)
        return {column.name: column.decode(rows[:, slices[column.name]], random) for column in self.columns}

    def with_means(
        self, rows: Float[np.ndarray, "rows visible"], means: Float[np.ndarray, "rows visible"]
    ) -> Float[np.ndarray, "rows visible"]:
        """`rows` whose bins have the probabilities in `means`, of which `decode` makes the mean of all their values."""
        rows, slices = rows.copy(), self.column_slices
        for column in self.columns:
            if column.bins is not None:
                rows[:, slices[column.name]] = means[:, slices[column.name]]
        return rows

    def log_density(self, data: Frame) -> Float[np.ndarray, " rows"]:
        """The sum of `Column.log_density` over the columns of each row of `data` (nats)."""
        return np.sum([column.log_density(data[column.name]) for column in self.columns], axis=0)

    @property
    def has_bins(self) -> bool:
        """Whether the values of some column lie in bins."""
        return any(column.bins is not None for column in self.columns)

    def description(self) -> dict[str, Any]:
        """The schema in terms of JSON, as `from_description` reads it."""
        columns = {column.name: column.description() for column in self.columns}
        constants = {"constants": dict(self.constants)} if self.constants else {}
        version = VERSION_OF_BINS if self.has_bins else VERSION
        if any(column.dates for column in self.columns):
            version = VERSION_OF_DATES
        return {"version": version, "columns": columns, "ignore": dict(self.ignored)} | constants


def from_description(description: object) -> Schema:
    """The schema that `Schema.description` wrote.

    Raises:
        InputError: it is damaged, or of a later version.
    """
    version = description.get("version") if isinstance(description, dict) else None
    if isinstance(version, int) and not VERSION <= version <= VERSION_OF_DATES:
        raise InputError(f"the schema has version {version}; this harmonium reads versions {VERSION} to {VERSION_OF_DATES}")
    stored: StoredSchema = convert(description, StoredSchema, "the schema is damaged")
    if not stored.columns:
        raise InputError("the schema is damaged: it has no columns")
    columns = tuple(read_column(name, spec) for name, spec in stored.columns.items())
    return Schema(columns, stored.ignore, constants=stored.constants)


def read_column(name: str, spec: ColumnSpec) -> Column:
    """The column that `Column.description` describes.

    Raises:
        InputError: the description is damaged.
    """
    levels, damaged = spec.levels or (), f"the schema is damaged: column {name!r}"
    count = len({value_text(level) for level in levels})
    bins = None
    if spec.kind in BINNED and spec.edges is not None and spec.spikes is not None and spec.tails is not None:
        bins = Bins(spec.spikes, spec.edges, spec.tails, spec.kind == "count", spec.pieces or ())
        if fault := bins.validation_error():
            raise InputError(f"{damaged}: {fault}")
    fits = {"binary": count == 2, "real": not levels, None: False} | dict.fromkeys(BINNED, bins is not None and not levels)
    if not fits.get(spec.kind, count > 0) or count != len(levels):
        raise InputError(f"{damaged} has no kind, or levels that are not of its kind")
    mean, scale = (0.0 if spec.mean is None else spec.mean), (1.0 if spec.scale is None else spec.scale)
    dates = said_dates(spec.dates) if isinstance(spec.dates, str) else spec.dates
    if dates is not None and ((problem := dates.validation_error()) or spec.kind not in ("real", "binned")):
        raise InputError(f"{damaged}: {problem or 'it is of dates, but neither real nor binned'}")
    return Column(name, str(spec.kind), levels, mean, scale, spec.decimals, bins, dates)
