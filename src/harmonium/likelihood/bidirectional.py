"""ln Z between two estimates: annealed importance sampling forward, and in reverse from samples of the model itself.

A pilot places the temperatures and says how many the requested precision needs. Forward and reverse runs on the same path then
bracket ln Z, and the Bennett acceptance ratio of both is the value reported.

References: as `annealing`; R. Grosse, S. Ancha and D. Roy, "Measuring the reliability of MCMC inference with bidirectional
Monte Carlo", NeurIPS 2016 (the bracket); C. Bennett, J. Comput. Phys. 22 (1976).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._numerics import float64, in_own_precision
from harmonium._types import ArrayLike, Key
from harmonium.distributed import clock, data_mesh, round_up
from harmonium.errors import InputError
from harmonium.likelihood import annealing
from harmonium.likelihood.annealing import SEGMENTS
from harmonium.likelihood.bar import bar
from harmonium.likelihood.equilibrium import ModelSamples, bottom_model, draw_noise, sample_by_tempering, sample_exactly
from harmonium.likelihood.log_likelihood import StageProgress
from harmonium.likelihood.log_weights import Estimate, effective_sample_size, mean_weight
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import sweep_many
from harmonium.units import Units

PILOTS = (256, 1024)
"""Temperatures of the pilot runs; each run places the temperatures of the next."""
MIN_TEMPERATURES, MAX_TEMPERATURES = 512, 1 << 20
"""Of the final runs, unless their number is given."""
MIN_RUNS = 20
BASE_CHAINS, BASE_SWEEPS = 200, 100
"""Gibbs chains from noise that help to place the base."""
MAX_DEVIATION = 1.0
"""The standard deviation of the log weights above which some hundred runs do not give ln mean w."""
SAMPLING_FRACTION = 0.35
"""The fraction of the time for the samples from which the reverse runs start."""


@dataclass(frozen=True, eq=False)
class BidirectionalAIS:
    """Estimates of ln Z (nats) with nominal 95 % intervals, and what they rest on.

    `bar`: the Bennett acceptance ratio of both directions, the best single number. `lower`, `upper`: ends of an interval that
    contains all three with their errors, and those of each half of the chains if the halves have not converged. `base`,
    `schedule`, `temperatures`: the path.
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
    def log_partition(self) -> float:
        """The value to use: `bar`, or `forward` if the starts of the reverse runs have not converged, which biases them."""
        return (self.bar if self.samples.converged else self.forward).value

    @property
    def ess_forward(self) -> float:
        """Effective number of forward runs."""
        return effective_sample_size(self.forward_log_weights)

    @property
    def ess_reverse(self) -> float:
        """Effective number of reverse runs."""
        return effective_sample_size(self.reverse_log_weights)

    @property
    def runs(self) -> int:
        """Runs in each direction."""
        return len(self.forward_log_weights)

    @property
    def method(self) -> str:
        """The method in words."""
        return f"AIS + reverse, {self.runs:,} runs x {self.temperatures:,} temperatures"


@np.errstate(all="ignore")
def bidirectional_ais(
    rbm: RBM,
    data: ArrayLike,
    *,
    base_rate: Units | None = None,
    seconds: float = 60.0,
    precision: float = 0.1,
    runs: int = 100,
    temperatures: int | None = None,
    steps: int | None = None,
    rungs: int | None = None,
    exact_start: bool = False,
    seed: int = 0,
    progress: StageProgress = lambda _stage, _fraction: None,
    mesh: Mesh | None = None,
) -> BidirectionalAIS:
    """Bracket ln Z until half the interval is at most `precision` nats, or about `seconds` have passed.

    Args:
        data: `[n, V]`, near which the model is supposed to have its probability: it places the base and half of the chains.
        base_rate: visible units at the start of the path; by default fitted to `data`.
        runs: annealing runs in each direction, rounded up to divide evenly over `mesh`.
        exact_start: start the reverse runs from exact draws (the model must be enumerable).
        All others as those of `evaluate`; given temperatures, steps and rungs, equal arguments give equal results.

    Raises:
        InputError: data outside the units' domain, an argument out of range, or `exact_start` for too large a model.
    """
    rows = model.check_rows(rbm, data)
    counts = {"runs": runs, "temperatures": temperatures, "steps": steps, "rungs": rungs}
    check_settings(rbm, base_rate=base_rate, seconds=seconds, precision=precision, seed=seed, **counts)
    _checks.boolean(exact_start, "exact_start")
    mesh = data_mesh(mesh)
    runs = round_up(runs, mesh)
    deadline = clock(mesh) + seconds
    with float64():
        base_key, pilot_key, sample_key, final_key = jax.random.split(key_of(seed), 4)
        target = in_own_precision(rbm)
        path = _place_temperatures(pilot_key, target, fit_base(base_key, target, rows, base_rate), runs, progress, mesh)
        if exact_start:
            samples = sample_exactly(target, runs, seed)
        else:
            # However long compiling took, the chains get some time.
            allowed = SAMPLING_FRACTION * max(seconds / 4, deadline - clock(mesh))
            bottom = bottom_model(path.base, target, runs, seconds)
            report = partial(progress, "sampling the model")
            samples = sample_by_tempering(
                sample_key, bottom, target, rows, runs, allowed, rungs=rungs, steps=steps, progress=report, mesh=mesh
            )
            report(1.0)
        goal = min(MAX_DEVIATION, precision * np.sqrt(runs) / 2.5)
        count, step_seconds = int(min(MAX_TEMPERATURES, PILOTS[-1] * (path.deviation / goal) ** 2)), path.step_seconds
        while True:
            before = clock(mesh)
            affordable = int((deadline - before) / (2 * step_seconds))
            count = temperatures or max(MIN_TEMPERATURES, min(count, affordable, MAX_TEMPERATURES))
            count = -(-count // SEGMENTS) * SEGMENTS
            result = _anneal_both_ways(jax.random.fold_in(final_key, count), target, path, samples, count, progress, mesh)
            now = clock(mesh)
            step_seconds = (now - before) / (2 * count)
            precise = result.upper - result.lower <= 2 * precision
            late = (deadline - now) / (2 * step_seconds) < 2 * count
            if temperatures or precise or late or count >= MAX_TEMPERATURES:
                return result
            count *= 4


def check_settings(
    rbm: RBM, *, base_rate: Units | None, seconds: float, precision: float, seed: int, **counts: int | None
) -> None:
    """Raise an `InputError` that names the setting of an estimate that is out of range."""
    for value, name, least in ((seconds, "seconds", 1e-3), (precision, "precision", 1e-6)):
        if not least <= _checks.positive(value, name) <= 1e9:
            raise InputError(f"{name} must be from {least:g} to 1e9, but is {value!r}")
    for name, lowest in (("runs", MIN_RUNS), ("temperatures", 1), ("steps", 1), ("rungs", 2)):
        if counts[name] is not None or name == "runs":
            _checks.integer(counts[name], name, lowest)
    _checks.seed(seed)
    if base_rate is not None and not rbm.visible.same_structure(base_rate):
        raise InputError(f"base_rate must be {rbm.visible.size} {rbm.visible.name} units, as the visible layer")


def fit_base(key: Key, rbm: RBM, rows: Float[np.ndarray, "rows visible"], base_rate: Units | None = None) -> RBM:
    """Independent units fitted to an equal number of rows and of states of short Gibbs chains from noise.

    A base fitted to the rows alone would leave out modes of the model that they do not show, and with it the estimates of both
    directions. `base_rate`: the visible units, if they are known better than that.
    """
    noise_key, chain_key, row_key, h_key = jax.random.split(key, 4)
    chains = np.asarray(_sweep_chains(chain_key, rbm, draw_noise(noise_key, rbm, BASE_CHAINS)))
    some = rows[np.asarray(jax.random.randint(row_key, (BASE_CHAINS,), 0, len(rows)))]
    both = np.concatenate([some, chains]).astype(chains.dtype)
    h = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, jnp.asarray(both)))
    visible = rbm.visible.fit_base_rate(both) if base_rate is None else base_rate
    layers = (visible, rbm.hidden.fit_base_rate(np.asarray(h)))
    return model.independent(*jax.tree.map(lambda leaf: jnp.asarray(leaf, rbm.weights.dtype), layers))


