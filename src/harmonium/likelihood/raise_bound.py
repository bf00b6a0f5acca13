"""A conservative estimate of the log likelihood, from reverse runs that start at the data itself.

Reference: Y. Burda, R. Grosse and R. Salakhutdinov, "Accurate and conservative estimates of MRF log-likelihood using
reverse annealing" (RAISE), AISTATS 2015, section 3.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from harmonium import _checks, exact, model
from harmonium._numerics import float64, in_own_precision, log_mean_exp
from harmonium._types import ArrayLike, Progress
from harmonium.errors import InputError
from harmonium.likelihood import annealing
from harmonium.likelihood.bidirectional import BidirectionalAIS
from harmonium.model import RBM
from harmonium.random import key_of

BLOCK = 500
"""Runs side by side."""


def raise_bound(
    rbm: RBM,
    data: ArrayLike,
    bracket: BidirectionalAIS,
    runs: int = 1,
    seed: int = 0,
    progress: Progress = lambda _: None,
) -> Float[np.ndarray, "rows"]:
    """For each row of `data [n, V]` an estimate of ln p(v) that is low in expectation, in nats.

    exp(-F(v)) w / Z_0, with w the weight of a reverse run from v, is an unbiased estimate of the probability that the forward
    runs end at v. Its logarithm is low in expectation, so it bounds the log likelihood under the distribution of the ends of
    those runs: the model's own, up to what they miss.

    Args:
        rbm: the model.
        data: rows `[n, V]`.
        bracket: gives the path and the temperatures.
        runs: for each row, whose weights are averaged before the logarithm is taken: more of them give a higher, that is a
            tighter, bound.
        seed: of all random numbers.
        progress: called with a stage and the fraction of it that is done.

    Raises:
        InputError: data outside the units' domain, runs or seed out of range, a bracket of another model, or energies beyond
            what the precision holds.
    """
    rows = model.check_rows(rbm, data)
    if _checks.instance(bracket, BidirectionalAIS, "bracket").base.weights.shape != rbm.weights.shape:
        raise InputError(f"bracket must be one of this model, but is one of {bracket.base!r}")
    runs = _checks.integer(runs, "runs")
    key = key_of(seed)
    with float64():
        target = in_own_precision(rbm)
        starts = np.repeat(rows, runs, axis=0)
        parts = []
        for first in range(0, len(starts), BLOCK):
            v = jnp.asarray(starts[first : first + BLOCK], target.weights.dtype)
            annealed = annealing.anneal(
                jax.random.fold_in(key, first), bracket.base, target, v, bracket.schedule, bracket.temperatures, reverse=True
            )
            parts.append(annealed.log_weights)
            progress(min(1.0, (first + BLOCK) / len(starts)))
    gains = log_mean_exp(np.concatenate(parts).reshape(len(rows), runs))
    return _checks.finite_result(exact.log_likelihood(rbm, rows, bracket.base_log_partition) + gains, "the bound")
