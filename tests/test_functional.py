"""The functions of `harmonium.*`: precision, sampling, reconstruction, evaluation, checks."""

from __future__ import annotations

import subprocess
import sys

import jax
import numpy as np
import pytest
from conftest import LECTURE, random_rbm
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts, largest_z, z_limit

import harmonium as hm
from harmonium import exact
from harmonium.units import Binary, Spin


def test_everything_in_the_table_of_contents_is_there():
    for name in hm.__all__:
        assert getattr(hm, name) is not None
    assert set(hm.__all__) <= set(dir(hm))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hm.nothing  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    program = "import sys, harmonium; print([m for m in ('jax', 'numpy', 'rich', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_python_numbers_are_computed_in_float64_and_float32_stays(two_by_two):
    v = [[0, 1], [1, 1]]
    assert hm.free_energy(two_by_two, v).dtype == np.float64
    single = jax.tree.map(np.float32, two_by_two)
    assert hm.free_energy(single, v).dtype == np.float32
    np.testing.assert_allclose(hm.free_energy(single, v), hm.free_energy(two_by_two, v), rtol=1e-6)
    assert isinstance(hm.hidden_given_visible(two_by_two, v), np.ndarray)


def test_whole_number_parameters_are_taken_as_real_ones():
    rbm = hm.RBM(Binary(np.array([0, 1])), Binary(np.array([1])), np.array([[1], [2]]))
    assert hm.energy(rbm, [1, 1], [1]) == pytest.approx(-5)


def test_the_lectures_conditionals(two_by_two):
    assert hm.hidden_given_visible(two_by_two, [0, 1])[0] == pytest.approx(LECTURE["p_h1_given_v_01"], abs=1e-9)
    assert hm.hidden_given_visible(two_by_two, [1, 1])[0] == pytest.approx(LECTURE["p_h1_given_v_11"], abs=1e-9)


@pytest.mark.parametrize("method", ["exact", "gibbs"])
@pytest.mark.parametrize(("visible", "hidden"), [(Binary, Binary), (Spin, Binary)])
def test_samples_follow_p_of_v(visible, hidden, method):
    rbm = random_rbm(visible, hidden, (3, 3), seed=1)
    n = draws_for_counts(8, 0.005)
    v = hm.sample(rbm, n, seed=2, method=method, sweeps=60)
    p = np.exp(exact.log_likelihood(rbm, exact.all_states(rbm.visible)))
    assert counts_agree(rbm.visible.indices(v), p) > FALSE_ALARM


def test_samples_at_a_temperature_follow_that_temperature():
    rbm = random_rbm(Binary, Binary, (3, 3), seed=1)
    hot = hm.at_temperature(rbm, 2.0)
    v = hm.sample(hot, draws_for_counts(8, 0.005), sweeps=60)
    states = exact.all_states(rbm.visible)
    assert counts_agree(rbm.visible.indices(v), np.exp(exact.log_likelihood(hot, states))) > FALSE_ALARM
    assert counts_agree(rbm.visible.indices(v), np.exp(exact.log_likelihood(rbm, states))) < FALSE_ALARM


@pytest.mark.parametrize("method", ["exact", "gibbs"])
@pytest.mark.parametrize("clamp", [{1: 1}, [np.nan, 1, np.nan]])
def test_clamped_samples_follow_the_conditional_distribution(clamp, method):
    rbm = random_rbm(Binary, Binary, (3, 3), seed=1)
    v = hm.sample(rbm, draws_for_counts(4, 0.005), clamp=clamp, method=method, sweeps=60)
    assert (v[:, 1] == 1).all()
    states = exact.all_states(rbm.visible)
    p = np.exp(exact.log_likelihood(rbm, states)) * (states[:, 1] == 1)
    assert counts_agree(rbm.visible.indices(v), p / p.sum()) > FALSE_ALARM


def test_a_clamp_of_its_own_for_each_sample():
    rbm = random_rbm(Spin, Binary, (3, 3))
    clamp = np.full((4, 3), np.nan)
    clamp[:, 0] = [-1, 1, 1, -1]
    np.testing.assert_array_equal(hm.sample(rbm, 4, clamp=clamp, sweeps=3)[:, 0], clamp[:, 0])


