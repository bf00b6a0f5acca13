"""The records of benchmarks/RESULTS.md: its entries by their headings, and the tables in them."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).parents[1] / "benchmarks" / "RESULTS.md"
HEADING = re.compile(r"^## (\d{4}-\d\d-\d\d): (.+)$", re.MULTILINE)


class Record(NamedTuple):
    """An entry: its date, title and text, and the place of its heading in the page of all of them."""

    date: str
    title: str
    text: str
    anchor: str


@cache
def records() -> tuple[Record, ...]:
    """All entries, the newest first; of one day the last first."""
    _, *parts = HEADING.split(RESULTS.read_text(encoding="utf-8"))
    found, seen = [], Counter[str]()
    for date, title, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        anchor = re.sub(r"[^\w\- ]", "", f"{date}: {title}".lower().replace(" ", "-"))  # as MyST makes it
        found.append(Record(date, title, text.strip() + "\n", f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor))
        seen[anchor] += 1
    # Entries were added at the end, but not all on their dates.
    return tuple(sorted(found, key=lambda record: record.date))[::-1]


def matching(pattern: str) -> list[Record]:
    """The entries with a title in which `pattern` is found, in any case, the newest first."""
    return [record for record in records() if re.search(pattern, record.title, re.IGNORECASE)]


def tables(record: Record) -> list[list[list[str]]]:
    """The tables of an entry: lists of rows of cells, the header first."""
    found = re.findall(r"(?:^\|.*\|\n)+", record.text, re.MULTILINE)
    rows = [[[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()] for table in found]
    return [[header, *body] for header, _, *body in rows]


def newest_table(first: str, *others: str) -> tuple[Record, list[list[str]]]:
    """The newest table whose header begins with a cell in which `first` is found and has the cells `others`, and its entry."""
    for record in records():
        for table in tables(record):
            if re.search(first, table[0][0]) and all(any(re.search(other, cell) for cell in table[0]) for other in others):
                return record, table
    raise LookupError(f"{RESULTS.name} has no table with the columns {first}, {', '.join(others)}")
