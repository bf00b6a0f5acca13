"""What the page may ask, one file a chapter: each has `ANSWERS`, from a question's name to the function that answers it.

A chapter's file is imported when the first of its questions comes, so that the first table does not wait for them all.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from harmonium.errors import InputError
from harmonium.lab.ask import Ask

Answer = Callable[[Ask], dict[str, Any]]

CHAPTERS = {
    "machine": "machine",
    "road": "road",
    "chain": "chain",
    "uphill": "uphill",
    "set": "training_set",
}
"""The first part of a question's name, and the file that answers it."""


def find(name: Any) -> Answer:
    """The function that answers the question `name`.

    Raises:
        InputError: there is no such question.
    """
    chapter = name.partition(".")[0] if isinstance(name, str) else ""
    answer = of_chapter(chapter).get(name) if chapter in CHAPTERS else None
    if answer is None:
        said = f"{name[:60]!r} cannot be asked here" if isinstance(name, str) else "a message must say what it asks"
        raise InputError(f'{said}; "ask" must be a name such as "machine.table"')
    return answer


def of_chapter(chapter: str) -> dict[str, Answer]:
    """All that can be asked in one chapter."""
    answers: dict[str, Answer] = import_module(f"harmonium.lab.answers.{CHAPTERS[chapter]}").ANSWERS
    return answers
