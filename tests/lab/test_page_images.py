"""Chapter 6 in a real browser: a training is watched, a drawing is answered and completed, model files are played with."""

from __future__ import annotations

import re

import numpy as np
import pytest

import harmonium as hm
from harmonium import exact
from harmonium.lab import bundle
from tests.lab.waiting import eventually, wait_effects, wait_equal, wait_motion, wait_still

pytestmark = pytest.mark.slow  # a browser's pages take seconds each


def at(page, test: str):
    return page.locator(f"[data-test='{test}']")


def text(page, test: str) -> str:
    return re.sub(r"(?<=\d),(?=\d{3})", "", at(page, test).inner_text().replace("−", "-"))


def number(page, test: str) -> float:
    return float(re.search(r"-?\d+(\.\d+)?", text(page, test))[0])


def wait(page, condition: str, argument=None) -> None:
    page.wait_for_function(condition, arg=argument)


def step_above(page, step: int) -> None:
    wait(page, "s => Number(document.querySelector('[data-test=step]')?.innerText.replace(/\\D/g, '')) > s", step)


def begin(page, hidden: int, pace: str = "full") -> None:
    field = at(page, "hidden")
    field.click()
    field.press("Control+a")
    field.press_sequentially(str(hidden))
    field.press("Tab")
    at(page, "pace").locator(f"input[value={pace}]").check(force=True)
    at(page, "train").click()
    at(page, "filters").wait_for()


def phase(page, name: str) -> None:
    wait(page, "name => document.querySelector('[data-test=status]')?.dataset.phase === name", name)


def bits(page, test: str = "pad", name: str = "bits") -> np.ndarray:
    return np.array([float(c) for c in at(page, test).get_attribute(f"data-{name}")])


def downloaded(page, path) -> hm.RBM:
    with page.expect_download() as found:
        at(page, "save").click()
    found.value.save_as(path)
    return hm.load(path)


def stroke(page, *cells: tuple[int, int], test: str = "pad", size: tuple[int, int] = (8, 8)) -> None:
    """Draw through the middles of cells (row, column)."""
    at(page, test).scroll_into_view_if_needed()
    box = at(page, test).locator("canvas").bounding_box()
    for n, (row, column) in enumerate(cells):
        x = box["x"] + (column + 0.5) * box["width"] / size[1]
        y = box["y"] + (row + 0.5) * box["height"] / size[0]
        page.mouse.move(x, y, steps=1 if n == 0 else 4)
        if n == 0:
            page.mouse.down()
    page.mouse.up()


def test_what_is_said_of_an_older_drawing_is_marked_as_such(open_page):
    page = open_page("/#images", reduced_motion="reduce")
    at(page, "answers").wait_for()
    wait(page, "() => !document.querySelector('[data-test=answers]').matches('.stale')")
    page.evaluate("""() => {
      const [pad, answers] = ["pad", "answers"].map(test => document.querySelector(`[data-test=${test}]`));
      new MutationObserver(() => (window.marked = answers.matches(".stale"))).observe(pad, { attributeFilter: ["data-bits"] });
    }""")
    at(page, "clear").click()
    wait(page, "window.marked !== undefined")
    assert page.evaluate("window.marked")
    wait(page, "() => !document.querySelector('[data-test=answers]').matches('.stale')")


def completed(page) -> None:
    """Until the completion shown is that of what is now known, and its chains have run."""
    erased = at(page, "mask").get_attribute("data-erased")
    known = "".join("." if e == "1" else b for b, e in zip(at(page, "mask").get_attribute("data-bits"), erased, strict=True))
    shown = "document.querySelector('[data-test=completion]')?.dataset"
    wait(page, f"known => {{ const d = {shown}; return d?.known === known && d.sweeps === d.most; }}", known)
    wait_effects(page)  # which paint it


