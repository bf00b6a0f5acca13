"""Options that name a machine and its states, shared by the lecture's commands."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from harmonium.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from harmonium.model import RBM
    from harmonium.units import Units

KINDS = ("binary", "spin")
"""The kinds of the machines that are given by their weights and biases."""
EVERY_KIND = "binary, spin, gaussian, relu, drelu, or categorical:K for units of K categories"


def add_machine(command: argparse.ArgumentParser) -> None:
    """A machine by its numbers or from a model file, and its temperature."""
    group = command.add_argument_group("the machine")
    which = group.add_mutually_exclusive_group(required=True)
    which.add_argument("--weights", metavar="W", help='rows of numbers, one row a visible unit: "0.5 0.5; 0.5 0.5"')
    which.add_argument("--model", metavar="FILE", help="a model file, or the run folder it is in")
    group.add_argument("--visible-bias", metavar="A", help='one number for each visible unit: "0 0" (default: zeros)')
    group.add_argument("--hidden-bias", metavar="B", help="one number for each hidden unit (default: zeros)")
    group.add_argument("--visible-units", choices=KINDS, help="kind of visible units (default: binary, 0 or 1)")
    group.add_argument("--hidden-units", choices=KINDS, help="kind of hidden units (default: binary, 0 or 1)")
    group.add_argument("--temperature", metavar="T", type=number, default=1.0, help="temperature T (default: 1)")


def add_seed(command: argparse._ActionsContainer) -> None:
    """`--seed`."""
    command.add_argument("--seed", metavar="N", type=int, default=0, help="seed of every random number (default: 0)")


def number(text: str) -> float:
    """A number; argparse reports any other text."""
    return float(text)


def machine(options: argparse.Namespace) -> RBM:
    """The machine that the options name.

    Raises:
        InputError: numbers that do not parse or fit together, or a model file that cannot be used.
    """
    from harmonium import _checks, io

    _checks.positive(options.temperature, "--temperature")
    if options.model is not None:
        for name in ("visible_bias", "hidden_bias", "visible_units", "hidden_units"):
            if getattr(options, name) is not None:
                raise InputError(f"--{name.replace('_', '-')} goes with --weights; a model file brings its own")
        rbm = io.load(options.model)
    else:
        rbm = _from_numbers(options)
    check_energies(rbm, options.temperature, "the machine that was given")
    return rbm


def _from_numbers(options: argparse.Namespace) -> RBM:
    import numpy as np

    from harmonium import model
    from harmonium.units import type_name_to_class

    weights = matrix(options.weights, "--weights")
    layers = []
    for layer, size in zip(("visible", "hidden"), weights.shape, strict=True):
        text = getattr(options, f"{layer}_bias")
        bias = np.zeros(size) if text is None else matrix(text, f"--{layer}-bias").ravel()
        if len(bias) != size:
            raise InputError(
                f"--{layer}-bias has {len(bias)} numbers, but the weights, {weights.shape[0]}x{weights.shape[1]}, "
                f"have {size} {layer} units"
            )
        kind = type_name_to_class[getattr(options, f"{layer}_units") or "binary"]
        layers.append(kind(bias))  # type: ignore[call-arg]
    visible, hidden = layers
    return model.validate(model.RBM(visible, hidden, weights))


def layer(text: str, count: int, what: str, visible: bool) -> Units:
    """A layer to start from, by the name of its kind; `categorical:3` or `categorical:3,2,4` says how many categories.

    Args:
        count: of a visible layer its columns, of a hidden one its units.

    Raises:
        InputError: an unknown kind, or categories that do not fit the count.
    """
    from harmonium.units import Categorical, Mixed, type_name_to_class

    name, _, rest = text.partition(":")
    kind = type_name_to_class.get(name, Mixed)
    if kind is Mixed or (kind is Categorical) != bool(rest):
        raise InputError(f"{what} {text!r} is unknown: use {EVERY_KIND}")
    if kind is not Categorical:
        return kind.zeros(count)
    levels = tuple(int(part) if part.isdecimal() else 0 for part in rest.split(","))
    if min(levels) < 1:
        raise InputError(f"{what} {text!r}: numbers of categories are whole and at least 1, as in categorical:3")
    if len(levels) == 1:
        levels *= count // levels[0] if visible else count
    if (sum(levels) if visible else len(levels)) != count:
        have = f"the data has {count} columns" if visible else f"there are {count} hidden units"
        raise InputError(f"{what} {text!r} does not fit: {have}")
    return Categorical.zeros(levels)


def check_energies(rbm: RBM, temperature: float, what: str) -> None:
    """Every E/T must be a finite number: none is larger than the sum of all parameters' sizes.

    Raises:
        InputError: the sum is not finite; `what` says which machine it is.
    """
    import jax
    import numpy as np

    with np.errstate(over="ignore"):
        largest = sum(float(np.abs(np.asarray(leaf, dtype=np.float64)).sum()) for leaf in jax.tree.leaves(rbm))
    if not largest / temperature < float("inf"):
        raise InputError(f"{what} has energies E/T beyond the largest number there is, at temperature {temperature:g}")


def matrix(text: str, what: str) -> np.ndarray:
    """Rows of numbers: rows end with semicolons, numbers are set apart by spaces or commas."""
    import numpy as np

    rows = [row.replace(",", " ").split() for row in text.split(";") if row.strip()]
    if not rows:
        raise InputError(f'{what} is empty; write numbers such as "0.5 0.5; 0.5 0.5"')
    if len({len(row) for row in rows}) != 1:
        lengths = ", ".join(str(len(row)) for row in rows)
        raise InputError(f"{what} must have as many numbers in every row, but its rows have {lengths}")
    try:
        values = np.array([[float(cell) for cell in row] for row in rows])
    except ValueError as error:
        raise InputError(f"{what}: {str(error).split(': ')[-1]} is not a number") from error
    if not np.isfinite(values).all():
        raise InputError(f"{what}: every number must be finite, but there is a NaN or an infinity")
    return values


def held(units: Units, text: str) -> np.ndarray:
    """Values to hold, NaN where free: a pattern such as `1??0`, or assignments such as `v1=1,v3=0` or `v1..v8=0`."""
    import re

    import numpy as np

    values = np.full(units.size, np.nan)
    if "=" not in text:
        cleaned = text.replace(" ", "").replace(",", "")
        # What is free is read as if it were in its first state.
        start = [(symbols or "?")[0] for symbols in units.unit_symbols] + list(cleaned[len(units.unit_symbols) :])
        filled = [own if character == "?" else character for character, own in zip(cleaned, start, strict=False)]
        state = units.read("".join(filled), "--clamp")
        held_columns = np.repeat([character != "?" for character in cleaned], np.diff(units.boundaries))
        return np.where(held_columns, state, np.nan)
    for part in text.replace(" ", ",").split(","):
        if not part:
            continue
        match = re.fullmatch(r"v(\d+)(?:\.\.v(\d+))?=(\S+)", part)
        if not match:
            raise InputError(f"--clamp {part!r}: write v1=1,v3=0 or v1..v8=0 (v1 is the first unit), or a pattern 1??0")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= units.size:
            raise InputError(f"--clamp {part!r}: the visible units are v1 to v{units.size}")
        try:
            value = float(match[3])
        except ValueError:
            value = np.nan
        if np.isnan(value):  # which would set the unit free
            raise InputError(f"--clamp {part!r}: {match[3]!r} is not a number")
        values[first - 1 : last] = value
    return values


def image_shape(description: dict[str, Any], rbm: RBM) -> tuple[int, int] | None:
    """(height, width) of a row as a picture, if the description of a model file says one that fits its columns."""
    match description["notes"].get("image_shape"):
        case [int(height), int(width)] if height > 0 and height * width == rbm.visible.size:
            return height, width
    return None
