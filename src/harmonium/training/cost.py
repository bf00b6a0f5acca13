"""What an update is estimated to take, from the sizes alone: what depends on it is the same on every computer, busy or not."""

from __future__ import annotations

import re

from harmonium import exact, gradients
from harmonium.gradients import Estimator
from harmonium.model import RBM
from harmonium.units import Binary, Spin

SECONDS_PER_CALL, SECONDS_PER_PRODUCT = 5e-5, 7e-12
"""Of an update: of all that is small in it, and of a multiplication in a product of matrices, on two cores of 2026 ..."""
SECONDS_PER_BIT, SECONDS_PER_VALUE = 5e-9, 1e-8
"""... and of drawing a unit of two states and one of another kind, in float32."""
SECONDS_PER_LAYER, SECONDS_PER_PAIR = 5e-5, 2e-7
"""Of an update, where columns depend on each other: of factorizing their precision, and of each pair of columns in it."""
INCOMPLETE = 2
"""An update by rows of which cells are missing takes this many times as long."""
TRANSCENDENTAL = 40
"""Cost of a unit's mean and log normalizer in the plain sum, in multiplications. The factorized sum is cheaper, but an
update that costs fifteen sampled ones learns less than those (benchmarks/RESULTS.md), so the rule does not count on it."""


def estimate_update_seconds(rbm: RBM, estimator: str | Estimator, rows: int, chains: int | None, incomplete: bool) -> float:
    """About how long an update takes.

    Args:
        estimator: as in `TrainConfig`; one of your own counts as pcd-1.
        rows, chains: of an update; None for as many chains.
        incomplete: whether cells of rows are missing.
    """
    times, visible = INCOMPLETE if incomplete else 1, rbm.visible
    once = SECONDS_PER_CALL + (0 if visible.independent else SECONDS_PER_LAYER + SECONDS_PER_PAIR * visible.size**2)
    if estimator == "exact" or estimator is gradients.exact():
        return times * (once + SECONDS_PER_PRODUCT * ((exact_cost(rbm) or 0.0) + 2 * rows * rbm.weights.size))
    number = re.search(r"-(\d+)$", estimator) if isinstance(estimator, str) else None
    sweeps = (chains or rows) * (int(number[1]) if number else 1)
    drawn = sum(
        layer.size * (SECONDS_PER_BIT if isinstance(layer, (Binary, Spin)) else SECONDS_PER_VALUE)
        for layer in (rbm.visible, rbm.hidden)
    )
    # Two products for the rows, and three for the chains.
    return times * (once + sweeps * drawn + SECONDS_PER_PRODUCT * (2 * rows + 3 * sweeps) * rbm.weights.size)


def exact_cost(rbm: RBM) -> float | None:
    """What an update by the exact gradient costs in multiplications; None where the states of neither layer are enumerated."""
    states = exact.enumerable_states(rbm)
    if states is None:
        return None
    smaller, larger = sorted(rbm.weights.shape)
    return float(states * larger * (4 * smaller + TRANSCENDENTAL))
