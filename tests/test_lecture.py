"""The lecture's steps as values: chain statistics, the other road, steps of learning."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import LECTURE, SMALL, random_rbm, reference_rbm
from scipy import stats
from statistics_of_tests import FALSE_ALARM

import harmonium as hm
from harmonium import exact, gradients, lecture
from harmonium.units import Binary, Spin


@pytest.mark.parametrize("case", SMALL, ids=lambda case: f"{case['n_visible']}x{case['n_hidden']}")
@pytest.mark.slow_except("3x2")
def test_table_and_marginals_add_up(case):
    rbm = reference_rbm(case)
    table = lecture.table(rbm, case["temperature"])
    assert table.complete == (2 ** (case["n_visible"] + case["n_hidden"]) <= lecture.MAX_ROWS)
    assert table.joint.log_partition == pytest.approx(case["log_partition"], abs=1e-9)
    if table.complete:
        assert table.joint.probability.sum() == pytest.approx(1, abs=1e-9)
        np.testing.assert_allclose(table.visible.probability @ table.visible.states, case["mean_v"], atol=1e-9)
        np.testing.assert_allclose(table.hidden.probability @ table.hidden.states, case["mean_h"], atol=1e-9)


def test_a_table_too_long_shows_the_most_probable_rows_with_their_own_marginals():
    rbm = random_rbm(Binary, Binary, (8, 5), seed=1)
    table = lecture.table(rbm)
    whole = exact.joint_table(rbm)
    assert not table.complete
    np.testing.assert_allclose(table.joint.probability, np.sort(whole.probability)[::-1][: lecture.CUT_ROWS], rtol=1e-12)
    p_v = np.exp(exact.log_likelihood(rbm, table.visible.states))
    p_h = whole.probability.reshape(256, 32).sum(axis=0)[rbm.hidden.indices(table.hidden.states)]
    np.testing.assert_allclose(table.visible.probability, p_v, rtol=1e-12)
    np.testing.assert_allclose(table.hidden.probability, p_h, rtol=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("kinds", [(Binary, Binary), (Spin, Binary), (Spin, Spin)])
def test_both_roads_lead_to_the_same_probabilities(kinds, temperature):
    rbm = random_rbm(*kinds, (3, 2), seed=1)
    for forward in (True, False):
        layer = rbm.visible if forward else rbm.hidden
        for given in exact.all_states(layer):
            road = lecture.conditional(rbm, given, forward, temperature)
            np.testing.assert_allclose(road.joint, road.from_energy, rtol=1e-10)
            assert road.conditional.sum() == pytest.approx(1, abs=1e-12)
            assert road.reconstruction.probability.sum() == pytest.approx(1, abs=1e-12)
            sign = 2 if (rbm.hidden if forward else rbm.visible).name == "spin" else 1
            sigmoid = 1 / (1 + np.exp(-sign * road.total_input / temperature))
            np.testing.assert_allclose(road.unit_probability, sigmoid, atol=1e-12)


def test_the_lectures_other_road(two_by_two):
    road = lecture.conditional(two_by_two, [0, 1])
    np.testing.assert_allclose(road.total_input, [0.5, 0.5], atol=1e-12)
    np.testing.assert_allclose(road.conditional, LECTURE["p_h_given_target"], atol=1e-9)
    np.testing.assert_allclose(road.joint, LECTURE["joint_probabilities"][4:8], atol=1e-9)
    assert road.marginal == pytest.approx(LECTURE["p_target"], abs=1e-9)


@pytest.mark.parametrize("expected", LECTURE["steps"], ids=lambda step: f"rate {step['learning_rate']}")
def test_the_lectures_steps(two_by_two, expected):
    (step,) = lecture.steps(two_by_two, [[0, 1]], gradients.exact(), expected["learning_rate"], freeze_biases=True)
    np.testing.assert_allclose(step.positive.weights, LECTURE["positive_term"], atol=1e-9)
    np.testing.assert_allclose(step.negative.weights, LECTURE["negative_term"], atol=1e-9)
    np.testing.assert_allclose(step.delta.weights, expected["delta_weights"], atol=1e-9)
    assert math.exp(step.log_probability) == pytest.approx(expected["p_target"], abs=1e-9)
    table = exact.joint_table(step.after)
    np.testing.assert_allclose(table.energy, expected["energies"], atol=1e-9)
    np.testing.assert_allclose(table.probability, expected["joint_probabilities"], atol=1e-9)
    assert math.exp(table.log_partition) == pytest.approx(expected["partition_function"], abs=1e-9)
    assert not step.after.visible.bias.any()
    assert not step.after.hidden.bias.any()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_step_goes_up_the_slope_at_its_temperature(temperature):
    """The slope of ln p(v) at temperature T by the model's own parameters, by central differences."""
    rbm = random_rbm(Binary, Binary, (3, 2), seed=2)
    v = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    (step,) = lecture.steps(rbm, v, gradients.exact(), 0.25, temperature=temperature)
    for i, j in np.ndindex(3, 2):
        sides = []
        for sign in (1e-5, -1e-5):
            weights = np.array(rbm.weights)
            weights[i, j] += sign
            moved = hm.at_temperature(hm.RBM(rbm.visible, rbm.hidden, weights), temperature)
            sides.append(exact.log_likelihood(moved, v).mean())
        assert step.delta.weights[i, j] == pytest.approx(0.25 * (sides[0] - sides[1]) / 2e-5, abs=1e-7)


