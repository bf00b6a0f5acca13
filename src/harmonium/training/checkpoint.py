"""Checkpoints: everything that a training run goes on from, so that it goes on bit for bit as if it had never stopped.

Every random number depends on the seed and the number of the update, and so do the rows that an update gets. So a checkpoint
holds the parameters, their average, the optimizer's and the estimator's states (chains, ladders), the values of missing
cells, the best machine so far, and numbers: updates and seconds so far, the length that the run was given, the brake, by how
much the rate was cut, and what patience has seen.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from harmonium._pytree import named_leaves
from harmonium.errors import InputError, reason
from harmonium.io.container import pack, unpack, write_file

FORMAT = "harmonium checkpoint"
VERSION = 2
"""There was no version 1: all formats that are sealed begin with 2."""


@dataclass(frozen=True)
class Checkpoint:
    """`arrays`: the run's arrays by name, such as `iterate.weights`; `progress`: its numbers, as JSON holds them."""

    arrays: dict[str, np.ndarray]
    progress: dict[str, Any]

    @property
    def step(self) -> int:
        """The number of updates made."""
        return int(self.progress["step"])

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write a checkpoint file (.safetensors), whole or not at all.

        Raises:
            InputError: the file exists and `overwrite` is false, or it cannot be written.
        """
        description = {"format": FORMAT, "version": str(VERSION), "progress": json.dumps(self.progress)}
        return write_file(path, pack(self.arrays, description), overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """The checkpoint in a file.

        Raises:
            InputError: there is no such file, it is damaged, or it is no checkpoint of this version.
        """
        arrays, description = unpack(Path(path), "checkpoint", FORMAT, VERSION)
        try:
            progress = json.loads(description["progress"])
            progress["step"] = int(progress["step"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged: its progress cannot be read: {reason(error)}") from error
        return cls(arrays, progress)

    def tree(self, template: Any, prefix: str = "") -> Any:
        """The arrays whose names begin with `prefix`, in the form of `template`.

        Raises:
            InputError: they are others than the template has: the run was another's.
        """
        found = {}
        for key, leaf in named_leaves(template, prefix).items():
            array = self.arrays.get(key)
            expected = list(np.shape(leaf)), np.dtype(leaf.dtype).name
            if array is None or (list(array.shape), array.dtype.name) != expected:
                held = "none" if array is None else f"{list(array.shape)} of {array.dtype.name}"
                raise InputError(
                    f"the checkpoint is of another run: {key} should have shape {expected[0]} of {expected[1]}, "
                    f"but it holds {held}; go on with the machine, data and settings that the run was begun with"
                )
            found[key] = array
        return jax.tree.unflatten(jax.tree.structure(template), found.values())
