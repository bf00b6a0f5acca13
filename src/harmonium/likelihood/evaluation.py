"""The mean log likelihood of data: exact where the model can be enumerated, bracketed elsewhere."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float

from harmonium import _checks, exact, model
from harmonium._numerics import effective_rows, standard_error
from harmonium._types import ArrayLike
from harmonium.distributed import row_shards
from harmonium.errors import InputError
from harmonium.io.streams import drop_weightless
from harmonium.likelihood.bidirectional import bidirectional_ais, check_settings
from harmonium.likelihood.log_likelihood import MAX_WIDTH, RAISE_KEY, STANDARD_ERRORS, LogLikelihood, StageProgress, details_of
from harmonium.likelihood.missing import complete_rows, density_of, log_weights
from harmonium.likelihood.raise_bound import raise_bound
from harmonium.model import RBM
from harmonium.units import Units

EXACT_SECONDS = 10.0
"""Enumeration is the default where it is expected to take no longer than this."""


def evaluate(
    rbm: RBM,
    data: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    log_density: ArrayLike | None = None,
    method: str = "auto",
    base_rate: Units | None = None,
    seconds: float = 60.0,
    precision: float = 0.1,
    runs: int = 100,
    temperatures: int | None = None,
    steps: int | None = None,
    rungs: int | None = None,
    seed: int = 0,
    progress: StageProgress = lambda _stage, _fraction: None,
    mesh: Mesh | None = None,
) -> LogLikelihood:
    """The mean ln p(v) = -mean F(v) - ln Z of `data [n, V]`, in nats per example; of the observed cells where some are NaN.

    Where the smaller layer can be enumerated in about ten seconds, ln Z is exact. Otherwise annealed importance sampling
    brackets it, forward and in reverse; the reverse runs start from tempered chains whose equilibrium is checked
    (`bidirectional_ais`). Reasons to doubt the value are in its `warnings`. A time limit decides how much work is done; the
    result's `arguments` fix that work: `evaluate(rbm, data, **result.arguments)` repeats it bit for bit.

    Args:
        rbm: the model.
        data: rows `[n, V]`.
        weights: of the rows, `[n]`, finite numbers of zero or above, for the weighted mean; rows of weight zero are dropped
            first, whatever they hold.
        log_density: nats to add to ln p of each row, `[n]`, for the density of what the row stands for
            (`Schema.log_density`).
        method: `auto`; `exact`, which enumerates however long it takes; or `estimate`, which never does.
        base_rate: visible units at the start of the annealing path; by default fitted to `data`.
        seconds: time allowed to an estimate, which also decides, with the size of the model, where its tempering starts.
        precision: half the width of the interval (nats) at which it stops earlier.
        runs: annealing runs in each direction. These three bound an estimate, and change nothing where ln Z is exact.
        temperatures: of each run.
        steps, rungs: of the tempering; by default as many as the time allows. Where ln Z is exact these three are refused.
        seed: of all random numbers.
        progress: called with a stage and the fraction of it that is done.
        mesh: devices that share the chains and runs of an estimate (`harmonium.distributed.make_mesh`), by default one; if
            they belong to several processes, each must make the same call.

    Raises:
        InputError: data outside the units' domain or without any value, an argument out of range, a model too large for
            `exact`, or a result that is not finite.

    References: R. Salakhutdinov and I. Murray, ICML 2008; Y. Burda, R. Grosse and R. Salakhutdinov, AISTATS 2015.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> result = hm.evaluate(rbm, [[0, 1], [1, 1]])
        >>> round(result.mean, 6), result.lower == result.upper
        (-1.173921, True)
    """
    begun = time.monotonic()
    model.validate(rbm)
    data, of_data = drop_weightless(data, weights)
    rows = model.check_observed(model.check_rows(rbm, data, missing=True))
    _checks.choice(method, ("auto", "exact", "estimate"), "method")
    settings: dict[str, Any] = {"base_rate": base_rate, "seconds": seconds, "precision": precision, "runs": runs, "seed": seed}
    settings |= {"temperatures": temperatures, "steps": steps, "rungs": rungs}
    check_settings(rbm, **settings)
    row_shards(mesh)
    details: dict[str, Any] = {}
    if method == "exact" or (method == "auto" and can_be_exact(rbm)):
        for name in ("temperatures", "steps", "rungs"):
            if settings[name] is not None:
                raise InputError(f"{name} must be left out (None): ln Z of {rbm!r} is enumerated; or ask for method estimate")
        log_z = lower = upper = exact.log_partition(rbm, progress=partial(progress, "enumerating"))
        method, effective, arguments = _exact_method(rbm), None, {"method": "exact", "seed": seed}
    else:
        bracket = bidirectional_ais(rbm, complete_rows(rbm, rows, seed), **settings, progress=progress, mesh=mesh)
        log_z, lower, upper = bracket.log_partition, bracket.lower, bracket.upper
        method, samples = bracket.method, bracket.samples
        effective = min(bracket.ess_forward, bracket.ess_reverse)
        arguments = {"method": "estimate", "seconds": seconds, "runs": bracket.runs, "temperatures": bracket.temperatures}
        arguments |= {"steps": samples.steps, "rungs": samples.rungs, "seed": seed}
        details = details_of(bracket, bracket.runs, samples.rungs, samples.round_trips, samples.acceptance) | {
            "effective_sample_size_forward": bracket.ess_forward,
            "effective_sample_size_reverse": bracket.ess_reverse,
            "temperatures": bracket.temperatures,
            "tempering_steps": samples.steps,
            "tempering_difference": samples.z,
            "tempering_converged": samples.converged,
            "unvisited_fraction": bracket.unvisited,
            "log_partition_certain": bracket.certain,
            "interval_was_raised": bracket.was_raised,
        }
    of_rows = log_weights(rbm, rows, seed)
    values = of_rows.value + density_of(log_density, weights, len(rows))
    if of_rows.unsettled:
        details["unsettled_rows"] = of_rows.unsettled
    # The log likelihood if ln Z were 0: the mean of -F.
    unnormalized = float(np.average(values, weights=of_data))
    margin = STANDARD_ERRORS * of_rows.mean_error(of_data)
    complete = np.flatnonzero(~np.isnan(rows).any(axis=1))
    if upper - lower > MAX_WIDTH and len(complete):
        some = np.random.default_rng(seed).permutation(complete)[: bracket.runs]
        bound = raise_bound(rbm, rows[some], bracket, seed=seed, progress=partial(progress, "annealing from the data"))
        of_some = None if of_data is None else of_data[some]
        details[RAISE_KEY] = unnormalized + float(np.average(bound - of_rows.value[some], weights=of_some))
    return LogLikelihood(
        mean=unnormalized - log_z,
        lower=unnormalized - margin - upper,
        upper=unnormalized + margin - lower,
        method=_method(method, of_rows.method),
        rows=len(rows),
        log_partition=log_z,
        seconds=time.monotonic() - begun,
        effective_sample_size=effective,
        standard_error=_standard_error(values, of_data),
        effective_rows=None if of_data is None else effective_rows(of_data, len(rows)),
        arguments=arguments,
        details=details,
    )


def evaluate_with(
    result: LogLikelihood,
    rbm: RBM,
    data: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    log_density: ArrayLike | None = None,
) -> LogLikelihood:
    """The result for other rows `[n, V]` and weights of the same model, with the ln Z of `result`; else as `evaluate`.

    Args:
        result: of `evaluate` for the same model.
        rbm: the model.
        data: rows `[n, V]`.
        weights: of the rows, as `evaluate` takes them.
        log_density: as `evaluate` takes it.

    Raises:
        InputError: as `evaluate`, or `result` is no `LogLikelihood`.
    """
    model.validate(rbm)
    data, of_data = drop_weightless(data, weights)
    rows = model.check_observed(model.check_rows(rbm, data, missing=True))
    _checks.instance(result, LogLikelihood, "result")
    of_rows = log_weights(rbm, rows)
    values = of_rows.value + density_of(log_density, weights, len(rows))
    mean = float(np.average(values, weights=of_data)) - result.log_partition
    # The errors of the first rows' own annealing stay in the interval: they cannot be separated here.
    shift, margin = mean - result.mean, STANDARD_ERRORS * of_rows.mean_error(of_data)
    return replace(
        result,
        mean=mean,
        lower=result.lower + shift - margin,
        upper=result.upper + shift + margin,
        method=_method(result.method, of_rows.method),
        rows=len(rows),
        standard_error=_standard_error(values, of_data),
        effective_rows=None if of_data is None else effective_rows(of_data, len(rows)),
        arguments={},
        details={name: value for name, value in result.details.items() if name not in (RAISE_KEY, "unsettled_rows")}
        | ({"unsettled_rows": of_rows.unsettled} if of_rows.unsettled else {}),
    )


def _standard_error(values: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"] | None) -> float | None:
    error = standard_error(values, weights)
    return error if math.isfinite(error) else None


def _method(of_log_z: str, of_rows: str) -> str:
    """How both were obtained, in words; rows are exact unless missing cells of theirs are sampled."""
    if of_rows == "exact" or of_rows in of_log_z:
        return of_log_z
    return f"{'ln Z ' if of_log_z.startswith('exact') else ''}{of_log_z}, {of_rows}"


def can_be_exact(rbm: RBM) -> bool:
    """Whether enumerating ln Z is expected to take at most some ten seconds.

    Args:
        rbm: the model.

    Raises:
        InputError: a malformed model.
    """
    return exact.estimate_seconds(rbm) <= EXACT_SECONDS


def _exact_method(rbm: RBM) -> str:
    states = exact.enumerable_states(rbm)
    if states is None:
        return "exact (Gaussian)"
    layer = "visible" if rbm.visible.state_count == states else "hidden"
    return f"exact (all {states:,} {layer} states)"