def test_many_steps_raise_both_probabilities(two_by_two):
    taken = lecture.steps(two_by_two, [[0, 1]], gradients.exact(), 0.5, steps=200)
    likelihoods = [step.log_probability for step in taken]
    assert likelihoods == sorted(likelihoods)
    assert math.exp(likelihoods[-1]) > 0.9
    assert taken[-1].log_reconstruction > lecture.log_probabilities(two_by_two, [[0, 1]])[1]


def test_steps_of_a_seed_are_repeatable(two_by_two):
    first, again, other = (
        lecture.steps(two_by_two, [[0, 1]], gradients.cd(1, sampled=True), 0.1, steps=8, seed=seed)[-1].after.weights
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_chain_visits_in_proportion(two_by_two, temperature):
    """The squared z of 16 frequencies that sum to one are about chi-square with 15 degrees of freedom."""
    visits = lecture.chain(two_by_two, [0, 1], 20_000, seed=1, temperature=temperature)
    assert visits.frequency.sum() == pytest.approx(1)
    np.testing.assert_allclose(visits.probability, exact.joint_table(two_by_two, temperature).probability, atol=1e-12)
    z = (visits.frequency - visits.probability) / visits.standard_error
    assert stats.chi2.sf((z**2).sum() * 15 / 16, 15) > FALSE_ALARM
    wrong = (visits.frequency - exact.joint_table(two_by_two, 1.5 * temperature).probability) / visits.standard_error
    assert stats.chi2.sf((wrong**2).sum() * 15 / 16, 15) < FALSE_ALARM


@pytest.mark.slow
def test_standard_errors_allow_for_autocorrelation():
    """A sticky model: two far modes. Repeated chains scatter as their errors say, far more than independent draws."""
    rbm = hm.RBM(Binary([-2.2, -2.2]), Binary([-2.2, -2.2]), [[2.2, 2.2], [2.2, 2.2]])
    runs = [lecture.chain(rbm, [0, 0], 4000, seed=seed) for seed in range(30)]
    frequency = np.array([run.frequency[0] for run in runs])
    claimed = np.sqrt(np.mean([run.standard_error[0] ** 2 for run in runs]))
    independent = math.sqrt(runs[0].probability[0] * (1 - runs[0].probability[0]) / 4000)
    # The variance of 30 runs over the claimed one is about chi-square / 29.
    low, high = stats.chi2.interval(1 - FALSE_ALARM, 29)
    assert low / 29 < frequency.var(ddof=1) / claimed**2 < high / 29
    assert claimed > 1.5 * independent


def test_a_chain_on_a_large_model_counts_what_it_saw():
    rbm = random_rbm(Binary, Binary, (20, 8), seed=0, scale=0.5)
    visits = lecture.chain(rbm, np.zeros(20), 500, seed=1)
    assert not visits.complete
    assert len(visits.frequency) == lecture.CUT_ROWS
    assert (np.diff(visits.frequency) <= 0).all()
    np.testing.assert_allclose(
        visits.probability, np.exp(-hm.energy(rbm, visits.v, visits.h) - exact.log_partition(rbm)), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rbm: lecture.table(rbm, -1), "temperature"),
        (lambda rbm: lecture.chain(rbm, [0, 1], 0), "sweeps"),
        (lambda rbm: lecture.chain(rbm, [0, 1, 1], 5), "start must have 2 columns"),
        (lambda rbm: lecture.conditional(rbm, [0, 2]), "2 in column 2"),
        (lambda rbm: lecture.steps(rbm, [[0, 1]], gradients.exact(), 0), "rate"),
        (lambda rbm: lecture.steps(rbm, [[0, 1]], gradients.exact(), 1, steps=0), "steps"),
        (lambda rbm: lecture.steps(rbm, [0, 1], gradients.exact(), 1), "n at least 1"),
        (lambda rbm: lecture.steps_to_dict(rbm, [[0, 1]], []), "one or more steps"),
        (lambda rbm: lecture.log_probabilities(rbm, np.zeros((0, 2))), "n at least 1"),
    ],
)
def test_bad_input_is_refused(two_by_two, call, message):
    with pytest.raises(hm.InputError, match=message):
        call(two_by_two)
