"""take steps of learning and see the probability of a target rise

delta w_ij = rate / T * (<v_i h_j>_v - <v_i h_j>_vh): the positive term with v held at the target (or at the rows of --data),
the negative term under the whole joint distribution, exact or estimated. cd-K counts sampled states, as in the lecture's
vector form v h^T - v' h'^T. With --steps the two terms are the last step's and delta is the sum of all.

example:
  harmonium step --weights "0.5 0.5; 0.5 0.5" --target 01 --rate 0.1 --freeze-biases
  harmonium step --weights "0.5 0.5; 0.5 0.5" --target 01 --rate 0.1 --estimator cd-1 --seed 3
  harmonium step --weights "1 0; 0 1; 0 -1; -1 0" --data bars-and-stripes:2x2 --rate 0.5 --steps 500
"""

from __future__ import annotations

import argparse
from typing import Any

import harmonium as hm
from harmonium import _checks
from harmonium.cli.inputs import add, add_count
from harmonium.cli.output import Answer, Table
from harmonium.cli.small_model import add_small_model, small_model
from harmonium.errors import InputError

MAX_WEIGHTS = 256
"""Of a model with more weights the terms are not printed one by one."""
MAX_TRACE = 16
"""Sampled states are printed for up to this many rows."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_small_model(command)
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--target", metavar="V", help="the visible state to make more probable, such as 01")
    what.add_argument("--data", metavar="DATA", help="a whole training set instead: a named source or a file")
    command.add_argument("--rate", metavar="R", type=float, default=0.1, help="learning rate (default: 0.1)")
    add_count(command, "steps", 1, "number of steps")
    command.add_argument("--estimator", metavar="E", default="exact", help="exact (default), cd-K, pcd-K, pt-K or ptt-K")
    add_count(command, "chains", 100, "number of pcd chains")
    command.add_argument("--freeze-biases", action="store_true", help="change the weights only")
    add(command, "--binarize", "--seed")


def run(options: argparse.Namespace) -> Answer:
    rbm, temperature = small_model(options), options.temperature
    if options.binarize is not None and options.data is None:
        raise InputError("--binarize goes with --data")
    if options.target is not None:
        rows = rbm.visible.read(options.target, "--target")[None]
    else:
        rows = hm.data.load(options.data, options.binarize, options.seed, hold_out=()).train
        rbm.visible.check(rows, options.data)
    estimator = hm.gradients.by_name(options.estimator, _checks.integer(options.chains, "--chains"), sampled=True)
    settings = {name: getattr(options, name) for name in ("temperature", "steps", "freeze_biases", "seed")}
    steps = hm.lecture.steps(rbm, rows, estimator, options.rate, **settings)
    result = hm.lecture.steps_to_dict(rbm, rows, steps, temperature)
    text = _terms(result)
    if rbm.weights.size <= MAX_WEIGHTS and result["before"]["complete"]:
        text += _tables(result["before"], result["after"])
    what, which = (f"v={options.target}", "it") if options.target else (f"v, geometric mean over {len(rows):,} rows", "each")
    names = {"probability": f"Pr{{{what}}}", "reconstruction": f"Pr{{v'=v|v}}, reconstructing {which}"}
    changes = [[text, result[f"{name}_before"], result[f"{name}_after"]] for name, text in names.items()]
    return Answer(result, [*text, Table("What the steps achieved", ["", "before", "after"], changes)])


def _terms(result: dict[str, Any]) -> list[str | Table]:
    import numpy as np

    text: list[str | Table] = []
    trace, count, parameters = result.get("trace"), len(result["steps"]), result["parameters"]
    shape, size = parameters["weights"].shape, parameters["weights"].size
    if trace is not None and len(trace["v"]) <= MAX_TRACE:
        text.append(Table("Sampled states", ["v", "h", "v'", "h'"], list(zip(*trace.values(), strict=True))))
    if size > MAX_WEIGHTS:
        return [*text, f"{size:,} weights changed by {np.abs(result['delta']['weights']).max():.6g} at most\n"]
    comma = "" if max(shape) < 10 else ","
    names = [f"w{i + 1}{comma}{j + 1}" for i, j in np.ndindex(*shape)]
    names += [f"{letter}{i + 1}" for letter, units in zip("ab", shape, strict=True) for i in range(units)]
    parts = [result[part] for part in ("positive", "negative", "delta", "parameters")]
    columns = [np.concatenate([np.ravel(values) for values in part.values()]) for part in parts]
    title = "One step" if count == 1 else f"{count:,} steps (the terms are the last one's)"
    header = ["parameter", "positive term", "negative term", "delta", "after"]
    return [*text, Table(title, header, list(zip(names, *columns, strict=True)), breaks=[size - 1])]


def _tables(before: dict[str, Any], after: dict[str, Any]) -> list[str | Table]:
    both = zip(before["rows"], after["rows"], strict=True)
    rows = [[old["v"], old["h"], *(row[name] for row in (old, new) for name in ("energy", "probability"))] for old, new in both]
    header = ["v", "h", "E before", "probability before", "E after", "probability after"]
    return [
        Table(f"All {before['configurations']:,} configurations", header, rows),
        f"ln Z = {before['log_partition']:.9f} before, {after['log_partition']:.9f} after\n",
    ]
