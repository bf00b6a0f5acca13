"""What must hold on a mesh of eight devices, which JAX simulates on one CPU if it is told so at its start.

Run as a program, because of that: `on_eight_devices.py CHECK ...`, which ends with an error where a check fails.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from scipy import sparse, stats
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts

import harmonium as hm
from harmonium import exact, gradients, likelihood, mesh
from harmonium.likelihood import annealing, running
from harmonium.mesh import DATA, HIDDEN, Spread, specs
from harmonium.random import uniform
from harmonium.samplers import parallel_tempering, trajectory_tempering
from harmonium.training import batches, penalties, run

UPDATES = 40
CLOSE = 4 * UPDATES * float(np.finfo(np.float32).eps)
"""How far sums in another order may take the parameters, as a share of the largest: as if every update were rounded four times
(in the sums over rows and over parts, in the momentum and in the step), by a whole unit and always in the same direction. One
chain of 40 that goes another way takes them some hundred times further."""
SEEDS = 0, 1
"""A draw that lies within rounding of its threshold may fall on the other side, once in hundreds of runs: then the second
seed decides. What is wrong is wrong with both."""
PARTS = 8


def over(name: str) -> Mesh | None:
    """The mesh `data x hidden units` of that name, of the first devices."""
    if name == "1":
        return None
    data, hidden = map(int, name.split("x"))
    return mesh.over(hidden, jax.devices()[: data * hidden])


# Training: what one device gives.

RANDOM = np.random.default_rng(0)
HALF = RANDOM.integers(0, 2, size=(96, 6))
ROWS = np.concatenate([HALF, np.where(RANDOM.random(HALF.shape) < 0.1, 1 - HALF, HALF)], axis=1)
HOLES = np.where(RANDOM.random(ROWS.shape) < 0.1, np.nan, ROWS)
REAL = RANDOM.standard_normal((96, 4)) @ RANDOM.standard_normal((4, 12)) / 2
ONE_OF_THREE = np.eye(3)[np.stack([HALF[:, :3] + HALF[:, 3:]], axis=2)].reshape(96, 9)


def mapped(rows: Any) -> np.memmap:
    path = Path(tempfile.mkdtemp(dir=FOLDER)) / "rows.npy"
    np.save(path, rows)
    return np.load(path, mmap_mode="r")


FOLDER = ""


class Case(NamedTuple):
    estimator: Any
    data: Any = ROWS
    hidden: Any = 16
    visible: Any = hm.Binary
    optimizer: Any = optax.sgd(0.2, momentum=0.5)
    options: Any = MappingProxyType({})

    def trained(self, on: str, updates: int = UPDATES, seed: int = 0, **more: Any) -> hm.TrainState:
        data = self.data() if callable(self.data) else self.data
        rbm = hm.initialize(data, self.hidden, self.visible, scale=0.2)
        settings = dict(batch_size=48, updates=updates, seed=seed, follow=False, mesh=over(on)) | dict(self.options) | more
        *_, last = hm.train(rbm, data, self.estimator, self.optimizer, **settings)
        return last


CHAINS = 40
CATEGORICAL = hm.Categorical(np.zeros(16), (4,) * 4)
MIXED = hm.Mixed((hm.Categorical(np.zeros(3), (3,)), hm.Gaussian.zeros(6)))
CASES = {
    "cd": Case(hm.cd(2)),
    "cd, sampled, all rows": Case(hm.cd(1, sampled=True), options=dict(batch_size=96)),
    "pcd": Case(hm.pcd(1, CHAINS)),
    "pcd, centered": Case(hm.centered(hm.pcd(1, CHAINS))),
    "pcd, centered, adam, penalty": Case(
        hm.centered(hm.pcd(2, CHAINS)), optimizer=optax.chain(penalties.l1(1e-3), optax.adam(0.01, eps=1e-3))
    ),
    "pcd, cooled, not averaged": Case(hm.pcd(1, CHAINS), options=dict(cooldown=0.5, average=0.0)),
    "pcd, bfloat16": Case(hm.pcd(1, CHAINS), options=dict(bfloat16=True, updates=5)),
    "pt, centered": Case(hm.centered(gradients.from_sampler(parallel_tempering(CHAINS, 4)))),
    "ptt": Case(gradients.from_sampler(trajectory_tempering(chains=CHAINS, rungs=6, threshold=0.9))),
    "exact, centered": Case(hm.centered(gradients.exact()), hidden=8),
    "missing cells": Case(hm.centered(hm.pcd(1, CHAINS)), HOLES),
    "missing cells, all rows": Case(hm.pcd(1, CHAINS), HOLES, options=dict(batch_size=96)),
    "mapped": Case(hm.pcd(1, CHAINS), lambda: mapped(ROWS.astype(np.uint8))),
    "sparse": Case(hm.pcd(1, CHAINS), lambda: sparse.csr_array(ROWS)),
    "gaussian": Case(hm.pcd(1, CHAINS), REAL, 16, hm.Gaussian, optax.sgd(0.02)),
    "categorical": Case(hm.centered(hm.pcd(1, CHAINS)), ONE_OF_THREE, CATEGORICAL, hm.Categorical(np.zeros(9), (3,) * 3)),
    "mixed": Case(hm.pcd(1, CHAINS), np.concatenate([ONE_OF_THREE[:, :3], REAL[:, :6]], axis=1), 16, MIXED, optax.sgd(0.02)),
}


def distance(a: Any, b: Any) -> float:
    """Between two machines: the largest difference of their parameters, as a share of the largest of these."""
    pairs = list(zip(*map(jax.tree.leaves, (a, b)), strict=True))
    return float(max(np.abs(x - y).max() for x, y in pairs) / max(np.abs(y).max() for _, y in pairs))


def closest(difference: Any) -> float:
    """The first seed's difference, or the second's where that of the first is not to be had by rounding."""
    far = difference(SEEDS[0])
    if far >= CLOSE:
        print(f"with seed {SEEDS[0]} {far:.2g} away")
        far = min(far, difference(SEEDS[1]))
    print(f"{far:.2g} away")
    return far


def same_by(case: Case, names: list[str], **more: Any) -> None:
    held: dict[int, Any] = {}
    for name in names:

        def difference(seed: int, name: str = name) -> float:
            if seed not in held:
                held[seed] = case.trained("1", seed=seed, **more)
            found = case.trained(name, seed=seed, **more)
            return max(distance(getattr(found, part), getattr(held[seed], part)) for part in ("rbm", "iterate"))

        assert (far := closest(difference)) < CLOSE, f"on {name} {far:.2g} away"


def trained(name: str, *meshes: str) -> Any:
    return lambda: same_by(CASES[name], list(meshes))


def one_update() -> None:
    same_by(CASES["pcd, centered"], ["8x1", "1x8"], updates=1)


# Where the arrays are.


def watched(on: str, case: Case, look: Any) -> None:
    """Train, and look at the arrays on the devices before and after every call of the compiled loop."""
    advance, calls = run.advance, []

    def looking(*args: Any, **settings: Any) -> Any:
        look(args[0])
        carry, sound = advance(*args, **settings)
        calls.append(int(carry.step))
        look(carry)
        return carry, sound

    run.advance = looking
    try:
        case.trained(on)
    finally:
        run.advance = advance
    assert calls[-1] == UPDATES


def copies_agree(array: Any) -> int:
    """How many devices hold each part of it, all the same bit for bit."""
    held: dict[str, list[bytes]] = {}
    for shard in array.addressable_shards:
        held.setdefault(str(shard.index), []).append(np.asarray(shard.data).tobytes())
    for parts in held.values():
        assert all(part == parts[0] for part in parts)
    [copies] = {len(parts) for parts in held.values()}
    return copies


def copies() -> None:
    def look(carry: Any) -> None:
        for leaf in jax.tree.leaves(carry._replace(step=None)):
            copies_agree(leaf)
        # The chains and the labels of their ladders are the only things of which each device has its own.
        for leaf in jax.tree.leaves((carry.iterate, carry.average, carry.optimizer, carry.completed)):
            assert copies_agree(leaf) == PARTS
        ladder = carry.estimator.inner
        for leaf in jax.tree.leaves((ladder.betas, ladder.replicas.acceptance, ladder.replicas.round_trips)):
            assert copies_agree(leaf) == PARTS
        assert {shard.data.shape for shard in ladder.replicas.v.addressable_shards} == {(4, CHAINS // PARTS, 12)}

    watched("8x1", CASES["pt, centered"]._replace(data=HOLES), look)


def shares() -> None:
    """Of weights divided by hidden units, each device has its share of columns and no more; of chains likewise."""
    for name, columns, chains in (("1x8", 2, CHAINS), ("4x2", 8, CHAINS // 4)):

        def look(carry: Any, columns: int = columns, chains: int = chains) -> None:
            for machine in (carry.iterate, carry.average, carry.optimizer[0].trace):
                assert {shard.data.shape for shard in machine.weights.addressable_shards} == {(12, columns)}
                assert len(machine.weights.addressable_shards) == PARTS
                assert {shard.data.shape for shard in machine.hidden.bias.addressable_shards} == {(columns,)}
                assert copies_agree(machine.weights) == columns // 2
            assert {shard.data.shape for shard in carry.estimator.inner.h.addressable_shards} == {(chains, columns)}
            assert {shard.data.shape for shard in carry.estimator.inner.v.addressable_shards} == {(chains, 12)}
            for whole in (carry.completed, carry.iterate.visible.bias, carry.estimator.visible):
                assert {shard.data.shape for shard in whole.addressable_shards} == {whole.shape}

        watched(name, CASES["missing cells"], look)


# Random numbers.


SHAPES = [(shape, dtype) for shape in ((8,), (40, 12), (16, 3, 5)) for dtype in (np.float32, np.float64)]


def random_numbers() -> None:
    """Those of one device, however they are divided."""
    at = over("4x2")
    assert at is not None
    with jax.enable_x64(True):
        for shape, dtype in SHAPES:
            draw = jax.jit(
                lambda key, shape=shape, dtype=dtype: uniform(key, shape, dtype),
                out_shardings=NamedSharding(at, PartitionSpec(DATA)),
            )
            for key in (jax.random.key(3), jax.random.fold_in(jax.random.key(2**31 + 5), 7)):
                np.testing.assert_array_equal(draw(key), jax.random.uniform(key, shape, dtype))


# Chains.


def tiny_machine() -> hm.RBM:
    random = np.random.default_rng(1)
    return hm.RBM(hm.Binary(random.standard_normal(3)), hm.Binary(random.standard_normal(3)), random.standard_normal((3, 3)))


def still(estimator: Any, updates: int) -> hm.TrainState:
    """The end of a run on eight devices that leaves the machine as it is."""
    rows = np.random.default_rng(0).integers(0, 2, size=(16, 3))
    settings = dict(batch_size=8, updates=updates, follow=False, mesh=over("8x1"))
    *_, last = hm.train(tiny_machine(), rows, estimator, optax.sgd(0.0), **settings)
    np.testing.assert_array_equal(last.iterate.weights, tiny_machine().weights.astype(np.float32))
    return last


EFFECT = 0.005


def stationarity() -> None:
    """Chains from noise; were those of two devices the same, they would count twice, and be far from a fair sample."""
    rbm = tiny_machine()
    chains = -(-draws_for_counts(64, EFFECT) // PARTS) * PARTS
    at = still(hm.pcd(1, chains), 60).estimator
    numbers = rbm.visible.indices(at.v) * 8 + rbm.hidden.indices(at.h)
    assert counts_agree(numbers, exact.joint_table(rbm).probability) > FALSE_ALARM


def stationarity_of_ladders() -> None:
    rbm = tiny_machine()
    chains = -(-draws_for_counts(8, EFFECT) // PARTS) * PARTS
    at = still(gradients.from_sampler(parallel_tempering(chains, 3)), 60).estimator
    probability = exact.joint_table(rbm).probability.reshape(8, 8).sum(axis=1)
    assert counts_agree(rbm.visible.indices(at.v[-1]), probability) > FALSE_ALARM
    assert at.round_trips > 0


def ladders() -> None:
    """The counts of a ladder are of the chains on all devices."""
    case = Case(gradients.from_sampler(parallel_tempering(CHAINS, 3)), hidden=8)

    def difference(seed: int, name: str) -> float:
        one, found = (case.trained(on, 80, seed).estimator for on in ("1", name))
        assert one.round_trips > CHAINS
        if found.round_trips != one.round_trips:
            return np.inf
        return max(np.abs(found.replicas.acceptance - one.replicas.acceptance).max(), np.abs(found.betas - one.betas).max())

    assert closest(lambda seed: difference(seed, "4x2")) < CLOSE


def ladders_of_an_estimate() -> None:
    """Where XLA divides all of the work by itself."""
    rbm = jax.tree.map(jnp.float32, hm.initialize(ROWS, 8, scale=0.5))
    sampler = parallel_tempering(CHAINS, 3)

    @jax.jit
    def moved(state: Any) -> Any:
        return jax.lax.fori_loop(0, 80, lambda i, state: sampler.step(jax.random.key(i), rbm, state)[0], state)

    def difference(seed: int) -> float:
        start = sampler.init(jax.random.key(seed), rbm)
        spread = Spread(over("4x2"))
        one, found = moved(start), moved(jax.tree.map(spread.put, start, specs(start, start.axes(), 2)))
        assert one.round_trips > CHAINS
        same = np.array_equal(one.round_trips, found.round_trips) and np.array_equal(one.v, found.v)
        return float(np.abs(found.acceptance - one.acceptance).max()) if same else np.inf

    assert closest(difference) < CLOSE


# Likelihoods.


def wide_machine() -> hm.RBM:
    return hm.initialize(ROWS, 8, scale=0.7, seed=3)


def annealed_runs() -> None:
    """In float64, where no draw lies within rounding of its threshold."""
    with jax.enable_x64(True):
        rbm = jax.tree.map(jnp.float64, wide_machine())
        base = hm.model.independent(rbm.visible, rbm.hidden)
        key = jax.random.key(5)
        for reverse in (False, True):
            found = []
            for name in ("1", "8x1"):
                v = annealing.start(key, base, rbm, 24)
                schedule = annealing.even_schedule()
                found.append(annealing.anneal(key, base, rbm, v, schedule, 128, reverse=reverse, mesh=over(name)))
            assert np.ptp(found[0].log_weights) > 0.1
            np.testing.assert_allclose(found[1].gains, found[0].gains, atol=1e-9)
            np.testing.assert_array_equal(found[1].v, found[0].v)


def running_estimates() -> None:
    def difference(seed: int) -> float:
        rbm = hm.initialize(ROWS, 8, scale=0.7, seed=seed)
        one, found = (running.RunningEstimate(rbm, ROWS, over(name)).log_partition(rbm)[0] for name in ("1", "8x1"))
        return abs(found - one) / abs(one)

    assert closest(difference) < CLOSE


def bracket() -> None:
    """Wider by what takes its 95 % to the false-alarm rate: how many temperatures there are depends on the clock."""
    rbm = wide_machine()
    found = likelihood.evaluate(rbm, ROWS, method="estimate", seconds=10.0, runs=20, mesh=over("8x1"))
    assert found.details["runs"] == 24  # the next that eight share evenly
    wider = float(stats.norm.isf(FALSE_ALARM / 2)) / 1.96
    middle, half = (found.upper + found.lower) / 2, (found.upper - found.lower) / 2
    assert half < 0.5
    assert abs(exact.log_likelihood(rbm, ROWS).mean() - middle) < wider * half
    assert found.details["tempering_converged"]


# Checkpoints.


def checkpoints() -> None:
    going_on("pcd, centered", HOLES, ("8x1", "4x2"))


def checkpoints_of_ladders() -> None:
    going_on("ptt", ROWS, ("8x1", "1x8"))


def going_on(name: str, data: Any, meshes: tuple[str, str]) -> None:
    case = CASES[name]._replace(data=data)

    def stopped(on: str, seed: int) -> Any:
        rbm = hm.initialize(data, case.hidden, scale=0.2)
        settings = dict(batch_size=48, updates=UPDATES, seed=seed, follow=False, mesh=over(on))
        states = hm.train(rbm, data, case.estimator, case.optimizer, **settings, seconds_between_states=lambda: 0.0)
        return next(state.checkpoint() for state in states if state.step >= 13)

    first, second = meshes
    for begun, ended in ((first, second), (second, first), (first, "1"), ("1", first)):

        def difference(seed: int, begun: str = begun, ended: str = ended) -> float:
            found = case.trained(ended, seed=seed, resume=stopped(begun, seed))
            return distance(found.iterate, case.trained("1", seed=seed).iterate)

        assert (far := closest(difference)) < CLOSE, f"begun on {begun} and ended on {ended} {far:.2g} away"
    for on in meshes:
        whole, again = case.trained(on), case.trained(on, resume=stopped(on, 0))
        for part in ("rbm", "iterate", "optimizer", "estimator"):
            for one, other in zip(*(jax.tree.leaves(getattr(state, part)) for state in (whole, again)), strict=True):
                np.testing.assert_array_equal(one, other)


# Bad input.


class Placeless(NamedTuple):
    """An estimator's state that does not say where it lies."""

    count: Any


