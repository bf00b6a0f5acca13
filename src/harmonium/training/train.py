"""Training: one loop that follows an estimate of the gradient of the mean ln p(v).

All updates between two states run in one compiled loop on the device (`update`), in the memory of its own arrays. The result
depends neither on where the states lie nor on whether the run was stopped and resumed in between.
"""

from __future__ import annotations

import inspect
import math
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, PyTree, Shaped
from numpy.typing import ArrayLike

from harmonium import _checks, distributed, model
from harmonium._checks import MAX_COUNT
from harmonium._pytree import named_leaves
from harmonium.errors import DivergenceError, InputError, NoGainWarning
from harmonium.gradients import Estimator
from harmonium.gray_levels import Resampled
from harmonium.io.streams import Streamed
from harmonium.model import RBM
from harmonium.training.checkpoint import Checkpoint, Progress
from harmonium.training.config import TrainConfig
from harmonium.training.cost import estimate_update_seconds
from harmonium.training.metrics import EXACT_SECONDS, MAX_ROWS, Metrics
from harmonium.training.rows import MIN_ROWS_TO_SPLIT, Rows
from harmonium.training.run import LR_REDUCTION, Found, Kept, Run, batches_of
from harmonium.training.search import (
    CUT_OFF,
    DIVERGED,
    RATE_FACTOR,
    Trial,
    best_index,
    propose,
)
from harmonium.training.stopping import RAISED, EarlyStopping
from harmonium.training.update import LoopState

if TYPE_CHECKING:
    from harmonium.likelihood import Gain

T = TypeVar("T")

MAX_GROWTH = 1000.0
"""A parameter larger than this many times 1, or the largest one at the start if that is more, means nothing."""
MAX_LR_REDUCTIONS = 4
"""Divergences that a run survives."""
ENDINGS = {
    "updates": "all updates were made",
    "no gain": "nothing more was gained on held-out rows",
    "time": "the time was up",
}
"""Why a run ended, in words."""
UPDATES_PER_COPY = 10
"""Updates run at least this many times as long as copying a state takes, which is long for a large model."""


