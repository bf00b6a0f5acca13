"""What the tests of enumeration share."""

from __future__ import annotations

import jax
import pytest

from harmonium.exact import enumerate as plain
from harmonium.exact import factorized, host


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks and calls so small that a small model has many, and as many threads as a larger computer's."""
    for module, name, value in (
        (factorized, "MIN_HOST_STATES", 1),
        (factorized, "HOST_BLOCK", (4, 3)),
        (plain, "BLOCK_ELEMENTS", 64),
        (host, "FACTORIZED_ELEMENTS", 512),
        (host, "PLAIN_ELEMENTS", 512),
        (host, "_cores", lambda: 4),
    ):
        monkeypatch.setattr(module, name, value)
    jax.clear_caches()
    yield monkeypatch
    jax.clear_caches()
