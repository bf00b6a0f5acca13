"""Gray levels of which every batch draws its states afresh, so that no two updates see the same noise.

An array of gray levels is a distribution over binary rows. States drawn once are one sample of it, which a wide model learns by
heart; states drawn anew for every update are the distribution itself.

Reference: R. Salakhutdinov and I. Murray, ICML 2008, section 5 (gray levels as probabilities).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import jax
import numpy as np
from jaxtyping import Float, Int, Int8, Shaped

from harmonium._types import Array, ArrayLike, Key
from harmonium.errors import InputError
from harmonium.io.streams import Sparse, Streamed, as_streamed, evenly_spaced, sample_rows
from harmonium.random import uniform
from harmonium.units import Units
from harmonium.units.discrete import TwoStates

WHITE = 255
"""The byte whose probability is 1."""
MIN_LARGEST = 128
"""The largest of whole numbers is at least this, or their scale would be a guess."""
FOLD = 1 << 31
"""Folded into an update's key: estimators fold smaller numbers, and must draw others."""
MAX_CHECKED_ROWS = 10_000
"""Rows of streamed data that are looked at beforehand, evenly spaced; the others are checked when they are read."""


@dataclass(frozen=True, eq=False, repr=False)
class Resampled:
    """Rows of binary units or spins, given by the probability of each unit's upper state (`resampled` makes one).

    Attributes:
        levels: `[n, V]`, an array of bytes or of float32, or streamed rows.
        white: the level whose probability is 1.
    """

    levels: Shaped[np.ndarray, "rows visible"] | Streamed
    white: int

    def __repr__(self) -> str:
        return f"Resampled({len(self):,} rows of {self.shape[1]:,} gray levels)"

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.levels.shape

    def part(self, index: int, count: int) -> Resampled:
        """Part `index` of `count` of streamed rows, as `Streamed.part`; each process has all rows in memory."""
        return replace(self, levels=self.levels.part(index, count)) if isinstance(self.levels, Streamed) else self

    def subset(self, indices: Int[np.ndarray, " k"]) -> Resampled:
        """The rows of these indices."""
        levels = self.levels
        return replace(self, levels=levels.subset(indices) if isinstance(levels, Streamed) else levels[indices])

    def probabilities(self, most: int) -> Float[np.ndarray, "some visible"]:
        """The probabilities of the upper states in at most `most` rows, evenly spaced.

        Raises:
            InputError: as `check`, of streamed rows, which are only read here.
        """
        if not isinstance(self.levels, Streamed) and len(self) > most:
            return self.levels[evenly_spaced(len(self), most)] / np.float32(self.white)
        return self.check(sample_rows(self.levels, most, "gray")) / np.float32(self.white)

    def draw_once(self, units: Units, most: int, seed: int | Sequence[int]) -> Int8[np.ndarray, "some visible"]:
        """States of `units` in at most `most` rows, evenly spaced, drawn on the host: the same for the same seed.

        Raises:
            InputError: units of another kind or number.
        """
        probabilities, (low, high) = self.probabilities(most), _two_states(units, self.shape[1])
        chances = np.random.default_rng(seed).random(probabilities.shape, np.float32)
        return np.where(chances < probabilities, high, low).astype(np.int8)

    def check(self, rows: Shaped[np.ndarray, "some visible"], name: str = "gray") -> Shaped[np.ndarray, "some visible"]:
        """Some of the rows, if they are gray levels (`name` in messages); bytes or float32, as they travel to the device.

        Raises:
            InputError: a level is out of range, or no whole number where `white` is 255, or missing.
        """
        if rows.dtype.kind == "f" and np.isnan(rows).any():
            raise InputError(f"{name} must have no missing cells (NaN): fill them, or draw the states once")
        if ((rows < 0) | (rows > self.white)).any() or (self.white == WHITE and (rows != np.floor(rows)).any()):
            raise InputError(
                f"{name} must hold numbers from 0 to 1, or whole numbers from 0 to {WHITE} of which the largest is at least "
                f"{MIN_LARGEST}, but runs from {rows.min():g} to {rows.max():g}: divide by the largest level"
            )
        if self.white == 1 and rows.dtype.kind == "f":
            return rows.astype(np.float32)
        return rows.astype(np.uint8)


def resampled(gray: ArrayLike | Sparse | Streamed) -> Resampled:
    """Gray levels as training rows: every update draws the states of its batch anew, on the device.

    A unit is in its upper state (1 of a binary unit, +1 of a spin) with the gray level as its probability. The random numbers
    depend on the seed and the number of the update alone. Where rows are measured, they are drawn once.

    Args:
        gray: `[n, V]`, numbers from 0 to 1, or whole numbers from 0 to 255 (bytes) of which the largest is at least 128; an
            array, or a memory-mapped array, SciPy sparse matrix or other streamed rows, which are read as they are needed.

    Raises:
        InputError: the levels are out of range or missing (NaN), or are zeros and ones already.

    Example:
        >>> import numpy as np
        >>> import harmonium as hm
        >>> gray = hm.data.resampled(np.array([[0, 128, 255]], dtype=np.uint8))
        >>> isinstance(gray, hm.data.Resampled), gray.shape
        (True, (1, 3))
    """
    streamed = as_streamed(gray)
    some = sample_rows(cast(ArrayLike, gray) if streamed is None else streamed, MAX_CHECKED_ROWS, "gray")
    levels = Resampled(some if streamed is None else streamed, WHITE if some.max() >= MIN_LARGEST else 1)
    checked = levels.check(some)
    if np.isin(checked, (0, 1)).all():
        raise InputError("gray holds zeros and ones only: to draw them anew has no effect; train on them as they are")
    if streamed is not None:
        return levels
    if checked.dtype == np.float32:
        # A quarter of the memory, and of the time to the device.
        rounded = np.round(WHITE * checked).astype(np.uint8)
        if np.array_equal(rounded / np.float32(WHITE), checked):
            return Resampled(rounded, WHITE)
    return replace(levels, levels=checked)


def means(units: Units, probabilities: Float[np.ndarray, "rows visible"]) -> Float[np.ndarray, "rows visible"]:
    """The expected states of `units` whose upper states have these probabilities.

    Raises:
        InputError: units of another kind or number.
    """
    low, high = _two_states(units, probabilities.shape[-1])
    return low + (high - low) * probabilities


def draw(
    key: Key, units: Units, levels: Float[Array, "batch visible"], white: Float[Array, ""]
) -> Float[jax.Array, "batch visible"]:
    """States drawn with these gray levels as the probabilities of the units' upper states (traceable).

    Args:
        key: of the update.
    """
    low, high = _two_states(units, levels.shape[-1])
    upper = uniform(jax.random.fold_in(key, FOLD), levels.shape, levels.dtype) < levels / white
    return low + (high - low) * upper.astype(levels.dtype)


def _two_states(units: Units, columns: int) -> tuple[int, int]:
    """The lower and the upper state of `units`, if they have two and are as many as the columns."""
    if not isinstance(units, TwoStates):
        raise InputError(f"gray levels are drawn as states of binary units or spins, but the visible units are {units.name}")
    if units.size != columns:
        raise InputError(f"gray levels must have {units.size} columns, one for each visible unit, but have {columns}")
    return units.low, units.high
