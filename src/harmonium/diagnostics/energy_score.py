"""The energy score of draws: how far they lie from what came true, less how far they lie from each other.

    ES = mean |X_k - x| - mean over k < l of |X_k - X_l| / 2

of a row x and draws X_1 ... X_m. Its expectation is least for draws of the distribution that x came from (a proper score), the
lower the better; of a single number it is the continuous ranked probability score.

Reference: T. Gneiting and A. Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA 102 (2007), section
4.3.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from harmonium import _checks
from harmonium._types import ArrayLike
from harmonium.errors import InputError


def energy_score(rows: ArrayLike, draws: ArrayLike, scored: ArrayLike | None = None) -> Float[np.ndarray, " n"]:
    """The energy score of each of `rows [n, V]` under `draws [m, n, V]` of it, Euclidean distances in the units of the columns.

    Args:
        rows: `[n, V]`.
        draws: two for each row, or more.
        scored: `[n, V]`, the cells that count, by default those that are not NaN in `rows`; a row without any has the score
            NaN.

    Raises:
        InputError: shapes do not fit, there are fewer than two draws, or a cell that counts is not finite.

    Example:
        >>> import harmonium as hm
        >>> hm.diagnostics.energy_score([[0.0, 0.0]], [[[0.0, 0.0]], [[3.0, 4.0]]])
        array([0.])
    """
    x, drawn = _checks.float64_array(rows, "rows"), _checks.float64_array(draws, "draws")
    if x.ndim != 2 or drawn.ndim != 3 or drawn.shape[1:] != x.shape or len(drawn) < 2:
        raise InputError(
            f"rows must have shape [n, V] and draws [m, n, V] with m at least 2, but they have {list(x.shape)} and "
            f"{list(drawn.shape)}"
        )
    counts: Bool[np.ndarray, "n V"] = ~np.isnan(x) if scored is None else _checks.numeric_array(scored, "scored") != 0
    if counts.shape != x.shape:
        raise InputError(f"scored must have the shape of rows, {list(x.shape)}, but has {list(counts.shape)}")
    x, drawn = np.where(counts, x, 0), np.where(counts, drawn, 0)
    if not (np.isfinite(x).all() and np.isfinite(drawn).all()):
        raise InputError("rows and draws must be finite in the cells that count")
    off = np.linalg.norm(drawn - x, axis=2).mean(axis=0)
    apart = np.mean([np.linalg.norm(one - other, axis=1) for one, other in combinations(drawn, 2)], axis=0)
    return np.where(counts.any(axis=1), off - apart / 2, np.nan)
