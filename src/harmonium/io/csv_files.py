"""CSV files as columns of numbers and texts.

Arrow's reader splits the cells and reads the numbers, by what `csv_text` and `dialect` find in the first lines.

Reference: Apache Arrow, https://arrow.apache.org/docs/python/csv.html.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Int, Shaped

from harmonium.errors import InputError
from harmonium.io import csv_text
from harmonium.io import dialect as dialects
from harmonium.io.csv_text import BLOCK, Source, Text
from harmonium.io.dialect import DECIMAL_COMMAS, THOUSANDS_POINTS, Dialect
from harmonium.io.frames import EXACT, CsvForm, Frame, are_codes, check_names, parse_number

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".amat")
MISSING = ("", "na", "n/a", "nan", "null", "<na>", "#n/a", "?")
"""The text of a cell without a value, in small letters or large."""
MISLED = 3
"""Columns that are no numbers although they begin so; after that no column is taken for numbers by its beginning."""
LARGE_BYTES = 1 << 24
"""A file of this size or more is not held in memory as it is."""
_SPACES = re.compile(r"^\s|\s$", re.MULTILINE)
"""At the ends of texts, one a line."""


class Columns(NamedTuple):
    """Columns of numbers or of texts, None where missing, and of some, by their places, how their numbers were read."""

    cells: list[Shaped[np.ndarray, " rows"]]
    notes: dict[int, str]


def read_csv(source: Source, path: Path, dialect: Dialect | None = None, texts: bool = False) -> Frame:
    """The columns of a CSV file: numbers where all cells are and none is a code such as 02138, otherwise texts.

    Without names the columns are called c1, c2, ...; one without a name among others by its place.

    Args:
        source: the content, or where it is.
        dialect: how the file is written, as far as that is said.
        texts: whether to keep the cells as they are, too.

    Raises:
        InputError: it is no text, has no rows, or rows of different lengths, or a quotation mark is not closed; two columns
            have one name.
    """
    import pyarrow as pa

    said = dialect or Dialect()
    if isinstance(source, Path):
        with suppress(pa.ArrowInvalid, UnicodeError):
            if said.encoding is None and (text := csv_text.examine(source, path, said)) is not None:
                return _read(text, path, said, "utf-8", texts)
        source = source.read_bytes()
    try:
        string, encoding = dialects.decode(source, said.encoding)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    with suppress(pa.ArrowInvalid):  # rows of different lengths, or a form that Python's reader knows
        if (text := csv_text.examine(string.encode(), path, said)) is not None:
            return _read(text, path, said, encoding, texts)
    return _read(csv_text.rewrite(string, path, said), path, said, encoding, texts)


def _read(text: Text, path: Path, said: Dialect, encoding: str, texts: bool) -> Frame:
    """The frame of a text; raises as `read_csv`, and pyarrow's `ArrowInvalid` if its reader does not know the form."""
    first = [cell.strip() for cell in text.rows[0]]
    has_names = said.header is not False
    read = _columns(text, said, int(has_names))
    if said.header is None:
        decimal = "," if any(DECIMAL_COMMAS in note for note in read.notes.values()) else said.decimal
        shown = ["" if _is_mark(cell, _marks(said)) else cell for cell in first]
        has_names = dialects.guess_header(shown, read.cells, text.rows[1:], decimal)
        read = read if has_names else _columns(text, said, 0)
    count = len(read.cells[0])
    if not count:
        raise InputError(f"{path} has a header but no rows")
    nameless = next((place for place, name in enumerate(first) if name), 0)
    # Several columns without a name are an index of several levels.
    index = nameless if has_names and said.index is None and nameless > 1 else 0
    while has_names and index < len(first) - 1 and dialects.is_index(first[index], read.cells[index], said.index, index):
        index += 1
    names = [name * has_names or f"c{place + 1}" for place, name in enumerate(first)]
    try:
        names = check_names(["index" if index and not first[0] else names[0], *names[1:]], str(path))
    except InputError as error:
        raise InputError(f"{error}: rename one, or say so if the first line has no names") from error
    notes = {names[place]: note for place, note in read.notes.items()}
    words = [f"{note} in {name!r}" for name, note in notes.items()][:3] + ["..."] * (len(notes) > 3)
    words += [f"without {name!r}, which names the rows" for name in names[:index]]
    words += ["single quotation marks"] if text.quote == "'" else []
    words += text.notes
    if len(first) == 1 and (mark := dialects.find_mark([cells[0] for cells in text.rows])):
        words += [f"every row has as many {mark!r}: say so if that is the delimiter"]
    words += [f"encoding {encoding}"] if encoding not in ("utf-8", "utf-8-sig") else []
    commas = tuple(name for name, note in notes.items() if DECIMAL_COMMAS in note or THOUSANDS_POINTS in note)
    form = CsvForm(said.delimiter or text.delimiter, has_names, partial(_lines, text, has_names, path), tuple(words), commas)
    frame = Frame(dict(zip(names, read.cells, strict=True)), csv=form, index=tuple(names[:index]))
    if not texts:
        return frame
    for name, (places, distinct) in zip(names, _arrow(text, int(has_names), [False] * len(names), []), strict=True):
        frame.texts[name] = np.array(distinct, dtype=object)[places]
    return frame


