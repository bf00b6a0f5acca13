"""Sums over the states of the smaller layer, block by block, with the other layer summed in closed form.

Traceable, in the machine's own precision and in bounded memory. In this file the layer that is enumerated is the visible
one; `smaller_first` turns a machine round where that is needed.

Reference: R. Salakhutdinov and I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008, section 4
(enumerating the smaller layer).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import model
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.units import Units

BLOCK_ELEMENTS = 1 << 18
"""States x columns of the wider layer in one block: 2 MiB in float64, a few of which are alive at once."""
MOST_STATES = 1 << 32
"""The largest layer that is enumerated at all."""


def enumerable_states(rbm: RBM) -> int | None:
    """The number of states of the layer that would be enumerated, or None if neither layer's states are finite."""
    counts = [n for n in (rbm.visible.state_count, rbm.hidden.state_count) if n is not None]
    return min(counts, default=None)


def smaller_first(rbm: RBM) -> RBM:
    """The machine with the layer to be enumerated as its visible one."""
    states = enumerable_states(rbm)
    if states is None or states > MOST_STATES:
        amount = "infinitely many" if states is None else f"2^{math.log2(states):.0f}"
        raise InputError(
            f"{rbm!r} is too large to be exact: its smaller layer has {amount} states, of which at most "
            f"2^{math.log2(MOST_STATES):.0f} can be enumerated; estimate instead, or use fewer units"
        )
    return rbm if rbm.visible.state_count == states else model.transpose(rbm)


def block_length(rbm: RBM) -> int:
    """States of the enumerated (visible) layer in one block: a power of two, no larger than it need be."""
    count = count_of(rbm.visible)
    most = 1 << max(0, (BLOCK_ELEMENTS // max(rbm.weights.shape)).bit_length() - 1)
    return min(most, 1 << (count - 1).bit_length())


def count_of(units: Units) -> int:
    count = units.state_count
    assert count is not None, "callers choose an enumerable layer first"
    return count


def states(rbm: RBM, numbers: Any) -> Any:
    """The enumerated (visible) layer's states of the given numbers, `[n] -> [n, V]`: `rbm.visible.states(numbers)`.

    By a table of powers, which cannot overflow here (`MOST_STATES`): compiled in a tenth of the time and run in half of it.
    """
    listing = rbm.visible.listing()
    digits = numbers[:, None] // np.array(listing.powers()) % listing.counts
    return listing.states(digits, jnp.result_type(rbm.weights))


def block(rbm: RBM, first: Any, length: int) -> tuple[Any, Any, Any]:
    """States `first ...` with their inputs to the other layer and the logs of their unnormalized probabilities."""
    indices = first + jnp.arange(length)
    x = states(rbm, indices)
    inputs = model.hidden_inputs(rbm, x)
    log_weights = -model.free_energy(rbm, x, inputs)
    return x, inputs, jnp.where(indices < count_of(rbm.visible), log_weights, -jnp.inf)


@partial(jax.jit, static_argnames=("length", "blocks"))
def log_shares(rbm: RBM, first: Any, length: int, blocks: int) -> Any:
    """The logs of the parts of Z of the blocks `first ...`, `[blocks]`; block b holds states b * length ..."""
    return jax.lax.map(lambda number: jax.nn.logsumexp(_log_weights(rbm, number, length)), first + jnp.arange(blocks))


@partial(jax.jit, static_argnames="length")
def log_weights(rbm: RBM, number: Any, length: int) -> Any:
    """The logs of the unnormalized probabilities of a block's states, `[length]`, -inf beyond the last state."""
    return _log_weights(rbm, number, length)


def _log_weights(rbm: RBM, number: Any, length: int) -> Any:
    return block(rbm, number * length, length)[2]


def fold_blocks(rbm: RBM, start: Any, add: Callable[[Any, Any, Any, Any, Any], Any]) -> tuple[Any, Any]:
    """Sum over all blocks, `(log Z, sum / Z)`, where `add(sums, p, x, inputs, scale)` adds a block weighted by p."""
    length = block_length(rbm)
    dtype = rbm.weights.dtype

    def body(number: Any, carry: Any) -> Any:
        largest, total, sums = carry
        x, inputs, log_weights = block(rbm, number * length, length)
        new_largest = jnp.maximum(largest, jnp.max(log_weights))
        scale = jnp.exp(largest - new_largest)
        p = jnp.exp(log_weights - new_largest)
        return new_largest, total * scale + jnp.sum(p), add(sums, p, x, inputs, scale)

    zero = jnp.zeros((), dtype)
    blocks = jnp.asarray(-(-count_of(rbm.visible) // length))
    largest, total, sums = jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, (jnp.full((), -jnp.inf, dtype), zero, start))
    return largest + jnp.log(total), jax.tree.map(lambda leaf: leaf / total, sums)


def statistics(rbm: RBM) -> tuple[Any, RBM]:
    """ln Z and the expected sufficient statistics of a machine whose layer to be enumerated is the visible one."""

    def add(sums: RBM, p: Any, x: Any, inputs: Any, scale: Any) -> RBM:
        parts = (rbm.visible.statistics(x), rbm.hidden.moments(inputs))
        visible, hidden = jax.tree.map(lambda leaf: p @ leaf, parts)
        added = RBM(visible, hidden, (x * p[:, None]).T @ rbm.hidden.mean(inputs))
        return jax.tree.map(lambda old, new: old * scale + new, sums, added)

    return fold_blocks(rbm, jax.tree.map(jnp.zeros_like, rbm), add)
