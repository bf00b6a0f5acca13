"""What a model gains over independent units: the one rule by which reports and warnings say that it learned nothing."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from harmonium import _checks, exact, model
from harmonium._numerics import float64, standard_error, to_float64
from harmonium._types import ArrayLike
from harmonium.io.streams import drop_weightless
from harmonium.likelihood.conditionals import conditionals, conditionals_of
from harmonium.likelihood.missing import complete_rows, density_of, log_weights
from harmonium.model import RBM
from harmonium.units import Units

STANDARD_ERRORS, SMALL = 2.0, 1e-3
"""A gain of fewer standard errors is none, nor is one of this fraction of the independent units' log likelihood."""
CHEAP_SECONDS = 0.1
"""ln Z is enumerated where that takes no longer; elsewhere pseudo-likelihoods are compared."""
MAX_TERMS, POINTS = 1 << 28, 256
"""Rows x weights x states of a unit, or points of the quadrature over a real one, up to which all units are summed over."""
MIN_ROWS = 20
"""Rows, at least, on which all units are summed over, and complete rows for which others are left out."""


class Gain(NamedTuple):
    """By how much rows are likelier than under independent units, in nats per example.

    `mean`, `standard_error`: of the difference, over rows, with the error of ln Z. `baseline`, `baseline_error`: mean ln p
    under independent units, and its standard error over rows. `rows`: their number. `what`: what is compared, in words.
    """

    mean: float
    standard_error: float
    baseline: float
    baseline_error: float
    rows: int
    what: str

    @property
    def is_none(self) -> bool:
        """Whether it is within two standard errors of zero, or too small to count."""
        return not self.mean > max(STANDARD_ERRORS * self.standard_error, SMALL * abs(self.baseline))

    def __str__(self) -> str:
        better = "better" if not self.is_none else "no better" if self.mean <= 0 else "not clearly better"
        return (
            f"the model is {better} than independent units: the mean {self.what} of {self.rows:,} rows differs from theirs by "
            f"{self.mean:+.3f} +- {self.standard_error:.3f} nats"
        )


def compare_rows(
    values: Float[np.ndarray, " rows"],
    baseline: Float[np.ndarray, " rows"],
    what: str = "log likelihood",
    error: float = 0.0,
    weights: Float[np.ndarray, " rows"] | None = None,
) -> Gain:
    """The gain of ln p of rows, `values`, over `baseline`; `error`: the standard error of what all values have in common.

    Args:
        values: ln p of each row, `[n]`.
        baseline: ln p of each row under independent units, `[n]`.
        what: what is compared, in words.
        error: standard error of what all values have in common, such as that of ln Z.
        weights: of the rows, as `evaluate` takes them.
    """
    return Gain(
        float(np.average(values - baseline, weights=weights)),
        math.hypot(standard_error(values - baseline, weights), error),
        float(np.average(baseline, weights=weights)),
        standard_error(baseline, weights),
        len(values),
        what,
    )


def gain_over_independent(
    rbm: RBM,
    base_rate: Units,
    data: ArrayLike,
    *,
    log_partition: float | None = None,
    error: float = 0.0,
    expected: bool = False,
    seed: int = 0,
    weights: ArrayLike | None = None,
    log_density: ArrayLike | None = None,
) -> Gain:
    """By how much rows `[n, V]` are likelier than under the independent units `base_rate`; of the observed cells where some
    are NaN.

    Where ln Z is not given and would take more than a tenth of a second, the pseudo-log-likelihood is compared, the sum of
    ln p(v_i | v_-i) over units i, which of independent units is their log likelihood. Large models take fewer rows, the
    largest one random unit of each row.

    Args:
        rbm: the model.
        base_rate: visible units that do not depend on each other.
        data: rows `[n, V]`.
        log_partition: ln Z if it is known, and its standard `error`.
        error: its standard error.
        expected: rows may hold expected values of the units.
        seed: of the choice of units, and of what is drawn for missing cells.
        weights, log_density: of the rows, as `evaluate` takes them; densities count in `baseline`, and only where log
            likelihoods are compared.

    Raises:
        InputError: data outside the units' domain or without any value, an argument out of range, a result that is not finite,
            or real visible units beside hidden ones that are not bounded, where ln Z is not given.
    """
    model.validate(rbm)
    data, of_rows = drop_weightless(data, weights)
    rows = model.check_observed(model.check_rows(rbm, data, missing=True, expected=_checks.boolean(expected, "expected")))
    rows, seed = rows.astype(np.float64), _checks.seed(seed)
    error = _checks.not_negative(error, "error")
    if log_partition is not None:
        log_partition = _checks.finite(log_partition, "log_partition")
    elif exact.estimate_seconds(rbm) <= CHEAP_SECONDS:
        log_partition = exact.log_partition(rbm)
    if log_partition is not None:
        density = density_of(log_density, weights, len(rows))
        values = log_weights(rbm, rows, seed).value - log_partition + density
        baseline = base_rate_log_likelihoods(base_rate, rows, expected) + density
        return compare_rows(values, baseline, error=error, weights=of_rows)
    complete = ~np.isnan(rows).any(axis=1)
    if complete.sum() >= MIN_ROWS:
        rows, of_rows = rows[complete], None if of_rows is None else of_rows[complete]
    else:
        rows = complete_rows(rbm, rows, seed)
    rows = rbm.visible.nearest_states(rows)
    tables, what = rbm.visible.unit_tables, "pseudo-log-likelihood"
    states = max(POINTS if table is None else len(table) for table in tables)
    count = min(len(rows), MAX_TERMS // (rbm.weights.size * states))
    if count >= min(len(rows), MIN_ROWS):
        some = np.linspace(0, len(rows) - 1, count).astype(int)
        rows, of_rows = rows[some], None if of_rows is None else of_rows[some]
        values = -conditionals(rbm, rows)[0].sum(axis=1)
        return compare_rows(values, base_rate_log_likelihoods(base_rate, rows), what, weights=of_rows)
    chosen = np.random.default_rng(seed).integers(len(tables), size=len(rows))
    independent = model.independent(to_float64(base_rate), rbm.hidden)
    values, baseline = (-len(tables) * conditionals_of(each, rows, chosen) for each in (rbm, independent))
    return compare_rows(values, baseline, what, weights=of_rows)


def base_rate_log_likelihood(base_rate: Units, data: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The mean ln p(v) of `data [n, V]` under independent units (nats per example): the baseline of every model.

    Args:
        base_rate: visible units that do not depend on each other.
        data: rows `[n, V]`.
        weights: of the rows, as `evaluate` takes them.

    Raises:
        InputError: data outside the units' domain, or a result that is not finite.
    """
    data, of_rows = drop_weightless(data, weights)
    return float(np.average(base_rate_log_likelihoods(base_rate, data), weights=of_rows))


@np.errstate(all="ignore")
def base_rate_log_likelihoods(base_rate: Units, data: ArrayLike, expected: bool = False) -> Float[np.ndarray, " rows"]:
    """ln p(v) of each row under independent units, each of `base_rate` by itself; raises as `base_rate_log_likelihood`."""
    units = _checks.instance(base_rate, Units, "base_rate")
    rows = units.check(data, "data", missing=True, expected=expected).astype(np.float64)
    model.check_observed(rows)
    with float64():
        units = jax.tree.map(jnp.asarray, to_float64(units).marginals())
        zeros = jnp.zeros(units.size)
        values = np.asarray(units.given(rows).log_normalizer(zeros) - units.log_normalizer(zeros))
    return _checks.finite_result(values, "ln p(v)")
