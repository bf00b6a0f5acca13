"""Files written whole or not at all, and sealed: a damaged one is known by its digest and never taken for whole.

A sealed file is a safetensors file: named arrays, and in its header a description, which has under `sha256` the digest of all
the rest. Nothing in it is ever executed.

Reference: the safetensors format, https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from harmonium.errors import InputError, reason

CHECKSUM = "sha256"
UNSEALED = 1
"""The version of the formats that had no seal yet."""


def write_file(path: str | os.PathLike[str], content: bytes, overwrite: bool = False) -> Path:
    """Write `content` to a temporary name beside `path`, flush it to the disk and rename it: the file is whole or absent.

    Raises:
        InputError: the file exists and `overwrite` is false, or the folder cannot be written to.
    """
    target = Path(path)
    temporary = None
    try:
        if target.exists() and not overwrite:
            raise InputError(f"{target} exists already; choose another name or ask for it to be overwritten")
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
        _flush_folder(target.parent)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {reason(error)}") from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    """Have the new name itself survive a failure of power, where the system can do that; the file is whole either way."""
    with contextlib.suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def pack(arrays: dict[str, Any], description: dict[str, str]) -> bytes:
    """The content of a sealed file of these arrays and this description."""
    from safetensors.numpy import save

    native = {name: _little_endian(value) for name, value in arrays.items()}
    return save(native, description | {CHECKSUM: _digest(native, description)})


def _digest(arrays: dict[str, np.ndarray], description: dict[str, str]) -> str:
    shapes = {name: [array.dtype.name, list(array.shape)] for name, array in sorted(arrays.items())}
    digest = hashlib.sha256(json.dumps([dict(sorted(description.items())), shapes]).encode())
    for _, array in sorted(arrays.items()):
        digest.update(_little_endian(array).data)
    return digest.hexdigest()


def _little_endian(array: Any) -> np.ndarray:
    """The array as the file holds it."""
    found = np.asarray(array, order="C")
    return found.astype(found.dtype.newbyteorder("<"), copy=False)


def unpack(path: Path, what: str, form: str, version: int) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the description of a sealed file.

    Args:
        what: the word for such a file in messages. form, version: the description's `format`, and the latest `version`
            that is understood; a file of version 1 has no seal.

    Raises:
        InputError: there is no such file, it cannot be read or is damaged, or it is another's or of a later version.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if not path.is_file():
            raise InputError(f"{path}: there is no such {what}")
        with safe_open(path, framework="numpy") as file:
            description: dict[str, str] = dict(file.metadata() or {})
            if description.get("format") != form:
                raise InputError(f"{path} is a safetensors file, but not one that harmonium wrote")
            if description.get("version") not in {str(number) for number in range(1, version + 1)}:
                raise InputError(
                    f"{path} has format version {description.get('version')!r}; this harmonium reads up to {version}"
                )
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from error
    except (SafetensorError, TypeError, AttributeError, ValueError, MemoryError) as error:
        raise InputError(f"{path} is damaged or no {what}: {reason(error)}") from error
    seal = description.pop(CHECKSUM, None)
    if (seal is not None or description["version"] != str(UNSEALED)) and seal != _digest(arrays, description):
        raise InputError(f"{path} is damaged: its content is not what was written (its digest differs); use an earlier copy")
    return arrays, description
