"""Parallel tempering: Gibbs chains of the model at a ladder of temperatures, which exchange their states.

Rung i is the model (1 - beta_i) base + beta_i rbm, leaf by leaf, from beta_0 = 0 to beta = 1 at the top. With the default
base, a model of zeros, that is the model at temperature 1 / beta_i (continuous units, which have no distribution at infinite
temperature, keep their own parameters on all rungs). The betas adapt until all neighbors exchange equally often: each moves to
where the rejections, added up along the ladder, reach its even share.

References: R. Swendsen and J. Wang, Phys. Rev. Lett. 57 (1986); G. Desjardins, A. Courville, Y. Bengio, P. Vincent and
O. Delalleau, "Tempered Markov chain Monte Carlo for training of restricted Boltzmann machines", AISTATS 2010; K. Cho,
T. Raiko and A. Ilin, "Parallel tempering is efficient for learning restricted Boltzmann machines", IJCNN 2010 (a base of
independent units); S. Syed et al., JRSS B 84 (2022), section 4 (even rejections).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._pytree import register
from harmonium._types import Array, Key
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.samplers import replicas
from harmonium.samplers.base import Draw, Sampler, Samples, independent_draws
from harmonium.samplers.replicas import Ladder, ModelAt


@register
@dataclass(frozen=True)
class Tempered(Ladder):
    """The chains of all rungs, the betas of the rungs, and the model at beta 0.

    Attributes:
        replicas: the chains of every rung.
        betas: of the rungs.
        base: the model at beta 0.
    """

    betas: Float[Array, "rungs"]
    base: RBM

    def model_at(self, rbm: RBM) -> ModelAt:
        """The index of a rung -> its model, the top being `rbm`."""
        return lambda i: model.interpolate(self.base, rbm, self.betas[i])

    def axes(self) -> Tempered:
        """The names of every array's axes."""
        return Tempered(self.replicas.axes(), "", model.logical_axes(self.base))  # type: ignore[arg-type]

    @property
    def in_use(self) -> int:
        return self.replicas.v.shape[0]


def parallel_tempering(
    chains: int = 100,
    rungs: int = 12,
    sweeps: int = 1,
    betas: ArrayLike | None = None,
    base: RBM | None = None,
    adapt: float = 0.05,
) -> Sampler:
    """The parallel tempering kernel on `chains` independent ladders.

    Args:
        chains: number of ladders C, and of samples a step.
        rungs: models R on each.
        sweeps: Gibbs sweeps between exchanges.
        betas: `[R]` rising from 0 to 1, at the start; evenly spaced by default.
        base: the model at beta 0, best one without weights; by default the model at infinite temperature.
        adapt: fraction of the way to even exchange rates that the betas move at every step; 0 fixes them.

    Raises:
        InputError: an argument is out of range.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> v, state = hm.sample_chains(rbm, hm.parallel_tempering(chains=10, rungs=3), steps=5, seed=0)
        >>> v.shape
        (10, 2)
    """
    chains, sweeps = _checks.integer(chains, "chains"), _checks.integer(sweeps, "sweeps")
    if betas is None:
        first = np.linspace(0, 1, _checks.integer(rungs, "rungs", 2))
    else:
        first = _checks.numeric_array(betas, "betas").astype(np.float64)
        if first.ndim != 1 or len(first) < 2 or first[0] != 0 or first[-1] != 1 or not (np.diff(first) > 0).all():
            raise InputError(f"betas must rise from 0 to 1, but are {betas}")
    adapt = _checks.fraction(adapt, "adapt")
    if base is not None:
        model.validate(base)

    def init(key: Key, rbm: RBM, draw: Draw = independent_draws) -> Tempered:
        if base is not None and not model.same_layers(rbm, base):
            raise InputError(f"base must have the layers of {rbm!r}, but is {base!r}")
        at = jnp.asarray(first, rbm.weights.dtype)
        bottom: Any = model.infinite_temperature(rbm) if base is None else base
        bottom = jax.tree.map(lambda own, leaf: jnp.asarray(leaf, own.dtype), rbm, bottom)
        models = Tempered(None, at, bottom).model_at(rbm)  # type: ignore[arg-type]
        return Tempered(replicas.init(key, models, len(first), chains, draw), at, bottom)

    def step(key: Key, rbm: RBM, state: Tempered) -> tuple[Tempered, Samples]:
        moved, samples = replicas.step(key, state.model_at(rbm), state.replicas, sweeps, state.in_use)
        return Tempered(moved, adapt_betas(state.betas, moved.acceptance, adapt), state.base), samples

    return Sampler(init, step)


def adapt_betas(betas: Float[Array, "rungs"], acceptance: Float[Array, " pairs"], fraction: float) -> Float[Array, "rungs"]:
    """The betas, moved by `fraction` of the way to where every pair would be rejected as often as any other."""
    if fraction == 0:
        return betas
    # A pair never rejected still keeps some distance.
    rejection = jnp.concatenate([jnp.zeros(1, betas.dtype), jnp.maximum(1 - acceptance, 1e-3)])
    barrier = jnp.cumsum(rejection)
    even = jnp.interp(jnp.linspace(0, 1, len(betas), dtype=betas.dtype) * barrier[-1], barrier, betas)
    moved = jnp.asarray(betas + fraction * (even - betas))
    return moved.at[0].set(0).at[-1].set(1)
