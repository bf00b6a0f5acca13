"""A model, or a sampler's state, in one versioned file with a checksum (see `pack`).

A model file holds named arrays (`weights`, `visible.bias`, ...) beside a header: the format's name and version, the kind of
each layer (with its numbers of categories, or its parts), and any notes of the caller. A state file holds the arrays of a
sampler's state.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from harmonium import _checks, model
from harmonium._numerics import float64
from harmonium._pytree import is_static, named_leaves
from harmonium._types import PathLike
from harmonium.errors import InputError, reason
from harmonium.io.container import Header, pack, unpack, write_file
from harmonium.io.untrusted import check_path, parse_json, translate_errors
from harmonium.model import RBM
from harmonium.units import Mixed, Units, type_name_to_class

State = TypeVar("State")
_RENAMED = {"rungs.": "replicas.", "machines.": "models."}
"""Beginnings of names of arrays in earlier state files, and today's."""


class ModelHeader(Header, frozen=True, kw_only=True):
    """Of a model file. `visible`, `hidden`: the kind of each layer, a word or a `Layer` as JSON."""

    FORMAT: ClassVar[str] = "harmonium"
    WHAT: ClassVar[str] = "model file"

    visible: str
    hidden: str
    notes: dict[str, Any] = {}  # noqa: RUF012 (msgspec copies it)


class StateHeader(Header, frozen=True, kw_only=True):
    """Of a state file. `kind`: the state's class."""

    FORMAT: ClassVar[str] = "harmonium state"
    WHAT: ClassVar[str] = "state file"

    kind: str


