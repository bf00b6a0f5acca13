"""What every command prints with, and the files that --out names."""

from __future__ import annotations

import argparse
import io
import json
import math
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, Union

import harmonium as hm
from harmonium.errors import InputError, describe, printable

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from rich.console import Console
    from rich.progress import Progress

Content: TypeAlias = bytes | Union["Figure", "np.ndarray", "Mapping[str, np.ndarray]"]
"""Of a file: a picture, an array, the columns of a table, or bytes."""
PIPED_WIDTH = 160
"""Columns of text where the output is no terminal, so that tables are not squeezed."""
ARRAYS, TABLES = (".npy", ".png"), (".csv", ".parquet")
"""Endings of the files that --out may name: arrays and their pictures, and tables."""


class Table(NamedTuple):
    """A table for people: numbers to the right, text to the left.

    `breaks`: indices of rows with a line after them. `bold`: of rows that stand out. `decimals`: of every number.
    """

    title: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]
    breaks: Collection[int] = ()
    bold: Collection[int] = ()
    decimals: int = 9


class Styled(NamedTuple):
    """A line that stands out."""

    text: str
    style: str = "bold"


class Answer(NamedTuple):
    """What a command has to say: its result, as JSON has it, and lines and tables for people.

    `content`: of the file that --out names. `trouble`: what failed on the way to the answer.
    """

    result: dict[str, Any]
    text: Sequence[str | Styled | Table]
    content: Content | None = None
    trouble: Sequence[str] = ()


def print_answer(answer: Answer, options: argparse.Namespace) -> bool:
    """Write --out, print the answer and then what failed, a line each on stderr; whether nothing did."""
    result, text, trouble = dict(answer.result), list(answer.text), list(answer.trouble)
    if answer.content is not None:
        try:
            result["file"] = write(options.out, answer.content, options.overwrite)
            text.append(f"written to {result['file']}")
        except (InputError, OSError) as error:
            trouble.append(describe(error))
    print_json(result) if options.json else print_text(text, console())
    for each in trouble:
        say(f"error: {each}")
    return not trouble


def say(text: str) -> None:
    """A line on stderr, of the first process only."""
    if hm.distributed.is_primary():
        print(f"harmonium: {printable(text)}", file=sys.stderr)


def print_text(parts: Sequence[str | Styled | Table], out: Console) -> None:
    """Lines and tables for people."""
    for part in parts:
        if isinstance(part, Table):
            _print_table(part, out)
        elif isinstance(part, Styled):
            out.print(part.text, style=part.style)
        else:
            out.print(part)


# ---- JSON


def print_json(value: Any) -> None:
    """One JSON object on stdout; NumPy numbers and arrays become plain ones, NaN and infinities null, dates text."""
    print(json.dumps(plain(value), allow_nan=False, default=hm.io.frames.value_text))


def plain(value: Any) -> Any:
    """`value` in terms of JSON."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


# ---- text


def console(stderr: bool = False) -> Console:
    """Where people read: stdout, or stderr for progress. Control characters are escaped: names may come from a file."""
    from rich.console import Console

    class Escaping(Console):
        def print(self, *objects: Any, **style: Any) -> None:
            super().print(*("\n".join(map(printable, o.split("\n"))) if isinstance(o, str) else o for o in objects), **style)

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit by itself

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Escaping(stderr=stderr, width=width, highlight=False, markup=False)


def progress_bar(**settings: bool) -> Progress:
    """A bar on stderr with what is done, in words, and the time left."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=16), TextColumn("{task.description}"), TimeRemainingColumn(compact=True), TextColumn("left"))
    return Progress(*columns, console=console(stderr=True), **settings)  # type: ignore[arg-type]


