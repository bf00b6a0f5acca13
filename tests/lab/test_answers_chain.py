"""Chapter 3's chain: the library's own kernels, its errors against brute force, and no memory of how its steps were bundled."""

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
from harmonium.errors import InputError
from harmonium.lab.answers import chain, chain_kernels, chain_law
from harmonium.units import Binary
from lab.answering import as_the_page_gets_it

SHAPES = [(3, 4)]
TWO_MODES = {"machine": {"weights": [[2.0] * 4] * 4, "a": [-4.0] * 4, "b": [-3.95] * 4}, "temperature": 0.3}
LECTURE = {"machine": {"weights": [[0.5, 0.5], [0.5, 0.5]], "a": [0.0, 0.0], "b": [0.0, 0.0]}, "temperature": 1.0}


def asked(name: str, **params):
    return as_the_page_gets_it(chain.ANSWERS, f"chain.{name}", params)


def setting(shape, seed=0, scale=1.2, temperature=0.8):
    rbm = random_rbm(Binary, Binary, shape, seed, scale)
    machine = {"weights": rbm.weights.tolist(), "a": rbm.visible.bias.tolist(), "b": rbm.hidden.bias.tolist()}
    return rbm, {"machine": machine, "temperature": temperature}


def machine_of(params) -> hm.RBM:
    given = params["machine"]
    return hm.RBM(hm.Binary(given["a"]), hm.Binary(given["b"]), given["weights"])


def walk(params, moves, start=None, seed=3):
    """Half-steps ("half") and runs of so many sweeps, one after the other, as the page makes them; the last answer."""
    held = {"v": start or "0" * len(params["machine"]["a"]), "h": None, "half": 0}
    answer = {"counts": None, "crossings": 0}
    for move in moves:
        kept = {"counts": answer["counts"], "crossings": answer["crossings"]}
        if move == "half":
            answer = asked("half", **params, seed=seed, **held, **kept)
        else:
            answer = asked("run", **params, seed=seed, **held, **kept, sweeps=move)
        held = answer["chain"]
    return answer


def transition(rbm: hm.RBM) -> np.ndarray:
    """p((v', h') | (v, h)) = p(v'|h) p(h'|v') by the library's conditionals, `[rows, rows]`."""
    v, h = exact.all_states(rbm.visible), exact.all_states(rbm.hidden)
    with jax.enable_x64(True):
        up = np.exp(rbm.hidden.log_probability(h[None], model.hidden_inputs(rbm, v)[:, None]))
        down = np.exp(rbm.visible.log_probability(v[:, None], model.visible_inputs(rbm, h)[None]))
    once = (np.asarray(down)[:, :, None] * np.asarray(up)[:, None, :]).transpose(1, 0, 2)
    return np.tile(once.reshape(len(h), -1), (len(v), 1))


# ---- the law


@pytest.mark.parametrize("shape", SHAPES)
def test_the_law_is_the_table_s(shape):
    rbm, params = setting(shape)
    found, table = asked("law", **params), lecture.table(rbm, 0.8)
    np.testing.assert_allclose(found["probability"], table.joint.probability, rtol=1e-12)
    np.testing.assert_allclose(found["visible"]["probability"], table.visible.probability, rtol=1e-12)
    write = lambda states: ["".join(str(int(x)) for x in row) for row in states]  # noqa: E731
    assert (found["v"], found["h"]) == (write(table.joint.v), write(table.joint.h))


@pytest.mark.parametrize("shape", [(2, 4)])
def test_a_law_is_carried_by_the_sweeps_transition_matrix(shape):
    rbm = exact.at_temperature(random_rbm(Binary, Binary, shape, seed=4, scale=1.5), 0.7)
    found, matrix = chain_law.law(rbm), transition(rbm)
    np.testing.assert_allclose(found.probability @ matrix, found.probability, atol=1e-14)
    law = found.after(1, 0)
    for sweeps in (1, 2, 5):
        np.testing.assert_allclose(found.after(1, sweeps), law @ np.linalg.matrix_power(matrix, sweeps), atol=1e-14)
    second = np.sort(np.abs(np.linalg.eigvals(matrix)))[-2]
    assert found.relaxation == pytest.approx(1 / (1 - second), rel=1e-9)


