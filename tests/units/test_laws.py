"""One suite of laws over every kind of unit; a new kind joins by adding a layer to LAYERS."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts

from harmonium.checks import InputError
from harmonium.units import Binary, Spin, Units, type_name_to_class

LAYERS = [Binary([0.3, -1.2, 2.0]), Spin([0.3, -1.2, 0.7])]
each = pytest.mark.parametrize("units", LAYERS, ids=lambda units: units.name)
INPUTS = np.array([[0.5, -2.0, 1.0], [0.0, 0.0, 0.0], [-40.0, 60.0, 3.0]])


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def listed(units: Units) -> np.ndarray:
    """Every state of the layer, by a product over its columns: not through `states`, which is under test."""
    assert units.unit_states is not None
    assert units.unit_states.shape[1] == 1
    return np.array(list(itertools.product(units.unit_states.ravel(), repeat=units.size)))


def test_every_kind_has_a_layer_here():
    assert {units.name for units in LAYERS} == set(type_name_to_class)


def test_no_two_kinds_share_a_tree_structure():
    """jit keeps compiled code by structure and shapes: equal structures would run one kind's code on another."""
    structures = [jax.tree.structure(type(units).zeros(3)) for units in LAYERS]
    assert all(a != b for a, b in itertools.combinations(structures, 2))


@each
def test_log_normaliser_is_the_sum_over_states(units):
    states = listed(units)
    terms = INPUTS @ states.T - np.asarray(units.energy(states))
    np.testing.assert_allclose(units.log_normaliser(INPUTS), np.logaddexp.reduce(terms, axis=1), rtol=1e-12)


@each
def test_probabilities_sum_to_one(units):
    p = np.exp(units.log_probability(listed(units)[:, None], INPUTS))
    np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-12)


@each
def test_mean_is_the_gradient_of_the_log_normaliser(units):
    gradient = jax.vmap(jax.grad(units.log_normaliser))(INPUTS)
    np.testing.assert_allclose(units.mean(INPUTS), gradient, atol=1e-12)


@each
def test_shifting_adds_to_what_multiplies_x(units):
    states = listed(units)
    by = np.array([0.7, -0.2, 1.1])
    shifted = units.shifted(by)
    np.testing.assert_allclose(shifted.energy(states), units.energy(states) - states @ by, atol=1e-12)
    np.testing.assert_allclose(shifted.mean(INPUTS), units.mean(INPUTS + by), atol=1e-12)
    np.testing.assert_allclose(shifted.linear, units.linear + by, atol=1e-12)


@each
def test_the_linear_part_of_statistics_is_x_itself_and_of_moments_its_mean(units):
    states = listed(units)
    np.testing.assert_array_equal(units.statistics(states).linear, states)
    np.testing.assert_allclose(units.moments(INPUTS).linear, units.mean(INPUTS), atol=1e-12)


@each
def test_softplus_form_is_the_log_normaliser_and_affine(units):
    form = units.softplus_form(INPUTS)
    if form is None:
        pytest.skip("this kind has none, and need not")
    constant, y = form
    np.testing.assert_allclose(constant + np.logaddexp(0, y).sum(axis=-1), units.log_normaliser(INPUTS), atol=1e-10)
    zero, there, twice = (units.softplus_form(factor * INPUTS) for factor in (0, 1, 2))
    jax.tree.map(lambda a, b, c: np.testing.assert_allclose(c - a, 2 * (b - a), atol=1e-10), zero, there, twice)


@each
def test_mean_is_the_mean_over_states(units):
    p = np.exp(units.log_probability(listed(units)[:, None], INPUTS))
    np.testing.assert_allclose(units.mean(INPUTS), np.einsum("kb,kn->bn", p, listed(units)), atol=1e-12)


@each
def test_energy_is_linear_in_the_parameters(units):
    for x in listed(units):
        product = jax.tree.map(lambda a, b: jnp.sum(a * b), units, units.statistics(x))
        np.testing.assert_allclose(units.energy(x), -sum(jax.tree.leaves(product)), atol=1e-12)


