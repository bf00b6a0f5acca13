"""A machine, or a sampler's state, in one versioned and sealed file (see `pack`).

A model file holds named arrays (`weights`, `visible.bias`, ...) beside a description in its header: the format's name and
version, the kind of each layer (with its numbers of categories, or its parts), and whatever the caller notes. A state file
holds the arrays of a sampler's state.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import _pytree, model
from harmonium.errors import InputError, reason
from harmonium.io.container import pack, unpack, write_file
from harmonium.model import RBM
from harmonium.units import Units, type_name_to_class

FORMAT = "harmonium"
STATE_FORMAT = "harmonium state"
VERSION = 2
"""Since version 2 files are sealed."""


def save(
    rbm: RBM,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    base_rate: Units | None = None,
    notes: dict[str, Any] | None = None,
) -> Path:
    """Write `rbm` to a model file (.safetensors).

    Args:
        overwrite: replace a file of that name. base_rate: visible units fitted to the training data alone, the baseline
            that `evaluate` compares with. notes: anything JSON can hold, to go into the description.

    Raises:
        InputError: the machine or the base rate is malformed, the notes are not JSON, the file exists, or it cannot be written.
    """
    model.validate(rbm)
    arrays = {"weights": rbm.weights, **_leaves("visible", rbm.visible), **_leaves("hidden", rbm.hidden)}
    if base_rate is not None:
        _check_base_rate(rbm, base_rate)
        arrays |= _leaves("base_rate", base_rate)
    if not isinstance(notes or {}, dict):
        raise InputError(f"notes must be a dict, but are a {type(notes).__name__}")
    try:
        notes_text = json.dumps(notes or {}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"notes cannot be written as JSON: {reason(error)}") from error
    description = {
        "format": FORMAT,
        "version": str(VERSION),
        "visible": _as_text(_described(rbm.visible)),
        "hidden": _as_text(_described(rbm.hidden)),
        "notes": notes_text,
    }
    return write_file(path, pack(arrays, description), overwrite)


def load(path: str | os.PathLike[str]) -> RBM:
    """The machine in a model file.

    Raises:
        InputError: there is no such file, it is damaged, no model file of this package, or of a later version.
    """
    return load_described(path)[0]


def load_described(path: str | os.PathLike[str]) -> tuple[RBM, Units | None, dict[str, Any]]:
    """The machine, the base rate (None if the file has none) and the description of a model file; raises as `load`."""
    source = Path(path)
    if os.path.isdir(source):  # which asks nothing more of the name
        source = source / "model.safetensors"
    arrays, texts = unpack(source, "model file", FORMAT, VERSION)
    description: dict[str, Any] = {**texts}
    try:
        description["notes"] = json.loads(texts.get("notes", "{}"))
    except ValueError as error:
        raise InputError(f"{source} is damaged: its notes cannot be read: {reason(error)}") from error
    if not isinstance(description["notes"], dict):
        raise InputError(f"{source} is damaged: its notes are no JSON object")
    try:
        visible = _units(arrays, "visible", description["visible"])
        hidden = _units(arrays, "hidden", description["hidden"])
        rbm = model.validate(RBM(visible, hidden, arrays["weights"]))
        has_base_rate = any(name.startswith("base_rate.") for name in arrays)
        base_rate = _units(arrays, "base_rate", description["visible"]) if has_base_rate else None
        if base_rate is not None:
            _check_base_rate(rbm, base_rate)
    except KeyError as error:
        raise InputError(f"{source} is damaged: {error.args[0]!r} is missing or unknown") from error
    except InputError as error:
        raise InputError(f"{source} is damaged: {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{source} is damaged: a layer's description cannot be read: {reason(error)}") from error
    return rbm, base_rate, description


def save_state(state: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a sampler's state, or any pytree of arrays, to a state file (.safetensors), each leaf under its own name.

    Raises:
        InputError: a leaf is no array of numbers, the file exists and `overwrite` is false, or it cannot be written.
    """
    arrays = {}
    for name, leaf in _pytree.named_leaves(state).items():
        arrays[name] = np.ascontiguousarray(np.asarray(leaf)).reshape(np.shape(leaf))
        if arrays[name].dtype.kind not in "fiub":
            raise InputError(f"{name} cannot be stored: it holds {arrays[name].dtype.name} values, not numbers")
    description = {"format": STATE_FORMAT, "version": str(VERSION), "kind": type(state).__name__}
    return write_file(path, pack(arrays, description), overwrite)


