"""How likely data is under a machine: one report type, whatever the method."""

from harmonium.likelihood.bidirectional import BidirectionalAIS, bidirectional_ais
from harmonium.likelihood.evaluation import EXACT_SECONDS, base_rate_log_likelihood, can_be_exact, evaluate, on_other_rows
from harmonium.likelihood.ladder import LadderBracket, ladder_bracket, ladder_likelihood
from harmonium.likelihood.log_likelihood import LogLikelihood
from harmonium.likelihood.pseudo import pseudo_log_likelihood, stochastic_pseudo_log_likelihood
from harmonium.likelihood.raise_bound import raise_bound
from harmonium.likelihood.weights import Estimate

__all__ = [
    "EXACT_SECONDS",
    "BidirectionalAIS",
    "Estimate",
    "LadderBracket",
    "LogLikelihood",
    "base_rate_log_likelihood",
    "bidirectional_ais",
    "can_be_exact",
    "evaluate",
    "ladder_bracket",
    "ladder_likelihood",
    "on_other_rows",
    "pseudo_log_likelihood",
    "raise_bound",
    "stochastic_pseudo_log_likelihood",
]
