"""ln Z and expected statistics with a multiplication and a division where the plain sum takes a softplus and a sigmoid.

As in `products`, with the enumerated units in two halves and y_i = f_i(low) + g_i(high) what unit i of the other layer gets,

    1 + e^y_i = e^s_i q_i,   q_i = e^-s_i + a_i(low) b_i(high),   a = e^(f - s), b = e^g,   sigmoid(y_i) = a_i b_i / q_i,

so one product of the q gives a state's probability p, and with w_i = p / q_i the sums over all states of p sigmoid(y_i) x^T
are sums over single halves: sum_high b_i (w_i a_i) x_high^T and sum_low a_i (b_i w_i) x_low^T.

Traceable, in the machine's own precision. `products` is for float64 on the host, where the ranges of the factors decide
what is compiled; here they decide, as the program runs, between this way and the plain one.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from harmonium import model
from harmonium.exact import blocks
from harmonium.exact.blocks import count_of, states
from harmonium.model import RBM

LOW_STATES, HIGH_STATES = 512, 64
"""States of the two halves in a block: its probabilities stay in the processor's cache."""
FEWEST_STATES = 1 << 8
"""Below this many states the plain sum is as good."""
GROUP = 16
"""Factors that share a logarithm."""


def log_partition_and_statistics(rbm: RBM) -> tuple[Any, RBM]:
    """ln Z and the sufficient statistics expected under the joint distribution (the gradient of ln Z); traceable.

    The leaves are in the machine's own precision. The machine must be enumerable (`enumerable_states`).
    """
    enumerated = blocks.smaller_first(rbm)
    log_z, found = (_by_halves_if_in_range if _have_halves(enumerated) else blocks.statistics)(enumerated)
    return log_z, found if enumerated is rbm else model.transpose(found)


def _have_halves(rbm: RBM) -> bool:
    linear = all(len(jax.tree.leaves(layer)) == 1 for layer in (rbm.visible, rbm.hidden))
    form = rbm.hidden.softplus_form(jnp.zeros(rbm.hidden.size, rbm.weights.dtype))
    return linear and form is not None and rbm.visible.unit_states is not None and count_of(rbm.visible) >= FEWEST_STATES


def _by_halves_if_in_range(rbm: RBM) -> tuple[Any, RBM]:
    dtype = rbm.weights.dtype
    unit_states = rbm.visible.unit_states
    assert unit_states is not None
    each, width = unit_states.shape
    units = rbm.visible.size // width
    low_units = min(units // 2 + units % 2, int(math.log(LOW_STATES, each)))
    low_count, high_count = each**low_units, each ** (units - low_units)
    rows = math.gcd(high_count, each ** int(math.log(HIGH_STATES, each)))

    # Both halves' states are joint states with the other half in its first state, which must then be counted once.
    start, start_y, _ = _part(rbm, jnp.zeros(1, int))
    low, f, x_low = _part(rbm, jnp.arange(low_count))
    high, g, x_high = _part(rbm, jnp.arange(high_count) * low_count)
    high, g = high - start, g - start_y
    x_low, x_high = x_low[:, -low_units * width :], x_high[:, : -low_units * width]

    middle = (g.max(axis=0) + g.min(axis=0)) / 2
    f, g = f + middle, g - middle
    least, most = (jax.nn.softplus(extreme(f, axis=0) + extreme(g, axis=0)) for extreme in (jnp.min, jnp.max))
    s = (least + most) / 2
    reach = _padded((most - least) / 2, 0).reshape(-1, GROUP).sum(axis=1)
    limit = 0.9 * math.log(float(jnp.finfo(dtype).max))
    safe = jnp.max(jnp.stack([reach.max(), jnp.abs(f - s).max(), jnp.abs(g).max(), s.max()])) < limit
    # One row a unit of the other layer: [N, low], [N, high], [N]; those that fill up a group are factors of 1.
    a, b, q_0 = _padded(jnp.exp(f - s).T, 0), _padded(jnp.exp(g).T, 0), _padded(jnp.exp(-s), 1)

    def block(number: Any, carry: Any) -> Any:
        largest, *sums = carry
        here = jax.lax.dynamic_slice_in_dim(b, number * rows, rows, axis=1)
        x = jax.lax.dynamic_slice_in_dim(x_high, number * rows, rows)

        def multiplied(group: Any, logs: Any) -> Any:
            first = group * GROUP
            parts = [jax.lax.dynamic_slice_in_dim(factors, first, GROUP) for factors in (q_0, a, here)]
            return logs + jnp.log(math.prod(q + bi[:, None] * ai[None] for q, ai, bi in zip(*parts, strict=True)))

        logs = low + s.sum() + jax.lax.dynamic_slice_in_dim(high, number * rows, rows)[:, None]
        logs = jax.lax.fori_loop(0, len(q_0) // GROUP, multiplied, logs)
        new_largest = jnp.maximum(largest, logs.max())
        p = jnp.exp(logs - new_largest)

        def summed(i: Any) -> tuple[Any, Any]:
            p_on = p * (here[i][:, None] * a[i][None]) / (q_0[i] + here[i][:, None] * a[i][None])
            return p_on.sum(axis=1), p_on.sum(axis=0)

        of_high, of_low = jax.lax.map(summed, jnp.arange(len(s)))
        added = (p.sum(axis=0), p.sum(axis=1) @ x, of_low, of_high @ x)
        scale = jnp.exp(largest - new_largest)
        return new_largest, *(old * scale + new for old, new in zip(sums, added, strict=True))

    def by_halves(rbm: RBM) -> tuple[Any, RBM]:
        sums = ((low_count,), (x_high.shape[1],), (len(s), low_count), (len(s), x_high.shape[1]))
        carry = (jnp.array(-jnp.inf, dtype), *(jnp.zeros(shape, dtype) for shape in sums))
        largest, p_low, high_mean, of_low, high_pairs = jax.lax.fori_loop(0, high_count // rows, block, carry)
        z = p_low.sum()
        x_mean = jnp.concatenate([high_mean, p_low @ x_low]) / z
        on = of_low.sum(axis=1) / z
        pairs = jnp.concatenate([high_pairs, of_low @ x_low], axis=1).T / z
        # The mean of the other layer is affine in the sigmoids.
        zero = jnp.zeros(rbm.hidden.size, dtype)
        (_, y_0), (_, y_1) = (rbm.hidden.softplus_form(inputs) for inputs in (zero, zero + 1))  # type: ignore[misc]
        constant, slope = jax.grad(lambda inputs: rbm.hidden.softplus_form(inputs)[0])(zero), y_1 - y_0  # type: ignore[index]
        visible, hidden = jax.tree.map(jnp.zeros_like, (rbm.visible, rbm.hidden))
        weights = x_mean[:, None] * constant + pairs * slope
        return largest + jnp.log(z), RBM(visible.add_field(x_mean), hidden.add_field(constant + slope * on), weights)

    return jax.lax.cond(safe, by_halves, blocks.statistics, rbm)


def _part(rbm: RBM, numbers: Any) -> tuple[Any, Any, Any]:
    """Of these states: what is additive over units, y `[n, N]`, and the states `[n, V]`."""
    x = states(rbm, numbers)
    form = rbm.hidden.softplus_form(model.hidden_inputs(rbm, x))
    assert form is not None
    return form[0] - rbm.visible.energy(x), form[1], x


def _padded(rows: Any, filling: float) -> Any:
    """As many rows as fill whole groups."""
    return jnp.pad(rows, ((0, -len(rows) % GROUP), *((0, 0) for _ in rows.shape[1:])), constant_values=filling)
