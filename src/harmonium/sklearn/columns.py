"""Columns of X as columns of a model: encoding and decoding."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Shaped

from harmonium import tabular
from harmonium._numerics import mean_and_deviation
from harmonium.errors import InputError
from harmonium.io import Frame, from_native, to_native
from harmonium.io.frames import is_absent
from harmonium.io.streams import is_sparse
from harmonium.sklearn.compiled import dense
from harmonium.tabular.dependence import MAX_CORRELATED
from harmonium.tabular.infer_schema import infer
from harmonium.tabular.layers import real_units
from harmonium.tabular.schema import Schema
from harmonium.tabular.table_functions import fill
from harmonium.units import Binary, Mixed, Spin, Units

ROUNDING = 1e-6
"""How far outside its range a value may lie by rounding, as the largest one of a scaled column does (1 + 2.2e-16)."""

LEVELS = 255
"""Of gray, between black and white, in images of bytes."""
STEPS = (1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256)
"""Steps from black to white in images of one to eight bits ..."""
MIN_STEPS = 15
"""... and the fewest that tell gray levels from a scale of few answers."""


class _Arrays:
    """Columns of arrays."""

    of_frame = False

    def log_density(self, v: Any) -> Float[np.ndarray, " n"]:
        """The change of ln p from the model's rows to those of X, `[n]` (nats)."""
        return np.zeros(v.shape[0])

    def decode(self, v: np.ndarray) -> np.ndarray:
        """The model's rows as X."""
        return v

    def fill(self, X: np.ndarray, v: np.ndarray) -> np.ndarray:
        """X with its missing cells from the model's rows."""
        return np.where(np.isnan(X), self.decode(v), X)


@dataclass(frozen=True, eq=False)
class Values(_Arrays):
    """Columns whose values the model takes as they are. `units`: the visible ones, all binary or all spin."""

    units: Units

    @property
    def visible(self) -> str:
        return self.units.name

    def encode(self, X: Any, clip: bool = True) -> Any:
        """X as the model's rows.

        Args:
            clip: values outside the range by less than its width are moved to its ends.

        Warns:
            UserWarning: values were moved by more than rounding.

        Raises:
            InputError: a value that is none of these units, nor an expected value of them.
        """
        least = -1 if self.units.name == "spin" else 0
        if not is_sparse(X):
            return _clip(X, least, clip, self.units.name)
        clipped = _clip(X.data, least, clip, self.units.name)
        return X if clipped is X.data else type(X)((clipped, X.indices, X.indptr), shape=X.shape)


@dataclass(frozen=True, eq=False)
class Standardized(_Arrays):
    """Real columns in standard deviations from their means, and beside them columns of zeros and ones, which come first in
    the model.

    Args:
        mean, scale: `[V]`, 0 and 1 for binary columns. order: the column of X that each of the model's is, `[V]`. binary:
            how many of them are binary. correlated: whether the others are `CorrelatedGaussian` units.
    """

    mean: np.ndarray
    scale: np.ndarray
    order: np.ndarray
    binary: int
    correlated: bool

    @property
    def visible(self) -> str:
        real = "correlated" if self.correlated else "gaussian"
        return f"binary and {real}" if self.binary else real

    def log_density(self, v: np.ndarray) -> Float[np.ndarray, " n"]:
        """As of all arrays; only observed cells count."""
        return -(~np.isnan(v) @ np.log(self.scale[self.order]))

    @property
    def units(self) -> Units:
        """The visible units, without parameters to speak of."""
        real = real_units(len(self.order) - self.binary, self.correlated)
        return Mixed((Binary.zeros(self.binary), real)) if self.binary else real

    def encode(self, X: Any, clip: bool = True) -> Any:
        """X as the model's rows; as `Values.encode`."""
        v = ((dense(X) - self.mean) / self.scale).astype(X.dtype)[:, self.order]
        v[:, : self.binary] = _clip(v[:, : self.binary], 0, clip, "binary")
        return v

    def decode(self, v: np.ndarray) -> np.ndarray:
        """The model's rows as X."""
        X = np.empty_like(v)
        X[:, self.order] = v
        return X * self.scale + self.mean


