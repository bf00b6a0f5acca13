"""Classification by an RBM whose last visible unit is the label."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from functools import lru_cache
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import optax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from harmonium._numerics import to_float64
from harmonium._types import ArrayLike
from harmonium.gradients import discriminative
from harmonium.model import RBM
from harmonium.sklearn import compiled
from harmonium.sklearn.estimator import RBMEstimator, seed_from
from harmonium.training import train

BATCH = 100
RATE = 0.01
"""Of Adam, which suits these objectives better than plain ascent: their gradients shrink as rows are learned
(benchmarks/RESULTS.md)."""


@dataclass(eq=False, repr=False)
class RBMClassifier(ClassifierMixin, RBMEstimator):
    """A classifier: an RBM whose visible layer is the columns of X and the label, with p(y | v) exact.

    Args:
        objective: what is maximized: `generative`, the mean ln p(v, y); `discriminative`, that of ln p(y | v), with an exact
            gradient; `hybrid`, ln p(y | v) + alpha ln p(v, y).
        alpha: weight of the generative part of `hybrid`, a regularizer. dropout: fraction of the cells, drawn at each update,
            that the discriminative part takes for 0: another regularizer.
        gradient: of ln p(v, y): `auto` (`cd-1` in `hybrid`, as the source has it), or a name as in `RBMTransformer`.
        early_stopping: keep the model with the fewest errors on held-out rows.
        All others as those of `RBMTransformer`; rates are those of Adam, except for `generative`.

    Attributes:
        classes_: the labels, `[C]`. rbm_: the model; its last C visible columns are the label, one-hot. columns_,
            n_features_in_, feature_names_in_: as in `RBMTransformer`.

    References: see `harmonium.gradients.discriminative`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RBMEstimator._parameter_constraints,
        "objective": [StrOptions({"generative", "discriminative", "hybrid"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    _: KW_ONLY
    objective: str = "hybrid"
    alpha: float = 0.01
    dropout: float = 0.2

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: object, y: ArrayLike) -> RBMClassifier:
        """Train the model on the rows of X `[n, V]` and their labels y `[n]`."""
        v = self._read(X, reset=True)
        numbers = self._numbers(X, y)
        label = np.eye(len(self.classes_))[numbers]
        random = check_random_state(self.random_state)
        held_out = None
        if self.early_stopping:
            chosen, rest = compiled.hold_out(v.shape[0], self.validation_fraction, random)
            held_out, v, label = (v[chosen], numbers[chosen]), v[rest], label[rest]
        rbm, joint, classes = self._start(v, random, label), compiled.beside(v, label), label.shape[1]
        gradient = "cd-1" if self.objective == "hybrid" and self.gradient == "auto" else self.gradient
        config = self._config(joint.shape[0], rbm, gradient=gradient)
        if self.objective != "generative":
            batch = BATCH if self.batch_size == "auto" else int(self.batch_size)
            # Not centered: that direction is no gradient, so no sum with one.
            config = replace(config, batch_size=min(batch, joint.shape[0]), centered=False)
            estimator = discriminative.discriminative(classes, float(self.dropout))
            if self.objective == "hybrid" and self.alpha > 0:
                estimator = discriminative.hybrid(config.make_estimator(), classes, float(self.alpha), float(self.dropout))
            optimizer = _adam(config.learning_rate if self.learning_rate != "auto" else RATE)
            config = replace(config, estimator=estimator, chains=None)
            config = replace(config, optimizer=optimizer, learning_rate=None, momentum=None, l1=None)
        fewest = np.inf
        for state in train(rbm, joint, config, seed=seed_from(random), expected=True, measure=False):
            errors = np.inf if held_out is None else np.mean(self._most_probable(state.rbm, held_out[0]) != held_out[1])
            if errors <= fewest:
                fewest, self.rbm_ = errors, state.rbm
            if self.verbose:
                self._print(state.metrics | ({} if held_out is None else {"held_out_error": float(errors)}))
        self.rbm_ = to_float64(self.rbm_)
        return self

    def _numbers(self, X: object, y: ArrayLike) -> np.ndarray:
        """Labels as numbers of `classes_`, `[n]`."""
        if y is None:
            raise ValueError("RBMClassifier requires y to be passed, but the target y is None")
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must have at least two classes, but has one class: {self.classes_[0]}")
        return numbers

    def _most_probable(self, rbm: RBM, v: Any) -> np.ndarray:
        return np.asarray(compiled.apply(compiled.log_probabilities, rbm, v, len(self.classes_)).argmax(axis=1))

    def predict_log_proba(self, X: object) -> np.ndarray:
        """ln p(y | v) of every class, `[n, C]` (nats), in the order of `classes_`."""
        v = self._read(X)
        return compiled.apply(compiled.log_probabilities, self.rbm_, v, len(self.classes_)).astype(np.float64)

    def predict_proba(self, X: object) -> np.ndarray:
        """p(y | v) of every class, `[n, C]`, in the order of `classes_`."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: object) -> np.ndarray:
        """The most probable label of each row, `[n]`."""
        v = self._read(X)
        return np.asarray(self.classes_[self._most_probable(self.rbm_, v)])


@lru_cache(maxsize=64)
def _adam(rate: float) -> optax.GradientTransformation:
    """The same object for equal rates, so that what is compiled for it serves again."""
    return optax.adam(rate)
