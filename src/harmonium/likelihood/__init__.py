"""How likely data is under a machine: one report type, whatever the method."""

from harmonium.likelihood.bracket import Bracket, bracket
from harmonium.likelihood.conservative import conservative_log_likelihood
from harmonium.likelihood.evaluation import EXACT_SECONDS, base_rate_log_likelihood, can_be_exact, evaluate, on_other_rows
from harmonium.likelihood.ladder import LadderBracket, ladder_bracket, ladder_likelihood
from harmonium.likelihood.pseudo import pseudo_log_likelihood, stochastic_pseudo_log_likelihood
from harmonium.likelihood.report import Likelihood
from harmonium.likelihood.weights import Estimate

__all__ = [
    "EXACT_SECONDS",
    "Bracket",
    "Estimate",
    "LadderBracket",
    "Likelihood",
    "base_rate_log_likelihood",
    "bracket",
    "can_be_exact",
    "conservative_log_likelihood",
    "evaluate",
    "ladder_bracket",
    "ladder_likelihood",
    "on_other_rows",
    "pseudo_log_likelihood",
    "stochastic_pseudo_log_likelihood",
]