@jax.jit
def _sweep_chains(key: Key, rbm: RBM, v: Float[Array, "chains visible"]) -> Float[Array, "chains visible"]:
    h = rbm.hidden.sample(jax.random.fold_in(key, BASE_SWEEPS), model.hidden_inputs(rbm, v))
    return jnp.asarray(sweep_many(key, rbm, h, BASE_SWEEPS).v)


class _Path(NamedTuple):
    """The base, the schedule, the standard deviation of the pilot's log weights on it, and the seconds a step of it took."""

    base: RBM
    schedule: np.ndarray
    deviation: float
    step_seconds: float


def _place_temperatures(key: Key, rbm: RBM, base: RBM, runs: int, progress: StageProgress, mesh: Mesh | None) -> _Path:
    schedule = annealing.even_schedule()
    for pilot, steps in enumerate(PILOTS):
        pilot_key = jax.random.fold_in(key, pilot)
        v = annealing.start(pilot_key, base, rbm, runs)
        before = clock(mesh)
        annealed = annealing.anneal(pilot_key, base, rbm, v, schedule, steps, mesh=mesh)
        step_seconds = (clock(mesh) - before) / steps
        progress("placing the temperatures", (pilot + 1) / len(PILOTS))
        if not np.isfinite(annealed.gains.var(axis=1)).all():
            raise InputError(f"the energies of {rbm!r} exceed what {rbm.weights.dtype} holds; scale the parameters down")
        schedule = annealing.equalize_schedule(schedule, annealed.gains)
    return _Path(base, schedule, float(annealed.log_weights.std(ddof=1)), step_seconds)


def _anneal_both_ways(
    key: Key, rbm: RBM, path: _Path, samples: ModelSamples, count: int, progress: StageProgress, mesh: Mesh | None
) -> BidirectionalAIS:
    start_key, forward_key, reverse_key = jax.random.split(key, 3)

    anneal = partial(annealing.anneal, base=path.base, rbm=rbm, schedule=path.schedule, steps=count, mesh=mesh)
    starts = annealing.start(start_key, path.base, rbm, len(samples.v))
    forward = anneal(forward_key, v=starts, progress=partial(progress, "annealing forward")).log_weights
    in_reverse = partial(progress, "annealing in reverse")
    reverse = anneal(reverse_key, v=samples.v, reverse=True, progress=in_reverse).log_weights
    base_log_z = float(model.independent_log_partition(path.base))
    below = mean_weight(forward).shift(base_log_z)
    above = mean_weight(reverse).negate().shift(base_log_z)
    both = bar(forward, reverse).shift(base_log_z)
    estimates = [below, above, both]
    if not samples.converged:
        # What the chains remember of their start is not noise: each half's own estimate belongs in the interval.
        halves = (samples.from_data, ~samples.from_data)
        estimates += [mean_weight(reverse[half]).negate().shift(base_log_z) for half in halves]
    lower, upper = min(estimate.lower for estimate in estimates), max(estimate.upper for estimate in estimates)
    ends = (below, above, both, lower, upper)
    return BidirectionalAIS(*ends, forward, reverse, count, samples, path.base, path.schedule, base_log_z)