class Layer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a layer is not in its arrays: its kind, numbers of categories and which are ordered, and parts of a mixed one."""

    kind: str
    levels: tuple[int, ...] | None = None
    parts: tuple[Layer, ...] | None = None
    ordered: tuple[bool, ...] = ()


def save(
    rbm: RBM,
    path: PathLike,
    *,
    overwrite: bool = False,
    base_rate: Units | None = None,
    notes: Mapping[str, object] | None = None,
) -> Path:
    """Write `rbm` to a model file (.safetensors).

    Args:
        rbm: the model.
        path: of the new file, .safetensors.
        overwrite: replace a file of that name.
        base_rate: visible units fitted to the training data alone, the baseline that `evaluate` compares with.
        notes: anything JSON can hold, to go into the header.

    Raises:
        InputError: the model or the base rate is malformed, or the notes are not JSON.
        OSError: the file exists, or it cannot be written.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> path = hm.save(rbm, "model.safetensors")
        >>> hm.load("model.safetensors").weights
        array([[0.5, 0.5],
               [0.5, 0.5]])
    """
    model.validate(rbm)
    arrays = {"weights": rbm.weights, **named_leaves(rbm.visible, "visible."), **named_leaves(rbm.hidden, "hidden.")}
    if base_rate is not None:
        _check_base_rate(rbm, base_rate)
        arrays |= named_leaves(base_rate, "base_rate.")
    notes = {} if notes is None else dict(_checks.instance(notes, Mapping, "notes", "a dict"))
    with translate_errors("notes cannot be written as JSON"):
        json.dumps(notes, allow_nan=False)
    header = ModelHeader(visible=_layer_text(rbm.visible), hidden=_layer_text(rbm.hidden), notes=notes)
    return write_file(path, pack(arrays, header), overwrite)


def load(path: PathLike) -> RBM:
    """The model in a model file, or in the folder of a training run.

    Args:
        path: a model file (.safetensors), or the folder of a run.

    Raises:
        OSError: there is no such file, or it cannot be read.
        InputError: it is damaged, no model file of this package, or of a later version.

    Example:
        >>> import harmonium as hm
        >>> path = hm.save(hm.RBM(hm.Binary([0, 0]), hm.Binary([0]), [[1], [2]]), "small.safetensors")
        >>> hm.load("small.safetensors").weights
        array([[1.],
               [2.]])
    """
    return load_with_header(path)[0]


def load_with_header(path: PathLike) -> tuple[RBM, Units | None, dict[str, Any]]:
    """The model, the base rate (None if the file has none) and the header of a model file as a dict.

    Args:
        path: a model file (.safetensors), or the folder of a run.

    Raises:
        OSError, InputError: as `load`.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0]), [[1], [2]])
        >>> path = hm.save(rbm, "noted.safetensors", notes={"data": "made up"})
        >>> rbm, base_rate, header = hm.io.load_with_header("noted.safetensors")
        >>> base_rate, header["notes"]
        (None, {'data': 'made up'})
    """
    source = check_path(path)
    if os.path.isdir(source):  # which asks nothing more of the name
        source = source / "model.safetensors"
    arrays, header = unpack(source, ModelHeader)
    try:
        visible, hidden = _units(arrays, "visible", header.visible), _units(arrays, "hidden", header.hidden)
        rbm = model.validate(RBM(visible, hidden, arrays["weights"]))
        has_base_rate = any(name.startswith("base_rate.") for name in arrays)
        base_rate = _units(arrays, "base_rate", header.visible) if has_base_rate else None
        if base_rate is not None:
            _check_base_rate(rbm, base_rate)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        words = f"{error.args[0]!r} is missing or unknown" if isinstance(error, KeyError) else reason(error)
        raise InputError(f"{source} is damaged: {words}") from error
    return rbm, base_rate, {"format": header.FORMAT, **msgspec.structs.asdict(header)}


def save_state(state: object, path: PathLike, *, overwrite: bool = False) -> Path:
    """Write a sampler's state, or any pytree of arrays, to a state file (.safetensors), each leaf under its own name.

    Args:
        state: a pytree of arrays, such as the one that `sample_chains` returns.
        path: of the new file, .safetensors.
        overwrite: replace a file of that name.

    Raises:
        InputError: a leaf is no array of numbers.
        OSError: the file exists and `overwrite` is false, or it cannot be written.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> v, state = hm.sample_chains(rbm, hm.gibbs(chains=10), steps=5, seed=0)
        >>> path = hm.save_state(state, "chains.safetensors")
    """
    arrays = {name: np.asarray(leaf) for name, leaf in named_leaves(state).items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise InputError(f"{name} cannot be stored: it holds {array.dtype.name} values, not numbers")
    return write_file(path, pack(arrays, StateHeader(kind=type(state).__name__)), overwrite)


def load_state(path: PathLike, template: State) -> State:
    """The state in a file that `save_state` wrote, in the form of `template`.

    Args:
        path: of the file.
        template: a state of the same sampler and model (or `jax.eval_shape` of its `init`): it says what is expected.

    Raises:
        OSError: there is no such file, or it cannot be read.
        InputError: it is damaged or of another kind, or its arrays differ from the template's.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> gibbs = hm.gibbs(chains=10)
        >>> v, state = hm.sample_chains(rbm, gibbs, steps=5, seed=0)
        >>> path = hm.save_state(state, "state.safetensors")
        >>> again = hm.load_state("state.safetensors", template=state)
        >>> v, state = hm.sample_chains(rbm, gibbs, steps=5, state=again, seed=1)
    """
    source = check_path(path)
    arrays, header = unpack(source, StateHeader)
    for old, new in _RENAMED.items():
        arrays = {name.replace(old, new, 1) if name.startswith(old) else name: array for name, array in arrays.items()}
    expected = named_leaves(template)
    if header.kind != type(template).__name__ or expected.keys() != arrays.keys():
        raise InputError(f"{source} holds a {header.kind} state, but a {type(template).__name__} is expected")
    for name, leaf in expected.items():
        shape, dtype = list(np.shape(leaf)), np.dtype(leaf.dtype) if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
        if (list(arrays[name].shape), arrays[name].dtype) != (shape, dtype):
            raise InputError(
                f"{source}: {name} has shape {list(arrays[name].shape)} and type {arrays[name].dtype}, "
                f"but {shape} and {dtype} are expected: it belongs to another model or sampler"
            )
    with float64():  # or float64 arrays would be narrowed
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


def _layer(units: Units) -> Layer:
    parts = tuple(map(_layer, units.parts)) if isinstance(units, Mixed) else None
    return Layer(units.name, getattr(units, "levels", None), parts, getattr(units, "ordered", ()))


def _layer_text(units: Units) -> str:
    layer = _layer(units)
    return layer.kind if layer == Layer(layer.kind) else json.dumps(msgspec.to_builtins(layer))


def _units(arrays: dict[str, np.ndarray], prefix: str, layer: Layer | str) -> Units:
    """The layer of these arrays, as `_layer_text` describes it."""
    if isinstance(layer, str):
        layer = parse_json(layer, Layer, f"the description of {prefix}") if layer.startswith("{") else Layer(layer)
    kind = type_name_to_class[layer.kind]
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        given = getattr(layer, field.name, None)
        if given is None:
            values[field.name] = arrays[f"{prefix}.{field.name}"]
        elif is_static(field):
            values[field.name] = given
        else:
            values[field.name] = tuple(_units(arrays, f"{prefix}.{field.name}.{i}", part) for i, part in enumerate(given))
    return kind(**values)
