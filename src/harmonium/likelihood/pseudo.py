"""The pseudo-log-likelihood: ln p(v_i | all other units of v), summed over the visible units i.

It is not a log likelihood, and in general neither an upper nor a lower bound on one. It measures how well each unit follows
from the others, needs no ln Z, and hardly depends on the relative probabilities of the modes: every conditional stays within
one mode. It is here because it is fast, and for comparison with scikit-learn.

References: J. Besag, "Statistical analysis of non-lattice data", The Statistician 24 (1975) (the sum);
sklearn.neural_network.BernoulliRBM.score_samples (the estimate from one random unit).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._types import ArrayLike
from harmonium.errors import InputError
from harmonium.likelihood.conditionals import conditionals, conditionals_of
from harmonium.model import RBM

MAX_TERMS = 1 << 30
"""Rows x weights up to which the pseudo-likelihood is summed over all units: some ten seconds."""


def pseudo_log_likelihood(rbm: RBM, v: ArrayLike) -> Float[np.ndarray, "rows"]:
    """sum_i ln p(v_i | v_-i) for each row of `v [n, V]`, in nats: the pseudo-log-likelihood, not a log likelihood.

    Computed in float64 from the free energies with each unit in each of its states.

    Args:
        rbm: the model.
        v: rows `[n, V]`.

    Raises:
        InputError: the visible units have no finite number of states, v is outside their domain, or a result that is not
            finite.
    """
    return -conditionals(rbm, _rows(rbm, v))[0].sum(axis=1)


def stochastic_pseudo_log_likelihood(rbm: RBM, v: ArrayLike, seed: int = 0) -> Float[np.ndarray, "rows"]:
    """units * ln p(v_i | v_-i) with one random unit i for each row of `v [n, V]`, in nats.

    What scikit-learn's `BernoulliRBM.score_samples` computes: an unbiased but noisy estimate of `pseudo_log_likelihood`, so
    not a log likelihood either.

    Args:
        rbm: the model.
        v: rows `[n, V]`.
        seed: of the choice of units.

    Raises:
        InputError: as `pseudo_log_likelihood`, or a seed that is out of range.
    """
    rows, units = _rows(rbm, v), len(rbm.visible.unit_tables)
    chosen = np.random.default_rng(_checks.seed(seed)).integers(units, size=len(rows))
    return -units * conditionals_of(rbm, rows, chosen)


def _rows(rbm: RBM, v: ArrayLike) -> Float[np.ndarray, "rows visible"]:
    rows = model.check_rows(rbm, v, "v").astype(np.float64)
    if rbm.visible.state_count is None:
        raise InputError(
            f"a pseudo-likelihood sums over the states of each unit, but some of the {rbm.visible.name} units are continuous"
        )
    return rows


class PseudoLogLikelihood(NamedTuple):
    """The mean pseudo-log-likelihood (nats per example; neither a log likelihood nor a bound on one), and its method."""

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
