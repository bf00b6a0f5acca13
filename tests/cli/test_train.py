"""`harmonium train`: one default with Python, settings by name, and row weights."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import harmonium as hm
from harmonium import cli
from harmonium.cli import run
from harmonium.cli.options import SETTINGS, RunOptions


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_python_and_the_command_train_the_same_model(capsys):
    """README's lines for the digits, cut off after as many updates; far above independent units (4 nats: measured 4.8)."""
    assert run(["train", "digits", "--updates", "600", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    digits = hm.data.load("digits")
    rbm = hm.initialize(digits.train, hidden=20, seed=0)
    rbm = hm.fit(rbm, digits.train, valid=digits.valid, seed=0, updates=600)
    np.testing.assert_array_equal(rbm.weights, hm.load(report["run"]).weights)
    assert report["log_likelihood"]["mean"] == pytest.approx(hm.evaluate(rbm, digits.test).mean, abs=1e-9)
    assert report["log_likelihood"]["mean"] > report["baseline"] + 4


def test_there_are_at_most_25_options_and_none_has_a_default_in_the_parser():
    [commands] = [action for action in cli.parser()._actions if action.choices and "train" in action.choices]
    options = [action for action in commands.choices["train"]._actions if action.option_strings]
    assert len([action for action in options if not {"--help", "--json"} & set(action.option_strings)]) <= 25
    assert all(action.default in (None, False, "==SUPPRESS==") for action in options)
    assert set(SETTINGS) <= {field.name for field in fields(hm.TrainConfig)}
    assert not set(SETTINGS) & set(RunOptions.__dataclass_fields__)


def test_weights_are_carried_along_the_split_the_record_and_the_reports(capsys):
    """A column of weights is no data; a row of weight zero counts nothing, and what it holds is not looked at."""
    random = np.random.default_rng(0)
    bits, weights = random.integers(0, 2, (60, 1)).repeat(2, axis=1), random.integers(0, 4, 60) / 2
    cells = np.where(weights[:, None] > 0, bits.astype(str), "neither")
    lines = [f"{a},{b},{weight:g}" for (a, b), weight in zip(cells, weights, strict=True)]
    for name, some in (("rows", slice(None)), ("test", slice(0, 20))):
        with open(f"{name}.csv", "w", encoding="utf-8") as file:
            file.write("\n".join(["a,b,w", *lines[some]]) + "\n")
    np.save("weights.npy", weights)
    short = ["--hidden", "2", "--updates", "20", "--json"]
    reports = {}
    for name, more in {"column": ["--weights", "w"], "file": ["--weights", "weights.npy", "--ignore", "w"]}.items():
        assert run(["train", "rows.csv", *more, *short, "--out", name]) == 0
        reports[name] = json.loads(capsys.readouterr().out)
    assert reports["column"]["log_likelihood"]["mean"] == reports["file"]["log_likelihood"]["mean"]
    config = json.loads(Path("column/config.json").read_text(encoding="utf-8"))
    assert config["options"]["weights"] == "w"
    assert "--weights w" in config["repeat"]
    assert {"train weights", "valid weights", "test weights"} < set(config["data"]["sha256"])
    assert sum(config["data"]["rows"].values()) == (weights > 0).sum()
    assert list(hm.load("column").visible.unit_tables[0]) == [0, 1]
    assert run(["evaluate", "column", "test.csv", "--weights", "w", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["log_likelihood"]
    first = weights[:20]
    expected = hm.evaluate(hm.load("column"), bits[:20], weights=first)
    assert found["mean"] == pytest.approx(expected.mean, abs=1e-9)
    assert found["effective_rows"] == pytest.approx(first.sum() ** 2 / (first**2).sum())
    assert run(["score", "column", "test.csv", "--weights", "w", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mean"] == pytest.approx(expected.mean, abs=1e-9)
    assert run(["train", "rows.csv", "--weights", "w", "--test", "test.csv", *short, "--out", "tested"]) == 0
    assert json.loads(capsys.readouterr().out)["log_likelihood"]["effective_rows"] == found["effective_rows"]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("ww", "'ww' is neither a column of rows.csv nor a file; did you mean w?"),
        ("a", "column 'a', must add up to a finite number above zero"),
        ("b", "column 'b', must be finite numbers of zero or above, but that of row 2 is -1.0"),
        ("short.npy", "must have shape [3], one for each row, but have [2]"),
    ],
)
def test_weights_that_are_none_are_refused(weights, words, capsys):
    np.save("short.npy", np.ones(2))
    with open("rows.csv", "w", encoding="utf-8") as file:
        file.write("a,b,w\n0,1,1\n0,-1,2\n0,1,3\n")
    assert run(["train", "rows.csv", "--weights", weights]) == 2
    assert words in capsys.readouterr().err.replace("\n", " ")


def test_weights_of_streamed_rows_are_split_alike():
    rows, weights = np.arange(40)[:, None] % 2, np.arange(40) % 5
    np.save("rows.npy", np.tile(rows, (1, 3)).astype(np.int8))
    np.save("weights.npy", weights)
    data = hm.data.load("rows.npy", weights="weights.npy", stream=True)
    assert [len(data.weights[part]) for part in data.parts] == [len(part) for part in data.parts.values()]
    assert sorted(np.concatenate(list(data.weights.values()))) == sorted(weights[weights > 0])
