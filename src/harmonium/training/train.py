"""Training: one loop that follows an estimate of the gradient of the mean ln p(v).

All updates between two states run in one compiled loop on the device (`update`), in the memory of its own arrays. The result
depends neither on where the states lie nor on whether the run was stopped and resumed in between.
"""

from __future__ import annotations

import inspect
import itertools
import math
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jaxtyping import Float, PyTree, Shaped
from numpy.typing import ArrayLike

from harmonium import _checks, distributed, model
from harmonium._checks import MAX_COUNT
from harmonium._pytree import named_leaves
from harmonium._types import Key
from harmonium.errors import DivergenceError, InputError, NoGainWarning
from harmonium.gradients import Estimator
from harmonium.gray_levels import Resampled
from harmonium.io.streams import Streamed
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import guess_missing
from harmonium.training.batches import Batches
from harmonium.training.checkpoint import Checkpoint, Progress
from harmonium.training.config import TrainConfig
from harmonium.training.metrics import EXACT_SECONDS, MAX_ROWS, Measurement, Metrics, estimate_update_seconds
from harmonium.training.rows import MIN_ROWS_TO_SPLIT, Rows
from harmonium.training.search import (
    DIVERGED,
    RATE_FACTOR,
    SEARCHED,
    Proposal,
    Trial,
    best_index,
    cost_of,
    propose,
)
from harmonium.training.stopping import NO_DECAY, UPDATE_FRACTION, Budget, Decay, EarlyStopping, looks, rise
from harmonium.training.update import LoopState, Schedule, advance, axes_of, initial_states

if TYPE_CHECKING:
    from harmonium.likelihood import Gain
    from harmonium.training.deep_modes import ModeSearch

T = TypeVar("T")

MAX_GROWTH = 1000.0
"""A parameter larger than this many times 1, or the largest one at the start if that is more, means nothing."""
LR_REDUCTION, MAX_LR_REDUCTIONS = 0.5, 4
"""The factor of the learning rate after each divergence, and how many divergences a run survives."""
ENDINGS = {
    "updates": "all updates were made",
    "no gain": "nothing more was gained on held-out rows",
    "time": "the time was up",
}
"""Why a run ended, in words."""
UPDATES_PER_COPY = 10
"""Updates run at least this many times as long as copying a state takes, which is long for a large model."""


class Kept(NamedTuple):
    """What early stopping keeps of a trial: the `best` model and the `last` that was measured, with ln p of the held-out rows
    under each, and that under the model that rose last, in nats."""

    best: RBM
    best_rows: Float[np.ndarray, " heldout"]
    last: RBM
    last_rows: Float[np.ndarray, " heldout"]
    risen_rows: Float[np.ndarray, " heldout"]


class Found(NamedTuple):
    """The best model of all trials that have ended."""

    found: RBM
    found_rows: Float[np.ndarray, " heldout"]


@dataclass(frozen=True, repr=False)
class TrainState:
    """The state of a training run: NumPy arrays that nothing overwrites.

    Attributes:
        rbm: the model to use, the average of the iterates over the last part of the run (the iterate itself if `average` is 0);
            in a search that of the best trial, as soon as one has ended and this one is not better.
        metrics: numbers by name: `step`, `epoch`, `seconds`, `updates_per_second`, `total_updates` once known, now and then
            those of `Metrics`; after a divergence `diverged_at` (once) and `lr_reduction`, the factor of the learning rate
            since; with a search the number of the `trial`; in the last state of a run with early stopping `best_step`, the
            updates of the best model's trial, and its decay, `early_decay_first` and `_last`. `refit` is 1 where held-out rows
            are learned from too (their mean ln p is then `refit_log_likelihood`), `split` where they were taken from `data`.
        ended: why the run ended, in its last state: a key of `ENDINGS`. None before.
    """

    rbm: RBM
    metrics: dict[str, float]
    ended: str | None
    _reached: LoopState
    _kept: Kept | None
    _found: Found | None
    _progress: Progress
    _rows: Float[np.ndarray, "rows visible"] | None

    def __repr__(self) -> str:
        shown = {name: self.metrics[name] for name in ("train_log_likelihood", "valid_log_likelihood") if name in self.metrics}
        return (
            f"TrainState(step {self.step:,}, {self.rbm!r}{''.join(f', {name} {value:.3f}' for name, value in shown.items())})"
        )

    @property
    def step(self) -> int:
        """Number of updates so far, of all trials."""
        return self._progress.total

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials of the search that have ended."""
        return self._progress.trials

    @property
    def iterate(self) -> RBM:
        """The latest parameters."""
        return self._reached.iterate

    @property
    def optimizer(self) -> PyTree:
        """The optimizer's state."""
        return self._reached.optimizer

    @property
    def estimator(self) -> PyTree:
        """The estimator's state."""
        return self._reached.estimator

    @property
    def checkpoint(self) -> Checkpoint:
        """What the run can be resumed from. Rows with missing cells are completed when it is asked for."""
        arrays = named_leaves(_complete(self._reached, self._rows))
        arrays |= {} if self._kept is None else named_leaves(self._kept)
        arrays |= {} if self._found is None else named_leaves(self._found)
        return Checkpoint(arrays, self._progress)


