"""The factorized engine: one logarithm a state, and a multiplication and an addition for each unit of the other layer.

It serves where the other layer's log normalizer is a sum of softplus(y_i), with y affine in its inputs: units of two states.
The enumerated units are split into low ones, which change fastest, and upper ones, so y_i = f_i(low) + g_i(upper). For any s,

    1 + e^y_i = e^(g_i + s_i) q_i,  q_i = a_i(low) + b_i(upper),  a = e^(f - s), b = e^(-g - s),  sigmoid(y_i) = a_i / q_i.

So a state's log weight has the logarithm of one product of q_i instead of a softplus for each i. The product's power of two is
put aside after each group of factors. s is the middle of the range of ln(e^f + e^-g), and where the ranges are so wide that a
group's product could overflow or vanish, the plain engine is used.

With p the states' probabilities, the sums of p sigmoid(y_i) x^T over all states are sums over single halves of p a_i / q_i.

The upper units are middle and top ones: a block has all states of the low and the middle units, with the top ones in one state,
and b = b(middle) e^-g(top), so a block takes few exponentials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from harmonium import model
from harmonium._types import Array, Result
from harmonium.exact import enumerate as plain
from harmonium.exact.enumerate import count_of, states
from harmonium.model import RBM

GROUP = 16
"""Factors between two looks at the product's power of two, at most."""
HOST_BLOCK, TRACED_BLOCK = (128, 64), (512, 64)
"""States of the low and of the middle units in a block, at most: a block stays in the processor's cache."""
MIN_HOST_STATES, MIN_TRACED_STATES = 1 << 12, 1 << 8
"""With fewer states the plain engine is as good."""


class Split(NamedTuple):
    """How many enumerated units, of `each` states, are low ones and how many middle ones; those before them are top ones."""

    low: int
    middle: int
    each: int

    @property
    def low_count(self) -> int:
        """Joint states of the low units."""
        return self.each**self.low

    @property
    def middle_count(self) -> int:
        """Joint states of the middle units."""
        return self.each**self.middle

    @property
    def length(self) -> int:
        """States in a block; all blocks are full."""
        return self.low_count * self.middle_count


class Shifts(NamedTuple):
    """What keeps all factors within the floating-point numbers, `[N]` each: s, and the least g(top)."""

    s: Any
    least_top: Any


class _Ranges(NamedTuple):
    shifts: Shifts
    reach: Any
    """|ln q_i| is at most this, `[N]`."""
    representable: Any
    """Whether a and b are floating-point numbers, or so small beside their sum that they do not count, `[N]`."""


# ---- where it serves


def serves(rbm: RBM, min_states: int) -> bool:
    """Whether the units have the form that the engine needs, and states enough for it to pay."""
    if np.dtype(rbm.weights.dtype) not in _BITS:
        return False
    form = rbm.hidden.softplus_form(np.zeros(rbm.hidden.size, rbm.weights.dtype))
    return form is not None and rbm.visible.unit_states is not None and count_of(rbm.visible) >= min_states


def split_units(rbm: RBM, block: tuple[int, int]) -> Split:
    """The largest numbers of low and middle units whose states are at most those of `block`."""
    each, width = _unit_states(rbm).shape
    units = rbm.visible.size // width
    low = min(units, max(1, int(math.log(block[0], each))))
    return Split(low, min(units - low, int(math.log(block[1], each))), each)


def scaling(rbm: RBM, split: Split) -> tuple[int, Shifts] | None:
    """The length of a group and the shifts for a model on the host; None where the factors' ranges are too wide."""
    ranges = _ranges(rbm, split, np)
    if not ranges.representable.all():
        return None
    group = GROUP
    while group and not _groups_fit(ranges.reach, group, np):
        group //= 2
    return (group, ranges.shifts) if group else None


