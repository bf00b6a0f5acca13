"""The axes of a mesh, and what code that runs on every part of the data axis has to know of the others.

Rows and chains lie along the axis `data`: each part works on its own, as written, and what is a mean over all of them is
asked for by `mean`. Hidden units lie along `hidden`, which the code does not see: XLA divides the products by itself. Where
no mesh is in force there is one part, and each function here is the identity.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

DATA, HIDDEN = "data", "hidden"
SMALL = 1 << 15
"""Leaves of at most so many numbers are reduced together."""


_apart = False


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Code in which means and sums are of this part alone."""
    global _apart
    before, _apart = _apart, True
    try:
        yield
    finally:
        _apart = before


def parts() -> int:
    """Of how many parts of the data axis this code (traceable) sees one."""
    return jax.lax.axis_size(DATA) if _within() else 1


def number() -> Any:
    """Which of them this is, from 0 (traceable)."""
    return jax.lax.axis_index(DATA) if _within() else 0


def mean(tree: Any) -> Any:
    """The mean over all parts, leaf by leaf."""
    return _together(jax.lax.pmean, tree) if _within() and not _apart else tree


def total(tree: Any) -> Any:
    """The sum over all parts, leaf by leaf."""
    return _together(jax.lax.psum, tree) if _within() and not _apart else tree


def _together(reduce: Callable[[Any, str], Any], tree: Any) -> Any:
    """Small leaves travel as one, since each journey takes its time."""
    leaves, form = jax.tree.flatten(tree)
    small = [leaf for leaf in leaves if leaf.size <= SMALL and leaf.dtype == leaves[0].dtype]
    if len(small) < 2:
        return reduce(tree, DATA)
    packed = reduce(jnp.concatenate([leaf.ravel() for leaf in small]), DATA)
    parts = iter(jnp.split(packed, np.cumsum([leaf.size for leaf in small])[:-1]))
    reduced = [
        next(parts).reshape(leaf.shape) if any(leaf is each for each in small) else reduce(leaf, DATA) for leaf in leaves
    ]
    return jax.tree.unflatten(form, reduced)


def gathered(x: Any) -> Any:
    """The rows of all parts, `[n, ...] -> [parts * n, ...]`."""
    return jax.lax.all_gather(x, DATA, tiled=True) if _within() else x


def _within() -> bool:
    return DATA in jax.sharding.get_abstract_mesh().manual_axes
