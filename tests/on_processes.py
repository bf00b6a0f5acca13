"""What one of several processes does, each with one device, and what it finds, as JSON in its own file.

Run under mpirun as `on_processes.py FOLDER`; imported for what it has in common with the tests.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

import harmonium as hm
from harmonium import distributed, exact, likelihood
from harmonium.io import Streamed

UPDATES, STOPPED_AT = 30, 13
RANDOM = np.random.default_rng(0)
HALVES = np.repeat([[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1]], 49, axis=0)[:97]
ROWS = np.where(RANDOM.random(HALVES.shape) < 0.1, 1 - HALVES, HALVES).astype(np.uint8)
"""A model that has seen only the first or the second half of them knows nothing of the other."""
SETTINGS = dict(estimator=hm.centered(hm.pcd(1, chains=24)), centered=False, optimizer=optax.sgd(0.2, momentum=0.5))
SEEDS = 5


def in_memory(mesh: Any = None, seed: int = 0, **more: Any) -> Any:
    """The states of a run on rows that every process has."""
    settings: dict[str, Any] = dict(batch_size=24, updates=UPDATES, seed=seed, measure=False, mesh=mesh)
    return hm.train(hm.initialize(ROWS, 8, scale=0.2), ROWS, **SETTINGS | settings | more)


class Watched:
    """A source of rows that remembers the indices of those which are read."""

    def __init__(self, rows: np.ndarray, first: int = 0, seen: set[int] | None = None) -> None:
        self.rows, self.first, self.seen = rows, first, set() if seen is None else seen
        self.shape, self.dtype = rows.shape, rows.dtype

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Watched(self.rows[index], self.first + index.start, self.seen)
        self.seen.update(int(number) for number in self.first + index)
        return self.rows[index]


def streamed(mesh: Any = None, seed: int = 0, rows: np.ndarray = ROWS) -> tuple[hm.RBM, set[int]]:
    """The model of a run on streamed rows, and which of them were read for its updates."""
    source = Watched(rows)
    settings: dict[str, Any] = dict(batch_size=24, updates=100, seed=seed, measure=False, mesh=mesh)
    states = hm.train(hm.initialize(ROWS, 8), Streamed(source), **SETTINGS | settings)
    source.seen.clear()  # at the start rows are read to be measured
    *_, last = states
    return last.rbm, source.seen


def log_likelihood(rbm: hm.RBM) -> float:
    return float(exact.log_likelihood(rbm, ROWS).mean())


def leaves(tree: Any) -> list[Any]:
    return [np.asarray(leaf).tolist() for leaf in jax.tree.leaves(tree)]


def results(folder: Path) -> dict[str, Any]:
    mesh, index = distributed.make_mesh(), jax.process_index()
    found: dict[str, Any] = {
        "broadcast": [distributed.broadcast(value) for value in ({"index": index, "text": "é" * index}, "x" * 300, None)],
        "is primary": distributed.is_primary(),
        "row part": distributed.row_part(mesh),
        "local": distributed.to_host(distributed.place_local(np.full((2, 3), index), "row visible", mesh))[:, 0].tolist(),
    }
    for hidden_shards in (1, 2):
        for seed in (0, 1):
            *_, last = in_memory(distributed.make_mesh(hidden_shards), seed)
            found[f"iterate, {hidden_shards}, {seed}"] = leaves(last.iterate)
    for seed in (0, 1):
        states = in_memory(mesh, seed, updates_between_states=STOPPED_AT)
        checkpoint = next(state.checkpoint for state in states if state.step >= STOPPED_AT)
        if distributed.is_primary():
            checkpoint.save(folder / f"{seed}.safetensors")
    runs = [streamed(mesh, seed) for seed in range(SEEDS)]
    found["read"] = [sorted(seen) for _, seen in runs]
    found["log likelihoods"] = [log_likelihood(rbm) for rbm, _ in runs]
    report = likelihood.evaluate(hm.initialize(ROWS, 8, scale=0.5), ROWS, method="estimate", seconds=5.0, mesh=mesh)
    found["estimate"] = {name: value for name, value in asdict(report).items() if name in ("mean", "lower", "upper")}
    return found


def main(folder: Path) -> None:
    distributed.initialize()
    assert jax.local_device_count() == 1
    (folder / f"{jax.process_index()}.json").write_text(json.dumps(results(folder)))
    distributed.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
