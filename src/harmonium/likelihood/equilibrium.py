"""Samples of the machine itself, from which the reverse runs start: exact ones, or the top of long tempered chains.

Half of the tempered chains start at rows of data and half at noise, on all rungs; whether the two halves have met is
tested on the free energy and the rows' leading components, each chain's average over a block of steps being one
independent draw. It goes on until two blocks running, the first not counted, show no difference and every ladder has, on
average, brought a state from the bottom to the top and back, or until the time is up.

The ladder goes down to infinite temperature. Only where there is no time for so long a one does it start at the independent
units from which annealing starts: that way is shorter, but a base fitted to what the machine mostly holds can turn the
way to a smaller mode into a jump, across which no state travels however many round trips there are.

Reference: A. Gelman and D. Rubin, Statistical Science 7 (1992) (chains from overdispersed starts must forget them).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from harmonium import exact, model
from harmonium.likelihood.annealing import Progress
from harmonium.mesh import ALONE, DATA, HIDDEN, Spread, divided, specs
from harmonium.model import RBM
from harmonium.samplers import Tempered, parallel_tempering

RUNGS, MAX_RUNGS = 12, 96
MIN_ACCEPTANCE = 0.2
"""Below this mean rate of exchange the ladder gets twice as many rungs."""
UNITS_A_SECOND = 1000
"""The units of all chains together for which one second of an estimate's time is enough, about, to go down to infinite
temperature."""
MIN_FRACTION_LEFT = 0.5
"""The share of the time that must be left for a ladder to begin again with more rungs: it has to forget its start anew."""
FIRST_BLOCK, MAX_BLOCK_SECONDS = 50, 1.0
AGREEING_BLOCKS = 2
COMPONENTS = 3
Z_LIMIT = 3.7
"""One of four standard normal numbers is larger with a chance of 1 in 1,000."""


class ModelSamples(NamedTuple):
    """Draws `v [C, V]` of the machine, and how far to trust them.

    `from_data [C]`: which chains began at rows of data. `z`: the largest difference between the two halves over the last
    block, in standard errors. `converged`: whether they agree. `steps`, `rungs`, `round_trips`, and `acceptance`, the lowest
    rate of exchange between neighbors: of the tempered chains; for exact draws 0 and 1.
    """

    v: Any
    from_data: np.ndarray
    z: float
    converged: bool
    steps: int
    rungs: int
    round_trips: int
    acceptance: float


def sample_exactly(rbm: RBM, count: int, seed: int) -> ModelSamples:
    """Independent draws by enumeration."""
    v = jnp.asarray(exact.sample(rbm, count, seed), rbm.weights.dtype)
    return ModelSamples(v, np.zeros(count, bool), 0.0, True, 0, 0, 0, 1.0)


def sample_by_tempering(
    key: Any,
    base: RBM,
    rbm: RBM,
    rows: np.ndarray,
    chains: int,
    seconds: float,
    progress: Progress = lambda _: None,
    spread: Spread = ALONE,
) -> ModelSamples:
    """The states at the top of `chains` ladders of parallel tempering, after at most about `seconds`.

    Args:
        base: the machine without weights at the bottom of the ladder. rows: `[n, V]`, where half of the chains start.
        spread: the devices that share the ladders, evenly.
    """
    noise_key, row_key, begin_key, run_key = jax.random.split(key, 4)
    from_data = np.arange(chains) < chains // 2
    directions = _leading_directions(rows)
    some = jnp.asarray(rows[np.asarray(jax.random.randint(row_key, (chains,), 0, len(rows)))], rbm.weights.dtype)
    v = jnp.where(from_data[:, None], some, draw_noise(noise_key, rbm, chains))
    rungs, deadline = RUNGS, None
    while True:
        state = _begin(jax.random.fold_in(begin_key, rungs), base, rbm, v, rungs)
        if spread.mesh is not None:
            state = jax.tree.map(spread.put, state, specs(state, state.axes(), spread.hidden))
        keys = jax.random.fold_in(run_key, rungs)
        # The first step, which compiles, is not timed.
        state, _ = jax.block_until_ready(
            _advance(jax.random.fold_in(keys, 0), rbm, state, directions, jnp.asarray(1), mesh=spread.mesh)
        )
        deadline = deadline or spread.now() + seconds
        length, blocks, agreed = FIRST_BLOCK, 0, 0
        steps = 1
        while True:
            before = spread.now()
            key = jax.random.fold_in(keys, steps)
            state, averages = _advance(key, rbm, state, directions, jnp.asarray(length), mesh=spread.mesh)
            averages, trips, acceptance = spread.host((averages, state.round_trips, state.acceptance))
            steps += length
            now = spread.now()
            blocks += 1
            z = _largest_z(averages[from_data], averages[~from_data])
            # What the first block averages includes the start.
            agreed = agreed + 1 if z < Z_LIMIT and blocks > 1 else 0
            progress(max(0.0, min(1.0, 1 - (deadline - now) / seconds)))
            traveled = agreed >= AGREEING_BLOCKS and trips >= chains
            if now >= deadline or traveled:
                top, least = _top(state, spread), float(acceptance.min())
                return ModelSamples(top, from_data, z, agreed > 0, steps, rungs, int(trips), least)
            sparse = float(acceptance.mean()) < MIN_ACCEPTANCE and rungs < MAX_RUNGS
            if sparse and deadline - now > MIN_FRACTION_LEFT * seconds:
                break
            room = min(MAX_BLOCK_SECONDS, deadline - now)
            length = max(1, min(2 * length, int(length / (now - before) * room)))
        v, rungs = _top(state, spread), 2 * rungs


def _top(state: Tempered, spread: Spread) -> Any:
    return state.v[-1] if spread.mesh is None else jnp.asarray(spread.host(state.v)[-1])


def bottom_replica(base: RBM, rbm: RBM, chains: int, seconds: float) -> RBM:
    """Infinite temperature if an estimate of `seconds` in all has time for it, else the `base` from which annealing starts."""
    return model.infinite_temperature(rbm) if chains * sum(rbm.weights.shape) <= UNITS_A_SECOND * seconds else base


def draw_noise(key: Any, rbm: RBM, count: int) -> Any:
    """Noise: draws of v under visible units without preferences (of a continuum: with their own), `[count, V]`."""
    fair = rbm.visible.infinite_temperature()
    return fair.sample(key, jnp.zeros((count, fair.size), rbm.weights.dtype))


@partial(jax.jit, static_argnames="rungs")
def _begin(key: Any, base: RBM, rbm: RBM, v: Any, rungs: int) -> Tempered:
    """A ladder with the chains `v [C, V]` on every rung."""
    return parallel_tempering(len(v), rungs, base=base).init(key, rbm, lambda *_: v)


@partial(jax.jit, static_argnames="mesh")
def _advance(
    key: Any, rbm: RBM, state: Tempered, directions: Any, length: Any, *, mesh: Mesh | None = None
) -> tuple[Tempered, Any]:
    """`length` steps, and each chain's averages of the statistics that are compared, `[C, 1 + COMPONENTS]`."""
    at = specs(state, state.axes(), 1 if mesh is None else mesh.shape[HIDDEN])
    return divided(mesh, _advanced, (at, PartitionSpec(DATA)))(key, rbm, state, directions, length)


