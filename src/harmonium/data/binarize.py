"""Zeros and ones from gray levels, only as the user asks."""

from __future__ import annotations

import numpy as np

from harmonium import _checks
from harmonium.errors import InputError
from harmonium.io.csv_files import parse_number

HELP = "threshold=X (1 above X, else 0) or stochastic (1 with the value as its probability, drawn once)"


def binarize(values: np.ndarray, how: str, seed: int = 0) -> np.ndarray:
    """`values` as zeros and ones.

    Args:
        values: any numbers; for `stochastic`, from 0 to 1. how: `threshold=X` or `stochastic`. seed: of the draws.

    Raises:
        InputError: `how` is neither, a value is NaN, or `stochastic` is given a value outside [0, 1].

    Reference (stochastic): R. Salakhutdinov and I. Murray, ICML 2008, section 5.
    """
    values = _checks.numeric_array(values, "values")
    if np.isnan(values).any():
        raise InputError("values to be binarized include NaN; every value must be a number")
    how = _checks.instance(how, str, "how", HELP)
    if how == "stochastic":
        if ((values < 0) | (values > 1)).any():
            raise InputError(
                f"stochastic binarization takes values from 0 to 1, but they run from {values.min():g} to {values.max():g}"
            )
        return (np.random.default_rng(_checks.seed(seed)).random(values.shape) < values).astype(np.float64)
    threshold = parse_number(how.removeprefix("threshold=")) if how.startswith("threshold=") else None
    if threshold is None or not np.isfinite(threshold):
        raise InputError(f"binarize {how!r} is unknown: use {HELP}")
    return (values > threshold).astype(np.float64)
