"""ln Z from the chains of a ladder: Bennett's acceptance ratio between neighboring rungs, added up from the lowest.

The lowest rung has no weights, so its ln Z is a sum. Between rungs a and b, chains at a give f = F_a(v) - F_b(v) and chains
at b give r = F_b(v) - F_a(v), with E[exp f] = Z_b / Z_a and E[exp r] = Z_a / Z_b: the forward and the reverse side of the
bracket, and Bennett's ratio of both. Chains of one ladder exchange their states and remember; ladders are independent of
one another, so the errors are those of means over ladders, each estimate being linearized in what one ladder contributes.

References: C. Bennett, J. Comput. Phys. 22 (1976); A. Decelle, C. Furtlehner, B. Seoane and others, arXiv:2405.15376 and
arXiv:2607.27077 (the log likelihood along a training trajectory).
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import stdtrit

from harmonium import _checks, exact, model
from harmonium.errors import InputError
from harmonium.exact.values import float64
from harmonium.likelihood.evaluation import find_warnings
from harmonium.likelihood.log_likelihood import LogLikelihood
from harmonium.likelihood.weights import COVERAGE, Estimate, log_mean_exp, solve_bar
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers import Tempered, Trajectory, replicas
from harmonium.samplers.replicas import Replicas


class ReplicaEstimates(NamedTuple):
    """Estimates of ln Z (nats) with 95 % intervals; `rises [R - 1]`: Bennett's ln Z_{i+1} / Z_i, rung by rung."""

    forward: Estimate
    reverse: Estimate
    bar: Estimate
    rises: np.ndarray

    @property
    def lower(self) -> float:
        """The lower end of an interval that contains all three with their errors."""
        return min(estimate.lower for estimate in self[:3])

    @property
    def upper(self) -> float:
        """The upper end of an interval that contains all three with their errors."""
        return max(estimate.upper for estimate in self[:3])


def replica_log_partition(
    rbm: RBM, state: Tempered | Trajectory, steps: int = 200, sweeps: int = 1, seed: int = 0
) -> tuple[ReplicaEstimates, Tempered | Trajectory]:
    """ln Z of `rbm` from `steps` more steps of a ladder's chains, and where the chains are then.

    Args:
        state: of `tempering` or `trajectory`, its chains in equilibrium, which this cannot check but for their round trips.
            The rungs are held while they are being measured.
        sweeps: Gibbs sweeps between exchanges.

    Raises:
        InputError: fewer than 10 ladders, a lowest rung with weights, or steps or sweeps out of range.
    """
    steps, sweeps = _checks.integer(steps, "steps"), _checks.integer(sweeps, "sweeps")
    if not isinstance(state, (Tempered, Trajectory)):
        raise InputError(f"state must be one of tempering or trajectory, but is a {type(state).__name__}")
    chains, rungs = state.v.shape[1], int(state.in_use)
    if (state.v.shape[-1], state.replicas.inputs.shape[-1]) != model.validate(rbm).weights.shape:
        raise InputError(f"state must be one of chains of this machine, {rbm!r}, but its chains have other columns")
    if chains < 10:
        raise InputError(f"an error bar needs at least 10 ladders, but the sampler has {chains} chains")
    with jax.enable_x64(state.v.dtype == np.float64):
        machine = jax.tree.map(lambda leaf: jnp.asarray(leaf, state.v.dtype), rbm)
        lowest = jax.tree.map(np.asarray, state.model_at(machine)(0))
        if lowest.weights.any():
            raise InputError("the lowest rung of the ladder must have no weights, so that its ln Z is known, but it has some")
        # Continued with the same seed, the chains must not meet the same random numbers.
        key = jax.random.fold_in(key_of(seed), state.replicas.steps)
        moved, up, down = _measure(key, machine, state, rungs, steps, sweeps)
    with jax.enable_x64(True):
        base = float(model.independent_log_partition(float64(lowest)))
    return _summed(np.asarray(up, float), np.asarray(down, float), base), moved


