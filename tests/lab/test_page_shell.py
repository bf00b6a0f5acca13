"""The page around its chapters, as people use it: typed key by key, gone through by Back, copied, linked to."""

from __future__ import annotations

import pytest

from tests.lab.waiting import wait_effects, wait_equal, wait_still

pytestmark = pytest.mark.slow

WEIGHT = "[data-test=w-0-0]"


def link_of(page) -> str:
    """The link that holds all of the page's state, as its chapters' links have it at once and its address soon."""
    return page.locator("[data-test=to-machine]").get_attribute("href")


def copied_of(page) -> str:
    """What went to the clipboard last, once it has."""
    page.wait_for_function("window.copied")
    return page.evaluate("window.copied")


def machine_of(page) -> str:
    """The weights in that link."""
    return link_of(page).split("w=")[1].split("&")[0]


def type_over(page, place: str, keys: str) -> None:
    """As a person does: select what is there, then one key after the other."""
    page.locator(place).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(keys)


def test_a_number_typed_key_by_key_is_that_number(open_page):
    page = open_page()
    for keys, value in (
        ("-0.5", "-0.5"),
        ("-0.05", "-0.05"),
        ("\u22120.25", "-0.25"),
        ("0.66666666", "0.66666666"),
        ("0.0123456", "0.0123456"),
        ("-10.25", "-10.25"),
        ("1e-7", "1e-7"),
        (".25", "0.25"),
        ("2,5", "2.5"),
        ("-0", "0"),
    ):
        type_over(page, WEIGHT, keys)
        wait_equal(page, page.locator(WEIGHT).input_value, keys)
        page.keyboard.press("Tab")
        wait_equal(page, lambda: machine_of(page).split(",")[0], value)
        page.locator("[data-test=undo]").click()
        wait_equal(page, lambda: machine_of(page), "0.5,0.5;0.5,0.5")


def test_the_temperature_and_the_chosen_weight_are_typed(open_page):
    page = open_page()
    type_over(page, "[data-test=temperature]", "1.23456")
    wait_equal(page, page.get_by_role("alert").count, 0)
    type_over(page, "[data-test=temperature]", "0.5")
    wait_equal(page, page.get_by_role("alert").count, 0)
    type_over(page, "[data-test=chosen-value]", "12")
    wait_equal(page, page.get_by_role("alert").count, 0)
    wait_equal(page, lambda: machine_of(page).startswith("12,"), True)
    assert "T=0.5&" in link_of(page)
    wait_equal(page, page.locator("[data-test=chosen-value-slider]").input_value, "12")


def test_what_is_no_number_yet_is_complained_of_when_the_field_is_left(open_page):
    page = open_page()
    for keys, said in (("-", "Type a number"), ("0", "from 0.05 to 20"), ("1,000", "without a comma")):
        place = "[data-test=temperature]" if keys == "0" else WEIGHT
        type_over(page, place, keys)
        wait_equal(page, page.get_by_role("alert").count, keys == "1,000")
        page.keyboard.press("Tab")
        assert said in page.get_by_role("alert").inner_text()
        wait_equal(page, lambda: machine_of(page), "1,0.5;0.5,0.5" if keys == "1,000" else "0.5,0.5;0.5,0.5")
        page.locator(place).press("Escape")
        wait_equal(page, page.get_by_role("alert").count, 0)


def test_undo_by_keys_works_in_fields_and_after_sliders_and_not_in_texts(open_page):
    page = open_page()
    type_over(page, WEIGHT, "2")
    page.keyboard.press("Control+z")
    wait_equal(page, page.locator(WEIGHT).input_value, "0.5")
    page.keyboard.press("Control+Shift+z")
    wait_equal(page, page.locator(WEIGHT).input_value, "2")
    page.locator("[data-test=temperature-slider]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+z")
    wait_equal(page, page.locator("[data-test=temperature]").input_value, "1")
    page.locator("[data-test=card-zero-energy] input").fill("7")
    page.keyboard.press("Control+z")
    wait_equal(page, page.locator(WEIGHT).input_value, "2")


