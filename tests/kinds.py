"""A layer of every kind of unit, and models of any two of them: a new kind joins the tests by being added to LAYERS."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import numpy as np

import harmonium as hm
from harmonium.units import Units

LAYERS: dict[str, Units] = {
    "binary": hm.Binary([0.3, -1.2, 2.0]),
    "spin": hm.Spin([0.3, -1.2, 0.7]),
    "categorical": hm.Categorical([0.3, -1.2, 2.0, 0.1, 0.0, -0.4], (3, 3)),
    "ragged": hm.Categorical([0.3, -1.2, 0.5, 0.1, 1.0, -0.4], (2, 3, 1)),
    "gaussian": hm.Gaussian([0.3, -1.2], [0.8, 2.5]),
    "correlated": hm.CorrelatedGaussian([0.3, -1.2], [[0.8, 0.5], [0.5, 2.5]]),
    "relu": hm.ReLU([0.4, -1.1], [0.9, 2.0]),
    "drelu": hm.DReLU([0.4, -0.8], [-0.3, 0.5], [0.9, 2.0], [1.5, 0.8]),
    "mixed": hm.Mixed((hm.Spin([0.3]), hm.Categorical([0.2, -1.2, 0.4], (3,)), hm.Gaussian([0.5], [1.7]))),
    "mixed, listed": hm.Mixed((hm.Categorical([0.3, -1.0, 0.2, 0.4, 0.1], (2, 3)), hm.Binary([-0.5]))),
}
LISTED = [name for name, units in LAYERS.items() if units.state_count is not None]
PAIRS = [(visible, hidden) for visible, hidden in itertools.product(LAYERS, repeat=2)]
PROPER = 0.3
"""The scale of weights at which every pair of the layers above has a finite Z."""


def rbm_of(visible: str, hidden: str, seed: int = 0, scale: float = PROPER) -> hm.RBM:
    """The two layers with normal weights in float64."""
    v, h = LAYERS[visible], LAYERS[hidden]
    return hm.RBM(v, h, scale * np.random.default_rng(seed).standard_normal((v.size, h.size)))


def cells(units: Units, nodes: int = 60, reach: float = 12.0) -> tuple[np.ndarray, np.ndarray]:
    """States `[n, N]` and the logs of their volumes `[n]`: sums over them are sums over the layer's states, by quadrature on a
    continuum, from -reach to reach. Not through `states`, which is under test."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    halves = np.concatenate([(places - 1) / 2, (places + 1) / 2]) * reach  # a density may have a kink at zero
    line = halves[:, None], np.log(np.tile(weights, 2) * reach / 2)
    each = [line if table is None else (table, np.zeros(len(table))) for table in units.unit_tables]
    parts = [np.arange(len(values)) for values, _ in each]
    grid = np.stack(np.meshgrid(*parts, indexing="ij"), axis=-1).reshape(-1, len(each))
    states = np.concatenate([values[grid[:, u]] for u, (values, _) in enumerate(each)], axis=1)
    volumes = np.sum([volume[grid[:, u]] for u, (_, volume) in enumerate(each)], axis=0)
    inside = ~np.asarray([units.outside_domain(states)]).any(axis=(0, 2))
    return states[inside], volumes[inside]


def inputs_for(units: Units) -> np.ndarray:
    """Inputs `[3, N]` below, at and above zero."""
    return np.stack([np.linspace(0.5, -2.0, units.size), np.zeros(units.size), np.linspace(-1.5, 2.0, units.size)])


def single(tree: Any) -> Any:
    """In float32."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), tree)
