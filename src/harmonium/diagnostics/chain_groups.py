"""Do two groups of independent chains have the same means?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from harmonium import _checks
from harmonium.errors import InputError

FALSE_ALARM = 1e-3
"""The chance that groups of one distribution are found to differ, over all quantities together."""
NEGLIGIBLE = 0.1
"""A difference of fewer standard deviations does not matter, however certain."""
COARSE = 0.25
"""With a standard error of more standard deviations, the absence of a difference says nothing."""


@dataclass(frozen=True)
class ChainComparison:
    """Mean of the first group minus that of the second, in standard deviations of a draw within a group.

    `standard_error`: of the difference, from the scatter of the chains' own means. `p_value`: of Welch's test.

    Attributes:
        quantities: their names.
    """

    quantities: Sequence[str]
    difference: Float[np.ndarray, "quantities"]
    standard_error: Float[np.ndarray, "quantities"]
    p_value: Float[np.ndarray, "quantities"]

    @property
    def differ(self) -> Bool[np.ndarray, "quantities"]:
        """Whether the groups differ in each quantity: certainly (Bonferroni), and by a difference that matters."""
        return (self.p_value * len(self.p_value) < FALSE_ALARM) & (np.abs(self.difference) > NEGLIGIBLE)

    @property
    def decided(self) -> bool:
        """Whether a difference that matters would be seen."""
        return bool((self.standard_error < COARSE).all())

    @property
    def agree(self) -> bool:
        """Whether no quantity differs, and a difference would be seen."""
        return self.decided and not self.differ.any()

    def largest(self) -> str:
        """The most certain difference in words, such as `component 1 by 1.20 +- 0.05 standard deviations`."""
        worst = int(np.argmax(np.abs(self.difference) / np.maximum(self.standard_error, 1e-300)))
        difference, error = abs(self.difference[worst]), self.standard_error[worst]
        return f"{self.quantities[worst]} by {difference:.2f} +- {error:.2f} standard deviations"


@np.errstate(over="ignore")  # of degrees of freedom, where nothing varies
def compare_chains(
    first: Float[np.ndarray, "chains draws quantities"],
    second: Float[np.ndarray, "others times quantities"],
    quantities: Sequence[str],
) -> ChainComparison:
    """Compare groups of at least two independent chains each.

    Args:
        first: chains `[C, D, Q]` of D draws of Q quantities.
        second: chains `[C', D, Q]`.
        quantities: their names, Q in all.

    Raises:
        InputError: fewer than 2 chains in a group, a value that is not finite, or another number of quantities.

    Reference: B. Welch, "The generalization of Student's problem when several different population variances are
    involved", Biometrika 34 (1947); a chain counts as one observation, so autocorrelation inside it does no harm.
    """
    _checks.instance(quantities, Sequence, "quantities", "a sequence of names")
    groups = []
    for group, name in ((first, "first"), (second, "second")):
        groups.append(_checks.finite_array(group, name, (None, None, len(quantities))).astype(np.float64))
        if groups[-1].shape[0] < 2 or 0 in groups[-1].shape:
            raise InputError(f"{name} must hold at least 2 chains, each with a draw, but has shape {list(groups[-1].shape)}")
    means = [group.mean(axis=1) for group in groups]
    # In chains that never move, rounding alone must not pass for a spread.
    resolution = 1e-6 * np.maximum(*(np.abs(group).max(axis=(0, 1)) for group in groups)) + 1e-12
    scale = np.maximum(np.sqrt(sum(group.var(axis=(0, 1)) for group in groups) / 2), resolution)
    parts = np.stack([mean.var(axis=0, ddof=1) / len(mean) for mean in means])
    error = np.sqrt(parts.sum(axis=0))
    difference = means[0].mean(axis=0) - means[1].mean(axis=0)
    same = np.abs(difference) <= resolution
    safe = np.maximum(error, resolution * 1e-3)
    freedom = np.maximum(1, safe**4 / np.maximum(sum(p**2 / (len(m) - 1) for p, m in zip(parts, means, strict=True)), 1e-300))
    p_value = np.where(same, 1.0, 2 * stats.t.sf(np.abs(difference) / safe, freedom))
    return ChainComparison(quantities, np.where(same, 0, difference / scale), error / scale, p_value)
