"""Names for types that many signatures share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

import jax
import numpy as np
import numpy.typing as npt
from jaxtyping import Float

Array: TypeAlias = jax.Array | np.ndarray
"""An array on a device or on the host; as `Float[Array, "chains visible"]` it has a shape."""
ArrayLike: TypeAlias = npt.ArrayLike
"""Anything that `np.asarray` makes an array of: arrays, lists of numbers, numbers."""
Key: TypeAlias = jax.Array
"""A typed key of random numbers (`jax.random.key`)."""
PathLike: TypeAlias = str | os.PathLike[str]
Progress: TypeAlias = Callable[[float], object]
"""Called with the fraction of the work that is done, in (0, 1], from the calling thread; what it raises stops the work."""
Scalar: TypeAlias = float | Float[Array, ""]
"""A number, or an array without axes, which may be traced."""
