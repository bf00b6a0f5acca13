"""Tables in, tables out: a model and the schema of its columns, and any frame that narwhals knows (or a dict of columns).

    schema = hm.tabular.infer(frame)
    rows = hm.tabular.encode(schema, frame)
    rbm = hm.initialize(rows, hidden=20, visible=hm.tabular.units_of(schema))
    ...
    hm.tabular.impute(rbm, schema, frame).table

Tables are returned in the library that came in, in the table's own columns, order, categories and units.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Float

from harmonium import _checks, imputation, sampling
from harmonium._types import ArrayLike
from harmonium.conditioning import Conditions, Intervals
from harmonium.errors import DivergenceError, InputError
from harmonium.imputation import LogProbs
from harmonium.io.frames import Value, fill_missing, from_native, missing, to_native
from harmonium.model import RBM
from harmonium.tabular.conditions import conditions_on_units, fulfills, read_conditions
from harmonium.tabular.fingerprint import warn_of_other_table
from harmonium.tabular.schema import SPIN, Column, Schema

FAR = 6.0
"""Standard deviations from the mean beyond which numbers that are asked for are said to be unlike any data."""
REFIT_UPDATES, REFIT_UPDATES_AT_A_TIME = 2000, 500
"""By which a trained model follows new weights of the rows, and of which a run that diverges loses the last."""
MAX_ROUNDS, MAX_MORE, MIN_TRIED = 20, 1_000_000, 10_000
"""Where conditions part bins: of draws, of draws beyond those asked for in a round, and of draws of which some must be kept."""


class TableImputation(NamedTuple):
    """A table whose missing cells are filled with their most probable values, numbers with their mean.

    `cells`: each filled cell as columns `row` (from 0), `column`, `value`, `probability` of that value (None of numbers)
    and `deviation` (of numbers, in their own units, of dates days or seconds, else None); of a column in which the training
    rows had a single value, which is filled in, both are None. `draws`: tables drawn from p(missing | observed). `method`: how.
    `unseen`: the rows (from 0) of each column with a value that it did not have in training; they stay, and counted as missing.

    Attributes:
        table: the filled table, a frame.
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
    """Rows drawn from a model as a table, how they were drawn, and reasons not to trust their proportions.

    `probability`: of the conditions, as in `harmonium.sampling.Draws`; where they part bins, times the fraction of draws kept,
    which is an estimate: `probability_error` is its standard error, zero elsewhere.

    Attributes:
        table: the rows, a frame.
        method: how they were drawn.
        warnings: reasons not to trust their proportions.
    """

    table: Any
    method: str
    warnings: list[str]
    probability: float | None
    probability_error: float = 0.0


def encode(schema: Schema, table: object, unseen: str = "error") -> Float[np.ndarray, "rows visible"]:
    """A table as rows of a model, NaN where cells are missing, see `Schema.encode`.

    Args:
        schema: of the table (`infer`, or `load` of a trained model).
        table: a frame of a library that narwhals knows, or a dict of columns.
        unseen: as `Schema.encode` takes it.

    Raises:
        InputError: as `Schema.encode`, or `table` is no table.

    Example:
        >>> import harmonium as hm
        >>> table = {"smokes": ["yes", "no", None, "no"], "region": ["north", "south", "east", "south"]}
        >>> schema = hm.tabular.infer(table)
        >>> hm.tabular.encode(schema, table)[:3]
        array([[ 1.,  0.,  1.,  0.],
               [ 0.,  0.,  0.,  1.],
               [nan,  1.,  0.,  0.]])
    """
    return _checks.instance(schema, Schema, "schema").encode(from_native(table), unseen)


