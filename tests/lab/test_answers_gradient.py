"""Chapter 4's numbers: the lecture's step digit for digit, the library's terms, contrastive divergence by brute force."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statistics_of_tests import FALSE_ALARM, counts_agree, largest_z, z_limit

import harmonium as hm
from harmonium import exact, gradients, lecture
from harmonium.units import Binary
from tests.lab import node

LECTURE = json.loads((Path(__file__).parents[1] / "reference" / "two_by_two.json").read_text())
SHAPES = [(1, 1), (3, 2)]
EXAMPLE = {"machine": {"weights": [[0.5, 0.5], [0.5, 0.5]], "a": [0.0, 0.0], "b": [0.0, 0.0]}, "target": [0, 1]}
METHODS = ["cd-1", "cd-3", "cd-10", "cd-30", "pcd"]


CALLS = {
    "step": "gradient.stepOf(tablesOf(x), x.target, x.biases, x.rate)",
    "learn": "gradient.climb(x.machine, x.temperature, x.target, x.biases, x.rate, x.steps)",
    "update": "gradient.updateOf(tablesOf(x), x.target, x.biases, x.rate, x.seed, x.draw)",
    "thousand": "cloud.thousand(x.machine, x.temperature, x.target, x.biases, x.seed, x.draw, x.method, x.chains, x.axes)",
    "bias": "gradient.biasOf(tablesOf(x), x.target, x.biases)",
    "expected": "gradient.expectedUpdates(tablesOf(x), x.target, x.biases, x.most)",
}
DEFAULTS = {"temperature": 1.0, "rate": 0.1, "seed": 0, "draw": 0, "method": "cd-1", "chains": 1, "axes": None, "steps": 1}


def asked(name: str, parts: str = "weights", **params):
    return node.evaluate(CALLS[name], **{**DEFAULTS, **params, "biases": parts == "all"})


def flat(rbm: hm.RBM) -> np.ndarray:
    return np.concatenate([rbm.weights.ravel(), rbm.visible.bias, rbm.hidden.bias])


def setting(shape, seed=0, scale=1.0, temperature=1.0, parts="weights"):
    """A random machine, its target, and the same as the page would send them."""
    random = np.random.default_rng(seed)
    rbm = hm.RBM(*(Binary(scale * random.standard_normal(n)) for n in shape), scale * random.standard_normal(shape))
    target = random.integers(2, size=shape[0]).astype(float)
    machine = {"weights": rbm.weights.tolist(), "a": rbm.visible.bias.tolist(), "b": rbm.hidden.bias.tolist()}
    return rbm, target, {"machine": machine, "temperature": temperature, "target": target.tolist(), "parts": parts}


def same(found: dict, rbm: hm.RBM, atol=1e-10):
    np.testing.assert_allclose(found["weights"], rbm.weights, atol=atol)
    np.testing.assert_allclose(found["a"], rbm.visible.bias, atol=atol)
    np.testing.assert_allclose(found["b"], rbm.hidden.bias, atol=atol)


@pytest.mark.parametrize("expected", LECTURE["steps"], ids=lambda step: f"rate {step['learning_rate']}")
def test_the_lectures_step_digit_for_digit(expected):
    found = asked("step", **EXAMPLE, rate=expected["learning_rate"])
    np.testing.assert_allclose(found["positive"]["weights"], LECTURE["positive_term"], atol=1e-12)
    np.testing.assert_allclose(found["negative"]["weights"], LECTURE["negative_term"], atol=1e-12)
    np.testing.assert_allclose(found["delta"]["weights"], expected["delta_weights"], atol=1e-12)
    np.testing.assert_allclose(found["rows"]["energy"]["before"], LECTURE["energies"], atol=1e-12)
    np.testing.assert_allclose(found["rows"]["energy"]["after"], expected["energies"], atol=1e-12)
    np.testing.assert_allclose(found["rows"]["probability"]["after"], expected["joint_probabilities"], atol=1e-12)
    np.testing.assert_allclose(found["hidden"]["given_target"], LECTURE["p_h_given_target"], atol=1e-12)
    printed = {0.1: "0.230677826", 1.0: "0.332961042"}[expected["learning_rate"]]
    assert f"{found['probability']['before']:.8f}" == "0.22022505"
    assert f"{found['probability']['after']:.9f}" == printed
    assert not any(found["after"]["a"] + found["after"]["b"])


@pytest.mark.parametrize("shape", [(3, 2)])
@pytest.mark.parametrize(("temperature", "parts"), [(0.4, "all"), (3.0, "weights")])
def test_a_step_is_the_librarys(shape, temperature, parts):
    rbm, target, params = setting(shape, seed=3, temperature=temperature, parts=parts)
    found = asked("step", **params, rate=0.3)
    (step,) = lecture.steps(
        rbm, target[None], gradients.exact(), 0.3, temperature=temperature, freeze_biases=parts == "weights"
    )
    for name in ("positive", "negative", "delta", "after"):
        same(found[name], getattr(step, name))
    assert found["log_probability"]["after"] == pytest.approx(step.log_probability, abs=1e-10)
    for machine, when in ((rbm, "before"), (step.after, "after")):
        table = lecture.table(machine, temperature)
        np.testing.assert_allclose(found["rows"]["energy"][when], table.joint.energy, atol=1e-10)
        np.testing.assert_allclose(found["rows"]["probability"][when], table.joint.probability, atol=1e-12)
        np.testing.assert_allclose(found["visible"][when], table.visible.probability, atol=1e-12)
        assert found["log_partition"][when] == pytest.approx(table.joint.log_partition, abs=1e-10)


def test_every_term_is_the_sum_that_the_page_writes_out():
    """Over h of p(h|v) v_i h_j, and over all rows of p(v, h) v_i h_j, from the numbers of the answer."""
    _, target, params = setting((3, 2), seed=5, temperature=0.7, parts="all")
    found = asked("step", **params)
    for i, j in np.ndindex(3, 2):
        held = sum(
            p * target[i] * int(h[j]) for h, p in zip(found["hidden"]["states"], found["hidden"]["given_target"], strict=True)
        )
        pairs = itertools.product(found["visible"]["states"], found["hidden"]["states"])
        free = sum(p * int(v[i]) * int(h[j]) for (v, h), p in zip(pairs, found["rows"]["probability"]["before"], strict=True))
        assert found["positive"]["weights"][i][j] == pytest.approx(held, abs=1e-14)
        assert found["negative"]["weights"][i][j] == pytest.approx(free, abs=1e-14)


def test_steps_in_a_row_are_the_steps_one_by_one():
    rbm, target, params = setting((3, 3), seed=1, temperature=1.5, parts="all")
    found = asked("learn", **params, rate=0.5, steps=7)
    taken = lecture.steps(rbm, target[None], gradients.exact(), 0.5, temperature=1.5, steps=7)
    same(found["machine"], taken[-1].after)
    np.testing.assert_allclose(found["log_probability"][1:], [step.log_probability for step in taken], atol=1e-10)
    assert (found["taken"], found["stopped"]) == (7, False)


def test_the_target_is_learned():
    found = asked("learn", **EXAMPLE, rate=1, steps=100)
    assert (np.diff(found["log_probability"]) > 0).all()
    assert math.exp(found["log_probability"][-1]) > 0.9


def test_weights_alone_cannot_raise_00_above_its_ceiling():
    """The task: seven rows of sixteen keep the energy 0 whatever the weights."""
    found = asked("learn", **{**EXAMPLE, "target": [0, 0]}, rate=5, steps=1000)
    assert 0.56 < math.exp(found["log_probability"][-1]) < 4 / 7


def test_no_step_leads_where_the_page_cannot_follow():
    params = {**EXAMPLE, "temperature": 0.05, "rate": 100}
    assert not asked("step", **params)["allowed"]
    found = asked("learn", **params, steps=10)
    assert (found["taken"], found["stopped"]) == (0, True)
    assert found["machine"] == EXAMPLE["machine"]
    far = asked("learn", **{**params, "temperature": 20.0}, steps=1000)
    assert far["stopped"]
    assert far["taken"] > 0
    assert np.abs(far["machine"]["weights"]).max() <= 20
    assert asked("step", **{**EXAMPLE, "machine": far["machine"]})["positive"]


def test_data_from_the_machine_itself_change_nothing():
    _, _, params = setting((4, 3), seed=2, temperature=0.6, parts="all")
    gap = asked("step", **params)["gap"]
    assert gap["model"] < 1e-12
    assert gap["target"] > 0.01
    assert gap["even"] > 0.01


# ---- contrastive divergence


@pytest.mark.slow
def test_slow_motion_follows_its_random_numbers():
    rbm, target, params = setting((3, 2), seed=4, temperature=0.8, parts="all")
    found = asked("update", **params, rate=0.2, seed=5, draw=3)
    v, h, v_end, h_end = (np.array(layer["bits"]) for layer in found["layers"])
    np.testing.assert_array_equal(v, target)
    for given, given_is_visible, layer in zip((v, h, v_end), (True, False, True), found["layers"][1:], strict=True):
        theirs = lecture.conditional(rbm, given, given_is_visible, 0.8)
        np.testing.assert_allclose(layer["input"], theirs.total_input, atol=1e-12)
        np.testing.assert_allclose(layer["probability"], theirs.unit_probability, atol=1e-12)
        np.testing.assert_array_equal(layer["bits"], np.array(layer["uniform"]) < np.array(layer["probability"]))
    update = [np.outer(v, h) - np.outer(v_end, h_end), v - v_end, h - h_end]
    delta = [0.25 * part for part in update]
    same(found["delta"], hm.RBM(Binary(delta[1]), Binary(delta[2]), delta[0]))
    after = hm.RBM(
        Binary(rbm.visible.bias + 0.25 * update[1]), Binary(rbm.hidden.bias + 0.25 * update[2]), rbm.weights + 0.25 * update[0]
    )
    same(found["after"], after)
    log_p = exact.log_likelihood(hm.at_temperature(after, 0.8), target)
    assert found["probability"]["after"] == pytest.approx(math.exp(log_p), abs=1e-12)


def test_random_numbers_are_repeatable_and_fair():
    assert asked("update", **EXAMPLE, seed=1, draw=2) == asked("update", **EXAMPLE, seed=1, draw=2)
    code = """
    const tables = tablesOf(x);
    return Array.from({ length: 1500 }, (_, draw) =>
      gradient.updateOf(tables, x.target, false, 0.1, 1, draw).layers.slice(1).flatMap(({ bits }) => bits));"""
    ends = np.array(node.evaluate(code, **EXAMPLE)) @ (1 << np.arange(6)[::-1])
    joint = np.array(LECTURE["joint_probabilities"]).reshape(4, 4)
    up, down = joint / joint.sum(axis=1, keepdims=True), joint.T / joint.T.sum(axis=1, keepdims=True)
    expected = np.einsum("h,hv,vg->hvg", up[1], down, up)
    assert counts_agree(ends, expected.ravel()) > FALSE_ALARM


def brute_force(rbm, target, temperature, sweeps, biases):
    """The expected update of CD-k by running through every path of unit states, and its covariance's diagonal."""
    cold = hm.at_temperature(rbm, temperature)
    states = [np.array(list(itertools.product((0.0, 1.0), repeat=n))) for n in rbm.weights.shape]

    def chance(means, state):
        return np.prod(np.where(state == 1, means, 1 - means))

    def flat(v, h):
        return np.concatenate([np.outer(v, h).ravel(), v, h] if biases else [np.outer(v, h).ravel()])

    mean = square = 0.0
    paths = [(chance(hm.hidden_given_visible(cold, target), h), h, target, h) for h in states[1]]
    for _ in range(sweeps):
        paths = [
            (p * chance(hm.visible_given_hidden(cold, h), v) * chance(hm.hidden_given_visible(cold, v), g), first, v, g)
            for p, first, _, h in paths
            for v in states[0]
            for g in states[1]
        ]
    for p, first, v, h in paths:
        update = flat(target, first) - flat(v, h)
        mean, square = mean + p * update, square + p * update**2
    return mean, square - mean**2


