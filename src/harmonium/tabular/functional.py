"""Tables in, tables out: a model and the schema of its columns, and any frame that narwhals knows (or a dict of columns).

    schema = hm.tabular.infer(frame)
    rows = hm.tabular.encode(schema, frame)
    rbm = hm.initialize(rows, hidden=20, visible=hm.tabular.units_of(schema))
    ...
    hm.tabular.impute(rbm, schema, frame).table

Tables are returned in the library that came in, in the table's own columns, order, categories and units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from harmonium import _checks, imputation, sampling
from harmonium._types import ArrayLike
from harmonium.errors import InputError
from harmonium.imputation import LogProbs
from harmonium.io.frames import Value, fill_missing, from_native, missing, to_native
from harmonium.model import RBM
from harmonium.tabular.schema import SPIN, Schema


class TableImputation(NamedTuple):
    """A table whose missing cells are filled with their most probable values, numbers with their mean.

    `cells`: each filled cell as columns `row` (from 0), `column`, `value`, `probability` of that value (None of numbers)
    and `deviation` (of numbers, in their own units, else None); of a column in which the training rows had a single value,
    which is filled in, both are None. `draws`: tables drawn from p(missing | observed). `method`: how. `unseen`: the rows
    (from 0) of each column with a value that it did not have in training; they stay, and counted as missing.
    """

    table: Any
    cells: dict[str, list[Any]]
    draws: list[Any]
    method: str
    unseen: dict[str, list[int]]


class TableLogProbs(NamedTuple):
    """ln p of the rows of a table, and the surprisal of their cells.

    `rows`: ln p of each row's observed cells, the density of real and binned ones in standard deviations, see
    `Column.log_density`. `surprisal`: -ln p(cell | the row's other cells) in nats of each column, `[n]`, NaN where missing.
    `expected`: each cell's most probable value (of numbers the mean) given the others, a column each. `unseen`: as in
    `TableImputation`; such a cell has no surprisal.
    """

    rows: LogProbs
    surprisal: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    unseen: dict[str, list[int]]

    def unlikeliest(self, count: int) -> list[int]:
        """The indices of `count` rows, the unlikeliest first."""
        return np.argsort(self.rows.value, kind="stable")[:count].tolist()

    def surprising(self, row: int) -> list[str]:
        """The columns of a row's observed cells, the most surprising first."""
        observed = {name: nats[row] for name, nats in self.surprisal.items() if not np.isnan(nats[row])}
        return sorted(observed, key=lambda name: -observed[name])


class TableDraws(NamedTuple):
    """Rows drawn from a model as a table, how they were drawn, and reasons not to trust their proportions."""

    table: Any
    method: str
    warnings: list[str]


def encode(schema: Schema, table: object, unseen: str = "error") -> Float[np.ndarray, "rows visible"]:
    """A table as rows of a model, NaN where cells are missing, see `Schema.encode`."""
    return _checks.instance(schema, Schema, "schema").encode(from_native(table), unseen)


def decode(schema: Schema, rows: ArrayLike, like: object = "pandas", seed: int | None = None) -> Any:
    """Rows of a model as a table of the library of `like`, a frame or a name; `seed` as `Schema.decode` takes it."""
    width = _checks.instance(schema, Schema, "schema").width
    rows = _checks.numeric_array(rows, "rows")
    if rows.ndim != 2 or rows.shape[1] != width:
        raise InputError(f"rows must have shape [n, {width}], as the schema has it, but have {list(rows.shape)}")
    return to_native(schema.decode(rows, None if seed is None else _checks.seed(seed)), like)


def impute(
    rbm: RBM,
    schema: Schema,
    table: object,
    draws: int = 0,
    *,
    method: str = "auto",
    sweeps: int = 200,
    unseen: str = "missing",
    seed: int = 0,
) -> TableImputation:
    """Fill a table's missing cells, see `harmonium.impute`; columns that the schema ignores pass through.

    Observed cells, the table's index and its dtypes stay as they are.

    Args:
        unseen: `missing`: a value that its column did not have in training counts as missing, and stays; or `error`.
        All others as those of `harmonium.impute`.

    Raises:
        InputError: the table does not fit the schema, or an argument is out of range.
    """
    frame = from_native(table)
    rows = _checks.instance(schema, Schema, "schema").encode(frame, unseen)
    unknown = schema.find_unseen(frame)
    imputed = imputation.impute(rbm, rows, draws, method=method, sweeps=sweeps, seed=seed)
    filled = schema.with_means(imputed.values, imputed.mean)
    decoded = schema.decode(filled)
    cells: dict[str, list[Any]] = {name: [] for name in ("row", "column", "value", "probability", "deviation")}
    slices = schema.column_slices
    for column in schema.columns:
        here = slices[column.name]
        deviation = column.moments(imputed.mean[:, here], imputed.deviation[:, here])[1] if column.is_number else None
        for row in np.flatnonzero(missing(frame[column.name])).tolist():
            mean = imputed.mean[row, here]
            up = (1 + mean) / 2 if column.kind == SPIN else mean
            likely = float(up.max() if column.one_hot else max(up[0], 1 - up[0]))
            cells["row"].append(row)
            cells["column"].append(column.name)
            cells["value"].append(decoded[column.name][row])
            cells["probability"].append(None if column.is_number else likely)
            cells["deviation"].append(None if deviation is None else float(deviation[row]))
    for name in set(schema.constants) & set(frame.columns):
        for row in np.flatnonzero(missing(frame.columns[name])).tolist():
            for key, value in zip(cells, (row, name, schema.constants[name], None, None), strict=True):
                cells[key].append(value)
    drawn = [fill(schema, table, rows, place) for place, rows in enumerate(imputed.draws, seed)]
    return TableImputation(fill(schema, table, filled), cells, drawn, imputed.method, unknown)


def log_prob(rbm: RBM, schema: Schema, table: object, *, unseen: str = "missing", seed: int = 0) -> TableLogProbs:
    """ln p of each row and the surprisal of each cell; see `hm.log_prob` and `hm.surprisal`; else as `impute`."""
    frame = from_native(table)
    rows = encode(schema, frame, unseen)
    scored = imputation.log_prob(rbm, rows, seed=seed)
    scored = scored._replace(value=scored.value + schema.log_density(frame))
    nats, expected, _ = imputation.surprisal(rbm, rows, seed=seed)
    expected = np.nan_to_num(expected)
    likely = schema.decode(schema.with_means(rbm.visible.nearest_states(expected), expected))
    of_cells = {
        column.name: nats[:, unit] - column.log_density(frame[column.name]) for unit, column in enumerate(schema.model_columns)
    }
    return TableLogProbs(scored, of_cells, likely, schema.find_unseen(frame))


def sample(
    rbm: RBM,
    schema: Schema,
    n: int,
    *,
    given: Mapping[str, Value] | None = None,
    method: str = "auto",
    sweeps: int | None = None,
    seed: int = 0,
    like: object = "pandas",
) -> TableDraws:
    """`n` rows drawn from the model as a table, given the values of no column or of some.

    Args:
        given: values of some columns by name. method, sweeps: as in `harmonium.sample`. like: the library of the table, by
            name or by a frame.

    Raises:
        InputError: a name or value in `given` is unknown, or an argument is out of range.
    """
    given = _checks.instance({} if given is None else given, Mapping, "given", "a mapping of names to values")
    names = [column.name for column in _checks.instance(schema, Schema, "schema").columns]
    unknown = sorted(set(given) - set(names), key=str)
    if unknown:
        raise InputError(f"there is no column {unknown[0]!r}; the model has {', '.join(map(repr, names[:20]))}")
    fixed = from_native({name: [given.get(name)] for name in names})
    rows = schema.encode(fixed)
    drawn = sampling.draw(rbm, n, seed, clamp=rows[0] if given else None, method=method, sweeps=sweeps)
    columns = schema.decode(drawn.values, seed)
    for column in schema.columns:
        if column.bins is not None and column.name in given:
            columns[column.name] = np.full(len(drawn.values), column.numbers(fixed[column.name])[0])
    return TableDraws(to_native(columns, like), drawn.method, drawn.warnings)


def fill(schema: Schema, table: object, rows: Float[np.ndarray, "rows visible"], seed: int | None = None) -> Any:
    """The table with its missing cells taken from the rows, or of columns with a single value that value.

    `seed` as `Schema.decode` takes it.
    """
    names = from_native(table).columns
    constants = {name: np.array([value] * len(rows)) for name, value in schema.constants.items() if name in names}
    return fill_missing(table, schema.decode(rows, seed) | constants)
