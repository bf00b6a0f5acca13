"""Chapter 5 in a real browser: three ways of learning, with the library's figures."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium import exact
from tests.lab import node
from tests.lab.waiting import address, wait_equal, wait_still

pytestmark = pytest.mark.slow  # a browser's pages take seconds each

METHODS = ("exact", "cd", "pcd")
BARS = {"learn": "bars2", "hidden": 4, "rate": 0.3, "scale": 0.5, "chains": 200, "seed": 0}
CURVES = ("curve-likelihood", "curve-divergence", "curve-reconstruction")


def element(page, test: str):
    return page.locator(f"[data-test='{test}']")


def text(page, test: str) -> str:
    return element(page, test).inner_text().replace("\u2212", "-").replace(",", "")


def figures(page) -> dict[str, dict[str, float]]:
    names = ("log_likelihood", "divergence", "wrong_pixels", "flawless")
    return {method: {name: float(text(page, f"{method}-{name}")) for name in names} for method in METHODS}


def go(page, *steps: int) -> None:
    """Press the buttons for so many updates, one after the other."""
    done = int(text(page, "update"))
    for step in steps:
        done += step
        element(page, "step" if step == 1 else f"step-{step}").click()
        page.wait_for_function(f"document.querySelector('[data-test=update]').innerText.replace(/\\D/g, '') === '{done}'")


def fill(page, test: str, value) -> None:
    element(page, test).fill(str(value))


def course(setting: dict, *moves) -> dict:
    """The machines, after so many updates or pairs of a rate and updates, of the engine that the library's tests check."""
    code = """
    const machineOf = (course) => (method) => [method, rbm.machineOf(course.rbms[method], course.rbms[method].theta)];
    let all = set.startTraining(x);
    for (const [rate, updates] of x.moves) all = set.train(all, rate, updates);
    const { rows, share } = all.lesson;
    return { ...Object.fromEntries(training.METHODS.map(machineOf(all.course))), rows, share };"""
    pairs = [move if isinstance(move, tuple) else (setting["rate"], move) for move in moves]
    return node.evaluate(code, **setting, moves=pairs)


def assert_shows(page, found: dict) -> None:
    """Every printed digit, from the machines by the library itself."""
    share = np.array(found["share"])
    rows = np.reshape(found["rows"], (len(share), -1)).astype(float)
    shown = figures(page)
    for method in METHODS:
        machine = found[method]
        rbm = hm.RBM(hm.Binary(machine["a"]), hm.Binary(machine["b"]), machine["weights"])
        log_p = exact.log_likelihood(rbm, rows)
        every = exact.all_states(rbm.visible)
        arrivals = [np.exp(exact.log_reconstruction(rbm, np.tile(v, (len(every), 1)), every)) for v in rows]
        wrong = [arrival @ np.abs(every - v).sum(axis=1) for v, arrival in zip(rows, arrivals, strict=True)]
        assert shown[method]["log_likelihood"] == pytest.approx(share @ log_p, abs=0.5001e-4)
        assert shown[method]["divergence"] == pytest.approx(share @ (np.log(share) - log_p), abs=0.5001e-4)
        assert shown[method]["wrong_pixels"] == pytest.approx(share @ wrong, abs=0.5001e-4)
        same = share @ np.exp(exact.log_reconstruction(rbm, rows, rows))
        assert shown[method]["flawless"] == pytest.approx(same, abs=0.5001e-4)
        column = METHODS.index(method) + 2
        for row, p in zip(rows, np.exp(log_p), strict=True):
            bits = "".join(str(int(x)) for x in row)
            cell = page.locator(f"[data-test='numbers-{bits}'] td").nth(column).text_content()
            assert float(cell.replace("\u2212", "-")) == pytest.approx(p, abs=0.5001e-6, rel=6e-3)


def test_the_exact_gradient_comes_near_the_best_on_bars_and_stripes(open_page):
    page = open_page("/#set")
    assert float(text(page, "best")) == pytest.approx(-np.log(6), abs=0.5001e-4)
    before = figures(page)
    assert all(found == before["exact"] for found in before.values())
    go(page, 1000, 1000, 1000)
    after = figures(page)
    assert after["exact"]["log_likelihood"] > -np.log(6) - 0.08
    for method in METHODS:
        assert after[method]["log_likelihood"] > before[method]["log_likelihood"] + 0.6  # PCD wavers
        assert after[method]["divergence"] == pytest.approx(-np.log(6) - after[method]["log_likelihood"], abs=2e-4)
        assert after[method]["wrong_pixels"] < 0.1


