"""The states of a layer by number, where every unit has a finite number of them: digits in mixed radix.

A layer's states are told by one table a unit, `[K, columns of the unit]`; the first unit is the most significant digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np


class Listing(NamedTuple):
    """All units' states in one array, filled up with zeros where a unit has fewer states or columns than another.

    `values [U, K, W]`; `counts [U]`: the states of each unit; `columns [N]`: the layer's columns among U x W places.
    """

    values: np.ndarray
    counts: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, tables: Sequence[np.ndarray]) -> Listing:
        """The listing of units whose states are `tables`, each `[K, columns]`."""
        counts, widths = np.array([table.shape for table in tables]).T
        values = np.zeros((len(tables), counts.max(), widths.max()))
        for unit, table in enumerate(tables):
            values[unit, : table.shape[0], : table.shape[1]] = table
        return cls(values, counts, np.flatnonzero(np.arange(values.shape[2]) < widths[:, None]))

    def states(self, digits: Any, dtype: Any) -> Any:
        """The states with these digits, `[..., U] -> [..., N]`."""
        units, _, width = self.values.shape
        chosen = jnp.asarray(self.values, dtype)[jnp.arange(units), digits].reshape(*digits.shape[:-1], units * width)
        return chosen if len(self.columns) == units * width else chosen[..., self.columns]

    def digits(self, x: np.ndarray) -> np.ndarray:
        """The digits of states on the host, `[..., N] -> [..., U]`."""
        units, _, width = self.values.shape
        places = np.zeros((*x.shape[:-1], units * width))
        places[..., self.columns] = x
        same = (places.reshape(*x.shape[:-1], units, 1, width) == self.values).all(axis=-1)
        return np.argmax(same, axis=-1).astype(np.int64)

    def powers(self) -> list[int]:
        """What each digit counts, `[U]`, the last 1."""
        powers = [1]
        for count in self.counts[:0:-1].tolist():
            powers.append(powers[-1] * count)
        return powers[::-1]
