"""Three copies of a small machine that learn a known distribution side by side, each with its own negative term.

The target q(v) is known, so each has the exact positive term, the statistics expected under q(v) p(h|v). They differ only in
where the model's v come from:

    exact   all v, each with its probability p(v)
    cd      one Gibbs sweep from chains that start at the data, drawn from q as evenly as their number allows (CD-1)
    pcd     one Gibbs sweep from where the chains were left at the update before (PCD-1)

They are the estimators of `harmonium.gradients`, in NumPy on tables of at most 2^9 visible states: shapes change with every
setting on the page, and compiling for each would take longer than the updates. T = 1, and everything is in float64. Random
numbers depend on the seed and the number of the update alone, so that ten updates at once are ten updates one by one.

References: G. Hinton, Neural Computation 14 (2002) (CD); T. Tieleman, ICML 2008 (PCD); A. Fischer and C. Igel,
"Empirical analysis of the divergence of Gibbs sampling based learning algorithms for RBMs", ICANN 2010.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

METHODS = ("exact", "cd", "pcd")
MOST_PARAMETER = 100.0
"""A machine with a parameter beyond this stops learning."""
_FIRST, _CD, _PCD = range(3)
"""Streams of random numbers, apart from each other at every update."""


class Parameters(NamedTuple):
    """A machine of binary units, or statistics in its shape: `weights [V, H]`, visible biases `a [V]`, hidden `b [H]`."""

    weights: np.ndarray
    a: np.ndarray
    b: np.ndarray


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is learned and how: distinct patterns `rows [n, V]` with their target probabilities `share [n]`."""

    rows: np.ndarray
    share: np.ndarray
    rate: float
    chains: int
    seed: int

    @property
    def entropy(self) -> float:
        """-sum_v q ln q (nats). Its negative is the largest log likelihood that any model can reach."""
        return max(0.0, -float(self.share @ np.log(self.share)))


@dataclass(frozen=True, eq=False)
class State:
    """After `update` updates: a machine for each method and the h of PCD's `chains [C, H]`.

    `vectors`: what CD and PCD took for the model's v at the last update, `[C, V]`. `stopped`: the update at which a method's
    parameters went out of bounds; that machine stays as it was before.
    """

    update: int
    machines: dict[str, Parameters]
    chains: np.ndarray
    vectors: dict[str, np.ndarray]
    stopped: dict[str, int]


class Measures(NamedTuple):
    """Exact figures of one machine: the target's mean ln p(v) and KL(target || model), both in nats, and the number of pixels
    expected to be wrong in a reconstruction v -> h -> v' of the target's v."""

    log_likelihood: float
    divergence: float
    wrong_pixels: float


@cache
def states(units: int) -> np.ndarray:
    """All `[2^units, units]` states of binary units, the first unit changing slowest."""
    table = (np.arange(1 << units)[:, None] >> np.arange(units)[::-1] & 1).astype(np.float64)
    table.setflags(write=False)
    return table


def begin(lesson: Lesson, hidden: int, scale: float) -> State:
    """The common start: normal weights of standard deviation `scale`, biases 0, chains of fair coins."""
    random = _random(lesson.seed, 0, _FIRST)
    visible = lesson.rows.shape[1]
    machine = Parameters(scale * random.standard_normal((visible, hidden)), np.zeros(visible), np.zeros(hidden))
    chains = _tossed(random, np.full((lesson.chains, hidden), 0.5))
    return State(0, dict.fromkeys(METHODS, machine), chains, {}, {})


def advance(state: State, lesson: Lesson) -> State:
    """One update of each machine that has not stopped: parameters += rate * (positive - negative)."""
    update = state.update + 1
    machines, stopped, vectors = dict(state.machines), dict(state.stopped), {}
    chains = state.chains
    for method in METHODS:
        if method in stopped:
            continue
        machine = machines[method]
        if method == "exact":
            negative = model_statistics(machine)
        elif method == "cd":
            vectors[method], negative = cd_statistics(machine, lesson, _random(lesson.seed, update, _CD))
        else:
            chains, vectors[method], negative = pcd_statistics(machine, chains, _random(lesson.seed, update, _PCD))
        positive = statistics(machine, lesson.rows, lesson.share)
        moved = Parameters(*(old + lesson.rate * (p - n) for old, p, n in zip(machine, positive, negative, strict=True)))
        if all(np.abs(part).max() <= MOST_PARAMETER for part in moved):
            machines[method] = moved
        else:
            stopped[method] = update
    return State(update, machines, chains, vectors, stopped)


