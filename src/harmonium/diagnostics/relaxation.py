"""Relaxation: Gibbs chains from noise and Gibbs chains from data must come to the same place.

Chains of one model forget their start. As long as those from noise differ from those from data, neither follows the model's
distribution, and figures from either are figures of the start.

The free energy and the leading components are recorded: v projected on the leading left singular vectors of the weights. The
slow directions of the model lie along those, also where the data never move, so a mode that the data do not show is seen; the
principal components of the data could miss it.

References: A. Gelman and D. Rubin, "Inference from iterative simulation using multiple sequences", Statistical Science 7
(1992) (overdispersed starts); A. Decelle, G. Fissore and C. Furtlehner, "Spectral dynamics of learning in restricted
Boltzmann machines", EPL 119 (2017) (the singular vectors of the weights as modes).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._types import Array, ArrayLike, Key
from harmonium.diagnostics.verdict import single
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import gibbs, sweep_many

MAX_TIMES = 250
"""Times at which the chains are recorded; more sweeps than that are thinned."""
MIN_SWEEPS = 20
"""Fewer sweeps leave too short a second half."""
COMPONENTS = 4
STARTS = ("noise", "data")

Directions: TypeAlias = Float[Array | np.ndarray, "visible components"]


@dataclass(frozen=True)
class Relaxation:
    """The course of chains from both starts.

    `free_energy [2, C, D]` in nats and `components [2, C, D, K]`: from noise [0] and from data [1], C chains each, at D times.
    `sweeps [D]`: number of sweeps until then, from 0.
    """

    free_energy: np.ndarray
    components: np.ndarray
    sweeps: np.ndarray

    @property
    def spacing(self) -> int:
        """Sweeps between two times."""
        return int(self.sweeps[1] - self.sweeps[0])


@np.errstate(over="ignore", invalid="ignore")
def relaxation(rbm: RBM, data: ArrayLike, chains: int = 100, sweeps: int = 1000, seed: int = 0) -> Relaxation:
    """Run `chains` Gibbs chains from noise, as the visible units' own biases draw it, and as many from rows of `data [n, V]`.

    Args:
        rbm: the model.
        data: rows `[n, V]`.
        chains: number of chains.
        sweeps: rounded up to a multiple of the spacing of the times recorded, at most 250 and the start.
        seed: of all random numbers.

    Raises:
        InputError: data outside the units' domain, fewer than 2 chains or 20 sweeps, or a bad seed.
    """
    rows = model.check_rows(rbm, data, "data")
    chains = _checks.integer(chains, "chains", 2)
    spacing = -(-_checks.integer(sweeps, "sweeps", MIN_SWEEPS) // MAX_TIMES)
    key = key_of(seed)
    # Every row once before any row twice.
    chosen = np.resize(np.random.default_rng(seed).permutation(len(rows)), chains)
    rbm = single(rbm)
    draws = -(-sweeps // spacing)
    values = _run(key, rbm, rows[chosen].astype(np.float32), directions(rbm), draws=draws, spacing=spacing)
    values = _checks.finite_result(np.asarray(values), "the free energy of a chain")
    values = np.moveaxis(values, 0, 1).reshape(2, chains, draws + 1, -1)
    return Relaxation(values[..., 0], values[..., 1:], np.arange(draws + 1) * spacing)


def directions(rbm: RBM) -> Directions:
    """The leading left singular vectors of the weights, each with its largest entry above zero."""
    left = np.linalg.svd(np.asarray(rbm.weights, dtype=np.float64), full_matrices=False)[0][:, :COMPONENTS]
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])])
    return (left * signs).astype(np.float32)


def project(
    rbm: RBM, v: Float[Array, "chains visible"], inputs: Float[Array, "chains hidden"], along: Directions
) -> Float[Array, "chains quantities"]:
    """Free energy and components of `v`."""
    return jnp.concatenate([model.free_energy(rbm, v, inputs)[..., None], v @ along], axis=-1)


def quantities(components: int) -> list[str]:
    """The names of the quantities that `project` returns."""
    return ["free energy", *(f"component {number}" for number in range(1, components + 1))]


@partial(jax.jit, static_argnames=("draws", "spacing"))
def _run(
    key: Key, rbm: RBM, rows: Float[Array, "chains visible"], along: Directions, *, draws: int, spacing: int
) -> Float[Array, "times both quantities"]:
    """The quantities of all chains over time, those from noise first."""
    noise_key, h_key, sweep_key = jax.random.split(key, 3)
    noise = gibbs(len(rows)).init(noise_key, rbm).v
    v = jnp.concatenate([noise, rows])
    inputs = model.hidden_inputs(rbm, v)
    first = project(rbm, v, inputs, along)
    h = rbm.hidden.sample(h_key, inputs)

    def step(h: jax.Array, i: jax.Array) -> tuple[jax.Array, Array]:
        samples = sweep_many(jax.random.fold_in(sweep_key, i), rbm, h, spacing)
        return jnp.asarray(samples.h), project(rbm, samples.v, samples.hidden_inputs, along)

    values = jax.lax.scan(step, h, jnp.arange(draws))[1]
    return jnp.concatenate([first[None], values])
