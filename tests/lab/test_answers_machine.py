"""Chapter 1's answers: the table is the library's, whatever the machine; its Python and its command make the same machine."""

from __future__ import annotations

import io
import json
import math
import shlex
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest
from conftest import LECTURE, SMALL, random_rbm, reference_rbm

import harmonium as hm
from harmonium import exact, lecture
from harmonium.cli import run
from harmonium.errors import InputError
from harmonium.lab import answers
from harmonium.lab.ask import Ask
from harmonium.lab.connection import encode

BINARY = [case for case in SMALL if max(len(case["visible_bias"]), len(case["hidden_bias"])) <= 5]
SIZES = [(1, 5), (3, 4)]


def message(rbm: hm.RBM, temperature: float = 1.0, **more) -> dict:
    numbers = {"weights": rbm.weights.tolist(), "a": rbm.visible.bias.tolist(), "b": rbm.hidden.bias.tolist()}
    return {"machine": numbers, "temperature": temperature, **more}


def asked(name: str, params: dict) -> dict:
    """The answer as a page gets it."""
    return json.loads(encode(answers.find(f"machine.{name}")(Ask(params, None))))


def bits(states) -> list[str]:
    return ["".join(str(int(x)) for x in row) for row in states]


def close(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(np.array(found, dtype=float), expected, rtol=tolerance, atol=tolerance)


def test_the_lecture_s_table():
    found = asked("table", message(reference_rbm(LECTURE)))
    close(found["energy"], LECTURE["energies"])
    close(found["weight"], LECTURE["boltzmann_factors"])
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
        close(found["weight"], joint.boltzmann_factor)
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


def test_the_coldest_and_largest_machine_has_numbers_or_null():
    for sign in (-1, 1):
        rbm = hm.RBM(hm.Binary([20.0 * sign] * 5), hm.Binary([20.0 * sign] * 5), np.full((5, 5), 20.0 * sign))
        found = asked("table", message(rbm, 0.05, clamp={"v": [1, 0, 1, 0, 1], "h": [None] * 5}))
        assert sum(found["probability"]) == pytest.approx(1, abs=1e-12)
        assert sum(found["given"]) == pytest.approx(1, abs=1e-12)
        assert (found["partition"] is None) == (sign > 0)
        assert (None in found["weight"]) == (sign > 0)
        assert 0 <= found["entropy"] < 1e-9
        assert all(math.isfinite(x) for x in found["visible"]["free_energy"])


def test_the_first_table_does_not_wait_for_jax():
    code = f"""
import sys
from harmonium.lab import connection, server
text = connection.answer({{"id": 1, "ask": "machine.table", **{message(reference_rbm(LECTURE))!r}}}, None)
assert '"answer"' in text, text
assert "jax" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("shape", "temperature"), [((2, 2), 1.0), ((3, 2), 1 / 3)], ids=str)
def test_python_and_command_make_the_same_machine(shape, temperature):
    rbm = random_rbm(hm.Binary, hm.Binary, shape, seed=4)
    rbm = hm.RBM(hm.Binary(rbm.visible.bias), hm.Binary(np.zeros(shape[1])), rbm.weights)
    rbm.weights[0, 0] = -1.0  # a whole number, and a minus where an option's value begins
    params = message(rbm, temperature)
    expected = exact.joint_table(rbm, temperature)

    space: dict = {}
    with redirect_stdout(io.StringIO()) as printed:
        exec(asked("python", params)["text"], space)
    assert len(printed.getvalue().splitlines()) == len(expected.v) + 1
    np.testing.assert_array_equal(space["table"].energy, expected.energy)
    np.testing.assert_array_equal(space["table"].probability, expected.probability)

    program, *arguments = shlex.split(asked("command", params)["text"])
    assert program == "harmonium"
    with redirect_stdout(io.StringIO()) as printed:
        assert run([*arguments, "--json"]) == 0
    table = json.loads(printed.getvalue())
    assert table["temperature"] == temperature
    close([row["energy"] for row in table["rows"]], expected.energy)
    close([row["probability"] for row in table["rows"]], expected.probability)


GOOD = message(reference_rbm(LECTURE))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"machine": None}, "machine must be an object with weights, a and b, but is missing"),
        ({"machine": [1]}, "but is a list of 1"),
        ({"machine": {}}, "machine.weights must be rows of numbers"),
        ({"machine": {"weights": [[]], "a": [], "b": []}}, "machine.weights must be rows of numbers"),
        ({"machine": {"weights": [[1, 2], [3]], "a": [0, 0], "b": [0, 0]}}, "must have 2 numbers in every row"),
        (
            {"machine": {"weights": [[1, 2]], "a": [0, 0], "b": [0, 0]}},
            "machine.a must be a list of 1 number, but is a list of 2",
        ),
        ({"machine": {"weights": [[1, 2]], "a": [0], "b": [0]}}, "machine.b must be a list of 2 numbers"),
        ({"machine": {"weights": [[1] * 6], "a": [0], "b": [0] * 6}}, "at most 5 visible and 5 hidden units, but has 1 and 6"),
        ({"machine": {"weights": [[1e9]], "a": [0], "b": [0]}}, "from -20 to 20, but one is 1000000000.0"),
        ({"machine": {"weights": [["x"]], "a": [0], "b": [0]}}, "from -20 to 20, but one is 'x'"),
        ({"machine": {"weights": [[True]], "a": [0], "b": [0]}}, "but one is True"),
        ({"machine": {"weights": [[math.nan]], "a": [0], "b": [0]}}, "but one is nan"),
        ({"machine": {"weights": [[10**400]], "a": [0], "b": [0]}}, "but one is far larger"),
        ({"temperature": -1}, "temperature must be a number from 0.05 to 20, but is -1"),
        ({"temperature": math.inf}, "but is inf"),
        ({"temperature": "x" * 500}, "but is 'xxx"),
        ({"clamp": 3}, "clamp must be an object, but is 3"),
        ({"clamp": {"v": [0], "h": [None, None]}}, "v must be a list of 2, each 0, 1 or null, but is a list of 1"),
        ({"clamp": {"v": [0, 2], "h": [None, None]}}, "v must be a list of 2, each 0, 1 or null"),
    ],
)
def test_bad_input_is_told_in_one_line(change, said):
    with pytest.raises(InputError) as raised:
        asked("table", GOOD | change)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 200
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("getter", "value", "result"),
    [
        (lambda ask: ask.number("x", 0, 1), 0.25, 0.25),
        (lambda ask: ask.number("x", 0, 1, default=1), None, 1.0),
        (lambda ask: ask.number("x", 0, 1), None, "x must be a number from 0 to 1, but is missing"),
        (lambda ask: ask.number("x", 0, 1), 1.5, "x must be a number from 0 to 1, but is 1.5"),
        (lambda ask: ask.whole("x", 0, 9), 3.0, 3),
        (lambda ask: ask.whole("x", 0, 9), 3.5, "x must be a whole number from 0 to 9, but is 3.5"),
        (lambda ask: ask.whole("x", 0, 9), True, "but is True"),
        (lambda ask: ask.whole("x", 0, 9, default=4), None, 4),
        (lambda ask: ask.bits("x", 3).tolist(), "011", [0, 1, 1]),
        (lambda ask: ask.bits("x", 3).tolist(), [0, 1, 1.0], [0, 1, 1]),
        (lambda ask: ask.bits("x", 3), "01", "x must be 3 bits, each 0 or 1, but is '01'"),
        (lambda ask: ask.bits("x", 1), "2", "x must be 1 bit, each 0 or 1, but is '2'"),
        (lambda ask: ask.bits("x", 2), ["0", "1"], "but is a list of 2"),
        (lambda ask: ask.bits("x", 2), {"0": 1, "1": 1}, "but is an object of 2"),
        (lambda ask: ask.choice("x", ("a", "b")), "b", "b"),
        (lambda ask: ask.choice("x", ("a", "b"), "a"), None, "a"),
        (lambda ask: ask.choice("x", ("a", "b")), ["a"], "x must be one of a, b, but is a list of 1"),
        (lambda ask: ask.text("x", 3), "abc", "abc"),
        (lambda ask: ask.text("x", 3), "abcd", "x must be a text of at most 3 characters, but has 4"),
        (lambda ask: Ask({}, None).seed(), 0, 0),
        (lambda ask: Ask({"seed": 2**53}, None).seed(), 0, 2**53),
        (lambda ask: Ask({"seed": 2**53 + 2}, None).seed(), 0, "seed must be a whole number from 0 to 9007199254740992"),
        (lambda ask: ask.page, 0, "needs a page that stays connected"),
    ],
)
def test_getters(getter, value, result):
    ask = Ask({"x": value}, None)
    if isinstance(result, str) and len(result) > 3:
        with pytest.raises(InputError) as raised:
            getter(ask)
        assert result in str(raised.value)
    else:
        assert getter(ask) == result


def test_a_larger_machine_where_an_answer_allows_it():
    rbm = random_rbm(hm.Binary, hm.Binary, (6, 7), seed=2)
    found = Ask(message(rbm), None).machine(most=(8, 8))
    np.testing.assert_array_equal(found.weights, rbm.weights)
    assert found.weights.dtype == np.float64
