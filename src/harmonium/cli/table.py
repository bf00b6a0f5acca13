"""list every configuration of a machine with its energy and probability

E is the machine's energy, the factor is e^(-E/T), the probability is the factor divided by Z, the sum of all factors. Of a
machine with more than 4,096 configurations the most probable ones are shown.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from harmonium.cli.output import console, print_json, print_table, units_text
from harmonium.cli.small_model import add_machine, machine

if TYPE_CHECKING:
    from harmonium.lecture import Marginal, Table
    from harmonium.model import RBM
    from harmonium.units import Units

EXAMPLE = """\
example:
  harmonium table --weights "0.5 0.5; 0.5 0.5"
  harmonium table --weights "1 -1; 0.5 2" --visible-bias "0 0.5" --temperature 2 --json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_machine(command)


def run(options: argparse.Namespace) -> None:
    from harmonium import lecture

    rbm = machine(options)
    table = lecture.table(rbm, options.temperature)
    if options.json:
        print_json(as_dict(rbm, table))
    else:
        print_all(rbm, table)


def as_dict(rbm: RBM, table: Table) -> dict[str, Any]:
    """The table with plain names; `partition_function` is infinite (null in JSON) where Z exceeds the largest number."""
    import numpy as np

    joint = table.joint
    with np.errstate(over="ignore"):
        partition_function = float(np.exp(joint.log_partition))
    columns = (joint.energy, joint.boltzmann_factor, joint.probability)
    return {
        "partition_function": partition_function,
        "log_partition": joint.log_partition,
        "temperature": joint.temperature,
        "configurations": joint.configurations,
        "complete": table.complete,
        "rows": [
            {"v": v, "h": h, "energy": e, "boltzmann_factor": f, "probability": p}
            for v, h, e, f, p in zip(units_text(rbm.visible, joint.v), units_text(rbm.hidden, joint.h), *columns, strict=True)
        ],
        "visible": _marginal_rows("v", rbm.visible, table.visible),
        "hidden": _marginal_rows("h", rbm.hidden, table.hidden),
    }


def _marginal_rows(name: str, units: Units, marginal: Marginal) -> list[dict[str, Any]]:
    texts = units_text(units, marginal.states)
    return [{name: state, "probability": p} for state, p in zip(texts, marginal.probability, strict=True)]


def print_all(rbm: RBM, table: Table) -> None:
    """The table and its marginals, for people."""
    import numpy as np

    joint = table.joint
    out = console()
    v, h = units_text(rbm.visible, joint.v), units_text(rbm.hidden, joint.h)
    if table.complete:
        title = f"All {joint.configurations:,} configurations"
        breaks = [i for i in range(len(v) - 1) if v[i] != v[i + 1]] if len(v) <= 512 else []
    else:
        title = (
            f"{_count(joint.configurations)} configurations are too many to print: "
            f"the {len(v)} most probable ones, {joint.probability.sum():.3g} of the probability"
        )
        breaks = []
    factor = "e^-E" if joint.temperature == 1 else f"e^(-E/{joint.temperature:g})"
    rows = zip(v, h, joint.energy, joint.boltzmann_factor, joint.probability, strict=True)
    print_table(title, ["v", "h", "E", factor, "probability"], rows, breaks=breaks, out=out)
    with np.errstate(over="ignore"):
        partition_function = float(np.exp(joint.log_partition))
    shown = f"{partition_function:.9f}" if partition_function < 1e9 else f"{partition_function:.6e}"
    out.print(f"Z = {shown}    ln Z = {joint.log_partition:.9f}    T = {joint.temperature:g}\n")
    for name, units, marginal in (("v", rbm.visible, table.visible), ("h", rbm.hidden, table.hidden)):
        which = "" if table.complete else " of the states in these rows"
        heading = f"Marginal probabilities{which}"
        print_table(
            heading,
            [name, f"Pr{{{name}}}"],
            zip(units_text(units, marginal.states), marginal.probability, strict=True),
            out=out,
        )


def _count(configurations: int) -> str:
    return f"{configurations:,}" if configurations < 10**9 else f"2^{configurations.bit_length() - 1}"
