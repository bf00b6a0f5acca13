"""How a CSV file is written: what is said of it, and guesses at the rest.

A guess rests on the whole file where that is needed, never on a name or a place that it came from. `Dialect` says what was
guessed, in words, so that it can be said otherwise.
"""

from __future__ import annotations

import codecs
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from harmonium import _checks
from harmonium.errors import InputError, reason
from harmonium.io.frames import parse_number

DELIMITERS = ("\t", ";", "|", ",", " ")
"""In the order in which they are tried: a comma may be a decimal one, and a space part of a name."""
WORDS = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";", "bar": "|"}
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
COMMENT = "#"
SAMPLE = 1 << 16
"""Characters from which the delimiter is guessed."""
_SIGNS = str.maketrans({"\u2212": "-", "\u00a0": None, "\u202f": None, "'": None})
_UNITS = re.compile(r"([-+]?)[$\u20ac\u00a3]?\s*(.*?)\s*[%$\u20ac\u00a3]?", re.DOTALL)
_POINTS = {",": re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?"), ".": re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d+)?")}
_DECIMAL_COMMA = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+|),?\d*([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written; what is None is guessed.

    `header`: whether the first row has names. `decimal`: "." or ",". `index`: whether a first column without a name that counts
    the rows is left out. `missing`: texts of cells without a value, besides the usual ones.
    """

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    decimal: str | None = None
    index: bool | None = None
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.encoding is not None:
            try:
                codecs.lookup(_checks.instance(self.encoding, str, "encoding"))
            except LookupError as error:
                raise InputError(f"encoding {self.encoding!r:.40} is unknown: use utf-8, cp1252, utf-16, ...") from error
        for name in ("header", "index"):
            if getattr(self, name) is not None:
                _checks.boolean(getattr(self, name), name)
        if self.decimal is not None:
            _checks.choice(self.decimal, (".", ","), "decimal")
        _checks.instance(self.missing, tuple, "missing", "a tuple of texts")
        for mark in self.missing:
            _checks.instance(mark, str, "missing", "a tuple of texts")
        if self.delimiter is not None and (not isinstance(self.delimiter, str) or len(self.delimiter) != 1):
            raise InputError(f"delimiter must be one character, but is {self.delimiter!r:.40}")

    @classmethod
    def read(cls, text: str) -> Dialect:
        """`header=no delimiter=; decimal=,` as a dialect; a delimiter may be called tab, space, comma, semicolon or bar.

        `missing` has one mark, and may be there several times; quotation marks enclose one with spaces: `missing="not asked"`.

        Raises:
            InputError: a word is no setting with its value.
        """
        given: dict[str, object] = {}
        marks = []
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise InputError(f"{text!r:.80} are no settings of a CSV file: a quotation mark is not closed") from error
        for word in words:
            name, _, value = word.partition("=")
            if name not in [field.name for field in fields(cls)] or not value:
                names = ", ".join(field.name for field in fields(cls))
                raise InputError(f"{word!r:.40} is no setting of a CSV file: write NAME=VALUE with {names}")
            is_switch = name in ("header", "index")
            if is_switch and value not in ("yes", "no"):
                raise InputError(f"{name} must be yes or no, but is {value!r:.40}")
            if name == "missing":
                marks.append(value)
                continue
            given[name] = value == "yes" if is_switch else WORDS.get(value, value) if name == "delimiter" else value
        return cls(**given, missing=tuple(marks))  # type: ignore[arg-type]


def decode(content: bytes, encoding: str | None) -> tuple[str, str]:
    """The text, and its encoding: as said, or by a byte order mark, or UTF-8, or else Windows' western one.

    Raises:
        InputError: it is no text of that encoding.
    """
    mark = next((name for bom, name in BOMS.items() if content.startswith(bom)), None)
    problem: UnicodeError | None = None
    for name in [encoding] if encoding else [mark] if mark else ["utf-8", "cp1252"]:
        try:
            text = content.decode(name)
            if "\0" in text:
                raise UnicodeError("it has null characters")
            return text, name
        except UnicodeError as error:
            problem = problem or error
    assert problem is not None
    raise InputError(f"it cannot be read as text ({reason(problem)}); say its encoding, or save it in UTF-8") from problem


def guess_delimiter(text: str) -> str:
    """What stands between cells: the mark of which all lines have as many, or else one that the first line has."""
    sample = re.sub('"[^"]*"', "", text[:SAMPLE])
    lines = [line for line in sample.splitlines()[: None if len(text) <= SAMPLE else -1] if line.strip()]
    for mark in DELIMITERS[:-1]:
        counts = {line.count(mark) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return mark
    first = lines[0] if lines else ""
    return next((mark for mark in DELIMITERS if mark in first), " ")


def guess_header(rows: Sequence[Sequence[str]], read: list[list[str | None]]) -> bool:
    """Whether the first row has names: it has no number, or has a text above numbers, or its numbers count on or are years.

    Args:
        rows: all rows as they are. read: the columns below the first row, with numbers in plain notation.
    """
    first, rest = rows[0], rows[1:]
    numbers = [parse_number(cell) for cell in first]
    if all(number is None for number in numbers):
        return True
    if not rest or len(set(first)) < len(first):
        return False
    for cell, number, column in zip(first, numbers, read, strict=True):
        present = [text for text in column if text is not None]
        if cell and number is None and len(present) > 1 and all(parse_number(text) is not None for text in present):
            return True
    years = [place for place, number in enumerate(numbers) if _is_year(number)]
    if len(years) == sum(number is not None for number in numbers) > (None not in numbers):
        # Years alone, above what is no year.
        return not any(_is_year(parse_number(text or "")) for place in years for text in read[place])
    return _counts(first) and 10 * sum(map(_counts, rest)) < len(rest)


def _is_year(number: float | None) -> bool:
    return number is not None and 1900 <= number <= 2100 and number == int(number)


def _counts(row: Sequence[str]) -> bool:
    """Whether the numbers of a row are whole and each is one more than the one before, as in 0,1,2."""
    numbers = [number for cell in row if (number := parse_number(cell)) is not None]
    return len(numbers) > 2 and all(b == a + 1 for a, b in pairwise(numbers))


def plain_numbers(texts: list[str | None], decimal: str | None) -> tuple[list[str | None], str]:
    """The cells of a column with numbers in plain notation if all of them are numbers, and what was read so, in words.

    Decimal commas, thousands set apart by commas, points or spaces, percent and currency signs, and the minus of typesetters.

    Args:
        decimal: the sign that stands for the decimal point, where it is known.
    """
    # Most columns of texts have few different ones.
    present = list({text: None for text in texts if text is not None})
    if not present or all(parse_number(text) is not None for text in present) or not any(map(str.isdigit, present[0])):
        return texts, ""
    bare = [re.sub(r"(?<=\d) (?=\d{3}\b)", "", "".join(_UNITS.fullmatch(text.translate(_SIGNS)).groups())) for text in present]  # type: ignore[union-attr]
    notes = [
        name for sign, name in (("%", "percent"), ("$\u20ac\u00a3", "currency")) if any(set(sign) & set(t) for t in present)
    ]
    has_comma = any("," in text for text in bare)
    if has_comma and decimal != "," and all(_POINTS[","].fullmatch(t) or parse_number(t) is not None for t in bare):
        bare, notes = [text.replace(",", "") for text in bare], [*notes, "thousands commas"]
    elif has_comma and decimal != "." and all(_DECIMAL_COMMA.fullmatch(text) for text in bare):
        bare, notes = [text.replace(".", "").replace(",", ".") for text in bare], [*notes, "decimal commas"]
    if any(parse_number(text) is None for text in bare):
        return texts, ""
    numbers = dict(zip(present, bare, strict=True))
    return [None if text is None else numbers[text] for text in texts], " and ".join(notes or ["numbers in another notation"])


def is_index(name: str, texts: Sequence[str | None]) -> bool:
    """Whether a first column counts the rows: it has no name but pandas', and holds 0, 1, 2, ... or 1, 2, 3, ..."""
    if name and not re.fullmatch(r"Unnamed: \d+|__index_level_\d+__", name):
        return False
    numbers = np.array([np.nan if text is None else parse_number(text) for text in texts], dtype=float)
    return bool(len(numbers) > 1 and numbers[0] in (0, 1) and (np.diff(numbers) == 1).all())
