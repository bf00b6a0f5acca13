"""Chapter 3 in a real browser: the draws agree with the probabilities shown, and the visits with the table."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import harmonium as hm
from harmonium import lecture
from tests.lab.waiting import address, wait_equal, wait_motion, wait_still

pytestmark = pytest.mark.slow  # a browser's pages take seconds each

LECTURE = hm.RBM(hm.Binary([0.0, 0.0]), hm.Binary([0.0, 0.0]), np.full((2, 2), 0.5))


def press(page: Any, test: str) -> None:
    page.locator(f"[data-test='{test}']").click()


def number(page: Any, test: str, name: str) -> float:
    return float(page.locator(f"[data-test='{test}']").get_attribute(f"data-{name}"))


def wait_half(page: Any, half: int) -> None:
    page.wait_for_selector(f"[data-test=sample][data-half='{half}']")


def wait_sweeps(page: Any, sweeps: int) -> None:
    page.wait_for_selector(f"[data-test=sweeps][data-sweeps='{sweeps}']")


def shown_bits(page: Any, layer: str) -> str:
    return "".join(page.eval_on_selector_all(f"[data-test^=bit-{layer}-] b", "all => all.map(b => b.innerText)"))


def shown_draws(page: Any, layer: str) -> list[tuple[float, float]]:
    found = page.eval_on_selector_all(
        f"[data-test^=draw-{layer}-]", "all => all.map(c => [c.dataset.p, c.dataset.u, c.innerText])"
    )
    draws = []
    for p, u, text in found:
        p_text, u_text = re.search(r"p (\d\.\d+)", text).group(1), re.search(r"u\s+(\d\.\d+)", text).group(1)
        assert float(p_text) == pytest.approx(float(p), abs=0.5001e-3)
        assert float(u_text) == pytest.approx(float(u), abs=0.5001e-3)
        draws.append((float(p), float(u)))
    return draws


def visits(page: Any, test: str = "visits") -> dict[str, tuple[float, float, float]]:
    """Rows shown: frequency, standard error, probability."""
    rows = page.eval_on_selector_all(
        f"[data-test={test}] tbody tr", "all => all.map(r => [r.dataset.test, r.dataset.f, r.dataset.e, r.dataset.p])"
    )
    return {name.removeprefix(f"{test}-"): (float(f), float(e), float(p)) for name, f, e, p in rows}


def test_each_half_step_draws_by_the_probabilities_shown(open_page):
    page = open_page("#chain")
    wait_half(page, 0)
    assert shown_bits(page, "v") == "00"
    assert shown_bits(page, "h") == "??"
    for half in range(1, 12):
        given = shown_bits(page, "v" if half % 2 else "h")
        press(page, "chain-half")
        wait_half(page, half)
        layer = "h" if half % 2 else "v"
        draws = shown_draws(page, layer)
        conditional = lecture.conditional(LECTURE, [int(x) for x in given], given_is_visible=layer == "h")
        np.testing.assert_allclose([p for p, _ in draws], conditional.unit_probability, rtol=1e-6)
        assert shown_bits(page, layer) == "".join(str(int(u < p)) for p, u in draws)
    assert number(page, "sweeps", "sweeps") == 5
    assert sum(round(5 * f) for f, _, _ in visits(page).values()) == 5


def test_a_chance_opens_as_its_sum(open_page):
    page = open_page("#chain?w=1,2;3,4&a=0,0&b=0.5,0&x=" + '{"chain":{"start":"01"}}')
    press(page, "chain-half")
    wait_half(page, 1)
    page.locator("[data-test=draw-h-0] button").click()
    panel = page.locator("[data-test=draw-h-0] .sum-panel")
    text = panel.inner_text()
    assert "S, their sum" in text
    assert "3.5000" in text
    assert f"{1 / (1 + np.exp(-3.5)):.4f}" in text
    page.keyboard.press("Escape")
    panel.wait_for(state="detached")


def test_after_ten_thousand_sweeps_the_frequencies_are_the_table_s_within_their_errors(open_page):
    page = open_page("#chain")
    for press_this, sweeps in (("chain-half", 0), ("chain-1", 1), ("chain-100", 101), ("chain-10000", 10_101)):
        press(page, press_this)
        wait_sweeps(page, sweeps)
    shown, table = visits(page), lecture.table(LECTURE)
    assert len(shown) == 16
    theirs = lecture.chain(LECTURE, [0, 0], 10_101, seed=0).frequency
    for (name, (f, error, p)), exact, same in zip(shown.items(), table.joint.probability, theirs, strict=True):
        assert p == pytest.approx(exact, rel=1e-9)
        assert abs(f - p) < 5 * error, name
        assert 0 < error < 0.01
        assert f == pytest.approx(same, abs=1e-12)
    press(page, "terminal")
    command = page.locator("[data-test=terminal-text]").inner_text()
    assert command == 'harmonium chain --weights "0.5 0.5; 0.5 0.5" --start 00 --sweeps 10101 --seed 0'
    press(page, "chain-reset")
    wait_sweeps(page, 0)
    assert shown_bits(page, "h") == "??"


def test_it_runs_and_stops(open_page):
    page = open_page("#chain")
    press(page, "chain-1")
    wait_sweeps(page, 1)
    press(page, "chain-run")
    page.wait_for_function("Number(document.querySelector('[data-test=sweeps]').dataset.sweeps) > 10")
    press(page, "chain-run")
    wait_still(page, lambda: number(page, "sweeps", "sweeps"))


def test_a_change_of_the_machine_starts_anew(open_page):
    page = open_page("#chain")
    press(page, "chain-100")
    wait_sweeps(page, 100)
    page.locator("[data-test=temperature]").fill("0.5")
    wait_sweeps(page, 0)
    press(page, "chain-100")
    wait_sweeps(page, 100)
    theirs = lecture.chain(LECTURE, [0, 0], 100, seed=0, temperature=0.5).frequency
    np.testing.assert_allclose([f for f, _, _ in visits(page).values()], theirs, atol=1e-12)
    page.locator("[data-test=size-v]").select_option("3")
    wait_sweeps(page, 0)
    page.wait_for_function("document.querySelectorAll('[data-test=visits] tbody tr').length === 32")
    assert shown_bits(page, "v") == "000"


def test_the_link_has_start_and_seed_but_no_counts(open_page):
    page = open_page("#chain")
    press(page, "start-1")
    page.locator("[data-test=seed]").fill("17")
    press(page, "chain-100")
    wait_sweeps(page, 100)
    first = visits(page)
    again = open_page(address(page))
    assert number(again, "sweeps", "sweeps") == 0
    assert shown_bits(again, "v") == "01"
    press(again, "chain-100")
    wait_sweeps(again, 100)
    assert visits(again) == first
    theirs = lecture.chain(LECTURE, [0, 1], 100, seed=17).frequency
    np.testing.assert_allclose([f for f, _, _ in first.values()], theirs, atol=1e-12)


def test_large_tables_are_shown_as_maps_and_their_top_rows(open_page):
    w = ";".join([",".join(["0.4"] * 5)] * 5)
    page = open_page(f"#chain?w={w}&a=0,0,0,0,0&b=0,0,0,0,0")
    press(page, "chain-10000")
    wait_sweeps(page, 10_000)
    assert len(visits(page)) == 24
    assert page.locator("[data-test=map-visits]").is_visible()
    page.get_by_label("v alone").check(force=True)
    page.wait_for_selector("[data-test=visits-v]")
    assert len(visits(page, "visits-v")) == 32
    assert all(abs(f - p) < 5 * error for f, error, p in visits(page, "visits-v").values())


def test_many_chains_come_to_the_table(open_page):
    page = open_page("#chain")
    page.wait_for_selector("[data-test=many-v-00]")
    page.wait_for_function("document.querySelector('[data-test=many-v-00]').dataset.f === '1'")
    press(page, "many-100")
    page.wait_for_function("document.querySelector('[data-test=many-v-00]').dataset.f < 0.9")
    assert all(abs(f - p) < 5 * error for f, error, p in visits(page, "many-v").values())


def test_gibbs_does_not_cross_between_cold_modes_and_tempering_does(open_page):
    page = open_page("#chain")
    press(page, "two-modes")
    page.wait_for_function("Number(document.querySelector('[data-test=share-exact]')?.dataset.upper) > 0.6")
    page.wait_for_selector("[data-test=rung-5]")
    press(page, "modes-10000")
    page.wait_for_selector("[data-test=share-tempering][data-sweeps='10000']")
    assert number(page, "share-gibbs", "upper") == 0
    assert number(page, "share-gibbs", "crossings") == 0
    assert number(page, "share-tempering", "crossings") > 500
    assert abs(number(page, "share-tempering", "upper") - number(page, "share-exact", "upper")) < 0.1
    wait_equal(page, page.locator("[data-test^=exchange-]").count, 5)


def test_the_keyboard_alone_tosses(open_page):
    page = open_page("#chain")
    page.locator("[data-test=chain-half]").focus()
    page.keyboard.press("Enter")
    wait_half(page, 1)
    page.keyboard.press("Space")
    wait_half(page, 2)


def flight(page: Any, layer: str) -> str:
    return page.eval_on_selector(f"[data-test=draw-{layer}-0] .ball", "ball => getComputedStyle(ball).animationName")


def test_random_numbers_fly_one_by_one_and_not_for_those_who_want_no_motion(open_page):
    page = open_page("#chain")
    press(page, "chain-half")
    wait_half(page, 1)
    assert flight(page, "h") == "fly"
    press(page, "chain-100")
    wait_sweeps(page, 100)
    assert flight(page, "h") == flight(page, "v") == "none"
    page.emulate_media(reduced_motion="reduce")
    press(page, "chain-1")
    wait_sweeps(page, 101)
    assert flight(page, "h") == "none"


def test_the_network_beside_shows_where_the_chain_is(open_page):
    page = open_page("#chain")
    for half in (1, 2, 3):
        press(page, "chain-half")
        wait_half(page, half)
        for layer in "vh":
            for i, bit in enumerate(shown_bits(page, layer)):
                assert page.locator(f"[data-test=unit-{layer}-{i}] .name").text_content() == bit


@pytest.mark.parametrize("scheme", ["dark"])
def test_axe_finds_no_serious_fault_in_a_chain_at_work(open_page, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page("#chain", color_scheme=scheme, reduced_motion="reduce")
    press(page, "two-modes")
    page.wait_for_selector("[data-test=rung-5]")
    press(page, "modes-100")
    press(page, "chain-1")
    press(page, "many-1")
    page.wait_for_selector("[data-test=share-tempering][data-crossings]")
    wait_motion(page)
    found = axe.Axe().run(page).response["violations"]
    serious = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, "\n".join(serious)


def test_settings_of_a_link_that_make_no_sense_do_no_harm(open_page):
    page = open_page('#chain?x={"chain":{"start":"9","chains":"many","rungs":-3,"count":[]}}')
    wait_half(page, 0)
    assert shown_bits(page, "v") == "00"
    press(page, "chain-1")
    wait_sweeps(page, 1)
