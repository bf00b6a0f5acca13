"""Log likelihoods of rows, the unlikely ones as anomalies, and draws."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import OutlierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from harmonium import sampling
from harmonium._numerics import counts_of
from harmonium._types import ArrayLike
from harmonium.sklearn.estimator import LikelihoodMixin, RBMEstimator, seed_from


@dataclass(eq=False, repr=False)
class RBMDensity(OutlierMixin, LikelihoodMixin, RBMEstimator):
    """A restricted Boltzmann model as a density, and as a detector of outliers: rows whose ln p(v) is low.

    Args:
        n_components, learning_rate, batch_size, n_iter, minutes, gradient: as those of `RBMTransformer`.
        visible: as in `RBMTransformer`, but `auto` takes values between 0 and 1 for real, unless they are in steps as
            gray levels of an image are, from 1/15 to 1/256; then they are binary, with a warning. Real columns, 2 to 64
            of them, are `CorrelatedGaussian` units (`visible_` says "correlated") unless `gaussian` is given.
        early_stopping, validation_fraction, verbose, random_state: as those of `RBMTransformer`.
        contamination: fraction of the training rows that count as outliers, in (0, 0.5]; it sets `offset_` alone.
        trim_fraction: fraction of the training rows that the model does not learn from, in [0, 0.5]: the unlikeliest ones
            if columns were independent. A model of many hidden units learns outliers as well as other rows; twice their
            fraction, such as 0.2, keeps most of them away from it.

    Attributes:
        rbm_, columns_, log_partition_, log_partition_interval_, score_method_, n_features_in_, feature_names_in_: as in
            `RBMTransformer`.
        offset_: ln p(v) below which a row is an outlier. `predict` and `decision_function` need no ln Z.

    Trimming is one step of what A. Hadi and A. Luceno call maximum trimmed likelihood (Computational Statistics & Data Analysis
    25, 1997). Further steps, which trim by the trained model, found fewer outliers (benchmarks/RESULTS.md).

    Example:
        >>> from harmonium.sklearn import RBMDensity
        >>> X = [[0, 0, 1, 1], [1, 1, 0, 0]] * 5
        >>> RBMDensity(n_components=2, n_iter=5, random_state=0).fit(X).score_samples(X).shape
        (10,)
    """

    _finite = "allow-nan"
    _as_density = True
    _correlated = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RBMEstimator._parameter_constraints,
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "trim_fraction": [Interval(Real, 0, 0.5, closed="both")],
    }

    n_components: int = 64
    _: KW_ONLY
    contamination: float = 0.1
    trim_fraction: float = 0.0

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: object, y: object = None, sample_weight: ArrayLike | None = None) -> RBMDensity:  # noqa: ARG002
        """Train the model on the rows of X, an array, a sparse matrix or a frame, `[n, V]`, missing cells (NaN) summed over.

        Args:
            y: ignored.
            sample_weight: of the rows, `[n]`, as in `RBMTransformer`; `contamination` is the fraction of their sum.

        Raises:
            InputError: an argument is out of range, or X or weights cannot be used.
            DivergenceError: training left the finite numbers.
        """
        v, weights = self._train(X, sample_weight, self.trim_fraction)
        # ln p + ln Z: it takes no ln Z to tell outliers, which may take longer than the training.
        self._threshold = _quantile(self._log_likelihood(v, 0.0), self.contamination, weights)
        return self

    @property
    def offset_(self) -> float:
        """ln p(v) below which a row is an outlier (nats)."""
        check_is_fitted(self)
        return self._threshold - self._log_partition()

    def decision_function(self, X: object) -> np.ndarray:
        """`score_samples` of X minus `offset_`, `[n]`: below zero for outliers.

        Raises:
            InputError: X is no table or array as the model was fitted to.
        """
        return self._log_likelihood(self._read(X), 0.0) - self._threshold

    def predict(self, X: object) -> np.ndarray:
        """1 for inliers among the rows of X, -1 for outliers, `[n]`.

        Raises:
            InputError: as `decision_function`.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def sample(self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None) -> Any:
        """Rows drawn from the model, `[n_samples, V]`, in the form of X: independent draws where the model can be
        enumerated in some ten seconds, otherwise tempered chains, with a warning if they are not in equilibrium.

        Args:
            n_samples: number of rows.
            random_state: seed of all random numbers, or a generator.

        Raises:
            InputError: `n_samples` is no whole number of at least 1.
        """
        check_is_fitted(self)
        seed = seed_from(check_random_state(random_state))
        return self.columns_.decode(sampling.sample(self.rbm_, n_samples, seed))


def _quantile(values: np.ndarray, fraction: float, weights: np.ndarray | None) -> float:
    """As `np.quantile` where each value comes as many times as its weight says."""
    order = np.argsort(values)
    ends = np.cumsum(counts_of(weights, len(values))[order])
    place = fraction * (ends[-1] - 1)
    neighbors = np.searchsorted(ends, [np.floor(place), np.floor(place) + 1], side="right")
    low, high = values[order][np.minimum(neighbors, len(values) - 1)]
    return float(low + place % 1 * (high - low))
