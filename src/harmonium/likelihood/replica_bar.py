"""ln Z from replica exchange: the Bennett acceptance ratio between neighboring rungs, added up from the lowest.

The lowest rung has no weights, so its ln Z is a sum. Between rungs a and b, chains at a give f = F_a(v) - F_b(v) and those at b
give r = F_b(v) - F_a(v), with E[exp f] = Z_b / Z_a and E[exp r] = Z_a / Z_b: the forward and the reverse side of the
bracket, and the Bennett acceptance ratio of both. Chains of one ladder exchange their states and remember; ladders are
independent of each other, so the errors are those of means over ladders, each estimate being linear in a ladder's contribution.

References: C. Bennett, J. Comput. Phys. 22 (1976); A. Decelle, C. Furtlehner, B. Seoane and others, arXiv:2405.15376 and
arXiv:2607.27077 (the log likelihood along a training trajectory).
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from harmonium import _checks, exact, model
from harmonium._numerics import float64, log_mean_exp, to_float64
from harmonium._types import ArrayLike, Key
from harmonium.errors import InputError
from harmonium.likelihood.bar import solve_bar
from harmonium.likelihood.log_likelihood import LogLikelihood, details_of
from harmonium.likelihood.log_weights import COVERAGE, Estimate
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers import Tempered, Trajectory, replicas
from harmonium.samplers.replicas import Replicas

MIN_LADDERS = 10


class ReplicaEstimates(NamedTuple):
    """Estimates of ln Z (nats) with 95 % intervals; `rises`: ln Z_{i+1} / Z_i by the Bennett acceptance ratio.

    Attributes:
        forward: by the weights from the lowest rung up.
        reverse: by those from the top down.
        bar: by the Bennett acceptance ratio.
    """

    forward: Estimate
    reverse: Estimate
    bar: Estimate
    rises: Float[np.ndarray, "rungs-1"]

    @property
    def lower(self) -> float:
        """The lower end of an interval that contains all three with their errors."""
        return min(estimate.lower for estimate in self[:3])

    @property
    def upper(self) -> float:
        """The upper end of an interval that contains all three with their errors."""
        return max(estimate.upper for estimate in self[:3])


@np.errstate(all="ignore")
def replica_log_partition(
    rbm: RBM, state: Tempered | Trajectory, steps: int = 200, sweeps: int = 1, seed: int = 0
) -> tuple[ReplicaEstimates, Tempered | Trajectory]:
    """ln Z of `rbm` from `steps` more steps of the chains of all rungs, and their state afterwards.

    Args:
        rbm: the model.
        state: of `parallel_tempering` or `trajectory_tempering`, its chains in equilibrium; of that only their round trips
            are checked. The rungs stay fixed.
        steps: of the chains.
        sweeps: Gibbs sweeps between exchanges.
        seed: of all random numbers.

    Raises:
        InputError: fewer than 10 ladders, a lowest rung with weights, steps, sweeps or seed out of range, or a result that is
            not finite.
    """
    steps, sweeps = _checks.integer(steps, "steps"), _checks.integer(sweeps, "sweeps")
    _checks.instance(state, (Tempered, Trajectory), "state", "a state of parallel_tempering or trajectory_tempering")
    chains, rungs = state.v.shape[1], int(state.in_use)
    if (state.v.shape[-1], state.replicas.inputs.shape[-1]) != model.validate(rbm).weights.shape:
        raise InputError(f"state must be one of chains of this model, {rbm!r}, but its chains have other columns")
    if chains < MIN_LADDERS:
        raise InputError(f"an interval needs at least {MIN_LADDERS} ladders, but the sampler has {chains} chains")
    with jax.enable_x64(state.v.dtype == np.float64):
        target = jax.tree.map(lambda leaf: jnp.asarray(leaf, state.v.dtype), rbm)
        lowest = jax.tree.map(np.asarray, state.model_at(target)(0))
        if lowest.weights.any():
            raise InputError("the lowest rung must have no weights, so that its ln Z is known, but it has some")
        # Continued with the same seed, the chains must not get the same random numbers.
        key = jax.random.fold_in(key_of(seed), state.replicas.steps)
        moved, up, down = _measure(key, target, state, rungs, steps, sweeps)
    with float64():
        base = float(model.independent_log_partition(to_float64(lowest)))
    up, down = (_checks.finite_result(np.asarray(part, float), "a difference of free energies") for part in (up, down))
    return _sum_rises(up, down, base), moved


def replica_log_likelihood(
    rbm: RBM, data: ArrayLike, state: Tempered | Trajectory, steps: int = 200, sweeps: int = 1, seed: int = 0
) -> LogLikelihood:
    """The mean ln p(v) of `data [n, V]` (nats per example) with ln Z from `replica_log_partition`.

    Args:
        rbm: the model.
        data: rows `[n, V]`.
        state: of `parallel_tempering` or `trajectory_tempering`, its chains in equilibrium.
        steps: of the chains.
        sweeps: Gibbs sweeps between exchanges.
        seed: of all random numbers.

    Raises:
        InputError: as `replica_log_partition`, or rows outside the units' domain.
    """
    begun = time.monotonic()
    rows = model.check_rows(rbm, data)
    estimates, state = replica_log_partition(rbm, state, steps, sweeps, seed)
    unnormalized = float(exact.log_likelihood(rbm, rows, 0.0).mean())
    ladders, rungs = state.v.shape[1], len(estimates.rises) + 1
    return LogLikelihood(
        mean=unnormalized - estimates.bar.value,
        lower=unnormalized - estimates.upper,
        upper=unnormalized - estimates.lower,
        method=f"BAR between {rungs} rungs, {ladders:,} ladders x {steps:,} steps",
        rows=len(rows),
        log_partition=estimates.bar.value,
        seconds=time.monotonic() - begun,
        details=details_of(estimates, ladders, rungs, int(state.round_trips), float(state.acceptance[: rungs - 1].min())),
    )


@partial(jax.jit, static_argnames=("rungs", "steps", "sweeps"))
def _measure(
    key: Key, rbm: RBM, state: Tempered | Trajectory, rungs: int, steps: int, sweeps: int
) -> tuple[Tempered | Trajectory, Float[Array, "steps pairs ladders"], Float[Array, "steps pairs ladders"]]:
    """The state after the steps, F_i - F_{i+1} at the chains of rung i, and F_{i+1} - F_i at those of rung i + 1."""
    model_at = state.model_at(rbm)

    def step(chains: Replicas, i: Array) -> tuple[Replicas, tuple[Array, Array]]:
        chains, _ = replicas.step(jax.random.fold_in(key, i), model_at, chains, sweeps, rungs)

        def difference(low: Array) -> tuple[Array, Array]:
            a, b = model_at(low), model_at(low + 1)
            v_a, v_b = chains.v[low], chains.v[low + 1]
            up = -model.free_energy_difference(a, b, v_a, chains.inputs[low], model.hidden_inputs(b, v_a))
            down = -model.free_energy_difference(b, a, v_b, chains.inputs[low + 1], model.hidden_inputs(a, v_b))
            return up, down

        return chains, jax.lax.map(difference, jnp.arange(rungs - 1))

    chains, (up, down) = jax.lax.scan(step, state.replicas, jnp.arange(steps))
    return replace(state, replicas=chains), up, down


def _sum_rises(
    up: Float[np.ndarray, "steps pairs ladders"], down: Float[np.ndarray, "steps pairs ladders"], base: float
) -> ReplicaEstimates:
    from scipy.special import expit, stdtrit  # SciPy takes half a second to import

    _, pairs, ladders = up.shape
    rises = np.empty((3, pairs))
    contributions = np.zeros((3, ladders))  # of each ladder to the deviation of each estimate
    for pair in range(pairs):
        f, r = up[:, pair], down[:, pair]
        for kind, log_weights, sign in ((0, f, 1), (1, r, -1)):
            mean = log_mean_exp(log_weights.ravel())
            rises[kind, pair] = sign * mean
            contributions[kind] += sign * (np.exp(log_weights - mean).mean(axis=0) - 1)
        c = rises[2, pair] = solve_bar(f.ravel(), r.ravel())
        above, below = expit(f - c), expit(r + c)
        slope = (above * (1 - above)).mean() + (below * (1 - below)).mean()
        contributions[2] += (above - below).mean(axis=0) / max(slope, 1e-300)
    half_widths = stdtrit(ladders - 1, (1 + COVERAGE) / 2) * contributions.std(axis=1, ddof=1) / np.sqrt(ladders)
    totals = base + rises.sum(axis=1)
    forward, reverse, bar = (Estimate(t, t - w, t + w) for t, w in zip(totals.tolist(), half_widths.tolist(), strict=True))
    return ReplicaEstimates(forward, reverse, bar, rises[2])
