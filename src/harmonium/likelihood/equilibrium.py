"""Samples of the model from which the reverse runs start: exact ones, or the top rung of long tempered chains.

Half of the tempered chains start at rows of data and half at noise, on all rungs. Whether both halves have converged to one
distribution is tested on the free energy and the leading components of the rows, over the second half of the steps; the average
of each chain is one independent draw. The chains run until two checks in a row show no difference and each ladder
has, on average, brought a state from the bottom to the top and back, or until the time is up.

The ladder goes down to infinite temperature. Only where the time is too short for a ladder of that length does it start at the
independent units at which annealing starts: that way is shorter, but a base fitted to the most frequent states can make a jump
of the way to a smaller mode, which no state crosses however many round trips there are.

Reference: A. Gelman and D. Rubin, Statistical Science 7 (1992) (chains from overdispersed starts must forget them).
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jaxtyping import Bool, Float

from harmonium import exact, model
from harmonium._types import Key, Progress
from harmonium.distributed import clock, place, to_host
from harmonium.model import RBM
from harmonium.samplers import Tempered, parallel_tempering
from harmonium.samplers.gibbs import sweep_many

RUNGS, MAX_RUNGS = 12, 96
MIN_ACCEPTANCE = 0.2
"""Below this mean acceptance of exchanges the ladder starts again with twice as many rungs,"""
MIN_FRACTION_LEFT = 0.5
"""unless less than this fraction of the time is left: the new one must forget its start."""
UNITS_PER_SECOND = 1000
"""Units of all chains together for which one second of an estimate is about enough to go down to infinite temperature."""
BLOCK = 50
"""Steps between two looks at the clock; their averages are kept."""
CHECKS_IN_A_ROW = 2
COMPONENTS = 3
Z_LIMIT = 3.7
"""One of four standard normal numbers is larger with a chance of 1 in 1,000."""


class ModelSamples(NamedTuple):
    """Draws of the model, and how far to trust them.

    `from_data`: which chains began at rows of data. `z`: the largest difference between the two halves, in standard errors.
    `converged`: whether they agree. `steps`, `rungs`, `round_trips` and `acceptance`, the lowest between neighbors, are of the
    tempered chains; for exact draws they are 0 and 1. `gibbs_sweeps`: what a further draw of a ladder is made of, if not of
    steps of tempering.
    """

    v: Float[Array, "chains visible"]
    from_data: Bool[np.ndarray, "chains"]
    z: float
    converged: bool
    steps: int
    rungs: int
    round_trips: int
    acceptance: float
    gibbs_sweeps: int = 0


def sample_exactly(rbm: RBM, count: int, seed: int) -> ModelSamples:
    """Independent draws by enumeration."""
    v = jnp.asarray(exact.sample(rbm, count, seed), rbm.weights.dtype)
    return ModelSamples(v, np.zeros(count, bool), 0.0, True, 0, 0, 0, 1.0)


def sample_by_tempering(
    key: Key,
    base: RBM,
    rbm: RBM,
    rows: Float[np.ndarray, "rows visible"],
    chains: int,
    seconds: float = math.inf,
    *,
    start: Float[np.ndarray, "visible"] | None = None,
    rungs: int | None = None,
    steps: int | None = None,
    max_sweeps: float = math.inf,
    draws: int = 0,
    progress: Progress = lambda _: None,
    mesh: Mesh | None = None,
) -> ModelSamples:
    """The top states of `chains` ladders of parallel tempering in equilibrium, or after about `seconds`, or after `steps`.

    Args:
        base: the model without weights at the bottom.
        rows: the starts of half of the chains, drawn from them, unless all of these begin at `start`; the others begin at
            noise.
        rungs: by default 12, or more if too few exchanges succeed.
        steps: in whole blocks.
        max_sweeps: of a ladder on all of its rungs together, unless `steps` is given. It is exceeded only where the least,
            four blocks and a sweep for every further draw, is more.
        draws: to go on until there are as many, after as many blocks again (unless `steps` is given). If they are more than
            the chains, further ones are a block apart, or fewer Gibbs sweeps if half of `max_sweeps` does not allow that.
        mesh: devices that share the ladders.
    """
    noise_key, row_key, begin_key, run_key = jax.random.split(key, 4)
    from_data = np.arange(chains) < chains // 2
    directions = _leading_directions(rows)
    chosen = rows[np.asarray(jax.random.randint(row_key, (chains,), 0, len(rows)))] if start is None else start
    some = jnp.asarray(chosen, rbm.weights.dtype)
    v = jnp.where(from_data[:, None], some, draw_noise(noise_key, rbm, chains))
    count, deadline = rungs or RUNGS, None
    limit, further = math.inf if steps else max_sweeps, max(0, -(-draws // chains) - 1)
    while True:
        gibbs_sweeps = 0 if further * BLOCK * count <= limit / 2 else max(1, int(limit / 2 / further))
        for_further = further * (gibbs_sweeps or BLOCK * count)
        state = _begin(jax.random.fold_in(begin_key, count), base, rbm, v, count)
        state = place(state, state.axes(), mesh)
        block_key, agreeing, next_check = jax.random.fold_in(run_key, count), 0, 2
        averages: list[np.ndarray] = []
        while True:
            before = clock(mesh)
            state, average = _advance(jax.random.fold_in(block_key, len(averages)), rbm, state, directions)
            average, trips, acceptance = to_host((average, state.round_trips, state.acceptance))
            averages.append(average)
            now = clock(mesh)
            # The first block, which compiles, is not timed.
            deadline = now + seconds if deadline is None else deadline
            total = len(averages) * BLOCK
            if steps or seconds < math.inf:
                progress(max(0.0, min(1.0, total / steps if steps else 1 - (deadline - now) / seconds)))
            if len(averages) == next_check:
                agreeing = agreeing + 1 if _largest_z(averages, from_data) < Z_LIMIT else 0
                next_check += -(-next_check // 2)
            traveled = agreeing >= CHECKS_IN_A_ROW and trips >= chains
            next_work = (2 if draws else 1) * (total + BLOCK) * count + for_further
            late = len(averages) > 1 and (deadline - now < now - before or next_work > limit)
            if total >= steps if steps else traveled or late:
                z = _largest_z(averages, from_data)
                # A single block includes the start.
                converged = len(averages) > 1 and z < Z_LIMIT
                # What the test just misses would still show in the draws: as many blocks again forget it.
                ahead = len(averages) if draws and not steps else 0
                tops = [state.v[-1]]
                for block in range(ahead + further):
                    next_key = jax.random.fold_in(block_key, len(averages) + block)
                    if block >= ahead and gibbs_sweeps:
                        top = _sweep(next_key, rbm, tops[-1], gibbs_sweeps)
                    else:
                        state, _ = _advance(next_key, rbm, state, directions)
                        top = state.v[-1]
                    tops = [*(tops if block >= ahead else []), top]
                total += ahead * BLOCK
                v = jnp.asarray(np.concatenate([to_host(top) for top in tops]))
                lowest = float(acceptance.min())
                return ModelSamples(v, from_data, z, converged, total, count, int(trips), lowest, gibbs_sweeps)
            sparse = len(averages) == 1 and float(acceptance.mean()) < MIN_ACCEPTANCE
            has_time = deadline - now >= MIN_FRACTION_LEFT * seconds and 4 * BLOCK * 2 * count <= limit
            in_time = steps is not None or has_time
            if rungs is None and sparse and in_time and count < MAX_RUNGS:
                break
        count *= 2


def bottom_model(base: RBM, rbm: RBM, chains: int, seconds: float) -> RBM:
    """Infinite temperature if an estimate of `seconds` in all has time for it, else the `base` at which annealing starts."""
    return model.infinite_temperature(rbm) if chains * sum(rbm.weights.shape) <= UNITS_PER_SECOND * seconds else base


def draw_noise(key: Key, rbm: RBM, count: int) -> Float[Array, "count visible"]:
    """Draws of v under visible units without preferences (continuous ones: with their own)."""
    units = rbm.visible.infinite_temperature()
    # XLA would compute what follows from these zeros while it compiles, which takes it minutes for wide categorical units.
    zeros = jax.lax.optimization_barrier(jnp.zeros((count, units.size), rbm.weights.dtype))
    return units.sample(key, zeros)


@partial(jax.jit, static_argnames="rungs")
def _begin(key: Key, base: RBM, rbm: RBM, v: Float[Array, "chains visible"], rungs: int) -> Tempered:
    """A ladder with the chains `v` on every rung."""
    return parallel_tempering(len(v), rungs, base=base).init(key, rbm, lambda *_: v)


@jax.jit
def _advance(
    key: Key, rbm: RBM, state: Tempered, directions: Float[Array, "visible components"]
) -> tuple[Tempered, Float[Array, "chains statistics"]]:
    """A block of steps, and the averages of each chain's free energy and components over it."""
    rungs, chains, _ = state.v.shape
    sampler = parallel_tempering(chains, rungs)

    def step(i: Array, carry: tuple[Tempered, Array]) -> tuple[Tempered, Array]:
        state, total = carry
        state, samples = sampler.step(jax.random.fold_in(key, i), rbm, state)
        energies = model.free_energy(rbm, samples.v, samples.hidden_inputs)[:, None]
        return state, total + jnp.concatenate([energies, samples.v @ directions], axis=1)

    zeros = jnp.zeros((chains, 1 + directions.shape[1]), rbm.weights.dtype)
    state, total = jax.lax.fori_loop(0, BLOCK, step, (state, zeros))
    return state, total / BLOCK