def decode(schema: Schema, rows: ArrayLike, like: object = "pandas", seed: int | None = None) -> Any:
    """Rows of a model as a table of the library of `like`, a frame or a name; `seed` as `Schema.decode` takes it.

    Args:
        schema: of the table (`infer`, or `load` of a trained model).
        rows: of a model, `[n, V]`.
        like: the library of the table, by name or by a frame.
        seed: of draws of the values within bins; by default they are the means.

    Raises:
        InputError: rows of another number of columns, or a library of tables that is unknown or not installed.

    Example:
        >>> import harmonium as hm
        >>> table = {"smokes": ["yes", "no", "yes", "no"], "region": ["north", "south", "east", "south"]}
        >>> schema = hm.tabular.infer(table)
        >>> hm.tabular.decode(schema, hm.tabular.encode(schema, table), like=table)["smokes"]
        ['yes', 'no', 'yes', 'no']
    """
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
    refit: bool = False,
    method: str = "auto",
    sweeps: int = 200,
    unseen: str = "missing",
    seed: int = 0,
) -> TableImputation:
    """Fill a table's missing cells, see `harmonium.impute`; columns that the schema ignores pass through.

    Observed cells, the table's index and its dtypes stay as they are. For multiple imputation each of the `draws` is analyzed
    as if it had no gaps, and `harmonium.pool` makes one interval of the results.

    Args:
        rbm, schema, table, draws, method, sweeps, seed: as those of `harmonium.impute`.
        refit: before each draw train the model further on the table, which must be the one that it was trained on, with
            rows weighted at random (the Bayesian bootstrap). Without, draws are as if the model were known and not
            estimated, and pooled intervals are too narrow.
        unseen: `missing`: a value that its column did not have in training counts as missing, and stays; or `error`.

    Warns:
        UserWarning: with `refit`, the table is not the one that the schema was made of, or that is not recorded; or models
            diverged as they were trained further.

    Raises:
        InputError: the table does not fit the schema, or an argument is out of range.

    Reference: D. Rubin, "The Bayesian bootstrap", Annals of Statistics 9 (1981); R. Little and D. Rubin, "Statistical Analysis
    with Missing Data", 2002, section 10.2 (why the parameters of each draw must differ).

    Example:
        >>> import harmonium as hm
        >>> table = {"smokes": ["yes", "no", None, "no"], "coughs": ["yes", "no", "yes", "no"]}
        >>> schema = hm.tabular.infer(table)
        >>> rbm = hm.RBM(hm.tabular.units_of(schema), hm.Spin([-4.0]), [[4.0], [4.0]])
        >>> hm.tabular.impute(rbm, schema, table).table["smokes"]
        ['yes', 'no', 'yes', 'no']
    """
    frame = from_native(table)
    rows = _checks.instance(schema, Schema, "schema").encode(frame, unseen)
    unknown = schema.find_unseen(frame)
    draws = _checks.integer(draws, "draws", 0)
    anew = draws if _checks.boolean(refit, "refit") else 0
    if refit and not anew:
        raise InputError("refit must be False where draws is 0: it is for draws of the missing cells")
    imputed = imputation.impute(rbm, rows, draws - anew, method=method, sweeps=sweeps, seed=seed)
    if anew:
        warn_of_other_table(schema.fingerprint, rows)
        random = np.random.default_rng([_checks.seed(seed), len(rows)])
        each, sound = zip(*(_draw_refitted(rbm, rows, random, method, sweeps) for _ in range(anew)), strict=True)
        if not all(sound):
            words = f"{anew - sum(sound)} of {anew} refits diverged, and their last sound model was drawn from"
            warnings.warn(f"{words}: train a model of fewer hidden units, which these rows determine", stacklevel=2)
        imputed = imputed._replace(draws=np.concatenate(each), method=f"{imputed.method}; draws from {anew} refitted models")
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