def test_back_goes_through_the_chapters_and_keeps_the_machine(open_page):
    page = open_page()
    page.locator("[data-test=to-conditionals]").click()
    page.locator("[data-test=to-gradient]").click()
    type_over(page, WEIGHT, "3")
    page.go_back()
    page.wait_for_url("**/#conditionals?*")
    wait_equal(page, lambda: machine_of(page).startswith("3,"), True)
    page.go_back()
    page.wait_for_url("**/#machine?*")
    page.go_forward()
    page.wait_for_url("**/#conditionals?*")
    page.wait_for_selector("article.conditionals")
    page.wait_for_function("document.activeElement.tagName === 'ARTICLE'")


def test_a_chapter_opens_in_a_new_tab_with_the_machine(open_page):
    page = open_page()
    type_over(page, WEIGHT, "3")
    with page.context.expect_page() as opened:
        page.locator("[data-test=to-gradient]").click(modifiers=["Control"])
    opened.value.wait_for_selector("article.gradient")
    assert opened.value.locator(WEIGHT).input_value() == "3"
    assert "machine" in page.locator("article").get_attribute("class")


def test_a_wrong_fragment_typed_is_told_and_the_next_right_one_takes_it_back(open_page):
    page = open_page()
    page.evaluate("location.hash = '#nowhere'")
    page.wait_for_selector(".error")
    page.wait_for_url("**/#machine?*")
    page.evaluate("location.hash = '#conditionals?w=1,2;3,4'")
    page.wait_for_selector("article.conditionals")
    page.locator(".error").wait_for(state="detached")
    page.locator("[data-test=undo]").click()
    wait_equal(page, lambda: machine_of(page), "0.5,0.5;0.5,0.5")


def test_a_link_cannot_name_what_every_object_has(open_page):
    link = '#machine?w={},0;0,0&x={{"machine":{{"order":"{}"}}}}'
    page = open_page(link.format(0, "constructor"))
    for weight, name in ((1, "__proto__"), (2, "toString")):
        wait_equal(page, page.locator("[data-test=configurations] tbody tr").count, 16)
        page.evaluate("link => { location.hash = link; }", link.format(weight, name))
        wait_equal(page, page.locator(WEIGHT).input_value, str(weight))
    wait_equal(page, page.locator("[data-test=configurations] tbody tr").count, 16)


def test_the_copy_is_the_newest_and_its_text_is_shown_only_where_the_clipboard_refuses(open_page):
    page = open_page()
    page.evaluate("() => { navigator.clipboard.writeText = async text => { window.copied = text; }; }")
    type_over(page, WEIGHT, "4")
    page.locator("[data-test=copy-link]").click()
    assert "w=4,0.5" in copied_of(page)
    page.locator(".copied-note").wait_for()
    wait_equal(page, page.locator(".copied").count, 0)
    page.locator(".copied-note").wait_for(state="detached")
    wait_equal(page, page.locator(".copied").count, 0)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.locator("[data-test=copy-python]").click()
    assert "4.0, 0.5" in page.locator("[data-test=copied-python]").input_value()
    wait_effects(page)
    page.keyboard.press("Escape")
    page.locator(".copied").wait_for(state="detached")
    page.locator("[data-test=copy-command]").click()
    page.locator(".copied").wait_for()
    page.locator("[data-test=to-chain]").click()
    page.locator(".copied").wait_for(state="detached")


def test_an_edge_is_chosen_by_a_press_and_raised_by_a_drag_to_either_side(open_page):
    page = open_page("/#machine?w=0.454564743,0.5;0.5,0.5")
    box = page.locator("[data-test=edge-0-0]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.75
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 1, y)
    page.mouse.up()
    wait_equal(page, lambda: machine_of(page).startswith("0.454564743,"), True)
    page.mouse.down()
    page.mouse.move(x + 51, y, steps=5)
    page.mouse.up()
    wait_equal(page, lambda: machine_of(page).startswith("1.45,"), True)


