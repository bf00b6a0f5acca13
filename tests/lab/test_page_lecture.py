"""Every figure of the lecture, reached from the first screen by clicking alone: where it is, and its digits.

The lecture divides figures that it has rounded to nine decimals (0.220225047), and prints its second sum as 31.05877721
(exactly 31.0587771962): these two the page has in full.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

SIGMOIDS = ("0.142536957", "0.235003712", "0.235003712", "0.387455619")
FIGURES: list[tuple[str, list[str], str, list[str]]] = [
    # What the lecture prints; what is clicked from the first screen; where it stands, and how.
    ("energies, factors and probabilities", [], "row-00-00", ["0.000", "1.000000000", "0.031390208"]),
    ("the same, one pair on", [], "row-01-10", ["−0.500", "1.648721271", "0.051753703"]),
    ("the same, two pairs on", [], "row-01-11", ["−1.000", "2.718281828", "0.085327431"]),
    ("the same, all on", [], "row-11-11", ["−2.000", "7.389056099", "0.231944006"]),
    ("Z", [], "partition", ["31.8570685"]),
    (
        "p(v = 01) as a sum of four rows",
        ["p-v-01 button"],
        "p-v-01",
        ["0.031390208", "0.051753703", "0.085327431", "0.220225046"],
    ),
    ("total input and sigmoid for v = 01", ["to-conditionals"], "decides-0", ["0.5", "0.622459331"]),
    *(
        (f"p(h|v = 01), h = {h}", ["to-conditionals"], f"product-{h}", [p])
        for h, p in zip(("00", "01", "10", "11"), SIGMOIDS, strict=True)
    ),
    ("p(h|v = 00) = 1/4", ["to-conditionals", "given-v-1"], "product-10", ["0.250000000"]),
    ("total input and sigmoid for v = 11", ["to-conditionals", "given-v-0"], "decides-0", ["1", "0.731058579"]),
    ("p(h|v = 11), none on", ["to-conditionals", "given-v-0"], "product-00", ["0.072329488"]),
    ("p(h|v = 11), one on", ["to-conditionals", "given-v-0"], "product-01", ["0.196611933"]),
    ("p(h|v = 11), both on", ["to-conditionals", "given-v-0"], "product-11", ["0.534446645"]),
    (
        "the table with unknowns",
        ["to-conditionals"],
        "card-unknowns",
        ["0.2500 P00", "0.1425 P01", "0.2350 P01", "0.3875 P01", "0.0723 P11", "0.1966 P11", "0.5344 P11"],
    ),
    ("a row divided by its conditional", ["to-conditionals"], "quotient", ["0.220225046"]),
    ("the same as printed", ["to-conditionals"], "as-printed", ["0.220225047"]),
    ("the derivation, all lines", ["to-derivation", "unfold-all"], "unfolded-13", ["0.016810676"]),
    (
        "term A row by row",
        ["to-derivation", "unfold-all", "term-A"],
        "unfolded-10",
        ["(0.031390 / 0.220225) · 1 · 0", "0.387455619", "0.622459331"],
    ),
    ("term A, v1", ["to-gradient"], "positive-w-0-0", ["0.000000000"]),
    ("term A, v2", ["to-gradient"], "positive-w-1-0", ["0.622459331"]),
    (
        "term B",
        ["to-gradient", "negative-w-0-0 button"],
        "negative-w-0-0",
        ["0.051753703", "0.085327431", "0.231944006", "0.454352573"],
    ),
    ("steps of the weights from v1", ["to-gradient"], "delta-w-0-1", ["−0.045435257"]),
    ("steps of the weights from v2", ["to-gradient"], "delta-w-1-1", ["+0.016810676"]),
    ("p(v = 01) before", ["to-gradient"], "printed", ["0.22022505"]),
    ("p(v = 01) after", ["to-gradient"], "p-after", ["0.230677826"]),
    ("p(v = 01) after, eta = 1", ["to-gradient", "rates label:nth-of-type(3)"], "p-after", ["0.332961042"]),
    ("energies after", ["to-gradient", "rows label:nth-of-type(2)"], "both-01-01", ["−0.516810676"]),
    ("energies after, v1", ["to-gradient", "rows label:nth-of-type(2)"], "both-10-11", ["−0.909129485"]),
    ("factors after", ["to-gradient", "rows label:nth-of-type(3)"], "both-01-01", ["1.676671664"]),
    ("the second sum", ["to-gradient", "rows label:nth-of-type(3)"], "both-total", ["31.0587772"]),
    ("probabilities after", ["to-gradient", "rows label:nth-of-type(4)"], "both-01-11", ["0.090513154"]),
    ("Hinton's recipe", ["to-gradient"], "recipe", ["v h", "ΔW = ε", "Δa = ε (v − v′)", "Δb = ε (h − h′)"]),
]


def test_every_figure_of_the_lecture_by_clicking_alone(open_page):
    page = open_page()
    missing = []
    for name, clicks, place, printed in FIGURES:
        page.locator("[data-test=reset]").click()
        page.locator("[data-test=to-machine]").click()
        for click in clicks:
            test, _, inner = click.partition(" ")
            page.locator(f"[data-test='{test}'] {inner}".strip()).click()
        shown = " ".join(page.locator(f"[data-test='{place}']").inner_text().split())
        missing += [f"{name}: {figure} is not in {shown!r}" for figure in printed if figure not in shown]
        page.keyboard.press("Escape")
    assert not missing, "\n".join(missing)
