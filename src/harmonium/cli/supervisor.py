"""Watches over the processes of a run that are on this machine: starts them, passes signals on, and says what became of them.

Each worker is this same command, told its place. Its messages come through as they are; what the runtime under it writes
(JAX's in C++, pages of it when a process dies) is kept only where a worker failed by itself. A worker's death ends all.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import IO, Any, NamedTuple

from harmonium.cli.cluster import Place

SWITCH = "HARMONIUM_WORKER"
"""The environment variable that tells a worker its file descriptors: of the supervisor's socket, of stdout and of stderr."""
THREADS = "PJRT_NPROC"
"""The environment variable by which XLA is told how many threads to compute with on a CPU."""
LOST = 70
"""A worker's exit status when it can no longer reach the others."""
PATIENCE_SECONDS = 15.0
"""How long the others may take to end after one has."""
LOOK_SECONDS = 0.05
at_work = False
"""Whether this process is a worker."""
IN_ORDER = (0, 2, 130, 143)
"""Exit statuses that need no explanation beyond what the first worker has said."""


class Worker(NamedTuple):
    number: int
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    socket: socket.socket

    @property
    def blameless(self) -> bool:
        """Whether it ended in order, or only because it lost the others: where the runtime itself gives up, it aborts."""
        return self.process.returncode in (*IN_ORDER, LOST, -signal.SIGABRT)


def take_up() -> socket.socket | None:
    """In a worker: speak to the user from now on, and stop when the supervisor is gone; the way to speak to that."""
    global at_work
    told = os.environ.pop(SWITCH, None)
    if told is None:
        return None
    at_work = True
    ours, out, err = map(int, told.split(":"))
    sys.stdout, sys.stderr = os.fdopen(out, "w"), os.fdopen(err, "w", buffering=1)
    boss = socket.socket(fileno=ours)

    def stop_with_boss() -> None:
        with contextlib.suppress(OSError):
            while boss.recv(1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_with_boss, daemon=True).start()
    return boss


def supervise(arguments: Sequence[str], count: int, place: Place | None) -> int:
    """Run `arguments` in so many local processes, or in the one at `place`; the exit status."""
    with contextlib.ExitStack() as stack:
        passed = stack.enter_context(_Passed())
        where = ["--coordinator", f"127.0.0.1:{_free_port()}", "--process-count", str(count)]
        for number in range(count):
            more = [] if place is not None else [*where, "--process-id", str(number)]
            passed.workers.append(stack.enter_context(_worker(number, [*arguments, *more], count)))
        return _watched(passed, place)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _worker(number: int, arguments: Sequence[str], count: int) -> Iterator[Worker]:
    ours, theirs = socket.socketpair()
    # The runtime writes to 1 and 2 as it likes, so these are not the user's.
    out, err = os.dup(1), os.dup(2)
    environment = os.environ | {SWITCH: f"{theirs.fileno()}:{out}:{err}"}
    if count > 1:
        environment.setdefault(THREADS, str(max(1, _cores() // count)))
    with ours, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "harmonium", *arguments],
            env=environment,
            stdout=log,
            stderr=log,
            pass_fds=(theirs.fileno(), out, err),
            start_new_session=True,  # signals from the terminal come through the supervisor, once
        )
        for each in (out, err):
            os.close(each)
        theirs.close()
        try:
            yield Worker(number, process, log, ours)
        finally:
            _end(process)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


class _Passed:
    """While in force, passes the signals that ask for the end on to the workers."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self.asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Passed:
        for each in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(each) is not signal.SIG_IGN:
                self._before[each] = signal.signal(each, self._pass)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _pass(self, number: int, _frame: FrameType | None) -> None:
        self.asked = number
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                worker.process.send_signal(number)


def _watched(passed: _Passed, place: Place | None) -> int:
    """Wait for the end of all; what it was."""
    workers, deadline = passed.workers, None
    silent: list[Worker] = []
    while any(worker.process.poll() is None for worker in workers):
        if deadline is None and any(worker.process.returncode for worker in workers):
            deadline = time.monotonic() + PATIENCE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            silent = [worker for worker in workers if worker.process.poll() is None]
            for worker in silent:
                _end(worker.process)
        time.sleep(LOOK_SECONDS)
    first = workers[0].process.returncode
    if first in IN_ORDER and all(worker.blameless or worker in silent for worker in workers):
        return int(first)
    # Who is asked to end while still starting does so as Python does: by the signal, or with status 1.
    if passed.asked is not None and all(
        worker.blameless or worker.process.returncode in (1, -passed.asked) for worker in workers
    ):
        return 128 + passed.asked
    print(f"harmonium: error: {_story(workers, silent, place)}", file=sys.stderr)
    return 1


def _story(workers: list[Worker], silent: list[Worker], place: Place | None) -> str:
    """What happened, in one line, and how to go on."""
    # Who was killed comes before who failed: that may be because of it.
    guilty = min((each for each in workers if not each.blameless), key=lambda each: each.process.returncode, default=None)
    if guilty is None:
        what = "another process of this run has ended or can no longer be reached, and so this one ended"
    else:
        status = guilty.process.returncode
        how = f"was killed by signal {-status}" if status < 0 else f"failed with status {status}"
        how = "no longer answered" if guilty in silent else how
        who = f"process {guilty.number} of {len(workers)}" if place is None else "the process"
        what = f"{who} {how}, and so the run ended{_last_words(guilty) if status > 0 else ''}"
    folder = b"".join(_received(worker.socket) for worker in workers).decode()
    return what + (f"; go on with: harmonium train --resume {shlex.quote(folder)}" if folder else "")


def _last_words(worker: Worker) -> str:
    worker.log.seek(0)
    with tempfile.NamedTemporaryFile(prefix="harmonium-", suffix=".log", delete=False) as kept:
        kept.write(worker.log.read())
    return f" (its last words are in {kept.name})"


def _received(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b""
