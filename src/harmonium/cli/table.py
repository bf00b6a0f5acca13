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


add_arguments = add_small_model


def run(options: argparse.Namespace) -> Answer:
    from harmonium import lecture

    rbm = small_model(options)
    table = lecture.table(rbm, options.temperature)
    result, joint = to_dict(rbm, table), table.joint
    rows, count, z, t = result["rows"], joint.configurations, result["partition_function"], joint.temperature
    breaks: list[int] = []
    if table.complete:
        title = f"All {count:,} configurations"
        if len(rows) <= 512:
            breaks = [i for i in range(len(rows) - 1) if rows[i]["v"] != rows[i + 1]["v"]]
    else:
        number = f"{count:,}" if count < 10**9 else f"2^{count.bit_length() - 1}"
        best = f"the {len(rows)} most probable ones, {joint.probability.sum():.3g} of the probability"
        title = f"{number} configurations are too many to print: {best}"
    header = ["v", "h", "E", "e^-E" if t == 1 else f"e^(-E/{t:g})", "probability"]
    z_text = f"{z:.9f}" if z < 1e9 else f"{z:.6e}"
    marginals = f"Marginal probabilities{'' if table.complete else ' of the states in these rows'}"
    text: list[str | Table] = [
        Table(title, header, [row.values() for row in rows], breaks),
        f"Z = {z_text}    ln Z = {joint.log_partition:.9f}    T = {t:g}\n",
        Table(marginals, ["v", "Pr{v}"], [row.values() for row in result["visible"]]),
        Table(marginals, ["h", "Pr{h}"], [row.values() for row in result["hidden"]]),
    ]
    return Answer(result, text)


def to_dict(rbm: RBM, table: lecture.Table) -> dict[str, Any]:
    """The table with plain names; `partition_function` is infinite (null in JSON) where Z exceeds the largest number."""
    import numpy as np

    joint = table.joint
    columns: dict[str, Any] = {"v": units_text(rbm.visible, joint.v), "h": units_text(rbm.hidden, joint.h)}
    columns |= {name: getattr(joint, name) for name in ("energy", "boltzmann_factor", "probability")}
    with np.errstate(over="ignore"):
        result: dict[str, Any] = {"partition_function": float(np.exp(joint.log_partition)), "complete": table.complete}
    result |= {name: getattr(joint, name) for name in ("log_partition", "temperature", "configurations")}
    result["rows"] = records(columns)
    for letter, layer in (("v", "visible"), ("h", "hidden")):
        marginal = getattr(table, layer)
        states = units_text(getattr(rbm, layer), marginal.states)
        result[layer] = records({letter: states, "probability": marginal.probability})
    return result
