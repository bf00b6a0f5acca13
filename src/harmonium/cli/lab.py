"""open a page that shows a model at work

The lecture hands-on: every configuration of a small model, its chain, its learning, and real images learned live. The page
computes everything itself; it is served to this computer alone, and it needs no network. `python -m harmonium.lab export DIR`
writes it to a folder, to publish it.

example:
  harmonium lab
  harmonium lab runs/digits --port 9000 --no-browser
"""

from __future__ import annotations

import argparse

from harmonium.cli.inputs import add
from harmonium.errors import InputError


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", nargs="?")
    command.add_argument("--port", metavar="N", type=int, help="port to serve on (default: 8765, or a free one)")
    command.add_argument("--no-browser", action="store_true", help="print the address and open no browser")


def run(options: argparse.Namespace) -> None:
    from harmonium.lab.serve import serve

    if options.json:
        raise InputError("harmonium lab has nothing to print as JSON; leave --json out")
    serve(options.model, options.port, not options.no_browser, say=lambda line: print(line, flush=True))
    print("The lab is closed.", flush=True)
