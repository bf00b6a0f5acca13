"""The loop over blocks on the host: on all cores, with reports of its progress, and interruptible.

XLA runs a compiled loop on one core of a processor and nothing can stop it, so a long sum is many short calls, each of several
blocks, made from several threads.
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
from jaxtyping import Float

from harmonium._numerics import float64
from harmonium._types import Progress
from harmonium.exact import enumerate as plain
from harmonium.exact import factorized
from harmonium.model import RBM

PLAIN_ELEMENTS = 1 << 23
"""States x columns of the wider layer in one call: some 0.05 s by the plain engine ..."""
FACTORIZED_ELEMENTS = 1 << 26
"""... and 0.01 s by the factorized one, which is still long beside the cost of a call."""


@dataclass(frozen=True)
class Blocks:
    """The states of a model's enumerated layer in `count` blocks of `length`: block b has states b * length ..."""

    length: int
    count: int
    per_call: int
    is_factorized: bool
    _log_block_sums: Callable[..., Any]
    _log_weights: Callable[..., Any]

    def log_sums(self, progress: Progress | None = None) -> Float[np.ndarray, " count"]:
        """The log of each block's part of Z."""
        calls = -(-self.count // self.per_call)
        parts = run(lambda call: self._log_block_sums(first=call * self.per_call, blocks=self.per_call), calls, progress)
        return np.concatenate(list(parts))[: self.count]

    def log_weights(self, index: int | np.integer) -> Float[np.ndarray, " length"]:
        """The logs of the unnormalized probabilities of a block's states, -inf beyond the last state."""
        with float64():
            return np.asarray(self._log_weights(index=np.int64(index)))


def split_into_blocks(rbm: RBM) -> Blocks:
    """The blocks of a model in float64 on the host, the layer to be enumerated first; factorized where that serves."""
    scaling = split = None
    with float64():
        if factorized.serves(rbm, factorized.MIN_HOST_STATES):
            split = factorized.split_units(rbm, factorized.HOST_BLOCK)
            scaling = factorized.scaling(rbm, split)
    if split is None or scaling is None:
        length, elements = plain.block_length(rbm), PLAIN_ELEMENTS
        functions = [partial(f, rbm, length=length) for f in (plain.log_block_sums, plain.log_weights)]
    else:
        length, elements = split.length, FACTORIZED_ELEMENTS
        group, shifts = scaling
        both = factorized.log_block_sums, factorized.log_weights
        functions = [partial(f, rbm, shifts, split=split, group=group) for f in both]
    count = -(-plain.count_of(rbm.visible) // length)
    per_call = min(count, max(1, elements // (length * rbm.hidden.size)))
    return Blocks(length, count, per_call, scaling is not None, *functions)


def run(compute: Callable[[int], Any], count: int, progress: Progress | None = None) -> Iterator[Any]:
    """compute(0), ..., compute(count - 1) in turn, in float64 on all cores that this process may use.

    The arrays that `compute` returns are yielded as NumPy's. What stops the loop (Ctrl-C, an exception of `progress`) waits
    only for the computations that have begun, so each of them should be short.
    """

    def report(done: int) -> None:
        if progress is not None:
            progress(done / count)

    (device,) = jnp.zeros(()).devices()

    def on_host(index: int) -> Any:
        with float64(), jax.default_device(device):  # both are settings of one thread
            return jax.tree.map(np.asarray, compute(index))

    # The first alone, so that it is compiled once; small models have no other.
    first = on_host(0)
    report(1)
    yield first
    if count == 1:
        return
    threads = _cores() if device.platform == "cpu" else 1
    pool = ThreadPoolExecutor(threads)
    try:
        indices = iter(range(1, count))
        waiting = deque(pool.submit(on_host, index) for index in islice(indices, 2 * threads))
        for done in range(2, count + 1):
            result = waiting.popleft().result()
            waiting.extend(pool.submit(on_host, index) for index in islice(indices, 1))
            report(done)
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1
