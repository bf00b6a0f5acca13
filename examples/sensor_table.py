"""A table of sensors: missing cells filled, faulty rows found, new rows sampled.

    python examples/sensor_table.py

The table is synthetic, from a distribution that is written out below, so that every answer can be checked.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from harmonium.sklearn import RBMDensity, RBMImputer


def sensors(rows: int, seed: int) -> pd.DataFrame:
    """A pump that is off, at work or under load, which sets its temperature and current; an alarm at high temperature."""
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

    # A fifth of the cells is missing.
    random = np.random.default_rng(2)
    missing = pd.DataFrame(random.random(other.shape) < 0.2, columns=other.columns)
    filled = RBMImputer(**settings).fit(table).transform(other.mask(missing))
    right = float((filled["state"] == other["state"])[missing["state"]].mean())
    wrong_by = float((filled["temperature"].astype(float) - other["temperature"])[missing["temperature"]].abs().mean())
    print(f"missing states filled rightly: {right:.1%}; missing temperatures wrong by {wrong_by:.1f} degrees on average")

    # Pumps that draw current while they are off: each value by itself is common.
    faulty = other[other["state"] == "off"].head(50).assign(current=4.0)
    density = RBMDensity(**settings).fit(table)
    scores = np.concatenate([density.score_samples(other), density.score_samples(faulty)])
    area = float(roc_auc_score(np.arange(len(scores)) >= len(other), -scores))
    print(f"faulty against normal rows: ROC AUC {area:.3f}")
    print(density.sample(5, random_state=0))
    return {"states": right, "temperature": wrong_by, "faults": area}


if __name__ == "__main__":
    main()
