"""What must hold on several devices, which JAX simulates on one CPU if XLA_FLAGS says so before it starts.

So this is a program: `on_devices.py CHECK ...` ends with an error where a check fails; `on_devices.py "cd on 4x2"` runs one
case on one mesh.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh
from scipy import sparse
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts

import harmonium as hm
from harmonium import distributed, exact, gradients, likelihood, model
from harmonium.likelihood import annealing, running_estimate
from harmonium.random import uniform
from harmonium.samplers import parallel_tempering, trajectory_tempering
from harmonium.training import batches, config, optimizer, run

UPDATES = 40
CLOSE = 4 * UPDATES * float(np.finfo(np.float32).eps)
"""How far sums in another order may move the parameters, as a fraction of the largest: as if every update were rounded four
times (in the sums over rows and over devices, in the momentum and in the step), by a whole unit and always in the same
direction. One chain of 40 that goes another way moves them some hundred times further."""
SEEDS = 0, 1
"""A draw that lies within rounding of its threshold may fall on the other side, once in hundreds of runs: then the second seed
decides. A fault shows with both."""


def mesh_of(name: str) -> Mesh | None:
    """The mesh `data x hidden` of that name, of the first devices; none for "1"."""
    if name == "1":
        return None
    data, hidden = map(int, name.split("x"))
    return distributed.make_mesh(hidden, jax.devices()[: data * hidden])


# ---- training: the updates of one device

RANDOM = np.random.default_rng(0)
HALF = RANDOM.integers(0, 2, size=(96, 6))
ROWS = np.concatenate([HALF, np.where(RANDOM.random(HALF.shape) < 0.1, 1 - HALF, HALF)], axis=1)
HOLES = np.where(RANDOM.random(ROWS.shape) < 0.1, np.nan, ROWS)
REAL = RANDOM.standard_normal((96, 4)) @ RANDOM.standard_normal((4, 12)) / 2
WEIGHTS = RANDOM.exponential(size=96)
ONE_OF_THREE = np.eye(3)[np.stack([HALF[:, :3] + HALF[:, 3:]], axis=2)].reshape(96, 9)
FOLDER = ""


def mapped(rows: Any) -> np.memmap:
    path = Path(tempfile.mkdtemp(dir=FOLDER)) / "rows.npy"
    np.save(path, rows)
    return np.load(path, mmap_mode="r")


class Case(NamedTuple):
    estimator: Any
    data: Any = ROWS
    hidden: Any = 16
    visible: Any = hm.Binary
    optimizer: Any = optax.sgd(0.2, momentum=0.5)
    settings: Any = MappingProxyType({})

    def train(self, mesh: str, updates: int = UPDATES, seed: int = 0, **more: Any) -> hm.TrainState:
        """The last state of a run on the mesh of that name."""
        *_, last = self.states(mesh, updates, seed, **more)
        return last

    def states(self, mesh: str, updates: int = UPDATES, seed: int = 0, **more: Any) -> Any:
        data = self.data() if callable(self.data) else self.data
        rbm = hm.initialize(data, self.hidden, self.visible, scale=0.2)
        settings = dict(batch_size=48, updates=updates, centered=False) | dict(self.settings) | more
        settings |= dict(estimator=self.estimator, optimizer=self.optimizer, seed=seed, mesh=mesh_of(mesh))
        return hm.train(rbm, data, measure=False, **settings)


CHAINS = 40
CATEGORICAL = hm.Categorical(np.zeros(16), (4,) * 4)
MIXED = hm.Mixed((hm.Categorical(np.zeros(3), (3,)), hm.Gaussian.zeros(6)))
CASES = {
    "cd": Case(hm.cd(2)),
    "cd, sampled, all rows": Case(hm.cd(1, sampled=True), settings=dict(batch_size=96)),
    "pcd": Case(hm.pcd(1, CHAINS)),
    "pcd, centered": Case(hm.centered(hm.pcd(1, CHAINS))),
    "pcd, centered, adam, penalty": Case(
        hm.centered(hm.pcd(2, CHAINS)), optimizer=optax.chain(optimizer.l1(1e-3), optax.adam(0.01, eps=1e-3))
    ),
    "pcd, not averaged": Case(hm.pcd(1, CHAINS), settings=dict(final_decay=0.5, average=0.0)),
    "pcd, bfloat16": Case(hm.pcd(1, CHAINS), settings=dict(bfloat16=True, updates=5)),
    "pt, centered": Case(hm.centered(hm.from_sampler(parallel_tempering(CHAINS, 4)))),
    "ptt": Case(hm.from_sampler(trajectory_tempering(chains=CHAINS, rungs=6, threshold=0.9))),
    "exact, centered": Case(hm.centered(gradients.exact()), hidden=8),
    "missing cells": Case(hm.centered(hm.pcd(1, CHAINS)), HOLES),
    "missing cells, all rows": Case(hm.pcd(1, CHAINS), HOLES, settings=dict(batch_size=96)),
    "mapped": Case(hm.pcd(1, CHAINS), lambda: mapped(ROWS.astype(np.uint8))),
    "sparse": Case(hm.pcd(1, CHAINS), lambda: sparse.csr_array(ROWS)),
    "gray levels": Case(hm.pcd(1, CHAINS), lambda: hm.data.resampled((0.2 + ROWS) / 1.4)),
    "gaussian": Case(hm.pcd(1, CHAINS), REAL, 16, hm.Gaussian, optax.sgd(0.02)),
    "categorical": Case(hm.centered(hm.pcd(1, CHAINS)), ONE_OF_THREE, CATEGORICAL, hm.Categorical(np.zeros(9), (3,) * 3)),
    "mixed": Case(hm.pcd(1, CHAINS), np.concatenate([ONE_OF_THREE[:, :3], REAL[:, :6]], axis=1), 16, MIXED, optax.sgd(0.02)),
    "weights": Case(hm.pcd(1, CHAINS), settings=dict(weights=WEIGHTS)),
    "weights, all rows": Case(hm.centered(hm.cd(1)), settings=dict(weights=WEIGHTS, batch_size=96)),
}


def distance(a: Any, b: Any) -> float:
    """The largest difference of the parameters of two models, as a fraction of the largest parameter."""
    pairs = list(zip(*map(jax.tree.leaves, (a, b)), strict=True))
    return float(max(np.abs(x - y).max() for x, y in pairs) / max(np.abs(y).max() for _, y in pairs))


def check_close(difference: Callable[[int], float]) -> None:
    """The difference with the first seed, or with the second where that of the first is no rounding, is rounding."""
    differences = []
    for seed in SEEDS:
        differences.append(difference(seed))
        if differences[-1] < CLOSE:
            break
    print(*(f"{each:.2g}" for each in differences), "away")
    assert min(differences) < CLOSE


def check_updates(case: Case, mesh: str, **more: Any) -> None:
    """A run on the mesh is that of one device."""

    def difference(seed: int) -> float:
        one, several = (case.train(on, seed=seed, **more) for on in ("1", mesh))
        return max(distance(getattr(several, part), getattr(one, part)) for part in ("rbm", "iterate"))

    check_close(difference)


# ---- where the arrays lie


def placement() -> None:
    mesh = distributed.make_mesh(2)
    assert mesh.shape == {"data": jax.device_count() // 2, "hidden": 2}
    rows = mesh.shape["data"]
    tree = {"v": np.arange(rows * 12.0).reshape(rows, 12), "w": np.arange(32.0).reshape(2, 16), "n": 3, "odd": np.ones(5)}
    axes = {"v": "chain visible", "w": "visible hidden", "n": "", "odd": "hidden"}
    placed = distributed.place(tree, axes, mesh)
    shapes = {name: array.addressable_shards[0].data.shape for name, array in placed.items()}
    assert shapes == {"v": (1, 12), "w": (2, 8), "n": (), "odd": (5,)}  # five columns do not divide evenly
    shardings = distributed.shardings(placed, axes, mesh)
    assert all(array.sharding.is_equivalent_to(shardings[name], array.ndim) for name, array in placed.items())
    for copy in (distributed.to_host(placed), distributed.place(tree, axes, None)):
        jax.tree.map(np.testing.assert_array_equal, copy, tree)
    local = distributed.place_local(tree["v"], "row visible", mesh)
    assert local.sharding.is_equivalent_to(placed["v"].sharding, 2)
    assert distributed.row_part(mesh) == (0, 1)
    assert distributed.round_up(rows + 1, mesh) == 2 * rows
    everything_for_rows = distributed.data_mesh(mesh)
    assert everything_for_rows is not None
    assert everything_for_rows.shape == {"data": jax.device_count(), "hidden": 1}


def state_lies_as_it_is_placed() -> None:
    """Each device has its own columns of the weights and its own chains after an update as before: nothing is gathered."""
    case, mesh = CASES["pcd, centered"], distributed.make_mesh(2)
    parts = mesh.shape["data"]
    seen = []
    advance = run.advance

    def look(state: Any, *args: Any, **settings: Any) -> Any:
        state, sound = advance(state, *args, **settings)
        seen.append([array.addressable_shards[0].data.shape for array in (state.iterate.weights, state.estimator.inner.h)])
        return state, sound

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "advance", look)
        case.train(f"{parts}x2")
    assert seen
    assert all(shapes == [(12, 8), (CHAINS // parts, 8)] for shapes in seen)


def one_sum() -> None:
    """An update on a data mesh has one all-reduce, of one weight matrix: each further one would be another wait for the slowest
    device, each further matrix as many numbers to send again."""
    texts = []
    advance = run.advance

    def look(*args: Any, **settings: Any) -> Any:
        texts.append(advance.lower(*args, **settings).compile().as_text())
        return advance(*args, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "advance", look)
        CASES["pcd, centered"].train("2x1", updates=1)
    (shapes,) = re.findall(r"= (.*) all-reduce\(", texts[0])
    assert shapes.count("f32[12,16]") == 1
    assert not any(word in texts[0] for word in (" all-gather(", " all-to-all(", " collective-permute("))


def random_numbers() -> None:
    """Those of one device, bit for bit, however they are divided."""
    mesh = distributed.make_mesh(2)
    with jax.enable_x64(True):
        for dtype, layouts in ((np.float32, ("chain hidden", "chain visible")), (np.float64, ("visible hidden",))):
            for axes in layouts:
                shape = jax.ShapeDtypeStruct((40, 12), dtype)
                where = distributed.shardings(shape, axes, mesh)
                draw = jax.jit(lambda key, dtype=dtype: uniform(key, (40, 12), dtype), out_shardings=where)
                for key in (jax.random.key(3), jax.random.fold_in(jax.random.key(2**31 + 5), 7)):
                    np.testing.assert_array_equal(draw(key), jax.random.uniform(key, (40, 12), dtype))


# ---- chains


def samplers() -> None:
    """The chains of every sampler are those of one device, bit for bit."""
    mesh = distributed.make_mesh(2)
    rbm = jax.tree.map(jnp.float32, hm.initialize(ROWS, 8, scale=0.5))
    for sampler in (hm.gibbs(CHAINS), parallel_tempering(CHAINS, 3), trajectory_tempering(chains=CHAINS, rungs=3)):

        @jax.jit
        def run(rbm: Any, state: Any, sampler: Any = sampler) -> Any:
            return jax.lax.fori_loop(0, 80, lambda i, state: sampler.step(jax.random.key(i), rbm, state)[0], state)

        def difference(seed: int, sampler: Any = sampler, run: Any = run) -> float:
            start = sampler.init(jax.random.key(seed), rbm)
            one = run(rbm, start)
            placed = distributed.place(rbm, model.logical_axes(rbm), mesh)
            several = run(placed, distributed.place(start, start.axes(), mesh))
            pairs = zip(*map(jax.tree.leaves, (one, several)), strict=True)
            if not np.array_equal(one.v, several.v) or any(np.any(a != b) for a, b in pairs if a.dtype == np.int32):
                return np.inf
            return float(np.abs(one.acceptance - several.acceptance).max()) if hasattr(one, "acceptance") else 0.0

        check_close(difference)


def stationarity() -> None:
    """Chains from noise; were those of two devices the same, they would count twice, and be far from a fair sample."""
    random = np.random.default_rng(1)
    rbm = hm.RBM(hm.Binary(random.standard_normal(3)), hm.Binary(random.standard_normal(3)), random.standard_normal((3, 3)))
    devices = jax.device_count()
    chains = -(-draws_for_counts(64, 0.005) // devices) * devices
    rows = random.integers(0, 2, size=(16, 3))
    settings = dict(batch_size=8, updates=60, estimator=hm.pcd(1, chains), centered=False, optimizer=optax.sgd(0.0))
    *_, last = hm.train(rbm, rows, measure=False, mesh=distributed.make_mesh(), **settings)
    np.testing.assert_array_equal(last.iterate.weights, rbm.weights.astype(np.float32))
    joint = rbm.visible.indices(last.estimator.v) * 8 + rbm.hidden.indices(last.estimator.h)
    assert counts_agree(joint, exact.joint_table(rbm).probability) > FALSE_ALARM


# ---- likelihoods


def annealed_runs() -> None:
    """In float64, where no draw lies within rounding of its threshold."""
    with jax.enable_x64(True):
        rbm = jax.tree.map(jnp.float64, hm.initialize(ROWS, 8, scale=0.7, seed=3))
        base = model.independent(rbm.visible, rbm.hidden)
        key = jax.random.key(5)
        v = base.visible.sample(key, jnp.zeros((24, 12)))
        for reverse in (False, True):
            schedule = annealing.even_schedule()
            one, several = (
                annealing.anneal(key, base, rbm, v, schedule, 128, reverse=reverse, mesh=mesh)
                for mesh in (None, distributed.make_mesh())
            )
            assert np.ptp(one.log_weights) > 0.1
            np.testing.assert_allclose(several.gains, one.gains, atol=1e-9)
            np.testing.assert_array_equal(several.v, one.v)


def running_estimates() -> None:
    def difference(seed: int) -> float:
        rbm = hm.initialize(ROWS, 8, scale=0.7, seed=seed)
        one, several = (
            running_estimate.RunningEstimate(rbm, ROWS, mesh).log_partition(rbm)[0] for mesh in (None, distributed.make_mesh())
        )
        return abs(several - one) / abs(one)

    check_close(difference)


def bracket() -> None:
    """The interval is widened from its 95 % to the false-alarm rate: the number of temperatures depends on the clock."""
    rbm = hm.initialize(ROWS, 8, scale=0.7, seed=3)
    found = likelihood.evaluate(rbm, ROWS, method="estimate", seconds=5.0, runs=20, mesh=distributed.make_mesh())
    check_bracket(found, rbm, ROWS)


def check_bracket(found: Any, rbm: hm.RBM, rows: Any) -> None:
    wider = 4.8916 / 1.96  # the quantiles of a normal distribution at FALSE_ALARM / 2 and 2.5 %
    middle, half = (found.upper + found.lower) / 2, (found.upper - found.lower) / 2
    assert half < 0.5
    assert abs(exact.log_likelihood(rbm, rows).mean() - middle) < wider * half


# ---- checkpoints


def checkpoints() -> None:
    """A run goes on on any other mesh within rounding, and on its own bit for bit."""
    for name, data in (("pcd, centered", HOLES), ("ptt", ROWS)):
        case = CASES[name]._replace(data=data)

        def stopped(on: str, seed: int, case: Case = case) -> Any:
            states = case.states(on, seed=seed, seconds_between_states=lambda: 0.0)
            return next(state.checkpoint for state in states if state.step >= 13)

        for begun, ended in (("8x1", "4x2"), ("4x2", "1"), ("1", "8x1")):

            def difference(seed: int, begun: str = begun, ended: str = ended, case: Case = case) -> float:
                resumed = case.train(ended, seed=seed, resume=stopped(begun, seed))
                return distance(resumed.iterate, case.train("1", seed=seed).iterate)

            check_close(difference)
        whole, again = case.train("4x2"), case.train("4x2", resume=stopped("4x2", 0))
        for part in ("rbm", "iterate", "optimizer", "estimator"):
            jax.tree.map(np.testing.assert_array_equal, getattr(whole, part), getattr(again, part))
    # Derived settings depend on the number of devices; those of the checkpoint go on.
    rbm = hm.initialize(ROWS, 16)
    begun = next(hm.train(rbm, ROWS, estimator="pcd-1", updates=3, mesh=mesh_of("8x1"), measure=False)).checkpoint
    *_, last = hm.train(rbm, ROWS, resume=begun, mesh=mesh_of("4x1"), measure=False)
    assert last.checkpoint.progress.settings == begun.progress.settings
    assert begun.progress.settings["chains"] == 8 * config.CHAINS


# ---- bad input


class Nameless(NamedTuple):
    """An estimator's state that does not name its axes."""

    count: Any


