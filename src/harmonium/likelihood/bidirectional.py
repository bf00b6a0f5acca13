"""ln Z between two estimates: annealed importance sampling forwards, and in reverse from samples of the machine itself.

A pilot places the temperatures and says how many are needed for the precision asked; then forward and reverse runs on the
same path bracket ln Z, and Bennett's acceptance ratio of both is the value reported.

References: as `annealing`; R. Grosse, S. Ancha and D. Roy, "Measuring the reliability of MCMC inference with bidirectional
Monte Carlo", NeurIPS 2016 (the bracket); C. Bennett, J. Comput. Phys. 22 (1976).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import _checks, model
from harmonium.errors import InputError
from harmonium.likelihood import annealing, weights
from harmonium.likelihood.equilibrium import ModelSamples, bottom_replica, draw_noise, sample_by_tempering, sample_exactly
from harmonium.likelihood.weights import Estimate
from harmonium.mesh import ALONE, Spread
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import sweep_many
from harmonium.units import Units

PILOTS = (256, 1024)
"""Temperatures of the pilot runs, each of which places the temperatures of the next."""
MIN_TEMPERATURES, MAX_TEMPERATURES = 512, 1 << 20
"""Temperatures of the final runs."""
MIN_RUNS = 20
BASE_CHAINS, BASE_SWEEPS = 200, 100
"""Gibbs chains from noise that help to place the base."""
MAX_DEVIATION = 1.0
"""The standard deviation of the log weights above which ln mean w is not to be had from some hundred runs."""
SAMPLING_FRACTION = 0.35
"""The share of the time that the samples for the reverse runs may take."""

StageProgress = Callable[[str, float], None]


@dataclass(frozen=True)
class BidirectionalAIS:
    """Estimates of ln Z (nats) with nominal 95 % intervals, and what they rest on.

    `bar` combines both directions and is the best single number. `lower` and `upper`: the ends of an interval that
    contains all three with their errors, and that of each half of the chains if the halves have not converged. `ess_forward`,
    `ess_reverse`: effective runs. `base`, `schedule`: of the path.
    """

    forward: Estimate
    reverse: Estimate
    bar: Estimate
    lower: float
    upper: float
    forward_log_weights: np.ndarray
    reverse_log_weights: np.ndarray
    temperatures: int
    samples: ModelSamples
    base: RBM
    schedule: np.ndarray
    base_log_partition: float

    @property
    def ess_forward(self) -> float:
        return weights.effective_sample_size(self.forward_log_weights)

    @property
    def ess_reverse(self) -> float:
        return weights.effective_sample_size(self.reverse_log_weights)

    @property
    def runs(self) -> int:
        return len(self.forward_log_weights)


def bidirectional_ais(
    rbm: RBM,
    data: Any,
    *,
    base_rate: Units | None = None,
    seconds: float = 60.0,
    precision: float = 0.1,
    runs: int = 100,
    exact_start: bool = False,
    seed: int = 0,
    progress: StageProgress = lambda _stage, _share: None,
    spread: Spread = ALONE,
) -> BidirectionalAIS:
    """BidirectionalAIS ln Z until half the interval is at most `precision` nats, or about `seconds` have passed.

    Args:
        data: `[n, V]`, near which the machine is supposed to live: it places the base and half of the chains.
        base_rate: visible units of the path's start; by default fitted to `data`.
        runs: in each direction. exact_start: start the reverse runs from exact draws (the machine must be enumerable).
        progress: called with the stage and the share of it done, as the work goes on.
        spread: the devices that share the runs, of which there are then as few more as it takes to share them evenly.

    Raises:
        InputError: data outside the units' domain, an argument out of range, or `exact_start` for too large a machine.
    """
    rows = model.check_rows(rbm, data)
    check_limits(rbm, base_rate, seconds, precision, runs, seed)
    spread = spread.by_rows()  # runs are many, and know nothing of each other
    runs = spread.rounded(runs)
    deadline = spread.now() + seconds
    with jax.enable_x64(True):
        base_key, pilot_key, sample_key, final_key = jax.random.split(key_of(seed), 4)
        machine = in_own_precision(rbm)
        path = _path(pilot_key, machine, fit_base(base_key, machine, rows, base_rate), runs, progress, spread)
        if exact_start:
            samples = sample_exactly(machine, runs, seed)
        else:
            # However long compiling took, the chains are given some time.
            allowed = SAMPLING_FRACTION * max(seconds / 4, deadline - spread.now())
            told = partial(progress, "sampling the machine")
            bottom = bottom_replica(path.base, machine, runs, seconds)
            samples = sample_by_tempering(sample_key, bottom, machine, rows, runs, allowed, told, spread)
            told(1.0)
        wanted = min(MAX_DEVIATION, precision * np.sqrt(runs) / 2.5)
        steps, step_seconds = int(min(MAX_TEMPERATURES, PILOTS[-1] * (path.spread / wanted) ** 2)), path.step_seconds
        while True:
            before = spread.now()
            affordable = int((deadline - before) / (2 * step_seconds))
            steps = max(MIN_TEMPERATURES, min(steps, affordable, MAX_TEMPERATURES) // annealing.SEGMENTS * annealing.SEGMENTS)
            found = _both_ways(jax.random.fold_in(final_key, steps), machine, path, samples, steps, progress, spread)
            now = spread.now()
            step_seconds = (now - before) / (2 * steps)
            precise = found.upper - found.lower <= 2 * precision
            if precise or (deadline - now) / (2 * step_seconds) < 2 * steps or steps == MAX_TEMPERATURES:
                return found
            steps *= 4


def check_limits(rbm: RBM, base_rate: Units | None, seconds: Any, precision: Any, runs: Any, seed: Any) -> None:
    """Raise an `InputError` that names what of an estimate's settings is out of range."""
    for value, what, least in ((seconds, "seconds", 1e-3), (precision, "precision", 1e-6)):
        if not least <= _checks.positive(value, what) <= 1e9:
            raise InputError(f"{what} must be from {least:g} to 1e9, but is {value!r}")
    _checks.integer(runs, "runs", MIN_RUNS)
    _checks.seed(seed)
    if base_rate is not None and not rbm.visible.same_structure(base_rate):
        raise InputError(f"base_rate must be {rbm.visible.size} {rbm.visible.name} units, as the visible layer")


