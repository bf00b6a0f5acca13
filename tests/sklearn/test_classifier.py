"""RBMClassifier: right labels, probabilities of its own model, and its settings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn_rows import rows_of

import harmonium as hm
from harmonium.sklearn import RBMClassifier


def small(**parameters):
    return RBMClassifier(3, **{"n_iter": 100, "batch_size": 20, "random_state": 0} | parameters)


@pytest.fixture(scope="module")
def data():
    rows, kinds = rows_of(80)
    return rows, np.array(["left", "right"])[kinds]


@pytest.fixture(scope="module")
def model(data):
    return small().fit(*data)


def test_labels_are_learned(data, model):
    assert model.score(*data) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["discriminative", "generative"])
def test_labels_are_learned_by_other_objectives(data, objective):
    assert small(objective=objective).fit(*data).score(*data) > 0.95


def test_probabilities_are_those_of_the_model(data, model):
    rows, _ = data
    pairs = np.stack([np.concatenate([rows, np.tile(label, (len(rows), 1))], axis=1) for label in np.eye(2)], axis=1)
    joint = hm.exact.log_likelihood(model.rbm_, pairs)
    np.testing.assert_allclose(model.predict_proba(rows).sum(axis=1), 1, atol=1e-12)
    log_ratio = np.diff(model.predict_log_proba(rows), axis=1)
    np.testing.assert_allclose(log_ratio, np.diff(joint, axis=1), atol=1e-10)
    np.testing.assert_array_equal(model.predict(rows), model.classes_[joint.argmax(axis=1)])


def test_sparse_rows_and_the_seed(data, model):
    rows, labels = data
    np.testing.assert_array_equal(small().fit(rows, labels).components_, model.components_)
    np.testing.assert_allclose(small().fit(sparse.csr_matrix(rows), labels).components_, model.components_, atol=1e-4)


def test_early_stopping_keeps_the_model_of_least_held_out_log_loss(data, capsys):
    rows, labels = data
    model = small(early_stopping=True, verbose=1).fit(rows, labels)
    assert "held out log loss" in capsys.readouterr().out
    assert model.score(rows, labels) > 0.95


def test_columns_of_several_kinds(data):
    rows, labels = data
    random = np.random.default_rng(0)
    real = np.where(labels == "left", 5.0, 9.0)[:, None] + random.standard_normal((len(rows), 1))
    model = small().fit(np.concatenate([rows[:, :2], real], axis=1), labels)
    assert isinstance(model.rbm_.visible, hm.Mixed)
    assert model.score(np.concatenate([rows[:, :2], real], axis=1), labels) > 0.9


def test_one_class_is_refused(data):
    with pytest.raises(ValueError, match="one class"):
        small().fit(data[0], np.zeros(80))
