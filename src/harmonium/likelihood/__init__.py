"""How likely data is under a machine: one report type, whatever the method."""

from harmonium.likelihood.evaluation import base_rate_log_likelihood, can_be_exact, evaluate
from harmonium.likelihood.report import Likelihood

__all__ = ["Likelihood", "base_rate_log_likelihood", "can_be_exact", "evaluate"]
