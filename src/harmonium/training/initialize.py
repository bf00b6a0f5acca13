"""What a run starts from: a model with small random weights, and rows that are checked against its units."""

from __future__ import annotations

import numpy as np

from harmonium import _checks, model
from harmonium._types import ArrayLike
from harmonium.errors import InputError
from harmonium.gray_levels import Resampled, means
from harmonium.io.streams import Streamed, drop_weightless, evenly_spaced, sample_rows
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
    """A model to start training from: visible units fitted to the data by themselves, small random weights.

    Args:
        data: `[n, V]`, as `train` takes it; missing cells (NaN) do not count for the base rate.
        hidden: number of binary hidden units, or the units themselves.
        visible: kind of visible units, a class or a name such as `gaussian` or `categorical:3`, or units of that form,
            whose parameters do not count: mixed ones are given so.
        scale: standard deviation of the weights between the layers.
        seed: of all random numbers.
        weights: of the rows, `[n]`, as `train` takes them.

    Raises:
        InputError: the data does not suit the units, or an argument is out of range.

    Reference: G. Hinton, "A practical guide to training restricted Boltzmann machines", 2010, section 8.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.initialize([[0, 1, 1], [1, 1, 0]], hidden=2, seed=0)
        >>> rbm.weights.shape
        (3, 2)
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
    array = model.check_observed(template.check(array, "data", missing=True)) if gray is None else means(template, array)
    if not isinstance(hidden, Units):
        hidden = Binary.zeros(_checks.integer(hidden, "hidden"))
    with np.errstate(all="ignore"):  # what comes out is validated
        between = scale * np.random.default_rng(_checks.seed(seed)).standard_normal((array.shape[1], hidden.size))
        rbm = RBM(template.fit(array, of_rows), hidden, between)
    return model.validate(rbm)
