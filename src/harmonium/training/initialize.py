"""What a run starts from: a model with small random weights, and rows that are checked against its units."""

from __future__ import annotations

from typing import cast

import numpy as np
from jaxtyping import Shaped

from harmonium import _checks, model
from harmonium._types import ArrayLike
from harmonium.errors import InputError
from harmonium.gray_levels import Resampled, means
from harmonium.io.streams import Streamed, as_streamed, drop_weightless, evenly_spaced, sample_rows
from harmonium.model import RBM
from harmonium.units import Binary, Units, by_name

MAX_ROWS_FOR_BASE_RATE = 100_000
"""Rows that the base rate of streamed data is taken from."""


def initialize(
    data: ArrayLike | Streamed | Resampled,
    hidden: int | Units = 20,
    visible: str | type[Units] | Units = Binary,
    scale: float = 0.01,
    seed: int = 0,
    weights: ArrayLike | None = None,
) -> RBM:
    """A model to start training from: visible biases at the data's base rate, small random weights.

    Args:
        data: `[n, V]`, as `train` takes it; missing cells (NaN) do not count for the base rate. hidden: number of binary hidden
            units, or the units themselves. visible: kind of visible units, a class or a name such as `gaussian` or
            `categorical:3`, or units of that form, whose parameters do not count: mixed ones are given so. scale: standard
            deviation of the weights between the layers. weights: of the rows, `[n]`, as `train` takes them.

    Raises:
        InputError: the data does not suit the units, or an argument is out of range.

    Reference: G. Hinton, "A practical guide to training restricted Boltzmann machines", 2010, section 8.
    """
    data, of_rows = drop_weightless(data, weights)
    gray = data if isinstance(data, Resampled) else None
    array = sample_rows(data, MAX_ROWS_FOR_BASE_RATE, "data") if gray is None else gray.probabilities(MAX_ROWS_FOR_BASE_RATE)
    if of_rows is not None and len(array) < len(of_rows):
        of_rows = of_rows[evenly_spaced(len(of_rows), len(array))]
    if isinstance(visible, str):
        visible = by_name(visible, array.shape[1], "visible", columns=True)
    if not (isinstance(visible, Units) or (isinstance(visible, type) and issubclass(visible, Units))):
        raise InputError(f"visible must be units or a kind of units such as harmonium.Binary, but is {visible!r}")
    scale = _checks.not_negative(scale, "scale")
    template = visible if isinstance(visible, Units) else visible.zeros(array.shape[1])
    if gray is None:
        array = template.fill_missing(model.check_observed(template.check(array, "data", missing=True)), of_rows)
    else:
        array = means(template, array)
    if not isinstance(hidden, Units):
        hidden = Binary.zeros(_checks.integer(hidden, "hidden"))
    with np.errstate(all="ignore"):  # what comes out is validated
        between = scale * np.random.default_rng(_checks.seed(seed)).standard_normal((array.shape[1], hidden.size))
        rbm = RBM(template.fit_base_rate(array, of_rows), hidden, between)
    return model.validate(rbm)


def read_rows(
    rbm: RBM, data: ArrayLike | Streamed | Resampled, what: str, expected: bool, most: int, seed: tuple[int, int]
) -> Shaped[np.ndarray, "rows visible"]:
    """All rows in memory, or at most `most` of streamed ones, in the form in which they travel to the device.

    Of gray levels these are states of at most `most` rows, drawn once by `seed`.

    Raises:
        InputError: there is no row or no observed value, or a row that the visible units do not allow.
    """
    if isinstance(data, Resampled):
        return data.draw_once(rbm.visible, most, seed)
    streamed = as_streamed(data)
    if streamed is None:
        array = model.check_observed(model.check_rows(rbm, cast(ArrayLike, data), what, missing=True, expected=expected), what)
    else:
        what += "" if len(streamed) <= most else f" (of {most:,} evenly spaced rows)"
        array = model.check_rows(rbm, sample_rows(streamed, most, what), what, expected=expected)
    # Small whole numbers travel as bytes; batches become floating point on the device.
    if np.abs(array).max() <= np.iinfo(np.int8).max:
        small = array.astype(np.int8)
        if np.array_equal(small, array):
            return small
    return array.astype(np.float32)


def has_missing(rows: Shaped[np.ndarray, "rows visible"]) -> bool:
    """Whether a cell is missing (NaN)."""
    return rows.dtype.kind == "f" and bool(np.isnan(rows).any())
