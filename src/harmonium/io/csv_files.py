"""CSV files as columns of numbers and texts.

Arrow's reader splits the cells and reads the numbers, told what `dialect` guesses and what the first lines show. Forms that it
does not know, such as comments or columns of spaces, Python's `csv` reads and writes again for it.

Reference: Apache Arrow, https://arrow.apache.org/docs/python/csv.html; RFC 4180 (quotation marks).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Int, Shaped

from harmonium.errors import InputError
from harmonium.io import dialect as dialects
from harmonium.io.dialect import COMMENTS, DECIMAL_COMMAS, Dialect
from harmonium.io.frames import EXACT, CsvForm, Frame, are_codes, check_names, parse_number

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".amat")
MISSING = ("", "na", "n/a", "nan", "null", "<na>", "#n/a", "?")
"""The text of a cell without a value, in small letters or large."""
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
MISLED = 3
"""Columns that are no numbers although they begin so; after that no column is taken for numbers by its beginning."""
LARGE_BYTES = 1 << 24
"""A file of this size or more is not held in memory as it is."""

Source: TypeAlias = bytes | Path
"""The content of a file, or the file."""


class Row(NamedTuple):
    """The cells of a row, and the line that it begins at."""

    line: int
    cells: list[str]


class Text(NamedTuple):
    """Text for Arrow's reader, in UTF-8: what stands between cells, and the rows at its beginning.

    `before`: empty lines before the first row. `quoted`: whether there
    are quotation marks, within which a line may end. `lines`: the line of the file as it was that each row begins at, if the
    text is another. `notes`: what was changed, in words.
    """

    source: Source
    delimiter: str
    quote: str
    rows: list[list[str]]
    before: int
    quoted: bool
    lines: list[int] | None = None
    notes: tuple[str, ...] = ()


class Columns(NamedTuple):
    """Columns of numbers or of texts, None where missing, and of some, by their places, how their numbers were read."""

    cells: list[Shaped[np.ndarray, " rows"]]
    notes: dict[int, str]


def read_csv(source: Source, path: Path, dialect: Dialect | None = None, texts: bool = False) -> Frame:
    """The columns of a CSV file: numbers where all cells are and none is a code such as 02138, otherwise texts.

    Without names the columns are called c1, c2, ...; one without a name among others by its place.

    Args:
        source: the content, or where it is. dialect: how the file is written, as far as that is said. texts: whether to keep
            the cells as they are, too.

    Raises:
        InputError: it is no text, has no rows, or rows of different lengths, or a quotation mark is not closed; two columns
            have one name.
    """
    import pyarrow as pa

    said = dialect or Dialect()
    if isinstance(source, Path):
        with suppress(pa.ArrowInvalid, UnicodeError):
            if said.encoding is None and (text := _look(source, path, said)) is not None:
                return _read(text, path, said, "utf-8", texts)
        source = source.read_bytes()
    try:
        string, encoding = dialects.decode(source, said.encoding)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    with suppress(pa.ArrowInvalid):  # rows of different lengths, or a form that Python's reader knows
        if (text := _look(string.encode(), path, said)) is not None:
            return _read(text, path, said, encoding, texts)
    return _read(_rewrite(string, path, said), path, said, encoding, texts)


def _look(source: Source, path: Path, said: Dialect) -> Text | None:
    """How the text of a CSV file is written, by its beginning; None if Arrow's reader does not know that form.

    Raises:
        InputError: there is no row. UnicodeError: it is not in UTF-8.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        block = file.read(HEAD) + file.readline()
        beginning = block.decode("utf-8-sig")
        delimiter = said.delimiter or dialects.guess_delimiter(beginning)
        quote = said.quote or dialects.guess_quote(beginning, delimiter)
        quotes, mark = 0, quote.encode()
        while block:
            quotes += block.count(mark) if mark in block else 0  # the search is much faster than the count
            block = file.read(BLOCK)
    lines = list(io.StringIO(beginning, newline=""))
    before = next((place for place, line in enumerate(lines) if line.strip()), None)
    if before is None:
        raise InputError(f"{path} is empty")
    is_other = lines[before].lstrip().startswith((*COMMENTS, "sep=")) or delimiter == " " or len(delimiter) > 1 or quotes % 2
    if is_other or (quotes and re.search(f"{re.escape(delimiter)} +{quote}", beginning)):
        return None
    rows = [row for row in islice(csv.reader(lines[before:], delimiter=delimiter, quotechar=quote), SAMPLE + 1) if row]
    if len(rows[0]) == 1 or len({len(row) for row in rows}) > 1:
        return None
    return Text(source, delimiter, quote, rows, before, quotes > 0)


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
    index = next((place for place, name in enumerate(first) if name), 0) if has_names and said.index is None else 0
    index *= index > 1  # several columns without a name are an index of several levels
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
    commas = tuple(name for name, note in notes.items() if DECIMAL_COMMAS in note)
    form = CsvForm(text.delimiter, has_names, partial(_lines, text, has_names, path), tuple(words), commas)
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
        lines = [row.line for row in _rows(content.decode("utf-8-sig"), text.delimiter, text.quote, path)]
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
        return _columns(text, replace(said, decimal="." if has_points else ","), skip)
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
        places: of the cells in the list of `texts`, -1 where missing. decimal, likely: as `read_numbers` takes them.
    """
    if any("\0" in text for text in texts):
        raise UnicodeError("it has null characters")
    texts = [text.strip() for text in texts]
    is_present = np.array([not _is_mark(text, marks) for text in texts] + [False])
    present = [text for text, there in zip(texts, is_present, strict=False) if there]
    values, note = (None, "") if are_codes(present) else dialects.read_numbers(present, decimal, likely)
    cells = np.full(len(texts) + 1, np.nan if values is not None or not present else None)
    cells[is_present] = present if values is None else values
    return cells[places], note


def _rewrite(string: str, path: Path, said: Dialect) -> Text:
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
    rows = _rows("".join(lines), delimiter, quote, path)
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


def _rows(text: str, delimiter: str, quote: str, path: Path) -> list[Row]:
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
