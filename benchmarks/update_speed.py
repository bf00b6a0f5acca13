"""Time per PCD-1 update, side by side, and the time of its five matrix products alone.

The products are those of an update whose chains keep their h: data up, chain down, chain up, and two for the gradient. All are
timed in turns, again and again, so that other load on the computer falls on all of them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import harmonium as hm
from benchmarks import here, peers

SIZES = ((784, 500, 500), (784, 500, 100), (64, 64, 100), (784, 2000, 1000))
TURNS = 9
SECONDS = 0.5
"""Of work in one turn."""


class Products:
    """The five products in a compiled loop, each of which needs the result of the one before."""

    def __init__(self, visible: int, hidden: int, rows: int, dtype: Any = jnp.float32) -> None:
        keys = jax.random.split(jax.random.key(0), 3)
        shapes = ((rows, visible), (rows, hidden), (visible, hidden))
        self._arrays = tuple(jax.random.normal(key, shape, dtype) for key, shape in zip(keys, shapes, strict=True))

        @jax.jit
        def loop(count: Any, arrays: Any) -> Any:
            def body(_: Any, arrays: Any) -> Any:
                v, h, weights = arrays
                up = jnp.matmul(v, weights, preferred_element_type=jnp.float32).astype(dtype)
                down = jnp.matmul(h, weights.T, preferred_element_type=jnp.float32).astype(dtype)
                again = jnp.matmul(down, weights, preferred_element_type=jnp.float32).astype(dtype)
                positive = jnp.matmul(v.T, up, preferred_element_type=jnp.float32)
                negative = jnp.matmul(down.T, again, preferred_element_type=jnp.float32)
                little = jnp.asarray(1e-20, dtype)
                return v + little * down, h + little * again, weights + (1e-20 * (positive - negative)).astype(dtype)

            return jax.lax.fori_loop(0, count, body, arrays)

        self._loop = loop

    def update(self, count: int) -> None:
        jax.block_until_ready(self._loop(count, self._arrays))


class Harmonium:
    """`hm.train` itself, with an estimator; its states have the speed of its updates."""

    def __init__(self, rows: np.ndarray, hidden: int, batch: int, bfloat16: bool = False, centered: bool = False) -> None:
        estimator = hm.pcd(1, chains=batch)
        self._wanted = 1e-3
        self._states = hm.train(
            hm.initialize(rows, hidden),
            rows,
            estimator=estimator,
            centered=centered,
            learning_rate=0.01,
            l1=0.0,
            final_decay=0.0,
            batch_size=batch,
            updates=10**9,
            average=0.1,
            estimates=False,
            exact_seconds=1e-9,
            bfloat16=bfloat16,
            seconds_between_states=lambda: self._wanted,
        )
        for _ in range(3):
            next(self._states)
        self._wanted = SECONDS

    def milliseconds(self) -> float:
        return 1e3 / next(self._states).metrics["updates_per_second"]


def milliseconds(work: Any) -> float:
    """Of one update."""
    count = 1
    while True:
        before = time.perf_counter()
        work.update(count)
        taken = time.perf_counter() - before
        if taken > SECONDS / 2:
            return 1e3 * taken / count
        count = max(2 * count, int(count * SECONDS / max(taken, 1e-6)))


def measure(visible: int, hidden: int, rows: int, bfloat16: bool) -> dict[str, list[float]]:
    data = (np.random.default_rng(0).random((4 * rows, visible)) < 0.2).astype(np.uint8)
    timed: dict[str, Callable[[], float]] = {}
    products = Products(visible, hidden, rows)
    timed["its five products alone"] = lambda: milliseconds(products)
    timed["Harmonium"] = Harmonium(data, hidden, rows).milliseconds
    timed["Harmonium, centered"] = Harmonium(data, hidden, rows, centered=True).milliseconds
    if bfloat16:
        narrow = Products(visible, hidden, rows, jnp.bfloat16)
        timed["the products in bfloat16"] = lambda: milliseconds(narrow)
        timed["Harmonium, bfloat16"] = Harmonium(data, hidden, rows, bfloat16=True).milliseconds
    for kind in peers.PEERS:
        try:
            peer = kind(data, hidden, rows)
        except ImportError:
            continue
        timed[peer.name] = lambda peer=peer: milliseconds(peer)
    for clock in timed.values():
        clock()
    found: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(TURNS):
        for name, clock in timed.items():
            found[name].append(clock())
    return found


def main(bfloat16: bool = False) -> str:
    parts = []
    for visible, hidden, rows in SIZES:
        found = measure(visible, hidden, rows, bfloat16)
        ours, limit = found["Harmonium"], found["its five products alone"]
        lines = []
        for name, values in found.items():
            ratio = np.median(np.array(values) / ours)
            fraction = np.median(np.array(limit) / values)
            lines.append([name, f"{np.median(values):.3g}", f"{min(values):.3g}", f"{ratio:.2f}", f"{fraction:.0%}"])
        columns = ["", "median, ms", "least, ms", "times Harmonium's", "fraction taken by the five products"]
        parts.append(f"{visible}x{hidden}, {rows} rows and chains:\n\n{here.table(columns, lines)}")
        print(parts[-1], flush=True)
    return "\n\n".join(parts)
