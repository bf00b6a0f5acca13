"""Chapter 1 and the page around it, in a real browser: what is shown is what the library says."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium import exact, lecture
from tests.lab.elements import text
from tests.lab.waiting import address, eventually, wait_equal

LECTURE = hm.RBM(hm.Binary([0.0, 0.0]), hm.Binary([0.0, 0.0]), np.full((2, 2), 0.5))


def rows_of(page) -> dict[str, list[str]]:
    """The table as shown: `v-h` to the cells' texts."""
    found = page.eval_on_selector_all(
        "[data-test=configurations] tbody tr[data-test]",
        "rows => rows.map(r => [r.dataset.test.slice(4), ...[...r.cells].slice(2, 5).map(c => c.innerText)])",
    )
    return {name: [cell.replace("−", "-") for cell in cells] for name, *cells in found}


def assert_table_is(page, rbm: hm.RBM, temperature: float = 1.0) -> None:
    """Sooner or later: rows out of sight follow when the machine rests."""
    table = lecture.table(rbm, temperature)

    def check() -> None:
        shown = rows_of(page)
        assert len(shown) == len(table.joint.v)
        rows = zip(table.joint.v, table.joint.h, table.joint.energy, table.joint.probability, strict=True)
        for v, h, energy, probability in rows:
            name = "-".join("".join(str(int(x)) for x in bits) for bits in (v, h))
            e_text, _, p_text = shown[name]
            assert float(e_text) == pytest.approx(energy, abs=0.5001e-9)
            assert float(p_text) == pytest.approx(probability, abs=0.5001e-9, rel=6e-3)

    eventually(page, check)


def fill(page, test: str, value: str) -> None:
    page.locator(f"[data-test='{test}']").fill(value)


def test_the_first_screen_is_the_lecture_s_table(open_page):
    page = open_page()
    assert_table_is(page, LECTURE)
    assert text(page, "partition") == "31.85706850"
    assert float(text(page, "log-partition")) == pytest.approx(exact.log_partition(LECTURE), abs=1e-9)
    assert "0.220225046" in page.locator("[data-test='p-v-01']").inner_text()


def test_an_opened_energy_lists_every_term_of_its_sum(open_page):
    """Biases below 1 too: minus the sum of the listed terms is the energy."""
    page = open_page()
    for test, value in {"a-0": "0.5", "b-1": "-0.25", "b-0": "2"}.items():
        fill(page, test, value)
    page.locator("[data-test=row-11-11] button").first.click()
    terms = page.locator(".written li .num").all_inner_texts()
    assert sum(float(x.replace("−", "-")) for x in terms) == pytest.approx(4 * 0.5 + 0.5 - 0.25 + 2)


def test_numbers_typed_and_slid_change_the_table_to_the_library_s(open_page):
    page = open_page()
    for test, value in {"w-0-0": "1.5", "w-0-1": "-1", "a-0": "0.5", "b-1": "-0.25", "temperature": "0.5"}.items():
        fill(page, test, value)
    changed = hm.RBM(hm.Binary([0.5, 0.0]), hm.Binary([0.0, -0.25]), np.array([[1.5, -1.0], [0.5, 0.5]]))
    assert_table_is(page, changed, 0.5)


@pytest.mark.slow
def test_an_edge_is_dragged_and_moved_by_keys_and_undone(open_page):
    page = open_page()
    box = page.locator("[data-test=edge-0-0]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.75
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 50, steps=5)
    page.mouse.up()
    wait_equal(page, page.locator("[data-test=w-0-0]").input_value, "1.5")
    page.locator("[data-test=edge-0-0]").press("ArrowDown")
    wait_equal(page, page.locator("[data-test=w-0-0]").input_value, "1.4")
    page.locator("[data-test=undo]").click()
    wait_equal(page, page.locator("[data-test=w-0-0]").input_value, "0.5")
    page.locator("[data-test=redo]").click()
    wait_equal(page, page.locator("[data-test=w-0-0]").input_value, "1.4")
    page.locator("[data-test=reset]").click()
    assert_table_is(page, LECTURE)


@pytest.mark.slow
def test_a_held_unit_conditions_the_table(open_page):
    page = open_page()
    page.locator("[data-test=unit-v-0]").press("Enter")
    page.locator("[data-test=row-00-00]").wait_for(state="detached")
    joint = lecture.table(LECTURE).joint
    agree = joint.v[:, 0] == 1
    given = joint.probability / joint.probability[agree].sum()

    def check() -> None:
        shown = rows_of(page)
        assert len(shown) == 8
        for v, h, p in zip(joint.v[agree], joint.h[agree], given[agree], strict=True):
            name = "-".join("".join(str(int(x)) for x in bits) for bits in (v, h))
            assert float(shown[name][2]) == pytest.approx(p, abs=0.5001e-9)

    eventually(page, check)


