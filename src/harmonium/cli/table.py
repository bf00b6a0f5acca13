"""list every configuration of a model with its energy and probability

E is the model's energy, the factor is e^(-E/T), and the probability is the factor divided by Z, the sum of all factors. Of a
model with more than 4,096 configurations the most probable ones are listed.

example:
  harmonium table --weights "0.5 0.5; 0.5 0.5"
  harmonium table --weights "1 -1; 0.5 2" --visible-bias "0 0.5" --temperature 2 --json
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from harmonium.cli.output import Answer, Table, records, units_text
from harmonium.cli.small_model import add_small_model, small_model

if TYPE_CHECKING:
    from harmonium import lecture
    from harmonium.model import RBM


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_small_model(command)


def run(options: argparse.Namespace) -> Answer:
    from harmonium import lecture

    rbm = small_model(options)
    table = lecture.table(rbm, options.temperature)
    result = to_dict(rbm, table)
    return Answer(result, _text(result, table))


def to_dict(rbm: RBM, table: lecture.Table) -> dict[str, Any]:
    """The table with plain names; `partition_function` is infinite (null in JSON) where Z exceeds the largest number."""
    import numpy as np

    joint = table.joint
    v, h = units_text(rbm.visible, joint.v), units_text(rbm.hidden, joint.h)
    columns = {"energy": joint.energy, "boltzmann_factor": joint.boltzmann_factor, "probability": joint.probability}
    visible, hidden = (
        records({letter: units_text(units, marginal.states), "probability": marginal.probability})
        for letter, units, marginal in (("v", rbm.visible, table.visible), ("h", rbm.hidden, table.hidden))
    )
    with np.errstate(over="ignore"):
        partition_function = float(np.exp(joint.log_partition))
    return {
        "partition_function": partition_function,
        "log_partition": joint.log_partition,
        "temperature": joint.temperature,
        "configurations": joint.configurations,
        "complete": table.complete,
        "rows": records({"v": v, "h": h, **columns}),
        "visible": visible,
        "hidden": hidden,
    }


def _text(result: dict[str, Any], table: lecture.Table) -> list[str | Table]:
    rows, joint = result["rows"], table.joint
    breaks: list[int] = []
    if table.complete:
        title = f"All {joint.configurations:,} configurations"
        if len(rows) <= 512:
            breaks = [i for i in range(len(rows) - 1) if rows[i]["v"] != rows[i + 1]["v"]]
    else:
        count = joint.configurations
        number = f"{count:,}" if count < 10**9 else f"2^{count.bit_length() - 1}"
        title = (
            f"{number} configurations are too many to print: "
            f"the {len(rows)} most probable ones, {joint.probability.sum():.3g} of the probability"
        )
    factor = "e^-E" if joint.temperature == 1 else f"e^(-E/{joint.temperature:g})"
    z = result["partition_function"]
    z_text = f"{z:.9f}" if z < 1e9 else f"{z:.6e}"
    marginals = f"Marginal probabilities{'' if table.complete else ' of the states in these rows'}"
    return [
        Table(title, ["v", "h", "E", factor, "probability"], [row.values() for row in rows], breaks),
        f"Z = {z_text}    ln Z = {joint.log_partition:.9f}    T = {joint.temperature:g}\n",
        *(
            Table(marginals, [letter, f"Pr{{{letter}}}"], [row.values() for row in result[layer]])
            for letter, layer in (("v", "visible"), ("h", "hidden"))
        ),
    ]
