"""Whether this machine multiplies matrices of bfloat16 natively."""

from __future__ import annotations

from pathlib import Path

import jax

NATIVE_ON_CPU = ("amx_bf16", "avx512_bf16", "bf16")
"""The flags by which Linux names such products: two of x86 processors, one of Arm's."""
FIRST_ON_CUDA = 8.0
"""The compute capability of the first NVIDIA cards that have them (A100)."""


def bfloat16_is_native(device: jax.Device | None = None) -> bool:
    """Whether products of bfloat16 matrices are made by the hardware; where that cannot be told, no."""
    device = device or jax.devices()[0]
    if device.platform == "tpu":
        return True
    if device.platform in ("gpu", "cuda"):
        try:
            return float(getattr(device, "compute_capability", 0)) >= FIRST_ON_CUDA
        except ValueError:  # other makers' names of their cards
            return False
    return device.platform == "cpu" and any(flag in _cpu_flags() for flag in NATIVE_ON_CPU)


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    lines = (line.partition(":") for line in text.splitlines())
    return {flag for name, _, flags in lines if name.strip().lower() in ("flags", "features") for flag in flags.split()}
