"""open a page that shows a model at work

The lecture hands-on: every configuration of a small model, its chain, its learning, and real images learned live. The page is
served to this computer alone, and it needs no network.

example:
  harmonium lab
  harmonium lab runs/digits --port 9000 --no-browser
"""

from __future__ import annotations

import argparse
import os
import sys

from harmonium.cli.inputs import add
from harmonium.errors import InputError


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", nargs="?")
    command.add_argument("--port", metavar="N", type=int, help="port to serve on (default: 8765, or a free one)")
    command.add_argument("--no-browser", action="store_true", help="print the address and open no browser")


def run(options: argparse.Namespace) -> None:
    from harmonium.lab.server import serve

    if options.json:
        raise InputError("harmonium lab has nothing to print as JSON; leave --json out")
    quiet = serve(options.model, options.port, not options.no_browser, say=lambda line: print(line, flush=True))
    print("The lab is closed.", flush=True)
    if not quiet:
        # A thread still computes or imports, and an orderly end of the interpreter can crash it.
        sys.stderr.flush()
        os._exit(0)
