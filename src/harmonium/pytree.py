"""Frozen dataclasses as JAX pytrees."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import jax


def register(cls: type[Any]) -> None:
    """Make a dataclass a pytree whose leaves are its fields.

    Not by `jax.tree_util.register_dataclass`: two classes that it registers with the same field names have equal tree
    structures (jax 0.10.2), so that now and then jit runs on one class what it compiled for another.
    """
    names = [field.name for field in fields(cls)]
    jax.tree_util.register_pytree_with_keys(
        cls,
        lambda x: (tuple((jax.tree_util.GetAttrKey(name), getattr(x, name)) for name in names), None),
        lambda _, children: cls(*children),
        lambda x: (tuple(getattr(x, name) for name in names), None),
    )
