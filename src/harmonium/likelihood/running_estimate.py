"""A quick estimate of ln Z, repeated for a model that changes: for the progress of training.

Forward annealed importance sampling alone, from units fitted to the data; the gains of one estimate's runs place the
temperatures of the next. Its error is that of the runs and ignores modes that none of them reaches, so the final report is
the bracket of `evaluate`.

Reference: R. Salakhutdinov and I. Murray, ICML 2008, section 4.1.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from harmonium import model
from harmonium._numerics import float64, log_mean_exp, to_float64
from harmonium._types import ArrayLike
from harmonium.distributed import data_mesh, round_up
from harmonium.likelihood import annealing
from harmonium.likelihood.log_weights import relative_error
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.units import Units

RUNS, TEMPERATURES = 64, 1024
PILOT = 256
"""Temperatures of the very first runs, which only place those of the next."""


class RunningEstimate:
    """ln Z of one model after another with the same layers.

    Args:
        rbm: the first of them. start: rows `[n, V]` to which the start of the path is fitted, or the visible units themselves.
        mesh: devices that share the runs.
    """

    def __init__(self, rbm: RBM, start: Units | ArrayLike, mesh: Mesh | None = None) -> None:
        units = start if isinstance(start, Units) else rbm.visible.fit_base_rate(np.asarray(start))
        self._base = model.independent(units, rbm.hidden.infinite_temperature())
        self._schedule = annealing.even_schedule()
        self._is_placed, self._mesh = False, data_mesh(mesh)

    def log_partition(self, rbm: RBM) -> tuple[float, float]:
        """ln Z (nats) and the standard error of its runs; with the same random numbers each time, so that changes stand out."""
        if not self._is_placed:
            self._estimate(rbm, PILOT)
            self._is_placed = True
        return self._estimate(rbm, TEMPERATURES)

    def _estimate(self, rbm: RBM, temperatures: int) -> tuple[float, float]:
        with float64():
            start_key, key = jax.random.split(key_of(0))
            target, base = (jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), each) for each in (rbm, self._base))
            v = annealing.start(start_key, base, target, round_up(RUNS, self._mesh))
            annealed = annealing.anneal(key, base, target, v, self._schedule, temperatures, mesh=self._mesh)
            base_log_z = float(model.independent_log_partition(to_float64(self._base)))
        self._schedule = annealing.equalize_schedule(self._schedule, annealed.gains)
        log_weights = annealed.log_weights
        return base_log_z + float(log_mean_exp(log_weights)), float(relative_error(log_weights))
