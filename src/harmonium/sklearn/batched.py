"""Functions of a model on any number of rows, compiled for few shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from harmonium import model
from harmonium._types import Array, Key, Result
from harmonium.gradients import discriminative
from harmonium.io.streams import is_sparse
from harmonium.model import RBM

MIN_ROWS, MAX_ROWS = 32, 2048
"""Rows that go together: a power of two between these."""


def apply(function: Callable[..., Any], rbm: RBM, rows: Any, *arguments: Any) -> np.ndarray:
    """`function(rbm, v, *arguments)` of each row of `rows [n, V]`, an array or a sparse matrix; computed in the rows'
    precision.

    Args:
        function: compiled, `[k, V] -> [k, ...]`, each row by itself.
    """
    count = rows.shape[0]
    length = min(MAX_ROWS, max(MIN_ROWS, 1 << (count - 1).bit_length()))
    dtype = np.float32 if rows.dtype == np.float32 else np.float64
    parts = []
    with jax.enable_x64(dtype == np.float64):
        model = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), rbm)
        for first in range(0, count, length):
            some = rows[first : first + length]
            some = some.toarray() if is_sparse(some) else some
            padded = np.zeros((length, some.shape[1]), dtype)
            padded[: len(some)] = some
            parts.append(np.asarray(function(model, padded, *arguments))[: len(some)])
    return np.concatenate(parts)


log_probabilities = jax.jit(discriminative.log_probabilities, static_argnums=2)
"""ln p(y | v), `[k, V], C -> [k, C]`."""


@jax.jit
def hidden_mean(rbm: RBM, v: Float[Array, "k V"]) -> Float[Result, "k H"]:
    """E[h | v], `[k, V] -> [k, H]`."""
    return rbm.hidden.mean(model.hidden_inputs(rbm, v))


free_energy = jax.jit(model.free_energy)
"""F(v) in nats, `[k, V] -> [k]`."""


@jax.jit
def sweep(rbm: RBM, v: Float[Array, "k V"], key: Key) -> Float[Result, "k V"]:
    """v' after one sweep from v: h ~ p(h|v), v' ~ p(v'|h), `[k, V] -> [k, V]`."""
    h_key, v_key = jax.random.split(key)
    h = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, v))
    return rbm.visible.sample(v_key, model.visible_inputs(rbm, h))