def _lines(text: Text, has_names: bool, path: Path) -> list[int]:
    """The line that each row begins at."""
    lines = text.lines
    if lines is None:
        content = text.source if isinstance(text.source, bytes) else text.source.read_bytes()
        lines = [row.line for row in csv_text.read_rows(content.decode("utf-8-sig"), text.delimiter, text.quote, path)]
    return lines[has_names:]


def _columns(text: Text, said: Dialect, skip: int) -> Columns:
    """The columns below the first `skip` rows, with numbers in any notation as numbers."""
    marks = _marks(said)
    nulls = sorted({spelled for mark in (*MISSING, *said.missing) for spelled in (mark, mark.upper(), "NaN")})
    width, likely = len(text.rows[0]), "." if text.delimiter == "," else ","
    numeric = [False] * width
    if said.decimal != ",":
        numeric = [_looks_numeric(cells, marks) for cells in zip(*text.rows[1:], strict=True)] or numeric
    cells: list[np.ndarray] = []
    notes: dict[int, str] = {}
    for place, (values, texts) in enumerate(_arrow(text, skip, numeric, nulls)):
        read, note = (values, "") if numeric[place] else _values(values, texts, marks, said.decimal, likely)
        cells.append(read)
        notes |= {place: note} if note else {}
    rounded = [place for place in range(width) if numeric[place] and np.nanmax(np.abs(cells[place]), initial=0) >= EXACT]
    if rounded:
        numeric = [is_number and place not in rounded for place, is_number in enumerate(numeric)]
        arrow = _arrow(text, skip, numeric, nulls)
        for place in rounded:
            cells[place], _ = _values(*arrow[place], marks, said.decimal, likely)
    if said.decimal is None and any(DECIMAL_COMMAS in note for note in notes.values()):
        # One column tells how the others' commas and points are meant, unless one of those can be no sign of thousands.
        has_points = any(re.fullmatch(r"\s*-?(\d+\.\d{1,2}|\d+\.\d{4,})\s*", cell) for row in text.rows for cell in row)
        columns = _columns(text, replace(said, decimal="." if has_points else ","), skip)
        if likely == "," and any(columns.cells[place].dtype.kind == "O" for place in set(notes) - set(columns.notes)):
            return Columns(cells, notes)  # 1,5 beside 12.30, which may be a time
        return columns
    return Columns(cells, notes)


def _marks(said: Dialect) -> set[str]:
    """The texts of cells without a value, in small letters."""
    return {mark.strip().lower() for mark in (*MISSING, *said.missing)}


def _is_mark(text: str, marks: set[str]) -> bool:
    """Whether a cell has no value, in any letters; but Na is sodium."""
    return text != "Na" and text.lower() in marks


def _looks_numeric(cells: Sequence[str], marks: set[str]) -> bool:
    """Whether some cells of a column are all numbers, and are no codes; what is written otherwise will show later."""
    present = [cell.strip() for cell in cells if not _is_mark(cell.strip(), marks)]
    if len({len(cell) for cell in present}) == 1 and len(present[0]) > 2 and all(map(str.isdecimal, present)):
        return False  # they may be codes
    return bool(present) and all(parse_number(cell) is not None for cell in present)


