"""The host's loop over the states: on all cores, with word of its progress, and interruptible.

XLA runs a compiled loop on one core of a processor and lets nothing stop it, so a long sum is many short calls (slabs of
blocks), made from several threads.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium.exact import blocks, products
from harmonium.model import RBM

Progress = Callable[[float], Any]
"""Is told the share of the work that is done, in (0, 1], from the calling thread; what it raises stops the work."""

PLAIN_ELEMENTS = 1 << 23
"""States x columns of the wider layer in one slab: some 0.05 s by the plain sum ..."""
PRODUCT_ELEMENTS = 1 << 26
"""... and 0.01 s by products, which is still long beside the cost of a call."""


@dataclass(frozen=True)
class Blocks:
    """The states of a machine's enumerated layer in `count` blocks of `length`: block b holds states b * length ..."""

    length: int
    count: int
    per_slab: int
    by_products: bool
    _log_shares: Callable[..., Any]
    _log_weights: Callable[..., Any]

    def log_shares(self, progress: Progress | None = None) -> np.ndarray:
        """The log of each block's part of Z, `[count]`."""
        slabs = -(-self.count // self.per_slab)
        parts = run(lambda slab: self._log_shares(first=slab * self.per_slab, blocks=self.per_slab), slabs, progress)
        return np.concatenate(list(parts))[: self.count]

    def log_weights(self, number: int) -> np.ndarray:
        """The logs of the unnormalized probabilities of a block's states, `[length]`, -inf beyond the last state."""
        with jax.enable_x64(True):
            return np.asarray(self._log_weights(number=np.int64(number)))


def in_blocks(rbm: RBM) -> Blocks:
    """The blocks of a machine in float64 on the host, the layer to be enumerated first: by products where they serve."""
    with jax.enable_x64(True):
        scaling = products.scaling(rbm)
    if scaling is None:
        length, elements = blocks.block_length(rbm), PLAIN_ELEMENTS
        of = [partial(f, rbm, length=length) for f in (blocks.log_shares, blocks.log_weights)]
    else:
        length, elements = products.block_length(rbm), PRODUCT_ELEMENTS
        group, shifts = scaling
        of = [partial(f, rbm, shifts, group=group) for f in (products.log_shares, products.log_weights)]
    count = -(-blocks.count_of(rbm.visible) // length)
    per_slab = min(count, max(1, elements // (length * rbm.hidden.size)))
    return Blocks(length, count, per_slab, scaling is not None, *of)


def run(compute: Callable[[int], Any], count: int, progress: Progress | None = None) -> Iterator[Any]:
    """compute(0), ..., compute(count - 1) in turn, in float64 on all cores that this process may use.

    The arrays that `compute` returns are yielded as NumPy's. What stops the loop (Ctrl-C, an exception of `progress`)
    waits only for the computations that have begun, so each of them should be short.
    """

    def report(done: int) -> None:
        if progress is not None:
            progress(done / count)

    (device,) = jnp.zeros(()).devices()

    def on_host(number: int) -> Any:
        with jax.enable_x64(True), jax.default_device(device):  # both are settings of one thread
            return jax.tree.map(np.asarray, compute(number))

    # The first alone, so that it is compiled once; small machines have no other.
    first = on_host(0)
    report(1)
    yield first
    if count == 1:
        return
    threads = _cores() if device.platform == "cpu" else 1
    pool = ThreadPoolExecutor(threads)
    try:
        numbers = iter(range(1, count))
        waiting = deque(pool.submit(on_host, number) for number in islice(numbers, 2 * threads))
        for done in range(2, count + 1):
            result = waiting.popleft().result()
            waiting.extend(pool.submit(on_host, number) for number in islice(numbers, 1))
            report(done)
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1
