"""The rows of every update: whole epochs in random order, from memory or read as they are needed.

The rows of an update depend on the seed and its number alone, wherever the rows are stored. Updates are served in windows of
equal length, so that one compiled loop takes any of them.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.typing import DTypeLike
from jaxtyping import Float, Int, Shaped

from harmonium import distributed
from harmonium._types import Array
from harmonium.errors import InputError
from harmonium.io.streams import Streamed
from harmonium.units import Units

MAX_INDICES = 1 << 20
"""Row indices in a window of rows in memory: 4 MiB."""
MIN_UPDATES, EPOCHS = 1024, 16
"""A window holds at most so many updates, or the updates of so many epochs, whichever are more: little is prepared in vain."""
SHUFFLED_TOGETHER = 1 << 14
PADDED_TO = 64
"""Rows in memory are padded to a multiple of so many."""
MAX_BYTES = 1 << 26
"""Bytes of streamed rows in a window, of which two are in memory at a time."""


class AllRows(NamedTuple):
    """Every update gets all rows."""

    rows: Shaped[Array, "rows visible"]


class ChosenRows(NamedTuple):
    """Update k of the window gets the rows `order[k]`."""

    rows: Shaped[Array, "rows visible"]
    order: Int[Array, "updates batch"]


class StreamedRows(NamedTuple):
    """Update k of the window gets `rows[k]`."""

    rows: Shaped[Array, "updates batch visible"]


Window = AllRows | ChosenRows | StreamedRows


def rows_at(window: Window, position: Int[Array, ""] | int, dtype: DTypeLike) -> Float[jax.Array, "batch visible"]:
    """The rows of the update at that position of the window (traceable)."""
    if isinstance(window, AllRows):
        rows = window.rows
    elif isinstance(window, ChosenRows):
        rows = window.rows[window.order[position]]
    else:
        rows = window.rows[position]
    return jnp.asarray(rows, dtype)


def indices_at(window: Window, position: Int[Array, ""]) -> Int[Array, " batch"] | slice:
    """The indices of those rows, where rows are in memory (traceable)."""
    assert not isinstance(window, StreamedRows), "streamed rows have no missing cells"
    return slice(None) if isinstance(window, AllRows) else window.order[position]


class Batches:
    """The windows of a run.

    Rows in memory are whole in each process, and the rows of an update are the same on any number of devices. Of streamed rows
    each process reads its own part alone, and shuffles it by itself.

    Args:
        rows: on the host, or streamed. units: whose domain streamed rows are checked against. batch_size: rows of an update on
            all devices together. expected: whether rows may hold expected values of the units.
    """

    def __init__(
        self,
        rows: Shaped[np.ndarray, "rows visible"] | Streamed,
        units: Units,
        batch_size: int,
        seed: int,
        expected: bool = False,
        mesh: Mesh | None = None,
    ) -> None:
        self._units, self._expected, self._mesh = units, expected, mesh
        part, parts = distributed.row_part(mesh) if isinstance(rows, Streamed) else (0, 1)
        self._seed = [seed] if parts == 1 else [seed, part]
        self._size = batch_size // parts
        # Where rows can be read only from front to back, the part is read once, since every update gets any of it.
        self._streamed = rows.part(part, parts) if isinstance(rows, Streamed) else None
        self._before = len(rows) * part // parts
        self.per_epoch = len(rows) // parts // self._size
        self._count = len(rows if self._streamed is None else self._streamed)
        self._takes_all = self._streamed is None and self._size == self._count
        if isinstance(rows, np.ndarray):
            axes = "row visible" if self._takes_all else ""
            self._resident = distributed.place(self._pad(rows), axes, mesh)
        fitting = MAX_INDICES if self._streamed is None else MAX_BYTES // (4 * self._streamed.shape[1])
        self.length = max(1, min(fitting // batch_size, max(MIN_UPDATES, EPOCHS * self.per_epoch)))
        # Epochs of few rows are shuffled many at a time, because the call takes the time.
        self._together = max(1, SHUFFLED_TOGETHER // self._count)
        self._group, self._orders = -1, np.empty((0, 0), np.int32)

    def _pad(self, rows: Shaped[np.ndarray, "rows visible"]) -> Shaped[np.ndarray, "padded visible"]:
        """The rows, and zeros that no update gets: sets of nearly equal sizes, such as folds, are then compiled once."""
        missing = 0 if self._takes_all else -self._count % PADDED_TO
        return np.pad(rows, ((0, missing), (0, 0))) if missing else rows

    def windows(self, index: int = 0) -> Generator[Window]:
        """The windows from the given one on, without end, each prepared while the one before it is in use."""
        if self._takes_all:
            while True:
                yield AllRows(self._resident)
        pool = ThreadPoolExecutor(1, thread_name_prefix="harmonium-batches")
        try:
            coming = pool.submit(self._window, index)
            while True:
                ready = coming.result()
                index += 1
                coming = pool.submit(self._window, index)
                yield ready
        finally:
            pool.shutdown(cancel_futures=True)

    def _window(self, index: int) -> Window:
        order = self._indices(index * self.length, self.length)
        if self._streamed is None:
            return ChosenRows(self._resident, distributed.place(order, "update row", self._mesh))
        rows = self._streamed.take(order.ravel())
        try:
            self._units.check(rows, "data", expected=self._expected)
        except InputError as error:
            raise self._fault(rows, order.ravel()) from error
        rows = _compact(rows).reshape(*order.shape, -1)
        return StreamedRows(distributed.place_local(rows, "update row visible", self._mesh))

    def _fault(self, rows: Shaped[np.ndarray, "rows visible"], indices: Int[np.ndarray, " rows"]) -> InputError:
        """What is wrong, by the row's own number: the check of many rows knows only its position among them."""
        for row, index in zip(rows, indices, strict=True):
            try:
                self._units.check(row, "it", expected=self._expected)
            except InputError as error:
                return InputError(f"data row {self._before + index + 1} cannot be used: {error}")
        raise AssertionError("every row by itself is sound")

    def _indices(self, first: int, updates: int) -> Int[np.ndarray, "updates batch"]:
        """The row indices of so many updates from the first on."""
        parts = []
        while updates:
            epoch, position = divmod(first, self.per_epoch)
            group, index = divmod(epoch, self._together)
            if group != self._group:
                in_order = np.tile(np.arange(self._count, dtype=np.int32), (self._together, 1))
                self._orders = np.random.default_rng([*self._seed, group]).permuted(in_order, axis=1)
                self._group = group
            here = min(updates, self.per_epoch - position)
            order = self._orders[index, position * self._size : (position + here) * self._size]
            parts.append(order.reshape(here, self._size))
            first, updates = first + here, updates - here
        return np.concatenate(parts)


class Prefetcher:
    """The window of any update; of successive updates each window is prepared in time."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._coming: Generator[Window] | None = None
        self._index = -1

    def window_of(self, update: int) -> tuple[Window, int, int]:
        """The window that holds the rows of that update, its first update, and the one after its last."""
        length = self._batches.length
        index = update // length
        if self._coming is None or index not in (self._index, self._index + 1):
            self.close()
            self._coming = self._batches.windows(index)
            self._index = index - 1
        if index != self._index:
            self._window, self._index = next(self._coming), index
        return self._window, index * length, (index + 1) * length

    def close(self) -> None:
        if self._coming is not None:
            self._coming.close()


def _compact(rows: Shaped[np.ndarray, "rows visible"]) -> Shaped[np.ndarray, "rows visible"]:
    """The rows as they travel to the device: whole numbers of one byte as they are, anything else as float32."""
    return rows if rows.dtype.itemsize == 1 and rows.dtype.kind in "iub" else rows.astype(np.float32)
