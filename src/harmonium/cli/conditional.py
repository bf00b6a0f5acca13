"""show the conditionals given one layer's state, and the joint table that follows from them

For a given v: the total input S of each hidden unit, Pr{h_j=1|v} = 1/(1+e^(-S/T)), the probability of every h, and
Pr{v,h} = Pr{h|v} Pr{v} beside the same probability from the energies; then Pr{v'|v} of every reconstruction v'.

example:
  harmonium conditional --weights "0.5 0.5; 0.5 0.5" --given v=01
  harmonium conditional --weights "0.5 0.5; 0.5 0.5" --given h=11 --temperature 2
"""

from __future__ import annotations

import argparse

import harmonium as hm
from harmonium.cli.output import Answer, Table
from harmonium.cli.small_model import add_small_model, small_model
from harmonium.errors import InputError


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_small_model(command)
    command.add_argument("--given", metavar="v=STATE", required=True, help="the given state: v=01, or h=01")


def run(options: argparse.Namespace) -> Answer:
    rbm = small_model(options)
    layer, separator, state = options.given.partition("=")
    if layer not in ("v", "h") or not separator:
        raise InputError(f"--given {options.given!r}: write v=STATE or h=STATE, as in v=01")
    other, units, others = ("h", rbm.visible, rbm.hidden) if layer == "v" else ("v", rbm.hidden, rbm.visible)
    conditional = hm.lecture.conditional(rbm, units.read(state, "--given"), layer == "v", options.temperature)
    result, t = conditional.to_dict(rbm), conditional.temperature
    state = result["given"][layer]
    upper, total = (others.symbols or "01")[-1], ("S" if others.name == "binary" else "2S") + ("" if t == 1 else f"/{t:g}")
    header = ["unit", "S", f"Pr{{{other}_j={upper}|{layer}}} = 1/(1+e^(-{total}))"]
    text: list[str | Table] = [
        Table(f"Given {layer} = {state}: each unit's total input S", header, [row.values() for row in result["units"]]),
        f"Pr{{{layer}={state}}} = {conditional.marginal:.9g}    T = {t:g}\n",
    ]
    if result["rows"] is None:
        return Answer(result, [*text, f"The other layer's {others.size} units have too many states to print."])
    every, own = f"Pr{{{other}|{layer}}}", f"Pr{{{layer}}}"
    header = [other, every, f"{every} {own}", "Pr{v,h} = e^(-E/T)/Z", f"their {own} = Pr{{v,h}}/{every}"]
    ratios = [row["probability_from_energy"] / row["conditional"] if row["conditional"] else None for row in result["rows"]]
    rows = [[*row.values(), ratio] for row, ratio in zip(result["rows"], ratios, strict=True)]
    text.append(Table("The joint probability from the conditionals, and from the energies", header, rows))
    if result["reconstruction"] is not None:
        title = f"Reconstruction: Pr{{{layer}'|{layer}}} = sum over {other} of Pr{{{layer}'|{other}}} Pr{{{other}|{layer}}}"
        header = [f"{layer}'", f"Pr{{{layer}'|{layer}={state}}}"]
        text.append(Table(title, header, [row.values() for row in result["reconstruction"]]))
    return Answer(result, text)
