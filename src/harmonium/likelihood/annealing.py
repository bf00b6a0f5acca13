"""Annealed importance sampling, forward and reverse, on the path from independent units to a model.

Model k of K on the path is rbm_k = (1 - beta_k) base + beta_k rbm, leaf by leaf; beta rises from 0 to 1. The base has no
weights, so that its ln Z_0 is a sum and its samples are independent. F_k is the free energy of model k, and T_k a Gibbs sweep
that leaves it invariant. A run carries the log weight

    forward:  v_0 ~ p_0;   for k = 1 .. K:  ln w += F_{k-1}(v) - F_k(v),   then v ~ T_k(v)
    reverse:  v_K ~ p;     for k = K .. 1:  v ~ T_k(v),   then ln w += F_k(v) - F_{k-1}(v)

so that E[w] = Z / Z_0 forward and Z_0 / Z in reverse. ln mean w is low in expectation in either direction: forward runs tend to
give ln Z from below, reverse runs from above. From a row v of data, a reverse run gives exp(-F(v)) w / Z_0, an unbiased
estimate of the probability that forward runs end at v.

References: R. Neal, "Annealed importance sampling", Statistics and Computing 11 (2001); R. Salakhutdinov and I. Murray,
ICML 2008, section 4.1; Y. Burda, R. Grosse and R. Salakhutdinov, "Accurate and conservative estimates of MRF
log-likelihood using reverse annealing" (RAISE), AISTATS 2015.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jaxtyping import Float, Int

from harmonium import model
from harmonium._types import Key, Progress
from harmonium.distributed import place, to_host
from harmonium.model import RBM

SEGMENTS = 64
"""A schedule is linear on each of its segments, and the gain of every run on each is recorded."""


class _Runs(NamedTuple):
    """Many runs side by side; `inputs`: v @ weights of the target; `log_weight` in float64."""

    v: Float[Array, "runs visible"]
    inputs: Float[Array, "runs hidden"]
    log_weight: Float[Array, "runs"]


class Annealed(NamedTuple):
    """The last states of the runs, and the gains of their log weights on each segment of the schedule."""

    v: Array
    gains: Float[np.ndarray, "segments runs"]

    @property
    def log_weights(self) -> Float[np.ndarray, "runs"]:
        """In float64."""
        return self.gains.sum(axis=0)


def even_schedule() -> Float[np.ndarray, "segments+1"]:
    """The betas at the ends of all segments, evenly spaced."""
    return np.linspace(0, 1, SEGMENTS + 1)


def equalize_schedule(
    schedule: Float[np.ndarray, "segments+1"], gains: Float[np.ndarray, "segments runs"]
) -> Float[np.ndarray, "segments+1"]:
    """The schedule on which every segment adds equally to the variance of the log weights, from the gains on `schedule`.

    With n steps in a segment the variance of its gains is about (its length in the metric of the path)^2 / n, so a segment
    deserves steps in proportion to the standard deviation (G. Crooks, Phys. Rev. Lett. 99 (2007), equation 8).
    """
    length = gains.std(axis=1, ddof=1)
    # A pilot that saw little of a segment must not leave it without steps.
    length += 0.1 * length.mean() + 1e-12
    along = np.concatenate([[0], np.cumsum(length)])
    return np.interp(np.linspace(0, along[-1], len(schedule)), along, schedule)


def start(key: Key, base: RBM, rbm: RBM, runs: int) -> Float[Array, "runs visible"]:
    """Independent draws of v from the base."""
    return base.visible.sample(key, jnp.zeros((runs, base.visible.size), rbm.weights.dtype))


def anneal(
    key: Key,
    base: RBM,
    rbm: RBM,
    v: Float[Array, "runs visible"],
    schedule: Float[np.ndarray, "segments+1"],
    steps: int,
    *,
    reverse: bool = False,
    progress: Progress = lambda _: None,
    mesh: Mesh | None = None,
) -> Annealed:
    """Runs from `v` along the path, over `steps` models (rounded up to whole segments); `mesh`: devices that share the runs."""
    each = -(-steps // SEGMENTS)
    betas = jnp.asarray(schedule)
    runs = _Runs(v, model.hidden_inputs(rbm, v), jnp.zeros(len(v), jnp.float64))
    runs = place(runs, _Runs._make(("chain visible", "chain hidden", "chain")), mesh)
    gains, before = np.zeros((SEGMENTS, len(v))), np.zeros(len(v))
    for done in range(SEGMENTS):
        segment = SEGMENTS - 1 - done if reverse else done
        runs = _anneal_segment(jax.random.fold_in(key, segment), base, rbm, runs, betas, segment, each, reverse=reverse)
        after = to_host(runs.log_weight)
        gains[segment], before = after - before, after
        progress((done + 1) / SEGMENTS)
    return Annealed(to_host(runs.v), gains)


@partial(jax.jit, static_argnames="reverse")
def _anneal_segment(
    key: Key,
    base: RBM,
    rbm: RBM,
    runs: _Runs,
    betas: Float[Array, "segments+1"],
    segment: Int[Array, ""],
    each: Int[Array, ""],
    *,
    reverse: bool,
) -> _Runs:
    low, high = betas[segment], betas[segment + 1]

    def model_at(index: Array) -> RBM:
        beta = (low + (high - low) * (index / each)).astype(rbm.weights.dtype)
        # Instead of the weights their inputs are scaled, which saves a matrix product a step; beta stands for the weights.
        visible, hidden = jax.tree.map(
            lambda b, r: (1 - beta) * b + beta * r, (base.visible, base.hidden), (rbm.visible, rbm.hidden)
        )
        return RBM(visible, hidden, beta)

    def step(i: Array, runs: _Runs) -> _Runs:
        index = each - i if reverse else i + 1
        below, above = model_at(index - 1), model_at(index)
        h_key, v_key = jax.random.split(jax.random.fold_in(key, i))

        def gain(runs: _Runs) -> Array:
            inputs = (rbm_k.weights * runs.inputs for rbm_k in (below, above))
            return -model.free_energy_difference(below, above, runs.v, *inputs)

        def sweep(runs: _Runs) -> _Runs:
            h = above.hidden.sample(h_key, above.weights * runs.inputs)
            v = above.visible.sample(v_key, above.weights * model.visible_inputs(rbm, h))
            return _Runs(v, model.hidden_inputs(rbm, v), runs.log_weight)

        if reverse:
            runs = sweep(runs)
            return runs._replace(log_weight=runs.log_weight - gain(runs))
        return sweep(runs._replace(log_weight=runs.log_weight + gain(runs)))

    return jax.lax.fori_loop(jnp.zeros_like(each), each, step, runs)
