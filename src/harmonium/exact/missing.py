"""Rows with missing cells, by enumerating the hidden layer: p(v_o), and the law of the missing cells given the observed ones.

With the hidden units given, the visible ones are independent, so the missing cells m of a row are summed unit by unit:

    p(h, v_o) Z = exp(-hidden.energy(h) + sum_{i in o} (v_i f_i(h) - energy_i(v_i)) + sum_{i in m} ln Z_i(f_i(h))),

where f(h) = W h are the visible units' inputs and ln Z_i their log normalizers. Given v_o alone the hidden units are not
independent: leaving the missing cells out of their inputs would be another model.

Reference: R. Little and D. Rubin, "Statistical Analysis with Missing Data", 2002, chapter 8 (the observed-data likelihood).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import model
from harmonium.exact.blocks import count_of
from harmonium.exact.values import float64
from harmonium.model import RBM
from harmonium.units import Units

BLOCK_ELEMENTS = 1 << 20
"""Numbers in the largest array of a block of hidden states: 8 MiB in float64, a few of which are alive at once."""
MOST_ROWS = 256
MOST_TERMS = 1 << 32
"""Rows x hidden states x visible columns that are summed unasked: some ten seconds on two cores."""
MOST_CHOICES = 1 << 27
"""Draws x rows x hidden states that are gone through unasked for draws, a few seconds."""


class Observed(NamedTuple):
    """What observed cells say: `log_weight [n]` = ln p(v_o) + ln Z; `mean`, `square [n, V]`: E[v | v_o] and E[v^2 | v_o]."""

    log_weight: Any
    mean: Any
    square: Any


def is_cheap(rbm: RBM, rows: int, draws: int = 0, most_terms: int = MOST_TERMS) -> bool:
    """Whether the hidden layer is enumerated for so many rows (and draws for each) in some seconds."""
    states = rbm.hidden.state_count
    if states is None:
        return False
    return states * rows * rbm.visible.size <= most_terms and states * rows * draws <= MOST_CHOICES


def missing_units(units: Units, v: Any) -> Any:
    """Which units of rows have no value, `[..., N] -> [..., units]`: those whose columns are NaN."""
    return jnp.isnan(v[..., units.boundaries[:-1]])


def joint_log_weights(rbm: RBM, v: Any, h: Any) -> Any:
    """ln p(h, v_o) + ln Z for each row `v [B, V]` (NaN where missing) and hidden state `h [K, H]`, `[B, K]`; traceable."""
    # At zero a unit's statistics are zero, and so is its part of the energy: what is missing leaves no trace.
    known = jnp.nan_to_num(v)
    inputs = model.visible_inputs(rbm, h)
    summed = missing_units(rbm.visible, v).astype(known.dtype) @ rbm.visible.log_normalizer_terms(inputs).T
    return known @ inputs.T + summed - rbm.hidden.energy(h) - rbm.visible.energy(known)[:, None]


def observed(rbm: RBM, v: Any) -> Observed:
    """ln p(v_o) + ln Z, and the moments of every cell given v_o, for rows `[n, V]` with NaN where missing, in float64."""
    return Observed(*_in_blocks(_observed, float64(rbm), v))


def draw_missing(rbm: RBM, v: Any, draws: int, key: Any) -> np.ndarray:
    """Independent draws of rows from p(v | v_o), `[n, V] -> [draws, n, V]` in float64."""
    (drawn,) = _in_blocks(partial(_drawn, key=key, draws=draws), float64(rbm), v, draws)
    return np.moveaxis(drawn, 1, 0)


def in_batches(function: Callable[[int, np.ndarray], Any], v: np.ndarray, rows: int) -> tuple[np.ndarray, ...]:
    """What the function returns for so many of the rows at a time, joined: arrays with a row along their first axis.

    It is given the first row's number too. The last batch is filled up, so that compiled code serves all of them.
    """
    parts = []
    for first in range(0, len(v), rows):
        some = v[first : first + rows]
        filled = np.concatenate([some, np.repeat(some[:1], rows - len(some), axis=0)])
        parts.append([np.asarray(array)[: len(some)] for array in function(first, filled)])
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _in_blocks(function: Callable[..., Any], rbm: RBM, v: Any, copies: int = 1) -> tuple[np.ndarray, ...]:
    v = np.asarray(v, dtype=np.float64)
    rows = max(1, min(len(v), MOST_ROWS // copies))
    count = count_of(rbm.hidden)
    most = max(1, BLOCK_ELEMENTS // max(rows * copies, *rbm.weights.shape))
    length = min(1 << (count - 1).bit_length(), 1 << (most.bit_length() - 1))
    with jax.enable_x64(True):
        return in_batches(lambda first, some: function(rbm, some, first=first, length=length), v, rows)


def _block(rbm: RBM, v: Any, number: Any, length: int) -> tuple[Any, Any]:
    """Hidden states number * length ..., `[length, H]`, and their log weights with each row, -inf beyond the last state."""
    indices = number * length + jnp.arange(length)
    h = rbm.hidden.states(indices)
    return h, jnp.where(indices < count_of(rbm.hidden), joint_log_weights(rbm, v, h), -jnp.inf)


def _blocks(rbm: RBM, length: int) -> Any:
    return jnp.asarray(-(-count_of(rbm.hidden) // length))


@partial(jax.jit, static_argnames="length")
def _observed(rbm: RBM, v: Any, *, first: Any, length: int) -> Observed:  # noqa: ARG001 (all of `_in_blocks` are called alike)
    def body(number: Any, carry: Any) -> Any:
        largest, total, mean, square = carry
        h, log_weights = _block(rbm, v, number, length)
        new = jnp.maximum(largest, jnp.max(log_weights, axis=1))
        scale, p = jnp.exp(largest - new), jnp.exp(log_weights - new[:, None])
        inputs = model.visible_inputs(rbm, h)
        moments = conditional_moments(rbm.visible, inputs)
        mean, square = (old * scale[:, None] + p @ new_moment for old, new_moment in zip((mean, square), moments, strict=True))
        return new, total * scale + p.sum(axis=1), mean, square

    zeros = jnp.zeros(v.shape, v.dtype)
    start = (jnp.full(len(v), -jnp.inf, v.dtype), jnp.zeros(len(v), v.dtype), zeros, zeros)
    blocks = _blocks(rbm, length)
    largest, total, mean, square = jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, start)
    absent = jnp.isnan(v)
    moments = (jnp.where(absent, sums / total[:, None], known) for sums, known in ((mean, v), (square, v**2)))
    return Observed(largest + jnp.log(total), *moments)


def conditional_moments(units: Units, inputs: Any) -> tuple[Any, Any]:
    """E[x | inputs] and E[x^2 | inputs] of each column, `[..., N]` both; traceable.

    The derivative of a unit's mean by its own input is the variance. Of a unit of several columns it is the derivative by all
    of them together, which is not; there x^2 = x.
    """
    mean, spread = jax.jvp(units.mean, (inputs,), (jnp.ones_like(inputs),))
    single = np.repeat(np.diff(units.boundaries) == 1, np.diff(units.boundaries))
    return mean, jnp.where(single, mean**2 + spread, mean)


@partial(jax.jit, static_argnames=("draws", "length"))
def _drawn(rbm: RBM, v: Any, *, key: Any, draws: int, first: Any, length: int) -> tuple[Any]:
    choice_key, v_key = jax.random.split(jax.random.fold_in(key, first))

    def body(number: Any, carry: Any) -> Any:
        # The largest of the log weights plus Gumbel noise, over all states, is at a state drawn by the weights.
        best, chosen = carry
        h, log_weights = _block(rbm, v, number, length)
        noise = jax.random.gumbel(jax.random.fold_in(choice_key, number), (draws, *log_weights.shape), v.dtype)
        place = jnp.argmax(log_weights + noise, axis=-1)
        score = jnp.take_along_axis(log_weights + noise, place[..., None], axis=-1)[..., 0]
        return jnp.maximum(best, score), jnp.where((score > best)[..., None], h[place], chosen)

    shape = (draws, len(v))
    start = (jnp.full(shape, -jnp.inf, v.dtype), jnp.zeros((*shape, rbm.hidden.size), v.dtype))
    blocks = _blocks(rbm, length)
    _, h = jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, start)
    drawn = jnp.where(jnp.isnan(v), rbm.visible.sample(v_key, model.visible_inputs(rbm, h)), v)
    return (jnp.moveaxis(drawn, 0, 1),)
