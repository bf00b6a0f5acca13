"""The functions of `harmonium.*`: inputs checked, a seed in place of keys, NumPy arrays out.

A float64 model (one made from Python numbers) is computed in float64, a float32 one (a trained one) in float32. Under
`jax.jit`, `jax.grad` or `jax.vmap` use the functions of `harmonium.model`, which these call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
from harmonium.samplers import Sampler
from harmonium.units import Units


def energy(rbm: RBM, v: ArrayLike, h: ArrayLike, *, expected: bool = False) -> Float[np.ndarray, "*rows"]:
    """E(v, h) = -v . weights . h + visible.energy(v) + hidden.energy(h) for each row of `v [..., V]` and `h [..., H]`.

    For binary units -sum_ij w_ij v_i h_j - sum_i a_i v_i - sum_j b_j h_j. In nats at temperature 1.

    Args:
        rbm: the model.
        v: rows `[..., V]`.
        h: rows `[..., H]`.
        expected: v and h may hold expected values of the units, such as gray levels as probabilities of binary ones.

    Raises:
        InputError: a malformed model, a wrong number of columns, a value outside the units' domain, or an energy that is not
            finite.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.energy(rbm, [0, 1], [1, 1])
        array(-1.)
    """
    v, h = _states(rbm, v, "visible", expected), _states(rbm, h, "hidden", expected)
    axes = zip(reversed(v.shape[:-1]), reversed(h.shape[:-1]), strict=False)
    if any(m != n and 1 not in (m, n) for m, n in axes):
        raise InputError(f"v and h must have the same number of rows, but have shapes {list(v.shape)} and {list(h.shape)}")
    return _call(_energy, rbm, v, h)


def free_energy(rbm: RBM, v: ArrayLike, *, expected: bool = False) -> Float[np.ndarray, "*rows"]:
    """F(v) = -ln sum_h exp(-E(v, h)) for each row of `v [..., V]`, in nats; ln p(v) = -F(v) - ln Z. For
    expected values -F(v) is at most its mean over rows drawn with those expectations.

    Args:
        rbm: the model.
        v: rows `[..., V]`.
        expected: as in `energy`.

    Raises:
        InputError: as `energy`.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.free_energy(rbm, [[0, 1], [1, 1]]).round(6)
        array([-1.948154, -2.626523])
    """
    return _call(_free_energy, rbm, _states(rbm, v, "visible", expected))


def hidden_given_visible(rbm: RBM, v: ArrayLike, *, expected: bool = False) -> Float[np.ndarray, "*rows hidden"]:
    """E[h | v] for each row of `v [..., V]`; for binary units p(h_j = 1 | v) = 1 / (1 + exp(-(b_j + sum_i w_ij v_i))).


    Args:
        rbm: the model.
        v: rows `[..., V]`.
        expected: as in `energy`.

    Raises:
        InputError: as `energy`.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.hidden_given_visible(rbm, [0, 1]).round(6)
        array([0.622459, 0.622459])
    """
    return _call(_hidden_mean, rbm, _states(rbm, v, "visible", expected))


def visible_given_hidden(rbm: RBM, h: ArrayLike, *, expected: bool = False) -> Float[np.ndarray, "*rows visible"]:
    """E[v | h] for each row of `h [..., H]`; for binary units p(v_i = 1 | h) = 1 / (1 + exp(-(a_i + sum_j w_ij h_j))).


    Args:
        rbm: the model.
        h: rows `[..., H]`.
        expected: as in `energy`.

    Raises:
        InputError: as `energy`.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.visible_given_hidden(rbm, [1, 1]).round(6)
        array([0.731059, 0.731059])
    """
    return _call(_visible_mean, rbm, _states(rbm, h, "hidden", expected))


def sample_chains(
    rbm: RBM, sampler: Sampler, steps: int = 1000, *, state: Any = None, seed: int | None = None
) -> tuple[Float[np.ndarray, "chains visible"], Any]:
    """`steps` steps of a sampler's chains: their v afterwards, and the state from which to go on.

    Args:
        rbm: the model.
        sampler: `gibbs(...)`, `parallel_tempering(...)` or `trajectory_tempering(...)`; make it once, it is compiled once.
        steps: number of steps.
        state: of an earlier call; by default chains start anew.
        seed: 0 by default. With a state it must be given, another one at each call: the same random numbers again would
            make chains alike.

    Raises:
        InputError: a malformed model, a state of another model or sampler, or steps or seed out of range or missing.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> gibbs = hm.gibbs(chains=10)
        >>> v, state = hm.sample_chains(rbm, gibbs, steps=5, seed=0)
        >>> v, state = hm.sample_chains(rbm, gibbs, steps=5, state=state, seed=1)
        >>> v.shape
        (10, 2)
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


def reconstruct(
    rbm: RBM, v: ArrayLike, draws: int = 100, seed: int = 0, *, expected: bool = False
) -> Float[np.ndarray, "*rows visible"]:
    """E[v' | v] under p(v'|v) = sum_h p(v'|h) p(h|v) for each row of `v [..., V]`: the mean over `draws` draws of h ~ p(h|v).

    Args:
        rbm: the model.
        v: rows `[..., V]`.
        draws: number of draws of h for each row.
        seed: of the draws.
        expected: as in `energy`.

    Raises:
        InputError: as `energy`; or draws or seed is out of range.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.reconstruct(rbm, [[0, 1]], draws=100, seed=0).shape
        (1, 2)
    """
    v = _states(rbm, v, "visible", expected)
    return _call(_reconstruct, rbm, v, key_of(seed), draws=_checks.integer(draws, "draws"))


# ---- how they are called


def _call(function: Callable[..., Array], rbm: RBM, *arguments: Any, **settings: int) -> np.ndarray:
    with own_precision(rbm):
        # Waiting first turns a lack of memory into an error; np.asarray of what failed ends the process.
        result = np.asarray(jax.block_until_ready(function(in_own_precision(rbm), *arguments, **settings)))
    return _checks.finite_result(result, "the result")


def _states(rbm: RBM, x: ArrayLike, layer: str, expected: bool) -> np.ndarray:
    units: Units = getattr(model.validate(rbm), layer)
    name = "v" if layer == "visible" else "h"
    return units.check(x, name, expected=_checks.boolean(expected, "expected")).astype(own_dtype(rbm))


_energy = jax.jit(model.energy)
_free_energy = jax.jit(model.free_energy)
_hidden_mean = jax.jit(model.hidden_mean)
_visible_mean = jax.jit(model.visible_mean)


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