@pytest.mark.parametrize(("shape", "sweeps", "parts"), [((2, 2), 1, "all"), ((2, 1), 3, "weights")])
def test_exact_moments_of_cd_against_every_path(shape, sweeps, parts):
    rbm, target, params = setting(shape, seed=7, scale=1.5, temperature=0.7, parts=parts)
    mean, variance = brute_force(rbm, target, 0.7, sweeps, parts == "all")
    moments = asked("thousand", **params, method=f"cd-{sweeps}")["parameters"]
    np.testing.assert_allclose(moments["expected"], mean, atol=1e-12)
    np.testing.assert_allclose(moments["error"], np.sqrt(variance / 1000), atol=1e-9)
    np.testing.assert_allclose(asked("expected", **params, most=sweeps)[-1], mean, atol=1e-12)


def test_pcd_moments_against_repeated_runs():
    """Means by their z, variances by chi-square: chains scatter as the recursion says, far more than independent draws."""
    machine = {"weights": [[1.8, 1.8], [1.8, 1.8]], "a": [-1.5, -1.5], "b": [-1.5, -1.5]}
    params, runs = {"machine": machine, "temperature": 1.0, "target": [1, 1], "seed": 3}, 300
    moments = asked("thousand", **params, parts="all", method="pcd")["parameters"]
    code = (
        "return Array.from({ length: x.runs }, (_, draw) => "
        "cloud.thousand(x.machine, 1, x.target, true, x.seed, draw, 'pcd', 1, null).parameters.mean);"
    )
    means = np.array(node.evaluate(code, **params, runs=runs))
    expected, error = np.array(moments["expected"]), np.array(moments["error"])
    by_sweep = np.array(asked("expected", **params, parts="all", most=1000))
    np.testing.assert_allclose(expected, by_sweep.mean(axis=0), atol=1e-12)
    assert (error > 0).all()
    assert largest_z(means, expected) < z_limit(8)
    low, high = stats.chi2.interval(1 - FALSE_ALARM / 8, runs - 1)
    ratio = means.var(axis=0, ddof=1) / error**2
    assert (low / (runs - 1) < ratio).all()
    assert (ratio < high / (runs - 1)).all()
    independent = np.array(asked("thousand", **params, parts="all", method="cd-1000")["parameters"]["error"])
    assert (error > 1.3 * independent).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chains", [1, 10])
