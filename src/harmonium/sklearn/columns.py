"""Columns of X as columns of a model: encoding and decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harmonium import tabular
from harmonium._numerics import mean_and_deviation
from harmonium.errors import InputError
from harmonium.io import Frame, from_native, to_native
from harmonium.io.streams import is_sparse
from harmonium.sklearn.compiled import dense
from harmonium.tabular.functional import fill
from harmonium.tabular.infer_schema import infer
from harmonium.tabular.schema import Schema
from harmonium.units import Binary, Gaussian, Mixed, Spin, Units


class _Arrays:
    """Columns of arrays."""

    of_frame = False
    log_density = 0.0

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

    def encode(self, X: Any) -> Any:
        """X as the model's rows.

        Raises:
            InputError: a value that is none of these units, nor an expected value of them.
        """
        values = X.data if is_sparse(X) else X
        least = -1 if self.units.name == "spin" else 0
        if ((values < least) | (values > 1)).any():
            raise InputError(
                f"X has values from {np.nanmin(values):g} to {np.nanmax(values):g}, but {self.units.name} units take values "
                f"from {least} to 1: scale them, or fit with visible='gaussian'"
            )
        return X


@dataclass(frozen=True, eq=False)
class Standardized(_Arrays):
    """Real columns in standard deviations from their means, and beside them columns of zeros and ones, which come first in
    the model.

    Args:
        mean, scale: `[V]`, 0 and 1 for binary columns. order: the column of X that each of the model's is, `[V]`. binary:
            how many of them are binary.
    """

    mean: np.ndarray
    scale: np.ndarray
    order: np.ndarray
    binary: int

    @property
    def log_density(self) -> float:  # type: ignore[override]
        """The change of ln p from the model's columns to those of X (nats)."""
        return -float(np.log(self.scale).sum())

    @property
    def units(self) -> Units:
        """The visible units, without parameters to speak of."""
        real = Gaussian.zeros(len(self.order) - self.binary)
        return Mixed((Binary.zeros(self.binary), real)) if self.binary else real

    def encode(self, X: Any) -> Any:
        """X as the model's rows; raises as `Values.encode`."""
        v = ((dense(X) - self.mean) / self.scale).astype(X.dtype)[:, self.order]
        if ((v[:, : self.binary] < 0) | (v[:, : self.binary] > 1)).any():
            raise InputError("X has other values than 0 and 1 in columns that had only those when the model was fitted")
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
    """

    schema: Schema
    names: tuple[str, ...]
    like: Any

    @property
    def of_frame(self) -> bool:
        return self.like is not None

    @property
    def log_density(self) -> float:
        """As of `Standardized`."""
        return -sum(float(np.log(column.scale)) for column in self.schema.columns)

    @property
    def units(self) -> Units:
        """The visible units, without parameters to speak of."""
        return tabular.units_of(self.schema)

    def encode(self, X: Any) -> np.ndarray:
        """X as the model's rows, NaN where cells are missing; raises as `Schema.encode`."""
        return self.schema.encode(_frame(X, self.names))

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
    """Whether X is a frame that needs a schema: as asked, or because a column holds no numbers.

    Without names that are text, unasked, it is an array here, as it is to scikit-learn.
    """
    if visible not in ("auto", "table") or not hasattr(X, "columns"):
        return False
    if visible == "auto" and not all(isinstance(name, str) for name in X.columns):
        return False
    return visible == "table" or any(cells.dtype.kind == "O" for cells in from_native(X, "X").columns.values())


def _frame(X: object, names: tuple[str, ...]) -> Frame:
    """X as a table; an array's columns under these names."""
    return from_native(X, "X") if hasattr(X, "columns") else Frame(dict(zip(names, dense(X).astype(np.float64).T, strict=True)))


Columns = Values | Standardized | Tabular


def columns_of(X: Any, visible: str) -> Columns:
    """What the columns of X are; `visible` as in `RBMTransformer`.

    Raises:
        InputError: no schema can be inferred from a frame (`harmonium.tabular.infer`).
    """
    if not is_table(X, visible) and visible != "table":
        return _values_of(X, visible)
    if hasattr(X, "columns"):
        frame = from_native(X, "X")
        like = X[:0]
    else:
        frame, like = _frame(X, tuple(f"x{place}" for place in range(X.shape[1]))), None
    return Tabular(infer(frame), tuple(frame.columns), like)


def _values_of(X: Any, visible: str) -> Values | Standardized:
    values = X.data if is_sparse(X) else X
    if not is_sparse(X) and (empty := np.isnan(X).all(axis=0)).any():
        raise InputError(f"column {int(empty.argmax()) + 1} of X has no value in any row: leave it out")
    if visible == "auto" and not np.isinf(values).any():
        known = values[~np.isnan(values)]
        if ((known >= 0) & (known <= 1)).all():
            visible = "binary"
        elif (np.abs(known) == 1).all() and not is_sparse(X):
            visible = "spin"
    if visible in ("binary", "spin"):
        return Values((Spin if visible == "spin" else Binary).zeros(X.shape[1]))
    x = dense(X)
    present = ~np.isnan(x)
    binary = (~present | (x == 0) | (x == 1)).all(axis=0) & (visible == "auto")
    mean, scale = mean_and_deviation(x)
    scale = np.where(scale > 0, scale, 1.0)  # a constant column stays at zero
    order = np.argsort(~binary, kind="stable")
    return Standardized(np.where(binary, 0.0, mean), np.where(binary, 1.0, scale), order, int(binary.sum()))
