"""Parameters state their types: `Any` is the exception."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import harmonium

MAX_FRACTION = 0.05
"""Of the parameters whose annotation holds `Any`, bare or as in `dict[str, Any]`.

It is right for a pytree's leaves, a loop's carry, and what a check takes in order to refuse it."""


def parameters(path: Path) -> list[tuple[str, str]]:
    """Every annotated parameter of the functions in a file, as where it is and its annotation."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    found = []
    for function in functions:
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        found += [
            (f"{path.name}:{a.lineno} {function.name}({a.arg})", ast.unparse(a.annotation)) for a in every if a and a.annotation
        ]
    return found


def test_few_parameters_may_be_anything():
    root = Path(harmonium.__file__).parent
    files = [path for path in sorted(root.rglob("*.py")) if "lab" not in path.relative_to(root).parts]
    every = [parameter for path in files for parameter in parameters(path)]
    anything = [where for where, annotation in every if re.search(r"\bAny\b", annotation)]
    assert len(anything) < MAX_FRACTION * len(every), f"{len(anything)} of {len(every)}: {anything}"