def bad_input() -> None:
    own = gradients.Estimator(lambda *_: Placeless(jnp.zeros(())), gradients.exact().gradient)
    devices = np.array(jax.devices())

    def train(
        on: Any = "8x1", estimator: Any = None, batch: int = 48, hidden: int = 16, data: Any = ROWS, every: Any = 1
    ) -> Any:
        at = over(on) if isinstance(on, str) else on
        rbm = hm.initialize(ROWS, hidden)
        estimator = estimator or hm.pcd(1, CHAINS)
        return lambda: hm.train(rbm, data, estimator, batch_size=batch, updates=1, mesh=at, synchronize_every=every)

    for call, words in (
        (train(batch=50), r"^50 rows in an update cannot be shared evenly by 8 devices; 48 can$"),
        (train(batch=3), r"^3 rows in an update cannot be shared evenly by 8 devices; 8 can$"),
        (train(estimator=hm.pcd(1, 30)), r"^30 chains cannot be shared evenly by 8 devices; 24 can$"),
        (train(estimator=hm.centered(gradients.by_name("pt-1", 30))), r"^30 chains cannot be shared evenly"),
        (train(estimator=gradients.by_name("ptt-1", 30)), r"^30 chains cannot be shared evenly"),
        (train("4x2", hidden=15), r"15 hidden units cannot be shared evenly by 2 devices"),
        (train(Mesh(devices.reshape(8, 1), ("rows", "units"))), r"mesh must have the axes data and hidden"),
        (train(Mesh(devices.reshape(8, 1), (HIDDEN, DATA))), r"mesh must have the axes data and hidden"),
        (train(Mesh(devices, (DATA,))), r"mesh must have the axes data and hidden"),
        (train(estimator=own), r"state, a Placeless, must have a method axes"),
        (train(estimator=hm.centered(own)), r"state, a Placeless, must have a method axes"),
        (train(every=0), r"^synchronize_every must be a whole number of at least 1"),
        (train(estimator=gradients.by_name("pt-1", CHAINS), every=2), r"^ladders of chains .* synchronize_every must be 1$"),
        (train(data=HOLES, every=2), r"^rows with missing cells .* synchronize_every must be 1$"),
        (lambda: mesh.over(3), r"8 devices cannot be divided into groups of 3"),
        (lambda: mesh.over(0), r"hidden must be a whole number of at least 1"),
        (lambda: mesh.over(16), r"8 devices cannot be divided into groups of 16"),
    ):
        try:
            call()
        except hm.InputError as error:
            said = str(error)
        else:
            raise AssertionError(f"nothing was raised: {words}")
        assert re.search(words, said), said
        assert "\n" not in said


