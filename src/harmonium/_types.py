"""Names for types that many signatures share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import jax
import numpy as np
import numpy.typing as npt
from jaxtyping import Real

Array: TypeAlias = jax.Array | np.ndarray
"""An array on a device or on the host; as `Float[Array, "chains visible"]` it has a shape."""
if TYPE_CHECKING:
    Result: TypeAlias = jax.Array
else:
    Result = Array
"""What a traceable function returns: arithmetic alone leaves NumPy arrays on the host, everything else gives JAX arrays."""
ArrayLike: TypeAlias = npt.ArrayLike
"""Anything that `np.asarray` makes an array of: arrays, lists of numbers, numbers."""
Key: TypeAlias = jax.Array
"""A typed key of random numbers (`jax.random.key`)."""
PathLike: TypeAlias = str | os.PathLike[str]
Progress: TypeAlias = Callable[[float], object]
"""Called with the fraction of the work that is done, in (0, 1], from the calling thread; what it raises stops the work."""
Scalar: TypeAlias = float | int | np.number | Real[Array, ""]
"""A number, or an array without axes, which may be traced."""
