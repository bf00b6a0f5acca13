"""Thirty synthetic problems: rows drawn exactly from RBMs, random trees and mixtures, with every kind of visible unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import harmonium as hm

TEST_ROWS, MAX_VALID_ROWS, MIN_VALID_ROWS = 5000, 5000, 20
CATEGORIES = 4
RBM_HIDDEN = 10


@dataclass(frozen=True)
class Problem:
    """`rows` training rows of `columns` units; `density`: the mean fraction of ones, or of cells off their usual category."""

    structure: str
    kind: str
    rows: int
    columns: int
    density: float
    hidden: int = 20

    @property
    def name(self) -> str:
        wide = "" if self.hidden == 20 else f"-h{self.hidden}"
        return f"{self.structure}-{self.kind}-{self.rows}x{self.columns}-{self.density:g}{wide}"

    @property
    def updates(self) -> int:
        """Of every run on it: about the same time for all."""
        return int(np.clip(1e7 / (self.columns * self.hidden), 2500, 6000))

    def draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, hm.RBM]:
        """Training, validation and test rows, and the RBM to start from."""
        random = np.random.default_rng(list(self.name.encode()))
        valid = int(np.clip(self.rows // 5, MIN_VALID_ROWS, MAX_VALID_ROWS))
        bits = STRUCTURES[self.structure](random, self.rows + valid + TEST_ROWS, self.columns, self.density)
        rows, visible = KINDS[self.kind](random, bits)
        train, valid_rows, test = np.split(rows, [self.rows, self.rows + valid])
        return train, valid_rows, test, hm.initialize(train, self.hidden, visible)


# ---- where the zeros and ones come from


def _densities(random: np.random.Generator, columns: int, density: float) -> np.ndarray:
    """A few columns are much denser than the rest, as words are."""
    spread = random.lognormal(0.0, 0.7, columns)
    return np.clip(density * spread / spread.mean(), 0.2 * density, 0.9)


def _strength(columns: int) -> float:
    """Few columns need a stronger dependence, or it is not to be seen in few rows."""
    return float(np.clip((100 / columns) ** 0.5, 1, 2))


def _mixture(random: np.random.Generator, rows: int, columns: int, density: float) -> np.ndarray:
    """Ten unequal clusters, or four of few columns; in each a column is more frequent than usual or rarer."""
    usual, clusters = _densities(random, columns, density), 10 if columns >= 100 else 4
    odds = usual / (1 - usual) * np.exp(-0.4 + 1.2 * _strength(columns) * random.standard_normal((clusters, columns)))
    cluster = random.choice(clusters, rows, p=random.dirichlet(np.full(clusters, 3.0)))
    return random.random((rows, columns)) < (odds / (1 + odds))[cluster]


def _tree(random: np.random.Generator, rows: int, columns: int, density: float) -> np.ndarray:
    """Each column copies an earlier one with a probability of its own, and is otherwise independent."""
    usual, copies = _densities(random, columns, density), random.uniform(0.2, 0.9, columns)
    bits = random.random((rows, columns)) < usual
    for i in range(1, columns):
        parent = random.integers(max(0, i - 20), i)
        copied = random.random(rows) < copies[i]
        bits[copied, i] = bits[copied, parent]
    return bits


def _rbm(random: np.random.Generator, rows: int, columns: int, density: float) -> np.ndarray:
    """Ten binary hidden units, each with large weights to a third of the columns: drawn by enumerating their states."""
    usual = _densities(random, columns, density)
    bias = np.log(usual / (1 - usual)) - 0.5
    weights = (
        (random.random((columns, RBM_HIDDEN)) < 1 / 3)
        * 1.5
        * _strength(columns)
        * random.standard_normal((columns, RBM_HIDDEN))
    )
    states = (np.arange(2**RBM_HIDDEN)[:, None] >> np.arange(RBM_HIDDEN)) & 1
    inputs = bias + states @ weights.T
    # The hidden layer's distribution of a harmonium is free to choose but for its biases: set so that none is always on.
    single = np.logaddexp(0, bias[:, None] + weights).sum(axis=0) - np.logaddexp(0, bias).sum()
    score = np.logaddexp(0, inputs).sum(axis=1) - states @ (single + random.uniform(0, 1.5, RBM_HIDDEN))
    probabilities = np.exp(score - score.max())
    chosen = random.choice(len(states), rows, p=probabilities / probabilities.sum())
    return random.random((rows, columns)) < (1 / (1 + np.exp(-inputs)))[chosen]


STRUCTURES: dict[str, Callable[[np.random.Generator, int, int, float], np.ndarray]] = {
    "mixture": _mixture,
    "tree": _tree,
    "rbm": _rbm,
}


# ---- how they are written down


def _categorical(random: np.random.Generator, bits: np.ndarray) -> tuple[np.ndarray, hm.Categorical]:
    """The zeros are one category, the ones one of the others: mostly a column's own."""
    others = random.dirichlet(np.full(CATEGORIES - 1, 0.5), bits.shape[1])
    drawn = (random.random(bits.shape)[..., None] > others.cumsum(axis=1)[None, :, :-1]).sum(axis=-1)
    states = np.where(bits, 1 + drawn, 0)
    one_hot = np.eye(CATEGORIES, dtype=np.int8)[states].reshape(len(bits), -1)
    return one_hot, hm.Categorical(np.zeros(one_hot.shape[1]), (CATEGORIES,) * bits.shape[1])


