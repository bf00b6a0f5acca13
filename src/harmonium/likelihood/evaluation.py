"""The mean log likelihood of data, by the best means at hand."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from harmonium import exact, model
from harmonium.errors import InputError
from harmonium.exact.missing import missing_units
from harmonium.likelihood.bidirectional import BidirectionalAIS, StageProgress, bidirectional_ais, check_limits
from harmonium.likelihood.log_likelihood import LogLikelihood
from harmonium.likelihood.missing import completed, log_weights
from harmonium.likelihood.raise_bound import raise_bound
from harmonium.mesh import Spread
from harmonium.model import RBM
from harmonium.units import Units

EXACT_SECONDS = 10.0
"""Enumeration is chosen unasked where it is forecast to take no longer than this."""
MAX_WIDTH = 1.0
"""The widest interval (nats) that passes without a warning."""
STANDARD_ERRORS = 1.96
"""Standard errors on either side of a 95 % interval."""
MIN_EFFECTIVE_FRACTION = 0.1
"""The smallest effective share of the runs that passes without a warning."""
RAISE_KEY = "raise_log_likelihood"


def evaluate(
    rbm: RBM,
    data: Any,
    *,
    method: str = "auto",
    base_rate: Units | None = None,
    seconds: float = 60.0,
    precision: float = 0.1,
    runs: int = 100,
    seed: int = 0,
    progress: StageProgress = lambda _stage, _share: None,
    mesh: Mesh | None = None,
) -> LogLikelihood:
    """The mean ln p(v) = -mean F(v) - ln Z of `data [n, V]`, in nats per example; of the observed cells, where some are NaN.

    Where the smaller layer can be enumerated in some ten seconds, ln Z is exact. Otherwise it is bracketed by annealed
    importance sampling forwards and in reverse, the reverse runs starting from tempered chains whose equilibrium is checked
    (see `likelihood.bidirectional_ais`); what speaks against the figure stands in the result's `warnings`.

    Args:
        method: `auto`; `exact`, which enumerates however long it takes; or `estimate`, which never does.
        base_rate: visible units of the annealing path's start; by default fitted to `data`.
        seconds: time allowed to an estimate. precision: half the width of the interval (nats) at which it stops earlier.
        runs: annealing runs in each direction. seed: of every random number.
        progress: called with the stage and the share of it done, as the work goes on.
        mesh: the devices that share the chains and runs of an estimate, as `harmonium.mesh.over` arranges them, by default one;
            if they belong to several processes, each of these must make the same call.

    Raises:
        InputError: data outside the units' domain, an argument out of range, or a machine too large for `exact`.

    References: R. Salakhutdinov and I. Murray, ICML 2008; Y. Burda, R. Grosse and R. Salakhutdinov, AISTATS 2015.
    """
    begun = time.monotonic()
    rows = model.check_rows(rbm, data, missing=True)
    if method not in ("auto", "exact", "estimate"):
        raise InputError(f"method must be auto, exact or estimate, but is {method!r}")
    check_limits(rbm, base_rate, seconds, precision, runs, seed)
    if method == "exact" or (method == "auto" and can_be_exact(rbm)):
        log_z = exact.log_partition(rbm, progress=lambda share: progress("enumerating", share))
        unnormalized = log_weights(rbm, rows, seed)
        mean = float(unnormalized.value.mean()) - log_z
        states = exact.enumerable_states(rbm)
        assert states is not None
        layer = "visible" if rbm.visible.state_count == states else "hidden"
        name = f"exact (all {states:,} {layer} states)"
        if unnormalized.method != "exact":
            name = f"ln Z {name}, {unnormalized.method}"
        margin = STANDARD_ERRORS * unnormalized.mean_error
        return LogLikelihood(mean, mean - margin, mean + margin, name, len(rows), log_z, time.monotonic() - begun)
    whole = completed(rbm, rows, seed)
    limits: Any = {"seconds": seconds, "precision": precision, "runs": runs, "seed": seed}
    found = bidirectional_ais(rbm, whole, base_rate=base_rate, **limits, progress=progress, spread=Spread(mesh))
    return _estimated(rbm, rows, found, begun, seed, progress)


def evaluate_with(found: LogLikelihood, rbm: RBM, data: Any) -> LogLikelihood:
    """The report for other rows `[n, V]` of the same machine, whose ln Z is known by now; raises as `evaluate`."""
    rows = model.check_rows(rbm, data, missing=True)
    unnormalized = log_weights(rbm, rows)
    mean = float(unnormalized.value.mean()) - found.log_partition
    shift, margin = mean - found.mean, STANDARD_ERRORS * unnormalized.mean_error
    details = {name: value for name, value in found.details.items() if name != RAISE_KEY}
    # The error of the first rows' own annealing stays in: what is left of the interval without it is not known here.
    lower, upper = found.lower + shift - margin, found.upper + shift + margin
    other = replace(found, mean=mean, lower=lower, upper=upper, rows=len(rows), details=details)
    return replace(other, warnings=find_warnings(other))


def can_be_exact(rbm: RBM) -> bool:
    """Whether ln Z can be enumerated in some ten seconds."""
    return exact.forecast(rbm) <= EXACT_SECONDS


def base_rate_log_likelihood(base_rate: Units, data: Any) -> float:
    """The mean ln p(v) of `data` under independent units: the baseline that a machine has to beat (nats per example)."""
    with jax.enable_x64(True):
        units = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=jnp.float64), base_rate)
        rows = np.asarray(data, dtype=np.float64)
        # A missing unit, put at zero, has no part in the energy; nor must it in ln Z.
        log_z = jnp.where(missing_units(units, rows), 0, units.log_normalizer_terms(np.zeros(units.size))).sum(axis=-1)
        return float(jnp.mean(-units.energy(np.nan_to_num(rows)) - log_z))


def _estimated(
    rbm: RBM, rows: np.ndarray, found: BidirectionalAIS, begun: float, seed: int, progress: StageProgress
) -> LogLikelihood:
    # Reverse runs from chains that remember their start are biased; the forward ones do not depend on those chains.
    log_z = (found.bar if found.samples.converged else found.forward).value
    # What is left of the log likelihood when ln Z is taken to be 0: the mean of -F.
    of_rows = log_weights(rbm, rows, seed)
    unnormalized, margin = of_rows.value, STANDARD_ERRORS * of_rows.mean_error
    complete = np.flatnonzero(~np.isnan(rows).any(axis=1))
    details = _details(found)
    if found.upper - found.lower > MAX_WIDTH and len(complete):
        some = np.random.default_rng(seed).permutation(complete)[: found.runs]
        told = partial(progress, "annealing from the data")
        short = raise_bound(rbm, rows[some], found, seed=seed, progress=told) - unnormalized[some]
        details[RAISE_KEY] = float(unnormalized.mean() + short.mean())
    result = LogLikelihood(
        mean=float(unnormalized.mean()) - log_z,
        lower=float(unnormalized.mean()) - margin - found.upper,
        upper=float(unnormalized.mean()) + margin - found.lower,
        method=f"AIS + reverse, {found.runs:,} runs x {found.temperatures:,} temperatures"
        + ("" if of_rows.method == "exact" else f", {of_rows.method}"),
        rows=len(rows),
        log_partition=log_z,
        seconds=time.monotonic() - begun,
        effective_sample_size=min(found.ess_forward, found.ess_reverse),
        details=details,
    )
    return replace(result, warnings=find_warnings(result))


def _details(found: BidirectionalAIS) -> dict[str, Any]:
    return {
        "log_partition_forward": found.forward._asdict(),
        "log_partition_reverse": found.reverse._asdict(),
        "log_partition_bar": found.bar._asdict(),
        "effective_sample_size_forward": found.ess_forward,
        "effective_sample_size_reverse": found.ess_reverse,
        "runs": found.runs,
        "temperatures": found.temperatures,
        "tempering_steps": found.samples.steps,
        "tempering_rungs": found.samples.rungs,
        "tempering_round_trips": found.samples.round_trips,
        "tempering_min_acceptance": found.samples.acceptance,
        "tempering_difference": found.samples.z,
        "tempering_converged": found.samples.converged,
    }


def find_warnings(found: LogLikelihood) -> tuple[str, ...]:
    """What speaks against a figure, and what to do about it: one sentence each."""
    said, details = [], found.details
    width = found.upper - found.lower
    if width > MAX_WIDTH:
        low = f"; a conservative estimate is {details[RAISE_KEY]:.2f}" if RAISE_KEY in details else ""
        said.append(f"the interval is {width:.2f} nats wide: allow more --seconds, or a larger --runs{low}")
    effective = found.effective_sample_size
    if effective is not None and effective < MIN_EFFECTIVE_FRACTION * details["runs"]:
        said.append(
            f"only {effective:.1f} of {details['runs']} runs carry the estimate: allow more --seconds, for more temperatures"
        )
    if not details.get("tempering_converged", True):
        said.append(
            "the tempered chains that the reverse runs start from still remember where they began "
            f"({details['tempering_difference']:.1f} standard errors between those from the data and from noise): "
            "the interval may be too short; allow more --seconds, and see what harmonium diagnose says"
        )
    elif details.get("tempering_rungs") and details["tempering_round_trips"] < details["runs"]:
        said.append(
            f"only {details['tempering_round_trips']} states of {details['runs']} ladders have traveled from the bottom to "
            "the machine and back, so modes may be missing from both estimates: allow more --seconds"
        )
    return tuple(said)
