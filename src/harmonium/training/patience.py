"""When to end a run, and which of its machines to keep: by the held-out log likelihood, never by the reconstruction error.

Where the best state is long ago, the run is not cut off: at a constant rate the log likelihood levels off at what the noise of
the updates allows, and most of what is left to gain comes when they die away. So the optimizer's steps fall to zero over some
more updates, and then the best state of all is kept.

An estimated log likelihood now and then comes out too high, and such a state would never be beaten. So of estimated ones the
median of the last three counts, and a state is worse than another only by more than their errors.

Reference: L. Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the Trade, 1998.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any, NamedTuple

from harmonium.model import RBM

KEY, ERROR = "valid_log_likelihood", "log_partition_error"
SMOOTHED, DOUBT = 3, 2.0
"""Estimates of which the median counts, and the standard errors by which it must have fallen."""
LEAST_UPDATES = 10_000
"""However impatient, no run is braked before so many updates without a better state: at first the chains lag behind."""
BRAKING = 0.5
"""A brake takes this share of the updates made before it."""


class Brake(NamedTuple):
    """The optimizer's steps are multiplied by a factor that falls linearly from 1 at update `first` to 0 at update `last`."""

    first: int
    last: int


class Best(NamedTuple):
    """The state to keep: its number, its machine, its metrics, and the log likelihood that counts for it."""

    step: int
    rbm: RBM
    metrics: dict[str, float]
    score: float


class Patience:
    """Remembers the best state of a run, and says when to brake.

    Args:
        share: the best state may be as many updates ago as this share of its own number.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._recent: deque[float] = deque(maxlen=SMOOTHED)
        self._latest = self._error = 0.0
        self.best: Best | None = None

    def look(self, step: int, rbm: RBM, metrics: dict[str, float]) -> None:
        """Remember the state if it is the best so far."""
        value = metrics.get(KEY)
        if value is None:
            return
        self._error = metrics.get(ERROR, 0.0)
        self._recent.append(value)
        self._latest = median(self._recent) if self._error else value
        if self.best is None or self._latest > self.best.score:
            kept = {name: number for name, number in metrics.items() if "log_" in name or name == "free_energy_gap"}
            self.best = Best(step, rbm, kept, self._latest)

    def seen(self) -> dict[str, Any]:
        """What it has seen, as JSON holds it; the best machine's arrays aside."""
        best = None if self.best is None else {name: value for name, value in self.best._asdict().items() if name != "rbm"}
        return {"recent": list(self._recent), "latest": self._latest, "error": self._error, "best": best}

    def recall(self, seen: dict[str, Any], rbm: RBM | None) -> None:
        """Have seen that; `rbm`: the best machine, if there was one."""
        self._recent.extend(seen["recent"])
        self._latest, self._error = seen["latest"], seen["error"]
        self.best = None if rbm is None else Best(rbm=rbm, **seen["best"])

    def _fallen(self, best: Best) -> bool:
        return self._latest < best.score - DOUBT * self._error

    def brake(self, step: int) -> Brake | None:
        """The brake to be put on now, if the best state is too long ago."""
        best = self.best
        if best is None or step - best.step <= max(self._share * best.step, LEAST_UPDATES) or not self._fallen(best):
            return None
        return Brake(step, step + max(1, math.ceil(BRAKING * step)))

    def kept(self, rbm: RBM, metrics: dict[str, Any]) -> tuple[RBM, dict[str, float]]:
        """The machine to use at the end of the run, and the metrics with what is known of it."""
        if self.best is None:
            return rbm, metrics
        if not self._fallen(self.best):
            return rbm, metrics | {"best_step": metrics["step"]}
        return self.best.rbm, metrics | self.best.metrics | {"best_step": float(self.best.step)}
