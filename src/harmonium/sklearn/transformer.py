"""Features: the hidden units given the visible ones, as `sklearn.neural_network.BernoulliRBM` gives them."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context

from harmonium._types import ArrayLike
from harmonium.functional import visible_given_hidden
from harmonium.sklearn import compiled
from harmonium.sklearn.estimator import LikelihoodMixin, RBMEstimator, seed_from


class RBMTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, LikelihoodMixin, RBMEstimator):
    """A restricted Boltzmann model whose hidden units are features: a drop-in for BernoulliRBM.

    Args:
        n_components: hidden units.
        learning_rate, batch_size: by default what suits the size of the data.
        n_iter: passes over the data, in batches of ten where batch_size is `auto`, so that as many updates are made as
            BernoulliRBM makes; by default 5,000 updates, or ten passes if those are more.
        minutes: time allowed instead (such a fit cannot be repeated exactly).
        visible: units of the columns. `binary`: values in [0, 1], those between 0 and 1 being probabilities; `spin`: -1 and
            1; `gaussian`: real, standardized; `table`: by `harmonium.tabular`'s schema. `auto`: spin where all values are
            -1 and 1; binary where all are 0 and 1, or gray levels, all of them multiples of 1/255 or most of them 0 or 1, with
            a warning if in no steps such as 1/16; otherwise columns of zeros and ones are binary and all others gaussian;
            frames with texts are tables. After a fit, values of binary units outside [0, 1] by less than 1 are clipped, with a
            warning.
        gradient: `auto`, or `exact`, `cd-K`, `pcd-K`, `pt-K`, `ptt-K`, as the command line names them.
        early_stopping: keep the model whose held-out log likelihood is best. By default (`auto`) rate, penalty and length
            are searched by it (`harmonium.training.search`) where none of them is given, there are 50 complete rows or more
            and ln Z is exact within a tenth of a second; then the best is fitted to all rows.
        validation_fraction: rows that are held out.
        verbose: print where training is.
        random_state: the same whole number gives the same model.

    Attributes:
        rbm_: the model, a `harmonium.RBM` in float64.
        components_, intercept_hidden_, intercept_visible_: its parameters, as in BernoulliRBM.
        visible_: what the columns were taken for.
        columns_: what the model's columns stand for.
        log_partition_, log_partition_interval_: ln Z and the ends of its 95 % interval (both ln Z where it is exact), once
            `score_samples` has been called;
        score_method_: how it was obtained.
        n_features_in_, feature_names_in_: as ever.

    It follows the plain gradient, as BernoulliRBM does, and not the centered one, as `RBMDensity` does: the model is less
    likely, but its hidden units are sparse, and tell a classifier more (digits: benchmarks/RESULTS.md).

    Gray levels enter as they are, as in BernoulliRBM: the expected values of the units. Since -F is convex in v, what
    `score_samples` says of such a row is a lower bound of the mean ln p(v) over binary rows drawn with those probabilities.

    Example:
        >>> from harmonium.sklearn import RBMTransformer
        >>> X = [[0, 0, 1, 1], [1, 1, 0, 0]] * 5
        >>> RBMTransformer(n_components=2, n_iter=5, random_state=0).fit(X).transform(X).shape
        (10, 2)
    """

    _centered = False

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: object, y: object = None) -> RBMTransformer:  # noqa: ARG002
        """One update on all rows of X (`y` is ignored); the model's chains go on from call to call.

        The first call settles what the columns stand for. The rate is constant, as there is no end for it to fall to.

        Raises:
            InputError: an argument is out of range, or X cannot be used.
        """
        first = "rbm_" not in vars(self)
        v = self._read(X, reset=first)
        if first:
            self.rbm_ = self._start(v, self._random())
            self._chains = None
        config, seed = self._config(v.shape[0], self.rbm_), seed_from(self._random())
        self.rbm_, self._chains = compiled.one_update(self.rbm_, v, config, self._chains, seed)
        self._forget_log_partition(v)
        return self

    def transform(self, X: object) -> np.ndarray:
        """E[h | v] for the rows of X, for binary units p(h_j = 1 | v), `[n, n_components]`.

        Raises:
            InputError: X is no table or array as the model was fitted to.
        """
        v = self._read(X)
        return compiled.apply(compiled.hidden_mean, self.rbm_, v)

    def inverse_transform(self, X: ArrayLike) -> Any:
        """E[v | h] of hidden units X in [0, 1], `[n, n_components] -> [n, V]`, in the form and units of the columns that the
        model was fitted to.

        Raises:
            InputError: another number of columns, or a value that is no expected value of a hidden unit.
        """
        rbm = self._fitted_rbm()
        return self.columns_.decode(visible_given_hidden(rbm, X, expected=True))

    def gibbs(self, v: ArrayLike) -> Any:
        """One sweep of Gibbs sampling from the rows v `[n, V]`: h ~ p(h|v), then v' ~ p(v'|h).

        Raises:
            InputError: as `transform`.
        """
        rows = self._read(v)
        key = jax.random.key(seed_from(self._random()))
        return self.columns_.decode(compiled.apply(compiled.sweep, self.rbm_, rows, key))

    @property
    def _n_features_out(self) -> int:
        return int(self._fitted_rbm().weights.shape[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
