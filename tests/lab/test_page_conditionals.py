"""Chapter 2 in a real browser: the lecture's numbers by clicking alone, and the table both ways."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium import lecture
from tests.lab.elements import of, text, wait_text
from tests.lab.waiting import eventually

pytestmark = pytest.mark.slow  # a browser's pages take seconds each

LECTURE = hm.RBM(hm.Binary([0.0, 0.0]), hm.Binary([0.0, 0.0]), np.full((2, 2), 0.5))


def rows(page, table: str, prefix: str) -> dict[str, list[str]]:
    """The rows of a table as shown: name to the texts of its cells."""
    found = page.eval_on_selector_all(
        f"[data-test='{table}'] tr[data-test^='{prefix}-']",
        "rows => rows.map(r => [r.dataset.test, ...[...r.cells].map(c => c.innerText)])",
    )
    return {name.removeprefix(f"{prefix}-"): [cell.replace("−", "-") for cell in cells] for name, *cells in found}


def assert_both_ways_are(page, rbm: hm.RBM, temperature: float = 1.0) -> None:
    joint = lecture.table(rbm, temperature).joint

    def check() -> None:
        shown = rows(page, "both-ways", "both")
        assert len(shown) == len(joint.v)
        for v, h, p in zip(joint.v, joint.h, joint.probability, strict=True):
            name = "-".join("".join(str(int(x)) for x in bits) for bits in (v, h))
            _, share, from_sigmoids, energies, difference, _ = shown[name]
            assert from_sigmoids == energies
            assert float(from_sigmoids) == pytest.approx(p, abs=0.501e-9)
            assert abs(float(difference)) < 1e-15
            of_v = joint.probability[(joint.v == v).all(axis=1)].sum()
            assert float(share) == pytest.approx(p / of_v, abs=0.501e-9)

    eventually(page, check)


def test_the_lecture_s_numbers_by_clicking_alone(open_page):
    page = open_page()
    of(page, "to-conditionals").click()
    wait_text(page, "quotient", "0.220225046")
    assert (text(page, "input-0"), text(page, "on-0"), text(page, "on-1")) == ("0.5", "0.622459331", "0.622459331")
    assert [cells[2] for cells in rows(page, "products", "product").values()] == [
        "0.142536957",
        "0.235003712",
        "0.235003712",
        "0.387455619",
    ]
    # 0.031390208 / 0.142536957 = 0.220225046, and the same by all rows added.
    assert (text(page, "numerator"), text(page, "denominator")) == ("0.031390208", "0.142536957")
    assert text(page, "added") == "0.220225046"
    # As printed, the two numbers give the last digit that the lecture has.
    assert text(page, "as-printed") == "0.220225047"
    # Another row, the same quotient.
    of(page, "divide-11").get_by_role("radio").check()
    wait_text(page, "denominator", "0.387455619")
    assert (text(page, "numerator"), text(page, "quotient")) == ("0.085327431", "0.220225046")
    # The other vectors of the lecture: 1/4 each for v = 00; S = 1 for v = 11.
    of(page, "given-v-1").click()
    wait_text(page, "on-0", "0.500000000")
    assert {cells[2] for cells in rows(page, "products", "product").values()} == {"0.250000000"}
    of(page, "given-v-0").click()
    of(page, "given-v-1").click()
    wait_text(page, "on-0", "0.731058579")
    assert [cells[2] for cells in rows(page, "products", "product").values()] == [
        "0.072329488",
        "0.196611933",
        "0.196611933",
        "0.534446645",
    ]
    assert text(page, "input-1") == "1"


def test_both_ways_agree_whichever_row_is_divided(open_page):
    page = open_page("#conditionals")
    wait_text(page, "quotient", "0.220225046")
    assert_both_ways_are(page, LECTURE)
    assert [text(page, f"marginal-{v}").split("= ")[1] for v in ("00", "01", "10", "11")] == [
        "0.125560831",
        "0.220225046",
        "0.220225046",
        "0.433989077",
    ]
    of(page, "divide-10").click()
    page.locator("[data-test=both-01-10] .spent").wait_for()
    assert_both_ways_are(page, LECTURE)


def test_after_a_change_every_number_is_the_library_s(open_page):
    page = open_page("#conditionals")
    wait_text(page, "quotient", "0.220225046")
    for test, value in {"w-1-0": "-1.25", "w-0-1": "2", "a-0": "0.3", "b-1": "-0.75", "temperature": "0.8"}.items():
        of(page, test).fill(value)
    changed = hm.RBM(hm.Binary([0.3, 0.0]), hm.Binary([0.0, -0.75]), np.array([[0.5, 2.0], [-1.25, 0.5]]))
    found = lecture.conditional(changed, [0, 1], temperature=0.8)
    wait_text(page, "quotient", f"{found.marginal:.9f}")
    assert [text(page, f"input-{j}") for j in range(2)] == ["-1.25", "-0.25"]
    assert [text(page, f"on-{j}") for j in range(2)] == [f"{p:.9f}" for p in found.unit_probability]
    assert [c[2] for c in rows(page, "products", "product").values()] == [f"{p:.9f}" for p in found.conditional]
    assert [c[2] for c in rows(page, "one-row", "divide").values()] == [f"{p:.9f}" for p in found.from_energy]
    assert_both_ways_are(page, changed, 0.8)


def test_a_row_lights_the_network(open_page):
    page = open_page("#conditionals")
    of(page, "product-10").hover()
    assert "one" in of(page, "unit-h-0").get_attribute("class")
    assert "lit" in of(page, "edge-1-0").get_attribute("class")


def test_every_size_and_the_coldest_machine(open_page):
    page = open_page("#conditionals")
    for visible, hidden in ((1, 1), (5, 5), (1, 5), (5, 1), (2, 2)):
        of(page, "size-v").select_option(str(visible))
        of(page, "size-h").select_option(str(hidden))
        page.wait_for_function(
            "n => document.querySelectorAll('[data-test=products] tbody tr').length === n"
            " && document.querySelectorAll('[data-test=one-row] tbody tr').length === n",
            arg=2**hidden,
        )
        page.wait_for_function(
            "n => document.querySelectorAll('[data-test=both-ways] tr[data-test]').length === n",
            arg=min(64, 2 ** (visible + hidden)),
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    link = "#conditionals?w=20,-20,20;20,20,-20;-20,20,20&a=20,-20,20&b=-20,20,20&T=0.05&target=010"
    cold = open_page(link, width=400)
    wait_text(cold, "quotient", "e^-1998.6137")
    assert "NaN" not in cold.locator("article").inner_text()
    assert cold.evaluate("document.documentElement.scrollWidth") <= 400


def test_what_a_broken_link_brings_gives_way(open_page):
    page = open_page("#conditionals?x=%7B%22conditionals%22:%7B%22row%22:%22xyz%22%7D%7D")
    wait_text(page, "quotient", "0.220225046")
    assert of(page, "divide-00").get_by_role("radio").is_checked()


def test_the_tasks_tick_themselves_off(open_page):
    page = open_page("#conditionals")
    both = of(page, "card-both-on")
    both.get_by_role("textbox").fill("0.62")
    both.get_by_role("button", name="check").click()
    assert "independent" in both.inner_text()
    both.get_by_role("textbox").fill("0.3875")
    both.get_by_role("button", name="check").click()
    row = of(page, "card-other-row")
    row.get_by_role("button", name="it does not change").click()
    for task in (both, row):
        assert "done" in task.get_attribute("class")
        assert task.locator(".answer").inner_text()
