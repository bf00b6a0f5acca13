"""Rows by their units: each unit one cell, a number or the index of its category, NaN where missing.

Tests that look at columns need neither one-hot columns nor a code of two states: a unit of a continuum is a column of numbers,
one of finitely many states a column of categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from harmonium.errors import InputError
from harmonium.units import Units

BINS = 10
"""Of equal width, between the smallest and the largest number of a column, where numbers are counted as categories are."""


@dataclass(frozen=True)
class Columns:
    """The columns of cells: their `names`, and the number of categories of each in `levels`, 0 for a column of numbers."""

    names: tuple[str, ...]
    levels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def are_numbers(self) -> Bool[np.ndarray, " columns"]:
        return np.array(self.levels) == 0


class Group(NamedTuple):
    """Cells `[n, columns]` and their rows' weights `[n]`."""

    cells: Float[np.ndarray, "n columns"]
    weights: Float[np.ndarray, " n"]

    def select(self, indices: np.ndarray) -> Group:
        """Those of some of the rows."""
        return Group(self.cells[indices], self.weights[indices])

    def draw(self, random: np.random.Generator, most: int) -> np.ndarray:
        """Indices of at most that many different rows, in random order, each kept in proportion to its weight.

        So the rows are independent draws of the weighted distribution, of which none comes twice.
        """
        order = random.permutation(len(self.cells))
        return order[random.random(len(order)) * self.weights.max() < self.weights[order]][:most]

    def permute_columns(self, random: np.random.Generator) -> Group:
        """As many rows whose cells are independent: each column permuted, or drawn by weight where rows have weights."""
        n, shares = len(self.cells), self.weights / self.weights.sum()
        equal = bool((self.weights == self.weights[0]).all())
        order = [random.permutation(n) if equal else random.choice(n, n, p=shares) for _ in self.cells.T]
        return Group(np.take_along_axis(self.cells, np.stack(order, axis=1), axis=0), np.ones(n))


def cells_of(units: Units, v: Float[np.ndarray, "n visible"]) -> Float[np.ndarray, "n units"]:
    """The cells of states `v [n, V]` of a layer, NaN where a unit is missing."""
    cells = np.empty((len(v), len(units.unit_tables)))
    for index, (table, (first, end)) in enumerate(zip(units.unit_tables, pairwise(units.boundaries), strict=True)):
        own = v[:, first:end]
        states = own[:, 0] if table is None else (own[:, None] == table).all(axis=-1).argmax(axis=1)
        cells[:, index] = np.where(np.isnan(own[:, 0]), np.nan, states)
    return cells


def columns_of(units: Units, names: tuple[str, ...] | None = None) -> Columns:
    """The columns of a layer's units; by default v1, v2, ...

    Raises:
        InputError: another number of names than of units.
    """
    levels = tuple(0 if table is None else len(table) for table in units.unit_tables)
    if names is not None and len(names) != len(levels):
        raise InputError(f"names must have one for each of the {len(levels)} units, but has {len(names)}")
    return Columns(names or tuple(f"v{index + 1}" for index in range(len(levels))), levels)


def guess_columns(arrays: list[Float[np.ndarray, "_ columns"]]) -> tuple[Columns, list[Float[np.ndarray, "_ columns"]]]:
    """Columns of at most two different values as categories, others as numbers; and the cells."""
    pooled = np.concatenate(arrays)
    levels, cells = [], [array.copy() for array in arrays]
    for index, column in enumerate(pooled.T):
        values = np.unique(column[~np.isnan(column)])
        levels.append(0 if len(values) > 2 else max(1, len(values)))
        if levels[-1]:
            for array in cells:
                known = ~np.isnan(array[:, index])
                array[known, index] = np.searchsorted(values, array[known, index])
    return Columns(tuple(f"v{index + 1}" for index in range(len(levels))), tuple(levels)), cells


class Embedding(NamedTuple):
    """Cells as points: numbers in standard deviations of the `reference`, and a distance of 1 between two categories.

    Of two categories one column of 0 and 1, of more a column each of 0 and 1/sqrt(2). A missing cell lies at the mean of its
    column, of a category at the frequencies.
    """

    columns: Columns
    center: Float[np.ndarray, " columns"]
    scale: Float[np.ndarray, " columns"]
    middle: Float[np.ndarray, " points"]

    @classmethod
    def of(cls, columns: Columns, reference: Group) -> Embedding:
        """By the means and deviations of these rows."""
        center, scale = weighted_moments(reference)
        bare = cls(columns, np.where(columns.are_numbers, center, 0), np.where(columns.are_numbers, scale, 1), np.zeros(0))
        points = bare._points(reference.cells)
        return bare._replace(middle=weighted_moments(Group(points, reference.weights))[0])

    @property
    def widths(self) -> list[int]:
        """How many of the points' columns each column has."""
        return [1 if levels <= 2 else levels for levels in self.columns.levels]

    def __call__(self, cells: Float[np.ndarray, "n columns"]) -> Float[np.ndarray, "n points"]:
        points = self._points(cells)
        return np.where(np.isnan(points), self.middle, points)

    def _points(self, cells: Float[np.ndarray, "n columns"]) -> Float[np.ndarray, "n points"]:
        parts = []
        for column, levels in zip(((cells - self.center) / self.scale).T, self.columns.levels, strict=True):
            one_hot = (column[:, None] == np.arange(levels)) / np.sqrt(2)
            parts.append(column[:, None] if levels <= 2 else np.where(np.isnan(column)[:, None], np.nan, one_hot))
        return np.concatenate(parts, axis=1)


def weighted_moments(group: Group) -> tuple[Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]]:
    """Means and standard deviations of each column's observed cells; 0 and 1 where there is none, 1 where nothing varies."""
    here = ~np.isnan(group.cells)
    weights = here * group.weights[:, None]
    total = weights.sum(axis=0)
    filled, safe = np.where(here, group.cells, 0), np.where(total > 0, total, 1)
    mean = (weights * filled).sum(axis=0) / safe
    deviation = np.sqrt((weights * (filled - mean) ** 2).sum(axis=0) / safe)
    return mean, np.where(deviation > 1e-12 * (1 + np.abs(mean)), deviation, 1.0)
