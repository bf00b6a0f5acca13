"""ln Z with one logarithm for many units, instead of one softplus for each.

Where the other layer's log normaliser is a sum of softplus(y_i) with y affine in its inputs, and the enumerated units are
split in two halves, y_i = f_i(low) + g_i(high), so

    sum_i softplus(y_i) = ln prod_i (1 + A_i(low) B_i(high)),   A = e^f, B = e^g:

two multiplications and an addition a factor, and one logarithm for each group of factors. The group is as long as the
largest possible product allows, so nothing overflows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import model
from harmonium.exact.blocks import count_of
from harmonium.model import RBM

LOW_STATES = 256
"""States of the lower half, about: with HIGH_STATES of the upper one a block of products stays in the processor's cache."""
HIGH_STATES = 64
FEWEST_STATES = 1 << 12
"""Below this many states the plain sum is as good."""
LONGEST_GROUP = 16
LARGEST_EXPONENT = 700.0
"""No product of one group may exceed e^700; the largest float64 is e^709."""


def group_length(rbm: RBM) -> int | None:
    """Factors for one logarithm, or None where products do not serve: then the plain sum must be taken.

    `rbm`: in float64 on the host, the layer to be enumerated first.
    """
    softplus = rbm.hidden.softplus_form(np.zeros(rbm.hidden.size))
    states = rbm.visible.unit_states
    if softplus is None or states is None or count_of(rbm.visible) < FEWEST_STATES:
        return None
    y_zero = np.asarray(softplus[1])
    slope = np.asarray(rbm.hidden.softplus_form(np.ones(rbm.hidden.size))[1]) - y_zero  # type: ignore[index]
    # The largest y of each column: every enumerated unit in whichever of its states sends most.
    sent = states @ np.asarray(rbm.weights).reshape(-1, states.shape[1], rbm.hidden.size)
    largest = np.maximum(y_zero, 0) + np.maximum(sent * slope, 0).max(axis=1).sum(axis=0)
    # One half's factor alone is at most the other half's whole span away from that.
    if np.ptp(sent * slope, axis=1).sum(axis=0).max() > LARGEST_EXPONENT:
        return None
    exponents = np.sort(largest + np.log(2))[::-1]
    group = LONGEST_GROUP
    while group > 1 and exponents[:group].sum() > LARGEST_EXPONENT:
        group //= 2
    return group if exponents[:group].sum() <= LARGEST_EXPONENT else None


def log_partition(rbm: RBM, group: int) -> Any:
    """ln Z by products of `group` factors (see `group_length`)."""
    return jax.nn.logsumexp(log_shares(rbm, group))


@partial(jax.jit, static_argnames="group")
def log_shares(rbm: RBM, group: int) -> Any:
    """The logs of each block's part of Z, `[blocks]`; block b holds states b * block_length(rbm) ..."""
    _, length, high_count = _counts(rbm)
    logs = _log_weights_of_blocks(rbm, group)
    return jax.lax.map(lambda number: jax.nn.logsumexp(logs(number)), jnp.arange(-(-high_count // length)))


@partial(jax.jit, static_argnames="group")
def block_log_weights(rbm: RBM, group: int, number: Any) -> Any:
    """The logs of the unnormalised probabilities of a block's states, `[block_length(rbm)]`, -inf beyond the last state."""
    return _log_weights_of_blocks(rbm, group)(number).ravel()


def block_length(rbm: RBM) -> int:
    """States in a block."""
    low_count, length, _ = _counts(rbm)
    return low_count * length


def _counts(rbm: RBM) -> tuple[int, int, int]:
    """States of the lower half, of the upper half in a block, and of the upper half in all."""
    states = rbm.visible.unit_states
    assert states is not None
    each, units = len(states), rbm.visible.size // states.shape[1]
    low_count = each ** min(units, max(1, int(np.log(LOW_STATES) / np.log(each))))
    high_count = count_of(rbm.visible) // low_count
    return low_count, min(HIGH_STATES, high_count), high_count


def _log_weights_of_blocks(rbm: RBM, group: int) -> Callable[[Any], Any]:
    low_count, length, high_count = _counts(rbm)
    # A half's states are joint states with the other half in its first state, which must then not be counted twice.
    start, start_y = _parts(rbm, rbm.visible.states(jnp.zeros(1, int)))
    low, low_y = _parts(rbm, rbm.visible.states(jnp.arange(low_count)))
    low_factors = _grouped(jnp.exp(low_y), group)

    def logs(number: Any) -> Any:
        """The block's log weights, `[length, low_count]`."""
        indices = number * length + jnp.arange(length)
        high, high_y = _parts(rbm, rbm.visible.states(indices * low_count))
        high_factors = _grouped(jnp.exp(high_y - start_y), group)

        def add(place: Any, total: Any) -> Any:
            a, b = low_factors[place], high_factors[place]
            product = 1 + a[0][None] * b[0][:, None]
            for factor in range(1, group):
                product = product * (1 + a[factor][None] * b[factor][:, None])
            return total + jnp.log(product)

        every = jax.lax.fori_loop(0, len(low_factors), add, (high - start)[:, None] + low[None])
        return jnp.where(indices[:, None] < high_count, every, -jnp.inf)

    return logs


def _parts(rbm: RBM, x: Any) -> tuple[Any, Any]:
    """What is additive over the halves: -energy plus the log normaliser's constant `[n]`, and y `[n, N]`."""
    form = rbm.hidden.softplus_form(model.hidden_inputs(rbm, x))
    assert form is not None
    return form[0] - rbm.visible.energy(x), form[1]


def _grouped(factors: Any, group: int) -> Any:
    """`[n, N]` to `[groups, group, n]`, filled up with zeros: 1 + 0 changes no product."""
    n, columns = factors.shape
    padded = jnp.pad(factors, ((0, 0), (0, -columns % group)))
    return padded.T.reshape(-1, group, n)
