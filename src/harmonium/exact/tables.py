"""Configurations one by one: the joint table of a small machine, the most probable rows of a larger one."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import model
from harmonium.errors import InputError
from harmonium.exact.blocks import block_length, count_of, smaller_first
from harmonium.exact.values import float64, log_partition, tempered
from harmonium.model import RBM
from harmonium.units import Units

MOST_ROWS = 1 << 20
"""The largest joint table that is formed at all."""


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


@jax.jit
def _energy(rbm: RBM, v: Any, h: Any) -> Any:
    return model.energy(rbm, v, h)


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
    rbm = float64(rbm)
    count = configurations(rbm)
    if count is None:
        raise InputError(f"{rbm!r} has units of a continuum, so its configurations are no rows of a table")
    if count > MOST_ROWS:
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


def most_probable(rbm: RBM, rows: int, temperature: float = 1.0) -> JointTable:
    """The `rows` most probable configurations, most probable first, of a machine whose smaller layer is enumerable.

    The joint configurations with the smallest energy: every one of them has, in the enumerated layer, one of the
    `rows` states whose best partner in the other layer is best; the partners of those are then taken best first.
    """
    rbm = float64(rbm)
    cold = tempered(rbm, temperature)
    enumerated = smaller_first(cold)
    x, y = _best_pairs(enumerated, rows)
    v, h = (x, y) if enumerated is cold else (y, x)
    return _table(rbm, temperature, v, h)


def _best_pairs(rbm: RBM, rows: int) -> tuple[np.ndarray, np.ndarray]:
    count = count_of(rbm.visible)
    listing = rbm.hidden.listing()
    length = block_length(rbm)
    found: list[tuple[float, int]] = []
    with jax.enable_x64(True):
        scores_of = jax.jit(partial(_unit_scores, rbm))
        for first in range(0, count, length):
            numbers = np.arange(first, min(first + length, count))
            x = rbm.visible.states(jnp.asarray(numbers))
            best = np.asarray(scores_of(x).max(axis=-1).sum(axis=-1) - rbm.visible.energy(x))
            keep = np.argpartition(-best, min(rows, len(best)) - 1)[:rows]
            found = heapq.nlargest(rows, found + list(zip(best[keep].tolist(), numbers[keep].tolist(), strict=True)))
        best_x = np.asarray(rbm.visible.states(jnp.asarray([number for _, number in found])))
        scores = np.asarray(scores_of(best_x))
    pairs: list[tuple[float, int, tuple[int, ...]]] = []
    for place, ((best_score, _), unit_scores) in enumerate(zip(found, scores, strict=True)):
        pairs += [(best_score - loss, place, digits) for loss, digits in _best_digits(unit_scores, rows)]
    pairs = heapq.nlargest(rows, pairs, key=lambda pair: pair[0])
    y = np.asarray(listing.states(np.array([digits for _, _, digits in pairs]), np.float64))
    return best_x[[pair[1] for pair in pairs]], y


def _unit_scores(rbm: RBM, x: Any) -> Any:
    """What each state of each hidden unit adds to -E when x is held, `[n, V] -> [n, units, K]`; -inf beyond its states."""
    listing = rbm.hidden.listing()
    units, most, _ = listing.values.shape
    # All is a sum over units, so one unit's part is a difference against the background of all units' first states.
    digits = jnp.arange(most)[None, :, None] * jnp.eye(units, dtype=int)[:, None]
    changed = listing.states(jnp.minimum(digits, listing.counts - 1), x.dtype)
    background = changed[0, 0]
    inputs = model.hidden_inputs(rbm, x)
    scores = jnp.tensordot(inputs, changed - background, (-1, -1)) - rbm.hidden.energy(changed)
    shared = jnp.sum(inputs * background, axis=-1) + rbm.hidden.energy(background) * (units - 1)
    return jnp.where(jnp.arange(most) < listing.counts[:, None], scores + shared[:, None, None] / units, -jnp.inf)


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
            if rank + 1 < count and losses[unit, rank + 1] < np.inf:
                raised = (*ranks[:unit], rank + 1, *ranks[unit + 1 :])
                heapq.heappush(heap, (loss - losses[unit, rank] + losses[unit, rank + 1], last, raised))
        following = by_regret[last + 1] if last + 1 < units else 0
        if last + 1 < units and count > 1 and losses[following, 1] < np.inf:
            touched = (*ranks[:following], 1, *ranks[following + 1 :])
            heapq.heappush(heap, (loss + losses[following, 1], last + 1, touched))
            if last >= 0 and ranks[by_regret[last]] == 1:
                moved = list(touched)
                moved[by_regret[last]] = 0
                moved_loss = loss + losses[following, 1] - losses[by_regret[last], 1]
                heapq.heappush(heap, (moved_loss, last + 1, tuple(moved)))
    return found
