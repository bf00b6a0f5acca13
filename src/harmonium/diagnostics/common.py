"""Verdicts in words, and helpers of all diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from harmonium.model import RBM


@dataclass(frozen=True)
class Verdict:
    """A question (`name`), whether all is well (`ok`), and a sentence with the figure and, if it is not, a remedy."""

    name: str
    ok: bool
    sentence: str


def single(rbm: RBM) -> RBM:
    """The model in float32, in which chains run."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float32), rbm)


def names(columns: Sequence[int], most: int = 8) -> str:
    """Hidden units as text, column 0 being h1: `h3, h7`, cut after `most`."""
    listed = ", ".join(f"h{column + 1}" for column in columns[:most])
    return listed if len(columns) <= most else f"{listed} and {len(columns) - most} more"
