"""The rows of every update: whole epochs in random order, from memory or read as they are needed.

The rows of an update depend on the seed and its number alone, wherever the rows are stored. Updates are served in windows of
equal length, so that one compiled loop takes any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.typing import DTypeLike
from jaxtyping import Float, Int, Shaped

from harmonium import distributed
from harmonium._types import Array, Key
from harmonium.errors import InputError
from harmonium.gray_levels import Resampled, draw
from harmonium.io.streams import Streamed
from harmonium.units import Units

MAX_INDICES = 1 << 20
"""Row indices in a window of rows in memory: 4 MiB."""
MIN_UPDATES, EPOCHS = 1024, 16
"""A window holds at most MIN_UPDATES updates, or those of EPOCHS epochs if they are more: little is prepared in vain."""
SHUFFLED_TOGETHER = 1 << 14
PADDED_TO = 64
"""Rows in memory are padded to a multiple of this number."""
MAX_BYTES = 1 << 26
"""Bytes of streamed rows in a window; two windows are in memory at a time."""


class Window(NamedTuple):
    """The rows of successive updates: `rows[k]` for update k, or `rows[order[k]]`; all for each if there is neither axis, and
    then `weights` are theirs, if they have any. `white`: of gray levels, the one whose probability is 1."""

    rows: Shaped[Array, "rows visible"] | Shaped[Array, "updates batch visible"]
    order: Int[Array, "updates batch"] | None = None
    weights: Float[Array, " rows"] | None = None
    white: Float[Array, ""] | None = None


def indices_at(window: Window, position: Int[Array, ""] | int) -> Int[Array, "..."] | int | slice:
    """Where the rows of the update at that position of the window are among its `rows` (traceable)."""
    if window.rows.ndim == 3:
        return position
    return slice(None) if window.order is None else window.order[position]


def rows_at(
    window: Window, position: Int[Array, ""] | int, dtype: DTypeLike, key: Key, units: Units
) -> Float[jax.Array, "batch visible"]:
    """The rows of the update at that position of the window, drawn as states of `units` from gray levels (traceable).

    Args:
        key: of the update.
    """
    rows = jnp.asarray(window.rows[indices_at(window, position)], dtype)
    return rows if window.white is None else draw(key, units, rows, window.white)


class Batches:
    """The windows of a run, each prepared while the one before it is in use.

    Rows in memory are whole in each process, and the rows of an update are the same on any number of devices. Of streamed rows
    each process reads its own part alone, and shuffles it by itself.

    An update of all rows weighs them. One of some draws them by their weights instead: in an epoch of n updates' rows, one of
    weight w comes n w / (sum of weights) times, rounded up or down at random (systematic sampling, W. Madow, 1949). So the
    mean over the rows of an update is unbiased, and no noisier for the weights.

    Args:
        rows: on the host, or streamed, or gray levels. units: whose domain streamed rows are checked against, and whose states
            are drawn from gray levels. batch_size: rows of an update on all devices together. expected: whether rows may hold
            expected values of the units. weights: of the rows, above 0.

    Raises:
        InputError: weights of streamed rows, and several processes.
    """

    def __init__(
        self,
        rows: Shaped[np.ndarray, "rows visible"] | Streamed | Resampled,
        units: Units,
        batch_size: int,
        seed: int,
        expected: bool = False,
        mesh: Mesh | None = None,
        weights: Float[np.ndarray, " rows"] | None = None,
    ) -> None:
        self._check: Callable[..., np.ndarray] = partial(units.check, expected=expected)
        self._mesh = mesh
        self._white: Float[Array, ""] | None = None
        if isinstance(rows, Resampled):
            self._check, self._white = rows.check, distributed.place(np.array(rows.white, np.float32), "", mesh)
            rows = rows.levels
        part, parts = distributed.row_part(mesh) if isinstance(rows, Streamed) else (0, 1)
        if parts > 1 and weights is not None:
            raise InputError(
                "weights must be left out (None) where several processes read rows as they need them, each its own part: give "
                "rows in memory, or train in one process"
            )
        self._shares = None if weights is None else np.cumsum(weights / weights.max())
        self._seed = [seed] if parts == 1 else [seed, part]
        self._size = batch_size // parts
        # Where rows can be read only from front to back, the part is read once, since every update gets any of it.
        self._streamed = rows.part(part, parts) if isinstance(rows, Streamed) else None
        self._before = len(rows) * part // parts
        self.per_epoch = len(rows) // parts // self._size
        self._count = len(rows if self._streamed is None else self._streamed)
        self._takes_all = self._streamed is None and self._size == self._count
        if isinstance(rows, np.ndarray):
            # Zeros that no update gets: sets of nearly equal sizes, such as folds, are then compiled once.
            padding = 0 if self._takes_all else -self._count % PADDED_TO
            padded = np.pad(rows, ((0, padding), (0, 0))) if padding else rows
            self._resident = distributed.place(padded, "row visible" if self._takes_all else "", mesh)
        self._weights = None
        if weights is not None and self._takes_all:
            self._weights = distributed.place((weights / weights.mean()).astype(np.float32), "row", mesh)
        fitting = MAX_INDICES if self._streamed is None else MAX_BYTES // (4 * self._streamed.shape[1])
        self.length = max(1, min(fitting // batch_size, max(MIN_UPDATES, EPOCHS * self.per_epoch)))
        # Epochs of few rows are shuffled many at a time, because the call takes the time.
        self._together = max(1, SHUFFLED_TOGETHER // self._count)
        self._group, self._orders = -1, np.empty((0, 0), np.int32)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="harmonium-batches")
        self._coming: tuple[int, Future[Window]] | None = None
        self._current: tuple[int, Window] | None = None

    def window_of(self, update: int) -> tuple[Window, int, int]:
        """The window that holds the rows of that update, its first update, and the one after its last."""
        index = update // self.length
        if self._current is None or self._current[0] != index:
            if self._coming is None or self._coming[0] != index:
                self._coming = index, self._pool.submit(self._window, index)
            self._current = index, self._coming[1].result()
            self._coming = index + 1, self._pool.submit(self._window, index + 1)
        return self._current[1], index * self.length, (index + 1) * self.length

    def close(self) -> None:
        """Prepare no further window."""
        self._pool.shutdown(cancel_futures=True)

    def _window(self, index: int) -> Window:
        if self._takes_all:
            return Window(self._resident, None, self._weights, self._white)
        order = self._indices(index * self.length, self.length)
        if self._streamed is None:
            return Window(self._resident, distributed.place(order, "update row", self._mesh), white=self._white)
        rows = self._streamed.take(order.ravel())
        try:
            self._check(rows, "data")
        except InputError as error:
            raise self._fault(rows, order.ravel()) from error
        if rows.dtype.itemsize > 1 or rows.dtype.kind not in "iub":  # whole numbers of one byte travel as they are
            rows = rows.astype(np.float32)
        placed = distributed.place_local(rows.reshape(*order.shape, -1), "update row visible", self._mesh)
        return Window(placed, white=self._white)

    def _fault(self, rows: Shaped[np.ndarray, "rows visible"], indices: Int[np.ndarray, " rows"]) -> InputError:
        """What is wrong, by the row's own number: the check of many rows knows only its position among them."""
        for row, index in zip(rows, indices, strict=True):
            try:
                self._check(row, "it")
            except InputError as error:
                return InputError(f"data row {self._before + index + 1} cannot be used: {error}")
        raise AssertionError("every row by itself is sound")

    def _indices(self, first: int, updates: int) -> Int[np.ndarray, "updates batch"]:
        """The row indices of `updates` updates, from update `first` on."""
        parts = []
        while updates:
            epoch, position = divmod(first, self.per_epoch)
            group, index = divmod(epoch, self._together)
            if group != self._group:
                random = np.random.default_rng([*self._seed, group])
                self._orders = random.permuted(self._draw(random), axis=1)
                self._group = group
            here = min(updates, self.per_epoch - position)
            order = self._orders[index, position * self._size : (position + here) * self._size]
            parts.append(order.reshape(here, self._size))
            first, updates = first + here, updates - here
        return np.concatenate(parts)

    def _draw(self, random: np.random.Generator) -> Int[np.ndarray, "epochs rows"]:
        """The indices of the rows of some epochs, in order: each once, or as often as its weight asks."""
        in_order = np.arange(self._count, dtype=np.int32)
        if self._shares is None:
            return np.tile(in_order, (self._together, 1))
        places = (in_order + random.random((self._together, 1))) / self._count * self._shares[-1]
        return np.minimum(np.searchsorted(self._shares, places, side="right"), self._count - 1).astype(np.int32)
