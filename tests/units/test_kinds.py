"""What single kinds of units promise beyond the contract."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import LAYERS, inputs_for
from statistics_of_tests import largest_z, z_limit

from harmonium.errors import InputError
from harmonium.random import key_of
from harmonium.units import Binary, Categorical, Gaussian, Mixed, ReLU, Spin, by_name, discrete

INPUTS = np.array([[0.5, -2.0, 1.0], [0.0, 0.0, 0.0], [-40.0, 60.0, 3.0]])


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def test_binary_and_spin_are_one_distribution_in_two_spellings():
    """x = 2 b - 1: inputs and biases of a binary unit are twice those of the spin, and the constants agree."""
    spin = Spin([0.3, -1.2, 0.7])
    binary = Binary(2 * np.asarray(spin.bias))
    shift = np.sum(INPUTS + spin.bias, axis=-1)
    np.testing.assert_allclose(spin.log_normalizer(INPUTS), binary.log_normalizer(2 * INPUTS) - shift, atol=1e-10)
    np.testing.assert_allclose(spin.mean(INPUTS), 2 * binary.mean(2 * INPUTS) - 1, atol=1e-12)


def test_a_categorical_unit_of_two_categories_is_a_binary_one():
    binary, categorical = Binary([0.3, -1.2, 0.7]), Categorical([0.0, 0.3, 0.0, -1.2, 0.0, 0.7], (2, 2, 2))
    inputs = np.stack([np.zeros_like(INPUTS), INPUTS], axis=-1).reshape(len(INPUTS), -1)
    np.testing.assert_allclose(categorical.log_normalizer(inputs), binary.log_normalizer(INPUTS), atol=1e-12)
    np.testing.assert_allclose(categorical.mean(inputs)[:, 1::2], binary.mean(INPUTS), atol=1e-12)


def test_layers_by_the_names_of_their_kinds():
    for name in ("binary", "spin", "gaussian", "correlated", "relu", "drelu"):
        assert (by_name(name, 3).name, by_name(name, 3).size) == (name, 3)
    assert by_name("categorical:3", 2).levels == (3, 3)
    assert by_name("categorical:3", 6, columns=True).levels == (3, 3)
    assert by_name("categorical:3,2", 5, columns=True).levels == by_name("categorical:3,2", 2).levels == (3, 2)
    for name, words in (
        ("mixed", "units 'mixed' is unknown: use binary, correlated, drelu"),
        ("binary:2", "is unknown"),
        ("categorical", "is unknown"),
        ("categorical:0", "whole and at least 1"),
        ("categorical:3,2", "does not fit: there are 6 units"),
    ):
        with pytest.raises(InputError, match=words):
            by_name(name, 6)


def test_layers_that_a_size_alone_does_not_tell():
    with pytest.raises(InputError, match="number of categories"):
        Categorical.zeros(6)
    with pytest.raises(InputError, match="made of its parts"):
        Mixed.zeros(6)


def test_a_category_of_no_probability_is_never_drawn():
    """Nor is one that only fills up a unit of fewer categories; in float32, where sums of probabilities are rounded."""
    bias = np.array([0.0, -200.0, 0.1, 0.2, -200.0], np.float32)
    draws = Categorical(bias, (2, 3)).sample(jax.random.key(0), jnp.zeros((200_000, 5), jnp.float32))
    np.testing.assert_array_equal(draws.sum(axis=0)[np.array([0, 1, 4])], [200_000, 0, 0])


def test_a_mixed_layer_is_its_parts_side_by_side():
    parts = [LAYERS["spin"], LAYERS["ragged"], LAYERS["gaussian"]]
    mixed, inputs = Mixed(tuple(parts)), [inputs_for(part) for part in parts]
    together = np.concatenate(inputs, axis=1)
    np.testing.assert_allclose(
        mixed.log_normalizer(together), sum(part.log_normalizer(own) for part, own in zip(parts, inputs, strict=True))
    )
    means = [part.mean(own) for part, own in zip(parts, inputs, strict=True)]
    np.testing.assert_array_equal(mixed.mean(together), np.concatenate(means, axis=1))
    np.testing.assert_array_equal(mixed.boundaries, [0, 1, 2, 3, 5, 8, 9, 10, 11])
    assert mixed.at(0) is parts[0]
    assert mixed.at(3) is parts[1]
    assert mixed.at(10) is parts[2]


def test_a_precision_is_learned_within_bounds():
    units = Gaussian([0.0, 0.0], [1.0, 1.0])
    np.testing.assert_allclose(units.apply_update(Gaussian(np.zeros(2), np.array([-5.0, 5.0]))).precision, [0.5, 2.0])


@pytest.mark.slow
def test_distributions_truncated_far_in_their_tail():
    """Means and draws of a ReLU unit whose normal distribution has its center 10 to 1,000,000 standard deviations below zero.

    Against the expansion mean = (1 - 1 / s^2 ...) / s and E[x^2] = 2 mean^2 (1 - ...), up to the size of the next term.
    """
    s = np.array([10.0, 100.0, 1e4, 1e6], np.float32)
    units = ReLU(-s, np.ones(4, np.float32))
    moments = units.moments(np.zeros(4, np.float32))
    np.testing.assert_allclose(moments.bias, (1 - 2 / s**2) / s, rtol=2e-3)
    np.testing.assert_allclose(-2 * moments.precision, 2 * (1 - 5 / s**2) / s**2, rtol=5e-3)
    draws = np.asarray(units.sample(jax.random.key(0), jnp.zeros((100_000, 4), jnp.float32)), float)
    assert largest_z(draws * s, np.asarray(moments.bias, float) * s) < z_limit(8)
    assert largest_z((draws * s) ** 2, -2 * np.asarray(moments.precision, float) * s**2) < z_limit(8)


@pytest.mark.parametrize("padding", [1 << 20, -1])  # with units of all sizes together, and grouped by size
def test_a_step_of_ordered_units_is_one_of_a_thermometer_code(monkeypatch, padding):
    monkeypatch.setattr(discrete, "MAX_PADDING", padding)
    discrete._groups.cache_clear()
    levels, ordered = (2, 5, 3, 1, 4), (True, True, False, True, True)
    units, steps = Categorical(np.zeros(15), levels, ordered), np.random.default_rng(0).standard_normal((15, 3))
    wanted = []
    for own, count, is_ordered in zip(np.split(steps, np.cumsum(levels)[:-1]), levels, ordered, strict=True):
        codes = np.where(np.arange(count)[:, None] > np.arange(count - 1), 1.0, -1.0)
        wanted.append(codes @ (codes.T @ own) / (count - 1) if is_ordered and count > 2 else own)
    np.testing.assert_allclose(units.scale_steps(steps), np.concatenate(wanted), atol=1e-12)
    moved = units.apply_update(Categorical(steps[:, 0], levels, ordered))
    np.testing.assert_allclose(moved.bias, np.concatenate(wanted)[:, 0], atol=1e-12)
    np.testing.assert_allclose(
        Mixed((units, Binary([0.0]))).scale_steps(np.vstack([steps, steps[:1]]))[:15], np.concatenate(wanted), atol=1e-12
    )
    discrete._groups.cache_clear()


def test_categorical_units_of_many_sizes_are_those_of_one_padded_table(monkeypatch):
    """Grouped by size, they have the same means, normalizers and draws."""
    units = Categorical(np.random.default_rng(0).standard_normal(17), (2, 9, 3, 1, 2))
    inputs = np.random.default_rng(1).standard_normal((50, 17))

    def values():
        discrete._groups.cache_clear()
        every = jax.jit(lambda x: (units.mean(x), units.log_normalizer_terms(x), units.sample(key_of(0), x)))
        return every(inputs)

    padded = values()
    monkeypatch.setattr(discrete, "MAX_PADDING", -1)
    grouped = values()
    discrete._groups.cache_clear()
    for one, other in zip(padded, grouped, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
