"""The pseudo-log-likelihood: ln p(v_i | all other units of v), summed over the visible units i.

It is not a log likelihood, and in general neither an upper nor a lower bound on one. It asks how well each unit follows from
the others, needs no ln Z, and is nearly blind to how probable the modes are against each other: every conditional stays
within one mode. It is here because it is fast, and to compare with scikit-learn.

References: J. Besag, "Statistical analysis of non-lattice data", The Statistician 24 (1975) (the sum);
sklearn.neural_network.BernoulliRBM.score_samples (the estimate from one random unit).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import _checks, model
from harmonium.errors import InputError
from harmonium.exact.values import float64
from harmonium.model import RBM
from harmonium.units import Units

MAX_TERMS = 1 << 30
"""Rows x weights up to which the pseudo-likelihood is summed over all units: some ten seconds."""
BLOCK_ELEMENTS = 1 << 18
"""Rows x hidden units in one block: 2 MiB in float64, a few of which are alive at once."""


def pseudo_log_likelihood(rbm: RBM, v: Any) -> np.ndarray:
    """sum_i ln p(v_i | v_-i) for each row, `[n, V] -> [n]`, in nats: the pseudo-log-likelihood, which is no log likelihood.

    Computed in float64 from free energies, each unit being put into each of its states.

    Raises:
        InputError: the visible units have no finite number of states, or v is outside their domain.
    """
    rbm, rows, digits = _prepared(rbm, v)
    return _in_blocks(_all_units, rbm, rows, digits)


def stochastic_pseudo_log_likelihood(rbm: RBM, v: Any, seed: int = 0) -> np.ndarray:
    """units * ln p(v_i | v_-i) with one random unit i for each row, `[n, V] -> [n]`, in nats.

    What scikit-learn's `BernoulliRBM.score_samples` computes: an unbiased but noisy estimate of `pseudo_log_likelihood`, so
    no log likelihood either.

    Raises:
        InputError: as `pseudo_log_likelihood`, or seed is out of range.
    """
    rbm, rows, digits = _prepared(rbm, v)
    units = digits.shape[1]
    chosen = np.random.default_rng(_checks.seed(seed)).integers(units, size=len(rows))
    return units * _in_blocks(_one_unit, rbm, rows, digits, chosen)


def _prepared(rbm: RBM, v: Any) -> tuple[RBM, np.ndarray, np.ndarray]:
    """The machine in float64, the rows, and the number of the state that each of their units is in, `[n, units]`."""
    rbm = float64(rbm)
    if rbm.visible.state_count is None:
        raise InputError(
            f"a pseudo-likelihood sums over the states of a unit, but of the {rbm.visible.name} units some take a continuum"
        )
    rows = model.check_rows(rbm, v, "v").astype(np.float64)
    return rbm, rows, rbm.visible.listing().digits(rows)


def _in_blocks(function: Any, rbm: RBM, *columns: np.ndarray) -> np.ndarray:
    length = max(1, BLOCK_ELEMENTS // rbm.hidden.size)
    with jax.enable_x64(True):
        energies = _state_energies(rbm.visible)
        starts = range(0, len(columns[0]), length)
        parts = [function(rbm, energies, *(part[i : i + length] for part in columns)) for i in starts]
        return np.concatenate([np.asarray(part) for part in parts])


@jax.jit
def _state_energies(units: Units) -> Any:
    """The energy of the layer with unit i in state k and all others in their first, `[units, K]`.

    Energies add up over units, so differences along a row are what a change of that unit's state costs whatever the others
    do.
    """
    listing = units.listing()
    count, most, _ = listing.values.shape

    def of_unit(i: Any) -> Any:
        digits = jnp.where(jnp.arange(count) == i, jnp.arange(most)[:, None], 0)
        return units.energy(listing.states(digits, jnp.float64))

    return jax.lax.map(of_unit, jnp.arange(count))


@jax.jit
def _all_units(rbm: RBM, energies: Any, v: Any, digits: Any) -> Any:
    conditional = partial(_log_conditional, rbm, energies, model.hidden_inputs(rbm, v), digits)
    return jax.lax.fori_loop(0, len(energies), lambda i, total: total + conditional(i), jnp.zeros(len(v)))


@jax.jit
def _one_unit(rbm: RBM, energies: Any, v: Any, digits: Any, unit: Any) -> Any:
    return _log_conditional(rbm, energies, model.hidden_inputs(rbm, v), digits, unit)


def _log_conditional(rbm: RBM, energies: Any, inputs: Any, digits: Any, unit: Any) -> Any:
    """ln p(v_i | v_-i) `[B]` for unit i, one for all rows or one for each."""
    listing = rbm.visible.listing()
    _, most, width = listing.values.shape
    values, counts = jnp.asarray(listing.values), jnp.asarray(listing.counts)
    # Where a unit has fewer columns than another, the values beyond them are zero, and whose weights these meet is the same.
    places = jnp.minimum(rbm.visible.boundaries[:-1, None] + np.arange(width), rbm.visible.size - 1)
    weights = rbm.weights[places[unit]]
    state = digits[jnp.arange(len(digits)), unit]
    value = values[unit, state]
    kept = rbm.hidden.log_normalizer(inputs) - energies[unit, state]  # -F(v), as far as this unit changes it
    log_sum = jnp.zeros_like(kept)
    for step in range(1, most):  # the unit in each of its other states
        other = (state + step) % most
        moved = inputs + ((values[unit, other] - value)[:, None] @ weights)[:, 0]
        change = rbm.hidden.log_normalizer(moved) - energies[unit, other] - kept
        log_sum = jnp.logaddexp(log_sum, jnp.where(other < counts[unit], change, -jnp.inf))
    return -log_sum


class PseudoLogLikelihood(NamedTuple):
    """The mean pseudo-log-likelihood (nats per example; no log likelihood, and no bound on one), and its method."""

    mean: float
    method: str


def mean_pseudo_log_likelihood(rbm: RBM, v: Any, seed: int = 0) -> PseudoLogLikelihood | None:
    """Its mean over rows `v [n, V]`, None where a unit's states cannot be listed.

    All units are summed over where that takes some ten seconds; otherwise it is estimated from one random unit a row.
    """
    if rbm.visible.state_count is None:
        return None
    if len(v) * rbm.weights.size <= MAX_TERMS:
        return PseudoLogLikelihood(float(pseudo_log_likelihood(rbm, v).mean()), "sum over all units")
    mean = float(stochastic_pseudo_log_likelihood(rbm, v, seed).mean())
    return PseudoLogLikelihood(mean, "estimate from one random unit a row")
