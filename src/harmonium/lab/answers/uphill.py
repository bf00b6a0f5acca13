"""Chapter 4, one step uphill: the two terms of the gradient, the step, and contrastive divergence beside them.

The target is one visible vector. What is estimated is told apart from what is exact: only `draws` come from random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harmonium.lab.answers import uphill_cloud as cloud
from harmonium.lab.ask import Ask
from harmonium.lab.tables import Parameters, Tables, number_of, tables, texts

PARTS = ("weights", "all")
"""What a step changes: the weights only, as the lecture's hand-worked one, or the biases too."""
LEAST_RATE, MOST_RATE = 1e-4, 100.0
MOST_STEPS = 1000
UPDATES = 1000
SWEEPS = (1, 3, 10, 30)
CHAINS = (1, 10, 100)
NOTHING = 1e-12
"""An update that leads less far than this along the gradient leads neither up nor down: the rest is rounding."""
MOST_PARAMETER = 20.0
"""A step may not lead where the page could not follow."""


def step(ask: Ask) -> dict[str, Any]:
    """One exact step: both terms, the machine after it, every table before and after.

    `gap`: the largest |positive - negative| with the data at the target, at every v equally often, at v as often as p(v).
    """
    before, target, biases, rate = _given(ask)
    positive, negative = before.held(before.only(target)), before.free()
    delta = rate / before.temperature * cloud.gradient(before, target, biases)
    after = tables(before.parameters.moved(delta), before.temperature)
    row = number_of(target)
    model = before.joint.sum(axis=1)
    even = np.full(len(before.v), 1 / len(before.v))
    gaps = {"target": before.only(target), "even": even, "model": model}
    return {
        "target": texts(target[None])[0],
        "rate": rate,
        "temperature": before.temperature,
        "biases": biases,
        "machine": before.parameters.message(),
        "after": after.parameters.message(),
        "allowed": _allowed(after.parameters),
        "positive": positive.message(),
        "negative": negative.message(),
        "delta": before.parameters.parted(delta).message(),
        "hidden": {"states": texts(before.h), "given_target": before.hidden_given_visible[row]},
        "visible": {"states": texts(before.v), "before": model, "after": after.joint.sum(axis=1)},
        "rows": {
            "energy": {"before": before.energy.ravel(), "after": after.energy.ravel()},
            "probability": {"before": before.joint.ravel(), "after": after.joint.ravel()},
        },
        "log_partition": {"before": before.log_partition, "after": after.log_partition},
        "log_probability": {"before": before.log_visible[row], "after": after.log_visible[row]},
        "probability": {"before": np.exp(before.log_visible[row]), "after": np.exp(after.log_visible[row])},
        "gap": {name: float(np.abs(_slope(before, weight, biases)).max()) for name, weight in gaps.items()},
    }


def learn(ask: Ask) -> dict[str, Any]:
    """`steps` exact steps in a row: the machine they lead to and ln p(target) before the first and after each.

    `stopped`: a further step would have led a parameter beyond what the page allows, so fewer were taken.
    """
    now, target, biases, rate = _given(ask)
    row = number_of(target)
    log_probability = [now.log_visible[row]]
    stopped = False
    for _ in range(ask.whole("steps", 1, MOST_STEPS, default=1)):
        moved = now.parameters.moved(rate / now.temperature * cloud.gradient(now, target, biases))
        stopped = not _allowed(moved)
        if stopped:
            break
        now = tables(moved, now.temperature)
        log_probability.append(now.log_visible[row])
    return {
        "machine": now.parameters.message(),
        "log_probability": log_probability,
        "taken": len(log_probability) - 1,
        "stopped": stopped,
    }


def divergence(ask: Ask) -> dict[str, Any]:
    """One update of CD-1 in slow motion: v, h, v', h' with every unit's total input, probability and coin, then the update."""
    before, target, biases, rate = _given(ask)
    random = np.random.default_rng([ask.seed(), ask.whole("draw", 0, 2**31, default=0)])
    layers = [{"bits": target}]
    for up in (True, False, True):
        given = layers[-1]["bits"]
        inputs = before.hidden_inputs(given) if up else before.visible_inputs(given)
        means = before.hidden_means if up else before.visible_means
        chance = means[number_of(given)]
        coin = random.random(len(chance))
        layers.append({"input": inputs, "probability": chance, "coin": coin, "bits": (coin < chance).astype(np.float64)})
    v, h, v_end, h_end = (layer["bits"] for layer in layers)
    positive, negative = Parameters(np.outer(v, h), v, h), Parameters(np.outer(v_end, h_end), v_end, h_end)
    delta = rate / before.temperature * (positive.flat(biases) - negative.flat(biases))
    after = tables(before.parameters.moved(delta), before.temperature)
    row = number_of(target)
    return {
        "layers": layers,
        "biases": biases,
        "rate": rate,
        "positive": positive.message(),
        "negative": negative.message(),
        "delta": before.parameters.parted(delta).message(),
        "machine": before.parameters.message(),
        "after": after.parameters.message(),
        "allowed": _allowed(after.parameters),
        "uphill": float(delta @ cloud.gradient(before, target, biases)),
        "probability": {"before": np.exp(before.log_visible[row]), "after": np.exp(after.log_visible[row])},
    }


