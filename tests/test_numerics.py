"""Precision, sums in logarithms and the states of n bits."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import harmonium as hm
from harmonium import _numerics

LOGS = np.array([[0.0, np.log(3.0)], [1e4, 1e4], [-np.inf, -np.inf], [-np.inf, 2.0]])


def test_sums_and_means_in_logarithms():
    np.testing.assert_allclose(_numerics.log_sum_exp(LOGS), [np.log(4), 1e4 + np.log(2), -np.inf, 2])
    np.testing.assert_allclose(_numerics.log_mean_exp(LOGS), [np.log(2), 1e4, -np.inf, 2 - np.log(2)])
    np.testing.assert_allclose(_numerics.log_sum_exp(LOGS, axis=0), _numerics.log_sum_exp(LOGS.T))


def test_states_of_bits_are_ordered_as_those_of_a_binary_layer():
    np.testing.assert_array_equal(_numerics.all_bits(3), hm.exact.all_states(hm.Binary(np.zeros(3))))


@pytest.mark.parametrize(("dtype", "own"), [("float64", "float64"), ("float32", "float32"), ("int32", "float32")])
def test_a_model_is_computed_with_in_its_own_precision(dtype, own):
    rbm = hm.RBM(hm.Binary(np.ones(2, dtype)), hm.Binary(np.ones(1, dtype)), np.ones((2, 1), dtype))
    cast = _numerics.in_own_precision(rbm)
    assert {leaf.dtype.name for leaf in (cast.weights, cast.visible.bias)} == {own}
    with _numerics.own_precision(rbm):
        assert (jnp.asarray(rbm.weights) * 1.0).dtype == own
    assert _numerics.to_float64(rbm).weights.dtype == np.float64
