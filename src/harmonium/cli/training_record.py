"""What a training run leaves on record: its settings, data and versions, the command that repeats it, and the model file."""

from __future__ import annotations

import argparse
import hashlib
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli import runs
from harmonium.cli.processes import PLACEMENT
from harmonium.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from harmonium.data import Dataset
    from harmonium.io import Streamed
    from harmonium.mesh import Spread
    from harmonium.model import RBM
    from harmonium.units import Units

NOT_REPEATED = (
    *("data", "updates", "epochs", "minutes", "patience", "horizon", "brake"),
    *("out", "overwrite", "json", "run", "resume", "checkpoint_every", "arguments"),
    *PLACEMENT,
)
"""Options that the command that repeats a run states otherwise, or needs not."""


def config_of(options: argparse.Namespace, dataset: Dataset, spread: Spread) -> dict[str, Any]:
    """What config.json holds of a run that is begun."""
    import jax

    left_out = ("run", "json", "overwrite", "resume", "arguments", *PLACEMENT)
    settings = {key: value for key, value in vars(options).items() if key not in left_out}
    packages = ("harmonium", "jax", "jaxlib", "numpy", "optax", "scikit-learn")
    return {
        "settings": settings,
        "updates": None,
        "finished": False,
        "data": {
            "name": dataset.name,
            "held_out": dataset.held_out,
            "binarized": dataset.binarized,
            "image_shape": dataset.image_shape,
            "rows": {part: len(getattr(dataset, part)) for part in ("train", "valid", "test")},
            "columns": dataset.train.shape[1],
            "schema": None if dataset.schema is None else dataset.schema.description(),
            "sha256": {part: _digest(getattr(dataset, part)) for part in ("train", "valid", "test")},
        },
        "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "device": jax.devices()[0].device_kind,
            "processes": jax.process_count(),
            "devices": [spread.parts, spread.hidden],
        },
    }


def repeat(options: argparse.Namespace, updates: int, metrics: dict[str, float]) -> str | None:
    """The command that gives the same machine again, on however many devices.

    None if the run diverged meanwhile, which comes at no set update.
    """
    if "lr_reduction" in metrics:
        return None
    words = ["harmonium", "train", options.data, "--updates", str(updates), "--patience", "0"]
    if "total_updates" not in metrics:
        words += ["--cooldown", "0"]  # the run ended before it knew its length, and so before its cooldown
    elif metrics["total_updates"] > updates:
        words += ["--horizon", f"{metrics['total_updates']:.0f}"]
    if "early_decay_first" in metrics:
        words += ["--brake", *(f"{metrics[end]:.0f}" for end in ("early_decay_first", "early_decay_last"))]
    for name, value in vars(options).items():
        option = "--as" if name == "kinds" else f"--{name.replace('_', '-')}"
        if name in NOT_REPEATED or value is None or value is False or option in words:
            continue
        if value is True:
            words.append(option)
        for each in () if value is True else value if isinstance(value, list) else (value,):
            words += [option, str(each)]
    return shlex.join(words)


def _digest(rows: np.ndarray | Streamed) -> str | None:
    """None of rows that are not in memory: reading all of them once more would take too long."""
    import numpy as np

    if not isinstance(rows, np.ndarray):
        return None
    return hashlib.sha256(np.ascontiguousarray(rows, dtype="<f8").data).hexdigest()


def save(rbm: RBM, base_rate: Units, folder: Path, dataset: Dataset, config: dict[str, Any]) -> None:
    """Write the model file of the run."""
    from harmonium import io
    from harmonium.cli.output import plain

    notes = {
        "trained_on": dataset.name,
        "updates": config["updates"],
        "image_shape": dataset.image_shape,
        "columns": dataset.columns,
        "binarized": dataset.binarized,
        "schema": None if dataset.schema is None else dataset.schema.description(),
        "settings": config["settings"],
    }
    io.save(rbm, folder / runs.MODEL, overwrite=True, base_rate=base_rate, notes=plain(notes))


def check_unchanged(earlier: dict[str, Any], config: dict[str, Any]) -> None:
    """The data must be what it was; other versions or devices are told, since then not every bit need agree."""
    if earlier["data"].get("sha256") != config["data"]["sha256"]:
        raise InputError(f"{config['data']['name']} holds other rows than when the run was begun; give it back the rows it had")
    was, now = earlier.get("versions") or {}, config["versions"]
    changed = [f"{name} {was.get(name)} then, {now[name]} now" for name in now if was.get(name) != now[name]]
    were, are = ((each.get("machine") or {}).get("devices", [1, 1]) for each in (earlier, config))
    if were != are:
        changed.append(f"{_devices(were)} then, {_devices(are)} now")
    if changed:
        print(f"harmonium: not every bit need come out as before: {', '.join(changed)}", file=sys.stderr)


def _devices(shape: list[int]) -> str:
    parts, hidden = shape
    count = f"{parts * hidden} device" + ("s" if parts * hidden > 1 else "")
    return count if hidden == 1 else f"{count} ({hidden} for the hidden units)"
