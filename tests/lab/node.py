"""The page's modules under node: `run(script, value)` runs a module's text and returns what it hands to `answer`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
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


def run(script: str, given: Any = None, seconds: float = 120.0) -> Any:
    """What a script answers; in it `given` is the value, `answer(value)` the way back, and `"lab/..."` a module of the page.

    Skips without node; in continuous integration that is a failure.
    """
    node = shutil.which("node")
    if node is None:
        missing = "no node here to run the page's modules with (apt-get install nodejs)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    text = PREAMBLE + script.replace('"lab/', f'"{STATIC.as_uri()}/')
    command = [node, "--input-type=module", "--eval", text]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
