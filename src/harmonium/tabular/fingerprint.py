"""What tells a table from others: the number of its rows and a digest of them, whatever their order."""

from __future__ import annotations

import hashlib
import warnings
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

MAX_VALUES = 1 << 25
"""Encoded values of a table of which a fingerprint is taken: about a second of work."""


class Fingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rows`: their number, without those that have no value. `digest`: the sum of the rows' BLAKE2b hashes modulo 2^64, in
    hexadecimal digits."""

    rows: int
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Names and values, for JSON."""
        return msgspec.structs.asdict(self)


def take_fingerprint(rows: Float[np.ndarray, "n visible"]) -> Fingerprint | None:
    """Of the encoded rows of a table; None where they are very many."""
    if rows.size > MAX_VALUES:
        return None
    known = rows[~np.isnan(rows).all(axis=1)] + 0.0  # no -0
    known[np.isnan(known)] = np.nan  # of all NaN one
    hashes = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in known.astype("<f8"))
    total = sum(int.from_bytes(each, "little") for each in hashes) % 2**64
    return Fingerprint(len(known), f"{total:016x}")


def warn_of_other_table(recorded: Fingerprint | None, rows: Float[np.ndarray, "n visible"]) -> None:
    """Warn, at the caller's caller, where encoded rows are not those of the table on which a model was trained, as recorded."""
    found = take_fingerprint(rows)
    if recorded is None or found is None:
        words = "it is not recorded on which table the model was trained: refit takes this one for it"
    elif found == recorded:
        return
    else:
        other = f"one of {recorded.rows:,}" if recorded.rows != found.rows else "others"
        words = f"refit trains the model further on {found.rows:,} rows, but it was trained on {other}: give it that table"
    warnings.warn(words, stacklevel=3)
