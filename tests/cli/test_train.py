"""`harmonium train`: one default with Python, settings by name, and several processes by one flag."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields

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


@pytest.mark.slow
def test_two_processes_of_a_cluster_are_one_run():
    """Slurm's environment variables, as srun sets them; the same rows and chains in an update as one process has."""
    run_of = ["train", "shifter:4", "--hidden", "6", "--estimator", "pcd-1", "--set", "chains=40", "--set", "batch_size=16"]
    run_of += ["--updates", "100", "--set", "bfloat16=false"]
    command = [sys.executable, "-m", "harmonium", *run_of, "--distributed", "--out", "two"]
    environment = os.environ | {"PJRT_NPROC": "1", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    environment |= {"SLURM_JOB_ID": str(20_000 + os.getpid() % 4000), "SLURM_STEP_NUM_TASKS": "2"}
    processes = [
        subprocess.Popen(
            command,
            env=environment | {"SLURM_PROCID": str(index), "SLURM_LOCALID": str(index)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    outputs = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert "test log likelihood" in outputs[0][0]
    assert outputs[1][0] == ""
    assert run([*run_of, "--out", "one"]) == 0
    np.testing.assert_allclose(hm.load("two").weights, hm.load("one").weights, atol=1e-4)
