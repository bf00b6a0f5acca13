"""Seeds as JAX keys."""

from __future__ import annotations

from typing import Any

import jax

from harmonium import checks


def key_of(seed: Any) -> Any:
    """The key of a seed, a whole number from 0 to 2^63 - 1; outside `enable_x64` JAX would drop its upper half."""
    with jax.enable_x64(True):
        return jax.random.key(checks.seed(seed))
