"""Checkpoints: everything that a training run resumes from, so that it goes on bit for bit as if it had never stopped.

Every random number depends on the seed and the number of the update, and so do the rows of an update. So a checkpoint holds
the parameters, their average, the optimizer's and the estimator's states (chains, ladders), the values of missing cells, the
best model so far, and the run's progress: small numbers, read back by a declared schema.

A run's checkpoints are files in its folder, named after their update; the last two whole ones remain.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeVar

import jax
import msgspec
import numpy as np

from harmonium import _checks
from harmonium._checks import MAX_COUNT
from harmonium._pytree import named_leaves
from harmonium._types import PathLike
from harmonium.errors import InputError, describe
from harmonium.io.container import Header, VersionError, pack, unpack, write_file
from harmonium.training.search import Trial
from harmonium.training.stopping import Budget, Decay, EarlyStopping

if TYPE_CHECKING:
    from harmonium.training.train import TrainState

CHECKPOINT = "checkpoint-"
"""What the names of checkpoints begin with."""
MAX_CHECKPOINTS = 2
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
Tree = TypeVar("Tree")


@dataclass(frozen=True)
class Progress:
    """What a run has come to, besides its arrays, in terms of JSON.

    Attributes:
        settings: what a resumed run must have in common with this one, by name.
        trials: those of a search that have ended, and `earlier` the number of their updates.
        trial: the settings of this one that differ from `settings`.
        is_refit: it repeats the best one on all rows.
        budget: its length as far as it is known.
        step: number of its updates so far.
        seconds: time of the run so far, without the time while it was stopped.
        metrics: those of the state.
        early_decay: the decay that early stopping has begun.
        early_stopping: its state.
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
    earlier: Count = 0
    is_refit: bool = False
    trials: tuple[Trial, ...] = ()
    trial: dict[str, float | str | None] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of updates of all trials so far."""
        return self.earlier + self.step

    @property
    def fraction(self) -> float:
        """The fraction of the run, or of its present trial, that is done."""
        return self.budget.fraction(self.step, self.seconds)


class CheckpointHeader(Header, frozen=True, kw_only=True):
    """There was no version 1. Versions 2 to 4 held other progress, and are not read."""

    FORMAT: ClassVar[str] = "harmonium checkpoint"
    WHAT: ClassVar[str] = "checkpoint"
    VERSIONS: ClassVar[tuple[int, ...]] = (5,)

    progress: Progress


@dataclass(frozen=True)
class Checkpoint:
    """`arrays`: the run's arrays by name, such as `iterate.weights`. `progress`: its numbers."""

    arrays: dict[str, np.ndarray]
    progress: Progress

    @property
    def step(self) -> int:
        """The number of updates so far."""
        return self.progress.total

    def save(self, path: PathLike, *, overwrite: bool = False) -> Path:
        """Write a checkpoint file (.safetensors), completely or not at all.

        Raises:
            OSError: the file exists and `overwrite` is false, or it cannot be written.
            InputError: `path` is no name of a file, or that of a folder, a symbolic link, a device or a pipe.
        """
        return write_file(path, pack(self.arrays, CheckpointHeader(progress=self.progress)), overwrite)

    @classmethod
    def load(cls, path: PathLike) -> Checkpoint:
        """The checkpoint in the file at `path`.

        Raises:
            OSError: there is no such file, or it cannot be read.
            InputError: it is damaged, or no checkpoint of this version.
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


# ---- the checkpoints of a run


def checkpoint_files(folder: PathLike) -> list[Path]:
    """The checkpoints in a run's folder, the latest first.

    Args:
        folder: of the run.
    """
    return sorted(Path(folder).glob(f"{CHECKPOINT}*.safetensors"), reverse=True)


def latest_checkpoint(folder: PathLike) -> tuple[Checkpoint | None, Path | None, list[str]]:
    """The latest undamaged checkpoint and its file (None if there is none), and what is wrong with later ones.

    Args:
        folder: of the run.

    Raises:
        OSError: one cannot be read.
        VersionError: one is of another version. Neither need be damaged.
    """
    damage: list[str] = []
    for path in checkpoint_files(folder):
        try:
            return Checkpoint.load(path), path, damage
        except VersionError:
            raise
        except InputError as error:
            damage.append(describe(error))
    return None, None, damage


class CheckpointManager:
    """Writes a checkpoint into a run's folder every `minutes` (0: only when asked to), and keeps the last two whole ones.

    Args:
        folder: of the run.
        minutes: between two checkpoints.
        sound: the checkpoint that the run was resumed from. Others in the folder may be damaged, and do not count.

    Raises:
        InputError: `minutes` is no number of zero or above.

    Attributes:
        sound: the checkpoints that are kept.
        trouble: why the latest could not be written, or None.
    """

    def __init__(self, folder: PathLike, minutes: float = 5.0, sound: Path | None = None) -> None:
        self._folder, self._seconds = Path(folder), 60 * _checks.not_negative(minutes, "minutes")
        self._due = time.monotonic() + self._seconds
        self.sound = [] if sound is None else [sound]
        self.trouble: str | None = None

    def save_if_due(self, state: TrainState) -> None:
        """Write one of `state` if it is time."""
        if self._seconds and time.monotonic() >= self._due:
            self.save(state)
            self._due = time.monotonic() + self._seconds

    def save(self, state: TrainState) -> None:
        """Write one of `state` now. If that fails, `trouble` says why, and the earlier ones stay."""
        path = self._folder / f"{CHECKPOINT}{state.step:010d}.safetensors"
        try:
            state.checkpoint.save(path, overwrite=True)
        except (InputError, OSError) as error:
            self.trouble = describe(error)
            return
        self.trouble = None
        self.sound = [*(other for other in self.sound if other != path), path][-MAX_CHECKPOINTS:]
        self._remove_others()

    def remove_all(self) -> None:
        """Remove all checkpoints: the run is complete."""
        self.sound = []
        self._remove_others()

    def _remove_others(self) -> None:
        for path in checkpoint_files(self._folder):
            if path not in self.sound:
                with contextlib.suppress(OSError):
                    path.unlink()
