"""The rows that a run trains on or holds out, with their weights: read, split and joined."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Float, Shaped

from harmonium import model
from harmonium._numerics import validation_rows
from harmonium._types import ArrayLike
from harmonium.gray_levels import Resampled
from harmonium.io.streams import Streamed, as_streamed, drop_weightless, evenly_spaced, sample_rows
from harmonium.model import RBM

MIN_ROWS_TO_SPLIT = 50
"""Rows from which some are held out where none are given."""


class Rows(NamedTuple):
    """Rows, their weights above zero if they have any, and the rows themselves or, of streamed ones and gray levels, a sample
    in memory."""

    rows: Shaped[np.ndarray, "rows visible"] | Streamed | Resampled
    weights: Float[np.ndarray, " rows"] | None
    sample: Shaped[np.ndarray, "k visible"]

    @classmethod
    def read(
        cls,
        rbm: RBM,
        data: ArrayLike | Streamed | Resampled,
        weights: ArrayLike | None,
        names: tuple[str, str],
        expected: bool,
        most: int,
        seed: tuple[int, int],
    ) -> Rows:
        """All rows whose weight is not zero, in the form in which they travel to the device.

        Args:
            names: of data and weights in messages.
            most: rows of a sample.
            seed: by which it is drawn of gray levels.

        Raises:
            InputError: there is no row or no observed value, or a row that the visible units do not allow, or the weights are
                not one number of zero or above a row.
        """
        data, kept = drop_weightless(data, weights, *names)
        sample = read_rows(rbm, data, names[0], expected, most, seed)
        return cls(data if isinstance(data, Resampled) else as_streamed(data) or sample, kept, sample)

    @property
    def is_in_memory(self) -> bool:
        """Whether the rows are an array."""
        return self.rows is self.sample

    @property
    def incomplete(self) -> Float[np.ndarray, "rows visible"] | None:
        """The rows, if cells of theirs are missing."""
        return self.sample if self.is_in_memory and has_missing(self.sample) else None

    @property
    def sample_weights(self) -> Float[np.ndarray, " k"] | None:
        """The weights of the sample."""
        return None if self.weights is None else self.weights[evenly_spaced(len(self.rows), len(self.sample))]

    def split(self, seed: int) -> tuple[Rows, Rows]:
        """The rows but for those that are held out, and these, chosen at random."""
        order = np.random.default_rng([seed, len(self.sample)]).permutation(len(self.sample))
        held_out = validation_rows(len(order))
        return self._take(np.sort(order[held_out:])), self._take(np.sort(order[:held_out]))

    def join(self, other: Rows) -> Rows:
        """These rows and then the others, all in memory."""
        rows, weights = np.concatenate([self.sample, other.sample]), None
        if self.weights is not None or other.weights is not None:
            weights = np.concatenate(
                [np.ones(len(each.rows)) if each.weights is None else each.weights for each in (self, other)]
            )
        return Rows(rows, weights, rows)

    def _take(self, indices: np.ndarray) -> Rows:
        rows = self.sample[indices]
        return Rows(rows, None if self.weights is None else self.weights[indices], rows)


def read_rows(
    rbm: RBM, data: ArrayLike | Streamed | Resampled, what: str, expected: bool, most: int, seed: tuple[int, int]
) -> Shaped[np.ndarray, "rows visible"]:
    """All rows in memory, or at most `most` of streamed ones, in the form in which they travel to the device.

    Of gray levels these are states of at most `most` rows, drawn once by `seed`.

    Raises:
        InputError: there is no row or no observed value, or a row that the visible units do not allow.
    """
    if isinstance(data, Resampled):
        return data.draw_once(rbm.visible, most, seed)
    streamed = as_streamed(data)
    if streamed is None:
        array = model.check_observed(model.check_rows(rbm, cast(ArrayLike, data), what, missing=True, expected=expected), what)
    else:
        what += "" if len(streamed) <= most else f" (of {most:,} evenly spaced rows)"
        array = model.check_rows(rbm, sample_rows(streamed, most, what), what, expected=expected)
    # Small whole numbers travel as bytes; batches become floating point on the device.
    if np.abs(array).max() <= np.iinfo(np.int8).max:
        small = array.astype(np.int8)
        if np.array_equal(small, array):
            return small
    return array.astype(np.float32)


def has_missing(rows: Shaped[np.ndarray, "rows visible"]) -> bool:
    """Whether a cell is missing (NaN)."""
    return rows.dtype.kind == "f" and bool(np.isnan(rows).any())