def test_what_is_solved_stays_in_the_browser_and_out_of_the_link(open_page):
    page = open_page()
    task = page.locator("[data-test=card-zero-energy]")
    task.locator("input").fill("7")
    task.get_by_role("button", name="check").click()
    assert "zero-energy" not in link_of(page)
    page.reload()
    page.wait_for_selector("[data-test=card-zero-energy].done")
    other = open_page(link_of(page))
    assert "done" not in other.locator("[data-test=card-zero-energy]").get_attribute("class")


def test_the_first_screen_samples_by_itself_and_nears_the_exact_bars(open_page):
    page = open_page()
    page.wait_for_function("document.querySelector('[data-test=live-sweeps]').innerText.replace(/\\D/g, '') > 20")
    page.locator("[data-test=live-run]").click()
    wait_still(page, page.locator("[data-test=live-sweeps]").inner_text)
    calm = open_page(reduced_motion="reduce")
    wait_effects(calm)
    assert wait_still(calm, calm.locator("[data-test=live-sweeps]").inner_text) == "0"


def test_the_bars_of_few_samples_are_not_cut_off(open_page):
    """Frequencies and exact probabilities both sum to 1: so must the heights of their bars, in the same unit."""
    page = open_page(reduced_motion="reduce")
    page.locator("[data-test=live-run]").click()
    heights = """() => new Promise(done => requestAnimationFrame(() => setTimeout(() => {
      const sum = (name, side) => [...document.querySelectorAll(`.live-bars .${name}`)]
        .reduce((all, bar) => all + parseFloat(bar.style[side]), 0);
      done([document.querySelector("[data-test=live-sweeps]").innerText, sum("visited", "height"), sum("law", "bottom")]);
    })))"""
    few = []
    while not few or int(few[-1][0].replace(",", "")) < 5:
        few.append(page.evaluate(heights))
    few = [(visited, law) for sweeps, visited, law in few if sweeps != "0"]
    assert few
    for visited, law in few:
        assert visited == pytest.approx(law, rel=1e-3)


def test_a_seed_has_one_limit_in_all_chapters(open_page):
    page = open_page(reduced_motion="reduce")
    for chapter in ("chain", "set", "images"):
        page.locator(f"[data-test=to-{chapter}]").click()
        field = f"article.{chapter} [data-test=seed]"
        type_over(page, field, str(2**52 - 1))
        page.keyboard.press("Tab")
        assert str(2**52 - 1) in link_of(page)
        type_over(page, field, str(2**52))
        page.keyboard.press("Tab")
        assert f"from 0 to {2**52 - 1}" in page.get_by_role("alert").inner_text()
        page.locator(field).press("Escape")
        page.get_by_role("alert").wait_for(state="detached")


def test_a_swipe_over_the_network_scrolls_the_page_and_changes_no_weight(open_page):
    page = open_page(width=400, has_touch=True, is_mobile=True, reduced_motion="reduce")
    touch = page.context.new_cdp_session(page)

    def place(edge: str) -> list[float]:
        """Where an edge is alone."""
        page.locator(".network").evaluate("network => network.scrollIntoView({ block: 'center' })")
        wait_still(page, lambda: page.evaluate("scrollY"))  # to tap what still glides would only stop it
        return page.locator(f"[data-test={edge}] .line").evaluate(
            """line => {
              const { x, y } = line.getPointAtLength(0.2 * line.getTotalLength()).matrixTransform(line.getScreenCTM());
              return [x, y];
            }"""
        )

    def swipe(edge: str, by: int) -> None:
        x, y = place(edge)
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for n in range(1, 11):
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y + n * by / 10}]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    for edge in ("edge-0-0", "edge-1-0", "edge-1-1"):
        page.evaluate("scrollTo(0, 0)")
        swipe(edge, -150)
        page.wait_for_function("scrollY > 50")
        assert machine_of(page) == "0.5,0.5;0.5,0.5"
    page.touchscreen.tap(*place("edge-1-1"))
    wait_equal(page, page.locator("[data-test=chosen]").inner_text, "w₂₂")
    swipe("edge-1-1", -50)
    wait_equal(page, lambda: machine_of(page), "0.5,0.5;0.5,1.5")


