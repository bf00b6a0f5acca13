"""The functions of `harmonium.*`: inputs checked, a seed in place of keys, NumPy arrays out.

A float64 model (one made from Python numbers) is computed in float64, a float32 one (a trained one) in float32. Under
`jax.jit`, `jax.grad` or `jax.vmap` use the functions of `harmonium.model`, which these call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._numerics import in_own_precision, own_dtype, own_precision
from harmonium._types import Array, ArrayLike, Key
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers import Sampler, gibbs
from harmonium.units import Units


def energy(rbm: RBM, v: ArrayLike, h: ArrayLike) -> Float[np.ndarray, "*rows"]:
    """E(v, h) = -v . weights . h + visible.energy(v) + hidden.energy(h) for each row of `v [..., V]` and `h [..., H]`.

    For binary units -sum_ij w_ij v_i h_j - sum_i a_i v_i - sum_j b_j h_j. In nats at temperature 1.

    Raises:
        InputError: a malformed model, a wrong number of columns, a value outside the units' domain, or an energy that is not
            finite.
    """
    v, h = _states(rbm, v, "visible"), _states(rbm, h, "hidden")
    axes = zip(reversed(v.shape[:-1]), reversed(h.shape[:-1]), strict=False)
    if any(m != n and 1 not in (m, n) for m, n in axes):
        raise InputError(f"v and h must have the same number of rows, but have shapes {list(v.shape)} and {list(h.shape)}")
    return _call(_energy, rbm, v, h)


def free_energy(rbm: RBM, v: ArrayLike) -> Float[np.ndarray, "*rows"]:
    """F(v) = -ln sum_h exp(-E(v, h)) for each row of `v [..., V]`, in nats; ln p(v) = -F(v) - ln Z. Raises as `energy`."""
    return _call(_free_energy, rbm, _states(rbm, v, "visible"))


def hidden_given_visible(rbm: RBM, v: ArrayLike) -> Float[np.ndarray, "*rows hidden"]:
    """E[h | v] for each row of `v [..., V]`; for binary units p(h_j = 1 | v) = 1 / (1 + exp(-(b_j + sum_i w_ij v_i))).
    Raises as `energy`.
    """
    return _call(_hidden_mean, rbm, _states(rbm, v, "visible"))


def visible_given_hidden(rbm: RBM, h: ArrayLike) -> Float[np.ndarray, "*rows visible"]:
    """E[v | h] for each row of `h [..., H]`; for binary units p(v_i = 1 | h) = 1 / (1 + exp(-(a_i + sum_j w_ij h_j))).
    Raises as `energy`.
    """
    return _call(_visible_mean, rbm, _states(rbm, h, "hidden"))


def sample(
    rbm: RBM,
    n: int,
    seed: int = 0,
    *,
    clamp: Mapping[int, float] | ArrayLike | None = None,
    sweeps: int = 1000,
    start: ArrayLike | None = None,
) -> Float[np.ndarray, "n visible"]:
    """`n` draws of v: the ends of n independent Gibbs chains of `sweeps` sweeps.

    The draws approach p(v) (or p(v | clamped)) as `sweeps` grows; `harmonium.exact.sample` draws from p(v) itself where the
    model can be enumerated.

    Args:
        clamp: fixed visible columns: `{column: value}`, or an array `[V]` or `[n, V]` with NaN where a column is free. A
            categorical unit is fixed by the column that is 1. Or a text: `v1=1,v3=0`, `v1..v8=0` or a pattern `1??0`.
        start: `[n, V]`, where the chains start; by default draws of the visible units alone.

    Raises:
        InputError: as `energy`; or n, sweeps, seed or clamp is out of range.
    """
    model.validate(rbm)
    n, sweeps = _checks.integer(n, "n"), _checks.integer(sweeps, "sweeps")
    fixed = None if clamp is None else _read_clamp(rbm.visible, clamp, n)
    if start is not None:
        start = _states(rbm, start, "visible", "start")
        if start.shape != (n, rbm.visible.size):
            raise InputError(f"start must have shape [{n}, {rbm.visible.size}], but has {list(start.shape)}")
    return _call(_run_gibbs, rbm, key_of(seed), fixed, start, chains=n, sweeps=sweeps)


def sample_chains(
    rbm: RBM, sampler: Sampler, steps: int = 1000, *, state: Any = None, seed: int | None = None
) -> tuple[Float[np.ndarray, "chains visible"], Any]:
    """`steps` steps of a sampler's chains: their v afterwards, and the state from which to go on.

    Args:
        sampler: `gibbs(...)`, `parallel_tempering(...)` or `trajectory_tempering(...)`; make it once, it is compiled once.
        state: of an earlier call; by default chains start anew. seed: 0 by default. With a state it must be given, another one
            at each call: the same random numbers again would make chains alike.

    Raises:
        InputError: a malformed model, a state of another model or sampler, or steps or seed out of range or missing.
    """
    model.validate(rbm)
    _checks.instance(sampler, Sampler, "sampler", "a sampler such as harmonium.gibbs()")
    steps = _checks.integer(steps, "steps")
    if state is not None and seed is None:
        raise InputError("seed must be given with a state, another one at each call: the same numbers would be drawn again")
    init_key, step_key = jax.random.split(key_of(0 if seed is None else seed))
    with own_precision(rbm):
        rbm = in_own_precision(rbm)
        if state is None:
            state = sampler.init(init_key, rbm)
        elif _form(state) != _form(jax.eval_shape(sampler.init, init_key, rbm)):
            raise InputError(f"state must be one of this sampler on {rbm!r}, but it has another form")
        state, v = jax.block_until_ready(_run(sampler, step_key, rbm, state, jnp.asarray(steps)))
        return _checks.finite_result(np.asarray(v), "the sample"), state


def _form(state: object) -> Any:
    leaves = [np.asarray(leaf) if not hasattr(leaf, "dtype") else leaf for leaf in jax.tree.leaves(state)]
    return jax.tree.structure(state), [(np.shape(leaf), np.dtype(leaf.dtype)) for leaf in leaves]


def reconstruct(rbm: RBM, v: ArrayLike, draws: int = 100, seed: int = 0) -> Float[np.ndarray, "*rows visible"]:
    """E[v' | v] under p(v'|v) = sum_h p(v'|h) p(h|v) for each row of `v [..., V]`: the mean over `draws` draws of h ~ p(h|v).

    Raises:
        InputError: as `energy`; or draws or seed is out of range.
    """
    v = _states(rbm, v, "visible")
    return _call(_reconstruct, rbm, v, key_of(seed), draws=_checks.integer(draws, "draws"))


# ---- how they are called


def _call(function: Callable[..., Array], rbm: RBM, *arguments: Any, **settings: int) -> np.ndarray:
    with own_precision(rbm):
        # Waiting first turns a lack of memory into an error; np.asarray of what failed ends the process.
        result = np.asarray(jax.block_until_ready(function(in_own_precision(rbm), *arguments, **settings)))
    return _checks.finite_result(result, "the result")


def _states(rbm: RBM, x: ArrayLike, layer: str, name: str | None = None) -> np.ndarray:
    units: Units = getattr(model.validate(rbm), layer)
    return units.check(x, name or ("v" if layer == "visible" else "h")).astype(own_dtype(rbm))


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


_energy = jax.jit(model.energy)
_free_energy = jax.jit(model.free_energy)
_hidden_mean = jax.jit(model.hidden_mean)
_visible_mean = jax.jit(model.visible_mean)


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


@partial(jax.jit, static_argnums=0)
def _run(sampler: Sampler, key: Key, rbm: RBM, state: Any, steps: Array) -> tuple[Any, Float[Array, "chains visible"]]:
    def step(i: Array, carry: tuple[Any, Array]) -> tuple[Any, Array]:
        state, samples = sampler.step(jax.random.fold_in(key, i), rbm, carry[0])
        return state, samples.v

    form = jax.eval_shape(sampler.step, key, rbm, state)[1].v
    return jax.lax.fori_loop(jnp.zeros_like(steps), steps, step, (state, jnp.zeros(form.shape, form.dtype)))


@partial(jax.jit, static_argnames="draws")
def _reconstruct(rbm: RBM, v: Float[Array, "*rows visible"], key: Key, *, draws: int) -> Float[Array, "*rows visible"]:
    inputs = model.hidden_inputs(rbm, v)

    def add(i: Array, total: Array) -> Array:
        return total + _visible_mean(rbm, rbm.hidden.sample(jax.random.fold_in(key, i), inputs))

    return jax.lax.fori_loop(0, draws, add, jnp.zeros_like(v)) / draws