def _ranges(rbm: RBM, split: Split, xp: ModuleType) -> _Ranges:
    """The ranges of the factors, over all states, by NumPy or jax.numpy."""
    dtype = rbm.weights.dtype
    unit_states = _unit_states(rbm).astype(dtype)
    y_zero, slope = _affine(rbm, xp)
    # What each enumerated unit adds to y in each of its states, [units, K, N].
    added = unit_states @ rbm.weights.reshape(-1, unit_states.shape[1], rbm.hidden.size) * slope
    upper, low = added[: len(added) - split.low], added[len(added) - split.low :]
    first = upper[:, 0]
    upper = upper - first[:, None]
    top, middle = upper[: len(upper) - split.middle], upper[len(upper) - split.middle :]

    def extremes(part: Array) -> tuple[Any, Any]:
        return part.min(axis=1).sum(axis=0), part.max(axis=1).sum(axis=0)

    (low_least, low_most), (middle_least, middle_most), (top_least, top_most) = map(extremes, (low, middle, top))
    f_shift = y_zero + first.sum(axis=0)
    least = xp.logaddexp(f_shift + low_least, -middle_most - top_most)
    most = xp.logaddexp(f_shift + low_most, -middle_least - top_least)
    reach = (most - least) / 2
    limit, negligible = _limit(dtype), 4 - math.log(np.finfo(dtype).eps)
    representable = (reach <= limit - negligible) & (top_most - top_least <= limit)
    return _Ranges(Shifts((least + most) / 2, top_least), reach, representable)


def _limit(dtype: np.dtype) -> float:
    """Products between e^-limit and e^limit are normal numbers, with a factor of two to spare: 86 and 706."""
    return -math.log(np.finfo(dtype).tiny) - 2


def _groups_fit(reach: Float[Array, " N"], group: int, xp: ModuleType) -> Any:
    """Whether no group's product leaves the range of normal numbers."""
    sums = xp.pad(reach, (0, -len(reach) % group)).reshape(-1, group).sum(axis=1)
    return sums.max() <= _limit(reach.dtype)


def _affine(rbm: RBM, xp: ModuleType) -> tuple[Any, Any]:
    """y without inputs and its slope by them, `[N]` each: y of the other layer is affine in its inputs."""
    zero = xp.zeros(rbm.hidden.size, rbm.weights.dtype)
    (_, y_zero), (_, y_one) = (rbm.hidden.softplus_form(inputs) for inputs in (zero, zero + 1))  # type: ignore[misc]
    y_zero = xp.asarray(y_zero)
    return y_zero, xp.asarray(y_one) - y_zero


def _unit_states(rbm: RBM) -> Float[np.ndarray, "K W"]:
    unit_states = rbm.visible.unit_states
    assert unit_states is not None
    return unit_states


# ---- a block


def _factors(rbm: RBM, shifts: Shifts, split: Split, group: int) -> tuple[Callable[[jax.Array], tuple[Any, Any]], Any]:
    """`log_weights [middle, low]` and `b [groups, GROUP, middle]` of the block of an index; `a [groups, GROUP, low]` of all."""
    low_count, middle_count = split.low_count, split.middle_count
    dtype = rbm.weights.dtype
    # Each part's states are joint states with the others in their first state, which must then not be counted again.
    start, start_y = _additive(rbm, jnp.zeros(1, int))
    low, low_y = _additive(rbm, jnp.arange(low_count))
    middle, middle_y = _additive(rbm, jnp.arange(middle_count) * low_count)
    a = _in_groups(jnp.exp(low_y - shifts.s).T, group, 1)
    middle_b = _in_groups(jnp.exp(start_y - middle_y - shifts.least_top - shifts.s).T, group, 0)
    constant = (middle - start + jnp.sum(middle_y - start_y + shifts.s, axis=1))[:, None] + low

    def block(index: jax.Array) -> tuple[Any, Any]:
        top, top_y = _additive(rbm, index[None] * split.length)
        g = top_y - start_y
        b = middle_b * _in_groups(jnp.exp(shifts.least_top - g).T, group, 0)

        def multiply(place: jax.Array, carry: tuple[jax.Array, jax.Array]) -> Any:
            # The power of two is put aside before the group, not after it: XLA would form the group's product twice.
            product, power = _mantissa_and_exponent(carry[0])
            q = [a[place, i] + b[place, i, :, None] for i in range(GROUP)]
            for first in range(0, GROUP, 4):  # short chains: a processor works on several at once
                product = product * math.prod(q[first : first + 4])
            return product, carry[1] + power

        ones = jnp.ones((middle_count, low_count), dtype)
        zeros = jnp.zeros(ones.shape, _BITS[np.dtype(dtype)].unsigned)
        product, power = jax.lax.fori_loop(0, len(a), multiply, (ones, zeros))
        exponent = power.astype(dtype) - _BITS[np.dtype(dtype)].bias * len(a)
        return jnp.log(product) + math.log(2) * exponent + constant + (top - start + jnp.sum(g)), b

    return block, a