@pytest.mark.slow
def test_every_size_and_the_map_from_64_rows(open_page):
    page = open_page()
    wait_equal(page, page.locator("[data-test=map]").count, 0)
    for visible, hidden in ((1, 1), (3, 3), (5, 5)):
        page.locator("[data-test=size-v]").select_option(str(visible))
        page.locator("[data-test=size-h]").select_option(str(hidden))
        rows = 2 ** (visible + hidden)
        page.wait_for_function(f"document.querySelector('.configurations h3')?.innerText.replace(',', '').includes(' {rows} ')")
        assert len(rows_of(page)) == min(256, 2 ** (visible + hidden))
        wait_equal(page, page.locator("[data-test=map]").count, visible + hidden >= 6)
    page.locator("[data-test=size-v]").select_option("5")
    page.locator("[data-test=size-h]").select_option("5")
    page.get_by_role("button", name="show all").click()
    page.wait_for_function("document.querySelectorAll('[data-test=configurations] tbody tr').length === 1024")


@pytest.mark.slow
def test_a_number_opens_as_its_sum(open_page):
    page = open_page()
    page.locator("[data-test=row-11-11] button").first.click()
    assert "E = −2.000" in page.locator("tr.opened").inner_text()
    page.locator("[data-test=row-11-11] button").nth(2).click()
    assert "0.231944006" in page.locator("tr.opened").inner_text()


@pytest.mark.slow
def test_a_row_lights_its_units(open_page):
    page = open_page()
    page.locator("[data-test=row-01-10] td").first.hover()
    assert "one" in page.locator("[data-test=unit-v-1]").get_attribute("class")
    assert "zero" in page.locator("[data-test=unit-v-0]").get_attribute("class")
    assert "lit" in page.locator("[data-test=edge-1-0]").get_attribute("class")
    page.locator("[data-test=edge-1-1]").focus()
    page.locator("[data-test=edge-0-0] .reach").dispatch_event("pointerenter")
    wait_equal(page, page.locator("[data-test=configurations] tr.lit").count, 4)


@pytest.mark.slow
def test_a_url_holds_the_whole_state(open_page):
    page = open_page()
    fill(page, "w-1-0", "-2.25")
    fill(page, "temperature", "2")
    page.locator("[data-test=unit-h-1]").press("Enter")
    page.locator("[data-test=order] input").nth(3).check()
    assert "w=0.5,0.5;-2.25,0.5" in address(page)
    other = open_page(address(page))
    assert other.locator("[data-test=w-1-0]").input_value().replace("−", "-") == "-2.25"
    wait_equal(other, other.locator("[data-test=temperature]").input_value, "2")
    wait_equal(page, lambda: list(rows_of(other).items()), list(rows_of(page).items()))


@pytest.mark.slow
def test_a_broken_link_is_told_and_the_rest_is_used(open_page):
    page = open_page("/#machine?w=1e9,2;3,4")
    assert "weights are not a table" in page.locator(".error").inner_text()
    assert_table_is(page, LECTURE)
    for link, said in (
        ("#machine?T=-1", "temperature is not a number from 0.05 to 20"),
        ("#nowhere", 'no chapter "nowhere"'),
        ("#machine?x=%7B", "settings cannot be read"),
    ):
        page.evaluate("link => { location.hash = link; }", link)
        page.locator(".error", has_text=said).wait_for()
        assert_table_is(page, LECTURE)


@pytest.mark.slow
def test_bad_numbers_are_told_in_place_and_change_nothing(open_page):
    page = open_page()
    for typed, said in (("1e9", "from −20 to 20"), ("", "Type a number")):
        fill(page, "w-0-0", typed)
        assert said in page.get_by_role("alert").inner_text()
        assert_table_is(page, LECTURE)
        page.locator("[data-test=w-0-0]").press("Escape")
        wait_equal(page, page.get_by_role("alert").count, 0)
    fill(page, "temperature", "-1")
    assert "from 0.05 to 20" in page.get_by_role("alert").inner_text()


@pytest.mark.slow
def test_copies_are_the_same_machine(open_page):
    page = open_page("/#machine?w=1,-2;0.5,0.25&a=0.1,0&b=0,-1&T=2")
    rbm = hm.RBM(hm.Binary([0.1, 0.0]), hm.Binary([0.0, -1.0]), np.array([[1.0, -2.0], [0.5, 0.25]]))
    page.evaluate("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve() }")
    page.locator("[data-test=copy-python]").click()
    page.wait_for_function("window.copied")
    assert "harmonium" in page.evaluate("window.copied")
    page.evaluate("window.copied = ''")
    page.locator("[data-test=copy-command]").click()
    page.wait_for_function("window.copied")
    assert page.evaluate("window.copied").startswith("harmonium table")
    assert_table_is(page, rbm, 2.0)


@pytest.mark.slow
def test_tasks_tick_themselves_off(open_page):
    page = open_page()
    task = page.locator("[data-test=card-zero-energy]")
    task.locator("input").fill("9")
    task.get_by_role("button", name="check").click()
    assert "Not quite" in task.inner_text()
    task.locator("input").fill("7")
    task.get_by_role("button", name="check").click()
    assert "Seven" in task.inner_text()
    assert "done" in task.get_attribute("class")
