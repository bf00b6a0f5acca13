"""Verdicts in words, and helpers of all diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from harmonium import model
from harmonium.errors import InputError
from harmonium.model import RBM


@dataclass(frozen=True)
class Verdict:
    """A question (`name`), whether all is well (`ok`), and a sentence with the figure and, if it is not, a remedy.

    Attributes:
        sentence: the figure, in words.
    """

    name: str
    ok: bool
    sentence: str


def judge(name: str, figures: str, remedy: str | None = None) -> Verdict:
    """The verdict on these figures: all is well unless a remedy is named."""
    return Verdict(name, remedy is None, figures if remedy is None else f"{figures}: {remedy}")


def least_that_matters(standard_error: float) -> float:
    """The smallest difference, in nats or of probabilities, that is both certain and worth a verdict."""
    return max(3 * standard_error, 0.1)


def single(rbm: RBM) -> RBM:
    """The model in float32, in which chains run.

    Raises:
        InputError: its energies are too large for that.
    """
    with np.errstate(over="ignore"):
        narrow = jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float32), rbm)
    try:
        return model.validate(narrow)
    except InputError as error:
        raise InputError(f"diagnostics run chains in float32, which does not hold this model: {error}") from error


def names(columns: Sequence[int], most: int = 8) -> str:
    """Hidden units as text, column 0 being h1: `h3, h7`, cut after `most`."""
    listed = ", ".join(f"h{column + 1}" for column in columns[:most])
    return listed if len(columns) <= most else f"{listed} and {len(columns) - most} more"
