"""The page's engine beside the library: random machines with the library's figures as JSON, compared by `node --test`.

What is exact agrees to 1e-12, trained weights included. Chains agree bit by bit: the engine uses keys as the library does.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from conftest import LECTURE, SMALL, random_rbm, reference_rbm

import harmonium as hm
from harmonium import exact, gradients, lecture, model
from harmonium.gradients.estimator import Estimator
from harmonium.random import key_of, uniform
from harmonium.samplers import replicas
from tests.lab import node

MACHINES = 28
UPDATES, RATE = 40, 0.3
SWEEPS, STEPS, RUNGS = 200, 60, 5
SIZES = [(2, 2), (3, 4), (5, 5), (5, 1)]


def flat(rbm: hm.RBM) -> list[float]:
    """In the engine's layout: the weights row by row, then both biases."""
    return [float(x) for part in (rbm.weights, rbm.visible.bias, rbm.hidden.bias) for x in np.ravel(part)]


def random_case(number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    shape = SIZES[number % len(SIZES)]
    scale, temperature = 10 ** random.uniform(-1, 1), float(10 ** random.uniform(-1, 1))
    rbm = random_rbm(hm.Binary, hm.Binary, shape, number, scale)
    if number % 3 == 0:
        rbm = hm.RBM(hm.Binary(np.zeros(shape[0])), hm.Binary(np.zeros(shape[1])), rbm.weights)
    return case(rbm, temperature, random)


def case(rbm: hm.RBM, temperature: float, random: np.random.Generator) -> dict[str, Any]:
    """A machine and what the library says of it."""
    cold = exact.at_temperature(rbm, temperature)
    table, moments = lecture.table(rbm, temperature), exact.moments(cold)
    v, h = exact.all_states(rbm.visible), exact.all_states(rbm.hidden)
    return {
        "V": rbm.visible.size,
        "H": rbm.hidden.size,
        "theta": flat(rbm),
        "temperature": temperature,
        "energy": table.joint.energy.tolist(),
        "joint": table.joint.probability.tolist(),
        "visible": table.visible.probability.tolist(),
        "hidden": table.hidden.probability.tolist(),
        "log_partition": float(table.joint.log_partition),
        "log_visible": exact.log_likelihood(cold, v).tolist(),
        "free_energy": (np.asarray(hm.free_energy(cold, v), np.float64) * temperature).tolist(),
        "moments": [float(x) for part in (moments.vh, moments.v, moments.h) for x in np.ravel(part)],
        **conditionals(cold, v, h),
        **gradients_of(cold, random),
    }


def conditionals(cold: hm.RBM, v: np.ndarray, h: np.ndarray) -> dict[str, Any]:
    with jax.enable_x64(True):
        found = _conditionals(cold, v, h)
    return {name: np.ravel(part).tolist() for name, part in found.items()}


@jax.jit
def _conditionals(cold: hm.RBM, v: Any, h: Any) -> dict[str, Any]:
    up, down = model.hidden_inputs(cold, v), model.visible_inputs(cold, h)
    return {
        "hidden_means": cold.hidden.mean(up),
        "visible_means": cold.visible.mean(down),
        "hidden_given_visible": jnp.exp(cold.hidden.log_probability(h[None], up[:, None])),
        "visible_given_hidden": jnp.exp(cold.visible.log_probability(v[None], down[:, None])),
    }


def gradients_of(cold: hm.RBM, random: np.random.Generator) -> dict[str, Any]:
    """Of eight rows: the exact gradient, centered too, CD and PCD with a key, and the weights after exact updates."""
    rows = random.integers(2, size=(8, cold.visible.size)).astype(np.float64)
    chains = random.integers(2, size=(8, cold.hidden.size)).astype(np.float64)
    with jax.enable_x64(True):
        found, offsets, trained = _gradients(cold, rows, chains)
    return {
        "rows": rows.ravel().tolist(),
        "chains": chains.ravel().tolist(),
        "gradients": {name: flat(slope) for name, slope in found.items()},
        "offsets": [np.asarray(part).tolist() for part in offsets],
        "trained": flat(trained),
    }


@jax.jit
def _gradients(cold: hm.RBM, rows: Any, chains: Any) -> Any:
    def slope(estimator: Estimator, state: Any = ()) -> Any:
        return estimator.gradient(jax.random.key(5), cold, state, rows)[0]

    centered = gradients.centered(gradients.exact())
    update, offsets, _ = centered.gradient(jax.random.key(5), cold, centered.init(jax.random.key(5), cold), rows)
    pcd = gradients.pcd(2, 8)
    found = {
        "exact": slope(gradients.exact()),
        "cd": slope(gradients.cd(1)),
        "cd_3": slope(gradients.cd(3)),
        "pcd": slope(pcd, pcd.init(jax.random.key(5), cold)._replace(h=chains)),
        "centered": update,
    }

    def learn(_: Any, rbm: hm.RBM) -> hm.RBM:
        step = gradients.exact().gradient(jax.random.key(0), rbm, (), rows)[0]
        return jax.tree.map(lambda x, g: x + RATE * g, rbm, step)

    return found, (offsets.visible, offsets.hidden), jax.lax.fori_loop(0, UPDATES, learn, cold)


def large_case(shape: tuple[int, int], seed: int) -> dict[str, Any]:
    rbm = random_rbm(hm.Binary, hm.Binary, shape, seed, 0.5)
    found = exact.moments(rbm)
    return {
        "V": shape[0],
        "H": shape[1],
        "theta": flat(rbm),
        "log_partition": float(exact.log_partition(rbm)),
        "moments": [float(x) for part in (found.vh, found.v, found.h) for x in np.ravel(part)],
    }


def chain_case(shape: tuple[int, int], temperature: float, seed: int) -> dict[str, Any]:
    """A chain's visits and a ladder's, from keys."""
    rbm = random_rbm(hm.Binary, hm.Binary, shape, seed)
    cold = exact.at_temperature(rbm, temperature)
    visits = lecture._run_chain(cold, np.zeros(shape[0]), SWEEPS, seed)
    with jax.enable_x64(True):
        state, tops = ladder(cold), []
        for _ in range(STEPS):
            state, top = _temper(cold, state, key_of(seed))
            tops.append(np.asarray(top).astype(int).tolist())
    return {
        "V": shape[0],
        "H": shape[1],
        "theta": flat(rbm),
        "temperature": temperature,
        "seed": seed,
        "visits": visits.astype(int).tolist(),
        "tops": tops,
        "acceptance": np.asarray(state.acceptance).tolist(),
        "round_trips": int(state.round_trips),
    }


@jax.jit
def _temper(cold: hm.RBM, state: replicas.Replicas, key: Any) -> tuple[replicas.Replicas, Any]:
    def rung(i: Any) -> hm.RBM:
        return jax.tree.map(lambda leaf: jnp.linspace(0, 1, RUNGS)[i] * leaf, cold)

    state, samples = replicas.step(jax.random.fold_in(key, state.steps), rung, state, 1, RUNGS)
    return state, jnp.concatenate([samples.v[0], samples.h[0]])


def ladder(cold: hm.RBM) -> replicas.Replicas:
    v = jnp.zeros((RUNGS, 1, cold.visible.size))
    return replicas.from_states(v, jnp.zeros((RUNGS, 1, cold.hidden.size)))


def random_numbers() -> dict[str, Any]:
    seeds = [0, 5, 2**32 - 1, 2**32, 2**53 - 1]
    with jax.enable_x64(True):
        keys = [jax.random.split(key_of(seed), 3)[2] for seed in seeds]
        return {"seeds": seeds, "uniform": [np.asarray(uniform(key, (4,), np.float64)).tolist() for key in keys]}


def test_the_engine_is_the_library(tmp_path: Path) -> None:
    program = node.find()
    random = np.random.default_rng(0)
    reference = [case for case in SMALL if max(len(case["visible_bias"]), len(case["hidden_bias"])) <= 5]
    figures = {
        "cases": [
            case(reference_rbm(LECTURE), 1.0, random),
            *(case(reference_rbm(small), small["temperature"], random) for small in reference),
            *map(random_case, range(MACHINES)),
        ],
        "large": [large_case((12, 30), 1), large_case((40, 11), 2)],
        "chains": [chain_case((3, 4), 0.7, 3), chain_case((5, 2), 2.0, 4)],
        "random": random_numbers(),
        "updates": UPDATES,
        "rate": RATE,
    }
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(figures))
    tests = Path(__file__).with_name("engine.test.mjs")
    command = [program, "--test", "--test-reporter=spec", str(tests)]
    environment = {"ENGINE": (node.STATIC / "engine").as_uri(), "FIGURES": str(file), "PATH": str(Path(program).parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout
