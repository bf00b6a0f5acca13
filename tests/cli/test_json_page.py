"""docs/reference/json.md and what commands print with --json have the same keys; so have files.md and the files of a run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from surveys import write_survey

import harmonium as hm
from harmonium import cli
from harmonium.cli import run
from harmonium.diagnostics import classifiers

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE, PAGE_OF_FILES = (REFERENCE / "json.md").read_text(encoding="utf-8"), REFERENCE / "files.md"
SECTIONS = dict(re.findall(r"^##+ (.+)\n((?:(?!##).*\n?)*)", PAGE, re.MULTILINE))
LECTURE = '--weights "0.5 0.5; 0.5 0.5"'
RUNS = {
    "table": [LECTURE],
    "conditional": [f"{LECTURE} --given v=01"],
    "chain": [f"{LECTURE} --sweeps 100"],
    "step": [f"{LECTURE} --target 01 --estimator cd-1"],
    "data": ["", "bits.npy", "survey.csv"],
    "info": ["survey.safetensors"],
    "sample": ['bits.safetensors --where "v1 = 1" --out draws.npy', "survey.safetensors --clamp region=north"],
    "explain": ["survey.safetensors survey.csv --row 1"],
    "reconstruct": ["bits.safetensors bits.npy --out means.npy"],
    "impute": ["survey.safetensors survey.csv --draws 2 --truth truth.csv", "survey.safetensors survey.csv --out filled.csv"],
    "predict": [
        *("survey.safetensors survey.csv --column region", "survey.safetensors survey.csv --column age"),
        "survey.safetensors survey.csv --column sex --out predicted.csv",
    ],
    "score": ["survey.safetensors survey.csv --out scores.csv"],
    "evaluate": ["bits.safetensors bits.npy --estimate --runs 20 --temperatures 16 --steps 16 --rungs 3"],
    "compare": ["bits.safetensors bits.npy --train more.npy --count 20 --out picture.png"],
    "diagnose": ["bits.safetensors bits.npy --train more.npy --chains 40 --sweeps 40 --rungs 3"],
    "train": ["bits.npy --hidden 2 --updates 10"],
}
SLOW = {"sample", "impute", "predict", "score", "evaluate", "compare", "diagnose", "train"}

Keys = tuple[str, ...]


def documented(title: str) -> set[Keys]:
    """The keys in a section's table, with those of the objects that its meanings link to."""
    found: set[Keys] = set()
    objects = {name.lower().replace(" ", "-"): name for name in SECTIONS}
    for cell, meaning in re.findall(r"^\| (`.+`) \| (.+) \|$", SECTIONS[title], re.MULTILINE):
        links = re.findall(r"\]\(#(.+?)\)", meaning)
        inner = {keys for link in links for keys in documented(objects[link])} | {()}
        found |= {(*key.split("."), *keys) for key in re.findall(r"`(.+?)`", cell) for keys in inner}
    return found


def printed(value: object, above: Keys = ()) -> set[Keys]:
    """The keys in a JSON value; lists are passed through."""
    if isinstance(value, list):
        return set().union(*(printed(each, above) for each in value))
    if not isinstance(value, dict):
        return set()
    return {(*above, key) for key in value} | set().union(*(printed(each, (*above, key)) for key, each in value.items()))


def covers(keys: Keys, found: Keys) -> bool:
    """Whether documented keys stand for found ones, or for what these are in; words in capitals for any name.

    What a last word in capitals stands for may be an object, with keys of its own.
    """
    same = all(a.isupper() or a == b for a, b in zip(keys, found, strict=False))
    return same and (len(found) <= len(keys) or keys[-1].isupper())


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Models that nothing was trained for, and rows for them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(classifiers, "TREES", 3)
    random = np.random.default_rng(0)
    np.save("bits.npy", random.integers(0, 2, (40, 4)))
    np.save("more.npy", random.integers(0, 2, (30, 4)))
    base_rate = hm.Binary(np.zeros(4))
    hm.save(hm.RBM(base_rate, hm.Binary(np.zeros(3)), random.standard_normal((4, 3))), "bits.safetensors", base_rate=base_rate)
    write_survey(Path("survey.csv"))
    Path("truth.csv").write_text(re.sub(r"^p0,,", "p0,40,", Path("survey.csv").read_text(), flags=re.MULTILINE))
    schema = hm.tabular.infer(hm.io.read_frame("survey.csv"), ignore=["id"])
    units = hm.tabular.units_of(schema)
    rbm = hm.RBM(units, hm.Binary(np.zeros(2)), np.zeros((units.size, 2)))
    hm.save(rbm, "survey.safetensors", base_rate=units, notes={"schema": schema.description()})


def test_every_command_has_its_section():
    assert set(RUNS) == set(cli.COMMANDS) - {"lab"}  # which has nothing to print
    assert set(RUNS) <= set(SECTIONS)


@pytest.mark.parametrize("command", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in RUNS])
def test_the_page_has_the_keys_that_a_command_prints(command, files, capsys):
    found: set[Keys] = set()
    for arguments in RUNS[command]:
        assert run(shlex.split(f"{command} {arguments} --json")) == 0
        found |= printed(json.loads(capsys.readouterr().out))
    keys = documented(command)
    assert {each for each in found if not any(covers(of, each) for of in keys)} == set()
    # An object of names may be empty.
    wanted = {of[:-1] if of[-1].isupper() else of for of in keys}
    assert {of for of in wanted if not any(covers(of, each[: len(of)]) for each in found if len(each) >= len(of))} == set()


@pytest.mark.slow
def test_the_page_of_files_has_what_a_run_folder_holds(files, capsys):
    assert run(shlex.split("train bits.npy --hidden 2 --updates 10 --out run")) == 0
    page = PAGE_OF_FILES.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+`) \|", page, re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`(.+?)`", row)}
    assert {path.name for path in Path("run").iterdir()} <= named
    assert json.loads(Path("run/config.json").read_text()).keys() <= named
    assert {key for line in Path("run/metrics.jsonl").read_text().splitlines() for key in json.loads(line)} <= named
    header = hm.io.load_with_header("run")[2]
    assert header.keys() <= named
    assert all(f"`{note}`" in page for note in header["notes"])
