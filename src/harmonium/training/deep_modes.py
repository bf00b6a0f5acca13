"""Chains that begin at modes which persistent chains do not visit.

Where rows form clusters that Gibbs chains cannot reach from outside, nothing in the negative term answers to the positive term
there: the mode grows until it holds nearly all of Z, and neither chains nor annealing runs show it. A search does
(`harmonium.likelihood.modes`). At each search some chains, in proportion to the share of Z, go on from modes that are heavier
than all that annealing meets, and push them down.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from harmonium import model
from harmonium._types import Key
from harmonium.likelihood.running_estimate import RunningEstimate, is_left_out
from harmonium.model import RBM
from harmonium.samplers.gibbs import Chains

MAX_MODES, MAX_FRACTION = 16, 0.5
"""Modes, and the fraction of the chains that begin there at a search, at most."""


def find_left_out(estimate: RunningEstimate, key: Key, rbm: RBM) -> tuple[list[list[float]], list[float]] | None:
    """Modes of `rbm` that are heavier than all that annealing meets and their shares of Z, if there are any."""
    log_z, error = estimate.anneal(rbm)
    found = estimate.find_modes(key, rbm)
    heavy = np.flatnonzero(is_left_out(found.bound, log_z, error))[:MAX_MODES]
    if not len(heavy):
        return None
    bound = found.bound[heavy]
    shares = np.exp(bound - np.logaddexp(log_z, np.logaddexp.reduce(bound)))
    return found.v[heavy].tolist(), shares.tolist()


def begin_chains(key: Key, rbm: RBM, state: Any, modes: list[list[float]], shares: list[float]) -> Any:
    """The estimator's state, whose chains are on devices, with some chains at the modes: half of a share of Z at each."""
    if hasattr(state, "inner"):
        return state._replace(inner=begin_chains(key, rbm, state.inner, modes, shares))
    # Of a fixed number, so that nothing is compiled anew.
    of_some = np.asarray(modes, np.float32)
    centers = of_some[np.arange(MAX_MODES) % len(of_some)]
    of_all = np.pad(np.asarray(shares, np.float32), (0, MAX_MODES - len(shares)))
    begun = _begin(key, rbm, centers, of_all, state)
    return jax.tree.map(lambda new, old: jax.device_put(new, old.sharding), begun, state)


@jax.jit
def _begin(
    key: Key, rbm: RBM, centers: Float[Array, "modes visible"], shares: Float[Array, " modes"], chains: Chains
) -> Chains:
    order_key, h_key = jax.random.split(key)
    count = len(chains.v)
    wanted = jnp.ceil(count * MAX_FRACTION * shares).astype(int)
    ends = jnp.minimum(jnp.cumsum(wanted), int(np.ceil(count * MAX_FRACTION)))
    # The first of the chains in a random order begin at the first mode, and so on.
    place = jax.random.permutation(order_key, count)
    begins = (place < ends[-1])[:, None]
    of_mode = jnp.minimum(jnp.searchsorted(ends, place, side="right"), len(centers) - 1)
    v = jnp.where(begins, centers[of_mode], chains.v)
    return Chains(v, jnp.where(begins, rbm.hidden.sample(h_key, model.hidden_inputs(rbm, v)), chains.h))
