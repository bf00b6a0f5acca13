"""Missing cells from what is known of their row."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from sklearn.base import OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from harmonium import imputation
from harmonium.sklearn import fitting
from harmonium.sklearn.estimator import RBMEstimator


@dataclass(eq=False, repr=False)
class RBMImputer(OneToOneFeatureMixin, TransformerMixin, RBMEstimator):
    """Fills missing cells (NaN; in frames whatever counts as missing there) from p(missing cells | the row's other cells).

    The model learns from rows with missing cells too. What is filled in is exact where the hidden layer can be enumerated
    in some seconds, and an average over Gibbs chains that hold the observed cells elsewhere (`harmonium.impute`).

    Args:
        strategy: `most_probable`, the likeliest state of each cell, of real ones the mean; `expected`, the mean of all, of
            binary ones the probability of a 1 (of categories the likeliest); `draw`, one draw of all missing cells together,
            another one at each call, for multiple imputation.
        All others as those of `RBMTransformer`.

    Attributes:
        rbm_, columns_, n_features_in_, feature_names_in_: as in `RBMTransformer`.
    """

    _finite, _sparse = "allow-nan", False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RBMEstimator._parameter_constraints,
        "strategy": [StrOptions({"most_probable", "expected", "draw"})],
    }

    n_components: int = 64
    _: KW_ONLY
    strategy: str = "most_probable"

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: object = None) -> RBMImputer:  # noqa: ARG002
        """Train the model on the rows of X `[n, V]`, an array, a sparse matrix or a frame, of which cells may be missing."""
        self.__dict__.pop("random_state_", None)
        self._train(self._read(X, reset=True))
        if self.strategy == "draw":
            self.random_state_ = check_random_state(self.random_state)
        return self

    def transform(self, X: Any) -> Any:
        """X with its missing cells filled, `[n, V]`; a frame for a frame. Cells that are known stay as they are."""
        X = self._validated(X)
        v = self.columns_.encode(X)
        draw = self.strategy == "draw"
        seed = fitting.seed_from(self.random_state_) if draw else 0
        found = imputation.impute(self.rbm_, v, draws=int(draw), expected=True, seed=seed)
        filled = found.draws[0] if draw else found.mean if self.strategy == "expected" else found.values
        return self.columns_.filled(X, filled)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