def _advanced(key: Any, rbm: RBM, state: Tempered, directions: Any, length: Any) -> tuple[Tempered, Any]:
    rungs, chains, _ = state.v.shape
    sampler = parallel_tempering(chains, rungs)

    def step(number: Any, carry: tuple[Tempered, Any]) -> tuple[Tempered, Any]:
        state, total = carry
        state, samples = sampler.step(jax.random.fold_in(key, number), rbm, state)
        seen = model.free_energy(rbm, samples.v, samples.hidden_inputs)[:, None]
        return state, total + jnp.concatenate([seen, samples.v @ directions], axis=1)

    nothing = jnp.zeros((chains, 1 + directions.shape[1]), rbm.weights.dtype)
    state, total = jax.lax.fori_loop(jnp.zeros_like(length), length, step, (state, nothing))
    return state, total / length


def _leading_directions(rows: np.ndarray) -> Any:
    """The rows' first principal directions, `[V, at most COMPONENTS]`."""
    some = rows[:: -(-len(rows) // 1000)].astype(np.float32)
    _, _, directions = np.linalg.svd(some - some.mean(axis=0), full_matrices=False)
    return jnp.asarray(directions[:COMPONENTS].T)


def _largest_z(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of the means of two independent samples, `[n, statistics]`, in standard errors."""
    difference = np.abs(a.mean(axis=0) - b.mean(axis=0))
    error = np.sqrt(a.var(axis=0, ddof=1) / len(a) + b.var(axis=0, ddof=1) / len(b))
    scale = 1e-6 * (1 + np.abs(a).mean(axis=0))  # what never varies must agree but for rounding
    return float(np.max(difference / np.maximum(error, scale)))
