"""The folder of a training run: its lock, its files, each written completely or not at all, and its checkpoints."""

from __future__ import annotations

import contextlib
import itertools
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli.output import plain
from harmonium.errors import InputError, describe

if TYPE_CHECKING:
    from harmonium.training import Checkpoint, TrainState

MODEL, METRICS, CONFIG, SCHEMA = "model.safetensors", "metrics.jsonl", "config.json", "schema.json"
CHECKPOINT, LOCK = "checkpoint-", ".lock"
"""What the names of checkpoints begin with, and the lock of a run that is going on."""
MAX_CHECKPOINTS = 2


def new_folder(name: str, out: str | None, overwrite: bool) -> Path:
    """`out`, which must be empty unless `overwrite`, or runs/NAME, runs/NAME-2, ...: a folder of this run's own."""
    if out is None:
        Path("runs").mkdir(exist_ok=True)
        for index in itertools.count(1):
            folder = Path("runs", name if index == 1 else f"{name}-{index}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return folder
    folder = Path(out or "")
    folder.mkdir(parents=True, exist_ok=True)
    if set(folder.iterdir()) - {folder / LOCK, *_temporary_files(folder)} and not overwrite:
        raise InputError(f"{folder} exists and is not empty; choose another --out, or add --overwrite")
    for path in (folder / file for file in (MODEL, METRICS, CONFIG, SCHEMA)):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise InputError(f"{path} is no regular file, and is not replaced; choose another --out")
    with tempfile.TemporaryFile(dir=folder):
        return folder


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep other runs out of the folder. The system lifts the lock of a process that dies."""
    from filelock import FileLock, Timeout

    path = folder / LOCK
    try:
        with FileLock(path, timeout=0), contextlib.ExitStack() as stack:
            stack.callback(_remove, [path])
            _remove(_temporary_files(folder))  # a killed run's: nobody else writes here now
            yield
    except Timeout:
        raise InputError(f"another run is writing to {folder}: wait for its end, or choose another folder") from None


def _temporary_files(folder: Path) -> list[Path]:
    return [path for name in (MODEL, CONFIG, SCHEMA, METRICS, CHECKPOINT) for path in folder.glob(f".{name}*.tmp")]


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


# ---- checkpoints


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints of a run folder, the latest first."""
    return sorted(folder.glob(f"{CHECKPOINT}*.safetensors"), reverse=True)


def latest_checkpoint(folder: Path) -> tuple[Checkpoint | None, Path | None, list[str]]:
    """The latest checkpoint that is sound, its file, and what is wrong with later ones."""
    from harmonium.training import Checkpoint

    wrong: list[str] = []
    for path in checkpoint_files(folder):
        try:
            return Checkpoint.load(path), path, wrong
        except (InputError, OSError) as error:
            wrong.append(describe(error))
    return None, None, wrong


class CheckpointManager:
    """Writes a checkpoint every so many minutes (0: only when asked to), and keeps the last two that are sound.

    `sound`: the checkpoint that the run was resumed from. Others in the folder may be damaged, and do not count.
    """

    def __init__(self, folder: Path, minutes: float, sound: Path | None = None) -> None:
        self._folder, self._seconds = folder, 60 * minutes
        self._due = time.monotonic() + self._seconds
        self.sound = [] if sound is None else [sound]
        self.trouble: str | None = None

    def save_if_due(self, state: TrainState) -> None:
        """Write one if it is time."""
        if self._seconds and time.monotonic() >= self._due:
            self.save(state)
            self._due = time.monotonic() + self._seconds

    def save(self, state: TrainState) -> None:
        """Write one now. If that fails, `trouble` says why, and the earlier ones stay."""
        path = self._folder / f"{CHECKPOINT}{state.step:010d}.safetensors"
        try:
            state.checkpoint.save(path, overwrite=True)
        except (InputError, OSError) as error:
            self.trouble = describe(error)
            return
        self.trouble = None
        self.sound = [*(other for other in self.sound if other != path), path][-MAX_CHECKPOINTS:]
        _remove(other for other in checkpoint_files(self._folder) if other not in self.sound)

    def remove_all(self) -> None:
        """Remove all checkpoints: the run is complete."""
        _remove(checkpoint_files(self._folder))


# ---- files


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a run that can be resumed."""
    from harmonium.io.untrusted import parse_json, read_file

    path = folder / CONFIG
    if not path.exists():
        raise InputError(f"{folder} is no run folder: it has no {CONFIG}")
    config: dict[str, Any] = parse_json(read_file(path, "configuration"), dict[str, Any], f"{path} is damaged")
    if not isinstance(config.get("finished"), bool) or not isinstance(config.get("data"), dict):
        raise InputError(f"{path} is damaged: it does not say what was trained")
    if config["finished"]:
        raise InputError(f"the run in {folder} is finished; its model is {folder / MODEL}")
    if not all(isinstance(config.get(part), dict) for part in ("options", "settings")):
        raise InputError(f"the run in {folder} was begun by an earlier harmonium, and cannot be resumed by this one")
    return config


def trim_metrics(folder: Path, step: int) -> list[dict[str, float]]:
    """The metrics before that update; its own and later ones, which will come again, are removed from the file."""
    from harmonium.io import container
    from harmonium.io.untrusted import check_file

    path = folder / METRICS
    kept = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        check_file(path, "file of metrics")
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):  # half a line, of a run that was killed
                metrics = json.loads(line)
                if metrics["step"] < step:
                    kept.append(metrics)
    text = "".join(json.dumps(plain(metrics), allow_nan=False) + "\n" for metrics in kept)
    container.write_file(path, text.encode(), overwrite=True)
    return kept


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON, written completely or not at all, in place of any earlier one."""
    from harmonium.io import container

    container.write_file(path, (json.dumps(plain(value), indent=2, allow_nan=False) + "\n").encode(), overwrite=True)


def append_line(path: Path, value: Any) -> None:
    """`value` as one more line of JSON."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(plain(value), allow_nan=False) + "\n")