def replica_log_likelihood(
    rbm: RBM, data: Any, state: Tempered | Trajectory, steps: int = 200, sweeps: int = 1, seed: int = 0
) -> LogLikelihood:
    """The mean ln p(v) of `data [n, V]` (nats per example) with ln Z from `replica_log_partition`; raises as that does."""
    begun = time.monotonic()
    rows = model.check_rows(rbm, data)
    found, state = replica_log_partition(rbm, state, steps, sweeps, seed)
    unnormalized = float(exact.log_likelihood(rbm, rows, 0.0).mean())
    trips = int(state.round_trips)
    result = LogLikelihood(
        mean=unnormalized - found.bar.value,
        lower=unnormalized - found.upper,
        upper=unnormalized - found.lower,
        method=f"Bennett between {len(found.rises) + 1} rungs, {state.v.shape[1]:,} ladders x {steps:,} steps",
        rows=len(rows),
        log_partition=found.bar.value,
        seconds=time.monotonic() - begun,
        details={
            "log_partition_forward": found.forward._asdict(),
            "log_partition_reverse": found.reverse._asdict(),
            "log_partition_bar": found.bar._asdict(),
            "runs": state.v.shape[1],
            "tempering_rungs": len(found.rises) + 1,
            "tempering_round_trips": trips,
            "tempering_min_acceptance": float(state.acceptance[: len(found.rises)].min()),
        },
    )
    return replace(result, warnings=find_warnings(result))


@partial(jax.jit, static_argnames=("rungs", "steps", "sweeps"))
def _measure(key: Any, rbm: RBM, state: Any, rungs: int, steps: int, sweeps: int) -> tuple[Any, Any, Any]:
    """`steps` steps, and F_i - F_{i+1} at the chains of rung i, F_{i+1} - F_i at those of rung i + 1: `[steps, R - 1, C]`."""
    machine = state.model_at(rbm)

    def step(chains: Replicas, number: Any) -> tuple[Replicas, tuple[Any, Any]]:
        chains, _ = replicas.step(jax.random.fold_in(key, number), machine, chains, sweeps, rungs)

        def between(low: Any) -> tuple[Any, Any]:
            a, b = machine(low), machine(low + 1)
            v_a, v_b = chains.v[low], chains.v[low + 1]
            up = -model.free_energy_difference(a, b, v_a, chains.inputs[low], model.hidden_inputs(b, v_a))
            down = -model.free_energy_difference(b, a, v_b, chains.inputs[low + 1], model.hidden_inputs(a, v_b))
            return up, down

        return chains, jax.lax.map(between, jnp.arange(rungs - 1))

    chains, (up, down) = jax.lax.scan(step, state.replicas, jnp.arange(steps))
    return state._replace(replicas=chains), up, down


def _summed(up: np.ndarray, down: np.ndarray, base: float) -> ReplicaEstimates:
    _, pairs, chains = up.shape
    rises = np.empty((3, pairs))
    shares = np.zeros((3, chains))  # what each ladder adds to each estimate's deviation
    for pair in range(pairs):
        f, r = up[:, pair], down[:, pair]
        for kind, log_weights, sign in ((0, f, 1), (1, r, -1)):
            mean = log_mean_exp(log_weights.ravel())
            rises[kind, pair] = sign * mean
            shares[kind] += sign * (np.exp(log_weights - mean).mean(axis=0) - 1)
        c = rises[2, pair] = solve_bar(f.ravel(), r.ravel())
        above, below = 1 / (1 + np.exp(c - f)), 1 / (1 + np.exp(-c - r))
        slope = (above * (1 - above)).mean() + (below * (1 - below)).mean()
        shares[2] += (above - below).mean(axis=0) / max(slope, 1e-300)
    reach = stdtrit(chains - 1, (1 + COVERAGE) / 2) * shares.std(axis=1, ddof=1) / np.sqrt(chains)
    totals = base + rises.sum(axis=1)
    forward, reverse, bar = (Estimate(t, t - e, t + e) for t, e in zip(totals.tolist(), reach.tolist(), strict=True))
    return ReplicaEstimates(forward, reverse, bar, rises[2])
