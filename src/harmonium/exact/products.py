"""ln Z with one logarithm for many units, instead of one softplus for each.

Where the other layer's log normalizer is a sum of softplus(y_i) with y affine in its inputs, and the enumerated units are
split in two halves, y_i = f_i(low) + g_i(high), so for any centers s_i

    sum_i softplus(y_i) = sum_i (g_i + s_i) + ln prod_i (a_i(low) + b_i(high)),   a = e^(f - s), b = e^(-g - s):

an addition and a multiplication a factor. After a group of factors the product's power of two is put aside, so that one
logarithm is left for each state. The centers are the middles of the factors' ranges and the group is as long as those
ranges allow, so nothing overflows and no product vanishes.

A block holds all states of the lower units and of the middle ones, with the top ones in one state. The upper half is the
middle and the top, b = b(middle) e^-g(top), so that hardly an exponential is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import model
from harmonium.exact.blocks import count_of, states
from harmonium.model import RBM

LOW_STATES = 128
"""States of the lower units, at most: with those of the middle ones a block of products stays in the processor's cache."""
MIDDLE_STATES = 64
FEWEST_STATES = 1 << 12
"""Below this many states the plain sum is as good."""
LONGEST_GROUP = 16
LARGEST_EXPONENT = 700.0
"""Every product of one group lies between e^-700 and e^700; float64 has e^-708 to e^709."""
EXPONENT_BIAS = 1023
"""The exponent of 1 as float64 stores it, in the 11 bits above the 52 of the fraction."""


class Shifts(NamedTuple):
    """What keeps the factors within float64: the centers s above and the least g(top), `[N]` each."""

    centers: np.ndarray
    least_top: np.ndarray


def scaling(rbm: RBM) -> tuple[int, Shifts] | None:
    """The length of a group and the shifts, or None where products do not serve: then the plain sum must be taken.

    `rbm`: in float64 on the host, the layer to be enumerated first.
    """
    softplus = rbm.hidden.softplus_form(np.zeros(rbm.hidden.size))
    unit_states = rbm.visible.unit_states
    if softplus is None or unit_states is None or count_of(rbm.visible) < FEWEST_STATES:
        return None
    y_zero = np.asarray(softplus[1])
    slope = np.asarray(rbm.hidden.softplus_form(np.ones(rbm.hidden.size))[1]) - y_zero  # type: ignore[index]
    # What each enumerated unit adds to y in each of its states, [units, K, N].
    sent = unit_states @ np.asarray(rbm.weights).reshape(-1, unit_states.shape[1], rbm.hidden.size) * slope
    low_units, middle_units = _units(rbm)
    high, low = np.split(sent, [len(sent) - low_units])
    f_first = y_zero + high[:, 0].sum(axis=0)
    high = high - high[:, :1]
    f_least, f_most = (f_first + extreme(low, axis=1).sum(axis=0) for extreme in (np.min, np.max))
    g_least, g_most = (extreme(high, axis=1).sum(axis=0) for extreme in (np.min, np.max))
    least = np.maximum(f_least, -g_most)
    most = np.maximum(f_most, -g_least) + np.log(2)
    reaches = np.sort((most - least) / 2)[::-1]
    group = LONGEST_GROUP
    while group > 1 and reaches[:group].sum() > LARGEST_EXPONENT:
        group //= 2
    if reaches[:group].sum() > LARGEST_EXPONENT:
        return None
    top = high[: len(high) - middle_units]
    return group, Shifts((most + least) / 2, top.min(axis=1).sum(axis=0))


@partial(jax.jit, static_argnames=("group", "blocks"))
def log_shares(rbm: RBM, shifts: Shifts, first: Any, group: int, blocks: int) -> Any:
    """The logs of the parts of Z of the blocks `first ...`, `[blocks]`; block b holds states b * block_length(rbm) ..."""
    logs = _log_weights_of_blocks(rbm, shifts, group)
    count = count_of(rbm.visible) // block_length(rbm)
    return jax.lax.map(lambda b: jnp.where(b < count, jax.nn.logsumexp(logs(b)), -jnp.inf), first + jnp.arange(blocks))


@partial(jax.jit, static_argnames="group")
def log_weights(rbm: RBM, shifts: Shifts, number: Any, group: int) -> Any:
    """The logs of the unnormalized probabilities of a block's states, `[block_length(rbm)]`."""
    return _log_weights_of_blocks(rbm, shifts, group)(number).ravel()


