"""Stop a training run in good order: on Ctrl-C, and on the signal by which clusters take a machine back."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Stopping:
    """While in force, the first of these signals is noted in `asked`, and a second one interrupts at once."""

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stopping:
        for each in WORDS:
            # Who has a signal ignored, as shells do for what runs in the background, wants it ignored.
            if signal.getsignal(each) is not signal.SIG_IGN:
                try:
                    self._before[each] = signal.signal(each, self._note)
                except ValueError:  # not in the main thread, where no signal arrives
                    break
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.asked is not None:
            raise KeyboardInterrupt
        self.asked = signal.Signals(number)

    def hear(self, asked: list[int]) -> None:
        """Note what the processes of a run have noted, as numbers of signals, 0 for none."""
        if self.asked is None and any(asked):
            self.asked = signal.Signals(max(asked))

    @property
    def word(self) -> str | None:
        """What has happened to the run, if it is to stop."""
        return None if self.asked is None else WORDS[self.asked]

    @property
    def status(self) -> int:
        """The exit status of a command that a signal ended, as shells count."""
        return 128 + (self.asked or signal.SIGINT)
