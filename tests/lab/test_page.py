"""What holds for the whole page: nothing leaves the machine, everybody can use it."""

from __future__ import annotations

import pytest

from tests.lab.waiting import eventually, wait_effects, wait_motion

WIDTHS = (320, 400, 640, 768, 900, 960, 1024, 1280)
STICKING_OUT = """[...document.querySelectorAll(".card, .turn, .head, .stage, .pair > *")]
  .filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === "visible").map(e => e.className)"""
CHAPTERS = ("machine", "conditionals", "chain", "gradient", "set", "images", "derivation")


def test_every_chapter_is_reached_and_the_policy_forbids_nothing_that_it_needs(open_page):
    page = open_page(bypass_csp=False)
    titles = set()
    for chapter in CHAPTERS:
        page.locator(f"[data-test=to-{chapter}]").click()
        page.wait_for_url(lambda url, chapter=chapter: f"#{chapter}?" in url)
        titles.add(page.locator(f"article.{chapter} h2").inner_text())
    assert len(titles) == len(CHAPTERS)
    page.locator("[data-test=to-set]").click()
    page.wait_for_selector("article.set .uplot")
    page.locator("[data-test=to-machine]").click()
    assert page.locator(".katex").count() > 0


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.slow
def test_a_chapter_is_linked_to_fits_the_screen_and_everybody_can_use_it(open_page, chapter):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(f"/#{chapter}", width=400)
    page.wait_for_url(lambda url: f"#{chapter}?" in url)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})

        def check(width: int = width) -> None:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(STICKING_OUT) == [], width

        wait_effects(page)
        eventually(page, check)
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    for width, scheme in ((400, "light"), (1280, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        wait_motion(page)
        found = axe.Axe().run(page).response["violations"]
        assert not found, "\n".join(f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in found)


@pytest.mark.slow
def test_long_numbers_of_the_largest_machine_fit_the_screen(open_page):
    weights, biases = ";".join(["-10.25,1.5,-14.5,0.125,-0.125"] * 5), "-10.25,-1.25,0,-0.125,20"
    page = open_page(f"/#machine?w={weights}&a={biases}&b={biases}", reduced_motion="reduce")
    for chapter in ("conditionals", "chain", "gradient", "derivation", "machine"):
        page.locator(f"[data-test=to-{chapter}]").click()
        page.locator(f"article.{chapter}").wait_for()
        for width in (320, 360, 400, 768):
            page.set_viewport_size({"width": width, "height": 900})
            wait_effects(page)

            def check(chapter: str = chapter, width: int = width) -> None:
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (chapter, width)
                assert page.evaluate(STICKING_OUT) == [], (chapter, width)

            eventually(page, check)


@pytest.mark.slow
def test_a_page_goes_on_when_its_server_has_ended(open_page, serve_lab):
    """Nothing is requested after loading: neither the worker, nor a formula's font, nor an icon."""
    lab = serve_lab()
    page = open_page(url=lab.url)
    page.wait_for_load_state("networkidle")
    lab.stop()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for chapter in CHAPTERS:
        page.locator(f"[data-test=to-{chapter}]").click()
        page.locator(f"article.{chapter}").wait_for()
        wait_effects(page)
    page.locator("[data-test=unfold-all]").click()
    page.locator("[data-test=to-images]").click()
    page.locator("[data-test=dream] canvas, [data-test=dream] img, .picture").first.wait_for()
    wait_motion(page)
    assert requests == []
