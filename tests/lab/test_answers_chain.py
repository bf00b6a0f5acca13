"""Chapter 3's chain: the library's own, its errors against brute force, and no memory of how its steps were bundled."""

from __future__ import annotations

import json
import shlex

import jax
import numpy as np
import pytest
from conftest import random_rbm
from scipy import stats
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts

import harmonium as hm
from harmonium import cli, exact, lecture, model
from harmonium.units import Binary
from tests.lab import node

SHAPES = [(3, 4)]
TWO_MODES = {"machine": {"weights": [[2.0] * 4] * 4, "a": [-4.0] * 4, "b": [-3.95] * 4}, "temperature": 0.3}
LECTURE = {"machine": {"weights": [[0.5, 0.5], [0.5, 0.5]], "a": [0.0, 0.0], "b": [0.0, 0.0]}, "temperature": 1.0}


def setting(shape, seed=0, scale=1.2, temperature=0.8):
    rbm = random_rbm(Binary, Binary, shape, seed, scale)
    machine = {"weights": rbm.weights.tolist(), "a": rbm.visible.bias.tolist(), "b": rbm.hidden.bias.tolist()}
    return rbm, {"machine": machine, "temperature": temperature}


def machine_of(params) -> hm.RBM:
    given = params["machine"]
    return hm.RBM(hm.Binary(given["a"]), hm.Binary(given["b"]), given["weights"])


SHOWN = "return Object.fromEntries(Object.entries(now).filter(([name]) => name !== 'state'));"
"""A ladder's own state holds NaN where an exchange was not tried."""


def distribution(params) -> dict:
    code = (
        "const { tables, convergence: gibbs, ...found } = chain.distributionOf(tablesOf(x));"
        "return { ...found, memory: gibbs.memory };"
    )
    return node.evaluate(code, **params)


def walk(params, moves, start=None, seed=3) -> dict:
    """Half-steps ("half") and runs of so many sweeps, one after the other; what is shown at the end."""
    start = start or "0" * len(params["machine"]["a"])
    code = "const experiment = experimentOf(x); let now = null;" + (
        "for (const what of x.moves) now = chain.runChain(experiment, now, what); return now;"
    )
    return node.evaluate(code, **params, moves=moves, start=start, seed=seed)


def many(params, moves, start, seed, chains) -> dict:
    code = "const experiment = experimentOf(x); let now = null;" + (
        "for (const sweeps of x.moves) now = chain.runMany(experiment, x.chains, now, sweeps); return now;"
    )
    return node.evaluate(code, **params, moves=moves, start=start, seed=seed, chains=chains)


def temper(params, moves, seed, rungs=6, start=None) -> dict:
    start = start or "0" * len(params["machine"]["a"])
    code = "const experiment = experimentOf(x); let now = null;" + (
        f"for (const steps of x.moves) now = chain.runLadder(experiment, x.rungs, now, steps); {SHOWN}"
    )
    return node.evaluate(code, **params, moves=moves, start=start, seed=seed, rungs=rungs)


def errors(params, sweeps) -> tuple[np.ndarray, np.ndarray]:
    found = node.evaluate("new convergence.Convergence(tablesOf(x)).errors(x.sweeps)", **params, sweeps=sweeps)
    return np.array(found["joint"]), np.array(found["visible"])


def transition(rbm: hm.RBM) -> np.ndarray:
    """p((v', h') | (v, h)) = p(v'|h) p(h'|v') by the library's conditionals, `[rows, rows]`."""
    v, h = exact.all_states(rbm.visible), exact.all_states(rbm.hidden)
    with jax.enable_x64(True):
        up = np.exp(rbm.hidden.log_probability(h[None], model.hidden_inputs(rbm, v)[:, None]))
        down = np.exp(rbm.visible.log_probability(v[:, None], model.visible_inputs(rbm, h)[None]))
    once = (np.asarray(down)[:, :, None] * np.asarray(up)[:, None, :]).transpose(1, 0, 2)
    return np.tile(once.reshape(len(h), -1), (len(v), 1))


# ---- the distribution


