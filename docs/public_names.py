"""The public names of the package, and what the reference owes each of them: a text, its parameters, its errors, an example."""

from __future__ import annotations

import builtins
import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import harmonium
from docs.raised_errors import plain, raised

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
    wrong += [f"{name}: {what} is not documented" for name, value in names.items() for what in undocumented(value)]
    wrong += [f"{name}: {what} is documented, but no parameter" for name, value in names.items() for what in unknown(value)]
    return wrong + [f"{name} {fault}" for name, value in names.items() for fault in faults_of_errors(value)]


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
        names = [
            name for name in names if not re.search(rf"`[^`]*\b{name}\b[^`]*`|^ +(\w+, )*{name}(, \w+)*: ", text, re.MULTILINE)
        ]
    else:
        explained = entries(text, "Args")
        names = [name for name in names if name not in explained]
    return names + undocumented_of_methods(value) if inspect.isclass(value) else names


def undocumented_of_methods(value: type) -> list[str]:
    """The parameters of methods that neither the method's text names nor that of a class from which it comes."""
    shared = " ".join(of.__doc__ or "" for of in value.__mro__[:-1])
    missing = []
    for name, own in methods(value).items():
        text = inspect.getdoc(getattr(value, name))
        names = [each for each in inspect.signature(plain(own)).parameters if each not in ("self", "cls")]
        missing += [f"{each} of .{name}" for each in names if text and not re.search(rf"\b{each}\b", f"{text} {shared}")]
    return missing


def methods(value: type) -> dict[str, Any]:
    """The public methods of a class that are its own, by their names."""
    functions = {name: own for name, own in vars(value).items() if isinstance(plain(own), FunctionType)}
    return {name: own for name, own in functions.items() if name[0] != "_" and not isinstance(own, property)}


def unknown(value: Any) -> list[str]:
    """The parameters that the docstring explains, but that are none."""
    names = inspect.signature(value).parameters if "Args:" in (inspect.getdoc(value) or "") else {}
    return [name for name in entries(inspect.getdoc(value) or "", "Args") if name not in names]


def entries(text: str, section: str) -> list[str]:
    """What a section of a docstring, such as Args, has entries for."""
    found = re.search(rf"^{section}:\n((?: +.*\n?)+)", text, re.MULTILINE)
    named = re.findall(r"^ {4}(\w+(?:, \w+)*): ", found[1] if found else "", re.MULTILINE)
    return [name for entry in named for name in entry.split(", ")]


def faults_of_errors(value: Any) -> list[str]:
    """The errors that a function, or a class and its methods, raise but do not document, and names under Raises of no error."""
    if not inspect.isclass(value):
        return faults_of_raises(value, raised(value))
    made = [vars(value)[name] for name in ("__init__", "__post_init__") if name in vars(value)]
    wrong = faults_of_raises(value, {error for each in made for error in raised(each, value)})
    for name, own in methods(value).items():
        if len(inspect.signature(plain(own)).parameters) > 1:  # without arguments nothing is given that could be wrong
            wrong += [f".{name} {fault}" for fault in faults_of_raises(getattr(value, name), raised(own, value))]
    return wrong


def faults_of_raises(value: Any, errors: set[type[BaseException]]) -> list[str]:
    names = vars(builtins) | vars(harmonium.errors) | vars(import_module(value.__module__))
    named = {name: names.get(name) for name in entries(inspect.getdoc(value) or "", "Raises")}
    wrong = [f"names {name} under Raises, which is no error" for name, error in named.items() if not is_error(error)]
    missing = sorted(error.__name__ for error in errors if not any(base in named.values() for base in error.__mro__))
    return wrong + [f"raises {name}, which is not documented" for name in missing]


def is_error(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)
