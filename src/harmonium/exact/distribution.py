"""The model's distribution with nothing estimated: ln Z, moments, likelihoods, reconstructions, independent samples.

Every function checks its input and computes in float64 whatever the model's own precision.

Reference: R. Salakhutdinov and I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008, section 4
(enumerating the smaller layer).
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from harmonium import _checks, model
from harmonium._numerics import float64, log_sum_exp
from harmonium._types import Array, ArrayLike, Key, Progress, Result
from harmonium.errors import InputError
from harmonium.exact import enumerate as plain
from harmonium.exact import host
from harmonium.exact.enumerate import block_length, count_of, enumerable_states, smaller_first
from harmonium.exact.normal import draw, is_normal, normal_of
from harmonium.model import RBM, in_float64
from harmonium.units import DReLU, Mixed, ReLU

NEGLIGIBLE = 1e-16
"""The total probability of the states that `moments` may leave out."""
MAX_BLOCK_ELEMENTS = 1 << 24
"""Rows x columns whose free energies are computed at once: 128 MiB."""


class Moments(NamedTuple):
    """Expectations under the joint distribution: `v [V]`, `h [H]` and `vh [V, H]` = <v h^T>.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> isinstance(hm.exact.moments(rbm), hm.exact.Moments)
        True
    """

    v: np.ndarray
    h: np.ndarray
    vh: np.ndarray


def at_temperature(rbm: RBM, temperature: float) -> RBM:
    """The model whose distribution is that of `rbm` at `temperature` T: every parameter divided by T.

    Every function then honors the temperature: the energy of the new model is E / T, its Z that of exp(-E / T).

    Args:
        rbm: the model.
        temperature: T, above zero.

    Raises:
        InputError: the model is malformed, T is not a positive number, or so extreme that energies overflow or vanish.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.at_temperature(rbm, 2).weights
        array([[0.25, 0.25],
               [0.25, 0.25]])
    """
    temperature = _checks.positive(temperature, "temperature")
    with np.errstate(all="ignore"):
        result = model.at_temperature(model.validate(rbm), temperature)
    try:
        return model.validate(result)
    except InputError as error:
        raise InputError(
            f"temperature {temperature!r} is too extreme: parameters divided by it have no distribution: {error}"
        ) from error


def estimate_seconds(rbm: RBM) -> float:
    """About how many seconds `log_partition` takes, compilation aside, on two cores of 2026; infinite where it refuses.

    Fitted to models of 2^13 to 2^25 states whose wider layer has 20 to 3000 columns, between an idle and a busy processor.

    Args:
        rbm: the model.

    Raises:
        InputError: a malformed model.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.exact.estimate_seconds(rbm) < 1
        True
    """
    if is_normal(model.validate(rbm)):
        return 1e-3 + 1e-10 * sum(rbm.weights.shape) ** 3
    states = enumerable_states(rbm)
    if states is None or states > plain.MAX_STATES:
        return float("inf")
    columns, rbm = max(rbm.weights.shape), smaller_first(in_float64(rbm))
    if host.split_into_blocks(rbm).is_factorized:
        return 1e-3 + states * (8e-9 + 7e-11 * columns)
    parts = rbm.hidden.parts if isinstance(rbm.hidden, Mixed) else (rbm.hidden,)
    truncated = sum(part.size for part in parts if isinstance(part, (ReLU, DReLU)))
    joint = sum(part.size**2 for part in parts if not part.independent)
    each = 7e-8 + 3e-9 * columns if plain.is_split(rbm) else 7e-9 * columns
    return 1e-3 + states * (each + 1.2e-7 * truncated + 1e-10 * joint)


def log_partition(rbm: RBM, progress: Progress | None = None) -> float:
    """ln Z = ln sum_{v,h} exp(-E(v, h)), in nats, by enumerating the smaller layer in float64.

    Gaussian visible and hidden units are one normal distribution, whose ln Z is in closed form.

    Args:
        rbm: the model.
        progress: called with the fraction of the work that is done, many times a second, from the calling thread; what it
            raises stops the work, as Ctrl-C does.

    Raises:
        InputError: the model is malformed, or neither layer can be enumerated.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> round(hm.exact.log_partition(rbm), 6)
        3.461259
    """
    if progress is not None and not callable(progress):
        raise InputError(f"progress must be a function of the fraction that is done, but is {progress!r:.80}")
    rbm = in_float64(rbm)
    normal = normal_of(rbm)
    if normal is not None:
        return normal.log_partition
    return _log_partition(host.split_into_blocks(smaller_first(rbm)).log_sums(progress))


def _log_partition(log_sums: Float[np.ndarray, " blocks"]) -> float:
    with np.errstate(invalid="ignore"):
        return float(_checks.finite_result(log_sum_exp(log_sums), "ln Z"))


# ---- moments


def moments(rbm: RBM) -> Moments:
    """<v>, <h> and <v h^T> under the joint distribution: the negative term of the gradient.

    Args:
        rbm: the model.

    Raises:
        InputError: the model is malformed, or neither layer can be enumerated.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.exact.moments(rbm).vh.round(6)
        array([[0.454353, 0.454353],
               [0.454353, 0.454353]])
    """
    rbm = in_float64(rbm)
    normal = normal_of(rbm)
    if normal is not None:
        v, h = np.split(normal.mean, [rbm.visible.size])
        return Moments(v, h, normal.covariance[: len(v), len(v) :] + np.outer(v, h))
    enumerated = smaller_first(rbm)
    blocks = host.split_into_blocks(enumerated)
    log_sums = blocks.log_sums()
    log_z = _log_partition(log_sums)
    # Finding the states that are not negligible takes a small part of the time that the moments of all would take.
    least = NEGLIGIBLE / count_of(enumerated.visible)
    probable = np.flatnonzero(log_sums - log_z > np.log(least))

    def of_block(index: int) -> Any:
        p = np.exp(blocks.log_weights(probable[index]) - log_z)
        negligible = p <= least
        order = np.argsort(negligible, kind="stable")
        indices = probable[index] * blocks.length + order
        return _moments_of(enumerated, indices, p[order], np.count_nonzero(~negligible), block_length(enumerated))

    *sums, total = reduce(partial(jax.tree.map, np.add), host.run(of_block, len(probable)))
    v, h, vh = (_checks.finite_result(part / total, "a moment") for part in sums)
    return Moments(v, h, vh) if enumerated is rbm else Moments(h, v, vh.T)


@partial(jax.jit, static_argnames="length")
def _moments_of(
    rbm: RBM, indices: Int[Array, " n"], p: Float[Array, " n"], used: int | Int[Array, ""], length: int
) -> tuple[Any, Any, Any, Any]:
    """Sums over the first `used` of the states `indices`, `length` at a time, with probabilities `p`: v, h, vh and 1."""
    indices, p = (jnp.pad(a, (0, -len(a) % length)) for a in (indices, p))

    def body(part: jax.Array, sums: tuple[jax.Array, ...]) -> Any:
        here, weights = (jax.lax.dynamic_slice_in_dim(a, part * length, length) for a in (indices, p))
        x = plain.states(rbm, here)
        mean = model.hidden_mean(rbm, x)
        return jax.tree.map(jnp.add, sums, (weights @ x, weights @ mean, (x * weights[:, None]).T @ mean, weights.sum()))

    nothing = tuple(jnp.zeros(shape, rbm.weights.dtype) for shape in (*zip(rbm.weights.shape), rbm.weights.shape, ()))
    return jax.lax.fori_loop(0, -(-used // length), body, nothing)


# ---- probabilities of rows


def log_likelihood(
    rbm: RBM, v: ArrayLike, log_z: float | None = None, expected: bool = False
) -> Float[np.ndarray, "*batch"] | np.float64:
    """ln p(v) = -F(v) - ln Z for each row, `[..., V] -> [...]`, in nats.

    Args:
        rbm: the model.
        v: `[..., V]`.
        log_z: `log_partition(rbm)` if at hand.
        expected: v may hold expected values of the units, such as probabilities of binary ones. Since -F is convex in v,
            the result for such a row is a lower bound of the mean over rows drawn with those expectations.

    Raises:
        InputError: v is outside the units' domain, or the model cannot be enumerated.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.exact.log_likelihood(rbm, [[0, 0], [0, 1]]).round(6)
        array([-2.074965, -1.513105])
    """
    rbm = in_float64(rbm)
    v = rbm.visible.check(v, "v", expected=_checks.boolean(expected, "expected")).astype(np.float64)
    log_z = log_partition(rbm) if log_z is None else _checks.finite(log_z, "log_z")
    flat = v.reshape(-1, v.shape[-1])
    rows = max(1, MAX_BLOCK_ELEMENTS // max(rbm.weights.shape))
    with float64():
        parts = [np.asarray(_free_energy(rbm, flat[i : i + rows])) for i in range(0, max(1, len(flat)), rows)]
    return _checks.finite_result(-np.concatenate(parts).reshape(v.shape[:-1]) - log_z, "ln p(v)")


@jax.jit
def _free_energy(rbm: RBM, v: Float[Array, "n V"]) -> Float[Result, " n"]:
    return model.free_energy(rbm, v)


def log_reconstruction(rbm: RBM, v: ArrayLike, reconstructed: ArrayLike | None = None) -> Float[np.ndarray, " n"]:
    """ln p(v' | v) = ln sum_h p(v' | h) p(h | v) for each row: the lecture's aim is to raise it for v' = v.

    Args:
        rbm: the model.
        v: `[n, V]`.
        reconstructed: v' `[n, V]`; v itself by default.

    Raises:
        InputError: v is outside the domain, or the hidden layer cannot be enumerated.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.exact.log_reconstruction(rbm, [[0, 1]]).round(6)
        array([-1.50388])
    """
    rbm = in_float64(rbm)
    v = rbm.visible.check(v, "v").astype(np.float64)
    target = v if reconstructed is None else rbm.visible.check(reconstructed, "reconstructed").astype(np.float64)
    if v.ndim != 2 or v.shape != target.shape:
        raise InputError(f"v and reconstructed must have one shape [n, V], but have {v.shape} and {target.shape}")
    states = rbm.hidden.state_count
    if states is None or states > plain.MAX_STATES:
        raise InputError(f"{rbm!r} has too many hidden states for the probability of a reconstruction to be summed")
    length = block_length(model.transpose(rbm))
    rows = max(1, plain.BLOCK_ELEMENTS // (length * max(rbm.weights.shape)))
    with float64():
        parts = [
            _log_reconstruction(rbm, v[i : i + rows], target[i : i + rows], length) for i in range(0, max(1, len(v)), rows)
        ]
        return _checks.finite_result(np.concatenate([np.asarray(part) for part in parts]), "ln p(v' | v)")


@partial(jax.jit, static_argnames="length")
def _log_reconstruction(
    rbm: RBM, v: Float[Array, "n V"], reconstructed: Float[Array, "n V"], length: int
) -> Float[Result, " n"]:
    """ln sum_h p(reconstructed | h) p(h | v), block by block of h; all rows of v at once."""
    count = count_of(rbm.hidden)
    inputs = model.hidden_inputs(rbm, v)

    def body(index: jax.Array, carry: jax.Array) -> Any:
        indices = index * length + jnp.arange(length)
        h = rbm.hidden.states(indices)
        up = rbm.hidden.log_probability(h[None], inputs[:, None])
        down = rbm.visible.log_probability(reconstructed[:, None], model.visible_inputs(rbm, h)[None])
        terms = jnp.where(indices < count, up + down, -jnp.inf)
        return jnp.logaddexp(carry, jax.nn.logsumexp(terms, axis=1))

    blocks = jnp.asarray(-(-count // length))
    return jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, jnp.full(len(v), -jnp.inf, v.dtype))


# ---- samples


def sample(rbm: RBM, n: int, seed: int = 0) -> Float[np.ndarray, "n V"]:
    """`n` independent samples of v from p(v), with no Markov chain.

    Args:
        rbm: the model.
        n: number of draws.
        seed: of all random numbers.

    Raises:
        InputError: the model cannot be enumerated, or n is not positive.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.exact.sample(rbm, 5, seed=0).shape
        (5, 2)
    """
    return sample_joint(rbm, n, seed)[0]


def sample_joint(rbm: RBM, n: int, seed: int = 0) -> tuple[Float[np.ndarray, "n V"], Float[np.ndarray, "n H"]]:
    """`n` independent samples of (v, h) from p(v, h); see `sample`.

    Args:
        rbm: the model.
        n: number of draws.
        seed: of all random numbers.

    Raises:
        InputError: as `sample`.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> v, h = hm.exact.sample_joint(rbm, 5, seed=0)
        >>> v.shape, h.shape
        ((5, 2), (5, 2))
    """
    rbm = in_float64(rbm)
    n, random = _checks.integer(n, "n"), np.random.default_rng(_checks.seed(seed))
    normal = normal_of(rbm)
    if normal is not None:
        v, h = np.split(draw(normal, random, n), [rbm.visible.size], axis=1)
        return v, h
    enumerated = smaller_first(rbm)
    with float64():
        # A block by its part of Z, then a state inside the block: there is never an array of all states.
        blocks = host.split_into_blocks(enumerated)
        log_sums = blocks.log_sums()
        _log_partition(log_sums)
        block_of = np.sort(random.choice(blocks.count, size=n, p=_probabilities(log_sums)))
        indices = np.empty(n, dtype=np.int64)
        for block in np.unique(block_of):
            inside = _probabilities(blocks.log_weights(block))
            here = block_of == block
            indices[here] = block * blocks.length + random.choice(blocks.length, size=int(here.sum()), p=inside)
        random.shuffle(indices)
        x = enumerated.visible.states(jnp.asarray(indices))
        y = _sample_hidden(enumerated, jax.random.key(int(random.integers(2**63))), x)
        pair = np.asarray(x), np.asarray(y)
    return pair if enumerated is rbm else pair[::-1]


@jax.jit
def _sample_hidden(rbm: RBM, key: Key, v: Float[Array, "n V"]) -> Float[Result, "n H"]:
    return rbm.hidden.sample(key, model.hidden_inputs(rbm, v))


def _probabilities(log_weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()
