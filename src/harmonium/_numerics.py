"""Precision, sums in logarithms, and all states of n bits: small numerical tools with one home."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from harmonium._types import Array

Tree = TypeVar("Tree")
NATIVE_ON_CPU = ("amx_bf16", "bf16")
"""The flags of processors with such products, as Linux names them: of x86 and of Arm. With avx512_bf16 alone
they are slower than in float32 (benchmarks/RESULTS.md)."""
FIRST_ON_CUDA = 8.0
"""The compute capability of the first NVIDIA cards with such products (A100)."""


ROUNDING = 1e-12
"""A column whose deviation is this fraction of its mean, or less, does not vary: sums of equal values round off as much."""


def float64() -> AbstractContextManager[Any]:
    """A scope in which JAX computes in float64, whatever its setting outside."""
    return jax.enable_x64(True)


def own_dtype(tree: object) -> np.dtype:
    """The precision in which to compute with a tree's arrays: float64 if any of them is that wide, float32 otherwise."""
    return np.dtype(np.float64 if any(np.dtype(leaf.dtype).itemsize > 4 for leaf in jax.tree.leaves(tree)) else np.float32)


def own_precision(tree: object) -> AbstractContextManager[Any]:
    """A scope in which JAX computes in `own_dtype(tree)`."""
    return jax.enable_x64(own_dtype(tree) == np.float64)


def in_own_precision(tree: Tree) -> Tree:
    """The tree with all leaves of type `own_dtype(tree)`, integers and narrower floats included, as JAX arrays."""
    dtype = own_dtype(tree)
    with own_precision(tree):
        return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), tree)


def to_float64(tree: Tree) -> Tree:
    """The tree with all leaves as float64 arrays on the host."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float64), tree)


def mean_and_deviation(x: Array, weights: Array | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column of `x [n, N]` without its NaN, in float64 on the host.

    Args:
        weights: of the rows, `[n]`; by default all count alike.

    In units of the column's largest value, so that no square leaves the floating-point numbers: multiplied by any power of
    two, a column has the same relative result. A column whose values are equal has a deviation of exactly zero, as has one
    that varies by no more than rounding; one of NaN alone has zeros.
    """
    x = np.asarray(x, dtype=np.float64)
    present = ~np.isnan(x)
    counted = present if weights is None else present * np.asarray(weights)[:, None]
    total = counted.sum(axis=0)
    counts = np.where(total > 0, total, 1)
    _, exponent = np.frexp(np.max(np.abs(x), axis=0, where=present, initial=0.0))
    scaled = np.ldexp(np.where(present, x, 0), -exponent)
    mean = (scaled if weights is None else counted * scaled).sum(axis=0) / counts
    deviation = np.sqrt((counted * (scaled - mean) ** 2).sum(axis=0) / counts)
    varies = deviation > ROUNDING * np.abs(mean)
    return np.ldexp(mean, exponent), np.where(varies, np.ldexp(deviation, exponent), 0.0)


def counts_of(weights: Array | None, rows: int) -> np.ndarray:
    """The rows that each of `rows` rows stands for: its weight, scaled so that the mean is 1 at least."""
    return np.ones(rows) if weights is None else np.asarray(weights) / min(1.0, float(np.mean(weights)))


def block_diagonal(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """A matrix with these on its diagonal, zero elsewhere."""
    rows, columns = np.cumsum([block.shape for block in blocks], axis=0).T
    whole = np.zeros((rows[-1], columns[-1]))
    for block, row, column in zip(blocks, rows, columns, strict=True):
        whole[row - block.shape[0] : row, column - block.shape[1] : column] = block
    return whole


def sum_of_rows(x: Array, counts: np.ndarray) -> np.ndarray:
    """The sum over rows of count times row in float64, some rows at a time: no copy of all is made."""
    x, at_once = np.asarray(x), 1 << 12
    parts = (counts[first : first + at_once] @ x[first : first + at_once].astype(float) for first in range(0, len(x), at_once))
    return np.sum(list(parts), axis=0)


MIN_VALIDATION_ROWS = 20


def validation_rows(count: int) -> int:
    """How many of `count` rows are held out to choose settings and the length of a run by: a tenth; but few rows cannot tell
    models apart, so at least 20 of them, up to a quarter of all."""
    return max(count // 10, min(MIN_VALIDATION_ROWS, count // 4))


def effective_rows(weights: Array | None, rows: int) -> float:
    """(sum of weights)^2 / sum of their squares: the equally weighted rows whose mean is as uncertain (L. Kish, 1965)."""
    shares = np.ones(rows) if weights is None else np.asarray(weights) / np.max(weights)
    return float(shares.sum() ** 2 / (shares**2).sum())


def standard_error(values: np.ndarray, weights: Array | None = None) -> float:
    """Of their mean over rows, sqrt(variance / (effective rows - 1)); infinite for a single one, and beyond the largest number.

    Args:
        weights: of the rows, `[n]`; the variance is the weighted one, and so is the number of effective rows.
    """
    rows = effective_rows(weights, len(values))
    if len(values) < 2:
        return math.inf
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        variance = np.average((values - np.average(values, weights=weights)) ** 2, weights=weights)
        error = float(np.sqrt(variance / (rows - 1)))
    return error if math.isfinite(error) else math.inf


def log_sum_exp(x: Array, axis: int = -1) -> np.ndarray:
    """ln sum exp(x) along one axis, on the host; -inf where every term is."""
    x = np.asarray(x)
    largest = x.max(axis=axis, keepdims=True)
    largest = np.where(np.isneginf(largest), 0, largest)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - largest).sum(axis=axis)) + largest.squeeze(axis)


def log_mean_exp(x: Array, axis: int = -1) -> np.ndarray:
    """ln of the mean of exp(x) along one axis, on the host; -inf where every term is."""
    return log_sum_exp(x, axis) - np.log(np.shape(x)[axis])


def all_bits(n: int) -> np.ndarray:
    """All states of n bits, `[2^n, n]` in float64, the first bit changing slowest: 00, 01, 10, 11."""
    return (np.arange(2**n)[:, None] >> np.arange(n)[::-1] & 1).astype(np.float64)


def bfloat16_is_native(device: jax.Device | None = None) -> bool:
    """Whether products of bfloat16 matrices are the hardware's own; if that is not known, no."""
    device = device or jax.devices()[0]
    if device.platform == "tpu":
        return True
    if device.platform in ("gpu", "cuda"):
        try:
            return float(getattr(device, "compute_capability", 0)) >= FIRST_ON_CUDA
        except ValueError:  # other companies name their cards otherwise
            return False
    return device.platform == "cpu" and any(flag in _cpu_flags() for flag in NATIVE_ON_CPU)


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    lines = (line.partition(":") for line in text.splitlines())
    return {flag for name, _, flags in lines if name.strip().lower() in ("flags", "features") for flag in flags.split()}
