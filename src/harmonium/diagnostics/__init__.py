"""Is it mixed, is it in equilibrium, does it overfit: figures with verdicts in words."""

from harmonium.diagnostics.adversarial import AdversarialAccuracy, adversarial_accuracy, privacy_loss
from harmonium.diagnostics.common import Verdict
from harmonium.diagnostics.comparison import Comparison, compare
from harmonium.diagnostics.hidden import HiddenUnits, hidden_units
from harmonium.diagnostics.mixing import Mixing, mixing, to_arviz
from harmonium.diagnostics.overfitting import FreeEnergyGap, free_energy_gap
from harmonium.diagnostics.relaxation import Relaxation, relaxation
from harmonium.diagnostics.report import Report, report
from harmonium.diagnostics.spectrum import Spectrum, spectrum
from harmonium.diagnostics.swaps import Swaps, against_gibbs, agreement, swaps

__all__ = [
    "AdversarialAccuracy",
    "Comparison",
    "FreeEnergyGap",
    "HiddenUnits",
    "Mixing",
    "Relaxation",
    "Report",
    "Spectrum",
    "Swaps",
    "Verdict",
    "adversarial_accuracy",
    "against_gibbs",
    "agreement",
    "compare",
    "free_energy_gap",
    "hidden_units",
    "mixing",
    "privacy_loss",
    "relaxation",
    "report",
    "spectrum",
    "swaps",
    "to_arviz",
]
