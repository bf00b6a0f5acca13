"""Ways to damage a file, for the tests and for the campaign of faults in benchmarks."""

from __future__ import annotations

import json
import random
import struct


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The bytes of a safetensors file, cut off, changed somewhere, lengthened, or with another header."""
    how = chance.choice(("cut", "bits", "bytes", "header", "tensor", "shape", "longer"))
    if how == "cut":
        return content[: chance.randrange(len(content))]
    if how == "longer":
        return content + chance.randbytes(chance.randrange(1, 100))
    changed = bytearray(content)
    length = struct.unpack("<Q", content[:8])[0]
    if how == "bits":
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif how == "bytes":
        at = chance.randrange(len(content))
        piece = chance.randbytes(min(chance.randrange(1, 64), len(content) - at))
        changed[at : at + len(piece)] = piece
    elif how == "header":
        changed[:8] = struct.pack("<Q", chance.choice((0, 1, length * 10, 2**40, 2**63, 2**64 - 1)))
    else:
        header = json.loads(content[8 : 8 + length])
        name = chance.choice([key for key in header if key != "__metadata__"])
        if how == "shape":
            header[name]["shape"] = chance.choice(([2**40], [-1], [], [0], [2**62, 4], ["a"], None, [1.5], [1] * 50))
        else:
            header[f"{name}.other"] = header.pop(name)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + length :]
    return bytes(changed)
