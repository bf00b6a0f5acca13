"""Data of a known distribution: every pattern is equally probable, so the best mean log likelihood is -ln(patterns)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from harmonium import _checks
from harmonium._numerics import all_bits

MAX_SIDE = 16
"""The longest side (of an image, of a pattern) whose patterns are listed."""


def bars_and_stripes(height: int, width: int) -> Float[np.ndarray, "patterns pixels"]:
    """Every distinct image of full rows or of full columns, `[2^height + 2^width - 2, height * width]`.

    Reference: D. MacKay, "Information Theory, Inference, and Learning Algorithms", 2003, chapter 43.
    """
    rows = np.repeat(all_bits(_checks.integer(height, "height", 1, MAX_SIDE)), width, axis=1)
    columns = np.tile(all_bits(_checks.integer(width, "width", 1, MAX_SIDE)), (1, height))
    return np.unique(np.concatenate([rows, columns]), axis=0)


def shifter(bits: int) -> Float[np.ndarray, "patterns units"]:
    """Every case of the labeled shifter, `[3 * 2^bits, 2 * bits + 3]`.

    A pattern, the same pattern shifted by one place to the left, not at all or to the right (round the ends), and three
    label bits that say which.

    Reference: G. Hinton and T. Sejnowski, "Learning and relearning in Boltzmann machines", 1986; MacKay 2003, chapter 43.
    """
    pattern = all_bits(_checks.integer(bits, "bits", 2, MAX_SIDE))
    cases = [
        np.concatenate([pattern, np.roll(pattern, shift, axis=1), np.tile(label, (len(pattern), 1))], axis=1)
        for shift, label in zip((-1, 0, 1), np.eye(3), strict=True)
    ]
    return np.concatenate(cases)
