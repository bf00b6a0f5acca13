"""Chapter 5's numbers: the library's own, and what the examples say of them."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts, largest_z, z_limit

import harmonium as hm
from harmonium import exact, gradients, model
from harmonium.data.sources import bars_and_stripes
from tests.lab import node

METHODS = ("exact", "cd", "pcd")
BARS = {"learn": "bars2", "hidden": 4, "rate": 0.3, "scale": 0.5, "chains": 200, "seed": 0}
TWINS = {"learn": "000000000_111111111", "hidden": 6, "rate": 0.1, "scale": 0.1, "chains": 200, "seed": 1}
BARS_OF_THREE = {"learn": "bars3", "hidden": 10, "rate": 0.2, "scale": 0.5, "chains": 200, "seed": 0}
HASTY = {"learn": "bars3", "hidden": 12, "rate": 1.0, "scale": 0.1, "chains": 100, "seed": 0}
UNEVEN = {**BARS, "learn": "000_001_010*4_011_100*3_101*8_110_111*6", "rate": 0.5, "scale": 1.0, "chains": 100}


MOST_UPDATES = 50_000


def learn(setting, *moves, code: str = "") -> dict:
    """What is shown after so many updates, or pairs of a rate and updates, one after the other."""
    pairs = [move if isinstance(move, tuple) else (setting["rate"], move) for move in moves]
    body = f"""
    let all = set.startTraining(x);
    {code}
    for (const [rate, updates] of x.moves) all = set.train(all, rate, updates);
    return {{ ...set.reportOf(all), chains: all.course.chains }};"""
    return node.evaluate(body, **setting, moves=pairs)


def learn_in_stages(setting, *moves) -> list[dict]:
    """What is shown of the three ways of learning at the start and after each of the moves."""
    pairs = [move if isinstance(move, tuple) else (setting["rate"], move) for move in moves]
    body = """
    const stages = [set.startTraining(x)];
    for (const [rate, updates] of x.moves) stages.push(set.train(stages.at(-1), rate, updates));
    return stages.map((all) => set.reportOf(all).now);"""
    return node.evaluate(body, **setting, moves=pairs)


def machine_of(given) -> hm.RBM:
    return hm.RBM(hm.Binary(given["a"]), hm.Binary(given["b"]), given["weights"])


PRELUDE = """
const start = rbm.rbmOf(x.machine);
const numbers = (rows) => Float64Array.from(rows.flat());
const lesson = { V: start.V, rows: numbers(x.rows), share: numbers(x.share), rate: x.rate, chains: x.chains, seed: x.seed };
const rbms = { exact: start, cd: start, pcd: start };
const course = { update: 0, rbms, chains: numbers(x.h), vectors: {}, stopped: {} };
"""


def lesson_of(rbm: hm.RBM, rows, share, h=None, rate=0.7, chains=10, seed=3) -> dict:
    machine = {"weights": rbm.weights.tolist(), "a": rbm.visible.bias.tolist(), "b": rbm.hidden.bias.tolist()}
    h = np.zeros((chains, rbm.hidden.size)) if h is None else h
    lesson = {"rows": np.asarray(rows).tolist(), "share": np.asarray(share).tolist(), "h": np.asarray(h).tolist()}
    return {"machine": machine, **lesson, "rate": rate, "chains": len(h), "seed": seed}


def random_case(shape, seed=0, scale=1.5):
    """A machine, distinct patterns with tenths as their shares, and the same as ten rows."""
    random = np.random.default_rng(seed)
    sizes = (shape, shape[0], shape[1])
    weights, a, b = (scale * random.standard_normal(size) for size in sizes)
    rbm = hm.RBM(hm.Binary(a), hm.Binary(b), weights)
    every = exact.all_states(rbm.visible)
    rows, share = every[np.sort(random.choice(len(every), 4, replace=False))], np.array([0.1, 0.2, 0.3, 0.4])
    return rbm, rows, share, np.repeat(rows, [1, 2, 3, 4], axis=0)


def test_an_update_goes_along_the_library_s_exact_gradient():
    rbm, rows, share, ten = random_case((3, 4))
    code = f"{PRELUDE} const next = training.advance(course, lesson).rbms.exact; return rbm.machineOf(next, next.theta);"
    after = node.evaluate(code, **lesson_of(rbm, rows, share))
    with jax.enable_x64(True):
        slope = gradients.exact().gradient(None, rbm, (), ten)[0]
    for new, old, gradient in (
        (after["weights"], rbm.weights, slope.weights),
        (after["a"], rbm.visible.bias, slope.visible.bias),
        (after["b"], rbm.hidden.bias, slope.hidden.bias),
    ):
        np.testing.assert_allclose((np.array(new) - old) / 0.7, gradient, atol=1e-12)


def measured(rbm, rows, share) -> dict:
    code = f"{PRELUDE} return {{ ...training.measure(start, lesson), entropy: training.entropyOf(lesson) }};"
    return node.evaluate(code, **lesson_of(rbm, rows, share))


def test_the_figures_are_the_library_s():
    rbm, rows, share, ten = random_case((3, 4))
    found = measured(rbm, rows, share)
    assert found["log_likelihood"] == pytest.approx(exact.log_likelihood(rbm, ten).mean(), abs=1e-11)
    log_p = exact.log_likelihood(rbm, rows)
    assert found["divergence"] == pytest.approx(share @ (np.log(share) - log_p), abs=1e-11)
    assert found["entropy"] == pytest.approx(-(share @ np.log(share)), abs=1e-14)
    every, wrong = exact.all_states(rbm.visible), 0.0
    for v, part in zip(rows, share, strict=True):
        chance = np.exp(exact.log_reconstruction(rbm, np.tile(v, (len(every), 1)), every))
        wrong += part * (chance @ np.abs(every - v).sum(axis=1))
    assert found["wrong_pixels"] == pytest.approx(wrong, abs=1e-10)
    flawless = share @ np.exp(exact.log_reconstruction(rbm, rows, rows))
    assert found["flawless"] == pytest.approx(flawless, abs=1e-11)


def test_large_parameters_do_not_overflow():
    rbm, rows, share, _ = random_case((9, 12))
    huge = jax.tree.map(lambda leaf: 100 * np.sign(leaf), rbm)
    assert measured(huge, rows, share)["log_likelihood"] < 0
    assert len(node.evaluate(f"{PRELUDE} return table.moments(start);", **lesson_of(huge, rows, share))) == 129


CD_DRAWS = """
return Array.from({ length: x.draws }, (_, seed) =>
  rbm.statistics(start, training.advance(course, { ...lesson, seed }).vectors.cd));"""


@pytest.mark.parametrize("chains", [1, 7])
def test_cd_has_the_expectation_of_one_sweep_from_the_data(chains):
    """sum over v of q(v), over v' of p(v'|v), enumerated; 7 chains among 4 patterns are not shared out evenly."""
    rbm, rows, share, _ = random_case((4, 3), scale=1.0)
    every = exact.all_states(rbm.visible)
    arrival = sum(
        part * np.exp(exact.log_reconstruction(rbm, np.tile(v, (len(every), 1)), every))
        for v, part in zip(rows, share, strict=True)
    )
    means = np.asarray(hm.hidden_given_visible(rbm, every), float)
    expected = np.concatenate([((every * arrival[:, None]).T @ means).ravel(), arrival @ every, arrival @ means])
    lesson = lesson_of(rbm, rows, share, h=np.zeros((chains, 3)))
    draws = np.array(node.evaluate(PRELUDE + CD_DRAWS, **lesson, draws=4000))
    assert largest_z(draws, expected) < z_limit(4 * 3 + 4 + 3)


@pytest.mark.slow
def test_cd_is_the_library_s_where_every_pattern_has_the_same_chains():
    """Both as means over many draws, against each other."""
    rbm = random_case((4, 3), scale=1.0)[0]
    rows = bars_and_stripes(2, 2)
    lesson = lesson_of(rbm, rows, np.full(6, 1 / 6), h=np.zeros((12, 3)))
    ours = np.array(node.evaluate(PRELUDE + CD_DRAWS, **lesson, draws=4000))[:, :12].reshape(-1, 4, 3)
    with jax.enable_x64(True):
        one = jax.vmap(lambda key: gradients.cd(1).gradient(key, rbm, (), np.tile(rows, (2, 1)))[2].negative.weights)
        theirs = np.asarray(jax.jit(one)(jax.random.split(jax.random.key(0), 4000)))
    assert largest_z(ours - theirs, np.zeros((4, 3))) < z_limit(12)


@pytest.mark.parametrize(("broken", "agrees"), [(False, True), (True, False)])
def test_chains_in_equilibrium_stay_there(broken, agrees):
    """Chains that start from exact samples are so after a sweep too; after one at T = 1/1.3 they are not."""
    rbm, rows, share, _ = random_case((3, 2), scale=1.0)
    probability = exact.joint_table(rbm).probability
    hotter = exact.joint_table(rbm, 1 / 1.3).probability
    count = draws_for_counts(32, 0.25 * float(((hotter - probability) ** 2 / probability).sum()))
    h = np.asarray(exact.sample_joint(rbm, count, 0)[1])
    kernel = jax.tree.map(lambda leaf: 1.3 * leaf, rbm) if broken else rbm
    code = f"{PRELUDE} const after = training.advance(course, lesson); return [after.vectors.pcd, after.chains];"
    v, h = node.evaluate(code, **lesson_of(kernel, rows, share, h=h))
    both = np.concatenate([np.reshape(v, (-1, 3)), np.reshape(h, (-1, 2))], axis=1).astype(int) @ [16, 8, 4, 2, 1]
    assert (counts_agree(both, probability) > FALSE_ALARM) is agrees


def test_the_gradient_of_pcd_comes_from_where_its_chains_are():
    rbm, rows, share, ten = random_case((4, 3))
    h = exact.all_states(rbm.hidden)[:4].repeat(3, axis=0)[:10]
    code = f"""{PRELUDE} const after = training.advance(course, lesson);
    return {{ weights: after.rbms.pcd.weights, v: after.vectors.pcd, chains: after.chains }};"""
    after = node.evaluate(code, **lesson_of(rbm, rows, share, h=h))
    v = np.reshape(after["v"], (-1, 4)).astype(float)
    with jax.enable_x64(True):
        positive = model.statistics(rbm, ten, model.hidden_inputs(rbm, ten))
        negative = model.statistics(rbm, v, model.hidden_inputs(rbm, v))
    moved = (np.reshape(after["weights"], (4, 3)) - rbm.weights) / 0.7
    np.testing.assert_allclose(moved, positive.weights - negative.weights, atol=1e-12)
    assert not np.array_equal(np.reshape(after["chains"], (-1, 3)), h)


def test_ten_times_ten_updates_are_a_hundred():
    once = learn(BARS, 100)
    assert learn(BARS, *[10] * 10) == once
    assert learn({**BARS, "seed": 1}, 100)["state"] != once["state"]
    assert learn({**BARS, "seed": 2**53 - 1}, 5)["state"]["update"] == 5


def test_records_are_the_figures_at_their_updates():
    answer = learn(BARS, 40)
    assert answer["record"]["update"] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 35, 40]
    for name in METHODS:
        last = {field: values[-1] for field, values in answer["record"][name].items()}
        assert last == {field: answer["now"][name][field] for field in last}
        rbm = machine_of(answer["state"]["machines"][name])
        assert last["log_likelihood"] == pytest.approx(exact.log_likelihood(rbm, bars_and_stripes(2, 2)).mean(), abs=1e-12)
    # The present is the last point of the curves, kept or not.
    assert learn(BARS, 41)["record"]["update"][-2:] == [40, 41]


def test_what_is_shown_adds_up_and_is_the_library_s():
    for setting in (BARS, TWINS, {**BARS, "learn": "01*2_10*0.5_11"}):
        answer = learn(setting, 20)
        target = answer["target"]
        assert sum(target["target"]) == pytest.approx(1, abs=1e-12)
        assert target["best"] == pytest.approx(-target["entropy"])
        assert target["not_shown"] == 2 ** target["visible"] - len(target["patterns"])
        for name in METHODS:
            now = answer["now"][name]
            patterns = np.array([[int(x) for x in bits] for bits in target["patterns"]])
            log_p = exact.log_likelihood(machine_of(answer["state"]["machines"][name]), patterns)
            np.testing.assert_allclose(now["probability"], np.exp(log_p), atol=1e-12)
            assert sum(now["probability"]) + now["others"] == pytest.approx(1, abs=1e-12)
            strays = np.array([[int(x) for x in stray["bits"]] for stray in now["strays"]]).reshape(-1, target["visible"])
            assert len(strays) == min(3, target["not_shown"])
            assert not {stray["bits"] for stray in now["strays"]} & set(target["patterns"])
            if len(strays):
                log_p = exact.log_likelihood(machine_of(answer["state"]["machines"][name]), strays)
                np.testing.assert_allclose([stray["probability"] for stray in now["strays"]], np.exp(log_p), atol=1e-12)
            if name != "exact":
                assert sum(now["drawn"]) + now["drawn_others"] == pytest.approx(1, abs=1e-12)
        assert learn(setting)["now"]["cd"]["drawn"] is None


@pytest.mark.slow
def test_the_exact_gradient_comes_near_the_best_on_bars_and_stripes():
    answer = learn(BARS, 5000)
    found = answer["now"]
    assert answer["target"]["best"] == pytest.approx(-np.log(6))
    assert found["exact"]["log_likelihood"] > -np.log(6) - 0.05
    assert found["exact"]["divergence"] == pytest.approx(-np.log(6) - found["exact"]["log_likelihood"], abs=1e-12)
    assert found["exact"]["log_likelihood"] > max(found[name]["log_likelihood"] for name in ("cd", "pcd"))


def test_cd_loses_likelihood_while_it_reconstructs_ever_better():
    """What the chapter says of the empty and the full picture."""
    begun, early, late = learn_in_stages(TWINS, 200, 800)
    assert begun["cd"]["log_likelihood"] == pytest.approx(-6.3, abs=0.05)
    assert begun["cd"]["wrong_pixels"] == pytest.approx(4.5, abs=0.05)
    assert early["cd"]["log_likelihood"] > -4.8
    assert late["cd"]["log_likelihood"] == pytest.approx(-10.2, abs=0.05)
    assert late["cd"]["wrong_pixels"] == pytest.approx(0.1, abs=0.05)
    assert early["cd"]["wrong_pixels"] > 1
    assert late["exact"]["log_likelihood"] > -1
    assert late["pcd"]["log_likelihood"] > -2
    assert min(late["cd"]["probability"][0], late["cd"]["probability"][-1]) < 1e-6
    assert min(late["cd"]["drawn"][0], late["cd"]["drawn"][-1]) > 0.4


@pytest.mark.slow
def test_what_the_other_examples_say():
    _, threes, later = learn_in_stages(BARS_OF_THREE, 1000, 2000)
    behind = {name: threes["exact"]["log_likelihood"] - threes[name]["log_likelihood"] for name in METHODS}
    assert behind["cd"] > 1 / 3
    assert behind["pcd"] < 0.15
    assert later["pcd"]["log_likelihood"] < threes["pcd"]["log_likelihood"] - 0.2
    begun, hasty, mended = learn_in_stages(HASTY, 1000, (0.02, 1000))
    likelihoods = {name: hasty[name]["log_likelihood"] for name in METHODS}
    assert likelihoods["pcd"] < min(likelihoods["cd"], likelihoods["exact"]) - 2
    assert max(hasty[name]["wrong_pixels"] for name in METHODS) < 0.1
    assert likelihoods["pcd"] < begun["pcd"]["log_likelihood"] - 2
    assert mended["exact"]["log_likelihood"] > -np.log(14) - 0.1
    assert -np.log(14) - 2 > mended["pcd"]["log_likelihood"] > likelihoods["pcd"] + 2
    uneven = learn(UNEVEN, 3000)["now"]["exact"]
    assert uneven["divergence"] < 0.001
    assert uneven["wrong_pixels"] / 3 == pytest.approx(0.25, abs=0.02)


def test_a_machine_out_of_bounds_stops_in_words_and_the_others_go_on():
    setting = {**BARS, "rate": 5.0, "scale": 3.0, "chains": 1}
    code = """
    const near = rbm.moved(all.course.rbms.cd, [99.99 - all.course.rbms.cd.theta[0]]);
    all = { ...all, course: { ...all.course, rbms: { ...all.course.rbms, cd: near } } };"""
    answer, again = (learn(setting, *moves, code=code) for moves in ([200], [200, 10]))
    assert "cd" in answer["state"]["stopped"]
    said = answer["now"]["cd"]["stopped"]
    assert said.startswith("CD-1 stopped at update ")
    assert "Lower the rate" in said
    assert answer["record"]["cd"]["log_likelihood"][-1] is None
    assert answer["now"]["cd"]["log_likelihood"] is not None
    assert again["state"]["machines"]["cd"] == answer["state"]["machines"]["cd"]
    assert again["state"]["update"] == 210
    assert again["now"]["exact"]["stopped"] is None
    assert again["state"]["machines"]["exact"] != answer["state"]["machines"]["exact"]


@pytest.mark.parametrize(
    ("learned", "rows", "heights"),
    [
        ("10_01*2.5", [[0, 1], [1, 0]], [2.5, 1]),
        ("11111", [[1] * 5], [1]),
        ("00*0_01", [[0, 1]], [1]),
    ],
)
def test_patterns_are_read(learned, rows, heights):
    found = node.evaluate("Object.fromEntries(set.patternsOf(x.learn))", learn=learned)
    assert [found["".join(map(str, row))] for row in rows] == heights
    assert len(found) == len(rows)


@pytest.mark.parametrize("side", [2, 3])
def test_bars_and_stripes_are_the_library_s(side):
    expected = ["".join(str(int(x)) for x in row) for row in bars_and_stripes(side, side)]
    assert node.evaluate("set.barsAndStripes(x.side)", side=side) == expected
    assert node.evaluate("[...set.patternsOf(x.learn).keys()]", learn=f"bars{side}") == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"learn": ""}, "tick at least one pattern"),
        ({"learn": "00*0_11*0"}, "tick at least one pattern"),
        ({"learn": "0_1"}, "\u201c0\u201d cannot be read"),
        ({"learn": "01_1x"}, "\u201c1x\u201d cannot be read"),
        ({"learn": "01*-1"}, "cannot be read"),
        ({"learn": "01*1e9"}, "cannot be read"),
        ({"learn": "01_01"}, "named twice"),
        ({"learn": "01_011"}, "same number of pixels"),
        ({"learn": "000000_111111"}, "one of 2, 3, 4, 5, 9"),
        ({"learn": "_".join(f"{n:09b}" for n in range(33))}, "at most 32"),
        ({"learn": "01_" * 10_000}, "tick at least one pattern"),
        ({"hidden": 13}, "hidden units must be a whole number from 1 to 12, but is 13"),
        ({"hidden": 2.5}, "hidden"),
        ({"hidden": None}, "hidden"),
        ({"scale": -0.1}, "scale"),
        ({"chains": 201}, "chains"),
        ({"chains": 0}, "chains"),
    ],
)
def test_a_bad_setting_is_refused_in_one_line(change, said):
    with pytest.raises(node.RefusalError, match=said) as error:
        learn({**BARS, **change})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("rate", [5.01, -1, None])
def test_a_bad_rate_is_refused(rate):
    with pytest.raises(node.RefusalError, match="the rate must be a number from 0 to 5"):
        node.evaluate("set.checkRate(x.rate ?? NaN)", rate=rate)


def test_updates_are_bounded():
    code = "all = { ...all, course: { ...all.course, update: set.MAX_UPDATES - 3 } };"
    assert learn(BARS, 10, code=code)["state"]["update"] == MOST_UPDATES
