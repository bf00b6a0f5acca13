"""Rows with missing cells: their most probable values and draws of them, how likely rows are, and which cells are unexpected.

Rows are arrays `[n, V]` with NaN where a cell is missing; a unit of several columns is missing entirely. Nothing here is a
mean-field value: all results are of p(cell | observed cells), exact where the hidden layer can be enumerated in some seconds,
and averages over tempered chains with the observed cells fixed elsewhere, whose equilibrium is checked row by row.

References: R. Little and D. Rubin, "Statistical Analysis with Missing Data", 2002, chapter 10 (multiple imputation);
A. Gelfand and A. Smith, JASA 85 (1990) (averages of conditionals rather than of draws).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from harmonium import _checks, exact, likelihood, model
from harmonium._numerics import float64, to_float64
from harmonium._types import ArrayLike, Key
from harmonium.errors import InputError
from harmonium.exact import missing as enumerated
from harmonium.exact import normal
from harmonium.exact.normal import is_normal, normal_of
from harmonium.likelihood.clamped import temper_rows, warn_of_unsettled
from harmonium.likelihood.conditionals import conditionals
from harmonium.likelihood.missing import log_weights
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import guess_missing

CHAINS, SWEEPS = 20, 200
BLOCK_ELEMENTS = 1 << 21
"""Rows x chains x columns of the wider layer at a time."""
SURPRISAL_DRAWS = 50
"""Imputations that the surprisal of a cell is averaged over where a row has more completions than that."""


class Imputation(NamedTuple):
    """Rows whose missing cells are filled.

    `values`: the most probable state of each missing unit given the observed cells; of continuous units the mean. `mean`:
    E[v | v_o], of binary and one-hot columns the probability of a 1. `deviation`: the standard deviation of v given v_o, zero
    where observed. `draws`: independent rows from p(v | v_o). `method`: how they were obtained.
    """

    values: Float[np.ndarray, "rows visible"]
    mean: Float[np.ndarray, "rows visible"]
    deviation: Float[np.ndarray, "rows visible"]
    draws: Float[np.ndarray, "draws rows visible"]
    method: str


class LogProbs(NamedTuple):
    """How likely rows are: `value` in nats, ln p(v_o), or ln p(v_o) + ln Z where `log_partition` is None.

    `error`: standard errors, zero where exact. `method`: how they were obtained.
    """

    value: Float[np.ndarray, "rows"]
    error: Float[np.ndarray, "rows"]
    log_partition: float | None
    method: str


class UnitPrediction(NamedTuple):
    """A visible unit given the others: `mean`, `deviation` of its columns, of binary and one-hot ones the probability of a 1.

    `nats`: -ln p of the unit's own value, of a real unit of the density; NaN where it is missing. `method`: how they were
    obtained.
    """

    mean: Float[np.ndarray, "rows columns"]
    deviation: Float[np.ndarray, "rows columns"]
    nats: Float[np.ndarray, "rows"]
    method: str


class Surprisal(NamedTuple):
    """`nats`: -ln p(v_i | the row's other observed cells), of real units of the density; NaN where missing.

    `expected`: E[v_i | the others], of binary and one-hot columns probabilities; NaN where missing. `method`: how they were
    obtained.
    """

    nats: Float[np.ndarray, "rows units"]
    expected: Float[np.ndarray, "rows visible"]
    method: str


@np.errstate(all="ignore")
def impute(
    rbm: RBM,
    v: ArrayLike,
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
        rbm: the model.
        v: rows `[n, V]`, NaN where cells are missing.
        draws: number of multiple imputations D.
        method: `exact`, by enumeration of a row's completions or of the hidden layer; `gibbs`; or `auto`, exact in the rows
            where that takes seconds, and by tempered chains in others, with a warning if they are not in equilibrium.
        chains, sweeps: of `gibbs`, chains for each row, and the sweeps of each; the second half is averaged, the last one
            is a draw.
        expected: observed cells may hold expected values, such as gray levels that are probabilities of binary units.
        seed: of all random numbers.

    Raises:
        InputError: a malformed model, v outside the units' domain, a unit missing in part, an argument out of range, or a
            result that is not finite.

    Example:
        >>> import numpy as np
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Spin([-4]), [[4], [4]])
        >>> filled = hm.impute(rbm, [[1, np.nan], [0, 1]])
        >>> filled.values, filled.mean.round(3)
        (array([[1., 1.],
               [0., 1.]]), array([[1.   , 0.965],
               [0.   , 1.   ]]))
    """
    _checks.boolean(expected, "expected")
    rows = model.check_rows(rbm, v, "v", missing=True, expected=expected).astype(np.float64)
    draws = _checks.integer(draws, "draws", 0)
    chains, sweeps = _checks.integer(chains, "chains"), _checks.integer(sweeps, "sweeps", 2)
    key = key_of(seed)
    holes = np.isnan(rows).any(axis=1)
    _checks.choice(method, ("auto", "exact", "gibbs"), "method")
    mean, square = rows.copy(), rows**2
    drawn = np.repeat(rows[None], draws, axis=0)
    summed = np.full(holes.sum(), method == "exact")
    if method == "auto":
        summed = enumerated.cheap_rows(to_float64(rbm), rows[holes])
    at, how = np.flatnonzero(holes), "exact"
    if not summed.all():
        some = at[~summed]
        if method == "gibbs":
            chains = max(chains, draws)
            mean[some], square[some], drawn[:, some] = _run_chains(rbm, rows[some], draws, chains, sweeps, key)
            by_chains = f"Gibbs, {chains} chains x {sweeps} sweeps a row"
        else:
            found = temper_rows(rbm, rows[some], key, draws=draws, max_error=np.inf)
            mean[some], square[some], drawn[:, some] = found.mean, found.square, np.moveaxis(found.draws, 1, 0)
            by_chains = "tempered chains"
            warn_of_unsettled(int((~found.settled).sum()), 2)
        how = f"exact, of {len(some):,} rows {by_chains}" if summed.any() else by_chains
    if summed.any():
        some = at[summed]
        _, mean[some], square[some] = enumerated.posterior(rbm, rows[some])
        if draws:
            drawn[:, some] = enumerated.draw_missing(rbm, rows[some], draws, key)
    deviation = np.where(np.isnan(rows), np.sqrt(np.maximum(square - mean**2, 0)), 0)
    values = np.where(np.isnan(rows), rbm.visible.nearest_states(mean), rows)
    for part, name in ((values, "an imputed value"), (mean, "a mean"), (deviation, "a deviation"), (drawn, "a draw")):
        _checks.finite_result(part, name)
    return Imputation(values, mean, deviation, drawn, how)


def log_prob(rbm: RBM, v: ArrayLike, *, log_partition: float | None = None, expected: bool = False, seed: int = 0) -> LogProbs:
    """ln p(v_o) of each row of `v [n, V]`, NaN where cells are missing; up to the constant ln Z where that is unknown.

    ln Z, unless it is given as `log_partition`, is enumerated if that takes about ten seconds. Rows with few observed cells are
    likelier than others: they say less; one without any has ln p = 0. `expected`: as in `impute`.

    Args:
        rbm: the model.
        v: rows `[n, V]`.
        log_partition: ln Z if it is known.
        expected: as in `impute`.
        seed: of what is drawn for missing cells.

    Raises:
        InputError: as `impute`, or no cell of `v` is observed.

    Example:
        >>> import numpy as np
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.log_prob(rbm, [[0, 1], [np.nan, 1]]).value.round(6)
        array([-1.513105, -0.424321])
    """
    _checks.boolean(expected, "expected")
    rows = model.check_observed(model.check_rows(rbm, v, "v", missing=True, expected=expected), "v").astype(np.float64)
    if log_partition is not None:
        log_partition = _checks.finite(log_partition, "log_partition")
    elif likelihood.can_be_exact(rbm):
        log_partition = exact.log_partition(rbm)
    of_rows = log_weights(rbm, rows, _checks.seed(seed))
    warn_of_unsettled(of_rows.unsettled, 2)
    return LogProbs(of_rows.value - (log_partition or 0.0), of_rows.error, log_partition, of_rows.method)


def surprisal(rbm: RBM, v: ArrayLike, *, draws: int = SURPRISAL_DRAWS, seed: int = 0) -> Surprisal:
    """How unexpected each cell is given the rest of its row: -ln p(v_i | v_-i), from free energies.

    Exact in complete rows (for real units by quadrature). Where other cells of the row are missing it is averaged over them,
    p(v_i | v_o without i) = 1 / E[1 / p(v_i | v_-i)] under p(v_m | v_o): over all their values, or over draws if those are
    fewer.

    Args:
        rbm: the model.
        v: `[n, V]`, NaN where cells are missing.
        draws: of the missing cells.
        seed: of all random numbers.

    Raises:
        InputError: as `impute`.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.surprisal(rbm, [[0, 1]]).nats.round(6)
        array([[1.088785, 0.45117 ]])
    """
    rows = model.check_rows(rbm, v, "v", missing=True).astype(np.float64)
    key, draws, wide = key_of(seed), _checks.integer(draws, "draws"), to_float64(rbm)
    gaussian = normal_of(wide)
    if gaussian is not None:
        nats, expected, _ = normal.conditionals(gaussian, rows)
        return Surprisal(nats, expected, "exact")
    absent = np.isnan(rows)
    nats, expected, method = np.empty((len(rows), len(rbm.visible.boundaries) - 1)), np.empty(rows.shape), "exact"
    few = enumerated.count_completions(wide, rows) <= draws
    for here, completions in enumerated.complete(wide, rows, np.flatnonzero(few)):
        nats[here], expected[here] = _average_conditionals(wide, completions)
    rest = np.flatnonzero(~few)
    drawable = enumerated.cheap_rows(wide, rows[rest])
    size = max(1, BLOCK_ELEMENTS // (draws * rows.shape[1]))
    unsettled = 0
    for some, by_chains in ((rest[drawable], False), (rest[~drawable], True)):
        for start in range(0, len(some), size):
            here = some[start : start + size]
            own = jax.random.fold_in(key, start)
            if by_chains:
                found = temper_rows(rbm, rows[here], own, draws=draws, max_error=np.inf)
                drawn, unsettled = found.draws.reshape(-1, rows.shape[1]), unsettled + int((~found.settled).sum())
            else:
                drawn = np.moveaxis(enumerated.draw_missing(rbm, rows[here], draws, own), 0, 1).reshape(-1, rows.shape[1])
            equal = enumerated.Completions(np.arange(len(here)) * draws, drawn, np.zeros(len(drawn)))
            nats[here], expected[here] = _average_conditionals(wide, equal)
    if len(rest):
        of_which = "" if len(rest) == len(rows) else f" of {len(rest):,} rows"
        how = "exact" if drawable.all() else "tempered chains"
        warn_of_unsettled(unsettled, 2)
        method = f"averages over {draws} draws of the missing cells{of_which} ({how})"
    expected[absent] = np.nan
    nats[absent[:, rbm.visible.boundaries[:-1]]] = np.nan
    return Surprisal(nats, expected, method)


def _average_conditionals(
    rbm: RBM, completions: enumerated.Completions
) -> tuple[Float[np.ndarray, "rows units"], Float[np.ndarray, "rows visible"]]:
    """-ln p and the mean of each cell given the row's others, from those in the completions: averages of 1 / p, weighted so."""
    each, means, _ = conditionals(rbm, completions.v)
    counts = np.diff(completions.starts, append=len(each))
    log_terms = each + completions.log_weight[:, None]
    largest = np.repeat(np.maximum.reduceat(log_terms, completions.starts), counts, axis=0)
    weights = np.exp(log_terms - largest)
    totals = np.add.reduceat(weights, completions.starts)
    nats = largest[completions.starts] + np.log(totals) - completions.normalize()[0][:, None]
    weights = np.repeat(weights / np.repeat(totals, counts, axis=0), np.diff(rbm.visible.boundaries), axis=-1)
    return nats, np.add.reduceat(weights * means, completions.starts)


def predict(rbm: RBM, v: ArrayLike, unit: int, *, method: str = "auto", sweeps: int = SWEEPS, seed: int = 0) -> UnitPrediction:
    """p(v_i | the row's other observed cells) of one visible unit, whether its own cell is observed or not.

    Rows in which all other cells are observed are exact: -F as a function of v_i is ln p up to a constant. In others the
    missing cells are summed over, as in `impute`.

    Args:
        v: `[n, V]`, NaN where cells are missing.
        unit: its index.
        method, sweeps: as in `impute`, for rows with missing cells.

    Raises as `impute`.
    """
    rows = model.check_rows(rbm, v, "v", missing=True).astype(np.float64)
    bounds = rbm.visible.boundaries
    if _checks.integer(unit, "unit", 0) >= len(bounds) - 1:
        raise InputError(f"unit must be below {len(bounds) - 1}, the number of visible units, but is {unit}")
    here = slice(int(bounds[unit]), int(bounds[unit + 1]))
    own, others = rows[:, here].copy(), rows.copy()
    others[:, here] = np.nan
    known, real = ~np.isnan(own[:, 0]), rbm.visible.unit_tables[unit] is None
    whole = ~np.isnan(np.delete(rows, here, axis=1)).any(axis=1)
    if real and not (is_normal(rbm) or np.isfinite(rbm.hidden.ranges).all()):
        whole = np.zeros_like(whole)  # there is no quadrature for these
    mean, square = np.empty(own.shape), np.empty(own.shape)
    nats, how = np.full(len(rows), np.nan), "exact"
    if whole.any():
        filled = rows[whole]
        filled[:, here] = np.where(known[whole, None], own[whole], rbm.visible.zero_state[here])
        of_own, mean[whole], square[whole] = conditionals(rbm, filled, unit)
        nats[whole] = np.where(known[whole], of_own[:, 0], np.nan)
    if not whole.all():
        imputed = impute(rbm, others[~whole], method=method, sweeps=sweeps, seed=seed)
        how = imputed.method
        mean[~whole] = imputed.mean[:, here]
        square[~whole] = imputed.deviation[:, here] ** 2 + mean[~whole] ** 2
        scored = known & ~whole
        if real and scored.any():
            parts = (log_prob(rbm, some[scored], log_partition=0.0, seed=seed) for some in (others, rows))
            without, with_own = parts
            nats[scored], how = without.value - with_own.value, f"{how}; densities: {without.method}"
        elif scored.any():
            table = rbm.visible.unit_tables[unit]
            assert table is not None
            # A unit of one column has two states, between which its mean lies; of others the means are probabilities.
            p = mean[scored]
            if own.shape[1] == 1:
                low, high = table.min(), table.max()
                p = np.concatenate([high - p, p - low], axis=1) / (high - low)
                chosen = (own[scored, 0] == high).astype(int)
            else:
                chosen = own[scored].argmax(axis=1)
            nats[scored] = -np.log(np.maximum(p[np.arange(len(p)), chosen], np.finfo(np.float64).tiny))
    return UnitPrediction(mean, np.sqrt(np.maximum(square - mean**2, 0)), nats, how)


# ---- by clamped chains


def _run_chains(
    rbm: RBM, v: Float[np.ndarray, "rows visible"], draws: int, chains: int, sweeps: int, key: Key
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = max(1, min(len(v), BLOCK_ELEMENTS // (chains * max(rbm.weights.shape))))
    with float64():
        run = partial(_chains, key, to_float64(rbm), jnp.asarray(sweeps), chains=chains)
        mean, square, ends = enumerated.in_batches(run, v, rows)
    return mean, square, np.moveaxis(ends, 1, 0)[:draws]


@partial(jax.jit, static_argnames="chains")
def _chains(
    key: Key, rbm: RBM, sweeps: Array, first: Array, v: Float[Array, "rows visible"], *, chains: int
) -> tuple[Float[Array, "rows visible"], Float[Array, "rows visible"], Float[Array, "rows chains visible"]]:
    """E[v | v_o] and E[v^2 | v_o] over the second half of the chains, and their last states."""
    key, observed = jax.random.fold_in(key, first), jnp.repeat(v[None], chains, axis=0)
    row = rbm.visible.given(v[None])
    start = guess_missing(jax.random.fold_in(key, 0), rbm, observed)

    def step(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, mean, square = carry
        h_key, x_key = jax.random.split(jax.random.fold_in(key, i + 1))
        inputs = model.visible_inputs(rbm, rbm.hidden.sample(h_key, model.hidden_inputs(rbm, x)))
        first, second = row.moments(inputs)
        counts = i >= sweeps // 2
        mean, square = (total + jnp.where(counts, new.mean(axis=0), 0) for total, new in ((mean, first), (square, second)))
        return row.sample(x_key, inputs), mean, square

    zeros = jnp.zeros_like(v)
    ends, *sums = jax.lax.fori_loop(jnp.zeros_like(sweeps), sweeps, step, (start, zeros, zeros))
    count = sweeps - sweeps // 2
    mean, square = (jnp.where(jnp.isnan(v), total / count, known) for total, known in zip(sums, (v, v**2), strict=True))
    return mean, square, jnp.moveaxis(ends, 0, 1)
