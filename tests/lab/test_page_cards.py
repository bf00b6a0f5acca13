"""The cards in a real browser: right is what the library says of the machine shown, and a link makes a worksheet of them."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium import gradients, lecture
from tests.lab.elements import of
from tests.lab.test_page import CHAPTERS
from tests.lab.waiting import wait_equal

RBM = hm.RBM(hm.Binary([0.3, -0.2]), hm.Binary([0.1, -1.0]), np.array([[1.0, -1.0], [0.5, 2.0]]))
MACHINE = "w=1,-1;0.5,2&a=0.3,-0.2&b=0.1,-1&T=2&target=10"
T, TARGET = 2.0, [1, 0]
pytestmark = pytest.mark.slow


def answers() -> dict[str, list[float]]:
    """What the library says to each card of this machine."""
    joint, marginal = (table := lecture.table(RBM, T)).joint, table.visible.probability
    row = ((joint.v == TARGET) & (joint.h == 1)).all(axis=1)
    on = lecture.conditional(RBM, TARGET, temperature=T).unit_probability
    (step,) = lecture.steps(RBM, [TARGET], gradients.exact(), 0.1, temperature=T)
    both = joint.probability[(joint.v[:, 0] == 1) & (joint.h[:, 0] == 1)].sum()
    return {
        "machine/fill-row": [joint.energy[row][0], np.exp(-joint.energy[row][0] / T), joint.probability[row][0]],
        "conditionals/sigmoid": [1.1, on[0]],
        "conditionals/unknowns": list(marginal),
        "chain/one-sample": [float(u < p) for u, p in zip((0.3, 0.65), on, strict=True)],
        "gradient/delta-w11": [on[0], both, step.delta.weights[0, 0]],
        "gradient/delta-biases": [step.delta.visible.bias[0], step.delta.hidden.bias[0]],
    }


def type_answers(page, card: str, values: list[float]) -> None:
    """Three digits each, key by key."""
    for n, value in enumerate(values):
        of(page, f"{card}-{n}").fill("")
        of(page, f"{card}-{n}").press_sequentially(f"{value:.3g}")
    of(page, f"check-{card}").click()


def is_done(page, card: str) -> bool:
    return "done" in of(page, f"card-{card}").get_attribute("class").split()


def wait_done(page, card: str, done: bool) -> None:
    wait_equal(page, lambda: is_done(page, card), done)


def test_three_digits_of_the_librarys_answer_are_right_and_another_is_not(open_page):
    page = open_page(f"#machine?{MACHINE}")
    for place, right in answers().items():
        chapter, card = place.split("/")
        page.evaluate("link => { location.hash = link; }", f"#{chapter}?{MACHINE}&cards={card}")
        of(page, f"check-{card}").wait_for()
        for n in range(len(right)):
            wrong = [x + (0.03 if k == n else 0) for k, x in enumerate(right)]
            type_answers(page, card, wrong)
            page.wait_for_selector(f"[data-test='{card}-{n}'][aria-invalid=true]")
            assert not is_done(page, card)
        assert "Not quite." in of(page, f"card-{card}").inner_text()
        type_answers(page, card, right)
        wait_done(page, card, True)
        # It is done for this machine, and asked again for another with empty fields. The element stays: a new one
        # would have the whole chapter laid out anew at each move of a slider.
        element = of(page, f"card-{card}").element_handle()
        of(page, "temperature").fill("3")
        wait_done(page, card, False)
        assert element.evaluate("e => e.isConnected")
        assert [of(page, f"{card}-{n}").input_value() for n in range(len(right))] == [""] * len(right)


def test_hints_come_one_by_one_and_fractions_are_read(open_page):
    page = open_page("#conditionals?cards=unknowns")
    card = of(page, "card-unknowns")
    type_answers(page, "unknowns", [0.1256])
    assert "Type a number in every field" in card.inner_text()
    card.get_by_role("button", name="hint").click()
    assert "Two of these three" in card.inner_text()
    assert "Divide" not in card.inner_text()
    card.get_by_role("button", name="hint").click()
    assert "Divide" in card.inner_text()
    for n, text in enumerate(("0.031390208/0.25", "0.2202", "0.2202", "0.434")):
        of(page, f"unknowns-{n}").fill(text)
    of(page, "unknowns-3").press("Enter")
    assert is_done(page, "unknowns")
    assert "0.085327431" in card.inner_text()


def test_a_teachers_link_has_the_machine_the_chapter_and_the_cards_and_no_answers(open_page):
    page = open_page(f"#machine?{MACHINE}")
    type_answers(page, "zero-energy", [7])
    assert is_done(page, "zero-energy")
    page.locator(".teachers summary").click()
    of(page, "choose-hotter").check()
    of(page, "choose-zero-energy").check()
    link = of(page, "worksheet-link").get_attribute("href")
    student = open_page(link)
    found = student.eval_on_selector_all(".worksheet .turn", "all => all.map(c => c.dataset.test)")
    assert found == ["card-hotter", "card-zero-energy"]
    assert not is_done(student, "zero-energy")
    wait_equal(student, of(student, "w-1-1").input_value, "2")
    assert not of(student, "configurations").is_visible()
    student.get_by_text("The whole chapter").click()
    assert of(student, "configurations").is_visible()
    wait_equal(student, of(student, "card-hotter").count, 1)
    # Reset brings the lecture's machine back and keeps the worksheet; it can be left, and what is no card is named.
    of(student, "reset").click()
    wait_equal(student, of(student, "w-1-1").input_value, "0.5")
    student.get_by_role("button", name="leave the worksheet").click()
    wait_equal(student, of(student, "worksheet").count, 0)
    wrong = open_page("#machine?cards=hotter,constructor,nothing")
    assert "do not exist here: constructor, nothing." in wrong.get_by_role("alert").inner_text()
    assert of(wrong, "card-hotter").is_visible()
    wrong.get_by_role("button", name="dismiss").click()
    wait_equal(wrong, wrong.get_by_role("alert").count, 0)


def test_every_chapters_cards_can_be_chosen_for_a_worksheet(open_page):
    page = open_page(reduced_motion="reduce")
    for chapter in CHAPTERS:
        of(page, f"to-{chapter}").click()
        page.locator(f"article.{chapter} .teachers summary").click()
        boxes = page.locator(".teachers input[type=checkbox]")
        for n in range(boxes.count()):
            boxes.nth(n).check()
            assert boxes.nth(n).evaluate("box => getComputedStyle(box).opacity") == "1"
            wait_equal(page, page.locator(".teachers :checked").count, n + 1)
