"""Frozen dataclasses as JAX pytrees, and the names of a tree's leaves."""

from __future__ import annotations

from dataclasses import Field, field, fields
from typing import Any, TypeVar

import jax

T = TypeVar("T")


def named_leaves(tree: object, prefix: str = "") -> dict[str, Any]:
    """Each leaf under its path, such as `replicas.v` or `visible.parts.0.bias`, after `prefix`."""
    paths = jax.tree.leaves_with_path(tree)
    return {prefix + jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in paths}


def static(**settings: Any) -> Any:
    """A field that is no array: part of the tree's structure, hashable, the same in all trees of one compiled function.

    Args:
        settings: as `dataclasses.field` takes them.
    """
    return field(metadata={"static": True}, **settings)


def is_static(of: Field[Any]) -> bool:
    """Whether a dataclass's field was made by `static`."""
    return bool(of.metadata.get("static"))


def register(cls: type[T]) -> type[T]:
    """Make a dataclass a pytree whose leaves are its fields, the static ones excepted.

    `jax.tree_util.register_dataclass` does not serve: two classes that it registers with the same field names have equal tree
    structures (jax 0.10.2), so jit now and then runs on one class what it compiled for another.
    """
    of_class = fields(cls)  # type: ignore[arg-type]  # a dataclass
    children = [each.name for each in of_class if not is_static(each)]
    fixed = [each.name for each in of_class if is_static(each)]

    def structure(x: object) -> tuple[Any, ...]:
        return tuple(getattr(x, name) for name in fixed)

    jax.tree_util.register_pytree_with_keys(
        cls,
        lambda x: (tuple((jax.tree_util.GetAttrKey(name), getattr(x, name)) for name in children), structure(x)),
        lambda values, leaves: cls(**dict(zip(children, leaves, strict=True)), **dict(zip(fixed, values, strict=True))),
        lambda x: (tuple(getattr(x, name) for name in children), structure(x)),
    )
    return cls
