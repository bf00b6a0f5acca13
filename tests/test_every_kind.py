"""Everything works with every kind: trained, sampled, evaluated, stored, reconstructed, for each pair of visible and hidden."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
from kinds import LAYERS, LISTED, single

import harmonium as hm
from harmonium import exact, model

KINDS = [name for name in LAYERS if name not in ("spin", "mixed, listed")]
"""Their laws are held to by the other tests; here each pair costs a compilation of everything."""
PAIRS = [  # every kind on each side
    ("gaussian", "binary"),
    ("binary", "gaussian"),
    ("categorical", "relu"),
    ("ragged", "drelu"),
    ("relu", "categorical"),
    ("drelu", "ragged"),
    ("mixed", "mixed"),
]
UPDATES = 12


def over(pairs: list[tuple[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("visible", "hidden"), pairs, ids=map("-".join, pairs))


def data_for(visible: str, n: int = 60) -> np.ndarray:
    units = single(LAYERS[visible])
    return np.asarray(units.sample(jax.random.key(9), np.zeros((n, units.size), np.float32)))


def train_rbm(visible: str, hidden: str, estimator: str = "pcd-1") -> hm.RBM:
    rows = data_for(visible)
    start = hm.initialize(rows, LAYERS[hidden], LAYERS[visible], scale=0.1)
    settings = dict(estimator=estimator, learning_rate=0.1, batch_size=20, updates=UPDATES, valid=rows[:20], estimates=False)
    if estimator.startswith("p"):
        settings["chains"] = 20
    *_, last = hm.train(start, rows, **settings)
    assert np.isfinite(last.metrics["free_energy_gap"])
    return last.rbm


@over(PAIRS)
@pytest.mark.slow_except("[gaussian-binary]")
def test_a_model_of_every_pair_of_kinds_lives(visible, hidden, tmp_path):
    rows = data_for(visible)
    rbm = model.validate(train_rbm(visible, hidden))
    assert rbm.visible.same_structure(single(LAYERS[visible]))

    v = hm.sample(rbm, 30, method="gibbs", sweeps=3, seed=1)
    rbm.visible.check(v, "v")
    assert len(np.unique(v, axis=0)) > 1
    assert hm.reconstruct(rbm, rows[:5], draws=4).shape == rows[:5].shape
    assert np.isfinite(hm.energy(rbm, rows[:5], np.tile(rbm.hidden.zero_state, (5, 1)))).all()

    path = hm.save(rbm, tmp_path / "machine.safetensors", base_rate=rbm.visible)
    back = hm.load(path)
    assert jax.tree.structure(back) == jax.tree.structure(rbm)
    jax.tree.map(np.testing.assert_array_equal, back, rbm)

    if exact.estimate_seconds(rbm) == math.inf:
        with pytest.raises(hm.InputError, match="infinitely many"):
            exact.log_partition(rbm)
    else:
        # More than independent units give, or at least no less: it began there.
        assert np.isfinite(hm.evaluate(rbm, rows).mean)
    if visible in LISTED:
        assert (hm.likelihood.pseudo_log_likelihood(rbm, rows[:5]) <= 0).all()
    else:
        with pytest.raises(hm.InputError, match="continuous"):
            hm.likelihood.pseudo_log_likelihood(rbm, rows[:5])


@pytest.mark.parametrize(
    ("visible", "hidden", "estimator"),
    [
        pytest.param("mixed", "ragged", "cd-1", marks=pytest.mark.slow),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (("ragged", "binary", "exact"), ("gaussian", "binary", "pt-1"), ("mixed", "ragged", "ptt-1"))
        ),
    ],
)
def test_every_estimator_trains_every_kind(visible, hidden, estimator):
    rbm = train_rbm(visible, hidden, estimator)
    assert model.validate(rbm).visible.same_structure(single(LAYERS[visible]))


def test_an_exact_gradient_needs_a_layer_that_can_be_listed():
    with pytest.raises(hm.InputError, match="infinitely many states"):
        train_rbm("gaussian", "relu", "exact")
