"""How a run trains: every setting in one frozen value, and the only defaults there are.

The defaults were measured on MNIST (fixed binarization), nltcs, plants, mushrooms, adult and the digits; the runs are in
benchmarks/RESULTS.md. The settings are few on purpose: everything that did not pay was left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

import optax

from harmonium import _checks, gradients, model
from harmonium import exact as enumeration
from harmonium._numerics import bfloat16_is_native
from harmonium.errors import InputError
from harmonium.gradients import Estimator
from harmonium.model import RBM
from harmonium.training.cost import estimate_update_seconds, exact_cost
from harmonium.training.metrics import EXACT_SECONDS
from harmonium.training.optimizer import gradient_ascent
from harmonium.training.search import SEARCHED, Trial, best_index
from harmonium.training.stopping import Decay

BATCH_SIZE, CHAINS = 200, 500
LEARNING_RATE = 0.3
L1 = 1e-4
WEIGHTS_PER_ROW = 5.0
"""Weights per row from which the penalty is L1; with fewer there is less to overfit."""
EXACT_LEARNING_RATE, EXACT_MOMENTUM = 0.2, 0.9
MAX_EXACT_ROWS = 10_000
MAX_COST_RATIO = 10
FINAL_DECAY, MAX_FINAL_DECAY = 0.9, 0.9
AVERAGE = 0.1
MINUTES, EARLY_STOPPING = 2.0, 1.0
FEW_VALUES, SECONDS_FOR_FEW, MIN_UPDATES_FOR_FEW = 100_000, 4.0, 10_000
"""Of up to so many values (rows x columns) a model whose ln Z is exact is trained for the updates estimated to take so long,
but at least for these."""
OWN = "own"
"""What stands for an estimator or optimizer of your own in JSON."""
ASCENT = ("learning_rate", "momentum", "l1")
"""What an optimizer of your own is given in place of."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The settings of a training run. `derive` fills in what is not given; `dataclasses.replace` changes some.

    Attributes:
        estimator: of the gradient: a name (`exact`, `cd-K`, `pcd-K`, `pt-K`, `ptt-K`) or an `Estimator` of your own.
        centered: follow the centered gradient (`gradients.centered`).
        learning_rate, momentum, l1: of gradient ascent on the mean ln p(v) minus l1 * sum |weights|; None with an
            `optimizer`.
        batch_size: rows of an update, at most all.
        chains: Markov chains of `pcd-K`, `pt-K` and `ptt-K`; otherwise None.
        final_decay: fraction of the run, its last part, in which the learning rate falls linearly to zero. An `optimizer`
            is multiplied by the same factor, whatever its own schedule; `derive` gives it none.
        average: fraction of the run so far that the average of the iterates reaches back; 0 keeps the latest iterate.
        bfloat16: round the factors of the estimator's matrix products to bfloat16; sums and all else stay in float32.
        minutes, epochs, updates: when to stop, exactly one of them. With `minutes` the number of updates is set before the
            final decay, at half time at the latest.
        early_stopping: let the rate fall to zero and end when the best held-out log likelihood is longer ago than this
            fraction of its updates, and keep the best model; 0 never stops early and keeps the last model.
        search: the settings among `learning_rate`, `l1`, `estimator` and `mode_search` that trials may choose by the
            held-out log likelihood when the run with these settings ends early, set apart by spaces
            (`harmonium.training.search`). They need `early_stopping`.
        refit: train the model that is kept once more, as long, on training and held-out rows together; without
            `early_stopping` train on all of them from the start.
        total_updates: with `updates` or `epochs`, the length that `final_decay` is a fraction of, if this run ends before.
        early_decay: first and last update of a decay that early stopping began, to repeat that run.
        mode_search: updates from one search for modes to the next (0: none); chains of `pcd-K` are begun at those that are
            heavier than all that annealing runs meet (`harmonium.training.deep_modes`).
        optimizer: an optax optimizer in place of `learning_rate`, `momentum` and `l1`.

    Raises:
        InputError: a setting is out of range, or two contradict each other.

    Example:
        >>> import harmonium as hm
        >>> rows = [[0, 0, 1, 1], [1, 1, 0, 0]] * 5
        >>> config = hm.TrainConfig.derive(len(rows), hm.initialize(rows, hidden=2), updates=1000)
        >>> config.estimator, config.batch_size, config.updates
        ('exact', 10, 1000)
    """

    estimator: str | Estimator
    centered: bool
    learning_rate: float | None
    momentum: float | None
    l1: float | None
    batch_size: int
    chains: int | None
    final_decay: float
    average: float
    bfloat16: bool
    minutes: float | None = None
    epochs: float | None = None
    updates: int | None = None
    early_stopping: float = 0.0
    search: str = ""
    refit: bool = False
    total_updates: int | None = None
    early_decay: tuple[int, int] | None = None
    mode_search: int = 0
    optimizer: optax.GradientTransformation | None = None

    def __post_init__(self) -> None:
        for name in ("centered", "bfloat16", "refit"):
            _checks.boolean(getattr(self, name), name)
        _checks.integer(self.batch_size, "batch_size")
        for name in ("final_decay", "average"):
            _checks.fraction(getattr(self, name), name)
        _checks.not_negative(self.early_stopping, "early_stopping")
        for name in self.searched:
            _checks.choice(name, SEARCHED, "search")
            if getattr(self, name) is None or not self.early_stopping:
                lacks = f"a {name} to begin with" if self.early_stopping else "early_stopping"
                raise InputError(f"search {self.search!r} needs {lacks}, and there is none")
        _checks.instance(self.estimator, (str, Estimator), "estimator", "a name such as pcd-1 or an Estimator")
        optional = (optax.GradientTransformation, type(None))
        _checks.instance(self.optimizer, optional, "optimizer", "one of optax's or None")
        which = f"estimator {self.estimator}" if isinstance(self.estimator, str) else "an Estimator"
        if _checks.integer(self.mode_search, "mode_search", least=0) and not which.startswith("estimator pcd"):
            raise InputError(f"mode_search must be 0: it is for the estimators pcd-K, by name, and not for {which}")
        if _has_chains(self.estimator):
            _checks.integer(self.chains, "chains")
        elif self.chains is not None:
            raise InputError(f"chains must be left out (None): with {which} it has no effect, but is {self.chains}")
        if self.optimizer is None:
            _checks.in_float32(_checks.positive(self.learning_rate, "learning_rate"), "learning_rate")
            _checks.in_float32(_checks.not_negative(self.l1, "l1"), "l1")
            if _checks.fraction(self.momentum, "momentum") == 1:
                raise InputError("momentum must be below 1: with 1 no step would ever be forgotten")
        else:
            for name in ASCENT:
                if (value := getattr(self, name)) is not None:
                    raise InputError(f"{name} must be left out (None): with an optimizer it has no effect, but is {value}")
        self.make_estimator()
        by_gibbs = not isinstance(self.estimator, str) or self.estimator.startswith(("pcd", "cd"))
        if self.bfloat16 and not by_gibbs:
            raise InputError(f"bfloat16 is for the estimators pcd-K and cd-K, but the estimator is {self.estimator}")
        self._check_length()

    def _check_length(self) -> None:
        lengths = [name for name in ("minutes", "epochs", "updates") if getattr(self, name) is not None]
        if len(lengths) != 1:
            has = " and ".join(lengths) or "none"
            raise InputError(f"exactly one of updates, epochs or minutes must say when to stop, but there is {has}")
        if self.updates is None:
            _checks.positive(getattr(self, lengths[0]), lengths[0])
        else:
            _checks.integer(self.updates, "updates")
        if self.minutes is not None and self.final_decay > MAX_FINAL_DECAY:
            raise InputError(
                f"final_decay must be at most {MAX_FINAL_DECAY} with minutes, whose last update is not known from the start, "
                f"but is {self.final_decay}"
            )
        if self.total_updates is not None:
            _checks.integer(self.total_updates, "total_updates", least=self.updates or 1)
            if self.minutes is not None:
                raise InputError("total_updates goes with updates or epochs; leave it out with minutes")
            if not self.final_decay:
                raise InputError("total_updates must be left out (None): with a final_decay of 0 it has no effect")
        if self.early_decay is not None:
            try:
                first, last = (_checks.integer(update, "early_decay", least=0) for update in self.early_decay)
                sound = first < last
            except (TypeError, ValueError):  # among them InputError
                sound = False
            if not sound:
                raise InputError(
                    f"early_decay must be two numbers of updates, the first before the last, but is {self.early_decay!r}"
                )

    @classmethod
    def derive(
        cls, rows: int, rbm: RBM, *, devices: int = 1, held_out: bool = False, incomplete: bool = False, **given: Any
    ) -> TrainConfig:
        """The settings that suit the number of training rows and the model's size, but for those that are given.

        * The estimator is the exact gradient where the smaller layer has so few states that an update costs no more than some
          ten updates of 200 persistent chains, and otherwise pcd-1: more sweeps or a ladder of temperatures bring less than the
          updates they cost. The exact gradient has no noise to average out, so it takes momentum.
        * An update takes 200 rows: small updates learn faster from the same rows; below 200, passing over the weights takes up
          too much of the time. It takes 500 chains: with 200, long runs ended worse. The rate falls to zero in all
          but the first tenth of the run, and the average over the last tenth of the updates removes the rest of the noise.
        * Several devices take that many rows and chains each: their gain is less noise in every update.
        * The penalty on |weights| is 1e-4 from five weights per row on, and less in proportion below: there is little to
          overfit.
        * Products are rounded to bfloat16 where the hardware multiplies in it and states are whole numbers.
        * A run takes two minutes. With held-out rows it stops early when the best state is half of the run ago, and other
          rates, penalties and estimators, and chains at modes, are tried, unless those are given (`harmonium.training.search`).
          With held-out rows, at most 100,000 training values (rows x columns) and a ln Z that is quickly exact, it has instead
          the number of updates that is estimated to take four seconds, at least 10,000: a small table is soon done, on a busy
          computer by the same updates.

        Args:
            rows: number of training rows.
            rbm: the model to train.
            devices: devices that share rows and chains.
            held_out: whether held-out rows are measured.
            incomplete: whether cells of rows are missing.
            given: settings by name.

        Raises:
            InputError: there is no setting of that name, or as `TrainConfig`.
        """
        _check_names(given)
        rows, devices = _checks.integer(rows, "rows"), _checks.integer(devices, "devices")
        rbm, held_out = model.validate(rbm), _checks.boolean(held_out, "held_out")
        incomplete = _checks.boolean(incomplete, "incomplete")
        given = {name: value for name, value in given.items() if value is not None}
        estimator = given.get("estimator", "exact" if _exact_is_cheap(rbm) else "pcd-1")
        exact = estimator == "exact" if isinstance(estimator, str) else estimator is gradients.exact()
        batch_size = min(rows, MAX_EXACT_ROWS if exact else devices * BATCH_SIZE)
        by_gibbs = isinstance(estimator, str) and estimator.startswith(("pcd", "cd"))
        derived: dict[str, Any] = {
            "estimator": estimator,
            "centered": isinstance(estimator, str),
            "learning_rate": EXACT_LEARNING_RATE if exact else LEARNING_RATE,
            "momentum": EXACT_MOMENTUM if exact else 0.0,
            "l1": L1 * min(1.0, rbm.weights.size / (WEIGHTS_PER_ROW * rows)),
            # Devices take equal numbers of rows, which may leave out a few of all.
            "batch_size": max(devices, batch_size // devices * devices),
            "chains": devices * CHAINS if _has_chains(estimator) else None,
            "final_decay": FINAL_DECAY,
            "average": AVERAGE,
            "bfloat16": by_gibbs and rbm.visible.state_count is not None and bfloat16_is_native(),
        }
        if "optimizer" in given:
            derived |= dict.fromkeys(ASCENT) | {"final_decay": 0.0}
        if held_out and "optimizer" not in given and not given.keys() & {"total_updates", "early_decay"}:
            derived["early_stopping"] = EARLY_STOPPING
            if given.get("early_stopping", EARLY_STOPPING):
                derived["search"] = " ".join(name for name in SEARCHED if name not in given)
        derived |= given
        if not given.keys() & {"minutes", "epochs", "updates"}:
            derived["minutes"] = MINUTES
            are_few = rows * rbm.visible.size <= FEW_VALUES and enumeration.estimate_seconds(rbm) <= EXACT_SECONDS
            if are_few and derived.get("early_stopping"):
                sizes = estimator, derived["batch_size"], derived["chains"], incomplete
                fit_in = round(SECONDS_FOR_FEW / estimate_update_seconds(rbm, *sizes))
                derived |= {"minutes": None, "updates": max(MIN_UPDATES_FOR_FEW, fit_in)}
        return cls(**derived)

    @property
    def searched(self) -> tuple[str, ...]:
        """The settings that trials may choose."""
        return tuple(_checks.instance(self.search, str, "search", "names of settings set apart by spaces").split())

    def make_estimator(self) -> Estimator:
        """The estimator of the gradient; equal settings give the same object."""
        estimator = self.estimator
        if isinstance(estimator, str):
            estimator = gradients.by_name(estimator, self.chains or 1)
        return gradients.centered(estimator) if self.centered else estimator

    def make_optimizer(self) -> optax.GradientTransformation:
        """Gradient ascent at a rate of 1; equal settings give the same object."""
        if self.optimizer is not None:
            return self.optimizer
        return gradient_ascent(float(self.momentum or 0.0))

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON holds them; an estimator or optimizer of your own as `own`."""
        values = dict(vars(self))
        if not isinstance(self.estimator, str):
            values["estimator"] = OWN
        if self.optimizer is not None:
            values["optimizer"] = OWN
        if self.early_decay is not None:
            values["early_decay"] = list(self.early_decay)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """The settings from `values` that `to_dict` wrote.

        Raises:
            InputError: a name is missing or unknown, or as `TrainConfig`; `own` parts cannot be read back.
        """
        values = dict(_checks.instance(values, Mapping, "values", "a dict of settings by name"))
        _check_names(values)
        if absent := [field.name for field in fields(cls) if field.default is MISSING and field.name not in values]:
            raise InputError(f"these are not the settings of a run: {', '.join(absent)} is missing")
        if isinstance(decay := values.get("early_decay"), list):
            values["early_decay"] = tuple(decay)
        return cls(**values)

    def repeat(self, metrics: dict[str, float], trials: Sequence[Trial] = ()) -> TrainConfig | None:
        """The settings that give the same model again, whatever the clock says.

        Args:
            metrics: of the last state of a run with these settings.
            trials: of its search.

        Returns:
            None for a run without an update, or one that diverged: that comes at no fixed update; and for one that held out
            rows of the data itself and did not learn from them in the end.
        """
        best = trials[best_index(trials)] if trials else None
        updates = best.step if best else int(metrics.get("best_step", metrics["step"]))
        if updates == 0 or "lr_reduction" in metrics or ("split" in metrics and not metrics.get("refit")):
            return None
        settings: dict[str, Any] = {"minutes": None, "epochs": None, "updates": updates, "early_stopping": 0.0, "search": ""}
        settings["refit"] = bool(metrics.get("refit"))
        total, decay = metrics.get("total_updates"), None
        if "early_decay_first" in metrics:
            decay = Decay(int(metrics["early_decay_first"]), int(metrics["early_decay_last"]))
        if best is not None:
            settings |= best.settings
            total, decay = best.total_updates, best.early_decay
        if total is None:
            settings["final_decay"] = 0.0  # the run ended before it knew its length, and so before its final decay
        elif self.final_decay and total > updates:
            settings["total_updates"] = int(total)
        if decay is not None:
            settings["early_decay"] = tuple(decay)
        return self.with_settings(settings)

    def with_settings(self, settings: Mapping[str, Any]) -> TrainConfig:
        """With other settings; what another estimator does not take is left out."""
        config = dict(vars(self)) | {name: value for name, value in settings.items() if value != OWN}
        if config["estimator"] != self.estimator:
            config["bfloat16"] = config["bfloat16"] and str(config["estimator"]).startswith(("pcd", "cd"))
        return type(self)(**config)


def _check_names(settings: Mapping[str, object]) -> None:
    names = [field.name for field in fields(TrainConfig)]
    if unknown := sorted(str(name) for name in settings if name not in names):
        near = _checks.suggest(unknown[0], names) or f": use {', '.join(names)}"
        raise InputError(f"there is no setting {', '.join(unknown)}{near}")


def _has_chains(estimator: object) -> bool:
    """Whether a named estimator has chains that persist from update to update."""
    return isinstance(estimator, str) and estimator.startswith(("pcd", "pt"))


def _exact_is_cheap(rbm: RBM) -> bool:
    cost = exact_cost(rbm)
    return cost is not None and cost <= MAX_COST_RATIO * 10 * BATCH_SIZE * rbm.weights.size
