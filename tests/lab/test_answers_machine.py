"""Chapter 1's answers: the table is the library's, whatever the machine; its Python and its command make the same machine."""

from __future__ import annotations

import io
import json
import math
import shlex
from contextlib import redirect_stdout

import numpy as np
import pytest
from conftest import LECTURE, SMALL, random_rbm, reference_rbm

import harmonium as hm
from harmonium import exact, lecture
from harmonium.cli import run
from tests.lab import node

BINARY = [case for case in SMALL if max(len(case["visible_bias"]), len(case["hidden_bias"])) <= 5]
SIZES = [(1, 5), (3, 4)]


def message(rbm: hm.RBM, temperature: float = 1.0, **more) -> dict:
    numbers = {"weights": rbm.weights.tolist(), "a": rbm.visible.bias.tolist(), "b": rbm.hidden.bias.tolist()}
    return {"machine": numbers, "temperature": temperature, **more}


def asked(name: str, params: dict) -> dict:
    free = {layer: [None] * len(params["machine"][bias]) for layer, bias in (("v", "a"), ("h", "b"))}
    call = {
        "table": "machine.tableOf(tablesOf(x), x.clamp)",
        "python": "machine.pythonText(x.machine, x.temperature)",
        "command": "machine.commandText(x.machine, x.temperature)",
    }[name]
    return node.evaluate(call, **{"clamp": free, **params})


def bits(states) -> list[str]:
    return ["".join(str(int(x)) for x in row) for row in states]


def close(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(np.array(found, dtype=float), expected, rtol=tolerance, atol=tolerance)


def test_the_lecture_s_table():
    found = asked("table", message(reference_rbm(LECTURE)))
    close(found["energy"], LECTURE["energies"])
    close(found["factor"], LECTURE["boltzmann_factors"])
    close(found["probability"], LECTURE["joint_probabilities"])
    close(found["partition"], LECTURE["partition_function"])
    assert found["given"] is None
    assert found["visible"]["probability"][1] == pytest.approx(0.22022505, abs=5e-9)
    # A zero that was negated must not be shown with a sign.
    assert not any(math.copysign(1, x) < 0 for x in found["energy"] if x == 0)


@pytest.mark.parametrize("case", BINARY, ids=lambda case: f"{len(case['visible_bias'])}x{len(case['hidden_bias'])}")
def test_small_machines_against_brute_force(case):
    found = asked("table", message(reference_rbm(case), case["temperature"]))
    close(found["log_partition"], case["log_partition"])
    close(found["mean"]["v"], case["mean_v"])
    close(found["mean"]["h"], case["mean_h"])
    p = np.array(found["visible"]["probability"])
    close(-(p * np.log(p)).sum(), case["entropy_v"])


@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_every_size_is_the_library_s_table(shape):
    rbm = random_rbm(hm.Binary, hm.Binary, shape, seed=10 * shape[0] + shape[1], scale=2.0)
    for temperature in (1.0, 0.3, 7.5):
        found = asked("table", message(rbm, temperature, clamp={"v": [None] * shape[0], "h": [None] * shape[1]}))
        table = lecture.table(rbm, temperature)
        joint = table.joint
        assert (found["v"], found["h"]) == (bits(joint.v), bits(joint.h))
        close(found["energy"], joint.energy)
        close(found["factor"], joint.boltzmann_factor)
        close(found["probability"], joint.probability)
        close(found["log_partition"], joint.log_partition)
        for layer, marginal in (("visible", table.visible), ("hidden", table.hidden)):
            assert found[layer]["states"] == bits(marginal.states)
            close(found[layer]["probability"], marginal.probability)
        cold = hm.at_temperature(rbm, temperature)
        close(found["visible"]["free_energy"], hm.free_energy(cold, table.visible.states) * temperature)
        moments = exact.moments(cold)
        close(found["mean"]["v"], moments.v)
        close(found["mean"]["h"], moments.h)
        close(found["entropy"], -(joint.probability * np.log(joint.probability)).sum())
        assert found["given"] is None


def test_held_units_condition_the_table():
    rbm = random_rbm(hm.Binary, hm.Binary, (3, 2), seed=1)
    found = asked("table", message(rbm, 0.7, clamp={"v": [None, 1, None], "h": [0, None]}))
    joint = exact.joint_table(rbm, 0.7)
    agree = (joint.v[:, 1] == 1) & (joint.h[:, 0] == 0)
    close(found["given"], np.where(agree, joint.probability, 0) / joint.probability[agree].sum())
    close(found["probability"], joint.probability)
    assert not any(p for p, kept in zip(found["given"], agree, strict=True) if not kept)
    given = np.where(agree, joint.probability, 0) / joint.probability[agree].sum()
    close(found["given_mean"]["v"], given @ joint.v)
    close(found["given_mean"]["h"], given @ joint.h)


def test_the_coldest_and_largest_machine_has_numbers_or_null():
    for sign in (-1, 1):
        rbm = hm.RBM(hm.Binary([20.0 * sign] * 5), hm.Binary([20.0 * sign] * 5), np.full((5, 5), 20.0 * sign))
        found = asked("table", message(rbm, 0.05, clamp={"v": [1, 0, 1, 0, 1], "h": [None] * 5}))
        assert sum(found["probability"]) == pytest.approx(1, abs=1e-12)
        assert sum(found["given"]) == pytest.approx(1, abs=1e-12)
        assert (found["partition"] is None) == (sign > 0)
        assert (None in found["factor"]) == (sign > 0)
        assert 0 <= found["entropy"] < 1e-9
        assert all(math.isfinite(x) for x in found["visible"]["free_energy"])


@pytest.mark.parametrize(("shape", "temperature"), [((2, 2), 1.0), ((3, 2), 1 / 3)], ids=str)
def test_python_and_command_make_the_same_machine(shape, temperature):
    rbm = random_rbm(hm.Binary, hm.Binary, shape, seed=4)
    rbm = hm.RBM(hm.Binary(rbm.visible.bias), hm.Binary(np.zeros(shape[1])), rbm.weights)
    rbm.weights[0, 0] = -1.0  # a whole number, and a minus where an option's value begins
    params = message(rbm, temperature)
    expected = exact.joint_table(rbm, temperature)

    space: dict = {}
    with redirect_stdout(io.StringIO()) as printed:
        exec(asked("python", params), space)
    assert len(printed.getvalue().splitlines()) == len(expected.v) + 1
    np.testing.assert_array_equal(space["table"].energy, expected.energy)
    np.testing.assert_array_equal(space["table"].probability, expected.probability)

    program, *arguments = shlex.split(asked("command", params))
    assert program == "harmonium"
    with redirect_stdout(io.StringIO()) as printed:
        assert run([*arguments, "--json"]) == 0
    table = json.loads(printed.getvalue())
    assert table["temperature"] == temperature
    close([row["energy"] for row in table["rows"]], expected.energy)
    close([row["probability"] for row in table["rows"]], expected.probability)
