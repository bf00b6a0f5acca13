"""show what follows from one layer's state: the other road to the table

For a given v: the total input S of each hidden unit, Pr{h_j=1|v} = 1/(1+e^(-S/T)), the probability of every h, and
Pr{v,h} = Pr{h|v} Pr{v} beside the same probability from the energies; then Pr{v'|v} of every reconstruction v'.
"""

from __future__ import annotations

import argparse

from harmonium.cli.output import console, print_json, print_table, units_text
from harmonium.cli.small_model import add_machine, machine
from harmonium.errors import InputError

EXAMPLE = """\
example:
  harmonium conditional --weights "0.5 0.5; 0.5 0.5" --given v=01
  harmonium conditional --weights "0.5 0.5; 0.5 0.5" --given h=11 --temperature 2
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_machine(command)
    command.add_argument("--given", metavar="v=STATE", required=True, help="the state that is given: v=01, or h=01")


def run(options: argparse.Namespace) -> None:
    import numpy as np

    from harmonium import lecture

    rbm = machine(options)
    layer, separator, state = options.given.partition("=")
    if layer not in ("v", "h") or not separator:
        raise InputError(f"--given {options.given!r}: write v=STATE or h=STATE, as in v=01")
    forward = layer == "v"
    units, others = (rbm.visible, rbm.hidden) if forward else (rbm.hidden, rbm.visible)
    given = units.read(state, "--given")
    result = lecture.conditional(rbm, given, forward, options.temperature)
    other = "h" if forward else "v"
    shown = units.write(given)
    upper = (others.symbols or "01")[-1]
    states = None if result.states is None else units_text(others, result.states)
    if options.json:
        rows = None
        if states is not None:
            names = (other, "conditional", "probability", "probability_from_energy")
            columns = (states, result.conditional, result.joint, result.from_energy)
            rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]  # type: ignore[arg-type]
        reconstruction = None
        if result.reconstruction is not None:
            texts = units_text(units, result.reconstruction.states)
            pairs = zip(texts, result.reconstruction.probability, strict=True)
            reconstruction = [{layer: text, "probability": p} for text, p in pairs]
        print_json(
            {
                "given": {layer: shown},
                "temperature": result.temperature,
                "units": [
                    {"unit": f"{other}{j + 1}", "total_input": s, "probability": p}
                    for j, (s, p) in enumerate(zip(result.total_input, result.unit_probability, strict=True))
                ],
                "marginal": result.marginal,
                "rows": rows,
                "reconstruction": reconstruction,
            }
        )
        return
    out = console()
    unit_rows = zip([f"{other}{j + 1}" for j in range(others.size)], result.total_input, result.unit_probability, strict=True)
    scale = "S" if result.temperature == 1 else f"S/{result.temperature:g}"
    scale = scale if others.name == "binary" else f"2{scale}"
    header = ["unit", "S", f"Pr{{{other}_j={upper}|{layer}}} = 1/(1+e^(-{scale}))"]
    print_table(f"Given {layer} = {shown}: each unit's total input S", header, unit_rows, out=out)
    out.print(f"Pr{{{layer}={shown}}} = {result.marginal:.9g}    T = {result.temperature:g}\n")
    if states is None:
        out.print(f"The other layer's {others.size} units have too many states to print.")
        return
    both = "v,h"
    header = [
        other,
        f"Pr{{{other}|{layer}}}",
        f"Pr{{{other}|{layer}}} Pr{{{layer}}}",
        f"Pr{{{both}}} = e^(-E/T)/Z",
        f"their Pr{{{layer}}} = Pr{{{both}}}/Pr{{{other}|{layer}}}",
    ]
    roads = (result.conditional, result.joint, result.from_energy)
    with np.errstate(invalid="ignore"):  # a dash where both are 0
        implied = result.from_energy / result.conditional  # type: ignore[operator]
    print_table("Both roads to the joint probability", header, zip(states, *roads, implied, strict=True), out=out)  # type: ignore[arg-type]
    if result.reconstruction is not None:
        rows_of = zip(units_text(units, result.reconstruction.states), result.reconstruction.probability, strict=True)
        title = f"Reconstruction: Pr{{{layer}'|{layer}}} = sum over {other} of Pr{{{layer}'|{other}}} Pr{{{other}|{layer}}}"
        print_table(title, [f"{layer}'", f"Pr{{{layer}'|{layer}={shown}}}"], rows_of, out=out)
