"""Every snippet of README.md and docs/guide.md runs: shell lines by the command line, Python blocks as they stand.

Budgets replace long runs, so that the documents keep the commands that users want: `BUDGET` gives a command its options here,
and `hm.train` ends after its first states. Files that a document only names are made by `files`.
`harmonium lab` and `--resume` are tested elsewhere: one serves until it is stopped, the other needs an interrupted run.
"""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from surveys import write_survey

import harmonium as hm
import harmonium.sklearn
from harmonium import cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/guide.md")
BUDGET = {"train": ["--hidden", "4", "--updates", "20"], "evaluate": ["--seconds", "1"], "chain": ["--sweeps", "100"]}
BUDGETED = {"--minutes", "--updates", "--seconds", "--sweeps", "--hidden"}
NOT_RUN = {
    "pip": "installs packages",
    "pytest": "runs this test",
    "srun": "needs Slurm",
    "mpirun": "needs MPI",
    "python": "runs a benchmark or an example, which have tests of their own",
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
INLINE = re.compile(r"`(harmonium [^`]+)`")


def python_blocks(text: str) -> list[str]:
    return [block for language, block in FENCE.findall(text) if language == "python"]


def shell_blocks(text: str) -> list[list[str]]:
    """The command lines of each block, without prompts, comments and what a command printed."""
    shells = [block for language, block in FENCE.findall(text) if language in ("sh", "shell", "bash", "console")]
    shells += [block.replace("    ", "", 1) for block in INDENTED.findall(FENCE.sub("", text))]
    found = []
    for block in shells:
        lines = [line.strip() for line in block.splitlines()]
        if any(line.startswith("$ ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        parts = [part.strip() for line in lines for part in line.partition(" #")[0].split("&&")]
        found.append([part for part in parts if part])
    return [block for block in found if block and block[0].split()[0] in {"harmonium", *NOT_RUN}]


def inline_commands(text: str) -> list[str]:
    """Commands in running text, but for patterns such as `harmonium evaluate MODEL DATA`."""
    commands = (" ".join(line.split()) for line in INLINE.findall(FENCE.sub("", text)))
    return [line for line in commands if not re.search(r"\b[A-Z]{2,}\b", line)]


def budgeted(words: list[str]) -> list[str]:
    """The arguments of a command line, its own budget replaced by the test's."""
    name, *rest = words
    kept = [word for i, word in enumerate(rest) if word not in BUDGETED and (i == 0 or rest[i - 1] not in BUDGETED)]
    budget = [] if {"--show-config", "--help"} & set(rest) else BUDGET.get(name, [])
    if name == "train" and "--start" in rest:  # whose model has its hidden units
        budget = budget[budget.index("--updates") :]
    return [name, *kept, *budget]


SHELL = [(name, block) for name in DOCUMENTS for block in shell_blocks((ROOT / name).read_text())]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files that the documents name, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    bits = random.integers(0, 2, size=(40, 16))
    for name in ("images.npy", "test.npy", "rows.npy"):
        np.save(name, bits)
    write_survey(Path("survey.csv"), answers="abcde")
    Path("runs").mkdir()
    hm.save(hm.initialize(bits, hidden=4), "runs/mnist")


@pytest.mark.parametrize(("document", "lines"), SHELL, ids=[f"{name}: {block[0]}" for name, block in SHELL])
def test_shell_lines_run_one_after_the_other(document, lines, files, capsys):
    for line in lines:
        words = shlex.split(line)
        if words[0] in NOT_RUN or words[1:2] == ["lab"] or "--resume" in words:
            continue
        assert words[0] == "harmonium", f"{document}: no test knows how to run {line!r}"
        assert cli.run(budgeted(words[1:])) == 0, f"{document}: {line}\n{capsys.readouterr().err}"
        assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_running_text_have_these_options(document, capsys):
    for line in inline_commands((ROOT / document).read_text()):
        _, name, *rest = shlex.split(line)
        assert cli.run([name, "--help"]) == 0
        options = {word for word in rest if word.startswith("--")}
        assert options <= set(re.findall(r"--[\w-]+", capsys.readouterr().out)), line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_blocks_run_one_after_the_other(document, files, monkeypatch, capsys):
    train = hm.train
    monkeypatch.setattr(hm, "train", lambda *given, **settings: itertools.islice(train(*given, **settings), 2))
    for estimator in (getattr(harmonium.sklearn, name) for name in harmonium.sklearn.__all__ if name.startswith("RBM")):
        fit = estimator.fit
        monkeypatch.setattr(estimator, "fit", lambda self, *x, fit=fit: fit(self.set_params(n_iter=2, n_components=8), *x))
    names: dict[str, object] = {}
    for block in python_blocks((ROOT / document).read_text()):
        exec(compile(block, f"{document}: {block.splitlines()[0]}", "exec"), names)


def test_the_extractor_sees_every_form():
    text = (
        "Run `harmonium data` or `harmonium info MODEL`.\n\n    pip install x && harmonium train digits  # first\n\n"
        "    $ harmonium table\n    E = 1\n\n```sh\nharmonium data\n```\n\n```python\nx = 1\n```\n\n    no command\n"
    )
    assert python_blocks(text) == ["x = 1\n"]
    assert shell_blocks(text) == [["harmonium data"], ["pip install x", "harmonium train digits"], ["harmonium table"]]
    assert inline_commands(text) == ["harmonium data"]
    assert budgeted(["train", "x.npy", "--minutes", "9", "--seed", "5"]) == ["train", "x.npy", "--seed", "5", *BUDGET["train"]]
