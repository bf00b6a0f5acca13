"""A log likelihood that errs on the low side, from reverse runs that start at the data itself.

Reference: Y. Burda, R. Grosse and R. Salakhutdinov, "Accurate and conservative estimates of MRF log-likelihood using
reverse annealing" (RAISE), AISTATS 2015, section 3.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import _checks, exact, model
from harmonium.errors import InputError
from harmonium.likelihood import annealing
from harmonium.likelihood.annealing import Progress
from harmonium.likelihood.bidirectional import BidirectionalAIS, in_own_precision
from harmonium.likelihood.weights import log_mean_exp
from harmonium.model import RBM
from harmonium.random import key_of

BLOCK = 500
"""Runs side by side."""


def raise_bound(
    rbm: RBM, data: Any, found: BidirectionalAIS, runs: int = 1, seed: int = 0, progress: Progress = lambda _: None
) -> np.ndarray:
    """For each row of `data [n, V]` an estimate of ln p(v) that is low in expectation, `[n]` in nats.

    exp(-F(v)) w / Z_0, with w the weight of a reverse run that starts at v, is an unbiased estimate of the probability with
    which the forward runs end at v. Its logarithm is low in expectation, and so is a bound on the log likelihood under the
    distribution that those runs draw from: the machine's own, but for what they miss.

    Args:
        found: the bracket whose path and temperatures are taken. runs: for each row, whose weights are averaged before the
            logarithm is taken: more of them give a higher, that is a tighter, bound.

    Raises:
        InputError: data outside the units' domain, runs or seed out of range, or a bracket of another machine.
    """
    rows = model.check_rows(rbm, data)
    if found.base.weights.shape != rbm.weights.shape:
        raise InputError(f"found must be a bracket of this machine, but is one of {found.base!r}")
    runs = _checks.integer(runs, "runs")
    key = key_of(seed)
    with jax.enable_x64(True):
        machine = in_own_precision(rbm)
        starts = np.repeat(rows, runs, axis=0)
        parts = []
        for first in range(0, len(starts), BLOCK):
            v = jnp.asarray(starts[first : first + BLOCK], machine.weights.dtype)
            annealed = annealing.anneal(
                jax.random.fold_in(key, first), found.base, machine, v, found.schedule, found.temperatures, reverse=True
            )
            parts.append(annealed.log_weights)
            progress(min(1.0, (first + BLOCK) / len(starts)))
        gained = log_mean_exp(np.concatenate(parts).reshape(len(rows), runs))
    return exact.log_likelihood(rbm, rows, found.base_log_partition) + gained
