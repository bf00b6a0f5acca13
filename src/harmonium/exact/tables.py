"""Configurations one by one: the joint table of a small model, the most probable rows of a larger one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

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

    `v [n, V]`, `h [n, H]`; `energy`, `boltzmann_factor` = e^(-E/T), infinite beyond float64, and `probability`, each `[n]`;
    `log_partition` = ln Z at `temperature`; `configurations`: their total number (a table may have the most probable alone).

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> isinstance(hm.exact.joint_table(rbm), hm.exact.JointTable)
        True
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

    Args:
        units: a layer of units.

    Raises:
        InputError: there are more states than a table may have rows.

    Example:
        >>> import harmonium as hm
        >>> hm.exact.all_states(hm.Binary.zeros(2))
        array([[0., 0.],
               [0., 1.],
               [1., 0.],
               [1., 1.]])
    """
    count = _checks.instance(units, Units, "units", "a layer of units").state_count
    if count is None or count > MAX_ROWS:
        raise InputError(f"{units.size} {units.name} units have too many states to be listed (at most {MAX_ROWS:,})")
    with float64():
        return np.asarray(units.states(jnp.arange(count)), dtype=np.float64)


def configurations(rbm: RBM) -> int | None:
    """The number of joint configurations (v, h), or None where it is not finite.

    Args:
        rbm: the model.

    Raises:
        InputError: a malformed model.

    Example:
        >>> import harmonium as hm
        >>> hm.exact.configurations(hm.initialize([[0, 1, 1], [1, 1, 0]], hidden=2))
        32
    """
    visible, hidden = (layer.state_count for layer in (model.validate(rbm).visible, rbm.hidden))
    return None if visible is None or hidden is None else visible * hidden


def joint_table(rbm: RBM, temperature: float = 1.0) -> JointTable:
    """Every configuration of a small model, rows ordered v h = 00..00 to 11..11.

    Args:
        rbm: the model.
        temperature: T, above zero.

    Raises:
        InputError: a temperature that is not positive, or more than 2^20 configurations (`most_probable` serves those).

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> table = hm.exact.joint_table(rbm)
        >>> table.energy[-1:], table.probability[-1:].round(6)
        (array([-2.]), array([0.231944]))
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

    Args:
        rbm: the model.
        rows: how many.
        temperature: T, above zero.

    Raises:
        InputError: a temperature that is not positive, rows below 1, or a model that cannot be enumerated.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> hm.exact.most_probable(rbm, 3).energy
        array([-2., -1., -1.])
    """
    rows = _checks.integer(rows, "rows")
    rbm = in_float64(rbm)
    cold = at_temperature(rbm, temperature)
    enumerated = smaller_first(cold)
    x, y = _best_pairs(enumerated, rows)
    v, h = (x, y) if enumerated is cold else (y, x)
    return _table(rbm, temperature, v, h)


def _best_pairs(rbm: RBM, rows: int) -> tuple[np.ndarray, np.ndarray]:
    count, length = count_of(rbm.visible), block_length(rbm)
    values, best = np.zeros(0), np.zeros(0, np.int64)
    with float64():
        scores_of = jax.jit(partial(_unit_scores, rbm))
        for first in range(0, count, length):
            indices = np.arange(first, min(first + length, count))
            x = rbm.visible.states(jnp.asarray(indices))
            values = np.concatenate([values, scores_of(x).max(axis=-1).sum(axis=-1) - rbm.visible.energy(x)])
            best = np.concatenate([best, indices])
            order = np.argsort(-values, kind="stable")[:rows]
            values, best = values[order], best[order]
        best_x = np.asarray(rbm.visible.states(jnp.asarray(best)))
        scores = np.asarray(scores_of(best_x))
    # Unit by unit, what each of its states costs against the best: a pair beyond the best rows so far stays beyond them.
    losses = scores.max(axis=-1, keepdims=True) - scores
    pair, digits = np.arange(len(best)), np.zeros((len(best), 0), int)
    for unit in range(losses.shape[1]):
        options = values[:, None] - losses[pair, unit]
        order = np.argsort(-options, axis=None, kind="stable")[: min(rows, np.isfinite(options).sum())]
        parent, digit = np.unravel_index(order, options.shape)
        values, pair, digits = options.ravel()[order], pair[parent], np.column_stack([digits[parent], digit])
    return best_x[pair], np.asarray(rbm.hidden.listing().states(digits, np.float64))


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