@pytest.mark.parametrize("shape", [(3, 2)])
@pytest.mark.parametrize("temperature", [0.05, 0.8])
@pytest.mark.parametrize("sweeps", [1, 7])
def test_standard_errors_are_those_of_brute_force(shape, temperature, sweeps):
    rbm = exact.at_temperature(random_rbm(Binary, Binary, shape, seed=4), temperature)
    found, matrix = chain_law.law(rbm), transition(rbm)
    p, power = found.probability, np.eye(len(matrix))
    variance = p * (1 - p)
    by_v = np.repeat(np.eye(1 << shape[0]), 1 << shape[1], axis=1)
    variance_v = found.visible * (1 - found.visible)
    for lag in range(1, sweeps):
        power = power @ matrix
        share = 2 * (1 - lag / sweeps)
        variance = variance + share * p * (np.diag(power) - p)
        together = np.einsum("vx,x,xy,vy->v", by_v, p, power, by_v)
        variance_v = variance_v + share * (together - found.visible**2)
    errors, errors_v = found.errors(sweeps)
    np.testing.assert_allclose(errors**2, variance / sweeps, rtol=1e-6, atol=1e-11)
    np.testing.assert_allclose(errors_v**2, variance_v / sweeps, rtol=1e-6, atol=1e-11)


def test_a_chain_that_never_crosses_has_the_error_of_a_single_draw():
    found = chain_law.law(exact.at_temperature(machine_of(TWO_MODES), 0.05))
    assert found.relaxation == float("inf")
    lower = found.visible[0]
    assert found.errors(10**6)[1][0] == pytest.approx(np.sqrt(lower * (1 - lower)), rel=1e-3)
    assert np.isfinite(chain_law.law(exact.at_temperature(setting((5, 5), scale=7)[0], 0.05)).errors(10**4)[0]).all()


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_the_distance_of_independent_draws_is_the_sum_over_their_binomials(n):
    p = np.array([0.0, 1e-9, 0.1, 0.25, 0.6, 0.05 - 1e-9])
    k = np.arange(n + 1)
    by_sum = sum((np.abs(k / n - x) * stats.binom.pmf(k, n, x)).sum() for x in p) / 2
    assert chain_law.distance_of_draws(p, n) == pytest.approx(by_sum, rel=1e-9)


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
    parts, counts, held = {"sweeps": [], "chain": [], "draws": []}, None, {"v": "00", "h": None, "half": 0}
    for sweeps in (1, 9, 90, 900):
        answer = asked("run", **params, seed=3, **held, counts=counts, sweeps=sweeps)
        counts, held = answer["counts"], answer["chain"]
        for name in parts:
            parts[name] += answer["distance"][name]
    assert parts == walk(params, [1000])["distance"]
    assert parts["sweeps"][0] == 1
    assert parts["sweeps"][-1] == 1000
    assert parts["chain"][-1] == answer["now"]


def test_coins_fall_by_the_library_s_conditionals():
    rbm, params = setting((4, 3))
    cold, answer = exact.at_temperature(rbm, 0.8), {"chain": {"v": "0000", "h": None, "half": 0}, "counts": None}
    for number in range(20):
        before = answer["chain"]
        answer = asked("half", **params, seed=5, **before, counts=answer["counts"])
        layer = "h" if number % 2 == 0 else "v"
        coin, given = answer["coins"][layer], before["v" if layer == "h" else "h"]
        bits = np.array([int(x) for x in given], float)
        means = hm.hidden_given_visible(cold, bits) if layer == "h" else hm.visible_given_hidden(cold, bits)
        assert coin["given"] == given
        np.testing.assert_allclose(coin["probability"], means, rtol=1e-6)
        total = lecture.conditional(rbm, bits, layer == "h", 0.8).total_input if number < 6 else coin["input"]
        np.testing.assert_allclose(coin["input"], total, atol=1e-12)
        assert coin["bits"] == [int(u < p) for u, p in zip(coin["uniform"], coin["probability"], strict=True)]
        assert answer["chain"][layer] == "".join(map(str, coin["bits"]))
        assert answer["chain"]["half"] == number + 1


