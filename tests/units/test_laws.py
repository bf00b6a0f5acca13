"""One suite of laws over every kind of unit; a new kind joins by adding a layer to LAYERS in tests/kinds.py."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import LAYERS, LISTED, cells, single
from statistics_of_tests import FALSE_ALARM, counts_agree, draws_for_counts, largest_z, z_limit

from harmonium.errors import InputError
from harmonium.units import Binary, Categorical, Gaussian, Mixed, ReLU, Spin, Units, type_name_to_class

each = pytest.mark.parametrize("units", LAYERS.values(), ids=list(LAYERS))
each_listed = pytest.mark.parametrize("units", [LAYERS[name] for name in LISTED], ids=LISTED)
each_continuum = pytest.mark.parametrize("units", [LAYERS[name] for name in LAYERS if name not in LISTED])


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def inputs_for(units: Units) -> np.ndarray:
    return np.stack([np.linspace(0.5, -2.0, units.size), np.zeros(units.size), np.linspace(-1.5, 2.0, units.size)])


def log_density(units: Units, states: np.ndarray, volumes: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """ln p of every cell, `[cells, B]`, from the energy alone."""
    terms = (states @ inputs.T).T - np.asarray(units.energy(states)) + volumes
    return (terms - np.logaddexp.reduce(terms, axis=1, keepdims=True)).T


def test_every_kind_has_a_layer_here():
    assert {units.name for units in LAYERS.values()} == set(type_name_to_class)


def test_no_two_layers_share_a_tree_structure():
    """jit keeps compiled code by structure and shapes: equal structures would run one kind's code on another."""
    structures = [jax.tree.structure(units) for units in LAYERS.values()]
    assert all(a != b for a, b in itertools.combinations(structures, 2))


@each
def test_log_normalizer_is_the_sum_over_states(units):
    states, volumes = cells(units)
    inputs = inputs_for(units)
    terms = inputs @ states.T - np.asarray(units.energy(states)) + volumes
    np.testing.assert_allclose(units.log_normalizer(inputs), np.logaddexp.reduce(terms, axis=1), atol=1e-10)
    np.testing.assert_allclose(units.log_normalizer(inputs), units.log_normalizer_terms(inputs).sum(axis=-1), rtol=1e-12)
    assert units.log_normalizer_terms(inputs).shape[-1] == len(units.unit_tables) == len(units.boundaries) - 1


@each
def test_probabilities_sum_to_one(units):
    states, volumes = cells(units)
    p = np.exp(units.log_probability(states[:, None], inputs_for(units)) + volumes[:, None])
    np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-10)


@each
@pytest.mark.slow_except("[binary]", "[mixed]", "[ragged]")
def test_mean_is_the_gradient_of_the_log_normalizer(units):
    gradient = jax.vmap(jax.grad(units.log_normalizer))(inputs_for(units))
    np.testing.assert_allclose(units.mean(inputs_for(units)), gradient, atol=1e-12)


@each
def test_shifting_is_a_constant_input(units):
    states, _ = cells(units, nodes=4)
    inputs, by = inputs_for(units), np.linspace(0.7, -0.2, units.size)
    add_field = units.add_field(by)
    np.testing.assert_allclose(add_field.energy(states), units.energy(states) - states @ by, atol=1e-12)
    np.testing.assert_allclose(add_field.mean(inputs), units.mean(inputs + by), atol=1e-12)


@each
def test_the_linear_part_of_statistics_is_x_itself_and_of_moments_its_mean(units):
    states, _ = cells(units, nodes=4)
    np.testing.assert_allclose(units.statistics(states).bias, states, atol=1e-15)
    np.testing.assert_allclose(units.moments(inputs_for(units)).bias, units.mean(inputs_for(units)), atol=1e-12)


