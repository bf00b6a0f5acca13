"""Is it mixed, is it in equilibrium, does it overfit: figures with verdicts in words."""

from harmonium.diagnostics.adversarial import AdversarialAccuracy, adversarial_accuracy, privacy_loss
from harmonium.diagnostics.comparison import Comparison, compare
from harmonium.diagnostics.diagnose import Diagnosis, diagnose
from harmonium.diagnostics.hidden import HiddenUnits, hidden_units
from harmonium.diagnostics.mixing import Mixing, mixing, to_arviz
from harmonium.diagnostics.mmd import SquaredMMD, squared_mmd
from harmonium.diagnostics.overfitting import FreeEnergyGap, free_energy_gap
from harmonium.diagnostics.relaxation import Relaxation, relaxation
from harmonium.diagnostics.spectrum import Spectrum, spectrum
from harmonium.diagnostics.swaps import Swaps, agreement, compare_with_gibbs, swaps
from harmonium.diagnostics.verdict import Verdict

__all__ = [
    "AdversarialAccuracy",
    "Comparison",
    "Diagnosis",
    "FreeEnergyGap",
    "HiddenUnits",
    "Mixing",
    "Relaxation",
    "Spectrum",
    "SquaredMMD",
    "Swaps",
    "Verdict",
    "adversarial_accuracy",
    "agreement",
    "compare",
    "compare_with_gibbs",
    "diagnose",
    "free_energy_gap",
    "hidden_units",
    "mixing",
    "privacy_loss",
    "relaxation",
    "spectrum",
    "squared_mmd",
    "swaps",
    "to_arviz",
]
