"""Functions given every kind of wrong argument: whatever raises anything but an error in a sentence is listed."""

from __future__ import annotations

import inspect
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harmonium as hm

WRONG = [-1, float("nan"), "x", {}, object(), np.zeros((2, 2, 2)), [[1, 2], [3]], np.full((12, 2), np.inf, np.float16)]
"""What is wrong almost everywhere, and so is refused before anything is compiled."""
WRONG_SOMEWHERE = [None, 5, 0.5, 10**400, b"x", [], int, 1 + 2j]
Calls = Mapping[Callable[..., Any], Callable[[], dict[str, Any]]]
"""Functions, each with what gives its right arguments."""
each_value = pytest.mark.parametrize("values", ["WRONG", pytest.param("WRONG_SOMEWHERE", marks=pytest.mark.slow)])


def faults(
    calls: Calls, values: list[Any], refusals: tuple[type[Exception], ...] = (hm.InputError,), makers: Collection[Any] = ()
) -> Iterator[str]:
    """Every call with one of the values that raises what it should not, in one line; `makers` must refuse all of `WRONG`."""
    for function, arguments in calls.items():
        given = arguments()
        inspect.signature(function).bind(**given)  # or every call would be refused for the names alone
        for name, value in itertools.product(given, values):
            call = f"{function.__module__}.{function.__qualname__}({name}={value!r:.40})"
            try:
                result = function(**given | {name: value})
                if inspect.isgenerator(result):
                    next(result)
                if function in makers and values is WRONG:
                    yield f"{call}: accepted"
            except refusals:
                pass
            except OSError as error:
                if name not in ("path", "location"):
                    yield f"{call}: {error!r:.200}"
            except TypeError as error:
                if name not in str(error):
                    yield f"{call}: {error!r:.200}"
            except Exception as error:
                yield f"{call}: {error!r:.200}"


def check(file: str, values: str, folder: Path) -> None:
    """`print_faults` of a test file prints nothing, in a process without the run-time checks of types that the tests add."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command, env = [sys.executable, file, values], os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr[-2000:]


def print_faults(calls: Calls, *refusals: type[Exception], makers: Collection[Any] = ()) -> None:
    for fault in faults(calls, globals()[sys.argv[1]], (hm.InputError, *refusals), makers):
        print(" ".join(fault.split()))
