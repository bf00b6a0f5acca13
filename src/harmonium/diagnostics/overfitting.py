"""Overfitting: the free-energy gap between held-out and training rows.

ln p(v) = -F(v) - ln Z, so a difference of mean free energies is a difference of mean log likelihoods, exactly and without ln Z:
the gap is how many nats more probable, per example, training rows are under the model than rows it never saw.

Reference: G. Hinton, "A practical guide to training restricted Boltzmann machines", 2010, section 6 (monitoring overfitting).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import numpy as np

from harmonium import model
from harmonium._numerics import float64
from harmonium._types import ArrayLike
from harmonium.diagnostics.common import Verdict
from harmonium.model import RBM, in_float64

CERTAIN = 3.0
"""Standard errors above zero, and"""
MATTERS = 0.1
"""nats above zero, from which on a gap is called overfitting."""
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class FreeEnergyGap:
    """Mean F of held-out rows minus mean F of training rows (nats), its standard error, and how many rows of each."""

    gap: float
    standard_error: float
    train_rows: int
    held_out_rows: int

    @property
    def overfits(self) -> bool:
        """Whether the gap is 3 standard errors and 0.1 nats above zero."""
        return self.gap > max(CERTAIN * self.standard_error, MATTERS)

    @property
    def verdict(self) -> Verdict:
        """Whether the model overfits."""
        figure = f"held-out rows are {self.gap:.2f} +- {self.standard_error:.2f} nats less probable than training rows"
        if self.overfits:
            advice = "the model overfits; train for fewer updates, with fewer hidden units, or on more rows"
            return Verdict("overfitting", False, f"{figure}: {advice}")
        seen = max(CERTAIN * self.standard_error, MATTERS)
        return Verdict(
            "overfitting", True, f"{figure}: no sign of overfitting (these rows show a gap of {seen:.2f} nats or more)"
        )


def free_energy_gap(rbm: RBM, train: ArrayLike, held_out: ArrayLike) -> FreeEnergyGap:
    """The gap between rows `train [n, V]` and rows `held_out [m, V]`, in float64.

    Raises:
        InputError: a malformed model, rows outside the units' domain, or fewer than 2 of either.
    """
    parts = [
        _free_energies(rbm, model.check_rows(rbm, rows, what, 2)) for rows, what in ((held_out, "held_out"), (train, "train"))
    ]
    error = math.sqrt(sum(float(part.var(ddof=1)) / len(part) for part in parts))
    return FreeEnergyGap(float(parts[0].mean() - parts[1].mean()), error, len(parts[1]), len(parts[0]))


def _free_energies(rbm: RBM, rows: np.ndarray) -> np.ndarray:
    rbm = in_float64(rbm)
    with float64():
        blocks = (rows[i : i + BLOCK_ROWS].astype(np.float64) for i in range(0, len(rows), BLOCK_ROWS))
        return np.concatenate([np.asarray(_free_energy(rbm, block)) for block in blocks])


_free_energy = jax.jit(model.free_energy)