def test_chains_start_where_they_should():
    """Weights so strong that one sweep cannot leave the start."""
    rbm = hm.RBM(Binary([-50.0] * 3), Binary([-50.0] * 3), 100 * np.eye(3))
    start = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(hm.sample(rbm, 3, method="gibbs", start=start, sweeps=1), start)


def test_the_same_seed_gives_the_same_samples(two_by_two):
    np.testing.assert_array_equal(hm.sample(two_by_two, 9, seed=5, sweeps=3), hm.sample(two_by_two, 9, seed=5, sweeps=3))
    assert (hm.sample(two_by_two, 99, seed=5, sweeps=3) != hm.sample(two_by_two, 99, seed=6, sweeps=3)).any()


def test_reconstruction_is_the_mean_under_the_reconstruction_probability(two_by_two):
    """Independent seeds give independent estimates of sum_v' v' p(v'|v), which enumeration gives exactly."""
    v = np.array([0.0, 1.0])
    every = exact.all_states(two_by_two.visible)
    p = np.exp(exact.log_reconstruction(two_by_two, np.tile(v, (4, 1)), every))
    draws = np.stack([hm.reconstruct(two_by_two, v, draws=1, seed=seed) for seed in range(400)])
    assert largest_z(draws, p @ every) < z_limit(2)
    assert hm.reconstruct(two_by_two, np.tile(v, (5, 3, 1))).shape == (5, 3, 2)


def test_evaluation_is_exact_and_says_so(two_by_two):
    report = hm.evaluate(two_by_two, [[0, 1], [1, 1]])
    assert report.mean == report.lower == report.upper
    p = np.array(LECTURE["joint_probabilities"]).reshape(4, 4).sum(axis=1)
    assert report.mean == pytest.approx(np.log(p[[1, 3]]).mean(), abs=1e-9)
    assert report.method.startswith("exact")
    assert report.rows == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rbm: hm.free_energy(rbm, [[0, 1, 0]]), r"v must have 2 columns .* shape is \[1, 3\]"),
        (lambda rbm: hm.energy(rbm, [0, 1], [0, 1, 1]), "h must have 2 columns"),
        (lambda rbm: hm.energy(rbm, [[0, 1]] * 3, [[0, 1]] * 2), "the same number of rows"),
        (lambda rbm: hm.energy(rbm, [0, 3], [0, 1]), "v has 3 in column 2"),
        (lambda rbm: hm.at_temperature(rbm, 0), "temperature must be a positive"),
        (lambda rbm: hm.at_temperature(rbm, "1"), "temperature must be a positive"),
        (lambda rbm: hm.sample(rbm, -1), "n must be a whole number"),
        (lambda rbm: hm.sample(rbm, 2.5), "n must be a whole number"),
        (lambda rbm: hm.sample(rbm, 2, sweeps=0), "sweeps must be a whole number"),
        (lambda rbm: hm.sample(rbm, 2, clamp={2: 1}), "clamp names column 2"),
        (lambda rbm: hm.sample(rbm, 2, clamp={0: 5}), "clamp has 5.0"),
        (lambda rbm: hm.sample(rbm, 2, clamp=[1, 1, 1]), r"clamp must have shape \[2\] or \[2, 2\]"),
        (lambda rbm: hm.sample(rbm, 2, start=[[0, 1]]), "ask for method 'gibbs'"),
        (lambda rbm: hm.sample(rbm, 2, method="gibbs", start=[[0, 1]]), r"start must have shape \[2, 2\]"),
        (lambda rbm: hm.reconstruct(rbm, [[0, 1]], draws=0), "draws must be a whole number"),
        (lambda rbm: hm.evaluate(rbm, [[0, 1]], rungs=5), r"rungs must be left out .* ln Z of RBM\(2 binary, .* is enumerated"),
        (lambda rbm: hm.evaluate(rbm, [[0, 1]], mesh="x"), "mesh must be a mesh"),
        (lambda rbm: hm.evaluate(rbm, [[0, 1]], base_rate=iter([1])), "base_rate must be 2 binary units"),
        (lambda rbm: hm.evaluate(rbm, [0, 1]), r"data must have shape \[n, 2\]"),
        (
            lambda rbm: hm.evaluate(random_rbm(Binary, Binary, (50, 60)), np.ones((1, 50)), method="exact"),
            "too large to be exact",
        ),
    ],
)
def test_bad_input_is_refused(two_by_two, call, message):
    with pytest.raises(hm.InputError, match=message):
        call(two_by_two)


