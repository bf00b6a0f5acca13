"""What is measured while a model is trained: log likelihood, free-energy gap, chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, PyTree, Shaped

from harmonium import exact, gradients, model
from harmonium.errors import InputError
from harmonium.io.streams import evenly_spaced
from harmonium.model import RBM
from harmonium.training.rows import Rows, has_missing
from harmonium.training.stopping import RAISED

if TYPE_CHECKING:
    from harmonium.likelihood import Gain
    from harmonium.likelihood.running_estimate import RunningEstimate

RowWeights: TypeAlias = Float[np.ndarray, " rows"] | None
Spaced = TypeVar("Spaced", bound=np.ndarray | None)

EXACT_SECONDS = 1.0
"""By default the log likelihood is exact where one value is estimated to take no longer than this."""
LOOKS_PER_RUN, MIN_SECONDS = 10, 8.0
"""The log likelihood is estimated in runs that take at least as long as so many estimates, and these seconds: shorter ones
would spend them on compiling that."""
MISSING_SECONDS = 0.5
"""A look at rows with missing cells."""
MAX_ROWS = 10_000
"""Rows of each kind, evenly spaced, that are measured."""
MAX_INCOMPLETE_ROWS = 1000
"""And of rows with missing cells, whose probabilities are sums of their own."""
MAX_TERMS = 1 << 29
"""Those that take half a second are summed: rows x hidden states x columns."""
NARROW = 0.5
"""The chains' spread is reported where it is below this fraction of the rows', or above its inverse."""
MAX_GAIN_ROWS, MAX_INCOMPLETE_GAIN_ROWS = 2000, 200
"""Training rows by which the last model is compared with independent units, and those where cells are missing."""
MIN_CHAINS, COLLAPSED = 10, 1e-3
"""Chains, at least this number, have collapsed where their total variance is below this fraction of the rows'."""


class Measurement(NamedTuple):
    """A model's `metrics` by name, and ln p of each held-out row where that is known, in nats."""

    metrics: dict[str, float]
    held_out: Float[np.ndarray, " heldout"] | None


