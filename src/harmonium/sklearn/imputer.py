"""Missing cells from what is known of their row."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import StrOptions

from harmonium import imputation
from harmonium.sklearn.estimator import RBMEstimator, seed_from


@dataclass(eq=False, repr=False)
class RBMImputer(OneToOneFeatureMixin, TransformerMixin, RBMEstimator):
    """Fills missing cells (NaN; in frames whatever counts as missing there) from p(missing cells | the row's other cells).

    The model learns from rows with missing cells too. What is filled in is exact where the hidden layer can be enumerated
    in some seconds, and an average over tempered chains that hold the observed cells elsewhere (`harmonium.impute`).

    Args:
        n_components, learning_rate, batch_size, n_iter, minutes, gradient: as those of `RBMTransformer`.
        visible: as in `RBMTransformer`, but real columns, 2 to 64 of them, are `CorrelatedGaussian` units unless
            `gaussian` is given.
        early_stopping, validation_fraction, verbose, random_state: as those of `RBMTransformer`.
        strategy: `most_probable`, the likeliest state of each cell, of real ones the mean; `expected`, the mean of all, of
            binary ones the probability of a 1 (of categories the likeliest); `draw`, one draw of all missing cells
            together, another one at each call, for multiple imputation.

    Attributes:
        rbm_, columns_, n_features_in_, feature_names_in_: as in `RBMTransformer`.

    Example:
        >>> import numpy as np
        >>> from harmonium.sklearn import RBMImputer
        >>> X = np.array([[0, 0, 1, 1], [1, 1, 0, 0]] * 5 + [[0, np.nan, 1, 1]])
        >>> RBMImputer(n_components=2, n_iter=20, random_state=0).fit(X).transform(X).shape
        (11, 4)
    """

    _finite, _sparse, _correlated = "allow-nan", False, True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RBMEstimator._parameter_constraints,
        "strategy": [StrOptions({"most_probable", "expected", "draw"})],
    }

    n_components: int = 64
    _: KW_ONLY
    strategy: str = "most_probable"

    def transform(self, X: Any) -> Any:
        """X with its missing cells filled, `[n, V]`; a frame for a frame. Cells that are known stay as they are.

        Raises:
            InputError: X is no table or array as the model was fitted to.
        """
        X = self._validate(X)
        draw = self.strategy == "draw"
        seed = seed_from(self._random()) if draw else 0
        imputed = imputation.impute(self.rbm_, self._encode(X), draws=int(draw), expected=True, seed=seed)
        v = imputed.draws[0] if draw else imputed.mean if self.strategy == "expected" else imputed.values
        return self.columns_.fill(X, v)
