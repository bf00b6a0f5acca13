"""Contrastive divergence on a small machine: what its updates are, drawn and exact.

One update of CD-k is v h^T - v' h'^T with h drawn from p(h|v) and (v', h') the end of k sweeps that start from it; a persistent
chain (PCD) goes on from its last h instead. In the units of these vectors the exact gradient is the positive minus the negative
term; a step is eta / T times as long. Directions are columns of `[P, D]`, in the order of `Parameters.flat`.

Reference: A. Fischer and C. Igel, "Bounding the bias of contrastive divergence learning", Neural Computation 23 (2011).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harmonium.lab.tables import Tables, number_of


class Moments(NamedTuple):
    """Exact mean `[D]` of an update along each direction, and the exact standard error `[D]` of the mean of a cloud of them."""

    mean: np.ndarray
    error: np.ndarray


class Draws(NamedTuple):
    """A cloud: its updates along each direction, `points [updates, D]`, and their mean over all parameters `[P]`."""

    points: np.ndarray
    mean: np.ndarray


def sweep_matrix(tables: Tables) -> np.ndarray:
    """Probability `[m, m]` that one sweep leads from h to h'."""
    return tables.visible_given_hidden @ tables.hidden_given_visible


def second_eigenvalue(tables: Tables) -> float:
    """The factor by which a sweep shrinks what the chain remembers the longest."""
    # A sweep down and up is a product of a matrix and its adjoint: its eigenvalues are real, from 0 to 1.
    values = np.sort(np.linalg.eigvals(sweep_matrix(tables)).real)[::-1]
    return float(np.clip(values[1], 0, 1))


def expected_updates(tables: Tables, target: np.ndarray, biases: bool, most: int) -> np.ndarray:
    """The exact expectation `[most, P]` of an update of CD-1 to CD-`most`."""
    sweep = sweep_matrix(tables)
    chance = tables.hidden_given_visible[number_of(target)]
    positive = tables.expected(tables.only(target)[:, None] * chance).flat(biases)
    updates = []
    for _ in range(most):
        down = chance @ tables.visible_given_hidden
        updates.append(positive - tables.expected(down[:, None] * tables.hidden_given_visible).flat(biases))
        chance = chance @ sweep
    return np.array(updates)


def gradient(tables: Tables, target: np.ndarray, biases: bool) -> np.ndarray:
    """The exact positive minus the exact negative term `[P]`."""
    return tables.held(tables.only(target)).flat(biases) - tables.free().flat(biases)


