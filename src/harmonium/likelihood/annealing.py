"""Annealed importance sampling, forwards and in reverse, on the path from independent units to a machine.

Machine k of K on the path is rbm_k = (1 - beta_k) base + beta_k rbm, leaf by leaf, with beta rising from 0 to 1 and base a
machine without weights, whose ln Z_0 is a sum and whose samples are independent draws. F_k is its free energy and T_k a
Gibbs sweep that leaves it invariant. A run carries the log weight

    forwards:   v_0 ~ p_0;   for k = 1 .. K:  ln w += F_{k-1}(v) - F_k(v),   then v ~ T_k(v)
    in reverse: v_K ~ p;     for k = K .. 1:  v ~ T_k(v),   then ln w += F_k(v) - F_{k-1}(v)

so that E[w forwards] = Z / Z_0 and E[w in reverse] = Z_0 / Z. ln mean w is low in expectation in either direction, so the
forward runs tend to give ln Z from below and the reverse ones from above. Started at one row v of data instead, the
reverse run gives exp(-F(v)) w / Z_0, an unbiased estimate of the probability with which forward runs end at v.

References: R. Neal, "Annealed importance sampling", Statistics and Computing 11 (2001); R. Salakhutdinov and I. Murray,
ICML 2008, section 4.1; Y. Burda, R. Grosse and R. Salakhutdinov, "Accurate and conservative estimates of MRF
log-likelihood using reverse annealing" (RAISE), AISTATS 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from harmonium import model
from harmonium.mesh import ALONE, DATA, Spread
from harmonium.model import RBM

SEGMENTS = 64
"""Pieces of a schedule between which it is linear; what a run gains in each is recorded."""

Progress = Callable[[float], None]


class _Runs(NamedTuple):
    """Many runs side by side: `v [C, V]`, `inputs [C, H]` = v @ weights of the target, and `log_weight [C]` in float64."""

    v: Any
    inputs: Any
    log_weight: Any


class Annealed(NamedTuple):
    """Where runs ended, `v [C, V]`, and what the log weights gained on each segment of the schedule, `[SEGMENTS, C]`."""

    v: Any
    gains: np.ndarray

    @property
    def log_weights(self) -> np.ndarray:
        """`[C]` in float64."""
        return self.gains.sum(axis=0)


def even_schedule() -> np.ndarray:
    """The schedule whose betas rise evenly: betas at the ends of all segments, `[SEGMENTS + 1]`."""
    return np.linspace(0, 1, SEGMENTS + 1)


def equalize_schedule(schedule: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """The schedule on which every segment adds as much to the variance of the log weights, judged by runs on `schedule`.

    With n steps in a segment its gains vary by about (its length in the metric of the path)^2 / n, so the steps that a
    segment is worth go with the square root of the variance seen (G. Crooks, Phys. Rev. Lett. 99 (2007), equation 8).

    Args:
        schedule: `[SEGMENTS + 1]`. gains: `[SEGMENTS, C]`, of runs on it.
    """
    length = np.sqrt(gains.var(axis=1, ddof=1))
    # What little a pilot saw must not leave a stretch of the path without steps.
    length += 0.1 * length.mean() + 1e-12
    along = np.concatenate([[0], np.cumsum(length)])
    return np.interp(np.linspace(0, along[-1], len(schedule)), along, schedule)


def start(key: Any, base: RBM, rbm: RBM, runs: int) -> Any:
    """Independent draws of v from the base, `[runs, V]`."""
    return base.visible.sample(key, jnp.zeros((runs, base.visible.size), rbm.weights.dtype))


def anneal(
    key: Any,
    base: RBM,
    rbm: RBM,
    v: Any,
    schedule: np.ndarray,
    steps: int,
    *,
    reverse: bool = False,
    progress: Progress = lambda _: None,
    spread: Spread = ALONE,
) -> Annealed:
    """Runs from `v [C, V]` along the path, `steps` machines long (rounded up to whole segments).

    Args:
        progress: told the share done as the runs go on. spread: the devices that share the runs, evenly.
    """
    each = -(-steps // SEGMENTS)
    betas = jnp.asarray(schedule)
    carry = _Runs(v, model.hidden_inputs(rbm, v), jnp.zeros(len(v), jnp.float64))
    if spread.mesh is not None:
        carry = jax.tree.map(lambda leaf: spread.put(leaf, PartitionSpec(DATA)), carry)
    gains, before = np.zeros((SEGMENTS, len(v))), np.zeros(len(v))
    for number in range(SEGMENTS):
        segment = SEGMENTS - 1 - number if reverse else number
        carry = _anneal_segment(jax.random.fold_in(key, segment), base, rbm, carry, betas, segment, each, reverse=reverse)
        after = spread.host(carry.log_weight)
        gains[segment], before = after - before, after
        progress((number + 1) / SEGMENTS)
    return Annealed(carry.v if spread.mesh is None else spread.host(carry.v), gains)


@partial(jax.jit, static_argnames="reverse")
def _anneal_segment(
    key: Any, base: RBM, rbm: RBM, carry: _Runs, betas: Any, segment: Any, each: Any, *, reverse: bool
) -> _Runs:
    low, high = betas[segment], betas[segment + 1]

    def layers(place: Any) -> RBM:
        beta = (low + (high - low) * (place / each)).astype(rbm.weights.dtype)
        # The weights are left as they are: their inputs are scaled instead, which saves a matrix product a step.
        lerp = jax.tree.map(lambda b, r: (1 - beta) * b + beta * r, (base.visible, base.hidden), (rbm.visible, rbm.hidden))
        return RBM(lerp[0], lerp[1], beta)

    def step(number: Any, carry: _Runs) -> _Runs:
        place = each - number if reverse else number + 1
        below, above = layers(place - 1), layers(place)
        h_key, v_key = jax.random.split(jax.random.fold_in(key, number))

        def gained(runs: _Runs) -> Any:
            scaled = (machine.weights * runs.inputs for machine in (below, above))
            return -model.free_energy_difference(below, above, runs.v, *scaled)

        def moved(runs: _Runs) -> _Runs:
            h = above.hidden.sample(h_key, above.weights * runs.inputs)
            v = above.visible.sample(v_key, above.weights * model.visible_inputs(rbm, h))
            return _Runs(v, model.hidden_inputs(rbm, v), runs.log_weight)

        if reverse:
            carry = moved(carry)
            return carry._replace(log_weight=carry.log_weight - gained(carry))
        return moved(carry._replace(log_weight=carry.log_weight + gained(carry)))

    return jax.lax.fori_loop(jnp.zeros_like(each), each, step, carry)
