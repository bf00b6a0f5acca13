"""Draws of a model's visible units, free or under conditions, and how far to trust them.

A model given conditions is an RBM too (`harmonium.conditioning`): units that are fixed send constant inputs to the hidden ones,
and others are limited to the values that are allowed. So draws under conditions are made as those without, by enumeration where
the smaller layer has few states, else by parallel tempering, and no draw is rejected.

The tempered chains begin in two ways, half of them at noise and half at the likeliest state that quenched chains find, and run
until they have forgotten it (`likelihood.equilibrium`).
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from harmonium import _checks, conditioning, exact, model
from harmonium._numerics import float64, in_own_precision, own_dtype, own_precision
from harmonium._types import Array, ArrayLike, Key
from harmonium.conditioning import Conditioned, Conditions
from harmonium.errors import InputError
from harmonium.exact import missing as enumerated
from harmonium.likelihood import can_be_exact
from harmonium.likelihood.equilibrium import RUNGS, Z_LIMIT, draw_noise, sample_by_tempering
from harmonium.model import RBM, in_float64
from harmonium.random import key_of
from harmonium.samplers import gibbs
from harmonium.samplers.gibbs import sweep_many
from harmonium.units import Units

__all__ = ["Draws", "draw", "sample"]

METHODS = ("auto", "exact", "tempering", "gibbs")
SWEEPS = 1000
"""Of a Gibbs chain."""
MIN_LADDERS, MAX_LADDERS = 64, 512
"""Of tempered chains. More draws than that are several of each ladder."""
ENOUGH_STEPS = 400
"""Of tempering. If all ladders together cannot make as many, there are fewer ladders."""
QUENCHES, QUENCH_SWEEPS = 256, 50
"""Chains from noise, among whose ends the likeliest state is a start, and the directions of the ends a test of equilibrium."""
RELAXATIONS = 3
"""That chains of correlated columns need: e^-3 of the start is left then."""
MIN_PROBABILITY = 1e-6
"""Of conditions; draws under less probable ones come with a warning."""
MAX_WORK = 4e11
"""Multiplications that tempering may take, for however many draws, unless `sweeps` is given: some 20 s on two cores.

