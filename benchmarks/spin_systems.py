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

import jax
import jax.numpy as jnp
import numpy as np

MAX_ENUMERATED = 20
HOTTEST, RUNGS, LADDERS, WARM_UP, SWEEPS = 3.0, 6, 100, 1000, 10
"""Temperature of the hottest rung in units of the system's, rungs, ladders, sweeps before the first draw, and between draws."""


@dataclass(frozen=True)
class Ising:
    """p(s) proportional to exp(s' couplings s / 2 + field' s) of spins -1/+1, couplings symmetric with a diagonal of zero."""

    couplings: np.ndarray
    field: np.ndarray

    def log_probabilities(self) -> np.ndarray:
        """Of all states in the order of `all_rows`."""
        spins = 2.0 * all_rows(len(self.field)) - 1
        scores = ((spins @ self.couplings) * spins).sum(axis=1) / 2 + spins @ self.field
        return scores - np.logaddexp.reduce(scores)

    def draw(self, random: np.random.Generator, rows: int) -> np.ndarray:
        if len(self.field) <= MAX_ENUMERATED:
            return _draw_states(random, self.log_probabilities(), rows)
        return _draw_by_tempering(self, rows, int(random.integers(2**31)))


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


def _scale_free(random: np.random.Generator, spins: int, links: int, bias: float) -> Ising:
    """A graph that grows by preferential attachment (Barabasi and Albert, Science 286, 1999); couplings uniform from 0 to 1.

    The first `links` + 1 sites form a star. Every further one is linked to `links` others, chosen by how many links they have.
    The field is `bias` times the number of a site's links; the temperature is 1.
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
    return Ising(couplings + couplings.T, bias * degrees)


# ---- rows of what is too large to be enumerated


def _draw_by_tempering(system: Ising, rows: int, seed: int) -> np.ndarray:
    """From independent ladders of tempered chains that start at noise; spins without a bond are redrawn together."""
    groups = _groups(system.couplings)
    size = len(system.field)
    padded = np.full((len(groups), max(map(len, groups))), size)
    for line, group in zip(padded, groups, strict=True):
        line[: len(group)] = group
    columns = np.pad(system.couplings, ((0, 0), (0, 1)))[:, padded].transpose(1, 0, 2)
    parts = [jnp.asarray(part, jnp.float32) for part in (system.couplings, system.field, columns)]
    parts.append(jnp.asarray(np.pad(system.field, (0, 1))[padded], jnp.float32))
    betas = jnp.asarray(np.linspace(1, 1 / HOTTEST, RUNGS), jnp.float32)
    run = partial(_run, jnp.asarray(padded), betas, *parts)
    start = 2.0 * jax.random.bernoulli(jax.random.key(seed), shape=(RUNGS, LADDERS, size)) - 1
    spins, _ = run(jax.random.key(seed + 1), start.astype(jnp.float32), draws=1, sweeps=WARM_UP)
    _, drawn = run(jax.random.key(seed + 2), spins, draws=-(-rows // LADDERS), sweeps=SWEEPS)
    return (np.asarray(drawn).reshape(-1, size)[:rows] > 0).astype(np.int8)


def _groups(couplings: np.ndarray) -> list[list[int]]:
    """Spins in groups without a bond inside, most linked ones first."""
    bonds, groups = couplings != 0, list[list[int]]()
    for spin in np.argsort(-bonds.sum(axis=0), kind="stable"):
        free = next((group for group in groups if not bonds[spin, group].any()), None)
        if free is None:
            groups.append(free := [])
        free.append(int(spin))
    return groups


@partial(jax.jit, static_argnames=("draws", "sweeps"))
def _run(groups, betas, couplings, field, columns, fields, key, spins, *, draws, sweeps):
    """Further states [rungs, ladders, spins], and those of the first rung after every `sweeps` sweeps."""

    def redraw(spins, of_group):
        group, columns, field, key = of_group
        up = jax.nn.sigmoid(2 * betas[:, None, None] * (spins @ columns + field))
        new = jnp.where(jax.random.uniform(key, up.shape) < up, 1.0, -1.0)
        return spins.at[..., group].set(new, mode="drop"), None

    def sweep(spins, numbered):
        number, key = numbered
        sweep_key, swap_key = jax.random.split(key)
        spins, _ = jax.lax.scan(redraw, spins, (groups, columns, fields, jax.random.split(sweep_key, len(groups))))
        scores = jnp.sum(spins @ couplings * spins, axis=2) / 2 + spins @ field
        ratio = (betas[1:] - betas[:-1])[:, None] * (scores[:-1] - scores[1:])
        # Pairs of neighbors that share no rung: the even ones and the odd ones by turns.
        pairs = (jnp.arange(len(betas) - 1) % 2 == number % 2)[:, None]
        swapped = pairs & (jnp.log(jax.random.uniform(swap_key, ratio.shape)) < ratio)
        none = jnp.zeros((1, spins.shape[1]), bool)
        with_next, with_last = jnp.concatenate([swapped, none])[..., None], jnp.concatenate([none, swapped])[..., None]
        next_one, last_one = jnp.roll(spins, -1, axis=0), jnp.roll(spins, 1, axis=0)
        return jnp.where(with_next, next_one, jnp.where(with_last, last_one, spins)), None

    def draw(spins, key):
        spins, _ = jax.lax.scan(sweep, spins, (jnp.arange(sweeps), jax.random.split(key, sweeps)))
        return spins, spins[0]

    return jax.lax.scan(draw, spins, jax.random.split(key, draws))


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
        {3.82475: (1.888e-2, 4.72e-4), 7.90497: (0.394, 9.13e-3), 9.53706: (0.531, 1.14e-2)},
    ),
)
