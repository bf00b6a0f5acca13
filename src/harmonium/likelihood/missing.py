"""ln p(v_o) + ln Z of rows with missing cells: by enumeration, or by annealed importance sampling row by row.

Where a row's missing cells have few joint states, -F of the completed rows is summed over these. Otherwise the hidden layer is
enumerated if it is small.

With v_o fixed, the missing cells v_m and h are a model of their own, whose ln Z is in question. Its path begins where the
missing units receive constant inputs c and send nothing, and switches their weights on:

    ln p_beta(v_m) = -energy(v_o, v_m) + (1 - beta) c . v_m + ln Z_h(W' v_o + beta W' v_m) + constant,   c = W E[h | W' v_o],

with ln Z_h the hidden layer's log normalizer. At beta = 0 its ln Z is a sum over units, at beta = 1 it is the one wanted. The
mean weight is unbiased; its logarithm is low in expectation, by about half its squared standard error.

References: R. Neal, "Annealed importance sampling", Statistics and Computing 11 (2001); R. Salakhutdinov and I. Murray,
ICML 2008, section 4.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from harmonium import _checks, exact, model
from harmonium._numerics import float64, log_mean_exp, to_float64
from harmonium._types import Key
from harmonium.exact import missing as enumerated
from harmonium.likelihood.log_weights import relative_error
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import guess_missing, resample_missing
from harmonium.units import Units

RUNS, TEMPERATURES = 64, 256
"""Annealing runs of each row."""
SWEEPS = 50
"""Of the chains that complete rows."""
MAX_COMPLETIONS = 64
"""Joint states of a row's missing cells that are summed over."""
MAX_COMPLETED = 1 << 23
"""Completed rows x columns at a time: 64 MiB."""
BLOCK_ELEMENTS = 1 << 21
"""Rows x runs x columns of the wider layer at a time."""


class LogWeights(NamedTuple):
    """ln p(v_o) + ln Z of rows in nats, its standard errors (zero where exact), and how it was obtained."""

    value: Float[np.ndarray, "rows"]
    error: Float[np.ndarray, "rows"]
    method: str

    @property
    def mean_error(self) -> float:
        """The standard error of the mean over rows, which are annealed independently."""
        return float(np.sqrt((self.error**2).sum()) / len(self.error))


def log_weights(
    rbm: RBM,
    v: Float[np.ndarray, "rows visible"],
    seed: int = 0,
    *,
    runs: int = RUNS,
    temperatures: int = TEMPERATURES,
    max_terms: int = enumerated.MAX_TERMS,
) -> LogWeights:
    """ln p(v_o) + ln Z of each row, NaN where cells are missing: -F(v) of complete rows.

    Exact where the missing cells of a row have at most MAX_COMPLETIONS joint states, or where rows x hidden states x columns
    of all others are at most `max_terms`; otherwise annealed, with `runs` runs for each row.

    Raises:
        InputError: a result that is not finite.
    """
    v = np.asarray(v, dtype=np.float64)
    value, error = np.empty(len(v)), np.zeros(len(v))
    few, method = _has_few_completions(rbm.visible, v), "exact"
    value[few] = _sum_completions(rbm, v[few])
    holes = ~few
    if holes.any():
        rows = v[holes]
        if enumerated.is_cheap(rbm, len(rows), max_terms=max_terms):
            value[holes] = enumerated.posterior(rbm, rows).log_weight
        else:
            value[holes], error[holes] = _anneal(to_float64(rbm), rows, seed, runs, temperatures)
            method = f"AIS of the missing cells, {runs} runs x {temperatures} temperatures a row"
    return LogWeights(_checks.finite_result(value, "ln p(v) + ln Z"), error, method)


def _has_few_completions(units: Units, v: Float[np.ndarray, "rows visible"]) -> Bool[np.ndarray, "rows"]:
    counts = [np.inf if table is None else len(table) for table in units.unit_tables]
    with np.errstate(over="ignore"):
        return np.where(np.isnan(v[:, units.boundaries[:-1]]), counts, 1).prod(axis=1) <= MAX_COMPLETIONS


