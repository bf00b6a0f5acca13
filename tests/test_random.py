"""Uniform and Gumbel numbers are JAX's own, bit for bit, whatever the shape, the type and the way the key comes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from harmonium.random import uniform

KEYS = [jax.random.key(3), jax.random.key(2**31 + 5), jax.random.PRNGKey(7), jax.random.key(3, impl="rbg")]
SHAPES = [(), (0,), (7, 5), (3, 64, 50)]


@pytest.mark.parametrize(
    ("key", "shape", "dtype"),
    [
        *((KEYS[0], shape, np.float32) for shape in SHAPES),
        *((key, (7, 5), np.float32) for key in KEYS[1:]),
        *((KEYS[0], (7, 5), dtype) for dtype in (np.float64, jnp.bfloat16)),
    ],
)
def test_uniform_is_jax_s(key, shape, dtype):
    with jax.enable_x64(True):
        ours = jax.jit(uniform, static_argnums=(1, 2))(key, shape, dtype)
        theirs = jax.random.uniform(key, shape, dtype)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_keys_side_by_side_give_what_each_gives_alone():
    keys = jax.random.split(jax.random.key(0), 4)
    together = jax.vmap(lambda key: uniform(key, (3, 2), np.float32))(keys)
    np.testing.assert_array_equal(together, [jax.random.uniform(key, (3, 2)) for key in keys])
