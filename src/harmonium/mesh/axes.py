"""The axes of a mesh, and what code that runs on every part of the data axis has to know of the others.

Rows and chains lie along the axis `data`: each part works on its own, as written, and what is a mean over all of them is
asked for by `mean`. Hidden units lie along `hidden`, which the code does not see: XLA divides the products by itself. Where
no mesh is in force there is one part, and each function here is the identity.
"""

from __future__ import annotations

from typing import Any

import jax

DATA, HIDDEN = "data", "hidden"


def parts() -> int:
    """Of how many parts of the data axis this code (traceable) sees one."""
    return jax.lax.axis_size(DATA) if _within() else 1


def number() -> Any:
    """Which of them this is, from 0 (traceable)."""
    return jax.lax.axis_index(DATA) if _within() else 0


def mean(tree: Any) -> Any:
    """The mean over all parts, leaf by leaf."""
    return jax.lax.pmean(tree, DATA) if _within() else tree


def total(tree: Any) -> Any:
    """The sum over all parts, leaf by leaf."""
    return jax.lax.psum(tree, DATA) if _within() else tree


def gathered(x: Any) -> Any:
    """The rows of all parts, `[n, ...] -> [parts * n, ...]`."""
    return jax.lax.all_gather(x, DATA, tiled=True) if _within() else x


def _within() -> bool:
    return DATA in jax.sharding.get_abstract_mesh().manual_axes
