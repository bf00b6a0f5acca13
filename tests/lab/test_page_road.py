"""Chapter 2 in a real browser: the lecture's numbers by clicking alone, both roads, and the derivation that unfolds."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium import exact, lecture

pytestmark = pytest.mark.slow  # a browser's pages take seconds each

LECTURE = hm.RBM(hm.Binary([0.0, 0.0]), hm.Binary([0.0, 0.0]), np.full((2, 2), 0.5))
STEPS = 6
ALL_OPEN = "x=%7B%22road%22:%7B%22steps%22:6%7D%7D"


def of(page, test: str):
    return page.locator(f"[data-test='{test}']")


def text(page, test: str) -> str:
    return of(page, test).inner_text().replace("−", "-")


def wait_text(page, test: str, expected: str) -> None:
    page.wait_for_function(
        "([test, said]) => document.querySelector(`[data-test='${test}']`)?.innerText.replaceAll('−', '-').includes(said)",
        arg=[test, expected],
        timeout=10_000,
    )


def rows(page, table: str, prefix: str) -> dict[str, list[str]]:
    """The rows of a table as shown: name to the texts of its cells."""
    found = page.eval_on_selector_all(
        f"[data-test='{table}'] tr[data-test^='{prefix}-']",
        "rows => rows.map(r => [r.dataset.test, ...[...r.cells].map(c => c.innerText)])",
    )
    return {name.removeprefix(f"{prefix}-"): [cell.replace("−", "-") for cell in cells] for name, *cells in found}


def assert_both_roads_are(page, rbm: hm.RBM, temperature: float = 1.0) -> None:
    joint = lecture.table(rbm, temperature).joint
    shown = rows(page, "both-roads", "both")
    assert len(shown) == len(joint.v)
    for v, h, p in zip(joint.v, joint.h, joint.probability, strict=True):
        name = "-".join("".join(str(int(x)) for x in bits) for bits in (v, h))
        _, share, road, energies, difference, _ = shown[name]
        assert road == energies
        assert float(road) == pytest.approx(p, abs=0.501e-9)
        assert abs(float(difference)) < 1e-15
        of_v = joint.probability[(joint.v == v).all(axis=1)].sum()
        assert float(share) == pytest.approx(p / of_v, abs=0.501e-9)


def test_the_lecture_s_numbers_by_clicking_alone(open_page):
    page = open_page()
    of(page, "to-road").click()
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
    # Another row, the same quotient.
    of(page, "divide-11").get_by_role("radio").check()
    wait_text(page, "denominator", "0.387455619")
    assert (text(page, "numerator"), text(page, "quotient")) == ("0.085327431", "0.220225046")
    # The other vectors of the lecture: 1/4 each for v = 00; S = 1 for v = 11.
    of(page, "road-v-1").click()
    wait_text(page, "on-0", "0.500000000")
    assert {cells[2] for cells in rows(page, "products", "product").values()} == {"0.250000000"}
    of(page, "road-v-0").click()
    of(page, "road-v-1").click()
    wait_text(page, "on-0", "0.731058579")
    assert [cells[2] for cells in rows(page, "products", "product").values()] == [
        "0.072329488",
        "0.196611933",
        "0.196611933",
        "0.534446645",
    ]
    assert text(page, "input-1") == "1"


def test_both_roads_agree_whichever_row_is_divided(open_page):
    page = open_page("#road")
    wait_text(page, "quotient", "0.220225046")
    assert_both_roads_are(page, LECTURE)
    assert [text(page, f"marginal-{v}").split("= ")[1] for v in ("00", "01", "10", "11")] == [
        "0.125560831",
        "0.220225046",
        "0.220225046",
        "0.433989077",
    ]
    of(page, "divide-10").click()
    page.locator("[data-test=both-01-10] .spent").wait_for()
    assert_both_roads_are(page, LECTURE)


def test_after_a_change_every_number_is_the_library_s(open_page):
    page = open_page(f"#road?{ALL_OPEN}")
    wait_text(page, "step", "0.016810676")
    for test, value in {"w-1-0": "-1.25", "w-0-1": "2", "a-0": "0.3", "b-1": "-0.75", "temperature": "0.8"}.items():
        of(page, test).fill(value)
    changed = hm.RBM(hm.Binary([0.3, 0.0]), hm.Binary([0.0, -0.75]), np.array([[0.5, 2.0], [-1.25, 0.5]]))
    found = lecture.conditional(changed, [0, 1], temperature=0.8)
    wait_text(page, "quotient", f"{found.marginal:.9f}")
    wait_text(page, "p", f"{found.marginal:.9f}")
    page.wait_for_timeout(300)
    assert [text(page, f"input-{j}") for j in range(2)] == ["-1.25", "-0.25"]
    assert [text(page, f"on-{j}") for j in range(2)] == [f"{p:.9f}" for p in found.unit_probability]
    assert [c[2] for c in rows(page, "products", "product").values()] == [f"{p:.9f}" for p in found.conditional]
    assert [c[2] for c in rows(page, "one-row", "divide").values()] == [f"{p:.9f}" for p in found.from_energy]
    assert_both_roads_are(page, changed, 0.8)
    positive, negative = _terms(changed, 0.8, [0, 1])
    assert text(page, "term-A") == f"{positive[1, 0]:.9f}"
    assert text(page, "term-B") == f"{negative[1, 0]:.9f}"
    step = 0.1 / 0.8 * (positive - negative)
    assert float(text(page, "step")) == pytest.approx(step[1, 0], abs=0.501e-9)
    for i, j in np.ndindex(2, 2):
        assert float(text(page, f"steps-{i}-{j}")) == pytest.approx(step[i, j], abs=0.501e-9)
    assert float(text(page, "measured")) == pytest.approx(step[1, 0] / 0.1, abs=1e-6)
    log_z = exact.log_partition(exact.at_temperature(changed, 0.8))
    assert float(text(page, "sum-free")) == pytest.approx(np.exp(log_z), rel=1e-9)
    assert float(text(page, "log-p")) == pytest.approx(np.log(found.marginal), abs=0.501e-9)


def _terms(rbm: hm.RBM, temperature: float, v: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The two terms of the weights' slope, from the library's tables."""
    joint = lecture.table(rbm, temperature).joint
    negative = np.einsum("n,ni,nj->ij", joint.probability, joint.v, joint.h)
    return np.outer(v, lecture.conditional(rbm, v, temperature=temperature).unit_probability), negative


