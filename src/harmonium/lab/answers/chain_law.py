"""The law that a Gibbs chain of a small machine obeys: its target, what it has come to after a number of sweeps, its errors.

A sweep takes (v, h) to (v', h') with probability p(v'|h) p(h'|v'). With the singular values s_m, the largest being 1, of
B[v, h] = sqrt(p(v|h) p(h|v)) = sum_m s_m W[v, m] U[h, m], a chain that is at (v, h) is there again k sweeps later with
probability B[v, h] sum_m s_m^(2k-1) W[v, m] U[h, m]. Summed over k this gives the error of a frequency of visits exactly,
autocorrelation and all, with no division that could fail at low temperature.

Reference: J. Kemeny and J. Snell, "Finite Markov chains" (1960), section 4.6 (variance of the number of visits); A. de Moivre,
"Miscellanea analytica" (1730), by way of P. Diaconis and S. Zabell, Statistical Science 6 (1991) (mean absolute deviation).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import stats

from harmonium.model import RBM

NEARLY_STILL = 1e-4
"""Below this n (1 - lambda), sums over lags come from their expansion: the closed form would lose its digits."""


@dataclass(frozen=True)
class Law:
    """Of a machine at a temperature: `joint [2^V, 2^H]` = p(v, h), `up` = p(h|v) and `down` = p(v|h) of the same shape."""

    joint: np.ndarray
    up: np.ndarray
    down: np.ndarray

    @property
    def probability(self) -> np.ndarray:
        """p(v, h), `[rows]`, ordered by v, then h, the first unit being the leading digit."""
        return self.joint.ravel()

    @cached_property
    def visible(self) -> np.ndarray:
        """p(v), `[2^V]`."""
        return self.joint.sum(axis=1)

    @cached_property
    def sweep(self) -> np.ndarray:
        """p(h'|h) = sum_v p(v|h) p(h'|v), `[2^H, 2^H]`."""
        return self.down.T @ self.up

    @cached_property
    def _modes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        w, singular, u = np.linalg.svd(np.sqrt(self.up * self.down), full_matrices=False)
        singular = np.minimum(singular, 1)
        singular[0] = 1  # the stationary distribution itself
        return w, singular, u.T

    @property
    def relaxation(self) -> float:
        """1 / (1 - lambda) in sweeps, lambda a sweep's second eigenvalue; infinite where float64 cannot tell it from 1."""
        singular = self._modes[1]
        gap = 1 - singular[1] ** 2 if len(singular) > 1 else 1.0
        return float(1 / gap) if gap > 1e-13 else float("inf")

    def errors(self, sweeps: int) -> tuple[np.ndarray, np.ndarray]:
        """Standard errors of the frequencies of (v, h) `[rows]` and of v `[2^V]` in a number of sweeps, from equilibrium on."""
        w, singular, u = self._modes
        weights = _lag_sum(1 - singular**2, sweeps)
        returns = np.sqrt(self.up * self.down) * ((w * (singular * weights)) @ u.T)
        visible_returns = (w**2) @ (singular**2 * weights)
        return _error(self.probability, returns.ravel(), sweeps), _error(self.visible, visible_returns, sweeps)

    def after(self, start: int, sweeps: int) -> np.ndarray:
        """The law `[rows]` of (v, h) after a number of sweeps from v number `start`; none made: h is drawn from that v."""
        if sweeps == 0:
            law = np.zeros_like(self.joint)
            law[start] = self.up[start]
            return law.ravel()
        h = self.up[start] @ np.linalg.matrix_power(self.sweep, sweeps - 1)
        return ((self.down @ h)[:, None] * self.up).ravel()


def law(cold: RBM) -> Law:
    """The law of a binary machine whose parameters have been divided by the temperature (float64 on the host)."""
    return _law(cold.weights.tobytes(), cold.visible.bias.tobytes(), cold.hidden.bias.tobytes())


@lru_cache(maxsize=32)
def _law(weights: bytes, visible: bytes, hidden: bytes) -> Law:
    a, b = np.frombuffer(visible), np.frombuffer(hidden)
    w = np.frombuffer(weights).reshape(len(a), len(b))
    v, h = states(len(a)), states(len(b))
    minus_energy = (v @ a)[:, None] + h @ b + v @ w @ h.T
    weight = np.exp(minus_energy - minus_energy.max())
    return Law(weight / weight.sum(), _conditional(v @ w + b, h), _conditional(h @ w.T + a, v).T)


def _conditional(inputs: np.ndarray, states: np.ndarray) -> np.ndarray:
    """prod_j p(x_j | total inputs S_j), `[n, N]` and `[m, N] -> [n, m]`."""
    log_on, log_off = -np.logaddexp(0, -inputs), -np.logaddexp(0, inputs)
    return np.exp(log_on @ states.T + log_off @ (1 - states).T)


def states(units: int) -> np.ndarray:
    """All states `[2^N, N]` of binary units, the first unit being the leading digit."""
    return ((np.arange(1 << units)[:, None] >> np.arange(units)[::-1]) & 1).astype(np.float64)


def _lag_sum(gap: np.ndarray, n: int) -> np.ndarray:
    """sum over k = 1 .. n - 1 of (1 - k/n) (1 - gap)^(k - 1)."""
    still = n * gap < NEARLY_STILL
    safe = np.where(still, 1.0, gap)
    with np.errstate(divide="ignore"):
        closed = (n * safe + np.expm1(n * np.log1p(-safe))) / (n * safe**2)
    return np.where(still, (n - 1) / 2 - gap * (n - 1) * (n - 2) / 6, closed)


def _error(p: np.ndarray, returns: np.ndarray, n: int) -> np.ndarray:
    """Of the mean of n indicators of probability p; `returns`: the chances of return at all lags, weighted as in `_lag_sum`."""
    summed = p * (1 - p) + 2 * p * (returns - p * (n - 1) / 2)
    return np.sqrt(np.maximum(summed, 0) / n)


def distance(frequency: np.ndarray, probability: np.ndarray) -> float:
    """Total variation distance, half the sum of |f - p|: the largest error in the probability of any set of rows."""
    return float(np.abs(frequency - probability).sum() / 2)


def distance_of_draws(probability: np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """The total variation distance to expect of the frequencies in `n [...]` independent draws, exactly, `[...]`."""
    n = np.asarray(n, dtype=np.float64)[..., None]
    above = np.floor(n * probability) + 1
    return (above * (1 - probability) * stats.binom.pmf(above, n, probability) / n).sum(axis=-1)


CHECKPOINTS = np.unique(np.round(10 ** (np.arange(0, 9 * 20 + 1) / 20)).astype(np.int64))
"""The numbers of sweeps, about twenty in every factor of ten, at which distances are told."""


def checkpoints(after: int, until: int) -> np.ndarray:
    """Those of `CHECKPOINTS` in (after, until]."""
    return CHECKPOINTS[(after < CHECKPOINTS) & (until >= CHECKPOINTS)]
