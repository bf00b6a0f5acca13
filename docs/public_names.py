"""The public names of the package, and what the reference owes each of them: a text, its parameters, an example that is run."""

from __future__ import annotations

import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import harmonium

PAGES = Path(__file__).parent / "reference"


def public_names() -> dict[str, Any]:
    """Every public object by the shortest of its names, such as `harmonium.train` and `harmonium.exact.moments`."""
    found: dict[str, Any] = {}
    for module in ("harmonium", *(f"harmonium.{name}" for name in harmonium._MODULES)):
        for name in import_module(module).__all__:
            value = getattr(import_module(module), name)
            if not isinstance(value, ModuleType) and not any(value is other for other in found.values()):
                found[f"{module}.{name}"] = value
    return found


def examples() -> dict[str, doctest.DocTest]:
    """The examples of docstrings and of the reference's pages, by the name of the object or page."""
    texts = {name: inspect.getdoc(value) or "" for name, value in public_names().items() if callable(value)}
    texts |= {
        page.name: re.sub(r"^```.*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE) for page in PAGES.glob("*.md")
    }
    parsed = {name: doctest.DocTestParser().get_doctest(text, {}, name, name, 0) for name, text in texts.items()}
    return {name: test for name, test in parsed.items() if test.examples}


def faults() -> list[str]:
    """What public names lack, a line each."""
    code = "".join(example.source for test in examples().values() for example in test.examples)
    names = {name: value for name, value in public_names().items() if callable(value)}
    shown = {name for name in names if re.search(pattern(name), code)}
    # A class that others make is shown by an example of a function that returns it, or of a class that holds it.
    for _ in range(3):
        seen = " ".join(str(annotation) for name in shown for annotation in returned(names[name]))
        shown |= {name for name, value in names.items() if inspect.isclass(value) and re.search(rf"\b{value.__name__}\b", seen)}
    wrong = [f"{name} is in no example" for name in sorted(names.keys() - shown)]
    return wrong + [f"{name}: {what} is not documented" for name, value in names.items() for what in undocumented(value)]


def pattern(name: str) -> str:
    """How code names a public object: `hm.exact.moments`, or imported from its module."""
    module, _, last = name.rpartition(".")
    return rf"\b(hm|harmonium)\.{re.escape(name.removeprefix('harmonium.'))}\b|from {re.escape(module)} import [^\n]*\b{last}\b"


def returned(value: Any) -> list[Any]:
    """The annotations of what a function returns, or of what a class holds."""
    annotations = getattr(value, "__annotations__", {})
    return list(annotations.values()) if inspect.isclass(value) else [annotations.get("return")]


def undocumented(value: Any) -> list[str]:
    """The parameters that the docstring does not explain; of a class that others make, its fields."""
    text = inspect.getdoc(value) or ""
    if not text:
        return ["it"]
    if inspect.isclass(value) and issubclass(value, (BaseException, Warning)):
        return []
    names = [name for name in inspect.signature(value).parameters if not name.startswith("_")]
    if inspect.isclass(value) and "Args:" not in text:
        return [
            name for name in names if not re.search(rf"`[^`]*\b{name}\b[^`]*`|^ +(\w+, )*{name}(, \w+)*: ", text, re.MULTILINE)
        ]
    section = re.search(r"^Args:\n((?: +.*\n?)+)", text, re.MULTILINE)
    entries = re.findall(r"^ {4}(\w+(?:, \w+)*): ", section[1] if section else "", re.MULTILINE)
    explained = {name for entry in entries for name in entry.split(", ")}
    return [name for name in names if name not in explained]
