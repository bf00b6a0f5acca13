"""Spin systems by their definitions: the rows of the benchmark `spins`, and their exact distribution where it is enumerable.

The definitions are those of E. Recio-Armengol, S. Ahmed and J. Bowles, "Train on classical, deploy on quantum", arXiv
2503.02934, and of its repository XanaduAI/scaling-gqml, as are bandwidths and published figures; rows are 0/1. The couplings of
the lattice of 4x4 are the published ones, others are drawn anew. Rows come from enumeration or from tempered chains. That
repository has no generator of the spin glass: in its samples of the published models all pairs are correlated alike, so it is
taken for the Sherrington-Kirkpatrick model, at a temperature at which uniform noise is about as far from it as published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.sparse import csr_array

MAX_ENUMERATED = 20
RUNGS, LADDERS, WARM_UP, SWEEPS = 6, 100, 1000, 10
"""Of tempered chains; sweeps before the first draw of a ladder, and between draws."""
MAX_DENSITY = 0.1
"""Of couplings that are multiplied as a sparse matrix."""


@dataclass(frozen=True)
class Ising:
    """p(s) proportional to exp(s' couplings s / 2 + field' s) of spins -1/+1, couplings symmetric with a diagonal of zero.

    `hottest`: temperature of the hottest rung of tempered chains, in units of the system's; they draw from more than 20 spins.
    At 1 a chain stays in the mode that it comes to from noise, and the rows are of such a mixture instead.
    """

    couplings: np.ndarray
    field: np.ndarray
    hottest: float = 3.0

    def log_probabilities(self) -> np.ndarray:
        """Of all states in the order of `all_rows`."""
        spins = 2.0 * all_rows(len(self.field)) - 1
        scores = ((spins @ self.couplings) * spins).sum(axis=1) / 2 + spins @ self.field
        return scores - np.logaddexp.reduce(scores)

    def draw(self, random: np.random.Generator, rows: int) -> np.ndarray:
        if len(self.field) <= MAX_ENUMERATED:
            return _draw_states(random, self.log_probabilities(), rows)
        return draw_by_tempering(self, random, rows)


@dataclass(frozen=True)
class Blobs:
    """Each of the patterns is as likely, and each of its bits flipped with a probability."""

    patterns: np.ndarray
    flips: float

    def log_probabilities(self) -> np.ndarray:
        distances = (all_rows(self.patterns.shape[1])[:, None] != self.patterns).sum(axis=2)
        scores = distances * np.log(self.flips) + (self.patterns.shape[1] - distances) * np.log1p(-self.flips)
        return np.logaddexp.reduce(scores, axis=1) - np.log(len(self.patterns))

    def draw(self, random: np.random.Generator, rows: int) -> np.ndarray:
        return _draw_states(random, self.log_probabilities(), rows)


@dataclass(frozen=True)
class SpinSystem:
    """A data set: how many rows, the hidden units of its models, and what was published at each bandwidth.

    `published`: bandwidth to MMD^2 of the published RBM and of the quantum circuit; empty if there is none.
    """

    name: str
    make: Callable[[np.random.Generator], Ising | Blobs]
    columns: int
    train: int
    test: int
    hidden: int
    published: dict[float, tuple[float, float]] = field(default_factory=dict)

    def draw(self) -> tuple[Ising | Blobs, np.ndarray, np.ndarray]:
        """The distribution, training rows and test rows."""
        random = np.random.default_rng(list(self.name.encode()))
        distribution = self.make(random)
        train, test = np.split(random.permutation(distribution.draw(random, self.train + self.test)), [self.train])
        return distribution, train, test


def all_rows(columns: int) -> np.ndarray:
    """All 0/1 rows, the first bit changing slowest."""
    return ((np.arange(2**columns)[:, None] >> np.arange(columns)[::-1]) & 1).astype(np.int8)


def _draw_states(random: np.random.Generator, log_probabilities: np.ndarray, rows: int) -> np.ndarray:
    columns = int(np.log2(len(log_probabilities)))
    probabilities = np.exp(log_probabilities)
    chosen = random.choice(len(probabilities), rows, p=probabilities / probabilities.sum())
    return all_rows(columns)[chosen]


# ---- definitions


def _lattice(_random: np.random.Generator, width: int, temperature: float) -> Ising:
    """A periodic square lattice; a bond is the mean of two numbers uniform between 0 and 2."""
    sites = np.arange(width**2).reshape(width, width)
    bonds = np.random.RandomState(666).uniform(0, 2, (width**2, width**2))  # as published
    couplings = np.zeros_like(bonds)
    for neighbors in (np.roll(sites, 1, axis=0), np.roll(sites, 1, axis=1)):
        couplings[sites, neighbors] = couplings[neighbors, sites] = (bonds[sites, neighbors] + bonds[neighbors, sites]) / 2
    return Ising(couplings / temperature, np.zeros(width**2))


def _eight_blobs(_random: np.random.Generator) -> Blobs:
    """On 4x4 spins: squares in the four corners and in the middle, both diagonals, and the four corners alone."""
    patterns = np.zeros((8, 4, 4), np.int8)
    for pattern, (row, column) in zip(patterns, [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)], strict=False):
        pattern[row : row + 2, column : column + 2] = 1
    patterns[5], patterns[6] = np.eye(4), np.eye(4)[::-1]
    patterns[7, ::3, ::3] = 1
    return Blobs(patterns.reshape(8, 16), 0.05)


def _spin_glass(random: np.random.Generator, spins: int, temperature: float) -> Ising:
    """Every pair is coupled, normally distributed with variance 1 / spins (Sherrington and Kirkpatrick, PRL 35, 1975)."""
    upper = np.triu(random.standard_normal((spins, spins)), 1) / np.sqrt(spins)
    return Ising((upper + upper.T) / temperature, np.zeros(spins))


def _scale_free(random: np.random.Generator, spins: int, links: int, bias: float, hottest: float = 3.0) -> Ising:
    """A graph that grows by preferential attachment (Barabasi and Albert, Science 286, 1999); couplings uniform from 0 to 1.

    The first `links` + 1 sites form a star. Every further one is linked to `links` others, chosen by how many links they have.
    The field is `bias` times the number of a site's links; the temperature is 1. In equilibrium most spins are down. A fifth of
    chains from noise comes to a mode where they are up, and stays there; the published rows are of eight Gibbs chains.
    """
    ends = [end for site in range(1, links + 1) for end in (0, site)]
    couplings = np.zeros((spins, spins))
    couplings[0, 1 : links + 1] = 1
    for site in range(links + 1, spins):
        chosen: set[int] = set()
        while len(chosen) < links:
            chosen.add(ends[random.integers(len(ends))])
        couplings[sorted(chosen), site] = 1
        ends += [*chosen, *[site] * links]
    degrees = (couplings + couplings.T).sum(axis=0)
    couplings *= random.random((spins, spins))
    return Ising(couplings + couplings.T, bias * degrees, hottest)


# ---- rows of what is too large to be enumerated


@np.errstate(over="ignore")  # of a hub whose spin is certain
def draw_by_tempering(system: Ising, random: np.random.Generator, rows: int) -> np.ndarray:
    """From independent ladders of tempered chains that start at noise; spins without a bond are redrawn together.

    Chains exchange temperatures, not states, so that the states of all of them stay the columns of one array: a sweep is a
    product of the couplings and the columns, a sparse one where few spins are coupled.
    """
    few = np.count_nonzero(system.couplings) < MAX_DENSITY * system.couplings.size
    couplings = (csr_array if few else np.asarray)(system.couplings.astype(np.float32))
    field = system.field.astype(np.float32)[:, None]
    groups = [np.array(group) for group in _groups(system.couplings)]
    parts = [(group, couplings[group], field[group]) for group in groups]
    betas = np.linspace(1, 1 / system.hottest, RUNGS, dtype=np.float32)
    columns = np.arange(RUNGS * LADDERS).reshape(RUNGS, LADDERS)  # of the chain on each rung of each ladder
    beta = np.repeat(betas, LADDERS)
    spins = random.choice(np.array([-1, 1], np.float32), (len(field), columns.size))
    drawn = []
    for number in range(1, WARM_UP + SWEEPS * -(-rows // LADDERS) + 1):
        for group, bonds, own_field in parts:
            up = 1 / (1 + np.exp(-2 * beta * (bonds @ spins + own_field)))
            spins[group] = np.where(random.random(up.shape, np.float32) < up, np.float32(1), np.float32(-1))
        scores = np.sum(spins * (couplings @ spins / 2 + field), axis=0, dtype=np.float64)
        # Pairs of neighbors that share no rung: the even ones and the odd ones by turns.
        for low in range(number % 2, RUNGS - 1, 2):
            here, next_one = columns[low].copy(), columns[low + 1].copy()
            log_ratio = (betas[low + 1] - betas[low]) * (scores[here] - scores[next_one])
            swapped = np.log(random.random(LADDERS)) < log_ratio
            columns[low], columns[low + 1] = np.where(swapped, [next_one, here], [here, next_one])
        beta[columns] = betas[:, None]
        if number > WARM_UP and (number - WARM_UP) % SWEEPS == 0:
            drawn.append(spins[:, columns[0]].T > 0)
    return np.concatenate(drawn)[:rows].astype(np.int8)


def _groups(couplings: np.ndarray) -> list[list[int]]:
    """Spins in groups without a bond inside, most linked ones first."""
    bonds, groups = couplings != 0, list[list[int]]()
    for spin in np.argsort(-bonds.sum(axis=0), kind="stable"):
        free = next((group for group in groups if not bonds[spin, group].any()), None)
        if free is None:
            groups.append(free := [])
        free.append(int(spin))
    return groups


SCALE_FREE = {3.82475: (1.888e-2, 4.72e-4), 7.90497: (0.394, 9.13e-3), 9.53706: (0.531, 1.14e-2)}
SYSTEMS = (
    SpinSystem(
        "2D Ising 4x4",
        partial(_lattice, width=4, temperature=3.0),
        16,
        5000,
        10_000,
        32,
        {0.6: (3.14e-3, -1.0e-4), 1.3: (4.01e-3, -9.8e-5), 1.52026: (3.72e-3, 2.03e-4)},
    ),
    SpinSystem(
        "eight blobs",
        _eight_blobs,
        16,
        5000,
        10_000,
        32,
        {0.6: (2.68e-2, 1.14e-3), 1.3: (4.46e-2, 2.71e-3), 1.45542: (4.41e-2, 2.58e-3)},
    ),
    SpinSystem("2D Ising 12x12", partial(_lattice, width=12, temperature=3.0), 144, 10_000, 10_000, 300),  # 288 bonds
    SpinSystem(
        "spin glass, 256",
        partial(_spin_glass, spins=256, temperature=0.9),
        256,
        10_000,
        10_000,
        256,
        {3.36359: (1.976e-3, 2.174e-3), 4.37295: (2.129e-3, 2.250e-3), 5.63466: (2.318e-3, 1.865e-3)},
    ),
    SpinSystem(
        "scale-free Ising, 1000",
        partial(_scale_free, spins=1000, links=2, bias=-0.01),
        1000,
        10_000,
        5_000,
        250,
        SCALE_FREE,
    ),
    SpinSystem(
        "scale-free Ising, 1000, two modes",
        partial(_scale_free, spins=1000, links=2, bias=-0.01, hottest=1.0),
        1000,
        10_000,
        5_000,
        250,
        SCALE_FREE,
    ),
)
