"""Data of a known distribution: every pattern is equally probable, so the best mean log likelihood is -ln(patterns)."""

from __future__ import annotations

import numpy as np

from harmonium.errors import InputError

MAX_SIDE = 16
"""The longest side (of an image, of a pattern) whose patterns are listed."""


def bars_and_stripes(height: int, width: int) -> np.ndarray:
    """Every distinct image of full rows or of full columns, `[2^height + 2^width - 2, height * width]`.

    Reference: D. MacKay, "Information Theory, Inference, and Learning Algorithms", 2003, chapter 43.
    """
    rows = np.repeat(_bits(height), width, axis=1)
    columns = np.tile(_bits(width), (1, height))
    return np.unique(np.concatenate([rows, columns]), axis=0)


def shifter(bits: int) -> np.ndarray:
    """Every case of the labeled shifter, `[3 * 2^bits, 2 * bits + 3]`.

    A pattern, the same pattern shifted by one place to the left, not at all or to the right (round the ends), and three
    label bits that say which.

    Reference: G. Hinton and T. Sejnowski, "Learning and relearning in Boltzmann machines", 1986; MacKay 2003, chapter 43.
    """
    if bits < 2:
        raise InputError(f"the shifter needs at least 2 bits, but was asked for {bits}")
    pattern = _bits(bits)
    cases = [
        np.concatenate([pattern, np.roll(pattern, shift, axis=1), np.tile(label, (len(pattern), 1))], axis=1)
        for shift, label in zip((-1, 0, 1), np.eye(3), strict=True)
    ]
    return np.concatenate(cases)


def _bits(n: int) -> np.ndarray:
    if not 1 <= n <= MAX_SIDE:
        raise InputError(f"a side of {n} is out of range: from 1 to {MAX_SIDE}")
    return (np.arange(2**n)[:, None] >> np.arange(n)[::-1] & 1).astype(np.float64)
