"""Block Gibbs sampling: all visible units given the hidden ones, then all hidden units given the visible ones.

Reference: S. Geman and D. Geman, IEEE PAMI 6 (1984), section IX; for this machine G. Hinton, "Training products of
experts by minimizing contrastive divergence", Neural Computation 14 (2002), section 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from harmonium import model
from harmonium.mesh.axes import DATA, HIDDEN
from harmonium.model import RBM
from harmonium.samplers.base import Sampler, Samples


class Chains(NamedTuple):
    """Where the chains are: `v [C, V]`, `h [C, H]`."""

    v: Any
    h: Any

    def axes(self) -> Chains:
        """The names of every array's axes."""
        return Chains("chain visible", "chain hidden")

    def places(self, _hidden_shards: int) -> Chains:
        """Where they lie on a mesh."""
        return Chains(PartitionSpec(DATA), PartitionSpec(DATA, HIDDEN))


def gibbs(chains: int = 500, sweeps: int = 1, clamp: Any = None) -> Sampler:
    """The block Gibbs kernel on `chains` independent chains.

    Args:
        chains: number of chains C.
        sweeps: sweeps in one step; a sweep draws v ~ p(v|h), then h ~ p(h|v).
        clamp: values held fixed, `[V]` or `[C, V]`, NaN where a column is free.
    """

    def init(key: Any, rbm: RBM) -> Chains:
        v_key, h_key = jax.random.split(key)
        shape = (chains, rbm.weights.shape[0])
        v = _held(clamp, rbm.visible.sample(v_key, jnp.zeros(shape, rbm.weights.dtype)))
        return Chains(v, rbm.hidden.sample(h_key, model.hidden_inputs(rbm, v)))

    def step(key: Any, rbm: RBM, state: Chains) -> tuple[Chains, Samples]:
        samples = sweep_many(key, rbm, state.h, sweeps, clamp)
        return Chains(samples.v, samples.h), samples

    return Sampler(init, step)


def sweep(key: Any, rbm: RBM, h: Any, clamp: Any = None) -> Samples:
    """One sweep from the hidden states `h [C, H]`: v ~ p(v|h) where not clamped, then h ~ p(h|v)."""
    v_key, h_key = jax.random.split(key)
    v = _held(clamp, rbm.visible.sample(v_key, model.visible_inputs(rbm, h)))
    inputs = model.hidden_inputs(rbm, v)
    return Samples(v, rbm.hidden.sample(h_key, inputs), inputs)


def sweep_many(key: Any, rbm: RBM, h: Any, sweeps: int, clamp: Any = None) -> Samples:
    """`sweeps` sweeps from `h`; the last one's samples."""

    def another(i: Any, samples: Samples) -> Samples:
        return sweep(jax.random.fold_in(key, i), rbm, samples.h, clamp)

    return jax.lax.fori_loop(1, sweeps, another, sweep(jax.random.fold_in(key, 0), rbm, h, clamp))


def _held(clamp: Any, v: Any) -> Any:
    return v if clamp is None else jnp.where(jnp.isnan(clamp), v, clamp).astype(v.dtype)
