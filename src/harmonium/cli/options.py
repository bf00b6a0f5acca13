"""The options of `harmonium train`: what is given, and what a run is."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import harmonium as hm
from harmonium import _checks
from harmonium.cli.inputs import add
from harmonium.errors import InputError

EVERY_KIND = "kind of the visible units: binary, spin, gaussian, relu, drelu, or categorical:K for K categories"
SETTINGS = ("minutes", "updates")
"""The settings of `TrainConfig` that have an option of their own."""
FREE = ("checkpoint_every", "evaluation_seconds")
"""Options of a run that may be given anew when it is resumed: they change nothing of its result."""
OF_MODEL = ("hidden", "visible_units", "hidden_units", "kinds", "ignore", "schema")
"""Options of a run that a model to start from brings along."""


@dataclass(frozen=True)
class RunOptions:
    """What a run is, besides its `TrainConfig`: its data, its model and how it is recorded. config.json holds it."""

    data: str
    valid: str | None = None
    test: str | None = None
    binarize: str | None = None
    kinds: list[str] | None = None
    ignore: list[str] | None = None
    schema: str | None = None
    weights: str | None = None
    strict: bool = False
    csv: str | None = None
    hidden: int = 20
    visible_units: str | None = None
    hidden_units: str = "binary"
    start: str | None = None
    seed: int = 0
    checkpoint_every: float = 5.0
    evaluation_seconds: float = 60.0

    def __post_init__(self) -> None:
        _checks.integer(self.hidden, "--hidden")
        _checks.seed(self.seed)
        _checks.not_negative(self.checkpoint_every, "--checkpoint-every")
        _checks.positive(self.evaluation_seconds, "--evaluation-seconds")


@dataclass(frozen=True)
class TrainOptions:
    """What the command line gives, and only that.

    `run`: of `RunOptions`, by name. `settings`: of `TrainConfig`, by name. `parsed`: all options, None where not given.
    """

    run: Mapping[str, Any]
    settings: Mapping[str, Any]
    parsed: argparse.Namespace

    @classmethod
    def of(cls, options: argparse.Namespace) -> TrainOptions:
        """The parsed options."""
        given = {name: value for name, value in vars(options).items() if value is not None}
        run = {field.name: given[field.name] for field in fields(RunOptions) if field.name in given}
        settings = {name: given[name] for name in SETTINGS if name in given} | dict(map(_setting, given.get("set", ())))
        return cls(run, settings, options)

    def of_new_run(self) -> RunOptions:
        """The options of a new run, with their defaults."""
        if "data" not in self.run:
            raise InputError("DATA is missing: give a named source or a file, or --resume RUN")
        if "start" in self.run and (brought := [option_name(name) for name in OF_MODEL if name in self.run]):
            raise InputError(f"--start {self.run['start']} has columns and units of its own: leave out {', '.join(brought)}")
        if "start" in self.run and self.parsed.out is not None:
            start, out = Path(self.run["start"]).resolve(), Path(self.parsed.out).resolve()
            if out in (start, start.parent):  # a run that is stopped could not be resumed: its start would be replaced
                raise InputError(f"--out {self.parsed.out} is the folder of the model to start from; choose another --out")
        return RunOptions(**self.run)

    def of_resumed_run(self, earlier: RunOptions) -> RunOptions:
        """The options of a run that is resumed, which is refused where an option is given that belongs to the run."""
        own = [name for name in ("out", "overwrite") if getattr(self.parsed, name)]
        for name in [*(name for name in self.run if name not in FREE), *self.settings, *own]:
            option = f"--set {name}" if name in self.settings and name not in SETTINGS else option_name(name)
            raise InputError(f"--resume {self.parsed.resume} goes on with the run's own settings: leave out {option}")
        return replace(earlier, **{name: self.run[name] for name in FREE if name in self.run})


def option_name(name: str) -> str:
    """The option that gives this field of `RunOptions` or `TrainOptions`."""
    return {"data": "DATA", "kinds": "--as"}.get(name, f"--{name.replace('_', '-')}")


def repeat_command(run: RunOptions, config: hm.TrainConfig) -> str:
    """The command that trains with these options and settings, and gives the same model."""
    words = ["harmonium", "train", run.data, "--updates", str(config.updates)]
    for field in fields(run):
        value = getattr(run, field.name)
        if field.name not in ("data", "checkpoint_every") and value != field.default:
            for each in value if isinstance(value, list) else [value]:
                words += [option_name(field.name)] if each is True else [option_name(field.name), str(each)]
    for name, value in config.to_dict().items():
        if value not in (None, "") and name != "updates":
            text = str(value).lower() if isinstance(value, bool) else str(value).strip("[]").replace(" ", "")
            words += ["--set", f"{name}={text}"]
    return shlex.join(words)


def _setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value as JSON has it; numbers set apart by a comma are two numbers."""
    name, separator, value = text.partition("=")
    if not separator:
        raise InputError(f"--set {text!r}: write NAME=VALUE, as in momentum=0.5")
    names = [field.name for field in fields(hm.TrainConfig) if field.name != "optimizer"]
    if name not in names:
        near = _checks.suggest(name, names) or f": use {', '.join(names)}"
        raise InputError(f"--set {text!r:.60}: there is no setting {name} that text can give{near}")
    for form in (value, f"[{value}]") if value else ():
        try:
            parsed = json.loads(form)
        except (ValueError, RecursionError):
            continue
        return name, tuple(parsed) if isinstance(parsed, list) else parsed
    return name, value


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "data", nargs="?", help="a named source, a file, or a folder of Parquet files or images")
    group = command.add_argument_group("the data")
    for part, use in (("valid", "validation"), ("test", "test")):
        group.add_argument(f"--{part}", metavar="FILE", help=f"{use} rows (default: a tenth of DATA held out, or more of few)")
    how = "turn gray levels into zeros and ones: threshold=X, stochastic, or resample (drawn anew in every update)"
    add(group, "--binarize", type=str, help=how)
    add(group, "--as", "--ignore", "--schema", "--weights")
    add(group, "--strict", default=None)
    group = command.add_argument_group("the model")
    group.add_argument("--hidden", metavar="N", type=int, help=f"number of hidden units (default: {RunOptions.hidden})")
    group.add_argument("--visible-units", metavar="KIND", help=f"{EVERY_KIND} (default: binary; those of columns)")
    group.add_argument("--hidden-units", metavar="KIND", help="kind of the hidden units, likewise (default: binary)")
    start = "start from the model of this run or file, with its columns and units, in place of a new one"
    group.add_argument("--start", metavar="MODEL", help=start)
    group = command.add_argument_group("how long")
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", metavar="X", type=float, help="time allowed (default: 2; for few values a number of updates)"
    )
    length.add_argument("--updates", metavar="N", type=int, help="train for N updates instead (or: --set epochs=X)")
    group = command.add_argument_group("how to train")
    group.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        help="any setting that --show-config lists, such as learning_rate=0.05 or estimator=pt-1",
    )
    add(group, "--seed", default=None)
    group.add_argument("--show-config", action="store_true", help="print the settings of the run and do not train")
    group = command.add_argument_group("the run folder")
    add(group, "--out", metavar="DIR", help="the run folder (default: runs/NAME, or the next free runs/NAME-2, ...)")
    add(group, "--overwrite")
    group.add_argument("--resume", metavar="RUN", help="continue the run in that folder with its own settings")
    every, seconds = RunOptions.checkpoint_every, RunOptions.evaluation_seconds
    every_help = f"minutes between checkpoints (default: {every:g}; 0: only when stopped)"
    group.add_argument("--checkpoint-every", metavar="MINUTES", type=float, help=every_help)
    seconds_help = f"time for the final log likelihood if it is not exact (default: {seconds:g})"
    group.add_argument("--evaluation-seconds", metavar="X", type=float, help=seconds_help)
    group = command.add_argument_group("several devices")
    add(group, "--distributed")
    group.add_argument("--hidden-shards", metavar="N", type=int, help="devices that share the hidden units (default: 1)")
