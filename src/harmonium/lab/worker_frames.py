"""What the server and its training worker say to each other: frames of JSON and plain arrays on a pipe.

A frame is the length of its header (4 bytes, most significant first), the header as JSON, and the bytes of the arrays that the
header names, one after another. Nothing in it is ever executed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

MOST_HEADER = 1 << 20
MOST_BYTES = 1 << 26
KINDS = {"<f4", "<f8", "|u1"}


class FrameError(ValueError):
    """What came through the pipe is no frame."""


def write(stream: BinaryIO, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """One frame onto `stream`; arrays of float32, float64 and uint8."""
    little = {name: np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")) for name, array in (arrays or {}).items()}
    forms = [[name, array.dtype.str, list(array.shape)] for name, array in little.items()]
    text = json.dumps({**header, "arrays": forms}).encode()
    stream.write(len(text).to_bytes(4, "big") + text)
    for array in little.values():
        stream.write(array.data if array.size else b"")
    stream.flush()


def read(stream: BinaryIO) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """The next frame's header and arrays, or None where the stream has ended, be it in the middle of a frame.

    Raises:
        FrameError: the bytes are no frame, or announce more than a frame may hold.
    """
    length = _exactly(stream, 4)
    if length is None:
        return None
    size = int.from_bytes(length, "big")
    if size > MOST_HEADER:
        raise FrameError(f"a header of {size} bytes is announced, but {MOST_HEADER} are the most")
    text = _exactly(stream, size)
    if text is None:
        return None
    try:
        header = json.loads(text)
        forms = [(str(name), str(kind), [int(n) for n in shape]) for name, kind, shape in header.pop("arrays")]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FrameError(f"a header cannot be read: {error}") from error
    arrays = {}
    for name, kind, shape in forms:
        if kind not in KINDS or min(shape, default=0) < 0 or math.prod(shape) * np.dtype(kind).itemsize > MOST_BYTES:
            raise FrameError(f"array {name} cannot be of kind {kind} and shape {shape}")
        content = _exactly(stream, math.prod(shape) * np.dtype(kind).itemsize)
        if content is None:
            return None
        arrays[name] = np.frombuffer(content, dtype=kind).reshape(shape)
    return header, arrays


def _exactly(stream: BinaryIO, count: int) -> bytes | None:
    """This number of bytes, or None where the stream ends before."""
    parts = b""
    while len(parts) < count:
        more = stream.read(count - len(parts))
        if not more:
            return None
        parts = parts + more if parts else more
    return parts
