"""The rows of every update: whole epochs in random order, from memory or read as they are needed.

Which rows an update gets depends on the seed and its number alone, also where the rows are kept. Updates are served in
windows of equal length, so that one compiled loop takes any of them.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from harmonium.errors import InputError
from harmonium.io.streams import Streamed
from harmonium.mesh import ALONE, DATA, Spread, axes
from harmonium.units import Units

MOST_NUMBERS = 1 << 20
"""Row numbers in a window of rows in memory: 4 MiB."""
FEWEST_UPDATES, EPOCHS = 1024, 16
"""And at most so many updates, or updates of so many epochs, whichever are more: no run prepares much that it may not need."""
SHUFFLED_TOGETHER = 1 << 14
PADDED_TO = 64
"""Rows in memory are a multiple of so many."""
MOST_BYTES = 1 << 26
"""Bytes of rows in a window that is read, of which two are held at a time."""


class Whole(NamedTuple):
    """Every update gets all rows, `[n, V]`."""

    rows: Any


class Chosen(NamedTuple):
    """Update k of the window gets the rows `order[k]`; `rows [n, V]`, `order [W, B]`."""

    rows: Any
    order: Any


class Read(NamedTuple):
    """Update k of the window gets `rows[k]`; `rows [W, B, V]`."""

    rows: Any


Window = Whole | Chosen | Read


def batch(window: Window, place: Any, dtype: Any) -> Any:
    """The rows of the window's update number `place`, `[B, V]` (traceable)."""
    if isinstance(window, Whole):
        rows = window.rows
    elif isinstance(window, Chosen):
        rows = window.rows[window.order[place]]
    else:
        rows = window.rows[place]
    return rows.astype(dtype)


def numbers(window: Window, place: Any) -> Any:
    """The numbers of those rows, `[B]`, where rows are in memory (traceable)."""
    assert not isinstance(window, Read), "rows that are read have no missing cells"
    if isinstance(window, Whole):
        return axes.number() * len(window.rows) + jnp.arange(len(window.rows))
    return window.order[place]


def places(window: Window) -> Window:
    """Where its arrays lie on a mesh: every part of the data axis gets its own rows of each update."""
    whole, own = PartitionSpec(), PartitionSpec(None, DATA)
    if isinstance(window, Whole):
        return Whole(PartitionSpec(DATA))
    return Chosen(whole, own) if isinstance(window, Chosen) else Read(own)


