"""The errors of the public functions, and text of exceptions and files made fit for one line of a terminal."""

from __future__ import annotations


class InputError(ValueError):
    """An argument or data cannot be used. The message is one line: what was wrong, what was expected, and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))  # arrays are written on several lines


class DivergenceError(RuntimeError):
    """Training left the finite numbers, or its chains froze. The message, one line, says when and names a remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def describe(error: BaseException) -> str:
    """What an exception says, in one line, with the name of the file that it is about."""
    name = getattr(error, "filename", None)
    return reason(error) if name is None else f"{name}: {reason(error)}"


def reason(error: BaseException) -> str:
    """The first line of an exception's message, printable; the exception's type where there is no message."""
    text = getattr(error, "strerror", None) or str(error)
    return printable((text.strip().splitlines() or [type(error).__name__])[0])


def printable(text: str) -> str:
    """`text` with its control characters escaped, as \\x1b: text of files cannot drive the terminal that shows it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
