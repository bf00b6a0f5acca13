"""One column of a table, predicted from the others."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from harmonium import _checks, imputation
from harmonium.errors import InputError
from harmonium.io.frames import Value, from_native
from harmonium.model import RBM
from harmonium.tabular.schema import SPIN, Schema


class Score(NamedTuple):
    """A mean over rows and its standard error, beside that of the column's own distribution in these rows, the `baseline`."""

    mean: float
    error: float
    baseline: float


class TablePrediction(NamedTuple):
    """A column given the other cells of each row.

    `values [n]`: the most probable value, of numbers the mean. `probabilities`: of each of the column's values, `[n]`; none of
    numbers. `deviation [n]`: of numbers, of dates in days or seconds, else None. `scores`: over the `known` rows in which the
    column has a value, `log loss`, the mean -ln p of that value in nats (of a real or binned column the density in standard
    deviations), with `accuracy`, the fraction that is predicted, or of numbers `squared error`, the mean of (value - mean)^2;
    empty without such rows. `method`: how. `unseen`: as in `TableImputation`.
    """

    values: Shaped[np.ndarray, " rows"]
    probabilities: dict[Value, Float[np.ndarray, " rows"]]
    deviation: Float[np.ndarray, " rows"] | None
    known: int
    scores: dict[str, Score]
    method: str
    unseen: dict[str, list[int]]


def predict(
    rbm: RBM,
    schema: Schema,
    table: object,
    column: str,
    *,
    method: str = "auto",
    sweeps: int = 200,
    unseen: str = "missing",
    seed: int = 0,
) -> TablePrediction:
    """Predict a column of a table from the others, and score the prediction where the column has values.

    The cells of the column itself are not used; the table may lack it. Other cells may be missing.

    Args:
        rbm: the model.
        schema: of the table (`infer`, or `load` of a trained model).
        table: a frame of a library that narwhals knows, or a dict of columns.
        column: its name.
        method, sweeps, unseen: as in `impute`.
        seed: of all random numbers.

    Raises:
        InputError: the table does not fit the schema, there is no such column, or an argument is out of range.

    Example:
        >>> import harmonium as hm
        >>> table = {"smokes": ["yes", "no", "yes", "no"], "coughs": ["yes", "no", "yes", "no"]}
        >>> schema = hm.tabular.infer(table)
        >>> rbm = hm.RBM(hm.tabular.units_of(schema), hm.Spin([-4.0]), [[4.0], [4.0]])
        >>> hm.tabular.predict(rbm, schema, table, "coughs").scores["accuracy"]
        Score(mean=1.0, error=0.0, baseline=0.5)
    """
    frame = from_native(table)
    names = list(_checks.instance(schema, Schema, "schema").column_slices)
    if _checks.instance(column, str, "column", "the name of a column") not in names:
        raise InputError(f"the model has no column {column!r:.80}; it has {', '.join(map(repr, names[:20]))}")
    if column not in frame.columns:
        frame = replace(frame, columns=frame.columns | {column: np.full(len(frame), np.nan)})
    rows, here = schema.encode(frame, unseen), schema.column_slices[column]
    (of,) = (each for each in schema.columns if each.name == column)
    own = rows[:, here]
    known = ~np.isnan(own[:, 0])
    found = imputation.predict(rbm, rows, names.index(column), method=method, sweeps=sweeps, seed=seed)
    values = of.decode(found.mean)
    result: dict[str, Any] = {"probabilities": {}, "deviation": None, "scores": {}}
    nats = found.nats
    if of.is_number:
        values, result["deviation"] = of.moments(found.mean, found.deviation)  # not rounded
        cells = of.numbers(frame[column], "missing")[known]
        density = of.log_density(cells)
        nats = nats.copy()
        nats[known] -= density
        errors, name = (values[known] - cells) ** 2, "squared error"
        of_baseline = cells.var() if known.any() else 0.0
        if of.bins is None:
            nats_of_baseline = math.log(2 * math.pi * math.e * max(of_baseline / of.scale**2, np.finfo(np.float64).tiny)) / 2
        elif known.any():
            nats_of_baseline = _entropy(own[known].argmax(axis=1), of.width) - float(density.mean())
    else:
        up = (1 + found.mean) / 2 if of.kind == SPIN else found.mean
        p = found.mean if of.one_hot else np.concatenate([1 - up, up], axis=1)
        result["probabilities"] = dict(zip(of.levels, p.T, strict=True))
        true_codes = own[known].argmax(axis=1) if of.one_hot else (own[known, 0] > 0).astype(int)
        errors, name = (p[known].argmax(axis=1) == true_codes).astype(float), "accuracy"
        of_baseline = np.bincount(true_codes, minlength=1).max() / max(1, known.sum())
        nats_of_baseline = _entropy(true_codes, len(of.levels))
    if known.any():
        pairs = (("log loss", nats[known], nats_of_baseline), (name, errors, of_baseline))
        result["scores"] = {name: _score(each, float(baseline)) for name, each, baseline in pairs}
    if of.dates is not None:
        values = of.dates.cells(values)
    unknown = schema.find_unseen(frame)
    return TablePrediction(values, known=int(known.sum()), method=found.method, unseen=unknown, **result)


def _entropy(codes: Int[np.ndarray, " rows"], count: int) -> float:
    """That of the frequencies of states, in nats."""
    shares = np.bincount(codes, minlength=count) / max(1, len(codes))
    return -float(shares @ np.log(np.where(shares > 0, shares, 1)))


def _score(values: Float[np.ndarray, " rows"], baseline: float) -> Score:
    return Score(float(values.mean()), float(values.std() / math.sqrt(len(values))), baseline)
