"""ln p(v_o) + ln Z of rows with missing cells: by enumeration, or by annealed importance sampling row by row.

With v_o held, the missing cells v_m and h are a machine of their own, whose ln Z is wanted. Its path begins where the missing
units hear constant inputs c and send nothing, and switches their weights on:

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

from harmonium import exact, model
from harmonium.exact import missing as enumerated
from harmonium.exact.values import float64
from harmonium.likelihood import weights
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import guess_missing, resample_missing

RUNS, TEMPERATURES = 64, 256
"""Annealing runs of each row."""
SWEEPS = 50
"""Of the chains that complete rows."""
BLOCK_ELEMENTS = 1 << 21
"""Rows x runs x columns of the wider layer at a time."""


class LogWeights(NamedTuple):
    """ln p(v_o) + ln Z of rows `[n]` in nats, its standard errors `[n]` (zero where exact), and how it was obtained."""

    value: np.ndarray
    error: np.ndarray
    method: str

    @property
    def mean_error(self) -> float:
        """The standard error of the mean over rows: they are annealed independently."""
        return float(np.sqrt((self.error**2).sum()) / len(self.error))


def log_weights(
    rbm: RBM,
    v: np.ndarray,
    seed: int = 0,
    *,
    runs: int = RUNS,
    temperatures: int = TEMPERATURES,
    max_terms: int = enumerated.MOST_TERMS,
) -> LogWeights:
    """ln p(v_o) + ln Z for each row `[n, V]`, NaN where cells are missing: -F(v) of complete rows.

    Exact where no cell is missing, or where rows x hidden states x columns are at most `max_terms`; otherwise annealed, `runs`
    times a row.
    """
    v = np.asarray(v, dtype=np.float64)
    holes = np.isnan(v).any(axis=1)
    value, error = np.empty(len(v)), np.zeros(len(v))
    value[~holes] = exact.log_likelihood(rbm, v[~holes], 0.0, expected=True)  # callers have checked what the rows may hold
    method = "exact"
    if holes.any():
        rows = v[holes]
        if enumerated.is_cheap(rbm, len(rows), most_terms=max_terms):
            value[holes] = enumerated.observed(rbm, rows).log_weight
        else:
            value[holes], error[holes] = _annealed(float64(rbm), rows, seed, runs, temperatures)
            method = f"AIS of the missing cells, {runs} runs x {temperatures} temperatures a row"
    return LogWeights(value, error, method)


def completed(rbm: RBM, v: np.ndarray, seed: int = 0) -> np.ndarray:
    """The rows with their missing cells drawn, by a short clamped chain each: where chains of the whole machine may begin."""
    if not np.isnan(v).any():
        return v
    with jax.enable_x64(True):
        guess_key, key = jax.random.split(key_of(seed))
        machine = float64(rbm)
        return np.asarray(_completed(guess_key, key, machine, np.asarray(v, dtype=np.float64)))


@jax.jit
def _completed(guess_key: Any, key: Any, rbm: RBM, v: Any) -> Any:
    return resample_missing(key, rbm, v, guess_missing(guess_key, rbm, v), SWEEPS)


def _annealed(rbm: RBM, v: np.ndarray, seed: int, runs: int, temperatures: int) -> tuple[np.ndarray, np.ndarray]:
    rows = max(1, min(len(v), BLOCK_ELEMENTS // (runs * max(rbm.weights.shape))))
    with jax.enable_x64(True):
        key, steps = key_of(seed), jnp.asarray(temperatures)

        def annealed(first: int, some: np.ndarray) -> Any:
            return _anneal_rows(jax.random.fold_in(key, first), rbm, some, runs=runs, steps=steps)

        start, gained = enumerated.in_batches(annealed, v, rows)
    share = np.exp(gained - gained.max(axis=1, keepdims=True))
    return start + weights.log_mean_exp(gained), share.std(axis=1, ddof=1) / share.mean(axis=1) / np.sqrt(runs)


@partial(jax.jit, static_argnames="runs")
def _anneal_rows(key: Any, rbm: RBM, v: Any, *, runs: int, steps: Any) -> tuple[Any, Any]:
    """ln Z at the path's start `[B]`, and the log weights of the runs `[B, runs]`."""
    absent, known = jnp.isnan(v), jnp.nan_to_num(v)
    own = model.hidden_inputs(rbm, known)
    c = model.visible_inputs(rbm, rbm.hidden.mean(own))
    free = jnp.where(enumerated.missing_units(rbm.visible, v), rbm.visible.log_normalizer_terms(c), 0)
    start = free.sum(axis=-1) - rbm.visible.energy(known) + rbm.hidden.log_normalizer(own)

    def drawn(key: Any, inputs: Any) -> Any:
        return jnp.where(absent[:, None], rbm.visible.sample(key, inputs), 0)

    def hidden(beta: Any, sent: Any) -> Any:
        return own[:, None] + beta * sent

    def step(number: Any, carry: Any) -> Any:
        x, sent, gained = carry
        low, high = number / steps, (number + 1) / steps
        gained += jnp.sum(
            rbm.hidden.log_normalizer_terms(hidden(high, sent)) - rbm.hidden.log_normalizer_terms(hidden(low, sent)), axis=-1
        ) - (high - low) * jnp.sum(c[:, None] * x, axis=-1)
        h_key, x_key = jax.random.split(jax.random.fold_in(key, number + 1))
        h = rbm.hidden.sample(h_key, hidden(high, sent))
        x = drawn(x_key, high * model.visible_inputs(rbm, h) + (1 - high) * c[:, None])
        return x, model.hidden_inputs(rbm, x), gained

    x = drawn(jax.random.fold_in(key, 0), jnp.broadcast_to(c[:, None], (len(v), runs, v.shape[1])))
    carry = (x, model.hidden_inputs(rbm, x), jnp.zeros((len(v), runs), v.dtype))
    return start, jax.lax.fori_loop(jnp.zeros_like(steps), steps, step, carry)[2]
