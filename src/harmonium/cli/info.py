"""show what a model file contains

The layers, the size of the weights and biases, the data it was trained on and with what settings, as far as the file says.

example:
  harmonium info runs/digits
"""

from __future__ import annotations

import argparse
from typing import Any

import harmonium as hm
from harmonium.cli.inputs import add, load_model, schema_text
from harmonium.cli.output import Answer, Styled, Table, cell_text, plain


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model")


def run(options: argparse.Namespace) -> Answer:
    import numpy as np

    from harmonium._pytree import named_leaves

    model = load_model(options.model)
    rbm, notes, leaves = model.rbm, model.description["notes"], named_leaves(model.rbm)
    statistics: dict[str, Any] = {"mean": np.mean, "standard_deviation": np.std, "smallest": np.min, "largest": np.max}
    arrays: dict[str, dict[str, Any]] = {
        name: {"shape": list(value.shape)} | {key: float(of(value)) for key, of in statistics.items()}
        for name, value in leaves.items()
    }
    layers = {
        name: {"kind": units.name, "units": len(units.unit_tables), "columns": units.size}
        for name, units in (("visible", rbm.visible), ("hidden", rbm.hidden))
    }
    result = {
        "format_version": int(model.description["version"]),
        **layers,
        "parameters": sum(value.size for value in leaves.values()),
        "precision": str(rbm.weights.dtype),
        "enumerable_states": hm.exact.enumerable_states(rbm),
        "exact": hm.likelihood.can_be_exact(rbm),
        "arrays": arrays,
        "notes": notes,
    }
    counts = " and ".join(f"{layer['units']} {layer['kind']} {name}" for name, layer in layers.items())
    header = ["", "shape", *(name.replace("_", " ") for name in statistics)]
    rows = [[name, " x ".join(map(str, of["shape"])), *(of[key] for key in statistics)] for name, of in arrays.items()]
    size = "too large for its likelihood to be exact"
    if result["exact"]:
        states = result["enumerable_states"]
        size = f"small enough to be exact: {states:,} states of the smaller layer" if states else "a normal distribution: exact"
    text: list[str | Styled | Table] = [
        f"{counts} units, {result['parameters']:,} parameters in {result['precision']}, file format {result['format_version']}",
        size,
        Table("", header, rows, decimals=4),
    ]
    if model.is_of_table:
        text += schema_text(model.schema)[:1]
    for key, value in plain(notes).items():
        if isinstance(value, dict) and key != hm.tabular.SCHEMA:
            text.append(Table("", [key, ""], [[name, cell_text(each)] for name, each in value.items() if each is not None]))
        elif value is not None and key != hm.tabular.SCHEMA:
            words = ", ".join(map(cell_text, value)) if isinstance(value, list) else cell_text(value)
            text.append(f"{key.replace('_', ' ')}: {words}")
    return Answer(result, text)
