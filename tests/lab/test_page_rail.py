"""The lecture as a way through the page: the first screen's button, then "next" from stop to stop."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_every_stop_of_the_lecture_shows_its_figures(open_page):
    page = open_page()
    page.locator("[data-test=follow]").click()
    stops = page.evaluate("import('./lecture.js').then(module => module.STOPS)")
    for number, stop in enumerate(stops, 1):
        section = page.locator(".card.arrived")
        section.wait_for()
        assert section.bounding_box()["y"] < 300
        text = section.inner_text()
        assert [figure for figure in stop["figures"] if figure not in text] == [], stop["at"]
        assert page.locator(f"[data-test=stop-{number}]").get_attribute("aria-current") == "step"
        if number < len(stops):
            page.locator("[data-test=rail-next]").click()
    # Progress is the browser's: neither the link nor another browser has it.
    page.reload()
    page.wait_for_selector("[data-test=to-machine]")
    page.locator("[data-test=to-machine]").click()
    page.locator("[data-test=follow]").click()
    assert page.locator(".dot.done").count() == len(stops)