@dataclass(frozen=True, repr=False)
class TrainState:
    """The state of a training run: NumPy arrays that nothing overwrites.

    Attributes:
        rbm: the model to use, the average of the iterates over the last part of the run (the iterate itself if `average` is
            0); in a search that of the best trial, as soon as one has ended and this one is not better.
        metrics: numbers by name: `step`, `epoch`, `seconds`, `updates_per_second`, `total_updates` once known, now and then
            those of `Metrics`; after a divergence `diverged_at` (once) and `lr_reduction`, the factor of the learning rate
            since; with a search the number of the `trial`; in the last state of a run with early stopping `best_step`, the
            updates of the best model's trial, and its decay, `early_decay_first` and `_last`. `refit` is 1 where held-out
            rows are learned from too (their mean ln p is then `refit_log_likelihood`) and 0 where that made them less
            likely and is not kept, `split` where they were taken from `data`.
        ended: why the run ended, in its last state: a key of `ENDINGS`. None before.

    Example:
        >>> import harmonium as hm
        >>> rows = [[0, 0, 1, 1], [1, 1, 0, 0]] * 5
        >>> first = next(hm.train(hm.initialize(rows, hidden=2), rows, updates=100, measure=False))
        >>> isinstance(first, hm.TrainState), first.step, first.rbm.weights.shape
        (True, 0, (4, 2))
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
        rbm, data, config, valid, weights, valid_weights, seed, mesh, expected: as `train` takes them.
        progress: called with every state.
        settings: of `TrainConfig`, by name.

    Raises:
        InputError, DivergenceError: as `train`.

    Example:
        >>> import harmonium as hm
        >>> rows = [[0, 0, 1, 1], [1, 1, 0, 0]] * 5
        >>> rbm = hm.fit(hm.initialize(rows, hidden=2), rows, updates=100)
        >>> bool(hm.evaluate(rbm, rows).mean > -2)
        True
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
        rbm: where to start (`initialize` makes one).
        data: `[n, V]` in the domain of the visible units: an array, with NaN for missing cells; or, with every cell
            present, a memory-mapped array or SciPy sparse matrix, read as it is needed; or gray levels of which every
            update draws states anew (`data.resampled`).
        config: how to train; by default what `TrainConfig.derive` derives from the data's size and the model.
        valid: held-out rows `[m, V]`, for metrics, early stopping and the search for settings that are not given
            (`harmonium.training.search`): the last state has the best model, and a number of updates bounds those of all
            trials together. Without them a tenth of 50 rows or more in memory (20 rows or a quarter, if there are fewer
            than 200) is held out where ln Z is known while training, unless `updates`, `epochs`, an `optimizer` or
            `early_stopping=0` is given; in the end the best trial is repeated on all rows (`refit`). Where rows of gray
            levels are measured, their states are drawn once by the seed.
        weights, valid_weights: of the rows, `[n]` and `[m]`, finite numbers of zero or above: every mean over rows is the
            weighted one. Only their proportions count. Rows of weight zero are dropped first, whatever they hold; what is
            derived from the number of rows is so from that of the others.
        seed: of every random number.
        resume: a state's checkpoint to go on from, with everything else as it was; settings that are not given are the
            checkpoint's. On the same computer the run goes on bit for bit as if it had not been stopped.
        mesh: devices that share the rows and chains of an update (`distributed.make_mesh`), by default one. The random
            numbers are those of one device. If the devices belong to several processes, each of these makes the same calls.
        expected: rows may hold expected values of the visible units, such as gray levels as probabilities of binary ones.
        measure: measure the models.
        exact_seconds: the log likelihood is exact where one value takes no longer.
        estimates: estimate it elsewhere, in runs of more than some seconds.
        seconds_between_states: or a function that is asked after every state.
        updates_between_states: a number of updates instead, so that the states do not depend on the clock.
        settings: of `TrainConfig`, by name: `updates=1000`, `learning_rate=0.1`, ...

    Warns:
        NoGainWarning: at the end, the training rows are no likelier than under independent units (`gain_over_independent`).

    Raises:
        InputError: at the call, not at the first state: an argument is out of range or of the wrong shape, the rows
            have no value or are all alike, or the checkpoint is another run's.
        DivergenceError: the run diverged once more.

    Example:
        >>> import harmonium as hm
        >>> rows = [[0, 0, 1, 1], [1, 1, 0, 0]] * 5
        >>> for state in hm.train(hm.initialize(rows, hidden=2), rows, updates=100, measure=False):
        ...     pass
        >>> state.step, state.ended
        (100, 'updates')
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
        kinds = {"held_out": holds_out, "incomplete": rows.incomplete is not None}
        config = TrainConfig.derive(len(rows.rows), rbm, devices=devices, **kinds, **settings)
    if config.early_stopping and not measure:
        raise InputError("early_stopping needs held-out rows that are measured: leave out measure=False")
    if config.refit and not (rows.is_in_memory and (held_out is None or held_out.is_in_memory)):
        raise InputError("refit must be False where rows are read as they are needed, or drawn anew from gray levels")
    sizes = config.estimator, config.batch_size, config.chains, rows.incomplete is not None
    update_seconds = estimate_update_seconds(rbm, *sizes)
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
    make_batches = partial(batches_of, rbm, None if takes_all else config.batch_size, seed, expected, mesh)
    batches, refit = make_batches(rows), whole if config.refit and config.early_stopping else None
    run = Run(rbm, config, rows, batches, metrics, mesh, seed, limit, update_seconds, is_split, refit, make_batches)
    return _loop(*run.begin(resume, config.to_dict() | of_run), seconds_between_states, updates_between_states)


def _splits(rows: Rows, settings: Mapping[str, Any]) -> bool:
    """Whether rows are held out by default. A number of updates asks for just these, of all rows."""
    asked = any(settings.get(name) is not None for name in ("updates", "epochs", "optimizer"))
    return not asked and settings.get("early_stopping") != 0 and rows.is_in_memory and len(rows.rows) >= MIN_ROWS_TO_SPLIT


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


def _loop(
    run: Run,
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
    upcoming = run.looks(progress)
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
                is_cut = why in CUT_OFF
                progress, found = run.conclude(progress, good, kept, found, why if was_first or not is_cut else "its length")
                trial = None
                # The reduced rate of a run that diverged is no setting, so other trials and a refit could not be repeated.
                if not (was_first and is_cut) and not progress.lr_reductions:
                    proposal = propose(progress.trials, run.config.searched, run.metrics.is_exact, run.metrics.held_out_rows)
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
                    is_first, upcoming = True, run.looks(progress)
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
    run: Run,
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
        rbm = rbm if is_better or (why is not None and metrics.get("refit")) else found.found
    elif why is not None and stopping is not None and stopping.is_worse and kept is not None:
        rbm = kept.best
    if diverged_at is not None:
        metrics["diverged_at"] = float(diverged_at)
    return TrainState(rbm, metrics, why, good, kept, found, progress, run.incomplete)


def _ending(run: Run, progress: Progress) -> str:
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
        if diverged or not _has_gained(metrics, best):
            metrics = _replace({name: value for name, value in metrics.items() if not name.startswith("refit")}, best.metrics)
            metrics |= {"refit": 0.0} if progress.is_refit else {}
        metrics["best_step"] = float(best.step)
    elif early_stopping is not None and early_stopping.best_step is not None:
        is_worse = early_stopping.is_worse
        metrics = _replace(metrics, early_stopping.best_metrics) if is_worse else metrics
        metrics["best_step"] = float(early_stopping.best_step if is_worse else progress.step)
    if decay is None:
        return metrics
    return metrics | {"early_decay_first": float(decay.first), "early_decay_last": float(decay.last)}


def _has_gained(metrics: dict[str, float], best: Trial) -> bool:
    """Whether a refit was made, and the rows that it learned from besides, and those together with training rows, are likelier
    than under the best trial's model."""
    refit, training = (metrics.get(f"{rows}_log_likelihood", -math.inf) for rows in ("refit", "train"))
    return refit >= best.value and refit + training >= best.value + best.metrics.get("train_log_likelihood", math.inf)


def _replace(metrics: dict[str, float], measured: dict[str, float]) -> dict[str, float]:
    """With what was measured of another model."""
    return {name: value for name, value in metrics.items() if name != RAISED} | measured


def _divergence(step: int, stop: int, sound: bool, slowest: float) -> DivergenceError:
    why = "all chains are in one state, which is no row's" if sound else "a parameter is no longer a sensible number"
    return DivergenceError(
        f"training diverged between updates {step} and {stop}, at {slowest:.3g} of its learning rate "
        f"too: {why}; lower the rate (and standardize columns of real values, if there are any)"
    )
