"""The distribution by enumeration, against brute force, quadrature and reference figures."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from conftest import LECTURE, SMALL, random_rbm, reference_rbm
from kinds import LAYERS, LISTED, cells, rbm_of
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts

import harmonium as hm
from exact.brute_force import brute_force
from harmonium import exact
from harmonium.exact import enumerate as plain
from harmonium.exact import factorized
from harmonium.units import Binary, Spin

each_case = pytest.mark.parametrize("case", SMALL, ids=lambda case: f"{case['n_visible']}x{case['n_hidden']}")
each_pair = pytest.mark.parametrize(("visible", "hidden"), list(itertools.product((Binary, Spin), repeat=2)))


@each_case
@pytest.mark.slow_except("3x2", "5x7")
def test_reference_models(case):
    rbm = hm.at_temperature(reference_rbm(case), case["temperature"])
    found = exact.moments(rbm)
    assert exact.log_partition(rbm) == pytest.approx(case["log_partition"], abs=1e-9)
    np.testing.assert_allclose(found.v, case["mean_v"], atol=1e-9)
    np.testing.assert_allclose(found.h, case["mean_h"], atol=1e-9)
    np.testing.assert_allclose(found.vh, case["mean_vh"], atol=1e-9)
    log_p = exact.log_likelihood(rbm, exact.all_states(rbm.visible))
    assert -(np.exp(log_p) * log_p).sum() == pytest.approx(case["entropy_v"], abs=1e-9)


@pytest.mark.parametrize(
    ("visible", "hidden", "shape"),
    [(Binary, Spin, (3, 5)), (Spin, Binary, (5, 3)), (Binary, Binary, (6, 1)), (Spin, Spin, (1, 1))],
)
def test_every_function_agrees_with_brute_force(visible, hidden, shape):
    rbm = random_rbm(visible, hidden, shape, seed=3, scale=2.0)
    v, h, joint, log_z = brute_force(rbm)
    found = exact.moments(rbm)
    assert exact.log_partition(rbm) == pytest.approx(log_z, rel=1e-10)
    np.testing.assert_allclose(found.v, joint.sum(axis=1) @ v, atol=1e-10)
    np.testing.assert_allclose(found.h, joint.sum(axis=0) @ h, atol=1e-10)
    np.testing.assert_allclose(found.vh, v.T @ joint @ h, atol=1e-10)
    np.testing.assert_allclose(exact.log_likelihood(rbm, v), np.log(joint.sum(axis=1)), atol=1e-10)
    h_given_v = joint / joint.sum(axis=1, keepdims=True)
    v_given_h = joint / joint.sum(axis=0, keepdims=True)
    np.testing.assert_allclose(np.exp(exact.log_reconstruction(rbm, v)), np.diag(h_given_v @ v_given_h.T), atol=1e-10)
    np.testing.assert_allclose(
        np.exp(exact.log_reconstruction(rbm, v, v[::-1])), (h_given_v @ v_given_h.T)[:, ::-1].diagonal(), atol=1e-10
    )


SUMMABLE = [  # every kind on each side
    ("mixed", "binary"),
    ("ragged", "gaussian"),
    ("relu", "ragged"),
    ("binary", "drelu"),
    ("gaussian", "mixed, listed"),
    ("drelu", "spin"),
    ("spin", "relu"),
    ("categorical", "mixed"),
    ("mixed, listed", "categorical"),
]


@pytest.mark.parametrize(("visible", "hidden"), SUMMABLE)
@pytest.mark.slow_except("mixed-binary", "ragged-gaussian", "relu-ragged")
def test_every_kind_agrees_with_quadrature(visible, hidden):
    """Sums over every state, integrals by Gauss-Legendre nodes on both sides of zero."""
    rbm = rbm_of(visible, hidden, seed=2, scale=0.8)
    (v, v_volumes), (h, h_volumes) = cells(rbm.visible), cells(rbm.hidden)
    with jax.enable_x64(True):
        energy = (np.asarray(rbm.visible.energy(v)) - v_volumes)[:, None] + np.asarray(rbm.hidden.energy(h)) - h_volumes
    energy = energy - v @ rbm.weights @ h.T
    log_z = np.logaddexp.reduce(-energy, axis=None)
    assert exact.log_partition(rbm) == pytest.approx(log_z, abs=1e-9)
    joint = np.exp(-energy - log_z)
    found = exact.moments(rbm)
    np.testing.assert_allclose(found.v, joint.sum(axis=1) @ v, atol=1e-8)
    np.testing.assert_allclose(found.h, joint.sum(axis=0) @ h, atol=1e-8)
    np.testing.assert_allclose(found.vh, v.T @ joint @ h, atol=1e-8)
    some = v[:: max(1, len(v) // 50)]
    expected = np.log(joint.sum(axis=1)) - v_volumes
    np.testing.assert_allclose(exact.log_likelihood(rbm, some), expected[:: max(1, len(v) // 50)], atol=1e-8)
    if hidden in LISTED:
        reconstruction = np.exp(exact.log_reconstruction(rbm, np.tile(some[:1], (len(v), 1)), v) + v_volumes)
        assert reconstruction.sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("shape", [(4, 11), (11, 4)])
@pytest.mark.slow
def test_sums_over_many_blocks_agree_with_one(monkeypatch, shape):
    """The last block is cut short, and states beyond the last one must count for nothing."""
    rbm = random_rbm(Spin, Binary, shape, seed=5)
    whole = exact.log_partition(rbm), exact.moments(rbm), exact.log_reconstruction(rbm, exact.all_states(rbm.visible)[:3])
    monkeypatch.setattr(plain, "BLOCK_ELEMENTS", 3)
    jax.clear_caches()
    parts = exact.log_partition(rbm), exact.moments(rbm), exact.log_reconstruction(rbm, exact.all_states(rbm.visible)[:3])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), whole, parts)
    jax.clear_caches()


@pytest.mark.parametrize("kind", [Spin, Binary])
def test_blocks_of_low_units_agree_with_all_states_at_once(monkeypatch, kind):
    rbm = hm.RBM(kind(np.linspace(-1, 1, 6)), LAYERS["mixed"], np.random.default_rng(3).normal(size=(6, LAYERS["mixed"].size)))
    v = exact.all_states(rbm.visible)
    expected = np.logaddexp.reduce(-np.asarray(hm.free_energy(rbm, v)))
    monkeypatch.setattr(plain, "BLOCK_ELEMENTS", 8 * rbm.visible.size)
    jax.clear_caches()
    assert plain.block_length(rbm) == 8
    assert exact.log_partition(rbm) == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(exact.moments(rbm).v, np.exp(exact.log_likelihood(rbm, v)) @ v, atol=1e-13)
    jax.clear_caches()


@pytest.mark.parametrize("shape", [(3, 8), (20, 2), (1, 1)])
def test_states_by_powers_are_the_units_own(shape):
    rbm = random_rbm(Spin, Binary, shape)
    numbers = np.arange(min(rbm.visible.state_count, 256))
    np.testing.assert_array_equal(plain.states(rbm, numbers), rbm.visible.states(numbers))


def test_estimated_seconds_grow_with_the_states_and_are_infinite_where_nothing_can_be_listed():
    small, large, huge = (random_rbm(Binary, Binary, (n, 50)) for n in (13, 20, 40))
    assert exact.estimate_seconds(small) < exact.estimate_seconds(large) < 1
    assert exact.estimate_seconds(huge) == math.inf


def test_truncated_normal_units_are_estimated_to_take_longer_than_normal_ones_in_mixed_layers_too():
    def seconds(layer):
        return exact.estimate_seconds(hm.RBM(layer, Binary.zeros(16), np.zeros((layer.size, 16))))

    normal, truncated = seconds(hm.Gaussian.zeros(20)), [seconds(kind.zeros(20)) for kind in (hm.ReLU, hm.DReLU)]
    assert min(truncated) > 10 * normal
    assert normal < seconds(hm.Mixed((hm.Gaussian.zeros(10), hm.ReLU.zeros(10)))) < min(truncated)


def test_huge_weights_do_not_overflow():
    rbm = random_rbm(Binary, Binary, (4, 3), scale=500.0)
    _, _, joint, log_z = brute_force(rbm)
    assert exact.log_partition(rbm) == pytest.approx(log_z, rel=1e-12)
    assert np.isfinite(exact.moments(rbm).vh).all()
    assert exact.joint_table(rbm).probability.sum() == pytest.approx(joint.sum(), rel=1e-9)


@pytest.mark.parametrize(("visible", "hidden", "shape"), [(Binary, Spin, (2, 3)), (Spin, Binary, (3, 2))])
@pytest.mark.parametrize("fewest", [1, 1 << 12], ids=["factorized", "plain"])
def test_samples_follow_the_joint_distribution(monkeypatch, visible, hidden, shape, fewest):
    monkeypatch.setattr(factorized, "MIN_HOST_STATES", fewest)
    monkeypatch.setattr(factorized, "HOST_BLOCK", (2, 64))
    rbm = random_rbm(visible, hidden, shape, seed=2)
    n = draws_for_counts(32, 0.01)
    v, h = exact.sample_joint(rbm, n, seed=4)
    numbers = rbm.visible.indices(v) * rbm.hidden.state_count + rbm.hidden.indices(h)
    assert counts_agree(numbers, exact.joint_table(rbm).probability) > FALSE_ALARM
    assert counts_agree(numbers, exact.joint_table(rbm, 1.2).probability) < FALSE_ALARM


def test_samples_are_the_same_for_the_same_seed_and_others_for_another(two_by_two):
    np.testing.assert_array_equal(exact.sample(two_by_two, 50, seed=1), exact.sample(two_by_two, 50, seed=1))
    assert (exact.sample(two_by_two, 50, seed=1) != exact.sample(two_by_two, 50, seed=2)).any()


def test_float32_models_are_summed_in_float64(two_by_two):
    single = jax.tree.map(lambda leaf: np.float32(leaf), two_by_two)
    assert exact.log_partition(single) == pytest.approx(math.log(LECTURE["partition_function"]), abs=1e-12)


def test_float64_is_not_switched_on_for_everyone(two_by_two):
    exact.moments(two_by_two)
    assert jax.numpy.ones(1).dtype == np.float32


@pytest.mark.slow
def test_both_shapes_stay_within_a_gibibyte():
    """60 x 20 and 20 x 60 in a process of their own, whose peak memory includes Python and JAX themselves."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak memory of a process is read from /proc, which this system does not have")
    program = """
import numpy as np
import harmonium as hm
random = np.random.default_rng(0)
for shape in ((60, 20), (20, 60)):
    rbm = hm.RBM(hm.Binary(random.normal(size=shape[0])), hm.Binary(random.normal(size=shape[1])), random.normal(size=shape))
    assert np.isfinite(hm.exact.log_partition(rbm))
    assert np.isfinite(hm.exact.moments(rbm).vh).all()
# Not getrusage: its peak counts the process that started this one.
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert int(output.split()[1]) * 1024 < 2**30


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rbm: exact.log_partition(random_rbm(Binary, Binary, (40, 50))), "too large to be exact"),
        (lambda rbm: exact.joint_table(random_rbm(Binary, Binary, (20, 20))), "most_probable"),
        (lambda rbm: exact.joint_table(rbm, 0.0), "temperature must be a positive"),
        (lambda rbm: exact.joint_table(rbm, -1.0), "temperature must be a positive"),
        (lambda rbm: exact.joint_table(rbm, math.nan), "temperature must be a positive"),
        (lambda rbm: exact.at_temperature(rbm, 1e-320), "temperature 1e-320 is too extreme"),
        (lambda rbm: exact.joint_table(rbm, 1e-200), "temperature 1e-200 is too extreme"),
        (lambda rbm: exact.most_probable(rbm, 0), "rows must be a whole number"),
        (lambda rbm: exact.log_likelihood(rbm, [[0, 1, 1]]), "v must have 2 columns"),
        (lambda rbm: exact.log_likelihood(rbm, [[0, 2]]), "2 in row 1, column 2"),
        (lambda rbm: exact.sample(rbm, 0), "n must be a whole number"),
        (lambda rbm: exact.sample(rbm, 5, seed=-1), "seed must be a whole number"),
        (lambda rbm: exact.log_reconstruction(rbm, [[0, 1]], [[0, 1], [1, 1]]), "one shape"),
    ],
)
def test_bad_input_is_refused(two_by_two, call, message):
    with pytest.raises(hm.InputError, match=message):
        call(two_by_two)


def test_no_rows_have_no_probabilities(two_by_two):
    for function in (exact.log_likelihood, exact.log_reconstruction):
        assert function(two_by_two, np.zeros((0, 2))).shape == (0,)
