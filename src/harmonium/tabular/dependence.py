"""Which columns of numbers stay real because others say more of them than bins do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from harmonium.units.normal_fit import fit_normal, leave_out

MAX_CORRELATED = 64
"""Real columns up to which they are correlated units: an update's time grows with the cube."""


def choose_binned(x: Float[np.ndarray, "n N"], gains: Mapping[int, float]) -> set[int]:
    """The columns that are likelier in bins, of some that are so by themselves.

    A column in bins no longer depends linearly on others without hidden units. So one after another goes into bins, first the
    one that gains most by it, as long as it gains more nats than the other real columns know of it: ln p(x_i | others) less
    ln p(x_i), means over rows left out, under the normal distribution of all real columns (NaN where cells are missing).

    Args:
        x: the columns of numbers, NaN where a cell is missing. gains: of some, what bins gain over a normal distribution by the
            column alone, in nats per value.
    """
    out = leave_out(len(x))
    mean, precision = fit_normal(x[~out])
    covariance = np.linalg.inv(precision)
    z = np.nan_to_num(x[out] - mean)  # a missing cell is at the mean
    known = ~np.isnan(x[out])
    binned: set[int] = set()
    while True:
        real = [column for column in range(x.shape[1]) if column not in binned]
        own = np.linalg.inv(covariance[np.ix_(real, real)])
        of_others = np.diag(own)
        slope = z[:, real] @ own
        alone = z[:, real] ** 2 / np.diag(covariance)[real] + np.log(np.diag(covariance)[real])
        nats = (alone - slope**2 / of_others + np.log(of_others)) / 2
        counts = np.maximum(known[:, real].sum(axis=0), 1)
        of_rest = np.where(known[:, real], nats, 0).sum(axis=0) / counts
        excess = {column: gains[column] - of_rest[place] for place, column in enumerate(real) if column in gains}
        best = max(excess, key=excess.__getitem__, default=None)
        if best is None or excess[best] <= 0:
            return binned
        binned.add(best)
