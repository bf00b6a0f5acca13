"""Configurations one by one: the joint table of a small model, the most probable rows of a larger one."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium import _checks, model
from harmonium._numerics import float64
from harmonium._types import Array, Result
from harmonium.errors import InputError
from harmonium.exact.distribution import at_temperature, log_partition
from harmonium.exact.enumerate import block_length, count_of, smaller_first
from harmonium.model import RBM, in_float64
from harmonium.units import Units

MAX_ROWS = 1 << 20
"""The largest joint table that is formed at all."""


@dataclass(frozen=True)
class JointTable:
    """Configurations of a model with their probabilities; `energy` is E itself, not E / T.

    `v [n, V]`, `h [n, H]`; `energy`, `boltzmann_factor` = e^(-E/T) and `probability`, each `[n]`; `log_partition` = ln Z
    at `temperature`; `configurations`: their total number (a table may have the most probable ones alone).
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
def _energy(rbm: RBM, v: Float[Array, "n V"], h: Float[Array, "n H"]) -> Float[Result, " n"]:
    return model.energy(rbm, v, h)


def all_states(units: Units) -> Float[np.ndarray, "n N"]:
    """Every state of a layer, in float64, the first unit changing slowest: 00, 01, 10, 11.

    Raises:
        InputError: there are more states than a table may have rows.
    """
    count = _checks.instance(units, Units, "units", "a layer of units").state_count
    if count is None or count > MAX_ROWS:
        raise InputError(f"{units.size} {units.name} units have too many states to be listed (at most {MAX_ROWS:,})")
    with float64():
        return np.asarray(units.states(jnp.arange(count)), dtype=np.float64)


def configurations(rbm: RBM) -> int | None:
    """The number of joint configurations (v, h), or None where it is not finite."""
    visible, hidden = (layer.state_count for layer in (model.validate(rbm).visible, rbm.hidden))
    return None if visible is None or hidden is None else visible * hidden


def joint_table(rbm: RBM, temperature: float = 1.0) -> JointTable:
    """Every configuration of a small model, rows ordered v h = 00..00 to 11..11.

    Raises:
        InputError: a temperature that is not positive, or more than 2^20 configurations (`most_probable` serves those).
    """
    rbm = in_float64(rbm)
    count = configurations(rbm)
    if count is None:
        raise InputError(f"{rbm!r} has units of a continuum, so its configurations cannot be listed")
    if count > MAX_ROWS:
        raise InputError(
            f"{rbm!r} has more configurations than a table may have rows ({MAX_ROWS:,}); "
            "harmonium.exact.most_probable lists the most probable ones"
        )
    v, h = all_states(rbm.visible), all_states(rbm.hidden)
    return _table(rbm, temperature, np.repeat(v, len(h), axis=0), np.tile(h, (len(v), 1)))


def _table(rbm: RBM, temperature: float, v: np.ndarray, h: np.ndarray) -> JointTable:
    log_z = log_partition(at_temperature(rbm, temperature))
    with float64():
        energies = np.asarray(_energy(rbm, v, h))
    with np.errstate(over="ignore"):  # Boltzmann factors may exceed float64; probabilities never do
        factors = np.exp(-energies / temperature)
    probability = np.exp(-energies / temperature - log_z)
    count = configurations(rbm)
    assert count is not None
    return JointTable(v, h, energies, factors, probability, log_z, float(temperature), count)


def most_probable(rbm: RBM, rows: int, temperature: float = 1.0) -> JointTable:
    """The `rows` most probable configurations, most probable first, of a model whose smaller layer is enumerable.

    Each of these has, in the enumerated layer, one of the `rows` states with the best partner in the other layer; the partners
    of those are then taken best first.

    Raises:
        InputError: a temperature that is not positive, rows below 1, or a model that cannot be enumerated.
    """
    rows = _checks.integer(rows, "rows")
    rbm = in_float64(rbm)
    cold = at_temperature(rbm, temperature)
    enumerated = smaller_first(cold)
    x, y = _best_pairs(enumerated, rows)
    v, h = (x, y) if enumerated is cold else (y, x)
    return _table(rbm, temperature, v, h)


def _best_pairs(rbm: RBM, rows: int) -> tuple[np.ndarray, np.ndarray]:
    count = count_of(rbm.visible)
    listing = rbm.hidden.listing()
    length = block_length(rbm)
    best_states: list[tuple[float, int]] = []
    with float64():
        scores_of = jax.jit(partial(_unit_scores, rbm))
        for first in range(0, count, length):
            indices = np.arange(first, min(first + length, count))
            x = rbm.visible.states(jnp.asarray(indices))
            best = np.asarray(scores_of(x).max(axis=-1).sum(axis=-1) - rbm.visible.energy(x))
            keep = np.argpartition(-best, min(rows, len(best)) - 1)[:rows]
            best_states += zip(best[keep].tolist(), indices[keep].tolist(), strict=True)
            best_states = heapq.nlargest(rows, best_states)
        best_x = np.asarray(rbm.visible.states(jnp.asarray([index for _, index in best_states])))
        scores = np.asarray(scores_of(best_x))
    pairs: list[tuple[float, int, tuple[int, ...]]] = []
    for index, ((best_score, _), unit_scores) in enumerate(zip(best_states, scores, strict=True)):
        pairs += [(best_score - loss, index, digits) for loss, digits in _best_digits(unit_scores, rows)]
    pairs = heapq.nlargest(rows, pairs, key=lambda pair: pair[0])
    y = np.asarray(listing.states(np.array([digits for _, _, digits in pairs]), np.float64))
    return best_x[[pair[1] for pair in pairs]], y


def _unit_scores(rbm: RBM, x: Float[Array, "n V"]) -> Float[Result, "n units K"]:
    """What each state of each hidden unit adds to -E at fixed x; -inf beyond the unit's states."""
    listing = rbm.hidden.listing()
    units, most, _ = listing.values.shape
    # Everything is a sum over units, so a unit's part is a difference against the background of all units' first states.
    digits = jnp.arange(most)[None, :, None] * jnp.eye(units, dtype=int)[:, None]
    changed = listing.states(jnp.minimum(digits, listing.counts - 1), x.dtype)
    background = changed[0, 0]
    inputs = model.hidden_inputs(rbm, x)
    scores = jnp.tensordot(inputs, changed - background, (-1, -1)) - rbm.hidden.energy(changed)
    shared = jnp.sum(inputs * background, axis=-1) + rbm.hidden.energy(background) * (units - 1)
    return jnp.where(jnp.arange(most) < listing.counts[:, None], scores + shared[:, None, None] / units, -jnp.inf)


def _best_digits(scores: Real[np.ndarray, "units K"], rows: int) -> list[tuple[float, tuple[int, ...]]]:
    """The `rows` best choices of one state a unit, best first, each with its loss against the best."""
    order = np.argsort(-scores, axis=1)
    losses = np.take_along_axis(scores.max(axis=1, keepdims=True) - scores, order, axis=1)
    units, count = scores.shape
    by_regret = np.argsort(losses[:, 1]) if count > 1 else np.arange(units)
    choices: list[tuple[float, tuple[int, ...]]] = []
    # Each choice is reached once: raise the rank of the last unit touched, pass on to the next, or move there instead.
    heap: list[tuple[float, int, tuple[int, ...]]] = [(0.0, -1, (0,) * units)]
    while heap and len(choices) < rows:
        loss, last, ranks = heapq.heappop(heap)
        choices.append((loss, tuple(int(order[u, r]) for u, r in enumerate(ranks))))
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
    return choices
