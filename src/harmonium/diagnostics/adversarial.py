"""Nearest-neighbor adversarial accuracy: does the nearest other row tell whether a row is real or synthetic?

    AA_truth     = fraction of the real rows whose nearest synthetic row is farther than their nearest other real row
    AA_synthetic = fraction of the synthetic rows whose nearest real row is farther than their nearest other synthetic row
    AA           = (AA_truth + AA_synthetic) / 2

1/2 is ideal. Toward 1 the kinds are distinguished: the model underfits. Toward 0 synthetic rows are nearer to real rows than
those are to each other: the model repeats its data. Ties, which are many among binary rows, count one half.

AA is the fraction of all rows whose nearest neighbor is of their own kind, Schilling's statistic, so its distribution for two
samples of one distribution is obtained as there: by permuting the labels of the pooled rows.

References: A. Yale, S. Dash, R. Dutta, I. Guyon, A. Pavao and K. Bennett, "Generation and evaluation of privacy preserving
synthetic health data", Neurocomputing 416 (2020); M. Schilling, "Multivariate two-sample tests based
on nearest neighbors", JASA 81 (1986).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from harmonium import _checks
from harmonium._types import ArrayLike
from harmonium.diagnostics.verdict import Verdict, judge, least_that_matters
from harmonium.errors import InputError

PERMUTATIONS = 200
BLOCK_ELEMENTS = 1 << 21
"""Distances in one block: 16 MiB."""


@dataclass(frozen=True)
class AdversarialAccuracy:
    """AA_truth, AA_synthetic and their mean, of `rows` rows of each kind.

    `expected` and `standard_error`: mean and standard deviation of `accuracy` if both kinds followed one distribution, over
    200 permutations of the labels (about 1/2 - 1/(4 rows): a row has one neighbor fewer of its own kind).

    Attributes:
        truth: AA_truth: real rows whose nearest neighbor is real.
        synthetic: AA_synthetic: the same of synthetic rows.
    """

    accuracy: float
    truth: float
    synthetic: float
    expected: float
    standard_error: float
    rows: int

    @property
    def verdict(self) -> Verdict:
        """Whether the rows are distinguished, or too close."""
        probability = f"{self.accuracy:.3f} +- {self.standard_error:.3f} (ideal: 0.5)"
        figure = f"real and drawn rows are distinguished with probability {probability}"
        away, remedy = self.accuracy - self.expected, None
        if away >= least_that_matters(self.standard_error):
            remedy = (
                "the model draws other rows than these; train for longer, or with more hidden units, unless it overfits or its "
                "chains do not mix"
            )
        elif -away >= least_that_matters(self.standard_error):
            remedy = "drawn rows are nearer to these than these to each other: it repeats them, or they are few"
        return judge("adversarial accuracy", figure, remedy)


def adversarial_accuracy(real: ArrayLike, synthetic: ArrayLike, seed: int = 0) -> AdversarialAccuracy:
    """Compare rows `real [n, V]` with `synthetic [m, V]` by Euclidean distance; of the larger set, min(n, m) random rows.

    Args:
        real: rows `[n, V]`.
        synthetic: rows `[m, V]`, such as draws of a model.
        seed: of all random numbers.

    Raises:
        InputError: no arrays of numbers `[n, V]` with at least 2 rows each and equal V, or a value that is not finite.
    """
    sets = [check_rows(rows, what) for rows, what in ((real, "real"), (synthetic, "synthetic"))]
    if sets[0].shape[1] != sets[1].shape[1]:
        raise InputError(
            f"real and synthetic must have the same number of columns, but have {sets[0].shape[1]} and {sets[1].shape[1]}"
        )
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


def check_rows(rows: ArrayLike, name: str) -> Float[np.ndarray, "rows columns"]:
    """Rows `[n, V]` in float64, at least 2."""
    array = _checks.finite_array(rows, name).astype(np.float64)
    if array.ndim != 2 or len(array) < 2 or array.shape[1] == 0:
        raise InputError(f"{name} must have shape [n, V] with n at least 2, but has {list(array.shape)}")
    return array


def _own_kind_nearest(
    x: Float[np.ndarray, "rows columns"], labels: Float[np.ndarray, "rows labelings"]
) -> Float[np.ndarray, "rows labelings"]:
    """1 where the nearest other row has the label of the row, 0 where another, 1/2 at a tie, for each labeling."""
    with np.errstate(over="ignore"):
        squares = (x**2).sum(axis=1)
    if not np.isfinite(squares).all():
        raise InputError("real and synthetic must hold numbers whose squares are finite, but hold larger ones; scale them down")
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
