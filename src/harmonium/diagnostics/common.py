"""What the diagnostics share: a verdict in words, and rows checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from harmonium import model
from harmonium.errors import InputError
from harmonium.model import RBM


@dataclass(frozen=True)
class Verdict:
    """What was asked (`name`), whether all is well (`ok`), and a sentence with the figure and, if all is not, what to do."""

    name: str
    ok: bool
    sentence: str


def checked_rows(rbm: RBM, data: Any, what: str, least: int = 1) -> np.ndarray:
    """`data` as rows `[n, V]` in the domain of the visible units, `least` of them or more.

    Raises:
        InputError: a malformed machine, or rows that are not so.
    """
    rows = model.validate(rbm).visible.check(data, what)
    if rows.ndim != 2 or len(rows) < least:
        raise InputError(f"{what} must have shape [n, {rbm.visible.size}] with n at least {least}, but has {list(rows.shape)}")
    return rows


def single(rbm: RBM) -> RBM:
    """The machine in float32, in which chains run."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float32), rbm)


def names(columns: Sequence[int], most: int = 8) -> str:
    """Hidden units as text, column 0 being h1: `h3, h7`, cut after `most`."""
    shown = ", ".join(f"h{column + 1}" for column in columns[:most])
    return shown if len(columns) <= most else f"{shown} and {len(columns) - most} more"
