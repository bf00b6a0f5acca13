"""Training and evaluating on rows with missing cells, held to the exact marginal likelihood of the observed ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from kinds import rbm_of

import harmonium as hm
from harmonium import model, tabular
from harmonium.errors import InputError
from harmonium.exact import missing
from harmonium.likelihood import base_rate_log_likelihood
from harmonium.likelihood import missing as of_rows


@pytest.fixture(scope="module")
def rows():
    """600 rows of a strongly coupled model of 8 binary units, two cells in five missing."""
    random = np.random.default_rng(0)
    weights = 3 * random.standard_normal((8, 4))
    rbm = hm.RBM(hm.Binary(random.standard_normal(8)), hm.Binary(random.standard_normal(4)), weights)
    v = hm.exact.sample(rbm, 600, 1)
    return np.where(random.random(v.shape) < 0.4, np.nan, v)


EXACT, OPTIMISER = hm.gradients.exact(), optax.sgd(0.2, momentum=0.9)
"""The same for all runs, which share their compiled code."""


def last(states):
    return list(states)[-1]


def trained(rows, **settings):
    return last(hm.train(hm.initialize(rows, 4), rows, estimator=EXACT, optimizer=OPTIMISER, **{"final_decay": 0.0} | settings))


@pytest.mark.slow
def test_training_reaches_the_maximum_of_the_likelihood_of_the_observed_cells(rows):
    """Exact ascent from where training ends gains next to nothing."""
    h = hm.Binary.zeros(4).states(np.arange(16))
    v = hm.Binary.zeros(8).states(np.arange(256))

    @jax.jit
    def loss(rbm):
        log_z = jax.nn.logsumexp(-model.free_energy(rbm, v))
        return log_z - jnp.mean(jax.nn.logsumexp(missing.joint_log_weights(rbm, rbm.visible.given(rows), h), axis=1))

    end = trained(rows, updates=2000, final_decay=0.5, batch_size=600)
    rbm = jax.tree.map(jnp.asarray, end.rbm)
    reached = float(loss(rbm))
    assert end.metrics["train_log_likelihood"] == pytest.approx(-reached, abs=1e-4)
    slope = jax.jit(jax.grad(loss))
    for _ in range(500):
        rbm = jax.tree.map(lambda leaf, by: leaf - 0.5 * by, rbm, slope(rbm))
    assert reached - float(loss(rbm)) < 0.002  # measured: 0.0003


def test_the_result_does_not_depend_on_where_states_are_yielded(rows):
    ends = [trained(rows, updates=60, batch_size=100, seconds_between_states=spacing) for spacing in (1e-3, 60.0)]
    np.testing.assert_array_equal(*(end.rbm.weights for end in ends))


@pytest.mark.slow
def test_every_kind_of_column_may_be_missing():
    """Also whole rows and a whole column; the parameters stay sensible and the likelihood rises."""
    random = np.random.default_rng(1)
    x = random.standard_normal(300)
    table = {
        "real": [None if n % 5 == 0 else float(value) for n, value in enumerate(x)],
        "more": [None if n % 7 == 0 else float(value) for n, value in enumerate(2 * x + 0.3 * random.standard_normal(300))],
        "sign": [None if n % 3 == 0 else "yes" if value > 0 else "no" for n, value in enumerate(x)],
        "level": [None if n % 4 == 0 else "abc"[int(value > -0.5) + int(value > 0.5)] for n, value in enumerate(x)],
    }
    schema = tabular.infer(table)
    rows = tabular.encode(schema, table)
    rows[:2] = np.nan
    start, alone = (hm.initialize(rows, 4, tabular.units_of(schema, correlated)) for correlated in (True, False))
    before, baseline = hm.evaluate(start, rows).mean, base_rate_log_likelihood(start.visible, rows)
    assert hm.evaluate(alone, rows).mean == pytest.approx(baseline, abs=0.05)
    assert before > baseline + 1  # measured: 1.29
    estimator = hm.centered(hm.pcd(1, chains=50))
    end = last(
        hm.train(start, rows, estimator=estimator, optimizer=optax.sgd(0.1), updates=800, batch_size=50, final_decay=0.5)
    )
    assert hm.evaluate(end.rbm, rows).mean > before + 0.2  # measured: 0.34


def test_rows_that_are_read_must_be_complete(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[0.0, np.nan], [1.0, 0.0]]))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    with pytest.raises(InputError, match="nan in row 1, column 2"):
        next(hm.train(hm.initialize(np.eye(2), 2), mapped, updates=1))


@pytest.mark.slow
def test_evaluation_is_of_the_observed_cells(rows, monkeypatch):
    """Exact, and with tempered rows: the latter's interval of 95 %, made three times as wide, contains the exact figure."""
    rbm = rbm_of("mixed", "binary", scale=1.0)
    v = hm.exact.sample(rbm, 40).copy()
    v[::2, :1] = np.nan
    v[1::2, -1:] = np.nan
    exact = hm.evaluate(rbm, v)
    expected = missing.posterior(rbm, v).log_weight.mean() - hm.exact.log_partition(rbm)
    assert exact.mean == exact.lower == exact.upper == pytest.approx(expected)
    monkeypatch.setattr(of_rows.enumerated, "cheap_rows", lambda rbm, v, **_: np.zeros(len(v), bool))
    annealed = hm.evaluate(rbm, v)
    assert "tempered chains of the missing cells" in annealed.method
    assert annealed.lower < annealed.mean < annealed.upper
    assert abs(annealed.mean - expected) < 3 * (annealed.upper - annealed.mean)
    bracketed = hm.evaluate(rbm, v, method="estimate", seconds=1, runs=20)
    assert bracketed.lower - 0.3 < expected < bracketed.upper + 0.3
