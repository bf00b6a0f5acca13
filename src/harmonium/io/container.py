"""Files that are written completely or not at all, and containers: arrays with a header and a checksum.

A container is a safetensors file: named arrays, and in its metadata a header, which has under `sha256` the checksum of all the
rest. Nothing in it is ever executed.

Reference: the safetensors format, https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import os
import secrets
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from harmonium import _checks
from harmonium._types import PathLike
from harmonium.errors import InputError, reason
from harmonium.io.untrusted import check_file, check_path, convert, parse_json, translate_errors

try:
    import fcntl
except ImportError:  # not a POSIX system: files of killed writers are left to the user
    fcntl = None  # type: ignore[assignment]

CHECKSUM = "sha256"
WITHOUT_CHECKSUM = 1
"""The version of the formats that had no checksum yet."""
STALE_SECONDS = 60.0
"""A temporary file of this age that nobody has locked belongs to a writer that was killed."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The header of a kind of container. A field that is no text is stored as JSON.

    `FORMAT`: the name of the format. `WHAT`: the word for such a file in messages. `VERSIONS`: those that can be read; the last
    is written.
    """

    FORMAT: ClassVar[str]
    WHAT: ClassVar[str]
    VERSIONS: ClassVar[tuple[int, ...]] = (1, 2)

    version: int = 0


H = TypeVar("H", bound=Header)


class VersionError(InputError):
    """A container of a version that is not read here. It may well be sound."""


# ---- files


def write_file(path: PathLike, content: bytes, overwrite: bool = False) -> Path:
    """Write `content` to a temporary name beside `path`, flush it to the disk and rename it: the file is complete or absent.

    Only a regular file is ever replaced. Temporary files that killed writers of the same name left are removed.

    Raises:
        OSError: the file exists and `overwrite` is false, or it cannot be written; with the file's name.
        InputError: `path` is no name of a file, or that of a folder, a symbolic link, a device or a pipe.
    """
    target = check_path(path)
    overwrite = _checks.boolean(overwrite, "overwrite")
    try:
        check_target(target, overwrite)
        _remove_stale(target)
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                if fcntl is not None:
                    with contextlib.suppress(OSError):  # a file system without locks
                        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.write(content)
                file.flush()
                os.fsync(handle)
                os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        words = error.strerror if error.errno == errno.EEXIST else f"cannot be written: {reason(error)}"
        raise OSError(error.errno or errno.EIO, words, str(target)) from error
    # The new name itself survives a failure of power, where the system can do that; the file is complete either way.
    with contextlib.suppress(OSError, AttributeError):
        handle = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return target


def check_target(target: Path, overwrite: bool) -> None:
    """Raise an error if `target` may not be written: it exists, or is no regular file."""
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise InputError(f"{target} is a symbolic link, which is not replaced: name the file that it points to")
    if not stat.S_ISREG(mode):
        raise InputError(f"{target} is a {'folder' if stat.S_ISDIR(mode) else 'device or a pipe'}; name a file")
    if not overwrite:
        raise FileExistsError(errno.EEXIST, "exists already; choose another name or ask for it to be overwritten")


def _remove_stale(target: Path) -> None:
    """Remove the temporary files of writers that were killed: old ones on which nobody holds a lock."""
    if fcntl is None:
        return
    token = "[0-9a-f]" * 16
    with contextlib.suppress(OSError):
        for path in target.parent.glob(f".{glob.escape(target.name)}.{token}.tmp"):
            status = path.lstat()
            # A file so young may be one whose writer is about to lock it.
            if not stat.S_ISREG(status.st_mode) or time.time() - status.st_mtime < STALE_SECONDS:
                continue
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


# ---- containers


def pack(arrays: Mapping[str, ArrayLike], header: Header) -> bytes:
    """The content of a container of these arrays and this header.

    Raises:
        InputError: the header holds what JSON cannot hold, or what would be refused when it is read.
    """
    from safetensors.numpy import save

    texts = {"format": header.FORMAT, "version": str(header.VERSIONS[-1])}
    for field in msgspec.structs.fields(header):
        if field.name == "version":
            continue
        value = texts[field.name] = getattr(header, field.name)
        if field.type is not str:
            with translate_errors(f"{field.name} cannot be written as JSON"):
                text = texts[field.name] = json.dumps(value, default=msgspec.to_builtins)
            parse_json(text, Any, f"header field {field.name!r}", finite=False)  # as it will be read
    stored = {name: _little_endian(value) for name, value in arrays.items()}
    return save(stored, texts | {CHECKSUM: _checksum(stored, texts)})


def unpack(path: Path, kind: type[H]) -> tuple[dict[str, np.ndarray], H]:
    """The arrays and the header of a container of this kind.

    Raises:
        OSError: there is no such file, or it cannot be read.
        VersionError: it is of a later version, or damaged where its version stands.
        InputError: it is damaged elsewhere or of another kind, or its header is not as declared.
    """
    from safetensors import SafetensorError, safe_open

    check_file(path, kind.WHAT)
    try:
        with safe_open(path, framework="numpy") as file:
            texts: dict[str, str] = dict(file.metadata() or {})
            if texts.get("format") != kind.FORMAT:
                raise InputError(f"{path} is a safetensors file, but not one that harmonium wrote as a {kind.WHAT}")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except InputError:
        raise
    except OSError as error:
        raise OSError(error.errno or errno.EIO, f"cannot be read: {reason(error)}", str(path)) from error
    except (SafetensorError, TypeError, AttributeError, ValueError, MemoryError) as error:
        raise InputError(f"{path} is damaged or no {kind.WHAT}: {reason(error)}") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":  # such as bfloat16, which is no type of NumPy's own
            raise InputError(f"{path} is damaged: {name!r:.60} holds {array.dtype.name} values, which harmonium does not store")
    checksum, version = texts.pop(CHECKSUM, None), texts.get("version")
    is_whole = checksum == (None if version == str(WITHOUT_CHECKSUM) and checksum is None else _checksum(arrays, texts))
    if version not in [str(each) for each in kind.VERSIONS]:
        doubt = "" if is_whole else ", or is damaged (its checksum differs)"
        known = " and ".join(map(str, kind.VERSIONS))
        raise VersionError(f"{path} has format version {version!r:.20}{doubt}; this harmonium reads {known}")
    if not is_whole:
        raise InputError(f"{path} is damaged: its content is not what was written (its checksum differs); use an earlier copy")
    values: dict[str, Any] = dict(texts)
    for field in msgspec.structs.fields(kind):
        if field.name in texts and field.type is not str:
            values[field.name] = parse_json(texts[field.name], Any, f"{path} is damaged: {field.name}", finite=False)
    return arrays, convert(values, kind, f"{path} is damaged", finite=False)


def _checksum(arrays: Mapping[str, np.ndarray], texts: dict[str, str]) -> str:
    shapes = {name: [array.dtype.name, list(array.shape)] for name, array in sorted(arrays.items())}
    checksum = hashlib.sha256(json.dumps([dict(sorted(texts.items())), shapes]).encode())
    for _, array in sorted(arrays.items()):
        checksum.update(_little_endian(array).data)
    return checksum.hexdigest()


def _little_endian(array: ArrayLike) -> np.ndarray:
    """The array as the file holds it."""
    stored = np.asarray(array, order="C")
    return stored.astype(stored.dtype.newbyteorder("<"), copy=False)