def _draw_refitted(
    rbm: RBM, rows: Float[np.ndarray, "rows visible"], random: np.random.Generator, method: str, sweeps: int
) -> tuple[Float[np.ndarray, "1 rows visible"], bool]:
    """A draw of the missing cells from a model trained further on the rows with exponentially distributed weights, and whether
    that went to its end."""
    from harmonium import training  # slow to import, and for this alone

    seed = int(random.integers(2**31))
    weights = random.standard_exponential(len(rows))
    # With measures it would look at its own gain, which says nothing of a model that was trained before.
    settings: dict[str, Any] = {"measure": False, "updates_between_states": REFIT_UPDATES_AT_A_TIME, "seed": seed}
    refitted, sound = rbm, True
    try:
        for state in training.train(rbm, rows, weights=weights, updates=REFIT_UPDATES, **settings):
            refitted = state.rbm
    except DivergenceError:  # few rows, some of which weigh next to nothing
        sound = False
    return imputation.impute(refitted, rows, 1, method=method, sweeps=sweeps, seed=seed).draws, sound


def log_prob(rbm: RBM, schema: Schema, table: object, *, unseen: str = "missing", seed: int = 0) -> TableLogProbs:
    """ln p of each row and the surprisal of each cell; see `hm.log_prob` and `hm.surprisal`; else as `impute`.

    Args:
        rbm: the model.
        schema: of the table (`infer`, or `load` of a trained model).
        table: a frame of a library that narwhals knows, or a dict of columns.
        unseen: as in `impute`.
        seed: of all random numbers.

    Raises:
        InputError: the table does not fit the schema, or an argument is out of range.

    Example:
        >>> import harmonium as hm
        >>> table = {"smokes": ["yes", "no", None, "no"], "coughs": ["yes", "no", "yes", "no"]}
        >>> schema = hm.tabular.infer(table)
        >>> rbm = hm.RBM(hm.tabular.units_of(schema), hm.Spin([-4.0]), [[4.0], [4.0]])
        >>> hm.tabular.log_prob(rbm, schema, table).unlikeliest(2)
        [0, 1]
    """
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
    given: Mapping[str, Value | date] | None = None,
    where: str | Sequence[str] = (),
    forbid: str | Sequence[str] = (),
    method: str = "auto",
    sweeps: int | None = None,
    seed: int = 0,
    like: object = "pandas",
) -> TableDraws:
    """`n` rows drawn from the model as a table, given the values of no column or of some, and under conditions.

    Args:
        rbm: the model.
        schema: of the table (`infer`, or `load` of a trained model).
        n: number of rows.
        given: values of some columns by name.
        where: conditions that all rows fulfill, such as `age >= 18`.
        forbid: combinations that no row has, such as `age < 16, married = yes`; both as `conditions` reads them.
        method, sweeps: as in `harmonium.sample`.
        seed: of all random numbers.
        like: the library of the table, by name or by a frame.

    Raises:
        InputError: a name or value in `given` is unknown, a condition as in `conditions`, or an argument is out of range.

    Example:
        >>> import harmonium as hm
        >>> schema = hm.tabular.infer({"smokes": ["yes", "no", "yes", "no"], "coughs": ["yes", "no", "yes", "no"]})
        >>> rbm = hm.RBM(hm.tabular.units_of(schema), hm.Spin([-4.0]), [[4.0], [4.0]])
        >>> hm.tabular.sample(rbm, schema, 3, given={"smokes": "yes"}, seed=0, like={}).table["smokes"]
        ['yes', 'yes', 'yes']
    """
    given = _checks.instance({} if given is None else given, Mapping, "given", "a mapping of names to values")
    names = [column.name for column in _checks.instance(schema, Schema, "schema").columns]
    unknown = sorted(set(given) - set(names), key=str)
    if unknown:
        raise InputError(f"there is no column {unknown[0]!r}; the model has {', '.join(map(repr, names[:20]))}")
    n = _checks.integer(n, "n")
    cells = from_native({name: [given.get(name)] for name in names})
    rows, slices = schema.encode(cells), schema.column_slices
    fixed = {
        column.name: _fixed_cell(column, cells[column.name], rows[:, slices[column.name]])
        for column in schema.columns
        if not missing(cells[column.name])[0]
    }
    for name in fixed:
        if np.isnan(rows[0, slices[name]]).any():
            raise InputError(f"given has {given[name]!r} for column {name!r}, which is no value: leave out what is free")
    asked = read_conditions(schema, where, forbid, fixed)
    on_units = conditions_on_units(schema, asked)
    settings: dict[str, Any] = {"clamp": rows[0] if fixed else None, "where": on_units if where or forbid else None}
    settings |= {"method": method, "sweeps": sweeps}
    parts: list[dict[str, np.ndarray]] = []
    tried, kept = 0, 0
    while kept < n:
        # Only where conditions part a bin are draws left out; as many more are made as seem to be needed.
        more = math.ceil(1.2 * (n - kept) * tried / max(1, kept))
        wanted = min(100 * n, n + MAX_MORE, more) if tried else n
        if len(parts) >= MAX_ROUNDS or (tried >= MIN_TRIED and not kept):
            raise InputError(
                f"{kept:,} of {tried:,} draws fulfill conditions that part bins: ask for fewer rows or wider ranges"
            )
        drawn = sampling.draw(rbm, wanted, _checks.seed(seed) + len(parts), **settings)
        columns = schema.decode(drawn.values, seed + len(parts))
        columns |= {name: np.repeat(cell, wanted) for name, cell in fixed.items()}
        mask = fulfills(schema, columns, asked)
        tried, kept = tried + wanted, kept + int(mask.sum())
        parts.append({name: cells[mask] for name, cells in columns.items()})
    table = to_native({name: np.concatenate([part[name] for part in parts])[:n] for name in parts[0]}, like)
    doubts = drawn.warnings if drawn.probability is not None else [*drawn.warnings, *_warn_of_extremes(schema, on_units, fixed)]
    if kept == tried:
        return TableDraws(table, drawn.method, doubts, drawn.probability)
    how = f"{drawn.method}; {100 * kept / tried:.3g} % of {tried:,} draws kept, as conditions part bins"
    fraction, among = kept / tried, drawn.probability
    if among is None:
        return TableDraws(table, how, doubts, None)
    error = among * math.sqrt(fraction * (1 - fraction) / tried)
    return TableDraws(table, how, doubts, among * fraction, error)


