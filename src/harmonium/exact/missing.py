"""Rows with missing cells, by enumerating the hidden layer: p(v_o), and the distribution of the missing cells given v_o.

Given the hidden units the visible ones are independent, so the missing cells m of a row are summed unit by unit:

    p(h, v_o) Z = exp(-hidden.energy(h) + sum_{i in o} (v_i f_i(h) - energy_i(v_i)) + sum_{i in m} ln Z_i(f_i(h))),

where f(h) = W h are the visible units' inputs and ln Z_i their log normalizers. Given v_o alone the hidden units are not
independent: to leave the missing cells out of their inputs would be another model.

Reference: R. Little and D. Rubin, "Statistical Analysis with Missing Data", 2002, chapter 8 (the observed-data likelihood).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from harmonium import model
from harmonium._numerics import float64
from harmonium._types import Array, Key, Result
from harmonium.exact import normal
from harmonium.exact.enumerate import count_of
from harmonium.model import RBM, in_float64
from harmonium.units import Units

BLOCK_ELEMENTS = 1 << 20
"""Numbers in the largest array of a block of hidden states: 8 MiB in float64; a few blocks are alive at once."""
MAX_ROWS = 256
"""Rows that are computed at once, at most."""
MAX_TERMS = 1 << 32
"""Rows x hidden states x visible columns up to which enumerating counts as cheap: some ten seconds on two cores."""
MAX_CHOICES = 1 << 27
"""Draws x rows x hidden states up to which drawing counts as cheap: a few seconds."""


class Posterior(NamedTuple):
    """Given the observed cells: `log_weight [n]` = ln p(v_o) + ln Z; `mean`, `square [n, V]` = E[v | v_o], E[v^2 | v_o]."""

    log_weight: Any
    mean: Any
    square: Any


def is_cheap(rbm: RBM, rows: int, draws: int = 0, max_terms: int = MAX_TERMS) -> bool:
    """Whether enumerating the hidden layer for this number of rows, and of draws for each, takes seconds only."""
    if normal.is_normal(rbm):
        return True
    states = rbm.hidden.state_count
    if states is None:
        return False
    return states * rows * rbm.visible.size <= max_terms and states * rows * draws <= MAX_CHOICES


def missing_units(units: Units, v: Float[Array, "*batch N"]) -> Bool[Result, "*batch units"]:
    """Which units of rows have no value: those whose columns are NaN."""
    return jnp.isnan(v[..., units.boundaries[:-1]])


def joint_log_weights(rbm: RBM, v: Float[Array, "B V"], h: Float[Array, "K H"]) -> Float[Result, "B K"]:
    """ln p(h, v_o) + ln Z for each row (NaN where missing) and hidden state; traceable."""
    # At zero a unit's statistics are zero, and so is its part of the energy: a missing cell leaves no trace.
    known = jnp.nan_to_num(v)
    inputs = model.visible_inputs(rbm, h)
    summed = missing_units(rbm.visible, v).astype(known.dtype) @ rbm.visible.log_normalizer_terms(inputs).T
    return known @ inputs.T + summed - rbm.hidden.energy(h) - rbm.visible.energy(known)[:, None]


def posterior(rbm: RBM, v: Float[Array, "n V"]) -> Posterior:
    """ln p(v_o) + ln Z, and the moments of every cell given v_o, for rows with NaN where missing, in float64."""
    rbm = in_float64(rbm)
    gaussian = normal.normal_of(rbm)
    if gaussian is not None:
        return Posterior(*normal.posterior(gaussian, np.asarray(v, dtype=np.float64)))
    return Posterior(*_in_blocks(_posterior, rbm, v))


def draw_missing(rbm: RBM, v: Float[Array, "n V"], draws: int, key: Key) -> Float[np.ndarray, "draws n V"]:
    """Independent draws of rows from p(v | v_o), in float64."""
    rbm = in_float64(rbm)
    gaussian = normal.normal_of(rbm)
    if gaussian is not None:
        random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        return normal.draw_missing(gaussian, random, np.asarray(v, dtype=np.float64), draws)
    (samples,) = _in_blocks(partial(_draw, key=key, draws=draws), rbm, v, draws)
    return np.moveaxis(samples, 1, 0)


def in_batches(function: Callable[[int, np.ndarray], Any], v: np.ndarray, rows: int) -> tuple[np.ndarray, ...]:
    """Calls `function(index of the first row, rows)` with `rows` rows at a time and concatenates what it returns.

    The last batch is padded, so the same compiled code serves all of them.
    """
    parts = []
    for first in range(0, len(v), rows):
        batch = v[first : first + rows]
        padded = np.concatenate([batch, np.repeat(batch[:1], rows - len(batch), axis=0)])
        parts.append([np.asarray(array)[: len(batch)] for array in function(first, padded)])
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _in_blocks(function: Callable[..., Any], rbm: RBM, v: Float[Array, "n V"], copies: int = 1) -> tuple[np.ndarray, ...]:
    v = np.asarray(v, dtype=np.float64)
    rows = max(1, min(len(v), MAX_ROWS // copies))
    count = count_of(rbm.hidden)
    most = max(1, BLOCK_ELEMENTS // max(rows * copies, *rbm.weights.shape))
    length = min(1 << (count - 1).bit_length(), 1 << (most.bit_length() - 1))
    with float64():
        return in_batches(lambda first, batch: function(rbm, batch, first=first, length=length), v, rows)


def _block(rbm: RBM, v: Float[Array, "B V"], index: jax.Array, length: int) -> tuple[Any, Any]:
    """Hidden states index * length ..., `[length, H]`, and their log weights with each row, -inf beyond the last state."""
    indices = index * length + jnp.arange(length)
    h = rbm.hidden.states(indices)
    return h, jnp.where(indices < count_of(rbm.hidden), joint_log_weights(rbm, v, h), -jnp.inf)


def _block_count(rbm: RBM, length: int) -> Any:
    return jnp.asarray(-(-count_of(rbm.hidden) // length))


@partial(jax.jit, static_argnames="length")
def _posterior(rbm: RBM, v: Float[Array, "B V"], *, first: int | jax.Array, length: int) -> Posterior:  # noqa: ARG001 (all of `_in_blocks` are called alike)
    def body(index: jax.Array, carry: tuple[jax.Array, ...]) -> Any:
        largest, total, mean, square = carry
        h, log_weights = _block(rbm, v, index, length)
        new = jnp.maximum(largest, jnp.max(log_weights, axis=1))
        scale, p = jnp.exp(largest - new), jnp.exp(log_weights - new[:, None])
        inputs = model.visible_inputs(rbm, h)
        moments = conditional_moments(rbm.visible, inputs)
        mean, square = (old * scale[:, None] + p @ new_moment for old, new_moment in zip((mean, square), moments, strict=True))
        return new, total * scale + p.sum(axis=1), mean, square

    zeros = jnp.zeros(v.shape, v.dtype)
    start = (jnp.full(len(v), -jnp.inf, v.dtype), jnp.zeros(len(v), v.dtype), zeros, zeros)
    blocks = _block_count(rbm, length)
    largest, total, mean, square = jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, start)
    absent = jnp.isnan(v)
    moments = (jnp.where(absent, sums / total[:, None], known) for sums, known in ((mean, v), (square, v**2)))
    return Posterior(largest + jnp.log(total), *moments)


def conditional_moments(
    units: Units, inputs: Float[Array, "*batch N"]
) -> tuple[Float[Result, "*batch N"], Float[Result, "*batch N"]]:
    """E[x | inputs] and E[x^2 | inputs] of each column; traceable.

    The derivative of a unit's mean by its own input is the variance. A unit of several columns has no such derivative at hand,
    but there x^2 = x.
    """
    mean, spread = jax.jvp(units.mean, (inputs,), (jnp.ones_like(inputs),))
    single = np.repeat(np.diff(units.boundaries) == 1, np.diff(units.boundaries))
    return mean, jnp.where(single, mean**2 + spread, mean)


@partial(jax.jit, static_argnames=("draws", "length"))
def _draw(rbm: RBM, v: Float[Array, "B V"], *, key: Key, draws: int, first: int | jax.Array, length: int) -> tuple[Any]:
    choice_key, v_key = jax.random.split(jax.random.fold_in(key, first))

    def body(index: jax.Array, carry: tuple[jax.Array, jax.Array]) -> Any:
        # The largest of the log weights plus Gumbel noise, over all states, is at a state drawn by the weights.
        best, best_h = carry
        h, log_weights = _block(rbm, v, index, length)
        noise = jax.random.gumbel(jax.random.fold_in(choice_key, index), (draws, *log_weights.shape), v.dtype)
        winner = jnp.argmax(log_weights + noise, axis=-1)
        score = jnp.take_along_axis(log_weights + noise, winner[..., None], axis=-1)[..., 0]
        return jnp.maximum(best, score), jnp.where((score > best)[..., None], h[winner], best_h)

    shape = (draws, len(v))
    start = (jnp.full(shape, -jnp.inf, v.dtype), jnp.zeros((*shape, rbm.hidden.size), v.dtype))
    blocks = _block_count(rbm, length)
    _, h = jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, start)
    samples = jnp.where(jnp.isnan(v), rbm.visible.sample(v_key, model.visible_inputs(rbm, h)), v)
    return (jnp.moveaxis(samples, 0, 1),)
