"""Features: the hidden units given the visible ones, as `sklearn.neural_network.BernoulliRBM` gives them."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state

from harmonium._types import ArrayLike
from harmonium.sklearn import batched, fitting
from harmonium.sklearn.estimator import RBMEstimator


class RBMTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, RBMEstimator):
    """A restricted Boltzmann model whose hidden units are features: a drop-in for BernoulliRBM.

    Args:
        n_components: hidden units. learning_rate, batch_size: by default what suits the size of the data.
        n_iter: passes over the data; by default as many as make 5,000 updates, at least ten. minutes: time allowed instead
            (such a fit cannot be repeated exactly).
        visible: units of the columns. `binary`: values in [0, 1], those between 0 and 1 being probabilities; `spin`: -1 and 1;
            `gaussian`: real, standardized; `table`: by `harmonium.data`'s schema. `auto`: binary or spin where all values
            allow it; otherwise columns of zeros and ones are binary and all others gaussian; frames with texts are tables.
        gradient: `auto`, or `exact`, `cd-K`, `pcd-K`, `pt-K`, `ptt-K`, as the command line names them.
        early_stopping: keep the model whose held-out log likelihood is best. validation_fraction: rows held out for that.
        verbose: print where training is. random_state: the same whole number gives the same model.

    Attributes:
        rbm_: the model, a `harmonium.RBM` in float64. components_, intercept_hidden_, intercept_visible_: its parameters,
            as in BernoulliRBM. columns_: what the model's columns stand for. log_partition_, log_partition_interval_: ln Z and
            the ends of its 95 % interval (both ln Z where it is exact), once `score_samples` has been called; score_method_:
            how it was obtained. n_features_in_, feature_names_in_: as ever.

    It follows the plain gradient, as BernoulliRBM does, and not the centered one, as `RBMDensity` does: the model is less
    likely, but its hidden units are sparse, and tell a classifier more (digits: benchmarks/RESULTS.md).

    Gray levels enter as they are, as in BernoulliRBM: the expected values of the units. Since -F is convex in v, what
    `score_samples` says of such a row is a lower bound of the mean ln p(v) over binary rows drawn with those probabilities.
    """

    _centered = False

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: object = None) -> RBMTransformer:  # noqa: ARG002
        """Train the model on the rows of X, an array, a sparse matrix or a frame, `[n, V]`."""
        self.__dict__.pop("random_state_", None)
        self._train(self._read(X, reset=True))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: object = None) -> RBMTransformer:  # noqa: ARG002
        """One update on all rows of X; the model's chains go on from call to call.

        The first call settles what the columns stand for. The rate is constant, as there is no end for it to fall to.
        """
        first = "rbm_" not in vars(self)
        v = self._read(X, reset=first)
        if "random_state_" not in vars(self):
            self.random_state_ = check_random_state(self.random_state)
        if first:
            self.rbm_ = self._start(v, self.random_state_)
            self._chains = None
        config = self._config(v.shape[0], self.rbm_)
        seed = fitting.seed_from(self.random_state_)
        self.rbm_, self._chains = fitting.one_update(self.rbm_, v, config, self._chains, seed)
        self._forget_log_partition(v)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """E[h | v], for binary units p(h_j = 1 | v), `[n, n_components]`."""
        v = self._read(X)
        return batched.apply(batched.hidden_mean, self.rbm_, v)

    def score_samples(self, X: Any) -> np.ndarray:
        """ln p(v) of each row, `[n]` (nats; a density's where columns are real).

        ln Z is computed at the first call: exact where the model can be enumerated in about ten seconds (`score_method_` is
        "exact"), otherwise by the Bennett acceptance ratio of annealed importance sampling forward and in reverse. In that case
        all scores share its uncertainty: `log_partition_interval_` brackets ln Z. `harmonium.evaluate(estimator.rbm_, rows)`
        brackets it more closely, and warns where the interval cannot be trusted.
        """
        return self._log_likelihood(self._read(X))

    def score(self, X: Any, y: object = None) -> float:  # noqa: ARG002
        """The mean of `score_samples`: what a search over parameters maximizes."""
        return float(self.score_samples(X).mean())

    def gibbs(self, v: ArrayLike) -> Any:
        """One sweep of Gibbs sampling from the rows v `[n, V]`: h ~ p(h|v), then v' ~ p(v'|h)."""
        rows_of_v = self._read(v)
        if "random_state_" not in vars(self):
            self.random_state_ = check_random_state(self.random_state)
        key = jax.random.key(fitting.seed_from(self.random_state_))
        return self.columns_.decode(batched.apply(batched.sweep, self.rbm_, rows_of_v, key))

    @property
    def _n_features_out(self) -> int:
        return int(self._fitted().weights.shape[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
