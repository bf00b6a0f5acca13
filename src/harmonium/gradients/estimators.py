"""Estimators of the gradient of the mean ln p(v), all in one form:

    gradient = positive term - negative term
             = statistics expected with v held at the data - statistics expected under the model

They differ only in where the negative term's v comes from. A gradient is an `RBM` whose leaves are the derivatives.
`centered` turns any of them into the gradient of the same machine written in centered variables. Equal settings give the same
object, so that what has been compiled for an estimator serves again.

References: G. Hinton, Neural Computation 14 (2002), section 4 (CD); T. Tieleman, "Training restricted Boltzmann machines
using approximations to the likelihood gradient", ICML 2008 (PCD); A. Fischer and C. Igel, "Bounding the bias of
contrastive divergence learning", Neural Computation 23 (2011) (the bias of CD).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from harmonium import _checks, model
from harmonium import exact as enumeration
from harmonium.errors import InputError
from harmonium.mesh import axes
from harmonium.mesh.axes import HIDDEN
from harmonium.model import RBM
from harmonium.samplers import Sampler, Samples, gibbs, parallel_tempering, trajectory_tempering
from harmonium.samplers.gibbs import sweep_many


class Terms(NamedTuple):
    """How a gradient came about, which a caller may drop.

    `positive`, `negative`: the two terms. `pairs`: of each term the v `[n, V]` and h `[n, H]` whose mean v h^T is its part of
    the weights, where it comes from such. `trace`: for CD the states (v, h, v', h') that the chain began and ended with.
    """

    positive: RBM
    negative: RBM
    pairs: tuple[tuple[Any, Any], tuple[Any, Any]] | None = None
    trace: tuple[Any, Any, Any, Any] | None = None


class Estimator(NamedTuple):
    """`init(key, rbm) -> state`; `gradient(key, rbm, state, v [B, V]) -> (gradient, state, terms)`; both traceable.

    On a mesh `gradient` gets a part of the rows and of the chains, and gives that part's, unless it is `whole`: then it has
    taken the mean over all parts. To be used there a state has a method `places(hidden_shards)`: where its arrays lie.
    """

    init: Callable[[Any, RBM], Any]
    gradient: Callable[[Any, RBM, Any, Any], tuple[RBM, Any, Terms]]
    whole: bool = False


@cache
def exact() -> Estimator:
    """The gradient itself: the negative term by enumerating the smaller layer."""

    def gradient(_key: Any, rbm: RBM, state: Any, v: Any) -> tuple[RBM, Any, Terms]:
        positive = model.statistics(rbm, v, model.hidden_inputs(rbm, v))
        negative = enumeration.log_partition_and_statistics(rbm)[1]
        return _difference(positive, negative), state, Terms(positive, negative)

    return Estimator(_no_state, gradient)


def cd(k: int = 1, sampled: bool = False) -> Estimator:
    """Contrastive divergence: the negative term after `k` Gibbs sweeps that start at the data.

    Biased: its expectation is not the gradient for any finite k.

    Args:
        k: sweeps.
        sampled: count the sampled hidden states, as in the vector form v h^T - v' h'^T, instead of their means
            (the same expectation with more noise).
    """
    return _cd(_checks.integer(k, "k"), bool(sampled))


@cache
def _cd(k: int, sampled: bool) -> Estimator:
    def gradient(key: Any, rbm: RBM, state: Any, v: Any) -> tuple[RBM, Any, Terms]:
        start_key, sweep_key = jax.random.split(key)
        inputs = model.hidden_inputs(rbm, v)
        h = rbm.hidden.sample(start_key, inputs)
        end = sweep_many(sweep_key, rbm, h, k)
        if sampled:
            positive, negative = model.joint_statistics(rbm, v, h), model.joint_statistics(rbm, end.v, end.h)
            pairs = ((v, h), (end.v, end.h))
        else:
            positive, negative = model.statistics(rbm, v, inputs), model.statistics(rbm, end.v, end.hidden_inputs)
            pairs = _pairs(rbm, v, inputs, end)
        return _difference(positive, negative), state, Terms(positive, negative, pairs, (v, h, end.v, end.h))

    return Estimator(_no_state, gradient)


def pcd(k: int = 1, chains: int = 500) -> Estimator:
    """Persistent contrastive divergence: `chains` Gibbs chains that go on from update to update, `k` sweeps each time.

    Args:
        k: sweeps at each update. chains: number of chains.
    """
    return _pcd(_checks.integer(k, "k"), _checks.integer(chains, "chains"))


@cache
def _pcd(k: int, chains: int) -> Estimator:
    return from_sampler(gibbs(chains, k))


def from_sampler(sampler: Sampler) -> Estimator:
    """The negative term from any sampler's chains, which persist from update to update."""

    def gradient(key: Any, rbm: RBM, state: Any, v: Any) -> tuple[RBM, Any, Terms]:
        state, samples = sampler.step(key, rbm, state)
        inputs = model.hidden_inputs(rbm, v)
        positive = model.statistics(rbm, v, inputs)
        negative = model.statistics(rbm, samples.v, samples.hidden_inputs)
        return _difference(positive, negative), state, Terms(positive, negative, _pairs(rbm, v, inputs, samples))

    return Estimator(sampler.init, gradient)