def _additive(rbm: RBM, indices: Int[Array, " n"]) -> tuple[Float[Result, " n"], Float[Result, "n N"]]:
    """Of these states, what is additive over units: -energy plus the log normalizer's constant, and y."""
    x = states(rbm, indices)
    form = rbm.hidden.softplus_form(model.hidden_inputs(rbm, x))
    assert form is not None
    return form[0] - rbm.visible.energy(x), form[1]


def _in_groups(rows: Float[Array, "N states"], group: int, padding: int) -> Float[Result, "groups GROUP states"]:
    """`group` of the N rows in each group, padded to `GROUP`: XLA multiplies sixteen factors in less time than eight."""
    groups = jnp.pad(rows, ((0, -len(rows) % group), (0, 0)), constant_values=padding).reshape(-1, group, rows.shape[1])
    return jnp.pad(groups, ((0, 0), (0, GROUP - group), (0, 0)), constant_values=padding)


class _Format(NamedTuple):
    unsigned: type
    fraction_bits: int
    bias: int


_BITS = {np.dtype(np.float64): _Format(np.uint64, 52, 1023), np.dtype(np.float32): _Format(np.uint32, 23, 127)}


def _mantissa_and_exponent(positive: Float[Array, "*shape"]) -> tuple[Float[Result, "*shape"], Any]:
    """m in [1, 2) and the biased e of m 2^(e - bias): `frexp` in half the time, for normal numbers alone."""
    unsigned, fraction_bits, bias = _BITS[np.dtype(positive.dtype)]
    bits = jax.lax.bitcast_convert_type(positive, unsigned)
    mantissa = bits % unsigned(1 << fraction_bits) + unsigned(bias << fraction_bits)
    return jax.lax.bitcast_convert_type(mantissa, positive.dtype), bits >> unsigned(fraction_bits)


# ---- sums over blocks


@partial(jax.jit, static_argnames=("split", "group", "blocks"))
def log_block_sums(
    rbm: RBM, shifts: Shifts, first: int | Int[Array, ""], split: Split, group: int, blocks: int
) -> Float[Result, " blocks"]:
    """The logs of the unnormalized probabilities of the blocks `first ...`; those beyond the last block have -inf."""
    block, _ = _factors(rbm, shifts, split, group)
    count = count_of(rbm.visible) // split.length
    log_sum = lambda index: jnp.where(index < count, jax.nn.logsumexp(block(index)[0]), -jnp.inf)  # noqa: E731
    return jax.lax.map(log_sum, first + jnp.arange(blocks))


@partial(jax.jit, static_argnames=("split", "group"))
def log_weights(
    rbm: RBM, shifts: Shifts, index: np.int64 | Int[Array, ""], split: Split, group: int
) -> Float[Result, " length"]:
    """The logs of the unnormalized probabilities of a block's states, in the order of their numbers."""
    return _factors(rbm, shifts, split, group)[0](jnp.asarray(index))[0].ravel()


