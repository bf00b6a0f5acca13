"""Every command, as a user runs it: what it prints, its JSON, what it writes."""

from __future__ import annotations

import json
import math
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import LECTURE, SMALL

import harmonium as hm
from harmonium import Categorical
from harmonium.cli import COMMANDS, run

WEIGHTS = ["--weights", "0.5 0.5; 0.5 0.5"]
TINY = ["--hidden", "4", "--updates", "50"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(capsys):
    """Run a command line that must succeed: its stdout."""

    def call(*arguments):
        assert run(list(arguments)) == 0
        return capsys.readouterr().out

    return call


@pytest.fixture
def as_json(command):
    """Run a command line with --json: its stdout must be one JSON object and nothing else."""
    return lambda *arguments: json.loads(command(*arguments, "--json"))


def close(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-9)


# ---- the lecture


def test_table_of_the_lecture(as_json):
    table = as_json("table", *WEIGHTS)
    rows = table["rows"]
    assert [row["v"] + row["h"] for row in rows] == [f"{n:04b}" for n in range(16)]
    close([row["energy"] for row in rows], LECTURE["energies"])
    close([row["boltzmann_factor"] for row in rows], LECTURE["boltzmann_factors"])
    close([row["probability"] for row in rows], LECTURE["joint_probabilities"])
    close(table["partition_function"], LECTURE["partition_function"])
    close(table["log_partition"], math.log(LECTURE["partition_function"]))
    assert [row["v"] for row in table["visible"]] == ["00", "01", "10", "11"]
    close(table["visible"][1]["probability"], LECTURE["p_target"])
    close(sum(row["probability"] for row in table["hidden"]), 1)


@pytest.mark.parametrize("expected", LECTURE["steps"], ids=lambda step: f"rate {step['learning_rate']}")
def test_steps_of_the_lecture(as_json, expected):
    rate = str(expected["learning_rate"])
    step = as_json("step", *WEIGHTS, "--target", "01", "--rate", rate, "--freeze-biases")
    close(step["positive"]["weights"], LECTURE["positive_term"])
    close(step["negative"]["weights"], LECTURE["negative_term"])
    close(step["delta"]["weights"], expected["delta_weights"])
    assert step["delta"]["visible_bias"] == step["delta"]["hidden_bias"] == [0, 0]
    close(step["probability_before"], LECTURE["p_target"])
    close(step["probability_after"], expected["p_target"])
    close([row["energy"] for row in step["after"]["rows"]], expected["energies"])
    close([row["probability"] for row in step["after"]["rows"]], expected["joint_probabilities"])
    close([row["probability"] for row in step["before"]["rows"]], LECTURE["joint_probabilities"])
    close(step["after"]["partition_function"], expected["partition_function"])
    # Pr{v'|v} by hand, from the conditionals of the two tables.
    for when in ("before", "after"):
        joint = np.array([row["probability"] for row in step[when]["rows"]]).reshape(4, 4)
        by_hand = (joint[1] / joint[1].sum()) @ (joint[1] / joint.sum(axis=0))
        close(step[f"reconstruction_{when}"], by_hand)
    assert step["reconstruction_after"] > step["reconstruction_before"]


def test_the_table_of_the_lecture_from_the_conditionals(as_json):
    road = as_json("conditional", *WEIGHTS, "--given", "v=01")
    close([unit["total_input"] for unit in road["units"]], [0.5, 0.5])
    close([unit["probability"] for unit in road["units"]], [LECTURE["p_h1_given_v_01"]] * 2)
    close([row["conditional"] for row in road["rows"]], LECTURE["p_h_given_target"])
    close([row["probability"] for row in road["rows"]], LECTURE["joint_probabilities"][4:8])
    close([row["probability_from_energy"] for row in road["rows"]], LECTURE["joint_probabilities"][4:8])
    close(road["marginal"], LECTURE["p_target"])


@pytest.mark.parametrize("case", SMALL, ids=lambda case: f"{case['n_visible']}x{case['n_hidden']}")
def test_small_models_by_their_numbers(as_json, case):
    def text(numbers):
        return " ".join(map(repr, numbers))

    table = as_json(
        "table",
        "--weights",
        "; ".join(text(row) for row in case["weights"]),
        "--visible-bias",
        text(case["visible_bias"]),
        "--hidden-bias",
        text(case["hidden_bias"]),
        "--temperature",
        repr(case["temperature"]),
    )
    close(table["log_partition"], case["log_partition"])


def test_chain_reports_frequencies_beside_probabilities(as_json):
    rows = as_json("chain", *WEIGHTS, "--start", "01", "--sweeps", "2000", "--seed", "3")["rows"]
    close([row["probability"] for row in rows], LECTURE["joint_probabilities"])
    close(sum(row["frequency"] for row in rows), 1)
    assert all(row["standard_error"] > 0 for row in rows if row["frequency"] > 0)
    assert rows == as_json("chain", *WEIGHTS, "--start", "01", "--sweeps", "2000", "--seed", "3")["rows"]


def test_cd_step_shows_the_sampled_states_it_counted(as_json):
    step = as_json("step", *WEIGHTS, "--target", "01", "--rate", "0.1", "--estimator", "cd-2", "--seed", "5")
    v, h, v_end, h_end = (
        np.array([int(bit) for bit in step["trace"][name][0]]) for name in ("v", "h", "v_reconstructed", "h_reconstructed")
    )
    np.testing.assert_array_equal(v, [0, 1])
    close(step["positive"]["weights"], np.outer(v, h))
    close(step["negative"]["weights"], np.outer(v_end, h_end))
    close(step["delta"]["weights"], 0.1 * (np.outer(v, h) - np.outer(v_end, h_end)))
    close(step["delta"]["visible_bias"], 0.1 * (v - v_end))
    close(step["delta"]["hidden_bias"], 0.1 * (h - h_end))
    again = as_json("step", *WEIGHTS, "--target", "01", "--rate", "0.1", "--estimator", "cd-2", "--seed", "5")
    assert again == step


@pytest.mark.slow
def test_pcd_and_many_steps_and_a_whole_training_set(as_json, command):
    step = as_json("step", *WEIGHTS, "--target", "01", "--estimator", "pcd-2", "--steps", "3")
    assert len(step["steps"]) == 3
    step = as_json(
        "step", "--weights", "1 0; 0 1; 0 -1; -1 0", "--data", "bars-and-stripes:2x2", "--rate", "1", "--steps", "10"
    )
    assert step["probability_after"] > step["probability_before"]
    assert math.log(step["probability_after"]) == pytest.approx(step["log_likelihood_after"])
    assert "geometric mean over 6 rows" in command(
        "step", "--weights", "1 0; 0 1; 0 -1; -1 0", "--data", "bars-and-stripes:2x2"
    )


def test_temperature_reaches_every_lecture_command(as_json):
    hot = ["--temperature", "2"]
    table = as_json("table", *WEIGHTS, *hot)
    close([row["energy"] for row in table["rows"]], LECTURE["energies"])
    close([row["boltzmann_factor"] for row in table["rows"]], np.exp(-np.array(LECTURE["energies"]) / 2))
    road = as_json("conditional", *WEIGHTS, *hot, "--given", "v=01")
    close([unit["total_input"] for unit in road["units"]], [0.5, 0.5])
    close([unit["probability"] for unit in road["units"]], [1 / (1 + math.exp(-0.25))] * 2)
    step = as_json("step", *WEIGHTS, *hot, "--target", "01", "--rate", "1")
    close(step["delta"]["weights"], (np.array(step["positive"]["weights"]) - np.array(step["negative"]["weights"])) / 2)
    rows = as_json("chain", *WEIGHTS, *hot, "--sweeps", "100")["rows"]
    close([row["probability"] for row in rows], [row["probability"] for row in table["rows"]])


def test_numbers_that_begin_with_a_minus(as_json):
    table = as_json("table", "--weights", "-1 2; -3 4", "--visible-bias", "-1, 2", "--hidden-bias", "-5 -6")
    assert table["rows"][-1]["energy"] == pytest.approx(-(-1 + 2 - 3 + 4) - 1 + 11)


def test_spin_models_are_written_with_signs(as_json):
    table = as_json("table", "--weights", "1 -1", "--visible-units", "spin", "--hidden-units", "spin")
    assert [row["v"] + row["h"] for row in table["rows"][:2]] == ["---", "--+"]
    rows = as_json("chain", "--weights", "1 -1", "--visible-units", "spin", "--start", "-", "--sweeps", "5")["rows"]
    assert {row["standard_error"] is None for row in rows if row["frequency"] == 0} == {True}


@pytest.mark.parametrize("which", [["table"], ["chain", "--sweeps", "2000"], ["conditional", "--given", "v=01"]])
def test_lecture_commands_print_aligned_tables(command, which):
    text = command(*which, *WEIGHTS)
    assert "0.031390208" in text or "0.235003712" in text
    # Cells of one column end where their heading ends.
    assert "nan" not in text.lower()


@pytest.mark.parametrize("width", [20, 60, 80])
def test_no_number_is_cut_in_a_narrow_terminal(command, monkeypatch, width):
    monkeypatch.setattr("harmonium.cli.output.PIPED_WIDTH", width)
    text = command("conditional", *WEIGHTS, "--given", "v=01")
    assert "…" not in text
    row = next(line for line in text.splitlines() if "0.387455619" in line)
    assert row.split() == ["11", "0.387455619", "0.085327431", "0.085327431", "0.220225046"]


def test_step_prints_every_number_of_the_lecture(command):
    text = command("step", *WEIGHTS, "--target", "01", "--rate", "0.1", "--freeze-biases")
    for figure in ("0.622459331", "0.454352573", "-0.045435257", "0.016810676", "0.220225046", "0.230677826"):
        assert figure in text


# ---- the loop


def test_train_then_everything_else(as_json, command, tmp_path):
    report = as_json("train", "bars-and-stripes:3x3", *TINY, "--seed", "4")
    folder = tmp_path / "runs" / "bars-and-stripes-3x3"
    assert report["run"] == str(folder.relative_to(tmp_path))
    names = {"model.safetensors", "metrics.jsonl", "config.json"}
    pictures = {"filters.png", "fantasies.png", "reconstructions.png", "learning_curves.png"}
    assert {path.name for path in folder.iterdir()} == names | pictures
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["step"] == 50
    config = json.loads((folder / "config.json").read_text())
    assert config["finished"]
    assert config["options"]["seed"] == 4
    assert config["versions"]["jax"]

    rbm = hm.load(folder / "model.safetensors")
    patterns = hm.data.load("bars-and-stripes:3x3").test
    assert report["log_likelihood"]["mean"] == pytest.approx(hm.exact.log_likelihood(rbm, patterns).mean(), abs=1e-9)
    assert report["log_likelihood"]["lower"] == report["log_likelihood"]["mean"] == report["log_likelihood"]["upper"]
    assert report["log_likelihood"]["method"].startswith("exact")

    evaluation = as_json("evaluate", str(folder), "bars-and-stripes:3x3")
    assert evaluation["log_likelihood"]["mean"] == pytest.approx(report["log_likelihood"]["mean"], abs=1e-12)
    assert evaluation["baseline"] == pytest.approx(report["baseline"], abs=1e-6)
    assert "nats/example, exact" in command("evaluate", str(folder), "bars-and-stripes:3x3")

    few = ["sample", str(folder), "--count", "5", "--sweeps", "20"]
    samples = as_json(*few, "--clamp", "v1=1,v3..v4=0")["samples"]
    assert len(samples) == 5
    assert all(sample[0] == "1" and sample[2:4] == "00" for sample in samples)
    assert all(sample[1] == "1" for sample in as_json(*few, "--clamp", "?1???????")["samples"])
    assert len(command("sample", str(folder), "--method", "gibbs", "--count", "3").splitlines()) == 3
    command(*few, "--out", "s.npy")
    assert np.load("s.npy").shape == (5, 9)
    command(*few, "--out", "s.png")
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")

    shown = as_json("reconstruct", str(folder), "bars-and-stripes:3x3", "--out", "r.npy")
    assert np.load("r.npy").shape == (14, 9)
    expected = hm.exact.log_reconstruction(rbm, patterns).mean()
    assert shown["log_reconstruction"] == pytest.approx(expected, abs=1e-9)
    command("reconstruct", str(folder), "bars-and-stripes:3x3", "--out", "r.png")

    info = as_json("info", str(folder))
    assert (info["visible"]["units"], info["hidden"]["units"], info["parameters"]) == (9, 4, 49)
    assert info["notes"]["trained_on"] == "bars-and-stripes:3x3"
    command("info", str(folder))
    assert as_json("table", "--model", str(folder))["configurations"] == 2**13
    assert "too many to print" in command("table", "--model", str(folder))

    again = as_json("train", "bars-and-stripes:3x3", *TINY, "--seed", "4")["run"]
    assert again != report["run"]
    np.testing.assert_array_equal(hm.load(again).weights, rbm.weights)


@pytest.mark.slow
def test_minutes_record_what_repeats_the_run(as_json, tmp_path):
    timed = as_json(
        "train",
        "shifter:3",
        "--hidden",
        "4",
        "--set",
        "estimator=pcd-1",
        "--set",
        "chains=20",
        "--set",
        "early_stopping=0",
        "--minutes",
        "0.03",
    )
    config = json.loads((tmp_path / timed["run"] / "config.json").read_text())
    assert config["updates"] == timed["updates"]
    name, *arguments = shlex.split(config["repeat"])
    assert name == "harmonium"
    assert str(timed["updates"]) in arguments
    again = as_json(*arguments)
    np.testing.assert_array_equal(hm.load(timed["run"]).weights, hm.load(again["run"]).weights)


@pytest.mark.slow
def test_rows_that_are_read_as_they_are_needed_train_the_same_model(as_json, monkeypatch):
    import pyarrow
    from pyarrow import parquet

    from harmonium.io import arrays

    rows = np.random.default_rng(0).integers(0, 2, size=(300, 12), dtype=np.uint8)
    held_out = ["--valid", "held-out.npy", "--test", "held-out.npy"]
    np.save("held-out.npy", rows[:30])
    np.save("rows.npy", rows)
    table = pyarrow.table({f"c{i}": rows[:, i] for i in range(12)})
    os.mkdir("folder")
    for name, first, count in (("1", 0, 100), ("2", 100, 200)):
        parquet.write_table(table.slice(first, count), f"folder/{name}.parquet", row_group_size=70)
    options = ["--hidden", "4", "--set", "estimator=pcd-1", "--updates", "40", "--set", "batch_size=20"]
    in_memory = as_json("train", "rows.npy", *held_out, *options)
    monkeypatch.setattr(arrays, "LARGE_BYTES", 1)
    for name in ("rows.npy", "folder"):
        streamed = as_json("train", name, *held_out, *options)
        np.testing.assert_array_equal(hm.load(in_memory["run"]).weights, hm.load(streamed["run"]).weights)
        assert streamed["train"]["mean"] == pytest.approx(in_memory["train"]["mean"], abs=1e-9)
        without = as_json("train", name, *options)
        assert without["log_likelihood"]["rows"] == 30
        assert without["train"]["rows"] == 240


@pytest.mark.slow
def test_early_stopping_keeps_the_best_model_and_says_how_to_repeat_it(as_json):
    """Rows of coin flips, each twice, which a model of twelve hidden units soon knows by heart."""
    flips = np.random.default_rng(0).integers(0, 2, size=(130, 12))
    np.save("noise.npy", np.hstack([flips, flips]))
    options = ["--hidden", "12", "--set", "estimator=pcd-1", "--set", "l1=0", "--minutes", "1", "--set", "early_stopping=0.2"]
    report = as_json("train", "noise.npy", *options)
    run = pathlib.Path(report["run"])
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    config = json.loads((run / "config.json").read_text())
    best = max(config["trials"], key=lambda trial: trial["value"])
    assert best["value"] == max(m["valid_log_likelihood"] for m in metrics if "valid_log_likelihood" in m)
    assert report["updates"] == best["step"] == metrics[-1]["best_step"] < metrics[-1]["step"] == report["updates_made"]
    assert report["ended"] == config["ended"] == hm.training.ENDINGS["no gain"]
    assert len(config["trials"]) > 1
    assert report["refit"] == metrics[-1].get("refit")
    again = as_json(*shlex.split(config["repeat"])[1:])
    np.testing.assert_array_equal(hm.load(report["run"]).weights, hm.load(again["run"]).weights)


@pytest.mark.slow
def test_compiled_code_is_kept_where_the_user_says(tmp_path):
    """The second process finds what the first has compiled."""
    command = [sys.executable, "-m", "harmonium", "train", "bars-and-stripes:2x2", "--hidden", "3", "--updates", "5", "--json"]
    environment = os.environ | {"HARMONIUM_CACHE": str(tmp_path / "kept")}
    del environment["JAX_COMPILATION_CACHE_DIR"]
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir() if path.name.endswith("-cache")}
    assert first
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    second = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir() if path.name.endswith("-cache")}
    assert any(name.startswith("jit_advance") for name in first)
    assert first.items() <= second.items()  # what takes long to compile was found; short work may come to be kept too
    for path in (tmp_path / "kept").iterdir():  # as a full disk leaves them
        path.write_bytes(path.read_bytes()[:100])
    damaged = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert b"rror" not in damaged.stderr
    assert b"log_likelihood" in damaged.stdout