def plane(slope: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Two orthonormal directions `[P, 2]`: the gradient, and what is left of CD-1's bias across it.

    Where either of them vanishes, the first parameters' own directions take its place; a single parameter leaves the
    second zero.
    """
    chosen: list[np.ndarray] = []
    for vector in (slope, bias, *np.eye(len(slope))):
        rest = vector - sum((direction * (direction @ vector) for direction in chosen), np.zeros(len(slope)))
        length = np.linalg.norm(rest)
        if length > 1e-9 and len(chosen) < 2:
            chosen.append(rest / length)
    return np.stack([*chosen, *[np.zeros(len(slope))] * (2 - len(chosen))], axis=1)


def cd_moments(tables: Tables, target: np.ndarray, statistics: np.ndarray, sweeps: int, updates: int) -> Moments:
    """Of CD-`sweeps`, for `statistics [n, m, D]` and a cloud of independent updates."""
    up, down = tables.hidden_given_visible, tables.visible_given_hidden
    start = up[number_of(target)]
    positive = statistics[number_of(target)]
    ahead = np.linalg.matrix_power(sweep_matrix(tables), sweeps - 1)
    # Expectations after the last sweep, given the h that the chain began with.
    first = ahead @ np.einsum("hv,vg,vgd->hd", down, up, statistics, optimize=True)
    second = ahead @ np.einsum("hv,vg,vgd->hd", down, up, statistics**2, optimize=True)
    mean = start @ (positive - first)
    square = start @ (positive**2 - 2 * positive * first + second)
    return Moments(mean, np.sqrt(np.maximum(square - mean**2, 0) / updates))


def pcd_moments(tables: Tables, target: np.ndarray, statistics: np.ndarray, updates: int, chains: int) -> Moments:
    """Of successive updates, each with one more sweep of `chains` chains that began at the target.

    The standard error allows for the chains' memory. With R the sum of the statistics still to come, the recursion
    <R> = <f> + <R'>, <R^2> = <f^2> + 2 <f R'> + <R'^2> runs back from the last sweep to the first.
    """
    up, down = tables.hidden_given_visible, tables.visible_given_hidden
    start, positive = up[number_of(target)], statistics[number_of(target)]
    first = np.einsum("hv,vg,vgd->hd", down, up, statistics, optimize=True)
    second = np.einsum("hv,vg,vgd->hd", down, up, statistics**2, optimize=True)
    together = np.einsum("hv,vg,vgd->dhg", down, up, statistics, optimize=True)
    sweep = sweep_matrix(tables)
    to_come, squared = np.zeros_like(first), np.zeros_like(first)
    for _ in range(updates):
        squared = second + 2 * np.squeeze(together @ to_come.T[:, :, None], 2).T + sweep @ squared
        to_come = first + sweep @ to_come
    negative = start @ to_come
    positive_variance = np.maximum(start @ positive**2 - (start @ positive) ** 2, 0)
    variance = np.maximum(start @ squared - negative**2, 0) / updates**2 + positive_variance / updates
    return Moments(start @ positive - negative / updates, np.sqrt(variance / chains))


def cd_draws(
    tables: Tables,
    target: np.ndarray,
    statistics: np.ndarray,
    directions: np.ndarray,
    sweeps: int,
    updates: int,
    chains: int,
    random: np.random.Generator,
) -> Draws:
    """Independent updates of CD-`sweeps`, each the mean over `chains` chains."""
    at_target = np.tile(tables.hidden_means[number_of(target)], (updates * chains, 1))
    begin = _coins(at_target, random)
    h = begin
    for _ in range(sweeps):
        v = _coins(tables.visible_means[h], random)
        h = _coins(tables.hidden_means[v], random)
    return _draws(statistics, directions, number_of(target), begin, v, h, (updates, chains))


def pcd_draws(
    tables: Tables,
    target: np.ndarray,
    statistics: np.ndarray,
    directions: np.ndarray,
    updates: int,
    chains: int,
    random: np.random.Generator,
) -> Draws:
    """Successive updates of PCD-1: the same `chains` chains go on, one sweep an update; the machine is held still."""
    at_target = np.tile(tables.hidden_means[number_of(target)], (updates * chains, 1))
    begin = _coins(at_target, random)
    h = _coins(at_target[:chains], random)
    ends = np.empty((2, updates, chains), dtype=np.int64)
    for update in range(updates):
        v = _coins(tables.visible_means[h], random)
        h = _coins(tables.hidden_means[v], random)
        ends[:, update] = v, h
    return _draws(statistics, directions, number_of(target), begin, ends[0].ravel(), ends[1].ravel(), (updates, chains))


def _draws(
    statistics: np.ndarray,
    directions: np.ndarray,
    target: int,
    begin: np.ndarray,
    v: np.ndarray,
    h: np.ndarray,
    shape: tuple[int, int],
) -> Draws:
    n, m, _ = statistics.shape
    seen = statistics @ directions
    points = (seen[target][begin] - seen[v, h]).reshape(*shape, -1).mean(axis=1)
    positive = np.bincount(begin, minlength=m) / len(begin)
    negative = np.bincount(v * m + h, minlength=n * m).reshape(n, m) / len(begin)
    return Draws(points, positive @ statistics[target] - np.tensordot(negative, statistics, 2))


def _coins(chance: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Toss a coin for each unit, `[n, N] -> [n]`: the number of the state they make."""
    state = np.zeros(len(chance), dtype=np.int64)
    for unit in range(chance.shape[1]):
        state = 2 * state + (random.random(len(chance)) < chance[:, unit])
    return state
