"""The command line in the reference: `{commands}` stands for the help of every command, as the command prints it."""

import argparse
import os
import re
from typing import Any

from sphinx.application import Sphinx

from harmonium import cli

FENCE = re.compile(r"^```\{commands\}\n```$", re.MULTILINE)
os.environ["COLUMNS"] = "100"  # argparse wraps its help at the width of the terminal


def helps() -> str:
    [commands] = (action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction))
    sections = (f"## {name}\n\n```text\n{command.format_help()}```" for name, command in commands.choices.items())
    return "\n\n".join(sections)


def expand(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = FENCE.sub(lambda _: helps(), source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", expand)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