@pytest.mark.parametrize("shape", SHAPES)
def test_the_law_is_the_table_s(shape):
    rbm, params = setting(shape)
    found, table = distribution(params), lecture.table(rbm, 0.8)
    np.testing.assert_allclose(found["probability"], table.joint.probability, rtol=1e-12)
    np.testing.assert_allclose(found["visible"]["probability"], table.visible.probability, rtol=1e-12)
    write = lambda states: ["".join(str(int(x)) for x in row) for row in states]  # noqa: E731
    assert (found["v"], found["h"]) == (write(table.joint.v), write(table.joint.h))
    upper = (table.joint.v.mean(axis=1) > 0.5) @ table.joint.probability
    assert found["upper"] == pytest.approx(upper, abs=1e-13)


@pytest.mark.parametrize("shape", [(2, 4)])
def test_a_law_is_carried_by_the_sweeps_transition_matrix(shape):
    rbm, params = setting(shape, seed=4, scale=1.5, temperature=0.7)
    matrix = transition(exact.at_temperature(rbm, 0.7))
    code = """
    const tables = tablesOf(x);
    let visible = Float64Array.from(x.visible);
    return Array.from({ length: 6 }, () => {
      const joint = tables.withHidden(visible);
      visible = tables.sweep(visible);
      return joint;
    });"""
    distributions = np.array(node.evaluate(code, **params, visible=[0, 1, 0, 0]))
    for sweeps, found in enumerate(distributions):
        np.testing.assert_allclose(found, distributions[0] @ np.linalg.matrix_power(matrix, sweeps), atol=1e-14)
    second = np.sort(np.abs(np.linalg.eigvals(matrix)))[-2]
    assert distribution(params)["relaxation"] == pytest.approx(1 / (1 - second), rel=1e-9)
    assert distribution(params)["memory"] == pytest.approx(second, rel=1e-9)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3)])
@pytest.mark.parametrize("temperature", [0.05, 0.8])
@pytest.mark.parametrize("sweeps", [1, 7])
def test_standard_errors_are_those_of_brute_force(shape, temperature, sweeps):
    rbm, params = setting(shape, seed=4, scale=1.0, temperature=temperature)
    cold = exact.at_temperature(rbm, temperature)
    matrix, p = transition(cold), exact.joint_table(cold).probability
    power, variance = np.eye(len(matrix)), p * (1 - p)
    by_v = np.repeat(np.eye(1 << shape[0]), 1 << shape[1], axis=1)
    visible = by_v @ p
    variance_v = visible * (1 - visible)
    for lag in range(1, sweeps):
        power = power @ matrix
        share = 2 * (1 - lag / sweeps)
        variance = variance + share * p * (np.diag(power) - p)
        together = np.einsum("vx,x,xy,vy->v", by_v, p, power, by_v)
        variance_v = variance_v + share * (together - visible**2)
    found, found_v = errors(params, sweeps)
    np.testing.assert_allclose(found**2, variance / sweeps, rtol=1e-6, atol=1e-11)
    np.testing.assert_allclose(found_v**2, variance_v / sweeps, rtol=1e-6, atol=1e-11)


def test_a_chain_that_never_crosses_has_the_error_of_a_single_draw():
    frozen = {**TWO_MODES, "temperature": 0.05}
    assert distribution(frozen)["relaxation"] is None
    lower = distribution(frozen)["visible"]["probability"][0]
    assert errors(frozen, 10**6)[1][0] == pytest.approx(np.sqrt(lower * (1 - lower)), rel=1e-3)
    assert len(errors(setting((5, 5), scale=7, temperature=0.05)[1], 10**4)[0]) == 1024


@pytest.mark.parametrize("n", [1, 2, 10, 1000, 10**6])
def test_the_distance_of_independent_draws_is_the_sum_over_their_binomials(n):
    p = np.array([0.0, 5e-324, 1e-308, 1e-301, 1e-9, 0.1, 0.25, 0.6, 0.05 - 1e-9])
    k = np.arange(n + 1)
    by_sum = sum((np.abs(k / n - x) * stats.binom.pmf(k, n, x)).sum() for x in p[4:]) / 2
    found = node.evaluate("convergence.distanceOfDraws(x.p, x.n)", p=p.tolist(), n=n)
    assert found == pytest.approx(by_sum, rel=1e-9)
    assert node.evaluate("convergence.distanceOfDraws([0, 1], x.n)", n=n) == 0


