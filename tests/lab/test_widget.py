"""The page as a notebook's widget: the same machine, one script, one sheet, nothing fetched."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

import harmonium as hm
from harmonium import lecture
from harmonium.lab import bundle
from harmonium.lab.notebook import NotebookPage

anywidget = pytest.importorskip("anywidget")
RBM = hm.RBM(hm.Binary([0.5, 0.0, -1.0]), hm.Binary([0.0, 0.25]), np.array([[1.0, -2.0], [0.5, 0.0], [2.0, 1.0]]))

HOST = """
async ([script, style, state]) => {
  const sheet = document.createElement("style");
  sheet.textContent = style;
  document.head.append(sheet);
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  const listeners = new Set();
  window.state = state;
  const model = {
    get: name => window[name],
    set: (name, value) => { window[name] = value; },
    save_changes: () => {},
    send: content => window.ask(content.text).then(text => listeners.forEach(fn => fn({ text }))),
    on: (event, fn) => listeners.add(fn),
    off: (event, fn) => listeners.delete(fn),
  };
  widget.render({ model, el: document.getElementById("cell") });
}
"""


def test_the_widget_has_the_machine_and_gives_it_back():
    made = hm.lab.widget(RBM, temperature=2.0)
    np.testing.assert_array_equal(made.rbm.weights, RBM.weights)
    np.testing.assert_array_equal(made.rbm.hidden.bias, RBM.hidden.bias)
    assert made.state["temperature"] == 2.0
    assert hm.lab.widget().state == {"temperature": 1.0}
    made.close()


def test_a_large_machine_is_played_with_in_chapter_6():
    made = hm.lab.widget(hm.RBM(hm.Binary(np.zeros(30)), hm.Binary(np.zeros(7)), np.zeros((30, 7))))
    assert made.state["chapter"] == "images"
    file = made.page.model_path
    assert hm.load(file).weights.shape == (30, 7)
    made.close()
    assert not file.exists()


def test_bad_input_is_refused():
    with pytest.raises(hm.InputError, match=r"temperature must be from 0.05 to 20"):
        hm.lab.widget(temperature=0.0)
    with pytest.raises(hm.InputError):
        hm.lab.widget(hm.RBM(hm.Binary([np.nan]), hm.Binary([0.0]), np.zeros((1, 1))))


def test_a_page_in_a_notebook_answers_and_refuses():
    sent = []
    page = NotebookPage(lambda content: sent.append(json.loads(content["text"])))
    page.receive('{"id": 1, "ask": "machine.command", "machine": {"weights": [[1]], "a": [0], "b": [0]}}')
    page.receive('{"id": 2, "ask": "machine.nothing"}')
    page.receive("nonsense")
    page.push("told", {"x": 1})
    assert sent[0]["answer"]["text"].startswith("harmonium table")
    assert "machine.nothing" in sent[1]["error"]
    assert "JSON" in sent[2]["error"]
    assert sent[3] == {"push": "told", "x": 1}


def test_the_style_sheet_holds_nothing_that_reaches_outside():
    style = bundle.styles()
    assert not re.search(r"url\((?!\"data:)", style)
    assert style.count("@font-face") == 20
    assert ":root" not in style
    assert not re.search(r"^\s*(body|html)\b", style, re.MULTILINE)


def test_the_script_stands_in_a_foreign_page(browser):
    page = browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(("blob:", "data:")) else faults.append(request.url))

    def ask(text: str) -> str:
        answers: list[str] = []
        NotebookPage(lambda content: answers.append(content["text"])).receive(text)
        return answers[0]

    page.expose_function("ask", ask)
    page.set_content("<!doctype html><p id=before style='color: rgb(1, 2, 3)'>a notebook</p><div id=cell></div>")
    state = SimpleNamespace(**hm.lab.widget(RBM).state)
    margin = page.evaluate("getComputedStyle(document.body).margin")
    page.evaluate(HOST, [bundle.script(), bundle.styles(), vars(state)])
    page.wait_for_selector("[data-test=configurations] tbody tr:nth-child(32)")
    table = lecture.table(RBM)
    shown = page.locator("[data-test=row-101-10] td").nth(4).inner_text()
    assert float(shown) == pytest.approx(table.joint.probability[0b10110], abs=0.5001e-6)
    assert page.evaluate("getComputedStyle(document.body).margin") == margin
    page.locator("[data-test=w-0-0]").fill("3")
    page.wait_for_function("window.state.machine.weights[0][0] === 3")
    page.close()
    assert not faults
