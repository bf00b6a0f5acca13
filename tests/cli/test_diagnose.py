"""`harmonium diagnose`: what it prints, its JSON, the pictures it writes, and every mistake in one line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

import harmonium as hm
from harmonium.cli import run
from harmonium.likelihood import pseudo
from harmonium.likelihood.pseudo import pseudo_log_likelihood, stochastic_pseudo_log_likelihood

QUICK = ["--chains", "40", "--sweeps", "40", "--rungs", "3"]
PICTURES = {"energies", "swap_rates", "weights", "hidden_activations", "spectrum"}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A folder of models and data to run in."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    rbm = hm.RBM(hm.Binary(np.zeros(4)), hm.Binary(np.zeros(3)), random.standard_normal((4, 3)))
    hm.save(rbm, "m.safetensors")
    Path("run").mkdir()
    hm.save(hm.RBM(hm.Binary(np.zeros(9)), hm.Spin(np.zeros(3)), random.standard_normal((9, 3))), "run/model.safetensors")
    np.save("bits.npy", random.integers(0, 2, (30, 4)))
    np.save("more.npy", random.integers(0, 2, (50, 4)))
    np.save("one.npy", np.zeros((1, 4)))
    np.save("three.npy", np.zeros((20, 3)))
    np.save("gray.npy", np.full((20, 4), 0.5))
    np.save("nan.npy", np.where(np.arange(80).reshape(20, 4) == 7, np.nan, 0.0))
    Path("full").mkdir()
    Path("full/notes.txt").write_text("kept")


@pytest.fixture
def command(capsys):
    """Run a command line that must succeed: its stdout, with nothing on stderr."""

    def call(text):
        assert run(shlex.split(text) + QUICK) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return call


def test_words_and_pictures(command):
    text = command("diagnose m.safetensors bits.npy --train more.npy")
    folder = Path("m-diagnosis")
    assert {path.name for path in folder.iterdir()} == {f"{name}.png" for name in PICTURES} | {"diagnosis.json"}
    assert all((folder / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in PICTURES)
    words = " ".join(text.split())
    for name in ("relaxation", "mixing", "tempering", "overfitting", "adversarial accuracy", "leak", "hidden units"):
        assert f" {name} " in words
    assert "no log likelihood, and no bound on one" in words
    assert "is not judged" not in words


def test_json_holds_every_figure_and_a_seed_repeats_them(command, capsys):
    arguments = "diagnose m.safetensors bits.npy --train more.npy --out new/deep --json"
    first = json.loads(command(arguments))
    assert run([*arguments.split(), *QUICK]) == 2
    assert "exists and is not empty; choose another --out, or add --overwrite" in capsys.readouterr().err
    result = json.loads(command(f"{arguments} --overwrite"))
    assert first | {"seconds": result["seconds"]} == result
    assert result == json.loads(Path("new/deep/diagnosis.json").read_text())
    assert set(result) == {
        "verdicts",
        "mixing",
        "tempering",
        "free_energy_gap",
        "adversarial_accuracy",
        "leak",
        "hidden_units",
        "spectrum",
        "pseudo_log_likelihood",
        "rows",
        "pictures",
        "seconds",
    }
    assert result["rows"] == {"held_out": 30, "train": 50}
    assert {verdict["ok"] for verdict in result["verdicts"]} <= {True, False}
    assert set(result["pictures"]) == PICTURES
    assert all(Path(file).is_file() for file in result["pictures"].values())
    quantities = result["mixing"]["quantities"]
    assert quantities == ["free energy", "component 1", "component 2", "component 3"]
    assert len(result["mixing"]["r_hat"]) == len(result["mixing"]["starts"]["difference"]) == len(quantities)
    assert len(result["tempering"]["acceptance"]) == 2
    assert len(result["tempering"]["gibbs_from_data"]["p_value"]) == len(quantities)
    rbm = hm.load("m.safetensors")
    rows, train = np.load("bits.npy"), np.load("more.npy")
    gap = hm.free_energy(rbm, rows).mean() - hm.free_energy(rbm, train).mean()
    assert result["free_energy_gap"]["gap"] == pytest.approx(gap)
    assert result["pseudo_log_likelihood"]["mean"] == pytest.approx(pseudo_log_likelihood(rbm, rows).mean())


def test_a_file_alone_is_held_out_and_the_rest_is_left_out(command):
    words = command("diagnose m.safetensors bits.npy")
    assert "overfitting is not judged" in words
    assert " leak " not in words
    result = json.loads(Path("m-diagnosis/diagnosis.json").read_text())
    assert result["free_energy_gap"] is result["leak"] is result["rows"]["train"] is None


def test_a_picture_that_cannot_be_written_costs_no_report(capsys):
    Path("m-diagnosis/energies.png").mkdir(parents=True)
    assert run(["diagnose", "m.safetensors", "bits.npy", "--overwrite", *QUICK]) == 2
    captured = capsys.readouterr()
    assert "relaxation" in captured.out
    assert captured.err == "harmonium: error: m-diagnosis/energies.png is a folder; name a file\n"
    assert Path("m-diagnosis/weights.png").is_file()
    assert "energies" not in json.loads(Path("m-diagnosis/diagnosis.json").read_text())["pictures"]


@pytest.mark.slow
def test_a_run_folder_and_a_source_that_holds_nothing_out(command):
    """All patterns of this source serve for training and test."""
    result = json.loads(command("diagnose run bars-and-stripes:3x3 --json"))
    assert result["rows"] == {"held_out": 14, "train": None}
    assert result["pictures"]["spectrum"] == "run/diagnosis/spectrum.png"


def test_a_model_and_data_without_anything_in_them(command):
    """No weights, one row again and again: nothing divides by zero, and what is amiss is said."""
    hm.save(hm.RBM(hm.Binary(np.full(4, -50.0)), hm.Binary(np.zeros(3)), np.zeros((4, 3))), "zeros.safetensors")
    np.save("zeros.npy", np.zeros((30, 4)))
    result = json.loads(command("diagnose zeros.safetensors zeros.npy --train zeros.npy --json"))
    ok = {verdict["name"]: verdict["ok"] for verdict in result["verdicts"]}
    assert ok["relaxation"]
    assert not ok["hidden units"]
    assert result["hidden_units"]["indifferent"] == ["h1", "h2", "h3"]


def test_a_source_that_holds_rows_out(capsys, monkeypatch):
    def diagnose(rbm, held_out, train, **settings):
        raise hm.InputError(f"{len(held_out)} rows held out, {len(train)} for training, {settings['sweeps']} sweeps")

    monkeypatch.setattr("harmonium.diagnostics.diagnose", diagnose)
    hm.save(hm.RBM(hm.Binary(np.zeros(64)), hm.Binary(np.zeros(2)), np.zeros((64, 2))), "digits.safetensors")
    assert run(["diagnose", "digits.safetensors", "digits"]) == 2
    assert "179 rows held out, 1439 for training, 1000 sweeps" in capsys.readouterr().err


def test_an_interrupted_diagnosis_leaves_nothing(capsys, monkeypatch):
    def diagnose(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("harmonium.diagnostics.diagnose", diagnose)
    assert run(["diagnose", "m.safetensors", "bits.npy"]) == 130
    assert capsys.readouterr().err == "harmonium: interrupted\n"
    assert not Path("m-diagnosis").exists()


def test_a_sum_of_too_many_terms_is_estimated_and_called_so(monkeypatch):
    rbm, rows = hm.load("m.safetensors"), np.load("bits.npy")
    summed = pseudo.mean_pseudo_log_likelihood(rbm, rows)
    assert summed.mean == pytest.approx(pseudo_log_likelihood(rbm, rows).mean())
    monkeypatch.setattr(pseudo, "MAX_TERMS", 10)
    estimated = pseudo.mean_pseudo_log_likelihood(rbm, rows)
    assert estimated.mean == pytest.approx(stochastic_pseudo_log_likelihood(rbm, rows, 0).mean())
    assert (summed.method[:3], estimated.method[:8]) == ("sum", "estimate")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("none.safetensors bits.npy", "there is no such model file"),
        ("m.safetensors none.npy", "there is no such file"),
        ("m.safetensors bits.npy --train none.npy", "there is no such file"),
        ("m.safetensors three.npy", "three.npy must have 4 columns"),
        ("m.safetensors bits.npy --train three.npy", "three.npy must have 4 columns"),
        ("m.safetensors one.npy", "one.npy must have shape [n, 4] with n at least 2"),
        ("m.safetensors bits.npy --train one.npy", "one.npy must have shape [n, 4] with n at least 2"),
        ("m.safetensors nan.npy", "nan in row 2, column 4"),
        ("m.safetensors gray.npy", "has 0.5 in row 1, column 1, but a binary unit is 0 or 1"),
        ("m.safetensors bits.npy --binarize coin", "use threshold=X"),
        ("m.safetensors bits.npy --out full", "exists and is not empty"),
        ("m.safetensors bits.npy --out bits.npy", "bits.npy: File exists"),
        ("m.safetensors bits.npy --out bits.npy/new", "bits.npy/new: Not a directory"),
        ("m.safetensors bits.npy --seed -1", "seed must be a whole number"),
        ("m.safetensors", "required: DATA"),
        *(
            (f"m.safetensors bits.npy --{name} {value}", f"{name} must be a whole number")
            for name in ("chains", "sweeps", "rungs")
            for value in ("0", "-1", "1", "9" * 20)
        ),
        ("m.safetensors bits.npy --sweeps 1.5", "must be a whole number, but is '1.5'"),
    ],
    ids=lambda text: text[-30:],
)
def test_mistakes_are_one_line_and_leave_nothing_behind(capsys, arguments, words):
    before = {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    folders = sorted(path for path in Path().rglob("*") if path.is_dir())
    status = run(["diagnose", *arguments.split()])
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    assert words in captured.err
    assert captured.err.startswith("harmonium")
    assert captured.err.count("\n") == 1
    assert {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    assert sorted(path for path in Path().rglob("*") if path.is_dir()) == folders
