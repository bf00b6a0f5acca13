"""What chapter 5's page sends: the patterns to learn, and the state of a training to go on from."""

from __future__ import annotations

import re
from typing import Any, TypeGuard

import numpy as np

from harmonium.data.sources import bars_and_stripes
from harmonium.errors import InputError
from harmonium.lab.ask import Ask
from harmonium.lab.small_training import METHODS, MOST_PARAMETER, Lesson, Parameters, State, numbers, states

SIZES = (2, 3, 4, 5, 9)
"""Numbers of pixels: rows of 2, 3 and 5, pictures of 2x2 and 3x3."""
MOST_LISTED = 5
"""Up to this number of pixels all patterns are shown."""
MOST_PATTERNS = 32
MOST_CHAINS = 200
MOST_RATE = 5.0
MOST_UPDATES = 50_000
_PATTERN = re.compile(r"([01]{2,9})(?:\*(\d{1,6}(?:\.\d{1,6})?))?")


def lesson_of(ask: Ask) -> tuple[Lesson, np.ndarray]:
    """What is learned and how, and the heights `[n]` that its shares were normalised from."""
    rows, heights = patterns_of(ask.params.get("learn"))
    lesson = Lesson(
        rows,
        heights / heights.sum(),
        ask.number("rate", 0, MOST_RATE),
        ask.whole("chains", 1, MOST_CHAINS),
        ask.seed(),
    )
    return lesson, heights


def patterns_of(learn: Any) -> tuple[np.ndarray, np.ndarray]:
    """Patterns `[n, V]` with positive heights `[n]`, in the order of the states.

    Args:
        learn: "bars2" or "bars3" for bars and stripes of that side, or patterns joined by "_", each with a height after "*"
            unless it is 1: "01_10*2.5".

    Raises:
        InputError: it is none of these.
    """
    if learn in ("bars2", "bars3"):
        rows = bars_and_stripes(int(learn[-1]), int(learn[-1]))
        return rows, np.ones(len(rows))
    if not isinstance(learn, str) or not learn or len(learn) > MOST_PATTERNS * 24:
        raise InputError("tick at least one pattern to learn")
    found: dict[str, float] = {}
    for part in learn.split("_"):
        match = _PATTERN.fullmatch(part)
        if not match:
            raise InputError(
                f"the pattern {part[:24]!r} cannot be read: write bits, and a height after a star, for example 01_10*2.5"
            )
        if match[1] in found:
            raise InputError(f"the pattern {match[1]} is named twice")
        found[match[1]] = float(match[2] or 1)
    found = {bits: height for bits, height in found.items() if height > 0}
    if not found:
        raise InputError("tick at least one pattern to learn")
    lengths = {len(bits) for bits in found}
    if len(lengths) > 1 or not lengths <= set(SIZES):
        raise InputError(f"all patterns must have the same number of pixels, one of {', '.join(map(str, SIZES))}")
    if len(found) > MOST_PATTERNS:
        raise InputError(f"at most {MOST_PATTERNS} patterns can be learned here")
    rows = np.array([[int(bit) for bit in bits] for bits in sorted(found)], dtype=np.float64)
    return rows, np.array([found[bits] for bits in sorted(found)])


def shown_patterns(lesson: Lesson) -> np.ndarray:
    """The patterns that get a bar of their own, `[n, V]`: all, or of 3x3 the bars and stripes and what is learned."""
    visible = lesson.rows.shape[1]
    if visible <= MOST_LISTED:
        return states(visible)
    return states(visible)[np.union1d(numbers(bars_and_stripes(3, 3)), numbers(lesson.rows))]


def state_of(ask: Ask, lesson: Lesson) -> State:
    """The state that the page got with the last answer and sends back.

    Raises:
        InputError: it is incomplete, of other sizes than the lesson, or holds numbers out of bounds.
    """
    given = ask.params.get("state")
    if not isinstance(given, dict):
        raise InputError("the state of the training is missing: start again")
    update = given.get("update")
    if not _is_update(update):
        raise InputError(f"the number of updates done must be a whole number from 0 to {MOST_UPDATES:,}")
    machines, stopped = given.get("machines"), given.get("stopped", {})
    if not isinstance(machines, dict) or set(machines) != set(METHODS):
        raise InputError(f"the state of the training must hold the machines {', '.join(METHODS)}")
    known = isinstance(stopped, dict) and set(stopped) <= set(METHODS)
    if not known or not all(_is_update(at) for at in stopped.values()):
        raise InputError("the state of the training does not say properly which machines stopped")
    visible, chains = lesson.rows.shape[1], _chains(given.get("chains"), lesson.chains)
    parameters = {name: _machine(machines[name], visible, chains.shape[1]) for name in METHODS}
    return State(update, parameters, chains, {}, stopped)


def text_of(rows: np.ndarray) -> list[str]:
    """Rows of bits as text: "0110"."""
    return ["".join("1" if x else "0" for x in row) for row in rows]


def _is_update(given: Any) -> TypeGuard[int]:
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= MOST_UPDATES


def _chains(given: Any, count: int) -> np.ndarray:
    if not isinstance(given, list) or len(given) != count or not all(isinstance(row, str) for row in given):
        raise InputError(f"the state of the training must hold {count} chains")
    width = len(given[0])
    if not all(re.fullmatch(rf"[01]{{{width}}}", row) for row in given) or not 1 <= width <= 12:
        raise InputError("the chains must be rows of 1 to 12 bits, all of one length")
    return np.array([[int(bit) for bit in row] for row in given], dtype=np.float64)


def _machine(given: Any, visible: int, hidden: int) -> Parameters:
    shapes = {"weights": (visible, hidden), "a": (visible,), "b": (hidden,)}
    parts = []
    for name, shape in shapes.items():
        try:
            part = np.array(given[name], dtype=np.float64)
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise InputError(f"a machine's {name} cannot be read as numbers") from error
        if part.shape != shape:
            raise InputError(f"a machine's {name} must have the shape {list(shape)}, but has {list(part.shape)}")
        if not np.all(np.abs(part) <= MOST_PARAMETER):
            raise InputError(f"a machine's {name} must be numbers from -{MOST_PARAMETER:g} to {MOST_PARAMETER:g}")
        parts.append(part)
    return Parameters(*parts)
