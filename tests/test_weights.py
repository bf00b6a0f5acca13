"""Weights of rows: whole numbers are repeated rows, equal ones are none, and rows of weight zero count nothing anywhere."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest
from kinds import LAYERS, rbm_of
from scipy import sparse, stats

import harmonium as hm
from harmonium import _numerics, gradients
from harmonium.gradients import discriminative
from harmonium.io.streams import Streamed
from harmonium.likelihood import base_rate_log_likelihood, evaluate_with, gain_over_independent
from harmonium.training.batches import Batches

COUNTS = np.array([3, 0, 1, 2, 5, 1, 0, 4])
BITS = np.random.default_rng(0).integers(0, 2, (len(COUNTS), 3)).astype(float)
REPEATED = BITS.repeat(COUNTS, axis=0)
SPOILED = np.where(COUNTS[:, None] == 0, [[np.nan, 7.0, -1.0]], BITS)
"""Rows of weight zero hold no number, or one outside the domain."""
LAST = 4
"""Columns of the label of a classification RBM."""


def with_label() -> tuple[hm.RBM, np.ndarray]:
    visible = hm.Mixed((hm.Binary([0.2, -0.5, 0.1]), hm.Categorical([0.1, 0.3, 0.0, -0.2], (LAST,))))
    rbm = hm.RBM(visible, hm.Binary([0.3, -0.1]), np.random.default_rng(1).standard_normal((7, 2)))
    return rbm, np.concatenate([BITS, np.eye(LAST)[np.arange(len(BITS)) % LAST]], axis=1)


@pytest.mark.parametrize("name", ["exact", "pcd", "centered", "discriminative", "hybrid"])
def test_the_gradient_of_rows_with_whole_weights_is_that_of_repeated_rows(name):
    estimator = {
        "exact": gradients.exact(),
        "pcd": gradients.pcd(1, chains=5),
        "centered": gradients.centered(gradients.exact()),
        "discriminative": discriminative.discriminative(LAST),
        "hybrid": discriminative.hybrid(gradients.exact(), LAST, 0.5),
    }[name]
    with jax.enable_x64(True):
        rbm, rows = with_label()
        key, state = jax.random.key(0), estimator.init(jax.random.key(1), rbm)
        weighted = estimator.gradient(key, rbm, state, rows, COUNTS)
        repeated = estimator.gradient(key, rbm, state, rows.repeat(COUNTS, axis=0))
        plain = estimator.gradient(key, rbm, state, rows)
    for found, expected in zip(jax.tree.leaves(weighted[0]), jax.tree.leaves(repeated[0]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-10)
    assert np.abs(weighted[0].weights - plain[0].weights).max() > 1e-3


def test_the_expected_gradient_of_contrastive_divergence_weighs_both_terms():
    """Rows and the ends of their chains alike; the sampled one has no other expectation, and equal weights change nothing."""
    with jax.enable_x64(True):
        rbm, rows = with_label()
        key = jax.random.key(3)
        for estimator in (gradients.cd(1), gradients.cd(1, sampled=True)):
            _, _, plain = estimator.gradient(key, rbm, (), rows)
            slope, _, terms = estimator.gradient(key, rbm, (), rows, COUNTS)
            v, _, end, _ = plain.trace
            np.testing.assert_allclose(
                slope.visible.parts[0].bias, COUNTS @ np.asarray(v - end)[:, :3] / COUNTS.sum(), atol=1e-10
            )
            ones, _, _ = estimator.gradient(key, rbm, (), rows, np.ones(len(rows)))
            np.testing.assert_allclose(ones.weights, plain.positive.weights - plain.negative.weights, atol=1e-12)
            assert terms.trace is not None


@pytest.mark.parametrize("kind", ["binary", "categorical", "gaussian", "relu", "drelu", "mixed"])
def test_the_base_rate_of_rows_with_whole_weights_is_that_of_repeated_rows(kind):
    units = LAYERS[kind]
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), len(COUNTS))
        rows = np.stack([np.asarray(units.sample(key, np.zeros(units.size))) for key in keys])
    weighted, repeated = units.fit_base_rate(rows, COUNTS), units.fit_base_rate(rows.repeat(COUNTS, axis=0))
    for found, expected in zip(jax.tree.leaves(weighted), jax.tree.leaves(repeated), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-8)
    small = units.fit_base_rate(rows, np.full(len(rows), 1e-9))
    for found, expected in zip(jax.tree.leaves(small), jax.tree.leaves(units.fit_base_rate(rows)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-8)


def test_the_likelihood_of_rows_with_whole_weights_is_that_of_repeated_rows():
    rbm = rbm_of("binary", "binary")
    found, expected = hm.evaluate(rbm, SPOILED, weights=COUNTS), hm.evaluate(rbm, REPEATED)
    assert abs(found.mean - expected.mean) < 1e-10
    assert (found.rows, expected.effective_rows) == (6, None)
    np.testing.assert_allclose(found.effective_rows, COUNTS.sum() ** 2 / (COUNTS**2).sum())
    others = evaluate_with(expected, rbm, SPOILED, weights=COUNTS)
    assert abs(others.mean - expected.mean) < 1e-10
    assert others.standard_error == found.standard_error
    plain = hm.evaluate(rbm, BITS)
    assert hm.evaluate(rbm, BITS, weights=np.ones(len(BITS))).standard_error == plain.standard_error
    np.testing.assert_allclose(hm.evaluate(rbm, BITS, weights=np.full(len(BITS), 0.1)).standard_error, plain.standard_error)


def test_the_interval_of_an_estimate_moves_with_the_weighted_mean():
    rbm = rbm_of("binary", "binary")
    short = {"method": "estimate", "runs": 20, "temperatures": 64, "steps": 50, "rungs": 2}
    found = hm.evaluate(rbm, SPOILED, weights=COUNTS, **short)
    exactly = hm.evaluate(rbm, REPEATED)
    assert abs((found.mean + found.log_partition) - (exactly.mean + exactly.log_partition)) < 1e-5
    assert found.lower <= found.mean <= found.upper


def test_the_likelihood_of_rows_with_gaps_is_weighted():
    rbm = rbm_of("binary", "binary")
    gaps = np.where(np.arange(24).reshape(8, 3) % 5 == 0, np.nan, BITS)
    found, expected = hm.evaluate(rbm, gaps, weights=COUNTS), hm.evaluate(rbm, gaps.repeat(COUNTS, axis=0))
    assert abs(found.mean - expected.mean) < 1e-10


def test_the_gain_over_independent_units_is_weighted():
    rbm = rbm_of("binary", "binary")
    base_rate = hm.Binary.zeros(3).fit_base_rate(REPEATED)
    found = gain_over_independent(rbm, base_rate, SPOILED, weights=COUNTS)
    expected = gain_over_independent(rbm, base_rate, REPEATED)
    assert abs(found.mean - expected.mean) < 1e-10
    assert abs(found.baseline - expected.baseline) < 1e-10
    assert abs(base_rate_log_likelihood(base_rate, SPOILED, COUNTS) - expected.baseline) < 1e-10
    large = hm.RBM(hm.Binary.zeros(40), hm.Binary.zeros(40), 0.1 * np.random.default_rng(0).standard_normal((40, 40)))
    rows = np.random.default_rng(1).integers(0, 2, (30, 40)).astype(float)
    counts = np.arange(30) % 3
    found = gain_over_independent(large, large.visible, rows, weights=counts)
    expected = gain_over_independent(large, large.visible, rows.repeat(counts, axis=0))
    assert abs(found.mean - expected.mean) < 1e-10


def test_the_standard_error_of_a_weighted_mean_is_that_of_the_effective_number_of_rows():
    values, weights = np.array([1.0, 4.0, 2.0, 7.0]), np.array([1.0, 2.0, 2.0, 1.0])
    mean = values @ weights / 6
    expected = np.sqrt(weights @ (values - mean) ** 2 / 6 / (36 / 10 - 1))
    np.testing.assert_allclose(_numerics.standard_error(values, weights), expected)
    np.testing.assert_allclose(_numerics.standard_error(values), stats.sem(values))
    np.testing.assert_allclose(_numerics.standard_error(values, 1e300 * np.ones(4)), stats.sem(values))


SHORT = {"updates": 40, "estimator": "exact", "centered": False, "learning_rate": 0.1, "l1": 0.0}
SHORT |= {"final_decay": 0.0, "average": 0.0}


def start(rows: np.ndarray, weights: np.ndarray | None = None) -> hm.RBM:
    return hm.initialize(rows, hidden=2, seed=1, weights=weights)


def test_training_on_all_rows_with_whole_weights_is_training_on_repeated_rows():
    weighted = hm.fit(start(SPOILED, COUNTS), SPOILED, weights=COUNTS, **SHORT)
    repeated = hm.fit(start(REPEATED), REPEATED, **SHORT)
    for found, expected in zip(jax.tree.leaves(weighted), jax.tree.leaves(repeated), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    doubled = hm.fit(start(SPOILED, COUNTS), SPOILED, weights=0.25 * COUNTS, **SHORT)
    np.testing.assert_array_equal(doubled.weights, weighted.weights)


def test_weights_of_one_are_no_weights():
    ones, none = (hm.fit(start(BITS), BITS, weights=weights, batch_size=4, **SHORT) for weights in (np.ones(8), None))
    np.testing.assert_array_equal(ones.weights, none.weights)


def test_rows_of_an_update_are_drawn_by_their_weights():
    """In an epoch every row comes its share of times, rounded up or down, and on average over epochs exactly so."""
    rows, weights = np.arange(24.0).reshape(12, 2), np.arange(1.0, 13.0)
    batches = Batches(rows, hm.Gaussian.zeros(2), 3, 0, weights=weights)
    epochs = 2000
    order = batches._indices(0, epochs * batches.per_epoch).reshape(epochs, -1)
    batches.close()
    counts = np.stack([np.bincount(epoch, minlength=12) for epoch in order])
    share = 12 * weights / weights.sum()
    assert (np.abs(counts - share) < 1).all()
    # Each epoch's count is a floor or a ceiling: five standard errors, a false alarm in 10^5 runs.
    error = np.sqrt((share % 1) * (1 - share % 1) / epochs)
    assert (np.abs(counts.mean(axis=0) - share) <= 5 * error + 1e-12).all()
    first = np.bincount(order[:, :3].ravel(), minlength=12) / epochs
    assert np.abs(first - share / 4).max() < 5 * np.sqrt(share.max() / 4 / epochs)


@pytest.mark.parametrize("form", ["sparse", "streamed"])
def test_rows_read_as_they_are_needed_are_drawn_by_the_same_weights(form):
    rows = {"sparse": sparse.csr_array(SPOILED), "streamed": Streamed(SPOILED)}[form]
    for batch_size in (2, 8):
        run = SHORT | {"estimator": "pcd-1", "batch_size": batch_size, "chains": 4}
        found = hm.fit(start(SPOILED, COUNTS), rows, weights=COUNTS, **run)
        expected = hm.fit(start(SPOILED, COUNTS), BITS, weights=COUNTS, **run)
        np.testing.assert_allclose(found.weights, expected.weights, atol=1e-6)


def test_held_out_rows_are_measured_by_their_weights():
    weights, wanted = np.ones(8), {"updates": 20, "batch_size": 8, "estimator": "exact"}
    last = functools.partial(lambda **rows: list(hm.train(start(BITS), BITS, **rows, **wanted))[-1].metrics)
    found = last(valid=SPOILED, valid_weights=COUNTS, weights=weights)
    expected = last(valid=REPEATED)
    assert abs(found["valid_log_likelihood"] - expected["valid_log_likelihood"]) < 1e-5


def test_a_run_with_weights_is_resumed_bit_for_bit_and_with_no_others():
    run = {"weights": COUNTS, "batch_size": 3, "estimator": "pcd-1", "chains": 4, "updates": 12, "updates_between_states": 6}
    states = list(hm.train(start(SPOILED, COUNTS), SPOILED, **run))
    checkpoint = states[1].checkpoint
    *_, resumed = hm.train(start(SPOILED, COUNTS), SPOILED, resume=checkpoint, **run)
    np.testing.assert_array_equal(resumed.rbm.weights, states[-1].rbm.weights)
    for weights in (COUNTS + 2 * (COUNTS > 0), None):
        rows = BITS[COUNTS > 0] if weights is None else SPOILED
        with pytest.raises(hm.InputError, match="the run began with weights of CRC-32"):
            hm.train(start(SPOILED, COUNTS), rows, resume=checkpoint, **run | {"weights": weights})


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"weights must have shape \[8\], one for each row, but have \[3\]"),
        (-COUNTS, "weights must be finite numbers of zero or above, but that of row 1 is -3.0"),
        (np.where(COUNTS == 5, np.nan, 1.0), "that of row 5 is nan"),
        (np.zeros(8), "weights must add up to a finite number above zero"),
        (["a"] * 8, "weights must hold real numbers"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message):
    rbm = start(BITS)
    calls = (
        lambda: hm.train(rbm, BITS, weights=weights),
        lambda: hm.evaluate(rbm, BITS, weights=weights),
        lambda: hm.initialize(BITS, weights=weights),
    )
    for call in calls:
        with pytest.raises(hm.InputError, match=message):
            call()


def test_an_estimator_of_ones_own_that_takes_no_weights_is_refused():
    own = gradients.Estimator(lambda _key, _rbm: (), lambda key, rbm, state, v: gradients.exact().gradient(key, rbm, state, v))
    with pytest.raises(hm.InputError, match="must take the weights of the rows as a fifth argument"):
        hm.train(start(BITS), BITS, weights=COUNTS + 1, estimator=own, updates=2)
