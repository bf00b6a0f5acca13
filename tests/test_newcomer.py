"""What a newcomer does with the front page alone: install, train on a CSV, fill its gaps, and find out what a warning means.

The commands are those of docs/index.md but for the budget of the training.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from surveys import write_survey

from harmonium.likelihood import Gain, LogLikelihood

DOCS = Path(__file__).parents[1] / "docs"
WARNINGS = DOCS / "how-to" / "likelihood-warnings.md"


def meaning(warning: str) -> str | None:
    """What the page on warnings says of one: its table has the words that stay, with … for those that change."""
    for said, means, _helps in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", WARNINGS.read_text(), re.MULTILINE):
        if re.search(".+?".join(map(re.escape, said.split("…"))), warning):
            return means
    return None


def test_every_warning_of_a_likelihood_is_explained():
    figures = {"mean": -10.0, "rows": 10, "log_partition": 1.0, "seconds": 1.0, "method": "AIS + reverse"}
    everything = {
        "tempering_converged": False,
        "tempering_difference": 3.0,
        "interval_was_raised": True,
        "unvisited_fraction": 0.5,
    }
    few_trips = {"tempering_rungs": 4, "tempering_round_trips": 3}
    results = [
        LogLikelihood(lower=-12.0, upper=-8.0, effective_sample_size=1.0, details={"runs": 100, **everything}, **figures),
        LogLikelihood(lower=-10.0, upper=-10.0, details={"runs": 100, "unsettled_rows": 3, **few_trips}, **figures),
    ]
    warnings = [warning for result in results for warning in result.warnings]
    warnings += [str(Gain(mean, 0.1, -10.0, 0.1, 100, "log likelihood")) for mean in (-1.0, 0.1)]
    assert len(warnings) == 9
    assert [warning for warning in warnings if meaning(warning) is None] == []
    assert meaning("all is well") is None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_newcomer_fills_a_table_and_reads_a_warning(tmp_path):
    page = (DOCS / "index.md").read_text()
    write_survey(tmp_path / "survey.csv")
    commands = [shlex.split(line) for line in re.findall(r"^    ((?:pip install|harmonium) .*)$", page, re.MULTILINE)]
    assert commands[0][:2] == ["pip", "install"]
    assert [words[1] for words in commands[1:]] == ["train", "impute", "evaluate"]
    if importlib.util.find_spec("harmonium") is None:
        run(commands[0], tmp_path)

    commands[1] += ["--updates", "300"]
    outputs = [run(words, tmp_path) for words in commands[1:]]
    assert all("log likelihood" in outputs[n] for n in (0, 2))
    given, filled = (list(csv.reader((tmp_path / name).read_text().splitlines())) for name in ("survey.csv", "filled.csv"))
    holes = {(n, k) for n, row in enumerate(given) for k, cell in enumerate(row) if cell in ("", "NA")}
    assert len(holes) > 5
    for n, row in enumerate(given):
        for k, cell in enumerate(row):
            assert filled[n][k] not in ("", "NA") if (n, k) in holes else filled[n][k] == cell

    hasty = [*commands[3], "--json", "--estimate", *shlex.split("--runs 20 --temperatures 64 --steps 4 --rungs 4")]
    found = json.loads(run(hasty, tmp_path))
    warnings = [*found["log_likelihood"]["warnings"], *filter(None, [found["gain"]["warning"]])]
    assert warnings
    assert [warning for warning in warnings if meaning(warning) is None] == []
    assert links_to(WARNINGS, DOCS / "index.md", clicks=2)


def run(words: list[str], folder: Path) -> str:
    program = [sys.executable, "-m", *words]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def links_to(target: Path, page: Path, clicks: int) -> bool:
    """Whether one page of the documentation leads to another."""
    if not clicks or not page.is_file():
        return page == target
    text = page.read_text()
    names = re.findall(r"\]\(([^):#]+\.md)|^:link: (\S+)$|^([\w/-]+)$", text, re.MULTILINE)
    pages = {(page.parent / "".join(name)).resolve().with_suffix(".md") for name in names}
    return page == target or any(links_to(target, other, clicks - 1) for other in pages)