@pytest.mark.slow
def test_gray_images_from_files_are_binarized_and_called_images(as_json, command):
    # As many rows as all patterns of bars and stripes, for which other tests have compiled the training.
    rows = np.random.default_rng(0).integers(0, 256, size=(14, 3, 3), dtype=np.uint8)
    np.save("train.npy", rows)
    np.save("valid.npy", rows[:7])
    np.savez("test.npz", a=rows[:9], b=rows[:2])
    how = ["--binarize", "threshold=0.5"]
    report = as_json("train", "train.npy", "--valid", "valid.npy", "--test", "test.npz:a", *TINY, "--set", "l1=0", *how)
    assert report["log_likelihood"]["rows"] == 9
    assert report["train"]["rows"] == 14
    assert json.loads(pathlib.Path(report["run"], "config.json").read_text())["data"]["rows"]["valid"] == 7
    assert as_json("evaluate", report["run"], "train.npy", "--binarize", "stochastic")["rows"] == 14
    assert "mean of 9 images of 3 x 3" in command("evaluate", report["run"], "test.npz:a", *how)
    assert "10 images of 3 x 3" in command("data", "train.npy")


def test_rows_of_any_shape_are_named(as_json, command):
    np.save("cubes.npy", np.random.default_rng(0).integers(0, 2, size=(5, 2, 2, 2)))
    hm.save(hm.RBM(hm.Binary(np.zeros(8)), hm.Binary([0.0]), np.ones((8, 1))), "m.safetensors")
    words = "mean of 5 rows of 2 x 2 x 2 values"
    assert words in command("evaluate", "m.safetensors", "cubes.npy")
    assert words in command("reconstruct", "m.safetensors", "cubes.npy", "--draws", "1")


