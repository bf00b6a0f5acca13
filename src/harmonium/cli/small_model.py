"""The model of the lecture's commands, typed in as `--weights "0.5 0.5; 0.5 0.5"` or loaded, and its temperature."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import harmonium as hm
from harmonium import _checks
from harmonium.errors import InputError

if TYPE_CHECKING:
    import numpy as np

KINDS = ("binary", "spin")
"""The kinds of units that weights and biases describe in full."""


def add_small_model(command: argparse.ArgumentParser) -> None:
    """A model by its numbers or from a file, and its temperature."""
    group = command.add_argument_group("the model")
    which = group.add_mutually_exclusive_group(required=True)
    which.add_argument("--weights", metavar="W", help='rows of numbers, one row a visible unit: "0.5 0.5; 0.5 0.5"')
    which.add_argument("--model", metavar="FILE", help="a model file, or the run folder it is in")
    for layer, letter in (("visible", "A"), ("hidden", "B")):
        bias = f"one number for each {layer} unit (default: zeros)"
        group.add_argument(f"--{layer}-bias", metavar=letter, help=bias)
        group.add_argument(f"--{layer}-units", choices=KINDS, help=f"kind of {layer} units (default: binary, 0 or 1)")
    group.add_argument("--temperature", metavar="T", type=float, default=1.0, help="temperature T (default: 1)")


def small_model(options: argparse.Namespace) -> hm.RBM:
    """The model that the options describe."""
    _checks.positive(options.temperature, "--temperature")
    if options.model is not None:
        for name in ("visible_bias", "hidden_bias", "visible_units", "hidden_units"):
            if getattr(options, name) is not None:
                raise InputError(f"--{name.replace('_', '-')} goes with --weights; a model file brings its own")
        return hm.io.load(options.model)
    weights = matrix(options.weights, "--weights")
    layers: list[hm.units.Units] = []
    for layer, size in zip(("visible", "hidden"), weights.shape, strict=True):
        text = getattr(options, f"{layer}_bias")
        bias = [0.0] * size if text is None else matrix(text, f"--{layer}-bias").ravel()
        if len(bias) != size:
            shape = "x".join(map(str, weights.shape))
            raise InputError(f"--{layer}-bias has {len(bias)} numbers, but the weights, {shape}, have {size} {layer} units")
        kind = hm.units.type_name_to_class[getattr(options, f"{layer}_units") or "binary"]
        layers.append(kind(bias))  # type: ignore[call-arg]
    visible, hidden = layers
    return hm.model.validate(hm.model.RBM(visible, hidden, weights))


def matrix(text: str, what: str) -> np.ndarray:
    """Rows of numbers: rows end with semicolons, numbers are set apart by spaces or commas."""
    rows = [row.replace(",", " ").split() for row in text.split(";") if row.strip()]
    if not rows:
        raise InputError(f'{what} is empty; write numbers such as "0.5 0.5; 0.5 0.5"')
    if len({len(row) for row in rows}) != 1:
        lengths = ", ".join(str(len(row)) for row in rows)
        raise InputError(f"{what} must have as many numbers in every row, but its rows have {lengths}")
    try:
        values = [list(map(float, row)) for row in rows]
    except ValueError as error:
        raise InputError(f"{what}: {str(error).split(': ')[-1]} is not a number") from error
    return _checks.finite_array(values, what)
