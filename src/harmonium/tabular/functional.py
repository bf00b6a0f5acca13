"""Tables in, tables out: a machine and the schema of its columns, and any frame that narwhals knows (or a dict of columns).

    schema = hm.tabular.infer(frame)
    rows = hm.tabular.encode(schema, frame)
    rbm = hm.initialize(rows, hidden=20, visible=hm.tabular.units_of(schema))
    ...
    hm.tabular.impute(rbm, schema, frame).table

What is returned is of the library that came in, in the table's own columns, order, categories and units.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from harmonium import imputation, io, model
from harmonium._checks import integer
from harmonium.errors import InputError
from harmonium.imputation import LogProbs
from harmonium.io.frames import Frame, as_numbers, from_native, missing, to_native
from harmonium.model import RBM
from harmonium.tabular import inference
from harmonium.tabular.schema import SCHEMA, SPIN, Column, Schema, from_description
from harmonium.units import Binary, Categorical, Gaussian, Mixed, Spin, Units


class Completed(NamedTuple):
    """A table whose missing cells are filled with their most probable values, real ones with their mean.

    `cells`: each filled cell as columns `row` (from 0), `column`, `value`, `probability` of that value (None of a real column)
    and `deviation` (of a real one, in its own units, else None). `draws`: tables drawn from p(missing | observed).
    `method`: how.
    """

    table: Any
    cells: dict[str, list[Any]]
    draws: list[Any]
    method: str


class Scored(NamedTuple):
    """How likely the rows of a table are, and which cells make them so.

    `rows`: ln p of each row's observed cells, real ones counted in standard deviations. `surprise`: -ln p(cell | the row's
    other cells) in nats of each column, `[n]`, NaN where missing. `expected`: each cell's most probable value (of a real
    column the mean) given the others, a column each.
    """

    rows: LogProbs
    surprise: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]

    def unlikeliest(self, count: int) -> list[int]:
        """The indices of so many rows, the unlikeliest first."""
        return np.argsort(self.rows.value, kind="stable")[:count].tolist()

    def surprising(self, row: int) -> list[str]:
        """The columns of a row's observed cells, the most surprising first."""
        observed = {name: nats[row] for name, nats in self.surprise.items() if not np.isnan(nats[row])}
        return sorted(observed, key=lambda name: -observed[name])


class HiddenContribution(NamedTuple):
    """What one hidden unit says of a row.

    `nats`: by how much its log normalizer, its part of -F(v), is above that at an average row. `mean`: E[h | v], of a binary
    unit the probability that it is on. `inputs`: v . W above that of an average row, column by column of the table.
    """

    unit: int
    nats: float
    mean: float
    inputs: dict[str, float]


class Explained(NamedTuple):
    """-F of a row and its parts: `visible`, minus the energy of the visible units, and the hidden units' log normalizers.

    `free_energy`: F(v) in nats. `average`: the hidden units' log normalizers at an average row, all together; with it
    -F = visible + average + sum of the voices' nats. `voices`: strongest first. `filled`: columns that were missing in the row
    and hold their most probable values here.
    """

    free_energy: float
    visible: float
    average: float
    voices: list[HiddenContribution]
    filled: list[str]


def infer(table: Any, kinds: Mapping[str, Any] | None = None, ignore: Collection[str] = ()) -> Schema:
    """The schema of a table, see `harmonium.tabular.inference.infer`: kinds that are not given follow from the values."""
    return inference.infer(from_native(table), kinds, ignore)


def encode(schema: Schema, table: Any) -> np.ndarray:
    """A table as rows `[n, V]` for a machine, NaN where cells are missing, see `Schema.encode`."""
    return schema.encode(from_native(table))


def decode(schema: Schema, rows: Any, like: Any = "pandas") -> Any:
    """Rows `[n, V]` as a table of the library of `like`, a frame or a name; see `Schema.decode`."""
    return to_native(schema.decode(rows), like)


def units_of(schema: Schema) -> Units:
    """The visible units of a schema's columns, with biases of zero: binary, categorical and Gaussian, mixed where need be."""
    binary, levels, real = schema.grouped
    parts: list[Units] = []
    if binary:
        parts.append(Binary.zeros(len(binary)))
    if levels:
        parts.append(Categorical.zeros(tuple(column.width for column in levels)))
    if real:
        parts.append(Gaussian.zeros(len(real)))
    return parts[0] if len(parts) == 1 else Mixed(tuple(parts))