CHECKS = {
    "one update": one_update,
    "copies": copies,
    "shares": shares,
    "random numbers": random_numbers,
    "stationarity": stationarity,
    "stationarity of ladders": stationarity_of_ladders,
    "ladders": ladders,
    "ladders of an estimate": ladders_of_an_estimate,
    "annealed runs": annealed_runs,
    "running estimates": running_estimates,
    "bracket": bracket,
    "checkpoints": checkpoints,
    "checkpoints of ladders": checkpoints_of_ladders,
    "bad input": bad_input,
}
MESHES = "8x1", "4x2", "1x8", "2x1"
CHECKS |= {f"{name} on {on}": trained(name, on) for name in CASES for on in MESHES}
CHECKS |= {f"{name} on all": trained(name, *MESHES) for name in CASES}


def main(names: list[str]) -> int:
    global FOLDER
    # Windows of few updates, so that the runs go through several.
    batches.FEWEST_UPDATES, batches.EPOCHS = 16, 1
    assert jax.device_count() == PARTS, jax.devices()
    failed = 0
    with tempfile.TemporaryDirectory() as FOLDER:
        for name in names:
            begun = time.monotonic()
            try:
                CHECKS[name]()
            except Exception:
                failed += 1
                print(f"FAILED: {name}\n{traceback.format_exc()}")
            print(f"{name}: {time.monotonic() - begun:.1f} s", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
