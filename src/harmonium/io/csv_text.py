"""The text of a CSV file in a form that Arrow's reader knows: what stands between its cells, and its first rows.

Most texts stay as they are. Those with comments, columns of spaces, lines of prose or rows of different lengths are read by
Python's `csv`, mended where it is clear how, and written again.

Reference: RFC 4180 (quotation marks).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

from harmonium.errors import InputError
from harmonium.io import dialect as dialects
from harmonium.io.dialect import COMMENTS, Dialect
from harmonium.io.frames import CsvForm, parse_number

END = "\0"
"""A last line of its own: it becomes part of a cell where a quotation mark is open."""
UNIT = "\x1f"
"""ASCII's separator of units, for delimiters of several characters."""
HEAD = 1 << 16
"""Bytes at the beginning of a file that show how it is written."""
SAMPLE = 1000
"""Rows at the beginning of a file that show which columns are numbers."""
BLOCK = 1 << 20
"""Bytes that Arrow's reader takes at a time; a row must fit in."""

Source: TypeAlias = bytes | Path
"""The content of a file, or the file."""


class Row(NamedTuple):
    """The cells of a row, and the line that it begins at."""

    line: int
    cells: list[str]


class Text(NamedTuple):
    """Text for Arrow's reader, in UTF-8: what stands between cells, and the rows at its beginning.

    `before`: empty lines before the first row. `quoted`: whether there are quotation marks, within which a line may end.
    `lines`: of the file as it was, the line that each row begins at, if the text is another. `notes`: what was changed.
    """

    source: Source
    delimiter: str
    quote: str
    rows: list[list[str]]
    before: int
    quoted: bool
    lines: list[int] | None = None
    notes: tuple[str, ...] = ()


