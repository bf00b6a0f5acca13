"""The errors of the public functions, and text of exceptions and files made fit for one line of a terminal."""

from __future__ import annotations


class _OneLineError(Exception):
    """An error whose message is one printable line, whatever arrays and text of files it shows."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(" ".join(message.split())))


class InputError(_OneLineError, ValueError):
    """An argument or data cannot be used. The message says what was wrong, what was expected, and the remedy.

    Example:
        >>> import harmonium as hm
        >>> try:
        ...     hm.gibbs(chains=0)
        ... except hm.InputError as error:
        ...     print(error)
        chains must be a whole number of at least 1, but is 0
    """


class DivergenceError(_OneLineError, RuntimeError):
    """Training left the finite numbers, or its chains froze. The message says when and names a remedy.

    Example:
        >>> import harmonium as hm
        >>> issubclass(hm.DivergenceError, RuntimeError)
        True
    """


class NoGainWarning(UserWarning):
    """A model is no better than independent units: it has learned nothing of how they depend on each other.

    Example:
        >>> import warnings
        >>> import harmonium as hm
        >>> warnings.simplefilter("ignore", hm.NoGainWarning)
    """


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
