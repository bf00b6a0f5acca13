"""The folder of a training run: its lock, and its files, each written completely or not at all."""

from __future__ import annotations

import contextlib
import itertools
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harmonium as hm
from harmonium.cli.output import plain, say, write
from harmonium.errors import InputError, describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL, METRICS, CONFIG, SCHEMA = "model.safetensors", "metrics.jsonl", "config.json", "schema.json"
LOCK = ".lock"
"""The lock of a run that is going on."""


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
        with FileLock(path, timeout=0):
            for file in _temporary_files(folder):  # a killed run's: nobody else writes here now
                _remove(file)
            try:
                yield
            finally:
                _remove(path)
    except Timeout:
        raise InputError(f"another run is writing to {folder}: wait for its end, or choose another folder") from None


def _temporary_files(folder: Path) -> list[Path]:
    names = (MODEL, CONFIG, SCHEMA, METRICS, hm.training.checkpoint.CHECKPOINT)
    return [path for name in names for path in folder.glob(f".{name}*.tmp")]


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a run that can be resumed."""
    path = folder / CONFIG
    if not path.exists():
        raise InputError(f"{folder} is no run folder: it has no {CONFIG}")
    text = hm.io.untrusted.read_file(path, "configuration")
    config: dict[str, Any] = hm.io.untrusted.parse_json(text, dict[str, Any], str(path))
    if not isinstance(config.get("finished"), bool) or not isinstance(config.get("data"), dict):
        raise InputError(f"{path} is damaged: it does not say what was trained")
    if config["finished"]:
        raise InputError(f"the run in {folder} is finished; its model is {folder / MODEL}")
    if not all(isinstance(config.get(part), dict) for part in ("options", "settings", "versions", "computer")):
        raise InputError(f"the run in {folder} was begun by an earlier harmonium, and cannot be resumed by this one")
    return config


def trim_metrics(folder: Path, step: int) -> list[dict[str, float]]:
    """The metrics before that update; its own and later ones, which will come again, are removed from the file.

    The last line may be cut, of a run that was killed. Other lines that cannot be read are reported.
    """
    path, what = folder / METRICS, "file of metrics"
    history: list[dict[str, float]] = []
    content = hm.io.untrusted.read_file(path, what) if path.exists() and hm.io.untrusted.check_file(path, what) else b""
    lines = content.decode(errors="replace").splitlines()
    unreadable = []
    for index, line in enumerate(lines):
        try:
            metrics = json.loads(line)
            if metrics["step"] < step:
                history.append(metrics)
        except (ValueError, KeyError, TypeError, RecursionError):
            unreadable.append(index)
    if unreadable and (unreadable != [len(lines) - 1] or content.endswith(b"\n")):
        say(f"{path} is damaged: {len(unreadable)} of {len(lines)} lines are lost")
    text = "".join(json.dumps(plain(metrics), allow_nan=False) + "\n" for metrics in history)
    hm.io.container.write_file(path, text.encode(), overwrite=True)
    return history


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON, written completely or not at all, in place of any earlier one."""
    hm.io.container.write_file(path, (json.dumps(plain(value), indent=2, allow_nan=False) + "\n").encode(), overwrite=True)


def append_line(path: Path, value: Any) -> None:
    """`value` as one more line of JSON."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(plain(value), allow_nan=False) + "\n")


def write_pictures(folder: Path, figures: Mapping[str, Figure]) -> tuple[dict[str, str], list[str]]:
    """Write each picture that can be written: their files by name, and why the others could not."""
    files, trouble = {}, []
    for name, figure in figures.items():
        try:
            files[name] = write(folder / f"{name}.png", figure, overwrite=True)
        except (InputError, OSError) as error:
            trouble.append(describe(error))
    return files, trouble
