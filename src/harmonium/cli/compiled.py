"""Compiled code, kept between runs, so that a command begins its work at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

SWITCH = "HARMONIUM_CACHE"
"""The environment variable that names another folder, or `off`."""


def keep_compiled_code() -> None:
    """Let JAX keep what it compiles in the user's cache folder, and find it there; without one it compiles anew."""
    asked = os.environ.get(SWITCH)
    if asked == "off" or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = Path(asked) if asked else _cache_folder() / "harmonium" / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _cache_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
