"""The page as a notebook's widget: the same model, in a frame of its own, nothing fetched."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium import lecture
from harmonium.lab import bundle

anywidget = pytest.importorskip("anywidget")
RBM = hm.RBM(hm.Binary([0.5, 0.0, -1.0]), hm.Binary([0.0, 0.25]), np.array([[1.0, -2.0], [0.5, 0.0], [2.0, 1.0]]))
LARGE = hm.RBM(hm.Binary(np.zeros(30)), hm.Binary(np.zeros(7)), np.full((30, 7), 0.25))

HOST = """
async ([script, traits]) => {
  const { default: widget } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  window.traits = { ...traits, file: new DataView(Uint8Array.from(traits.file).buffer) };
  const set = (name, value) => { window.traits[name] = value; };
  const model = { get: name => window.traits[name], set, save_changes: () => {} };
  document.addEventListener("keydown", () => { window.leaked = true; }, true);
  widget.render({ model, el: document.getElementById("cell") });
}
"""


def test_the_widget_has_the_model_and_gives_it_back():
    made = hm.lab.widget(RBM, temperature=2.0)
    np.testing.assert_array_equal(made.rbm.weights, RBM.weights)
    np.testing.assert_array_equal(made.rbm.hidden.bias, RBM.hidden.bias)
    assert made.state["temperature"] == 2.0
    np.testing.assert_array_equal(hm.lab.widget().rbm.weights, np.full((2, 2), 0.5))
    made.close()


def test_a_large_model_is_opened_in_chapter_6(tmp_path):
    made = hm.lab.widget(LARGE)
    assert made.state["chapter"] == "images"
    (tmp_path / "model.safetensors").write_bytes(made.file)
    np.testing.assert_array_equal(hm.load(tmp_path).weights, LARGE.weights)
    np.testing.assert_array_equal(made.rbm.weights, LARGE.weights)


def test_bad_input_is_refused():
    with pytest.raises(hm.InputError, match=r"temperature must be from 0.05 to 20"):
        hm.lab.widget(temperature=0.0)
    with pytest.raises(hm.InputError):
        hm.lab.widget(hm.RBM(hm.Binary([np.nan]), hm.Binary([0.0]), np.zeros((1, 1))))


def test_the_page_is_one_file_that_names_no_other():
    page = bundle.page()
    assert page.count("@font-face") == 20
    assert "url(fonts/" not in page
    assert 'src="' not in page.split("<body>")[0]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["a notebook", "a disk"])
def test_the_page_stands_in_a_cell_and_on_a_disk(browser, place, tmp_path):
    page = browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on(
        "request", lambda request: None if request.url.startswith(("blob:", "data:", "file:")) else faults.append(request.url)
    )
    made = hm.lab.widget(RBM)
    if place == "a disk":
        (tmp_path / "lab.html").write_text(bundle.page(), encoding="utf-8")
        page.goto(f"file://{tmp_path}/lab.html#machine?w=1,-2;0.5,0;2,1&a=0.5,0,-1&b=0,0.25")
        lab = page
    else:
        page.set_content("<!doctype html><title>a notebook</title><body data-jp-theme-light=false><div id=cell></div>")
        page.evaluate(HOST, [made._esm, {"page": made.page, "state": made.state, "file": list(made.file)}])
        lab = page.frame_locator("iframe")
    lab.locator("[data-test=configurations] tbody tr:nth-child(32)").wait_for()
    shown = lab.locator("[data-test=row-101-10] td").nth(4).inner_text()
    assert float(shown) == pytest.approx(lecture.table(RBM).joint.probability[0b10110], abs=0.5001e-6)
    lab.locator("[data-test=w-0-0]").fill("3")
    if place == "a notebook":
        page.wait_for_function("window.traits.state.machine.weights[0][0] === 3")
        lab.locator("[data-test=w-0-0]").press("Control+z")
        page.wait_for_function("window.traits.state.machine.weights[0][0] === 1")
        assert page.title() == "a notebook"
        assert page.evaluate("window.leaked") is None
        assert lab.locator("html").get_attribute("data-theme") == "dark"
        assert lab.locator("[data-test=copy-link]").count() == 0
    page.close()
    assert not faults