def _arrow(text: Text, skip: int, numeric: list[bool], nulls: list[str]) -> list[tuple[Shaped[np.ndarray, " rows"], list[str]]]:
    """The columns below the first `skip` rows: numbers, NaN where null; or places in a list of texts, -1 where null.

    `numeric` says which are numbers, and is mended where it is wrong.
    """
    import pyarrow as pa
    from pyarrow import csv as reader

    names = [str(place) for place in range(len(numeric))]
    block = max(BLOCK, 8 * sum(map(len, text.rows[0])))
    how = reader.ReadOptions(column_names=names, skip_rows_after_names=text.before + skip, block_size=block)
    parse = reader.ParseOptions(delimiter=text.delimiter, quote_char=text.quote, newlines_in_values=text.quoted)
    kinds = {False: pa.dictionary(pa.int32(), pa.string()), True: pa.float64()}
    size = len(text.source) if isinstance(text.source, bytes) else text.source.stat().st_size
    misled = 0
    while True:
        types = {name: kinds[is_number] for name, is_number in zip(names, numeric, strict=True)}
        convert = reader.ConvertOptions(column_types=types, null_values=nulls, strings_can_be_null=bool(nulls))
        columns: list[tuple[np.ndarray, dict[str, int]]] = [(np.empty(0, float if each else np.int32), {}) for each in numeric]
        end = room = 0
        try:
            source = io.BytesIO(text.source) if isinstance(text.source, bytes) else text.source
            with reader.open_csv(source, how, parse, convert) as batches:
                for batch in batches:
                    start, end = end, end + len(batch)
                    if end > room:  # as many rows as the first block lets expect; memory that is not written to costs nothing
                        room = 2 * end + len(batch) * size // block
                        columns = [(_grown(cells, start, room), places) for cells, places in columns]
                    for part, (cells, places) in zip(batch.columns, columns, strict=True):
                        _fill(cells[start:end], places, part)
        except pa.ArrowInvalid as error:
            match = re.match(r"In CSV column #(\d+): CSV conversion error to double", str(error))
            if match is None:
                raise
            numeric[int(match[1])] = False
            misled += 1
            if misled == MISLED:
                numeric[:] = [False] * len(numeric)
            continue
        return [(cells[:end], list(places)) for cells, places in columns]


def _grown(cells: Shaped[np.ndarray, " rows"], count: int, room: int) -> Shaped[np.ndarray, " room"]:
    """Room for more cells after the first `count`."""
    grown = np.empty(room, cells.dtype)
    grown[:count] = cells[:count]
    return grown


def _fill(cells: Shaped[np.ndarray, " rows"], places: dict[str, int], part: pa.Array) -> None:
    """Set cells to part of a column: its numbers, NaN where null, or the places of its texts, which may grow, -1 where null."""
    values = part
    if cells.dtype.kind == "i":
        values = part.indices
        own = [places.setdefault(text, len(places)) for text in part.dictionary.to_pylist()]
    # pyarrow's own way to NumPy imports pandas where that is installed.
    mask, content = values.buffers()
    cells[:] = np.frombuffer(content, cells.dtype)[values.offset :][: len(cells)]
    if cells.dtype.kind == "i":
        cells[:] = np.array([*own, -1], np.int32)[cells]
    if mask is not None:
        is_null = np.unpackbits(~np.frombuffer(mask, np.uint8), bitorder="little").view(bool)
        np.copyto(cells, -1 if cells.dtype.kind == "i" else np.nan, where=is_null[values.offset :][: len(cells)])


def _values(
    places: Int[np.ndarray, " rows"], texts: list[str], marks: set[str], decimal: str | None, likely: str
) -> tuple[Shaped[np.ndarray, " rows"], str]:
    """A column of texts as numbers if all are and none is a code, else as texts without spaces at their ends; in words how.

    Args:
        places: of the cells in the list of `texts`, -1 where missing.
        decimal, likely: as `read_numbers` takes them.
    """
    joined = "\n".join(texts)
    if "\0" in joined:
        raise UnicodeError("it has null characters")
    if _SPACES.search(joined):
        texts = [text.strip() for text in texts]
    longest = max(map(len, marks))
    absent = [place for place, text in enumerate(texts) if len(text) <= longest and _is_mark(text, marks)]
    is_present = np.ones(len(texts) + 1, dtype=bool)
    is_present[[*absent, -1]] = False
    present = [texts[place] for place in np.flatnonzero(is_present)] if absent else texts
    values, note = (None, "") if are_codes(present) else dialects.read_numbers(present, decimal, likely)
    cells = np.full(len(texts) + 1, np.nan if values is not None or not present else None)
    cells[is_present] = present if values is None else values
    return cells[places], note
