"""Classification by an RBM whose last visible unit is the label."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from functools import lru_cache
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import optax
from jaxtyping import Float
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from harmonium import imputation
from harmonium._numerics import to_float64
from harmonium._types import ArrayLike
from harmonium.errors import InputError
from harmonium.gradients import discriminative
from harmonium.likelihood import compare_rows
from harmonium.model import RBM
from harmonium.sklearn import compiled
from harmonium.sklearn.estimator import RBMEstimator, count_rows, drop_weightless, seed_from, some_rows
from harmonium.training import train

LOOKS, MIN_ROWS = 50, 20
"""How often a fit looks at held-out rows, and the fewest rows of which some are held out."""
BATCH = 100
RATE = 0.01
"""Of Adam, which suits these objectives better than plain ascent: their gradients shrink as rows are learned
(benchmarks/RESULTS.md)."""


@dataclass(eq=False, repr=False)
class RBMClassifier(ClassifierMixin, RBMEstimator):
    """A classifier: an RBM whose visible layer is the columns of X and the label, with p(y | v) exact.

    Args:
        n_components, learning_rate, batch_size, n_iter, minutes, visible, validation_fraction, verbose, random_state: as
            those of `RBMTransformer`; rates are those of Adam, except for `generative`.
        gradient: of ln p(v, y): `auto` (`cd-1` in `hybrid`, as the source has it), or a name as in `RBMTransformer`.
        early_stopping: keep the model whose held-out -ln p(y | v) is least, which needs at least 20 rows.
        objective: what is maximized: `generative`, the mean ln p(v, y); `discriminative`, that of ln p(y | v), with an
            exact gradient; `hybrid`, ln p(y | v) + alpha ln p(v, y).
        alpha: weight of the generative part of `hybrid`, a regularizer.
        dropout: fraction of the cells, drawn at each update, that the discriminative part takes for 0: another regularizer.

    Missing cells (NaN) are summed over: p(y | the row's observed cells). That asks the model how the cells are distributed,
    which a purely `discriminative` objective does not teach it: with gaps take `generative` or `hybrid`.

    Attributes:
        classes_: the labels, `[C]`.
        rbm_: the model; its last C visible columns are the label, one-hot.
        columns_, n_features_in_, feature_names_in_: as in `RBMTransformer`.

    References: see `harmonium.gradients.discriminative`.

    Example:
        >>> from harmonium.sklearn import RBMClassifier
        >>> X, y = [[0, 0, 1, 1], [1, 1, 0, 0]] * 15, ["a", "b"] * 15
        >>> RBMClassifier(n_components=2, n_iter=20, random_state=0).fit(X, y).predict(X[:2])
        array(['a', 'b'], dtype='<U1')
    """

    _finite = "allow-nan"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RBMEstimator._parameter_constraints,
        "early_stopping": ["boolean"],
        "objective": [StrOptions({"generative", "discriminative", "hybrid"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    _: KW_ONLY
    objective: str = "hybrid"
    alpha: float = 0.01
    dropout: float = 0.2
    early_stopping: bool = True

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: object, y: ArrayLike, sample_weight: ArrayLike | None = None) -> RBMClassifier:
        """Train the model on the rows of X `[n, V]` and their labels y `[n]`.

        Args:
            sample_weight: of the rows, `[n]`, as in `RBMTransformer`.

        Raises:
            InputError: an argument is out of range, or X, y or weights cannot be used.
            ValueError: y is missing or has one class only, as scikit-learn demands.
            DivergenceError: training left the finite numbers.
        """
        X, weights, kept = drop_weightless(X, sample_weight)
        self._validate(X, reset=True)  # what is wrong with X is said first
        numbers = self._numbers(X, y, kept)
        label = np.eye(len(self.classes_))[numbers]
        random, count = check_random_state(self.random_state), len(numbers) if weights is None else count_rows(weights)
        v, weights, merged = self._read_weighted(X, weights, label)
        numbers, label = numbers[merged], label[merged]
        held_out = None
        if self.early_stopping and count >= MIN_ROWS:
            part, rest = compiled.hold_out_merged(weights, v.shape[0], self.validation_fraction, random, numbers)
            count = max(1, round(count * (1 - self.validation_fraction)))
            held_out = v[part.rows], numbers[part.rows], part.weights
            v, label, weights = v[rest.rows], label[rest.rows], rest.weights
        rbm, joint, classes = self._start(v, random, label, weights), compiled.beside(v, label), label.shape[1]
        gradient = "cd-1" if self.objective == "hybrid" and self.gradient == "auto" else self.gradient
        config = self._config(count, rbm, gradient=gradient)
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
        # States by the clock would let chance choose the model.
        every = None if held_out is None or config.updates is None else max(1, config.updates // LOOKS)
        least, seed = np.inf, seed_from(random)
        rows: dict[str, Any] = {"weights": weights, "expected": True}
        for state in train(rbm, joint, config, **rows, seed=seed, measure=False, updates_between_states=every):
            loss = np.inf if held_out is None else self._log_loss(state.rbm, *held_out)
            if loss <= least:
                least, self.rbm_ = loss, state.rbm
            if self.verbose:
                self._print(state.metrics | ({} if held_out is None else {"held_out_log_loss": loss}))
        self.rbm_ = to_float64(self.rbm_)
        self._check_gain(v, label.argmax(axis=1), weights)
        return self

    def _check_gain(self, v: Any, numbers: np.ndarray, weights: np.ndarray | None) -> None:
        """Warn if labels are no likelier given their rows than by their frequencies."""
        some = some_rows(v.shape[0])
        values = self._log_probabilities(self.rbm_, v[some])[np.arange(len(some)), numbers[some]]
        frequencies, of_some = np.bincount(numbers, weights), None if weights is None else weights[some]
        baseline = np.log(frequencies[numbers[some]] / frequencies.sum())
        self._warn_of_no_gain(compare_rows(values, baseline, "ln p(y | v)", weights=of_some))

    def _numbers(self, X: object, y: ArrayLike, kept: Any) -> np.ndarray:
        """Labels of the rows that are kept, those of X, as numbers of `classes_`, `[n]`."""
        if y is None:
            raise ValueError("RBMClassifier requires y to be passed, but the target y is None")
        if np.ma.is_masked(y):
            raise InputError("y has masked labels: leave out the rows whose label is not known")
        check_classification_targets(y)
        labels = column_or_1d(y, warn=True)
        if not isinstance(kept, slice) and len(labels) > kept.max():
            labels = labels[kept]
        check_consistent_length(X, labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must have at least two classes, but has one class: {self.classes_[0]}")
        return numbers

    def _log_probabilities(self, rbm: RBM, v: Any) -> Float[np.ndarray, "n C"]:
        """ln p(y | the observed cells of v): exact, but of rows with missing cells where `harmonium.impute` is not."""
        holes, classes = compiled.has_holes(v), len(self.classes_)
        values = np.empty((v.shape[0], classes))
        if not holes.all():
            values[~holes] = compiled.apply(compiled.log_probabilities, rbm, v[~holes], classes)
        if holes.any():
            unknown = compiled.beside(v[holes], np.full((int(holes.sum()), classes), np.nan))
            p = imputation.impute(rbm, unknown, expected=True).mean[:, -classes:]
            values[holes] = np.log(np.maximum(p / p.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny))
        return values

    def _log_loss(self, rbm: RBM, v: Any, numbers: np.ndarray, weights: np.ndarray | None) -> float:
        return -float(np.average(self._log_probabilities(rbm, v)[np.arange(len(numbers)), numbers], weights=weights))

    def predict_log_proba(self, X: object) -> np.ndarray:
        """ln p(y | v) of every class for the rows of X, `[n, C]` (nats), in the order of `classes_`.

        Raises:
            InputError: X is no table or array as the model was fitted to.
        """
        return self._log_probabilities(self._fitted_rbm(), self._read(X))

    def predict_proba(self, X: object) -> np.ndarray:
        """p(y | v) of every class for the rows of X, `[n, C]`, in the order of `classes_`.

        Raises:
            InputError: as `predict_log_proba`.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: object) -> np.ndarray:
        """The most probable label of each row of X, `[n]`.

        Raises:
            InputError: as `predict_log_proba`.
        """
        most_probable = self.predict_log_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[most_probable])


@lru_cache(maxsize=64)
def _adam(rate: float) -> optax.GradientTransformation:
    """The same object for equal rates, so that what is compiled for it serves again."""
    return optax.adam(rate)
