"""Frozen dataclasses as JAX pytrees."""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any

import jax


def static() -> Any:
    """A field that is no array: part of the tree's structure, hashable, the same for all machines of one compiled function."""
    return field(metadata={"static": True})


def is_static(of: Any) -> bool:
    """Whether a dataclass's field was made by `static`."""
    return bool(of.metadata.get("static"))


def register(cls: type[Any]) -> None:
    """Make a dataclass a pytree whose leaves are its fields, the static ones excepted.

    Not by `jax.tree_util.register_dataclass`: two classes that it registers with the same field names have equal tree
    structures (jax 0.10.2), so that now and then jit runs on one class what it compiled for another.
    """
    names = [field.name for field in fields(cls) if not is_static(field)]
    fixed = [field.name for field in fields(cls) if is_static(field)]

    def structure(x: Any) -> tuple[Any, ...]:
        return tuple(getattr(x, name) for name in fixed)

    jax.tree_util.register_pytree_with_keys(
        cls,
        lambda x: (tuple((jax.tree_util.GetAttrKey(name), getattr(x, name)) for name in names), structure(x)),
        lambda held, children: cls(**dict(zip(names, children, strict=True)), **dict(zip(fixed, held, strict=True))),
        lambda x: (tuple(getattr(x, name) for name in names), structure(x)),
    )
