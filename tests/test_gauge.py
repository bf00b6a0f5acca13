"""The same model by other parameters: differences of free energies stay, to 1e-10."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from kinds import LAYERS, cells, rbm_of

import harmonium as hm
from harmonium import exact


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def differences(rbm: hm.RBM, v: np.ndarray) -> np.ndarray:
    free = hm.free_energy(rbm, v)
    return free - free[0]


def rows(visible: str) -> np.ndarray:
    states, _ = cells(LAYERS[visible], nodes=2, reach=2.0)
    return states


CATEGORICAL = ["categorical", "ragged", "mixed", "mixed, listed"]


@pytest.mark.parametrize("visible", CATEGORICAL)
@pytest.mark.parametrize("hidden", ["binary", "ragged", "mixed"])
@pytest.mark.slow_except("ragged-mixed", "mixed-ragged")
def test_the_zero_sum_gauge_changes_no_difference_of_free_energies(visible, hidden):
    rbm = rbm_of(visible, hidden, seed=3)
    fixed = hm.gauge.zero_sum(rbm)
    assert fixed.weights.dtype == np.float64
    v = rows(visible)
    np.testing.assert_allclose(differences(fixed, v), differences(rbm, v), atol=1e-10)
    for layer, weights in ((fixed.visible, fixed.weights), (fixed.hidden, fixed.weights.T)):
        sums = np.add.reduceat(np.c_[np.asarray(layer.bias), weights], layer.boundaries[:-1], axis=0)
        categorical = [table is not None and table.shape[1] > 1 for table in layer.unit_tables]
        np.testing.assert_allclose(sums[categorical], 0, atol=1e-12)
    # One more time changes nothing, whatever the gauge the model came in.
    widths = np.diff(rbm.visible.boundaries)
    is_categorical = [units.name == "categorical" for units in map(rbm.visible.at, range(rbm.visible.size))]
    constants = np.where(is_categorical, np.repeat(np.linspace(1, 2, len(widths)), widths), 0)
    other = hm.RBM(rbm.visible.add_field(constants), rbm.hidden, rbm.weights)
    again = hm.gauge.zero_sum(other)
    np.testing.assert_allclose(again.weights, fixed.weights, atol=1e-12)
    np.testing.assert_allclose(again.visible.bias, fixed.visible.bias, atol=1e-12)


def test_a_constant_on_all_columns_of_a_unit_is_no_change_of_the_distribution():
    rbm = rbm_of("ragged", "binary", seed=1)
    moved = np.array(rbm.weights)
    moved[2:5] += [0.7, -0.3, 2.0]
    other = hm.RBM(rbm.visible, rbm.hidden.add_field(-np.array([0.7, -0.3, 2.0])), moved)
    v = rows("ragged")
    np.testing.assert_allclose(exact.log_likelihood(other, v), exact.log_likelihood(rbm, v), atol=1e-10)


@pytest.mark.parametrize(("visible", "hidden"), [("binary", "binary"), ("binary", "gaussian"), ("mixed, listed", "spin")])
def test_binary_units_as_spins_and_back(visible, hidden):
    rbm = rbm_of(visible, hidden, seed=4)
    spins = hm.gauge.to_spin(rbm)
    v = rows(visible)
    y = v.copy()
    binary = [rbm.visible.at(column).name == "binary" for column in range(rbm.visible.size)]
    y[:, binary] = 2 * v[:, binary] - 1
    spins.visible.check(y, "v")
    np.testing.assert_allclose(differences(spins, y), differences(rbm, v), atol=1e-10)
    if "spin" not in (visible, hidden):
        back = hm.gauge.to_binary(spins)
        np.testing.assert_allclose(back.weights, rbm.weights, atol=1e-12)
        np.testing.assert_allclose(differences(back, v), differences(rbm, v), atol=1e-10)


def test_a_model_of_real_values_in_other_units():
    rbm = rbm_of("gaussian", "binary", seed=5)
    center, scale = np.array([3.0, -20.0]), np.array([0.1, 40.0])
    moved = hm.gauge.rescale(rbm, center, scale)
    v = rows("gaussian")
    y = (v - center) / scale
    np.testing.assert_allclose(differences(moved, y), differences(rbm, v), atol=1e-10)
    np.testing.assert_allclose(hm.hidden_given_visible(moved, y), hm.hidden_given_visible(rbm, v), atol=1e-10)
    # A density per unit of y is so many times one per unit of v.
    expected = exact.log_likelihood(rbm, v) + np.log(scale).sum()
    np.testing.assert_allclose(exact.log_likelihood(moved, y), expected, atol=1e-10)


@pytest.mark.parametrize("kind", ["relu", "drelu"])
def test_units_that_change_at_zero_can_only_be_scaled(kind):
    rbm = rbm_of(kind, "binary", seed=6)
    v = np.abs(rows(kind))
    scaled = hm.gauge.rescale(rbm, np.zeros(2), np.array([0.5, 3.0]))
    np.testing.assert_allclose(differences(scaled, v / [0.5, 3.0]), differences(rbm, v), atol=1e-10)
    with pytest.raises(hm.InputError, match="cannot be moved"):
        hm.gauge.rescale(rbm, np.ones(2), np.ones(2))


def test_what_cannot_be_rescaled_is_refused():
    mixed = rbm_of("mixed", "binary")
    moved = hm.gauge.rescale(mixed, [0, 0, 0, 0, 2.0], [1, 1, 1, 1, 3.0])
    v = rows("mixed")
    y = v.copy()
    y[:, 4] = (v[:, 4] - 2) / 3
    np.testing.assert_allclose(differences(moved, y), differences(mixed, v), atol=1e-10)
    for center, scale, words in (
        ([1.0, 0, 0, 0, 0], np.ones(5), "spin units cannot be moved or scaled"),
        (np.zeros(5), [1, 1, 1, 1, -1.0], "scale must be positive"),
        (np.zeros(4), np.ones(5), "center must have shape"),
    ):
        with pytest.raises(hm.InputError, match=words):
            hm.gauge.rescale(mixed, center, scale)
