"""The model: energies, free energies, temperature, gauge and permutation laws."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import LECTURE, random_rbm

import harmonium as hm
from harmonium import exact, model
from harmonium.model import RBM
from harmonium.units import Binary, Spin

PAIRS = list(itertools.product((Binary, Spin), repeat=2))
each_pair = pytest.mark.parametrize(("visible", "hidden"), PAIRS)


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def states(rbm):
    return hm.exact.all_states(rbm.visible), hm.exact.all_states(rbm.hidden)


def test_energies_of_the_lecture(two_by_two):
    v, h = states(two_by_two)
    energies = hm.energy(two_by_two, np.repeat(v, 4, axis=0), np.tile(h, (4, 1)))
    np.testing.assert_allclose(energies, LECTURE["energies"], atol=1e-15)


@each_pair
def test_energy_is_the_written_sum(visible, hidden):
    rbm = random_rbm(visible, hidden, (3, 2))
    for v, h in itertools.product(*states(rbm)):
        expected = -sum(rbm.weights[i, j] * v[i] * h[j] for i in range(3) for j in range(2))
        expected -= np.dot(rbm.visible.bias, v) + np.dot(rbm.hidden.bias, h)
        np.testing.assert_allclose(model.energy(rbm, v, h), expected, atol=1e-12)


@each_pair
def test_free_energy_sums_the_hidden_states(visible, hidden):
    rbm = random_rbm(visible, hidden, (3, 4))
    v, h = states(rbm)
    energies = np.asarray(model.energy(rbm, v[:, None], h[None]))
    np.testing.assert_allclose(model.free_energy(rbm, v), -np.logaddexp.reduce(-energies, axis=1), atol=1e-12)


@each_pair
def test_conditionals_are_ratios_of_the_joint(visible, hidden):
    rbm = random_rbm(visible, hidden, (3, 4))
    v, h = states(rbm)
    joint = hm.exact.joint_table(rbm).probability.reshape(len(v), len(h))
    h_given_v = np.exp(rbm.hidden.log_probability(h[None], model.hidden_inputs(rbm, v)[:, None]))
    v_given_h = np.exp(rbm.visible.log_probability(v[:, None], model.visible_inputs(rbm, h)[None]))
    np.testing.assert_allclose(h_given_v, joint / joint.sum(axis=1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(v_given_h, joint / joint.sum(axis=0, keepdims=True), atol=1e-12)


@each_pair
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.slow_except("0.5-Binary-Spin", "3.0-Spin-Binary")
def test_temperature_divides_the_energy_everywhere(visible, hidden, temperature):
    rbm = random_rbm(visible, hidden, (3, 4))
    cold = hm.at_temperature(rbm, temperature)
    v, h = states(rbm)
    energies = np.asarray(model.energy(rbm, v[:, None], h[None])) / temperature
    joint = np.exp(-energies)
    joint /= joint.sum()
    np.testing.assert_allclose(hm.energy(cold, v[:8], h[:8]), hm.energy(rbm, v[:8], h[:8]) / temperature, atol=1e-12)
    np.testing.assert_allclose(hm.free_energy(cold, v), -np.logaddexp.reduce(-energies, axis=1), atol=1e-12)
    np.testing.assert_allclose(hm.hidden_given_visible(cold, v), joint @ h / joint.sum(axis=1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(hm.visible_given_hidden(cold, h), joint.T @ v / joint.T.sum(axis=1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(hm.exact.log_partition(cold), np.logaddexp.reduce(-energies, axis=None), atol=1e-12)
    np.testing.assert_allclose(hm.exact.log_likelihood(cold, v), np.log(joint.sum(axis=1)), atol=1e-12)
    np.testing.assert_allclose(hm.exact.moments(cold).vh, np.einsum("ab,ai,bj->ij", joint, v, h), atol=1e-12)
    np.testing.assert_allclose(hm.exact.joint_table(rbm, temperature).probability, joint.ravel(), atol=1e-12)


@each_pair
def test_statistics_are_the_gradient_of_minus_the_free_energy(visible, hidden):
    rbm = random_rbm(visible, hidden, (3, 4))
    v = states(rbm)[0][1:6]
    gradient = jax.jit(jax.grad(lambda r, v: -model.free_energy(r, v).mean()))(rbm, v)
    found = model.statistics(rbm, v, model.hidden_inputs(rbm, v))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), found, gradient)


@each_pair
def test_exchanging_the_layers_changes_nothing(visible, hidden):
    rbm = random_rbm(visible, hidden, (3, 4))
    v, h = states(rbm)
    swapped = model.transpose(rbm)
    np.testing.assert_allclose(model.energy(swapped, h[:8], v[:8]), model.energy(rbm, v[:8], h[:8]), atol=1e-12)


@each_pair
def test_permuting_units_permutes_and_nothing_more(visible, hidden):
    rbm = random_rbm(visible, hidden, (4, 5))
    random = np.random.default_rng(0)
    p, q = random.permutation(4), random.permutation(5)
    permuted = hm.RBM(visible(rbm.visible.bias[p]), hidden(rbm.hidden.bias[q]), rbm.weights[p][:, q])
    v, _ = states(rbm)
    np.testing.assert_allclose(hm.free_energy(permuted, v[:, p]), hm.free_energy(rbm, v), atol=1e-12)


def test_flipping_a_spin_flips_its_parameters_and_nothing_more():
    rbm = random_rbm(Spin, Spin, (4, 3))
    sign = np.array([1, -1, -1, 1])
    flipped = hm.RBM(Spin(sign * rbm.visible.bias), rbm.hidden, sign[:, None] * rbm.weights)
    v, _ = states(rbm)
    np.testing.assert_allclose(hm.free_energy(flipped, v * sign), hm.free_energy(rbm, v), atol=1e-12)


def test_flipping_a_binary_unit_moves_its_weights_into_the_biases():
    """v -> 1 - v: a -> -a, w -> -w, b -> b + w; free energies change by one constant."""
    rbm = random_rbm(Binary, Binary, (4, 3))
    bias, weights = np.array(rbm.visible.bias), np.array(rbm.weights)
    hidden = Binary(rbm.hidden.bias + weights[1])
    bias[1], weights[1] = -bias[1], -weights[1]
    flipped = hm.RBM(Binary(bias), hidden, weights)
    v, _ = states(rbm)
    turned = np.where(np.arange(4) == 1, 1 - v, v)
    difference = hm.free_energy(flipped, turned) - hm.free_energy(rbm, v)
    np.testing.assert_allclose(difference, difference[0], atol=1e-12)


def test_a_model_is_a_pytree_whose_leaves_are_its_parameters(two_by_two):
    leaves, structure = jax.tree.flatten(two_by_two)
    assert [leaf.shape for leaf in leaves] == [(2,), (2,), (2, 2)]
    assert isinstance(jax.tree.unflatten(structure, leaves), hm.RBM)


def test_lists_become_float64_on_the_host(two_by_two):
    for leaf in jax.tree.leaves(two_by_two):
        assert isinstance(leaf, np.ndarray)
        assert leaf.dtype == np.float64


def test_replicas_run_under_vmap():
    machines = [random_rbm(Binary, Binary, (3, 2), seed) for seed in range(4)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *machines)
    v = np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    together = jax.vmap(model.free_energy, in_axes=(0, None))(stacked, v)
    np.testing.assert_allclose(together, [hm.free_energy(rbm, v) for rbm in machines], atol=1e-12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: hm.RBM(Binary([0.0, 0.0]), Binary([0.0]), [[1.0]]), r"weights must have shape \[2, 1\]"),
        (lambda: hm.RBM(Binary([0.0]), Binary([0.0]), [[np.nan]]), "weights: every value must be a finite"),
        (lambda: hm.RBM(Binary([0.0]), Binary([0.0]), [[1e308]]), "add up to 1e[+]308, but must stay below 1.3e[+]154"),
        (lambda: hm.RBM(hm.Gaussian([0.0], [1e-200]), Binary([0.0]), [[1.0]]), "visible precision must be at least 1e-154"),
        (lambda: hm.RBM(Binary([np.inf]), Binary([0.0]), [[1.0]]), "visible bias: every value must be a finite"),
        (lambda: hm.RBM(Binary([[0.0]]), Binary([0.0]), [[1.0]]), r"visible bias must have shape \[N\]"),
        (lambda: hm.RBM([0.0], Binary([0.0]), [[1.0]]), "visible must be units"),
        (lambda: hm.RBM(Binary([0.0]), Binary([0.0]), "x"), "weights must be an array"),
        (lambda: hm.RBM(hm.Categorical([0.0, 0.0, 0.0], (2, 2)), Binary([0.0]), [[1.0]] * 3), "visible levels add up to 4"),
        (lambda: hm.RBM(hm.Categorical([0.0, 0.0], (2.0,)), Binary([0.0]), [[1.0]] * 2), "visible levels must be whole"),
        (lambda: hm.RBM(hm.Gaussian([0.0], [0.0]), Binary([0.0]), [[1.0]]), "visible precision must be above zero, but is 0"),
        (lambda: hm.RBM(hm.Gaussian([0.0], [1.0, 1.0]), Binary([0.0]), [[1.0]]), "visible precision has 2 values, but bias"),
        (lambda: hm.RBM(hm.DReLU([0.0], [0.0, 1.0], [1.0], [1.0]), Binary([0.0]), [[1.0]]), "bias_negative has 2 values"),
        (
            lambda: hm.RBM(hm.Mixed((Binary([0.0]), hm.ReLU([0.0], [-1.0]))), Binary([0.0]), [[1.0]] * 2),
            "part 2 precision must",
        ),
        (lambda: hm.RBM(hm.Mixed((Binary([0.0]), 3)), Binary([0.0]), [[1.0]] * 2), "visible part 2 must be units"),
        (lambda: hm.RBM(hm.Mixed([1.0]), Binary([0.0]), [[1.0]]), "visible parts must be layers"),
        (lambda: "no model", "rbm must be a harmonium.RBM"),
    ],
)
def test_malformed_models_are_refused_by_every_public_function(build, message):
    for function in (hm.exact.log_partition, lambda r: hm.free_energy(r, [[0.0]]), lambda r: hm.sample(r, 1)):
        with pytest.raises(hm.InputError, match=message):
            function(build())


def test_products_in_bfloat16_round_the_factors_and_sum_in_float32():
    """Against the same rounding written out in float64: only the order of a float32 sum may differ."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(5, 300)).astype(np.float32), random.normal(size=(300, 4)).astype(np.float32)
    found = model.product(a, jnp.asarray(b, jnp.bfloat16))
    rounded = [np.asarray(jnp.asarray(x, jnp.bfloat16), np.float64) for x in (a, b)]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rounded[0] @ rounded[1], atol=1e-4)
    assert np.abs(found - a @ b).max() > 1e-3
    np.testing.assert_array_equal(model.product(a, b), a @ b)


