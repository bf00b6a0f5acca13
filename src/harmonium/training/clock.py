"""How long a run is: a number of updates that is given, or one that follows from the time allowed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

FOR_UPDATES = 0.93
"""The share of the time that goes to updates, and not to following the run and to states."""
SHOWN = 0.01
"""The share of the time for which updates must have run before their speed counts, whatever compiling took."""


class Clock:
    """How many updates a run has, where that is known, and whether it must end.

    `agreed`: makes a time the same for all processes of a run; `settle` and `room` are to be called on all of them.
    """

    def __init__(
        self,
        last: int | None,
        horizon: int | None,
        minutes: float | None,
        cooldown: float,
        agreed: Callable[[float], float] = float,
    ) -> None:
        self.last, self.horizon = last, horizon
        self._seconds = None if minutes is None else 60 * minutes
        self._constant = 1 - cooldown
        self._settles = min(0.5, self._constant)
        self._begun, self._seen, self._agreed = time.monotonic(), 0.0, agreed

    @property
    def seconds(self) -> float:
        """Since the run was begun, the time in which it was stopped left out."""
        return time.monotonic() - self._begun

    def go_on(self, last: int | None, horizon: int | None, seconds: float) -> None:
        """Take up a run that had been going for so long, and whose length was that."""
        self.last, self.horizon = last, horizon
        self._begun, self._seen = time.monotonic() - seconds, seconds

    def settle(self, done: int, made: int, working: float) -> None:
        """Before the optimizer's steps begin to fall, give the run as many updates as the rest of its time has room for.

        Args:
            made, working: updates, and the seconds that they took, while nothing but updates was done.
        """
        if self._seconds is None:
            return
        self._seen = self._agreed(self.seconds)
        if self.last is not None:
            return
        left = self._seconds - self._seen
        if left <= 0:
            self.last = done
        elif self._share() >= self._settles and working >= SHOWN * self._seconds:
            # The updates made so far must all lie before the fall, or the run could not be repeated.
            self.last = max(done + int(FOR_UPDATES * made / working * left), math.ceil(done / self._constant))
        self.horizon = self.last

    def _share(self) -> float:
        assert self._seconds is not None
        return self._seen / self._seconds

    def ended(self, done: int) -> bool:
        """Whether no update is left, or the time is over by a tenth."""
        return done == self.last or (self._seconds is not None and self._share() > 1.1)

    def room(self, seconds: float) -> float:
        """Of so many seconds, those until the end has to be settled."""
        if self.last is not None or self._seconds is None:
            return seconds
        self._seen = self._agreed(self.seconds)
        return max(0.0, min(seconds, max(self._settles - self._share(), SHOWN) * self._seconds + 0.01))
