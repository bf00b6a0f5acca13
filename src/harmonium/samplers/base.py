"""What a sampler is: a pair of functions, made by a function that takes the sampler's settings."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
from jaxtyping import Float

from harmonium._types import Array, Key
from harmonium.model import RBM


class Samples(NamedTuple):
    """Draws of the model after a step, which a caller may drop; `hidden_inputs`: v @ weights.

    Attributes:
        v: `[chains, V]`.
        h: `[chains, H]`.
    """

    v: Float[Array, "chains visible"]
    h: Float[Array, "chains hidden"]
    hidden_inputs: Float[Array, "chains hidden"]


class Draw(Protocol):
    """Where the chains of a model begin: `count` states of its visible units (traceable)."""

    def __call__(self, key: Key, rbm: RBM, count: int, /) -> Float[Array, "count visible"]: ...


def independent_draws(key: Key, rbm: RBM, count: int) -> Float[Array, "count visible"]:
    """Draws of the visible units as if there were no weights."""
    return rbm.visible.sample(key, jnp.zeros((count, rbm.visible.size), rbm.weights.dtype))


class Init(Protocol):
    """The state of new chains, of every model that the sampler simulates where `draw` puts them (traceable)."""

    def __call__(self, key: Key, rbm: RBM, draw: Draw = independent_draws, /) -> Any: ...


class Step(Protocol):
    """The state after a step, and samples of `rbm` (traceable)."""

    def __call__(self, key: Key, rbm: RBM, state: Any, /) -> tuple[Any, Samples]: ...


class Sampler(NamedTuple):
    """A transition kernel that leaves the distribution of the given model invariant.

    `init(key, rbm) -> state`; `step(key, rbm, state) -> (state, samples)`. The state is what must persist between steps. The
    model is an argument of every step, so it may change between them, as it does in training. `init(key, rbm, draw)` starts
    the chains at chosen states: at exact draws of every model involved they must stay exact draws, which the tests check.

    The state has a method `axes`, which names the axes of its arrays for `harmonium.distributed`.
    """

    init: Init
    step: Step
