"""The links from the documentation into the lab: the page understands each of them, and has the section that it names.

Beside them the lecture's pages as a whole: their figures are the reference's, and each has exercises with solutions.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.lab import node

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
LINKS = sorted({link for page in PAGES for link in re.findall(r"\(<lab:(#[^>]+)>\)", page.read_text(encoding="utf-8"))})
LECTURE = [path for path in sorted((ROOT / "docs" / "learn").glob("*.md")) if path.stem != "index"]
REFERENCE = json.loads((ROOT / "tests" / "reference" / "two_by_two.json").read_text())
OTHERS = (4 / 7, np.log(2) - np.log(1 + np.e), 0.01 * REFERENCE["negative_term"][0][0])
"""Figures of the exercises that follow from what is said beside them."""
READ = """
import { decode } from "lab/state.js";
answer(given.map((link) => { const { section, problems } = decode(link); return { section, problems }; }));
"""


def test_the_lab_understands_every_link_and_has_its_section():
    found = node.run(READ, LINKS)
    assert len(LINKS) > 10
    assert {link: each["problems"] for link, each in zip(LINKS, found, strict=True) if each["problems"]} == {}
    chapters = "".join(path.read_text() for path in (node.STATIC / "chapters").glob("*.js"))
    cards = {"", "one-row", *re.findall(r'class="card ([\w-]+)', chapters), *(f"line-{n}" for n in range(1, 15))}
    assert {each["section"] for each in found} <= cards


@pytest.mark.parametrize("page", LECTURE, ids=lambda page: page.stem)
def test_a_page_of_the_lecture_has_exercises_a_link_and_the_lectures_figures(page):
    text = page.read_text(encoding="utf-8")
    exercises = len(re.findall(r"^\*\*\d\.\*\* ", text, re.MULTILINE))
    assert 2 <= exercises <= 4
    assert text.count(":::{dropdown} Solution") == text.count(":tags: [solution]") == exercises
    assert "](<lab:#" in text

    def numbers(value):
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [value] if isinstance(value, float) else [x for part in parts for x in numbers(part)]

    known = np.abs([*numbers(REFERENCE), *OTHERS])
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for figure in re.findall(r"(?<![\d.,;=])\d+\.\d{6,}(?!\d)", re.sub(r"\(<[^>]*>\)", "", prose)):
        decimals = len(figure.partition(".")[2])
        assert np.abs(known - float(figure)).min() < 0.51 * 10**-decimals, f"{page.name}: {figure}"