def test_text_from_files_cannot_steer_the_terminal(command):
    hm.save(hm.RBM(hm.Binary([0.0]), hm.Binary([0.0]), [[1.0]]), "m.safetensors", notes={"trained_on": "a \x1b[31mfile\x07"})
    text = command("info", "m.safetensors")
    assert r"a \x1b[31mfile\x07" in text
    assert "\x1b" not in text
    with open("table.csv", "w") as file:
        file.write("a\x1b[2J,b\n1,x\n2,y\x07\n3,x\n")
    text = command("data", "table.csv")
    assert r"a\x1b[2J" in text
    assert not {"\x1b", "\x07"} & set(text)


@pytest.mark.slow
def test_a_model_too_large_to_be_exact_is_bracketed(as_json, command):
    np.save("wide.npy", np.random.default_rng(0).integers(0, 2, size=(40, 50)))
    report = as_json(
        "train",
        "wide.npy",
        "--hidden",
        "40",
        "--updates",
        "5",
        "--set",
        "chains=10",
        "--evaluation-seconds",
        "5",
        "--out",
        "wide",
    )
    for rows in ("log_likelihood", "train"):
        found = report[rows]
        assert found["lower"] < found["mean"] < found["upper"]
        assert found["method"].startswith("AIS + reverse, 100 runs x ")
    # After five updates the model is still close to independent units.
    assert report["log_likelihood"]["mean"] == pytest.approx(report["baseline"], abs=2)
    out = command("evaluate", "wide", "wide.npy", "--seconds", "5", "--runs", "20").splitlines()
    number = r"-\d+\.\d{2,3}"
    line = (
        rf"log likelihood {number} \[{number}, {number}\] nats/example, AIS \+ reverse, 20 runs x [\d,]+ temperatures, [\d.]+ s"
    )
    assert re.fullmatch(line, out[0])
    assert out[-1].startswith("mean of 40 rows of 50 columns, standard error over rows ")


