"""The plain engine: a sum over the states of the smaller layer, with the other layer summed in closed form.

The states are visited block by block, so memory stays bounded. Everything is traceable and in the model's own precision. The
enumerated layer is always the visible one here; `smaller_first` transposes a model where needed.

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
from jaxtyping import Float, Int

from harmonium import _checks, model
from harmonium._types import Array, Result
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.units import Units

BLOCK_ELEMENTS = 1 << 18
"""States x columns of the wider layer in one block: 2 MiB in float64; a few blocks are alive at once."""
MAX_STATES = 1 << 32
"""The largest number of states that are enumerated at all."""


def enumerable_states(rbm: RBM) -> int | None:
    """The number of states of the layer that would be enumerated, or None if neither layer's states are finite.

    Args:
        rbm: the model.

    Raises:
        InputError: `rbm` is no RBM.

    Example:
        >>> import harmonium as hm
        >>> hm.exact.enumerable_states(hm.initialize([[0, 1, 1], [1, 1, 0]], hidden=2))
        4
    """
    _checks.instance(rbm, RBM, "rbm", "a harmonium.RBM")
    counts = [n for n in (rbm.visible.state_count, rbm.hidden.state_count) if n is not None]
    return min(counts, default=None)


def smaller_first(rbm: RBM) -> RBM:
    """The model with the layer to be enumerated as its visible one.

    Raises:
        InputError: neither layer has few enough states.
    """
    states = enumerable_states(rbm)
    if states is None or states > MAX_STATES:
        amount = "infinitely many" if states is None else f"2^{math.log2(states):.0f}"
        raise InputError(
            f"{rbm!r} is too large to be exact: its smaller layer has {amount} states, and at most "
            f"2^{math.log2(MAX_STATES):.0f} can be enumerated; estimate instead, or use fewer units"
        )
    return rbm if rbm.visible.state_count == states else model.transpose(rbm)


def count_of(units: Units) -> int:
    """The number of states of a layer that has finitely many."""
    count = units.state_count
    assert count is not None, "callers choose an enumerable layer first"
    return count


def block_length(rbm: RBM) -> int:
    """States of the enumerated layer in one block: a power of two, no larger than needed."""
    most = 1 << max(0, (BLOCK_ELEMENTS // max(rbm.weights.shape)).bit_length() - 1)
    return min(most, 1 << (count_of(rbm.visible) - 1).bit_length())


def is_split(rbm: RBM) -> bool:
    """Whether a block has all states of the lowest enumerated units, in one state of the others: where units have two states.

    What is additive over units is then computed for the low ones once, and not for every state.
    """
    unit_states = rbm.visible.unit_states
    return unit_states is not None and len(unit_states) == 2


def states(rbm: RBM, indices: Int[Array, " n"]) -> Float[Result, "n V"]:
    """The enumerated layer's states of the given numbers: `rbm.visible.states(indices)`.

    By a table of powers, which cannot overflow here (`MAX_STATES`): compiles in a tenth of the time and runs in half of it.
    """
    listing = rbm.visible.listing()
    digits = indices[:, None] // np.array(listing.powers()) % listing.counts
    return listing.states(digits, jnp.result_type(rbm.weights))


@partial(jax.jit, static_argnames=("length", "blocks"))
def log_block_sums(rbm: RBM, first: int | Int[Array, ""], length: int, blocks: int) -> Float[Result, " blocks"]:
    """The logs of the unnormalized probabilities of the blocks `first ...`; block b has states b * length ..."""
    block = _log_weights(rbm, length)
    return jax.lax.map(lambda index: jax.nn.logsumexp(block(index)), first + jnp.arange(blocks))


@partial(jax.jit, static_argnames="length")
def log_weights(rbm: RBM, index: np.int64 | Int[Array, ""], length: int) -> Float[Result, " length"]:
    """The logs of the unnormalized probabilities of a block's states, -inf beyond the last state."""
    return _log_weights(rbm, length)(jnp.asarray(index))


def _log_weights(rbm: RBM, length: int) -> Callable[[jax.Array], Any]:
    """The log weights of the states of the block of an index."""
    if not is_split(rbm):
        return lambda index: _block(rbm, index, length)[2]

    def additive(indices: Int[Array, " n"]) -> tuple[Any, Any]:
        x = states(rbm, indices)
        return rbm.visible.energy(x), model.hidden_inputs(rbm, x).T

    # Each part's states are joint states with the others in their first state, which must then not be counted again.
    start_energy, start_inputs = additive(jnp.zeros(1, int))
    low_energy, low_inputs = additive(jnp.arange(length))
    log_normalizer = jax.vmap(rbm.hidden.log_normalizer, in_axes=1)  # neighbors in memory are summed in one instruction

    def block(index: jax.Array) -> Any:
        energy, inputs = additive(index[None] * length)
        log_weights = log_normalizer(low_inputs + (inputs - start_inputs)) - low_energy - (energy - start_energy)
        return jnp.where(index * length < count_of(rbm.visible), log_weights, -jnp.inf)

    return block


def _block(rbm: RBM, index: jax.Array, length: int) -> tuple[Any, Any, Any]:
    """A block's states `[length, V]`, their inputs to the other layer `[length, H]`, and their log weights `[length]`."""
    indices = index * length + jnp.arange(length)
    x = states(rbm, indices)
    inputs = model.hidden_inputs(rbm, x)
    log_weights = -model.free_energy(rbm, x, inputs)
    return x, inputs, jnp.where(indices < count_of(rbm.visible), log_weights, -jnp.inf)


def statistics(rbm: RBM) -> tuple[Float[Result, ""], RBM]:
    """ln Z and the sufficient statistics expected under the joint distribution."""
    length = block_length(rbm)
    dtype = rbm.weights.dtype

    def body(index: jax.Array, carry: tuple[jax.Array, jax.Array, RBM]) -> Any:
        largest, total, sums = carry
        x, inputs, log_weights = _block(rbm, index, length)
        new_largest = jnp.maximum(largest, jnp.max(log_weights))
        scale = jnp.exp(largest - new_largest)
        p = jnp.exp(log_weights - new_largest)
        parts = (rbm.visible.statistics(x), rbm.hidden.moments(inputs))
        visible, hidden = jax.tree.map(lambda leaf: jnp.tensordot(p, leaf, 1), parts)
        block = RBM(visible, hidden, (x * p[:, None]).T @ rbm.hidden.mean(inputs))
        sums = jax.tree.map(lambda old, new: old * scale + new, sums, block)
        return new_largest, total * scale + jnp.sum(p), sums

    start = jnp.full((), -jnp.inf, dtype), jnp.zeros((), dtype), jax.tree.map(jnp.zeros_like, rbm)
    blocks = jnp.asarray(-(-count_of(rbm.visible) // length))
    largest, total, sums = jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, start)
    return largest + jnp.log(total), jax.tree.map(lambda leaf: leaf / total, sums)