def test_the_steps_unfold_one_by_one_and_end_at_the_rule(open_page):
    page = open_page("#road")
    of(page, "unfolded-1").wait_for()
    assert page.locator(".unfolded").count() == 1
    assert text(page, "sum-free") == "31.85706850"
    assert (text(page, "log-p"), text(page, "p")) == ("-1.513105320", "0.220225046")
    for step in range(2, STEPS + 1):
        # By keyboard alone; the focus goes on to the new step.
        of(page, "unfold").press("Enter")
        of(page, f"unfolded-{step}").wait_for()
        assert page.locator(".unfolded").count() == step
        page.wait_for_function(f"document.activeElement.id === 'road-step-{step - 1}'")
    assert (text(page, "count-held"), text(page, "count-free")) == ("2 of 4", "4 of 16")
    assert (text(page, "term-A"), text(page, "term-B")) == ("0.622459331", "0.454352573")
    assert " ".join(text(page, "term-A-road").split()) == "1 · 0.622459331 = 0.622459331"
    assert (text(page, "slope"), text(page, "measured"), text(page, "step")) == ("+0.168106759", "+0.168107", "+0.016810676")
    # The weights from the unit that is off.
    of(page, "steps-0-1").click()
    wait_text(page, "step", "-0.045435257")
    assert (text(page, "term-A"), of(page, "pair-0-1").get_attribute("aria-pressed")) == ("0.000000000", "true")
    of(page, "road-rate").locator("label").filter(has_text="1").last.click()
    wait_text(page, "step", "-0.454352573")
    # All of it is in the URL.
    page.wait_for_timeout(300)
    again = open_page("/" + page.url.split("/", 3)[3])
    wait_text(again, "step", "-0.454352573")
    of(again, "fold").click()
    assert again.locator(".unfolded").count() == 1


def test_numbers_open_as_their_sums(open_page):
    page = open_page(f"#road?{ALL_OPEN}")
    wait_text(page, "step", "0.016810676")
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
        page.keyboard.press("Escape")
        assert page.locator(".sum-panel").count() == 0
    of(page, "term-B").click()
    numbers = [float(x) for x in page.locator(".sum-panel .sum-row .num").all_inner_texts()]
    assert len(numbers) == 17
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=1e-8)


def test_a_row_and_a_weight_light_the_network(open_page):
    page = open_page("#road")
    of(page, "product-10").hover()
    assert "one" in of(page, "unit-h-0").get_attribute("class")
    assert "lit" in of(page, "edge-1-0").get_attribute("class")
    page.mouse.move(5, 5)
    of(page, "pair-0-1").focus()
    page.wait_for_function("document.querySelector('[data-test=edge-0-1]').classList.contains('lit')")


def test_every_size_and_the_coldest_machine(open_page):
    page = open_page(f"#road?{ALL_OPEN}")
    for visible, hidden in ((1, 1), (5, 5), (1, 5), (5, 1), (2, 2)):
        of(page, "size-v").select_option(str(visible))
        of(page, "size-h").select_option(str(hidden))
        page.wait_for_function(
            "n => document.querySelectorAll('[data-test=products] tbody tr').length === n"
            " && document.querySelectorAll('[data-test=one-row] tbody tr').length === n",
            arg=2**hidden,
        )
        page.wait_for_function(
            "n => document.querySelectorAll('[data-test=both-roads] tr[data-test]').length === n",
            arg=min(64, 2 ** (visible + hidden)),
        )
        wait_text(page, "count-free", f"of {2 ** (visible + hidden)}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    link = "#road?w=20,-20,20;20,20,-20;-20,20,20&a=20,-20,20&b=-20,20,20&T=0.05&target=010&"
    cold = open_page(link + ALL_OPEN, width=400)
    wait_text(cold, "log-p", "-1998.6137")
    assert (text(cold, "sum-free"), text(cold, "p")) == ("e^2400.000000000", "e^-1998.6137")
    assert "NaN" not in cold.locator("article").inner_text()
    assert cold.evaluate("document.documentElement.scrollWidth") <= 400


def test_what_a_broken_link_brings_gives_way(open_page):
    page = open_page(
        "#road?x=%7B%22road%22:%7B%22steps%22:%22all%22,%22pair%22:[7,-1],%22row%22:%22xyz%22,%22rate%22:1e9%7D%7D"
    )
    wait_text(page, "quotient", "0.220225046")
    assert page.locator(".unfolded").count() == 1
    assert of(page, "pair-1-0").get_attribute("aria-pressed") == "true"


def test_the_tasks_tick_themselves_off(open_page):
    page = open_page("#road")
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


@pytest.mark.parametrize("scheme", ["dark"])
def test_axe_finds_no_serious_fault_with_all_steps_unfolded(open_page, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(f"#road?{ALL_OPEN}")
    page.emulate_media(color_scheme=scheme)
    wait_text(page, "step", "0.016810676")
    of(page, "term-A").click()
    page.wait_for_timeout(300)
    found = axe.Axe().run(page).response["violations"]
    faults = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not faults, "\n".join(f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in faults)
