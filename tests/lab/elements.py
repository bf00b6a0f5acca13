"""Finding and reading the parts of a page by the names that they have for tests."""

from __future__ import annotations

from typing import Any


def of(page: Any, test: str) -> Any:
    return page.locator(f"[data-test='{test}']")


def text(page: Any, test: str) -> str:
    return of(page, test).inner_text().replace("−", "-")


def wait_text(page: Any, test: str, expected: str) -> None:
    page.wait_for_function(
        "([test, text]) => document.querySelector(`[data-test='${test}']`)?.innerText.replaceAll('−', '-').includes(text)",
        arg=[test, expected],
    )