def ink(page, test: str) -> list[np.ndarray]:
    """The shade of every pixel of the pictures in `test`, from 0 (paper) to 1, as they are on the page."""
    pictures = page.eval_on_selector_all(
        f"[data-test={test}] canvas.picture",
        """(all) => all.map((c) => {
          const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
          return [...data].filter((_, i) => i % 4 === 0);
        })""",
    )
    dark = page.evaluate(
        "parseInt(getComputedStyle(document.documentElement).getPropertyValue('--ink').trim().slice(1, 3), 16)"
    )
    return [(255 - np.array(values)) / (255 - dark) for values in pictures]


def assert_accessible(page) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        wait_motion(page)
        found = axe.Axe().run(page).response["violations"]
        serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
        assert not serious, [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in serious]


def test_a_training_is_watched_paused_closed_and_its_machine_answers_a_drawing(open_page, tmp_path):
    page = open_page("/#images")
    begin(page, 8, "steady")
    first = number(page, "valid")
    wait_equal(page, at(page, "filters").locator("button").count, 8)
    wait_equal(page, at(page, "fantasies").locator("canvas").count, 24)
    wait_equal(page, at(page, "likelihood").locator("canvas").count, 1)
    wait_equal(page, at(page, "gap").locator("canvas").count, 1)
    at(page, "pace").locator("input[value=full]").check(force=True)
    step_above(page, 800)
    assert number(page, "valid") > first + 0.5

    at(page, "pause").click()
    phase(page, "paused")
    stopped = wait_still(page, lambda: text(page, "step"))
    at(page, "play").click()
    step_above(page, int(stopped))
    at(page, "stop").click()
    phase(page, "done")
    rbm = downloaded(page, tmp_path / "trained.safetensors")
    test = hm.data.load("digits").test
    closing = float(re.search(r"never seen\s+(-[\d.]+) nats", text(page, "closing"))[1])
    assert closing == pytest.approx(exact.log_likelihood(rbm, test).mean(), abs=0.5001e-3)

    # A drawing, by mouse and by keyboard.
    at(page, "clear").click()
    assert bits(page).sum() == 0
    stroke(page, (1, 2), (1, 5), (6, 5))
    drawn = np.zeros((8, 8))
    drawn[1, 2:6] = drawn[1:7, 5] = 1
    np.testing.assert_array_equal(bits(page).reshape(8, 8), drawn)
    pad = at(page, "pad")
    pad.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowDown", "ArrowLeft", " "):
        pad.press(key)
    wait_equal(page, lambda: (bits(page).reshape(8, 8) != drawn).sum(), 1)
    v = bits(page)

    def answered() -> None:
        # The drawing is read anew at each look: the answer may be a moment away.
        def check() -> None:
            assert text(page, "log-probability") == f"{exact.log_likelihood(rbm, bits(page)):.3f}"

        eventually(page, check)

    answered()
    assert number(page, "free-energy") == pytest.approx(float(hm.free_energy(rbm, v)), abs=0.002)
    names = at(page, "hidden-answer").locator("[role=listitem]")
    shown = [float(names.nth(j).get_attribute("aria-label").split(": ")[1]) for j in range(8)]
    np.testing.assert_allclose(shown, hm.hidden_given_visible(rbm, v), atol=0.00501)
    before = at(page, "log-probability").inner_text()
    at(page, "another").click()
    wait(page, "x => document.querySelector('[data-test=log-probability]')?.innerText !== x", before)
    answered()
    assert any(np.array_equal(bits(page), row) for row in test)

    # Half of it erased, and completed with the known half clamped.
    at(page, "erase-lower").click()
    assert bits(page, "mask", "erased").reshape(8, 8)[4:].all()
    completed(page)
    for picture in (*ink(page, "stages"), *ink(page, "singles")):
        np.testing.assert_allclose(picture[:32], bits(page)[:32], atol=0.02)
    assert len(ink(page, "stages")) == 4
    assert all(np.isin(np.round(picture, 2), (0, 1)).all() for picture in ink(page, "singles"))
    stroke(page, (0, 0), (0, 7), test="mask")
    assert bits(page, "mask", "erased").reshape(8, 8)[0].all()
    at(page, "restore").click()
    assert bits(page, "mask", "erased").sum() == 0
    at(page, "erase-lower").click()
    completed(page)
    assert_accessible(page)

    # It is kept while another chapter is read, and so is the drawing.
    v = bits(page)
    at(page, "to-machine").click()
    at(page, "to-images").click()
    phase(page, "done")
    np.testing.assert_array_equal(bits(page), v)
    assert closing == float(re.search(r"never seen\s+(-[\d.]+) nats", text(page, "closing"))[1])


