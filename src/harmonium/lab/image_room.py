"""What chapter 6 keeps for one page: its training, the file it has loaded, and a file on its way. All ends with the page."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import harmonium as hm
from harmonium.errors import InputError, describe
from harmonium.lab.image_machine import REFERENCE, ImageMachine
from harmonium.lab.worker_handle import Snapshot, Training

if TYPE_CHECKING:
    from harmonium.data import Dataset

MOST_FILE = 16 << 20
"""Bytes of a model file that comes through the page's socket."""
MOST_NAME = 100
IMAGE_SHAPE = [8, 8]
TRAINED = "the machine trained here"


@lru_cache(maxsize=1)
def digits() -> Dataset:
    """Scikit-learn's digits as `harmonium train digits` takes them: zeros and ones, a tenth held out twice."""
    return hm.data.load("digits")


@lru_cache(maxsize=1)
def reference_rows() -> dict[str, np.ndarray]:
    """Held-out digits, and as many rows of pixels tossed independently, each as often on as among the training digits."""
    rates = digits().train.mean(axis=0)
    noise = np.random.default_rng(0).random((REFERENCE, len(rates))) < rates
    return {"digits": digits().test[:REFERENCE], "noise": noise.astype(np.float64)}


class Room:
    """One page's machines. `file_problem`: why the file named on the command line could not be used."""

    def __init__(self, model_path: Any) -> None:
        self.training: Training | None = None
        self.file: ImageMachine | None = None
        self.file_problem = ""
        self._runs = 0
        self._trained: tuple[tuple[int, int], ImageMachine] | None = None
        self._coming: tuple[str, int, bytearray] | None = None
        if model_path is not None:
            try:
                self.file = opened(Path(model_path), Path(model_path).name)
            except (InputError, OSError) as error:
                self.file_problem = describe(error)

    def close(self) -> None:
        if self.training is not None:
            self.training.close()

    # ---- training

    def train(self, settings: dict[str, Any], push: Any) -> Training:
        """End the run that there may be and begin another."""
        rows = {part: getattr(digits(), part) for part in ("train", "valid", "test")}
        if self.training is not None:
            self.training.close()
        self._runs += 1
        self.training = Training(self._runs, settings, rows, push)
        return self.training

    def machine(self, which: str) -> ImageMachine:
        """The machine in training as it now is, or the file's.

        Raises:
            InputError: there is none.
        """
        if which == "file":
            if self.file is None:
                raise InputError("no model file is loaded on this page: choose one")
            return self.file
        snapshot = self._snapshot()
        assert self.training is not None
        key = (self.training.run, snapshot.step)
        if self._trained is None or self._trained[0] != key:
            notes = {"image_shape": IMAGE_SHAPE, "trained_on": digits().name}
            self._trained = (key, ImageMachine(_rbm(snapshot), TRAINED, notes, reference_rows()))
        return self._trained[1]

    def _snapshot(self) -> Snapshot:
        if self.training is None or self.training.machine is None:
            raise InputError("nothing has been trained on this page yet: press train")
        return self.training.machine

    def saved(self) -> tuple[str, bytes]:
        """The trained machine as a model file: its name and its bytes.

        Raises:
            InputError: there is none.
        """
        snapshot, data = self._snapshot(), digits()
        assert self.training is not None
        notes = {
            "trained_on": data.name,
            "updates": snapshot.step,
            "image_shape": IMAGE_SHAPE,
            "binarised": data.binarized,
            "settings": self.training.settings,
        }
        rbm = _rbm(snapshot)
        base_rate = hm.Binary.zeros(rbm.visible.size).fit_base_rate(data.train)
        name = f"digits-{rbm.hidden.size}-hidden.safetensors"
        with tempfile.TemporaryDirectory() as folder:
            path = hm.save(rbm, Path(folder) / name, base_rate=base_rate, notes=notes)
            return name, path.read_bytes()

    # ---- a file through the socket

    def receive(self, name: str, size: int, offset: int, data: str) -> bool:
        """Take a piece of a file; whether it is complete, and then loaded.

        Raises:
            InputError: the file is too large, damaged or foreign, or its pieces do not fit together.
        """
        name = re.sub(r"[^\w .+()-]", "_", name)[:MOST_NAME] or "the file"
        if size > MOST_FILE:
            raise InputError(
                f"{name} has {size / (1 << 20):,.0f} MiB, more than the {MOST_FILE >> 20} that this page takes in; "
                f"name it on the command line instead: harmonium lab {name}"
            )
        try:
            piece = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InputError(f"{name} has arrived damaged: choose it again") from error
        if offset == 0:
            self._coming = (name, size, bytearray())
        if self._coming is None or self._coming[:2] != (name, size) or len(self._coming[2]) != offset:
            self._coming = None
            raise InputError(f"{name} has arrived in pieces that do not fit together: choose it again")
        content = self._coming[2]
        if len(content) + len(piece) > size:
            self._coming = None
            raise InputError(f"{name} is longer than was announced: choose it again")
        content += piece
        if len(content) < size:
            return False
        self._coming = None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(content)
            self.file, self.file_problem = opened(path, name), ""
        return True


def opened(path: Path, name: str) -> ImageMachine:
    """The machine of a model file, called `name` in what is said of it.

    Raises:
        InputError: the file cannot be used, in words.
    """
    try:
        rbm, _base_rate, description = hm.io.load_with_header(path)
    except (InputError, OSError) as error:
        raise InputError(describe(error).replace(str(path), name)) from error
    notes = description["notes"]
    machine = ImageMachine(rbm, name, notes)
    if (machine.height, machine.width) == tuple(IMAGE_SHAPE) and notes.get("trained_on") == digits().name:
        machine.digits = reference_rows()
    return machine


def _rbm(snapshot: Snapshot) -> hm.RBM:
    return hm.RBM(hm.Binary(snapshot.a), hm.Binary(snapshot.b), snapshot.weights)
