"""Where training starts from."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium import _checks, model
from harmonium.io.streams import sample_of
from harmonium.model import RBM
from harmonium.units import Binary, Units

ROWS_FOR_BASE_RATE = 100_000
"""Of rows that are read as they are needed, how many the base rate is taken from."""


def initialize(
    data: Any, hidden: int | Units, visible: type[Units] | Units = Binary, scale: float = 0.01, seed: int = 0
) -> RBM:
    """A machine to start training from: visible biases at the data's base rate, small random weights.

    Args:
        data: `[n, V]`, as `train` takes it; missing cells (NaN) do not count for the base rate. hidden: number of binary hidden
            units, or the units themselves. visible: kind of visible units, or units of that form, whose parameters do not
            count: categorical and mixed ones are given so. scale: standard deviation of the weights.

    Reference: G. Hinton, "A practical guide to training restricted Boltzmann machines", 2010, section 8.
    """
    array = sample_of(data, ROWS_FOR_BASE_RATE, "data")
    template = visible if isinstance(visible, Units) else visible.zeros(array.shape[1])
    array = template.fill_missing(template.check(array, "data", missing=True))
    if not isinstance(hidden, Units):
        hidden = Binary.zeros(_checks.integer(hidden, "hidden"))
    weights = scale * np.random.default_rng(_checks.seed(seed)).standard_normal((array.shape[1], hidden.size))
    return model.validate(RBM(template.fit_base_rate(array), hidden, weights))
