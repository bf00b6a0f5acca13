"""The examples run, and what they print is right."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_sensor_table(capsys):
    found = example("sensor_table").main(rows=400, n_iter=50)
    assert found["states"] > 0.8  # the most common state alone gets 0.5
    assert found["temperature"] < 10  # the mean is wrong by 15
    assert found["faults"] > 0.9


@pytest.mark.slow
def test_the_survey(capsys):
    found = example("survey").main(updates=500)
    assert found["cultivars"] > 0.7  # the most common one alone gets 0.4
    assert found["model"] < 0.9 * found["mean"]


@pytest.mark.slow
def test_the_sequences(capsys):
    found = example("sequences").main(count=1000, updates=3000)
    assert found["pairs"] == 4
    assert found["right"] > 0.6  # their partners determine 0.9
    assert found["log_likelihood"] > found["alone"] + 1.5


@pytest.mark.slow
def test_the_images(capsys):
    found = example("images").main(n_iter=20, pictures=50)
    assert found["classifier"] > 0.9
    assert found["filled"] > 0.75
