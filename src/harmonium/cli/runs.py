"""The folder of a training run: made without overwriting another, filled file by file, each whole."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli.output import plain
from harmonium.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL, METRICS, CONFIG, SCHEMA = "model.safetensors", "metrics.jsonl", "config.json", "schema.json"
CHECKPOINT, LOCK = "checkpoint-", ".lock"
"""What the names of checkpoints begin with, and the lock of a run that is going on."""


def new_folder(name: str, out: str | None, overwrite: bool) -> Path:
    """`out`, or runs/NAME, runs/NAME-2, ...: an empty folder of this run's own.

    Raises:
        InputError: `out` exists and is not empty (unless `overwrite`), or the folder cannot be made or written to.
    """
    try:
        if out is None:
            return _first_free(Path("runs"), name)
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        if set(folder.iterdir()) - {folder / LOCK, *half_written(folder)} and not overwrite:
            raise InputError(f"{folder} exists and is not empty; choose another --out, or add --overwrite")
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{error.filename or out}: the run folder cannot be made: {error.strerror}") from error
    return folder


def _first_free(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("itertools.count does not end")


def half_written(folder: Path) -> list[Path]:
    """What a killed run was about to write, under temporary names: nobody's work."""
    return [path for name in (MODEL, CONFIG, SCHEMA, METRICS, CHECKPOINT) for path in folder.glob(f".{name}*")]


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON, whole or not at all, in place of any earlier one."""
    from harmonium.io import container

    container.write_file(path, (json.dumps(plain(value), indent=2, allow_nan=False) + "\n").encode(), overwrite=True)


def write_lines(path: Path, values: Iterable[Any]) -> None:
    """Each value as a line of JSON, the file whole or not at all, in place of any earlier one."""
    from harmonium.io import container

    text = "".join(json.dumps(plain(value), allow_nan=False) + "\n" for value in values)
    container.write_file(path, text.encode(), overwrite=True)


def append_line(path: Path, value: Any) -> None:
    """`value` as one more line of JSON."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(plain(value), allow_nan=False) + "\n")


def write_picture(path: str | Path, figure: Figure, overwrite: bool = False) -> Path:
    """`figure` as a PNG, whole or not at all."""
    from harmonium.io import container

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return container.write_file(path, buffer.getvalue(), overwrite)


def write_array(path: str | Path, array: Any, overwrite: bool = False) -> Path:
    """`array` as .npy, whole or not at all."""
    import numpy as np

    from harmonium.io import container

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return container.write_file(path, buffer.getvalue(), overwrite)
