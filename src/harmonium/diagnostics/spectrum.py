"""The singular values of the weights beside the principal components of the data: how many modes were learned.

Learning raises one singular value after another out of the noise of the initial weights, each along a principal component
of the data at first. A mode is counted as learned once it amplifies: a fluctuation of the visible units along it comes back
larger from the hidden units, s * sd_v * sd_h > 1, with the largest standard deviation that a unit of either layer can have
(1/2 for binary units, so s > 4; 1 for spins, so s > 1). The data's components above the noise are those of their
correlation matrix whose variance is larger than the largest of independent columns is in 99 of 100 cases.

References: A. Decelle, G. Fissore and C. Furtlehner, "Spectral dynamics of learning in restricted Boltzmann machines", EPL 119
(2017), and "Thermodynamics of restricted Boltzmann machines and related learning dynamics", J. Stat. Phys. 172 (2018);
I. Johnstone, "On the distribution of the largest eigenvalue in principal components analysis", Annals of Statistics 29 (2001),
theorem 1.1 (the noise).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harmonium import model
from harmonium._types import ArrayLike
from harmonium.diagnostics.verdict import Verdict, judge
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.units import Units

TRACY_WIDOM_99 = 2.02
"""The 99 % point of the Tracy-Widom distribution of order 1."""


@dataclass(frozen=True)
class Spectrum:
    """Singular values and how they line up.

    `weights [min(V, H)]`: singular values of the weights. `data [min(n, V)]`: standard deviations of the data along its
    principal components. `amplifying`: the singular value from which on a mode counts as learned. `learned`: how many do.
    `in_data`: principal components above the noise. `alignment [learned]`: the fraction of each learned mode's direction
    that lies among those components; `chance`: that of a random direction.
    """

    weights: np.ndarray
    data: np.ndarray
    amplifying: float
    learned: int
    in_data: int
    alignment: np.ndarray
    chance: float

    @property
    def verdict(self) -> Verdict:
        """Whether the model has learned modes, if the data have some."""
        figure = (
            f"{self.learned} of {len(self.weights)} modes of the weights are learned, {self.in_data} principal components of "
            "the data stand out"
        )
        if self.learned:
            figure += f"; the learned lie to {self.alignment.mean():.0%} among these (by chance: {self.chance:.0%})"
        remedy = "nothing beyond independent units is learned; train for longer, or at a higher rate"
        return judge("spectrum", figure, remedy if self.in_data and not self.learned else None)


@np.errstate(all="ignore")
def spectrum(rbm: RBM, data: ArrayLike) -> Spectrum:
    """Compare the weights of the model with rows `data [n, V]`.

    Args:
        rbm: the model.
        data: rows `[n, V]`.

    Raises:
        InputError: a malformed model, rows outside the units' domain, fewer than 2, or too large for their squares.
    """
    rows = model.check_rows(rbm, data, "data", 2).astype(np.float64)
    left, singular, _ = np.linalg.svd(np.asarray(rbm.weights, dtype=np.float64), full_matrices=False)
    centered = rows - rows.mean(axis=0)
    spread = centered.std(axis=0)
    if not np.isfinite(spread).all():
        raise InputError("data must hold numbers whose squares are finite, but holds larger ones; scale them down")
    varying = spread > 0
    # The triangle has the singular values and right vectors of all the rows, and is far smaller.
    triangle = np.asarray(np.linalg.qr(centered, mode="r"))
    correlated = np.linalg.svd(triangle[:, varying] / spread[varying], compute_uv=False) ** 2
    in_data = int((correlated > _largest_of_noise(len(rows), int(varying.sum()))).sum())
    _, deviations, components = np.linalg.svd(triangle / np.sqrt(len(rows)), full_matrices=False)
    amplifying = 1 / (_largest_deviation(rbm.visible) * _largest_deviation(rbm.hidden))
    learned = int((singular > amplifying).sum())
    alignment = ((components[:in_data] @ left[:, :learned]) ** 2).sum(axis=0)
    return Spectrum(singular, deviations, amplifying, learned, in_data, alignment, in_data / rows.shape[1])


def _largest_of_noise(rows: int, columns: int) -> float:
    """What the largest eigenvalue of x^T x exceeds in 1 of 100 cases, for independent columns of variance 1."""
    n, p = math.sqrt(rows - 1), math.sqrt(max(columns, 1))
    return (n + p) ** 2 + TRACY_WIDOM_99 * (n + p) * (1 / n + 1 / p) ** (1 / 3)


def _largest_deviation(units: Units) -> float:
    """The largest of half the range of a column's values; 1, a standard unit's, where they are a continuum."""
    low, high = units.ranges
    deviations = (high - low) / 2
    return float(np.where(np.isfinite(deviations), deviations, 1.0).max())
