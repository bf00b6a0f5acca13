"""One suite of laws over the distribution of every kind of unit; a new kind joins by a layer in LAYERS of tests/kinds.py.

What the laws compare is computed once for each kind, by one compiled function.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import LAYERS, LISTED, cells, inputs_for, single
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts, largest_z, z_limit

from harmonium.units import Units, type_name_to_class

each = pytest.mark.parametrize("units", LAYERS.values(), ids=list(LAYERS))
OWN = [name for name in LAYERS if name not in ("categorical", "mixed, listed")]  # these two have the code of ragged and mixed
each_own = pytest.mark.parametrize("units", [LAYERS[name] for name in OWN], ids=OWN)
each_listed = pytest.mark.parametrize("units", [LAYERS[name] for name in LISTED], ids=LISTED)


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


class Values(NamedTuple):
    """Of one layer, for `inputs_for(units)` and all of its `cells`."""

    states: np.ndarray
    volumes: np.ndarray
    energy: Any
    log_normalizer: Any
    terms: Any
    mean: Any
    moments: Any
    log_probability: Any
    slope_by_inputs: Any
    slope_by_parameters: Any
    products: Any
    """Parameters times statistics, leaf by leaf, summed over columns."""
    statistics: Any
    softplus: Any
    doubled_softplus: Any
    zero_softplus: Any
    shifted_energy: Any
    shifted_mean: Any
    mean_of_shifted_inputs: Any


@jax.jit
def sample(units: Units, key: Any, inputs: Any) -> Any:
    return units.sample(key, inputs)


@jax.jit
def evaluate(units: Units, inputs: Any) -> Any:
    return units.mean(inputs), units.log_normalizer(inputs), units.moments(inputs)


@functools.cache
def compute(units: Units) -> Values:
    with jax.enable_x64(True):
        states, volumes = cells(units)
        inputs = jnp.asarray(inputs_for(units))

        @jax.jit
        def evaluate_all(units: Units, states: Any, inputs: Any) -> dict[str, Any]:
            statistics = units.statistics(states)
            shifted = units.add_field(by(units))
            softplus = units.softplus_form
            slopes = jax.grad(lambda units, inputs: units.log_normalizer(inputs), argnums=(0, 1))
            slope_by_parameters, slope_by_inputs = jax.vmap(slopes, (None, 0))(units, inputs)
            return dict(
                energy=units.energy(states),
                log_normalizer=units.log_normalizer(inputs),
                terms=units.log_normalizer_terms(inputs),
                mean=units.mean(inputs),
                moments=units.moments(inputs),
                log_probability=units.log_probability(states[:, None], inputs),
                slope_by_parameters=slope_by_parameters,
                slope_by_inputs=slope_by_inputs,
                products=jax.tree.map(lambda a, b: jnp.sum(a * b, axis=tuple(range(-a.ndim, 0))), units, statistics),
                statistics=statistics,
                softplus=softplus(inputs),
                doubled_softplus=softplus(2 * inputs),
                zero_softplus=softplus(0 * inputs),
                shifted_energy=shifted.energy(states),
                shifted_mean=shifted.mean(inputs),
                mean_of_shifted_inputs=units.mean(inputs + by(units)),
            )

        return Values(states, volumes, **jax.tree.map(np.asarray, evaluate_all(units, jnp.asarray(states), inputs)))


def by(units: Units) -> np.ndarray:
    return np.linspace(0.7, -0.2, units.size)


def log_density(units: Units, inputs: np.ndarray) -> np.ndarray:
    """ln p of every cell, `[cells, B]`, from the energy alone."""
    values = compute(units)
    terms = (values.states @ inputs.T).T - values.energy + values.volumes
    return (terms - np.logaddexp.reduce(terms, axis=1, keepdims=True)).T


def test_every_kind_has_a_layer_here():
    assert {units.name for units in LAYERS.values()} == set(type_name_to_class)


def test_no_two_layers_share_a_tree_structure():
    """jit keeps compiled code by structure and shapes: equal structures would run one kind's code on another."""
    structures = [jax.tree.structure(units) for units in LAYERS.values()]
    assert all(a != b for a, b in itertools.combinations(structures, 2))


@each
def test_log_normalizer_is_the_sum_over_states(units):
    values = compute(units)
    terms = inputs_for(units) @ values.states.T - values.energy + values.volumes
    np.testing.assert_allclose(values.log_normalizer, np.logaddexp.reduce(terms, axis=1), atol=1e-10)
    np.testing.assert_allclose(values.log_normalizer, values.terms.sum(axis=-1), rtol=1e-12)
    assert values.terms.shape[-1] == len(units.unit_tables) == len(units.boundaries) - 1


@each
def test_probabilities_sum_to_one(units):
    values = compute(units)
    np.testing.assert_allclose(np.exp(values.log_probability + values.volumes[:, None]).sum(axis=0), 1, rtol=1e-10)


@each
def test_mean_is_the_gradient_of_the_log_normalizer(units):
    values = compute(units)
    np.testing.assert_allclose(values.mean, values.slope_by_inputs, atol=1e-12)


@each
def test_a_field_is_a_constant_input(units):
    values = compute(units)
    np.testing.assert_allclose(values.shifted_energy, values.energy - values.states @ by(units), atol=1e-10)
    np.testing.assert_allclose(values.shifted_mean, values.mean_of_shifted_inputs, atol=1e-12)


@each
def test_the_bias_of_statistics_is_x_itself_and_of_moments_its_mean(units):
    values = compute(units)
    np.testing.assert_allclose(values.statistics.bias, values.states, atol=1e-15)
    np.testing.assert_allclose(values.moments.bias, values.mean, atol=1e-12)