class Metrics:
    """Measures a run's models.

    `free_energy_gap`: held-out minus training mean free energy, nats: above zero is overfitting. `train_log_likelihood`,
    `valid_log_likelihood`: means, nats per example. `log_partition`: their ln Z, exact where that is quick and otherwise
    estimated, with standard error `log_partition_error` of the runs; `log_partition_raised`: by how much a bound by modes that
    the runs left out exceeds their estimate, where it counts instead. `chain_gap`: mean free energy of the persistent chains
    minus that of training rows, and `chain_spread`: their total variance as a fraction of the rows'; chains that have
    collapsed into one mode have a spread far below 1, chains that have left the data a gap far from 0.
    """

    def __init__(
        self,
        rbm: RBM,
        exact_seconds: float,
        estimates: bool,
        enabled: bool,
        mesh: Mesh | None,
        run_seconds: float,
        training: Rows,
        held_out_rows: Rows | None,
    ) -> None:
        self._enabled, self._mesh, self._visible = enabled, mesh, rbm.visible
        rows, weights, held_out, held_out_weights = training.sample, training.sample_weights, None, None
        if held_out_rows is not None:
            held_out, held_out_weights = held_out_rows.sample, held_out_rows.sample_weights
        incomplete = any(each is not None and has_missing(each) for each in (rows, held_out))
        most = MAX_INCOMPLETE_ROWS if incomplete else MAX_ROWS
        self._rows, self._weights = rows, weights
        self._held_out, self.held_out_weights = space_evenly(held_out, most), space_evenly(held_out_weights, most)
        # As many training rows as held-out ones, so that the two means are comparable.
        most = most if self._held_out is None else len(self._held_out)
        self._compared, self._compared_weights = space_evenly(rows, most), space_evenly(weights, most)
        whole, weights = rbm.visible.fill_missing(self._compared), self._compared_weights
        self._variance = float(np.average((whole - np.average(whole, 0, weights)) ** 2, 0, weights).sum())
        seconds = exact.estimate_seconds(rbm)
        self._exact = enabled and seconds <= exact_seconds
        self._estimate = None
        if enabled and estimates and not self._exact:
            estimate = self._estimator_of(rbm)
            seconds = estimate.seconds
            self._estimate = estimate if run_seconds >= max(MIN_SECONDS, LOOKS_PER_RUN * seconds) else None
        self.knows_log_partition = self._exact or self._estimate is not None
        self.look_seconds = (seconds if self.knows_log_partition else 0.0) + MISSING_SECONDS * incomplete if enabled else None
        """What a measurement is estimated to take; None if not `enabled`."""

    def _estimator_of(self, rbm: RBM) -> RunningEstimate:
        from harmonium.likelihood.running_estimate import RunningEstimate

        return RunningEstimate(rbm, rbm.visible.fill_missing(self._compared), self._mesh)

    def chains_collapsed(self, estimator_state: PyTree) -> bool:
        """Whether all chains are in one state that is no row's: chains that learn few patterns may well share a row's."""
        chains = gradients.chains_of(estimator_state)
        if chains is None or len(chains) < MIN_CHAINS or self._variance < 0.5:
            return False
        chains = np.asarray(chains)
        if float(np.var(chains, axis=0, dtype=np.float64).sum()) >= COLLAPSED * self._variance:
            return False
        return not (self._rows == chains[0]).all(axis=1).any()

    @property
    def is_exact(self) -> bool:
        """Whether the log likelihood is exact."""
        return self._exact

    @property
    def held_out_rows(self) -> int:
        """Held-out rows that are measured."""
        return 0 if self._held_out is None else len(self._held_out)

    def measure(self, rbm: RBM, estimator_state: PyTree) -> Measurement:
        """A model of the run. Nothing if not `enabled`."""
        if not self._enabled:
            return Measurement({}, None)
        free_energies, metrics = _free_energies(rbm, self._compared), {}
        free_energy = float(np.average(free_energies, weights=self._compared_weights))
        chains = gradients.chains_of(estimator_state)
        if chains is not None:
            chains = np.asarray(chains)
            metrics["chain_gap"] = float(_free_energies(rbm, chains).mean()) - free_energy
            metrics["chain_spread"] = float(np.var(chains, axis=0, dtype=np.float64).sum()) / max(self._variance, 1e-12)
        held_out = None if self._held_out is None else -_free_energies(rbm, self._held_out)
        if held_out is not None:
            metrics["free_energy_gap"] = -float(np.average(held_out, weights=self.held_out_weights)) - free_energy
        log_z = self._log_partition(rbm, metrics)
        if log_z is not None:
            metrics |= {"log_partition": log_z, "train_log_likelihood": -free_energy - log_z}
            if held_out is not None:
                held_out -= log_z
                metrics["valid_log_likelihood"] = float(np.average(held_out, weights=self.held_out_weights))
        return Measurement(metrics, None if log_z is None else held_out)

    def gain(self, rbm: RBM, metrics: Mapping[str, float]) -> Gain | None:
        """What a model with these metrics gains on training rows; None if not `enabled`, or where nothing can be compared."""
        if not self._enabled:
            return None
        from harmonium.likelihood.gain import gain_over_independent  # SciPy takes half a second to import

        most = MAX_INCOMPLETE_GAIN_ROWS if has_missing(self._rows) else MAX_GAIN_ROWS
        rows, of_rows = space_evenly(self._rows, most), space_evenly(self._weights, most)
        base_rate = self._visible.fit_base_rate(self._visible.fill_missing(self._rows, self._weights), self._weights)
        log_z, error = metrics.get("log_partition"), metrics.get("log_partition_error", 0.0)
        try:
            return gain_over_independent(rbm, base_rate, rows, log_partition=log_z, error=error, expected=True, weights=of_rows)
        except InputError:
            return None

    def _log_partition(self, rbm: RBM, metrics: dict[str, float]) -> float | None:
        if self._exact:
            return exact.log_partition(rbm)
        if self._estimate is None:
            return None
        estimate = self._estimate.log_partition(rbm)
        metrics["log_partition_error"] = estimate.error
        if estimate.raised_by:
            metrics[RAISED] = estimate.raised_by
        return estimate.value


def summarize(history: Sequence[Mapping[str, float]]) -> str:
    """The metrics of a run's states so far in one line: the latest of each measurement.

    Args:
        history: the `metrics` of the states, in their order.
    """
    now = history[-1]
    latest = {name: value for metrics in history for name, value in metrics.items()}
    parts = [f"update {now['step']:,.0f}", f"{now['updates_per_second']:,.0f}/s"]
    if "valid_log_likelihood" in latest:
        value, error = latest["valid_log_likelihood"], latest.get("log_partition_error")
        about = f"{value:.3f}" if error is None else f"about {value:.2f} +- {error:.2f}"
        parts.append(f"held-out log likelihood {about}")
    if "free_energy_gap" in latest:
        parts.append(f"gap {latest['free_energy_gap']:+.2f}")
    if "chain_spread" in latest:
        spread, gap = latest["chain_spread"], latest["chain_gap"]
        unusual = f"chains: {'only ' if spread < 1 else ''}{spread:.0%} of the data's spread"
        parts.append(f"chains {gap:+.1f}" if NARROW <= spread <= 1 / NARROW else unusual)
    return "  ".join(parts)


def space_evenly(rows: Spaced, most: int) -> Spaced:
    """At most `most` of the rows or weights, if there are any, evenly spaced."""
    return rows if rows is None or len(rows) <= most else rows[evenly_spaced(len(rows), most)]


def _free_energies(rbm: RBM, v: Shaped[np.ndarray, "rows visible"]) -> Float[np.ndarray, " rows"]:
    """F(v) of each row, where cells are missing -ln p(v_o) - ln Z. In float64, so that their mean loses no digits."""
    if has_missing(v):
        from harmonium.likelihood.missing import log_weights

        return -log_weights(rbm, v, stages=1, max_terms=MAX_TERMS).value
    return np.asarray(_free_energy(rbm, v.astype(rbm.weights.dtype)), np.float64)


_free_energy = jax.jit(model.free_energy)
