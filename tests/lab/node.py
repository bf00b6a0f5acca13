"""The page's modules under node: `run` runs a module's text in a process of its own, `evaluate` an expression of the engine."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import harmonium

STATIC = Path(harmonium.__file__).parent / "lab" / "static"
PREAMBLE = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(0, "utf8"));
const answer = (value) => process.stdout.write(JSON.stringify(value));
"""


def find() -> str:
    """The program. Skips without it; in continuous integration that is a failure."""
    node = shutil.which("node")
    if node is None:
        missing = "no node here to run the page's modules with (apt-get install nodejs)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return node


@cache
def _evaluator() -> subprocess.Popen[str]:
    command = [find(), str(Path(__file__).with_name("evaluate.mjs")), STATIC.as_uri()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    return process


class RefusalError(Exception):
    """The message of an error that the page's code threw."""


def evaluate(code: str, **x: Any) -> Any:
    """What the body of a JavaScript function of `x` returns; an expression alone is what it is.

    The engine's and the answers' modules are known by their files' names; `tablesOf(x)` and `experimentOf(x)` make the tables
    and the chain of the machine `x.machine` at `x.temperature`.

    Raises:
        RefusalError: the code throws, or its value holds a NaN or an infinity.
    """
    if "return " not in code:
        code = f"return ({code})"
    process = _evaluator()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"code": code, "x": x}) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    if "error" in answer:
        raise RefusalError(answer["error"])
    return answer.get("value")


def run(script: str, given: Any = None, seconds: float = 120.0) -> Any:
    """What a script answers; in it `given` is the value, `answer(value)` the way back, and `"lab/..."` a module of the page."""
    text = PREAMBLE + script.replace('"lab/', f'"{STATIC.as_uri()}/')
    command = [find(), "--input-type=module", "--eval", text]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
