"""Estimators that differ in where the negative term's v comes from: enumeration, the data, or persistent chains.

Equal settings give the same object, so that code compiled for an estimator is used again.

References: G. Hinton, Neural Computation 14 (2002), section 4 (CD); T. Tieleman, "Training restricted Boltzmann machines
using approximations to the likelihood gradient", ICML 2008 (PCD); A. Fischer and C. Igel, "Bounding the bias of
contrastive divergence learning", Neural Computation 23 (2011) (the bias of CD).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
from jaxtyping import Float, Real

from harmonium import _checks, model
from harmonium._types import Array, Key
from harmonium.errors import InputError
from harmonium.exact.factorized import log_partition_and_statistics
from harmonium.gradients.estimator import Estimator, Terms, contrast, factors_of, subtract
from harmonium.model import RBM
from harmonium.samplers import Sampler, gibbs, parallel_tempering, trajectory_tempering
from harmonium.samplers.gibbs import sweep_many

Rows = Float[Array, "rows visible"]
Weights = Real[Array, " rows"] | None


@cache
def exact() -> Estimator:
    """The gradient itself: the negative term by enumerating the smaller layer.

    Raises:
        InputError: where it is used on a model of which neither layer can be enumerated.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> [step] = hm.lecture.steps(rbm, [[0, 1]], hm.gradients.exact(), rate=0.1)
        >>> step.positive.weights.round(6)
        array([[0.      , 0.      ],
               [0.622459, 0.622459]])
    """

    def gradient(_key: Key, rbm: RBM, state: tuple[()], v: Rows, weights: Weights = None) -> tuple[RBM, tuple[()], Terms]:
        positive = model.statistics(rbm, v, model.hidden_inputs(rbm, v), factors_of(weights))
        negative = log_partition_and_statistics(rbm)[1]
        return subtract(positive, negative), state, Terms(positive, negative)

    return Estimator(_no_state, gradient)


def cd(k: int = 1, sampled: bool = False) -> Estimator:
    """Contrastive divergence: the negative term after `k` Gibbs sweeps that start at the data.

    Biased: its expectation is not the gradient for any finite k.

    Args:
        k: sweeps.
        sampled: count the sampled hidden states, as in the vector form v h^T - v' h'^T, instead of their means (the same
            expectation with more noise).

    Raises:
        InputError: `k` is no whole number of at least 1, or `sampled` neither True nor False.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> [step] = hm.lecture.steps(rbm, [[0, 1]], hm.cd(1), rate=0.1, seed=0)
        >>> step.delta.weights.shape
        (2, 2)
    """
    return _cd(_checks.integer(k, "k"), _checks.boolean(sampled, "sampled"))


@cache
def _cd(k: int, sampled: bool) -> Estimator:
    def gradient(key: Key, rbm: RBM, state: tuple[()], v: Rows, weights: Weights = None) -> tuple[RBM, tuple[()], Terms]:
        start_key, sweep_key = jax.random.split(key)
        inputs = model.hidden_inputs(rbm, v)
        h = rbm.hidden.sample(start_key, inputs)
        end = sweep_many(sweep_key, rbm, h, k)
        factors = factors_of(weights)
        if sampled:
            slope, terms = contrast(model.joint_statistics, rbm, (v, h, factors), (end.v, end.h, factors))
        else:
            slope, terms = contrast(model.statistics, rbm, (v, inputs, factors), (end.v, end.hidden_inputs, factors))
        return slope, state, terms._replace(trace=(v, h, end.v, end.h))

    return Estimator(_no_state, gradient)


def pcd(k: int = 1, chains: int = 500) -> Estimator:
    """Persistent contrastive divergence: `chains` Gibbs chains that go on from update to update, `k` sweeps each time.

    Args:
        k: sweeps at each update.
        chains: number of chains.

    Raises:
        InputError: `k` or `chains` is no whole number of at least 1.

    Example:
        >>> import harmonium as hm
        >>> estimator = hm.pcd(1, chains=100)
    """
    return _persistent("pcd", _checks.integer(k, "k"), _checks.integer(chains, "chains"))


@cache
def _persistent(kind: str, sweeps: int, chains: int) -> Estimator:
    makers: dict[str, Callable[..., Sampler]] = {"pcd": gibbs, "pt": parallel_tempering, "ptt": trajectory_tempering}
    return from_sampler(makers[kind](chains=chains, sweeps=sweeps))


def from_sampler(sampler: Sampler) -> Estimator:
    """The negative term from any sampler's chains, which persist from update to update.

    Args:
        sampler: such as `parallel_tempering(...)`.

    Raises:
        InputError: `sampler` is no sampler.

    Example:
        >>> import harmonium as hm
        >>> estimator = hm.from_sampler(hm.parallel_tempering(chains=100, rungs=5))
    """
    _checks.instance(sampler, Sampler, "sampler", "a sampler such as harmonium.gibbs()")

    def gradient(key: Key, rbm: RBM, state: Any, v: Rows, weights: Weights = None) -> tuple[RBM, Any, Terms]:
        state, samples = sampler.step(key, rbm, state)
        data = v, model.hidden_inputs(rbm, v), factors_of(weights)
        slope, terms = contrast(model.statistics, rbm, data, (samples.v, samples.hidden_inputs))
        return slope, state, terms

    return Estimator(sampler.init, gradient)


def by_name(name: str, chains: int = 500, sampled: bool = False) -> Estimator:
    """The estimator of a name: `exact`, `cd-K`, `pcd-K`, `pt-K` or `ptt-K`.

    K is the number of Gibbs sweeps at an update; pt and ptt are parallel tempering and parallel trajectory tempering.

    Args:
        name: `exact`, `cd-K`, `pcd-K`, `pt-K` or `ptt-K`.
        chains: for all but exact and cd.
        sampled: for cd.

    Raises:
        InputError: the name is none of them, or an argument is out of range.

    Example:
        >>> import harmonium as hm
        >>> estimator = hm.gradients.by_name("pcd-2", chains=100)
    """
    chains, sampled = _checks.integer(chains, "chains"), _checks.boolean(sampled, "sampled")
    match = re.fullmatch(r"(exact)|(cd|pcd|pt|ptt)-([1-9]\d{0,5})", str(name))
    if not match:
        raise InputError(
            f"estimator {name!r} is unknown: use exact, cd-K, pcd-K, pt-K or ptt-K with K Gibbs sweeps, for example pcd-1"
        )
    if match[1]:
        return exact()
    kind, k = match[2], int(match[3])
    return _cd(k, sampled) if kind == "cd" else _persistent(kind, k, chains)


def _no_state(_key: Key, _rbm: RBM) -> tuple[()]:
    return ()
