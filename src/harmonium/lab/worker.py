"""The process in which chapter 6 trains: `python -m harmonium.lab.worker`, spoken to in frames on its standard streams.

It is told once what to train and on which rows, then to play, pause, go at another pace, close or skip. It answers with the
machine as it grows and with the closing likelihood. It ends when its standard input does, so it never outlives the server,
however that ended. It runs at low priority on one core, so that the page's other answers stay quick.

    in    {"do": "train", hidden, rate, seed, updates, pace} + train, valid, test [n, V]
          {"do": "play"}  {"do": "pause"}  {"do": "pace", pace}  {"do": "close"}  {"do": "skip"}
    out   {"event": "state", step, rate, metrics} + weights, a, b, chains [C, V], means [C, V]
          {"event": "evaluating", stage, share}
          {"event": "closed", closing}    {"event": "failed", problem}
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from harmonium.lab import worker_frames as frames

if TYPE_CHECKING:
    from harmonium.training import TrainState

BATCH, CHAINS, AVERAGE = 100, 500, 0.1
"""As `harmonium train digits` has them."""
SHOWN = 24
"""Chains that are shown."""
FRAME_SECONDS = 0.2
"""Time between two states: five a second at the most."""
MONITOR_SECONDS = 0.02
"""The exact log likelihood is followed where one value is forecast to take no longer: up to 20 hidden units on 8x8 pixels."""
PSEUDO_SECONDS = 1.0
"""Time between two values of the pseudo-likelihood, for larger machines."""
RATE_WINDOW = 2.0
"""Seconds over which the shown updates per second are counted."""
EVALUATION_SECONDS = 20.0
NICENESS = 10


class Skipped(Exception):  # noqa: N818 (no error: a request)
    """The closing likelihood is not wanted any more."""


class Worker:
    """One training run: `commands` in, frames out."""

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.commands: queue.Queue[dict[str, Any]] = queue.Queue()
        self.pace: float | None = None
        self.paused = False
        self.closing = False
        self.pseudo_at = -PSEUDO_SECONDS

    # ---- commands

    def obey(self, until: float) -> bool:
        """Take commands until then, and for as long as the run is paused; whether it was."""
        was_paused = False
        while not self.closing:
            was_paused |= self.paused
            try:
                self._take(self.commands.get(timeout=None if self.paused else max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return was_paused

    def _take(self, command: dict[str, Any]) -> None:
        what = command["do"]
        if what == "pace":
            self.pace = command["pace"]
        elif what in ("play", "pause"):
            self.paused = what == "pause"
        elif what in ("close", "skip"):
            self.closing = True
            if what == "skip":
                raise Skipped

    # ---- training

    def train(self, settings: dict[str, Any], rows: dict[str, np.ndarray]) -> None:
        """Train until the last update or the command to close; then the closing likelihood."""
        import harmonium as hm

        self.pace = settings["pace"]
        start = hm.initialize(rows["train"], settings["hidden"], seed=settings["seed"])
        speed, clock, due = 0.0, Clock(), time.monotonic()
        # The next state comes after as many updates as the pace makes of one frame's time.
        states = _states(start, rows, settings, lambda: _seconds_of_work(speed, self.pace))
        while True:
            state = next(states)
            speed = state.metrics["updates_per_second"]
            count, rate = clock.count(state.step)
            self._show(state, self._followed(state, rows), rate)
            if state.step >= settings["updates"]:
                break
            due = max(due + (FRAME_SECONDS if self.pace is None else count / self.pace), time.monotonic())
            if self.obey(due):
                clock = Clock()
            if self.closing:
                break
        self._close(state.rbm, start.visible, rows, settings["seed"])

    def _followed(self, state: TrainState, rows: dict[str, np.ndarray]) -> dict[str, float]:
        """The state's numbers; with a pseudo-likelihood now and then where there is no log likelihood."""
        from harmonium import exact, likelihood

        metrics = {name: float(value) for name, value in state.metrics.items()}
        now = time.monotonic()
        if exact.estimate_seconds(state.rbm) > MONITOR_SECONDS and now - self.pseudo_at >= PSEUDO_SECONDS:
            self.pseudo_at = now
            valid = rows["valid"]
            for name, part in (("train", rows["train"][: len(valid)]), ("valid", valid)):
                metrics[f"{name}_pseudo_likelihood"] = float(likelihood.pseudo_log_likelihood(state.rbm, part).mean())
        return metrics

    def _show(self, state: TrainState, metrics: dict[str, float], rate: float) -> None:
        import harmonium as hm

        chains = state.estimator
        v, h = (np.asarray(part[:SHOWN]) for part in (chains.v, chains.h))
        # The chains run on the latest iterate; the machine to use is the average of the iterates.
        means = hm.visible_given_hidden(state.iterate, h)
        rbm: Any = state.rbm
        arrays = {
            "weights": np.asarray(rbm.weights, dtype=np.float32),
            "a": np.asarray(rbm.visible.bias, dtype=np.float32),
            "b": np.asarray(rbm.hidden.bias, dtype=np.float32),
            "chains": np.rint(255 * v).astype(np.uint8),
            "means": np.rint(255 * means).astype(np.uint8),
        }
        self.send({"event": "state", "step": state.step, "rate": rate, "metrics": metrics}, arrays)

    # ---- the end

    def _close(self, rbm: Any, base_rate: Any, rows: dict[str, np.ndarray], seed: int) -> None:
        import harmonium as hm
        from harmonium import likelihood

        told = 0.0

        def report(stage: str, share: float) -> None:
            nonlocal told
            while not self.commands.empty():
                self._take(self.commands.get())
            if time.monotonic() - told >= FRAME_SECONDS:
                told = time.monotonic()
                self.send({"event": "evaluating", "stage": stage, "share": float(share)})

        self.send({"event": "evaluating", "stage": "", "share": 0.0})
        test = hm.evaluate(rbm, rows["test"], base_rate=base_rate, seconds=EVALUATION_SECONDS, seed=seed, progress=report)
        train = likelihood.evaluate_with(test, rbm, rows["train"])
        closing = {
            "mean": test.mean,
            "lower": test.lower,
            "upper": test.upper,
            "exact": test.lower == test.upper,
            "method": test.method,
            "rows": test.rows,
            "seconds": test.seconds,
            "warnings": list(test.warnings),
            "train": train.mean,
            "baseline": likelihood.base_rate_log_likelihood(base_rate, rows["test"]),
        }
        self.send({"event": "closed", "closing": closing})

    def send(self, header: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> None:
        frames.write(self.out, header, arrays)


class Clock:
    """Counts updates, and updates per second of the wall clock."""

    def __init__(self) -> None:
        self.seen: deque[tuple[float, int]] = deque()

    def count(self, step: int) -> tuple[int, float]:
        """Updates since the last count, and updates per second of late (0 where nothing is known yet)."""
        now = time.monotonic()
        last = self.seen[-1][1] if self.seen else step
        self.seen.append((now, step))
        while len(self.seen) > 2 and now - self.seen[0][0] > RATE_WINDOW:
            self.seen.popleft()
        passed = now - self.seen[0][0]
        return step - last, (step - self.seen[0][1]) / passed if passed > RATE_WINDOW / 4 else 0.0


def _states(start: Any, rows: dict[str, np.ndarray], settings: dict[str, Any], spacing: Callable[[], float]) -> Any:
    import optax

    import harmonium as hm

    return hm.train(
        start,
        rows["train"],
        estimator=hm.pcd(1, chains=CHAINS),
        optimizer=optax.sgd(settings["rate"]),
        final_decay=0.0,
        batch_size=BATCH,
        updates=settings["updates"],
        average=AVERAGE,
        valid=rows["valid"],
        seed=settings["seed"],
        exact_seconds=MONITOR_SECONDS,
        estimates=False,
        seconds_between_states=spacing,
    )


def _seconds_of_work(speed: float, pace: float | None) -> float:
    """How long to compute until the next state, at `speed` updates per second; at least one update."""
    if pace is None or speed <= 0:
        return FRAME_SECONDS
    return min(FRAME_SECONDS, (max(1.0, pace * FRAME_SECONDS) + 0.5) / speed)


# ---- the process


def listen(source: BinaryIO, commands: queue.Queue[dict[str, Any]]) -> None:
    """Hand on every command; end the process, whatever it is doing, when there is nobody left to give any."""
    try:
        while (frame := frames.read(source)) is not None:
            header, arrays = frame
            commands.put({**header, "arrays": arrays})
    except (frames.FrameError, OSError):
        pass
    os._exit(0)


def stay_small() -> None:
    """Low priority and one core, where the system has a say in it."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})


def main() -> None:
    # What a library prints must not come between the frames.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    worker = Worker(out)
    threading.Thread(target=listen, args=(sys.stdin.buffer, worker.commands), daemon=True).start()
    stay_small()
    first = worker.commands.get()
    try:
        worker.train(first, first["arrays"])
    except Skipped:
        worker.send({"event": "closed", "closing": None})
    except BrokenPipeError:
        pass
    except Exception as error:
        from harmonium import errors

        worker.send({"event": "failed", "problem": errors.reason(error)})
    os._exit(0)  # no waiting for the threads of a computation that nobody wants


if __name__ == "__main__":
    main()
