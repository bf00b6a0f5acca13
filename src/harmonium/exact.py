"""Enumeration: the machine's distribution with nothing estimated. The oracle of all tests.

The smaller layer's states are listed in blocks and the other layer is summed in closed form, so memory stays bounded
whatever the sizes. The public functions check their input and compute in float64 whatever the machine's own precision;
`log_partition_and_statistics` is the traceable core, in the machine's precision, that the exact gradient uses.

Reference: R. Salakhutdinov and I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008, section 4
(enumerating the smaller layer).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import checks, model
from harmonium.checks import InputError
from harmonium.model import RBM
from harmonium.units import Units

BLOCK_ELEMENTS = 1 << 18
"""States x columns of the wider layer in one block: 2 MiB in float64, a few of which are alive at once."""
MOST_STATES = 1 << 32
"""The largest layer that is enumerated at all."""
MOST_ROWS = 1 << 20
"""The largest joint table that is formed at all."""


class Moments(NamedTuple):
    """Expectations under the joint distribution: `v [V]`, `h [H]` and `vh [V, H]` = <v h^T>."""

    v: np.ndarray
    h: np.ndarray
    vh: np.ndarray


@dataclass(frozen=True)
class JointTable:
    """Configurations of a machine with their probabilities; `energy` is E itself, not E / T.

    `v [n, V]`, `h [n, H]`; `energy`, `boltzmann_factor` = e^(-E/T) and `probability`, each `[n]`; `log_partition` = ln Z
    at `temperature`; `configurations`: how many there are in all (a table may hold only the most probable).
    """

    v: np.ndarray
    h: np.ndarray
    energy: np.ndarray
    boltzmann_factor: np.ndarray
    probability: np.ndarray
    log_partition: float
    temperature: float
    configurations: int


# ---- how much there is to enumerate


def enumerable_states(rbm: RBM) -> int | None:
    """The number of states of the layer that would be enumerated, or None if neither layer's states are finite."""
    counts = [n for n in (rbm.visible.state_count, rbm.hidden.state_count) if n is not None]
    return min(counts, default=None)


def _smaller_first(rbm: RBM) -> RBM:
    """The machine with the layer to be enumerated as its visible one."""
    states = enumerable_states(rbm)
    if states is None or states > MOST_STATES:
        amount = "infinitely many" if states is None else f"2^{math.log2(states):.0f}"
        raise InputError(
            f"{rbm!r} is too large to be exact: its smaller layer has {amount} states, of which at most "
            f"2^{math.log2(MOST_STATES):.0f} can be enumerated; estimate instead, or use fewer units"
        )
    return rbm if rbm.visible.state_count == states else model.transpose(rbm)