class Batches:
    """The windows of a run.

    Rows in memory are whole in each process, and an update gets the same ones however many share them. Of rows that are read,
    each process reads those of its own share alone, and mixes them among themselves.

    Args:
        rows: `[n, V]`, on the host or to be read. units: whose domain rows that are read are held to. batch_size: of all
            parts together. expected: whether rows may hold expected values of the units.
    """

    def __init__(
        self,
        rows: np.ndarray | Streamed,
        units: Units,
        batch_size: int,
        seed: int,
        expected: bool = False,
        spread: Spread = ALONE,
    ) -> None:
        self._units, self._expected, self._spread = units, expected, spread
        own, owners = spread.share if isinstance(rows, Streamed) else (0, 1)
        self._seed = [seed] if owners == 1 else [seed, own]
        self._size = batch_size // owners
        # Where rows can be read only from front to back, the share is read once and held, since every update gets any of it.
        self._streamed = rows.part(own, owners) if isinstance(rows, Streamed) else None
        self._before = len(rows) * own // owners
        self.in_epoch = len(rows) // owners // self._size
        self._count = len(rows if self._streamed is None else self._streamed)
        self._resident = None if isinstance(rows, Streamed) else self._on_devices(self._padded(rows))
        fits = MOST_NUMBERS if self._streamed is None else MOST_BYTES // (4 * self._streamed.shape[1])
        self.length = max(1, min(fits // batch_size, max(FEWEST_UPDATES, EPOCHS * self.in_epoch)))
        # Epochs of few rows are shuffled many at a time, because it is the call that takes the time.
        self._together = max(1, SHUFFLED_TOGETHER // self._count)
        self._group, self._orders = -1, np.empty((0, 0), np.int32)

    def _on_devices(self, rows: np.ndarray) -> Any:
        return self._spread.put(rows, PartitionSpec(DATA) if self._size == self._count else None)

    def _padded(self, rows: np.ndarray) -> np.ndarray:
        """The rows, and zeros that no update gets: sets of nearly equal sizes, such as folds, are then compiled once."""
        missing = -self._count % PADDED_TO if self._size < self._count else 0
        return np.pad(rows, ((0, missing), (0, 0))) if missing else rows

    def windows(self, number: int = 0) -> Generator[Window]:
        """The windows from the given one on, without end, each prepared while the one before it is in use."""
        if self._resident is not None and self._size == self._count:
            while True:
                yield Whole(self._resident)
        pool = ThreadPoolExecutor(1, thread_name_prefix="harmonium-batches")
        try:
            waiting = pool.submit(self._window, number)
            while True:
                ready = waiting.result()
                number += 1
                waiting = pool.submit(self._window, number)
                yield ready
        finally:
            pool.shutdown(cancel_futures=True)

    def _window(self, number: int) -> Window:
        order = self._numbers(number * self.length, self.length)
        if self._resident is not None:
            return Chosen(self._resident, self._spread.put(order, PartitionSpec(None, DATA)))
        assert self._streamed is not None
        rows = self._streamed.take(order.ravel())
        try:
            self._units.check(rows, "data", expected=self._expected)
        except InputError as error:
            raise self._fault(rows, order.ravel()) from error
        return Read(self._spread.put_part(compact(rows).reshape(*order.shape, -1), PartitionSpec(None, DATA)))

    def _fault(self, rows: np.ndarray, numbers: np.ndarray) -> InputError:
        """What is wrong, by the row's own number: the check of many rows knows only its place among them."""
        for row, number in zip(rows, numbers, strict=True):
            try:
                self._units.check(row, "it", expected=self._expected)
            except InputError as error:
                return InputError(f"data row {self._before + number + 1} cannot be used: {error}")
        raise AssertionError("every row by itself is sound")

    def _numbers(self, first: int, updates: int) -> np.ndarray:
        """The row numbers of so many updates from the first on, `[updates, B]`."""
        parts = []
        while updates:
            epoch, place = divmod(first, self.in_epoch)
            group, number = divmod(epoch, self._together)
            if group != self._group:
                in_order = np.tile(np.arange(self._count, dtype=np.int32), (self._together, 1))
                self._orders = np.random.default_rng([*self._seed, group]).permuted(in_order, axis=1)
                self._group = group
            here = min(updates, self.in_epoch - place)
            order = self._orders[number, place * self._size : (place + here) * self._size]
            parts.append(order.reshape(here, self._size))
            first, updates = first + here, updates - here
        return np.concatenate(parts)


class Windows:
    """The window of any update; of those in order each is prepared in time."""

    def __init__(self, supply: Batches) -> None:
        self._supply = supply
        self._coming: Generator[Window] | None = None
        self._number = -1

    def at(self, update: int) -> tuple[Window, int]:
        """The window that holds the rows of that update, and the number of the window's first update."""
        number = update // self._supply.length
        if self._coming is None or number not in (self._number, self._number + 1):
            self.close()
            self._coming = self._supply.windows(number)
            self._number = number - 1
        if number != self._number:
            self._window, self._number = next(self._coming), number
        return self._window, number * self._supply.length

    def close(self) -> None:
        if self._coming is not None:
            self._coming.close()


def compact(rows: np.ndarray) -> np.ndarray:
    """The rows as they travel to the device: whole numbers of one byte as they are, anything else as float32."""
    return rows if rows.dtype.itemsize == 1 and rows.dtype.kind in "iub" else rows.astype(np.float32)
