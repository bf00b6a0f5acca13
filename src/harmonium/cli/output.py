"""What every command prints with: one JSON object, or aligned tables."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

PIPED_WIDTH = 160
"""Columns assumed where the output is no terminal, so that tables are not squeezed."""


def print_json(value: Any) -> None:
    """One JSON object on stdout; NumPy numbers and arrays become plain ones, NaN and infinities null."""
    print(json.dumps(plain(value), allow_nan=False))


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


def console(stderr: bool = False) -> Console:
    """Where people read: stdout, or stderr for progress."""
    from rich.console import Console

    class Piped(Console):
        """rich exits by itself when its reader goes away; here that is the command line's to decide."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Piped(stderr=stderr, width=width, highlight=False, markup=False)


@contextmanager
def staged_progress() -> Iterator[Callable[[str, float], None]]:
    """A progress bar on stderr, where that is a terminal: a function that is told the stage and the share of it done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=24), TextColumn("{task.description}"), TimeRemainingColumn(compact=True), TextColumn("left"))
    with Progress(*columns, console=console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, share: float) -> None:
            if stage not in tasks or (progress.tasks[tasks[stage]].finished and share < 1):
                for task in tasks.values():
                    progress.update(task, visible=False)
                tasks[stage] = progress.add_task(stage, total=1.0)
            progress.update(tasks[stage], completed=share)

        yield report


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    breaks: Iterable[int] = (),
    decimals: int = 9,
    out: Console | None = None,
) -> None:
    """An aligned table; numbers to the right, text to the left, a line after the rows whose numbers are in `breaks`."""
    from rich import box
    from rich.table import Table

    cells = [_column(list(column), decimals) for column in zip(*rows, strict=True)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    widths = [max(map(len, texts), default=1) for texts, _ in cells]
    for column, (_, justify), width in zip(columns, cells, widths, strict=True):
        table.add_column(column, justify=justify, min_width=width, overflow="fold")
    ends = set(breaks)
    for number, row in enumerate(zip(*(texts for texts, _ in cells), strict=True)):
        table.add_row(*row, end_section=number in ends)
    out = out or console()
    if title:
        out.print(title, style="bold")
    # Headings fold in a narrow terminal; numbers are never cut, even if the terminal itself must then break the line.
    usual, out.width = out.width, max(out.width, sum(widths) + 3 * len(widths))
    out.print(table, crop=False)
    out.width = usual


def _column(cells: list[Any], decimals: int) -> tuple[list[str], Literal["left", "right"]]:
    """A column's cells as text: numbers to as many decimals, short ones (E = -0.5, say) plainly if all of them are short."""
    if any(isinstance(cell, str) for cell in cells):
        return [str(cell) for cell in cells], "left"
    short = all(_short(cell) for cell in cells)
    return [text(cell, short, decimals) for cell in cells], "right"


def _short(cell: Any) -> bool:
    return cell is None or not math.isfinite(cell) or (abs(cell) < 1e7 and abs(cell - round(cell, 6)) <= 1e-14 * abs(cell))


def text(cell: Any, short: bool = False, decimals: int = 9) -> str:
    """A number with that many decimals (in powers of ten where that hides digits), or as short as it is; None as a dash."""
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


def units_text(units: Any, states: Any) -> list[str]:
    """Each of `states [n, N]` as text: a character a unit, or numbers where units are a continuum."""
    if None in units.unit_symbols:
        return [" ".join(f"{value:.6g}" for value in state.tolist()) for state in states]
    texts: list[str] = units.write_all(states)
    return texts
