"""Chains that begin at modes which persistent chains do not visit.

Where rows form clusters that Gibbs chains cannot reach from outside, nothing in the negative term answers to the positive term
there: the mode grows until it holds nearly all of Z, and neither chains nor annealing runs show it. A search does
(`harmonium.likelihood.modes`). Some chains then go on from the modes that are found, in proportion to their share of Z at most,
and push them down.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jaxtyping import Float

from harmonium import model
from harmonium._types import Key
from harmonium.likelihood.running_estimate import RunningEstimate
from harmonium.model import RBM
from harmonium.samplers.gibbs import Chains

MIN_EXCESS = 0.5
"""Modes count as not visited whose mass exceeds all that annealing runs meet by so many nats, more than the error of these."""
MAX_MODES, MAX_FRACTION = 16, 0.5
"""Modes, and the fraction of the chains that begin there, at most."""


class ModeSearch:
    """Looks for modes of one model after another, and begins chains there.

    Args:
        rbm: the first model. rows: `[n, V]`, from which some searches start.
    """

    def __init__(self, rbm: RBM, rows: Float[np.ndarray, "rows visible"], mesh: Mesh | None) -> None:
        self._estimate = RunningEstimate(rbm, rows, mesh)

    def begin_chains(self, key: Key, rbm: RBM, state: Any) -> Any:
        """The estimator's state, whose chains are on devices, with some of them at heavy modes of `rbm` that too few visit."""
        log_z, _ = self._estimate.anneal(rbm)
        found = self._estimate.find_modes(jax.random.fold_in(key, 0), rbm)
        heavy = np.flatnonzero(found.bound > log_z + MIN_EXCESS)[:MAX_MODES]
        if not len(heavy):
            return state
        bound = found.bound[heavy]
        shares = np.exp(bound - np.logaddexp(log_z, np.logaddexp.reduce(bound)))
        # Of a fixed number, so that nothing is compiled anew.
        centers = np.resize(found.v[heavy], (MAX_MODES, found.v.shape[1])).astype(np.float32)
        of_all = np.pad(shares, (0, MAX_MODES - len(shares))).astype(np.float32)
        return _change_chains(state, partial(_begin, key, rbm, centers, of_all))


def _change_chains(state: Any, change: Callable[[Chains], Chains]) -> Any:
    if hasattr(state, "inner"):
        return state._replace(inner=_change_chains(state.inner, change))
    return jax.tree.map(lambda new, old: jax.device_put(new, old.sharding), change(state), state)


@jax.jit
def _begin(
    key: Key, rbm: RBM, centers: Float[Array, "modes visible"], shares: Float[Array, " modes"], chains: Chains
) -> Chains:
    order_key, h_key = jax.random.split(key)
    count = len(chains.v)
    wanted = jnp.ceil(count * MAX_FRACTION * shares).astype(int)
    ends = jnp.minimum(jnp.cumsum(wanted), int(count * MAX_FRACTION))
    # The first of the chains in a random order begin at the first mode, and so on.
    place = jnp.argsort(jax.random.permutation(order_key, count))
    of_mode = jnp.minimum(jnp.searchsorted(ends, place, side="right"), len(centers) - 1)
    v = jnp.where((place < ends[-1])[:, None], centers[of_mode], chains.v)
    begun = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, v))
    return Chains(v, jnp.where((place < ends[-1])[:, None], begun, chains.h))
