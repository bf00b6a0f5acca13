"""The `harmonium` command: parse, call, print.

One file a command; each says what its options are and imports what is heavy only when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

COMMANDS = (
    "train",
    "evaluate",
    "diagnose",
    "impute",
    "score",
    "explain",
    "sample",
    "reconstruct",
    "info",
    "data",
    "table",
    "chain",
    "conditional",
    "step",
    "lab",
)

EXAMPLES = """\
examples:
  harmonium train digits                                   learn real images, report the exact test likelihood
  harmonium table --weights "0.5 0.5; 0.5 0.5"             every configuration of a 2x2 machine
  harmonium step --weights "0.5 0.5; 0.5 0.5" --target 01 --rate 0.1 --freeze-biases

`harmonium COMMAND --help` says more, with an example.
"""

BAD_INPUT, INTERRUPTED = 2, 130


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(BAD_INPUT, f"{self.prog}: error: {' '.join(message.split())} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    from harmonium import __version__

    top = Parser(
        prog="harmonium",
        description="Restricted Boltzmann machines: exact where they are small, fast where they are large.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"harmonium {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for name in COMMANDS:
        module = import_module(
            f"harmonium.cli.{name}" if find_spec(f"harmonium.cli.{name}") else f"harmonium.cli.{name}_command"
        )
        command = commands.add_parser(
            name,
            help=(module.__doc__ or "").splitlines()[0],
            description=module.__doc__,
            epilog=module.EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        command.set_defaults(run=module.run)
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 if all went well, 2 for bad input, 130 when interrupted."""
    from harmonium.cli import supervisor

    try:
        status = run(sys.argv[1:] if arguments is None else arguments)
    except Exception:
        if not supervisor.at_work:
            raise
        traceback.print_exc(file=sys.__stderr__)  # which the supervisor keeps, and says where
        status = 1
    if status == INTERRUPTED or (status and supervisor.at_work):
        # Compiled code may still be running in threads of its own, which an orderly end of the interpreter can crash; and the
        # end of one of several processes would wait for the others.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit status."""
    from harmonium.errors import InputError, reason

    arguments = _joined(arguments)
    options = parser().parse_args(arguments)
    options.arguments = arguments
    try:
        status = options.run(options)
        sys.stdout.flush()
    except InputError as error:
        print(f"harmonium: error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("harmonium: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `head` does: nothing more can be said to it, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, MemoryError, RuntimeError) as error:
        # A file, a disk or an amount beyond what the checks foresee; XLA's own name for want of memory is the last.
        if isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        name = getattr(error, "filename", None)
        print(f"harmonium: error: {'' if name is None else f'{name}: '}{reason(error)}", file=sys.stderr)
        return BAD_INPUT
    return status or 0


_MAY_BEGIN_WITH_A_MINUS = (
    "--weights",
    "--visible-bias",
    "--hidden-bias",
    "--start",
    "--target",
    "--given",
    "--clamp",
    "--temperature",
    "--rate",
)


def _joined(arguments: Sequence[str]) -> list[str]:
    """`--weights -1` as `--weights=-1`: argparse would take such a value for an option."""
    joined: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in _MAY_BEGIN_WITH_A_MINUS:
            value = next(rest, None)
            joined.append(argument if value is None else f"{argument}={value}")
        else:
            joined.append(argument)
    return joined