@each
def test_moments_are_the_gradient_by_the_parameters(units):
    gradient = jax.vmap(lambda inputs: jax.grad(lambda u: u.log_normaliser(inputs))(units))(jnp.asarray(INPUTS))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), units.moments(INPUTS), gradient)


@each
def test_samples_follow_the_conditional_law(units):
    # Enough draws to see a change of sum (q - p)^2 / p >= 0.01 over the 8 states.
    n = draws_for_counts(8, 0.01)
    inputs = jnp.tile(jnp.array([0.4, -0.3, -1.0]), (n, 1))
    draws = np.asarray(units.sample(jax.random.key(1), inputs))
    assert np.asarray(units.sample(jax.random.key(2), inputs)).std() > 0
    p = np.exp(units.log_probability(listed(units), inputs[0]))
    assert counts_agree(units.indices(draws), p) > FALSE_ALARM
    # The same draws must not pass for the law of inputs a tenth away.
    wrong = np.exp(units.log_probability(listed(units), inputs[0] + 0.2))
    assert counts_agree(units.indices(draws), wrong) < FALSE_ALARM


@each
def test_states_are_numbered_first_unit_slowest(units):
    np.testing.assert_array_equal(units.states(jnp.arange(units.state_count)), listed(units))
    np.testing.assert_array_equal(units.indices(listed(units)), np.arange(units.state_count))


@each
def test_states_survive_writing_and_reading(units):
    for x in listed(units):
        np.testing.assert_array_equal(units.read(units.write(x), "state"), x)


@each
@pytest.mark.parametrize("text", ["", "0", "0000", "2?x"])
def test_reading_refuses_other_texts(units, text):
    with pytest.raises(InputError, match="state"):
        units.read(text, "state")


@each
def test_extreme_inputs_give_finite_numbers(units):
    for inputs in (np.full(3, 1e4), np.full(3, -1e4)):
        for value in (units.log_normaliser(inputs), units.mean(inputs), *jax.tree.leaves(units.moments(inputs))):
            assert np.isfinite(value).all()


@each
def test_base_rate_reproduces_the_data_means(units):
    assert units.unit_states is not None
    random = np.random.default_rng(0)
    data = random.choice(units.unit_states.ravel(), size=(100_000, 2), p=[0.3, 0.7])
    fitted = type(units).zeros(2).fit_base_rate(data)
    # One pseudo-count in 10^5 moves a mean by less than 2e-5.
    np.testing.assert_allclose(fitted.mean(np.zeros(2)), data.mean(axis=0), atol=2e-5)


@each
def test_base_rate_of_constant_columns_is_finite(units):
    assert units.unit_states is not None
    constant = np.tile(units.unit_states.ravel()[1], (10, 3))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(units.fit_base_rate(constant)))


@each
@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[1.0, 1.0]], "3 columns"),
        ([[1.0, np.nan, 1.0]], "row 1, column 2"),
        ([[1.0, 1.0, np.inf]], "finite"),
        ([[1.0, 1.0, 0.5]], "0.5 in row 1, column 3"),
        ([["a", "b", "c"]], "numbers"),
        ([[1.0, 1.0], [1.0]], "rows differ"),
    ],
)
def test_check_says_what_is_wrong(units, x, message):
    with pytest.raises(InputError, match=message):
        units.check(x, "v")


@each
def test_check_accepts_every_state(units):
    np.testing.assert_array_equal(units.check(listed(units), "v"), listed(units))


def test_binary_and_spin_are_one_law_in_two_spellings():
    """x = 2 b - 1: inputs and biases of a binary unit are twice those of the spin, and the constants agree."""
    spin = Spin([0.3, -1.2, 0.7])
    binary = Binary(2 * np.asarray(spin.bias))
    shift = np.sum(INPUTS + spin.bias, axis=-1)
    np.testing.assert_allclose(spin.log_normaliser(INPUTS), binary.log_normaliser(2 * INPUTS) - shift, atol=1e-10)
    np.testing.assert_allclose(spin.mean(INPUTS), 2 * binary.mean(2 * INPUTS) - 1, atol=1e-12)
