"""Block Gibbs sampling: all visible units given the hidden ones, then all hidden units given the visible ones.

Reference: S. Geman and D. Geman, IEEE PAMI 6 (1984), section IX; for the RBM G. Hinton, "Training products of experts by
minimizing contrastive divergence", Neural Computation 14 (2002), section 3.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._types import Array, Key
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.samplers.base import Draw, Sampler, Samples, independent_draws


class Chains(NamedTuple):
    """The current states of the chains.

    Attributes:
        v: `[chains, V]`.
        h: `[chains, H]`.
    """

    v: Float[Array, "chains visible"]
    h: Float[Array, "chains hidden"]

    def axes(self) -> Chains:
        """The names of every array's axes."""
        return Chains("chain visible", "chain hidden")  # type: ignore[arg-type]


def gibbs(chains: int = 500, sweeps: int = 1, clamp: ArrayLike | None = None) -> Sampler:
    """The block Gibbs kernel on `chains` independent chains.

    Args:
        chains: number of chains C.
        sweeps: sweeps in one step; a sweep draws v ~ p(v|h), then h ~ p(h|v).
        clamp: fixed values of the visible units, `[V]` or `[C, V]`, NaN where a column is free.

    Raises:
        InputError: an argument is out of range.

    Example:
        >>> import harmonium as hm
        >>> sampler = hm.gibbs(chains=100, sweeps=2)
    """
    chains, sweeps = _checks.integer(chains, "chains"), _checks.integer(sweeps, "sweeps")
    if clamp is not None and not isinstance(clamp, jax.Array):  # which may be traced
        clamp = _checks.numeric_array(clamp, "clamp")
        if clamp.ndim not in (1, 2):
            raise InputError(f"clamp must have shape [V] or [{chains}, V], but has {list(clamp.shape)}")
        if np.isinf(clamp).any():
            raise InputError("clamp must hold finite numbers, or NaN where a column is free, but holds an infinity")

    def init(key: Key, rbm: RBM, draw: Draw = independent_draws) -> Chains:
        v_key, h_key = jax.random.split(key)
        v = _clamp(draw(v_key, rbm, chains), clamp)
        return Chains(v, rbm.hidden.sample(h_key, model.hidden_inputs(rbm, v)))

    def step(key: Key, rbm: RBM, state: Chains) -> tuple[Chains, Samples]:
        samples = sweep_many(key, rbm, state.h, sweeps, clamp)
        return Chains(samples.v, samples.h), samples

    return Sampler(init, step)


def sweep(key: Key, rbm: RBM, h: Float[Array, "chains hidden"], clamp: ArrayLike | None = None) -> Samples:
    """One sweep: v ~ p(v|h) where not clamped, then h ~ p(h|v)."""
    v_key, h_key = jax.random.split(key)
    layer = rbm.visible if clamp is None else rbm.visible.given(jnp.asarray(clamp))
    v = layer.sample(v_key, model.visible_inputs(rbm, h))
    inputs = model.hidden_inputs(rbm, v)
    return Samples(v, rbm.hidden.sample(h_key, inputs), inputs)


def sweep_many(key: Key, rbm: RBM, h: Float[Array, "chains hidden"], sweeps: int, clamp: ArrayLike | None = None) -> Samples:
    """`sweeps` sweeps from `h`; the samples of the last one."""

    def another(i: Array, samples: Samples) -> Samples:
        return sweep(jax.random.fold_in(key, i), rbm, samples.h, clamp)

    return jax.lax.fori_loop(1, sweeps, another, sweep(jax.random.fold_in(key, 0), rbm, h, clamp))


def guess_missing(key: Key, rbm: RBM, v: Float[Array, "*rows visible"]) -> Float[jax.Array, "*rows visible"]:
    """The rows with their missing cells (NaN) drawn given the mean of h under the observed cells alone: a start for chains."""
    inputs = model.visible_inputs(rbm, model.hidden_mean(rbm, jnp.nan_to_num(v)))
    return jnp.asarray(rbm.visible.given(v).sample(key, inputs))


def resample_missing(
    key: Key, rbm: RBM, v: Float[Array, "*rows visible"], completed: Float[Array, "*rows visible"], sweeps: int
) -> Float[jax.Array, "*rows visible"]:
    """`completed`, the rows `v` with their missing cells (NaN) filled, after `sweeps` Gibbs sweeps of those cells.

    The observed cells stay; the missing ones follow p(v_m, h | v_o).
    """

    def sweep(i: Array, x: Array) -> Array:
        h_key, v_key = jax.random.split(jax.random.fold_in(key, i))
        h = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, x))
        return rbm.visible.resample(v_key, model.visible_inputs(rbm, h), x, v)

    return jnp.asarray(jax.lax.fori_loop(0, sweeps, sweep, jnp.asarray(completed)))


def _clamp(v: Float[Array, "chains visible"], clamp: ArrayLike | None) -> Float[Array, "chains visible"]:
    return v if clamp is None else jnp.where(jnp.isnan(clamp), v, clamp).astype(v.dtype)
