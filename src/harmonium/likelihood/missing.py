"""ln p(v_o) + ln Z of rows with missing cells: by enumeration, or by tempered chains (`clamped`), row by row."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Float

from harmonium import _checks, exact
from harmonium._numerics import counts_of, float64, to_float64
from harmonium._types import ArrayLike, Key
from harmonium.errors import InputError
from harmonium.exact import missing as enumerated
from harmonium.likelihood.clamped import STAGES, temper_rows
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import guess_missing, resample_missing

SWEEPS = 50
"""Of the chains that complete rows."""


class LogWeights(NamedTuple):
    """ln p(v_o) + ln Z of rows in nats, its standard errors (zero where exact), how it was obtained, and of how many rows the
    chains are not in equilibrium, so that the error may be too small."""

    value: Float[np.ndarray, "rows"]
    error: Float[np.ndarray, "rows"]
    method: str
    unsettled: int

    def mean_error(self, weights: Float[np.ndarray, "rows"] | None = None) -> float:
        """The standard error of the mean over rows, whose chains are independent."""
        shares = counts_of(weights, len(self.error)) / counts_of(weights, len(self.error)).sum()
        return float(np.sqrt(((shares * self.error) ** 2).sum()))


def log_weights(
    rbm: RBM,
    v: Float[np.ndarray, "rows visible"],
    seed: int = 0,
    *,
    stages: int = len(STAGES),
    max_terms: int = enumerated.MAX_TERMS,
) -> LogWeights:
    """ln p(v_o) + ln Z of each row, NaN where cells are missing: -F(v) of complete rows.

    Exact where no cell is missing, and in the rows that are cheap to enumerate, see `exact.missing.cheap_rows`; others by
    tempered chains, `stages` as in `clamped.temper_rows`.

    Raises:
        InputError: a result that is not finite.
    """
    v = np.asarray(v, dtype=np.float64)
    holes = np.isnan(v).any(axis=1)
    value, error = np.empty(len(v)), np.zeros(len(v))
    value[~holes] = exact.log_likelihood(rbm, v[~holes], 0.0, expected=True)  # callers have checked what the rows may hold
    method, unsettled = "exact", 0
    if holes.any():
        cheap = enumerated.cheap_rows(to_float64(rbm), v[holes], max_terms=max_terms)
        exactly, tempered = np.flatnonzero(holes)[cheap], np.flatnonzero(holes)[~cheap]
        if len(exactly):
            value[exactly] = enumerated.posterior(rbm, v[exactly], moments=False).log_weight
        if len(tempered):
            found = temper_rows(rbm, v[tempered], key_of(seed), stages=stages)
            value[tempered], error[tempered], unsettled = found.value, found.error, int((~found.settled).sum())
            of_which = "" if len(tempered) == len(v) else f" of {len(tempered):,} rows"
            method = f"tempered chains of the missing cells{of_which}"
    return LogWeights(_checks.finite_result(value, "ln p(v) + ln Z"), error, method, unsettled)


def complete_rows(rbm: RBM, v: Float[np.ndarray, "rows visible"], seed: int = 0) -> Float[np.ndarray, "rows visible"]:
    """The rows with their missing cells drawn, by a short clamped chain each: a start for chains of the whole model."""
    if not np.isnan(v).any():
        return v
    with float64():
        guess_key, key = jax.random.split(key_of(seed))
        return np.asarray(_complete(guess_key, key, to_float64(rbm), np.asarray(v, dtype=np.float64)))


@jax.jit
def _complete(guess_key: Key, key: Key, rbm: RBM, v: Float[Array, "rows visible"]) -> Float[Array, "rows visible"]:
    return resample_missing(key, rbm, v, guess_missing(guess_key, rbm, v), SWEEPS)


def density_of(log_density: ArrayLike | None, weights: ArrayLike | None, count: int) -> Float[np.ndarray, " rows"] | float:
    """What is added to ln p of the `count` rows whose weight is above zero, from that of all rows; 0 where it is None.

    Raises:
        InputError: it is not one finite number for each row.
    """
    if log_density is None:
        return 0.0
    density = _checks.finite_array(log_density, "log_density", (None,))
    if weights is not None and np.shape(weights) == density.shape:
        density = density[np.asarray(weights) > 0]
    if len(density) != count:
        raise InputError(f"log_density must have one number for each row, but has {len(density)} for {count} rows")
    return density