def statistics(machine: Parameters, v: np.ndarray, share: np.ndarray) -> Parameters:
    """Expected (v h^T, v, h) with `v [n, V]` of probability `share [n]` and h ~ p(h|v)."""
    h = _sigmoid(v @ machine.weights + machine.b)
    weighted = v * share[:, None]
    return Parameters(weighted.T @ h, weighted.sum(axis=0), share @ h)


def model_statistics(machine: Parameters) -> Parameters:
    """The same under the machine's own distribution, by summing over all v."""
    v = states(len(machine.a))
    return statistics(machine, v, np.exp(log_probability(machine)))


def cd_statistics(machine: Parameters, lesson: Lesson, random: np.random.Generator) -> tuple[np.ndarray, Parameters]:
    """The reconstructions v' `[C, V]` of `lesson.chains` data vectors and their statistics, h' counted by its expectation."""
    # Evenly spaced points with one common shift give each pattern its share of the chains, up to one.
    points = (np.arange(lesson.chains) + random.random()) / lesson.chains
    start = lesson.rows[np.minimum(np.searchsorted(np.cumsum(lesson.share), points, side="right"), len(lesson.rows) - 1)]
    h = _tossed(random, _sigmoid(start @ machine.weights + machine.b))
    v = _tossed(random, _sigmoid(h @ machine.weights.T + machine.a))
    return v, statistics(machine, v, np.full(len(v), 1 / len(v)))


def pcd_statistics(
    machine: Parameters, h: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, Parameters]:
    """One sweep of the chains from `h [C, H]`: their new h, their v, and the statistics of those."""
    v = _tossed(random, _sigmoid(h @ machine.weights.T + machine.a))
    h = _tossed(random, _sigmoid(v @ machine.weights + machine.b))
    return h, v, statistics(machine, v, np.full(len(v), 1 / len(v)))


def log_probability(machine: Parameters) -> np.ndarray:
    """ln p(v) of all `[2^V]` visible states."""
    v = states(len(machine.a))
    minus_free_energy = v @ machine.a + _softplus_sum(v @ machine.weights + machine.b)
    return minus_free_energy - _log_sum(minus_free_energy)


def measure(machine: Parameters, lesson: Lesson) -> Measures:
    """Log likelihood, divergence and reconstruction error, each summed over everything it is an expectation of."""
    likelihood = float(lesson.share @ log_probability(machine)[numbers(lesson.rows)])
    given_h = _sigmoid(states(len(machine.b)) @ machine.weights.T + machine.a)
    on = _hidden_given(machine, lesson.rows) @ given_h
    wrong = lesson.rows * (1 - on) + (1 - lesson.rows) * on
    return Measures(likelihood, max(0.0, -lesson.entropy - likelihood), float(lesson.share @ wrong.sum(axis=1)))


def flawless(machine: Parameters, lesson: Lesson) -> float:
    """The probability that v drawn from the target is reconstructed as v' = v."""
    h, v = states(len(machine.b)), lesson.rows
    inputs = h @ machine.weights.T + machine.a
    log_same = inputs @ v.T - _softplus_sum(inputs)[:, None]
    return float(lesson.share @ (_hidden_given(machine, v) * np.exp(log_same).T).sum(axis=1))


def numbers(v: np.ndarray) -> np.ndarray:
    """The rows of `states` at which the rows of `v` stand."""
    return (v @ (1 << np.arange(v.shape[1])[::-1])).astype(int)


def _hidden_given(machine: Parameters, v: np.ndarray) -> np.ndarray:
    """p(h|v) for all h, `[n, V] -> [n, 2^H]`."""
    on = _sigmoid(v @ machine.weights + machine.b)
    table = np.ones((len(v), 1))
    for j in range(on.shape[1]):
        p = on[:, j, None]
        table = np.stack([table * (1 - p), table * p], axis=-1).reshape(len(v), -1)
    return table


def _random(seed: int, update: int, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, stream, update]))


def _tossed(random: np.random.Generator, probability: np.ndarray) -> np.ndarray:
    return (random.random(probability.shape) < probability).astype(np.float64)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def _softplus_sum(x: np.ndarray) -> np.ndarray:
    """sum_j ln(1 + e^x_j) over the last axis, which is short: a product of so few factors up to 2 cannot overflow."""
    return np.maximum(x, 0).sum(axis=-1) + np.log(np.prod(1 + np.exp(-np.abs(x)), axis=-1))


def _log_sum(x: np.ndarray) -> float:
    largest = x.max()
    return float(largest + np.log(np.exp(x - largest).sum()))
