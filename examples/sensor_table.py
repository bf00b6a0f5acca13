"""A table of sensors: missing cells completed, faulty rows found, new rows drawn.

    python examples/sensor_table.py

The table is made up, by a law that is written out below, so that every answer can be checked.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from harmonium.sklearn import RBMDensity, RBMImputer


def sensors(rows: int, seed: int) -> pd.DataFrame:
    """A pump that is off, at work or under load; its temperature and its current follow, and an alarm at high temperature."""
    random = np.random.default_rng(seed)
    state = random.choice(["off", "at work", "under load"], size=rows, p=[0.3, 0.5, 0.2])
    warmth, current = (np.array([values[one] for one in state]) for values in (WARMTH, CURRENT))
    temperature = warmth + 3 * random.standard_normal(rows)
    return pd.DataFrame(
        {
            "state": state,
            "temperature": temperature.round(1),
            "current": (current + 0.4 * random.standard_normal(rows)).round(2),
            "alarm": np.where(temperature > 68, "yes", "no"),
        }
    )


WARMTH = {"off": 20.0, "at work": 45.0, "under load": 70.0}
CURRENT = {"off": 0.0, "at work": 4.0, "under load": 9.0}


def main(rows: int = 2000, n_iter: int = 300) -> dict[str, float]:
    table, other = sensors(rows, seed=0), sensors(rows, seed=1)
    settings = {"n_components": 10, "n_iter": n_iter, "random_state": 0}

    # A fifth of the cells get lost.
    random = np.random.default_rng(2)
    lost = pd.DataFrame(random.random(other.shape) < 0.2, columns=other.columns)
    completed = RBMImputer(**settings).fit(table).transform(other.mask(lost))
    right = float((completed["state"] == other["state"])[lost["state"]].mean())
    wrong_by = float((completed["temperature"].astype(float) - other["temperature"])[lost["temperature"]].abs().mean())
    print(f"lost states completed rightly: {right:.1%}; lost temperatures wrong by {wrong_by:.1f} degrees on average")

    # Pumps that draw current while they are off: every single value is a usual one.
    faulty = other[other["state"] == "off"].head(50).assign(current=4.0)
    density = RBMDensity(**settings).fit(table)
    scores = np.concatenate([density.score_samples(other), density.score_samples(faulty)])
    found = float(roc_auc_score(np.arange(len(scores)) >= len(other), -scores))
    print(f"faulty rows told from good ones: ROC AUC {found:.3f}")
    print(density.sample(5, random_state=0))
    return {"states": right, "temperature": wrong_by, "faults": found}


if __name__ == "__main__":
    main()