def _pairs(rbm: RBM, v: Any, inputs: Any, samples: Samples) -> Any:
    return (v, rbm.hidden.mean(inputs)), (samples.v, rbm.hidden.mean(samples.hidden_inputs))


class Centered(NamedTuple):
    """The offsets of a centered gradient, `visible [V]` and `hidden [H]`, and the state of the estimator inside."""

    visible: Any
    hidden: Any
    inner: Any

    def axes(self) -> Centered:
        """The names of every array's axes."""
        return Centered("visible", "hidden", state_axes(self.inner))

    def places(self, hidden_shards: int) -> Centered:
        """Where they lie on a mesh."""
        return Centered(PartitionSpec(), PartitionSpec(HIDDEN), places(self.inner, hidden_shards))


SMOOTHING = 0.01
"""How far the offsets of a centered gradient follow the latest batch."""


@cache
def centered(estimator: Estimator) -> Estimator:
    """The gradient of `estimator` in the centered parametrization, with m and n the running means of v and h under the data:

        dW = <(v - m)(h - n)^T>_data - <(v - m)(h - n)^T>_model,    da = <v>_data - <v>_model - dW n,    db likewise with m

    Its energy is that of a machine in v - m and h - n; the distribution is the same, and following this direction no longer
    depends on whether a unit's state is called 0 or 1. The direction is a positive definite transformation of the gradient, so
    it vanishes where that does. Hidden units of unbounded values are not centered: their n is zero.

    References: G. Montavon and K.-R. Mueller, "Deep Boltzmann machines and the centering trick", 2012; J. Melchior,
    A. Fischer and L. Wiskott, "How to center deep Boltzmann machines", JMLR 17 (2016), section 4 (offsets from the data).
    """

    def init(key: Any, rbm: RBM) -> Centered:
        m, n = (layer.mean(jnp.zeros(layer.size, layer.linear.dtype)) for layer in (rbm.visible, rbm.hidden))
        return Centered(m, _of_bounded(rbm.hidden, n), estimator.init(key, rbm))

    def gradient(key: Any, rbm: RBM, state: Centered, v: Any) -> tuple[RBM, Any, Terms]:
        slope, inner, terms = estimator.gradient(key, rbm, state.inner, v)
        positive = (terms.positive.visible.linear, terms.positive.hidden.linear)
        if axes.parts() > 1:
            # Taken together, since the parts wait for each other each time.
            slope, positive = axes.mean((slope, positive))
        m, n = (old + SMOOTHING * (new - old) for old, new in zip(state[:2], positive, strict=True))
        n = _of_bounded(rbm.hidden, n)
        dv, dh = slope.visible.linear, slope.hidden.linear
        # The offsets are multiplied out: no product of matrices is needed beyond those of the gradient itself.
        to_visible, to_hidden = _contracted(slope, terms, m, n)
        visible = slope.visible.add_field(m * (dh @ n) + dv * (n @ n) - to_visible)
        hidden = slope.hidden.add_field((m @ m) * dh + (m @ dv) * n - to_hidden)
        slope = RBM(visible, hidden, slope.weights - m[:, None] * dh - dv[:, None] * n)
        return slope, Centered(m, n, inner), terms

    return Estimator(init, gradient, whole=True)


