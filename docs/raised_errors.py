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
Handlers = tuple[tuple[type[BaseException], bool], ...]
"""The errors that a block handles, and whether it raises them again; of two that fit an error the first counts."""
TRANSLATED: Handlers = ((errors.InputError, True), (OSError, True), (Exception, False))
"""What `translate_errors` of `harmonium.io` does; what it turns into an `InputError` is not raised again."""


class Called(NamedTuple):
    function: FunctionType
    owner: type | None
    """The class whose method it is."""


class Event(NamedTuple):
    """A call, or an error that is raised, and the blocks around it, the innermost first."""

    what: Called | type[BaseException]
    within: tuple[Handlers, ...]


def raised(function: Callable[..., Any], owner: type | None = None) -> set[type[BaseException]]:
    """The errors that leave a function, or the method of `owner`."""
    waiting = [Event(Called(plain(function), owner), ())]
    seen = set(waiting)
    found: set[type[BaseException]] = set()
    while waiting:
        called, outside = waiting.pop()
        for what, inside in _events(called):
            event = Event(what, tuple(dict.fromkeys((*inside, *outside))))
            if isinstance(what, type):
                found |= {what} if escapes(event) and not issubclass(what, (*PROGRAMMING, *WITHIN)) else set()
            elif event not in seen:
                seen.add(event)
                waiting.append(event)
    return found


def escapes(event: Event) -> bool:
    """Whether an error leaves all the blocks around it."""
    passes = (next((again for of, again in handlers if issubclass(event.what, of)), True) for handlers in event.within)
    return all(passes)


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

    def types(self, node: ast.expr | None) -> tuple[type[BaseException], ...]:
        """The types that a handler or `suppress` names."""
        if node is None:
            return (BaseException,)
        values = [self.value(each) for each in (node.elts if isinstance(node, ast.Tuple) else [node])]
        return tuple(value for value in values if isinstance(value, type))

    def events(self, node: ast.AST, within: tuple[Handlers, ...]) -> Iterator[Event]:
        if isinstance(node, ast.Try):
            handlers = tuple((of, is_raised_again(handler)) for handler in node.handlers for of in self.types(handler.type))
            for child in node.body:
                yield from self.events(child, (handlers, *within))
            for child in (*node.handlers, *node.orelse, *node.finalbody):
                yield from self.events(child, within)
            return
        if isinstance(node, ast.With):
            for call in (item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)):
                name = getattr(call.func, "id", getattr(call.func, "attr", None))
                if name == "suppress":
                    within = (tuple((of, False) for argument in call.args for of in self.types(argument)), *within)
                elif name == "translate_errors":
                    yield Event(errors.InputError, within)
                    within = (TRANSLATED, *within)
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield from self.error(self.value(node.exc.func if isinstance(node.exc, ast.Call) else node.exc), within)
        elif isinstance(node, ast.Call):
            yield from self.call(node.func, within)
        for child in ast.iter_child_nodes(node):
            yield from self.events(child, within)

    def error(self, value: Any, within: tuple[Handlers, ...]) -> Iterator[Event]:
        if isinstance(value, FunctionType):  # one that makes the error
            name = str(value.__annotations__.get("return"))
            value = getattr(builtins, name, None) or getattr(errors, name, None)
        if isinstance(value, type):
            yield Event(value, within)

    def call(self, node: ast.expr, within: tuple[Handlers, ...]) -> Iterator[Event]:
        value = self.value(node)
        if value is None or isinstance(value, type):
            return
        of_self = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        inner = self.value(node.value) if isinstance(node, ast.Attribute) and not of_self else None
        function = plain(value)
        if isinstance(function, FunctionType):
            yield Event(Called(function, self.owner if of_self else inner if isinstance(inner, type) else None), within)


def is_raised_again(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) and node.exc is None for node in ast.walk(handler))
