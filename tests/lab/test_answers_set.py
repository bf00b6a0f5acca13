"""Chapter 5's numbers: the library's own, whatever else is asked of the small fast code that makes them."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts, largest_z, z_limit

import harmonium as hm
from harmonium import exact, gradients, model
from harmonium.data.sources import bars_and_stripes
from harmonium.errors import InputError
from harmonium.lab import small_training
from harmonium.lab.answers import training_set
from harmonium.lab.answers.training_set_input import MOST_UPDATES, patterns_of
from harmonium.lab.ask import Ask
from harmonium.lab.small_training import METHODS, Lesson, Parameters, State

BARS = {"learn": "bars2", "hidden": 4, "rate": 0.3, "scale": 0.5, "chains": 200, "seed": 0}
TWINS = {"learn": "000000000_111111111", "hidden": 6, "rate": 0.1, "scale": 0.1, "chains": 200, "seed": 1}
BARS_OF_THREE = {"learn": "bars3", "hidden": 10, "rate": 0.2, "scale": 0.5, "chains": 200, "seed": 0}
HASTY = {"learn": "bars3", "hidden": 12, "rate": 1.0, "scale": 0.1, "chains": 100, "seed": 0}
UNEVEN = {**BARS, "learn": "000_001_010*4_011_100*3_101*8_110_111*6", "rate": 0.5, "scale": 1.0, "chains": 100}


def start(**params):
    return training_set.start(Ask(params, None))


def train(**params):
    return training_set.train(Ask(params, None))


def go_on(setting, updates, state=None):
    """As the page does it: the state travels as JSON."""
    state = state or start(**setting)["state"]
    while updates:
        some = min(updates, 1000)
        answer = json.loads(json.dumps(train(**setting, state=state, updates=some), allow_nan=False))
        state, updates = answer["state"], updates - some
    return answer


def machine_of(given) -> hm.RBM:
    return hm.RBM(hm.Binary(given["a"]), hm.Binary(given["b"]), given["weights"])


def random_case(shape, seed=0, scale=1.5):
    """A lesson whose shares are tenths (so that the library can be given them as ten rows), and a machine."""
    random = np.random.default_rng(seed)
    every = small_training.states(shape[0])
    chosen = np.sort(random.choice(len(every), 4, replace=False))
    lesson = Lesson(every[chosen], np.array([0.1, 0.2, 0.3, 0.4]), 0.7, 10, 3)
    machine = Parameters(*(scale * random.standard_normal(size) for size in (shape, shape[0], shape[1])))
    rows = np.repeat(lesson.rows, [1, 2, 3, 4], axis=0)
    return lesson, machine, hm.RBM(hm.Binary(machine.a), hm.Binary(machine.b), machine.weights), rows


@pytest.mark.slow
def test_an_update_goes_along_the_library_s_exact_gradient():
    shape = (3, 4)
    lesson, machine, rbm, rows = random_case(shape)
    state = State(0, dict.fromkeys(METHODS, machine), np.zeros((10, shape[1])), {}, {})
    after = small_training.advance(state, lesson).machines["exact"]
    with jax.enable_x64(True):
        slope = gradients.exact().gradient(None, rbm, (), rows)[0]
    for new, old, gradient in zip(after, machine, (slope.weights, slope.visible.bias, slope.hidden.bias), strict=True):
        np.testing.assert_allclose((new - old) / lesson.rate, gradient, atol=1e-12)


def test_the_figures_are_the_library_s():
    shape = (3, 4)
    lesson, machine, rbm, rows = random_case(shape)
    found = small_training.measure(machine, lesson)
    assert found.log_likelihood == pytest.approx(exact.log_likelihood(rbm, rows).mean(), abs=1e-11)
    log_p = exact.log_likelihood(rbm, lesson.rows)
    assert found.divergence == pytest.approx(lesson.share @ (np.log(lesson.share) - log_p), abs=1e-11)
    assert lesson.entropy == pytest.approx(-(lesson.share @ np.log(lesson.share)), abs=1e-14)
    every = small_training.states(shape[0])
    np.testing.assert_array_equal(every, exact.all_states(rbm.visible))
    wrong = 0.0
    for v, share in zip(lesson.rows, lesson.share, strict=True):
        chance = np.exp(exact.log_reconstruction(rbm, np.tile(v, (len(every), 1)), every))
        wrong += share * (chance @ np.abs(every - v).sum(axis=1))
    assert found.wrong_pixels == pytest.approx(wrong, abs=1e-10)
    flawless = lesson.share @ np.exp(exact.log_reconstruction(rbm, lesson.rows, lesson.rows))
    assert small_training.flawless(machine, lesson) == pytest.approx(flawless, abs=1e-11)


def test_large_parameters_do_not_overflow():
    lesson, machine, _, _ = random_case((9, 12))
    huge = Parameters(*(np.sign(part) * small_training.MOST_PARAMETER for part in machine))
    assert np.isfinite(small_training.measure(huge, lesson)).all()
    assert all(np.isfinite(part).all() for part in small_training.model_statistics(huge))


@pytest.mark.parametrize("chains", [1, 7])
def test_cd_has_the_expectation_of_one_sweep_from_the_data(chains):
    """sum over v of q(v), over v' of p(v'|v), enumerated; 7 chains among 4 patterns are not shared out evenly."""
    lesson, machine, rbm, _ = random_case((4, 3), scale=1.0)
    lesson = Lesson(lesson.rows, lesson.share, 1.0, chains, 0)
    every = small_training.states(4)
    arrival = sum(
        share * np.exp(exact.log_reconstruction(rbm, np.tile(v, (len(every), 1)), every))
        for v, share in zip(lesson.rows, lesson.share, strict=True)
    )
    expected = small_training.statistics(machine, every, arrival)
    random = np.random.default_rng(0)
    draws = [small_training.cd_statistics(machine, lesson, random)[1] for _ in range(4000)]
    for part, due in enumerate(expected):
        assert largest_z(np.array([draw[part] for draw in draws]), due) < z_limit(4 * 3 + 4 + 3)


@pytest.mark.slow
def test_cd_is_the_library_s_where_every_pattern_has_the_same_chains():
    """Both as means over many draws, against each other."""
    machine = random_case((4, 3), scale=1.0)[1]
    rows = bars_and_stripes(2, 2)
    lesson = Lesson(rows, np.full(6, 1 / 6), 1.0, 12, 0)
    random = np.random.default_rng(1)
    ours = np.array([small_training.cd_statistics(machine, lesson, random)[1].weights for _ in range(4000)])
    rbm = hm.RBM(hm.Binary(machine.a), hm.Binary(machine.b), machine.weights)
    with jax.enable_x64(True):
        one = jax.vmap(lambda key: gradients.cd(1).gradient(key, rbm, (), np.tile(rows, (2, 1)))[2].negative.weights)
        theirs = np.asarray(jax.jit(one)(jax.random.split(jax.random.key(0), 4000)))
    assert largest_z(ours - theirs, np.zeros((4, 3))) < z_limit(12)


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "agrees"), [(False, True), (True, False)])
def test_chains_in_equilibrium_stay_there(broken, agrees):
    """Chains that start from exact samples are so after a sweep too; after one at T = 1/1.3 they are not."""
    machine = random_case((3, 2), scale=1.0)[1]
    rbm = hm.RBM(hm.Binary(machine.a), hm.Binary(machine.b), machine.weights)
    probability = exact.joint_table(rbm).probability
    hotter = exact.joint_table(rbm, 1 / 1.3).probability
    count = draws_for_counts(32, 0.25 * float(((hotter - probability) ** 2 / probability).sum()))
    h = np.asarray(exact.sample_joint(rbm, count, 0)[1])
    kernel = Parameters(*(1.3 * part for part in machine)) if broken else machine
    h, v, _ = small_training.pcd_statistics(kernel, h, np.random.default_rng(0))
    p_value = counts_agree(small_training.numbers(np.concatenate([v, h], axis=1)), probability)
    assert (p_value > FALSE_ALARM) is agrees


def test_the_gradient_of_pcd_comes_from_where_its_chains_are():
    lesson, machine, rbm, rows = random_case((4, 3))
    state = State(6, dict.fromkeys(METHODS, machine), small_training.states(3)[:4].repeat(3, axis=0)[:10], {}, {})
    after = small_training.advance(state, lesson)
    v = after.vectors["pcd"]
    with jax.enable_x64(True):
        positive = model.statistics(rbm, rows, model.hidden_inputs(rbm, rows))
        negative = model.statistics(rbm, v, model.hidden_inputs(rbm, v))
    np.testing.assert_allclose(
        (after.machines["pcd"].weights - machine.weights) / 0.7, positive.weights - negative.weights, atol=1e-12
    )
    assert not np.array_equal(after.chains, state.chains)


def test_ten_times_ten_updates_are_a_hundred():
    once = go_on(BARS, 100)
    state = None
    for _ in range(10):
        state = go_on(BARS, 10, state)["state"]
    assert state == once["state"]
    assert go_on({**BARS, "seed": 1}, 100)["state"] != once["state"]
    assert go_on({**BARS, "seed": 2**53 - 1}, 5)["state"]["update"] == 5


def test_records_are_the_figures_at_their_updates():
    answer = go_on(BARS, 40)
    assert answer["record"]["update"] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 35, 40]
    for name in METHODS:
        last = {field: values[-1] for field, values in answer["record"][name].items()}
        assert last == {field: answer["now"][name][field] for field in last}
        rbm = machine_of(answer["state"]["machines"][name])
        assert last["log_likelihood"] == pytest.approx(exact.log_likelihood(rbm, bars_and_stripes(2, 2)).mean(), abs=1e-12)


def test_what_is_shown_adds_up_and_is_the_library_s():
    for setting in (BARS, TWINS, {**BARS, "learn": "01*2_10*0.5_11"}):
        begun = start(**setting)
        answer = go_on(setting, 20)
        assert sum(begun["target"]) == pytest.approx(1, abs=1e-12)
        assert begun["best"] == pytest.approx(-begun["entropy"])
        assert begun["not_shown"] == 2 ** begun["visible"] - len(begun["patterns"])
        for name in METHODS:
            now = answer["now"][name]
            patterns = np.array([[int(x) for x in bits] for bits in begun["patterns"]])
            log_p = exact.log_likelihood(machine_of(answer["state"]["machines"][name]), patterns)
            np.testing.assert_allclose(now["probability"], np.exp(log_p), atol=1e-12)
            assert sum(now["probability"]) + now["others"] == pytest.approx(1, abs=1e-12)
            strays = np.array([[int(x) for x in stray["bits"]] for stray in now["strays"]]).reshape(-1, begun["visible"])
            assert len(strays) == min(3, begun["not_shown"])
            assert not {stray["bits"] for stray in now["strays"]} & set(begun["patterns"])
            if len(strays):
                log_p = exact.log_likelihood(machine_of(answer["state"]["machines"][name]), strays)
                np.testing.assert_allclose([stray["probability"] for stray in now["strays"]], np.exp(log_p), atol=1e-12)
            if name != "exact":
                assert sum(now["drawn"]) + now["drawn_others"] == pytest.approx(1, abs=1e-12)
        assert start(**setting)["now"]["cd"]["drawn"] is None


@pytest.mark.slow
def test_the_exact_gradient_comes_near_the_best_on_bars_and_stripes():
    found = go_on(BARS, 5000)["now"]
    assert start(**BARS)["best"] == pytest.approx(-np.log(6))
    assert found["exact"]["log_likelihood"] > -np.log(6) - 0.05
    assert found["exact"]["divergence"] == pytest.approx(-np.log(6) - found["exact"]["log_likelihood"], abs=1e-12)
    assert found["exact"]["log_likelihood"] > max(found[name]["log_likelihood"] for name in ("cd", "pcd"))


@pytest.mark.slow
def test_cd_loses_likelihood_while_it_reconstructs_ever_better():
    """What the chapter says of the empty and the full picture."""
    assert start(**TWINS)["now"]["cd"]["log_likelihood"] == pytest.approx(-6.3, abs=0.05)
    assert start(**TWINS)["now"]["cd"]["wrong_pixels"] == pytest.approx(4.5, abs=0.05)
    early = go_on(TWINS, 200)
    late = go_on(TWINS, 800, early["state"])["now"]
    assert early["now"]["cd"]["log_likelihood"] > -4.6
    assert late["cd"]["log_likelihood"] == pytest.approx(-9.9, abs=0.05)
    assert late["cd"]["wrong_pixels"] == pytest.approx(0.1, abs=0.05)
    assert early["now"]["cd"]["wrong_pixels"] > 1
    assert late["exact"]["log_likelihood"] > -1
    assert late["pcd"]["log_likelihood"] > -2
    assert min(late["cd"]["probability"][0], late["cd"]["probability"][-1]) < 1e-6
    assert min(late["cd"]["drawn"][0], late["cd"]["drawn"][-1]) > 0.4


@pytest.mark.slow
def test_what_the_other_examples_say():
    threes = go_on(BARS_OF_THREE, 1000)
    behind = {name: threes["now"]["exact"]["log_likelihood"] - threes["now"][name]["log_likelihood"] for name in METHODS}
    assert behind["cd"] > 1 / 3
    assert behind["pcd"] < 0.1
    later = go_on(BARS_OF_THREE, 2000, threes["state"])["now"]
    assert later["pcd"]["log_likelihood"] < threes["now"]["pcd"]["log_likelihood"] - 0.3
    hasty = go_on(HASTY, 1000)
    likelihoods = {name: hasty["now"][name]["log_likelihood"] for name in METHODS}
    assert likelihoods["pcd"] < likelihoods["cd"] - 2 < likelihoods["exact"] - 2
    assert max(hasty["now"][name]["wrong_pixels"] for name in METHODS) < 0.1
    assert likelihoods["pcd"] < start(**HASTY)["now"]["pcd"]["log_likelihood"] - 2
    mended = go_on({**HASTY, "rate": 0.02}, 1000, hasty["state"])["now"]
    assert mended["exact"]["log_likelihood"] > -np.log(14) - 0.1
    assert -np.log(14) - 2 > mended["pcd"]["log_likelihood"] > likelihoods["pcd"] + 2
    uneven = go_on(UNEVEN, 3000)["now"]["exact"]
    assert uneven["divergence"] < 0.001
    assert uneven["wrong_pixels"] / 3 == pytest.approx(0.25, abs=0.02)


def test_a_machine_out_of_bounds_stops_in_words_and_the_others_go_on():
    setting = {**BARS, "rate": 5.0, "scale": 3.0, "chains": 1}
    state = start(**setting)["state"]
    state["machines"]["cd"]["weights"][0][0] = 99.99
    state["machines"]["cd"]["weights"][1][0] = -99.99
    answer = go_on(setting, 200, state)
    assert "cd" in answer["state"]["stopped"]
    said = answer["now"]["cd"]["stopped"]
    assert said.startswith("CD-1 stopped at update ")
    assert "Lower the rate" in said
    assert answer["record"]["cd"]["log_likelihood"][-1] is None
    assert answer["now"]["cd"]["log_likelihood"] is not None
    again = go_on(setting, 10, answer["state"])
    assert again["state"]["machines"]["cd"] == answer["state"]["machines"]["cd"]
    assert again["state"]["update"] == 210
    assert again["now"]["exact"]["stopped"] is None
    assert again["state"]["machines"]["exact"] != answer["state"]["machines"]["exact"]


@pytest.mark.parametrize(
    ("learn", "rows", "heights"),
    [
        ("10_01*2.5", [[0, 1], [1, 0]], [2.5, 1]),
        ("11111", [[1] * 5], [1]),
        ("00*0_01", [[0, 1]], [1]),
    ],
)
def test_patterns_are_read(learn, rows, heights):
    found = patterns_of(learn)
    np.testing.assert_array_equal(found[0], rows)
    np.testing.assert_array_equal(found[1], heights)


def test_bars_and_stripes_are_read():
    assert [len(patterns_of(name)[0]) for name in ("bars2", "bars3")] == [6, 14]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"learn": ""}, "tick at least one pattern"),
        ({"learn": None}, "tick at least one pattern"),
        ({"learn": "00*0_11*0"}, "tick at least one pattern"),
        ({"learn": "0_1"}, "'0' cannot be read"),
        ({"learn": "01_1x"}, "'1x' cannot be read"),
        ({"learn": "01*-1"}, "cannot be read"),
        ({"learn": "01*1e9"}, "cannot be read"),
        ({"learn": "01_01"}, "named twice"),
        ({"learn": "01_011"}, "same number of pixels"),
        ({"learn": "000000_111111"}, "one of 2, 3, 4, 5, 9"),
        ({"learn": "_".join(f"{n:09b}" for n in range(33))}, "at most 32"),
        ({"learn": "01_" * 10_000}, "tick at least one pattern"),
        ({"hidden": 13}, "hidden"),
        ({"hidden": 2.5}, "hidden"),
        ({"rate": 5.01}, "rate"),
        ({"rate": "fast"}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"scale": -0.1}, "scale"),
        ({"chains": 201}, "chains"),
        ({"chains": 0}, "chains"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_bad_setting_is_refused_in_one_line(change, said):
    with pytest.raises(InputError, match=said) as error:
        start(**{**BARS, **change})
    assert "\n" not in str(error.value)


def spoilt(change):
    state = start(**BARS)["state"]
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("machines"), "must hold the machines"),
        (lambda s: s["machines"].pop("cd"), "must hold the machines"),
        (lambda s: s["machines"]["cd"].pop("a"), "a machine's a cannot be read"),
        (lambda s: s["machines"]["cd"].update(a=[0, 0]), r"a must have the shape \[4\], but has \[2\]"),
        (lambda s: s["machines"]["cd"].update(a=[0, 0, 0, None]), "from -100 to 100"),
        (lambda s: s["machines"]["cd"].update(b=[0, 0, 0, 1e9]), "from -100 to 100"),
        (lambda s: s["machines"]["pcd"].update(weights=[[1], [2, 3]]), "cannot be read"),
        (lambda s: s["machines"].update(exact=7), "cannot be read"),
        (lambda s: s.update(chains=["0000"]), "200 chains"),
        (lambda s: s.update(chains=["00x0"] * 200), "rows of 1 to 12 bits"),
        (lambda s: s.update(chains=["00000"] * 200), "must have the shape"),
        (lambda s: s.update(update=-1), "from 0 to 50,000"),
        (lambda s: s.update(update=True), "from 0 to 50,000"),
        (lambda s: s.update(update=10**30), "from 0 to 50,000"),
        (lambda s: s.update(stopped={"gd": 1}), "which machines stopped"),
        (lambda s: s.update(stopped=[1]), "which machines stopped"),
        (lambda s: s.update(stopped={"cd": 10**5000}), "which machines stopped"),
    ],
)
def test_a_spoilt_state_is_refused(change, said):
    with pytest.raises(InputError, match=said):
        train(**BARS, state=spoilt(change), updates=1)


def test_updates_are_bounded():
    state = start(**BARS)["state"]
    for updates in (0, 1001, "10"):
        with pytest.raises(InputError, match="updates"):
            train(**BARS, state=state, updates=updates)
    with pytest.raises(InputError, match="missing"):
        train(**BARS, updates=1)
    near = train(**BARS, state={**state, "update": MOST_UPDATES - 3}, updates=10)["state"]
    assert near["update"] == MOST_UPDATES
    with pytest.raises(InputError, match="as far as this page goes"):
        train(**BARS, state=near, updates=1)