def test_a_run_tells_the_coins_of_its_last_sweep():
    _, params = setting((3, 4))
    for moves in ([1], [7], ["half", "half", 1], ["half", "half", 6]):
        answer = walk(params, moves)
        held, coins = answer["chain"], answer["coins"]
        assert coins["h"]["given"] == held["v"] == "".join(map(str, coins["v"]["bits"]))
        assert held["h"] == "".join(map(str, coins["h"]["bits"]))
    apply_update = walk(params, ["half"] * 12)
    assert walk(params, ["half"] * 13)["coins"]["h"] == walk(params, [6])["coins"]["h"]
    assert apply_update["coins"]["v"] == walk(params, [6])["coins"]["v"]


def test_one_sweep_keeps_to_the_transition_matrix():
    rbm = exact.at_temperature(random_rbm(Binary, Binary, (3, 2), seed=1, scale=1.5), 0.8)
    n = draws_for_counts(32, 0.005)
    for h in (0, 2, 3):
        visits = chain_kernels.run(rbm, np.full(n, h), 17, 1, np.arange(n))[0]
        assert counts_agree(visits, transition(rbm)[h]) > FALSE_ALARM
    assert counts_agree(visits, transition(rbm)[0]) < FALSE_ALARM


@pytest.mark.slow
def test_exact_draws_stay_exact():
    rbm = exact.at_temperature(random_rbm(Binary, Binary, (3, 3), seed=1, scale=1.5), 0.8)
    n = draws_for_counts(64, 0.005)
    _, h = exact.sample_joint(rbm, n, seed=7)
    last = chain_kernels.run(rbm, rbm.hidden.indices(h), 0, 3, np.arange(n))[-1]
    assert counts_agree(last, exact.joint_table(rbm).probability) > FALSE_ALARM


@pytest.mark.slow
def test_ten_thousand_sweeps_come_within_their_errors():
    _, params = setting((4, 5), scale=0.5)
    law = asked("law", **params)
    answer = asked("run", **params, seed=0, v="0000", h=None, half=0, sweeps=10_000)
    z = (np.array(answer["visible"]["frequency"]) - law["visible"]["probability"]) / answer["visible"]["error"]
    assert np.abs(z).max() < 5
    assert 0.5 * answer["expected"] < answer["now"] < 3 * answer["expected"]


def test_machines_of_all_sizes_share_what_is_compiled():
    _, params = setting((5, 5), scale=0.5)
    asked("run", **params, seed=0, v="00000", h=None, half=0, sweeps=1)
    compiled = chain_kernels._run._cache_size()
    for shape, sweeps in (((4, 5), 1), ((1, 1), 1), ((4, 5), 10), ((5, 5), 7)):
        _, params = setting(shape, scale=0.5)
        asked("run", **params, seed=0, v="0" * shape[0], h=None, half=0, sweeps=sweeps)
    assert chain_kernels._run._cache_size() == compiled > 0


@pytest.mark.slow
def test_the_command_makes_the_same_visits(capsys):
    _, params = setting((2, 3))
    text = asked("command", **params, seed=5, start="10", sweeps=200)["text"]
    name, *arguments = shlex.split(text)
    assert name == "harmonium"
    assert cli.run([*arguments, "--json"]) == 0
    frequency = [row["frequency"] for row in json.loads(capsys.readouterr().out)["rows"]]
    assert frequency == walk(params, [150, 50], start="10", seed=5)["frequency"]


@pytest.mark.parametrize("part", chain_kernels.PARTS)
@pytest.mark.slow
def test_every_part_can_be_compiled_ahead(part):
    assert asked("warm", part=part) == {}