@pytest.mark.parametrize("seed", range(20))
def test_cold_machines_have_distances(seed):
    """Their probabilities reach down to the smallest floats and to 0."""
    _, params = setting((5, 5), seed=seed, scale=5, temperature=0.05)
    found = walk(params, [10])
    assert 0 <= found["expected"] < 1 + 1e-12
    assert 0 <= found["now"] < 1 + 1e-12


# ---- the chain


def test_it_is_the_chain_of_the_lecture_s_steps_and_of_the_command_line():
    rbm, params = setting((3, 5))
    answer = walk(params, [1, 999, 500], start="010", seed=11)
    theirs = lecture.chain(rbm, [0, 1, 0], 1500, seed=11, temperature=0.8)
    np.testing.assert_array_equal(np.array(answer["frequency"]), theirs.frequency)
    np.testing.assert_array_equal(answer["counts"], np.round(theirs.frequency * 1500))


@pytest.mark.parametrize("shape", [(1, 1), (4, 3)])
@pytest.mark.slow
def test_how_steps_are_bundled_makes_no_difference(shape):
    _, params = setting(shape)
    at_once = walk(params, [100])
    for moves in ([1] * 100, ["half"] * 201, ["half"] * 4 + [60] + ["half"] + [39], [40, "half", 60]):
        other = walk(params, moves)
        assert other["sweeps"] == at_once["sweeps"] == 100
        for name in ("chain", "counts", "frequency", "error", "now", "expected"):
            assert other[name] == at_once[name], (name, moves)
    assert walk(params, [1] * 100)["crossings"] == at_once["crossings"]
    assert walk(params, [100], seed=4)["counts"] != at_once["counts"]


def test_distances_are_told_at_the_same_sweeps_however_bundled():
    _, params = setting((2, 2))
    found = walk(params, [1, 9, 90, 900])
    assert found["distance"] == walk(params, [1000])["distance"]
    assert found["distance"]["sweeps"][0] == 1
    assert found["distance"]["sweeps"][-1] == 1000
    assert found["distance"]["chain"][-1] == found["now"]
    assert found["distance"]["draws"][-1] == found["expected"]


def test_draws_fall_by_the_library_s_conditionals():
    rbm, params = setting((4, 3))
    cold, answer = exact.at_temperature(rbm, 0.8), walk(params, [0], seed=5)
    assert answer["chain"] == {"v": "0000", "h": None, "half": 0}
    for number in range(20):
        before = answer["chain"]
        answer = walk(params, ["half"] * (number + 1), seed=5)
        layer = "h" if number % 2 == 0 else "v"
        draw, given = answer["draws"][layer], before["v" if layer == "h" else "h"]
        bits = np.array([int(x) for x in given], float)
        means = hm.hidden_given_visible(cold, bits) if layer == "h" else hm.visible_given_hidden(cold, bits)
        assert draw["given"] == given
        np.testing.assert_allclose(draw["probability"], means, rtol=1e-6)
        total = lecture.conditional(rbm, bits, layer == "h", 0.8).total_input if number < 6 else draw["input"]
        np.testing.assert_allclose(draw["input"], total, atol=1e-12)
        assert draw["bits"] == [int(u < p) for u, p in zip(draw["uniform"], draw["probability"], strict=True)]
        assert answer["chain"][layer] == "".join(map(str, draw["bits"]))
        assert answer["chain"]["half"] == number + 1


def test_a_run_tells_the_draws_of_its_last_sweep():
    _, params = setting((3, 4))
    for moves in ([1], [7], ["half", "half", 1], ["half", "half", 6]):
        answer = walk(params, moves)
        held, draws = answer["chain"], answer["draws"]
        assert draws["h"]["given"] == held["v"] == "".join(map(str, draws["v"]["bits"]))
        assert held["h"] == "".join(map(str, draws["h"]["bits"]))
    apply_update = walk(params, ["half"] * 12)
    assert walk(params, ["half"] * 13)["draws"]["h"] == walk(params, [6])["draws"]["h"]
    assert apply_update["draws"]["v"] == walk(params, [6])["draws"]["v"]


