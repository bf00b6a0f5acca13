"""The functions of `harmonium.*`: inputs checked, a seed in place of keys, NumPy arrays out.

A float64 machine (one made from Python numbers) is computed in float64, a float32 one (a trained one) in float32. Under
`jax.jit`, `jax.grad` or `jax.vmap` use the functions of `harmonium.model`, which these call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import _checks, model
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers import Sampler, gibbs
from harmonium.units import Units


def energy(rbm: RBM, v: Any, h: Any) -> np.ndarray:
    """E(v, h) = -v . weights . h + visible.energy(v) + hidden.energy(h) for each row, `[..., V], [..., H] -> [...]`.

    For binary units -sum_ij w_ij v_i h_j - sum_i a_i v_i - sum_j b_j h_j. In nats at temperature 1.

    Raises:
        InputError: a malformed machine, a wrong number of columns, or a value outside the units' domain.
    """
    v, h = _states(rbm, v, "visible"), _states(rbm, h, "hidden")
    try:
        _ = v[..., 0] + h[..., 0]
    except ValueError as error:
        raise InputError(f"v and h must have as many rows, but have shapes {list(v.shape)} and {list(h.shape)}") from error
    return _call(_energy, rbm, v, h)


def free_energy(rbm: RBM, v: Any) -> np.ndarray:
    """F(v) = -ln sum_h exp(-E(v, h)) for each row, `[..., V] -> [...]`, in nats; ln p(v) = -F(v) - ln Z.

    Raises:
        InputError: as `energy`.
    """
    return _call(_free_energy, rbm, _states(rbm, v, "visible"))


def hidden_given_visible(rbm: RBM, v: Any) -> np.ndarray:
    """E[h | v], for binary units p(h_j = 1 | v) = 1 / (1 + exp(-(b_j + sum_i w_ij v_i))), `[..., V] -> [..., H]`.

    Raises:
        InputError: as `energy`.
    """
    return _call(_hidden_mean, rbm, _states(rbm, v, "visible"))


def visible_given_hidden(rbm: RBM, h: Any) -> np.ndarray:
    """E[v | h], for binary units p(v_i = 1 | h) = 1 / (1 + exp(-(a_i + sum_j w_ij h_j))), `[..., H] -> [..., V]`.

    Raises:
        InputError: as `energy`.
    """
    return _call(_visible_mean, rbm, _states(rbm, h, "hidden"))


def at_temperature(rbm: RBM, temperature: float) -> RBM:
    """The machine whose distribution is that of `rbm` at `temperature` T: every parameter divided by T.

    Every function then honors the temperature: its energy is E / T, its Z that of exp(-E / T).

    Raises:
        InputError: T is not a positive number, or the machine is malformed.
    """
    return model.at_temperature(model.validate(rbm), _checks.positive(temperature, "temperature"))


def sample(
    rbm: RBM,
    n: int,
    seed: int = 0,
    *,
    clamp: Mapping[int, float] | Any = None,
    sweeps: int = 1000,
    start: Any = None,
) -> np.ndarray:
    """`n` draws of v `[n, V]`: the ends of n independent Gibbs chains of `sweeps` sweeps.

    The draws approach p(v) (or p(v | clamped)) as `sweeps` grows; `harmonium.exact.sample` draws from p(v) itself where the
    machine can be enumerated.

    Args:
        clamp: visible columns to hold: `{column: value}`, or an array `[V]` or `[n, V]` with NaN where a column is free. A
            categorical unit is held by the column that is 1. Or a text: `v1=1,v3=0`, `v1..v8=0` or a pattern `1??0`.
        start: v `[n, V]` to start from; by default the units' own biases draw it.

    Raises:
        InputError: as `energy`; or n, sweeps, seed or clamp is out of range.
    """
    model.validate(rbm)
    n, sweeps = _checks.integer(n, "n"), _checks.integer(sweeps, "sweeps")
    held = None if clamp is None else _clamp(rbm, clamp, n)
    if start is not None:
        start = _states(rbm, start, "visible")
        if start.shape != (n, rbm.visible.size):
            raise InputError(f"start must have shape [{n}, {rbm.visible.size}], but has {list(start.shape)}")
    return _call(_chains_ends, rbm, key_of(seed), held, start, chains=n, sweeps=sweeps)


def sample_chains(
    rbm: RBM, sampler: Sampler, steps: int = 1000, *, state: Any = None, seed: int | None = None
) -> tuple[np.ndarray, Any]:
    """`steps` steps of a sampler's chains: the v that they then hold `[C, V]`, and the state from which to go on.

    Args:
        sampler: `gibbs(...)`, `parallel_tempering(...)` or `trajectory(...)`; make it once, it is compiled once.
        state: of an earlier call; by default chains begin anew. seed: 0 by default; to go on from a state takes another one
            each time, because the same random numbers again would make chains alike.

    Raises:
        InputError: a malformed machine, a state of another machine or sampler, or steps or seed out of range or missing.
    """
    model.validate(rbm)
    steps = _checks.integer(steps, "steps")
    if state is not None and seed is None:
        raise InputError("seed must be given with a state, and be another at each call: the same numbers would be drawn again")
    init_key, step_key = jax.random.split(key_of(0 if seed is None else seed))
    with precision(rbm):
        machine = jax.tree.map(jnp.asarray, _floating(rbm))
        if state is None:
            state = sampler.init(init_key, machine)
        elif _form(state) != _form(jax.eval_shape(sampler.init, init_key, machine)):
            raise InputError(f"state must be one of this sampler on {rbm!r}, but it has another form")
        state, v = jax.block_until_ready(_run(sampler, step_key, machine, state, jnp.asarray(steps)))
        return np.asarray(v), state


def _form(state: Any) -> Any:
    return jax.tree.structure(state), [(np.shape(leaf), np.dtype(leaf.dtype)) for leaf in jax.tree.leaves(state)]


def reconstruct(rbm: RBM, v: Any, draws: int = 100, seed: int = 0) -> np.ndarray:
    """E[v' | v] under p(v'|v) = sum_h p(v'|h) p(h|v), `[..., V] -> [..., V]`: the mean over `draws` draws of h ~ p(h|v).

    Raises:
        InputError: as `energy`; or draws or seed is out of range.
    """
    v = _states(rbm, v, "visible")
    return _call(_reconstruction, rbm, v, key_of(seed), draws=_checks.integer(draws, "draws"))


# ---- how they are called


def precision(rbm: RBM) -> AbstractContextManager[Any]:
    """A scope in which JAX computes in the machine's own precision."""
    widest = max(np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(rbm))
    return jax.enable_x64(widest > 4)


def _call(function: Callable[..., Any], rbm: RBM, *arguments: Any, **settings: int) -> np.ndarray:
    with precision(rbm):
        # Waiting first turns a lack of memory into an error; np.asarray of what failed ends the process.
        return np.asarray(jax.block_until_ready(function(_floating(rbm), *arguments, **settings)))


def _floating(rbm: RBM) -> RBM:
    return jax.tree.map(lambda leaf: leaf * 1.0 if np.dtype(leaf.dtype).kind != "f" else leaf, rbm)


def _states(rbm: RBM, x: Any, layer: str) -> np.ndarray:
    units: Units = getattr(model.validate(rbm), layer)
    return units.check(x, "v" if layer == "visible" else "h").astype(np.result_type(*jax.tree.leaves(rbm), np.float32))


def _clamp(rbm: RBM, clamp: Any, n: int) -> np.ndarray:
    size = rbm.visible.size
    if isinstance(clamp, str):
        held = _read_clamp(rbm.visible, clamp)
    elif isinstance(clamp, Mapping):
        held = np.full(size, np.nan)
        for column, value in clamp.items():
            if isinstance(column, bool) or not isinstance(column, (int, np.integer)) or not 0 <= column < size:
                raise InputError(f"clamp names column {column!r}, but the visible columns are 0 to {size - 1}")
            held[column] = value
    else:
        held = _checks.numeric_array(clamp, "clamp").astype(np.float64)
        if held.shape not in ((size,), (n, size)):
            raise InputError(f"clamp must have shape [{size}] or [{n}, {size}], but has {list(held.shape)}")
    held = _whole_units(rbm.visible, held)
    # Free columns are checked as if they held what a held column may hold.
    rbm.visible.check(np.where(np.isnan(held), rbm.visible.zero_state, held), "clamp")
    return held


def _read_clamp(units: Units, text: str) -> np.ndarray:
    """The values to hold `[V]`, NaN where free: a pattern such as `1??0`, or `v1=1,v3=0` or `v1..v8=0`.

    Raises:
        InputError: the text is neither, or has units or values that there are not.
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


def _whole_units(units: Units, held: np.ndarray) -> np.ndarray:
    """The columns of a unit are held together: one that is held at 1 holds the unit's others at 0."""
    held = held.copy()
    for first, end in pairwise(units.boundaries):
        if end - first == 1:
            continue
        unit = held[..., first:end]  # a view
        unit[(unit == 1).any(axis=-1, keepdims=True) & np.isnan(unit)] = 0
        partly = np.isnan(unit).any(axis=-1) & ~np.isnan(unit).all(axis=-1)
        if partly.any():
            raise InputError(
                f"clamp must hold columns {first} to {end - 1}, which are one unit, together: hold the one that is 1, or all"
            )
    return held


_energy = jax.jit(model.energy)
_free_energy = jax.jit(model.free_energy)


@jax.jit
def _hidden_mean(rbm: RBM, v: Any) -> Any:
    return rbm.hidden.mean(model.hidden_inputs(rbm, v))


@jax.jit
def _visible_mean(rbm: RBM, h: Any) -> Any:
    return rbm.visible.mean(model.visible_inputs(rbm, h))


@partial(jax.jit, static_argnames=("chains", "sweeps"))
def _chains_ends(rbm: RBM, key: Any, held: Any, start: Any, *, chains: int, sweeps: int) -> Any:
    init_key, start_key, step_key = jax.random.split(key, 3)
    sampler = gibbs(chains, sweeps, held)
    state = sampler.init(init_key, rbm)
    if start is not None:
        v = start if held is None else jnp.where(jnp.isnan(held), start, held)
        state = state._replace(v=v, h=rbm.hidden.sample(start_key, model.hidden_inputs(rbm, v)))
    return sampler.step(step_key, rbm, state)[0].v


@partial(jax.jit, static_argnums=0)
def _run(sampler: Sampler, key: Any, rbm: RBM, state: Any, steps: Any) -> tuple[Any, Any]:
    def step(number: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        state, samples = sampler.step(jax.random.fold_in(key, number), rbm, carry[0])
        return state, samples.v

    form = jax.eval_shape(sampler.step, key, rbm, state)[1].v
    return jax.lax.fori_loop(jnp.zeros_like(steps), steps, step, (state, jnp.zeros(form.shape, form.dtype)))


@partial(jax.jit, static_argnames="draws")
def _reconstruction(rbm: RBM, v: Any, key: Any, *, draws: int) -> Any:
    inputs = model.hidden_inputs(rbm, v)

    def add(i: Any, total: Any) -> Any:
        return total + _visible_mean(rbm, rbm.hidden.sample(jax.random.fold_in(key, i), inputs))

    return jax.lax.fori_loop(0, draws, add, jnp.zeros_like(v)) / draws
