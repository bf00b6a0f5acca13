"""show what follows from one layer's state, and the table again from the conditionals

For a given v: the total input S of each hidden unit, Pr{h_j=1|v} = 1/(1+e^(-S/T)), the probability of every h, and
Pr{v,h} = Pr{h|v} Pr{v} beside the same probability from the energies; then Pr{v'|v} of every reconstruction v'.

example:
  harmonium conditional --weights "0.5 0.5; 0.5 0.5" --given v=01
  harmonium conditional --weights "0.5 0.5; 0.5 0.5" --given h=11 --temperature 2
"""

from __future__ import annotations

import argparse
from typing import Any

from harmonium.cli.output import Answer, Table, records, units_text
from harmonium.cli.small_model import add_small_model, small_model
from harmonium.errors import InputError


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_small_model(command)
    command.add_argument("--given", metavar="v=STATE", required=True, help="the given state: v=01, or h=01")


def run(options: argparse.Namespace) -> Answer:
    from harmonium import lecture

    rbm = small_model(options)
    layer, separator, text = options.given.partition("=")
    if layer not in ("v", "h") or not separator:
        raise InputError(f"--given {options.given!r}: write v=STATE or h=STATE, as in v=01")
    other, units, others = ("h", rbm.visible, rbm.hidden) if layer == "v" else ("v", rbm.hidden, rbm.visible)
    given = units.read(text, "--given")
    found = lecture.conditional(rbm, given, layer == "v", options.temperature)
    result: dict[str, Any] = {
        "given": {layer: units.write(given)},
        "temperature": found.temperature,
        "units": records(
            {
                "unit": [f"{other}{j + 1}" for j in range(others.size)],
                "total_input": found.total_input,
                "probability": found.unit_probability,
            }
        ),
        "marginal": found.marginal,
        "rows": None,
        "reconstruction": None,
    }
    if found.states is not None:
        columns: dict[str, Any] = {other: units_text(others, found.states), "conditional": found.conditional}
        result["rows"] = records(columns | {"probability": found.joint, "probability_from_energy": found.from_energy})
    if found.reconstruction is not None:
        states = units_text(units, found.reconstruction.states)
        result["reconstruction"] = records({layer: states, "probability": found.reconstruction.probability})
    return Answer(result, _text(result, layer, other, (others.symbols or "01")[-1], 1 if others.name == "binary" else 2))


def _text(result: dict[str, Any], layer: str, other: str, upper: str, scale: int) -> list[str | Table]:
    import numpy as np

    t, state = result["temperature"], result["given"][layer]
    total = ("" if scale == 1 else "2") + ("S" if t == 1 else f"S/{t:g}")
    header = ["unit", "S", f"Pr{{{other}_j={upper}|{layer}}} = 1/(1+e^(-{total}))"]
    title = f"Given {layer} = {state}: each unit's total input S"
    text: list[str | Table] = [
        Table(title, header, [unit.values() for unit in result["units"]]),
        f"Pr{{{layer}={state}}} = {result['marginal']:.9g}    T = {t:g}\n",
    ]
    if result["rows"] is None:
        return [*text, f"The other layer's {len(result['units'])} units have too many states to print."]
    every, own = f"Pr{{{other}|{layer}}}", f"Pr{{{layer}}}"
    header = [other, every, f"{every} {own}", "Pr{v,h} = e^(-E/T)/Z", f"their {own} = Pr{{v,h}}/{every}"]
    rows = [list(row.values()) for row in result["rows"]]
    with np.errstate(invalid="ignore"):  # a dash where both are 0
        rows = [[*row, np.float64(row[3]) / row[1]] for row in rows]
    text.append(Table("The joint probability from the conditionals, and from the energies", header, rows))
    if result["reconstruction"] is not None:
        title = f"Reconstruction: Pr{{{layer}'|{layer}}} = sum over {other} of Pr{{{layer}'|{other}}} Pr{{{other}|{layer}}}"
        header = [f"{layer}'", f"Pr{{{layer}'|{layer}={state}}}"]
        text.append(Table(title, header, [row.values() for row in result["reconstruction"]]))
    return text