def test_the_figures_are_the_library_s_to_the_printed_digits(open_page):
    page = open_page("/#set")
    assert_shows(page, course(BARS, 0))
    go(page, 1, 10, 100)
    assert_shows(page, course(BARS, 111))


def test_settings_typed_are_those_learned_with(open_page):
    page = open_page("/#set")
    settings = {"hidden": 3, "rate": 1.5, "scale": 0.8, "chains": 7, "seed": 5}
    for name, value in settings.items():
        fill(page, name, value)
    assert text(page, "update") == "0"
    go(page, 10)
    assert_shows(page, course({**BARS, **settings}, 10))
    # A new rate is used from the next update on, and starts nothing anew.
    fill(page, "rate", 0.1)
    go(page, 1)
    assert text(page, "update") == "11"
    assert_shows(page, course({**BARS, **settings}, 10, (0.1, 1)))


def test_cd_loses_likelihood_while_its_reconstructions_improve(open_page):
    page = open_page("/#set")
    element(page, "example-twins").click()
    page.wait_for_function("document.querySelector('[data-test=pattern-111101111]') === null")
    page.wait_for_selector("[data-test=pattern-111111111]")
    go(page, 100, 100)
    early = figures(page)["cd"]
    go(page, 100, 100, 100, 100, 100, 100, 100, 100)
    late = figures(page)
    assert late["cd"]["log_likelihood"] < early["log_likelihood"] - 5
    assert late["cd"]["divergence"] > early["divergence"] + 5
    assert late["cd"]["wrong_pixels"] < early["wrong_pixels"] / 5
    assert late["exact"]["log_likelihood"] > -1
    said = text(page, "seen")
    assert "CD-1 was best at update" in said
    assert f"{late['cd']['log_likelihood']:.3f}"[:5] in said
    assert not said.startswith("Exact")


def test_curves_grow_while_it_plays_and_stop_when_it_pauses(open_page):
    page = open_page("/#set")
    page.locator("[data-test=pace] input").last.check()
    captions = [element(page, curve).locator("figcaption").text_content() for curve in CURVES]
    element(page, "play").click()
    page.wait_for_function("Number(document.querySelector('[data-test=update]').innerText.replace(/\\D/g, '')) > 300")
    element(page, "play").click()
    done = wait_still(page, lambda: text(page, "update"))
    now = [element(page, curve).locator("figcaption").text_content() for curve in CURVES]
    assert all(before != after for before, after in zip(captions, now, strict=True))
    for curve in CURVES:
        wait_equal(page, element(page, curve).locator("canvas").count, 1)
    # Played or pressed, the same updates are the same.
    assert_shows(page, course(BARS, int(done)))
    element(page, "again").click()
    page.wait_for_function("document.querySelector('[data-test=update]').innerText === '0'")
    assert_shows(page, course(BARS, 0))


def test_patterns_are_ticked_dragged_and_typed(open_page):
    page = open_page("/#set")
    page.locator("[data-test=pixels] label").first.click()
    page.wait_for_selector("[data-test=pattern-10]")
    wait_equal(page, page.locator("[data-test=target] .pattern").count, 4)
    wait_equal(page, page.locator("[data-test=target] button[aria-pressed=true]").count, 2)
    page.locator("[data-test=pattern-11] button").click()
    page.wait_for_function("document.querySelectorAll('[data-test=target] button[aria-pressed=true]').length === 3")
    assert text(page, "share") == "0.333333333"
    page.locator("[data-test=pattern-10] button").click()
    page.wait_for_function("document.querySelectorAll('[data-test=target] button[aria-pressed=true]').length === 2")
    box = page.locator("[data-test=pattern-00] .height").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] - 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_function("document.querySelector('[data-test=height]').value === '0.5'")
    fill(page, "height", "2")
    page.wait_for_function("document.querySelector('[data-test=share]').innerText === '0.500000000'")
    page.locator("[data-test=pattern-00] button").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.querySelector('[data-test=height]').value === '0.8'")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('[data-test=share]').innerText === '0.000000000'")
    go(page, 10)
    assert_shows(page, course({**BARS, "learn": "00*2_11"}, 10))