def _fixed_cell(column: Column, cells: np.ndarray, rows: Float[np.ndarray, "1 width"]) -> np.ndarray:
    """A given value as the column has it, numbers as they are."""
    if not column.is_number:
        return column.decode(rows)
    return column.numbers(cells) if column.dates is None else column.dates.cells(column.numbers(cells))


def _warn_of_extremes(schema: Schema, on_units: Conditions, fixed: Mapping[str, np.ndarray]) -> list[str]:
    """A warning of numbers that are fixed or limited to values far from all that the model was trained on."""
    words = []
    for unit, column in enumerate(schema.model_columns):
        if column.is_number and column.name in fixed:
            distance = abs(float(column.numbers(fixed[column.name])[0]) - column.mean) / column.scale
        elif column.kind == "real" and unit in on_units.where:
            intervals = cast(Intervals, on_units.where[unit])
            distance = min(max(low, -high, 0.0) for low, high in intervals)
        else:
            continue
        if distance > FAR:
            words.append(f"column {column.name!r} is {distance:.3g} standard deviations from its mean")
    return [f"{'; '.join(words)}: draws may be unlike any data"] if words else []


def fill(schema: Schema, table: object, rows: Float[np.ndarray, "rows visible"], seed: int | None = None) -> Any:
    """The table with its missing cells taken from the rows, or of columns with a single value that value.

    `seed` as `Schema.decode` takes it.
    """
    names = from_native(table).columns
    constants = {name: np.array([value] * len(rows)) for name, value in schema.constants.items() if name in names}
    return fill_missing(table, schema.decode(rows, seed) | constants)
