"""Overfitting: the free-energy gap between held-out and training rows.

ln p(v) = -F(v) - ln Z, so a difference of mean free energies is a difference of mean log likelihoods, exactly and without ln Z:
the gap is how many nats more probable, per example, training rows are under the model than rows it never saw.

Reference: G. Hinton, "A practical guide to training restricted Boltzmann machines", 2010, section 6 (monitoring overfitting).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harmonium import exact, model
from harmonium._types import ArrayLike
from harmonium.diagnostics.verdict import Verdict, judge, least_that_matters
from harmonium.model import RBM


@dataclass(frozen=True)
class FreeEnergyGap:
    """Mean F of held-out rows minus mean F of training rows (nats), its standard error, and how many rows of each.

    Attributes:
        gap: the difference of means.
        standard_error: of the gap.
        train_rows: number of training rows.
        held_out_rows: number of held-out rows.
    """

    gap: float
    standard_error: float
    train_rows: int
    held_out_rows: int

    @property
    def overfits(self) -> bool:
        """Whether the gap is 3 standard errors and 0.1 nats above zero."""
        return self.gap > least_that_matters(self.standard_error)

    @property
    def verdict(self) -> Verdict:
        """Whether the model overfits."""
        figure = f"held-out rows are {self.gap:.2f} +- {self.standard_error:.2f} nats less probable than training rows"
        if self.overfits:
            remedy = "the model overfits; train for fewer updates, with fewer hidden units, or on more rows"
            return judge("overfitting", figure, remedy)
        least = least_that_matters(self.standard_error)
        return judge("overfitting", f"{figure}: no sign of overfitting (these rows show a gap of {least:.2f} nats or more)")


def free_energy_gap(rbm: RBM, train: ArrayLike, held_out: ArrayLike) -> FreeEnergyGap:
    """The gap between rows `train [n, V]` and rows `held_out [m, V]`, in float64.

    Args:
        rbm: the model.
        train: rows `[n, V]` on which the model was trained.
        held_out: rows `[m, V]` that it was not trained on.

    Raises:
        InputError: a malformed model, rows outside the units' domain or fewer than 2, or a result that is not finite.
    """
    parts = [
        -np.asarray(exact.log_likelihood(rbm, model.check_rows(rbm, rows, name, 2), 0.0))
        for rows, name in ((held_out, "held_out"), (train, "train"))
    ]
    error = math.sqrt(sum(float(part.var(ddof=1)) / len(part) for part in parts))
    return FreeEnergyGap(float(parts[0].mean() - parts[1].mean()), error, len(parts[1]), len(parts[0]))