def schema_of(rbm: RBM, description: Mapping[str, Any]) -> Schema:
    """The schema that a model file's description holds; without one, a column for each visible unit, of its own values.

    Without one a categorical unit's column has the numbers of its categories, from 0, and no column is scaled.

    Raises:
        InputError: the schema is damaged or of another machine.
    """
    notes = description["notes"]
    if notes.get(SCHEMA) is not None:
        schema = from_description(notes[SCHEMA])
        if not rbm.visible.same_structure(units_of(schema)):
            raise InputError(f"the schema in the model file is not one of {rbm!r}")
        return schema
    columns = _columns_of(rbm.visible)
    names = notes.get("columns") or []
    if len(set(names)) != len(columns):
        names = [f"v{place + 1}" for place in range(len(columns))]
    return Schema(tuple(replace(column, name=name) for column, name in zip(columns, names, strict=True)), {}, in_order=True)


def _columns_of(units: Units) -> list[Column]:
    """A column without a name for each unit."""
    if isinstance(units, Mixed):
        return [column for part in units.parts for column in _columns_of(part)]
    if isinstance(units, Categorical):
        return [Column("", "categorical", tuple(map(float, range(count)))) for count in units.levels]
    column = Column("", "real")
    if isinstance(units, Binary):
        column = Column("", "binary", (0.0, 1.0))
    if isinstance(units, Spin):
        column = Column("", SPIN, (-1.0, 1.0))
    return [column] * units.size


def load(path: str | PathLike[str]) -> tuple[RBM, Schema]:
    """The machine and the schema of a model file; raises as `harmonium.load` and `schema_of`."""
    rbm, _, description = io.load_described(path)
    return rbm, schema_of(rbm, description)


def read_by_position(location: str, rbm: RBM, schema: Schema) -> Frame:
    """The table in a file for a model that was not trained on one, with the columns of `schema`.

    The file has those columns, by name or in order, or all columns of the model; an array has the model's.

    Raises:
        OSError: it cannot be read.
        InputError: it is no table, or its values are outside the units' domain.
    """
    if io.is_table_file(location):
        frame = io.read_frame(location)
        names = [column.name for column in schema.columns]
        if set(names) <= set(frame.columns):
            return frame
        if len(frame.columns) == len(names):
            return Frame(dict(zip(names, frame.columns.values(), strict=True)))
        if len(frame.columns) != rbm.visible.size:
            return frame  # encoding it says which columns it lacks
        rows = np.stack([as_numbers(cells, name) for name, cells in frame.columns.items()], axis=1)
    else:
        rows = io.read_table(location, missing=True).values
    return Frame(schema.decode(rbm.visible.check(rows, location, missing=True)))


def impute(
    rbm: RBM, schema: Schema, table: Any, draws: int = 0, *, method: str = "auto", sweeps: int = 200, seed: int = 0
) -> Completed:
    """Fill a table's missing cells, see `harmonium.impute`; columns that the schema ignores pass through.

    Raises:
        InputError: the table does not fit the schema, or an argument is out of range.
    """
    frame = from_native(table)
    rows = schema.encode(frame)
    found = imputation.impute(rbm, rows, draws, method=method, sweeps=sweeps, seed=seed)
    filled = _filled(schema, frame, found.values)
    cells: dict[str, list[Any]] = {name: [] for name in ("row", "column", "value", "probability", "deviation")}
    for column in schema.columns:
        place = schema.places[column.name]
        for row in np.flatnonzero(np.isnan(rows[:, place.start])):
            mean = found.mean[row, place]
            real = column.kind == "real"
            up = (1 + mean) / 2 if column.kind == SPIN else mean
            likely = float(up.max() if column.one_hot else max(up[0], 1 - up[0]))
            cells["row"].append(int(row))
            cells["column"].append(column.name)
            cells["value"].append(filled[column.name][row])
            cells["probability"].append(None if real else likely)
            cells["deviation"].append(float(found.deviation[row, place.start] * column.scale) if real else None)
    drawn = [to_native(_filled(schema, frame, rows), table) for rows in found.draws]
    return Completed(to_native(filled, table), cells, drawn, found.method)