@pytest.mark.slow
def test_run_goes_on_where_it_stopped_and_follows_the_distribution():
    rbm = random_rbm(hm.Binary, hm.Binary, (4, 3), seed=3)
    sampler = hm.parallel_tempering(4000, rungs=3)
    v, state = hm.sample_chains(rbm, sampler, 30, seed=1)
    assert v.shape == (4000, 4)
    assert v.dtype == np.float64
    np.testing.assert_array_equal(v, state.v[-1])
    with pytest.raises(hm.InputError, match="seed must be given with a state"):
        hm.sample_chains(rbm, sampler, 5, state=state)
    with pytest.raises(hm.InputError, match="has another form"):
        hm.sample_chains(rbm, hm.parallel_tempering(4001, rungs=3), 5, state=state, seed=2)
    with pytest.raises(hm.InputError, match="has another form"):
        hm.sample_chains(rbm, hm.gibbs(4000), 5, state=state, seed=2)
    again, later = hm.sample_chains(rbm, sampler, 5, state=state, seed=2)
    assert int(later.replicas.steps) == 35
    states = hm.exact.all_states(rbm.visible)
    assert counts_agree(rbm.visible.indices(again), np.exp(hm.exact.log_likelihood(rbm, states))) > FALSE_ALARM
    with pytest.raises(hm.InputError, match="steps must be a whole number of at least 1"):
        hm.sample_chains(rbm, sampler, 0)


def test_seeds_that_differ_in_their_upper_half_give_other_draws():
    rbm = random_rbm(hm.Binary, hm.Binary, (8, 3), seed=3)
    single = jax.tree.map(np.float32, rbm)
    draws = [hm.sample(single, 50, seed=seed, sweeps=2) for seed in (1, 2**32 + 1, 2**62 + 1)]
    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[1], draws[2])
    np.testing.assert_array_equal(draws[0], hm.sample(single, 50, seed=1, sweeps=2))


def test_a_categorical_unit_is_held_by_the_column_that_is_one():
    rbm = hm.RBM(hm.Categorical(np.zeros(5), (3, 2)), Binary([0.0]), [[1.0]] * 5)
    for clamp in ({1: 1}, [0, 1, 0, np.nan, np.nan]):
        v = hm.sample(rbm, 50, clamp=clamp, sweeps=2)
        rbm.visible.check(v, "v")
        assert (v[:, 1] == 1).all()
        assert set(v[:, 3]) == {0, 1}
    for clamp, words in (({1: 0}, "columns 0 to 2 together"), ({0: 1, 1: 1}, "a categorical unit has a 1 in one")):
        with pytest.raises(hm.InputError, match=words):
            hm.sample(rbm, 5, clamp=clamp)


def test_real_columns_are_held_at_any_value():
    """Of two independent layers of one model, the column that is free keeps its own distribution."""
    rbm = hm.RBM(hm.Gaussian([0.0, 3.0], [1.0, 4.0]), Binary([0.0]), [[0.5], [0.0]])
    v = hm.sample(rbm, 4000, clamp={0: 2.5}, sweeps=3)
    assert (v[:, 0] == 2.5).all()
    assert largest_z(v[:, 1:], np.array([0.75])) < z_limit(1)
    assert largest_z((v[:, 1:] - 0.75) ** 2, np.array([0.25])) < z_limit(1)


