"""The visible units of a schema, and the schema of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from harmonium import _checks, io, model
from harmonium._types import PathLike
from harmonium.errors import InputError
from harmonium.io.dialect import Dialect
from harmonium.io.frames import Frame, as_numbers
from harmonium.io.untrusted import convert
from harmonium.model import RBM
from harmonium.tabular.dependence import MAX_CORRELATED
from harmonium.tabular.fingerprint import Fingerprint
from harmonium.tabular.schema import FINGERPRINT, SCHEMA, SPIN, Column, Schema, from_description
from harmonium.units import Binary, Categorical, CorrelatedGaussian, Gaussian, Mixed, Units


def units_of(schema: Schema, correlated: bool = True, ordered: bool = True) -> Units:
    """The visible units of a schema's columns, with biases of zero: binary, categorical and Gaussian, mixed where need be.

    Args:
        schema: of the table (`infer`, or `load` of a trained model).
        correlated: whether real columns, if they are 2 to 64, depend on each other linearly without hidden units
            (`harmonium.CorrelatedGaussian`), or are independent given these (`harmonium.Gaussian`).
        ordered: whether training uses the order of ordered columns, counts and bins (`harmonium.Categorical`).

    Raises:
        InputError: `schema` is no `Schema`.

    Example:
        >>> import harmonium as hm
        >>> table = {"smokes": ["yes", "no", "yes", "no"], "region": ["north", "south", "east", "south"]}
        >>> type(hm.tabular.units_of(hm.tabular.infer(table))).__name__
        'Mixed'
    """
    columns = _checks.instance(schema, Schema, "schema").columns
    kinds = [column.kind for column in columns]
    parts: list[Units] = []
    if "binary" in kinds:
        parts.append(Binary.zeros(kinds.count("binary")))
    if one_hot := [column for column in columns if column.one_hot]:
        levels = tuple(column.width for column in one_hot)
        in_order = tuple(ordered and _is_ordered(column) for column in one_hot)
        parts.append(Categorical(np.zeros(sum(levels)), levels, in_order if any(in_order) else ()))
    if "real" in kinds:
        parts.append(real_units(kinds.count("real"), correlated))
    return parts[0] if len(parts) == 1 else Mixed(tuple(parts))


def _is_ordered(column: Column) -> bool:
    """Whether the states of the column rise."""
    if column.bins is None:
        return column.kind == "ordered"
    spikes, edges = column.bins.spikes, column.bins.edges
    return not spikes or len(edges) < 2 or spikes[-1] <= edges[0]


def real_units(count: int, correlated: bool) -> Units:
    """Units of real columns, correlated ones if they are 2 to 64 and `correlated`."""
    return (CorrelatedGaussian if correlated and 1 < count <= MAX_CORRELATED else Gaussian).zeros(count)


def schema_of(rbm: RBM, description: Mapping[str, object]) -> Schema:
    """The schema in a model file's notes; without one, a column for each visible unit, of its own values.

    Without one a categorical unit's column has the numbers of its categories, from 0, and no column is scaled.

    Args:
        rbm: the model.
        description: the notes of a model file.

    Raises:
        InputError: the schema is damaged or of another model.
    """
    model.validate(rbm)
    header: Mapping[str, Any] = _checks.instance(description, Mapping, "description", "the header of a model file")
    notes: Mapping[str, Any] = _checks.instance(header.get("notes"), Mapping, "the notes in the description", "a mapping")
    if notes.get(SCHEMA) is not None:
        schema = from_description(notes[SCHEMA])
        forms = product((True, False), repeat=2)
        if not any(rbm.visible.same_structure(units_of(schema, *form)) for form in forms):
            raise InputError(f"the schema in the model file is not one of {rbm!r}")
        if notes.get(FINGERPRINT) is None:
            return schema
        found: Fingerprint = convert(notes[FINGERPRINT], Fingerprint, "the fingerprint of the table is damaged")
        return replace(schema, fingerprint=found)
    columns = _columns_of(rbm.visible)
    names: Any = notes.get("columns")
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not is_list or not len(set(names)) == len(names) == len(columns):
        names = [f"v{place + 1}" for place in range(len(columns))]
    return Schema(tuple(replace(column, name=name) for column, name in zip(columns, names, strict=True)), {}, in_order=True)


def _columns_of(units: Units) -> list[Column]:
    """A column without a name for each unit."""
    if isinstance(units, Mixed):
        return [column for part in units.parts for column in _columns_of(part)]
    if isinstance(units, Categorical):
        return [Column("", "categorical", tuple(map(float, range(count)))) for count in units.levels]
    levels = {"binary": (0.0, 1.0), SPIN: (-1.0, 1.0)}.get(units.name)
    return [Column("", units.name if levels else "real", levels or ())] * units.size


def load(path: PathLike) -> tuple[RBM, Schema]:
    """The model and the schema of a model file.

    Args:
        path: a model file (.safetensors), or the folder of a run.

    Raises:
        OSError, InputError: as `harmonium.load`, or as `schema_of`.
    """
    rbm, _, description = io.load_with_header(path)
    try:
        return rbm, schema_of(rbm, description)
    except InputError as error:
        raise InputError(f"{path} is damaged: {error}") from error


def read_by_position(location: str, rbm: RBM, schema: Schema, dialect: Dialect | None = None, texts: bool = False) -> Frame:
    """The table in a file for a model that was not trained on one, with the columns of `schema`.

    The file has those columns, by name or in order, or all columns of the model; an array has the model's. `dialect` and
    `texts` as `io.read_frame` takes them.

    Args:
        location: the file.
        rbm: the model.
        schema: of the table (`infer`, or `load` of a trained model).
        dialect, texts: as `io.read_frame` takes it.

    Raises:
        OSError: it cannot be read.
        InputError: it is no table, or its values are outside the units' domain.
    """
    model.validate(rbm)
    _checks.instance(schema, Schema, "schema")
    if io.is_table_file(location):
        frame = io.read_frame(location, dialect=dialect, texts=texts)
        names = [column.name for column in schema.columns]
        if set(names) <= set(frame.columns):
            return frame
        if len(frame.columns) == len(names):
            own = list(zip(names, frame.columns, strict=True))
            cells = {name: frame.texts[their] for name, their in own if their in frame.texts}
            return replace(frame, columns={name: frame[their] for name, their in own}, texts=cells)
        if len(frame.columns) != rbm.visible.size:
            return frame  # encoding it says which columns it lacks
        rows = np.stack([as_numbers(frame[name], name) for name in frame.columns], axis=1)
    else:
        rows = io.read_table(location, missing=True, dialect=dialect).values
    return Frame(schema.decode(rbm.visible.check(rows, location, missing=True)))