def test_forced_colors_leave_the_bars(open_page):
    page = open_page(forced_colors="active", reduced_motion="reduce")
    colors = page.evaluate(
        "[...document.querySelectorAll('.live-bars .law, .bar .fill')].map(e => getComputedStyle(e).backgroundColor)"
    )
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") not in colors


def test_held_units_change_the_network_as_they_change_the_table(open_page):
    page = open_page("/#machine?hold=01..", reduced_motion="reduce")
    assert "0.622" in page.locator("[data-test=unit-h-0]").text_content()
    assert "held at 1" in page.locator("[data-test=unit-v-1]").text_content()


@pytest.mark.parametrize(("place", "others"), [("conditionals/one-row", 0), ("gradient", 3)])
def test_a_frame_shows_one_section_or_one_chapter(open_page, place, others):
    page = open_page(f"/?embed={place}#machine?w=1,0.5;0.5,0.5")
    wait_equal(page, page.locator("nav").count, 0)
    shown = page.locator(".chapter .card:visible").count()
    assert shown == 1 if others == 0 else shown > others
    assert f"#{place}?w=1,0.5" in page.locator("a[target=_blank]").get_attribute("href")


def test_a_link_goes_to_the_section_where_it_was_copied(open_page):
    page = open_page("/#conditionals")
    page.evaluate("() => { navigator.clipboard.writeText = async text => { window.copied = text; }; }")
    page.locator(".one-row").evaluate("card => card.scrollIntoView()")
    page.locator("[data-test=copy-link]").evaluate("button => button.click()")
    copied = copied_of(page)
    assert "#conditionals/one-row?" in copied
    other = open_page("/" + copied.split("/", 3)[3])
    other.wait_for_selector(".one-row.arrived")
    other.wait_for_function("window.scrollY > 300")


def test_a_large_table_is_one_tab_stop_and_its_keys_go_from_number_to_number(open_page):
    page = open_page("/#machine?w=1,1,1;1,1,1;1,1,1")
    rows = "[data-test=configurations] tbody"
    wait_equal(page, page.locator(f"{rows} button:not([tabindex='-1'])").count, 1)
    page.locator(f"{rows} button").first.focus()
    for key in ("ArrowDown", "ArrowRight", "End"):
        wait_effects(page)
        page.keyboard.press(key)
    page.wait_for_function("document.activeElement.closest('tr')?.dataset.test === 'row-111-111'")
    page.wait_for_function("document.activeElement.closest('td')?.cellIndex === 3")
    page.keyboard.press("Enter")
    assert "8103.08" in page.locator("tr.opened").inner_text().replace(",", "")
    wait_equal(page, page.locator(f"{rows} button:not([tabindex='-1'])").count, 1)


def test_skipping_leads_to_the_chapter_and_escape_back_to_the_number(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'chapter'")
    number = page.locator("[data-test=partition]")
    number.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".sum-panel")
    wait_effects(page)
    page.keyboard.press("Escape")
    page.locator(".sum-panel").wait_for(state="detached")
    page.wait_for_function("document.activeElement.dataset.test === 'partition'")


@pytest.mark.parametrize("place", ["/?embed=machine/nothing", "/?embed=nowhere", "/#machine/nothing"])
def test_a_section_or_chapter_that_is_not_there_is_told(open_page, place):
    page = open_page(place, reduced_motion="reduce")
    page.locator(".error").wait_for()
    assert "There is no" in page.locator(".error").inner_text()


def test_a_chapter_that_fails_leaves_the_page_standing(open_page, watch):
    watch.forgive("broken")
    page = open_page(reduced_motion="reduce")
    broken = "export const chapter = { id: 'conditionals', title: '', Chapter() { throw new Error('broken on purpose'); } };"
    page.route("**/chapters/conditionals.js", lambda route: route.fulfill(content_type="text/javascript", body=broken))
    page.reload()
    page.locator("[data-test=to-conditionals]").click()
    page.wait_for_selector(".error:has-text('broken on purpose')")
    wait_equal(page, page.locator("[data-test=to-machine]").count, 1)