HUGE = [[1e300, 0.0], [0.0, 1.0]]
REAL = hm.RBM(hm.Gaussian([0.0, 0.0], [1.0, 1.0]), Binary([0.0]), [[0.5], [0.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rbm: hm.at_temperature(rbm, 1e-320), "temperature 1e-320 is too extreme"),
        (lambda rbm: hm.free_energy(rbm, HUGE), "v has 1e.300 in row 1, column 1; every value must be of at most 1e.19"),
        (lambda rbm: hm.sample(rbm, 2, clamp={0: 1e300}), "clamp has 1e.300 in column 1"),
        (lambda rbm: hm.train(rbm, HUGE, updates=1), "data has 1e.300"),
        (lambda rbm: hm.train(jax.tree.map(lambda leaf: leaf.astype(float) * 1e100, rbm), [[0, 0]], updates=1), "finite"),
        (lambda rbm: hm.initialize(HUGE, 2, hm.Gaussian), "data has 1e.300"),
        (lambda _: hm.initialize([[0, 1]], 2, scale=1e308), "finite numbers"),
        (lambda rbm: hm.gauge.rescale(rbm, [0, 0], [1e300, 1]), "every value must be a finite number"),
    ],
)
def test_what_leaves_the_finite_numbers_is_refused_without_a_warning(call, message, dtype):
    with pytest.raises(hm.InputError, match=message):
        call(jax.tree.map(lambda leaf: np.asarray(leaf, dtype), REAL))


@pytest.mark.parametrize(
    "call",
    [
        lambda rbm, v: hm.evaluate(rbm, v),
        lambda rbm, v: hm.log_prob(rbm, v),
        lambda rbm, v: hm.initialize(v, 2),
        lambda rbm, v: hm.likelihood.base_rate_log_likelihood(rbm.visible, v),
    ],
    ids=["evaluate", "log_prob", "initialize", "base rate"],
)
def test_rows_without_any_value_are_refused_as_a_whole_only(two_by_two, call):
    empty = np.full((3, 2), np.nan)
    with pytest.raises(hm.InputError, match="must have observed values, but every cell is missing"):
        call(two_by_two, empty)
    call(two_by_two, np.concatenate([empty, [[0, 1]]]))


@pytest.mark.parametrize("function", [hm.evaluate, hm.impute, hm.log_prob, hm.surprisal, hm.likelihood.pseudo_log_likelihood])
def test_three_dimensional_rows_are_refused_and_not_flattened(two_by_two, function):
    with pytest.raises(hm.InputError, match=r"must have shape \[n, 2\] with n at least 1, but has \[3, 1, 2\]"):
        function(two_by_two, np.zeros((3, 1, 2)))


def test_expected_values_are_taken_where_asked():
    rbm = hm.RBM(hm.Binary([0.3, -0.2]), hm.Binary([0.1, 0.4]), [[1.0, -2.0], [0.5, 0.7]])
    gray = np.array([[0.25, 0.5]])
    for function in (hm.free_energy, hm.hidden_given_visible, hm.reconstruct):
        assert np.isfinite(function(rbm, gray, expected=True)).all()
        with pytest.raises(hm.InputError, match="binary unit"):
            function(rbm, gray)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    assert hm.energy(rbm, gray, gray, expected=True)[0] == pytest.approx(
        sum(
            p * q * hm.energy(rbm, v, h)
            for p, v in zip([0.375, 0.375, 0.125, 0.125], corners, strict=True)
            for q, h in zip([0.375, 0.375, 0.125, 0.125], corners, strict=True)
        )
    )


def test_the_partition_function_of_gaussian_layers_has_a_closed_form():
    one = hm.RBM(hm.Gaussian([0.3], [2.0]), hm.Gaussian([-0.4], [1.5]), [[0.6]])
    x = np.linspace(-15, 15, 1501)
    v, h = np.meshgrid(x, x)
    integral = np.exp(0.6 * v * h - v**2 + 0.3 * v - 0.75 * h**2 - 0.4 * h).sum() * (x[1] - x[0]) ** 2
    assert hm.exact.log_partition(one) == pytest.approx(np.log(integral), abs=1e-8)
    assert hm.evaluate(one, [[0.5]], method="exact").method == "exact (Gaussian)"
