"""The check of types and shapes at run time that conftest.py applies to the packages whose signatures state them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from beartype import BeartypeConf, beartype

CONFIGURATION = BeartypeConf(is_pep484_tower=True)  # an int serves where a float is asked for


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """`beartype` of functions one by one; `Self`, which it knows in classes alone, is let pass.

    Constructors of pytrees take anything, since they must also hold tracers; `model.validate` checks what they hold.
    """
    if function.__name__ == "__init__":
        return function
    annotations = getattr(function, "__annotations__", None)
    if annotations:
        function.__annotations__ = {name: object if hint in ("Self", Self) else hint for name, hint in annotations.items()}
    return beartype(function, conf=CONFIGURATION)