def test_a_clouds_mean_agrees_with_the_exact_expectation(method, chains):
    _, _, params = setting((3, 3), seed=6, temperature=0.8, parts="all")
    found = asked("thousand", **params, method=method, chains=chains, seed=1)
    values = {name: np.array(found["parameters"][name]) for name in ("gradient", "expected", "mean", "error")}
    z = (values["mean"] - values["expected"]) / np.maximum(values["error"], 1e-12)
    assert np.abs(z).max() < z_limit(len(z))
    assert sum(found["points"]["count"]) == 1000
    along = [x for x, count in zip(found["points"]["x"], found["points"]["count"], strict=True) for _ in range(count)]
    assert found["uphill"] == pytest.approx(np.mean(np.array(along) > 1e-9))
    assert found["downhill"] == pytest.approx(np.mean(np.array(along) < -1e-9))
    average = np.average([found["points"]["x"], found["points"]["y"]], axis=1, weights=found["points"]["count"])
    np.testing.assert_allclose(average, found["mean"], atol=1e-8)
    assert found["bias"] == pytest.approx(np.linalg.norm(values["expected"] - values["gradient"]), abs=1e-12)
    assert np.linalg.norm(found["gradient"]) == pytest.approx(found["length"], abs=1e-12)
    assert found["gradient"][1] == pytest.approx(0, abs=1e-12)


