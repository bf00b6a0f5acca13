"""Pictures on their way to the page: arrays of small images as bytes, in base64."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np


def packed(rows: np.ndarray) -> dict[str, Any]:
    """Pictures of shades `[n, V]`, bytes from 0 to 255 or numbers from 0 to 1."""
    if rows.dtype != np.uint8:
        rows = np.rint(255 * np.clip(rows, 0.0, 1.0)).astype(np.uint8)
    return {"count": len(rows), "bytes": _text(rows)}


def packed_signed(rows: np.ndarray) -> dict[str, Any]:
    """Pictures of numbers of either sign `[n, V]`: 128 is 0, and `scale` is the size that 1 and 255 stand for."""
    scale = float(np.abs(rows).max(initial=0.0))
    shades = 128 + np.rint(127 * rows / scale if scale > 0 else np.zeros(rows.shape))
    return {"count": len(rows), "bytes": _text(shades.astype(np.uint8)), "scale": scale}


def _text(rows: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(rows).tobytes()).decode("ascii")


def layout(columns: int, image_shape: Any) -> tuple[int, int, str]:
    """Height and width of a picture of `columns` columns, and where that shape is from.

    `file`: the shape stored with the machine, if it fits; `square` if the number is one; otherwise `grid`, the smallest nearly
    square one, whose last places stay empty.
    """
    if isinstance(image_shape, (list, tuple)) and len(image_shape) == 2 and all(_is_count(n) for n in image_shape):
        height, width = (int(n) for n in image_shape)
        if height * width == columns:
            return height, width, "file"
    side = math.isqrt(columns)
    if side * side == columns:
        return side, side, "square"
    width = side + 1
    return -(-columns // width), width, "grid"


def _is_count(n: Any) -> bool:
    return isinstance(n, int) and not isinstance(n, bool) and n > 0
