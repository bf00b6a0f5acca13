"""The lab: a page, served to this computer alone, on which a small model is taken apart and a larger one watched as it learns.

The library computes every number; the page draws them. `ask.py` checks what a page says, `answers/` has one file a chapter,
`connection.py` is one page's conversation, and `server.py` serves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonium.lab.notebook import widget

__all__ = ["widget"]


def __getattr__(name: str) -> Any:
    if name == "widget":
        from harmonium.lab.notebook import widget

        return widget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