def fit(
    rbm: RBM,
    data: ArrayLike | Streamed | Resampled,
    config: TrainConfig | None = None,
    *,
    valid: ArrayLike | Streamed | Resampled | None = None,
    weights: ArrayLike | None = None,
    valid_weights: ArrayLike | None = None,
    seed: int = 0,
    mesh: Mesh | None = None,
    expected: bool = False,
    progress: Callable[[TrainState], None] | None = None,
    **settings: Any,
) -> RBM:
    """Train `rbm` on `data` to the end: the model to use.

    Args:
        progress: called with every state. The other arguments are those of `train`.

    Raises:
        InputError, DivergenceError: as `train`.
    """
    rows: dict[str, Any] = {"valid": valid, "weights": weights, "valid_weights": valid_weights, "expected": expected}
    for state in train(rbm, data, config, **rows, seed=seed, mesh=mesh, **settings):
        if progress is not None:
            progress(state)
    return state.rbm


def train(
    rbm: RBM,
    data: ArrayLike | Streamed | Resampled,
    config: TrainConfig | None = None,
    *,
    valid: ArrayLike | Streamed | Resampled | None = None,
    weights: ArrayLike | None = None,
    valid_weights: ArrayLike | None = None,
    seed: int = 0,
    resume: Checkpoint | None = None,
    mesh: Mesh | None = None,
    expected: bool = False,
    measure: bool = True,
    exact_seconds: float = EXACT_SECONDS,
    estimates: bool = True,
    seconds_between_states: float | Callable[[], float] = 1.0,
    updates_between_states: int | None = None,
    **settings: Any,
) -> Iterator[TrainState]:
    """Train `rbm` on `data`, yielding a `TrainState` at the start, about every second, and at the end.

    A run that diverges (a parameter is no sensible number, or all chains are in one state that is no row's) goes back to the
    last state and on at half its learning rate, up to four times.

    Args:
        rbm: where to start (`initialize` makes one). data: `[n, V]` in the domain of the visible units: an array, with NaN for
            missing cells; or, with every cell present, a memory-mapped array or SciPy sparse matrix, read as it is needed; or
            gray levels of which every update draws states anew (`data.resampled`).
        config: how to train; by default what `TrainConfig.derive` derives from the data's size and the model.
        valid: held-out rows `[m, V]`, for metrics, early stopping and the search for settings that are not given
            (`harmonium.training.search`): the last state has the best model, and a number of updates bounds those of all trials
            together. Without them a tenth of 50 rows or more in memory is held out where ln Z is known while training, unless
            `updates`, `epochs`, an `optimizer` or `early_stopping=0` is given; in the end the best trial is repeated on all
            rows (`refit`). Where rows of gray levels are measured, their states are
            drawn once by the seed. weights, valid_weights: of the rows, `[n]` and `[m]`,
            finite numbers of zero or above: every mean over rows is the weighted one. Only their proportions count. Rows of
            weight zero are dropped first, whatever they hold; what is derived from the number of rows is so from that of the
            others. seed: of every random number.
        resume: a state's checkpoint to go on from, with everything else as it was; settings that are not given are the
            checkpoint's. On the same computer the run goes on bit for bit as if it had not been stopped.
        mesh: devices that share the rows and chains of an update (`distributed.make_mesh`), by default one. The random numbers
            are those of one device. If the devices belong to several processes, each of these makes the same calls.
        expected: rows may hold expected values of the visible units, such as gray levels as probabilities of binary ones.
        measure: measure the models. exact_seconds: the log likelihood is exact where one value takes no longer. estimates:
            estimate it elsewhere, in runs of more than some seconds.
        seconds_between_states: or a function that is asked after every state. updates_between_states: a number of updates
            instead, so that the states do not depend on the clock.
        settings: of `TrainConfig`, by name: `updates=1000`, `learning_rate=0.1`, ...

    Warns:
        NoGainWarning: at the end, the training rows are no likelier than under independent units (`gain_over_independent`).

    Raises:
        InputError: at the call, not at the first state: an argument is out of range or of the wrong shape, the rows
            have no value or are all alike, or the checkpoint is another run's.
        DivergenceError: the run diverged once more.
    """
    model.validate(rbm)
    _checks.instance(config, (TrainConfig, type(None)), "config", "a harmonium.TrainConfig or None")
    _checks.instance(resume, (Checkpoint, type(None)), "resume", "a harmonium.training.Checkpoint or None")
    for name, value in (("expected", expected), ("measure", measure), ("estimates", estimates)):
        _checks.boolean(value, name)
    _checks.positive(exact_seconds, "exact_seconds")
    if updates_between_states is not None:
        _checks.integer(updates_between_states, "updates_between_states")
    if not callable(seconds_between_states):
        _checks.positive(seconds_between_states, "seconds_between_states")
    devices = distributed.row_shards(mesh)
    seed = _checks.seed(seed)
    if valid is None and valid_weights is not None:
        raise InputError("valid_weights must be left out (None): there are no held-out rows; give valid too")
    rows, held_out = Rows.read(rbm, data, weights, ("data", "weights"), expected, MAX_ROWS, (seed, 0)), None
    is_resampled = isinstance(rows.rows, Resampled)
    if not is_resampled and 1 < len(rows.rows) == len(rows.sample) and (rows.sample == rows.sample[0]).all():
        raise InputError(f"data has {len(rows.rows)} rows, all of them alike: there is nothing to learn from them")
    if valid is not None:
        names = "valid", "valid_weights"
        held_out = Rows.read(rbm, valid, valid_weights, names, expected, MAX_ROWS, (seed, 1))
    of_run = {"rows": len(rows.rows), "seed": seed, "weights": _fingerprint(rows.weights), "resampled": is_resampled}
    of_run |= {"held_out": None if held_out is None else _fingerprint(held_out.sample)}
    is_given = config is not None
    if config is not None:
        config = TrainConfig.from_dict(vars(config) | settings)
    elif resume is not None:
        earlier = {name: value for name, value in resume.progress.settings.items() if name not in of_run}
        config = TrainConfig.from_dict(earlier | {name: value for name, value in settings.items() if value is not None})
    else:
        holds_out = measure and (valid is not None or _splits(rows, settings))
        if holds_out and valid is None:
            settings = {"refit": True} | settings
        config = TrainConfig.derive(len(rows.rows), rbm, devices=devices, held_out=holds_out, **settings)
    if config.early_stopping and not measure:
        raise InputError("early_stopping needs held-out rows that are measured: leave out measure=False")
    if config.refit and not (rows.is_in_memory and (held_out is None or held_out.is_in_memory)):
        raise InputError("refit must be False where rows are read as they are needed, or drawn anew from gray levels")
    update_seconds = estimate_update_seconds(rbm, config.batch_size)
    run_seconds = _run_seconds(config, update_seconds)
    takes_all, is_split, whole = config.batch_size >= len(rows.rows), False, None
    if config.early_stopping and held_out is None:
        if not rows.is_in_memory or len(rows.rows) < MIN_ROWS_TO_SPLIT:
            raise InputError(f"early_stopping needs held-out rows: give valid, or at least {MIN_ROWS_TO_SPLIT} rows in memory")
        unsplit, is_split = rows, True
        whole = lambda: unsplit  # noqa: E731
        rows, held_out = rows.split(seed)
    elif config.refit and held_out is not None:
        whole = partial(rows.join, held_out)
        if not config.early_stopping:
            rows, held_out = whole(), None
    measuring = partial(Metrics, rbm, exact_seconds, estimates, measure, mesh, run_seconds)
    metrics = measuring(rows, held_out)
    if is_split and not metrics.knows_log_partition:
        if is_given:
            raise InputError("early_stopping must be 0: ln Z of this model is not known while it is trained")
        # Held-out rows would serve for nothing.
        config = replace(config, early_stopping=0.0, search="", refit=False)
        rows, is_split, whole = unsplit, False, None
        metrics = measuring(rows, None)
    _check_gradient(rbm, config.make_estimator(), rows.sample[:1], None if rows.weights is None else rows.weights[:1])
    # Training is in float32, whatever the leaves came as.
    with np.errstate(over="ignore"):
        rbm = model.validate(jax.tree.map(lambda leaf: np.array(leaf, dtype=np.float32), rbm))
    limit = MAX_GROWTH * max(1.0, *(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(rbm)))
    make_batches = partial(_batches, rbm, None if takes_all else config.batch_size, seed, expected, mesh)
    batches, refit = make_batches(rows), whole if config.refit and config.early_stopping else None
    run = _Run(rbm, config, rows, batches, metrics, mesh, seed, limit, update_seconds, is_split, refit, make_batches)
    return _loop(*run.begin(resume, config.to_dict() | of_run), seconds_between_states, updates_between_states)