def log_partition_and_statistics(rbm: RBM) -> tuple[Float[Result, ""], RBM]:
    """ln Z (nats) and the sufficient statistics expected under the joint distribution (the gradient of ln Z); traceable.

    Computed in the model's own precision, by the engine that serves: the ranges decide as the program runs.

    Raises:
        InputError: neither layer can be enumerated (`enumerable_states`).
    """
    enumerated = plain.smaller_first(rbm)
    one_leaf_each = all(len(jax.tree.leaves(layer)) == 1 for layer in (rbm.visible, rbm.hidden))
    if one_leaf_each and serves(enumerated, MIN_TRACED_STATES):
        split = split_units(enumerated, TRACED_BLOCK)
        ranges = _ranges(enumerated, split, jnp)
        fits: Bool[Array, ""] = ranges.representable.all() & _groups_fit(ranges.reach, GROUP, jnp)
        factorized = partial(_statistics, shifts=ranges.shifts, split=split)
        log_z, expected = jax.lax.cond(fits, factorized, plain.statistics, enumerated)
    else:
        log_z, expected = plain.statistics(enumerated)
    return log_z, expected if enumerated is rbm else model.transpose(expected)


def _statistics(rbm: RBM, shifts: Shifts, split: Split) -> tuple[Any, RBM]:
    dtype = rbm.weights.dtype
    low_count, middle_count = split.low_count, split.middle_count
    low_columns = split.low * _unit_states(rbm).shape[1]
    x_low = states(rbm, jnp.arange(low_count))[:, -low_columns:]
    block, a = _factors(rbm, shifts, split, GROUP)
    size = rbm.hidden.size
    a = a.reshape(-1, low_count)[:size]

    def body(index: jax.Array, carry: tuple[jax.Array, ...]) -> Any:
        largest, *sums = carry
        log_weights, b = block(index)
        x = states(rbm, index * split.length + jnp.arange(middle_count) * low_count)[:, :-low_columns]
        new_largest = jnp.maximum(largest, log_weights.max())
        p = jnp.exp(log_weights - new_largest)

        def sum_on(unit: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
            a, b = unit
            p_on = p * (a / (a + b[:, None]))
            return p_on.sum(axis=1), p_on.sum(axis=0)

        on_upper, on_low = jax.lax.map(sum_on, (a, b.reshape(-1, middle_count)[:size]))
        added = (p.sum(axis=0), p.sum(axis=1) @ x, on_low, on_upper @ x)
        scale = jnp.exp(largest - new_largest)
        return new_largest, *(old * scale + new for old, new in zip(sums, added, strict=True))

    upper_columns = rbm.visible.size - low_columns
    shapes = (low_count,), (upper_columns,), (size, low_count), (size, upper_columns)
    carry = (jnp.array(-jnp.inf, dtype), *(jnp.zeros(shape, dtype) for shape in shapes))
    blocks = count_of(rbm.visible) // split.length
    largest, p_low, upper_mean, on_low, upper_pairs = jax.lax.fori_loop(0, blocks, body, carry)
    z = p_low.sum()
    x_mean = jnp.concatenate([upper_mean, p_low @ x_low]) / z
    on = on_low.sum(axis=1) / z
    pairs = jnp.concatenate([upper_pairs, on_low @ x_low], axis=1).T / z
    # The mean of the other layer is affine in the sigmoids.
    slope = _affine(rbm, jnp)[1]
    constant = jax.grad(lambda inputs: rbm.hidden.softplus_form(inputs)[0])(jnp.zeros(size, dtype))  # type: ignore[index]
    visible, hidden = jax.tree.map(jnp.zeros_like, (rbm.visible, rbm.hidden))
    weights = x_mean[:, None] * constant + pairs * slope
    return largest + jnp.log(z), RBM(visible.add_field(x_mean), hidden.add_field(constant + slope * on), weights)
