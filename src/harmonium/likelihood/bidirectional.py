"""ln Z between two estimates: annealed importance sampling forward, and in reverse from samples of the model itself.

A pilot places the temperatures and says how many the requested precision needs. Forward and reverse runs on the same path then
bracket ln Z, and the Bennett acceptance ratio of both is the value reported.

Modes that the chains do not visit are searched for (`modes`). The visible states near such a mode are a part of their own, with
a base fitted to chains that begin there, and a bracket of its own. For any part A, forward runs that end outside of A get the
weight zero and reverse runs start from p restricted to A, so that

    E[w 1(v in A)] = Z_A / Z_0   forward,    E[w] = q(A) Z_0 / Z_A   in reverse,

where q(A) is the probability that a forward run ends in A. Z is the sum of the parts, and the ends of its interval are those of
the sums of their ends.

References: as `annealing`; R. Grosse, S. Ancha and D. Roy, "Measuring the reliability of MCMC inference with bidirectional
Monte Carlo", NeurIPS 2016 (the bracket); C. Bennett, J. Comput. Phys. 22 (1976).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jaxtyping import Bool, Float

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
from harmonium.likelihood.modes import Modes, find_modes, find_parts, split_states
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
NO_WEIGHT = -1000.0
"""The log weight, beside the largest, of forward runs that end in another part: exp of it is zero."""
SAMPLING_FRACTION = 0.35
"""The fraction of the time for the samples from which the reverse runs start."""


@dataclass(frozen=True, eq=False)
class BidirectionalAIS:
    """Estimates of ln Z (nats) with nominal 95 % intervals, and what they rest on.

    `bar`: the Bennett acceptance ratio of both directions, the best single number. `lower`, `upper`: ends of an interval that
    contains all three with their errors, and those of each half of the chains if the halves have not converged. The lower one
    is at least `certain`, a lower bound of ln Z by states that were found; `was_raised`: whether even the upper one was below
    it. `unvisited`: the fraction of Z in modes that the tempered chains did not visit as often as they should.
    `base`, `schedule`, `temperatures`: the path, outside of these modes as the log weights are.

    Attributes:
        forward: the estimate of the forward runs.
        reverse: the estimate of the reverse runs.
        forward_log_weights: of each run.
        reverse_log_weights: of each run.
        samples: the tempered chains from which reverse runs start.
        base_log_partition: ln Z of the base.
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
    certain: float
    was_raised: bool
    unvisited: float

    @property
    def log_partition(self) -> float:
        """The value to use: `bar`, or `forward` if the starts of the reverse runs have not converged, which biases them."""
        value = (self.bar if self.samples.converged else self.forward).value
        return min(max(value, self.lower), self.upper)

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
        rbm, seconds, precision, temperatures, steps, rungs, seed, progress, mesh: as those of `evaluate`; given
            temperatures, steps and rungs, equal arguments give equal results.
        data: `[n, V]`, near which the model is supposed to have its probability: it places the base and half of the chains.
        base_rate: visible units at the start of the path; by default fitted to `data`.
        runs: annealing runs in each direction, rounded up to divide evenly over `mesh`.
        exact_start: start the reverse runs from exact draws (the model must be enumerable).

    Raises:
        InputError: data outside the units' domain, an argument out of range, or `exact_start` for too large a model.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> found = hm.bidirectional_ais(rbm, [[0, 1]], runs=20, temperatures=20, steps=100, rungs=4, seconds=2)
        >>> bool(found.lower <= hm.exact.log_partition(rbm) <= found.upper)
        True
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
        place = partial(_place_temperatures, rbm=target, runs=runs, progress=progress, mesh=mesh)
        path = place(pilot_key, base=fit_base(base_key, target, rows, base_rate))
        search_key, part_key = jax.random.split(jax.random.fold_in(sample_key, 0))
        modes = find_modes(search_key, target, rows)
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
        strata = _stratify(part_key, target, path, modes, samples, place)
        goal = min(MAX_DEVIATION, precision * np.sqrt(runs) / 2.5)
        count, step_seconds = (
            int(min(MAX_TEMPERATURES, PILOTS[-1] * (path.log_weights.std(ddof=1) / goal) ** 2)),
            path.step_seconds,
        )
        while True:
            before = clock(mesh)
            affordable = int((deadline - before) / (2 * step_seconds * len(strata)))
            count = temperatures or max(MIN_TEMPERATURES, min(count, affordable, MAX_TEMPERATURES))
            count = -(-count // SEGMENTS) * SEGMENTS
            own_key = jax.random.fold_in(final_key, count)
            found = [
                _anneal_both_ways(jax.random.fold_in(own_key, i), target, stratum, count, progress, mesh)
                for i, stratum in enumerate(strata)
            ]
            result = _add_up(strata, found, samples, modes.certain, count)
            now = clock(mesh)
            step_seconds = (now - before) / (2 * count * len(strata))
            precise = result.upper - result.lower <= 2 * precision
            late = (deadline - now) / (2 * step_seconds * len(strata)) < 2 * count
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
    visible = base_rate if base_rate is not None and rbm.visible.independent else rbm.visible.fit(both)
    layers = (visible, rbm.hidden.fit(np.asarray(h)))
    return model.independent(*jax.tree.map(lambda leaf: jnp.asarray(leaf, rbm.weights.dtype), layers))


@jax.jit
def _sweep_chains(key: Key, rbm: RBM, v: Float[Array, "chains visible"]) -> Float[Array, "chains visible"]:
    h = rbm.hidden.sample(jax.random.fold_in(key, BASE_SWEEPS), model.hidden_inputs(rbm, v))
    return jnp.asarray(sweep_many(key, rbm, h, BASE_SWEEPS).v)


class _Path(NamedTuple):
    """The base and the schedule; the ends of the pilot's runs, their log weights times Z of the base, and a step's seconds."""

    base: RBM
    schedule: np.ndarray
    ends: np.ndarray
    log_weights: np.ndarray
    step_seconds: float


def _place_temperatures(key: Key, base: RBM, rbm: RBM, runs: int, progress: StageProgress, mesh: Mesh | None) -> _Path:
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
    log_weights = annealed.log_weights + float(model.independent_log_partition(base))
    return _Path(base, schedule, np.asarray(annealed.v), log_weights, step_seconds)


class _Stratum(NamedTuple):
    """A part of the visible states, `contains`, with a path to it and draws of p restricted to it, of which `distinct`
    are independent; `halves` of them began alike."""

    path: _Path
    contains: Callable[[Array], Bool[np.ndarray, " runs"]]
    starts: Float[Array, "runs visible"]
    distinct: int
    halves: tuple[Bool[np.ndarray, " distinct"], ...]


def _stratify(
    key: Key, rbm: RBM, path: _Path, modes: Modes, samples: ModelSamples, place: Callable[..., _Path]
) -> list[_Stratum]:
    """The states outside of all modes that the samples leave out, and those inside of each."""
    drawn = np.asarray(samples.v)
    split_key, fit_key, pilot_key = jax.random.split(key, 3)
    parts, inside = split_states(split_key, rbm, modes, drawn, path.ends, path.log_weights)
    outside = np.flatnonzero(find_parts(rbm, parts, drawn) < 0)
    # With a shape of their own for each number of starts, runs would be compiled anew.
    starts = samples.v if len(outside) == len(drawn) else samples.v[np.resize(outside, len(drawn))]
    from_data = samples.from_data[outside]
    halves = () if samples.converged else tuple(half for half in (from_data, ~from_data) if half.sum() > 1)

    def is_in(index: int, v: Array) -> Bool[np.ndarray, " runs"]:
        return find_parts(rbm, parts, np.asarray(v)) == index

    def place_near(index: int, v: Array) -> _Path:
        h = rbm.hidden.sample(jax.random.fold_in(fit_key, index), model.hidden_inputs(rbm, v))
        layers = tuple(layer.fit(np.asarray(x)) for layer, x in ((rbm.visible, v), (rbm.hidden, h)))
        base = model.independent(*jax.tree.map(lambda leaf: jnp.asarray(leaf, rbm.weights.dtype), layers))
        return place(jax.random.fold_in(pilot_key, index), base=base)

    if not is_in(-1, jnp.asarray(path.ends)).any():  # the base is at a mode of its own
        path = place_near(len(parts), starts)
    strata = [_Stratum(path, partial(is_in, -1), starts, len(outside), halves)]
    for index, v in enumerate(inside):
        own = place_near(index, v)
        strata.append(_Stratum(own, partial(is_in, index), jnp.resize(v, starts.shape), min(len(v), len(starts)), ()))
    return strata


class _BothWays(NamedTuple):
    """The estimates of the ln Z of a part, the ends of all, and the log weights: very small ones of forward runs that end
    elsewhere."""

    below: Estimate
    above: Estimate
    bar: Estimate
    lower: float
    upper: float
    forward: np.ndarray
    reverse: np.ndarray


def _anneal_both_ways(
    key: Key, rbm: RBM, stratum: _Stratum, count: int, progress: StageProgress, mesh: Mesh | None
) -> _BothWays:
    start_key, forward_key, reverse_key = jax.random.split(key, 3)
    path, starts = stratum.path, stratum.starts
    anneal = partial(annealing.anneal, base=path.base, rbm=rbm, schedule=path.schedule, steps=count, mesh=mesh)
    v = annealing.start(start_key, path.base, rbm, len(starts))
    runs = anneal(forward_key, v=v, progress=partial(progress, "annealing forward"))
    in_reverse = partial(progress, "annealing in reverse")
    reverse = anneal(reverse_key, v=starts, reverse=True, progress=in_reverse).log_weights[: stratum.distinct]
    contained = stratum.contains(runs.v)
    forward = np.where(contained, runs.log_weights, runs.log_weights.max() + NO_WEIGHT)
    base_log_z = float(model.independent_log_partition(path.base))
    # Half a run more in either place, so that the logarithm exists.
    ends_here = np.log((contained.sum() + 0.5 * (not contained.all())) / len(contained))
    below = mean_weight(forward).shift(base_log_z)
    above = mean_weight(reverse).negate().shift(base_log_z + ends_here)
    both = bar(forward, reverse).shift(base_log_z)
    # What the chains remember of their start is not noise: each half's own estimate belongs in the interval.
    of_halves = [mean_weight(reverse[half]).negate().shift(base_log_z + ends_here) for half in stratum.halves]
    estimates = [each for each in (below, above, both, *of_halves) if contained.any() or each is above]
    lower, upper = min(estimate.lower for estimate in estimates), max(estimate.upper for estimate in estimates)
    return _BothWays(below, above, both, lower, upper, forward, reverse)


def _add_up(
    strata: list[_Stratum], found: list[_BothWays], samples: ModelSamples, certain: float, count: int
) -> BidirectionalAIS:
    """ln Z from that of its parts."""
    parts = np.array([[*each.below, *each.above, *each.bar, each.lower, each.upper] for each in found])
    *estimates, lower, upper = np.logaddexp.reduce(parts, axis=0).tolist()
    below, above, both = (Estimate(*estimates[i : i + 3]) for i in (0, 3, 6))
    unvisited = 1 - float(np.exp(found[0].bar.value - both.value))
    was_raised = certain > upper
    # How much more than the states that were found there is, nothing says: the interval keeps its length at least.
    lower, upper = max(lower, certain), max(upper, certain + (upper - lower) if was_raised else upper)
    path, rest = strata[0].path, found[0]
    return BidirectionalAIS(
        forward=below,
        reverse=above,
        bar=both,
        lower=lower,
        upper=upper,
        forward_log_weights=rest.forward,
        reverse_log_weights=rest.reverse,
        temperatures=count,
        samples=samples,
        base=path.base,
        schedule=path.schedule,
        base_log_partition=float(model.independent_log_partition(path.base)),
        certain=certain,
        was_raised=was_raised,
        unvisited=unvisited,
    )