@each
def test_softplus_form_is_the_log_normalizer_and_affine(units):
    inputs = inputs_for(units)
    form = units.softplus_form(inputs)
    if form is None:
        pytest.skip("this kind has none, and need not")
    constant, y = form
    np.testing.assert_allclose(constant + np.logaddexp(0, y).sum(axis=-1), units.log_normalizer(inputs), atol=1e-10)
    zero, there, twice = (units.softplus_form(factor * inputs) for factor in (0, 1, 2))
    jax.tree.map(lambda a, b, c: np.testing.assert_allclose(c - a, 2 * (b - a), atol=1e-10), zero, there, twice)


@each
def test_mean_is_the_mean_over_states(units):
    states, volumes = cells(units)
    p = np.exp(log_density(units, states, volumes, inputs_for(units)))
    np.testing.assert_allclose(units.mean(inputs_for(units)), p.T @ states, atol=1e-10)


@each
def test_energy_is_linear_in_the_parameters(units):
    states, _ = cells(units, nodes=2)
    products = jax.tree.map(lambda a, b: jnp.sum(a * b, axis=-1), units, units.statistics(states))
    np.testing.assert_allclose(units.energy(states), -sum(jax.tree.leaves(products)), atol=1e-12)


@each
def test_moments_are_the_gradient_by_the_parameters(units):
    inputs = inputs_for(units)
    gradient = jax.vmap(lambda own: jax.grad(lambda u: u.log_normalizer(own))(units))(jnp.asarray(inputs))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-11), units.moments(inputs), gradient)


@each_listed
def test_samples_follow_the_conditional_law(units):
    # Enough draws to see a change of sum (q - p)^2 / p >= 0.02 over the states.
    states, volumes = cells(units)
    n = draws_for_counts(len(states), 0.02)
    inputs = np.linspace(0.4, -1.0, units.size)
    draws = np.asarray(units.sample(jax.random.key(1), jnp.tile(inputs, (n, 1))))
    p = np.exp(log_density(units, states, volumes, inputs[None])[:, 0])
    assert counts_agree(units.indices(draws), p) > FALSE_ALARM
    # The same draws must not pass for the law of other inputs.
    wrong = np.exp(log_density(units, states, volumes, inputs[None] * 1.6)[:, 0])
    assert counts_agree(units.indices(draws), wrong) < FALSE_ALARM


@each
@pytest.mark.slow_except("[binary]", "[mixed]")
def test_samples_have_the_moments(units):
    """The first four powers of every column, by quadrature."""
    inputs = np.linspace(0.4, -1.0, units.size)
    draws = np.asarray(single(units).sample(jax.random.key(3), jnp.tile(single(inputs), (100_000, 1))))
    assert draws.dtype == np.float32
    assert not units._outside_domain(draws).any()
    states, volumes = cells(units)
    p = np.exp(log_density(units, states, volumes, inputs[None])[:, 0])
    for power in (1, 2, 3, 4):
        # A column that is nearly always 0 has no normal mean; none here is.
        assert largest_z(draws.astype(float) ** power, p @ states**power) < z_limit(4 * units.size)


@each_listed
def test_states_are_numbered_first_unit_slowest(units):
    states, _ = cells(units)
    np.testing.assert_array_equal(units.states(jnp.arange(units.state_count)), states)
    np.testing.assert_array_equal(units.indices(states), np.arange(units.state_count))


@each_listed
def test_states_survive_writing_and_reading(units):
    texts = [units.write(x) for x in cells(units)[0]]
    assert len(set(texts)) == units.state_count
    for text, x in zip(texts, cells(units)[0], strict=True):
        np.testing.assert_array_equal(units.read(text, "state"), x)


@each_listed
@pytest.mark.parametrize("text", ["", "0", "00000", "2?x"])
def test_reading_refuses_other_texts(units, text):
    with pytest.raises(InputError, match="state"):
        units.read(text, "state")


