"""Chapter 4 in a real browser: the lecture's step by clicking alone, sums that open, samples, the cloud, and undo."""

from __future__ import annotations

import numpy as np
import pytest
from statistics_of_tests import z_limit

import harmonium as hm
from harmonium import exact, gradients, lecture
from tests.lab.elements import of, text, wait_text
from tests.lab.waiting import address, eventually, wait_effects, wait_equal

pytestmark = pytest.mark.slow  # a browser's pages take seconds each

LECTURE = hm.RBM(hm.Binary([0.0, 0.0]), hm.Binary([0.0, 0.0]), np.full((2, 2), 0.5))
BEFORE, TENTH, ONE = "0.220225046", "0.230677826", "0.332961042"


def choose(page, test: str, label: str) -> None:
    of(page, test).locator("label").filter(has_text=label).first.click()


def cells(page, test: str) -> list[list[str]]:
    found = page.eval_on_selector_all(
        f"[data-test='{test}'] tbody tr", "rows => rows.map(r => [...r.cells].map(c => c.innerText))"
    )
    return [[cell.replace("−", "-") for cell in row] for row in found]


def test_the_lectures_example_by_clicking_alone(open_page):
    page = open_page()
    of(page, "to-gradient").click()
    wait_text(page, "p-after", TENTH)
    assert text(page, "p-before") == BEFORE
    assert "0.22022505" in page.locator(".gradient .step").inner_text()
    expected = {
        "positive": ("0.000000000", "0.622459331"),
        "negative": ("0.454352573",) * 2,
        "delta": ("-0.045435257", "+0.016810676"),
    }
    for term, values in expected.items():
        for i, j in np.ndindex(2, 2):
            assert text(page, f"{term}-w-{i}-{j}") == values[i]
    choose(page, "rates", "1")
    page.locator("[data-test=rates] label").filter(has_text="1").nth(2).click()
    wait_text(page, "p-after", ONE)
    choose(page, "rates", "0.1")
    wait_text(page, "p-after", TENTH)


def test_every_number_of_the_lectures_second_table(open_page):
    page = open_page("#gradient")
    of(page, "rows").get_by_label("E", exact=True).check()
    assert [row[3] for row in cells(page, "energy-both") if row[0] == row[1] == "11"] == ["-1.942750837"]
    assert text(page, "both-01-01").split()[-2] == "-0.516810676"
    of(page, "rows").get_by_label("e^(−E/T)").check()
    assert text(page, "both-01-01").split()[-3:] == ["1.648721271", "1.676671664", "+0.027950393"]
    assert text(page, "both-total").split()[-3:-1] == ["31.85706850", "31.05877720"]
    of(page, "rows").get_by_label("p(v, h)").check()
    assert "0.053983827" in text(page, "both-01-01")


def test_a_step_is_taken_and_undone(open_page):
    page = open_page("#gradient")
    wait_text(page, "p-after", TENTH)
    of(page, "take").click()
    wait_text(page, "p-before", TENTH)
    assert of(page, "w-0-0").input_value().replace("−", "-") == "0.455"
    wait_equal(page, of(page, "w-1-1").input_value, "0.517")
    taken = lecture.steps(LECTURE, [[0, 1]], gradients.exact(), 0.1, steps=3, freeze_biases=True)
    # Two presses at once are two steps.
    of(page, "take").dblclick()
    wait_text(page, "p-before", f"{np.exp(taken[2].log_probability):.9f}")
    for _ in range(3):
        of(page, "undo").click()
    wait_text(page, "p-before", BEFORE)
    of(page, "redo").click()
    wait_text(page, "p-before", TENTH)


def test_sums_open_and_add_up(open_page):
    page = open_page("#gradient")
    wait_text(page, "p-after", TENTH)
    for test, value, count in (("positive-w-1-0", 0.622459331, 4), ("negative-w-0-1", 0.454352573, 16)):
        of(page, test).locator("button").click()
        rows = page.locator(".sum-panel .sum-rows .sum-row > .num").all_inner_texts()
        assert len(rows) == count
        assert sum(map(float, rows)) == pytest.approx(value, abs=1e-8)
        wait_effects(page)
        page.keyboard.press("Escape")
        page.locator(".sum-panel").wait_for(state="detached")


def test_target_temperature_and_biases_are_respected(open_page):
    page = open_page("#gradient?T=2&w=1,-1;0.5,2&a=0.3,0&b=0,-1")
    of(page, "target-0").focus()
    page.keyboard.press("Space")
    choose(page, "parts", "weights and biases")
    rbm = hm.RBM(hm.Binary([0.3, 0.0]), hm.Binary([0.0, -1.0]), np.array([[1.0, -1.0], [0.5, 2.0]]))
    (step,) = lecture.steps(rbm, [[1, 1]], gradients.exact(), 0.1, temperature=2)
    wait_text(page, "p-after", f"{np.exp(step.log_probability):.9f}")
    for letter, values in (("a", step.delta.visible.bias), ("b", step.delta.hidden.bias)):
        for i, value in enumerate(values):
            assert float(text(page, f"delta-{letter}-{i}")) == pytest.approx(value, abs=0.51e-4)
    before, after = lecture.table(rbm, 2), lecture.table(step.after, 2)
    shown = np.array([[float(row[1]), float(row[2])] for row in cells(page, "visible-both")])
    np.testing.assert_allclose(shown.T, [before.visible.probability, after.visible.probability], atol=0.51e-9)
    for test, label, column in (("energy", "E", "energy"), ("joint", "p(v, h)", "probability")):
        of(page, "rows").get_by_label(label, exact=True).check()
        shown = np.array([[float(x) for x in row[2:4]] for row in cells(page, f"{test}-both")])
        np.testing.assert_allclose(shown.T, [getattr(table.joint, column) for table in (before, after)], atol=0.51e-9)


