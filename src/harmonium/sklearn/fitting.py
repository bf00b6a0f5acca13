"""Steps of a fit: one update, the rows that are held out, rows and labels as arrays."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import model
from harmonium._numerics import to_float64
from harmonium._types import Array, Key, Scalar
from harmonium.errors import InputError
from harmonium.gradients import Estimator
from harmonium.io.streams import is_sparse
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.training import TrainConfig

SEEDS = 2**31 - 1


def one_update(rbm: RBM, rows: Any, config: TrainConfig, chains: Any, seed: int) -> tuple[RBM, Any]:
    """The model after one step along the gradient on all `rows`, and the estimator's state (None at first)."""
    estimator = config.make_estimator()
    rbm = jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float32), rbm)
    init_key, key = jax.random.split(key_of(seed))
    state = _initial(init_key, rbm, estimator) if chains is None else chains
    v = dense(rows).astype(np.float32)
    moved, state = _update(key, rbm, state, v, np.float32(config.learning_rate), np.float32(config.l1), estimator)
    return to_float64(moved), jax.tree.map(np.asarray, state)


@partial(jax.jit, static_argnums=2)
def _initial(key: Key, rbm: RBM, estimator: Estimator) -> Any:
    return estimator.init(key, rbm)


@partial(jax.jit, static_argnums=6)
def _update(key: Key, rbm: RBM, state: Any, v: Array, rate: Scalar, l1: Scalar, estimator: Estimator) -> tuple[RBM, Any]:
    gradient, state, _terms = estimator.gradient(key, rbm, state, v)
    penalized = replace(gradient, weights=gradient.weights - l1 * jnp.sign(rbm.weights))
    return model.apply_update(rbm, jax.tree.map(lambda slope: rate * slope, penalized)), state


def seed_from(random: np.random.RandomState) -> int:
    """A seed for this package from scikit-learn's random numbers."""
    return int(random.randint(SEEDS))


def hold_out(count: int, fraction: float, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Indices of a fraction of the rows, at least one, and of all others, at least one."""
    if count < 2:
        raise InputError("early_stopping needs at least two rows, but there is one sample: fit with early_stopping=False")
    order = random.permutation(count)
    size = min(max(1, round(fraction * count)), count - 1)
    return order[:size], np.sort(order[size:])


def dense(rows: Any) -> np.ndarray:
    """The rows as an array."""
    return np.asarray(rows.toarray() if is_sparse(rows) else rows)


def beside(rows: Any, label: np.ndarray) -> Any:
    """The rows with the label's columns at their end."""
    if not is_sparse(rows):
        return np.concatenate([rows, label.astype(rows.dtype)], axis=1)
    from scipy.sparse import csr_array, hstack

    return hstack([rows, csr_array(label.astype(rows.dtype))], format="csr")
