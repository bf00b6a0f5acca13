"""How likely data is under a model: one type of result, whatever the method."""

from harmonium.likelihood.bidirectional import BidirectionalAIS, bidirectional_ais
from harmonium.likelihood.evaluation import (
    EXACT_SECONDS,
    can_be_exact,
    evaluate,
    evaluate_with,
)
from harmonium.likelihood.gain import Gain, base_rate_log_likelihood, compare_rows, gain_over_independent
from harmonium.likelihood.log_likelihood import LogLikelihood
from harmonium.likelihood.log_weights import Estimate
from harmonium.likelihood.pseudo import pseudo_log_likelihood, stochastic_pseudo_log_likelihood
from harmonium.likelihood.raise_bound import raise_bound
from harmonium.likelihood.replica_bar import ReplicaEstimates, replica_log_likelihood, replica_log_partition

__all__ = [
    "EXACT_SECONDS",
    "BidirectionalAIS",
    "Estimate",
    "Gain",
    "LogLikelihood",
    "ReplicaEstimates",
    "base_rate_log_likelihood",
    "bidirectional_ais",
    "can_be_exact",
    "compare_rows",
    "evaluate",
    "evaluate_with",
    "gain_over_independent",
    "pseudo_log_likelihood",
    "raise_bound",
    "replica_log_likelihood",
    "replica_log_partition",
    "stochastic_pseudo_log_likelihood",
]