def bad_input() -> None:
    devices = jax.device_count()
    own = gradients.Estimator(lambda *_: Nameless(jnp.zeros(())), gradients.exact().gradient)

    def train(estimator: Any = None, batch_size: int = 48, mesh: Any = None) -> None:
        rbm = hm.initialize(ROWS, 16)
        mesh = mesh or distributed.make_mesh()
        settings = dict(batch_size=batch_size, updates=1, estimator=estimator or hm.pcd(1, CHAINS), centered=False)
        list(hm.train(rbm, ROWS, mesh=mesh, measure=False, **settings))

    for call, message in (
        (lambda: train(batch_size=devices + 1), rf"^the number of rows, {devices + 1}, must be divisible by {devices} devices"),
        (lambda: train(hm.pcd(1, CHAINS + 1)), rf"^the number of chains, {CHAINS + 1}, must be divisible by {devices} devices"),
        (lambda: train(gradients.by_name("pt-1", CHAINS + 1)), r"^the number of chains, 41, must be divisible"),
        (lambda: train(own), r"state, a Nameless, must have a method axes"),
        (lambda: train(hm.centered(own)), r"state, a Nameless, must have a method axes"),
        (lambda: train(mesh=Mesh(np.array(jax.devices()), ("rows",))), r"^mesh must have the axes data and hidden"),
        (lambda: distributed.make_mesh(3), rf"^hidden_shards must divide the number of devices, {devices}, but is 3"),
        (lambda: distributed.make_mesh(0), r"^hidden_shards must be a whole number of at least 1"),
    ):
        with pytest.raises(hm.InputError, match=message):
            call()


CHECKS: dict[str, Callable[[], None]] = {
    "placement": placement,
    "state lies as it is placed": state_lies_as_it_is_placed,
    "one sum": one_sum,
    "random numbers": random_numbers,
    "samplers": samplers,
    "stationarity": stationarity,
    "annealed runs": annealed_runs,
    "running estimates": running_estimates,
    "bracket": bracket,
    "checkpoints": checkpoints,
    "bad input": bad_input,
}


def main(names: list[str]) -> int:
    global FOLDER
    # Windows of few updates, so that the runs go through several.
    batches.MIN_UPDATES, batches.EPOCHS = 16, 1
    failures = 0
    with tempfile.TemporaryDirectory() as FOLDER:
        for name in names:
            begun = time.monotonic()
            try:
                if name in CHECKS:
                    CHECKS[name]()
                else:
                    case, mesh = name.split(" on ")
                    check_updates(CASES[case], mesh)
            except Exception:
                failures += 1
                print(f"FAILED: {name}\n{traceback.format_exc()}")
            print(f"{name}: {time.monotonic() - begun:.1f} s", flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