@pytest.mark.slow
def test_an_estimate_of_a_small_model_contains_its_exact_value_and_doubts_are_said(as_json, command, monkeypatch):
    run = as_json("train", "digits", *TINY)["run"]
    exact = as_json("evaluate", run, "digits", "--exact")["log_likelihood"]
    found = as_json("evaluate", run, "digits", "--estimate", "--seconds", "5", "--seed", "1")["log_likelihood"]
    assert exact["lower"] == exact["upper"]
    assert exact["effective_sample_size"] is None
    assert found["lower"] <= exact["mean"] <= found["upper"]
    assert found["effective_sample_size"] > 10
    assert found["details"]["tempering_converged"] is True
    assert found["warnings"] == []

    for module in ("evaluation", "log_likelihood"):
        monkeypatch.setattr(f"harmonium.likelihood.{module}.MAX_WIDTH", 1e-9)
    arguments = ("evaluate", run, "digits", "--estimate", "--seconds", "1", "--runs", "20")
    assert "warning: the interval is" in command(*arguments)
    found = as_json(*arguments)["log_likelihood"]
    assert "allow more seconds" in found["warnings"][0]
    assert found["details"]["raise_log_likelihood"] < found["upper"] + 1


@pytest.mark.slow
def test_spin_units_through_the_whole_loop(as_json):
    np.save("spins.npy", np.random.default_rng(0).choice([-1, 1], size=(40, 9)))
    report = as_json("train", "spins.npy", *TINY, "--visible-units", "spin", "--hidden-units", "binary")
    assert set(as_json("sample", report["run"], "--sweeps", "5")["samples"][0]) <= {"-", "+"}
    as_json("reconstruct", report["run"], "spins.npy")
    assert as_json("evaluate", report["run"], "spins.npy")["log_likelihood"]["mean"] < 0


