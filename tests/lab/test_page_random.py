"""Random clicks, drags, keys and texts over all chapters: nothing that a hand can do breaks the page."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.lab.test_page import CHAPTERS

ACTIONS = 60  # in each chapter; some lead to another one
KEYS = (
    "Tab",
    "Shift+Tab",
    "Enter",
    "Space",
    "Escape",
    "ArrowUp",
    "ArrowDown",
    "ArrowLeft",
    "ArrowRight",
    "Home",
    "End",
    "PageUp",
)
TEXTS = ("-0.5", "0.66666666", "20", "-20", "0", "1e-9", "1e400", "abc", "", "2,5", "3/4", "-", "999999999999999999")

# A visible place to act on, brought into view: where it is, and of what kind.
PICK = """([kinds, at]) => {
  const shown = e => e.checkVisibility() && !e.disabled && e.getBoundingClientRect().width > 0 && e.type !== "file";
  const found = [...document.querySelectorAll(kinds)].filter(shown);
  if (!found.length) return null;
  const one = found[Math.floor(at * found.length)];
  one.scrollIntoView({ block: "center", inline: "center" });
  const { left, top, width, height } = one.getBoundingClientRect();
  const name = one.dataset.test ?? one.textContent.slice(0, 30);
  return { left, top, width, height, name, options: one.options?.length ?? 0 };
}"""
# What must not stand on the page; its attributes are looked at too, but not always: they take their time.
FAULT = """whole => {
  const place = document.getElementById("lab");
  const wrong = /.{0,60}(\\bNaN\\b|\\bundefined\\b|\\bInfinity\\b|\\[object |cannot be shown).{0,60}/;
  return (whole ? place.innerHTML : place.textContent).match(wrong)?.[0] ?? null;
}"""
BUTTONS = "button, a[href^='#'], summary, label:has(input[type=radio]), [role=button], [role=slider], input[type=range]"
FIELDS = "input:not([type=radio]):not([type=checkbox]):not([type=range]):not([type=file])"
DRAGGED = "[role=slider], input[type=range], canvas, [data-test=pad], [data-test=mask], svg, td button"


def act(page: Any, draw: random.Random) -> str:
    """One random action; what it was."""
    kind = draw.choices(
        ("click", "drag", "type", "key", "choose", "chapter", "undo", "back", "size"), (45, 12, 14, 14, 3, 4, 4, 2, 1)
    )[0]
    if kind == "key":
        key = draw.choice(KEYS)
        page.keyboard.press(key)
        return key
    if kind == "undo":
        key = draw.choice(("Control+z", "Control+z", "Control+Shift+z"))
        page.keyboard.press(key)
        return key
    if kind == "back":
        page.evaluate(
            "name => { if (navigation[`canGo${name}`]) navigation[name.toLowerCase()](); }", draw.choice(("Back", "Forward"))
        )
        return kind
    if kind == "size":
        page.set_viewport_size({"width": draw.choice((320, 400, 768, 1280)), "height": 900})
        return kind
    kinds = {"click": BUTTONS, "drag": DRAGGED, "type": FIELDS, "choose": "select", "chapter": "nav a"}[kind]
    place = page.evaluate(PICK, [kinds, draw.random()])
    if place is None:
        return f"{kind} nothing"
    x, y = (place[side] + draw.uniform(0.1, 0.9) * place[length] for side, length in (("left", "width"), ("top", "height")))
    done = f"{kind} {place['name']}"
    if kind == "drag":
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + draw.uniform(-150, 150), y + draw.uniform(-150, 150), steps=4)
        page.mouse.up()
        return done
    page.mouse.click(x, y)
    if kind == "type":
        text = draw.choice(TEXTS)
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
        page.keyboard.press(draw.choice(("Tab", "Enter", "Escape")))
        done += f": {text}"
    if kind == "choose":
        page.keyboard.press("Escape")  # its list, which the browser opens
        for _ in range(draw.randrange(place["options"] or 1)):
            page.keyboard.press(draw.choice(("ArrowUp", "ArrowDown")))
    return done


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "chapter"), list(enumerate(CHAPTERS)), ids=CHAPTERS)
def test_random_actions_break_nothing(open_page, watch, seed, chapter):
    page = open_page(f"/#{chapter}")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)
    requests: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(("data:", "blob:")) else requests.append(request.url))
    draw = random.Random(seed)
    done: list[str] = []
    for n in range(ACTIONS):
        done.append(act(page, draw))
        faults = [page.evaluate(FAULT, n % 10 == 0), *requests, *watch.faults]
        assert not any(faults), (faults, page.url, done[-30:])
