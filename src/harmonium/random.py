"""Seeds as JAX keys, and random numbers drawn from them."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float, UInt32

from harmonium import _checks
from harmonium._numerics import float64
from harmonium._types import Key

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


# Called outside of compiled code, each of these is compiled as a whole.
_compiled = partial(jax.jit, static_argnames=("shape", "dtype"), inline=True)


def key_of(seed: int) -> Key:
    """The key of a seed, an integer from 0 to 2^63 - 1; outside `float64()` JAX would drop its upper half."""
    with float64():
        return jax.random.key(_checks.seed(seed))


@_compiled
def uniform(key: Key, shape: tuple[int, ...], dtype: DTypeLike) -> Float[Array, "..."]:
    """Uniform numbers of [0, 1), the same as those of `jax.random.uniform` by default, several times faster on a CPU.

    JAX computes its counter-based bits on a CPU in a loop that the compiler cannot fuse with the code that uses them, and
    writing and reading them was half the time of a Gibbs sweep. Written out, round by round, they never leave the registers.
    Like any elementwise code they are computed where they are used when the array is divided over devices.

    Reference: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Threefry-2x32, 20 rounds).
    """
    threefry = str(jax.random.key_impl(key)) == "threefry2x32"
    size = math.prod(shape)
    if not threefry or size >= 1 << 32 or np.dtype(dtype) not in (np.float32, np.float64):
        return jax.random.uniform(key, shape, dtype)
    first, second = jax.random.key_data(key)
    count = jax.lax.iota(jnp.uint32, size).reshape(shape)
    high, low = _threefry(first, second, jnp.zeros_like(count), count)
    # The leading bits become the fraction of a number of [1, 2).
    if np.dtype(dtype) == np.float64:
        bits = (high.astype(jnp.uint64) << 32) | low.astype(jnp.uint64)
        return jax.lax.bitcast_convert_type((bits >> 12) | np.uint64(0x3FF0000000000000), jnp.float64) - 1
    return jax.lax.bitcast_convert_type(((high ^ low) >> 9) | np.uint32(0x3F800000), jnp.float32) - 1


def _threefry(
    first: UInt32[Array, ""], second: UInt32[Array, ""], x: UInt32[Array, "..."], y: UInt32[Array, "..."]
) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    schedule = (first, second, first ^ second ^ np.uint32(PARITY))
    x, y = x + schedule[0], y + schedule[1]
    for group in range(5):
        for distance in ROTATIONS[group % 2]:
            x = x + y
            y = ((y << distance) | (y >> (32 - distance))) ^ x
        x = x + schedule[(group + 1) % 3]
        y = y + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


@_compiled
def normal(key: Key, shape: tuple[int, ...], dtype: DTypeLike) -> Float[Array, "..."]:
    """Standard normal numbers, from `uniform` by the inverse of their distribution function.

    The uniform numbers are moved to the middles of their cells, so that the distribution is symmetric and every number finite;
    the largest is 5.3 in float32 and 8.2 in float64.
    """
    cell = 2.0 ** -(52 if np.dtype(dtype) == np.float64 else 23)
    return np.sqrt(2).astype(dtype) * jax.lax.erf_inv(2 * uniform(key, shape, dtype) - (1 - cell))