@pytest.mark.slow
def test_real_values_through_the_whole_loop(as_json, command):
    np.save("real.npy", np.random.default_rng(0).standard_normal((40, 3)) @ [[1, 0.9, 0], [0, 0.4, 0], [0, 0, 1]])
    run = as_json("train", "real.npy", *TINY, "--visible-units", "gaussian")["run"]
    assert all(isinstance(value, float) for value in as_json("sample", run, "--sweeps", "5", "--clamp", "v1=0.5")["samples"][0])
    assert command("sample", run, "--sweeps", "5", "--count", "2").count("\n") == 2
    as_json("reconstruct", run, "real.npy")
    exact = as_json("evaluate", run, "real.npy")["log_likelihood"]
    found = as_json("evaluate", run, "real.npy", "--estimate", "--seconds", "5")["log_likelihood"]
    assert found["lower"] <= exact["mean"] <= found["upper"]
    described = as_json("info", run)
    assert described["visible"] == {"kind": "gaussian", "units": 3, "columns": 3}
    assert described["arrays"]["visible.precision"]["smallest"] > 0
    diagnosed = as_json("diagnose", run, "real.npy", "--chains", "10", "--sweeps", "20")
    assert diagnosed["pseudo_log_likelihood"] is None


@pytest.mark.slow
def test_categories_through_the_whole_loop(as_json, command):
    units = Categorical.zeros((3, 2))
    np.save("one_hot.npy", units.encode(np.random.default_rng(0).integers([3, 2], size=(40, 2))))
    run = as_json("train", "one_hot.npy", *TINY, "--visible-units", "categorical:3,2", "--hidden-units", "categorical:3")["run"]
    assert set("".join(as_json("sample", run, "--sweeps", "5")["samples"])) <= set("012")
    assert {text[0] for text in as_json("sample", run, "--clamp", "2?", "--sweeps", "5")["samples"]} == {"2"}
    assert as_json("info", run)["visible"] == {"kind": "categorical", "units": 2, "columns": 5}
    as_json("reconstruct", run, "one_hot.npy")


