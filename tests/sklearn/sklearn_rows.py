"""Rows that the tests of the estimators share."""

from __future__ import annotations

import numpy as np


def rows_of(n: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two prototypes of six bits, each bit wrong once in ten, and which prototype each row is of."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 2, n)
    prototypes = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    return (prototypes[kinds] ^ (random.random((n, 6)) < 0.1)).astype(float), kinds