It takes more only where its least is more: 200 steps of 64 ladders, and a Gibbs sweep for every further draw of a ladder."""


class Draws(NamedTuple):
    """`values`: the drawn rows. `method`: how, in words. `warnings`: reasons not to trust their proportions.

    `probability`: of the conditions `where`, fixed columns included: the fraction of the model's rows that fulfill them. None
    without any, where it is not enumerated, and where real columns are fixed, which has a density alone.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> draws = hm.sampling.draw(rbm, 10, seed=0)
        >>> isinstance(draws, hm.sampling.Draws), draws.values.shape, draws.warnings
        (True, (10, 2), [])
    """

    values: Float[np.ndarray, "n visible"]
    method: str
    warnings: list[str]
    probability: float | None = None


def sample(
    rbm: RBM,
    n: int,
    seed: int = 0,
    *,
    clamp: Mapping[int, float] | ArrayLike | None = None,
    where: Conditions | None = None,
    method: str = "auto",
    sweeps: int | None = None,
    start: ArrayLike | None = None,
) -> Float[np.ndarray, "n visible"]:
    """`n` draws of v from p(v), or p(v | conditions); `harmonium.sampling.draw` says besides how they were obtained.

    Args:
        rbm: the model.
        n: number of rows.
        seed: of all random numbers.
        clamp: fixed visible columns: `{column: value}`, or an array `[V]` or `[n, V]` with NaN where a column is free. A
            categorical unit is fixed by the column that is 1. Or a text: `v1=1,v3=0`, `v1..v8=0` or a pattern `1??0`.
        where: conditions on the values of units, such as `harmonium.tabular.conditions` makes of texts. All draws fulfill
            them, and none is drawn in vain.
        method: `exact`, independent draws by enumeration; `tempering`, chains at a ladder of temperatures, whose
            equilibrium is checked; `gibbs`, the ends of n Gibbs chains, which is not checked; or `auto`, exact where that
            takes some ten seconds at most, tempering elsewhere (Gibbs chains where each row has a clamp of its own).
        sweeps: of each chain; by default 1,000 Gibbs sweeps, and as many steps of tempering as equilibrium takes, within
            some 20 seconds on two cores.
        start: `[n, V]`, where Gibbs chains start; by default draws of the visible units alone.

    Warns:
        UserWarning: the draws may have wrong proportions, as tempered chains are not in equilibrium, or as many draws of a
            large model are only some Gibbs sweeps apart (with `sweeps` all are of tempered chains); or the conditions have a
            probability below 1e-6.

    Raises:
        InputError: a malformed model, values outside the units' domain, conditions that no row fulfills, an argument out of
            range, a method that cannot draw from this model or clamp, or draws that are not finite.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> v = hm.sample(rbm, 1000, clamp="v2=1", seed=0)
        >>> v.shape, v[:, 1].min()
        ((1000, 2), np.float64(1.0))
    """
    drawn = draw(rbm, n, seed, clamp=clamp, where=where, method=method, sweeps=sweeps, start=start)
    for warning in drawn.warnings:
        warnings.warn(warning, stacklevel=2)
    return drawn.values


@np.errstate(all="ignore")
def draw(
    rbm: RBM,
    n: int,
    seed: int = 0,
    *,
    clamp: Mapping[int, float] | ArrayLike | None = None,
    where: Conditions | None = None,
    method: str = "auto",
    sweeps: int | None = None,
    start: ArrayLike | None = None,
) -> Draws:
    """The draws of `harmonium.sample`, how they were obtained, and its warnings.

    Args:
        rbm, n, seed, clamp, where, method, sweeps, start: as `sample` takes them.

    Raises:
        InputError: as `harmonium.sample`.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.sampling.draw(rbm, 10, seed=0).method
        'exact'
    """
    model.validate(rbm)
    n, _ = _checks.integer(n, "n"), _checks.choice(method, METHODS, "method")
    if sweeps is not None:
        _checks.integer(sweeps, "sweeps")
    if start is not None and method != "gibbs":
        raise InputError(f"start is where Gibbs chains start: ask for method 'gibbs', not {method!r}")
    fixed = None if clamp is None else _read_clamp(rbm.visible, clamp, n)
    if fixed is not None and fixed.ndim == 2:
        if where is not None:
            raise InputError("where takes one clamp for all draws, but there is one for each")
        if method == "exact" or (method == "auto" and enumerated.cheap_rows(in_float64(rbm), fixed).all()):
            v = enumerated.draw_missing(rbm, fixed, 1, key_of(seed))[0]
            return Draws(_checks.finite_result(v.astype(own_dtype(rbm)), "the result"), "exact", [])
        if method == "tempering":
            raise InputError("tempering takes one clamp for all draws; with one for each, use the method 'gibbs'")
        return _draw_by_gibbs(rbm, n, seed, fixed, sweeps or SWEEPS, _read_start(Conditioned.without(rbm), rbm, start, n))
    given = _condition(rbm, fixed, where)
    if method == "gibbs":
        v, how, doubts = _draw_by_gibbs(given.rbm, n, seed, None, sweeps or SWEEPS, _read_start(given, rbm, start, n))[:3]
        doubts += _doubt_relaxation(given, sweeps or SWEEPS)
    elif method == "exact" or (method == "auto" and can_be_exact(given.rbm)):
        v, how, doubts = exact.sample(given.rbm, n, seed), "exact", list[str]()
    else:
        v, how, doubts, made = _draw_by_tempering(given.rbm, n, key_of(seed), sweeps)
        doubts += _doubt_relaxation(given, made)
    v = given.restore(v.astype(own_dtype(rbm)))
    probability = None if where is None else _probability(rbm, given)
    if probability is not None and probability < MIN_PROBABILITY:
        doubts = [*doubts, f"the conditions have a probability of {probability:.1g}: draws may be unlike any data"]
    return Draws(_checks.finite_result(v, "the result"), how, doubts, probability)


def _condition(rbm: RBM, fixed: Float[np.ndarray, "visible"] | None, where: Conditions | None) -> Conditioned:
    """The model with units fixed and under conditions."""
    if fixed is None and where is None:
        return Conditioned.without(rbm)
    if where is not None:
        _checks.instance(where, Conditions, "where", "conditions as hm.tabular.conditions makes them")
    allowed, forbid = Conditions({}) if where is None else where
    units = len(rbm.visible.boundaries) - 1
    for unit in {*allowed}.union(*forbid):
        if not 0 <= _checks.integer(unit, "a unit in where", 0) < units:
            raise InputError(f"where has a condition on visible unit {unit}, but the visible units are 0 to {units - 1}")
    known = {} if fixed is None else conditioning.fix(rbm.visible, fixed)
    bounds = rbm.visible.boundaries
    for unit in known.keys() & allowed.keys():
        known[unit] = conditioning.intersect(known[unit], allowed[unit])
        if not known[unit]:
            first, end = bounds[unit], bounds[unit + 1]
            name = f"v{first + 1}" if end == first + 1 else f"v{first + 1}..v{end}"
            value = " ".join(f"{value:g}" for value in np.asarray(fixed)[first:end])
            words = f"the conditions on {name} exclude the value that is fixed, {value}"
            raise InputError(f"clamp and where contradict each other: {words}")
    return conditioning.condition(rbm, Conditions({**allowed, **known}, forbid))


def _doubt_relaxation(given: Conditioned, sweeps: int) -> list[str]:
    """What is to be said where chains had too few sweeps to forget their starts, which all may have in common."""
    wanted = RELAXATIONS * given.relaxation
    if sweeps >= wanted:
        return []
    why = f"columns with conditions depend on each other so closely that chains forget their start in some {wanted:.2g} sweeps"
    return [f"the draws may have wrong proportions: {why}, but made {sweeps:,}; set sweeps to {math.ceil(wanted)}"]


def _probability(rbm: RBM, given: Conditioned) -> float | None:
    """p(conditions), where it takes seconds to enumerate."""
    if given.has_density or not (can_be_exact(rbm) and can_be_exact(given.rbm)):
        return None
    log_z, conditioned = exact.log_partition(rbm), exact.log_partition(given.rbm)
    with float64():
        return min(1.0, float(np.exp(given.log_probability(in_float64(rbm), log_z, conditioned))))


# ---- by tempering


def _draw_by_tempering(rbm: RBM, n: int, key: Key, steps: int | None) -> tuple[np.ndarray, str, list[str], int]:
    start_key, run_key, order_key = jax.random.split(key, 3)
    # Of a sweep on one rung: products and random numbers of each ladder, and the overhead of the call.
    of_ladder, overhead = 3 * rbm.weights.size + 400 * sum(rbm.weights.shape), 1e6
    affordable = MAX_LADDERS if steps else int((MAX_WORK / (RUNGS * ENOUGH_STEPS) - overhead) / of_ladder)
    ladders = max(MIN_LADDERS, min(n, MAX_LADDERS, affordable))
    with own_precision(rbm):
        target = in_own_precision(rbm)
        rows, likeliest = (np.asarray(part) for part in _quench(start_key, target))
        samples = sample_by_tempering(
            run_key,
            model.infinite_temperature(target),
            target,
            rows,
            ladders,
            start=likeliest,
            steps=steps,
            max_sweeps=MAX_WORK / (ladders * of_ladder + overhead),
            draws=n,
        )
        order = np.asarray(jax.random.permutation(order_key, len(samples.v)))
    v = np.asarray(samples.v)[order[:n]]
    how = f"tempered chains, {samples.steps:,} sweeps on {samples.rungs} temperatures"
    words = []
    if not samples.converged:
        words.append(
            f"chains from noise and from the likeliest state differ by {samples.z:.1f} standard errors (limit {Z_LIMIT})"
        )
    if samples.round_trips < ladders:
        words.append(f"{samples.round_trips} states went through all temperatures and back, in {ladders} ladders")
    if samples.gibbs_sweeps:
        apart = "a Gibbs sweep" if samples.gibbs_sweeps == 1 else f"{samples.gibbs_sweeps} Gibbs sweeps"
        words.append(f"each of {ladders} ladders gives {-(-n // ladders)} draws, only {apart} apart")
    doubt = f"the draws may have wrong proportions: after {samples.steps:,} sweeps {'; '.join(words)}"
    doubt += f"; for longer chains, without a limit of work, set sweeps to {2 * samples.steps}, say"
    return v, how, [doubt] if words else [], samples.steps


@jax.jit
def _quench(key: Key, rbm: RBM) -> tuple[Float[Array, "quenches visible"], Float[Array, "visible"]]:
    """The ends of short chains from noise, and the likeliest of them."""
    v_key, h_key, sweep_key = jax.random.split(key, 3)
    v = draw_noise(v_key, rbm, QUENCHES)
    h = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, v))
    ends = sweep_many(sweep_key, rbm, h, QUENCH_SWEEPS)
    return ends.v, ends.v[jnp.argmin(model.free_energy(rbm, ends.v, ends.hidden_inputs))]


# ---- by Gibbs chains


def _read_start(given: Conditioned, rbm: RBM, start: ArrayLike | None, n: int) -> np.ndarray | None:
    """Starts of Gibbs chains as rows of the conditioned model."""
    if start is None:
        return None
    rows = rbm.visible.check(start, "start").astype(own_dtype(rbm))
    if rows.shape != (n, rbm.visible.size):
        raise InputError(f"start must have shape [{n}, {rbm.visible.size}], but has {list(rows.shape)}")
    return given.enter(rows)


def _draw_by_gibbs(
    rbm: RBM, n: int, seed: int, fixed: Float[np.ndarray, "n visible"] | None, sweeps: int, start: np.ndarray | None
) -> Draws:
    with own_precision(rbm):
        ends = _run_gibbs(in_own_precision(rbm), key_of(seed), fixed, start, chains=n, sweeps=sweeps)
        # Waiting first turns a lack of memory into an error; np.asarray of what failed ends the process.
        v = np.asarray(jax.block_until_ready(ends))
    return Draws(_checks.finite_result(v, "the result"), f"Gibbs chains, {sweeps:,} sweeps, equilibrium not checked", [])


@partial(jax.jit, static_argnames=("chains", "sweeps"))
def _run_gibbs(
    rbm: RBM, key: Key, fixed: Array | None, start: Array | None, *, chains: int, sweeps: int
) -> Float[Array, "chains visible"]:
    init_key, start_key, step_key = jax.random.split(key, 3)
    sampler = gibbs(chains, sweeps, fixed)
    state = sampler.init(init_key, rbm)
    if start is not None:
        v = start if fixed is None else jnp.where(jnp.isnan(fixed), start, fixed)
        state = state._replace(v=v, h=rbm.hidden.sample(start_key, model.hidden_inputs(rbm, v)))
    return sampler.step(step_key, rbm, state)[0].v


# ---- clamps


def _read_clamp(units: Units, clamp: Mapping[int, float] | ArrayLike, n: int) -> Float[np.ndarray, "*n visible"]:
    """The values of the fixed columns, NaN where a column is free."""
    if isinstance(clamp, str):
        fixed = _read_clamp_text(units, clamp)
    elif isinstance(clamp, Mapping):
        fixed = np.full(units.size, np.nan)
        for column, value in clamp.items():
            if isinstance(column, bool) or not isinstance(column, (int, np.integer)) or not 0 <= column < units.size:
                raise InputError(f"clamp names column {column!r}, but the visible columns are 0 to {units.size - 1}")
            fixed[column] = _checks.finite(value, f"clamp of column {column}")
    else:
        fixed = _checks.numeric_array(clamp, "clamp").astype(np.float64)
        if fixed.shape not in ((units.size,), (n, units.size)):
            raise InputError(f"clamp must have shape [{units.size}] or [{n}, {units.size}], but has {list(fixed.shape)}")
    fixed = _complete_units(units, fixed)
    # Free columns are checked as if they held permissible values.
    units.check(np.where(np.isnan(fixed), units.zero_state, fixed), "clamp")
    return fixed


def _read_clamp_text(units: Units, text: str) -> Float[np.ndarray, "visible"]:
    """The values of the fixed columns: of a pattern such as `1??0`, or of `v1=1,v3=0` or `v1..v8=0`.

    Raises:
        InputError: the text is neither, or names units or values that do not exist.
    """
    values = np.full(units.size, np.nan)
    if "=" not in text:
        cleaned = text.replace(" ", "").replace(",", "")
        # A free unit is read as if it were in its first state.
        first = [(symbols or "?")[0] for symbols in units.unit_symbols] + list(cleaned[len(units.unit_symbols) :])
        filled = [own if character == "?" else character for character, own in zip(cleaned, first, strict=False)]
        state = units.read("".join(filled), "clamp")
        is_clamped = np.repeat([character != "?" for character in cleaned], np.diff(units.boundaries))
        return np.where(is_clamped, state, np.nan)
    for part in filter(None, text.replace(" ", ",").split(",")):
        match = re.fullmatch(r"v(\d+)(?:\.\.v(\d+))?=(\S+)", part)
        if not match:
            raise InputError(f"clamp {part!r}: write v1=1,v3=0 or v1..v8=0 (v1 is the first unit), or a pattern 1??0")
        start, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= start <= last <= units.size:
            raise InputError(f"clamp {part!r}: the visible units are v1 to v{units.size}")
        try:
            value = float(match[3])
        except ValueError:
            value = np.nan
        if np.isnan(value):  # which would set the unit free
            raise InputError(f"clamp {part!r}: {match[3]!r} is not a number")
        values[start - 1 : last] = value
    return values


def _complete_units(units: Units, fixed: Float[np.ndarray, "*n visible"]) -> Float[np.ndarray, "*n visible"]:
    """The columns of a unit are fixed together: one that is fixed at 1 fixes the others of its unit at 0."""
    fixed = fixed.copy()
    for first, end in pairwise(units.boundaries):
        if end - first == 1:
            continue
        unit = fixed[..., first:end]  # a view
        unit[(unit == 1).any(axis=-1, keepdims=True) & np.isnan(unit)] = 0
        partly = np.isnan(unit).any(axis=-1) & ~np.isnan(unit).all(axis=-1)
        if partly.any():
            raise InputError(
                f"clamp must fix columns {first} to {end - 1} together, as they are one unit: give the one that is 1, or all"
            )
    return fixed
