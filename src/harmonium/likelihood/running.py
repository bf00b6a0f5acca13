"""A quick estimate of ln Z, again and again, of a machine that changes: what a progress line shows.

Forward annealed importance sampling alone, from units fitted to the data, with the temperatures placed by what the last
estimate's runs gained where. Its error bar is that of the runs and knows nothing of modes that none of them finds, so
what is reported in the end is `evaluate`'s bracket.

Reference: R. Salakhutdinov and I. Murray, ICML 2008, section 4.1.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import model
from harmonium.exact.values import float64
from harmonium.likelihood import annealing, weights
from harmonium.mesh import ALONE, Spread
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.units import Units

RUNS, TEMPERATURES = 64, 1024
PILOT = 256
"""Temperatures of the first runs of all, which only place those of the next."""


class RunningEstimate:
    """ln Z of one machine after another of the same layers.

    Args:
        rbm: the first of them. start: `[n, V]`, rows to which the path's start is fitted, or the visible units themselves.
        spread: the devices that share the runs.
    """

    def __init__(self, rbm: RBM, start: Any, spread: Spread = ALONE) -> None:
        units = start if isinstance(start, Units) else rbm.visible.fit_base_rate(start)
        self._base = model.independent(units, rbm.hidden.infinite_temperature())
        self._schedule = annealing.even_schedule()
        self._placed, self._spread = False, spread.by_rows()

    def log_partition(self, rbm: RBM) -> tuple[float, float]:
        """ln Z (nats) and the standard error of its runs; the same random numbers each time, so that changes stand out."""
        if not self._placed:
            self._estimate(rbm, PILOT)
            self._placed = True
        return self._estimate(rbm, TEMPERATURES)

    def _estimate(self, rbm: RBM, temperatures: int) -> tuple[float, float]:
        with jax.enable_x64(True):
            start_key, key = jax.random.split(key_of(0))
            machine, base = (jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), each) for each in (rbm, self._base))
            v = annealing.start(start_key, base, machine, self._spread.rounded(RUNS))
            found = annealing.anneal(key, base, machine, v, self._schedule, temperatures, spread=self._spread)
            self._schedule = annealing.equalize_schedule(self._schedule, found.gains)
            at_base = float(model.independent_log_partition(float64(self._base)))
        log_weights = found.log_weights
        share = np.exp(log_weights - log_weights.max())
        error = float(share.std(ddof=1) / share.mean() / np.sqrt(len(log_weights)))
        return at_base + float(weights.log_mean_exp(log_weights)), error