@dataclass(frozen=True, eq=False)
class Tabular:
    """Columns of any kinds, by a schema.

    Args:
        names: of the columns of X. like: a frame of no rows, whose library the rows come back in; None for arrays.
            correlated: as `Standardized`.
    """

    schema: Schema
    names: tuple[str, ...]
    like: Any
    correlated: bool

    @property
    def of_frame(self) -> bool:
        return self.like is not None

    visible: ClassVar[str] = "table"

    def log_density(self, v: np.ndarray) -> Float[np.ndarray, " n"]:
        """As of `Standardized`."""
        firsts = [here.start for here in self.schema.column_slices.values()]
        return -(~np.isnan(v[:, firsts]) @ np.log([column.scale for column in self.schema.model_columns]))

    @property
    def units(self) -> Units:
        """The visible units, without parameters to speak of."""
        return tabular.units_of(self.schema, self.correlated)

    def encode(self, X: Any, clip: bool = True, unseen: str = "error") -> np.ndarray:  # noqa: ARG002
        """X as the model's rows, NaN where cells are missing; warns of cells of values not met in training.

        Raises:
            InputError: as `Schema.encode`.
        """
        frame = _frame(X, self.names)
        rows = self.schema.encode(frame, unseen)
        if unseen == "missing" and (found := self.schema.find_unseen(frame)):
            words = "; ".join(f"{name!r} in row {rows[0] + 1}" + ", ..." * (len(rows) > 1) for name, rows in found.items())
            count = sum(map(len, found.values()))
            warnings.warn(f"{count:,} cells of X have values not met in training and count as missing: {words}", stacklevel=5)
        return rows

    def decode(self, v: np.ndarray) -> Any:
        """The model's rows as X; columns that the schema leaves out are not there."""
        columns = self.schema.decode(v)
        return to_native(columns, self.like) if self.of_frame else np.stack(list(columns.values()), axis=1)

    def fill(self, X: Any, v: np.ndarray) -> Any:
        """X with its missing cells from the model's rows; columns that the schema leaves out as they are."""
        if self.of_frame:
            return fill(self.schema, X, v)
        return np.stack(list(fill(self.schema, _frame(X, self.names), v).columns.values()), axis=1)


def is_table(X: object, visible: str) -> bool:
    """Whether X is a frame that needs a schema: as asked, or because a column holds neither numbers nor truth values.

    Without names that are text, unasked, it is an array here, as it is to scikit-learn.
    """
    if visible not in ("auto", "table") or not hasattr(X, "columns"):
        return False
    if visible == "auto" and not _has_names(X):
        return False
    return visible == "table" or _as_array(from_native(X, "X")) is None


def cell_values(X: Any) -> Shaped[np.ndarray, "n V"] | None:
    """A frame of numbers and truth values, or an array of objects, of any library and with its own mark of missing cells, as
    an array with NaN there.

    None for what scikit-learn reads as well.
    """
    if hasattr(X, "columns") and _has_names(X):
        frame = from_native(X, "X")
        for name in frame.unusable:
            frame[name]  # raises
        for name, cells in frame.columns.items():
            if cells.dtype.kind == "O" and any(isinstance(cell, date) for cell in cells):
                raise InputError(f"column {name!r} holds dates: make numbers of them, or leave it out")
        return _as_array(frame)
    dtypes = list(X.dtypes) if hasattr(X, "dtypes") else [getattr(X, "dtype", None)]
    if object in dtypes and X.ndim == 2:
        cells = np.array(X, dtype=object)  # a copy, for a caller's array stays as it is
        cells[[[is_absent(cell) for cell in row] for row in cells.tolist()]] = np.nan
        return cells
    return None


def _has_names(X: Any) -> bool:
    """Whether the names of a frame's columns are texts."""
    return all(isinstance(name, str) for name in getattr(X, "column_names", X.columns))  # those of pyarrow


def _as_array(frame: Frame) -> Float[np.ndarray, "n V"] | None:
    """The cells, if they are numbers and truth values."""
    objects = [cells for cells in frame.columns.values() if cells.dtype.kind == "O"]
    if frame.unusable or any(isinstance(cell, (str, date)) for cells in objects for cell in cells):
        return None
    return np.stack([cells.astype(np.float64) for cells in frame.columns.values()], axis=1)


def _clip(values: np.ndarray, least: int, clip: bool, kind: str) -> np.ndarray:
    """The values moved to the range from `least` to 1; see `Values.encode`."""
    outside = np.maximum(least - values, values - 1)
    excess = float(np.nanmax(outside, initial=0.0))
    if not excess > 0:
        return values
    extent = f"X has values from {np.nanmin(values):g} to {np.nanmax(values):g}, but {kind} units take values from {least} to 1"
    if excess >= 1 - least if clip else excess > ROUNDING:
        raise InputError(f"{extent}: scale them, or fit with visible='gaussian'")
    if excess > ROUNDING:
        warnings.warn(f"{extent}: {(outside > ROUNDING).sum():,} were moved to the ends of the range", stacklevel=6)
    return np.clip(values, least, 1)


def _frame(X: object, names: tuple[str, ...]) -> Frame:
    """X as a table; an array's columns under these names."""
    return from_native(X, "X") if hasattr(X, "columns") else Frame(dict(zip(names, dense(X).astype(np.float64).T, strict=True)))


Columns = Values | Standardized | Tabular