def test_a_larger_machine_says_that_its_likelihood_is_an_estimate(open_page):
    page = open_page("/#images")
    begin(page, 100)
    step_above(page, 20)
    assert "not a log likelihood" in page.locator(".curves").inner_text()
    wait_equal(page, at(page, "valid").count, 0)
    wait(page, "() => document.querySelector('[data-test=valid-pseudo]')")
    wait_equal(page, at(page, "filters").locator("button").count, 64)
    at(page, "stop").click()
    phase(page, "evaluating")
    at(page, "skip").click()
    phase(page, "done")
    wait_equal(page, at(page, "closing").count, 0)
    begin(page, 24)
    step_above(page, 20)
    at(page, "stop").click()
    phase(page, "done")
    said = re.search(r"never seen\s+(-[\d.]+) nats \[(-[\d.]+), (-[\d.]+)\], estimated", text(page, "closing"))
    mean, lower, upper = map(float, said.groups())
    assert lower <= mean <= upper


def test_a_training_goes_on_while_another_chapter_is_read(open_page):
    page = open_page("/#images")
    begin(page, 4)
    at(page, "to-machine").click()
    at(page, "filters").wait_for(state="detached")
    page.wait_for_timeout(500)  # in which it goes on
    at(page, "to-images").click()
    step_above(page, 30)


def test_settings_out_of_range_are_told_in_place(open_page):
    page = open_page("/#images")
    for test, value, said in (
        ("hidden", "101", "from 4 to 100"),
        ("rate", "x", "Type a number"),
        ("seed", "1.5", "whole number"),
    ):
        at(page, test).fill(value)
        assert said in page.get_by_role("alert").inner_text()
        at(page, test).press("Escape")
    wait_equal(page, page.get_by_role("alert").count, 0)


def test_a_machine_trained_beforehand_answers_completes_and_dreams(open_page, watch):
    page = open_page("/#images")
    at(page, "log-probability").wait_for()
    names = at(page, "hidden-answer").locator("[role=listitem]")
    assert names.count() == 20
    assert names.first.locator("canvas").count() == 1
    completed(page)
    before = number(page, "dream-sweeps")
    wait(page, "x => Number(document.querySelector('[data-test=dream-sweeps]').innerText.replace(/\\D/g, '')) > x", before)
    at(page, "dreaming").click()
    wait_still(page, lambda: text(page, "dream-sweeps"))
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    at(page, "dream").click()
    at(page, "another").click()
    completed(page)
    assert not requests


