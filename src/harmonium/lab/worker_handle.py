"""The server's end of a training run: starts the worker process, listens to it, and ends it with the page.

Each page has one run at a time, and all pages together at most `MOST_WORKERS`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from harmonium.errors import InputError
from harmonium.lab import worker_frames as frames
from harmonium.lab.pictures import packed, packed_signed

MOST_WORKERS = 4
MOST_POINTS = 240
"""Points of the curves that are kept; with more, every second one is dropped."""
CURVES = {
    "train": "train_log_likelihood",
    "valid": "valid_log_likelihood",
    "train_pseudo": "train_pseudo_likelihood",
    "valid_pseudo": "valid_pseudo_likelihood",
    "gap": "free_energy_gap",
}
GRACE_SECONDS = 1.0


class Snapshot(NamedTuple):
    """The machine after `step` updates: weights `[V, H]`, biases a `[V]` and b `[H]`, in float32."""

    step: int
    weights: np.ndarray
    a: np.ndarray
    b: np.ndarray


_running: set[Training] = set()
_running_lock = threading.Lock()


class Training:
    """One run and the newest that is known of it. `view()` is what the page is shown; `machine` the newest machine.

    Args:
        run: its number on its page. settings: hidden, rate, seed, updates and pace. rows: train, valid and test `[n, V]`, zeros
            and ones.
        push: is handed a new view several times a second, from another thread.

    Raises:
        InputError: too many pages are training.
    """

    def __init__(
        self, run: int, settings: dict[str, Any], rows: dict[str, np.ndarray], push: Callable[[dict[str, Any]], None]
    ) -> None:
        self.run, self.settings, self._push = run, settings, push
        self.machine: Snapshot | None = None
        self._lock, self._push_lock = threading.Lock(), threading.Lock()
        self._phase, self._problem, self._closed = "starting", "", False
        self._progress: dict[str, Any] = {"step": 0, "rate": 0.0}
        self._pictures: dict[str, Any] | None = None
        self._points: list[dict[str, float | None]] = []
        self._closing: dict[str, Any] | None = None
        self._stage: dict[str, Any] | None = None
        with _running_lock:
            if len(_running) >= MOST_WORKERS:
                raise InputError(
                    f"{MOST_WORKERS} pages are training on this server already, which is the most it takes on: "
                    "stop one of them, or close its page, and begin again"
                )
            _running.add(self)
        try:
            self._process = _start()
            self._send({"do": "train", **settings}, {part: values.astype(np.uint8) for part, values in rows.items()})
        except BaseException:
            self._forget()
            raise
        threading.Thread(target=self._listen, name=f"training {run}", daemon=True).start()

    # ---- what the page asks for

    def view(self) -> dict[str, Any]:
        """All that the page shows of the run."""
        with self._lock:
            return {
                "run": self.run,
                "phase": self._phase,
                "problem": self._problem,
                "settings": self.settings,
                **self._progress,
                "pictures": self._pictures,
                "history": _columns(self._points),
                "stage": self._stage,
                "closing": self._closing,
            }

    @property
    def over(self) -> bool:
        """Whether the worker has ended, or is to end."""
        return self._phase in ("done", "failed")

    def command(self, what: str) -> None:
        """`play`, `pause`, `close` (stop and find the closing likelihood) or `skip` (stop at once)."""
        with self._lock:
            if self.over or (self._phase == "evaluating" and what != "skip"):
                return
            self._phase = {"play": "training", "pause": "paused", "close": "evaluating"}.get(what, self._phase)
        self._send({"do": what})
        self._tell()

    def set_pace(self, pace: float | None) -> None:
        """Updates per second from now on; None: as fast as it goes."""
        self.settings = {**self.settings, "pace": pace}
        if not self.over:
            self._send({"do": "pace", "pace": pace})

    def close(self) -> None:
        """End the worker now."""
        self._closed = True
        # The worker ends itself when its input does; one that cannot any more is killed.
        with self._lock, contextlib.suppress(OSError):
            self._pipe("stdin").close()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._forget()

    # ---- the worker

    @property
    def process_id(self) -> int:
        return self._process.pid

    def _pipe(self, name: str) -> Any:
        pipe = getattr(self._process, name)
        assert pipe is not None
        return pipe

    def _send(self, header: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):  # it has ended: the listener tells how
            frames.write(self._pipe("stdin"), header, arrays)

    def _listen(self) -> None:
        problem = ""
        try:
            while (frame := frames.read(self._pipe("stdout"))) is not None:
                self._take(*frame)
                if self._closed:
                    return
                self._tell()
                if self.over:
                    return
            problem = "the training process ended unexpectedly"
        except (frames.FrameError, OSError, ValueError) as error:
            problem = f"the training process cannot be understood: {error}"
        finally:
            self._process.kill()
            self._process.wait()
            self._pipe("stdout").close()
            self._forget()
        if not self._closed:
            with self._lock:
                self._phase, self._problem = "failed", f"{problem}; the machine is kept as it last was"
            self._tell()

    def _tell(self) -> None:
        with self._push_lock:  # so that the view pushed last is the newest
            self._push(self.view())

    def _take(self, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        event = header["event"]
        with self._lock:
            if event == "state":
                self._state(header, arrays)
            elif event == "evaluating":
                self._phase, self._stage = "evaluating", {"stage": header["stage"], "share": header["share"]}
            elif event == "closed":
                self._phase, self._stage, self._closing = "done", None, header["closing"]
            elif event == "failed":
                self._phase, self._stage, self._problem = "failed", None, header["problem"]

    def _state(self, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        if self._phase == "starting":
            self._phase = "training"
        metrics = header["metrics"]
        self._progress = {"step": header["step"], "rate": header["rate"]}
        self._points.append({"step": header["step"], **{name: metrics.get(key) for name, key in CURVES.items()}})
        if len(self._points) > MOST_POINTS:
            self._points = _thinned(self._points)
        self.machine = Snapshot(header["step"], *(arrays[name] for name in ("weights", "a", "b")))
        self._pictures = {
            "filters": packed_signed(arrays["weights"].T),
            "chains": packed(arrays["chains"]),
            "means": packed(arrays["means"]),
        }

    def _forget(self) -> None:
        with _running_lock:
            _running.discard(self)


def _start() -> subprocess.Popen[bytes]:
    # A process on a machine with an accelerator would take the accelerator's memory for 64 pixels.
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    few = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "harmonium.lab.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | few,
        # Ctrl-C at the terminal is for the server; the worker follows it by its pipe.
        start_new_session=True,
    )


def _thinned(points: list[dict[str, float | None]]) -> list[dict[str, float | None]]:
    """Every second point, the newest among them; values of those dropped go to the next point where that has none."""
    kept = []
    for i in range(len(points) - 1, -1, -2):
        before = points[i - 1] if i else {}
        kept.append({name: before.get(name) if value is None else value for name, value in points[i].items()})
    return kept[::-1]


def _columns(points: list[dict[str, float | None]]) -> dict[str, list[float | None]]:
    """The curves, each as a list over `step`."""
    rounded = [{name: value if value is None else round(value, 4) for name, value in point.items()} for point in points]
    return {name: [point[name] for point in rounded] for name in ("step", *CURVES)}