def thousand(ask: Ask) -> dict[str, Any]:
    """A cloud of a thousand updates in a plane, around the exact gradient, with its mean, its exact expectation and error.

    The plane holds the gradient and CD-1's bias, or two chosen parameters. All in units of v h^T - v' h'^T, before eta / T.
    """
    before, target, biases, _ = _given(ask)
    method = ask.choice("method", (*(f"cd-{k}" for k in SWEEPS), "pcd"), default="cd-1")
    chains = int(ask.choice("chains", tuple(map(str, CHAINS)), default="1"))
    random = np.random.default_rng([ask.seed(), ask.whole("draw", 0, 2**31, default=0)])
    slope = cloud.gradient(before, target, biases)
    axes = _axes(ask, len(slope))
    if axes is None:
        directions = cloud.plane(slope, cloud.expected_updates(before, target, biases, 1)[0] - slope)
    else:
        directions = np.eye(len(slope))[:, axes]
    statistics = before.statistics(biases)
    wanted = np.concatenate([statistics, statistics @ directions], axis=2)
    if method == "pcd":
        moments = cloud.pcd_moments(before, target, wanted, UPDATES, chains)
        draws = cloud.pcd_draws(before, target, statistics, np.c_[directions, slope], UPDATES, chains, random)
    else:
        sweeps = int(method.removeprefix("cd-"))
        moments = cloud.cd_moments(before, target, wanted, sweeps, UPDATES * chains)
        draws = cloud.cd_draws(before, target, statistics, np.c_[directions, slope], sweeps, UPDATES, chains, random)
    places, count = np.unique(draws.points[:, :2].round(9) + 0.0, axis=0, return_counts=True)
    size = len(slope)
    return {
        "method": method,
        "chains": chains,
        "updates": UPDATES,
        "biases": biases,
        "along_gradient": axes is None,
        "points": {"x": places[:, 0], "y": places[:, 1], "count": count},
        "gradient": slope @ directions,
        "mean": draws.mean @ directions,
        "expected": moments.mean[size:],
        "error": moments.error[size:],
        "uphill": float((draws.points[:, 2] > NOTHING).mean()),
        "downhill": float((draws.points[:, 2] < -NOTHING).mean()),
        "length": float(np.linalg.norm(slope)),
        "bias": float(np.linalg.norm(moments.mean[:size] - slope)),
        "noise": float(np.linalg.norm(moments.error[:size])),
        "found": float(np.linalg.norm(draws.mean - slope)),
        "parameters": {
            "name": _names(before.parameters, biases),
            "gradient": slope,
            "expected": moments.mean[:size],
            "mean": draws.mean,
            "error": moments.error[:size],
        },
    }


def bias(ask: Ask) -> dict[str, Any]:
    """How CD-k's bias shrinks with k: the exact distance of its expected update from the gradient, for k = 1, 2, ..., 30.

    `memory`: the factor a sweep leaves of what the chain remembers the longest. `angle`: between the two, in degrees, null
    where one of them vanishes.
    """
    before, target, biases, _ = _given(ask)
    slope = cloud.gradient(before, target, biases)
    length = float(np.linalg.norm(slope))
    updates = cloud.expected_updates(before, target, biases, SWEEPS[-1])
    distance = np.linalg.norm(updates - slope, axis=1)
    along = updates @ slope
    # By the arc tangent, because an arc cosine near 1 loses half of the digits.
    across = np.linalg.norm(updates * length**2 - along[:, None] * slope, axis=1)
    known = np.linalg.norm(updates, axis=1) * length > 1e-12
    angle = np.degrees(np.arctan2(across, along * length))
    return {
        "sweeps": np.arange(1, SWEEPS[-1] + 1),
        "distance": distance,
        "angle": [float(a) if ok else None for a, ok in zip(angle, known, strict=True)],
        "length": length,
        "memory": cloud.second_eigenvalue(before),
    }


ANSWERS: dict[str, Callable[[Ask], dict[str, Any]]] = {
    "uphill.step": step,
    "uphill.learn": learn,
    "uphill.divergence": divergence,
    "uphill.thousand": thousand,
    "uphill.bias": bias,
}


def _given(ask: Ask) -> tuple[Tables, np.ndarray, bool, float]:
    """What every question of this chapter tells: the machine, the target, whether biases learn, and the rate."""
    found = tables(Parameters(*ask.parameters()), ask.temperature())
    target = ask.bits("target", found.v.shape[1])
    biases = ask.choice("parts", PARTS, default="weights") == "all"
    return found, target, biases, ask.number("rate", LEAST_RATE, MOST_RATE, default=0.1)


def _axes(ask: Ask, count: int) -> list[int] | None:
    """Two chosen parameters, as their places in the flat order, or None for the plane of the gradient."""
    if ask.choice("plane", ("gradient", "parameters"), default="gradient") == "gradient":
        return None
    return [ask.whole(name, 0, count - 1, default=min(number, count - 1)) for number, name in enumerate(("x", "y"))]


def _slope(found: Tables, weight: np.ndarray, biases: bool) -> np.ndarray:
    return found.held(weight).flat(biases) - found.free().flat(biases)


def _allowed(parameters: Parameters) -> bool:
    return parameters.largest() <= MOST_PARAMETER


def _names(parameters: Parameters, biases: bool) -> list[list[Any]]:
    """The letter and the indices, from 1, of each parameter in the flat order."""
    visible, hidden = parameters.weights.shape
    weights: list[list[Any]] = [["w", i + 1, j + 1] for i in range(visible) for j in range(hidden)]
    biases_too = [["a", i + 1] for i in range(visible)] + [["b", j + 1] for j in range(hidden)]
    return weights + biases_too if biases else weights