# ---- many chains


@pytest.mark.slow
def test_many_chains_are_those_of_the_seeds_that_follow():
    _, params = setting((3, 2))
    begun = asked("many", **params, seed=6, start="010", chains=10, sweeps=0)
    assert all(n >> 2 == 0b010 for n in begun["states"])
    answer = asked("many", **params, seed=6, start="010", chains=10, sweeps=25)
    once = asked("many", **params, seed=6, start="010", chains=10, sweeps=5)
    again = asked("many", **params, seed=6, start="010", chains=10, sweeps=20, made=5, states=once["states"])
    assert again["states"] == answer["states"]
    assert once["distance"]["chain"] + again["distance"]["chain"] == answer["distance"]["chain"]
    for number, state in enumerate(answer["states"]):
        alone = walk(params, [25], start="010", seed=6 + number)["chain"]
        assert alone["v"] + alone["h"] == format(state, "05b")


@pytest.mark.slow
def test_many_chains_become_draws_of_the_table():
    rbm, params = setting((3, 3), scale=0.7)
    answer = asked("many", **params, seed=1, start="000", chains=1000, sweeps=100)
    assert counts_agree(np.array(answer["states"]), exact.joint_table(rbm, 0.8).probability) > FALSE_ALARM
    assert answer["now"] < 2 * answer["expected"]
    assert answer["law"] < 1e-6
    cold = exact.at_temperature(rbm, 0.8)
    first = np.eye(8).repeat(8, axis=1)[0] * np.tile(np.asarray(lecture.conditional(rbm, [0, 0, 0], True, 0.8).conditional), 8)
    law = first @ np.linalg.matrix_power(transition(cold), 2)
    assert answer["distance"]["law"][1] == pytest.approx(np.abs(law - exact.joint_table(cold).probability).sum() / 2)


# ---- a ladder of temperatures


@pytest.mark.slow
def test_gibbs_never_crosses_between_two_cold_modes_and_tempering_finds_their_weights():
    law = asked("law", **TWO_MODES)
    assert law["relaxation"] > 1e6
    stuck = walk(TWO_MODES, [10_000])
    assert stuck["crossings"] == 0
    assert stuck["upper"] == 0
    shares = []
    for seed in range(12):
        answer = asked("temper", **TWO_MODES, seed=seed, start="0000", sweeps=10_000)
        shares.append(answer["upper"])
        assert answer["crossings"] > 500
        assert answer["ladder"]["round_trips"] > 500
    z = (np.mean(shares) - law["upper"]) / (np.std(shares, ddof=1) / np.sqrt(len(shares)))
    assert abs(z) < stats.t.isf(FALSE_ALARM / 2, len(shares) - 1)
    assert np.std(shares) < 0.05


@pytest.mark.slow
def test_exact_ladders_stay_exact():
    rbm = exact.at_temperature(random_rbm(Binary, Binary, (2, 3), seed=1, scale=1.5), 0.5)
    n, rungs = draws_for_counts(32, 0.005), 4
    at = [exact.sample(hm.at_temperature(rbm, 1 / beta), n, seed=i) for i, beta in enumerate(np.linspace(0, 1, rungs)[1:])]
    zero = np.random.default_rng(0).integers(4, size=n)
    state = chain_kernels.at_rest(np.stack([zero, *(rbm.visible.indices(v) for v in at)]))
    for seed in range(3):
        state, visits = chain_kernels.temper(rbm, state, 1, seed)
        for rung, beta in enumerate(np.linspace(0, 1, rungs)):
            p = chain_law.law(jax.tree.map(lambda leaf, beta=beta: leaf * beta, rbm)).visible
            assert counts_agree(state.v[rung], p) > FALSE_ALARM
        assert counts_agree(visits[0], exact.joint_table(rbm).probability) > FALSE_ALARM
    assert 0.2 < state.acceptance.min() < state.acceptance.max() < 1


