"""The library's samplers on machines of up to 5 + 5 binary units, padded to one shape so that they are compiled once.

A unit of padding has no weights and takes no part; its coins are tossed and not looked at. Random numbers depend on the seed
and on the number of the sweep alone: a single chain is that of `harmonium.lecture.chain`, and so of `harmonium chain`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import model
from harmonium.model import RBM
from harmonium.random import key_of, uniform
from harmonium.samplers import replicas
from harmonium.samplers.gibbs import sweep
from harmonium.units import Binary

UNITS = 5
"""The most units of a layer."""
MOST_SWEEPS = 10_000
"""Of a single chain, in one call."""
MOST_OF_MANY = 100
"""Of many chains, in one call."""
RUNGS = 8
"""The most rungs of a ladder."""
_PLACES = 2.0 ** np.arange(UNITS)[::-1]


def _padded(cold: RBM) -> RBM:
    v_units, h_units = cold.weights.shape
    visible, hidden = cold.visible.bias, cold.hidden.bias
    weights = np.pad(cold.weights, ((0, UNITS - v_units), (0, UNITS - h_units)))
    return RBM(Binary(np.pad(visible, (0, UNITS - v_units))), Binary(np.pad(hidden, (0, UNITS - h_units))), weights)


def _bits(numbers: Any, units: int) -> np.ndarray:
    """States `[..., UNITS]` of layers of `units` units, by their numbers."""
    shifted = np.asarray(numbers, dtype=np.int64) << (UNITS - units)
    return ((shifted[..., None] >> np.arange(UNITS)[::-1]) & 1).astype(np.float64)


def _numbers(padded: Any, v_units: int, h_units: int) -> np.ndarray:
    """Numbers of configurations (v, h), v leading, from those of padded layers."""
    padded = np.asarray(padded).astype(np.int64)
    v, h = padded >> UNITS >> (UNITS - v_units), (padded & ((1 << UNITS) - 1)) >> (UNITS - h_units)
    return (v << h_units) | h


def _number(v: Any, h: Any) -> Any:
    return (v @ jnp.asarray(_PLACES * (1 << UNITS)) + h @ jnp.asarray(_PLACES)).astype(jnp.int32)


# ---- one half-step


class Toss(NamedTuple):
    """The coins of one layer: `probability [N]` that a unit is on, `uniform [N]` drawn; on where the draw is the smaller."""

    probability: np.ndarray
    uniform: np.ndarray

    @property
    def number(self) -> int:
        """The number of the state that the coins give."""
        return int((self.uniform < self.probability) @ (1 << np.arange(len(self.uniform))[::-1]))


def toss(cold: RBM, half: int, sender: int, seed: int) -> Toss:
    """The coins of half-step number `half` from the other layer's state number `sender`: half 0, 2, .. draw h, 1, 3, .. v."""
    v_units, h_units = cold.weights.shape
    rbm = _padded(cold)
    forward, units, others = (rbm, h_units, v_units) if half % 2 == 0 else (model.transpose(rbm), v_units, h_units)
    with jax.enable_x64(True):
        found = _toss(forward, _bits([sender], others), key_of(seed), half)
        probability, chance = (np.asarray(part)[0, :units] for part in found)
    return Toss(probability, chance)


@jax.jit
def _toss(rbm: RBM, sender: Any, key: Any, half: Any) -> tuple[Any, Any]:
    start_key, sweeps_key = jax.random.split(key)
    # The sampler splits each sweep's key into one for v and one for h.
    keys = jax.random.split(jax.random.fold_in(sweeps_key, jnp.maximum(half - 1, 0) // 2))
    chosen = jnp.where(half == 0, jax.random.key_data(start_key), jax.random.key_data(keys[(half + 1) % 2]))
    probability = rbm.hidden.mean(model.hidden_inputs(rbm, sender))
    return probability, uniform(jax.random.wrap_key_data(chosen), probability.shape, probability.dtype)


# ---- sweeps


def run(cold: RBM, h: np.ndarray, first: int, sweeps: int, seeds: np.ndarray) -> np.ndarray:
    """Gibbs sweeps of C chains from hidden states number `h [C]`: the configurations' numbers `[sweeps, C]`.

    Args:
        first: sweeps made before. seeds: `[C]`, one for each chain.
    """
    if sweeps == 0:
        return np.empty((0, len(h)), np.int64)
    v_units, h_units = cold.weights.shape
    length = MOST_SWEEPS if len(h) == 1 else MOST_OF_MANY
    with jax.enable_x64(True):
        visits = _run(_padded(cold), _bits(h, h_units), np.asarray(seeds, np.uint64), first, sweeps, length)
        return _numbers(np.asarray(visits)[:sweeps], v_units, h_units)


@partial(jax.jit, static_argnames="length")
def _run(rbm: RBM, h: Any, seeds: Any, first: Any, sweeps: Any, length: int) -> Any:
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed))[1])(seeds)

    def one(i: Any, held: tuple[Any, Any]) -> tuple[Any, Any]:
        def of_chain(key: Any, h: Any) -> tuple[Any, Any]:
            samples = sweep(jax.random.fold_in(key, first + i), rbm, h[None])
            return samples.v[0], samples.h[0]

        v, h = jax.vmap(of_chain)(keys, held[0])
        return h, held[1].at[i].set(_number(v, h))

    return jax.lax.fori_loop(0, sweeps, one, (h, jnp.zeros((length, len(h)), jnp.int32)))[1]


