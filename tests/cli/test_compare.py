"""`harmonium compare` of arrays: what it prints, its JSON, its picture, and mistakes in one line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

import harmonium as hm
from harmonium.cli import run
from harmonium.diagnostics import classifiers


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A folder with a model, and rows of three columns that it does not fit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(classifiers, "TREES", 3)
    random = np.random.default_rng(0)
    hm.save(hm.RBM(hm.Binary(np.zeros(4)), hm.Binary(np.zeros(3)), random.standard_normal((4, 3))), "m.safetensors")
    np.save("bits.npy", random.integers(0, 2, (60, 4)))
    np.save("more.npy", random.integers(0, 2, (50, 4)))


def test_rows_with_training_rows_and_a_picture(capsys):
    command = "compare m.safetensors bits.npy --train more.npy --count 40"
    assert run(shlex.split(f"{command} --out picture.png")) == 0
    words = capsys.readouterr().out
    assert Path("picture.png").read_bytes().startswith(b"\x89PNG")
    for name in (
        "column shapes",
        "two-sample score",
        "MMD squared, bandwidth",
        "held-out rows with probability",
        "least alike",
    ):
        assert name in words
    assert run(shlex.split(f"{command} --json")) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["rows"] == {"samples": 40, "compared": 60, "floor": 50}
    samples = hm.sample(hm.load("m.safetensors"), 40)
    found = hm.diagnostics.compare(samples, np.load("bits.npy"), np.load("more.npy"), rbm=hm.load("m.safetensors"))
    assert result["samples"]["two_sample"]["auc"] == found.samples.two_sample.auc
    assert result["leak"]["leak"] == found.leak.leak


def test_a_source_of_known_entropy_has_a_divergence(capsys):
    rbm = hm.load("m.safetensors")
    assert run(shlex.split("compare m.safetensors bars-and-stripes:2x2 --count 30 --json")) == 0
    rows = hm.data.load("bars-and-stripes:2x2").test
    divergence = -np.log(len(rows)) - hm.exact.log_likelihood(rbm, rows).mean()
    assert json.loads(capsys.readouterr().out)["divergence"] == pytest.approx(divergence)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("bits.npy --target v1", "--target is for a model that was trained on the columns of a table"),
        ("bits.npy --count 19", "--count must be a whole number of at least 20"),
        ("bits.npy --out picture.pdf", "the name must end with .png"),
        ("more.npy --train none.npy", "there is no such file"),
    ],
)
def test_mistakes_are_one_line(capsys, arguments, words):
    assert run(["compare", "m.safetensors", *arguments.split()]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert words in captured.err
