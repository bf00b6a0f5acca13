"""Do samples give away training rows: are those closer to samples than rows are that the model never saw?

The distance of a row to its closest sample is compared between training rows and held-out rows. Where the samples know nothing
of single training rows, both are draws of one distribution, whatever the samples are, so the test of Mann and Whitney applies:

    leak = P(a training row is closer to its closest sample than a held-out row is) + 1/2 P(as close)

is 1/2, and larger where samples repeat training rows. The leak score of one training row is the fraction of held-out rows that
are farther from their closest sample than this row, those as far counted half.

Reference: H. Mann and D. Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
Annals of Mathematical Statistics 18 (1947); M. Platzer and T. Reutterer, "Holdout-based empirical assessment of mixed-type
synthetic data", Frontiers in Big Data 4 (2021) (distances to the closest record, compared with held-out rows).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from harmonium import _checks
from harmonium._types import ArrayLike
from harmonium.diagnostics.adversarial import check_rows
from harmonium.diagnostics.verdict import Verdict, judge
from harmonium.errors import InputError

SIGNIFICANT = 0.01
"""The chance that samples that know nothing of single training rows are said to leak."""
DIGITS = 9
"""Of a distance, so that rounding makes no difference between rows that are equally far."""


@dataclass(frozen=True)
class Leak:
    """The leak, its standard error if the truth is 1/2, and the one-sided `p_value` of Mann and Whitney's test.

    `scores [n]`: of each training row. `distances`, `held_out_distances`: of each row to its closest sample. `closer`: the
    fraction of samples that are closer to a training row than to any of as many held-out rows, equal distances half.

    Attributes:
        leak: the fraction of pairs in which the training row is closer.
        standard_error: of the leak, if the truth is 1/2.
    """

    leak: float
    standard_error: float
    p_value: float
    closer: float
    scores: Float[np.ndarray, "n"]
    distances: Float[np.ndarray, "n"]
    held_out_distances: Float[np.ndarray, "m"]

    def to_dict(self) -> dict[str, float]:
        """Names and figures, for JSON; of the distances 5 % and 50 % quantiles."""
        figures = {name: getattr(self, name) for name in ("leak", "standard_error", "p_value", "closer")}
        for what, distances in (("train", self.distances), ("held_out", self.held_out_distances)):
            figures |= {f"{what}_distance_{q}_percent": float(np.quantile(distances, q / 100)) for q in (5, 50)}
        return figures

    @property
    def verdict(self) -> Verdict:
        """Whether training rows are closer to samples than held-out rows by more than chance."""
        probability = f"{self.leak:.3f} +- {self.standard_error:.3f} (ideal: 0.5; p = {self.p_value:.2g})"
        figure = f"training rows are closer to samples than held-out rows with probability {probability}"
        remedy = "samples repeat training rows; train for fewer updates, or with fewer hidden units"
        return judge("leak", figure, remedy if self.p_value < SIGNIFICANT else None)


def leak(samples: ArrayLike, train: ArrayLike, held_out: ArrayLike, seed: int = 0) -> Leak:
    """Compare the Euclidean distances of rows `train [n, V]` and `held_out [m, V]` to the closest of `samples [k, V]`.

    Args:
        samples: rows `[k, V]` drawn from the model.
        train: rows `[n, V]` on which it was trained.
        held_out: rows `[m, V]` on which it was not.
        seed: of all random numbers.

    Raises:
        InputError: no arrays of finite numbers `[n, V]` with at least 2 rows each and equal V.
    """
    points, rows, others = (check_rows(x, name) for x, name in ((samples, "samples"), (train, "train"), (held_out, "held_out")))
    if not points.shape[1] == rows.shape[1] == others.shape[1]:
        sizes = f"{points.shape[1]}, {rows.shape[1]} and {others.shape[1]}"
        raise InputError(f"samples, train and held_out must have the same number of columns, but have {sizes}")
    random = np.random.default_rng(_checks.seed(seed))
    distances, of_others = _closest(rows, points), _closest(others, points)
    order = np.sort(of_others)
    closer, as_close = (np.searchsorted(order, distances, side) for side in ("left", "right"))
    scores = 1 - (closer + as_close) / (2 * len(order))
    count = min(len(rows), len(others))
    to_rows, to_others = (_closest(points, random.permutation(each)[:count]) for each in (rows, others))
    n, m = len(rows), len(others)
    _, ties = np.unique(np.concatenate([distances, of_others]), return_counts=True)
    # Under the null, with ties (E. Lehmann, Nonparametrics, 1975, section 1.4).
    spread = (n + m + 1 - float((ties.astype(float) ** 3 - ties).sum()) / ((n + m) * (n + m - 1))) / (12 * n * m)
    mean, error = float(np.mean(scores)), float(np.sqrt(max(spread, 0.0)))
    return Leak(
        leak=mean,
        standard_error=error,
        p_value=float(stats.norm.sf((mean - 0.5) / error)) if error > 0 else 1.0,
        closer=float(np.mean(to_rows < to_others) + np.mean(to_rows == to_others) / 2),
        scores=scores,
        distances=distances,
        held_out_distances=of_others,
    )


def _closest(rows: Float[np.ndarray, "n columns"], points: Float[np.ndarray, "k columns"]) -> Float[np.ndarray, " n"]:
    """The distance of each row to the closest point."""
    from sklearn.metrics import pairwise_distances_argmin_min

    _, distances = pairwise_distances_argmin_min(rows, points)
    scale = max(float(np.abs(rows).max()), float(np.abs(points).max()), 1e-300)
    # Squares of distances are differences of squares: what is below their rounding is zero.
    return np.round(np.where(distances < 1e-6 * scale, 0.0, distances) / scale, DIGITS) * scale
