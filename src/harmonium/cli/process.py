"""The command as a process: its signals and standard streams, set up before anything that takes long is imported."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

_NAMES = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
WORDS = {getattr(signal, name): word for name, word in _NAMES.items() if hasattr(signal, name)}
BROKEN_PIPE = 141
"""The exit status of a process whose reader went away, as shells count it."""

received: list[int] = []
"""The signal that has asked for the end, whatever became of its exception."""
_shutdowns: list[GracefulShutdown] = []


class GracefulShutdown:
    """While in force, the first signal is noted in `requested`, and a second one interrupts at once."""

    requested: int | None = None

    def __enter__(self) -> GracefulShutdown:
        _shutdowns.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _shutdowns.remove(self)


def handle_signals() -> None:
    """Let these signals raise KeyboardInterrupt; while modules are imported, or the second time, end the process at once.

    An exception amid an import leaves modules half made, or is lost in compiled code.
    """
    for number in WORDS:
        # A signal that is ignored from the start, as shells and nohup have it, stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for shutdown in _shutdowns:
        if shutdown.requested is None:
            shutdown.requested = number
            return
    at_once = bool(received)
    received[:] = [number]
    while frame is not None and not at_once:
        at_once = frame.f_code.co_filename.startswith("<frozen importlib")
        frame = frame.f_back
    if at_once:
        end_at_once()
    # Where an exception cannot be raised, as in a callback from compiled code, Python hands it to this hook.
    sys.unraisablehook = lambda _: end_at_once()
    raise KeyboardInterrupt


def interruption() -> tuple[int, str]:
    """The exit status of a process that a signal ended, as shells count it, and the word for that."""
    number = received[0] if received else signal.SIGINT
    return 128 + number, WORDS[signal.Signals(number)]


def end_at_once() -> NoReturn:
    """End the process with one line that says which signal asked for it."""
    status, word = interruption()
    with contextlib.suppress(OSError):
        os.write(2, f"harmonium: {word}\n".encode())
    os._exit(status)


MAX_CACHE_BYTES = 1 << 28
"""Compiled code that is kept: some thousand programs."""


def keep_compiled_code() -> None:
    """Let JAX keep what it compiles in the user's cache folder, or in that of HARMONIUM_CACHE unless that is `off`.

    JAX's own limit of the size takes a lock at every entry and does not start where older entries lie.
    """
    asked = os.environ.get("HARMONIUM_CACHE")
    if asked == "off" or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    caches = {"darwin": Path.home() / "Library" / "Caches", "win32": os.environ.get("LOCALAPPDATA")}
    cache = caches.get(sys.platform) or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(asked or Path(cache) / "harmonium" / "compiled")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_oldest(folder, MAX_CACHE_BYTES)
    except OSError:
        return
    import jax

    # An entry that cannot be read or written costs a compilation, no more.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")

    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


JAX_FILES = ("-cache", "-atime")
"""The names of the files with compiled code end so."""


def _remove_oldest(folder: Path, most: int) -> None:
    """Remove the files of compiled code that were used longest ago until the others have `most` bytes, and empty ones, which a
    full disk left."""
    files = []
    for file in os.scandir(folder):
        if not file.name.endswith(JAX_FILES):
            continue  # it is not ours
        with contextlib.suppress(OSError):  # another process may have removed it
            status = file.stat()
            files.append((max(status.st_atime, status.st_mtime), status.st_size, file.path))
    size = 0
    for _, bytes_of_file, path in sorted(files, reverse=True):
        size += bytes_of_file
        if size > most or bytes_of_file == 0:
            with contextlib.suppress(OSError):
                os.unlink(path)


def open_streams() -> None:
    """Prepare the standard streams: an error in writing the output must be known, one in writing a message must not matter.

    A stream that the process was started without is opened on the null device, or else the next file would take its place.
    Compiled code that writes to the standard output, as Gloo does, writes to the standard error instead.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)  # writing to 1 fails, as it should
    output = os.dup(1)
    os.dup2(2, 1)
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"
    stream = io.BufferedWriter(_Output(output, "w"))
    sys.stdout = io.TextIOWrapper(stream, encoding, errors="backslashreplace", line_buffering=os.isatty(output))
    messages = io.BufferedWriter(_Messages(2, "w", closefd=False))
    encoding = sys.stderr.encoding if sys.stderr else "utf-8"
    sys.stderr = io.TextIOWrapper(messages, encoding, errors="backslashreplace", line_buffering=True)


class _Output(io.FileIO):
    """Standard output, whose errors say so."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError as error:
            error.filename = "the output is not complete"
            raise


class _Messages(io.FileIO):
    """Standard error whose reader may be gone or whose disk may be full: what cannot be written is dropped."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content) or 0
        except OSError:
            return len(content)


def finish(status: int) -> NoReturn:
    """End the process with `status`."""
    for number in WORDS:
        signal.signal(number, signal.SIG_IGN)  # everything has been done
    sys.stderr.flush()
    if status:
        # Compiled code may still run in threads, which an orderly end of the interpreter can crash; and one of several
        # processes would wait for the others.
        os._exit(status)
    sys.exit(0)
