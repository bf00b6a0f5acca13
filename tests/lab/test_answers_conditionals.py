"""The numbers of chapters 2 and 7: p(v, h) from the sigmoids and from the energies, and every step to the learning rule."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
import pytest

import harmonium as hm
from harmonium import exact, gradients, lecture
from tests.lab import node

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "two_by_two.json").read_text())
LECTURE = {"weights": [[0.5, 0.5], [0.5, 0.5]], "a": [0, 0], "b": [0, 0]}
SHAPES = [(1, 5), (3, 2)]
COLD = {"weights": [[20, -20, 20], [20, 20, -20], [-20, 20, 20]], "a": [20, -20, 20], "b": [-20, 20, 20]}


CALLS = {
    "given": "conditionals.given(tablesOf(x), x.v)",
    "both": "conditionals.both(tablesOf(x), x.h)",
    "rule": "derivation.derive(tablesOf(x), x.v, x.i, x.j, x.rate)",
}


def ask(name, machine=LECTURE, temperature=1.0, v="", rate=0.1, **params):
    bits = [int(x) for x in v]
    return node.evaluate(CALLS[name], machine=machine, temperature=temperature, v=bits, rate=rate, **params)


def some_machine(shape, seed=0):
    random = np.random.default_rng(seed)
    a, b, weights = (np.round(2 * random.standard_normal(size), 2) for size in (shape[0], shape[1], shape))
    return {"weights": weights.tolist(), "a": a.tolist(), "b": b.tolist()}, hm.RBM(hm.Binary(a), hm.Binary(b), weights)


def every_v(n):
    return ["".join(map(str, bits)) for bits in np.ndindex(*[2] * n)]


def test_the_lecture_s_sigmoids_and_its_solution_from_one_row():
    answer = ask("given", v="01")
    assert [[unit["bias"], *unit["weights"]] for unit in answer["units"]] == [[0, 0.5, 0.5]] * 2
    assert [unit["input"] for unit in answer["units"]] == [0.5, 0.5]
    assert answer["units"][0]["on"] == pytest.approx(REFERENCE["p_h1_given_v_01"], abs=1e-15)
    assert answer["conditional"] == pytest.approx(REFERENCE["p_h_given_target"], abs=1e-15)
    assert f"{answer['joint'][0]:.9f} / {answer['conditional'][0]:.9f}" == "0.031390208 / 0.142536957"
    assert f"{answer['marginal'][0]:.6f}" == "0.220225"
    assert answer["marginal"] == pytest.approx([REFERENCE["p_target"]] * 4, abs=1e-15)
    assert answer["visible"] == pytest.approx(REFERENCE["p_target"], abs=1e-15)
    assert ask("given", v="11")["units"][1]["on"] == pytest.approx(REFERENCE["p_h1_given_v_11"], abs=1e-15)
    assert ask("given", v="00")["conditional"] == [0.25] * 4


@pytest.mark.parametrize(("shape", "temperature"), [((1, 5), 0.5), ((3, 2), 3.0)])
def test_what_follows_from_v_is_the_library_s(shape, temperature):
    machine, rbm = some_machine(shape)
    for v in every_v(shape[0])[::3]:
        answer = ask("given", machine, temperature, v=v)
        bits = np.array(list(map(int, v)))
        found = lecture.conditional(rbm, bits, temperature=temperature)
        np.testing.assert_allclose([unit["input"] for unit in answer["units"]], found.total_input, atol=1e-12)
        written_out = [unit["bias"] + bits @ unit["weights"] for unit in answer["units"]]
        np.testing.assert_allclose(written_out, found.total_input, atol=1e-12)
        np.testing.assert_allclose([unit["on"] for unit in answer["units"]], found.unit_probability, atol=1e-14)
        np.testing.assert_allclose([unit["on"] + unit["off"] for unit in answer["units"]], 1, atol=1e-15)
        np.testing.assert_allclose(answer["conditional"], found.conditional, rtol=1e-11)
        np.testing.assert_allclose(np.prod(answer["factors"], axis=1), found.conditional, rtol=1e-11)
        np.testing.assert_allclose(answer["joint"], found.from_energy, rtol=1e-11)
        np.testing.assert_allclose(np.exp(np.array(answer["exponent"]) - answer["log_partition"]), answer["joint"], rtol=1e-12)
        np.testing.assert_allclose(answer["marginal"], found.marginal, rtol=1e-11)
        np.testing.assert_allclose(answer["visible"], found.marginal, rtol=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
def test_both_ways_lead_to_the_library_s_table_whichever_row_gives_p_of_v(shape):
    machine, rbm = some_machine(shape, seed=1)
    table = lecture.table(rbm, 0.7)
    for h in every_v(shape[1])[::5]:
        answer = ask("both", machine, 0.7, h=h)
        np.testing.assert_allclose(answer["energies"], table.joint.probability, rtol=1e-11)
        np.testing.assert_allclose(answer["predicted"], table.joint.probability, rtol=1e-11)
        np.testing.assert_allclose(answer["marginal"], table.visible.probability, rtol=1e-11)
        assert answer["largest"] == max(map(abs, answer["difference"])) < 1e-13
        every = [v + h for v in answer["v"] for h in answer["h"]]
        assert every == ["".join(str(int(bit)) for bit in row) for row in np.hstack([table.joint.v, table.joint.h])]


def test_the_lecture_s_two_terms():
    for i in range(2):
        for j in range(2):
            answer = ask("rule", v="01", i=i, j=j, rate=0.1)
            assert answer["held"]["term"] == pytest.approx(REFERENCE["positive_term"][i][j], abs=1e-15)
            assert answer["free"]["term"] == pytest.approx(REFERENCE["negative_term"][i][j], abs=1e-15)
            assert answer["step"] == pytest.approx(REFERENCE["steps"][0]["delta_weights"][i][j], abs=1e-15)
    np.testing.assert_allclose(answer["steps"], REFERENCE["steps"][0]["delta_weights"], atol=1e-15)
    assert ask("rule", v="01", i=0, j=0)["held"]["log_top"] is None
    assert answer["free"]["bottom"] == pytest.approx(REFERENCE["partition_function"], abs=1e-13)
    assert answer["free"]["factor"] == pytest.approx(REFERENCE["boltzmann_factors"], abs=1e-14)
    assert answer["probability"] == pytest.approx(REFERENCE["p_target"], abs=1e-15)


@pytest.mark.parametrize(("shape", "temperature"), [((3, 2), 3.0)])
def test_the_way_to_the_rule_ends_at_the_library_s_gradient(shape, temperature):
    machine, rbm = some_machine(shape, seed=2)
    v = every_v(shape[0])[-2]
    bits = np.array([list(map(int, v))], dtype=float)
    with jax.enable_x64(True):
        slope = gradients.exact().gradient(None, exact.at_temperature(rbm, temperature), (), bits)[0].weights
    slope = np.asarray(slope) / temperature
    i, j = shape[0] - 1, shape[1] // 2
    answer = ask("rule", machine, temperature, v=v, i=i, j=j, rate=2.0)
    assert answer["slope"] == pytest.approx(slope[i, j], abs=1e-11)
    assert answer["step"] == pytest.approx(2.0 * slope[i, j], abs=1e-11)
    np.testing.assert_allclose(answer["steps"], 2.0 * slope, atol=1e-11)
    assert answer["nudge"]["slope"] == pytest.approx(slope[i, j], abs=1e-6)
    log_p = float(exact.log_likelihood(exact.at_temperature(rbm, temperature), bits[0]))
    assert answer["log_probability"] == pytest.approx(log_p, abs=1e-11)
    assert answer["held"]["log_bottom"] - answer["free"]["log_bottom"] == pytest.approx(log_p, abs=1e-11)
    assert answer["unit"]["term"] == pytest.approx(answer["held"]["term"], abs=1e-14)


@pytest.mark.parametrize("part", ["held", "free"])
def test_every_number_is_the_sum_that_it_opens_as(part):
    machine, _ = some_machine((3, 2), seed=3)
    found = ask("rule", machine, 0.8, v="101", i=0, j=1)[part]
    weight, both, share = (np.array(found[name]) for name in ("factor", "both", "share"))
    assert found["bottom"] == pytest.approx(weight.sum(), rel=1e-13)
    assert found["log_bottom"] == pytest.approx(np.log(weight.sum()), rel=1e-13)
    assert found["top"] == pytest.approx((weight * both).sum(), rel=1e-13)
    assert found["log_top"] == pytest.approx(np.log(found["top"]), rel=1e-13)
    assert found["term"] == pytest.approx(found["top"] / found["bottom"], rel=1e-13)
    assert found["term"] == pytest.approx((share * both).sum(), rel=1e-13)
    np.testing.assert_allclose(share, weight / weight.sum(), rtol=1e-13)
    np.testing.assert_allclose(np.exp(found["exponent"]), weight, rtol=1e-13)


def test_the_coldest_machine_of_the_strongest_weights_still_has_its_numbers():
    """Most of its probabilities are below the smallest float, and its weights above the largest; logarithms hold both."""
    for v in every_v(3):
        given = ask("given", COLD, 0.05, v=v)
        assert given["log_marginal"] == pytest.approx([given["log_visible"]] * 8, rel=1e-12, abs=1e-9)
        answer = ask("rule", COLD, 0.05, v=v, i=0, j=0)
        assert answer["free"]["bottom"] is None
        assert answer["free"]["log_bottom"] > 1000
        assert answer["held"]["term"] == pytest.approx(answer["unit"]["term"], abs=1e-12)
    for h in every_v(3):
        assert ask("both", COLD, 0.05, h=h)["largest"] < 1e-11
