"""run a Gibbs chain and compare its visits with the probabilities

The chain starts at a visible state; a sweep draws v given h, then h given v. The frequency of each configuration approaches its
probability; the standard error allows for the chain's autocorrelation, and z is the difference in standard errors.
"""

from __future__ import annotations

import argparse

from harmonium.cli.output import console, print_json, print_table, units_text
from harmonium.cli.small_model import add_machine, add_seed, machine

EXAMPLE = """\
example:
  harmonium chain --weights "0.5 0.5; 0.5 0.5" --start 01 --sweeps 100000
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_machine(command)
    command.add_argument("--start", metavar="V", help="visible state to start from, such as 01 (default: the first one)")
    command.add_argument("--sweeps", metavar="N", type=int, default=100_000, help="number of sweeps (default: 100000)")
    add_seed(command)


def run(options: argparse.Namespace) -> None:
    import numpy as np

    from harmonium import exact, lecture

    rbm = machine(options)
    start = rbm.visible.read(options.start, "--start") if options.start is not None else rbm.visible.zero_state
    visits = lecture.chain(rbm, start, options.sweeps, options.seed, options.temperature)
    v, h = units_text(rbm.visible, visits.v), units_text(rbm.hidden, visits.h)
    columns = (visits.probability, visits.frequency, visits.standard_error)
    if options.json:
        names = ("v", "h", "probability", "frequency", "standard_error")
        rows = [dict(zip(names, row, strict=True)) for row in zip(v, h, *columns, strict=True)]
        print_json({"sweeps": visits.sweeps, "visited": visits.visited, "complete": visits.complete, "rows": rows})
        return
    z = (visits.frequency - visits.probability) / visits.standard_error
    title = f"Visits in {visits.sweeps:,} sweeps from v = {rbm.visible.write(start)}"
    if not visits.complete:
        title += f": the {len(v)} most visited of {visits.visited:,} configurations seen"
    header = ["v", "h", "probability", "frequency", "standard error", "z"]
    out = console()
    shown_z = ["-" if np.isnan(value) else f"{value:+.2f}" for value in z]
    print_table(title, header, zip(v, h, *columns, shown_z, strict=True), out=out)
    if visits.complete:
        count = exact.configurations(rbm)
        out.print(f"{visits.visited:,} of {count:,} configurations visited")