def test_the_last_pattern_stays(open_page):
    page = open_page('/#set?x={"set":{"learn":"01"}}')
    page.locator("[data-test=pattern-01] button").click()
    assert "must remain" in element(page, "target").inner_text()
    assert text(page, "share") == "1.000000000"
    assert float(text(page, "best")) == 0


def test_a_url_restores_the_settings_and_undo_takes_them_back(open_page):
    page = open_page("/#set")
    page.locator("[data-test=pixels] label").nth(1).click()
    page.wait_for_selector("[data-test=pattern-100]")
    fill(page, "hidden", 5)
    fill(page, "rate", 0.7)
    fill(page, "seed", 12)
    go(page, 10)
    other = open_page(address(page))
    for name, value in {"hidden": "5", "rate": "0.7", "seed": "12"}.items():
        wait_equal(other, element(other, name).input_value, value)
    assert text(other, "update") == "0"
    go(other, 10)
    assert figures(other) == figures(page)
    element(page, "undo").click()
    wait_equal(page, element(page, "seed").input_value, "0")
    element(page, "reset").click()
    page.wait_for_selector("[data-test=pattern-1111]")
    wait_equal(page, element(page, "rate").input_value, "0.3")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('{"learn":"01_012"}', "cannot be read"),
        ('{"hidden":99}', "Hidden units must be a whole number from 1 to 12"),
    ],
)
def test_a_bad_link_is_told_and_an_example_mends_it(open_page, settings, said):
    page = open_page(f'/#set?x={{"set":{settings}}}')
    page.wait_for_selector(".chapter .error")
    assert said in page.locator(".chapter .error").inner_text()
    element(page, "example-bars2").click()
    page.wait_for_selector("[data-test=pattern-1111]")
    wait_equal(page, page.locator(".chapter .error").count, 0)
    go(page, 1)


def test_divergence_is_told_in_words(open_page):
    wild = '{"learn":"000000000_111111111","hidden":1,"rate":5,"scale":3,"chains":1}'
    page = open_page(f'/#set?seed=1&x={{"set":{wild}}}')
    page.wait_for_selector("[data-test=pattern-111111111]")
    go(page, 1000)
    for method, name in (("cd", "CD-1"), ("pcd", "PCD-1")):
        said = element(page, f"method-{method}").locator("[role=alert]").inner_text()
        assert said.startswith(f"{name} stopped at update ")
        assert said.endswith("a parameter went beyond \u00b1100. Lower the rate.")
    wait_equal(page, element(page, "method-exact").locator("[role=alert]").count, 0)


def test_every_number_of_pixels_and_every_example_learns(open_page):
    page = open_page("/#set", width=400)
    for place, count in enumerate((4, 8, 16, 32, 14)):
        page.locator("[data-test=pixels] label").nth(place).click()
        page.wait_for_function(f"document.querySelectorAll('[data-test=target] .pattern').length === {count}")
        go(page, 100)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
    for name in ("bars2", "bars3", "twins", "hasty", "uneven"):
        element(page, f"example-{name}").click()
        page.wait_for_function("document.querySelector('[data-test=update]').innerText === '0'")
        assert element(page, f"example-{name}").get_attribute("aria-pressed") == "true"
        go(page, 100)
        wait_equal(page, page.locator(".chapter .error").count, 0)


def test_both_tasks_tick_themselves_off(open_page):
    page = open_page("/#set")
    best = element(page, "card-set-best")
    best.locator("input").fill("-1.79")
    best.get_by_role("button", name="check").click()
    assert "1/6" in best.inner_text()
    fall = element(page, "card-set-fall")
    fall.get_by_role("button", name="near the best").click()
    assert "Not quite" in fall.inner_text()
    fall.get_by_role("button", name="lower than at the start").click()
    assert "one part in a million" in fall.inner_text()


@pytest.mark.parametrize(("width", "columns"), [(400, 8), (500, 8), (768, 8), (1280, 16)])
def test_sixteen_pictures_stand_in_full_rows(open_page, width, columns):
    page = open_page("/#set", width=width, reduced_motion="reduce")
    tops = page.locator(".pattern").evaluate_all("all => all.map(e => Math.round(e.getBoundingClientRect().top))")
    assert [tops.count(top) for top in sorted(set(tops))] == [columns] * (16 // columns)
