"""CSV files as columns of texts.

Python's `csv` reads them, not pyarrow's reader: that one neither knows the lines of cells nor the many forms that are read here
(delimiters of any kind, decimal commas refused, line breaks in quotes), and it would be needed by every user.
"""

from __future__ import annotations

import csv
import io
import re
from itertools import chain
from pathlib import Path

import numpy as np

from harmonium.errors import InputError, reason
from harmonium.io.frames import CsvForm, Frame, check_names, parse_number

SUFFIXES = (".csv", ".tsv", ".txt")
MISSING = {"", "na", "n/a", "nan", "null", "#n/a", "?"}
"""The text of a cell without a value, in small letters or large."""
END = "\0"
"""A last line of its own: it becomes part of a cell where a quotation mark is open."""


def read_csv(content: bytes, path: Path) -> Frame:
    """The columns of a CSV file: texts, None where a value is missing.

    The first row is one of names unless there is a number in it; without names the columns are called c1, c2, ...

    Raises:
        InputError: it is no UTF-8 text, has no rows, or rows of different lengths, or a quotation mark is not closed; two
            columns have one name, or one has none.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} cannot be read as text: {reason(error)}; save it in UTF-8") from error
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise InputError(f"{path} is empty")
    # A comma may be a decimal one and a space part of a name, so each counts only where none of those before it is used.
    unquoted = re.sub('"[^"]*"', "", first)
    delimiter = next((mark for mark in "\t;," if mark in unquoted), " ")
    source = (" ".join(line.split()) for line in lines) if delimiter == " " else io.StringIO(text, newline="")
    rows, starts, before = [], [], 0
    reader = csv.reader(chain(source, [END]), delimiter=delimiter, skipinitialspace=True)
    for row in reader:
        # "" on a line of its own is a missing cell of a single column.
        if row and (len(row) > 1 or row[0].strip() or delimiter == " "):
            rows.append([cell.strip() for cell in row])
            starts.append(before + 1)
        before = reader.line_num
    if rows.pop() != [END]:
        raise InputError(f"{path}, line {starts[-1]}: a quotation mark is not closed")
    for line, row in zip(starts, rows, strict=False):
        if len(row) != len(rows[0]):
            raise InputError(f"{path}, line {line}: {len(row)} columns, but the first line has {len(rows[0])}")
    has_names = all(parse_number(cell) is None for cell in rows[0])
    names = rows.pop(0) if has_names else [f"c{place + 1}" for place in range(len(rows[0]))]
    if not rows:
        raise InputError(f"{path} has a header but no rows")
    columns = ([None if text.lower() in MISSING else text for text in texts] for texts in zip(*rows, strict=True))
    cells = [np.array(column, dtype=object) for column in columns]
    form = CsvForm(starts[has_names:-1], delimiter, has_names)
    names = check_names(names, str(path))
    marks = {
        name: {row: text for row, text in enumerate(texts) if text and text.lower() in MISSING}
        for name, texts in zip(names, zip(*rows, strict=True), strict=True)
    }
    return Frame(dict(zip(names, cells, strict=True)), csv=form, marks=marks)
