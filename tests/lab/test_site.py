"""The documentation site in a browser, as `python -m docs` has built it: pages, search, and the lab within it."""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import wait_ready, watched_page
from tests.lab.waiting import wait_equal, wait_motion

pytestmark = pytest.mark.slow

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
TYPES = ("index", "learn/energies", "how-to/gaps", "reference/errors", "gallery/index")
LOOKS = [(width, scheme) for width in (400, 1280) for scheme in ("light", "dark")]
FAULTS = r"""() => {
  const wide = (e) => e && e.scrollWidth > e.clientWidth;
  const formulas = [...document.querySelectorAll(".math")];
  const words = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const raw = [];
  for (let text = words.nextNode(); text; text = words.nextNode()) {
    const isText = !text.parentElement.closest("pre, code, script, .katex");
    if (isText && /\\[a-z(\[]|\$[^\d\s]/.test(text.data)) raw.push(`TeX: ${text.data}`);
  }
  return [
    ...[...document.querySelectorAll("html, .bd-article-container")].filter(wide).map((e) => `too wide: ${e.tagName}`),
    ...formulas.filter((e) => !e.querySelector(".katex-html")).map((e) => `not rendered: ${e.textContent}`),
    ...[...document.images].filter((e) => e.loading !== "lazy" && !e.naturalWidth).map((e) => `no picture: ${e.src}`),
    ...raw,
  ];
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the built site; the test is skipped where it is not built, but fails in continuous integration."""
    if not (SITE / "index.html").exists():
        missing = f"no site in {SITE} (python -m docs builds it)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def visit(browser: Any, watch: Any, site: str) -> Iterator[Callable[..., Any]]:
    """Open a page of the site: `visit("learn/index")`, with the browser's window at `width`."""
    contexts = []

    def start(name: str, width: int = 1280) -> Any:
        page = watched_page(browser, watch, width, reduced_motion="reduce")
        contexts.append(page.context)
        page.goto(f"{site}/{name}.html")
        return page

    yield start
    for context in contexts:
        context.close()
    assert not watch.faults, "\n".join(watch.faults)


@pytest.mark.parametrize("name", TYPES)
def test_everybody_can_read_a_page_of_each_type(name, visit):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visit(name, width=400)
    page.evaluate("for (const details of document.querySelectorAll('main details')) details.open = true")
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_selector(f"html[data-theme={scheme}]")
        wait_motion(page)
        assert page.evaluate(FAULTS) == [], (width, scheme)
        if (width == 400) != (scheme == "light"):  # sizes depend on the width, colors on the scheme: each is judged once
            continue
        # It would load style sheets once more, from another folder.
        found = axe.Axe().run(page, options={"preload": False}).response["violations"]
        grave = [v for v in found if v["impact"] in ("serious", "critical")]
        assert not grave, "\n".join(f"{width} {scheme} {v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in grave)


def test_every_page_fits_a_small_screen_with_its_formulas_and_pictures(visit, site):
    page = visit("index", width=400)
    pages = sorted(path for path in SITE.rglob("*.html") if SITE / "_static" not in path.parents and path.name != "lab.html")
    formulas, wrong = 0, {}
    for path in pages:
        name = str(path.relative_to(SITE))
        page.goto(f"{site}/{name}")
        if found := page.evaluate(FAULTS):
            wrong[name] = found
        formulas += page.locator(".katex-html").count()
    assert wrong == {}
    assert len(pages) > 100
    assert formulas > 100


def test_search_finds_a_name_and_its_result_opens(visit):
    page = visit("learn/index")
    page.keyboard.press("Control+k")
    page.keyboard.type("free_energy")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=free_energy*")
    page.locator("#search-results li a", has_text="free_energy").first.click()
    page.wait_for_url("**/reference/*.html*")
    assert "free_energy" in page.url
    assert page.locator("[id='harmonium.free_energy']").count() == 1


def test_the_front_pages_lab_draws_its_first_table_and_follows_the_theme(visit):
    page = visit("index")
    lab = page.frame_locator("iframe.lab")
    wait_equal(page, lab.locator("[data-test=configurations] tbody tr").count, 16)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        lab.locator(f"html[data-theme={scheme}]").wait_for()


def test_a_notebooks_link_opens_the_lab_with_its_state(visit):
    page = visit("learn/contrastive-divergence")
    page.get_by_role("link", name=re.compile("lab has the same")).click()
    wait_ready(page)
    assert page.locator("[data-test=w-0-1]").input_value() == "\u22123"
    assert page.locator("article.gradient .sweeps").count() == 1
