"""What the estimators share: their parameters, how they read rows and train a model, and ln p(v)."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import KW_ONLY, dataclass, field, replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import jax
import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _num_samples, check_array, check_is_fitted, validate_data

from harmonium import _checks, exact
from harmonium._numerics import to_float64
from harmonium._types import ArrayLike
from harmonium.errors import InputError, NoGainWarning
from harmonium.gray_levels import Resampled
from harmonium.imputation import log_prob
from harmonium.likelihood import Gain, bidirectional_ais, can_be_exact, gain_over_independent
from harmonium.likelihood.log_likelihood import describe_modes
from harmonium.model import RBM
from harmonium.sklearn import compiled
from harmonium.sklearn.columns import Columns, Tabular, cell_values, columns_of, is_table
from harmonium.training import TrainConfig, train
from harmonium.training.rows import MIN_ROWS_TO_SPLIT
from harmonium.units import Binary, Categorical, Mixed

SEEDS = 2**31 - 1
SCALE = 0.01
"""Standard deviation of the weights that training starts from."""
EARLY_STOPPING = 0.5
UPDATES, EPOCHS = 5000, 10
"""Updates of a fit by default, or epochs if those are more."""
SEARCH_UPDATES = 20_000
"""Updates of a fit whose settings are searched, of all trials together ..."""
CHEAP_SECONDS = 0.1
"""... which it does where ln Z takes at most so long."""
BATCH = 10
"""Rows in a batch by which `n_iter` counts where the batch is chosen by the data's size, as in BernoulliRBM."""
MAX_REPEATS = 100
"""Weights that are whole numbers, and on average no larger, are taken for numbers of rows."""
SOME_ROWS = 200
"""Training rows that are kept as starts of the chains that bracket ln Z, and by which a fitted model is compared with
independent units."""
RUNS, TEMPERATURES, STEPS, RUNGS = 64, 1024, 200, 12
"""The work spent on ln Z where it is not exact: counts and no time, so that scores repeat."""


def seed_from(random: np.random.RandomState) -> int:
    """A seed for this package from scikit-learn's random numbers."""
    return int(random.randint(SEEDS))