@contextmanager
def staged_progress() -> Iterator[Callable[[str, float], None]]:
    """A progress bar on stderr, where that is a terminal: a function that takes the stage and the fraction of it done."""
    with progress_bar(disable=not sys.stderr.isatty(), transient=True) as progress:
        task, current = progress.add_task("", total=1.0), ""

        def report(stage: str, fraction: float) -> None:
            nonlocal current
            if stage != current:
                progress.reset(task)  # the time left is that of the stage
                current = stage
            progress.update(task, description=stage, completed=fraction)

        yield report


def _print_table(table: Table, out: Console) -> None:
    from rich import box
    from rich import table as rich_table

    cells = [_column(list(column), table.decimals) for column in zip(*table.rows, strict=True)]
    grid = rich_table.Table(box=box.SIMPLE_HEAD, pad_edge=False)
    widths = [min(max(map(len, texts), default=1), 24 if justify == "left" else PIPED_WIDTH) for texts, justify in cells]
    for column, (_, justify), width in zip(table.columns, cells, widths, strict=True):
        grid.add_column(column, justify=justify, min_width=width, overflow="fold")
    for index, row in enumerate(zip(*(texts for texts, _ in cells), strict=True)):
        grid.add_row(*row, end_section=index in table.breaks, style="bold" if index in table.bold else None)
    if table.title:
        out.print(table.title, style="bold")
    # Headings fold in a narrow terminal; numbers are never cut, even if the terminal itself must then break the line.
    usual, out.width = out.width, max(out.width, sum(widths) + 3 * len(widths))
    out.print(grid, crop=False)
    out.width = usual


def _column(cells: list[Any], decimals: int) -> tuple[list[str], Literal["left", "right"]]:
    """A column's cells as text: numbers to as many decimals, short ones (E = -0.5, say) plainly if all of them are short."""
    if any(isinstance(cell, str) for cell in cells):
        return [printable(str(cell)) for cell in cells], "left"
    finite = [cell for cell in cells if cell is not None and math.isfinite(cell)]
    short = all(abs(cell) < 1e7 and abs(cell - round(cell, 6)) <= 1e-14 * abs(cell) for cell in finite)
    return [_number(cell, short, decimals) for cell in cells], "right"


def _number(cell: Any, short: bool, decimals: int) -> str:
    """With that many decimals (in powers of ten where that hides digits), or as short as it is; None as a dash."""
    if cell is None or not math.isfinite(cell):
        return "-"
    if isinstance(cell, int):
        return f"{cell:,}"
    value = float(cell) + 0.0  # no "-0.0"
    if short:
        return f"{value:.6f}".rstrip("0").rstrip(".")
    if value != 0 and (abs(value) < 1e-4 or abs(value) >= 1e7):
        return f"{value:.6e}"
    return f"{value:.{decimals}f}"


def cell_text(value: Any) -> str:
    """A table's cell as it is printed: five digits of a number that is not whole."""
    if value is None or value != value:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) and not value.is_integer() else hm.io.frames.value_text(value)


# ---- files


def check_out(options: argparse.Namespace, endings: Sequence[str]) -> None:
    """Fail before the work rather than after it if the file that --out names cannot be written."""
    if options.out is None:
        return
    path = Path(options.out)
    if path.suffix not in endings:
        raise InputError(f"--out {path}: the name must end with {' or '.join(endings)}")
    if path.exists() and not options.overwrite:
        raise InputError(f"--out {path} exists already; choose another name, or add --overwrite")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.parent}")
    hm.io.container.check_target(path, options.overwrite)


def write(path: str | Path, content: Content, overwrite: bool = False) -> str:
    """Write a picture, an array, the columns of a table or bytes, completely or not at all; the file's name."""
    import numpy as np

    buffer = io.BytesIO()
    if isinstance(content, bytes):
        buffer.write(content)
    elif isinstance(content, Mapping):
        buffer.write(hm.io.table_content(content, Path(path).suffix))
    elif isinstance(content, np.ndarray):
        np.save(buffer, content, allow_pickle=False)
    else:
        content.savefig(buffer, format="png", dpi=120)
    return str(hm.io.container.write_file(path, buffer.getvalue(), overwrite))