def first_hidden(cold: RBM, start: int, seeds: np.ndarray) -> np.ndarray:
    """The hidden states' numbers `[C]` that chains with these seeds draw from v number `start` before their first sweep."""
    v_units, h_units = cold.weights.shape
    with jax.enable_x64(True):
        h = _first_hidden(_padded(cold), _bits([start], v_units), np.asarray(seeds, np.uint64))
        return np.asarray(h)[:, :h_units].astype(np.int64) @ (1 << np.arange(h_units)[::-1])


@jax.jit
def _first_hidden(rbm: RBM, v: Any, seeds: Any) -> Any:
    inputs = model.hidden_inputs(rbm, v)
    return jax.vmap(lambda seed: rbm.hidden.sample(jax.random.split(jax.random.key(seed))[0], inputs)[0])(seeds)


# ---- a ladder of temperatures


class Ladder(NamedTuple):
    """C ladders of R rungs, from beta 0 up to 1: `v [R, C]` as numbers, and what `samplers.ladder.Replicas` keeps besides.

    `acceptance [R - 1]`, `label [R, C]`, `round_trips` and `steps` are as there. Of the latest step: `chance [R - 1]` that
    neighbours would exchange and the number `drawn [R - 1]` for it, NaN where it was not their turn; the first ladder's.
    """

    v: np.ndarray
    acceptance: np.ndarray
    label: np.ndarray
    round_trips: int
    steps: int
    chance: np.ndarray
    drawn: np.ndarray


def betas(rungs: int) -> np.ndarray:
    """Evenly spaced from 0 to 1, `[R]`."""
    return np.linspace(0, 1, rungs)


def started(start: int, rungs: int, chains: int = 1) -> Ladder:
    """Every rung of every ladder at v number `start`."""
    return at_rest(np.full((rungs, chains), start))


def at_rest(v: np.ndarray) -> Ladder:
    """Ladders that are at `v [R, C]` and have made no step."""
    untried = len(v) - 1
    return Ladder(v, np.ones(untried), np.zeros_like(v), 0, 0, np.full(untried, np.nan), np.full(untried, np.nan))


def temper(cold: RBM, state: Ladder, steps: int, seed: int) -> tuple[Ladder, np.ndarray]:
    """Steps of parallel tempering, each a sweep on every rung and exchanges; the top's configurations `[steps, C]`."""
    v_units, h_units = cold.weights.shape
    (rungs, chains), spare = state.v.shape, RUNGS - len(state.v)
    length = MOST_SWEEPS if chains == 1 else MOST_OF_MANY
    at = np.pad(_bits(state.v, v_units), ((0, spare), (0, 0), (0, 0)))
    label = np.pad(state.label, ((0, spare), (0, 0))).astype(np.int32)
    acceptance = np.pad(state.acceptance, (0, spare), constant_values=1.0)
    beta = np.pad(betas(rungs), (0, spare), constant_values=1.0)
    with jax.enable_x64(True):
        kept = (acceptance, label, np.int32(state.round_trips), np.int32(state.steps))
        found = _temper(_padded(cold), beta, at, kept, key_of(seed), steps, rungs, length)
        held, drawn, visits = jax.tree.map(np.asarray, found)
    v = held.v[:rungs, :, :v_units].astype(np.int64) @ (1 << np.arange(v_units)[::-1])
    tried = np.arange(rungs - 1) % 2 == (state.steps + steps - 1) % 2
    chance, drawn = (np.where(tried, part[: rungs - 1], np.nan) for part in (held.latest, drawn))
    after = Ladder(v, held.acceptance[: rungs - 1], held.label[:rungs], int(held.round_trips), int(held.steps), chance, drawn)
    return after, _numbers(visits[:steps], v_units, h_units)


@partial(jax.jit, static_argnames="length")
def _temper(rbm: RBM, beta: Any, v: Any, kept: Any, key: Any, steps: Any, count: Any, length: int) -> tuple[Any, Any, Any]:
    def machine(i: Any) -> RBM:
        return jax.tree.map(lambda leaf: beta[i] * leaf, rbm)

    inputs = beta[:, None, None] * model.hidden_inputs(rbm, v)
    acceptance, label, round_trips, made = kept
    state = replicas.from_states(v, inputs)
    state = state._replace(acceptance=acceptance, label=label, round_trips=round_trips, steps=made)

    def one(i: Any, held: tuple[Any, Any]) -> tuple[Any, Any]:
        state, samples = replicas.step(jax.random.fold_in(key, held[0].steps), machine, held[0], 1, count)
        return state, held[1].at[i].set(_number(samples.v, samples.h))

    state, visits = jax.lax.fori_loop(0, steps, one, (state, jnp.zeros((length, v.shape[1]), jnp.int32)))
    # The numbers that decided the latest exchanges, drawn again as `ladder.step` draws them.
    exchange_key = jax.random.split(jax.random.fold_in(key, state.steps - 1), 3)[1]
    chance = lambda low: uniform(jax.random.fold_in(exchange_key, low), v.shape[1:2], v.dtype)[0]  # noqa: E731
    return state, jax.vmap(chance)(jnp.arange(len(beta) - 1)), visits


# ---- compiling


def warm(part: str) -> None:
    """Compile what makes one `part` of `PARTS`, by having it done once."""
    cold, none = RBM(Binary(np.zeros(1)), Binary(np.zeros(1)), np.zeros((1, 1))), np.zeros(1, np.int64)
    if part == "toss":
        toss(cold, 0, 0, 0)
    elif part == "run":
        run(cold, none, 0, 1, none)
    elif part == "many":
        many = np.zeros(1000, np.int64)
        run(cold, many, 0, 1, many)
    else:
        temper(cold, started(0, 2), 1, 0)


PARTS = ("toss", "run", "many", "temper")
