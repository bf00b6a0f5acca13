"""The lab in a real browser: from the command to the first table, from a slider to the new one.

    python -m benchmarks.lab_latency [--training] [--images]

Needs the `test` extra and Chromium.
With `--training`, the sliders are measured while chapter 6 trains in a second page. With `--images`, chapter 6 alone: 64x20 and
64x100 trained on the digits to the end, and sweeps of 24 chains of a model of 784x500.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import here

if TYPE_CHECKING:
    from playwright.sync_api import Page

MOVES = 60
MOVE = """
([test, moves]) => new Promise(resolve => {
  const slider = document.querySelector(`[data-test=${test}]`), table = document.querySelector("[data-test=configurations]");
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set, took = [];
  let begun = 0, number = 0;
  const move = () => {
    begun = performance.now();
    set.call(slider, String(-2 + 4 * ((number * 0.37) % 1)));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const watch = new MutationObserver(() => {
    if (!begun) return;
    // The frame in which the change is drawn belongs to the time.
    const from = begun;
    begun = 0;
    requestAnimationFrame(() => {
      took.push(performance.now() - from);
      if (++number < moves) setTimeout(move, 30);
      else { watch.disconnect(); resolve(took); }
    });
  });
  watch.observe(table, { subtree: true, characterData: true, childList: true });
  move();
})
"""


def start() -> tuple[subprocess.Popen[bytes], str, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begun = time.monotonic()
    server = subprocess.Popen([sys.executable, "-m", "harmonium", "lab", "--no-browser", "--port", str(port)])
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return server, f"http://127.0.0.1:{port}", begun
        except OSError:
            time.sleep(0.02)


def ready(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("html[data-ready=true]", state="attached")


def moves(page: Page, units: int) -> str:
    page.locator("[data-test=size-v]").select_option(str(units))
    page.locator("[data-test=size-h]").select_option(str(units))
    page.wait_for_timeout(500)
    took: list[float] = page.evaluate(MOVE, ["chosen-value-slider", MOVES])
    ranked = sorted(took)
    return f"median {statistics.median(took):.1f} ms, 95th percentile {ranked[int(0.95 * len(ranked))]:.1f} ms"


def images(page: Page, address: str) -> None:
    import numpy as np

    import harmonium as hm

    draw = np.random.default_rng(0)
    rbm = hm.RBM(hm.Binary(draw.normal(-1, 1, 784)), hm.Binary(draw.normal(-1, 1, 500)), draw.normal(0, 0.1, (784, 500)))
    for hidden in (20, 100):
        ready(page, f"{address}/#images?x=%7B%22images%22%3A%7B%22hidden%22%3A{hidden}%7D%7D")
        page.reload()
        page.locator("[data-test=train]").click()
        begun = time.monotonic()
        page.wait_for_selector("[data-test=closing]", timeout=1_200_000)
        took = time.monotonic() - begun
        print(f"64x{hidden}: {took:.1f} s; {page.locator('[data-test=closing] p').first.inner_text()}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        page.locator("[data-test=file]").set_input_files(hm.save(rbm, Path(folder) / "large.safetensors"))
        page.wait_for_selector("[data-test=file-about]")
        print(f"784x500: opened in {time.monotonic() - begun:.2f} s", end=", ")
        page.wait_for_timeout(8000)
        print(f"{page.locator('[data-test=dream-speed]').inner_text()} sweeps of 24 chains a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--images", action="store_true")
    given = parser.parse_args()
    print(here.header())
    from playwright.sync_api import sync_playwright

    arguments: dict[str, Any] = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**arguments)
        for _ in range(0 if given.images else 3):
            page = browser.new_page()
            server, address, begun = start()
            try:
                ready(page, address)
                print(f"from the command to the first table: {time.monotonic() - begun:.2f} s")
            finally:
                server.terminate()
                server.wait()
                page.close()
        server, address, _ = start()
        try:
            page = browser.new_page()
            ready(page, address)
            if given.images:
                images(page, address)
                return
            if given.training:
                other = browser.new_page()
                ready(other, f"{address}/#images")
                other.locator("[data-test=train]").click()
                page.wait_for_timeout(4000)
            for units in (2, 4, 5):
                print(f"slider to table, {4**units} rows: {moves(page, units)}", flush=True)
        finally:
            server.terminate()
            server.wait()
        browser.close()


if __name__ == "__main__":
    main()
