"""When a run ends, and which of its models it keeps: values beside the loop. None of them reads a clock.

The models of a run are compared by their held-out log likelihood, never by the reconstruction error. When the best one is long
ago, the run is not cut off: at a constant rate the log likelihood levels off at what the noise of the updates allows, and most
of the remaining gain comes as that noise dies away. So the learning rate falls to zero over some more updates, and then the
best model of all is kept. A run whose model has lost much of what it had gained ends without that: it has overfitted, or its
chains no longer mix.

Few held-out rows cannot tell models apart that are nearly alike: a rise below the standard error over rows of the difference of
the two models counts as none, and so does one of less than a thousandth of a nat. An estimated log likelihood is too high now
and then, and no later model would beat such a value. So it counts as the median of itself and those before and after it, and a
model is worse than another only by more than their errors.

Models are looked at after fixed numbers of updates, at growing distances up to a constant one. So neither the load of the
computer nor its speed decides which of them is kept.

Reference: L. Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the Trade, 1998.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from harmonium._checks import MAX_COUNT
from harmonium._numerics import standard_error

KEY, ERROR, RAISED = "valid_log_likelihood", "log_partition_error", "log_partition_raised"
SMOOTHED, STANDARD_ERRORS = 3, 2.0
"""Estimates in a median, and the standard errors by which that median must have fallen."""
MIN_UPDATES_SINCE_BEST = 5_000
"""A run goes on for at least this many updates after its last rise: at first the chains lag behind."""
FALL = 0.1
"""The fraction of what was gained since the start whose loss ends a run without a decay ..."""
MIN_UPDATES_FALLING = 500
"""... so many updates after the best model."""
DECAY_FRACTION = 0.5
"""The decay of early stopping takes this fraction of the updates before it."""
UPDATE_FRACTION = 0.93
"""The fraction of the time that goes to updates, and not to measurements and states."""
MIN_TIMED = 0.01
"""The fraction of the time for which updates must have run before their speed counts, however long compiling took."""
OVERTIME = 1.1
"""A run ends at the latest when it has used its time by this factor."""
MIN_RISE = 1e-3
"""A smaller rise, in nats, is none either: the exact gradient has no noise, and rises for ever."""
FIRST_LOOK, GROWTH, MAX_SPACING = 10, 1.5, 5_000
"""The updates before the first look, the factor from one to the next, and the largest spacing ..."""
CHEAP_LOOK, UPDATES_PER_LOOK = 0.1, 100
"""... where a look takes at most these seconds, or as long as so many updates; both grow in proportion with dearer ones."""


class Decay(NamedTuple):
    """The learning rate falls linearly from its full size at update `first` to zero at update `last`."""

    first: int
    last: int


NO_DECAY = Decay(MAX_COUNT - 1, MAX_COUNT)


def looks(seconds: float, update_seconds: float = 0.0) -> Iterator[int]:
    """The numbers of updates after which a model is looked at, without end.

    They are 10, 15, 22, ..., and from a spacing of 5,000 updates on evenly spaced. They do not depend on the clock: a run looks
    at the same models whatever else its computer does.

    Args:
        seconds, update_seconds: what a look and an update take, estimated from the sizes of the model and the data.
    """
    dear = max(1.0, seconds / max(CHEAP_LOOK, UPDATES_PER_LOOK * update_seconds))
    step = FIRST_LOOK * dear
    while True:
        yield round(step)
        step += min((GROWTH - 1) * step, MAX_SPACING * dear)


def rise(
    later: Float[np.ndarray, " rows"] | None,
    earlier: Float[np.ndarray, " rows"] | None,
    weights: Float[np.ndarray, " rows"] | None = None,
) -> tuple[float, float] | None:
    """By how much a later model makes the same rows likelier on average, and the standard error of that over rows, in nats."""
    if later is None or earlier is None:
        return None
    with np.errstate(invalid="ignore"):
        difference = later - earlier
        error = standard_error(difference, weights)
        return float(np.average(difference, weights=weights)), error if math.isfinite(error) else 0.0


@dataclass(frozen=True)
class EarlyStopping:
    """The best model of a run so far, known by its step, and when to begin the decay that ends the run.

    Attributes:
        fraction: the last rise may be as many updates ago as this fraction of its own step.
        first: the held-out log likelihood at the start.
        recent: the latest ones.
        value, error: the one that counts now, and the standard error of its ln Z.
        last_step, last_metrics: of the latest model.
        best_step, best_value, best_metrics: of the best model; `best_step` is None before the first measurement.
        risen_step: of the last model whose rise over the one before it that rose was more than its standard error.
        left_modes_out: whether any model had modes that the estimate of its ln Z left out.
    """

    fraction: float
    first: float = 0.0
    recent: tuple[float, ...] = ()
    value: float = 0.0
    error: float = 0.0
    last_step: int = 0
    last_metrics: dict[str, float] = field(default_factory=dict)
    best_step: int | None = None
    best_value: float = 0.0
    best_metrics: dict[str, float] = field(default_factory=dict)
    risen_step: int | None = None
    left_modes_out: bool = False

    def observe(self, step: int, metrics: Mapping[str, float], risen: tuple[float, float] | None = None) -> EarlyStopping:
        """With the metrics of the model after `step` updates. The best one is now that of `step`, of `last_step` before, where
        ln Z is estimated, or of `best_step` before.

        Args:
            risen: its `rise` over the model after `risen_step` updates; None where that is unknown.
        """
        if not math.isfinite(metrics.get(KEY, math.nan)):
            return self
        error = metrics.get(ERROR, 0.0)
        recent = (*self.recent, metrics[KEY])[-SMOOTHED:]
        kept = {name: number for name, number in metrics.items() if "log_" in name or name == "free_energy_gap"}
        left_out = self.left_modes_out or RAISED in metrics
        observed = replace(self, recent=recent, value=metrics[KEY], error=error, left_modes_out=left_out)
        observed = replace(observed, last_step=step, last_metrics=kept)
        candidate, of_candidate = step, kept
        if error and len(recent) == SMOOTHED:
            observed = replace(observed, value=median(recent))
            candidate, of_candidate = self.last_step, self.last_metrics
        if self.best_step is None:
            observed = replace(observed, first=metrics[KEY])
        if self.risen_step is None or (risen is not None and risen[0] > max(MIN_RISE, math.hypot(risen[1], error))):
            observed = replace(observed, risen_step=step)
        if self.best_step is not None and observed.value <= self.best_value:
            return observed
        return replace(observed, best_step=candidate, best_value=observed.value, best_metrics=of_candidate)

    @property
    def is_worse(self) -> bool:
        """Whether the latest model is worse than the best one by more than the errors."""
        return self.best_step is not None and self.value < self.best_value - STANDARD_ERRORS * self.error

    @property
    def has_fallen(self) -> bool:
        """Whether the latest model has lost a tenth of all that the best one gained, which is as long ago as that one took."""
        if not self.best_step or self.last_step - self.best_step <= max(self.fraction * self.best_step, MIN_UPDATES_FALLING):
            return False
        return self.is_worse and self.value < self.best_value - FALL * (self.best_value - self.first)

    def decay(self, step: int) -> Decay | None:
        """The decay to begin after `step` updates, if the last rise is too long ago.

        An estimated ln Z hides small rises. There the run goes on until the model is worse than the best one.
        """
        since = self.best_step if self.error else self.risen_step
        if since is None or (self.error and not self.is_worse):
            return None
        if step - since <= max(self.fraction * since, MIN_UPDATES_SINCE_BEST):
            return None
        return Decay(step, step + max(1, math.ceil(DECAY_FRACTION * step)))


@dataclass(frozen=True)
class Budget:
    """The length of a run: a number of updates, or one that follows from the time allowed.

    Attributes:
        seconds: time allowed, if that decides.
        final_decay: as in `TrainConfig`.
        last: the last update, once it is known.
        total_updates: the length that `final_decay` is a fraction of, likewise.
    """

    seconds: float | None
    final_decay: float
    last: int | None
    total_updates: int | None

    def settle(self, step: int, elapsed: float, updates: int, working: float) -> Budget:
        """Before the final decay begins, fix the number of updates that the rest of the time has room for.

        Args:
            elapsed: seconds since the run began.
            updates, working: number of timed updates, and the seconds they took.
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