def load_state(path: str | os.PathLike[str], template: Any) -> Any:
    """The state in a file that `save_state` wrote, in the form of `template`.

    Args:
        template: a state of the same sampler and machine (or `jax.eval_shape` of its `init`): it says what is expected.

    Raises:
        InputError: there is no such file, it is damaged or of another kind, or its arrays differ from the template's.
    """
    source = Path(path)
    arrays, description = unpack(source, "state file", STATE_FORMAT, VERSION)
    expected = _pytree.named_leaves(template)
    if description.get("kind") != type(template).__name__ or expected.keys() != arrays.keys():
        raise InputError(f"{source} holds a {description.get('kind')} state, but a {type(template).__name__} is expected")
    for name, leaf in expected.items():
        shape, dtype = list(np.shape(leaf)), np.dtype(leaf.dtype)
        if (list(arrays[name].shape), arrays[name].dtype) != (shape, dtype):
            raise InputError(
                f"{source}: {name} has shape {list(arrays[name].shape)} and type {arrays[name].dtype}, "
                f"but {shape} and {dtype} are expected: it belongs to another machine or sampler"
            )
    with jax.enable_x64(True):  # or float64 arrays would be narrowed
        return jax.tree.unflatten(jax.tree.structure(template), [jnp.asarray(arrays[name]) for name in expected])


def _check_base_rate(rbm: RBM, base_rate: Units) -> None:
    """The base rate must be able to stand in the visible layer's place."""
    if not rbm.visible.same_structure(base_rate):
        expected = f"{rbm.visible.size} {rbm.visible.name} units, as the visible layer"
        raise InputError(f"base_rate does not fit the visible layer: it must be {expected}, but is {base_rate!r:.60}")
    try:
        model.validate_layer("base_rate", base_rate)
    except InputError as error:
        raise InputError(f"base_rate does not fit the visible layer: {error}") from error


def _leaves(prefix: str, units: Units) -> dict[str, Any]:
    """The layer's arrays by name: `visible.bias`, or `visible.parts.0.bias` in a mixed layer."""
    return _pytree.named_leaves(units, f"{prefix}.")


def _described(units: Units) -> Any:
    """What of a layer is not in its arrays: its name, or a dict with the name, what else is fixed, and the parts."""
    described: dict[str, Any] = {"kind": units.name}
    for field in fields(units):  # type: ignore[arg-type]
        value = getattr(units, field.name)
        if _pytree.is_static(field):
            described[field.name] = value
        elif isinstance(value, tuple):
            described[field.name] = [_described(part) for part in value]
    return described if len(described) > 1 else units.name


def _as_text(described: Any) -> str:
    return described if isinstance(described, str) else json.dumps(described)


def _units(arrays: dict[str, Any], prefix: str, text: str) -> Units:
    """The layer of these arrays, as `_as_text(_described(...))` describes it."""
    return _made(arrays, prefix, json.loads(text) if text.startswith("{") else text)


def _made(arrays: dict[str, Any], prefix: str, described: Any) -> Units:
    if not isinstance(described, dict):
        described = {"kind": described}
    kind = type_name_to_class[described["kind"]]
    values = {}
    for field in fields(kind):  # type: ignore[arg-type]
        own = described.get(field.name)
        if _pytree.is_static(field):
            values[field.name] = tuple(described[field.name])
        elif own is not None:
            values[field.name] = tuple(_made(arrays, f"{prefix}.{field.name}.{i}", part) for i, part in enumerate(own))
        else:
            values[field.name] = arrays[f"{prefix}.{field.name}"]
    return kind(**values)