def test_repeated_until_it_is_learned(open_page):
    page = open_page("#gradient")
    page.locator("[data-test=rates] label").nth(2).click()
    wait_text(page, "p-after", ONE)
    wait_equal(page, of(page, "learned").count, 0)
    of(page, "repeat-100").click()
    of(page, "learned").wait_for()
    of(page, "way").locator("canvas").wait_for()
    steps = lecture.steps(LECTURE, [[0, 1]], gradients.exact(), 1, steps=100, freeze_biases=True)
    assert float(text(page, "p-before")) == pytest.approx(np.exp(steps[-1].log_probability), abs=1e-8)
    of(page, "undo").click()
    wait_text(page, "p-before", BEFORE)
    wait_equal(page, of(page, "learned").count, 0)


def test_slow_motion_samples_one_layer_at_a_time(open_page):
    page = open_page("#gradient?seed=3")
    of(page, "sample").wait_for()
    for number in (1, 2, 3):
        assert "?" in text(page, f"stage-{number}")
        of(page, "sample").click()
        assert "?" not in text(page, f"stage-{number}")
    bits = [
        page.eval_on_selector_all(f"[data-test=stage-{n}] .drawn-bit", "all => all.map(x => Number(x.innerText))")
        for n in range(4)
    ]
    for layer, n in ((1, 0), (2, 1), (3, 2)):
        given, is_visible = bits[n], n != 1
        from_sigmoids = lecture.conditional(LECTURE, given, is_visible)
        shown = page.eval_on_selector_all(f"[data-test=stage-{layer}] .drawn", "all => all.map(x => x.innerText)")
        for unit, (said, p) in enumerate(zip(shown, from_sigmoids.unit_probability, strict=True)):
            assert f"{p:.4f}" in said
            assert (float(said.split("u = ")[1]) < p) == bool(bits[layer][unit])
    for i, j in np.ndindex(2, 2):
        change = bits[0][i] * bits[1][j] - bits[2][i] * bits[3][j]
        assert float(text(page, f"update-w-{i}-{j}")) == pytest.approx(0.1 * change)
    after = text(page, "cd-after")
    of(page, "apply").click()
    wait_text(page, "p-before", after)
    of(page, "undo").click()
    wait_text(page, "p-before", BEFORE)


@pytest.mark.parametrize("method", ["CD-1", "PCD"])
def test_the_clouds_mean_agrees_with_the_exact_expectation(open_page, method):
    page = open_page("#gradient")
    of(page, "strong").click()
    choose(page, "method", method)
    wait_text(page, "p-before", "0.4")
    page.locator(".by-parameter summary").click()
    strong = hm.RBM(hm.Binary([0.0, 0.0]), hm.Binary([0.0, 0.0]), np.array([[3.0, -3.0], [-3.0, 3.0]]))
    (step,) = lecture.steps(strong, [[0, 1]], gradients.exact(), 1, freeze_biases=True)

    def check() -> None:
        rows = np.array([[float(x) for x in row[1:]] for row in cells(page, "by-parameter")])
        assert len(rows) == 4
        gradient, expected, mean, error = rows.T
        np.testing.assert_allclose(gradient, np.ravel(step.delta.weights), atol=0.51e-6)
        assert np.abs((mean - expected) / error).max() < z_limit(4)
        bias = float(text(page, "bias"))
        assert bias == pytest.approx(np.linalg.norm(expected - gradient), abs=1e-4)
        assert (bias > 0.5) == (method == "CD-1")
        assert "1000 updates" in of(page, "plane-all").locator("svg").get_attribute("aria-label")
        if method == "CD-1":
            assert float(text(page, "bias-1")) == pytest.approx(np.linalg.norm(expected - gradient), abs=2e-6)
        assert float(text(page, "gap-model")) == 0

    eventually(page, check)  # the cloud follows when the hand has stopped


def test_a_link_restores_the_chapter(open_page):
    page = open_page("#gradient")
    page.locator("[data-test=rates] label").nth(2).click()
    choose(page, "method", "CD-10")
    wait_text(page, "p-after", ONE)
    again = open_page(address(page))
    wait_text(again, "p-after", ONE)
    wait_equal(again, again.locator("[data-test=method] label.on").inner_text, "CD-10")


def test_tasks_tick_themselves_off(open_page):
    page = open_page("#gradient")
    number = of(page, "card-ceiling")
    for said in ("0.9", "0.571"):
        number.locator("input").fill(said)
        number.get_by_role("button", name="check").click()
        assert ("done" in number.get_attribute("class")) == (said == "0.571")
    choice = of(page, "card-average")
    choice.get_by_role("button", name="the bias remains").click()
    assert "done" in choice.get_attribute("class")


@pytest.mark.parametrize(("size", "width"), [(1, 400), (5, 400), (5, 1280)])
def test_every_size_fits_the_screen(open_page, size, width):
    zeros = ",".join(["0.5"] * size)
    page = open_page(f"#gradient?w={';'.join([zeros] * size)}&a={zeros}&b={zeros}&target={'1' * size}", width=width)
    choose(page, "parts", "weights and biases")
    of(page, "rows").get_by_label("p(v, h)").check()
    of(page, "sample-all").click()
    rbm = hm.RBM(*(hm.Binary([0.5] * size) for _ in "vh"), np.full((size, size), 0.5))
    wait_text(page, "p-before", f"{np.exp(exact.log_likelihood(rbm, np.ones(size))):.9f}")
    assert len(cells(page, "joint-both")) == 4**size
    assert page.evaluate("document.documentElement.scrollWidth") <= width
