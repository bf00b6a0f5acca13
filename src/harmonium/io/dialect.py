"""How a CSV file is written: what is said of it, and guesses at the rest.

A guess rests on the whole file where that is needed, never on a name or a place that it came from. `Dialect` says what was
guessed, in words, so that it can be said otherwise.
"""

from __future__ import annotations

import codecs
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Shaped

from harmonium import _checks
from harmonium.errors import InputError, reason
from harmonium.io.frames import is_rounded, parse_number

DELIMITERS = ("\t", ";", "|", ",", " ")
"""In the order in which they are tried: a comma may be a decimal one, and a space part of a name."""
WORDS = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";", "bar": "|"}
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*|__index_level_\d+__")
"""What pandas calls columns without a name, and an index."""
PROBE = 100
"""Texts of a column that are looked at before the others."""
MANY = 4
"""Numbers of a first row that may count on by chance."""
MOST = 0.7
"""The part of the lines that have as many of a mark where it may be the delimiter although others have not."""
COMMENTS = ("#", "%")
_SIGNS = str.maketrans({"\u2212": "-", "\u00a0": None, "\u202f": None, "'": None})
_UNITS = re.compile(r"([-+]?)[$\u20ac\u00a3]?\s*(.*?)\s*[%$\u20ac\u00a3]?", re.DOTALL)
_FORMS = {
    r"(?<=\d) (?=\d{3}\b)": "",  # thousands set apart by spaces
    r"^\((.*\d.*)\)$": r"-\1",  # an accountant's minus
    r"^(\d.*)-$": r"-\1",  # a minus behind
    r"(?<=\d)[dD](?=[-+]?\d+$)": "e",  # Fortran's exponent
}
_UNIT_NAMES = {"%": "percent", "$\u20ac\u00a3": "currency"}
DECIMAL_COMMAS, THOUSANDS_POINTS = "decimal commas", "thousands points"
_POINTS = {",": re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?"), ".": re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")}
_DATE = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3(\d{4}|\d\d))([T ].*)?")
_DECIMAL_COMMA = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+|),?\d*([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written; what is None is guessed.

    `header`: whether the first row has names. `decimal`: "." or ",". `index`: whether the first column names the rows and is
    left out. `missing`: texts of cells without a value, besides the usual ones. `quote`: the mark around cells, " or '.

    Raises:
        InputError: an encoding is unknown, or a setting is of the wrong kind.

    Attributes:
        encoding: such as utf-8.
        delimiter: what stands between cells.
    """

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    decimal: str | None = None
    index: bool | None = None
    missing: tuple[str, ...] = ()
    quote: str | None = None

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
        if self.quote is not None:
            _checks.choice(self.quote, ('"', "'"), "quote")
        _checks.instance(self.missing, tuple, "missing", "a tuple of texts")
        for mark in self.missing:
            _checks.instance(mark, str, "missing", "a tuple of texts")
        if self.delimiter is not None and (not isinstance(self.delimiter, str) or not self.delimiter):
            raise InputError(f"delimiter must be text, but is {self.delimiter!r:.40}")

    @classmethod
    def read(cls, text: str) -> Dialect:
        """A `text` such as `header=no delimiter=; decimal=,` as a dialect.

        A delimiter may be called tab, space, comma, semicolon or bar. `missing` has one mark, and may be there several times;
        quotation marks enclose one with spaces: `missing="not asked"`.

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
            text = content.decode(name).removesuffix("\x1a")  # the end of a file of DOS
            if "\0" in text:
                raise UnicodeError("it has null characters")
            return text, name
        except UnicodeError as error:
            problem = problem or error
    assert problem is not None
    raise InputError(f"it cannot be read as text ({reason(problem)}); say its encoding, or save it in UTF-8") from problem


def guess_delimiter(text: str) -> str:
    """What stands between cells: the mark of which all lines have as many, or most; or one of the first line's; or a comma.

    Args:
        text: the first lines of a file, or all of them.
    """
    lines = [line for line in re.sub('"[^"]*"', "q", text).splitlines() if line.strip()]
    if len(lines) > 1 and "," not in lines[0] and all(re.fullmatch(r"\s*-?\d+,\d+\s*", line) for line in lines[1:]):
        return ";"  # a single column of decimal commas
    for mark in DELIMITERS[:-1]:
        counts = {line.count(mark) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return mark
    for mark in DELIMITERS[:-1]:
        (count, covered), *_ = Counter(line.count(mark) for line in lines).most_common(1) or [(0, 0)]
        if count and MOST * len(lines) < covered:
            return mark
    first = lines[0] if lines else ""
    return next((mark for mark in DELIMITERS if mark in first.strip()), ",")


def find_mark(cells: Sequence[str]) -> str | None:
    """A mark that is no usual delimiter and of which all cells of a single column have as many."""
    runs = [match[0] for match in re.finditer(r"([^\w\s.'\"-])\1*", cells[0])] if len(cells) > 1 else []
    return next((run for run in runs if len({cell.count(run) for cell in cells}) == 1), None)


def guess_quote(text: str, delimiter: str) -> str:
    """The quotation mark: a single one if there are cells between such, as many begin as end with one, and none is double."""
    mark = re.escape(delimiter)
    begin = re.findall(rf"(?:^|{mark}) *'", text, re.MULTILINE)
    end = re.findall(rf"' *(?:{mark}|\r?$)", text, re.MULTILINE)
    return "'" if begin and len(begin) == len(end) and '"' not in text else '"'


def guess_header(
    first: Sequence[str], columns: Sequence[Shaped[np.ndarray, " rows"]], sample: Sequence[Sequence[str]], decimal: str | None
) -> bool:
    """Whether the first row has names.

    It does where it has a text above numbers; or no number, unless each of its texts, or a date, is found below; or years above
    what are none; or numbers in equal steps, as few other rows have.

    Args:
        first: the row, empty where it has no value.
        columns: what is below it, as numbers or texts.
        sample: rows below it as they are.
        decimal: the sign that stands for the decimal point, where it is known.
    """
    read = [read_numbers([cell], decimal)[0] for cell in first]
    numbers = [None if values is None else float(values[0]) for values in read]
    has_rows = bool(len(columns[0]))
    for cell, number, cells in zip(first, numbers, columns, strict=True):
        if cell and number is None and has_rows and _are_numbers(cells):
            return True
    dated = [cells for cell, cells in zip(first, columns, strict=True) if _DATE.fullmatch(cell)]
    if any(_DATE.fullmatch(str(cell)) for cells in dated for cell in cells):
        return False
    if all(number is None for number in numbers):
        found = [cell in set(cells.tolist()) for cell, cells in zip(first, columns, strict=True) if cell]
        return bool(found) and (len(first) == 1 or not all(found))
    if not has_rows or len(set(first)) < len(first):
        return False
    years = [place for place, number in enumerate(numbers) if _is_year(number)]
    if len(years) == sum(number is not None for number in numbers) > (None not in numbers):
        # Years alone, above what is no year.
        below = [parse_number(str(cell)) for place in years for cell in set(columns[place].tolist())]
        return not any(map(_is_year, below))
    if not _counts(first) or 10 * sum(map(_counts, sample)) >= len(sample):
        return False
    pairs = [(number, cells) for number, cells in zip(numbers, columns, strict=True) if number is not None]
    are_apart = [cells.dtype.kind == "f" and not np.nanmin(cells) <= number <= np.nanmax(cells) for number, cells in pairs]
    if pairs[1][0] - pairs[0][0] == 1:
        return len(pairs) > MANY or any(are_apart)
    # Other steps than one are those of a scale, whose numbers are unlike what is measured at them.
    return all(are_apart)


def _are_numbers(cells: Shaped[np.ndarray, " rows"]) -> bool:
    """Whether a column has two numbers or more, and nothing else."""
    if cells.dtype.kind == "f":
        return int((~np.isnan(cells)).sum()) > 1
    present = [cell for cell in cells.tolist() if cell is not None]
    return len(present) > 1 and all(parse_number(text) is not None for text in set(present))


def _is_year(number: float | None) -> bool:
    return number is not None and 1900 <= number <= 2100 and number == int(number)


def _counts(row: Sequence[str]) -> bool:
    """Whether each number of a row is as much more than the one before, as in 0,1,2 or 400,402.5,405."""
    steps = np.diff([number for cell in row if (number := parse_number(cell)) is not None])
    return len(steps) > 1 and steps[0] > 0 and bool(np.allclose(steps, steps[0], rtol=1e-6, atol=0))


def read_numbers(
    texts: Sequence[str], decimal: str | None, likely: str = "."
) -> tuple[Float[np.ndarray, " texts"] | None, str]:
    """The numbers that texts spell, if all of them do and floating point holds them, and what else was read so, in words.

    Besides plain notation that is decimal commas, thousands set apart by commas, points or spaces, percent and currency signs,
    and the minus of typesetters.

    Args:
        texts: different ones.
        decimal: the sign that stands for the decimal point, where it is known.
        likely: the sign that probably does, which decides of `1,234`.
    """
    if not texts or not any(map(str.isdigit, texts[0])):
        return None, ""
    if len(texts) > PROBE and read_numbers(texts[:PROBE], decimal, likely)[0] is None:
        return None, ""  # most columns of texts are left here, whatever their length
    bare = list(texts)
    notes: list[str] = []
    if any(parse_number(text) is None for text in texts) or decimal == ",":
        # Few columns of texts begin with what looks like a number, so most have been left by now.
        bare = [_UNITS.fullmatch(text.translate(_SIGNS)).expand(r"\1\2") for text in bare]  # type: ignore[union-attr]
        for pattern, by in _FORMS.items():
            bare = [re.sub(pattern, by, text) for text in bare]
        notes = [name for signs, name in _UNIT_NAMES.items() if any(set(signs) & set(text) for text in texts)]
        has_comma = any("," in text for text in bare)
        has_points = "." in "".join(bare) and (decimal == "," or re.search(r"\.\d+\.", " ".join(bare)))
        is_decimal = decimal == "," or (decimal is None and likely == "," and not re.search(r",\d+[.,]", " ".join(bare)))
        if has_comma and not is_decimal and all(_POINTS[","].fullmatch(t) or parse_number(t) is not None for t in bare):
            bare, notes = [text.replace(",", "") for text in bare], [*notes, "thousands commas"]
        elif has_comma and decimal != "." and all(_DECIMAL_COMMA.fullmatch(text) for text in bare):
            bare, notes = [text.replace(".", "").replace(",", ".") for text in bare], [*notes, DECIMAL_COMMAS]
        elif has_points and all(_POINTS["."].fullmatch(text) or text.isdecimal() for text in bare):
            bare, notes = [text.replace(".", "") for text in bare], [*notes, THOUSANDS_POINTS]
        elif bare != list(texts):
            notes = notes or ["numbers in another notation"]
    numbers = [parse_number(text) for text in bare]
    if any(number is None or is_rounded(text, number) for text, number in zip(bare, numbers, strict=True)):
        return None, ""
    return np.array(numbers, dtype=np.float64), " and ".join(notes)


def is_index(name: str, cells: Shaped[np.ndarray, " rows"], said: bool | None, place: int) -> bool:
    """Whether a column names or counts the rows: a first one has no name but pandas', and different whole numbers or texts.

    Args:
        said: whether the first column does, if that is said.
        place: of the column; those before it do.
    """
    if said is not None and (place == 0 or not said):
        return said
    if (name and not UNNAMED.fullmatch(name)) or len(cells) < 2 or len(set(cells.tolist())) < len(cells):
        return False
    return cells.dtype.kind == "O" or bool((cells == np.rint(cells)).all())
