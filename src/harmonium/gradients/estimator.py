"""What an estimator of the gradient of the mean ln p(v) is. All have one form:

    gradient = positive term - negative term
             = statistics expected with v held at the data - statistics expected under the model

A gradient is an `RBM` whose leaves are the derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Float, Real

from harmonium import distributed
from harmonium._types import Array, Key
from harmonium.errors import InputError
from harmonium.model import RBM


class Terms(NamedTuple):
    """How a gradient came about, which a caller may drop.

    `positive`, `negative`: the two terms. `trace`: for CD the states (v, h, v', h') at the beginning and the end of the chain.
    """

    positive: RBM
    negative: RBM
    trace: tuple[Array, Array, Array, Array] | None = None


class Init(Protocol):
    """The state before the first update (traceable)."""

    def __call__(self, key: Key, rbm: RBM, /) -> Any: ...


class Gradient(Protocol):
    """The estimate from a batch, the next state, and the terms (traceable); the positive term is the mean over the rows by
    their weights, if there are any."""

    def __call__(
        self, key: Key, rbm: RBM, state: Any, v: Float[Array, "rows visible"], weights: Real[Array, " rows"] | None = None, /
    ) -> tuple[RBM, Any, Terms]: ...


class Estimator(NamedTuple):
    """`init(key, rbm) -> state`; `gradient(key, rbm, state, v, weights=None) -> (gradient, state, terms)`.

    A state with arrays has a method `axes`, which names their axes for `harmonium.distributed`.
    """

    init: Init
    gradient: Gradient


def subtract(positive: RBM, negative: RBM) -> RBM:
    """The gradient of the two terms."""
    return jax.tree.map(lambda p, n: p - n, positive, negative)


def factors_of(weights: Real[Array, " rows"] | None) -> Float[Array, " rows"] | None:
    """The weights over their mean."""
    return None if weights is None else weights / jnp.mean(weights)


def contrast(
    statistics: Callable[..., RBM], rbm: RBM, data: tuple[Array | None, ...], chains: tuple[Array | None, ...]
) -> tuple[RBM, Terms]:
    """The gradient from rows of the data and of chains, and its two terms.

    Args:
        statistics: `model.statistics` or `model.joint_statistics`.
        data, chains: its arguments after the model.
    """

    def means(rbm: RBM, data: tuple[Array | None, ...], chains: tuple[Array | None, ...]) -> tuple[RBM, Terms]:
        positive, negative = statistics(rbm, *data), statistics(rbm, *chains)
        return subtract(positive, negative), Terms(positive, negative)

    return distributed.mean_over_rows(means, rbm, data, chains)


def state_axes(state: object) -> Any:
    """The names of the axes of every array in an estimator's state, as `harmonium.distributed` takes them.

    Args:
        state: of the estimator.

    Raises:
        InputError: the state has arrays, but no method `axes`.
    """
    if not jax.tree.leaves(state):
        return state
    if not hasattr(state, "axes"):
        raise InputError(
            f"the estimator's state, a {type(state).__name__}, must have a method axes that names its arrays' axes"
        )
    return state.axes()


def chains_of(state: Any) -> Real[Array, "chains visible"] | None:
    """The visible states of the chains in an estimator's state, of a ladder those of its top; None if there are no chains.

    Args:
        state: of the estimator.
    """
    while hasattr(state, "inner"):
        state = state.inner
    v = getattr(state, "v", None)
    return v if v is None or v.ndim == 2 else v[int(state.in_use) - 1]