def examine(source: Source, path: Path, said: Dialect) -> Text | None:
    """How the text of a CSV file is written, by its beginning; None if Arrow's reader does not know that form.

    Raises:
        InputError: there is no row.
        UnicodeError: it is not in UTF-8.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        block = file.read(HEAD) + file.readline()
        beginning = block.decode("utf-8-sig")
        delimiter = said.delimiter or dialects.guess_delimiter(beginning)
        quote = said.quote or dialects.guess_quote(beginning, delimiter)
        quotes, mark, blocks = 0, quote.encode(), 0
        while block:
            quotes += block.count(mark) if mark in block else 0  # the search is much faster than the count
            block = file.read(BLOCK)
            blocks += 1
    lines = list(io.StringIO(beginning, newline=""))
    before = next((place for place, line in enumerate(lines) if line.strip()), None)
    if before is None:
        raise InputError(f"{path} is empty")
    is_other = lines[before].lstrip().startswith((*COMMENTS, "sep=")) or delimiter == " " or len(delimiter) > 1 or quotes % 2
    if is_other or (quotes and re.search(f"{re.escape(delimiter)} +{quote}", beginning)):
        return None
    rows = [row for row in islice(csv.reader(lines[before:], delimiter=delimiter, quotechar=quote), SAMPLE + 1) if row]
    if quotes and blocks > 1 and len(rows) > 1:
        rows.pop()  # the beginning may end within a cell of several lines
    if len(rows[0]) == 1 or len({len(row) for row in rows}) > 1:
        return None
    return Text(source, delimiter, quote, rows, before, quotes > 0)


def rewrite(string: str, path: Path, said: Dialect) -> Text:
    """The text of a CSV file in a form that Arrow's reader knows, without comments, runs of spaces and the like.

    Raises:
        InputError: it has no rows, or one with too many cells or a single one, or a quotation mark is not closed.
    """
    lines = list(io.StringIO(string, newline=""))
    names_of_comment, delimiter = _drop_comments(lines), said.delimiter
    # Excel's own line, such as sep=;
    place = next((index for index, line in enumerate(lines) if line.strip()), None)
    if place is not None and (match := re.fullmatch("sep=(.)", lines[place].strip("\r\n"))):
        lines[place], delimiter = "\n", delimiter or match[1]
    text = "".join(lines)
    delimiter = delimiter or dialects.guess_delimiter(text[:HEAD])
    if len(delimiter) > 1:
        lines, delimiter = [line.replace(delimiter, UNIT) for line in lines], UNIT
    quote = said.quote or dialects.guess_quote(text[:HEAD], delimiter)
    if delimiter == " ":
        lines = [" ".join(line.split()) + "\n" for line in lines]
    elif delimiter not in string:  # then a missing cell is "" on a line of its own
        lines = [line if line.strip() else "\n" for line in lines]
    rows = read_rows("".join(lines), delimiter, quote, path)
    if not rows:
        raise InputError(f"{path} is empty")
    if names_of_comment is not None and said.header is not False:
        names = next(csv.reader([names_of_comment], delimiter=delimiter, quotechar=quote, skipinitialspace=True))
        names = names_of_comment.split() if delimiter == " " else names
        if len(names) == len(rows[0].cells):
            rows = [Row(0, names), *rows]
    rows, notes = _fit_lengths(rows, string.count(f"{delimiter} ") < len(rows) - 1)
    width = len(rows[0].cells)
    for line, cells in rows:
        if len(cells) != width:
            separated = str(CsvForm(delimiter, False)).partition(", ")[0]
            problem = f"{len(cells)} columns, but the first line has {width} ({separated})"
            raise InputError(f"{path}, line {line}: {problem}; mend or delete that line, or say the delimiter if it is another")
    content = io.StringIO(newline="")
    csv.writer(content, delimiter=delimiter, quotechar=quote, lineterminator="\n").writerows(cells for _, cells in rows)
    sample = [cells for _, cells in rows[: SAMPLE + 1]]
    return Text(content.getvalue().encode(), delimiter, quote, sample, 0, True, [line for line, _ in rows], notes)


def _fit_lengths(rows: list[Row], is_dense: bool) -> tuple[list[Row], tuple[str, ...]]:
    """The rows with as many cells as most of them have, as far as it is clear how; and in words what was done.

    Left out are lines of prose above the names, comments, and empty cells at the ends of all rows. A first row that lacks one
    name gets an empty one at its beginning, above R's names of rows, and a row without its last cells gets missing ones.

    Args:
        is_dense: whether no space follows the delimiter, as in sentences.
    """
    width = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    notes = []
    is_comment = [len(cells) != width and cells[0].lstrip().startswith(COMMENTS) for _, cells in rows]
    comments = sum(is_comment)
    rows = [row for row, left_out in zip(rows, is_comment, strict=True) if not left_out]
    begin = next(place for place, row in enumerate(rows) if len(row.cells) >= width)
    (line, names), *rest = rows
    if begin == 1 and len(names) == width - 1 and all(len(cells) == width for _, cells in rest):
        if not any(cells[-1].strip() for _, cells in rest):
            rows = [rows[0], *(Row(line, cells[:-1]) for line, cells in rest)]
            return rows, ()
        if is_dense and any(parse_number(cell) is not None for cell in rest[0].cells[1:]):
            return [Row(line, ["", *names]), *rest], ()
    if 2 * begin >= len(rows) or (not is_dense and len(names) == width - 1):
        return rows, ()
    notes += [f"without {begin} line{'s' * (begin > 1)} at its beginning"] if begin else []
    notes += [f"without {comments} comment{'s' * (comments > 1)}"] if comments else []
    width = len(rows[begin].cells)
    short = [row for row in rows[begin:] if 1 < len(row.cells) < width]
    if short:
        notes.append(f"missing the last cells of {len(short)} row{'s' * (len(short) > 1)}, first in line {short[0].line}")
    filled = [Row(line, cells + [""] * (width - len(cells)) * (len(cells) > 1)) for line, cells in rows[begin:]]
    return filled, tuple(notes)


def _drop_comments(lines: list[str]) -> str | None:
    """Empty the lines of comments, if the file begins with one; the last of those at its beginning, which may have names."""
    places = [index for index, line in enumerate(lines) if line.strip()]
    if not places or not lines[places[0]].lstrip().startswith(COMMENTS):
        return None
    last = None
    for index in places:
        if not lines[index].lstrip().startswith(COMMENTS):
            break
        last = lines[index].lstrip().lstrip("".join(COMMENTS)).strip()
    for index in places:
        if lines[index].lstrip().startswith(COMMENTS):
            lines[index] = "\n"
    return last


def read_rows(text: str, delimiter: str, quote: str, path: Path) -> list[Row]:
    """The rows that have cells.

    Raises:
        InputError: a quotation mark is not closed.
    """
    rows: list[Row] = []
    before = 0
    lines = chain(io.StringIO(text, newline=""), [END])
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=True)
    for cells in reader:
        # "" on a line of its own is a missing cell of a single column.
        if cells and (len(cells) > 1 or cells[0].strip() or (rows and len(rows[0].cells) == 1)):
            rows.append(Row(before + 1, cells))
        before = reader.line_num
    last = rows.pop()
    if last.cells != [END]:
        raise InputError(f"{path}, line {last.line}: a quotation mark is not closed")
    return rows
