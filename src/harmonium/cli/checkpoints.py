"""The checkpoints of a run folder, of which a whole one always remains, and the lock that keeps it to one run at a time."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli import runs
from harmonium.errors import InputError, describe, reason

if TYPE_CHECKING:
    from harmonium.training import Checkpoint, TrainState

KEPT = 2


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of the folder; the system lifts the lock of a process that dies.

    Raises:
        InputError: another run writes there.
    """
    try:
        import fcntl
    except ImportError:  # where there are no such locks
        yield
        return
    path = folder / runs.LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(f"{folder} cannot be written to: {path}: {reason(error)}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it before may have removed the file meanwhile: then another one counts now.
            if os.fstat(handle).st_ino != os.stat(path).st_ino:
                raise BlockingIOError
        except (BlockingIOError, FileNotFoundError):
            raise InputError(f"another run is writing to {folder}: wait for its end, or choose another folder") from None
        except OSError:
            pass  # a file system without locks
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)
    finally:
        os.close(handle)


class Keeper:
    """Writes a checkpoint every so many minutes (0: only when asked to), and keeps the last two."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self._folder, self._seconds = folder, 60 * minutes
        self._due = time.monotonic() + self._seconds
        self.trouble: str | None = None

    def look(self, state: TrainState) -> None:
        """Write one if it is time."""
        if self._seconds and time.monotonic() >= self._due:
            self.save(state)
            self._due = time.monotonic() + self._seconds

    def save(self, state: TrainState) -> None:
        """Write one now; where that fails, `trouble` says why, and those that are there stay."""
        try:
            state.checkpoint.save(self._folder / f"{runs.CHECKPOINT}{state.step:010d}.safetensors", overwrite=True)
        except OSError as error:
            self.trouble = describe(error)
            return
        self.trouble = None
        for old in files(self._folder)[KEPT:]:
            with contextlib.suppress(OSError):
                old.unlink()


def files(folder: Path) -> list[Path]:
    """The checkpoints of a run folder, the latest first."""
    return sorted(folder.glob(f"{runs.CHECKPOINT}*.safetensors"), reverse=True)


def remove(folder: Path) -> None:
    """Remove what only a run that goes on needs: its checkpoints, and what a killed one left half written."""
    for path in (*files(folder), *runs.half_written(folder)):
        with contextlib.suppress(OSError):
            path.unlink()


def latest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The latest checkpoint that is whole (None: there is none), and what is wrong with later ones."""
    from harmonium.training import Checkpoint

    wrong: list[str] = []
    for path in files(folder):
        try:
            return Checkpoint.load(path), wrong
        except (InputError, OSError) as error:
            wrong.append(describe(error))
    return None, wrong


def begun(folder: Path) -> dict[str, Any]:
    """The config.json of a run that was begun in that folder and has not ended.

    Raises:
        InputError: there is none, it is damaged, or the run is finished.
    """
    path = folder / runs.CONFIG
    try:
        config: Any = json.loads(path.read_text(encoding="utf-8"))
        finished, settings = config["finished"], dict(config["settings"])
        config |= {"settings": settings, "data": dict(config["data"])}
    except FileNotFoundError:
        raise InputError(f"{folder} is no run folder: it has no {runs.CONFIG}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: {reason(error)}") from error
    if finished:
        raise InputError(f"the run in {folder} is finished; its machine is {folder / runs.MODEL}")
    return dict(config)


def history(folder: Path, step: int) -> list[dict[str, float]]:
    """The metrics before that update; its own and later ones, which will come again, are removed from the file."""
    path = folder / runs.METRICS
    kept = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                metrics = json.loads(line)
                if metrics["step"] < step:
                    kept.append(metrics)
            except (ValueError, KeyError, TypeError):
                continue  # half a line, of a run that was killed
    except OSError:
        pass
    runs.write_lines(path, kept)
    return kept
