"""The `harmonium` command: parse, call, print.

One file a command; each says what its options are and imports what is heavy only when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import re
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from harmonium import __version__, _checks
from harmonium.cli import process
from harmonium.cli.output import Answer, print_answer
from harmonium.errors import DivergenceError, InputError, describe, printable, reason

COMMANDS = (
    *("train", "evaluate", "diagnose", "compare", "impute", "predict", "score", "explain", "sample", "reconstruct", "info"),
    *("data", "table", "chain", "conditional", "step", "lab"),
)
EXAMPLES = """\
examples:
  harmonium train digits                                   learn real images, report the exact test likelihood
  harmonium table --weights "0.5 0.5; 0.5 0.5"             every configuration of a 2x2 model
  harmonium step --weights "0.5 0.5; 0.5 0.5" --target 01 --rate 0.1 --freeze-biases

`harmonium COMMAND --help` says more, with an example.
"""

BAD_INPUT = 2


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **settings)

    def error(self, message: str) -> None:  # type: ignore[override]
        for kind, what in (("int", "a whole number"), ("float", "a number")):
            message = message.replace(f"invalid {kind} value: ", f"must be {what}, but is ")
        if match := re.match(r"argument COMMAND: invalid choice: '(.*?)'", message):
            message = f"there is no command {match[1]!r:.80}{_checks.suggest(match[1], COMMANDS)}"
        self.exit(BAD_INPUT, f"{self.prog}: error: {printable(' '.join(message.split()))} (see {self.prog} --help)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:  # argparse would leave it to the parser above, which would name its own help
            options = [name for action in self._actions for name in action.option_strings]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{_checks.suggest(unknown[0].partition('=')[0], options)}")
        return namespace, unknown

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stderr).write(message)  # argparse's own does not say when help cannot be written


class Options(argparse.Namespace):
    """What the command line asks for, which nothing changes once it is parsed."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        vars(self).update(vars(parsed))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"options are frozen, so {name} cannot become {value!r}")


def parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    top = Parser(
        prog="harmonium",
        description="Restricted Boltzmann machines: exact where they are small, fast where they are large.",
        epilog=EXAMPLES,
    )
    top.add_argument("--version", action="version", version=f"harmonium {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for name in COMMANDS:
        module = import_module(f"harmonium.cli.{name}")
        text, _, example = (module.__doc__ or "").partition("\nexample:\n")
        epilog = f"example:\n{example}"
        command = commands.add_parser(name, help=text.splitlines()[0], description=text, epilog=epilog)
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        options = {action.dest: action.option_strings[-1] for action in command._actions if action.option_strings}
        command.set_defaults(run=module.run, words=options | {"n": "--count", "location": "DATA"})
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 if all went well, 2 for bad input or lost output, 130 when interrupted."""
    try:
        process.handle_signals()
        process.open_streams()
        status = run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        process.end_at_once()
    except Exception:
        traceback.print_exc()
        status = 1
    process.finish(status)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and say in one line what goes wrong; the exit status."""
    status = BAD_INPUT
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        status, message = process.interruption()
    except (InputError, DivergenceError) as error:
        message = f"error: {error}"
    except BrokenPipeError:  # the reader went away, as `head` does, and needs no word
        return process.BROKEN_PIPE
    except OSError as error:
        message = f"error: {describe(error)}"
    except Exception as error:
        if process.received:
            status, message = process.interruption()
        # XLA's own name for want of memory.
        elif isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            message = f"error: out of memory: {reason(error).removeprefix('RESOURCE_EXHAUSTED: ')}"
        else:
            raise
    print(f"harmonium: {printable(message)}", file=sys.stderr)
    return status


def _run(arguments: Sequence[str]) -> int:
    try:
        options = Options(parser().parse_args(_attach_values(arguments) or ["--help"]))
        try:
            answer = options.run(options)
        except InputError as error:
            # The library names its parameter; the user gave an option.
            text = re.sub(r"^(\w+)(?= must | ')", lambda word: options.words.get(word[1], word[1]), str(error))
            raise InputError(text) from error
        if isinstance(answer, Answer):
            answer = 0 if print_answer(answer, options) else BAD_INPUT
        status = answer or 0
    except SystemExit as end:  # argparse has printed its message
        status = int(end.code or 0)
    sys.stdout.flush()
    return status


_MAY_BEGIN_WITH_A_MINUS = re.compile(
    "--(weights|visible-bias|hidden-bias|temperature|start|target|given|clamp|rate|learning-rate)"
)


def _attach_values(arguments: Sequence[str]) -> list[str]:
    """`--weights -1` as `--weights=-1`: argparse would take such a value for an option."""
    attached: list[str] = []
    for argument in arguments:
        if attached and _MAY_BEGIN_WITH_A_MINUS.fullmatch(attached[-1]):
            attached[-1] += f"={argument}"
        else:
            attached.append(argument)
    return attached