def _gaussian(random: np.random.Generator, bits: np.ndarray) -> tuple[np.ndarray, hm.Gaussian]:
    """A mean for zero and one for one, and noise; standardized."""
    values = bits * random.uniform(1, 3, bits.shape[1]) + random.standard_normal(bits.shape)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    return values.astype(np.float32), hm.Gaussian.zeros(bits.shape[1])


def _mixed(random: np.random.Generator, bits: np.ndarray) -> tuple[np.ndarray, hm.Mixed]:
    """A third of the columns each."""
    ends = [bits.shape[1] // 3, 2 * bits.shape[1] // 3]
    binary, of_categories, real = np.split(bits, ends, axis=1)
    one_hot, categorical = _categorical(random, of_categories)
    values, gaussian = _gaussian(random, real)
    rows = np.concatenate([binary, one_hot, values], axis=1).astype(np.float32)
    return rows, hm.Mixed((hm.Binary.zeros(binary.shape[1]), categorical, gaussian))


KINDS: dict[str, Callable[[np.random.Generator, np.ndarray], tuple[np.ndarray, hm.units.Units]]] = {
    "binary": lambda _, bits: (bits.astype(np.int8), hm.Binary.zeros(bits.shape[1])),
    "spin": lambda _, bits: (2 * bits.astype(np.int8) - 1, hm.Spin.zeros(bits.shape[1])),
    "categorical": _categorical,
    "gaussian": _gaussian,
    "mixed": _mixed,
}

PROBLEMS = (
    Problem("mixture", "binary", 400, 500, 0.1),
    Problem("mixture", "binary", 1400, 180, 0.2),
    Problem("rbm", "binary", 400, 500, 0.1),
    Problem("mixture", "binary", 100, 1000, 0.02),
    Problem("mixture", "binary", 2000, 1000, 0.02),
    Problem("mixture", "binary", 50, 30, 0.3),
    Problem("mixture", "binary", 10_000, 100, 0.1),
    Problem("mixture", "binary", 50_000, 200, 0.05),
    Problem("tree", "binary", 50, 10, 0.4),
    Problem("rbm", "binary", 300, 50, 0.5),
    Problem("rbm", "binary", 3000, 100, 0.3),
    Problem("rbm", "binary", 50_000, 60, 0.2),
    Problem("rbm", "binary", 1000, 300, 0.01),
    Problem("tree", "binary", 100, 40, 0.2),
    Problem("tree", "binary", 700, 200, 0.05),
    Problem("tree", "binary", 5000, 100, 0.5),
    Problem("tree", "binary", 50_000, 30, 0.3),
    Problem("tree", "binary", 1000, 600, 0.01),
    Problem("rbm", "binary", 2000, 150, 0.2, hidden=64),
    Problem("mixture", "binary", 500, 250, 0.1, hidden=64),
    Problem("rbm", "spin", 500, 100, 0.5),
    Problem("mixture", "spin", 5000, 50, 0.3),
    Problem("tree", "spin", 200, 300, 0.5),
    Problem("mixture", "categorical", 300, 40, 0.4, hidden=16),
    Problem("tree", "categorical", 5000, 60, 0.4, hidden=16),
    Problem("mixture", "gaussian", 150, 30, 0.4),
    Problem("rbm", "gaussian", 2000, 60, 0.4, hidden=16),
    Problem("tree", "gaussian", 20_000, 20, 0.4, hidden=16),
    Problem("mixture", "mixed", 300, 45, 0.3, hidden=16),
    Problem("tree", "mixed", 5000, 30, 0.4, hidden=16),
)
