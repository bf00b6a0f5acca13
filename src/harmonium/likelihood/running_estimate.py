"""A quick estimate of ln Z, repeated for a model that changes: for the progress of training.

Forward annealed importance sampling alone, from units fitted to the data; first runs of a step on each segment place the
temperatures. Modes that the runs reach too seldom are searched for (`modes`), and the estimate is at least the lower bound of
ln Z that they give. The final report is the bracket of `evaluate`. An estimate depends on the model alone, and not on those
before it.

Reference: R. Salakhutdinov and I. Murray, ICML 2008, section 4.1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float

from harmonium import model
from harmonium._numerics import float64, log_mean_exp, to_float64
from harmonium._types import ArrayLike, Key
from harmonium.distributed import data_mesh, round_up
from harmonium.likelihood import annealing
from harmonium.likelihood.annealing import Annealed
from harmonium.likelihood.log_weights import relative_error
from harmonium.likelihood.modes import ASCENT, MEAN_FIELD, Modes, find_modes
from harmonium.model import RBM
from harmonium.random import key_of

RUNS, TEMPERATURES = 64, (annealing.SEGMENTS, 256, 1024)
"""The first runs only place the temperatures of the second; the last are made where the second leave too large an ..."""
ERROR = 0.05
"""... standard error, in nats."""
STARTS = 256
"""Of the search for modes."""
MIN_EXCESS, STANDARD_ERRORS = 0.5, 2.0
"""Modes were left out by the runs where the log of their mass exceeds the estimate by so many nats and by so many of its
standard errors."""
SECONDS_PER_PRODUCT = 2e-11
"""A multiplication of a product of matrices, on two cores of 2026."""


class LogPartition(NamedTuple):
    """An estimate of ln Z by annealing runs and its standard error, in nats, or the bound by modes that they left out, which
    exceeds it by `raised_by`."""

    value: float
    error: float
    raised_by: float


def is_left_out(bound: Any, log_z: float, error: float) -> Any:
    """Whether modes of this log mass were left out by runs with this estimate and standard error."""
    return bound > log_z + max(MIN_EXCESS, STANDARD_ERRORS * error)


class RunningEstimate:
    """ln Z of one model after another with the same layers.

    Args:
        rbm: the first of them. rows: `[n, V]`, to which the start of the path is fitted, and from which modes are searched for.
        mesh: devices that share the runs.
    """

    def __init__(self, rbm: RBM, rows: ArrayLike, mesh: Mesh | None = None) -> None:
        self._rows = np.asarray(rows)
        self._base = model.independent(rbm.visible.fit(self._rows), rbm.hidden.infinite_temperature())
        self._mesh = data_mesh(mesh)
        products = RUNS * TEMPERATURES[1] + STARTS * (ASCENT + MEAN_FIELD) + len(self._rows) / 2
        self.seconds = SECONDS_PER_PRODUCT * 2 * rbm.weights.size * products
        """About how long one takes where the error is small."""

    def log_partition(self, rbm: RBM) -> LogPartition:
        """ln Z, with the same random numbers each time, so that changes stand out."""
        value, error = self.anneal(rbm)
        certain = self.find_modes(key_of(1), rbm).certain
        return LogPartition(max(value, certain), error, certain - value if is_left_out(certain, value, error) else 0.0)

    def find_modes(self, key: Key, rbm: RBM) -> Modes:
        """Modes of the model."""
        with float64():
            return find_modes(key, rbm, self._rows, STARTS)

    def anneal(self, rbm: RBM) -> tuple[float, float]:
        """ln Z and its standard error by annealing runs alone, with the same random numbers each time."""
        schedule = annealing.even_schedule()
        for temperatures in TEMPERATURES:
            annealed, base_log_z = self._anneal(rbm, schedule, temperatures)
            schedule = annealing.equalize_schedule(schedule, annealed.gains)
            error = float(relative_error(annealed.log_weights))
            if temperatures > TEMPERATURES[0] and error <= ERROR:
                break
        return base_log_z + float(log_mean_exp(annealed.log_weights)), error

    def _anneal(self, rbm: RBM, schedule: Float[np.ndarray, "segments+1"], temperatures: int) -> tuple[Annealed, float]:
        with float64():
            start_key, key = jax.random.split(key_of(0))
            target, base = (jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), each) for each in (rbm, self._base))
            v = annealing.start(start_key, base, target, round_up(RUNS, self._mesh))
            annealed = annealing.anneal(key, base, target, v, schedule, temperatures, mesh=self._mesh)
            return annealed, float(model.independent_log_partition(to_float64(self._base)))
