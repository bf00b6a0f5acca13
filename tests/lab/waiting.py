"""Waiting for what a page is to show: a fixed pause is too short on a busy machine and too long on any other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 120.0
"""Seconds that a page may take to show something; most is done within a tenth."""


def eventually(page: Any, check: Callable[[], Any]) -> None:
    """Repeat a check until it fails no assertion."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            check()
        except AssertionError:
            if time.monotonic() > end:
                raise
        else:
            return
        page.wait_for_timeout(20)


def wait_equal(page: Any, read: Callable[[], Any], expected: Any) -> None:
    """Until what is read from the page is what is expected."""

    def check() -> None:
        assert read() == expected

    eventually(page, check)


def wait_still(page: Any, read: Callable[[], Any]) -> Any:
    """Until what is read from the page changes no more; what it then is."""

    def check() -> None:
        before = read()
        page.wait_for_timeout(300)
        assert read() == before

    eventually(page, check)
    return read()


def wait_effects(page: Any) -> None:
    """Until all has been done that the page does once a change is drawn: keys are listened to, the focus has moved."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))")


def wait_motion(page: Any) -> None:
    """Until what moves by its style has arrived: colors in between are not those that are read."""
    wait_effects(page)
    moving = "document.getAnimations().some(a => a.playState === 'running' && a.effect.getComputedTiming().endTime < Infinity)"
    page.wait_for_function(f"!{moving}")


def address(page: Any) -> str:
    """The fragment of the page's address, which follows the page's state after a moment."""
    page.wait_for_function("location.hash === document.querySelector('nav [aria-current=page]').getAttribute('href')")
    return "#" + page.url.split("#")[1]
