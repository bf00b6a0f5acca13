"""What a sampler is: a pair of functions, made by a function that takes the sampler's settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from harmonium.model import RBM


class Samples(NamedTuple):
    """Draws of the model after a step, which a caller may drop: `v [C, V]`, `h [C, H]`, and v @ weights `[C, H]`."""

    v: Any
    h: Any
    hidden_inputs: Any


class Sampler(NamedTuple):
    """A transition kernel that leaves the distribution of the machine it is given invariant.

    `init(key, rbm) -> state`; `step(key, rbm, state) -> (state, samples)`. The state is what must persist between steps;
    the machine is an argument of every step, so it may change between them, as it does in training.
    """

    init: Callable[[Any, RBM], Any]
    step: Callable[[Any, RBM, Any], tuple[Any, Samples]]