def _sum_completions(rbm: RBM, v: Float[np.ndarray, "rows visible"]) -> Float[np.ndarray, "rows"]:
    """ln sum over the states of the missing cells of exp(-F(v)), for rows where they are few."""
    units, values = rbm.visible, []
    some = max(1, MAX_COMPLETED // (MAX_COMPLETIONS * units.size)) if np.isnan(v).any() else max(1, len(v))
    for first in range(0, len(v), some):
        rows = v[first : first + some]
        absent, of_row = np.unique(np.isnan(rows[:, units.boundaries[:-1]]), axis=0, return_inverse=True)
        states = [_states(units, each) for each in absent]
        counts = np.array([len(each) for each in states])[of_row]
        completed = np.repeat(np.nan_to_num(rows), counts, axis=0) + np.concatenate([states[each] for each in of_row])
        # Callers have checked what the rows may hold.
        terms, starts = exact.log_likelihood(rbm, completed, 0.0, expected=True), np.cumsum(counts) - counts
        largest = np.maximum.reduceat(terms, starts)
        values.append(largest + np.log(np.add.reduceat(np.exp(terms - np.repeat(largest, counts)), starts)))
    return np.concatenate([np.empty(0), *values])


def _states(units: Units, absent: Bool[np.ndarray, "units"]) -> Float[np.ndarray, "states visible"]:
    """All joint states of some units, with all others at zero."""
    tables = [table for table, is_absent in zip(units.unit_tables, absent, strict=True) if is_absent and table is not None]
    states = np.zeros((math.prod(len(table) for table in tables), units.size))
    if tables:
        digits = np.indices([len(table) for table in tables]).reshape(len(tables), -1)
        columns = np.repeat(absent, np.diff(units.boundaries))
        states[:, columns] = np.concatenate([table[digit] for table, digit in zip(tables, digits, strict=True)], axis=1)
    return states


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


def _anneal(
    rbm: RBM, v: Float[np.ndarray, "rows visible"], seed: int, runs: int, temperatures: int
) -> tuple[Float[np.ndarray, "rows"], Float[np.ndarray, "rows"]]:
    rows = max(1, min(len(v), BLOCK_ELEMENTS // (runs * max(rbm.weights.shape))))
    with float64():
        key, steps = key_of(seed), jnp.asarray(temperatures)

        def anneal(first: int, some: np.ndarray) -> tuple[Array, Array]:
            return _anneal_rows(jax.random.fold_in(key, first), rbm, some, runs=runs, steps=steps)

        start, gains = enumerated.in_batches(anneal, v, rows)
    return start + log_mean_exp(gains), relative_error(gains)


@partial(jax.jit, static_argnames="runs")
def _anneal_rows(
    key: Key, rbm: RBM, v: Float[Array, "rows visible"], *, runs: int, steps: Int[Array, ""]
) -> tuple[Float[Array, "rows"], Float[Array, "rows runs"]]:
    """ln Z at the start of the path, and the log weights of the runs."""
    absent, known = jnp.isnan(v), jnp.nan_to_num(v)
    own = model.hidden_inputs(rbm, known)
    c = model.visible_inputs(rbm, rbm.hidden.mean(own))
    free = jnp.where(enumerated.missing_units(rbm.visible, v), rbm.visible.log_normalizer_terms(c), 0)
    start = free.sum(axis=-1) - rbm.visible.energy(known) + rbm.hidden.log_normalizer(own)

    def draw(key: Key, inputs: Array) -> Array:
        return jnp.where(absent[:, None], rbm.visible.sample(key, inputs), 0)

    def hidden(beta: Array | float, sent: Array) -> Array:
        return own[:, None] + beta * sent

    def step(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, sent, gains = carry
        low, high = i / steps, (i + 1) / steps
        gains += jnp.sum(
            rbm.hidden.log_normalizer_terms(hidden(high, sent)) - rbm.hidden.log_normalizer_terms(hidden(low, sent)), axis=-1
        ) - (high - low) * jnp.sum(c[:, None] * x, axis=-1)
        h_key, x_key = jax.random.split(jax.random.fold_in(key, i + 1))
        h = rbm.hidden.sample(h_key, hidden(high, sent))
        x = draw(x_key, high * model.visible_inputs(rbm, h) + (1 - high) * c[:, None])
        return x, model.hidden_inputs(rbm, x), gains

    x = draw(jax.random.fold_in(key, 0), jnp.repeat(c[:, None], runs, axis=1))
    carry = (x, model.hidden_inputs(rbm, x), jnp.zeros((len(v), runs), v.dtype))
    return start, jax.lax.fori_loop(jnp.zeros_like(steps), steps, step, carry)[2]
