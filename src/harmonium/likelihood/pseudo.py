"""The pseudo-log-likelihood: ln p(v_i | all other units of v), summed over the visible units i.

It is no log likelihood, and in general neither an upper nor a lower bound on one. It measures how well each unit follows from
the others, needs no ln Z, and hardly depends on the relative probabilities of the modes: every conditional stays within one
mode. It is here because it is fast, and for comparison with scikit-learn.

References: J. Besag, "Statistical analysis of non-lattice data", The Statistician 24 (1975) (the sum);
sklearn.neural_network.BernoulliRBM.score_samples (the estimate from one random unit).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from harmonium import _checks, model
from harmonium._numerics import float64, to_float64
from harmonium._types import ArrayLike
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.units import Units

MAX_TERMS = 1 << 30
"""Rows x weights up to which the pseudo-likelihood is summed over all units: some ten seconds."""
BLOCK_ELEMENTS = 1 << 18
"""Rows x hidden units in one block: 2 MiB in float64, a few of which are alive at once."""


def pseudo_log_likelihood(rbm: RBM, v: ArrayLike) -> Float[np.ndarray, "rows"]:
    """sum_i ln p(v_i | v_-i) for each row of `v [n, V]`, in nats: the pseudo-log-likelihood, which is no log likelihood.

    Computed in float64 from the free energies with each unit in each of its states.

    Raises:
        InputError: the visible units have no finite number of states, or v is outside their domain.
    """
    rbm, rows, digits = _prepare(rbm, v)
    return _in_blocks(_all_units, rbm, rows, digits)


def stochastic_pseudo_log_likelihood(rbm: RBM, v: ArrayLike, seed: int = 0) -> Float[np.ndarray, "rows"]:
    """units * ln p(v_i | v_-i) with one random unit i for each row of `v [n, V]`, in nats.

    What scikit-learn's `BernoulliRBM.score_samples` computes: an unbiased but noisy estimate of `pseudo_log_likelihood`, so
    no log likelihood either. Raises as that does.
    """
    rbm, rows, digits = _prepare(rbm, v)
    units = digits.shape[1]
    chosen = np.random.default_rng(_checks.seed(seed)).integers(units, size=len(rows))
    return units * _in_blocks(_one_unit, rbm, rows, digits, chosen)


def _prepare(rbm: RBM, v: ArrayLike) -> tuple[RBM, Float[np.ndarray, "rows visible"], Int[np.ndarray, "rows units"]]:
    """The model in float64, the rows, and the index of the state of each of their units."""
    rbm = to_float64(model.validate(rbm))
    if rbm.visible.state_count is None:
        raise InputError(
            f"a pseudo-likelihood sums over the states of each unit, but some of the {rbm.visible.name} units are continuous"
        )
    rows = model.check_rows(rbm, v, "v").astype(np.float64)
    return rbm, rows, rbm.visible.listing().digits(rows)


def _in_blocks(function: Callable[..., Array], rbm: RBM, *columns: np.ndarray) -> Float[np.ndarray, "rows"]:
    length = max(1, BLOCK_ELEMENTS // rbm.hidden.size)
    with float64():
        energies = _state_energies(rbm.visible)
        starts = range(0, len(columns[0]), length)
        parts = [function(rbm, energies, *(part[i : i + length] for part in columns)) for i in starts]
        return _checks.finite_result(np.concatenate([np.asarray(part) for part in parts]), "the pseudo-log-likelihood")


@jax.jit
def _state_energies(units: Units) -> Float[Array, "units states"]:
    """The energy of the layer with unit i in state k and all others in their first.

    Energies add up over units, so a difference along a row is the cost of a change of that unit's state, whatever the others.
    """
    listing = units.listing()
    count, most, _ = listing.values.shape

    def of_unit(i: Array) -> Array:
        digits = jnp.where(jnp.arange(count) == i, jnp.arange(most)[:, None], 0)
        return units.energy(listing.states(digits, jnp.float64))

    return jax.lax.map(of_unit, jnp.arange(count))


@jax.jit
def _all_units(
    rbm: RBM, energies: Float[Array, "units states"], v: Float[Array, "rows visible"], digits: Int[Array, "rows units"]
) -> Float[Array, "rows"]:
    conditional = partial(_log_conditional, rbm, energies, model.hidden_inputs(rbm, v), digits)
    return jax.lax.fori_loop(0, len(energies), lambda i, total: total + conditional(i), jnp.zeros(len(v)))


@jax.jit
def _one_unit(
    rbm: RBM,
    energies: Float[Array, "units states"],
    v: Float[Array, "rows visible"],
    digits: Int[Array, "rows units"],
    unit: Int[Array, "rows"],
) -> Float[Array, "rows"]:
    return _log_conditional(rbm, energies, model.hidden_inputs(rbm, v), digits, unit)


def _log_conditional(
    rbm: RBM,
    energies: Float[Array, "units states"],
    inputs: Float[Array, "rows hidden"],
    digits: Int[Array, "rows units"],
    unit: Int[Array, "*rows"] | int,
) -> Float[Array, "rows"]:
    """ln p(v_i | v_-i) for unit i, one for all rows or one for each."""
    listing = rbm.visible.listing()
    _, most, width = listing.values.shape
    values, counts = jnp.asarray(listing.values), jnp.asarray(listing.counts)
    # Where a unit has fewer columns than another, its values beyond them are zero, whatever weights they meet.
    columns = jnp.minimum(rbm.visible.boundaries[:-1, None] + np.arange(width), rbm.visible.size - 1)
    weights = rbm.weights[columns[unit]]
    state = digits[jnp.arange(len(digits)), unit]
    value = values[unit, state]
    own = rbm.hidden.log_normalizer(inputs) - energies[unit, state]  # -F(v), as far as this unit changes it
    log_sum = jnp.zeros_like(own)
    for step in range(1, most):  # the unit in each of its other states
        other = (state + step) % most
        moved = inputs + ((values[unit, other] - value)[:, None] @ weights)[:, 0]
        change = rbm.hidden.log_normalizer(moved) - energies[unit, other] - own
        log_sum = jnp.logaddexp(log_sum, jnp.where(other < counts[unit], change, -jnp.inf))
    return -log_sum


class PseudoLogLikelihood(NamedTuple):
    """The mean pseudo-log-likelihood (nats per example; no log likelihood, and no bound on one), and its method."""

    mean: float
    method: str


def mean_pseudo_log_likelihood(rbm: RBM, v: ArrayLike, seed: int = 0) -> PseudoLogLikelihood | None:
    """Its mean over rows `v [n, V]`, None where a unit's states cannot be listed.

    All units are summed over where that takes some ten seconds; otherwise it is estimated from one random unit a row.
    """
    if rbm.visible.state_count is None:
        return None
    if len(np.asarray(v)) * rbm.weights.size <= MAX_TERMS:
        return PseudoLogLikelihood(float(pseudo_log_likelihood(rbm, v).mean()), "sum over all units")
    mean = float(stochastic_pseudo_log_likelihood(rbm, v, seed).mean())
    return PseudoLogLikelihood(mean, "estimate from one random unit a row")