def _splits(rows: Rows, settings: Mapping[str, Any]) -> bool:
    """Whether rows are held out by default. A number of updates asks for just these, of all rows."""
    asked = any(settings.get(name) is not None for name in ("updates", "epochs", "optimizer"))
    return not asked and settings.get("early_stopping") != 0 and rows.is_in_memory and len(rows.rows) >= MIN_ROWS_TO_SPLIT


def _batches(rbm: RBM, size: int | None, seed: int, expected: bool, mesh: Mesh | None, rows: Rows) -> Batches:
    """The batches of `size` rows, or of all; as many as devices can share equally."""
    given, devices, count = rows.rows, distributed.row_shards(mesh), size
    if count is None or count > len(given):
        count = max(devices, len(given) // devices * devices)
    if rows.weights is not None and isinstance(given, Streamed) and count == len(given) == len(rows.sample):
        given = rows.sample  # all rows of an update are weighed, not drawn: those are in memory
    return Batches(given, rbm.visible, count, seed, expected, mesh, rows.weights)


def _run_seconds(config: TrainConfig, update_seconds: float) -> float:
    """About how long a run takes, whatever this computer's speed; infinite where only its number of epochs is known."""
    if config.minutes is not None:
        return 60 * config.minutes
    return math.inf if config.updates is None else config.updates * update_seconds


def _fingerprint(values: np.ndarray | None) -> str | None:
    """What tells rows, or their weights, from others."""
    return None if values is None else f"of CRC-32 {zlib.crc32(np.ascontiguousarray(values).tobytes()):08x}"


def _check_gradient(
    rbm: RBM, estimator: Estimator, v: Shaped[np.ndarray, "1 visible"], weights: Float[np.ndarray, " 1"] | None
) -> None:
    """Trace the gradient without computing it: a model too large for the estimator is refused here, not at the first update."""
    state = jax.eval_shape(estimator.init, jax.random.key(0), rbm)
    rows = (v.astype(np.float32),) if weights is None else (v.astype(np.float32), weights.astype(np.float32))
    if len(rows) > 1:
        try:
            inspect.signature(estimator.gradient).bind(None, rbm, state, *rows)
        except TypeError as error:
            raise InputError(
                "the estimator's gradient must take the weights of the rows as a fifth argument, weights=None, but does not"
            ) from error
    jax.eval_shape(estimator.gradient, jax.random.key(0), rbm, state, *rows)


@dataclass(frozen=True)
class _Run:
    """What stays the same during a trial; `config` has the trial's settings.

    `limit`: the absolute value beyond which a parameter means nothing. `update_seconds`: what an update is estimated to take.
    `is_split`: rows were held out here. `whole`: training and held-out rows together, for a refit. `make_batches`: of rows.
    """

    rbm: RBM
    config: TrainConfig
    rows: Rows
    batches: Batches
    metrics: Metrics
    mesh: Mesh | None
    seed: int
    limit: float
    update_seconds: float
    is_split: bool
    whole: Callable[[], Rows] | None
    make_batches: Callable[[Rows], Batches]

    @property
    def incomplete(self) -> Float[np.ndarray, "rows visible"] | None:
        """The training rows, if cells of theirs are missing."""
        return self.rows.incomplete

    @cached_property
    def keys(self) -> tuple[Key, Key]:
        """Of the start, and of the updates."""
        init_key, key = jax.random.split(key_of(self.seed))
        return init_key, key

    @cached_property
    def mode_search(self) -> ModeSearch:
        """The search for modes that the chains do not visit."""
        from harmonium.training.deep_modes import ModeSearch  # SciPy takes half a second to import

        return ModeSearch(self.rbm, self.rbm.visible.fill_missing(self.rows.sample), self.mesh)

    def begin(
        self, resume: Checkpoint | None, settings: dict[str, Any]
    ) -> tuple[_Run, LoopState, Progress, Kept | None, Found | None]:
        """Where the run or its rest begins: the trial, its state on the devices, the progress, and what is kept so far."""
        if resume is None:
            return self, self.start(), Progress(settings, self._budget(), **self._stopping()), None, None
        progress = resume.progress
        for name, now in settings.items():
            if (before := progress.settings.get(name, now)) != now:
                raise InputError(f"the run began with {name} {before}, but {now} is given: resume it with its own settings")
        run = replace(self, config=self.config.with_settings(progress.trial))
        run = run.with_all_rows() if progress.is_refit else run
        state = resume.tree(run.start())
        if int(state.step) != progress.step:
            raise InputError(f"the checkpoint contradicts itself: its arrays are of update {state.step}, not {progress.step}")
        rows, kept, found = np.zeros(self.metrics.held_out_rows), None, None
        if progress.early_stopping is not None and progress.early_stopping.best_step is not None:
            kept = resume.tree(Kept(self.rbm, rows, self.rbm, rows, rows))
        if progress.trials:
            found = resume.tree(Found(self.rbm, rows))
        return run, run.place(state), progress, kept, found

    def start(self) -> LoopState:
        """The state before the first update."""
        config, rbm, init_key = self.config, self.rbm, self.keys[0]
        # Two copies, because the updates overwrite each.
        iterate, average = (distributed.place(rbm, model.logical_axes(rbm), self.mesh) for _ in range(2))
        optimizer_state, estimator_state = initial_states(init_key, iterate, config.make_estimator(), config.make_optimizer())
        completed = None
        if self.incomplete is not None:
            completed = guess_missing(jax.random.fold_in(init_key, 1), rbm, self.incomplete)
        state = LoopState(jnp.int32(0), iterate, average, optimizer_state, estimator_state, completed)
        return state if self.mesh is None else self.place(state)

    def _stopping(self) -> dict[str, Any]:
        config = self.config
        early_stopping = EarlyStopping(config.early_stopping) if config.early_stopping else None
        return {"early_stopping": early_stopping, "early_decay": config.early_decay and Decay(*config.early_decay)}

    def conclude(
        self, progress: Progress, good: LoopState, kept: Kept, found: Found | None, why: str
    ) -> tuple[Progress, Found]:
        """The progress with the trial that has ended, and the best model of all."""
        stopping = progress.early_stopping
        assert stopping is not None
        assert stopping.best_step is not None
        is_best = stopping.is_worse or stopping.last_step != progress.step
        value, step, metrics = stopping.value, stopping.last_step, stopping.last_metrics
        if is_best:
            value, step, metrics = stopping.best_value, stopping.best_step, stopping.best_metrics
        settings = {name: self.config.to_dict()[name] for name in SEARCHED}
        decay = progress.early_decay if self.config.early_decay is None else None
        made = stopping.last_step if why == DIVERGED else progress.step
        total, left_out = progress.budget.total_updates, stopping.left_modes_out
        trial = Trial(settings, made, why, step, value, metrics, total, decay, left_out)
        trials = (*progress.trials, trial)
        if found is None or best_index(trials) == len(trials) - 1:
            found = Found(kept.best, kept.best_rows) if is_best else Found(good.average, kept.last_rows)
        return replace(progress, trials=trials), found

    def left(self, progress: Progress) -> int:
        """About how many updates the time allowed still has room for."""
        if progress.budget.seconds is None:
            return (self._budget().last or 0) - progress.total
        rest = progress.budget.seconds - progress.seconds
        return int(UPDATE_FRACTION * rest * progress.total / max(progress.seconds, 1e-9))

    def next_trial(self, progress: Progress, proposal: Proposal) -> tuple[_Run, Progress] | None:
        """The trial that is proposed, if time is left for it, and then for a refit."""
        budget, config, left = progress.budget, self.config, self.left(progress)
        earlier = sum(trial.updates for trial in progress.trials)
        if budget.seconds is not None:
            left -= 0 if self.whole is None else progress.trials[best_index(progress.trials)].step
            left = left * cost_of(vars(config)) // cost_of(proposal.settings)
        updates = min(proposal.updates, left)
        if updates < proposal.least:
            return None
        run = replace(self, config=config.with_settings(proposal.settings))
        budget = replace(budget, last=updates, total_updates=updates)
        trial = {name: value for name, value in proposal.settings.items() if progress.settings.get(name) != value}
        begun = Progress(
            progress.settings, budget, seconds=progress.seconds, earlier=earlier, trials=progress.trials, trial=trial
        )
        return run, replace(begun, **run._stopping())

    def refit(self, progress: Progress) -> tuple[_Run, Progress] | None:
        """The best trial on all rows, if that is asked for and has not been done."""
        best = progress.trials[best_index(progress.trials)]
        if self.whole is None or not best.step or (progress.budget.seconds is not None and self.left(progress) < best.step):
            return None
        trial = best.settings | {"early_stopping": 0.0, "search": ""}
        # It is not cut off: part of it would be another model.
        budget = replace(progress.budget, seconds=None, last=best.step, total_updates=best.total_updates)
        begun = Progress(progress.settings, budget, seconds=progress.seconds, early_decay=best.early_decay, trial=trial)
        earlier = sum(each.updates for each in progress.trials)
        run = replace(self, config=self.config.with_settings(trial)).with_all_rows()
        return run, replace(begun, earlier=earlier, trials=progress.trials, is_refit=True)

    def with_all_rows(self) -> _Run:
        """The run on training and held-out rows together."""
        if self.whole is None:
            raise InputError("the checkpoint is of a run that trained on held-out rows too: resume it with those")
        self.batches.close()
        rows = self.whole()
        return replace(self, rows=rows, batches=self.make_batches(rows))

    def looks(self, step: int) -> Iterator[int]:
        """The numbers of updates beyond `step` at which the model is measured."""
        seconds = self.metrics.look_seconds
        if seconds is None:
            return itertools.repeat(MAX_COUNT)
        return (look for look in looks(seconds, self.update_seconds) if look > step)

    def measure(self, progress: Progress, good: LoopState, kept: Kept | None, speed: float) -> tuple[Progress, Kept | None]:
        """The progress with the metrics of a state, and what is kept now."""
        measurement = self.metrics.measure(good.average, good.estimator)
        progress, kept = self.observe(progress, measurement, good.average, kept)
        if progress.is_refit:  # these rows are not held out any more
            metrics = dict(progress.metrics)
            metrics["refit_log_likelihood"] = metrics.pop("valid_log_likelihood")
            metrics.pop("free_energy_gap")
            progress = replace(progress, metrics=metrics)
        return replace(progress, metrics=self.measurements(progress, progress.metrics, speed)), kept

    def observe(
        self, progress: Progress, measurement: Measurement, average: RBM, kept: Kept | None
    ) -> tuple[Progress, Kept | None]:
        """The progress after a measurement of the model `average`, and what is kept now."""
        rows, before = measurement.held_out, progress.early_stopping
        # Each process has its own rounding.
        metrics = self.agree(measurement.metrics)
        risen = self.agree(None if kept is None else rise(rows, kept.risen_rows, self.metrics.held_out_weights))
        progress = replace(progress, metrics=metrics)
        if before is None or rows is None:
            return progress, kept
        now = before.observe(progress.step, metrics, risen)
        if now.best_step is not None and now.last_step == progress.step:
            if kept is None:
                kept = Kept(average, rows, average, rows, rows)
            best, best_rows = kept.best, kept.best_rows
            if now.best_step != before.best_step:
                best, best_rows = (average, rows) if now.best_step == progress.step else (kept.last, kept.last_rows)
            kept = Kept(best, best_rows, average, rows, rows if now.risen_step == progress.step else kept.risen_rows)
        return replace(progress, early_stopping=now), kept

    def _budget(self) -> Budget:
        config = self.config
        last = config.updates
        if config.epochs is not None:
            last = max(1, round(config.epochs * self.batches.per_epoch))
        seconds = None if config.minutes is None else 60 * config.minutes
        return Budget(seconds, config.final_decay, last, config.total_updates or last)

    def place(self, state: LoopState) -> LoopState:
        """A copy of a state on the devices."""
        return distributed.place(state, axes_of(state, self.config.make_optimizer()), self.mesh)

    def advance(self, state: LoopState, step: int, stop: int, schedule: Schedule) -> tuple[LoopState, bool]:
        """The state after all updates from `step` to `stop`, and whether its parameters are sensible numbers."""
        sound: Array | bool = True
        spacing = self.config.mode_search
        while step < stop:
            window, first, end = self.batches.window_of(step)
            count = min(stop, end, step - step % spacing + spacing if spacing else MAX_COUNT) - step
            state, sound = advance(
                state,
                window,
                jnp.int32(first),
                jnp.int32(count),
                schedule,
                estimator=self.config.make_estimator(),
                optimizer=self.config.make_optimizer(),
                bfloat16=self.config.bfloat16,
                mesh=self.mesh,
            )
            step += count
            if spacing and step % spacing == 0 and sound:
                key = jax.random.fold_in(jax.random.fold_in(self.keys[0], 2), step)
                estimator = self.mode_search.begin_chains(key, distributed.to_host(state.iterate), state.estimator)
                state = state._replace(estimator=estimator)
        return state, bool(sound)

    def agree(self, value: T) -> T:
        """The first process's value, if several processes train together."""
        return value if self.mesh is None else distributed.broadcast(value)

    def schedule(self, progress: Progress) -> Schedule:
        """What the next updates depend on besides their rows."""
        first, last = progress.early_decay or NO_DECAY
        return Schedule(
            key=self.keys[1],
            learning_rate=jnp.float32(1.0 if self.config.learning_rate is None else self.config.learning_rate),
            l1=jnp.float32(self.config.l1 or 0.0),
            total_updates=jnp.int32(progress.budget.total_updates or 0),
            final_decay=jnp.float32(self.config.final_decay),
            early_decay=Decay(jnp.int32(first), jnp.int32(last)),
            lr_scale=jnp.float32(LR_REDUCTION**progress.lr_reductions),
            average=jnp.float32(self.config.average),
            limit=jnp.float32(self.limit),
        )

    def measurements(self, progress: Progress, measured: dict[str, float], speed: float) -> dict[str, float]:
        """The metrics of a state."""
        metrics = {
            "step": float(progress.total),
            "epoch": progress.step / self.batches.per_epoch,
            "seconds": progress.seconds,
            "updates_per_second": speed,
        }
        if progress.budget.total_updates is not None:
            metrics["total_updates"] = float(progress.budget.total_updates)
        if self.config.search:
            metrics["trial"] = len(progress.trials) + 1.0
        if progress.is_refit or (self.config.refit and not self.config.early_stopping):
            metrics["refit"] = 1.0
        if self.is_split:
            metrics["split"] = 1.0
        if progress.lr_reductions:
            metrics["lr_reduction"] = LR_REDUCTION**progress.lr_reductions
        return metrics | measured


def _loop(
    run: _Run,
    state: LoopState,
    progress: Progress,
    kept: Kept | None,
    found: Found | None,
    seconds_between_states: float | Callable[[], float],
    updates_between_states: int | None,
) -> Iterator[TrainState]:
    """The loop: updates, a look at the model, decisions, a state.

    The updates overwrite `state`; `good` is the copy on the host of the state that was yielded last. What depends on a clock is
    the first process's.
    """
    good, copying = _copy(state, run.incomplete)
    began = time.monotonic() - progress.seconds
    ended = progress.budget.is_over(progress.step, progress.seconds)
    if not progress.metrics:
        progress, kept = run.measure(progress, good, kept, 0.0)
    yield _train_state(run, good, kept, found, progress, _ending(run, progress) if ended else None)

    speed, count, timed_updates, timed_seconds = 0.0, updates_between_states or 1, 0, 0.0
    is_first = True
    upcoming = run.looks(progress.step)
    look = next(upcoming)
    try:
        while not ended:
            # 1. Updates.
            step = progress.step
            stop = min(step + count, look, progress.budget.last or MAX_COUNT)
            before = time.monotonic()
            state, sound = run.advance(state, step, stop, run.schedule(progress))
            taken = time.monotonic() - before
            reached, copying = _copy(state, run.incomplete)
            # Chains are judged where a model is measured if trials depend on it: other states come by the clock.
            judges = stop == look or not run.config.search
            diverged = run.agree(not sound or (judges and run.metrics.chains_collapsed(reached.estimator)))

            # 2. A run that diverged goes back to the last state, and on at half its learning rate; a trial ends.
            ends = progress.is_refit or ("learning_rate" in run.config.searched and kept is not None)
            if diverged and not ends:
                progress = replace(progress, step=int(good.step), lr_reductions=progress.lr_reductions + 1)
                if progress.lr_reductions > MAX_LR_REDUCTIONS:
                    raise _divergence(step, stop, sound, LR_REDUCTION**MAX_LR_REDUCTIONS)
                state = run.place(_complete(good, run.incomplete))
                progress = replace(progress, metrics=run.measurements(progress, {}, speed))
                yield _train_state(run, good, kept, found, progress, None, diverged_at=stop)
                continue

            # 3. How long the run goes on. The first call is mostly compilation: it says nothing about speed.
            elapsed, taken = run.agree([time.monotonic() - began, taken])
            if not is_first:
                timed_updates, timed_seconds = timed_updates + stop - step, timed_seconds + taken
            budget = progress.budget.settle(stop, elapsed, timed_updates, timed_seconds)
            over = diverged or budget.is_over(stop, elapsed)
            progress = replace(progress, step=int(good.step) if diverged else stop, seconds=elapsed, budget=budget)
            if is_first and not over and stop < look:
                is_first = False
                continue
            is_first, speed = False, (stop - step) / taken

            # 4. How good the model is, and whether that was better before.
            if not diverged:
                good = reached
            if (stop == look or over) and not diverged:
                progress, kept = run.measure(progress, good, kept, speed)
            else:
                progress = replace(progress, metrics=run.measurements(progress, {}, speed))
            stopping = progress.early_stopping
            why = DIVERGED if diverged else _ending(run, progress)
            if stopping is not None and stop == look:
                # Decided where a model was measured, and so not by the clock.
                decay = stopping.decay(stop) if progress.early_decay is None else None
                if stopping.has_fallen:
                    over, why = True, "no gain"
                    progress = replace(progress, budget=replace(budget, last=stop))
                elif decay is not None and decay.last < (budget.last or MAX_COUNT):
                    progress = replace(progress, early_decay=decay, budget=replace(budget, last=decay.last))

            # 5. What to try next, if the model no longer gets better.
            ended = over
            if over and kept is not None and (run.config.search or run.whole is not None):
                was_first = not progress.trials
                is_cut = why in ("time", "updates")
                progress, found = run.conclude(progress, good, kept, found, why if was_first or not is_cut else "its length")
                trial = None
                # The reduced rate of a run that diverged is no setting, so other trials and a refit could not be repeated.
                if not (was_first and is_cut) and not progress.lr_reductions:
                    proposal = propose(progress.trials, run.config.searched, run.metrics.is_exact)
                    trial = None if proposal is None else run.next_trial(progress, proposal)
                    why = "no gain" if proposal is None else "updates" if progress.budget.seconds is None else "time"
                    if trial is None and diverged and not progress.trials[best_index(progress.trials)].step:
                        raise _divergence(step, stop, sound, RATE_FACTOR ** (1 - len(progress.trials)))
                    trial = trial or run.refit(progress)
                if trial is not None:
                    (run, progress), ended = trial, False
                    state = run.start()
                    good, copying = _copy(state, run.incomplete)
                    progress, kept = run.measure(progress, good, None, speed)
                    is_first, upcoming = True, run.looks(0)
                    look = next(upcoming)
            if ended and (stopping is not None or progress.is_refit):
                why = "no gain" if progress.is_refit else why
                progress = replace(progress, metrics=_metrics_at_end(stopping, progress, diverged))
            reached_state = _train_state(run, good, kept, found, progress, why if ended else None)
            if ended:
                _warn_of_no_gain(run.metrics.gain(reached_state.rbm, reached_state.metrics))
            yield reached_state

            # 6. How many updates fit in until the next state.
            if progress.step == look:
                look = next(upcoming)
            wanted = seconds_between_states() if callable(seconds_between_states) else seconds_between_states
            elapsed, wanted = run.agree([time.monotonic() - began, max(wanted, UPDATES_PER_COPY * copying)])
            count = updates_between_states or max(1, int(min(speed * progress.budget.limit(wanted, elapsed), 8 * count)))
    finally:
        run.batches.close()


def _copy(state: LoopState, rows: Float[np.ndarray, "rows visible"] | None) -> tuple[LoopState, float]:
    """Copies of the arrays on the host, since the next updates overwrite them, and the seconds that this took.

    Args:
        rows: with missing cells, if any is; of the completed rows only the values of those cells are copied, as a vector.
    """
    before = time.monotonic()
    copied = distributed.to_host(state)
    if rows is not None:
        copied = copied._replace(completed=np.asarray(copied.completed)[np.isnan(rows)])
    return copied, time.monotonic() - before


def _complete(copied: LoopState, rows: Float[np.ndarray, "rows visible"] | None) -> LoopState:
    """The copy of a state, with whole rows."""
    if rows is None:
        return copied
    completed = np.array(rows, np.float32)
    completed[np.isnan(rows)] = copied.completed
    return copied._replace(completed=completed)  # type: ignore[arg-type]


def _train_state(
    run: _Run,
    good: LoopState,
    kept: Kept | None,
    found: Found | None,
    progress: Progress,
    why: str | None,
    diverged_at: int | None = None,
) -> TrainState:
    stopping, rbm, metrics = progress.early_stopping, good.average, dict(progress.metrics)
    if found is not None:
        best = progress.trials[best_index(progress.trials)]
        is_better = why is None and stopping is not None and stopping.value >= best.value
        rbm = rbm if is_better or (why is not None and "refit" in metrics) else found.found
    elif why is not None and stopping is not None and stopping.is_worse and kept is not None:
        rbm = kept.best
    if diverged_at is not None:
        metrics["diverged_at"] = float(diverged_at)
    return TrainState(rbm, metrics, why, good, kept, found, progress, run.incomplete)


def _ending(run: _Run, progress: Progress) -> str:
    """Why the run ends where it does."""
    decay = progress.early_decay if run.config.early_decay is None else None
    if decay is not None and progress.step >= decay.last:
        return "no gain"
    return "updates" if progress.budget.seconds is None else "time"


def _warn_of_no_gain(gain: Gain | None) -> None:
    if gain is not None and gain.is_none:
        remedy = "try another learning_rate, more updates, or an estimator that mixes better, such as pt-10"
        warnings.warn(f"{gain}; {remedy}", NoGainWarning, stacklevel=3)


def _metrics_at_end(early_stopping: EarlyStopping | None, progress: Progress, diverged: bool) -> dict[str, float]:
    """The metrics of the model that the run ends with, and the decay that repeats its run."""
    metrics, decay = dict(progress.metrics), progress.early_decay
    if progress.trials:
        best = progress.trials[best_index(progress.trials)]
        decay = best.early_decay
        # A comparison with NaN is false.
        if diverged or not metrics.get("refit_log_likelihood", -math.inf) >= best.value:
            # There is no refit, or it has made the rows that it learned from besides less likely than they were before.
            metrics = {name: value for name, value in metrics.items() if not name.startswith("refit")} | best.metrics
        metrics["best_step"] = float(best.step)
    elif early_stopping is not None and early_stopping.best_step is not None:
        is_worse = early_stopping.is_worse
        metrics |= early_stopping.best_metrics if is_worse else {}
        metrics["best_step"] = float(early_stopping.best_step if is_worse else progress.step)
    if decay is None:
        return metrics
    return metrics | {"early_decay_first": float(decay.first), "early_decay_last": float(decay.last)}


def _divergence(step: int, stop: int, sound: bool, slowest: float) -> DivergenceError:
    why = "all chains are in one state, which is no row's" if sound else "a parameter is no longer a sensible number"
    return DivergenceError(
        f"training diverged between updates {step} and {stop}, at {slowest:.3g} of its learning rate "
        f"too: {why}; lower the rate (and standardize columns of real values, if there are any)"
    )