def png(path, dark_on_light: bool = True, size: int = 80) -> np.ndarray:
    """An image of a thick cross on an 8x8 grid, and its bits."""
    bits = np.zeros((8, 8))
    bits[1:7, 3:5] = bits[3:5, 1:7] = 1
    shade = 230 - 200 * bits if dark_on_light else 20 + 200 * bits
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.kron(shade, np.ones((size // 8, size // 8))).astype(np.uint8)).save(path)
    return bits


def test_an_image_of_ones_own_becomes_the_drawing(open_page, tmp_path):
    page = open_page("/#images")
    for dark in (True, False):
        at(page, "clear").click()
        bits_of_image = png(tmp_path / "own.png", dark)
        at(page, "image").set_input_files(tmp_path / "own.png")
        wait(page, "() => document.querySelector('[data-test=pad]').dataset.bits.includes('1')")
        np.testing.assert_array_equal(bits(page).reshape(8, 8), bits_of_image)
    (tmp_path / "notes.png").write_text("no image")
    at(page, "image").set_input_files(tmp_path / "notes.png")
    wait(page, "() => document.querySelector('[data-test=image-problem]')?.innerText.includes('notes.png is not an image')")


def model(path, visible=12, hidden=5, notes=None) -> hm.RBM:
    random = np.random.default_rng(2)
    parts = [random.normal(size=shape) for shape in (visible, hidden, (visible, hidden))]
    rbm = hm.RBM(hm.Binary(parts[0]), hm.Binary(parts[1]), parts[2])
    hm.save(rbm, path, notes=notes)
    return rbm


def test_files_are_played_with_and_bad_ones_refused_in_words(open_page, tmp_path):
    rbm = model(tmp_path / "twelve.safetensors", notes={"image_shape": [3, 4], "trained_on": "crosses"})
    (tmp_path / "corrupt.safetensors").write_bytes((tmp_path / "twelve.safetensors").read_bytes()[:-9])
    (tmp_path / "empty.safetensors").write_bytes(b"")
    page = open_page("/#images")
    for name, said in (
        ("corrupt", "corrupt.safetensors is not a model file, or is damaged"),
        ("empty", "empty.safetensors is not a model file, or is damaged"),
    ):
        at(page, "file").set_input_files(tmp_path / f"{name}.safetensors")
        wait(page, "x => document.querySelector('[data-test=file-problem]')?.innerText.includes(x)", said)
    wait_equal(page, at(page, "file-about").count, 0)
    at(page, "file").set_input_files(tmp_path / "twelve.safetensors")
    at(page, "file-about").wait_for()
    wait_equal(page, at(page, "file-problem").count, 0)
    about = text(page, "file-about")
    assert "12 binary visible and 5 binary hidden units, trained on crosses" in about
    assert "3 by 4 pixels, as the file says" in about
    at(page, "reconstruction").wait_for()
    at(page, "clear").click()
    stroke(page, (0, 0), (0, 3), size=(3, 4))
    expected = f"{exact.log_likelihood(rbm, [1.0] * 4 + [0.0] * 8):.3f}".replace("-", "−")
    wait(page, "x => document.querySelector('[data-test=log-probability]')?.innerText === x", expected)
    at(page, "erase-right").click()
    completed(page)
    wait_equal(page, at(page, "file-filters").locator("button").count, 5)
    at(page, "dreams").locator("canvas").first.wait_for()


def test_the_file_of_the_command_line(open_page, serve_lab, tmp_path):
    rbm = model(tmp_path / "wide.safetensors", visible=400, hidden=30)
    lab = serve_lab(str(tmp_path / "wide.safetensors"))
    page = open_page("?model=wide.safetensors#images", url=lab.url)
    at(page, "file-about").wait_for()
    assert "400 is a square" in text(page, "file-about")
    wait(page, "() => document.querySelector('[data-test=pad]').dataset.bits.includes('1')")
    expected = f"{float(hm.free_energy(rbm, bits(page))):.3f}".replace("-", "−")
    wait(page, "x => document.querySelector('[data-test=free-energy] .num')?.innerText === x", expected)
    wait_equal(page, at(page, "log-probability").count, 0)
    at(page, "dreams").locator("canvas").first.wait_for()
    wait_equal(page, at(page, "file-filters").locator("button").count, 30)


def test_the_page_from_a_disk_computes_without_a_worker(open_page, watch, tmp_path):
    watch.forgive("lab.html")  # the page itself
    (tmp_path / "lab.html").write_text(bundle.page(), encoding="utf-8")
    page = open_page("lab.html#images", url=tmp_path.as_uri())
    at(page, "log-probability").wait_for()
    begin(page, 4)
    step_above(page, 3)