@jax.jit
def _sweep(key: Key, rbm: RBM, v: Float[Array, "chains visible"], sweeps: int) -> Float[Array, "chains visible"]:
    """The chains after Gibbs sweeps."""
    h_key, sweep_key = jax.random.split(key)
    h = jnp.asarray(rbm.hidden.sample(h_key, model.hidden_inputs(rbm, v)))
    return jnp.asarray(sweep_many(sweep_key, rbm, h, sweeps).v)


def _leading_directions(rows: Float[np.ndarray, "rows visible"]) -> Float[Array, "visible components"]:
    """The first principal directions of the rows."""
    some = rows[:: -(-len(rows) // 1000)].astype(np.float32)
    _, _, directions = np.linalg.svd(some - some.mean(axis=0), full_matrices=False)
    return jnp.asarray(directions[:COMPONENTS].T)


def _largest_z(averages: list[Float[np.ndarray, "chains statistics"]], from_data: Bool[np.ndarray, "chains"]) -> float:
    """The largest difference of both halves' means over the second half of the blocks, in standard errors."""
    means = np.mean(averages[len(averages) // 2 :], axis=0)
    a, b = means[from_data], means[~from_data]
    difference = np.abs(a.mean(axis=0) - b.mean(axis=0))
    error = np.sqrt(a.var(axis=0, ddof=1) / len(a) + b.var(axis=0, ddof=1) / len(b))
    scale = 1e-6 * (1 + np.abs(a).mean(axis=0))  # what never varies must agree up to rounding
    return float(np.max(difference / np.maximum(error, scale)))