@each_continuum
def test_a_continuum_is_not_listed(units):
    assert units.state_count is None
    for call in (units.listing, lambda: units.states(0), lambda: units.indices(np.zeros(units.size))):
        with pytest.raises(InputError, match="continuum"):
            call()
    with pytest.raises(InputError, match="cannot be written"):
        units.write(np.zeros(units.size))


@each
@pytest.mark.slow_except("[categorical]", "[mixed]")
def test_extreme_inputs_give_finite_numbers(units):
    own = single(units)
    inputs = jnp.tile(jnp.array([[1e2], [-1e2], [1e4], [-1e4]], jnp.float32), units.size)
    drawn = np.asarray(own.sample(jax.random.key(0), jnp.tile(inputs, (1000, 1, 1))))
    for value in (own.log_normalizer(inputs), own.mean(inputs), drawn, *jax.tree.leaves(own.moments(inputs))):
        assert np.isfinite(value).all()
    assert not units._outside_domain(drawn).any()


@each
@pytest.mark.slow_except("[binary]", "[mixed]")
def test_base_rate_reproduces_the_data_means(units):
    """One pseudo-count in 10^5 moves a mean by less than 3e-5."""
    data = np.asarray(units.sample(jax.random.key(0), jnp.zeros((100_000, units.size))))
    fitted = units.fit_base_rate(data)
    assert units.same_structure(fitted)
    np.testing.assert_allclose(fitted.mean(np.zeros(units.size)), data.mean(axis=0), atol=3e-5)
    expected = jax.tree.map(lambda leaf: leaf.mean(axis=0), units.statistics(data))
    moments = fitted.moments(np.zeros(units.size))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), moments, expected)


@each
@pytest.mark.slow_except("[mixed]", "[binary]")
def test_base_rate_of_constant_columns_is_finite(units):
    constant = np.tile(np.abs(units.zero_state), (10, 1)) if units.state_count is None else np.tile(units.zero_state, (10, 1))
    for leaf in jax.tree.leaves(units.fit_base_rate(constant)):
        assert np.isfinite(leaf).all()
    assert units.fit_base_rate(constant).validation_error() is None


@each
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (lambda n: np.zeros((1, n + 1)), "columns"),
        (lambda n: [[np.nan] * n], "row 1, column 1"),
        (lambda n: [[np.inf] * n], "finite"),
        (lambda n: [["a"] * n], "numbers"),
        (lambda n: [[1.0] * n, [1.0]], "rows differ"),
    ],
)
def test_check_says_what_is_wrong(units, x, message):
    with pytest.raises(InputError, match=message):
        units.check(x(units.size), "v")


@each_listed
def test_check_refuses_a_value_between_two_states(units):
    x = np.array(units.zero_state)
    x[-1] = 0.5
    with pytest.raises(InputError, match=f"0.5 in column {units.size}, but a {units.at(units.size - 1).name} unit"):
        units.check(x, "v")


@each
def test_check_accepts_every_state(units):
    states, _ = cells(units, nodes=3)
    np.testing.assert_array_equal(units.check(states, "v"), states)
    units.check(units.zero_state, "v")


@each
def test_a_flat_layer_has_a_law_and_states_no_preference(units):
    flat = units.infinite_temperature()
    assert units.same_structure(flat)
    assert flat.validation_error() is None
    for table, mean in zip(units.unit_tables, np.split(flat.mean(np.zeros(units.size)), units.boundaries[1:-1]), strict=True):
        if table is not None:
            np.testing.assert_allclose(mean, table.mean(axis=0), atol=1e-12)


@each
def test_ranges_hold_all_states(units):
    states, _ = cells(units, nodes=3)
    low, high = units.ranges
    assert ((low <= states) & (states <= high)).all()
    assert units.bounded == np.isinf(units.curvature).all()


