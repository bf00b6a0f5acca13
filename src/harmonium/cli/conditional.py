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
    import numpy as np

    from harmonium import lecture

    rbm = small_model(options)
    layer, separator, state = options.given.partition("=")
    if layer not in ("v", "h") or not separator:
        raise InputError(f"--given {options.given!r}: write v=STATE or h=STATE, as in v=01")
    other, units, others = ("h", rbm.visible, rbm.hidden) if layer == "v" else ("v", rbm.hidden, rbm.visible)
    found = lecture.conditional(rbm, units.read(state, "--given"), layer == "v", options.temperature)
    t, state = found.temperature, units.write(found.given)
    result: dict[str, Any] = {"given": {layer: state}, "temperature": t, "marginal": found.marginal}
    result |= {"units": None, "rows": None, "reconstruction": None}
    text: list[str | Table] = []

    def show(key: str, title: str, header: list[str], columns: dict[str, Any], *more: Any) -> None:
        result[key] = records(columns)
        text.append(Table(title, header, list(zip(*columns.values(), *more, strict=True))))

    upper, total = (others.symbols or "01")[-1], ("S" if others.name == "binary" else "2S") + ("" if t == 1 else f"/{t:g}")
    header = ["unit", "S", f"Pr{{{other}_j={upper}|{layer}}} = 1/(1+e^(-{total}))"]
    names = [f"{other}{j + 1}" for j in range(others.size)]
    title = f"Given {layer} = {state}: each unit's total input S"
    columns: dict[str, Any] = {"unit": names, "total_input": found.total_input, "probability": found.unit_probability}
    show("units", title, header, columns)
    text.append(f"Pr{{{layer}={state}}} = {found.marginal:.9g}    T = {t:g}\n")
    if found.states is None:
        return Answer(result, [*text, f"The other layer's {len(names)} units have too many states to print."])
    every, own = f"Pr{{{other}|{layer}}}", f"Pr{{{layer}}}"
    with np.errstate(invalid="ignore"):  # a dash where both are 0
        ratio = np.divide(found.from_energy, found.conditional)  # type: ignore[arg-type]
    columns = {other: units_text(others, found.states), "conditional": found.conditional, "probability": found.joint}
    columns |= {"probability_from_energy": found.from_energy}
    header = [other, every, f"{every} {own}", "Pr{v,h} = e^(-E/T)/Z", f"their {own} = Pr{{v,h}}/{every}"]
    title = "The joint probability from the conditionals, and from the energies"
    show("rows", title, header, columns, ratio)
    if found.reconstruction is not None:
        title = f"Reconstruction: Pr{{{layer}'|{layer}}} = sum over {other} of Pr{{{layer}'|{other}}} Pr{{{other}|{layer}}}"
        columns = {layer: units_text(units, found.reconstruction.states), "probability": found.reconstruction.probability}
        show("reconstruction", title, [f"{layer}'", f"Pr{{{layer}'|{layer}={state}}}"], columns)
    return Answer(result, text)