def some_rows(count: int) -> np.ndarray:
    """The indices of at most 200 of so many rows, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, SOME_ROWS).astype(int))


def drop_weightless(X: Any, sample_weight: ArrayLike | None) -> tuple[Any, np.ndarray | None, Any]:
    """The rows of X whose weight is above zero, their weights (None where all are one), and their indices or a slice of all."""
    if sample_weight is None:
        return X, None, slice(None)
    weights = _checks.row_weights(sample_weight, _num_samples(X), "sample_weight")
    kept = np.flatnonzero(weights)
    if len(kept) < len(weights):
        X, weights = _safe_indexing(X, kept), weights[kept]
    return X, None if (weights == 1).all() else weights, kept


def count_rows(weights: np.ndarray) -> int:
    """The number of rows by which settings are chosen: the sum of the weights if they are numbers of rows."""
    whole = not (weights % 1).any() and weights.mean() <= MAX_REPEATS
    return int(weights.sum()) if whole else len(weights)


@dataclass(eq=False, repr=False)
class RBMEstimator(BaseEstimator):
    """An RBM with scikit-learn's manners: the fields are its parameters, and its fitted attributes are NumPy arrays and
    dataclasses of such.
    """

    _finite: ClassVar[bool | str] = True
    """`ensure_all_finite` of `validate_data`: True refuses NaN."""
    _sparse: ClassVar[str | bool] = "csr"
    """`accept_sparse` of `validate_data`: False refuses sparse matrices."""
    _centered = True
    """Whether the centered gradient is followed, which leads to likelier models, whose hidden units are near one half."""
    _as_density: ClassVar[bool] = False
    """Whether columns are read by `columns_of` as `RBMDensity` does."""
    _correlated: ClassVar[bool] = False
    """Whether real columns are `CorrelatedGaussian` units: not where hidden units are features, which are to tell of all."""
    columns_: Columns = field(init=False)
    rbm_: RBM = field(init=False)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, _checks.MAX_COUNT, closed="both")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 1, _checks.MAX_COUNT, closed="both"), StrOptions({"auto"})],
        "n_iter": [Interval(Integral, 1, _checks.MAX_COUNT, closed="both"), StrOptions({"auto"})],
        "minutes": [Interval(Real, 0, None, closed="neither"), None],
        "visible": [StrOptions({"auto", "binary", "spin", "gaussian", "table"})],
        "gradient": [str],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    n_components: int = 256
    _: KW_ONLY
    learning_rate: float | str = "auto"
    batch_size: int | str = "auto"
    n_iter: int | str = "auto"
    minutes: float | None = None
    visible: str = "auto"
    gradient: str = "auto"
    early_stopping: bool | str = "auto"
    validation_fraction: float = 0.1
    verbose: int | bool = 0
    random_state: int | np.random.RandomState | None = None

    # ---- what is fitted

    @property
    def visible_(self) -> str:
        """What the columns were taken for: `binary`, `spin`, `gaussian`, `correlated`, `binary and` these, or `table`."""
        check_is_fitted(self)
        return self.columns_.visible

    @property
    def components_(self) -> np.ndarray:
        """The weights as BernoulliRBM has them, `[n_components, V]`."""
        return np.asarray(self._fitted_rbm().weights.T)

    @property
    def intercept_visible_(self) -> np.ndarray:
        """Biases of the visible units, `[V]`."""
        return np.asarray(self._fitted_rbm().visible.bias)

    @property
    def intercept_hidden_(self) -> np.ndarray:
        """Biases of the hidden units, `[n_components]`."""
        return np.asarray(self._fitted_rbm().hidden.bias)

    def _fitted_rbm(self) -> RBM:
        check_is_fitted(self)
        return self.rbm_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse, tags.input_tags.allow_nan = bool(self._sparse), self._finite == "allow-nan"
        return tags

    # ---- rows

    def _validate(self, X: object, *, reset: bool = False) -> Any:
        """`X` as scikit-learn checks it, an array or sparse matrix; a frame that is a table as it is."""
        if isinstance(X, Resampled):
            raise InputError(
                "X must be an array or a frame: estimators take gray levels as expected values, hm.train draws them"
            )
        if not reset:
            check_is_fitted(self)
            if self.columns_.of_frame and not hasattr(X, "columns"):
                raise InputError(f"X must be a frame, as the model was fitted to one, but is of type {type(X).__name__}")
        if is_table(X, self.visible) if reset else self.columns_.of_frame:
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            X = self._validate_array(_checks.fill_masked(X), reset)
        return X

    def _validate_array(self, X: Any, reset: bool) -> Any:
        checks = {"accept_sparse": self._sparse, "dtype": (np.float64, np.float32), "ensure_all_finite": self._finite}
        values = cell_values(X)
        try:
            if values is not None:
                validate_data(self, X, reset=reset, skip_check_array=True)  # the names of its columns
                return check_array(values, **checks)
            return validate_data(self, X, reset=reset, **checks)
        except OverflowError as error:
            raise InputError("X holds a number beyond floating point") from error
        except ValueError as error:
            if "infinity" in str(error):
                raise InputError(str(error)) from error
            raise

    def _read(self, X: object, *, reset: bool = False) -> Any:
        """`X` as rows for the model, `[n, V]`: an array, or a sparse matrix where its values are taken as they are."""
        X = self._validate(X, reset=reset)
        if reset:
            self.columns_ = columns_of(X, self.visible, as_density=self._as_density, correlated=self._correlated)
        return self._rows(X, reset)

    def _read_weighted(
        self, X: Any, weights: np.ndarray | None, label: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray | None, Any]:
        """`X` as rows for a fit, alike ones merged (with labels `[n, C]`, those whose label is the same), the weights of these
        rows, and which of X they are.
        """
        X, is_frame, merged = self._validate(X, reset=True), is_table(X, self.visible), slice(None)
        if not is_frame:
            # Before anything is computed of them, so that no rounding tells weights from repeated rows.
            merged, weights = compiled.merge_alike(X if label is None else compiled.beside(X, label), weights)
            X = X[merged]
        self.columns_ = columns_of(X, self.visible, weights, as_density=self._as_density, correlated=self._correlated)
        v = self._rows(X, reset=True)
        if is_frame:
            merged, weights = compiled.merge_alike(v if label is None else compiled.beside(v, label), weights)
            v = v[merged]
        return v, weights, merged

    def _rows(self, X: Any, reset: bool) -> Any:
        """What is validated as rows for the model."""
        v = self._encode(X, reset=reset)
        if self._finite is True and self.columns_.of_frame and np.isnan(v).any():
            raise InputError("X has cells without a value: complete them first, for example by RBMImputer")
        return v

    def _encode(self, X: Any, *, reset: bool = False) -> Any:
        """What is validated as rows for the model; where cells may be missing, values that are new count as missing."""
        if isinstance(self.columns_, Tabular) and self._finite == "allow-nan" and not reset:
            return self.columns_.encode(X, unseen="missing")
        return self.columns_.encode(X, clip=not reset)

    # ---- training

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: object, y: object = None, sample_weight: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Train the model on the rows of X, an array, a sparse matrix or a frame, `[n, V]`.

        Args:
            sample_weight: of the rows, `[n]`, zero or above. A row of weight two is a row that comes twice; one of weight zero
                counts nothing, whatever it holds.
        """
        self._train(X, sample_weight)
        return self

    def _random(self) -> np.random.RandomState:
        """For what is random after the fit; it goes on from call to call."""
        if "random_state_" not in vars(self):
            self.random_state_ = check_random_state(self.random_state)
        return self.random_state_

    def _start(
        self, v: Any, random: np.random.RandomState, label: np.ndarray | None = None, weights: np.ndarray | None = None
    ) -> RBM:
        """The model that training starts from, visible biases at the base rate of rows (and one-hot labels `[n, C]`)."""
        units = self.columns_.units
        visible = units.fit(compiled.dense(v), weights)
        if label is not None:
            visible = Mixed((visible, Categorical.zeros((label.shape[1],)).fit_base_rate(label, weights)))
        weights = random.normal(0, SCALE, (visible.size, self.n_components))
        return RBM(visible, Binary.zeros(self.n_components), weights)

    def _train(self, X: object, sample_weight: ArrayLike | None, trim_fraction: float = 0.0) -> tuple[Any, np.ndarray | None]:
        """Fit `rbm_` to the rows but for a fraction of them, the unlikeliest as independent columns.

        Returns:
            All rows as those of the model, alike ones merged, and their weights.
        """
        X, weights, _ = drop_weightless(X, sample_weight)
        v, merged, _ = self._read_weighted(X, weights)
        count = count_rows(weights) if weights is not None else v.shape[0] if merged is None else round(merged.sum())
        weights = merged
        self.__dict__.pop("random_state_", None)
        random, whole = check_random_state(self.random_state), (v, weights)
        if trim_fraction:
            units = self.columns_.units
            filled = units.fill_missing(compiled.dense(v), weights)
            likelihood = -np.asarray(units.fit_base_rate(filled, weights).energy(filled))  # ln p but for a constant
            kept = compiled.trim(likelihood, weights, trim_fraction)
            v, weights, count = v[kept.rows], kept.weights, max(1, round(count * (1 - trim_fraction)))
        held_out = held_out_weights = None
        searches = self.early_stopping == "auto" and self._searches(v, count)
        if searches or self.early_stopping is True:
            part, rest = compiled.hold_out_merged(weights, v.shape[0], self.validation_fraction, random)
            count = max(1, round(count * (1 - self.validation_fraction)))
            held_out, held_out_weights, v, weights = v[part.rows], part.weights, v[rest.rows], rest.weights
        rbm = self._start(v, random, weights=weights)
        self.rbm_, self._chains = rbm, None
        self._forget_log_partition(v)
        config = self._config(count, rbm, early_stopping=EARLY_STOPPING if self.early_stopping is True else 0.0)
        if searches:
            updates = max(SEARCH_UPDATES, config.updates or 0)
            derived = TrainConfig.derive(count, rbm, held_out=True, refit=True, updates=updates)
            config = replace(config, updates=updates, early_stopping=derived.early_stopping, search=derived.search, refit=True)
        measure = searches or self.early_stopping is True or bool(self.verbose)
        seed = seed_from(random)
        rows: dict[str, Any] = {"valid": held_out, "weights": weights, "valid_weights": held_out_weights, "expected": True}
        for state in train(rbm, v, config, **rows, seed=seed, measure=measure):
            if self.verbose:
                self._print(state.metrics)
        self.rbm_, self._chains = to_float64(state.rbm), state.estimator
        indices = some_rows(v.shape[0])
        some = compiled.dense(v[indices])
        some = np.where(np.isnan(some), np.nan, rbm.visible.nearest_states(some))
        with contextlib.suppress(InputError):  # a model that nothing can be computed of says so where it is used
            of_some = None if weights is None else weights[indices]
            self._warn_of_no_gain(gain_over_independent(self.rbm_, rbm.visible, some, weights=of_some))
        return whole

    def _searches(self, v: Any, count: int) -> bool:
        """Whether rate, penalty and length are searched: none of them is given, and rows are soon measured exactly."""
        units = self.columns_.units
        rbm = RBM(units, Binary.zeros(self.n_components), np.zeros((units.size, self.n_components)))
        given = {self.learning_rate, self.n_iter, self.minutes, self.gradient} - {"auto", None}
        if given or not isinstance(v, np.ndarray) or count < MIN_ROWS_TO_SPLIT or np.isnan(v).any():
            return False
        return exact.estimate_seconds(rbm) <= CHEAP_SECONDS

    def _warn_of_no_gain(self, gain: Gain) -> None:
        if gain.is_none:
            warnings.warn(
                f"{type(self).__name__} learned nothing: {gain}. Visible units are {self.columns_.visible!r}; try others, "
                "another learning_rate, or a larger n_iter",
                NoGainWarning,
                stacklevel=4,
            )

    def _config(self, rows: int, rbm: RBM, gradient: str | None = None, early_stopping: float = 0.0) -> TrainConfig:
        """The derived settings but for those that the parameters give; a number of updates where no length is given."""
        gradient, epochs = gradient or self.gradient, None if self.n_iter == "auto" else int(self.n_iter)
        given: dict[str, Any] = {"minutes": self.minutes, "early_stopping": early_stopping}
        if epochs is not None and self.minutes is None:
            # A larger batch makes no fewer updates than BernoulliRBM does.
            batches = -(-rows // BATCH) if self.batch_size == "auto" else max(1, rows // min(int(self.batch_size), rows))
            given["updates"] = epochs * batches
        # Rows may hold expected values such as gray levels, which bfloat16 would round.
        given |= {"centered": self._centered, "bfloat16": False}
        if gradient != "auto":
            given["estimator"] = gradient
        if self.learning_rate != "auto":
            given["learning_rate"] = _checks.positive(self.learning_rate, "learning_rate")
        if self.batch_size != "auto":
            given["batch_size"] = min(int(self.batch_size), rows)
        config = TrainConfig.derive(rows, rbm, **given)
        if self.batch_size != "auto" and config.chains is not None:
            config = replace(config, chains=int(self.batch_size))
        if epochs is None and self.minutes is None:
            config = replace(config, minutes=None, updates=max(UPDATES, EPOCHS * (rows // config.batch_size)))
        return config

    def _print(self, metrics: dict[str, float]) -> None:
        known = "".join(
            f", {name.replace('_', ' ')} {metrics[name]:.3f}"
            for name in ("train_log_likelihood", "valid_log_likelihood", "held_out_log_loss")
            if name in metrics
        )
        print(f"[{type(self).__name__}] update {metrics['step']:,.0f}, {metrics['seconds']:.1f} s{known}")  # noqa: T201

    # ---- likelihoods

    def _forget_log_partition(self, v: Any) -> None:
        """Let ln Z be computed anew when it is asked for, with chains that start at some of the rows `v`."""
        self.__dict__.pop("log_partition_", None)
        visible = self.rbm_.visible
        self._start_rows = visible.nearest_states(visible.fill_missing(compiled.dense(v[some_rows(v.shape[0])])))

    def _log_partition(self) -> float:
        """ln Z (nats), computed once: exact, or the Bennett acceptance ratio of a bracket."""
        if "log_partition_" not in vars(self):
            if can_be_exact(self.rbm_):
                value = exact.log_partition(self.rbm_)
                self.log_partition_interval_, self.score_method_ = (value, value), "exact"
            else:
                single = jax.tree.map(np.float32, self.rbm_)
                bracket = bidirectional_ais(
                    single, self._start_rows, runs=RUNS, temperatures=TEMPERATURES, steps=STEPS, rungs=RUNGS
                )
                value = bracket.log_partition
                self.log_partition_interval_, self.score_method_ = (bracket.lower, bracket.upper), bracket.method
                for words in describe_modes(bracket.was_raised, bracket.unvisited):
                    warnings.warn(words, stacklevel=4)
            self.log_partition_ = value
        return float(self.log_partition_)

    def _log_likelihood(self, v: Any, log_z: float) -> np.ndarray:
        """ln p of each row in the data's own units, `[n]` (nats), where ln Z is `log_z`."""
        holes = compiled.has_holes(v)
        values = np.empty(v.shape[0])
        if not holes.all():
            values[~holes] = -compiled.apply(compiled.free_energy, self.rbm_, v[~holes]) - log_z
        if holes.any():
            # In the precision of its training: what is not summed exactly is sampled faster.
            single = jax.tree.map(np.float32, self.rbm_)
            values[holes] = log_prob(single, v[holes], log_partition=log_z, expected=True).value
        return self.columns_.log_density(v) + values


class LikelihoodMixin:
    """ln p(v) of an `RBMEstimator`."""

    def score_samples(self: Any, X: object) -> np.ndarray:
        """ln p(v) of each row, `[n]` (nats; a density in the data's own units where columns are real).

        ln Z is computed once: exact where the model can be enumerated in about ten seconds (`score_method_` is "exact"),
        otherwise by the Bennett acceptance ratio of annealed importance sampling forward and in reverse. Then all scores share
        its uncertainty: `log_partition_interval_` brackets ln Z. `harmonium.evaluate(estimator.rbm_, rows)` brackets it more
        closely, and warns where the interval cannot be trusted.
        """
        return self._log_likelihood(self._read(X), self._log_partition())

    def score(self, X: object, y: object = None, sample_weight: ArrayLike | None = None) -> float:  # noqa: ARG002
        """The mean of `score_samples`, by weights `[n]` if there are any: what a search over parameters maximizes."""
        X, weights, _ = drop_weightless(X, sample_weight)
        return float(np.average(self.score_samples(X), weights=weights))