def run_many(params, h, sweeps) -> np.ndarray:
    """Where chains with seeds 0, 1, ... are that begin at the hidden states number `h`."""
    code = """
    const experiment = experimentOf(x);
    const { m } = experiment.distribution.tables;
    const start = { ...chain.runMany(experiment, x.h.length, null, 0), states: Int32Array.from(x.h), made: 17 };
    return chain.runMany(experiment, x.h.length, start, x.sweeps).states;"""
    return np.array(node.evaluate(code, **params, h=[int(n) for n in h], sweeps=sweeps))


def test_one_sweep_keeps_to_the_transition_matrix():
    rbm, params = setting((3, 2), seed=1, scale=1.5)
    matrix = transition(exact.at_temperature(rbm, 0.8))
    n = draws_for_counts(32, 0.005)
    for h in (0, 2, 3):
        visits = run_many(params, np.full(n, h), 1)
        assert counts_agree(visits, matrix[h]) > FALSE_ALARM
    assert counts_agree(visits, matrix[0]) < FALSE_ALARM


def test_exact_draws_stay_exact():
    rbm, params = setting((3, 3), seed=1, scale=1.5)
    cold = exact.at_temperature(rbm, 0.8)
    n = draws_for_counts(64, 0.005)
    _, h = exact.sample_joint(cold, n, seed=7)
    last = run_many(params, rbm.hidden.indices(h), 3)
    assert counts_agree(last, exact.joint_table(cold).probability) > FALSE_ALARM


def test_ten_thousand_sweeps_come_within_their_errors():
    _, params = setting((4, 5), scale=0.5)
    answer = walk(params, [10_000], seed=0)
    z = (np.array(answer["visible"]["frequency"]) - distribution(params)["visible"]["probability"]) / answer["visible"]["error"]
    assert np.abs(z).max() < 5
    assert 0.5 * answer["expected"] < answer["now"] < 3 * answer["expected"]


@pytest.mark.slow
def test_the_command_makes_the_same_visits(capsys):
    _, params = setting((2, 3))
    text = node.evaluate("machine.commandText(x.machine, x.temperature, 'chain')", **params)
    name, *arguments = shlex.split(f"{text} --start 10 --sweeps 200 --seed 5")
    assert name == "harmonium"
    assert cli.run([*arguments, "--json"]) == 0
    frequency = [row["frequency"] for row in json.loads(capsys.readouterr().out)["rows"]]
    assert frequency == walk(params, [150, 50], start="10", seed=5)["frequency"]


# ---- many chains


def test_many_chains_are_those_of_the_seeds_that_follow():
    _, params = setting((3, 2))
    begun = many(params, [0], "010", 6, 10)
    assert all(n >> 2 == 0b010 for n in begun["states"])
    answer, again = many(params, [25], "010", 6, 10), many(params, [5, 20], "010", 6, 10)
    assert again == answer
    for number, state in enumerate(answer["states"]):
        alone = walk(params, [25], start="010", seed=6 + number)["chain"]
        assert alone["v"] + alone["h"] == format(state, "05b")


def test_many_chains_become_draws_of_the_table():
    rbm, params = setting((3, 3), scale=0.7)
    answer = many(params, [100], "000", 1, 1000)
    assert counts_agree(np.array(answer["states"]), exact.joint_table(rbm, 0.8).probability) > FALSE_ALARM
    assert answer["now"] < 2 * answer["expected"]
    assert answer["exact"] < 1e-6
    cold = exact.at_temperature(rbm, 0.8)
    first = np.eye(8).repeat(8, axis=1)[0] * np.tile(np.asarray(lecture.conditional(rbm, [0, 0, 0], True, 0.8).conditional), 8)
    after = first @ np.linalg.matrix_power(transition(cold), 2)
    assert answer["distance"]["exact"][1] == pytest.approx(np.abs(after - exact.joint_table(cold).probability).sum() / 2)