def columns_of(
    X: Any, visible: str, weights: Float[np.ndarray, " n"] | None = None, as_density: bool = False, correlated: bool = False
) -> Columns:
    """What the columns of X are; `visible` as in `RBMTransformer`, or with `as_density` as in `RBMDensity`; `weights` those of
    the rows of an array; `correlated`: whether `auto` takes 2 to 64 real ones for `CorrelatedGaussian` units.

    Raises:
        InputError: no schema can be inferred from a frame (`harmonium.tabular.infer`).
    """
    if not is_table(X, visible) and visible != "table":
        return _values_of(X, visible, weights, as_density, correlated)
    if hasattr(X, "columns"):
        frame = from_native(X, "X")
        like = X[:0]
    else:
        frame, like = _frame(X, tuple(f"x{place}" for place in range(X.shape[1]))), None
    return Tabular(infer(frame, strict=True, bins=False), tuple(frame.columns), like, correlated)


def _values_of(
    X: Any, visible: str, weights: Float[np.ndarray, " n"] | None, as_density: bool, correlated: bool
) -> Values | Standardized:
    values = X.data if is_sparse(X) else X
    if not is_sparse(X) and (empty := np.isnan(X).all(axis=0)).any():
        raise InputError(f"column {int(empty.argmax()) + 1} of X has no value in any row: leave it out")
    if visible == "auto" and not np.isinf(values).any():
        known = values[~np.isnan(values)]
        least = ROUNDING * known.max(initial=0.0)
        if ((known >= -least) & (known <= 1 + ROUNDING)).all():
            are_binary = _are_gray_levels(known) if as_density else not _is_continuous(X, least)
            visible = "binary" if are_binary else "auto"
        elif (np.abs(np.abs(known) - 1) <= ROUNDING).all() and not is_sparse(X):
            visible = "spin"
    if visible in ("binary", "spin"):
        return Values((Spin if visible == "spin" else Binary).zeros(X.shape[1]))
    x = dense(X)
    present = ~np.isnan(x)
    is_zero = np.abs(x) <= ROUNDING * np.abs(x).max(axis=0, where=present, initial=0.0)
    binary = (~present | is_zero | (np.abs(x - 1) <= ROUNDING)).all(axis=0) & (visible == "auto")
    mean, scale = mean_and_deviation(x, weights)
    scale = np.where(scale > 0, scale, 1.0)  # a constant column stays at zero
    order = np.argsort(~binary, kind="stable")
    correlated = correlated and visible == "auto" and 1 < (~binary).sum() <= MAX_CORRELATED
    return Standardized(np.where(binary, 0.0, mean), np.where(binary, 1.0, scale), order, int(binary.sum()), bool(correlated))


def _is_continuous(X: Any, least: float) -> bool:
    """Whether values from 0 to 1 are real numbers that were scaled, and not probabilities of zeros and ones.

    Gray levels are whole multiples of 1/255, or mostly black or white. Columns of nothing but zeros and ones say nothing.
    `least`: what is no more is zero.

    Warns:
        UserWarning: most values are 0 or 1, and the others lie in no steps that an image has.
    """
    if is_sparse(X):
        X = X.tocsr()
        inner = (X.data > least) & (X.data < 1 - ROUNDING)
        counts = np.bincount(X.indices[inner], minlength=X.shape[1])
        known, values = np.full(X.shape[1], X.shape[0]), X.data[inner]
    else:
        within = (least < X) & (X < 1 - ROUNDING)
        counts, known, values = within.sum(axis=0), (~np.isnan(X)).sum(axis=0), X[within]
    mixed = counts > 0
    of_bytes = np.abs(values * LEVELS - np.rint(values * LEVELS)) <= LEVELS * ROUNDING
    of_bytes &= np.rint(values * LEVELS) > 0
    if of_bytes.all():
        return False
    continuous = bool(2 * counts[mixed].sum() > known[mixed].sum())
    if not continuous and _steps_of(values) < MIN_STEPS:
        warnings.warn(
            f"X has values between 0 and 1, most of them 0 or 1, in {mixed.sum():,} of its columns: taken for the expected "
            "values of binary units; give visible='binary' if that is right, or visible='gaussian' for real columns",
            stacklevel=8,
        )
    return continuous


def _are_gray_levels(values: Float[np.ndarray, " n"]) -> bool:
    """Whether values from 0 to 1 are black and white, or in steps as those of an image.

    Warns:
        UserWarning: they are in such steps.
    """
    steps = _steps_of(values)
    if steps >= MIN_STEPS:
        warnings.warn(
            f"X has values from 0 to 1 in steps of 1/{steps}: taken for gray levels, the expected values of binary units; give "
            "visible='binary' if that is right, or visible='gaussian' for real columns",
            stacklevel=8,
        )
    return steps == 1 or steps >= MIN_STEPS


def _steps_of(values: Float[np.ndarray, " n"]) -> int:
    """Of which fraction of 1 all values are whole multiples, as those of an image are: one over this number; 0 if of none."""
    return next((count for count in STEPS if (np.abs(values * count - np.rint(values * count)) <= count * ROUNDING).all()), 0)
