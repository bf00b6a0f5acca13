"""When a run ends, and which of its models it keeps: values beside the loop. None of them reads a clock.

The models of a run are compared by their held-out log likelihood, never by the reconstruction error. When the best one is long
ago, the run is not cut off: at a constant rate the log likelihood levels off at what the noise of the updates allows, and most
of the remaining gain comes as that noise dies away. So the learning rate falls to zero over some more updates, and then the
best model of all is kept.

An estimated log likelihood is too high now and then, and no later model would beat such a value. So the median of the last
three estimates counts, and a model is worse than another only by more than their errors.

Reference: L. Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the Trade, 1998.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import NamedTuple

from harmonium._checks import MAX_COUNT

KEY, ERROR = "valid_log_likelihood", "log_partition_error"
SMOOTHED, STANDARD_ERRORS = 3, 2.0
"""Estimates in a median, and the standard errors by which that median must have fallen."""
MIN_UPDATES_SINCE_BEST = 10_000
"""A run goes on for at least this many updates after its best model: at first the chains lag behind."""
DECAY_FRACTION = 0.5
"""The decay of early stopping takes this fraction of the updates before it."""
UPDATE_FRACTION = 0.93
"""The fraction of the time that goes to updates, and not to measurements and states."""
MIN_TIMED = 0.01
"""The fraction of the time for which updates must have run before their speed counts, however long compiling took."""
OVERTIME = 1.1
"""A run ends at the latest when it has used its time by this factor."""


class Decay(NamedTuple):
    """The learning rate falls linearly from its full size at update `first` to zero at update `last`."""

    first: int
    last: int


NO_DECAY = Decay(MAX_COUNT - 1, MAX_COUNT)


@dataclass(frozen=True)
class EarlyStopping:
    """The best model of a run so far, known by its step, and when to begin the decay that ends the run.

    Attributes:
        fraction: the best model may be as many updates ago as this fraction of its own step.
        recent: the latest held-out log likelihoods. value, error: the one that counts now, and its standard error.
        best_step, best_value, best_metrics: of the best model; `best_step` is None before the first measurement.
    """

    fraction: float
    recent: tuple[float, ...] = ()
    value: float = 0.0
    error: float = 0.0
    best_step: int | None = None
    best_value: float = 0.0
    best_metrics: dict[str, float] = field(default_factory=dict)

    def observe(self, step: int, metrics: Mapping[str, float]) -> EarlyStopping:
        """With the metrics of the model after `step` updates, which is the best one if `best_step` is `step` afterwards."""
        if not math.isfinite(metrics.get(KEY, math.nan)):
            return self
        error = metrics.get(ERROR, 0.0)
        recent = (*self.recent, metrics[KEY])[-SMOOTHED:]
        value = median(recent) if error else metrics[KEY]
        observed = replace(self, recent=recent, value=value, error=error)
        if self.best_step is not None and value <= self.best_value:
            return observed
        kept = {name: number for name, number in metrics.items() if "log_" in name or name == "free_energy_gap"}
        return replace(observed, best_step=step, best_value=value, best_metrics=kept)

    @property
    def is_worse(self) -> bool:
        """Whether the latest model is worse than the best one by more than the errors."""
        return self.best_step is not None and self.value < self.best_value - STANDARD_ERRORS * self.error

    def decay(self, step: int) -> Decay | None:
        """The decay to begin after `step` updates, if the best model is too long ago."""
        if self.best_step is None or not self.is_worse:
            return None
        if step - self.best_step <= max(self.fraction * self.best_step, MIN_UPDATES_SINCE_BEST):
            return None
        return Decay(step, step + max(1, math.ceil(DECAY_FRACTION * step)))


@dataclass(frozen=True)
class Budget:
    """The length of a run: a number of updates, or one that follows from the time allowed.

    Attributes:
        seconds: time allowed, if that decides. final_decay: as in `TrainConfig`.
        last: the last update, once it is known. total_updates: the length that `final_decay` is a fraction of, likewise.
    """

    seconds: float | None
    final_decay: float
    last: int | None
    total_updates: int | None

    def settle(self, step: int, elapsed: float, updates: int, working: float) -> Budget:
        """Before the final decay begins, fix the number of updates that the rest of the time has room for.

        Args:
            elapsed: seconds since the run began. updates, working: number of timed updates, and the seconds they took.
        """
        if self.seconds is None or self.last is not None:
            return self
        last = None
        if elapsed >= self.seconds:
            last = step
        elif elapsed / self.seconds >= self._settles_at and working >= MIN_TIMED * self.seconds:
            # The updates so far must all lie before the decay, or the run could not be repeated.
            rest = int(UPDATE_FRACTION * updates / working * (self.seconds - elapsed))
            last = max(step + rest, math.ceil(step / (1 - self.final_decay)))
        return replace(self, last=last, total_updates=last)

    @property
    def _settles_at(self) -> float:
        return min(0.5, 1 - self.final_decay)

    def is_over(self, step: int, elapsed: float) -> bool:
        """Whether no update is left, or the time is over by a tenth."""
        return (self.last is not None and step >= self.last) or (self.seconds is not None and elapsed > OVERTIME * self.seconds)

    def fraction(self, step: int, elapsed: float) -> float:
        """The fraction of the run that is done."""
        done = elapsed / self.seconds if self.seconds is not None and self.last is None else step / (self.last or 1)
        return min(1.0, done)

    def limit(self, wanted: float, elapsed: float) -> float:
        """The seconds, at most `wanted`, that may pass before `settle` must be called."""
        if self.last is not None or self.seconds is None:
            return wanted
        return max(0.0, min(wanted, max(self._settles_at - elapsed / self.seconds, MIN_TIMED) * self.seconds + 0.01))
