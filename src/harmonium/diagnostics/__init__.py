"""Is it mixed, is it in equilibrium, does it overfit, are its samples like the data: figures with verdicts in words."""

from harmonium.diagnostics.adversarial import AdversarialAccuracy, adversarial_accuracy
from harmonium.diagnostics.chain_groups import ChainComparison, compare_chains
from harmonium.diagnostics.classifiers import TwoSampleTest
from harmonium.diagnostics.comparison import Comparison, Similarity, compare
from harmonium.diagnostics.diagnose import Diagnosis, diagnose
from harmonium.diagnostics.energy_score import energy_score
from harmonium.diagnostics.hidden import HiddenUnits, hidden_units
from harmonium.diagnostics.leak import Leak, leak
from harmonium.diagnostics.mixing import Mixing, mixing, to_arviz
from harmonium.diagnostics.mmd import SquaredMMD, squared_mmd
from harmonium.diagnostics.overfitting import FreeEnergyGap, free_energy_gap
from harmonium.diagnostics.relaxation import Relaxation, relaxation
from harmonium.diagnostics.spectrum import Spectrum, spectrum
from harmonium.diagnostics.swaps import Swaps, agreement, compare_with_gibbs, swaps
from harmonium.diagnostics.verdict import Verdict

__all__ = [
    "AdversarialAccuracy",
    "ChainComparison",
    "Comparison",
    "Diagnosis",
    "FreeEnergyGap",
    "HiddenUnits",
    "Leak",
    "Mixing",
    "Relaxation",
    "Similarity",
    "Spectrum",
    "SquaredMMD",
    "Swaps",
    "TwoSampleTest",
    "Verdict",
    "adversarial_accuracy",
    "agreement",
    "compare",
    "compare_chains",
    "compare_with_gibbs",
    "diagnose",
    "energy_score",
    "free_energy_gap",
    "hidden_units",
    "leak",
    "mixing",
    "relaxation",
    "spectrum",
    "squared_mmd",
    "swaps",
    "to_arviz",
]
