"""list every configuration of a model with its energy and probability

E is the model's energy, the factor is e^(-E/T), and the probability is the factor divided by Z, the sum of all factors. With
more than 4,096 configurations only the most probable ones are listed.

example:
  harmonium table --weights "0.5 0.5; 0.5 0.5"
  harmonium table --weights "1 -1; 0.5 2" --visible-bias "0 0.5" --temperature 2 --json
"""

from __future__ import annotations

import argparse

import harmonium as hm
from harmonium.cli.output import Answer, Table
from harmonium.cli.small_model import add_small_model, small_model

add_arguments = add_small_model


def run(options: argparse.Namespace) -> Answer:
    rbm = small_model(options)
    table = hm.lecture.table(rbm, options.temperature)
    result, joint = table.to_dict(rbm), table.joint
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