def _of_bounded(hidden: Any, offsets: Any) -> Any:
    """The offsets of hidden units whose values are bounded, zero for the others: a step goes with their squares, and the means
    of unbounded units, which are on no scale of their own, can run away with it."""
    return offsets if hidden.bounded else jnp.where(jnp.isinf(hidden.curvature), offsets, 0)


def _contracted(slope: RBM, terms: Terms, m: Any, n: Any) -> tuple[Any, Any]:
    """slope.weights @ n and m @ slope.weights, by way of the pairs where there are any and all: they are far fewer numbers."""
    if terms.pairs is None or axes.parts() > 1:
        return slope.weights @ n, m @ slope.weights
    (v, h), (w, g) = terms.pairs
    return (h @ n) @ v / len(v) - (g @ n) @ w / len(w), (v @ m) @ h / len(v) - (w @ m) @ g / len(w)


def state_axes(state: Any) -> Any:
    """The names of every array's axes in an estimator's state, as `harmonium.distributed` takes them.

    Raises:
        InputError: the state has arrays, but no method `axes`.
    """
    if not jax.tree.leaves(state):
        return state
    if not hasattr(state, "axes"):
        raise InputError(f"the estimator's state, a {type(state).__name__}, has no method axes that names its arrays' axes")
    return state.axes()


def places(state: Any, hidden_shards: int) -> Any:
    """Where the arrays of an estimator's state lie on a mesh: `PartitionSpec`s in its form.

    Raises:
        InputError: it does not say.
    """
    if not jax.tree.leaves(state):
        return state
    if not hasattr(state, "places"):
        raise InputError(
            f"the estimator's state, a {type(state).__name__}, has no method places: it cannot be spread on a mesh"
        )
    return state.places(hidden_shards)


def chains_of(state: Any) -> Any:
    """The v of the chains in an estimator's state, `[C, V]`, of a ladder those of its top; None where there are no chains."""
    if isinstance(state, Centered):
        return chains_of(state.inner)
    v = getattr(state, "v", None)
    return v if v is None or v.ndim == 2 else v[int(state.in_use) - 1]


def by_name(name: str, chains: int = 500, sampled: bool = False) -> Estimator:
    """The estimator that the command line calls `exact`, `cd-K`, `pcd-K`, `pt-K` or `ptt-K`.

    K is the number of Gibbs sweeps at an update; pt and ptt are parallel tempering and parallel trajectory tempering.

    Args:
        chains: for all but exact and cd. sampled: for cd.

    Raises:
        InputError: the name is none of them.
    """
    if name == "exact":
        return exact()
    match = re.fullmatch(r"(cd|pcd|pt|ptt)-([1-9]\d{0,5})", name)
    if not match:
        raise InputError(
            f"estimator {name!r} is unknown: use exact, cd-K, pcd-K, pt-K or ptt-K with K Gibbs sweeps, for example pcd-1"
        )
    kind, k = match[1], int(match[2])
    if kind == "cd":
        return cd(k, sampled)
    return {
        "pcd": lambda: pcd(k, chains),
        "pt": lambda: from_sampler(parallel_tempering(chains, sweeps=k)),
        "ptt": lambda: from_sampler(trajectory_tempering(chains=chains, sweeps=k)),
    }[kind]()


def _no_state(_key: Any, _rbm: RBM) -> Any:
    return ()


def _difference(positive: RBM, negative: RBM) -> RBM:
    return jax.tree.map(lambda p, n: p - n, positive, negative)
