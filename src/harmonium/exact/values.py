"""The machine's distribution with nothing estimated: ln Z, moments, likelihoods, reconstructions, independent draws.

Every function checks its input and computes in float64 whatever the machine's own precision.

Reference: R. Salakhutdinov and I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008, section 4
(enumerating the smaller layer).
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import _checks, model
from harmonium.errors import InputError
from harmonium.exact import blocks, slabs
from harmonium.exact.blocks import block_length, count_of, enumerable_states, fold_blocks, smaller_first
from harmonium.exact.slabs import Blocks, Progress
from harmonium.model import RBM

NEGLIGIBLE = 1e-16
"""The probability, all together, of the states that `moments` may leave out."""


LARGEST_BLOCK = 1 << 24
"""Rows x columns whose free energies are computed at once: 128 MiB."""


class Moments(NamedTuple):
    """Expectations under the joint distribution: `v [V]`, `h [H]` and `vh [V, H]` = <v h^T>."""

    v: np.ndarray
    h: np.ndarray
    vh: np.ndarray


def _add_moments(rbm: RBM, sums: Any, p: Any, x: Any, inputs: Any, scale: Any) -> Any:
    mean = rbm.hidden.mean(inputs)
    return jax.tree.map(lambda old, new: old * scale + new, sums, (p @ x, p @ mean, (x * p[:, None]).T @ mean))


def _no_moments(rbm: RBM) -> Any:
    return (*(jnp.zeros(n, rbm.weights.dtype) for n in rbm.weights.shape), jnp.zeros_like(rbm.weights))


@jax.jit
def _moments(rbm: RBM) -> tuple[Any, Any, Any]:
    return fold_blocks(rbm, _no_moments(rbm), partial(_add_moments, rbm))[1]


@partial(jax.jit, static_argnames="length")
def _moments_of(rbm: RBM, numbers: Any, p: Any, used: Any, length: int) -> tuple[Any, Any, Any]:
    """The sums over the first `used` of the states `numbers [n]`, `length` at a time, with probabilities `p [n]`."""
    numbers, p = (jnp.pad(a, (0, -len(a) % length)) for a in (numbers, p))

    def body(part: Any, sums: Any) -> Any:
        here, weights = (jax.lax.dynamic_slice_in_dim(a, part * length, length) for a in (numbers, p))
        x = blocks.states(rbm, here)
        return _add_moments(rbm, sums, weights, x, model.hidden_inputs(rbm, x), 1)

    return jax.lax.fori_loop(0, -(-used // length), body, _no_moments(rbm))


@partial(jax.jit, static_argnames="length")
def _log_reconstruction(rbm: RBM, v: Any, reconstructed: Any, length: int) -> Any:
    """ln sum_h p(reconstructed | h) p(h | v), streamed over blocks of h; the rows of v go together."""
    count = count_of(rbm.hidden)
    inputs = model.hidden_inputs(rbm, v)

    def body(number: Any, carry: Any) -> Any:
        indices = number * length + jnp.arange(length)
        h = rbm.hidden.states(indices)
        up = rbm.hidden.log_probability(h[None], inputs[:, None])
        down = rbm.visible.log_probability(reconstructed[:, None], model.visible_inputs(rbm, h)[None])
        terms = jnp.where(indices < count, up + down, -jnp.inf)
        return jnp.logaddexp(carry, jax.nn.logsumexp(terms, axis=1))

    blocks = jnp.asarray(-(-count // length))
    return jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, jnp.full(len(v), -jnp.inf, v.dtype))


@jax.jit
def _free_energy(rbm: RBM, v: Any) -> Any:
    return model.free_energy(rbm, v)


@jax.jit
def _sample_hidden(rbm: RBM, key: Any, v: Any) -> Any:
    return rbm.hidden.sample(key, model.hidden_inputs(rbm, v))


def float64(rbm: RBM) -> RBM:
    return jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float64), model.validate(rbm))


def forecast(rbm: RBM) -> float:
    """About how many seconds `log_partition` takes, compilation aside, on two cores of 2026; infinite where it refuses.

    Fitted to machines of 2^13 to 2^25 states whose wider layer has 20 to 3000 columns, between an idle and a busy processor.
    """
    states = enumerable_states(model.validate(rbm))
    if states is None or states > blocks.MOST_STATES:
        return float("inf")
    columns = max(rbm.weights.shape)
    by_products = slabs.in_blocks(smaller_first(float64(rbm))).by_products
    return 1e-3 + states * (8e-9 + 7e-11 * columns if by_products else 7e-9 * columns)


def log_partition(rbm: RBM, progress: Progress | None = None) -> float:
    """ln Z = ln sum_{v,h} exp(-E(v, h)), in nats, by enumerating the smaller layer in float64.

    Args:
        progress: is told the share of the work that is done, in (0, 1], many times a second, from the calling thread; what it
            raises stops the work, as Ctrl-C does.

    Raises:
        InputError: the machine is malformed, or neither layer can be enumerated.
    """
    return _log_sum(slabs.in_blocks(smaller_first(float64(rbm))).log_shares(progress))


def moments(rbm: RBM) -> Moments:
    """<v>, <h> and <v h^T> under the joint distribution: the negative term of the gradient.

    Raises:
        InputError: the machine is malformed, or neither layer can be enumerated.
    """
    rbm = float64(rbm)
    enumerated = smaller_first(rbm)
    in_blocks = slabs.in_blocks(enumerated)
    if in_blocks.by_products:
        v, h, vh = _moments_of_the_probable(enumerated, in_blocks)
    else:
        with jax.enable_x64(True):
            v, h, vh = (np.asarray(part) for part in _moments(enumerated))
    return Moments(v, h, vh) if enumerated is rbm else Moments(h, v, vh.T)


def _moments_of_the_probable(rbm: RBM, in_blocks: Blocks) -> Any:
    """The moments from the states that are not negligible: products say which those are, at a small part of the cost."""
    log_shares = in_blocks.log_shares()
    log_z = _log_sum(log_shares)
    least = NEGLIGIBLE / count_of(rbm.visible)
    chosen = np.flatnonzero(log_shares - log_z > np.log(least))

    def of_block(place: int) -> Any:
        p = np.exp(in_blocks.log_weights(chosen[place]) - log_z)
        left_out = p <= least
        order = np.argsort(left_out, kind="stable")
        numbers = chosen[place] * in_blocks.length + order
        return _moments_of(rbm, numbers, p[order], np.count_nonzero(~left_out), block_length(rbm))

    return reduce(partial(jax.tree.map, np.add), slabs.run(of_block, len(chosen)))


def log_likelihood(rbm: RBM, v: Any, log_z: float | None = None, expected: bool = False) -> np.ndarray:
    """ln p(v) = -F(v) - ln Z for each row, `[..., V] -> [...]`, in nats.

    Args:
        v: `[..., V]`. log_z: `log_partition(rbm)` if at hand. expected: v may hold expected values of the units, such as
            probabilities of binary ones; since -F is convex in v, what is returned for such a row is a lower bound of the mean
            over rows drawn with those expectations.

    Raises:
        InputError: v is outside the units' domain, or the machine cannot be enumerated.
    """
    rbm = float64(rbm)
    v = rbm.visible.check(v, "v", expected=expected).astype(np.float64)
    if log_z is None:
        log_z = log_partition(rbm)
    flat = v.reshape(-1, v.shape[-1])
    rows = max(1, LARGEST_BLOCK // max(rbm.weights.shape))
    with jax.enable_x64(True):
        parts = [np.asarray(_free_energy(rbm, flat[i : i + rows])) for i in range(0, max(1, len(flat)), rows)]
    return -np.concatenate(parts).reshape(v.shape[:-1]) - log_z


def log_reconstruction(rbm: RBM, v: Any, reconstructed: Any = None) -> np.ndarray:
    """ln p(v' | v) = ln sum_h p(v' | h) p(h | v) for each row: the lecture's aim is to raise it for v' = v.

    Args:
        v: `[n, V]`. reconstructed: v' `[n, V]`; v itself by default.

    Raises:
        InputError: v is outside the domain, or the hidden layer cannot be enumerated.
    """
    rbm = float64(rbm)
    v = rbm.visible.check(v, "v").astype(np.float64)
    target = v if reconstructed is None else rbm.visible.check(reconstructed, "reconstructed").astype(np.float64)
    if v.ndim != 2 or v.shape != target.shape:
        raise InputError(f"v and reconstructed must have one shape [n, V], but have {v.shape} and {target.shape}")
    states = rbm.hidden.state_count
    if states is None or states > blocks.MOST_STATES:
        raise InputError(f"{rbm!r} has too many hidden states for the probability of a reconstruction to be summed")
    length = block_length(model.transpose(rbm))
    rows = max(1, blocks.BLOCK_ELEMENTS // (length * max(rbm.weights.shape)))
    with jax.enable_x64(True):
        parts = [_log_reconstruction(rbm, v[i : i + rows], target[i : i + rows], length) for i in range(0, len(v), rows)]
        return np.concatenate([np.asarray(part) for part in parts])


def tempered(rbm: RBM, temperature: float) -> RBM:
    """`model.at_temperature` with the machine in float64 and the temperature checked.

    Raises:
        InputError: the temperature is not a positive number.
    """
    return model.at_temperature(float64(rbm), _checks.positive(temperature, "temperature"))


def sample(rbm: RBM, n: int, seed: int = 0) -> np.ndarray:
    """`n` independent draws of v from p(v), `[n, V]` in float64, with no Markov chain.

    Raises:
        InputError: the machine cannot be enumerated, or n is not positive.
    """
    return sample_joint(rbm, n, seed)[0]


def sample_joint(rbm: RBM, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`n` independent draws of (v, h) from p(v, h), `[n, V]` and `[n, H]` in float64; see `sample`."""
    rbm = float64(rbm)
    n = _checks.integer(n, "n")
    enumerated = smaller_first(rbm)
    random = np.random.default_rng(_checks.seed(seed))
    with jax.enable_x64(True):
        # A block by its share of Z, then a state inside the block: no array of all states is ever held.
        in_blocks = slabs.in_blocks(enumerated)
        log_shares = in_blocks.log_shares()
        chosen = np.sort(random.choice(in_blocks.count, size=n, p=_normalized(log_shares)))
        numbers = np.empty(n, dtype=np.int64)
        for number in np.unique(chosen):
            inside = _normalized(in_blocks.log_weights(number))
            here = chosen == number
            numbers[here] = number * in_blocks.length + random.choice(in_blocks.length, size=int(here.sum()), p=inside)
        random.shuffle(numbers)
        x = enumerated.visible.states(jnp.asarray(numbers))
        y = _sample_hidden(enumerated, jax.random.key(int(random.integers(2**63))), x)
        pair = np.asarray(x), np.asarray(y)
    return pair if enumerated is rbm else pair[::-1]


def _log_sum(logs: np.ndarray) -> float:
    largest = logs.max()
    return float(largest + np.log(np.exp(logs - largest).sum()))


def _normalized(log_weights: np.ndarray) -> np.ndarray:
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()
