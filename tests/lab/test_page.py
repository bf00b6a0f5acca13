"""What holds for the whole page: nothing leaves the machine, everybody can use it, and it survives a restart of its server."""

from __future__ import annotations

import signal

import pytest

CHAPTERS = ("machine", "road", "chain", "uphill", "set", "images")


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_axe_finds_no_serious_fault(open_page, chapter, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(f"/#{chapter}")
    page.emulate_media(color_scheme=scheme)
    page.wait_for_timeout(400)
    found = axe.Axe().run(page).response["violations"]
    serious = [
        f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")
    ]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("width", [400, pytest.param(1280, marks=pytest.mark.slow)])
@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.slow_except("machine-400")
def test_nothing_is_wider_than_the_screen(open_page, chapter, width):
    page = open_page(f"/#{chapter}", width=width)
    page.wait_for_timeout(400)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.slow_except("machine")
def test_every_chapter_can_be_linked_to_and_reached(open_page, chapter):
    linked = open_page(f"/#{chapter}")
    title = linked.locator("article h2").inner_text()
    walked = open_page()
    walked.locator(f"[data-test=to-{chapter}]").click()
    assert walked.locator("article h2").inner_text() == title
    walked.wait_for_url(lambda url: f"#{chapter}?" in url)


@pytest.mark.slow
def test_seven_pages_at_once(open_page):
    pages = [open_page(f"/#machine?w={n},0;0,0&a=0,0&b=0,0") for n in range(7)]
    for n, page in enumerate(pages):
        page.wait_for_function(f"document.querySelector('[data-test=row-10-10] td:nth-child(3)').innerText.includes('{n}.000')")


@pytest.mark.slow
def test_a_page_outlives_its_server(open_page, serve_lab, watch):
    watch.forgive("WebSocket")
    watch.forgive("ERR_CONNECTION_REFUSED")
    lab = serve_lab()
    page = open_page(url=lab.url)
    page.wait_for_load_state("networkidle")
    page.locator("[data-test=w-0-0]").fill("2")
    page.wait_for_function("document.querySelector('[data-test=row-10-10] td:nth-child(3)').innerText.includes('2.000')")
    lab.stop(signal.SIGKILL)
    page.wait_for_selector("[data-test=lost]")
    assert "Everything on this page is kept" in page.locator("[data-test=lost]").inner_text()
    # What is changed meanwhile is asked as soon as somebody answers.
    page.locator("[data-test=w-0-0]").fill("3")
    serve_lab(port=lab.port)
    page.wait_for_selector("[data-test=lost]", state="detached", timeout=20_000)
    page.wait_for_function("document.querySelector('[data-test=row-10-10] td:nth-child(3)').innerText.includes('3.000')")


def test_the_page_s_policy_forbids_nothing_that_it_needs(open_page):
    page = open_page("/#machine", bypass_csp=False)
    assert page.locator(".katex").count() > 0
    page.locator("[data-test=to-set]").click()
    page.wait_for_selector("article.set .uplot")