@each
def test_softplus_form_is_the_log_normalizer_and_affine(units):
    values = compute(units)
    if values.softplus is None:
        pytest.skip("this kind has none, and need not")
    constant, y = values.softplus
    np.testing.assert_allclose(constant + np.logaddexp(0, y).sum(axis=-1), values.log_normalizer, atol=1e-10)
    three = values.zero_softplus, values.softplus, values.doubled_softplus
    jax.tree.map(lambda a, b, c: np.testing.assert_allclose(c - a, 2 * (b - a), atol=1e-10), *three)


@each
def test_mean_is_the_mean_over_states(units):
    values = compute(units)
    p = np.exp(log_density(units, inputs_for(units)))
    np.testing.assert_allclose(values.mean, p.T @ values.states, atol=1e-10)


@each
def test_energy_is_linear_in_the_parameters(units):
    values = compute(units)
    np.testing.assert_allclose(values.energy, -sum(jax.tree.leaves(values.products)), atol=1e-10)


@each
def test_moments_are_the_gradient_by_the_parameters(units):
    values = compute(units)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-11), values.moments, values.slope_by_parameters)


@each_listed
def test_samples_follow_the_conditional_distribution(units):
    # Enough draws to see a change of sum (q - p)^2 / p >= 0.02 over the states.
    n = draws_for_counts(len(compute(units).states), 0.02)
    inputs = np.linspace(0.4, -1.0, units.size)
    draws = np.asarray(sample(units, jax.random.key(1), jnp.tile(inputs, (n, 1))))
    p = np.exp(log_density(units, inputs[None])[:, 0])
    assert counts_agree(units.indices(draws), p) > FALSE_ALARM
    # The same draws must not pass for the distribution at other inputs.
    wrong = np.exp(log_density(units, inputs[None] * 1.6)[:, 0])
    assert counts_agree(units.indices(draws), wrong) < FALSE_ALARM


@each
@pytest.mark.slow_except("[binary]", "[mixed]")
def test_samples_have_the_moments(units):
    """The first four powers of every column, by quadrature."""
    inputs = np.linspace(0.4, -1.0, units.size)
    draws = np.asarray(sample(single(units), jax.random.key(3), jnp.tile(single(inputs), (100_000, 1))))
    assert draws.dtype == np.float32
    assert not units.outside_domain(draws).any()
    states = compute(units).states
    p = np.exp(log_density(units, inputs[None])[:, 0])
    for power in (1, 2, 3, 4):
        # A column that is nearly always 0 has no normal mean; none here is.
        assert largest_z(draws.astype(float) ** power, p @ states**power) < z_limit(4 * units.size)


@each
@pytest.mark.slow_except("[categorical]", "[mixed]")
def test_extreme_inputs_give_finite_numbers(units):
    own = single(units)
    inputs = jnp.tile(jnp.array([[1e2], [-1e2], [1e4], [-1e4]], jnp.float32), units.size)
    drawn = np.asarray(sample(own, jax.random.key(0), jnp.tile(inputs, (1000, 1, 1))))
    for value in (drawn, *jax.tree.leaves(evaluate(own, inputs))):
        assert np.isfinite(value).all()
    assert not units.outside_domain(drawn).any()


@each_own
@pytest.mark.slow_except("[binary]", "[mixed]")
def test_base_rate_reproduces_the_data_means(units):
    """One pseudo-count in 10^5 moves a mean by less than 3e-5."""
    data = np.asarray(sample(units, jax.random.key(0), jnp.zeros((100_000, units.size))))
    fitted = units.fit_base_rate(data)
    assert units.same_structure(fitted)
    mean, _, moments = evaluate(fitted, np.zeros(units.size))
    np.testing.assert_allclose(mean, data.mean(axis=0), atol=3e-5)
    expected = jax.tree.map(lambda leaf: leaf.mean(axis=0), units.statistics(data))
    if not units.independent:  # those of pairs of columns are not the base rate's
        moments, expected = ((of.bias, np.diagonal(of.precision)) for of in (moments, expected))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), moments, expected)


@each_own
@pytest.mark.slow_except("[mixed]", "[binary]")
def test_base_rate_of_constant_columns_is_finite(units):
    constant = np.tile(np.abs(units.zero_state), (10, 1)) if units.state_count is None else np.tile(units.zero_state, (10, 1))
    for leaf in jax.tree.leaves(units.fit_base_rate(constant)):
        assert np.isfinite(leaf).all()
    assert units.fit_base_rate(constant).validation_error() is None


@each
def test_at_infinite_temperature_all_states_are_equally_likely(units):
    hot = units.infinite_temperature()
    assert units.same_structure(hot)
    assert hot.validation_error() is None
    means, *_ = evaluate(hot, np.zeros(units.size))
    for table, mean in zip(units.unit_tables, np.split(means, units.boundaries[1:-1]), strict=True):
        if table is not None:
            np.testing.assert_allclose(mean, table.mean(axis=0), atol=1e-12)


@each
def test_a_step_adds_and_never_leaves_the_permissible(units):
    by = jax.tree.map(lambda leaf: np.full_like(leaf, 1e-3), units)
    if units.independent:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b + 1e-3), units.apply_update(by), units)
    for far in (-1e9, 1e9):
        moved = units.apply_update(jax.tree.map(lambda leaf, far=far: np.full_like(leaf, far), units))
        assert moved.validation_error() is None
        assert np.isfinite(evaluate(moved, np.zeros(units.size))[0]).all()


@each_own
@pytest.mark.slow_except("[mixed]")
def test_single_precision_agrees_with_double(units):
    inputs = 3 * inputs_for(units)
    for own, exact in zip(evaluate(single(units), single(inputs))[:2], evaluate(units, inputs)[:2], strict=True):
        np.testing.assert_allclose(own, exact, rtol=1e-5, atol=1e-6)
