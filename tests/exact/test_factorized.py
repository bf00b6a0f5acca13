"""The factorized engine against the plain one, up to the ends of its range."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import random_rbm

import harmonium as hm
from exact.brute_force import brute_force
from harmonium import exact, model
from harmonium.exact import distribution, factorized, host
from harmonium.exact import enumerate as plain
from harmonium.units import Binary, Spin

each_pair = pytest.mark.parametrize(("visible", "hidden"), list(itertools.product((Binary, Spin), repeat=2)))


@pytest.mark.parametrize(
    ("visible", "hidden", "shape", "scale"),
    [
        (Binary, Spin, (9, 5), 1.0),
        (Spin, Binary, (5, 9), 0.3),
        (Binary, Binary, (40, 6), 3.0),
        (Spin, Spin, (6, 40), 15.0),
        (Binary, Spin, (3, 20), 2000.0),
    ],
)
def test_factorized_sums_in_several_threads_agree_with_plain_ones_in_one(visible, hidden, shape, scale, request):
    """From sums of a few nats, sixteen factors a group, up to those that leave factors no room at all."""
    rbm = random_rbm(visible, hidden, shape, seed=6, scale=scale)
    expected = exact.log_partition(rbm)
    request.getfixturevalue("small_blocks")
    blocks = host.split_into_blocks(plain.smaller_first(rbm))
    assert blocks.is_factorized == (scale < 2000)
    assert exact.log_partition(rbm) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("visible", "hidden"), [(Binary, Spin), pytest.param(Spin, Binary, marks=pytest.mark.slow)])
def test_factorized_moments_leave_out_only_what_is_negligible(small_blocks, visible, hidden):
    """Weights so large that most states have no probability to speak of."""
    rbm = random_rbm(visible, hidden, (8, 30), seed=8, scale=4.0)
    used = []
    moments_of = distribution._moments_of
    small_blocks.setattr(distribution, "_moments_of", lambda *of: used.append(of[3]) or moments_of(*of))
    found = exact.moments(rbm)
    assert 0 < sum(used) < rbm.visible.state_count / 2
    small_blocks.setattr(factorized, "MIN_HOST_STATES", 1 << 40)
    for part, expected in zip(found, exact.moments(rbm), strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weight", [340.0, 710.0])
def test_factors_stop_before_they_overflow(monkeypatch, weight):
    """One unit sends +weight and another -weight, so that a half's factor is far larger than any sum."""
    rbm = hm.RBM(Spin([0.0, 0.0]), Spin([0.0, 0.0, 0.0]), [[weight, 0.1, 0.0], [-weight, 0.2, weight / 2]])
    monkeypatch.setattr(factorized, "MIN_HOST_STATES", 1)
    monkeypatch.setattr(factorized, "HOST_BLOCK", (2, 64))
    jax.clear_caches()
    assert exact.log_partition(rbm) == pytest.approx(brute_force(rbm)[3], rel=1e-13)
    jax.clear_caches()


@pytest.fixture
def _float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.usefixtures("_float64")
@each_pair
def test_log_partition_and_statistics_agree_with_autodiff(visible, hidden):
    rbm = random_rbm(visible, hidden, (3, 4))
    states = exact.all_states(rbm.visible)
    log_z, found = factorized.log_partition_and_statistics(rbm)
    expected = jax.grad(lambda r: jax.nn.logsumexp(-model.free_energy(r, states)))(rbm)
    assert float(log_z) == pytest.approx(exact.log_partition(rbm), abs=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), found, expected)


def six_of_three(bias):
    return hm.Categorical(bias, (3,) * 6)


SPLIT = [
    (Binary, Binary, (9, 20)),
    (six_of_three, Spin, (18, 20)),
]


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize(
    ("visible", "hidden", "shape"), [SPLIT[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in SPLIT[1:])]
)
def test_factorized_statistics_agree_with_autodiff(visible, hidden, shape):
    """Enough states to be factorized, and not a multiple of the other layer's groups."""
    rbm = random_rbm(visible, hidden, shape)
    states = exact.all_states(rbm.visible)
    expected = jax.grad(lambda r: jax.nn.logsumexp(-model.free_energy(r, states)))(rbm)
    log_z, found = factorized.log_partition_and_statistics(rbm)
    assert float(log_z) == pytest.approx(exact.log_partition(rbm), abs=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), found, expected)


@pytest.mark.usefixtures("_float64")
def test_statistics_are_plain_where_factors_would_overflow(monkeypatch):
    rbm = random_rbm(Binary, Binary, (20, 9))
    beyond = jax.tree.map(lambda leaf: 500 * leaf, rbm)
    assert float(factorized.log_partition_and_statistics(beyond)[0]) == pytest.approx(exact.log_partition(beyond), rel=1e-12)
    # Where the plain engine gives nothing, the factorized one is left.
    monkeypatch.setattr(plain, "statistics", lambda rbm: (jnp.nan, jax.tree.map(lambda leaf: jnp.nan * leaf, rbm)))
    in_range = jax.jit(factorized.log_partition_and_statistics)
    assert float(in_range(rbm)[0]) == pytest.approx(exact.log_partition(rbm), abs=1e-12)
    assert np.isnan(in_range(beyond)[0])
