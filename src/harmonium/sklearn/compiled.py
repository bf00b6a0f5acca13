"""What the estimators compile: functions of a model on any number of rows, for few shapes, and one update."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from harmonium import model
from harmonium._numerics import to_float64
from harmonium._types import Array, Key, Result, Scalar
from harmonium.errors import InputError
from harmonium.gradients import Estimator, discriminative
from harmonium.io.streams import is_sparse
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.training import TrainConfig

MIN_ROWS, MAX_ROWS = 32, 2048
"""Rows that go together: a power of two between these."""
MAX_MERGED = 1000
"""Different rows, at most, of which those that are alike are merged."""
MAX_UNMERGED = 1 << 24
"""Rows, at most, that are distinguished again when a part of them is held out."""


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
            some = dense(rows[first : first + length])
            padded = np.zeros((length, some.shape[1]), dtype)
            padded[: len(some)] = some
            parts.append(np.asarray(function(model, padded, *arguments))[: len(some)])
    return np.concatenate(parts)


log_probabilities = jax.jit(discriminative.log_probabilities, static_argnums=2)
"""ln p(y | v), `[k, V], C -> [k, C]`."""


hidden_mean = jax.jit(model.hidden_mean)
"""E[h | v], `[k, V] -> [k, H]`."""
free_energy = jax.jit(model.free_energy)
"""F(v) in nats, `[k, V] -> [k]`."""


@jax.jit
def sweep(rbm: RBM, v: Float[Array, "k V"], key: Key) -> Float[Result, "k V"]:
    """v' after one sweep from v: h ~ p(h|v), v' ~ p(v'|h), `[k, V] -> [k, V]`."""
    h_key, v_key = jax.random.split(key)
    h = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, v))
    return rbm.visible.sample(v_key, model.visible_inputs(rbm, h))


def one_update(rbm: RBM, rows: Any, config: TrainConfig, chains: Any, seed: int) -> tuple[RBM, Any]:
    """The model after one step along the gradient on all `rows`, and the estimator's state (at first, None or another's)."""
    estimator = config.make_estimator()
    rbm = jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float32), rbm)
    init_key, key = jax.random.split(key_of(seed))
    forms: list[Any] = [jax.tree.structure(state) for state in (chains, jax.eval_shape(estimator.init, init_key, rbm))]
    state = chains if forms[0] == forms[1] else jax.jit(estimator.init)(init_key, rbm)
    v = dense(rows).astype(np.float32)
    moved, state = _update(key, rbm, state, v, np.float32(config.learning_rate), np.float32(config.l1), estimator)
    return to_float64(moved), jax.tree.map(np.asarray, state)


@partial(jax.jit, static_argnums=6)
def _update(key: Key, rbm: RBM, state: Any, v: Array, rate: Scalar, l1: Scalar, estimator: Estimator) -> tuple[RBM, Any]:
    gradient, state, _terms = estimator.gradient(key, rbm, state, v)
    penalized = replace(gradient, weights=gradient.weights - l1 * jnp.sign(rbm.weights))
    return model.apply_update(rbm, jax.tree.map(lambda slope: rate * slope, penalized)), state


class Part(NamedTuple):
    """The indices of some rows, and their weights."""

    rows: Int[np.ndarray, " k"]
    weights: Shaped[np.ndarray, " k"] | None


def hold_out(
    count: int, fraction: float, random: np.random.RandomState, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of a fraction of the rows, at least one, and of all others, at least one; of each label the same fraction."""
    if count < 2:
        raise InputError("early_stopping needs at least two rows, but there is one sample: fit with early_stopping=False")
    order = random.permutation(count)
    size = min(max(1, round(fraction * count)), count - 1)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
        chosen = ((np.arange(size) + 0.5) * count / size).astype(int)
        order = np.concatenate([order[chosen], np.delete(order, chosen)])
    return order[:size], np.sort(order[size:])


def hold_out_merged(
    weights: Float[np.ndarray, " k"] | None,
    count: int,
    fraction: float,
    random: np.random.RandomState,
    labels: np.ndarray | None = None,
) -> tuple[Part, Part]:
    """A fraction of `count` rows of which those that are alike are merged, and all others: of such rows each part gets some."""
    if weights is None or (weights % 1).any() or weights.sum() > MAX_UNMERGED:
        parts = hold_out(count, fraction, random, labels)
        chosen, rest = (Part(part, None if weights is None else weights[part]) for part in parts)
        return chosen, rest
    rows = np.repeat(np.arange(count), weights.astype(int))
    parts = hold_out(len(rows), fraction, random, None if labels is None else labels[rows])
    chosen, rest = (Part(*np.unique(rows[part], return_counts=True)) for part in parts)
    return chosen, rest


def trim(values: Float[np.ndarray, " k"], weights: Float[np.ndarray, " k"] | None, fraction: float) -> Part:
    """All rows but a fraction of them, by weight, with the lowest values."""
    counts = np.ones(len(values)) if weights is None else weights
    left_out = fraction * counts.sum()
    if not (counts % 1).any():
        left_out = np.floor(left_out)  # a row that comes several times may be left out some of these times
    order = np.argsort(values, kind="stable")
    kept = np.empty(len(values))
    kept[order] = np.clip(np.cumsum(counts[order]) - left_out, 0, counts[order])
    rows = np.flatnonzero(kept)
    return Part(rows, None if weights is None else kept[rows])


def merge_alike(rows: Any, weights: Float[np.ndarray, " n"] | None) -> tuple[Any, Float[np.ndarray, " k"] | None]:
    """Which rows stand for all that are alike, and the sums of their weights; more than 1,000 different rows stay as they are.

    The rows that stay are in an order of their own. So a row that comes twice is a row of weight two, bit for bit.

    Returns:
        Indices `[k]` or a slice of all rows, and weights, None where all are one.
    """
    places: dict[bytes, int] = {}
    numbers = np.empty(rows.shape[0], np.int64)
    for row, key in enumerate(_keys(rows)):
        numbers[row] = places.setdefault(key, len(places))
        if len(places) > MAX_MERGED:
            return slice(None), weights
    if weights is None and len(places) == len(numbers):
        return slice(None), None
    order = np.array([places[key] for key in sorted(places)])
    firsts = np.unique(numbers, return_index=True)[1]
    return firsts[order], np.bincount(numbers, weights)[order]


def _keys(rows: Any) -> Iterator[bytes]:
    """A digest of each row, equal for equal rows, of arrays and sparse matrices alike."""
    for first in range(0, rows.shape[0], MIN_ROWS):
        some = dense(rows[first : first + MIN_ROWS])
        for row in np.where(np.isnan(some), np.nan, some + 0.0):  # there are two zeros, and many NaN
            yield hashlib.blake2b(row.tobytes(), digest_size=16).digest()


def dense(rows: Any) -> np.ndarray:
    """The rows as an array."""
    return np.asarray(rows.toarray() if is_sparse(rows) else rows)


def has_holes(rows: Any) -> Bool[np.ndarray, " n"]:
    """Which rows have missing cells."""
    return np.zeros(rows.shape[0], bool) if is_sparse(rows) else np.isnan(rows).any(axis=1)


def beside(rows: Any, label: np.ndarray) -> Any:
    """The rows with the label's columns at their end."""
    if not is_sparse(rows):
        return np.concatenate([rows, label.astype(rows.dtype)], axis=1)
    from scipy.sparse import csr_array, hstack

    return hstack([rows, csr_array(label.astype(rows.dtype))], format="csr")
