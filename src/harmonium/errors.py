"""The errors of the public functions, and what any exception says in one line."""

from __future__ import annotations


class InputError(ValueError):
    """What was given cannot be used. The message, one line, says what was wrong, what was expected and how to mend it."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))  # arrays are written on several lines


def reason(error: BaseException) -> str:
    """What an exception says, in one line; its kind where it says nothing."""
    said = getattr(error, "strerror", None) or str(error)
    return (said.strip().splitlines() or [type(error).__name__])[0]


def printable(text: str) -> str:
    """`text` with every control character escaped, since text from a file may hold codes that a terminal obeys."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
