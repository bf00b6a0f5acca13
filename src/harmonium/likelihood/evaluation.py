"""The mean log likelihood of data, by the best means at hand."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import exact, model
from harmonium.checks import InputError
from harmonium.likelihood.report import Likelihood
from harmonium.model import RBM
from harmonium.units import Units

EXACT_SECONDS = 10.0
"""Enumeration is chosen unasked where it is forecast to take no longer than this."""


def evaluate(rbm: RBM, data: Any) -> Likelihood:
    """The mean ln p(v) of `data [n, V]`, exact by enumeration of the smaller layer.

    Raises:
        InputError: data outside the units' domain, or a machine too large to enumerate.
    """
    start = time.monotonic()
    rows = rows_of(model.validate(rbm).visible, data)
    if not can_be_exact(rbm):
        raise InputError(
            f"the log likelihood of {rbm!r} cannot be had exactly: neither layer is small enough to be enumerated "
            "(about 24 units beside 1,000); train with fewer hidden units"
        )
    log_z = exact.log_partition(rbm)
    mean = float(exact.log_likelihood(rbm, rows, log_z).mean())
    states = exact.enumerable_states(rbm)
    assert states is not None
    layer = "visible" if rbm.visible.state_count == states else "hidden"
    method = f"exact (all {states:,} {layer} states)"
    return Likelihood(mean, mean, mean, method, len(rows), log_z, time.monotonic() - start)


def can_be_exact(rbm: RBM) -> bool:
    """Whether ln Z can be enumerated in some ten seconds."""
    return exact.forecast(rbm) <= EXACT_SECONDS


def base_rate_log_likelihood(base_rate: Units, data: Any) -> float:
    """The mean ln p(v) of `data` under independent units: the baseline that a machine has to beat (nats per example)."""
    with jax.enable_x64(True):
        units = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=jnp.float64), base_rate)
        return float(jnp.mean(units.log_probability(np.asarray(data, dtype=np.float64), np.zeros(units.size))))


def rows_of(units: Units, data: Any) -> np.ndarray:
    """`data` as rows `[n, V]` in the domain of `units`, or an `InputError`."""
    rows = units.check(data, "data")
    if rows.ndim != 2 or len(rows) == 0:
        raise InputError(f"data must have shape [n, {units.size}] with n at least 1, but has {list(rows.shape)}")
    return rows
