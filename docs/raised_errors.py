"""The errors that a function raises by the package's source: in its own body, and in the functions of the package it calls.

A call is followed where a name says what is called: a function, a module's function, a method of the class itself. It is not
followed into constructors, into methods of other objects, or into functions that are passed on, so what is found is raised
somewhere on the way, and not all that can be raised is found.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from harmonium import errors

PROGRAMMING = (AssertionError, AttributeError, KeyboardInterrupt, NotImplementedError)
"""Not of a caller's arguments, data or files."""
WITHIN = (UnicodeError,)
"""By which readers of text tell each other to try another way; callers get `InputError`."""
TRANSLATED = (ArithmeticError, LookupError, TypeError, ValueError)
"""What `translate_errors` of `harmonium.io` turns into an `InputError`."""

Caught = tuple[type[BaseException], ...]


class Called(NamedTuple):
    function: FunctionType
    owner: type | None
    """The class whose method it is."""


class Event(NamedTuple):
    """A call, or an error that is raised, within the handlers of `caught`."""

    what: Called | type[BaseException]
    caught: Caught


def raised(function: Callable[..., Any], owner: type | None = None) -> set[type[BaseException]]:
    """The errors that leave a function, or the method of `owner`."""
    waiting: list[tuple[Called, Caught]] = [(Called(plain(function), owner), ())]
    seen = set(waiting)
    found: set[type[BaseException]] = set()
    while waiting:
        called, outside = waiting.pop()
        for what, inside in _events(called):
            caught = tuple(dict.fromkeys((*inside, *outside)))
            if isinstance(what, type):
                found |= set() if issubclass(what, (*caught, *PROGRAMMING, *WITHIN)) else {what}
            elif (what, caught) not in seen:
                seen.add((what, caught))
                waiting.append((what, caught))
    return found


def plain(function: Any) -> Any:
    """The function of a class method, of a property or beneath decorators."""
    function = function.fget if isinstance(function, property) else getattr(function, "__func__", function)
    return inspect.unwrap(function)


@cache
def _events(called: Called) -> tuple[Event, ...]:
    code = called.function.__code__
    if not called.function.__module__.startswith("harmonium") or code.co_filename.startswith("<"):
        return ()  # of another package, or generated
    tree = _functions(code.co_filename).get(code.co_firstlineno)
    return tuple(_Body(called, tree).events(tree, ())) if tree else ()  # None: a lambda


@cache
def _functions(filename: str) -> dict[int, ast.FunctionDef]:
    """The functions of a file by their first lines, decorators included."""
    nodes = (node for node in ast.walk(ast.parse(Path(filename).read_bytes())) if isinstance(node, ast.FunctionDef))
    return {min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]): node for node in nodes}


class _Body:
    """What the names in a function's body stand for."""

    def __init__(self, called: Called, tree: ast.AST) -> None:
        self.owner = called.owner
        self.names = {**vars(builtins), **called.function.__globals__}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harmonium"):
                module = import_module(str(node.module))
                self.names |= {name.asname or name.name: getattr(module, name.name, None) for name in node.names}

    def value(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if not isinstance(node, ast.Attribute):
            return None
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            return inspect.getattr_static(self.owner, node.attr, None)
        inner = self.value(node.value)
        return inspect.getattr_static(inner, node.attr, None) if isinstance(inner, (ModuleType, type)) else None

    def types(self, node: ast.expr | None) -> Caught:
        """The types that a handler or `suppress` names."""
        if node is None:
            return (BaseException,)
        values = [self.value(each) for each in (node.elts if isinstance(node, ast.Tuple) else [node])]
        return tuple(value for value in values if isinstance(value, type))

    def events(self, node: ast.AST, caught: Caught) -> Iterator[Event]:
        if isinstance(node, ast.Try):
            handled = tuple(of for handler in node.handlers for of in self.types(handler.type))
            for child in node.body:
                yield from self.events(child, (*caught, *handled))
            for child in (*node.handlers, *node.orelse, *node.finalbody):
                yield from self.events(child, caught)
            return
        if isinstance(node, ast.With):
            for call in (item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)):
                name = getattr(call.func, "id", getattr(call.func, "attr", None))
                if name == "suppress":
                    caught = (*caught, *(of for argument in call.args for of in self.types(argument)))
                elif name == "translate_errors":
                    yield Event(errors.InputError, caught)
                    caught = (*caught, *TRANSLATED)
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield from self.error(self.value(node.exc.func if isinstance(node.exc, ast.Call) else node.exc), caught)
        elif isinstance(node, ast.Call):
            yield from self.call(node.func, caught)
        for child in ast.iter_child_nodes(node):
            yield from self.events(child, caught)

    def error(self, value: Any, caught: Caught) -> Iterator[Event]:
        if isinstance(value, FunctionType):  # one that makes the error
            name = str(value.__annotations__.get("return"))
            value = getattr(builtins, name, None) or getattr(errors, name, None)
        if isinstance(value, type):
            yield Event(value, caught)

    def call(self, node: ast.expr, caught: Caught) -> Iterator[Event]:
        value = self.value(node)
        if value is None or isinstance(value, type):
            return
        of_self = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        inner = self.value(node.value) if isinstance(node, ast.Attribute) and not of_self else None
        function = plain(value)
        if isinstance(function, FunctionType):
            yield Event(Called(function, self.owner if of_self else inner if isinstance(inner, type) else None), caught)
