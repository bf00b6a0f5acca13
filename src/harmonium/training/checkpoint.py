"""Checkpoints: everything that a training run resumes from, so that it goes on bit for bit as if it had never stopped.

Every random number depends on the seed and the number of the update, and so do the rows of an update. So a checkpoint holds
the parameters, their average, the optimizer's and the estimator's states (chains, ladders), the values of missing cells, the
best model so far, and the run's progress: small numbers, read back by a declared schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

import jax
import msgspec
import numpy as np

from harmonium._checks import MAX_COUNT
from harmonium._pytree import named_leaves
from harmonium._types import PathLike
from harmonium.errors import InputError
from harmonium.io.container import Header, pack, unpack, write_file
from harmonium.training.stopping import Budget, Decay, EarlyStopping

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
Tree = TypeVar("Tree")


@dataclass(frozen=True)
class Progress:
    """What a run has come to, besides its arrays, in terms of JSON.

    Attributes:
        settings: what a resumed run must have in common with this one, by name.
        budget: its length as far as it is known. step: number of updates so far. seconds: time so far, without the time while
            the run was stopped. metrics: those of the state.
        early_decay: the decay that early stopping has begun. early_stopping: its state.
        lr_reductions: how often the learning rate was halved after a divergence.
    """

    settings: dict[str, bool | int | float | str | list[int] | None]
    budget: Budget
    step: Count = 0
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    early_decay: Decay | None = None
    early_stopping: EarlyStopping | None = None
    lr_reductions: Annotated[int, msgspec.Meta(ge=0, le=30)] = 0


class CheckpointHeader(Header, frozen=True, kw_only=True):
    """There was no version 1. Version 2 held its progress in other words; runs of that time begin again."""

    FORMAT: ClassVar[str] = "harmonium checkpoint"
    WHAT: ClassVar[str] = "checkpoint"
    VERSIONS: ClassVar[tuple[int, ...]] = (3,)

    progress: Progress


@dataclass(frozen=True)
class Checkpoint:
    """`arrays`: the run's arrays by name, such as `iterate.weights`. `progress`: its numbers."""

    arrays: dict[str, np.ndarray]
    progress: Progress

    @property
    def step(self) -> int:
        """The number of updates so far."""
        return self.progress.step

    def save(self, path: PathLike, *, overwrite: bool = False) -> Path:
        """Write a checkpoint file (.safetensors), completely or not at all.

        Raises:
            OSError: the file exists and `overwrite` is false, or it cannot be written.
        """
        return write_file(path, pack(self.arrays, CheckpointHeader(progress=self.progress)), overwrite)

    @classmethod
    def load(cls, path: PathLike) -> Checkpoint:
        """The checkpoint in a file.

        Raises:
            OSError: there is no such file, or it cannot be read. InputError: it is damaged, or no checkpoint of this version.
        """
        arrays, header = unpack(Path(path), CheckpointHeader)
        return cls(arrays, header.progress)

    def tree(self, template: Tree, prefix: str = "") -> Tree:
        """The arrays whose names begin with `prefix`, in the form of `template`.

        Raises:
            InputError: their names, shapes or types are not the template's: the run was another's.
        """
        found = {}
        for name, leaf in named_leaves(template, prefix).items():
            array = self.arrays.get(name)
            expected = list(np.shape(leaf)), np.dtype(leaf.dtype).name
            if array is None or (list(array.shape), array.dtype.name) != expected:
                actual = "it has none" if array is None else f"it has shape {list(array.shape)} of {array.dtype.name}"
                raise InputError(
                    f"the checkpoint is of another run: {name} should have shape {expected[0]} of {expected[1]}, but {actual}; "
                    "resume with the model, data and settings that the run began with"
                )
            found[name] = array
        return jax.tree.unflatten(jax.tree.structure(template), found.values())
