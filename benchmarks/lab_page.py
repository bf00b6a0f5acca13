"""The lab's exported page in a real browser: loading, sliders, the chain's animation, and random actions.

    python -m benchmarks.lab_page [--actions 10000] [--images] [--record]

Needs the `test` extra and Chromium. The page is exported and served by Python's own `http.server`, as any static server would.
Times of sliders run from the input to the end of the frame's style and layout. Random actions press, type, slide and go from
chapter to chapter; they count console errors, exceptions and requests after loading. With `--images`, chapter 6 alone:
64x20 and 64x100 trained on the digits to the end, and sweeps of 24 chains of a model of 784x500.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import harmonium as hm
from benchmarks import here

MOVES = 60
CHAPTERS = ("machine", "conditionals", "chain", "gradient", "set", "images", "derivation")
MOVE = """
async moves => {
  const slider = document.querySelector("[data-test=chosen-value-slider]");
  const table = document.querySelector("[data-test=configurations]");
  const took = [];
  for (let n = 0; n < moves; n++) {
    const begun = performance.now();
    slider.value = String(-2 + 4 * ((n * 0.37) % 1));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise(resolve => new MutationObserver((_, observer) => (observer.disconnect(), resolve()))
      .observe(table, { subtree: true, characterData: true, childList: true, attributes: true }));
    document.body.getBoundingClientRect();
    took.push(performance.now() - begun);
    await new Promise(resolve => setTimeout(resolve, 250));
  }
  return took;
}
"""
FRAMES = """
async seconds => {
  const times = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) times.push(await new Promise(requestAnimationFrame));
  return (times.length - 1) / ((times.at(-1) - times[0]) / 1000);
}
"""
ACT = """
([kind, pick]) => {
  const all = [...document.querySelectorAll(kind)].filter(e => e.getClientRects().length && !e.disabled);
  const chosen = all[Math.floor(pick * all.length)];
  if (!chosen) return;
  if (kind.startsWith("input[type=range]")) {
    chosen.value = String(Number(chosen.min) + pick * (chosen.max - chosen.min));
    chosen.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (kind.startsWith("input[type=text]")) {
    chosen.focus();
    chosen.value = ["-0.5", "1.25", "", "x", "-", "1e9", "0.66666666"][Math.floor(pick * 7)];
    chosen.dispatchEvent(new Event("input", { bubbles: true }));
    chosen.blur();
  } else if (kind === "select") {
    chosen.selectedIndex = Math.floor(pick * chosen.options.length);
    chosen.dispatchEvent(new Event("change", { bubbles: true }));
  } else chosen.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
}
"""
KINDS = ("button", "button", "button", "input[type=range]", "input[type=text]", "input[type=radio]", "select", ".unit", "nav a")


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass


def load(context: Any, address: str) -> tuple[float, int]:
    """Milliseconds from the navigation to the first table, and the bytes that came over the wire."""
    page = context.new_page()
    wire = context.new_cdp_session(page)
    sizes: list[int] = []
    wire.send("Network.enable")
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.add_init_script(
        "new MutationObserver((_, o) => { if (document.querySelector('[data-test=configurations] td')) "
        "{ o.disconnect(); window.shown = performance.now(); } }).observe(document, { subtree: true, childList: true })"
    )
    page.goto(address)
    took = page.evaluate("async () => { while (!window.shown) await new Promise(requestAnimationFrame); return window.shown; }")
    page.wait_for_load_state("networkidle")
    page.close()
    return took, int(sum(sizes))


def act(page: Any, number: int, seed: int) -> Counter[str]:
    """Random actions; what went wrong."""
    chance = random.Random(seed)
    found: Counter[str] = Counter(actions=number)
    page.on("console", lambda message: found.update({"console errors": int(message.type == "error")}))
    page.on("pageerror", lambda _: found.update({"exceptions": 1}))
    page.on("request", lambda request: found.update({"requests": int(not request.url.startswith(("blob:", "data:")))}))
    page.on("dialog", lambda dialog: dialog.accept())
    for _ in range(number):
        page.evaluate(ACT, [chance.choice(KINDS), chance.random()])
        if chance.random() < 0.02:
            page.keyboard.press(chance.choice(("Control+z", "Escape", "Tab", "ArrowUp")))
    found.update({"chapters that fail": int(page.locator(".error:has-text('cannot be shown')").count())})
    return found


def images(page: Any, address: str, folder: Path) -> Iterator[list[str]]:
    draw = np.random.default_rng(0)
    rbm = hm.RBM(hm.Binary(draw.normal(-1, 1, 784)), hm.Binary(draw.normal(-1, 1, 500)), draw.normal(0, 0.1, (784, 500)))
    page.on("dialog", lambda dialog: dialog.accept())
    for hidden in (20, 100):
        page.goto(f"{address}#images?x=%7B%22images%22%3A%7B%22hidden%22%3A{hidden}%7D%7D")
        page.reload()
        page.locator("[data-test=train]").click()
        begun = time.monotonic()
        page.wait_for_selector("[data-test=closing]", timeout=1_200_000)
        took = time.monotonic() - begun
        yield [f"64x{hidden} on the digits", f"{took:.1f} s; {page.locator('[data-test=closing] p').first.inner_text()}"]
    begun = time.monotonic()
    page.locator("[data-test=file]").set_input_files(hm.save(rbm, folder / "large.safetensors"))
    page.wait_for_selector("[data-test=file-about]")
    opened = time.monotonic() - begun
    page.wait_for_timeout(8000)
    speed = page.locator("[data-test=dream-speed]").inner_text()
    yield ["784x500", f"opened in {opened:.2f} s, {speed} sweeps of 24 chains a second"]


def interface(browser: Any, address: str, actions: int) -> Iterator[list[str]]:
    loads = []
    for _ in range(5):
        context = browser.new_context()
        cold, size = load(context, address)
        loads.append((cold, load(context, address)[0], size))
        context.close()
    cold, warm, sizes = zip(*loads, strict=True)
    yield ["to the first table, empty cache", f"{statistics.median(cold):.0f} ms, {max(sizes):,} bytes"]
    yield ["to the first table, warm cache", f"{statistics.median(warm):.0f} ms"]
    page = browser.new_page(reduced_motion="reduce")
    for units in (2, 4, 5):
        weights = ";".join([",".join(["0.5"] * units)] * units)
        page.goto(f"{address}#machine?w={weights}")
        page.reload()
        page.wait_for_selector("[data-test=configurations]")
        page.wait_for_timeout(500)
        if units == 5:
            page.get_by_role("button", name="show all").click()
            page.wait_for_timeout(1500)
        took = sorted(page.evaluate(MOVE, MOVES))
        yield [
            f"slider to table, {4**units:,} rows",
            f"{statistics.median(took):.1f} ms (95 %: {took[int(0.95 * MOVES)]:.1f})",
        ]
    page.close()
    page = browser.new_page()
    page.goto(f"{address}#chain")
    page.locator("[data-test=chain-run]").click()
    yield ["frames a second while the chain runs", f"{page.evaluate(FRAMES, 5):.0f}"]
    page.close()
    page = browser.new_page()
    page.goto(address)
    page.wait_for_load_state("networkidle")
    found = act(page, actions, 0)
    yield [f"{found.pop('actions'):,} random actions", ", ".join(f"{n} {what}" for what, n in found.items()) or "no fault"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actions", type=int, default=10_000)
    parser.add_argument("--images", action="store_true")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        subprocess.run(
            [sys.executable, "-m", "harmonium.lab", "export", f"{folder}/site"], check=True, stdout=subprocess.DEVNULL
        )
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=f"{folder}/site"))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        if given.images:
            rows += images(browser.new_page(), address, Path(folder))
        else:
            rows += interface(browser, address, given.actions)
        browser.close()
    here.finish("benchmarks.lab_page", "the lab's page", "\n\n" + here.table(["what", ""], rows), given.record)


if __name__ == "__main__":
    main()
