"""The lecture as a way through the page: the first screen's button, then "next" from stop to stop."""

from __future__ import annotations

import pytest

from tests.lab.waiting import wait_equal


@pytest.mark.slow
def test_every_stop_of_the_lecture_shows_its_figures(open_page):
    page = open_page()
    page.locator("[data-test=follow]").click()
    stops = page.evaluate("import('./lecture.js').then(module => module.STOPS)")
    for number, stop in enumerate(stops, 1):
        page.wait_for_selector(f"[data-test=stop-{number}][aria-current=step]")
        # The card of the stop before stays marked until the page has arrived.
        arrived = (
            "s => { const text = document.querySelector('.card.arrived')?.innerText; return s.every(x => text?.includes(x)); }"
        )
        page.wait_for_function(arrived, arg=stop["figures"])
        assert page.locator(".card.arrived").bounding_box()["y"] < 300, stop["at"]
        if number < len(stops):
            page.locator("[data-test=rail-next]").click()
    # Progress is the browser's: neither the link nor another browser has it.
    page.reload()
    page.wait_for_selector("[data-test=to-machine]")
    page.locator("[data-test=to-machine]").click()
    page.locator("[data-test=follow]").click()
    wait_equal(page, page.locator(".dot.done").count, len(stops))