@pytest.mark.slow
def test_how_a_ladder_s_steps_are_bundled_makes_no_difference():
    _, params = setting((3, 3))
    at_once = asked("temper", **params, seed=2, start="000", rungs=5, sweeps=60)
    answer = asked("temper", **params, seed=2, start="000", rungs=5, sweeps=0)
    for sweeps in [1] * 20 + [13, 27]:
        held = {"ladder": answer["ladder"], "counts": answer["counts"], "crossings": answer["crossings"]}
        answer = asked("temper", **params, seed=2, rungs=5, sweeps=sweeps, **held)
    for name in ("ladder", "counts", "exchanges", "now", "crossings"):
        assert answer[name] == at_once[name]
    assert answer["temperature"][0] is None
    np.testing.assert_allclose(answer["temperature"][1:], 0.8 / np.array([0.25, 0.5, 0.75, 1]))


def test_the_exchange_s_coin_is_tossed_by_the_free_energies_of_the_two_tempered_machines():
    rbm, params = setting((3, 2), scale=1.5)
    cold, seen = exact.at_temperature(rbm, 0.8), set()
    for seed in range(30):
        answer = asked("temper", **params, seed=seed, start="000", rungs=3, sweeps=1)
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


# ---- bad input

GOOD = {**LECTURE, "seed": 0, "v": "00", "h": "01", "half": 3, "counts": [1] + [0] * 15, "sweeps": 1}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("run", {"v": "0"}),
        ("run", {"v": "02"}),
        ("run", {"h": None}),
        ("run", {"half": -1}),
        ("run", {"half": 1.5}),
        ("run", {"sweeps": 0}),
        ("run", {"sweeps": 10_001}),
        ("run", {"counts": [1]}),
        ("run", {"counts": [2] + [0] * 15}),
        ("run", {"counts": [1.0] + [0] * 15}),
        ("run", {"counts": "1" * 16}),
        ("run", {"counts": None}),
        ("run", {"seed": -1}),
        ("run", {"crossings": -1}),
        ("half", {"half": 10**12}),
        ("half", {"temperature": 0}),
        ("warm", {"part": "all"}),
        ("command", {"start": "0"}),
        ("command", {"start": "00", "sweeps": 0}),
        ("many", {"start": "00", "chains": 1001}),
        ("many", {"start": "00", "chains": 0}),
        ("many", {"start": "00", "chains": 2, "sweeps": 101}),
        ("many", {"start": "00", "chains": 2, "states": [0, 16]}),
        ("many", {"start": "00", "chains": 2, "states": [0]}),
        ("many", {"start": "00", "chains": 2, "made": 5}),
        ("many", {"start": "000", "chains": 2}),
        ("temper", {"start": "00", "rungs": 1, "counts": None}),
        ("temper", {"start": "00", "rungs": 9, "counts": None}),
        ("temper", {"ladder": 5, "counts": None}),
        ("temper", {"ladder": {"at": ["00"] * 5, "label": [0] * 6, "acceptance": [1] * 5, "round_trips": 0, "steps": 0}}),
        ("temper", {"ladder": {"at": ["0x"] * 6, "label": [0] * 6, "acceptance": [1] * 5, "round_trips": 0, "steps": 0}}),
        ("temper", {"ladder": {"at": ["00"] * 6, "label": [3] * 6, "acceptance": [1] * 5, "round_trips": 0, "steps": 0}}),
        ("temper", {"ladder": {"at": ["00"] * 6, "label": [0] * 6, "acceptance": [7] * 5, "round_trips": 0, "steps": 0}}),
        ("temper", {"ladder": {"at": ["00"] * 6, "label": [0] * 6, "acceptance": [1] * 5, "round_trips": 0, "steps": 1e400}}),
    ],
)
def test_bad_input_is_told_in_one_line(name, change):
    with pytest.raises(InputError) as caught:
        asked(name, **{**GOOD, **change})
    assert "\n" not in str(caught.value)


def test_the_good_input_that_the_bad_ones_change_is_taken():
    assert asked("run", **GOOD)["sweeps"] == 2