def test_what_is_shown_of_other_kinds_is_shown_and_what_cannot_be_is_refused(as_json, capsys):
    hm.save(hm.RBM(Categorical([0.0, 1.0, 0.5], (3,)), hm.Binary([0.0]), [[1.0], [0.0], [2.0]]), "three.safetensors")
    assert [row["v"] for row in as_json("table", "--model", "three.safetensors")["rows"]] == ["0", "0", "1", "1", "2", "2"]
    as_json("chain", "--model", "three.safetensors", "--sweeps", "50")
    as_json("step", "--model", "three.safetensors", "--target", "2")
    hm.save(hm.RBM(hm.Gaussian([0.0], [1.0]), hm.Binary([0.0]), [[1.0]]), "real.safetensors")
    for arguments in (["table"], ["chain", "--sweeps", "5"], ["step", "--target", "1"], ["conditional", "--given", "v=1"]):
        assert run([*arguments, "--model", "real.safetensors"]) == 2
        assert re.fullmatch(
            r"harmonium: .*(continuum|cannot be written|biases alone|can be listed).*\n", capsys.readouterr().err
        )


def test_data_lists_and_describes(as_json, command):
    assert {source["name"] for source in as_json("data")["sources"]} == {"digits", "bars-and-stripes", "shifter", "mnist"}
    assert as_json("data", "bars-and-stripes:3x3")["entropy"] == pytest.approx(math.log(14))
    assert as_json("data", "digits")["rows"] == {"train": 1439, "valid": 179, "test": 179}
    assert "1,797" in command("data")
    assert "zeros and ones" in command("data", "digits")