# ---- a ladder of temperatures


@pytest.mark.slow
def test_gibbs_never_crosses_between_two_cold_modes_and_tempering_finds_their_weights():
    exactly = distribution(TWO_MODES)
    assert exactly["relaxation"] > 1e6
    stuck = walk(TWO_MODES, [10_000])
    assert stuck["crossings"] == 0
    assert stuck["upper"] == 0
    shares = []
    for seed in range(12):
        answer = temper(TWO_MODES, [10_000], seed)
        shares.append(answer["upper"])
        assert answer["crossings"] > 500
        assert answer["ladder"]["round_trips"] > 500
    z = (np.mean(shares) - exactly["upper"]) / (np.std(shares, ddof=1) / np.sqrt(len(shares)))
    assert abs(z) < stats.t.isf(FALSE_ALARM / 2, len(shares) - 1)
    assert np.std(shares) < 0.05


def test_exact_ladders_stay_exact():
    rbm, params = setting((2, 3), seed=1, scale=1.5, temperature=0.5)
    cold = exact.at_temperature(rbm, 0.5)
    n, rungs = draws_for_counts(32, 0.005), 4
    betas = np.linspace(0, 1, rungs)
    at = [exact.sample(hm.at_temperature(cold, 1 / beta), n, seed=i) for i, beta in enumerate(betas[1:])]
    v = np.stack([np.random.default_rng(0).integers(2, size=(n, 2)), *at], axis=1).astype(int)
    code = """
    const models = chains.rungsOf(rbm.rbmOf(x.machine, x.temperature), x.rungs);
    return x.v.map((v, seed) => {
      let ladder = { ...chains.startLadder([0, 0], x.rungs, 3), v: Float64Array.from(v.flat()) };
      for (let n = 0; n < 3; n++) ladder = chains.temper(models, ladder, random.keyOf(seed));
      return { v: ladder.v, h: ladder.h };
    });"""
    found = node.evaluate(code, **params, rungs=rungs, v=v.tolist())
    after = np.array([ladder["v"] for ladder in found]).reshape(n, rungs, 2) @ [2, 1]
    for number, beta in enumerate(betas):
        p = lecture.table(jax.tree.map(lambda leaf, beta=beta: leaf * beta, cold)).visible.probability
        assert counts_agree(after[:, number].astype(int), p) > FALSE_ALARM
    top = after[:, -1].astype(int) * 8 + np.array([ladder["h"] for ladder in found], int) @ [4, 2, 1]
    assert counts_agree(top, exact.joint_table(cold).probability) > FALSE_ALARM


def test_how_a_ladder_s_steps_are_bundled_makes_no_difference():
    _, params = setting((3, 3))
    at_once = temper(params, [60], 2, rungs=5)
    answer = temper(params, [0, *[1] * 20, 13, 27], 2, rungs=5)
    assert answer == at_once
    assert answer["temperature"][0] is None
    np.testing.assert_allclose(answer["temperature"][1:], 0.8 / np.array([0.25, 0.5, 0.75, 1]))


def test_exchanges_are_decided_by_the_free_energies_of_the_two_tempered_machines():
    rbm, params = setting((3, 2), scale=1.5)
    cold, seen = exact.at_temperature(rbm, 0.8), set()
    for seed in range(30):
        answer = temper(params, [1], seed, rungs=3)
        (exchange,) = answer["exchanges"]
        assert exchange["rung"] == 0
        assert exchange["exchanged"] == (exchange["drawn"] < exchange["chance"])
        a, b = (np.array([int(x) for x in text], float) for text in answer["ladder"]["at"][:2])
        if exchange["exchanged"]:
            a, b = b, a  # where they were before
        F = [lambda v: -3 * np.log(2) + 0 * v.sum(), lambda v: float(hm.free_energy(hm.at_temperature(cold, 2), v))]  # noqa: N806
        log_ratio = F[0](a) + F[1](b) - F[0](b) - F[1](a)
        assert exchange["chance"] == pytest.approx(min(1, np.exp(log_ratio)), rel=1e-5)
        seen.add(exchange["exchanged"])
    assert seen == {True, False}
