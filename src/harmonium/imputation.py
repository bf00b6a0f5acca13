"""Rows with missing cells: their most probable values and draws of them, how likely rows are, and which cells are unexpected.

Rows are arrays `[n, V]` with NaN where a cell is missing; a unit of several columns is missing as a whole. Nothing here is
a mean-field value: what is said of a cell is of p(cell | observed cells), exact where the hidden layer can be enumerated in
some seconds and an average over clamped Gibbs chains elsewhere.

References: R. Little and D. Rubin, "Statistical Analysis with Missing Data", 2002, chapter 10 (multiple imputation);
A. Gelfand and A. Smith, JASA 85 (1990) (averages of conditionals rather than of draws).
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import _checks, exact, likelihood, model
from harmonium.errors import InputError
from harmonium.exact import missing as enumerated
from harmonium.exact.enumerate import MAX_STATES
from harmonium.likelihood import missing as of_rows
from harmonium.model import RBM, in_float64
from harmonium.random import key_of
from harmonium.samplers.gibbs import guess_missing
from harmonium.units import Units

CHAINS, SWEEPS = 20, 200
BLOCK_ELEMENTS = 1 << 21
"""Rows x chains x columns of the wider layer at a time."""
SURPRISAL_DRAWS = 50
"""Completions over which the surprisal of a cell is averaged in a row of which others are missing."""
PANELS, NODES, REACH = 8, 16, 20.0
"""Of the quadrature over a real cell: panels, at least, on either side, points of each, and deviations beyond extreme means."""


class Imputation(NamedTuple):
    """Rows whose missing cells are filled.

    `values [n, V]`: the most probable state of each missing unit given the observed cells, of units of a continuum the mean.
    `mean [n, V]`: E[v | v_o], of binary and one-hot columns the probability that they are 1. `deviation [n, V]`: the standard
    deviation of v given v_o, zero where observed. `draws [D, n, V]`: independent rows from p(v | v_o). `method`: how.
    """

    values: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    draws: np.ndarray
    method: str


class LogProbs(NamedTuple):
    """How likely rows are: `value [n]` in nats, ln p(v_o) if `log_partition` is known and ln p(v_o) + ln Z if it is None.

    `error [n]`: standard errors, zero where exact. `method`: how.
    """

    value: np.ndarray
    error: np.ndarray
    log_partition: float | None
    method: str


class Surprisal(NamedTuple):
    """`nats [n, units]`: -ln p(v_i | the row's other observed cells), of real units of the density, NaN where missing.

    `expected [n, V]`: E[v_i | the others], of binary and one-hot columns probabilities; NaN where missing.
    """

    nats: np.ndarray
    expected: np.ndarray


def impute(
    rbm: RBM,
    v: Any,
    draws: int = 0,
    *,
    method: str = "auto",
    chains: int = CHAINS,
    sweeps: int = SWEEPS,
    expected: bool = False,
    seed: int = 0,
) -> Imputation:
    """Fill the missing cells (NaN) of `v [n, V]`; observed cells stay as they are.

    Args:
        draws: multiple imputations D, beside the most probable values. method: `exact`, by enumeration of the hidden layer;
            `gibbs`; or `auto`, exact where that takes seconds. chains, sweeps: Gibbs chains for each row, and the sweeps of
            each, of which the second half is averaged and the last is a draw. expected: observed cells may hold expected
            values, such as gray levels that are probabilities of binary units.

    Raises:
        InputError: a malformed machine, v outside the units' domain, a unit missing in part, or an argument out of range.
    """
    rows = _rows(rbm, v, expected)
    draws = _checks.integer(draws, "draws", 0)
    chains, sweeps = _checks.integer(chains, "chains"), _checks.integer(sweeps, "sweeps", 2)
    key = key_of(seed)
    holes = np.isnan(rows).any(axis=1)
    if method not in ("auto", "exact", "gibbs"):
        raise InputError(f"method must be auto, exact or gibbs, but is {method!r}")
    states = rbm.hidden.state_count
    if method == "exact" and (states is None or states > MAX_STATES):
        raise InputError(f"the hidden units of {rbm!r} cannot be enumerated: use gibbs")
    mean, square = rows.copy(), rows**2
    drawn = np.repeat(rows[None], draws, axis=0)
    some, count = rows[holes], int(holes.sum())
    chains = max(chains, draws)
    by_chains = f"Gibbs, {chains} chains x {sweeps} sweeps a row"
    if not count or method == "exact" or (method == "auto" and enumerated.is_cheap(rbm, count, draws)):
        said = "exact"
    elif method == "auto" and enumerated.is_cheap(rbm, count):
        said = f"exact; draws by {by_chains}"
    else:
        said = by_chains
    if count and said != "exact":
        mean[holes], square[holes], drawn[:, holes] = _by_chains(rbm, some, draws, chains, sweeps, key)
    if count and said != by_chains:
        _, mean[holes], square[holes] = enumerated.observed(rbm, some)
    if count and said == "exact" and draws:
        drawn[:, holes] = enumerated.draw_missing(rbm, some, draws, key)
    deviation = np.where(np.isnan(rows), np.sqrt(np.maximum(square - mean**2, 0)), 0)
    return Imputation(np.where(np.isnan(rows), nearest_states(rbm.visible, mean), rows), mean, deviation, drawn, said)


def log_prob(rbm: RBM, v: Any, *, log_partition: float | None = None, seed: int = 0) -> LogProbs:
    """ln p(v_o) of each row of `v [n, V]`, NaN where cells are missing; up to the constant ln Z where that is not to be had.

    ln Z is enumerated if that takes some ten seconds. Rows with few observed cells are likelier than others: they say less.

    Args:
        log_partition: ln Z if at hand.

    Raises:
        InputError: as `impute`.
    """
    rows = _rows(rbm, v)
    if log_partition is None and likelihood.can_be_exact(rbm):
        log_partition = exact.log_partition(rbm)
    found = of_rows.log_weights(rbm, rows, _checks.seed(seed))
    return LogProbs(found.value - (log_partition or 0.0), found.error, log_partition, found.method)


def surprisal(rbm: RBM, v: Any, *, draws: int = SURPRISAL_DRAWS, seed: int = 0) -> Surprisal:
    """How unexpected each cell is in view of the rest of its row: -ln p(v_i | v_-i), from free energies.

    Exact in complete rows (for real units by quadrature). Where others of the row's cells are missing it is averaged over
    draws of them, p(v_i | v_o without i) = 1 / E[1 / p(v_i | v_-i)] under p(v_m | v_o).

    Args:
        v: `[n, V]`, NaN where cells are missing. draws: of the missing cells.

    Raises:
        InputError: as `impute`.
    """
    rows = _rows(rbm, v)
    absent = np.isnan(rows)
    holes = absent.any(axis=1)
    units = len(rbm.visible.boundaries) - 1
    nats, expected = np.empty((len(rows), units)), np.empty(rows.shape)
    if not holes.all():
        nats[~holes], expected[~holes] = _conditionals(rbm, rows[~holes])
    if holes.any():
        filled = impute(rbm, rows[holes], _checks.integer(draws, "draws"), seed=seed).draws
        found, means = _conditionals(rbm, filled.reshape(-1, rows.shape[1]))
        found, means = found.reshape(*filled.shape[:2], units), means.reshape(filled.shape)
        nats[holes] = _log_mean_exp(found)
        share = np.exp(found - found.max(axis=0))
        share = np.repeat(share / share.sum(axis=0), np.diff(rbm.visible.boundaries), axis=-1)
        expected[holes] = (share * means).sum(axis=0)
    expected[absent] = np.nan
    nats[absent[:, rbm.visible.boundaries[:-1]]] = np.nan
    return Surprisal(nats, expected)


def nearest_states(units: Units, mean: np.ndarray) -> np.ndarray:
    """The state of each unit that is nearest its mean, `[..., N]`: its most probable one, of a continuum the mean itself.

    So it is for units of two states and for one-hot units, whose means are probabilities.
    """
    found = mean.copy()
    for (first, end), table in zip(pairwise(units.boundaries), units.unit_tables, strict=True):
        if table is not None:
            distance = mean[..., first:end] @ table.T - (table**2).sum(axis=1) / 2
            found[..., first:end] = table[np.argmax(distance, axis=-1)]
    return found


def _rows(rbm: RBM, v: Any, expected: bool = False) -> np.ndarray:
    rows = model.validate(rbm).visible.check(v, "v", missing=True, expected=expected)
    if rows.ndim != 2 or len(rows) == 0:
        raise InputError(f"v must have shape [n, {rbm.visible.size}] with n at least 1, but has {list(rows.shape)}")
    return rows.astype(np.float64)


def _log_mean_exp(x: np.ndarray) -> np.ndarray:
    largest = x.max(axis=0)
    return np.log(np.exp(x - largest).mean(axis=0)) + largest


# ---- by clamped chains


def _by_chains(rbm: RBM, v: np.ndarray, draws: int, chains: int, sweeps: int, key: Any) -> tuple[np.ndarray, ...]:
    rows = max(1, min(len(v), BLOCK_ELEMENTS // (chains * max(rbm.weights.shape))))
    machine = in_float64(rbm)

    def run(first: int, some: np.ndarray) -> Any:
        return _chains(jax.random.fold_in(key, first), machine, some, jnp.asarray(sweeps), chains=chains)

    with jax.enable_x64(True):
        mean, square, ends = enumerated.in_batches(run, v, rows)
    return mean, square, np.moveaxis(ends, 1, 0)[:draws]


@partial(jax.jit, static_argnames="chains")
def _chains(key: Any, rbm: RBM, v: Any, sweeps: Any, *, chains: int) -> tuple[Any, Any, Any]:
    """E[v | v_o] and E[v^2 | v_o] `[B, V]` over the second half of the chains, and where they end `[B, chains, V]`."""
    held = jnp.tile(v, (chains, 1, 1))
    start = guess_missing(jax.random.fold_in(key, 0), rbm, held)

    def step(number: Any, carry: Any) -> Any:
        x, mean, square = carry
        h_key, x_key = jax.random.split(jax.random.fold_in(key, number + 1))
        inputs = model.visible_inputs(rbm, rbm.hidden.sample(h_key, model.hidden_inputs(rbm, x)))
        first, second = enumerated.conditional_moments(rbm.visible, inputs)
        counts = number >= sweeps // 2
        mean, square = (total + jnp.where(counts, new.mean(axis=0), 0) for total, new in ((mean, first), (square, second)))
        return jnp.where(jnp.isnan(held), rbm.visible.sample(x_key, inputs), held), mean, square

    zeros = jnp.zeros_like(v)
    ends, *sums = jax.lax.fori_loop(jnp.zeros_like(sweeps), sweeps, step, (start, zeros, zeros))
    count = sweeps - sweeps // 2
    mean, square = (jnp.where(jnp.isnan(v), total / count, known) for total, known in zip(sums, (v, v**2), strict=True))
    return mean, square, jnp.moveaxis(ends, 0, 1)


# ---- a cell given all others


def _conditionals(rbm: RBM, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-ln p(v_i | v_-i) `[n, units]` and E[v_i | v_-i] `[n, V]` of complete rows."""
    machine = in_float64(rbm)
    units = machine.visible
    nats, expected = np.empty((len(v), len(units.boundaries) - 1)), np.empty(v.shape)
    grids = _grids(machine) if any(table is None for table in units.unit_tables) else {}
    with jax.enable_x64(True):
        for unit, ((first, end), table) in enumerate(zip(pairwise(units.boundaries), units.unit_tables, strict=True)):
            points, log_weights = grids[int(first)] if table is None else (table, np.zeros(len(table)))
            layer = np.zeros((len(points), units.size))
            layer[:, first:end] = points
            arguments = points, layer, machine.weights[first:end], first, log_weights

            def conditional(_: int, some: np.ndarray, arguments: Any = arguments) -> Any:
                return _conditional(machine, some, *arguments)

            most = max(1, BLOCK_ELEMENTS // (len(points) * max(machine.weights.shape)))
            # A power of two, so that code compiled for some rows serves as many others.
            rows = min(most, 1 << (len(v) - 1).bit_length())
            nats[:, unit], expected[:, first:end] = enumerated.in_batches(conditional, v, rows)
    return nats, expected


@jax.jit
def _conditional(rbm: RBM, v: Any, points: Any, layer: Any, weights: Any, first: Any, log_weights: Any) -> tuple[Any, Any]:
    own = jax.lax.dynamic_slice_in_dim(v, first, points.shape[1], axis=1)
    others = model.hidden_inputs(rbm, v) - own @ weights
    # -F(v) as far as the unit changes it, at its own value and at all others.
    log_p = rbm.hidden.log_normalizer(others[:, None] + points @ weights) - rbm.visible.energy(layer) + log_weights
    alone = jax.lax.dynamic_update_slice_in_dim(jnp.zeros_like(v), own, first, axis=1)
    kept = rbm.hidden.log_normalizer(others + own @ weights) - rbm.visible.energy(alone)
    return jax.nn.logsumexp(log_p, axis=1) - kept, jax.nn.softmax(log_p, axis=1) @ points


def _grids(rbm: RBM) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """For each column of a continuum points that cover its values, `[n, 1]`, and the logs of their weights in a sum, `[n]`.

    From the column's extreme means over all states of the hidden layer, and as far beyond as it deviates from them. Gaussian
    quadrature on panels of which one begins at zero, where the density of some kinds has a kink.
    """
    lowest, highest = rbm.hidden.ranges
    if not np.isfinite([lowest, highest]).all():
        raise InputError(f"a cell's surprisal needs hidden units of bounded values here, but those of {rbm!r} are not")
    ends = np.stack([rbm.weights * lowest, rbm.weights * highest])
    with jax.enable_x64(True):
        inputs = np.stack([ends.min(axis=0).sum(axis=-1), ends.max(axis=0).sum(axis=-1)])
        mean, square = (np.asarray(part) for part in enumerated.conditional_moments(rbm.visible, inputs))
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    bounds = rbm.visible.ranges
    low = np.maximum(mean[0] - REACH * deviation.max(axis=0), bounds[0])
    high = np.minimum(mean[1] + REACH * deviation.max(axis=0), bounds[1])
    panels = max(PANELS, int(np.ceil(((high - low) / deviation.min(axis=0) / NODES).max())))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    grids = {}
    for column in np.flatnonzero(np.isinf(bounds[1])):
        middle = 0.0 if low[column] < 0 < high[column] else (low[column] + high[column]) / 2
        edges = [np.linspace(low[column], middle, panels + 1), np.linspace(middle, high[column], panels + 1)[1:]]
        starts = np.concatenate(edges)
        half = np.diff(starts)[:, None] / 2
        points = starts[:-1, None] + half * (nodes + 1)
        grids[int(column)] = points.reshape(-1, 1), np.log(half * weights).ravel()
    return grids
