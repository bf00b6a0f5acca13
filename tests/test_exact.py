"""Enumeration against brute force, and its bounds."""

from __future__ import annotations

import itertools
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import pytest
from conftest import LECTURE, SMALL, machine, random_machine
from kinds import LAYERS, LISTED, cells, machine_of
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts

import harmonium as hm
from harmonium import exact
from harmonium.exact import blocks, products, slabs, tables, values
from harmonium.units import Binary, Spin

each_case = pytest.mark.parametrize("case", SMALL, ids=lambda case: f"{case['n_visible']}x{case['n_hidden']}")
each_pair = pytest.mark.parametrize(("visible", "hidden"), list(itertools.product((Binary, Spin), repeat=2)))


def brute_force(rbm):
    """Every joint probability, `[states of v, states of h]`, straight from the energies."""
    v, h = exact.all_states(rbm.visible), exact.all_states(rbm.hidden)
    energies = hm.energy(rbm, v[:, None], h[None])
    log_z = np.logaddexp.reduce(-energies, axis=None)
    return v, h, np.exp(-energies - log_z), log_z


@each_case
@pytest.mark.slow_except("3x2", "5x7")
def test_reference_machines(case):
    rbm = hm.at_temperature(machine(case), case["temperature"])
    found = exact.moments(rbm)
    assert exact.log_partition(rbm) == pytest.approx(case["log_partition"], abs=1e-9)
    np.testing.assert_allclose(found.v, case["mean_v"], atol=1e-9)
    np.testing.assert_allclose(found.h, case["mean_h"], atol=1e-9)
    np.testing.assert_allclose(found.vh, case["mean_vh"], atol=1e-9)
    log_p = exact.log_likelihood(rbm, exact.all_states(rbm.visible))
    assert -(np.exp(log_p) * log_p).sum() == pytest.approx(case["entropy_v"], abs=1e-9)


def test_the_lecture_table(two_by_two):
    table = exact.joint_table(two_by_two)
    np.testing.assert_allclose(table.energy, LECTURE["energies"], atol=1e-9)
    np.testing.assert_allclose(table.boltzmann_factor, LECTURE["boltzmann_factors"], atol=1e-9)
    np.testing.assert_allclose(table.probability, LECTURE["joint_probabilities"], atol=1e-9)
    assert math.exp(table.log_partition) == pytest.approx(LECTURE["partition_function"], abs=1e-9)
    assert math.exp(exact.log_likelihood(two_by_two, [0, 1])) == pytest.approx(LECTURE["p_target"], abs=1e-9)


@each_pair
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (1, 1), (6, 1)])
@pytest.mark.slow_except("shape0")
def test_every_function_agrees_with_brute_force(visible, hidden, shape):
    rbm = random_machine(visible, hidden, shape, seed=3, scale=2.0)
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


SUMMABLE = [
    *((visible, "binary") for visible in LAYERS),
    *(("ragged", hidden) for hidden in LAYERS if hidden != "binary"),
    ("gaussian", "mixed, listed"),
]


@pytest.mark.parametrize(("visible", "hidden"), SUMMABLE)
@pytest.mark.slow_except("mixed-binary", "ragged-binary", "relu-binary")
def test_every_kind_agrees_with_quadrature(visible, hidden):
    """Sums over every state, integrals by Gauss-Legendre nodes on both sides of zero."""
    rbm = machine_of(visible, hidden, seed=2, scale=0.8)
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


@pytest.mark.parametrize(("visible", "hidden"), [("ragged", "binary"), ("mixed, listed", "ragged"), ("spin", "mixed, listed")])
def test_the_most_probable_configurations_of_units_of_several_states(visible, hidden):
    rbm = machine_of(visible, hidden, seed=3, scale=1.5)
    table = exact.joint_table(rbm)
    best = np.argsort(-table.probability, kind="stable")[:7]
    found = exact.most_probable(rbm, 7)
    np.testing.assert_allclose(found.probability, table.probability[best], rtol=1e-10)
    np.testing.assert_array_equal(found.v, table.v[best])
    np.testing.assert_array_equal(found.h, table.h[best])
    assert len(exact.most_probable(rbm, 10_000).probability) == table.configurations


def test_no_table_of_a_continuum():
    for call in (exact.joint_table, lambda rbm: exact.most_probable(rbm, 3)):
        with pytest.raises(hm.InputError, match="continuum"):
            call(machine_of("binary", "gaussian"))
    with pytest.raises(hm.InputError, match="infinitely many states"):
        exact.log_partition(machine_of("gaussian", "relu"))


@pytest.mark.parametrize("shape", [(4, 11), (11, 4)])
@pytest.mark.slow_except("shape1")
def test_sums_over_many_blocks_agree_with_one(monkeypatch, shape):
    """The last block is cut short, and states beyond the last one must count for nothing."""
    rbm = random_machine(Spin, Binary, shape, seed=5)
    whole = exact.log_partition(rbm), exact.moments(rbm), exact.log_reconstruction(rbm, exact.all_states(rbm.visible)[:3])
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 3)
    jax.clear_caches()
    parts = exact.log_partition(rbm), exact.moments(rbm), exact.log_reconstruction(rbm, exact.all_states(rbm.visible)[:3])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), whole, parts)
    jax.clear_caches()