# ---- manners


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_and_few_options(name, capsys):
    assert run([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"harmonium {name}" in text.split("example:")[1]
    shared = {"--help", "--json"}
    assert len(set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", text.split("example:")[0], re.M)) - shared) <= 25


def test_help_imports_nothing_heavy():
    program = """
import sys
from harmonium.cli import run
run(["--help"])
print([name for name in ("jax", "numpy", "rich", "matplotlib", "optax", "sklearn") if name in sys.modules])
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"harmonium {hm.__version__}\n"


def test_interrupting_a_training_keeps_the_last_state(tmp_path):
    """Ctrl-C in mid-training: one line that says where, status 130, a whole model, and no half-written file."""
    command = [sys.executable, "-m", "harmonium", "train", "shifter:4", "--hidden", "6", "--minutes", "5", "--out", "run"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 2):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    line = errors.strip().splitlines()[-1]
    assert line.startswith("harmonium: interrupted; the model after ")
    assert line.endswith("is in run; resume with: harmonium train --resume run")
    assert "Traceback" not in errors
    assert output == ""
    assert np.isfinite(hm.load(tmp_path / "run").weights).all()
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert not config["finished"]
    assert config["updates"] == json.loads(metrics.read_text().splitlines()[-1])["step"]
    names = sorted(re.sub(r"\d{10}", "N", path.name) for path in (tmp_path / "run").iterdir())
    assert names == ["checkpoint-N.safetensors", "config.json", "metrics.jsonl", "model.safetensors"]


@pytest.mark.parametrize("how", [["--exact"], ["--estimate", "--seconds", "100", "--precision", "1e-6"]])
@pytest.mark.slow
def test_interrupting_an_evaluation_ends_it_cleanly(tmp_path, how):
    """Ctrl-C amid the work, in Python or in compiled code: one line and status 130, whatever threads are busy."""
    random = np.random.default_rng(0)
    rbm = hm.RBM(hm.Binary(np.zeros(200)), hm.Binary(np.zeros(31)), random.standard_normal((200, 31)))
    hm.save(rbm, tmp_path / "model.safetensors")
    np.save(tmp_path / "rows.npy", random.integers(2, size=(50, 200)))
    command = [sys.executable, "-m", "harmonium", "evaluate", "model.safetensors", "rows.npy", *how]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "harmonium: interrupted"
    assert "Traceback" not in errors
    assert output == ""


def test_divergence_keeps_the_last_good_model(tmp_path, capsys):
    assert (
        run(["train", "bars-and-stripes:3x3", *TINY, "--set", "estimator=cd-1", "--set", "learning_rate=3e38", "--out", "run"])
        == 2
    )
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "diverged" in captured.err.strip().splitlines()[-1]
    assert np.isfinite(hm.load(tmp_path / "run").weights).all()
