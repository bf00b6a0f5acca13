"""The check of shapes at run time that conftest.py applies to the packages whose signatures state them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from beartype import beartype

SHAPED = re.compile(r"\b(Bool|Float|Int|Num|Real|Shaped|UInt)\[")


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """`beartype` of the annotations that state a shape. The others are mypy's; tests pass wrong types on purpose.

    Constructors of pytrees take anything, since they must also hold tracers; `model.validate` checks what they hold.
    """
    annotations = getattr(function, "__annotations__", None)
    if function.__name__ == "__init__" or not annotations:
        return function
    function.__annotations__ = {name: hint if SHAPED.search(str(hint)) else object for name, hint in annotations.items()}
    return beartype(function)