def block_length(rbm: RBM) -> int:
    """States in a block; all blocks are whole."""
    return math.prod(_counts(rbm))


def _units(rbm: RBM) -> tuple[int, int]:
    """How many units are lower ones, and how many middle ones."""
    unit_states = rbm.visible.unit_states
    assert unit_states is not None
    each, width = unit_states.shape
    units = rbm.visible.size // width
    low_units = min(units, max(1, int(math.log(LOW_STATES, each))))
    return low_units, min(units - low_units, int(math.log(MIDDLE_STATES, each)))


def _counts(rbm: RBM) -> tuple[int, int]:
    """States of the lower units, and of the middle ones."""
    unit_states = rbm.visible.unit_states
    assert unit_states is not None
    low_units, middle_units = _units(rbm)
    return len(unit_states) ** low_units, len(unit_states) ** middle_units


def _log_weights_of_blocks(rbm: RBM, shifts: Shifts, group: int) -> Callable[[Any], Any]:
    low_count, middle_count = _counts(rbm)
    # Each part's states are joint states with the others in their first state, which must then not be counted again.
    start, start_y = _parts(rbm, jnp.zeros(1, int))
    low, low_y = _parts(rbm, jnp.arange(low_count))
    middle, middle_y = _parts(rbm, jnp.arange(middle_count) * low_count)
    low_factors = jnp.moveaxis(_grouped(jnp.exp(low_y - shifts.centers), group, 1), 0, -1)
    middle_factors = jnp.exp(start_y - middle_y - shifts.least_top - shifts.centers)
    middle = middle + jnp.sum(middle_y - start_y + shifts.centers, axis=1) - start

    def logs(number: Any) -> Any:
        """The block's log weights, `[middle_count, low_count]`."""
        top, top_y = _parts(rbm, number[None] * (low_count * middle_count))
        g = top_y - start_y
        high_factors = _grouped(middle_factors * jnp.exp(shifts.least_top - g), group, 0)

        def multiply(place: Any, carry: Any) -> Any:
            # The power of two is put aside before the group, not after it: XLA would form the group's product twice.
            product, power = _split(carry[0])
            a, b = low_factors[place], high_factors[:, place]
            sums = [a[factor][None] + b[:, factor, None] for factor in range(LONGEST_GROUP)]
            for first in range(0, LONGEST_GROUP, 4):  # short chains, of which a processor works on several at once
                product = product * math.prod(sums[first : first + 4])
            return product, carry[1] + power

        ones = jnp.ones((middle_count, low_count))
        product, power = jax.lax.fori_loop(0, len(low_factors), multiply, (ones, jnp.zeros(ones.shape, jnp.uint64)))
        powers = power - jnp.float64(EXPONENT_BIAS * len(low_factors))
        return jnp.log(product) + np.log(2) * powers + middle[:, None] + (low + top - start + jnp.sum(g))

    return logs


def _parts(rbm: RBM, numbers: Any) -> tuple[Any, Any]:
    """Of these states, what is additive over units: -energy plus the log normalizer's constant `[n]`, and y `[n, N]`."""
    x = states(rbm, numbers)
    form = rbm.hidden.softplus_form(model.hidden_inputs(rbm, x))
    assert form is not None
    return form[0] - rbm.visible.energy(x), form[1]


def _grouped(terms: Any, group: int, filling: int) -> Any:
    """`[n, N]` to `[n, groups, LONGEST_GROUP]`, `group` of the N in each; 1 and 0 fill up, whose sum changes no product.

    A group that the ranges make short is filled up too: XLA multiplies sixteen factors in less time than eight.
    """
    n, columns = terms.shape
    whole = jnp.pad(terms, ((0, 0), (0, -columns % group)), constant_values=filling).reshape(n, -1, group)
    return jnp.pad(whole, ((0, 0), (0, 0), (0, LONGEST_GROUP - group)), constant_values=filling)


def _split(positive: Any) -> tuple[Any, Any]:
    """m in [1, 2) and the biased e of m 2^(e - EXPONENT_BIAS), `[...]`: `frexp` in half the time, for normal numbers alone."""
    bits = jax.lax.bitcast_convert_type(positive, jnp.uint64)
    mantissa = jax.lax.bitcast_convert_type(bits % (1 << 52) + (EXPONENT_BIAS << 52), jnp.float64)
    return mantissa, bits >> 52
