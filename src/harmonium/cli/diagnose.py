"""report whether a model is mixed, in equilibrium, overfitted or idle, in words and pictures

DATA's training and test rows are used if it is a named source; all rows of a file count as held out, and what needs training
rows too is left out unless --train names them. Each verdict is a line, "ok" or "warning", with the figure and the remedy.

example:
  harmonium diagnose runs/digits digits
  harmonium diagnose runs/mine/model.safetensors test.npy --train train.npy --sweeps 5000 --out diagnosis
"""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harmonium as hm
from harmonium.cli import runs
from harmonium.cli.inputs import ModelFile, add, add_count, load_model, load_rows
from harmonium.cli.output import Answer, Table, staged_progress
from harmonium.errors import InputError, describe

if TYPE_CHECKING:
    import numpy as np


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "data", "--binarize", "--seed", "--overwrite")
    command.add_argument("--train", metavar="FILE", help="the training rows (default: those of DATA, if it is a named source)")
    add_count(command, "chains", 100, "chains from each start")
    add_count(command, "sweeps", 1000, "sweeps of each chain")
    command.add_argument("--rungs", metavar="N", type=int, help="temperatures of tempering (default: 12 to 48, as needed)")
    add(command, "--out", metavar="DIR", help="folder for the pictures (default: diagnosis in the run, or MODEL-diagnosis)")


def run(options: argparse.Namespace) -> Answer:
    begun = time.monotonic()
    from harmonium.diagnostics.diagnose import check_settings

    # Everything is checked before the folder is made, so that a mistake leaves nothing behind.
    model = load_model(options.model)
    held_out, train = _rows(options, model)
    settings = {name: getattr(options, name) for name in ("chains", "sweeps", "rungs", "seed")}
    check_settings(**settings)
    file = Path(options.model)
    default = file / "diagnosis" if file.is_dir() else file.with_name(f"{file.stem}-diagnosis")
    folder = runs.new_folder("diagnosis", options.out or str(default), options.overwrite)
    try:
        with staged_progress() as progress:
            diagnosis = hm.diagnostics.diagnose(model.rbm, held_out, train, **settings, progress=progress)
        pictures, trouble = runs.write_pictures(folder, hm.plots.diagnosis(model.rbm, diagnosis))
    except BaseException:
        with contextlib.suppress(OSError):  # it is not empty
            folder.rmdir()
        raise
    pseudo = hm.likelihood.pseudo.mean_pseudo_log_likelihood(model.rbm, held_out, options.seed)
    result = diagnosis.to_dict() | {
        "pseudo_log_likelihood": pseudo and pseudo._asdict(),
        "rows": {"held_out": len(held_out), "train": None if train is None else len(train)},
        "pictures": pictures,
        "seconds": time.monotonic() - begun,
    }
    try:
        runs.write_json(folder / "diagnosis.json", result)
    except (InputError, OSError) as error:
        trouble.append(describe(error))
    return Answer(result, _text(result, folder), trouble=trouble)


def _rows(options: argparse.Namespace, model: ModelFile) -> tuple[np.ndarray, np.ndarray | None]:
    """Held-out rows, and training rows if they are known and not the same."""
    import numpy as np

    data = load_rows(options.data, options, model)
    held_out, train = hm.model.check_rows(model.rbm, data.test, options.data, 2), data.train
    if options.train is not None:
        train = hm.model.check_rows(model.rbm, load_rows(options.train, options, model).train, options.train, 2)
    return held_out, None if np.array_equal(train, held_out) else train


def _text(result: dict[str, Any], folder: Path) -> list[str | Table]:
    verdicts = result["verdicts"]
    rows = [["ok" if verdict["ok"] else "warning", verdict["name"], verdict["sentence"]] for verdict in verdicts]
    warnings = [index for index, verdict in enumerate(verdicts) if not verdict["ok"]]
    text: list[str | Table] = [Table("", ["", "diagnosis", "figures"], rows, bold=warnings)]
    pseudo = result["pseudo_log_likelihood"]
    if pseudo is not None:
        about = f"{pseudo['method']}; no log likelihood, and no bound on one"
        text.append(f"pseudo-log-likelihood {pseudo['mean']:.3f} nats/example ({about})")
    if result["free_energy_gap"] is None:
        text.append("no training rows apart from the held-out ones: overfitting is not judged (--train names a file of them)")
    pictures = ", ".join(Path(file).name for file in result["pictures"].values())
    return [*text, f"{result['seconds']:.1f} s; pictures in {folder}: {pictures}"]
