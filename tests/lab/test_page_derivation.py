"""Chapter 7 in a real browser: the derivation unfolds line by line, with the library's numbers for the machine shown."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium import exact, gradients, lecture
from tests.lab.elements import of, text, wait_text
from tests.lab.waiting import address, wait_effects, wait_equal, wait_motion

pytestmark = pytest.mark.slow  # a browser's pages take seconds each

LINES = 14
ALL_OPEN = "x=%7B%22derivation%22:%7B%22lines%22:14%7D%7D"


def test_the_lines_unfold_one_by_one_and_end_at_the_rule(open_page):
    page = open_page("#derivation")
    wait_equal(page, page.locator(".unfolded").count, 1)
    assert text(page, "sum-free") == "31.85706850"
    for line in range(2, LINES + 1):
        # By keyboard alone; the focus goes on to the new line.
        of(page, "unfold").press("Enter")
        of(page, f"unfolded-{line}").wait_for()
        wait_equal(page, page.locator(".unfolded").count, line)
        page.wait_for_function(f"document.activeElement.id === 'line-{line}'")
    assert (text(page, "sum-held"), text(page, "p"), text(page, "log-p")) == ("7.015724370", "0.220225046", "-1.513105320")
    assert (text(page, "count-held"), text(page, "count-free")) == ("2 of 4", "4 of 16")
    assert (text(page, "term-A"), text(page, "term-B")) == ("0.622459331", "0.454352573")
    assert " ".join(text(page, "term-A-sigmoid").split()) == "1 · 0.622459331 = 0.622459331"
    assert (text(page, "slope"), text(page, "measured"), text(page, "step")) == ("+0.168106759", "+0.168107", "+0.016810676")
    # The lecture changes the weights only; the biases would take these steps.
    assert (text(page, "step-a"), text(page, "step-b")) == ("+0.034578588", "-0.003175479")
    # The weights from the unit that is off.
    of(page, "steps-0-1").click()
    wait_text(page, "step", "-0.045435257")
    assert (text(page, "term-A"), of(page, "pair-0-1").get_attribute("aria-pressed")) == ("0.000000000", "true")
    of(page, "derived-rate").get_by_label("1", exact=True).check()
    wait_text(page, "step", "-0.454352573")
    # All of it is in the URL.
    again = open_page(address(page))
    wait_text(again, "step", "-0.454352573")
    of(again, "fold").click()
    wait_equal(again, again.locator(".unfolded").count, 1)


def test_after_a_change_every_number_is_the_library_s(open_page):
    page = open_page(f"#derivation?{ALL_OPEN}")
    for test, value in {"w-1-0": "-1.25", "w-0-1": "2", "a-0": "0.3", "b-1": "-0.75", "temperature": "0.8"}.items():
        of(page, test).fill(value)
    changed = hm.RBM(hm.Binary([0.3, 0.0]), hm.Binary([0.0, -0.75]), np.array([[0.5, 2.0], [-1.25, 0.5]]))
    found = lecture.conditional(changed, [0, 1], temperature=0.8)
    wait_text(page, "p", f"{found.marginal:.9f}")
    joint = lecture.table(changed, 0.8).joint
    assert text(page, "term-A") == f"{found.unit_probability[0]:.9f}"
    assert text(page, "term-B") == f"{joint.probability[(joint.v[:, 1] == 1) & (joint.h[:, 0] == 1)].sum():.9f}"
    (step,) = lecture.steps(changed, [[0, 1]], gradients.exact(), 0.1, temperature=0.8)
    assert float(text(page, "step")) == pytest.approx(step.delta.weights[1, 0], abs=0.501e-9)
    assert float(text(page, "step-a")) == pytest.approx(step.delta.visible.bias[1], abs=0.501e-9)
    assert float(text(page, "step-b")) == pytest.approx(step.delta.hidden.bias[0], abs=0.501e-9)
    for i, j in np.ndindex(2, 2):
        assert float(text(page, f"steps-{i}-{j}")) == pytest.approx(step.delta.weights[i, j], abs=0.501e-9)
    assert float(text(page, "measured")) == pytest.approx(step.delta.weights[1, 0] / 0.1, abs=1e-6)
    log_z = exact.log_partition(exact.at_temperature(changed, 0.8))
    assert float(text(page, "sum-free")) == pytest.approx(np.exp(log_z), rel=1e-9)
    assert float(text(page, "log-p")) == pytest.approx(np.log(found.marginal), abs=0.501e-9)


def test_numbers_open_as_their_sums(open_page):
    page = open_page(f"#derivation?{ALL_OPEN}")
    for test, terms, total in (
        ("sum-held", ["1.000000000", "1.648721271", "1.648721271", "2.718281828"], "7.015724370"),
        ("top-A", ["0", "0", "1.648721271", "2.718281828"], "4.367003099"),
        ("term-A", ["0", "0", "0.235003712", "0.387455619"], "0.622459331"),
        ("count-held", ["0", "0", "1", "1"], "2 of 4"),
        ("slope", ["0.622459331", "-0.454352573"], "0.168106759"),
        ("log-p", ["1.948153968", "-3.461259288"], "-1.513105320"),
    ):
        of(page, test).click()
        shown = page.locator(".sum-panel .sum-row .num").all_inner_texts()
        assert [number.replace("−", "-") for number in shown] == [*terms, total]
        if test == "term-A":  # as the lecture writes it
            assert "(0.051754 / 0.220225) · 1 · 1" in page.locator(".sum-panel").inner_text().replace("\u00a0", " ")
        wait_effects(page)
        page.keyboard.press("Escape")
        page.locator(".sum-panel").wait_for(state="detached")
    of(page, "term-B").click()
    numbers = [float(x) for x in page.locator(".sum-panel .sum-row .num").all_inner_texts()]
    assert len(numbers) == 17
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=1e-8)


def test_a_weight_lights_the_network_and_a_broken_link_gives_way(open_page):
    page = open_page("#derivation?x=%7B%22derivation%22:%7B%22lines%22:%22all%22,%22pair%22:[7,-1],%22rate%22:1e9%7D%7D")
    wait_equal(page, page.locator(".unfolded").count, 1)
    assert of(page, "pair-1-0").get_attribute("aria-pressed") == "true"
    of(page, "pair-0-1").focus()
    page.wait_for_function("document.querySelector('[data-test=edge-0-1]').classList.contains('lit')")


def test_every_size_and_the_coldest_machine(open_page):
    page = open_page(f"#derivation?{ALL_OPEN}")
    for visible, hidden in ((1, 1), (5, 5), (1, 5), (5, 1), (2, 2)):
        of(page, "size-v").select_option(str(visible))
        of(page, "size-h").select_option(str(hidden))
        wait_text(page, "count-free", f"of {2 ** (visible + hidden):,}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    link = "#derivation?w=20,-20,20;20,20,-20;-20,20,20&a=20,-20,20&b=-20,20,20&T=0.05&target=010&"
    cold = open_page(link + ALL_OPEN, width=400)
    wait_text(cold, "log-p", "-1998.6137")
    assert (text(cold, "sum-free"), text(cold, "p")) == ("e^2400.000000000", "e^-1998.6137")
    assert "NaN" not in cold.locator("article").inner_text()
    assert cold.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("scheme", ["dark"])
def test_axe_finds_no_serious_fault_with_all_lines_unfolded(open_page, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(f"#derivation?{ALL_OPEN}")
    page.emulate_media(color_scheme=scheme)
    of(page, "term-A").click()
    wait_motion(page)
    found = axe.Axe().run(page).response["violations"]
    faults = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not faults, "\n".join(f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in faults)
