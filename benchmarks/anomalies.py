"""Anomalies: ROC AUC of RBMDensity beside IsolationForest and LocalOutlierFactor on tables that scikit-learn ships.

Trained on two thirds of the normal rows; scored on the rest and on the anomalies, which no detector has seen. Five splits.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import here
from harmonium.sklearn import RBMDensity

SPLITS = 5


def tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows, and which of them are anomalies."""
    cancer, wine, digits = load_breast_cancer(), load_wine(), load_digits()
    return {
        "breast_cancer: malignant": (cancer.data, cancer.target == 0),
        "wine: the third cultivar": (wine.data, wine.target == 2),
        "digits (gray): the eights": (digits.data / 16, digits.target == 8),
        "digits (black and white): the eights": ((digits.data > 7).astype(float), digits.target == 8),
    }


def main(splits: int = SPLITS) -> str:
    contenders = {
        "RBMDensity": lambda seed: RBMDensity(random_state=seed),
        "RBMDensity, early stopping": lambda seed: RBMDensity(early_stopping=True, random_state=seed),
        "IsolationForest": lambda seed: IsolationForest(random_state=seed),
        "LocalOutlierFactor": lambda _seed: make_pipeline(StandardScaler(), LocalOutlierFactor(novelty=True)),
    }
    lines = []
    for table, (x, anomalous) in tables().items():
        line = [f"{table} ({x.shape[1]} columns)"]
        for make in contenders.values():
            areas = []
            for seed in range(splits):
                train, rest = train_test_split(x[~anomalous], test_size=1 / 3, random_state=seed)
                model = make(seed).fit(train)
                scored = np.concatenate([rest, x[anomalous]])
                outlier = np.arange(len(scored)) >= len(rest)
                areas.append(roc_auc_score(outlier, -model.score_samples(scored)))
            line.append(f"{np.mean(areas):.3f} ± {np.std(areas, ddof=1):.3f}" if splits > 1 else f"{areas[0]:.3f}")
        lines.append(line)
        print(*line, flush=True)
    note = f"Mean and standard deviation of ROC AUC over {splits} splits; everything by default."
    return here.table(["anomalies", *contenders], lines) + f"\n\n{note}"


if __name__ == "__main__":
    print(main())
