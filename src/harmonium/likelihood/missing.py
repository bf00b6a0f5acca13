"""ln p(v_o) + ln Z of rows with missing cells: by enumeration, or by annealed importance sampling, row by row.

With v_o fixed, the missing cells v_m and h are a model of their own, whose ln Z is in question. Its path begins where the
missing units receive constant inputs c and send nothing, and switches their weights on:

    ln p_beta(v_m) = -energy(v_o, v_m) + (1 - beta) c . v_m + ln Z_h(W' v_o + beta W' v_m) + constant,   c = W E[h | W' v_o],

with ln Z_h the hidden layer's log normalizer. At beta = 0 its ln Z is a sum over units, at beta = 1 it is the one wanted. The
mean weight is unbiased; its logarithm is low in expectation, by about half its squared standard error.

References: R. Neal, "Annealed importance sampling", Statistics and Computing 11 (2001); R. Salakhutdinov and I. Murray,
ICML 2008, section 4.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from harmonium import _checks, exact, model
from harmonium._numerics import counts_of, float64, in_own_precision, log_mean_exp, to_float64
from harmonium._types import Key
from harmonium.exact import missing as enumerated
from harmonium.likelihood.log_weights import relative_error
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import guess_missing, resample_missing

RUNS, TEMPERATURES = 64, 256
"""Annealing runs of a row whose first ones ..."""
FIRST_RUNS, FIRST_TEMPERATURES = 16, 64
"""... leave it with a larger standard error ..."""
MAX_ERROR = 0.05
"""... than this (nats)."""
SWEEPS = 50
"""Of the chains that complete rows."""
BLOCK_ELEMENTS = 1 << 21
"""Rows x runs x columns of the wider layer at a time."""


class LogWeights(NamedTuple):
    """ln p(v_o) + ln Z of rows in nats, its standard errors (zero where exact), and how it was obtained."""

    value: Float[np.ndarray, "rows"]
    error: Float[np.ndarray, "rows"]
    method: str

    def mean_error(self, weights: Float[np.ndarray, "rows"] | None = None) -> float:
        """The standard error of the mean over rows, which are annealed independently."""
        shares = counts_of(weights, len(self.error)) / counts_of(weights, len(self.error)).sum()
        return float(np.sqrt(((shares * self.error) ** 2).sum()))


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

    Exact where no cell is missing, and in the rows that are cheap to enumerate, see `exact.missing.cheap_rows`; others are
    annealed, with at most `runs` runs for each.

    Raises:
        InputError: a result that is not finite.
    """
    v = np.asarray(v, dtype=np.float64)
    holes = np.isnan(v).any(axis=1)
    value, error = np.empty(len(v)), np.zeros(len(v))
    value[~holes] = exact.log_likelihood(rbm, v[~holes], 0.0, expected=True)  # callers have checked what the rows may hold
    method = "exact"
    if holes.any():
        cheap = enumerated.cheap_rows(to_float64(rbm), v[holes], max_terms=max_terms)
        exactly, annealed = np.flatnonzero(holes)[cheap], np.flatnonzero(holes)[~cheap]
        if len(exactly):
            value[exactly] = enumerated.posterior(rbm, v[exactly], moments=False).log_weight
        if len(annealed):
            value[annealed], error[annealed] = _anneal(in_own_precision(rbm), v[annealed], seed, runs, temperatures)
            of_which = "" if len(annealed) == len(v) else f" of {len(annealed):,} rows"
            method = f"AIS of the missing cells{of_which}, at most {runs} runs x {temperatures} temperatures a row"
    return LogWeights(_checks.finite_result(value, "ln p(v) + ln Z"), error, method)


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
    """The values of rows and their standard errors: few runs for all, and more for those that need them."""
    key = key_of(seed)
    value, error = np.empty(len(v)), np.full(len(v), np.inf)
    first = min(runs, FIRST_RUNS), min(temperatures, FIRST_TEMPERATURES)
    for stage, (count, steps) in enumerate(dict.fromkeys([first, (runs, temperatures)])):
        here = np.flatnonzero(error > MAX_ERROR)
        if not len(here):
            break
        rows = max(1, min(len(here), BLOCK_ELEMENTS // (count * max(rbm.weights.shape))))

        def anneal(index: int, some: np.ndarray, stage: int = stage, count: int = count, steps: int = steps) -> Any:
            own = jax.random.fold_in(jax.random.fold_in(key, stage), index)
            return _anneal_rows(own, rbm, some, runs=count, steps=jnp.asarray(steps))

        with float64():
            start, gains = enumerated.in_batches(anneal, v[here], rows)
        value[here], error[here] = start + log_mean_exp(gains), relative_error(gains)
    return value, error


@partial(jax.jit, static_argnames="runs")
def _anneal_rows(
    key: Key, rbm: RBM, v: Float[Array, "rows visible"], *, runs: int, steps: Int[Array, ""]
) -> tuple[Float[Array, "rows"], Float[Array, "rows runs"]]:
    """ln Z at the start of the path, and the log weights of the runs, both in float64; the runs in the model's precision."""
    absent, known = jnp.isnan(v), jnp.nan_to_num(v)
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), rbm)
    own = model.hidden_inputs(wide, known)
    c = model.visible_inputs(wide, wide.hidden.mean(own)).astype(rbm.weights.dtype)
    free = wide.visible.log_normalizer_terms(c.astype(jnp.float64))
    free = jnp.where(enumerated.missing_units(rbm.visible, v), free, 0)
    start = free.sum(axis=-1) - wide.visible.energy(known) + wide.hidden.log_normalizer(own)
    own = own.astype(c.dtype)

    def draw(key: Key, inputs: Array) -> Array:
        return jnp.where(absent[:, None], rbm.visible.sample(key, inputs), 0)

    def hidden(beta: Array | float, sent: Array) -> Array:
        return own[:, None] + beta * sent

    def step(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, sent, gains = carry
        low, high = (i / steps).astype(c.dtype), ((i + 1) / steps).astype(c.dtype)
        gains += jnp.sum(
            rbm.hidden.log_normalizer_terms(hidden(high, sent)) - rbm.hidden.log_normalizer_terms(hidden(low, sent)), axis=-1
        ) - (high - low) * jnp.sum(c[:, None] * x, axis=-1)
        h_key, x_key = jax.random.split(jax.random.fold_in(key, i + 1))
        h = rbm.hidden.sample(h_key, hidden(high, sent))
        x = draw(x_key, high * model.visible_inputs(rbm, h) + (1 - high) * c[:, None])
        return x, model.hidden_inputs(rbm, x), gains

    x = draw(jax.random.fold_in(key, 0), jnp.repeat(c[:, None], runs, axis=1))
    carry = (x, model.hidden_inputs(rbm, x), jnp.zeros((len(v), runs)))
    return start, jax.lax.fori_loop(jnp.zeros_like(steps), steps, step, carry)[2]