def log_prob(rbm: RBM, schema: Schema, table: Any, *, seed: int = 0) -> Scored:
    """ln p of each row and the surprisal of each cell; see `hm.log_prob` and `hm.surprisal`; raises as `impute`."""
    rows = encode(schema, table)
    scored = imputation.log_prob(rbm, rows, seed=seed)
    nats, expected = imputation.surprisal(rbm, rows, seed=seed)
    likely = schema.decode(imputation.nearest_states(rbm.visible, np.nan_to_num(expected)))
    return Scored(scored, {name: nats[:, unit] for unit, name in enumerate(schema.places)}, likely)


def sample(
    rbm: RBM,
    schema: Schema,
    n: int,
    *,
    given: Mapping[str, Any] | None = None,
    method: str = "auto",
    sweeps: int = 1000,
    seed: int = 0,
    like: Any = "pandas",
) -> Any:
    """`n` rows drawn from the machine, as a table: the completions of a row of which nothing is known, or what is `given`.

    Args:
        given: values of some columns by name. like: the library of the table, by name or by a frame.

    Raises:
        InputError: a name or value in `given` is unknown, or an argument is out of range.
    """
    rows = given_row(schema, given or {})
    found = imputation.impute(rbm, rows, integer(n, "n"), method=method, chains=1, sweeps=sweeps, seed=seed)
    return decode(schema, found.draws[:, 0], like)


def given_row(schema: Schema, given: Mapping[str, Any]) -> np.ndarray:
    """A row `[1, V]` in which all cells but the given ones are missing.

    Raises:
        InputError: a name is none of the schema's columns, or a value none of the column's.
    """
    names = [column.name for column in schema.columns]
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise InputError(f"there is no column {unknown[0]!r}; the machine knows {', '.join(map(repr, names[:20]))}")
    return schema.encode(from_native({name: [given.get(name)] for name in names}))


def explain(rbm: RBM, schema: Schema, table: Any, row: int, *, average: Units | None = None, seed: int = 0) -> Explained:
    """Which hidden units speak for a row, and which of its cells make them do so.

    Everything is compared with an average row m, so that it does not depend on which state of a cell is called 0:
    unit j's voice is ln Z_j(v . W_j) - ln Z_j(m . W_j), with ln Z_j its log normalizer, ln(1 + e^S) for a binary unit.

    Args:
        row: its number, from 0. average: visible units whose mean is m, such as the base rate that a model file holds;
            by default the machine's own visible biases.

    Raises:
        InputError: the table does not fit the schema, or has no such row.
    """
    import jax

    from harmonium.exact.values import float64

    frame = from_native(table)
    if not 0 <= integer(row, "row", 0) < len(frame):
        raise InputError(f"there is no row {row}; the table has {len(frame)}")
    known = schema.encode(frame.rows([row]))
    v = imputation.impute(rbm, known, seed=seed).values
    machine = float64(rbm)
    with jax.enable_x64(True):
        m = np.asarray((average or machine.visible).mean(np.zeros(machine.visible.size)), dtype=np.float64)[None]
        at, at_average = (np.asarray(model.hidden_inputs(machine, x)) for x in (v, m))
        terms, mean_terms = (np.asarray(machine.hidden.log_normalizer_terms(inputs))[0] for inputs in (at, at_average))
        mean = np.asarray(machine.hidden.mean(at))[0]
        visible = -float(machine.visible.energy(v)[0])
    bounds = machine.hidden.boundaries
    voices = []
    for unit in np.argsort(-np.abs(terms - mean_terms)):
        columns = slice(bounds[unit], bounds[unit + 1])
        sent = (v - m)[0] @ machine.weights[:, columns] if bounds[unit + 1] - bounds[unit] == 1 else None
        inputs = (
            {}
            if sent is None
            else {
                name: float((v - m)[0, place] @ machine.weights[place, bounds[unit]]) for name, place in schema.places.items()
            }
        )
        voices.append(HiddenContribution(int(unit), float(terms[unit] - mean_terms[unit]), float(mean[bounds[unit]]), inputs))
    filled = [name for name, place in schema.places.items() if np.isnan(known[0, place.start])]
    return Explained(-visible - float(terms.sum()), visible, float(mean_terms.sum()), voices, filled)


def _filled(schema: Schema, frame: Frame, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The frame's columns with their missing cells taken from the rows; those that the schema does not know as they are."""
    decoded = schema.decode(rows)
    columns = {}
    for name, cells in frame.columns.items():
        columns[name] = cells
        if name in decoded:
            own = as_numbers(cells, name) if decoded[name].dtype.kind == "f" else cells
            columns[name] = np.where(missing(cells), decoded[name], own)
    return columns
