"""What is followed while a machine is trained: log likelihood, free-energy gap, chains. Each has its share of the time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import exact, gradients, model
from harmonium.mesh import ALONE, Spread
from harmonium.model import RBM

if TYPE_CHECKING:
    from harmonium.likelihood.running import RunningEstimate

EXACT_SECONDS = 1.0
"""By default an exact log likelihood is followed where one value is forecast to take no longer than this."""
MONITOR_SHARE = 0.05
"""The share of the time that following takes, compilation aside."""
ESTIMATES_AFTER = 8.0
"""Seconds after which an estimated log likelihood is followed: shorter runs would spend them on compiling it."""
MOST_ROWS = 10_000
"""Rows of each kind, evenly spaced, that are followed."""
MOST_INCOMPLETE = 1000
"""And of rows with missing cells: their probabilities are sums of their own."""
RUNS, TEMPERATURES = 16, 64
"""Of annealing, for each of those where they cannot be summed ..."""
MOST_TERMS = 1 << 29
"""... within half a second: rows x hidden states x columns."""
FEWEST_CHAINS, DEAD = 10, 1e-3
"""So many chains are dead where their total variance is below this share of the rows'."""


class Monitor:
    """Measures a run's states.

    `free_energy_gap`: held-out minus training mean free energy, nats: above zero is overfitting. `train_log_likelihood`,
    `valid_log_likelihood`: means, nats per example; exact where that is quick, otherwise with an estimated ln Z whose
    standard error is `log_partition_error`. `chain_gap`: mean free energy of the persistent chains minus that of
    training rows, and `chain_spread`: their total variance as a share of the rows'; chains that have collapsed into one
    mode have a spread far below 1, chains that have left the data a gap far from 0.
    """

    def __init__(
        self,
        rbm: RBM,
        rows: np.ndarray,
        held_out: np.ndarray | None,
        in_epoch: int,
        exact_seconds: float,
        estimates: bool,
        follow: bool = True,
        spread: Spread = ALONE,
    ) -> None:
        self._follow, self._spread = follow, spread
        most = MOST_INCOMPLETE if any(map(_has_holes, (rows, held_out))) else MOST_ROWS
        self._rows = rows
        self._held_out = None if held_out is None else _spaced(held_out, most)
        # As many training rows as held-out ones, so that the two means are comparable.
        self._shown = _spaced(rows, most if self._held_out is None else len(self._held_out))
        self._in_epoch, self._begun = in_epoch, time.monotonic()
        self._variance = float(np.var(rbm.visible.fill_missing(self._shown), axis=0, dtype=np.float64).sum())
        self._spent, self._compiled = 0.0, False
        self._exact = follow and exact.forecast(rbm) <= exact_seconds
        self._running = None if self._exact or not (estimates and follow) else self._estimator_of(rbm)
        self._estimated = False

    def go_on(self, seconds: float) -> None:
        """Take up a run that had been going for so long."""
        self._begun = time.monotonic() - seconds

    def dead(self, estimator_state: Any) -> bool:
        """Whether all chains have come to be in one state, and one that is no row's: few patterns may well hold all of them."""
        chains = gradients.chains_of(estimator_state)
        if chains is None or len(chains) < FEWEST_CHAINS or self._variance < 0.5:
            return False
        chains = np.asarray(chains)
        if float(np.var(chains, axis=0, dtype=np.float64).sum()) >= DEAD * self._variance:
            return False
        return not (self._rows == chains[0]).all(axis=1).any()

    def _estimator_of(self, rbm: RBM) -> RunningEstimate:
        from harmonium.likelihood.running import RunningEstimate  # SciPy is half a second in loading

        return RunningEstimate(rbm, rbm.visible.fill_missing(self._shown), self._spread)

    def times(self, done: int) -> dict[str, float]:
        """How far the run is, in passes over the rows and in seconds."""
        return {"epoch": done / self._in_epoch, "seconds": time.monotonic() - self._begun}

    def measure(self, rbm: RBM, estimator_state: Any, done: int, ended: bool) -> dict[str, float]:
        """The metrics of the machine after `done` updates; what takes time, while that is within its share, or at the end."""
        before, metrics = time.monotonic(), self.times(done)
        if not self._follow:
            return metrics
        elapsed = metrics["seconds"]
        elapsed, due = self._spread.agreed((elapsed, ended or self._spent <= MONITOR_SHARE * elapsed))
        if not due:
            return metrics
        shown = _mean_free_energy(rbm, self._shown)
        chains = gradients.chains_of(estimator_state)
        if chains is not None:
            chains = np.asarray(chains)
            metrics["chain_gap"] = _mean_free_energy(rbm, chains) - shown
            metrics["chain_spread"] = float(np.var(chains, axis=0, dtype=np.float64).sum()) / max(self._variance, 1e-12)
        held_out = None if self._held_out is None else _mean_free_energy(rbm, self._held_out)
        if held_out is not None:
            metrics["free_energy_gap"] = held_out - shown
        log_z = self._log_partition(rbm, metrics, elapsed, ended)
        if log_z is not None:
            metrics["train_log_likelihood"] = -shown - log_z
            if held_out is not None:
                metrics["valid_log_likelihood"] = -held_out - log_z
        # The first time is mostly compilation and says little about what the next will take.
        self._spent += time.monotonic() - before if self._compiled else 0.0
        self._compiled = True
        # What follows from the metrics must follow on all processes.
        return dict(self._spread.agreed(metrics))

    def _log_partition(self, rbm: RBM, metrics: dict[str, float], elapsed: float, ended: bool) -> float | None:
        if self._exact:
            return exact.log_partition(rbm)
        if self._running is None or elapsed < ESTIMATES_AFTER or (ended and not self._estimated):
            return None
        if not self._estimated:
            self._estimated, self._compiled = True, False
        value, metrics["log_partition_error"] = self._running.log_partition(rbm)
        return value


def _spaced(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the rows, evenly spaced: files may be sorted by class."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most, dtype=np.int64)]


def _has_holes(rows: np.ndarray | None) -> bool:
    return rows is not None and rows.dtype.kind == "f" and bool(np.isnan(rows).any())


def _mean_free_energy(rbm: RBM, v: np.ndarray) -> float:
    """The mean of F(v), where cells are missing of -ln p(v_o) - ln Z."""
    if _has_holes(v):
        from harmonium.likelihood.missing import log_weights  # SciPy is half a second in loading

        found = log_weights(rbm, v, runs=RUNS, temperatures=TEMPERATURES, max_terms=MOST_TERMS)
        return -float(found.value.mean())
    return float(_sum_of_free_energies(rbm, v)) / len(v)


@jax.jit
def _sum_of_free_energies(rbm: RBM, v: Any) -> Any:
    # Single terms in float32, their sum about their mean: thousands of numbers of some hundred nats lose no digits.
    terms = model.free_energy(rbm, v.astype(rbm.weights.dtype))
    center = terms[0]
    return len(terms) * center + jnp.sum(terms - center)