def in_own_precision(rbm: RBM) -> RBM:
    """The machine with leaves of one floating-point type: float64 if it has any, float32 otherwise."""
    wide = any(np.dtype(leaf.dtype) == np.float64 for leaf in jax.tree.leaves(rbm))
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64 if wide else jnp.float32), rbm)


def fit_base(key: Any, rbm: RBM, rows: np.ndarray, base_rate: Units | None = None) -> RBM:
    """Independent units in the middle of what the machine and the data hold.

    Fitted to as many states of short Gibbs chains from noise as to rows: a base that knew the rows alone would leave out
    modes of the machine that they do not show, and the estimates of both directions with them.

    Args:
        base_rate: the visible units, if they are known better than that.
    """
    noise_key, chain_key, row_key, h_key = jax.random.split(key, 4)
    chains = draw_noise(noise_key, rbm, BASE_CHAINS)
    own = np.asarray(_swept(chain_key, rbm, chains))
    some = rows[np.asarray(jax.random.randint(row_key, (BASE_CHAINS,), 0, len(rows)))]
    both = np.concatenate([some, own]).astype(own.dtype)
    h = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, jnp.asarray(both)))
    visible = rbm.visible.fit_base_rate(both) if base_rate is None else base_rate
    layers = (visible, rbm.hidden.fit_base_rate(np.asarray(h)))
    return model.independent(*jax.tree.map(lambda leaf: jnp.asarray(leaf, rbm.weights.dtype), layers))


@jax.jit
def _swept(key: Any, rbm: RBM, v: Any) -> Any:
    h = rbm.hidden.sample(jax.random.fold_in(key, BASE_SWEEPS), model.hidden_inputs(rbm, v))
    return sweep_many(key, rbm, h, BASE_SWEEPS).v


class _Path(NamedTuple):
    """Where the path begins, its schedule, the spread of the pilot's log weights on it, and what a step of the pilot took."""

    base: RBM
    schedule: np.ndarray
    spread: float
    step_seconds: float


def _path(key: Any, rbm: RBM, base: RBM, runs: int, progress: StageProgress, spread: Spread) -> _Path:
    schedule = annealing.even_schedule()
    for number, steps in enumerate(PILOTS):
        pilot_key = jax.random.fold_in(key, number)
        v = annealing.start(pilot_key, base, rbm, runs)
        before = spread.now()
        annealed = annealing.anneal(pilot_key, base, rbm, v, schedule, steps, spread=spread)
        step_seconds = (spread.now() - before) / steps
        progress("placing the temperatures", (number + 1) / len(PILOTS))
        if not np.isfinite(annealed.gains).all():
            raise InputError(f"the energies of {rbm!r} are beyond what {rbm.weights.dtype} can hold; scale the parameters down")
        schedule = annealing.equalize_schedule(schedule, annealed.gains)
    return _Path(base, schedule, float(annealed.log_weights.std(ddof=1)), step_seconds)


def _both_ways(
    key: Any, rbm: RBM, path: _Path, samples: ModelSamples, steps: int, progress: StageProgress, spread: Spread
) -> BidirectionalAIS:
    start_key, forward_key, reverse_key = jax.random.split(key, 3)
    begin = annealing.start(start_key, path.base, rbm, len(samples.v))
    told = partial(progress, "annealing forwards")
    forward = annealing.anneal(
        forward_key, path.base, rbm, begin, path.schedule, steps, progress=told, spread=spread
    ).log_weights
    told = partial(progress, "annealing in reverse")
    reverse = annealing.anneal(
        reverse_key, path.base, rbm, samples.v, path.schedule, steps, reverse=True, progress=told, spread=spread
    ).log_weights
    log_z_base = float(model.independent_log_partition(path.base))
    below = weights.mean_weight(forward).shift(log_z_base)
    above = weights.mean_weight(reverse).negate().shift(log_z_base)
    bar = weights.bar(forward, reverse).shift(log_z_base)
    ends = [below, above, bar]
    if not samples.converged:
        # What the chains remember of their start is not noise: each half's own estimate belongs into the interval.
        for half in (samples.from_data, ~samples.from_data):
            ends.append(weights.mean_weight(reverse[half]).negate().shift(log_z_base))
    return BidirectionalAIS(
        below,
        above,
        bar,
        min(estimate.lower for estimate in ends),
        max(estimate.upper for estimate in ends),
        forward,
        reverse,
        steps,
        samples,
        path.base,
        path.schedule,
        log_z_base,
    )
