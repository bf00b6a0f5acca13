"""say what a model file holds

The layers, the size of the weights and biases, the data it was trained on and with what settings, as far as the file says.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from harmonium.cli.output import console, plain, print_json, print_table

if TYPE_CHECKING:
    from harmonium.units import Units

EXAMPLE = """\
example:
  harmonium info runs/digits
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a model file, or the run folder it is in")


def run(options: argparse.Namespace) -> None:
    import jax
    import numpy as np

    from harmonium import exact, io, likelihood

    rbm, _, description = io.load_described(options.model)
    leaves = {"weights": rbm.weights}
    for layer in ("visible", "hidden"):
        for path, value in jax.tree.leaves_with_path(getattr(rbm, layer)):
            leaves[f"{layer} {jax.tree_util.keystr(path, simple=True, separator=' ')}"] = value
    states = exact.enumerable_states(rbm)
    result = {
        "format_version": int(description["version"]),
        "visible": _layer(rbm.visible),
        "hidden": _layer(rbm.hidden),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(rbm)),
        "precision": str(rbm.weights.dtype),
        "enumerable_states": states,
        "exact": likelihood.can_be_exact(rbm),
        "arrays": {
            name: {
                "shape": list(value.shape),
                "mean": float(np.mean(value)),
                "standard_deviation": float(np.std(value)),
                "smallest": float(np.min(value)),
                "largest": float(np.max(value)),
            }
            for name, value in leaves.items()
        },
        "notes": description["notes"],
    }
    if options.json:
        print_json(result)
        return
    out = console()
    counts = [f"{len(layer.unit_tables)} {layer.name}" for layer in (rbm.visible, rbm.hidden)]
    out.print(f"{counts[0]} visible and {counts[1]} hidden units,", end=" ")
    out.print(f"{result['parameters']:,} parameters in {result['precision']}, format version {result['format_version']}")
    if result["exact"]:
        out.print(f"small enough to be exact: {states:,} states of the smaller layer")
    else:
        out.print("too large for its likelihood to be exact")
    header = ["", "shape", "mean", "standard deviation", "smallest", "largest"]
    rows = []
    for name, value in leaves.items():
        numbers = (float(np.mean(value)), float(np.std(value)), float(np.min(value)), float(np.max(value)))
        rows.append([name, " x ".join(str(n) for n in value.shape), *numbers])
    print_table("", header, rows, decimals=4, out=out)
    for key, value in plain(description["notes"]).items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items() if v is not None) if isinstance(value, dict) else value
        if shown is not None:
            out.print(f"{key.replace('_', ' ')}: {shown}")


def _layer(units: Units) -> dict[str, Any]:
    return {"kind": units.name, "units": len(units.unit_tables), "columns": units.size}
