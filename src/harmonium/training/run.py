"""A trial of a training run: what stays the same in it, its updates, its looks at the model, and what comes after it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jaxtyping import Float, PyTree

from harmonium import distributed, model
from harmonium._checks import MAX_COUNT
from harmonium._types import Key
from harmonium.errors import InputError
from harmonium.io.streams import Streamed
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import guess_missing
from harmonium.training.batches import Batches
from harmonium.training.checkpoint import Checkpoint, Progress
from harmonium.training.config import TrainConfig
from harmonium.training.metrics import MAX_ROWS, Measurement, Metrics, space_evenly
from harmonium.training.rows import Rows
from harmonium.training.search import DIVERGED, SEARCHED, Proposal, Trial, best_index, cost_of
from harmonium.training.stopping import NO_DECAY, UPDATE_FRACTION, Budget, Decay, EarlyStopping, looks, rise
from harmonium.training.update import LoopState, Schedule, advance, axes_of, initial_states

if TYPE_CHECKING:
    from harmonium.likelihood.running_estimate import RunningEstimate

T = TypeVar("T")

LR_REDUCTION = 0.5
"""The factor of the learning rate after each divergence."""


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


@dataclass(frozen=True)
class Run:
    """What stays the same during a trial, and what comes after it; `config` has the trial's settings.

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
    def estimate(self) -> RunningEstimate:
        """Of ln Z, for the search for modes. It depends on training rows alone: a run that repeats this one has no others."""
        from harmonium.likelihood.running_estimate import RunningEstimate  # SciPy takes half a second to import

        rows = space_evenly(self.rows.sample, MAX_ROWS)
        return RunningEstimate(self.rbm, self.rbm.visible.fill_missing(rows), self.mesh)

    def begin(
        self, resume: Checkpoint | None, settings: dict[str, Any]
    ) -> tuple[Run, LoopState, Progress, Kept | None, Found | None]:
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

    def next_trial(self, progress: Progress, proposal: Proposal) -> tuple[Run, Progress] | None:
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

    def refit(self, progress: Progress) -> tuple[Run, Progress] | None:
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

    def with_all_rows(self) -> Run:
        """The run on training and held-out rows together."""
        if self.whole is None:
            raise InputError("the checkpoint is of a run that trained on held-out rows too: resume it with those")
        self.batches.close()
        rows = self.whole()
        return replace(self, rows=rows, batches=self.make_batches(rows))

    def looks(self, progress: Progress) -> Iterator[int]:
        """The numbers of updates to come at which the model is measured. In a refit nothing is decided: only the last."""
        seconds = self.metrics.look_seconds
        if seconds is None or progress.is_refit:
            return itertools.repeat(MAX_COUNT)
        return (look for look in looks(seconds, self.update_seconds) if look > progress.step)

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
                state = state._replace(estimator=self._begin_at_modes(state, step))
        return state, bool(sound)

    def _begin_at_modes(self, state: LoopState, step: int) -> PyTree:
        """The estimator's state with chains at modes that were left out so far, after `step` updates."""
        from harmonium.training.deep_modes import begin_chains, find_left_out

        keys = jax.random.split(jax.random.fold_in(jax.random.fold_in(self.keys[0], 2), step))
        rbm = distributed.to_host(state.iterate)
        found = self.agree(find_left_out(self.estimate, keys[0], rbm))
        return state.estimator if found is None else begin_chains(keys[1], rbm, state.estimator, *found)

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


def batches_of(rbm: RBM, size: int | None, seed: int, expected: bool, mesh: Mesh | None, rows: Rows) -> Batches:
    """The batches of `size` rows, or of all; as many as devices can share equally."""
    given, devices, count = rows.rows, distributed.row_shards(mesh), size
    if count is None or count > len(given):
        count = max(devices, len(given) // devices * devices)
    if rows.weights is not None and isinstance(given, Streamed) and count == len(given) == len(rows.sample):
        given = rows.sample  # all rows of an update are weighed, not drawn: those are in memory
    return Batches(given, rbm.visible, count, seed, expected, mesh, rows.weights)
