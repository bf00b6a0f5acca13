"""Parallel tempering: Gibbs chains of the machine at a ladder of temperatures, which exchange their states.

Rung i is the machine (1 - beta_i) base + beta_i rbm, leaf by leaf, from beta_0 = 0 to beta = 1 at the top. With the
default base, a machine of zeros, that is the machine at temperature 1 / beta_i (units of a continuum, which have no law at
infinite temperature, keep their own parameters on all rungs). The betas are moved so that all
neighbors exchange equally often: each goes where the rejections, added up along the ladder, reach its even share.

References: R. Swendsen and J. Wang, Phys. Rev. Lett. 57 (1986); G. Desjardins, A. Courville, Y. Bengio, P. Vincent and
O. Delalleau, "Tempered Markov chain Monte Carlo for training of restricted Boltzmann machines", AISTATS 2010; K. Cho,
T. Raiko and A. Ilin, "Parallel tempering is efficient for learning restricted Boltzmann machines", IJCNN 2010 (a base of
independent units); S. Syed et al., JRSS B 84 (2022), section 4 (even rejections).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from harmonium import _checks, model
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.samplers import replicas
from harmonium.samplers.base import Sampler, Samples


class Tempered(NamedTuple):
    """The chains of all rungs (`ladder.Replicas`), the betas `[R]` they are at, and the machine at beta 0."""

    rungs: Any
    betas: Any
    base: RBM

    def machine(self, rbm: RBM) -> Callable[[Any], RBM]:
        """Rung number -> its machine, the top being `rbm`."""
        return lambda i: model.interpolate(self.base, rbm, self.betas[i])

    def axes(self) -> Tempered:
        """The names of every array's axes."""
        return Tempered(self.rungs.axes(), "", model.logical_axes(self.base))

    def places(self, hidden_shards: int) -> Tempered:
        """Where they lie on a mesh."""
        return Tempered(self.rungs.places(), PartitionSpec(), model.places(self.base, hidden_shards))

    @property
    def in_use(self) -> int:
        """Replicas R."""
        return self.rungs.v.shape[0]

    @property
    def v(self) -> Any:
        """`[R, C, V]`, the machine itself at R - 1."""
        return self.rungs.v

    @property
    def acceptance(self) -> Any:
        """The running acceptance rate of exchanges between neighbors, `[R - 1]`."""
        return self.rungs.acceptance

    @property
    def round_trips(self) -> Any:
        """States that went from the bottom to the top and back, in all chains together."""
        return self.rungs.round_trips

    @property
    def steps(self) -> Any:
        """Steps made so far."""
        return self.rungs.steps


def parallel_tempering(
    chains: int = 100, rungs: int = 12, sweeps: int = 1, betas: Any = None, base: RBM | None = None, adapt: float = 0.05
) -> Sampler:
    """The parallel tempering kernel on `chains` independent ladders.

    Args:
        chains: number of ladders C, and of samples a step. rungs: machines R on each. sweeps: Gibbs sweeps between exchanges.
        betas: `[R]` rising from 0 to 1, where to start from; evenly spaced by default.
        base: the machine at beta 0, best one without weights; by default `model.flat` of the machine.
        adapt: the share of the way to even exchange rates that the betas go at every step; 0 holds them.

    Raises:
        InputError: an argument is out of range.
    """
    chains, sweeps = _checks.integer(chains, "chains"), _checks.integer(sweeps, "sweeps")
    if betas is None:
        first = np.linspace(0, 1, _checks.integer(rungs, "rungs", 2))
    else:
        first = _checks.numeric_array(betas, "betas").astype(np.float64)
        if first.ndim != 1 or len(first) < 2 or first[0] != 0 or first[-1] != 1 or not (np.diff(first) > 0).all():
            raise InputError(f"betas must rise from 0 to 1, but are {betas}")
    adapt = _checks.fraction(adapt, "adapt")

    def init(key: Any, rbm: RBM) -> Tempered:
        if base is not None and not (rbm.visible.same_structure(base.visible) and rbm.hidden.same_structure(base.hidden)):
            raise InputError(f"base must have the layers of {rbm!r}, but is {base!r}")
        at = jnp.asarray(first, rbm.weights.dtype)
        below = jax.tree.map(lambda own, leaf: jnp.asarray(leaf, own.dtype), rbm, model.flat(rbm) if base is None else base)
        unstarted = Tempered(None, at, below)
        return unstarted._replace(rungs=replicas.start(key, unstarted.machine(rbm), len(first), chains))

    def step(key: Any, rbm: RBM, state: Tempered) -> tuple[Tempered, Samples]:
        rungs, samples = replicas.step(key, state.machine(rbm), state.rungs, sweeps, state.in_use)
        return Tempered(rungs, _evened(state.betas, rungs.acceptance, adapt), state.base), samples

    return Sampler(init, step)


def _evened(betas: Any, acceptance: Any, share: float) -> Any:
    """The betas, moved by `share` of the way to where every pair would be rejected as often as any other."""
    if share == 0:
        return betas
    # A pair never rejected still keeps some distance.
    rejection = jnp.concatenate([jnp.zeros(1, betas.dtype), jnp.maximum(1 - acceptance, 1e-3)])
    barrier = jnp.cumsum(rejection)
    even = jnp.interp(jnp.linspace(0, 1, len(betas), dtype=betas.dtype) * barrier[-1], barrier, betas)
    moved = betas + share * (even - betas)
    return moved.at[0].set(0).at[-1].set(1)
