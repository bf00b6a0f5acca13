"""Checkpoints: everything that a training run goes on from, so that it goes on bit for bit as if it had never stopped.

Every random number depends on the seed and the number of the update, and so do the rows that an update gets. So a checkpoint
holds the parameters, their average, the optimizer's and the estimator's states (chains, ladders), the values of missing
cells, the best machine so far, and numbers: updates and seconds so far, the length that the run was given, the brake, by how
much the rate was cut, and what patience has seen.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import numpy as np

from harmonium._pytree import named_leaves
from harmonium.errors import InputError
from harmonium.io.container import Header, pack, unpack, write_file


class CheckpointHeader(Header, frozen=True, kw_only=True):
    """Of a checkpoint. There was no version 1: all formats that have a checksum begin with 2."""

    FORMAT: ClassVar[str] = "harmonium checkpoint"
    WHAT: ClassVar[str] = "checkpoint"
    VERSIONS: ClassVar[tuple[int, ...]] = (2,)

    progress: dict[str, Any]


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
        return write_file(path, pack(self.arrays, CheckpointHeader(progress=self.progress)), overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """The checkpoint in a file.

        Raises:
            InputError: there is no such file, it is damaged, or it is no checkpoint of this version.
        """
        arrays, header = unpack(Path(path), CheckpointHeader)
        if not isinstance(header.progress.get("step"), int):
            raise InputError(f"{path} is damaged: its progress has no step")
        return cls(arrays, header.progress)

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
