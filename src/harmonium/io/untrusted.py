"""Reading what anybody may have written: regular files of bounded size, text of bounded depth, values of declared types.

Whatever is wrong with the content is an `InputError`; what is wrong with a file or a disk is an `OSError` with the file's name.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import math
import os
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harmonium import _checks
from harmonium._types import PathLike
from harmonium.errors import InputError, printable, reason

MAX_DEPTH = 64
"""Levels of lists and tables inside each other in a text."""
MAX_TEXT_BYTES = 1 << 24
"""Bytes of a JSON or TOML text."""
FREE_BYTES, MAX_RATIO = 1 << 30, 100
"""Compressed content may grow to this size in any case, and beyond it to this multiple of its own."""

T = TypeVar("T")


@contextmanager
def translate_errors(failure: str) -> Iterator[None]:
    """Raise any exception as an `InputError` of these words and the reason: the readers of damaged files raise almost anything.

    An `OSError` with the name of a file passes: the system could not open it.
    """
    try:
        yield
    except InputError:
        raise
    except RecursionError as error:
        raise InputError(f"{failure}: it is nested too deeply") from error
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise InputError(f"{failure}: {reason(error)}") from error


def check_path(path: PathLike, name: str = "path") -> Path:
    """`path` as a `Path`, if it is text or a path that a system can hold."""
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise InputError(f"{name} must be the name of a file, but is {path!r:.60}")
    if not os.fspath(path):
        raise InputError(f"{name} must be the name of a file, but is empty")
    if "\0" in os.fspath(path):
        raise InputError(f"{name} must be the name of a file, but {os.fspath(path)!r:.60} has a null character in it")
    return Path(path)


def check_file(path: Path, what: str) -> int:
    """The size of a regular file in bytes.

    Raises:
        FileNotFoundError: there is none; other `OSError`s as the system raises them.
        InputError: it is a folder, a device or a pipe, which may never end.
    """
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, f"there is no such {what}", str(path)) from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder, but a {what} was expected")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is a device or a pipe, but a {what} was expected: save the content to a file first")
    return status.st_size


def read_file(path: Path, what: str, max_bytes: int | None = None) -> bytes:
    """The content of a regular file, decompressed if its name ends in .gz.

    Args:
        what: the word for such a file in messages.
        max_bytes: as `check_growth` takes it.

    Raises:
        OSError: as `check_file`.
        InputError: as `check_file`; or the file is empty, or damaged or too large as .gz.
    """
    if max_bytes is not None:
        _checks.integer(max_bytes, "max_bytes", 0, 2**63 - 1)
    check_file(path, what)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OSError(error.errno, f"cannot be read: {reason(error)}", str(path)) from error
    if path.suffix.lower() == ".gz":
        grown = io.BytesIO()
        with translate_errors(f"{path} cannot be read as .gz"), gzip.open(io.BytesIO(content)) as file:
            while chunk := file.read(1 << 20):
                grown.write(chunk)
                check_growth(path, len(content), grown.tell(), max_bytes)
        content = grown.getvalue()
    if not content or content.isspace():
        raise InputError(f"{path} is empty")
    return content


def check_growth(path: Path, compressed: int, size: int, max_bytes: int | None) -> None:
    """Refuse content that grows from `compressed` bytes to `size` or more, if that is beyond what may be expected.

    Args:
        max_bytes: what it may grow to; by default 100 times its size, or 1 GiB if that is more.
    """
    limit = max(FREE_BYTES, MAX_RATIO * compressed) if max_bytes is None else max_bytes
    if size > limit:
        raise InputError(
            f"{path} is refused because its {compressed:,} bytes grow to more than {limit:,}: decompress it yourself, "
            "or read it in Python with a larger max_bytes"
        )


def parse_json(text: str | bytes, kind: type[T] | Any, what: str, finite: bool = True) -> T:
    """The value of a JSON text, of type `kind` (anything that msgspec takes); see `convert`."""
    return _parse(json.loads, text, kind, what, "JSON", finite)


def parse_toml(text: str | bytes, kind: type[T] | Any, what: str) -> T:
    """The value of a TOML text; as `parse_json`."""
    return _parse(tomllib.loads, text, kind, what, "TOML", True)


def _parse(read: Callable[[Any], Any], text: str | bytes, kind: Any, what: str, language: str, finite: bool) -> Any:
    with translate_errors(f"{what} cannot be read as {language}"):
        if len(text) > MAX_TEXT_BYTES:
            raise ValueError(f"it is longer than {MAX_TEXT_BYTES:,} bytes")
        value = read(text if isinstance(text, str) else text.decode("utf-8-sig"))
    return convert(value, kind, what, finite)


def convert(value: object, kind: type[T] | Any, what: str, finite: bool = True) -> T:
    """A value of Python's plain types as one of the declared type.

    Args:
        kind: a type, such as a `msgspec.Struct`.
        what: the value, in messages.
        finite: whether to refuse NaN and infinities.

    Raises:
        InputError: it is of another type, nested more than `MAX_DEPTH` levels, or not finite.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, (list, tuple)):
                inner += each
            elif finite and isinstance(each, float) and not math.isfinite(each):
                raise InputError(f"{what}: {each} is no finite number")
        level = inner
    if level:
        raise InputError(f"{what}: it is nested more than {MAX_DEPTH} levels deep")
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, OverflowError) as error:
        message, _, place = str(error).replace("`", "'").partition(" - at ")
        place = place.strip("'").removeprefix("$").lstrip(".")
        text = f"{f'{place}: ' if place else ''}{message[:1].lower()}{message[1:]}"
        raise InputError(f"{what}: {printable(text)}") from error