def _block_length(rbm: RBM) -> int:
    """States of the enumerated (visible) layer in one block: a power of two, no larger than it need be."""
    count = _count(rbm.visible)
    most = 1 << max(0, (BLOCK_ELEMENTS // max(rbm.weights.shape)).bit_length() - 1)
    return min(most, 1 << (count - 1).bit_length())


def _count(units: Units) -> int:
    count = units.state_count
    assert count is not None, "callers choose an enumerable layer first"
    return count


# ---- traceable: sums over the states of the layer called visible here, in the machine's own precision


def _block(rbm: RBM, first: Any, length: int) -> tuple[Any, Any, Any]:
    """States `first ...` with their inputs to the other layer and the logs of their unnormalised probabilities."""
    indices = first + jnp.arange(length)
    x = rbm.visible.states(indices)
    inputs = model.hidden_inputs(rbm, x)
    log_weights = -model.free_energy(rbm, x, inputs)
    return x, inputs, jnp.where(indices < _count(rbm.visible), log_weights, -jnp.inf)


def _fold_blocks(rbm: RBM, start: Any, add: Callable[[Any, Any, Any, Any, Any], Any]) -> tuple[Any, Any]:
    """Sum over all blocks, `(log Z, sum / Z)`, where `add(sums, p, x, inputs, scale)` adds a block weighted by p."""
    length = _block_length(rbm)
    dtype = rbm.weights.dtype

    def body(block: Any, carry: Any) -> Any:
        largest, total, sums = carry
        x, inputs, log_weights = _block(rbm, block * length, length)
        new_largest = jnp.maximum(largest, jnp.max(log_weights))
        scale = jnp.exp(largest - new_largest)
        p = jnp.exp(log_weights - new_largest)
        return new_largest, total * scale + jnp.sum(p), add(sums, p, x, inputs, scale)

    zero = jnp.zeros((), dtype)
    blocks = jnp.asarray(-(-_count(rbm.visible) // length))
    largest, total, sums = jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, (jnp.full((), -jnp.inf, dtype), zero, start))
    return largest + jnp.log(total), jax.tree.map(lambda leaf: leaf / total, sums)


def log_partition_and_statistics(rbm: RBM) -> tuple[Any, RBM]:
    """ln Z and the sufficient statistics expected under the joint distribution (the gradient of ln Z); traceable.

    The leaves are in the machine's own precision. The machine must be enumerable (`enumerable_states`).
    """
    enumerated = _smaller_first(rbm)
    log_z, sums = _statistics(enumerated)
    return log_z, sums if enumerated is rbm else model.transpose(sums)


def _statistics(rbm: RBM) -> tuple[Any, RBM]:
    def add(sums: RBM, p: Any, x: Any, inputs: Any, scale: Any) -> RBM:
        parts = (rbm.visible.statistics(x), rbm.hidden.moments(inputs))
        visible, hidden = jax.tree.map(lambda leaf: p @ leaf, parts)
        block = RBM(visible, hidden, (x * p[:, None]).T @ rbm.hidden.mean(inputs))
        return jax.tree.map(lambda old, new: old * scale + new, sums, block)

    return _fold_blocks(rbm, jax.tree.map(jnp.zeros_like, rbm), add)


@jax.jit
def _log_partition(rbm: RBM) -> Any:
    return _fold_blocks(rbm, (), lambda *_: ())[0]


@jax.jit
def _moments(rbm: RBM) -> tuple[Any, Any, Any]:
    v, h = (jnp.zeros(n, rbm.weights.dtype) for n in rbm.weights.shape)

    def add(sums: Any, p: Any, x: Any, inputs: Any, scale: Any) -> Any:
        mean = rbm.hidden.mean(inputs)
        return jax.tree.map(lambda old, new: old * scale + new, sums, (p @ x, p @ mean, (x * p[:, None]).T @ mean))

    return _fold_blocks(rbm, (v, h, jnp.zeros_like(rbm.weights)), add)[1]


@partial(jax.jit, static_argnames="length")
def _block_log_weights(rbm: RBM, first: Any, length: int) -> Any:
    return _block(rbm, first, length)[2]


@partial(jax.jit, static_argnames="length")
def _log_reconstruction(rbm: RBM, v: Any, reconstructed: Any, length: int) -> Any:
    """ln sum_h p(reconstructed | h) p(h | v), streamed over blocks of h; the rows of v go together."""
    count = _count(rbm.hidden)
    inputs = model.hidden_inputs(rbm, v)

    def body(block: Any, carry: Any) -> Any:
        indices = block * length + jnp.arange(length)
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
def _energy(rbm: RBM, v: Any, h: Any) -> Any:
    return model.energy(rbm, v, h)


@jax.jit
def _sample_hidden(rbm: RBM, key: Any, v: Any) -> Any:
    return rbm.hidden.sample(key, model.hidden_inputs(rbm, v))


# ---- public: checked, float64, NumPy


def _float64(rbm: RBM) -> RBM:
    return jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float64), model.validate(rbm))


def log_partition(rbm: RBM) -> float:
    """ln Z = ln sum_{v,h} exp(-E(v, h)), in nats, by enumerating the smaller layer in float64.

    Raises:
        InputError: the machine is malformed, or neither layer can be enumerated.
    """
    with jax.enable_x64(True):
        return float(_log_partition(_smaller_first(_float64(rbm))))


def moments(rbm: RBM) -> Moments:
    """<v>, <h> and <v h^T> under the joint distribution: the negative term of the gradient.

    Raises:
        InputError: the machine is malformed, or neither layer can be enumerated.
    """
    rbm = _float64(rbm)
    enumerated = _smaller_first(rbm)
    with jax.enable_x64(True):
        v, h, vh = (np.asarray(part) for part in _moments(enumerated))
    return Moments(v, h, vh) if enumerated is rbm else Moments(h, v, vh.T)


def log_likelihood(rbm: RBM, v: Any, log_z: float | None = None) -> np.ndarray:
    """ln p(v) = -F(v) - ln Z for each row, `[..., V] -> [...]`, in nats.

    Args:
        v: `[..., V]`. log_z: `log_partition(rbm)` if at hand.

    Raises:
        InputError: v is outside the units' domain, or the machine cannot be enumerated.
    """
    rbm = _float64(rbm)
    v = rbm.visible.check(v, "v").astype(np.float64)
    if log_z is None:
        log_z = log_partition(rbm)
    with jax.enable_x64(True):
        return np.asarray(-_free_energy(rbm, v)) - log_z


def log_reconstruction(rbm: RBM, v: Any, reconstructed: Any = None) -> np.ndarray:
    """ln p(v' | v) = ln sum_h p(v' | h) p(h | v) for each row: the lecture's aim is to raise it for v' = v.

    Args:
        v: `[n, V]`. reconstructed: v' `[n, V]`; v itself by default.

    Raises:
        InputError: v is outside the domain, or the hidden layer cannot be enumerated.
    """
    rbm = _float64(rbm)
    v = rbm.visible.check(v, "v").astype(np.float64)
    target = v if reconstructed is None else rbm.visible.check(reconstructed, "reconstructed").astype(np.float64)
    if v.ndim != 2 or v.shape != target.shape:
        raise InputError(f"v and reconstructed must have one shape [n, V], but have {v.shape} and {target.shape}")
    states = rbm.hidden.state_count
    if states is None or states > MOST_STATES:
        raise InputError(f"{rbm!r} has too many hidden states for the probability of a reconstruction to be summed")
    length = _block_length(model.transpose(rbm))
    rows = max(1, BLOCK_ELEMENTS // (length * max(rbm.weights.shape)))
    with jax.enable_x64(True):
        parts = [_log_reconstruction(rbm, v[i : i + rows], target[i : i + rows], length) for i in range(0, len(v), rows)]
        return np.concatenate([np.asarray(part) for part in parts])


def all_states(units: Units) -> np.ndarray:
    """Every state of a layer, `[K ** units, N]` in float64, the first unit changing slowest: 00, 01, 10, 11.

    Raises:
        InputError: there are more states than a table may have rows.
    """
    count = units.state_count
    if count is None or count > MOST_ROWS:
        raise InputError(f"{units.size} {units.name} units have too many states to be listed (at most {MOST_ROWS:,})")
    with jax.enable_x64(True):
        return np.asarray(units.states(jnp.arange(count)), dtype=np.float64)


def configurations(rbm: RBM) -> int | None:
    """The number of joint configurations (v, h), or None where it is not finite."""
    visible, hidden = rbm.visible.state_count, rbm.hidden.state_count
    return None if visible is None or hidden is None else visible * hidden


def joint_table(rbm: RBM, temperature: float = 1.0) -> JointTable:
    """Every configuration of a small machine, rows ordered v h = 00..00 to 11..11.

    Raises:
        InputError: a temperature that is not positive, or more than 2^20 configurations (`most_probable` serves those).
    """
    rbm = _float64(rbm)
    count = configurations(rbm)
    if count is None or count > MOST_ROWS:
        raise InputError(
            f"{rbm!r} has more configurations than a table may have rows ({MOST_ROWS:,}); "
            "harmonium.exact.most_probable lists the most probable ones"
        )
    v, h = all_states(rbm.visible), all_states(rbm.hidden)
    return _table(rbm, temperature, np.repeat(v, len(h), axis=0), np.tile(h, (len(v), 1)))


def _table(rbm: RBM, temperature: float, v: np.ndarray, h: np.ndarray) -> JointTable:
    log_z = log_partition(tempered(rbm, temperature))
    with jax.enable_x64(True):
        energies = np.asarray(_energy(rbm, v, h))
    with np.errstate(over="ignore"):  # the factors of a large machine may exceed float64; its probabilities never do
        factors = np.exp(-energies / temperature)
    probability = np.exp(-energies / temperature - log_z)
    count = configurations(rbm)
    assert count is not None
    return JointTable(v, h, energies, factors, probability, log_z, float(temperature), count)


def tempered(rbm: RBM, temperature: float) -> RBM:
    """`model.at_temperature` with the machine in float64 and the temperature checked.

    Raises:
        InputError: the temperature is not a positive number.
    """
    return model.at_temperature(_float64(rbm), checks.positive(temperature, "temperature"))


def most_probable(rbm: RBM, rows: int, temperature: float = 1.0) -> JointTable:
    """The `rows` most probable configurations, most probable first, of a machine whose smaller layer is enumerable.

    The joint configurations with the smallest energy: every one of them has, in the enumerated layer, one of the
    `rows` states whose best partner in the other layer is best; the partners of those are then taken best first.
    """
    rbm = _float64(rbm)
    cold = tempered(rbm, temperature)
    enumerated = _smaller_first(cold)
    x, y = _best_pairs(enumerated, rows)
    v, h = (x, y) if enumerated is cold else (y, x)
    return _table(rbm, temperature, v, h)


def _best_pairs(rbm: RBM, rows: int) -> tuple[np.ndarray, np.ndarray]:
    count = _count(rbm.visible)
    unit_states = rbm.hidden.unit_states
    if unit_states is None:
        raise InputError(f"{rbm.hidden.name} units take a continuum of values, so no configuration is a row of a table")
    length = _block_length(rbm)
    found: list[tuple[float, int]] = []
    with jax.enable_x64(True):
        scores_of = jax.jit(partial(_unit_scores, rbm, jnp.asarray(unit_states)))
        for first in range(0, count, length):
            numbers = np.arange(first, min(first + length, count))
            x = rbm.visible.states(jnp.asarray(numbers))
            best = np.asarray(scores_of(x).max(axis=-1).sum(axis=-1) - rbm.visible.energy(x))
            keep = np.argpartition(-best, min(rows, len(best)) - 1)[:rows]
            found = heapq.nlargest(rows, found + list(zip(best[keep].tolist(), numbers[keep].tolist(), strict=True)))
        x = np.asarray(rbm.visible.states(jnp.asarray([number for _, number in found])))
        scores = np.asarray(scores_of(x))
    pairs: list[tuple[float, int, tuple[int, ...]]] = []
    for place, ((best_score, _), unit_scores) in enumerate(zip(found, scores, strict=True)):
        pairs += [(best_score - loss, place, digits) for loss, digits in _best_digits(unit_scores, rows)]
    pairs = heapq.nlargest(rows, pairs, key=lambda pair: pair[0])
    y = unit_states[np.array([digits for _, _, digits in pairs])].reshape(len(pairs), -1)
    return x[[pair[1] for pair in pairs]], y


def _unit_scores(rbm: RBM, unit_states: Any, x: Any) -> Any:
    """What each state of each hidden unit adds to -E when x is held, `[n, V] -> [n, units, K]`."""
    width = unit_states.shape[1]
    inputs = model.hidden_inputs(rbm, x).reshape(len(x), -1, width)
    # The energy is a sum over units, so one unit's part is a difference against a common background state.
    units = inputs.shape[1]
    background = jnp.tile(unit_states[0], units)
    changed = jnp.repeat(jnp.eye(units, dtype=bool), width, axis=1)[:, None]
    own = -rbm.hidden.energy(jnp.where(changed, jnp.tile(unit_states, units)[None], background))
    return inputs @ unit_states.T + own + rbm.hidden.energy(background) * (1 - 1 / units)


def _best_digits(scores: np.ndarray, rows: int) -> list[tuple[float, tuple[int, ...]]]:
    """The `rows` best choices of one state a unit, best first, each with its loss against the best; scores `[units, K]`."""
    order = np.argsort(-scores, axis=1)
    losses = np.take_along_axis(scores.max(axis=1, keepdims=True) - scores, order, axis=1)
    units, count = scores.shape
    by_regret = np.argsort(losses[:, 1]) if count > 1 else np.arange(units)
    found: list[tuple[float, tuple[int, ...]]] = []
    # Each choice is reached once: raise the rank of the last unit touched, pass on to the next, or move there instead.
    heap: list[tuple[float, int, tuple[int, ...]]] = [(0.0, -1, (0,) * units)]
    while heap and len(found) < rows:
        loss, last, ranks = heapq.heappop(heap)
        found.append((loss, tuple(int(order[u, r]) for u, r in enumerate(ranks))))
        if last >= 0:
            unit = by_regret[last]
            rank = ranks[unit]
            if rank + 1 < count:
                raised = (*ranks[:unit], rank + 1, *ranks[unit + 1 :])
                heapq.heappush(heap, (loss - losses[unit, rank] + losses[unit, rank + 1], last, raised))
        if last + 1 < units and count > 1:
            following = by_regret[last + 1]
            touched = (*ranks[:following], 1, *ranks[following + 1 :])
            heapq.heappush(heap, (loss + losses[following, 1], last + 1, touched))
            if last >= 0 and ranks[by_regret[last]] == 1:
                moved = list(touched)
                moved[by_regret[last]] = 0
                moved_loss = loss + losses[following, 1] - losses[by_regret[last], 1]
                heapq.heappush(heap, (moved_loss, last + 1, tuple(moved)))
    return found


def sample(rbm: RBM, n: int, seed: int = 0) -> np.ndarray:
    """`n` independent draws of v from p(v), `[n, V]` in float64, with no Markov chain.

    Raises:
        InputError: the machine cannot be enumerated, or n is not positive.
    """
    return sample_joint(rbm, n, seed)[0]


def sample_joint(rbm: RBM, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`n` independent draws of (v, h) from p(v, h), `[n, V]` and `[n, H]` in float64; see `sample`."""
    rbm = _float64(rbm)
    n = checks.whole(n, "n")
    enumerated = _smaller_first(rbm)
    length = _block_length(enumerated)
    random = np.random.default_rng(checks.seed(seed))
    with jax.enable_x64(True):
        firsts = range(0, _count(enumerated.visible), length)
        # A block by its share of Z, then a state inside the block: no array of all states is ever held.
        shares = [float(jax.nn.logsumexp(_block_log_weights(enumerated, first, length))) for first in firsts]
        chosen = np.sort(random.choice(len(shares), size=n, p=_normalised(np.array(shares))))
        numbers = np.empty(n, dtype=np.int64)
        for block in np.unique(chosen):
            inside = _normalised(np.asarray(_block_log_weights(enumerated, firsts[block], length)))
            here = chosen == block
            numbers[here] = firsts[block] + random.choice(length, size=int(here.sum()), p=inside)
        random.shuffle(numbers)
        x = enumerated.visible.states(jnp.asarray(numbers))
        y = _sample_hidden(enumerated, jax.random.key(int(random.integers(2**63))), x)
        x, y = np.asarray(x), np.asarray(y)
    return (x, y) if enumerated is rbm else (y, x)


def _normalised(log_weights: np.ndarray) -> np.ndarray:
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()