@each
def test_a_step_adds_and_never_leaves_the_permissible(units):
    by = jax.tree.map(lambda leaf: np.full_like(leaf, 1e-3), units)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b + 1e-3), units.apply_update(by), units)
    for far in (-1e9, 1e9):
        moved = units.apply_update(jax.tree.map(lambda leaf, far=far: np.full_like(leaf, far), units))
        assert moved.validation_error() is None
        assert np.isfinite(moved.mean(np.zeros(units.size))).all()


@each
@pytest.mark.slow_except("[mixed]")
def test_single_precision_agrees_with_double(units):
    inputs = 3 * inputs_for(units)
    for own, exact in (
        (single(units).log_normalizer(single(inputs)), units.log_normalizer(inputs)),
        (single(units).mean(single(inputs)), units.mean(inputs)),
    ):
        np.testing.assert_allclose(own, exact, rtol=1e-5, atol=1e-6)


INPUTS = np.array([[0.5, -2.0, 1.0], [0.0, 0.0, 0.0], [-40.0, 60.0, 3.0]])


def test_binary_and_spin_are_one_law_in_two_spellings():
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


def test_categories_are_encoded_and_decoded():
    units = LAYERS["ragged"]
    categories = np.array([[0, 2, 0], [1, 0, 0]])
    np.testing.assert_array_equal(units.encode(categories), [[1, 0, 0, 0, 1, 1], [0, 1, 1, 0, 0, 1]])
    np.testing.assert_array_equal(units.decode(units.encode(categories)), categories)
    for wrong, words in (([[0, 3, 0]], "unit 2 are 0 to 2, but one is 3"), ([0, 1], "shape"), ([[0.5, 0, 0]], "unit 1")):
        with pytest.raises(InputError, match=words):
            units.encode(wrong)


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


@pytest.mark.parametrize(
    ("units", "x", "message"),
    [
        (LAYERS["ragged"], [[1, 1, 0, 1, 0, 1]], "1 in row 1, column 1, but a categorical unit has a 1 in one"),
        (LAYERS["ragged"], [[1, 0, 0, 0, 0, 1]], "0 in row 1, column 3, but a categorical unit"),
        (LAYERS["mixed"], [[0.5, 1, 0, 0, 3.3]], "0.5 in row 1, column 1, but a spin unit is"),
        (LAYERS["mixed"], [[1, 1, 0, 1, 3.3]], "1.0 in row 1, column 2, but a categorical unit"),
    ],
)
def test_the_message_is_that_of_the_kind_concerned(units, x, message):
    with pytest.raises(InputError, match=message):
        units.check(x, "v")


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


def test_a_precision_is_learnt_within_bounds():
    units = Gaussian([0.0, 0.0], [1.0, 1.0])
    np.testing.assert_allclose(units.apply_update(Gaussian(np.zeros(2), np.array([-5.0, 5.0]))).precision, [0.5, 2.0])


@pytest.mark.slow
def test_laws_cut_off_far_in_their_tail():
    """Means and draws of a ReLU unit whose normal law has its center 10 to 1,000,000 standard deviations below zero.

    Against the law's own expansion, mean = (1 - 1 / s^2 ...) / s and E[x^2] = 2 mean^2 (1 - ...), to what its next term is.
    """
    s = np.array([10.0, 100.0, 1e4, 1e6], np.float32)
    units = ReLU(-s, np.ones(4, np.float32))
    moments = units.moments(np.zeros(4, np.float32))
    np.testing.assert_allclose(moments.bias, (1 - 2 / s**2) / s, rtol=2e-3)
    np.testing.assert_allclose(-2 * moments.precision, 2 * (1 - 5 / s**2) / s**2, rtol=5e-3)
    draws = np.asarray(units.sample(jax.random.key(0), jnp.zeros((100_000, 4), jnp.float32)), float)
    assert largest_z(draws * s, np.asarray(moments.bias, float) * s) < z_limit(8)
    assert largest_z((draws * s) ** 2, -2 * np.asarray(moments.precision, float) * s**2) < z_limit(8)
