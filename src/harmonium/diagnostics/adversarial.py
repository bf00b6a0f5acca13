"""Nearest-neighbor adversarial accuracy: can real rows be told from synthetic ones by the nearest other row?

    AA_truth     = share of the real rows whose nearest synthetic row is farther than their nearest other real row
    AA_synthetic = share of the synthetic rows whose nearest real row is farther than their nearest other synthetic row
    AA           = (AA_truth + AA_synthetic) / 2

1/2 is ideal. Towards 1 the two are told apart: the machine underfits. Towards 0 synthetic rows are nearer to real rows than
those are to each other: the machine repeats its data. Ties, of which binary rows have many, count one half.

AA is the share of all rows whose nearest neighbor is of their own kind, Schilling's statistic, so its law for two samples of
one law is had as there: by handing out the labels of the pooled rows anew.

References: A. Yale, S. Dash, R. Dutta, I. Guyon, A. Pavao and K. Bennett, "Generation and evaluation of privacy preserving
synthetic health data", Neurocomputing 416 (2020) (AA, and the privacy loss); M. Schilling, "Multivariate two-sample tests based
on nearest neighbors", JASA 81 (1986).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harmonium import _checks
from harmonium.diagnostics.common import Verdict
from harmonium.errors import InputError

PERMUTATIONS = 200
BLOCK_ELEMENTS = 1 << 21
"""Distances in one block: 16 MiB."""
CERTAIN = 3.0
"""Standard errors from what is expected, and"""
MATTERS = 0.1
"""from 1/2, from which on an accuracy is not called ideal."""


@dataclass(frozen=True)
class AdversarialAccuracy:
    """AA_truth, AA_synthetic and their mean, of `rows` rows of each kind.

    `expected` and `standard_error`: mean and standard deviation of `accuracy` if both kinds project one law, over 200
    relabellings (about 1/2 - 1/(4 rows): a row has one neighbor fewer of its own kind).
    """

    accuracy: float
    truth: float
    synthetic: float
    expected: float
    standard_error: float
    rows: int

    @property
    def verdict(self) -> Verdict:
        """Whether the rows are told apart, or too close."""
        figure = (
            f"real and drawn rows are told apart with probability {self.accuracy:.3f} +- {self.standard_error:.3f} (ideal: 0.5)"
        )
        away = self.accuracy - self.expected
        if abs(away) < max(CERTAIN * self.standard_error, MATTERS):
            return Verdict("adversarial accuracy", True, figure)
        if away > 0:
            advice = "train for longer, or with more hidden units, unless it overfits or its chains do not mix"
            sentence = f"{figure}: the machine draws other rows than these; {advice}"
        else:
            sentence = (
                f"{figure}: drawn rows are nearer to these than these to each other: known by heart, or few distinct rows"
            )
        return Verdict("adversarial accuracy", False, sentence)


def adversarial_accuracy(real: Any, synthetic: Any, seed: int = 0) -> AdversarialAccuracy:
    """Compare rows `real [n, V]` with rows `synthetic [m, V]` by Euclidean distance; of the larger set, min(n, m) random rows.

    Raises:
        InputError: no arrays of numbers `[n, V]` with at least 2 rows each and equal V, or a value that is not finite.
    """
    sets = [_rows(rows, what) for rows, what in ((real, "real"), (synthetic, "synthetic"))]
    if sets[0].shape[1] != sets[1].shape[1]:
        raise InputError(f"real and synthetic must have as many columns, but have {sets[0].shape[1]} and {sets[1].shape[1]}")
    random = np.random.default_rng(_checks.seed(seed))
    count = min(map(len, sets))
    pooled = np.concatenate([random.permutation(rows)[:count] for rows in sets])
    # Column 0 tells the real rows, every other column a random half of the rows.
    labels = np.repeat([1.0, 0.0], count)
    labels = np.stack([labels, *(random.permutation(labels) for _ in range(PERMUTATIONS))], axis=1)
    own = _own_kind_nearest(pooled, labels)
    accuracies = own.mean(axis=0)
    null = accuracies[1:]
    return AdversarialAccuracy(
        accuracy=float(accuracies[0]),
        truth=float(own[:count, 0].mean()),
        synthetic=float(own[count:, 0].mean()),
        expected=float(null.mean()),
        standard_error=float(null.std(ddof=1)),
        rows=count,
    )


def _rows(rows: Any, what: str) -> np.ndarray:
    array = _checks.numeric_array(rows, what).astype(np.float64)
    if array.ndim != 2 or len(array) < 2 or array.shape[1] == 0:
        raise InputError(f"{what} must have shape [n, V] with n at least 2, but has {list(array.shape)}")
    if not np.isfinite(array).all():
        raise InputError(f"{what}: every value must be a finite number, but there is a NaN or an infinity")
    return array


def _own_kind_nearest(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 where the nearest other row has the row's own label, 0 where another, 1/2 at a tie; `[N, V], [N, L] -> [N, L]`."""
    squares = (x**2).sum(axis=1)
    rounding = 1e-9 * squares.max()
    length = max(1, BLOCK_ELEMENTS // len(x))
    blocks = []
    for start in range(0, len(x), length):
        block = slice(start, start + length)
        distances = squares[block, None] + squares - 2 * x[block] @ x.T
        distances[np.arange(len(distances)), np.arange(start, start + len(distances))] = np.inf
        nearest = (distances <= distances.min(axis=1, keepdims=True) + rounding).astype(np.float32)
        ones = nearest @ labels.astype(np.float32)
        total = nearest.sum(axis=1, keepdims=True)
        own = np.where(labels[block] == 1, ones, total - ones)
        blocks.append(np.where(own == total, 1.0, np.where(own == 0, 0.0, 0.5)))
    return np.concatenate(blocks)


def privacy_loss(test: AdversarialAccuracy, train: AdversarialAccuracy) -> Verdict:
    """Whether drawn rows are nearer to the training rows than to rows held out: AA(test) - AA(train), ideally 0."""
    loss = test.accuracy - train.accuracy
    error = float(np.hypot(test.standard_error, train.standard_error))
    figure = f"adversarial accuracy is {loss:+.3f} +- {error:.3f} higher on held-out than on training rows (ideal: 0)"
    if loss < max(CERTAIN * error, MATTERS):
        return Verdict("privacy loss", True, figure)
    advice = "drawn rows repeat training rows; train for fewer updates, or with fewer hidden units"
    return Verdict("privacy loss", False, f"{figure}: {advice}")