def test_a_cloud_knows_the_bias_of_cd():
    """On a machine of strong weights a wrong expectation, the gradient itself, is far outside the cloud's error."""
    strong = {**EXAMPLE, "machine": {**EXAMPLE["machine"], "weights": [[3.0, -3.0], [-3.0, 3.0]]}}
    found = asked("thousand", **strong, chains=10, seed=2)
    off = (np.array(found["mean"]) - found["gradient"]) / found["error"]
    assert np.abs(off).max() > 10 * z_limit(2)
    assert 0.5 < found["bias"] / found["length"] < 1


def test_two_parameters_can_be_the_axes():
    _, _, params = setting((2, 3), seed=8, parts="all")
    found = asked("thousand", **params, axes=[4, 10])
    assert found["parameters"]["name"][4] == ["w", 2, 2]
    assert found["parameters"]["name"][10] == ["b", 3]
    for axis, place in enumerate((4, 10)):
        for name in ("gradient", "expected", "mean", "error"):
            assert found[name][axis] == pytest.approx(found["parameters"][name][place], abs=1e-12)
    assert set(found["points"]["x"]) <= {-1.0, 0.0, 1.0}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bias_goes_with_the_sweeps(shape):
    rbm, target, params = setting(shape, seed=9, scale=0.8, parts="all")
    found = asked("bias", **params)
    (step,) = lecture.steps(rbm, target[None], gradients.exact(), 1)
    slope = flat(step.delta)
    assert found["length"] == pytest.approx(np.linalg.norm(slope), abs=1e-10)
    assert found["distance"][-1] < 1e-2 * found["distance"][0]
    mean = np.array(asked("thousand", **params, method="cd-3")["parameters"]["expected"])
    assert found["distance"][2] == pytest.approx(np.linalg.norm(mean - slope), abs=1e-10)
    cosine = mean @ slope / np.linalg.norm(mean) / np.linalg.norm(slope)
    assert math.cos(math.radians(found["angle"][2])) == pytest.approx(cosine, abs=1e-9)


def test_what_a_sweep_leaves_of_the_bias():
    found = asked("bias", **EXAMPLE)
    distance = np.array(found["distance"])
    assert distance[4] / distance[3] == pytest.approx(found["memory"], rel=1e-3)


# ---- manners


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("temperature", [0.05, 20.0])
def test_the_farthest_machines_have_answers(shape, temperature):
    """Finite or null to the last number, whatever the page may send: `asked` refuses anything else."""
    weights = np.where(np.indices(shape).sum(axis=0) % 2, -20.0, 20.0)
    machine = {"weights": weights.tolist(), "a": [20.0] * shape[0], "b": [-20.0] * shape[1]}
    params = {"machine": machine, "temperature": temperature, "target": [0] * shape[0], "parts": "all"}
    for name in ("step", "learn", "update", "thousand", "bias"):
        assert asked(name, **params)
    assert asked("thousand", **params, method="pcd")
    assert asked("thousand", **{**params, "parts": "weights"}, axes=[0, 0])