@pytest.fixture
def small_parts(monkeypatch):
    """Blocks and slabs so small that a small machine has many, and as many threads as a larger computer's."""
    for module, name, value in (
        (products, "FEWEST_STATES", 1),
        (products, "LOW_STATES", 4),
        (products, "MIDDLE_STATES", 3),
        (blocks, "BLOCK_ELEMENTS", 64),
        (slabs, "PRODUCT_ELEMENTS", 512),
        (slabs, "PLAIN_ELEMENTS", 512),
        (slabs, "_cores", lambda: 4),
    ):
        monkeypatch.setattr(module, name, value)
    jax.clear_caches()
    yield monkeypatch
    jax.clear_caches()


@each_pair
@pytest.mark.parametrize(("shape", "scale"), [((9, 5), 1.0), ((5, 9), 0.3), ((40, 6), 3.0), ((6, 40), 15.0), ((3, 20), 2000.0)])
@pytest.mark.slow_except("Binary-Spin")
def test_products_in_several_threads_agree_with_the_plain_sum_in_one(visible, hidden, shape, scale, request):
    """From sums of a few nats, sixteen factors a group, up to those that leave products no room at all."""
    rbm = random_machine(visible, hidden, shape, seed=6, scale=scale)
    plain = exact.log_partition(rbm)
    request.getfixturevalue("small_parts")
    in_blocks = slabs.in_blocks(blocks.smaller_first(rbm))
    assert in_blocks.by_products == (scale < 2000)
    assert exact.log_partition(rbm) == pytest.approx(plain, rel=1e-13)


@pytest.mark.parametrize("shape", [(3, 8), (20, 2), (1, 1)])
def test_states_by_powers_are_the_units_own(shape):
    rbm = random_machine(Spin, Binary, shape)
    numbers = np.arange(min(rbm.visible.state_count, 256))
    np.testing.assert_array_equal(blocks.states(rbm, numbers), rbm.visible.states(numbers))


each_sum = pytest.mark.parametrize("fewest", [1, 1 << 40], ids=["by products", "by the plain sum"])


@each_sum
def test_progress_rises_to_one_and_is_told_to_the_calling_thread(small_parts, fewest):
    small_parts.setattr(products, "FEWEST_STATES", fewest)
    rbm = random_machine(Binary, Binary, (9, 12))
    told = []
    value = exact.log_partition(rbm, lambda share: told.append((share, threading.get_ident())))
    shares = [share for share, _ in told]
    assert value == exact.log_partition(rbm)
    assert len(shares) > 5
    assert shares[0] > 0
    assert (np.diff(shares) > 0).all()
    assert shares[-1] == 1
    assert {thread for _, thread in told} == {threading.get_ident()}
    assert products.log_shares._cache_size() + blocks.log_shares._cache_size() == 1  # compiled once for all threads


def test_progress_of_a_sum_in_one_call_is_told_once(two_by_two):
    told = []
    exact.log_partition(two_by_two, told.append)
    assert told == [1]


@each_sum
@pytest.mark.parametrize("after", [1, 3])
def test_what_progress_raises_stops_the_sum_and_leaves_nothing_running(small_parts, fewest, after):
    small_parts.setattr(products, "FEWEST_STATES", fewest)
    rbm = random_machine(Binary, Binary, (9, 12))
    threads = threading.active_count()
    told = []

    def stop(share):
        told.append(share)
        if len(told) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exact.log_partition(rbm, stop)
    assert len(told) == after
    assert threading.active_count() == threads


def test_ctrl_c_stops_the_loop_after_the_computations_that_have_begun():
    threads = threading.active_count()
    begun = []

    def compute(number):
        begun.append(number)
        if number == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return jax.numpy.zeros(1)

    with pytest.raises(KeyboardInterrupt):
        list(slabs.run(compute, 100_000))
    assert len(begun) < 1000
    assert threading.active_count() == threads


def test_what_a_computation_raises_reaches_the_caller():
    def compute(number):
        if number == 3:
            raise MemoryError
        return jax.numpy.zeros(1)

    with pytest.raises(MemoryError):
        list(slabs.run(compute, 10))


