"""Configurations one by one: the joint table and the most probable rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import LECTURE, random_rbm
from kinds import rbm_of

import harmonium as hm
from harmonium import exact
from harmonium.units import Binary, Spin


def test_the_lecture_table(two_by_two):
    table = exact.joint_table(two_by_two)
    np.testing.assert_allclose(table.energy, LECTURE["energies"], atol=1e-9)
    np.testing.assert_allclose(table.boltzmann_factor, LECTURE["boltzmann_factors"], atol=1e-9)
    np.testing.assert_allclose(table.probability, LECTURE["joint_probabilities"], atol=1e-9)
    assert math.exp(table.log_partition) == pytest.approx(LECTURE["partition_function"], abs=1e-9)
    assert math.exp(exact.log_likelihood(two_by_two, [0, 1])) == pytest.approx(LECTURE["p_target"], abs=1e-9)


@pytest.mark.parametrize(("visible", "hidden"), [("ragged", "binary"), ("mixed, listed", "ragged"), ("spin", "mixed, listed")])
def test_the_most_probable_configurations_of_units_of_several_states(visible, hidden):
    rbm = rbm_of(visible, hidden, seed=3, scale=1.5)
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
            call(rbm_of("binary", "gaussian"))
    with pytest.raises(hm.InputError, match="infinitely many states"):
        exact.log_partition(rbm_of("gaussian", "relu"))


@pytest.mark.parametrize(("shape", "rows"), [((3, 6), 7), ((6, 3), 1), ((6, 3), 100)])
def test_most_probable_rows_are_the_head_of_the_sorted_table(shape, rows):
    rbm = random_rbm(Binary, Spin, shape, seed=11)
    for temperature in (1.0, 2.5):
        best = exact.most_probable(rbm, rows, temperature)
        table = exact.joint_table(rbm, temperature)
        np.testing.assert_allclose(best.probability, np.sort(table.probability)[::-1][:rows], atol=1e-14)
        np.testing.assert_allclose(best.energy, hm.energy(rbm, best.v, best.h), atol=1e-12)
        assert len({(tuple(v), tuple(h)) for v, h in zip(best.v, best.h, strict=True)}) == rows


def test_best_partners_of_more_than_two_states_each():
    random = np.random.default_rng(0)
    rbm = hm.RBM(Binary([0.3]), hm.Categorical(random.standard_normal(12), (3,) * 4), random.standard_normal((1, 12)))
    found = exact.most_probable(rbm, 50)
    np.testing.assert_allclose(found.probability, np.sort(exact.joint_table(rbm).probability)[::-1][:50], rtol=1e-12)
    assert len({(*v, *h) for v, h in zip(found.v, found.h, strict=True)}) == 50
