"""How the estimators train a machine: settings from the data's size where none are given, equal ones compiled once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from harmonium import model
from harmonium.errors import InputError
from harmonium.exact.values import float64
from harmonium.gradients import Estimator
from harmonium.io.streams import is_sparse
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.training import TrainState, train
from harmonium.training.settings import Settings, settings_for

SEEDS = 2**31 - 1
UPDATES = 5000
"""Updates of a fit where nothing is said of its length, or as many as ten epochs if those are more."""
EPOCHS = 10


@dataclass(frozen=True)
class Length:
    """How long a run is: epochs or minutes, whichever is not None; if both are None it follows from the rows."""

    epochs: int | None
    minutes: float | None

    def as_arguments(self, rows: int, batch: int) -> dict[str, Any]:
        if self.minutes is not None:
            return {"minutes": self.minutes}
        if self.epochs is not None:
            return {"epochs": self.epochs}
        return {"updates": max(UPDATES, EPOCHS * (rows // batch))}


def settings(rows: int, rbm: RBM, gradient: str, rate: float | str, batch: int | str) -> Settings:
    """Those of `settings_for`, with what is given in their place."""
    chosen = settings_for(rows, rbm, None if gradient == "auto" else gradient)
    # One digit: penalties of folds whose numbers of rows differ by one are the same, and compiled once.
    chosen = replace(chosen, l1=float(f"{chosen.l1:.0e}"))
    if rate != "auto":
        chosen = replace(chosen, rate=float(rate))
    if batch != "auto":
        chosen = replace(chosen, batch=min(int(batch), rows), chains=int(batch))
    return chosen


@lru_cache(maxsize=64)
def optimizer_of(chosen: Settings) -> optax.GradientTransformation:
    """The same object for equal settings, so that what is compiled for it serves again."""
    return chosen.make_optimizer()


def states(
    rbm: RBM,
    rows: Any,
    chosen: Settings,
    length: Length,
    seed: int,
    *,
    estimator: Estimator | None = None,
    optimizer: optax.GradientTransformation | None = None,
    valid: Any = None,
    patience: float = 0.0,
    follow: bool = False,
) -> Iterator[TrainState]:
    """The states of a run, the last of which holds the machine to use."""
    return train(
        rbm,
        rows,
        estimator or chosen.make_estimator(),
        optimizer or optimizer_of(chosen),
        batch_size=chosen.batch,
        cooldown=chosen.cooldown,
        average=chosen.average,
        valid=valid,
        patience=patience,
        seed=seed,
        expected=True,
        follow=follow,
        **length.as_arguments(rows.shape[0], chosen.batch),
    )


def one_update(rbm: RBM, rows: Any, chosen: Settings, chains: Any, seed: int) -> tuple[RBM, Any]:
    """The machine after one step of `rate` along the gradient on all `rows`, and the estimator's state (None at first)."""
    estimator = chosen.make_estimator()
    rbm = jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float32), rbm)
    init_key, key = jax.random.split(key_of(seed))
    state = _initial(init_key, rbm, estimator) if chains is None else chains
    v = dense(rows).astype(np.float32)
    moved, state = _update(key, rbm, state, v, np.float32(chosen.rate), np.float32(chosen.l1), estimator)
    return float64(moved), jax.tree.map(np.asarray, state)


@partial(jax.jit, static_argnums=2)
def _initial(key: Any, rbm: RBM, estimator: Estimator) -> Any:
    return estimator.init(key, rbm)


@partial(jax.jit, static_argnums=6)
def _update(key: Any, rbm: RBM, state: Any, v: Any, rate: Any, l1: Any, estimator: Estimator) -> tuple[RBM, Any]:
    gradient, state, _terms = estimator.gradient(key, rbm, state, v)
    penalized = replace(gradient, weights=gradient.weights - l1 * jnp.sign(rbm.weights))
    return model.apply_update(rbm, jax.tree.map(lambda slope: rate * slope, penalized)), state


def seed_from(random: np.random.RandomState) -> int:
    """A seed for this package from scikit-learn's random numbers."""
    return int(random.randint(SEEDS))


def hold_out(count: int, share: float, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of so large a share of the rows, at least one, and those of all others, at least one."""
    if count < 2:
        raise InputError("early_stopping needs at least two rows, but there is one sample: fit with early_stopping=False")
    order = random.permutation(count)
    held_out = min(max(1, round(share * count)), count - 1)
    return order[:held_out], np.sort(order[held_out:])


def dense(rows: Any) -> np.ndarray:
    """The rows as an array."""
    return np.asarray(rows.toarray() if is_sparse(rows) else rows)


def beside(rows: Any, label: np.ndarray) -> Any:
    """The rows with the label's columns at their end."""
    if not is_sparse(rows):
        return np.concatenate([rows, label.astype(rows.dtype)], axis=1)
    from scipy.sparse import csr_array, hstack

    return hstack([rows, csr_array(label.astype(rows.dtype))], format="csr")