@each_pair
@pytest.mark.slow_except("Binary-Spin")
def test_moments_by_products_leave_out_only_what_is_negligible(small_parts, visible, hidden):
    """Weights so large that most states have no probability to speak of."""
    rbm = random_machine(visible, hidden, (8, 30), seed=8, scale=4.0)
    used = []
    moments_of = values._moments_of
    small_parts.setattr(values, "_moments_of", lambda *of: used.append(of[3]) or moments_of(*of))
    found = exact.moments(rbm)
    assert 0 < sum(used) < rbm.visible.state_count / 2
    small_parts.setattr(products, "FEWEST_STATES", 1 << 40)
    for part, plain in zip(found, exact.moments(rbm), strict=True):
        np.testing.assert_allclose(part, plain, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weight", [10.0, 340.0, 360.0, 690.0, 710.0])
@pytest.mark.slow_except("340.0")
def test_products_stop_before_they_overflow(monkeypatch, weight):
    """One unit sends +weight and another -weight, so that a half's factor is far larger than any sum."""
    rbm = hm.RBM(Spin([0.0, 0.0]), Spin([0.0, 0.0, 0.0]), [[weight, 0.1, 0.0], [-weight, 0.2, weight / 2]])
    monkeypatch.setattr(products, "FEWEST_STATES", 1)
    monkeypatch.setattr(products, "LOW_STATES", 2)
    jax.clear_caches()
    assert exact.log_partition(rbm) == pytest.approx(brute_force(rbm)[3], rel=1e-13)
    jax.clear_caches()


def test_forecasts_grow_with_the_states_and_are_infinite_where_nothing_can_be_listed():
    small, large, huge = (random_machine(Binary, Binary, (n, 50)) for n in (13, 20, 40))
    assert exact.forecast(small) < exact.forecast(large) < 1
    assert exact.forecast(huge) == math.inf


def test_huge_weights_do_not_overflow():
    rbm = random_machine(Binary, Binary, (4, 3), scale=500.0)
    _, _, joint, log_z = brute_force(rbm)
    assert exact.log_partition(rbm) == pytest.approx(log_z, rel=1e-12)
    assert np.isfinite(exact.moments(rbm).vh).all()
    assert exact.joint_table(rbm).probability.sum() == pytest.approx(joint.sum(), rel=1e-9)


@pytest.mark.parametrize("shape", [(3, 6), (6, 3)])
@pytest.mark.parametrize("rows", [1, 7, 100])
@pytest.mark.slow_except("7-")
def test_most_probable_rows_are_the_head_of_the_sorted_table(shape, rows):
    rbm = random_machine(Binary, Spin, shape, seed=11)
    for temperature in (1.0, 2.5):
        best = exact.most_probable(rbm, rows, temperature)
        table = exact.joint_table(rbm, temperature)
        np.testing.assert_allclose(best.probability, np.sort(table.probability)[::-1][:rows], atol=1e-14)
        np.testing.assert_allclose(best.energy, hm.energy(rbm, best.v, best.h), atol=1e-12)
        assert len({(tuple(v), tuple(h)) for v, h in zip(best.v, best.h, strict=True)}) == rows


def test_best_choices_of_states_with_more_than_two_each():
    scores = np.random.default_rng(0).standard_normal((4, 3))
    every = sorted(
        (-sum(scores[u, d] for u, d in enumerate(digits)), digits) for digits in itertools.product(range(3), repeat=4)
    )
    found = tables._best_digits(scores, 50)
    assert [digits for _, digits in found] == [digits for _, digits in every[:50]]
    np.testing.assert_allclose([loss for loss, _ in found], [loss - every[0][0] for loss, _ in every[:50]], atol=1e-12)


@each_pair
@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])
@pytest.mark.parametrize("fewest", [1, 1 << 12], ids=["by products", "by the plain sum"])
@pytest.mark.slow_except("shape0-Binary-Spin")
def test_samples_follow_the_joint_law(monkeypatch, visible, hidden, shape, fewest):
    monkeypatch.setattr(products, "FEWEST_STATES", fewest)
    monkeypatch.setattr(products, "LOW_STATES", 2)
    rbm = random_machine(visible, hidden, shape, seed=2)
    n = draws_for_counts(32, 0.01)
    v, h = exact.sample_joint(rbm, n, seed=4)
    numbers = rbm.visible.indices(v) * rbm.hidden.state_count + rbm.hidden.indices(h)
    assert counts_agree(numbers, exact.joint_table(rbm).probability) > FALSE_ALARM
    assert counts_agree(numbers, exact.joint_table(rbm, 1.2).probability) < FALSE_ALARM


def test_samples_are_the_same_for_the_same_seed_and_others_for_another(two_by_two):
    np.testing.assert_array_equal(exact.sample(two_by_two, 50, seed=1), exact.sample(two_by_two, 50, seed=1))
    assert (exact.sample(two_by_two, 50, seed=1) != exact.sample(two_by_two, 50, seed=2)).any()


def test_float32_machines_are_summed_in_float64(two_by_two):
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
        (lambda rbm: exact.log_partition(random_machine(Binary, Binary, (40, 50))), "too large to be exact"),
        (lambda rbm: exact.joint_table(random_machine(Binary, Binary, (20, 20))), "most_probable"),
        (lambda rbm: exact.joint_table(rbm, 0.0), "temperature must be a positive"),
        (lambda rbm: exact.joint_table(rbm, -1.0), "temperature must be a positive"),
        (lambda rbm: exact.joint_table(rbm, math.nan), "temperature must be a positive"),
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
