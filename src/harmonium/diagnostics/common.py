"""What the diagnostics share: a verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from harmonium.model import RBM


@dataclass(frozen=True)
class Verdict:
    """What was asked (`name`), whether all is well (`ok`), and a sentence with the figure and, if all is not, what to do."""

    name: str
    ok: bool
    sentence: str


def single(rbm: RBM) -> RBM:
    """The machine in float32, in which chains run."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float32), rbm)


def names(columns: Sequence[int], most: int = 8) -> str:
    """Hidden units as text, column 0 being h1: `h3, h7`, cut after `most`."""
    shown = ", ".join(f"h{column + 1}" for column in columns[:most])
    return shown if len(columns) <= most else f"{shown} and {len(columns) - most} more"
