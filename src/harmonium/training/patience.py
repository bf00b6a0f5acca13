"""When to end a run, and which of its machines to keep: by the held-out log likelihood, never by the reconstruction error.

Where the best state is long ago, the run is not cut off: at a constant rate the log likelihood levels off at what the noise of
the updates allows, and most of what is left to gain comes when they die away. So the optimiser's steps fall to zero over some
more updates, and then the best state of all is kept.

Reference: L. Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the Trade, 1998.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from harmonium.model import RBM

KEY = "valid_log_likelihood"
LEAST_UPDATES = 10_000
"""However impatient, no run is braked before so many updates without a better state: at first the chains lag behind."""
BRAKING = 0.5
"""A brake takes this share of the updates made before it."""


class Brake(NamedTuple):
    """The optimiser's steps are multiplied by a factor that falls linearly from 1 at update `first` to 0 at update `last`."""

    first: int
    last: int


class Best(NamedTuple):
    """The state to keep: its number, its machine, and its metrics."""

    step: int
    rbm: RBM
    metrics: dict[str, float]


class Patience:
    """Remembers the best state of a run, and says when to brake.

    Args:
        share: the best state may be as many updates ago as this share of its own number.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self.best: Best | None = None

    def look(self, step: int, rbm: RBM, metrics: dict[str, float]) -> None:
        """Remember the state if it is the best so far."""
        value = metrics.get(KEY)
        if value is not None and (self.best is None or value > self.best.metrics[KEY]):
            kept = {name: number for name, number in metrics.items() if "log_" in name or name == "free_energy_gap"}
            self.best = Best(step, rbm, kept)

    def brake(self, step: int) -> Brake | None:
        """The brake to be put on now, if the best state is too long ago."""
        if self.best is None or step - self.best.step <= max(self._share * self.best.step, LEAST_UPDATES):
            return None
        return Brake(step, step + max(1, math.ceil(BRAKING * step)))

    def kept(self, rbm: RBM, metrics: dict[str, Any]) -> tuple[RBM, dict[str, float]]:
        """The machine to use at the end of the run, and the metrics with what is known of it."""
        if self.best is None:
            return rbm, metrics
        return self.best.rbm, metrics | self.best.metrics | {"best_step": float(self.best.step)}
