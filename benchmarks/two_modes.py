"""Mixing between two modes that Gibbs sampling cannot cross: Gibbs, parallel tempering and trajectory tempering side by side.

    python -m benchmarks.two_modes

The data lie near a pattern (30 % of the rows) or near its complement (70 %). A model is trained on them with the ladder of
its own trajectory, and every sampler then draws from that model, its chains started in the smaller mode. The fraction of the
larger mode is compared with the exact one, and mixing as effective samples of the mode's indicator a second.
"""

from __future__ import annotations

import time

import arviz_stats
import jax
import jax.numpy as jnp
import numpy as np
import optax

import harmonium as hm
from benchmarks import here
from harmonium import exact
from harmonium.samplers import Sampler

VISIBLE, HIDDEN, FLIPS = 40, 10, 0.02
CHAINS, STEPS, GIBBS_SWEEPS = 50, 2000, 100_000


def data(rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    pattern = random.integers(2, size=VISIBLE)
    larger = random.random(rows) < 0.7
    flipped = random.random((rows, VISIBLE)) < FLIPS
    return (np.where(larger[:, None], 1 - pattern, pattern) ^ flipped).astype(float), pattern


def in_larger_mode(v: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    return np.mean(v != pattern, axis=-1) > 0.5


def measure(name: str, sampler: Sampler, rbm: hm.RBM, pattern: np.ndarray, steps: int, truth: float) -> None:
    place = jnp.asarray(pattern, jnp.float32)

    @jax.jit
    def chain(key, state):
        def step(state, number):
            state, samples = sampler.step(jax.random.fold_in(key, number), rbm, state)
            return state, jnp.mean(samples.v != place, axis=1) > 0.5

        return jax.lax.scan(step, state, jnp.arange(steps))

    # All chains on all rungs begin in the smaller mode.
    state = sampler.init(jax.random.key(0), rbm, lambda _key, _rbm, n: jnp.tile(place, (n, 1)))
    state, _ = jax.block_until_ready(chain(jax.random.key(2), state))  # compiles, and forgets the start
    before = time.monotonic()
    _, seen = jax.block_until_ready(chain(jax.random.key(3), state))
    seconds = time.monotonic() - before
    seen = np.asarray(seen, float)
    crossings = int(np.abs(np.diff(seen, axis=0)).sum())
    fraction = seen.mean()
    if crossings == 0:
        print(f"{name:24} {2 * steps:>8,} steps x {CHAINS} chains: no crossing; fraction of the larger mode {fraction:.4f}")
        return
    ess = float(arviz_stats.ess(seen.T, method="mean"))
    error = np.sqrt(fraction * (1 - fraction) / ess)
    print(
        f"{name:24} {2 * steps:>8,} steps x {CHAINS} chains: fraction {fraction:.4f} +- {error:.4f} (exact {truth:.4f}, "
        f"{(fraction - truth) / error:+.1f} errors), {crossings:,} crossings, {ess:,.0f} effective samples in {seconds:.1f} s: "
        f"{ess / seconds:,.0f} a second"
    )


def main() -> None:
    rows, pattern = data(2000)
    growing = hm.trajectory_tempering(chains=200, rungs=30, threshold=0.4)
    estimator = hm.from_sampler(growing)
    rbm = hm.initialize(rows, HIDDEN, seed=1)
    *_, state = hm.train(
        rbm, rows, estimator=estimator, optimizer=optax.sgd(0.01), final_decay=0.0, updates=4000, batch_size=200, seed=1
    )
    rbm = jax.tree.map(jnp.asarray, state.rbm)
    taken = int(state.estimator.count)
    rungs = [jax.tree.map(lambda leaf, number=number: leaf[number], state.estimator.models) for number in range(taken)]
    truth = float(in_larger_mode(exact.sample(rbm, 200_000, seed=1), pattern).mean())
    print(f"{here.header()}: {VISIBLE}x{HIDDEN}, {taken} rungs on its trajectory")
    log_likelihood = exact.log_likelihood(state.rbm, rows).mean()
    print(f"log likelihood {log_likelihood:.3f}; fraction of the larger mode {truth:.4f} (exact draws)")
    measure("Gibbs", hm.gibbs(CHAINS), rbm, pattern, GIBBS_SWEEPS // 2, truth)
    measure("parallel tempering", hm.parallel_tempering(CHAINS, rungs=taken + 1), rbm, pattern, STEPS, truth)
    measure("trajectory tempering", hm.trajectory_tempering(rungs, CHAINS, threshold=0), rbm, pattern, STEPS, truth)


if __name__ == "__main__":
    main()
