"""The named sources of rows: real digits, toys of known entropy, MNIST on request."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from harmonium._numerics import all_bits
from harmonium.errors import InputError, reason
from harmonium.io.arrays import Table

MIN_SIDE, MAX_SIDE = 2, 16
"""The shortest and the longest side (of an image, of a pattern) whose patterns are listed."""


@dataclass(frozen=True)
class Source:
    """A named source.

    `read`: its rows, given its sizes. `row_shape`: of a row. `binarize`: how, unless the user says otherwise. `sizes`: those of
    NAME; NAME:SIZE gives others. `in_order`: the last 10,000 rows are the test set, the 10,000 before them for validation. A
    source with sizes lists all its patterns, which are equally probable, so that no mean log likelihood exceeds -ln(patterns).
    """

    name: str
    about: str
    read: Callable[..., np.ndarray]
    row_shape: tuple[int, ...] = ()
    binarize: str | None = None
    sizes: tuple[int, ...] = ()
    in_order: bool = False

    def load(self, size: str) -> tuple[str, Table]:
        """Name and rows, of these sizes (those of NAME for an empty text).

        Raises:
            InputError: it has no sizes, or not these; or it cannot be fetched.
        """
        if not self.sizes:
            if size:
                raise InputError(f"{self.name} has one size; write {self.name}, not {self.name}:{size}")
            return self.name, Table(self.read(), row_shape=self.row_shape)
        usual = "x".join(map(str, self.sizes))
        sizes = tuple(int(text) if re.fullmatch(r"\d{1,2}", text) else 0 for text in (size or usual).split("x"))
        if len(sizes) != len(self.sizes) or not all(MIN_SIDE <= side <= MAX_SIDE for side in sizes):
            expected = f"{' x '.join(['a whole number'] * len(self.sizes))} from {MIN_SIDE} to {MAX_SIDE}"
            raise InputError(f"{self.name}:{size} is out of range: write {expected}, as in {self.name}:{usual}")
        rows = self.read(*sizes)
        return f"{self.name}:{'x'.join(map(str, sizes))}", Table(rows, row_shape=sizes if len(sizes) == 2 else ())


def bars_and_stripes(height: int, width: int) -> Float[np.ndarray, "patterns pixels"]:
    """Every distinct image of full rows or of full columns, `[2^height + 2^width - 2, height * width]`.

    Reference: D. MacKay, "Information Theory, Inference, and Learning Algorithms", 2003, chapter 43.
    """
    rows, columns = np.repeat(all_bits(height), width, axis=1), np.tile(all_bits(width), (1, height))
    return np.unique(np.concatenate([rows, columns]), axis=0)


def shifter(bits: int) -> Float[np.ndarray, "patterns units"]:
    """Every case of the labeled shifter, `[3 * 2^bits, 2 * bits + 3]`.

    A pattern, the same pattern shifted by one place to the left, not at all or to the right (round the ends), and three
    label bits that say which.

    Reference: G. Hinton and T. Sejnowski, "Learning and relearning in Boltzmann machines", 1986; MacKay 2003, chapter 43.
    """
    pattern = all_bits(bits)
    cases = [
        np.concatenate([pattern, np.roll(pattern, shift, axis=1), np.tile(label, (len(pattern), 1))], axis=1)
        for shift, label in zip((-1, 0, 1), np.eye(3), strict=True)
    ]
    return np.concatenate(cases)


def _read_digits() -> np.ndarray:
    from sklearn.datasets import load_digits

    return load_digits().data / 16.0


def _fetch_mnist() -> np.ndarray:
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings(action="ignore"):
            fetched = fetch_openml("mnist_784", version=1, as_frame=False, parser="liac-arff")
        return np.asarray(fetched.data) / 255.0
    except Exception as error:  # whatever the network did
        raise InputError(
            f"mnist could not be fetched from openml.org ({type(error).__name__}: {reason(error)}); "
            "name a file instead: IDX, .npz, .npy"
        ) from error


_DIGITS = "1,797 handwritten digits of 8x8 pixels that come with scikit-learn (UCI Optical Recognition)"
_BARS = "images of full rows or full columns, all equally probable; bars-and-stripes:3x3 sets the size (4x4 by default)"
_SHIFTER = "a pattern, the same pattern shifted by -1, 0 or +1, and which; shifter:4 sets the bits (8 by default)"
_MNIST = "70,000 handwritten digits of 28x28 pixels, fetched from openml.org through scikit-learn when named"
SOURCES = {
    source.name: source
    for source in (
        Source("digits", _DIGITS, _read_digits, (8, 8), "threshold=0.5"),
        Source("bars-and-stripes", _BARS, bars_and_stripes, sizes=(4, 4)),
        Source("shifter", _SHIFTER, shifter, sizes=(8,)),
        Source("mnist", _MNIST, _fetch_mnist, (28, 28), "threshold=0.5", in_order=True),
    )
}
"""The named sources, by name."""
