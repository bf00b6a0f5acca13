"""Rubin's rules: one estimate and its interval from the estimates of several completed tables.

With Q_i the estimate from table i of m and U_i its squared standard error,

    Q = mean of Q_i,   U = mean of U_i,   B = variance of Q_i (over m - 1),   T = U + (1 + 1/m) B,

the interval is Q -+ t sqrt(T), with t the quantile of Student's distribution of nu degrees of freedom. With
lambda = (1 + 1/m) B / T, and nu_c the degrees of freedom that the estimate would have without gaps,

    nu_m = (m - 1) / lambda^2,   nu_o = (1 - lambda) nu_c (nu_c + 1) / (nu_c + 3),   1 / nu = 1 / nu_m + 1 / nu_o.

References: D. Rubin, "Multiple Imputation for Nonresponse in Surveys", 1987, section 3.3; J. Barnard and D. Rubin,
"Small-sample degrees of freedom with multiple imputation", Biometrika 86 (1999).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from harmonium import _checks
from harmonium._types import ArrayLike
from harmonium.errors import InputError


class Pooled(NamedTuple):
    """Estimates `[...]` pooled over completed tables.

    `error`: the standard error, sqrt(T). `low`, `high`: the interval. `within`, `between`: U and B. `degrees`: nu.
    `missing_information`: the fraction of the information about the estimate that the gaps take away,
    (r + 2 / (nu + 3)) / (1 + r) with r = (1 + 1/m) B / U.
    """

    estimate: Float[np.ndarray, "..."]
    error: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    high: Float[np.ndarray, "..."]
    within: Float[np.ndarray, "..."]
    between: Float[np.ndarray, "..."]
    degrees: Float[np.ndarray, "..."]
    missing_information: Float[np.ndarray, "..."]


def pool(estimates: ArrayLike, errors: ArrayLike, degrees: ArrayLike = np.inf, *, level: float = 0.95) -> Pooled:
    """One estimate and its interval from those of several completed tables (see the module's text).

    The intervals are honest if the tables are: each drawn from a model of its own, as `harmonium.tabular.impute` does with
    `refit`.

    Args:
        estimates: of each table, `[m, ...]`, two tables or more.
        errors: their standard errors, of the same shape.
        degrees: of freedom of the estimates in a table without gaps, such as rows less coefficients of a regression: one
            number, or one for each estimate `[...]`; infinity is large samples'.
        level: of the interval.

    Raises:
        InputError: shapes differ, there are fewer than two tables, or a number is out of range.

    Example:
        >>> import harmonium as hm
        >>> pooled = hm.pool([1.0, 1.2, 0.9], [0.2, 0.2, 0.2], degrees=100)
        >>> float(pooled.estimate.round(4)), bool(pooled.low < 1 < pooled.high)
        (1.0333, True)
    """
    from scipy import special

    q, u = _checks.numeric_array(estimates, "estimates").astype(np.float64), _checks.numeric_array(errors, "errors") ** 2.0
    if q.shape != u.shape or q.ndim < 1 or len(q) < 2:
        raise InputError(
            "estimates and errors must have one shape [m, ...] with m at least 2 completed tables, but have "
            f"{list(q.shape)} and {list(u.shape)}"
        )
    if not (np.isfinite(q).all() and np.isfinite(u).all() and (u > 0).all()):
        raise InputError("estimates must be finite numbers, and errors finite and above zero")
    nu_c = _checks.numeric_array(degrees, "degrees").astype(np.float64)
    if nu_c.shape not in ((), q.shape[1:]) or not (nu_c > 0).all():
        raise InputError(
            f"degrees must be above zero, one number or of the estimates' shape {list(q.shape[1:])}, but are {degrees!r:.60}"
        )
    if not 0 < _checks.fraction(level, "level") < 1:
        raise InputError(f"level must be between 0 and 1, but is {level}")
    m = len(q)
    estimate, within, between = q.mean(axis=0), u.mean(axis=0), q.var(axis=0, ddof=1)
    added = (1 + 1 / m) * between
    total = within + added
    fraction, ratio = added / total, added / within
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = np.where(np.isinf(nu_c), np.inf, (1 - fraction) * nu_c * (nu_c + 1) / (nu_c + 3))
        nu = 1 / (fraction**2 / (m - 1) + 1 / observed)
    width = special.stdtrit(nu, (1 + level) / 2) * np.sqrt(total)
    missing = (ratio + 2 / (nu + 3)) / (1 + ratio)
    return Pooled(estimate, np.sqrt(total), estimate - width, estimate + width, within, between, nu, missing)
