"""Rows with missing cells by tempered chains: ln p(v_o), the distribution of the missing cells, and whether to trust them.

With v_o fixed, the missing cells v_m and h are a model of their own. On its ladder, rung beta has the visible inputs

    (1 - beta) c + beta W h,    and the hidden units    (1 - beta) g + beta W' v,
    ln p_beta(v_m) = -energy(v_o, v_m) + (1 - beta) c . v_m + ln Z_h((1 - beta) g + beta W' v) + constant,

with ln Z_h the hidden layer's log normalizer. At beta = 0 the units are independent and ln Z is a sum; g = W' v_o and
c = W E[h | v_o alone]. Those of bounded units are limited, so that no value is left out, and are means over the modes found
by ascent: if they preferred one of several, the others would weigh nothing on the way. Neighbors exchange their states, the
betas of each row adapt, and the Bennett acceptance ratio between neighbors adds up to ln p(v_o) + ln Z, as in `replica_bar`.

Half of the chains begin at beta = 0, the others where ascent leads from states that random hidden units prefer (`modes`). A row
is settled if both halves agree, the first steps with the last ones, all exchanges succeed often, and its error is small. The
error is the largest of three: the scatter of the chains, half the difference of the halves, and half that between the estimates
from below and from above.

References: as `samplers.replicas`; C. Bennett, J. Comput. Phys. 22 (1976);
A. Gelman and D. Rubin, Statistical Science 7 (1992).
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from harmonium import model
from harmonium._numerics import float64, in_own_precision
from harmonium._types import Key
from harmonium.exact import missing as enumerated
from harmonium.likelihood.modes import ASCENT, COLD, FIELD
from harmonium.model import RBM
from harmonium.random import uniform
from harmonium.samplers.parallel_tempering import adapt_betas
from harmonium.units import Units

STAGES = ((8, 16, 24), (16, 32, 100), (24, 32, 300))
"""Rungs, ladders, and steps before those that count, of a row at first, of one that is not settled then ..."""
MAX_ERROR = 0.05
"""... or has a larger standard error than this (nats), and of one that is not settled even so."""
MAX_TERMS, UNIT_TERMS = 1 << 35, 16
"""Of all rows in a later stage, sweeps x weights, and the cost of drawing a unit: a minute on two cores."""
MAX_SETTLED = 0.5
"""No row with a larger one is settled: its ladders are too few to say that they agree."""
MAX_FIELD = 1.0
"""The largest input of a bounded unit at beta = 0, its bias included: its rarer value has a quarter."""
ADAPT, MEMORY = 0.2, 0.2
"""The fraction of the way that the betas move, and the weight of the latest acceptance rates."""
Z_LIMIT = 4.0
"""Of each of four differences between halves: a false alarm in 4,000 rows, with chains enough."""
MIN_ACCEPTANCE = 0.2
BLOCK_ELEMENTS = 1 << 21
"""Rows x rungs x ladders x columns of the wider layer at a time."""


class Clamped(NamedTuple):
    """Of each row: ln p(v_o) + ln Z in nats and its standard error, whether its chains are settled, the moments E[v | v_o] and
    E[v^2 | v_o], and the ends of the chains."""

    value: Float[np.ndarray, " rows"]
    error: Float[np.ndarray, " rows"]
    settled: Bool[np.ndarray, " rows"]
    mean: Float[np.ndarray, "rows visible"]
    square: Float[np.ndarray, "rows visible"]
    draws: Float[np.ndarray, "rows draws visible"]


def temper_rows(
    rbm: RBM,
    v: Float[np.ndarray, "rows visible"],
    key: Key,
    *,
    draws: int = 0,
    max_error: float = MAX_ERROR,
    stages: int = len(STAGES),
) -> Clamped:
    """Tempered chains of the missing cells (NaN) of each row: few for all, and more where they do not settle.

    Args:
        draws: the chains have at least as many ends.
        max_error: of ln p(v_o), from which on a row gets more chains.
        stages: 1 for the few alone.
    """
    v = np.asarray(v, np.float64)
    size, cost = rbm.visible.size, rbm.weights.size + UNIT_TERMS * sum(rbm.weights.shape)
    result = Clamped(
        np.empty(len(v)), np.empty(len(v)), np.zeros(len(v), bool), v.copy(), v**2, np.empty((len(v), draws, size))
    )
    left = np.arange(len(v))
    target = in_own_precision(rbm)
    for stage, (rungs, ladders, steps) in enumerate(STAGES[:stages]):
        ladders = max(ladders, draws + draws % 2)
        if stage > 0:
            wanted = ~result.settled[left] if stage > 1 else ~result.settled[left] | (result.error[left] > max_error)
            # Those that are not settled come first.
            order = np.argsort(result.settled[left], kind="stable")
            left = left[order][wanted[order]][: MAX_TERMS // (2 * rungs * ladders * steps * cost)]
        if not len(left):
            break
        rows = max(1, min(len(left), BLOCK_ELEMENTS // (rungs * ladders * max(rbm.weights.shape))))
        # A power of two, so that code compiled for some rows serves as many others.
        rows = 1 << (rows.bit_length() - 1)
        own = jax.random.fold_in(key, stage)

        def temper(index: int, some: np.ndarray, own: Key = own, shape: Any = (rungs, ladders), steps: int = steps) -> Any:
            return _temper(jax.random.fold_in(own, index), target, some, shape=shape, steps=steps)

        with float64():
            *parts, ends = enumerated.in_batches(temper, v[left], rows)
        for whole, part in zip(result, (*parts, ends[:, :draws]), strict=True):
            whole[left] = part
    result.draws[:] = np.where(np.isnan(v)[:, None], result.draws, v[:, None])  # observed cells keep their digits
    return result


def describe_unsettled(unsettled: int) -> str:
    """What to make of rows whose chains are not settled, in one sentence."""
    return (
        f"the tempered chains of {unsettled:,} rows with missing cells are not in equilibrium, so their results may be off by "
        "more than their errors: leave these rows out, or have their completions or the hidden layer enumerated"
    )


def warn_of_unsettled(unsettled: int, stacklevel: int) -> None:
    """Warn if there are such rows."""
    if unsettled:
        warnings.warn(describe_unsettled(unsettled), stacklevel=stacklevel + 1)


class _Ladders(NamedTuple):
    """The missing cells, zero elsewhere, what they send, the betas, and the running acceptance rates."""

    x: Float[Array, "rungs rows ladders visible"]
    sent: Float[Array, "rungs rows ladders hidden"]
    betas: Float[Array, "rungs rows"]
    acceptance: Float[Array, "pairs rows"]


@partial(jax.jit, static_argnames=("shape", "steps"))
def _temper(key: Key, rbm: RBM, v: Float[Array, "rows visible"], *, shape: tuple[int, int], steps: int) -> tuple[Array, ...]:
    rungs, ladders = shape
    absent, known = jnp.isnan(v), jnp.nan_to_num(v)
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), rbm)
    dtype = rbm.weights.dtype
    own = model.hidden_inputs(wide, known)
    c = model.visible_inputs(wide, wide.hidden.mean(own))
    begin_key = jax.random.fold_in(key, 2 * steps)
    found = jnp.where(absent[:, None], _find_modes(begin_key, rbm, known.astype(dtype), absent, ladders - ladders // 2), 0)
    sent = own[:, None] + model.hidden_inputs(wide, found.astype(jnp.float64))
    c = _limit(wide.visible, c, model.visible_inputs(wide, wide.hidden.mean(sent)))
    g = _limit(wide.hidden, own, sent)
    # Of v_o no more than its energy, and what it sends to cells that depend on it: it is in `own` and `g` what h receives.
    start = wide.visible.given(v).log_normalizer(jnp.where(absent, c, 0)) + wide.hidden.log_normalizer(g)
    own, c, g = (each.astype(dtype)[:, None] for each in (own, c, g))
    row = rbm.visible.given(v.astype(dtype)[:, None])

    def keep(x: Array) -> Array:
        return jnp.where(absent[:, None], x, 0).astype(dtype)

    def sweep(key: Key, at: _Ladders) -> tuple[_Ladders, Array]:
        h_key, x_key = jax.random.split(key)
        beta = at.betas[:, :, None, None].astype(dtype)
        h = rbm.hidden.sample(h_key, beta * (own + at.sent) + (1 - beta) * g)
        inputs = model.visible_inputs(rbm, h)
        x = keep(row.sample(x_key, beta * inputs + (1 - beta) * c))
        return at._replace(x=x, sent=model.hidden_inputs(rbm, x)), inputs[-1]

    def rise(low: Array, high: Array, x: Array, sent: Array) -> Array:
        """ln of the unnormalized p at `high` less that at `low`."""
        betas = (b[:, :, None, None].astype(dtype) for b in (low, high))
        terms = [rbm.hidden.log_normalizer_terms(b * (own + sent) + (1 - b) * g) for b in betas]
        field = jnp.sum(c * x, axis=-1, dtype=jnp.float64)
        return jnp.sum(terms[1] - terms[0], axis=-1, dtype=jnp.float64) - (high - low)[..., None] * field

    def exchange(key: Key, at: _Ladders, i: Array) -> tuple[_Ladders, Array, Array]:
        low, high = at.betas[:-1], at.betas[1:]
        up, down = rise(low, high, at.x[:-1], at.sent[:-1]), rise(high, low, at.x[1:], at.sent[1:])
        odd = (jnp.arange(rungs - 1) % 2 == i % 2)[:, None, None]
        accepted = (jnp.log(uniform(key, up.shape, jnp.float64)) < up + down) & odd
        none = jnp.zeros_like(accepted[:1])
        lower, higher = (jnp.concatenate(each)[..., None] for each in ((accepted, none), (none, accepted)))

        def swap(a: Array) -> Array:
            return jnp.where(lower, jnp.roll(a, -1, axis=0), jnp.where(higher, jnp.roll(a, 1, axis=0), a))

        rates = jnp.minimum(1, jnp.exp(up + down)).mean(axis=-1)
        acceptance = at.acceptance + MEMORY * (rates - at.acceptance)
        return at._replace(x=swap(at.x), sent=swap(at.sent), acceptance=acceptance), up, down

    def warm(i: Array, at: _Ladders) -> _Ladders:
        sweep_key, exchange_key = jax.random.split(jax.random.fold_in(key, i))
        at, _, _ = exchange(exchange_key, sweep(sweep_key, at)[0], i)
        betas = jax.vmap(adapt_betas, (1, 1, None), 1)(at.betas, at.acceptance, ADAPT)
        return at._replace(betas=jnp.where(i < steps // 2, betas, at.betas))

    def count(carry: tuple[_Ladders, Array, Array], i: Array) -> Any:
        at, mean, square = carry
        sweep_key, exchange_key = jax.random.split(jax.random.fold_in(key, i))
        at, inputs = sweep(sweep_key, at)
        first, second = row.moments(inputs)
        top = model.hidden_inputs(rbm, at.x[-1])
        log_p = rbm.hidden.log_normalizer(own + top) - rbm.visible.energy(at.x[-1] + known.astype(dtype)[:, None])
        at, up, down = exchange(exchange_key, at, i)
        return (at, mean + first.mean(axis=1), square + second.mean(axis=1)), (up, down, log_p)

    independent = row.sample(jax.random.fold_in(begin_key, ASCENT), jnp.repeat(c, ladders // 2, axis=1))
    x = keep(jnp.concatenate([independent, found], axis=1))
    x = jnp.broadcast_to(x, (rungs, *x.shape))
    betas = jnp.repeat(jnp.linspace(0, 1, rungs)[:, None], len(v), axis=1)
    at = _Ladders(x, model.hidden_inputs(rbm, x), betas, jnp.ones((rungs - 1, len(v))))
    at = jax.lax.fori_loop(0, steps, warm, at)
    zeros = jnp.zeros(v.shape, jnp.float64)
    (at, mean, square), (up, down, log_p) = jax.lax.scan(count, (at, zeros, zeros), steps + jnp.arange(steps))
    rises, error, agree = _sum_rises(up, down, log_p.astype(jnp.float64))
    settled = agree & (at.acceptance.min(axis=0) > MIN_ACCEPTANCE)
    of_missing = (jnp.where(absent, total / steps, own) for total, own in ((mean, known), (square, known**2)))
    value = start + rises
    rounding = jnp.finfo(dtype).eps * jnp.abs(value)
    return value, jnp.maximum(error, rounding), settled & (error < MAX_SETTLED), *of_missing, at.x[-1]


def _limit(
    units: Units, inputs: Float[Array, "rows columns"], at_modes: Float[Array, "rows modes columns"]
) -> Float[Array, "rows columns"]:
    """`inputs` of real units; of bounded ones the mean over the modes, each limited."""
    limited = jnp.clip(units.bias + at_modes, -MAX_FIELD, MAX_FIELD).mean(axis=1) - units.bias
    return jnp.where(jnp.isfinite(units.curvature), inputs, limited)


def _find_modes(
    key: Key, rbm: RBM, known: Float[Array, "rows visible"], absent: Bool[Array, "rows visible"], count: int
) -> Float[Array, "rows modes visible"]:
    """The ends of ascents from states that random hidden units prefer."""
    keys = jax.random.split(key, 4)
    cold, shape = model.at_temperature(rbm, COLD), (len(known), count)
    row = cold.visible.given(jnp.where(absent, jnp.nan, known)[:, None])
    chosen = uniform(keys[1], (*shape, rbm.hidden.size), known.dtype) < uniform(keys[2], (*shape, 1), known.dtype)
    field = jnp.where(jnp.isfinite(rbm.hidden.curvature), jnp.sqrt(rbm.hidden.curvature), FIELD)
    h = cold.hidden.sample(keys[3], (2 * chosen - 1) * field / COLD)

    def prefer(i: Int[Array, ""], inputs: Array) -> Array:
        return row.sample(jax.random.fold_in(keys[0], i), inputs / COLD)

    def ascend(i: Array, x: Array) -> Array:
        filled = jnp.where(absent[:, None], x, known[:, None])
        return prefer(i, model.visible_inputs(rbm, model.hidden_mean(rbm, filled)))

    return jax.lax.fori_loop(1, ASCENT, ascend, prefer(jnp.asarray(0), model.visible_inputs(rbm, h)))


def _sum_rises(
    up: Float[Array, "steps pairs rows ladders"],
    down: Float[Array, "steps pairs rows ladders"],
    log_p: Float[Array, "steps rows ladders"],
) -> tuple[Float[Array, " rows"], Float[Array, " rows"], Bool[Array, " rows"]]:
    """The Bennett acceptance ratios added up, their standard errors, and whether both halves of the ladders agree."""
    axes, (steps, _, _, ladders) = (0, 3), up.shape

    def total(exponents: Array) -> Array:
        return jax.nn.logsumexp(exponents, axis=axes)

    def iterate(_: Array, c: Array) -> Array:
        at = c[None, :, :, None]
        return c + total(jax.nn.log_sigmoid(up - at)) - total(jax.nn.log_sigmoid(down + at))

    count = jnp.log(float(steps * ladders))
    below, above = total(up) - count, count - total(down)
    c = jax.lax.fori_loop(0, 40, iterate, (below + above) / 2)
    first, second = jax.nn.sigmoid(up - c[None, :, :, None]), jax.nn.sigmoid(down + c[None, :, :, None])
    slope = (first * (1 - first)).mean(axis=axes) + (second * (1 - second)).mean(axis=axes)
    # What each ladder at each step adds to the deviation of the sum.
    each = ((first - second) / jnp.maximum(slope, 1e-12)[..., None]).sum(axis=1)
    of_ladders = each.mean(axis=0)

    def differ(values: Array) -> tuple[Array, Array]:
        """The larger difference of both halves' means, of the ladders and of the steps, and whether both are noise."""
        parts = values.mean(axis=0)
        a, b = parts[:, : ladders // 2], parts[:, ladders // 2 :]
        drift = values[: steps // 2].mean(axis=0) - values[steps // 2 :].mean(axis=0)
        differences = jnp.stack([jnp.abs(a.mean(axis=1) - b.mean(axis=1)), jnp.abs(drift.mean(axis=1))])
        variances = (
            a.var(axis=1, ddof=1) / a.shape[1] + b.var(axis=1, ddof=1) / b.shape[1],
            drift.var(axis=1, ddof=1) / ladders,
        )
        noise = jnp.sqrt(jnp.stack(variances)) + 1e-9 * (1 + jnp.abs(parts).mean(axis=1))
        return differences.max(axis=0), (differences < Z_LIMIT * noise).all(axis=0)

    difference, of_sum = differ(each)
    _, of_level = differ(log_p)
    agree = of_sum & of_level
    scatter = of_ladders.std(axis=1, ddof=1) / np.sqrt(ladders)
    gap = jnp.abs((below - above).sum(axis=0))
    return c.sum(axis=0), jnp.maximum(scatter, jnp.maximum(difference, gap) / 2), agree
