"""run a Gibbs chain and compare its visits with the probabilities

The chain starts at a visible state; a sweep draws v given h, then h given v. The frequency of each configuration approaches its
probability. The standard error allows for the chain's autocorrelation, and z is the difference in standard errors.

example:
  harmonium chain --weights "0.5 0.5; 0.5 0.5" --start 01 --sweeps 100000
"""

from __future__ import annotations

import argparse
import math

import harmonium as hm
from harmonium.cli.inputs import add, add_count
from harmonium.cli.output import Answer, Table
from harmonium.cli.small_model import add_small_model, small_model


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_small_model(command)
    command.add_argument("--start", metavar="V", help="visible state to start from, such as 01 (default: the first one)")
    add_count(command, "sweeps", 100_000, "number of sweeps")
    add(command, "--seed")


def run(options: argparse.Namespace) -> Answer:
    rbm = small_model(options)
    start = rbm.visible.zero_state if options.start is None else rbm.visible.read(options.start, "--start")
    visits = hm.lecture.chain(rbm, start, options.sweeps, options.seed, options.temperature)
    result = visits.to_dict(rbm)
    title = f"Visits in {visits.sweeps:,} sweeps from v = {rbm.visible.write(start)}"
    if not visits.complete:
        title += f": the {len(visits.v)} most visited of {visits.visited:,} configurations visited"
    z = ((visits.frequency - visits.probability) / visits.standard_error).tolist()
    rows = [[*row.values(), "-" if math.isnan(z) else f"{z:+.2f}"] for row, z in zip(result["rows"], z, strict=True)]
    table = Table(title, ["v", "h", "probability", "frequency", "standard error", "z"], rows)
    total = [f"{visits.visited:,} of {hm.exact.configurations(rbm):,} configurations visited"] if visits.complete else []
    return Answer(result, [table, *total])
