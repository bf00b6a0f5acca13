"""Deep modes of a model, searched for without chains, and the parts of the visible states that belong to them.

A state as heavy as all others together can be met by no chain: on every rung but the last ones of a ladder it weighs nothing.
Ascent finds it. -F(v) is a linear or concave function of v plus a convex one, so the step

    v <- argmax_v p(v | E[h | v])

never lowers it, for units of every kind. From where it ends, mean-field equations rise at temperature 1. Certain lower bounds
of ln Z come with them: the log-sum of -F over the distinct states that were found, on either layer, and for each start

    ln Z >= ln Z_h(W' m) + ln Z_v(t) - t . m,    t = W E[h | m],  m = E[v | t],

with ln Z_h and ln Z_v the layers' log normalizers. The bound holds for any m in reach of the visible units' means.

References: D. Hunter and K. Lange, The American Statistician 58 (2004) (ascent by a minorant); L. Saul, T. Jaakkola and
M. Jordan, JAIR 4 (1996) (the mean-field bound).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from harmonium import exact, model
from harmonium._numerics import log_mean_exp, log_sum_exp, to_float64
from harmonium._types import Key
from harmonium.model import RBM
from harmonium.units import Units

MAX_STARTS, MIN_STARTS, START_TERMS = 1024, 128, 1 << 28
"""Starts, and their number times the weights: about a second on two cores."""
ASCENT, MEAN_FIELD = 30, 30
"""Steps of either kind."""
COLD = 1e-4
"""The temperature at which a draw is a mode: ties are broken at random."""
FIELD = 1e3
"""An input that decides the value of a bounded unit ..."""
DEVIATIONS = 3.0
"""... and the deviations by which it moves one of a continuum."""
ROUNDING = 1e-10
"""Of the sum, relative: where all states were found the bound is ln Z itself."""
MAX_MODES = 3
"""Modes with a part of their own, at most."""
MAX_TRIED, NEAR = 16, 1.5
"""Modes that are looked at, at most, and the distance up to which two are one."""
STAY = 0.9
"""The fraction of the time that Gibbs chains from a mode spend within its radius."""
MIN_OUTSIDE = 10
"""Chains outside of a mode and of all parts before it that are needed to split it off."""
MIN_SHARE = 2e-3
"""A mode that no chain visits gets its own part from this share of Z on,"""
FALSE_ALARM = 1e-3
"""and one that chains visit less often than its share allows, at this false-alarm rate."""
CHAINS, SWEEPS, FORGOTTEN = 100, 100, 20
"""Gibbs chains from a mode, their sweeps, and those of them that do not count."""


class Modes(NamedTuple):
    """Distinct ends of the search, those with the largest `bound` first: the log of the mass near each, at least, in units of
    1 / Z. `certain`: a lower bound of ln Z."""

    v: Float[np.ndarray, "modes visible"]
    bound: Float[np.ndarray, " modes"]
    certain: float


class Part(NamedTuple):
    """The visible states within `radius` of `center`, in deviations of real units and in values of others."""

    center: Float[np.ndarray, "visible"]
    radius: float


def find_modes(key: Key, rbm: RBM, rows: Float[np.ndarray, "rows visible"], starts: int | None = None) -> Modes:
    """The modes to which ascent leads from rows, half of them the heaviest ones, from noise, and from states that few or all
    units of either layer prefer.

    Args:
        starts: their number, by default one that depends on the size of the model alone.
    """
    count = (starts or min(MAX_STARTS, max(MIN_STARTS, START_TERMS // rbm.weights.size))) // 8
    keys = jax.random.split(key, 4)
    heaviest = _heaviest(rbm, rows)[: count // 2]
    others = np.asarray(jax.random.randint(keys[0], (count - len(heaviest),), 0, len(rows)))
    some = rows[np.concatenate([heaviest, others])]
    fields = [_fields(each, layer, 3 * count) for each, layer in zip(keys[1:3], (rbm.visible, rbm.hidden), strict=True)]
    v, m = (np.asarray(part) for part in _ascend(keys[3], rbm, jnp.asarray(some, rbm.weights.dtype), *fields))
    wide = to_float64(rbm)
    of_means = np.nan_to_num(np.asarray(_mean_field_bound(wide, m.astype(np.float64))), nan=-np.inf)
    h = np.asarray(wide.hidden.nearest_states(np.asarray(model.hidden_mean(wide, v.astype(np.float64)))), np.float64)
    of_states, certain = np.full(len(v), -np.inf), [float(of_means.max())]
    for layer, states, side in ((rbm.visible, v, wide), (rbm.hidden, h, model.transpose(wide))):
        if layer.bounded:
            exponents = np.asarray(exact.log_likelihood(side, states.astype(np.float64), 0.0))
            _, first = np.unique(states, axis=0, return_index=True)
            certain.append(float(log_sum_exp(exponents[first])))
            of_states = np.maximum(of_states, exponents)
    v = np.concatenate([v, np.asarray(rbm.visible.nearest_states(m), v.dtype)])
    bound = np.concatenate([of_states, of_means])
    order = np.argsort(-bound, kind="stable")
    _, first = np.unique(np.round(v[order], 3), axis=0, return_index=True)
    order = order[np.sort(first)]
    largest = max(certain)
    return Modes(v[order], bound[order], largest - ROUNDING * (1 + abs(largest)))


def _heaviest(rbm: RBM, rows: Float[np.ndarray, "rows visible"]) -> Int[np.ndarray, " distinct"]:
    """Indices of rows, those of the largest p(v) first; of rows that are alike one."""
    exponents = exact.log_likelihood(rbm, rows.astype(rbm.weights.dtype), 0.0)
    _, first = np.unique(-exponents, return_index=True)
    return first


def _fields(key: Key, layer: Units, count: int) -> Float[np.ndarray, "count columns"]:
    """Inputs that set some columns up and others down: single columns and pairs, with the others down or left alone, all but
    one, all, none, and random fractions of them."""
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    size, each = layer.size, count // 6
    curvature = np.asarray(layer.curvature, np.float64)
    strength = np.where(np.isfinite(curvature), DEVIATIONS * np.sqrt(np.where(np.isfinite(curvature), curvature, 1)), FIELD)
    singles, others = (np.resize(random.permutation(size), each) for _ in range(2))
    up = np.eye(size)[singles]
    pairs = np.maximum(up, np.eye(size)[others])
    uniform = random.random((count - 5 * each - 2, size)) < random.random((count - 5 * each - 2, 1))
    signs = [up, 2 * up - 1, 1 - 2 * up, pairs, 2 * pairs - 1, np.ones((1, size)), -np.ones((1, size)), 2 * uniform - 1]
    return np.concatenate(signs) * strength


@jax.jit
def _ascend(
    key: Key,
    rbm: RBM,
    rows: Float[Array, "rows visible"],
    visible_fields: Float[Array, "starts visible"],
    hidden_fields: Float[Array, "starts hidden"],
) -> tuple[Float[Array, "all visible"], Float[Array, "all visible"]]:
    """The ends of the ascent from all starts, and the means to which the mean-field equations lead from there."""
    cold = model.at_temperature(rbm, COLD)
    visible, hidden, dtype = cold.visible, cold.hidden, rbm.weights.dtype
    keys = jax.random.split(key, 4)
    noise_units = rbm.visible.infinite_temperature()
    noise = noise_units.sample(keys[0], jnp.zeros(rows.shape, dtype))
    preferred = visible.sample(keys[1], visible_fields.astype(dtype) / COLD)
    h = hidden.sample(keys[2], hidden_fields.astype(dtype) / COLD)
    by_hidden = visible.sample(keys[3], model.visible_inputs(rbm, h) / COLD)

    def ascend(i: Array, v: Array) -> Array:
        inputs = model.visible_inputs(rbm, model.hidden_mean(rbm, v))
        return visible.sample(jax.random.fold_in(key, i), inputs / COLD)

    v = jax.lax.fori_loop(0, ASCENT, ascend, jnp.concatenate([rows, noise, preferred, by_hidden]))
    m = jax.lax.fori_loop(0, MEAN_FIELD, lambda _, m: model.visible_mean(rbm, model.hidden_mean(rbm, m)), v)
    return v, m


@jax.jit
def _mean_field_bound(rbm: RBM, m: Float[Array, "starts visible"]) -> Float[Array, " starts"]:
    field = model.visible_inputs(rbm, model.hidden_mean(rbm, m))
    m = rbm.visible.mean(field)
    of_visible = rbm.visible.log_normalizer(field) - jnp.sum(field * m, axis=-1)
    return of_visible + rbm.hidden.log_normalizer(model.hidden_inputs(rbm, m))


# ---- the parts of the visible states


def split_states(
    key: Key,
    rbm: RBM,
    modes: Modes,
    drawn: Float[np.ndarray, "chains visible"],
    ends: Float[np.ndarray, "runs visible"],
    log_weights: Float[np.ndarray, " runs"],
) -> tuple[list[Part], list[Float[Array, "chains visible"]]]:
    """A part for each mode that Gibbs chains do not leave and that the chains whose states are `drawn` do not visit as often as
    its mass demands, and the ends of Gibbs chains inside of it.

    Args:
        ends, log_weights: of annealing runs, the weights being those of ln Z: they say what else there is.
    """
    from scipy.stats import binom  # SciPy takes half a second to import

    parts: list[Part] = []
    inside: list[Array] = []
    scale, floor = _scale(rbm.visible), np.sort(log_weights)[len(log_weights) // 2]
    tried = np.empty((0, modes.v.shape[1]))
    for index in np.flatnonzero(modes.bound > floor + np.log(MIN_SHARE)):
        center = modes.v[index]
        if len(parts) == MAX_MODES or len(tried) == MAX_TRIED:
            break
        if (_distance(tried, center, scale) <= NEAR).any() or find_parts(rbm, parts, center[None])[0] >= 0:
            continue
        tried = np.concatenate([tried, center[None]])
        own_key, chain_key = jax.random.split(jax.random.fold_in(key, index))
        starts = jnp.repeat(jnp.asarray(center, rbm.weights.dtype)[None], CHAINS, axis=0)
        _, reached = _stay(own_key, rbm, starts, center, np.inf, scale)
        radius = float(np.quantile(np.asarray(reached)[FORGOTTEN:], STAY))
        away = _distance(drawn, center, scale)
        visits = int((away <= radius).sum())
        if len(drawn) - visits < MIN_OUTSIDE:
            continue
        radius = (radius + float(away[away > radius].min())) / 2
        if (find_parts(rbm, [*parts, Part(center, radius)], drawn) < 0).sum() < MIN_OUTSIDE:
            continue
        ended = _distance(ends, center, scale) <= radius
        rest = log_mean_exp(np.where(ended, -np.inf, log_weights))
        elsewhere = modes.bound[_distance(modes.v, center, scale) > radius]
        rest = max(rest, elsewhere.max(initial=-np.inf))
        share = STAY * np.exp(modes.bound[index] - np.logaddexp(modes.bound[index], rest))
        # Runs all of which end in a mode say nothing of the rest.
        expected = visits and not ended.all() and binom.cdf(visits, len(drawn), share) >= FALSE_ALARM
        if share < MIN_SHARE or expected:
            continue
        parts.append(Part(center, radius))
        inside.append(_stay(chain_key, rbm, starts, center, radius, scale)[0])
    return parts, inside


def find_parts(rbm: RBM, parts: list[Part], v: Float[np.ndarray, "n visible"]) -> Int[np.ndarray, " n"]:
    """The index of the first part that each state lies in, -1 outside of all."""
    scale, found = _scale(rbm.visible), np.full(len(v), -1)
    for index, part in reversed(list(enumerate(parts))):
        found[np.asarray(_distance(v, part.center, scale)) <= part.radius] = index
    return found


def _scale(units: Units) -> Float[np.ndarray, " visible"]:
    """One over the deviation of real columns, 1 for others."""
    curvature = np.asarray(units.curvature, np.float64)
    return np.sqrt(np.where(np.isfinite(curvature), curvature, 1))


def _distance(v: Any, center: Any, scale: Any) -> Any:
    return abs((v - center) * scale).sum(axis=-1)


@jax.jit
def _stay(
    key: Key,
    rbm: RBM,
    v: Float[Array, "chains visible"],
    center: Float[Array, "visible"],
    radius: float | Array,
    scale: Float[Array, "visible"],
) -> tuple[Float[Array, "chains visible"], Float[Array, "sweeps chains"]]:
    """Gibbs chains that refuse to leave the part, which keeps p restricted to it; their ends and their distances on the way."""

    def sweep(v: Array, i: Array) -> tuple[Array, Array]:
        h_key, v_key = jax.random.split(jax.random.fold_in(key, i))
        h = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, v))
        moved = rbm.visible.sample(v_key, model.visible_inputs(rbm, h))
        v = jnp.where((_distance(moved, center, scale) <= radius)[:, None], moved, v)
        return v, _distance(v, center, scale)

    return jax.lax.scan(sweep, v, jnp.arange(SWEEPS))
