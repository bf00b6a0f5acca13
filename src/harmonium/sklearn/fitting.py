"""How the estimators train a model: the settings that their parameters and the data come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from harmonium import model
from harmonium._numerics import to_float64
from harmonium._types import Array, Key, Scalar
from harmonium.errors import InputError
from harmonium.gradients import Estimator
from harmonium.io.streams import Streamed, is_sparse
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.training import TrainConfig, TrainState, train
from harmonium.training.config import Settings

SEEDS = 2**31 - 1
UPDATES = 5000
"""Updates of a fit by default, or ten epochs if those are more."""
EPOCHS = 10


def configure(
    rows: int,
    rbm: RBM,
    *,
    gradient: str = "auto",
    learning_rate: float | str = "auto",
    batch_size: int | str = "auto",
    epochs: int | None = None,
    minutes: float | None = None,
    centered: bool = True,
    early_stopping: float = 0.0,
) -> TrainConfig:
    """The derived settings but for those that an estimator's parameters give; a number of updates where no length is given."""
    given: Settings = {"epochs": None if minutes else epochs, "minutes": minutes, "early_stopping": early_stopping}
    # Rows may hold expected values such as gray levels, which bfloat16 would round.
    given |= {"centered": centered, "bfloat16": False}
    if gradient != "auto":
        given["estimator"] = gradient
    if learning_rate != "auto":
        given["learning_rate"] = float(learning_rate)
    if batch_size != "auto":
        given["batch_size"], given["chains"] = min(int(batch_size), rows), int(batch_size)
    config = TrainConfig.derive(rows, rbm, **given)
    if epochs is minutes is None:
        config = replace(config, minutes=None, updates=max(UPDATES, EPOCHS * (rows // config.batch_size)))
    # One digit: penalties of folds whose numbers of rows differ by one are the same, and compiled once.
    return replace(config, l1=float(f"{config.l1:.0e}"))


def states(
    rbm: RBM,
    rows: ArrayLike | Streamed,
    config: TrainConfig,
    seed: int,
    *,
    valid: ArrayLike | None = None,
    measure: bool = False,
) -> Iterator[TrainState]:
    """The states of a run, the last of which holds the model to use."""
    return train(rbm, rows, config, valid=valid, seed=seed, expected=True, measure=measure)


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