def test_a_model_of_rounded_weights_keeps_all_else_in_float32():
    rbm = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), random_rbm(Binary, Binary, (5, 4)))
    narrow = RBM(rbm.visible, rbm.hidden, rbm.weights.astype(jnp.bfloat16))
    v = exact.all_states(rbm.visible).astype(np.float32)
    inputs = model.hidden_inputs(narrow, v)
    found, expected = model.statistics(narrow, v, inputs), model.statistics(rbm, v, model.hidden_inputs(rbm, v))
    for leaf, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert leaf.dtype == np.float32
        np.testing.assert_allclose(leaf, other, atol=0.02)


UNBOUNDED = {"gaussian": hm.Gaussian, "relu": hm.ReLU}


@pytest.mark.parametrize("visible", UNBOUNDED.values())
@pytest.mark.parametrize("hidden", UNBOUNDED.values())
def test_a_model_whose_z_is_infinite_is_refused(visible, hidden):
    """Of one column each, the quadratic form p v^2 / 2 + q h^2 / 2 - w v h is positive definite if w^2 < p q."""

    def machine(w):
        return hm.RBM(visible([0.1], [2.0]), hidden([0.0], [0.5]), [[w]])

    assert model.validate(machine(0.999)).weights == 0.999
    for w in (1.001, 50.0):
        with pytest.raises(hm.InputError, match="Z is infinite"):
            hm.sample(machine(w), 1)
    # Bounded units can be as strongly coupled as one likes.
    model.validate(hm.RBM(visible([0.1], [2.0]), Binary([0.0]), [[50.0]]))
    mixed = hm.Mixed((Binary([0.0]), hidden([0.0], [0.5])))
    model.validate(hm.RBM(visible([0.1], [2.0]), mixed, [[50.0, 0.9]]))
    with pytest.raises(hm.InputError, match="positive definite"):
        model.validate(hm.RBM(visible([0.1], [2.0]), mixed, [[50.0, 1.1]]))


def test_a_step_stays_among_the_models_that_have_a_distribution():
    random = np.random.default_rng(0)
    rbm = hm.RBM(hm.Gaussian(np.zeros(4), np.ones(4)), hm.DReLU.zeros(3), np.zeros((4, 3)))
    for _ in range(20):
        step = jax.tree.map(lambda leaf: 3 * random.standard_normal(leaf.shape), rbm)
        rbm = jax.tree.map(np.asarray, model.apply_update(rbm, step))
        model.validate(rbm)
