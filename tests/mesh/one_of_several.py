"""What one of several processes does, each with a device of its own, and what came of it as JSON in its own file.

Run as a program: `one_of_several.py TASK NUMBER COUNT PORT FOLDER`; imported for what it has in common with the tests.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

import harmonium as hm
from harmonium import exact, likelihood, mesh
from harmonium.io import Streamed
from harmonium.mesh import Spread

UPDATES, STOPPED_AT = 30, 13
RANDOM = np.random.default_rng(0)
HALVES = np.repeat([[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1]], 49, axis=0)[:97]
ROWS = np.where(RANDOM.random(HALVES.shape) < 0.1, 1 - HALVES, HALVES).astype(np.uint8)
"""A machine that has seen only the first or the second half of them knows nothing of the other."""
HELD = hm.centered(hm.pcd(1, chains=24))
OPTIMISER = optax.sgd(0.2, momentum=0.5)
SEEDS = 5


def in_memory(on: Any = None, seed: int = 0, **more: Any) -> Any:
    """The states of a run on rows that every process has."""
    settings = dict(batch_size=24, updates=UPDATES, seed=seed, follow=False, mesh=on) | more
    return hm.train(hm.initialize(ROWS, 8, scale=0.2), ROWS, HELD, OPTIMISER, **settings)


class Watched:
    """A source of rows that keeps the numbers of those which are read, in the whole of it."""

    def __init__(self, rows: np.ndarray, first: int = 0, seen: set[int] | None = None) -> None:
        self.rows, self.first, self.seen = rows, first, set() if seen is None else seen
        self.shape, self.dtype = rows.shape, rows.dtype

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Watched(self.rows[index], self.first + index.start, self.seen)
        self.seen.update(int(number) for number in self.first + index)
        return self.rows[index]


def streamed(on: Any = None, seed: int = 0, rows: np.ndarray = ROWS) -> tuple[hm.RBM, set[int]]:
    """What a run on rows that are read comes to, and which were read for its updates."""
    source = Watched(rows)
    settings = dict(batch_size=24, updates=100, seed=seed, follow=False, mesh=on)
    states = hm.train(hm.initialize(ROWS, 8), Streamed(source), HELD, OPTIMISER, **settings)
    source.seen.clear()  # what is read of all rows at the start is what would be followed
    *_, last = states
    return last.rbm, source.seen


def log_likelihood(rbm: hm.RBM) -> float:
    return float(exact.log_likelihood(rbm, ROWS).mean())


def leaves(tree: Any) -> list[Any]:
    return [np.asarray(leaf).tolist() for leaf in jax.tree.leaves(tree)]


def talk(number: int, count: int, folder: Path) -> dict[str, Any]:
    """What they agree on, and runs on rows in memory."""
    spread = Spread(mesh.over())
    own = {"number": number, "list": [number + 0.1, None, "é" * number]}
    long = bytes([number]) * (300 + number)
    found: dict[str, Any] = {
        "agreed": spread.agreed(own),
        "sent": [spread.sent(content).hex() for content in (b"", long, bytes(range(256 - number)))],
        "of each": spread.of_each(10 * number + 1),
        "now": [spread.now(), spread.now()],
        "first": bool(spread.first),
        "share": spread.share,
    }
    for hidden in (1, count // 2 if count > 2 else 2):
        on = mesh.over(hidden)
        for seed in (0, 1):
            *_, last = in_memory(on, seed)
            found[f"machine, {hidden}, {seed}"] = leaves(last.iterate)
    for seed in (0, 1):
        states = in_memory(mesh.over(), seed, seconds_between_states=lambda: 0.0)
        checkpoint = next(state.checkpoint() for state in states if state.step >= STOPPED_AT)
        if spread.first:
            checkpoint.save(folder / f"{seed}.safetensors")
    return found


def read(number: int, count: int, folder: Path) -> dict[str, Any]:
    runs = [streamed(mesh.over(), seed) for seed in range(SEEDS)]
    return {
        "read": [sorted(seen) for _, seen in runs],
        "machine": leaves(runs[0][0]),
        "log likelihoods": [log_likelihood(rbm) for rbm, _ in runs],
    }


def estimate(number: int, count: int, folder: Path) -> dict[str, Any]:
    found = likelihood.evaluate(hm.initialize(ROWS, 8, scale=0.5), ROWS, method="estimate", seconds=5.0, mesh=mesh.over())
    return {"mean": found.mean, "lower": found.lower, "upper": found.upper} | found.details


def main(task: str, number: int, count: int, port: str, folder: Path) -> None:
    mesh.joined(f"127.0.0.1:{port}", number, count)
    assert jax.device_count() == count
    assert jax.local_device_count() == 1
    found = {"talk": talk, "read": read, "estimate": estimate}[task](number, count, folder)
    (folder / f"{number}.json").write_text(json.dumps(found))
    mesh.left()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], Path(sys.argv[5]))
