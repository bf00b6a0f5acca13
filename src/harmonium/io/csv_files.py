"""CSV files as columns of texts.

Python's `csv` reads them, not pyarrow's reader: that one neither knows the lines of cells nor the many forms that are read here
(`dialect`), and it would be needed by every user.
"""

from __future__ import annotations

import csv
import io
import re
from itertools import chain
from pathlib import Path

import numpy as np

from harmonium.errors import InputError
from harmonium.io import dialect as dialects
from harmonium.io.dialect import COMMENT, Dialect
from harmonium.io.frames import CsvForm, Frame, check_names

SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".amat")
MISSING = {"", "na", "n/a", "nan", "null", "<na>", "#n/a", "?"}
"""The text of a cell without a value, in small letters or large."""
END = "\0"
"""A last line of its own: it becomes part of a cell where a quotation mark is open."""


def read_csv(content: bytes, path: Path, dialect: Dialect | None = None) -> Frame:
    """The columns of a CSV file: texts, None where a value is missing; numbers are in plain notation.

    Without names the columns are called c1, c2, ...; one without a name among others by its place.

    Args:
        dialect: how the file is written, as far as that is said.

    Raises:
        InputError: it is no text, has no rows, or rows of different lengths, or a quotation mark is not closed; two columns
            have one name.
    """
    said = dialect or Dialect()
    try:
        text, encoding = dialects.decode(content, said.encoding)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    lines = list(io.StringIO(text, newline=""))
    names_of_comment, delimiter = _drop_comments(lines), said.delimiter
    # Excel's own line, such as sep=;
    place = next((index for index, line in enumerate(lines) if line.strip()), None)
    if place is None:
        raise InputError(f"{path} is empty")
    if match := re.fullmatch("sep=(.)", lines[place].strip("\r\n")):
        lines[place], delimiter = "\n", delimiter or match[1]
    cleaned = "".join(lines)
    delimiter = delimiter or dialects.guess_delimiter(cleaned)
    rows, starts = _rows(lines if delimiter == " " else io.StringIO(cleaned, newline=""), delimiter, path)
    if not rows:
        raise InputError(f"{path} is empty")
    if names_of_comment is not None and said.header is not False:
        names = next(csv.reader([names_of_comment], delimiter=delimiter, skipinitialspace=True))
        if delimiter == " ":
            names = names_of_comment.split()
        if len(names) == len(rows[0]):
            rows, starts = [[name.strip() for name in names], *rows], [0, *starts]
    for line, row in zip(starts, rows, strict=False):
        if len(row) != len(rows[0]):
            separated = str(CsvForm([], delimiter, False)).partition(", ")[0]
            problem = f"{len(row)} columns, but the first line has {len(rows[0])}"
            raise InputError(f"{path}, line {line}: {problem} ({separated}); say the delimiter if it is another")
    marks = MISSING | {mark.strip().lower() for mark in said.missing}
    texts = _texts(rows[1:], marks)
    plain, notes = _plain(texts or [[]] * len(rows[0]), said.decimal)
    has_names = dialects.guess_header(rows, plain) if said.header is None else said.header
    if not has_names:
        texts = _texts(rows, marks)
        plain, notes = _plain(texts, said.decimal)
    if len(rows) == has_names:
        raise InputError(f"{path} has a header but no rows")
    names = rows[0] if has_names else [f"c{place + 1}" for place in range(len(rows[0]))]
    index = None
    if said.index is not False and has_names and len(names) > 1 and dialects.is_index(names[0], plain[0]):
        index = names[0] or "index"
    names = [name or ("index" if index and not place else f"c{place + 1}") for place, name in enumerate(names)]
    names = check_names(names, str(path))
    words = [f"{note} in {names[place]!r}" for place, note in notes.items()][:3] + ["..."] * (len(notes) > 3)
    words += [f"without {names[0]!r}, which counts the rows"] if index else []
    words += [f"encoding {encoding}"] if encoding not in ("utf-8", "utf-8-sig") else []
    form = CsvForm(starts[has_names:], delimiter, has_names, tuple(words))
    absent = {
        name: {
            row: rows[row + has_names][place]
            for row, cell in enumerate(texts[place])
            if cell is None and rows[row + has_names][place]
        }
        for place, name in enumerate(names)
    }
    columns = {name: np.array(cells, dtype=object) for name, cells in zip(names, plain, strict=True)}
    return Frame(columns, csv=form, marks=absent, index=index)


def _drop_comments(lines: list[str]) -> str | None:
    """Empty the lines of comments, if the file begins with one; the last of those at its beginning, which may have names."""
    places = [index for index, line in enumerate(lines) if line.strip()]
    if not places or not lines[places[0]].lstrip().startswith(COMMENT):
        return None
    last = None
    for index in places:
        if not lines[index].lstrip().startswith(COMMENT):
            break
        last = lines[index].lstrip().removeprefix(COMMENT).strip()
    for index in places:
        if lines[index].lstrip().startswith(COMMENT):
            lines[index] = "\n"
    return last


def _rows(source: list[str] | io.StringIO, delimiter: str, path: Path) -> tuple[list[list[str]], list[int]]:
    """The cells of all rows that have some, and the line that each row begins at."""
    rows, starts, before = [], [], 0
    lines = (" ".join(line.split()) for line in source) if delimiter == " " else source
    reader = csv.reader(chain(lines, [END]), delimiter=delimiter, skipinitialspace=True)
    for row in reader:
        # "" on a line of its own is a missing cell of a single column.
        if row and (len(row) > 1 or row[0].strip() or delimiter == " "):
            rows.append([cell.strip() for cell in row])
            starts.append(before + 1)
        before = reader.line_num
    if rows.pop() != [END]:
        raise InputError(f"{path}, line {starts[-1]}: a quotation mark is not closed")
    return rows, starts[:-1]


def _texts(rows: list[list[str]], marks: set[str]) -> list[list[str | None]]:
    """The columns of rows, None where a cell has one of the marks."""
    return [[None if cell.lower() in marks else cell for cell in column] for column in zip(*rows, strict=True)]


def _plain(texts: list[list[str | None]], decimal: str | None) -> tuple[list[list[str | None]], dict[int, str]]:
    """All columns with numbers in plain notation, and what was read so, by place."""
    read = [dialects.plain_numbers(column, decimal) for column in texts]
    if decimal is None and any("decimal commas" in note for _, note in read):
        # One column tells how the others' commas are meant.
        read = [dialects.plain_numbers(column, ",") for column in texts]
    return [column for column, _ in read], {place: note for place, (_, note) in enumerate(read) if note}
