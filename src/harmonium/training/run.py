"""One training run: its states, its checkpoints, what it does when it diverges, and its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import PartitionSpec

from harmonium._checks import MAX_COUNT
from harmonium._pytree import named_leaves
from harmonium.errors import DivergenceError, InputError
from harmonium.gradients import Estimator
from harmonium.mesh import Spread
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import guess_missing
from harmonium.training.batches import Batches, Windows
from harmonium.training.checkpoint import Checkpoint
from harmonium.training.clock import Clock
from harmonium.training.monitor import Monitor
from harmonium.training.patience import Brake, Patience
from harmonium.training.updates import NO_BRAKE, Carry, Plan, advance, initial_states, on_device, places

GROWN = 1000.0
"""A parameter that is larger than this many times 1 or the largest one of the start, whichever is more, means nothing."""
CUT, MOST_CUTS = 0.5, 4
"""What the rate is multiplied by each time the run has diverged, and how often."""
BEST = "best."
"""What the names of the best machine's arrays begin with in a checkpoint."""
TIMES_A_STATE = 10
"""Updates get at least this many times as long as copying a state took, which is long for a large machine."""


@dataclass(frozen=True)
class TrainState:
    """The state of a training run after `step` updates, in arrays of its own.

    `rbm` is the machine to use: the average over the last part of the run (the latest iterate itself if `average=0`).
    `iterate` is the latest. `metrics` maps names to numbers: `step`, `epoch`, `seconds`, `updates_per_second` and what
    `Monitor` measures now and then; after a divergence `diverged_at` (once) and `rate_cut`, what the rate is multiplied by
    since. `checkpoint()` is what the run can go on from; once the next state has been asked for it raises `InputError`.
    """

    step: int
    rbm: RBM
    iterate: RBM
    optimizer: Any
    estimator: Any
    metrics: dict[str, float]
    checkpoint: Callable[[], Checkpoint] = field(repr=False, compare=False)


@dataclass
class Run:
    """`settings`: what a run that goes on must have in common with the one that was begun."""

    rbm: RBM
    estimator: Estimator
    optimizer: optax.GradientTransformation
    supply: Batches
    monitor: Monitor
    clock: Clock
    bfloat16: bool
    spacing: float | Callable[[], float]
    patience: Patience | None
    incomplete: np.ndarray | None
    settings: dict[str, Any]
    spread: Spread
    every: int = 1
    copying: float = 0.0
    brake: Brake | None = None
    cuts: int = 0
    shown: int = 0

    def states(
        self, seed: int, cooldown: float, average: float, brake: Brake | None, resume: Checkpoint | None
    ) -> Iterator[TrainState]:
        init_key, update_key = jax.random.split(key_of(seed))
        # The leaves are float32 for training whatever they came as; two copies, because each is written over.
        rbm = self.spread.same(jax.tree.map(lambda leaf: np.array(leaf, dtype=np.float32), self.rbm))
        largest = GROWN * max(1.0, *(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(rbm)))
        at = places(rbm, self.estimator, self.optimizer, self.spread.hidden)
        start, copy = (jax.tree.map(self._put, rbm, at.iterate) for _ in range(2))
        optimizer, estimator = initial_states(init_key, start, self.estimator, self.optimizer, self.spread)
        completed = self._guessed(init_key, rbm)
        carry = Carry(self._put(np.int32(0)), start, copy, optimizer, estimator, completed)
        if resume is not None:
            carry = self._taken_up(carry, at, resume)
        plan = Plan(
            key=update_key,
            horizon=jnp.int32(self.clock.horizon or 0),
            cooldown=jnp.float32(cooldown),
            average=jnp.float32(average),
            brake=on_device(self.brake or brake or NO_BRAKE),
            pace=jnp.float32(CUT**self.cuts),
            largest=jnp.float32(largest),
            every=jnp.int32(self.every),
        )
        with closing(Windows(self.supply)) as windows:
            yield from self._states(carry, at, plan, windows, init_key)

    def _put(self, leaf: Any, spec: PartitionSpec | None = None) -> Any:
        """A copy of an array on the devices."""
        return self.spread.put(leaf, spec) if self.spread.mesh else jnp.array(leaf)

    def _placed(self, carry: Carry, at: Carry) -> Carry:
        at = at._replace(completed=None if carry.completed is None else at.completed)
        return jax.tree.map(self._put, carry, at)

    def _guessed(self, key: Any, rbm: RBM) -> Any:
        if self.incomplete is None:
            return None
        return self._put(guess_missing(jax.random.fold_in(key, 1), rbm, self.incomplete))

    def _taken_up(self, carry: Carry, at: Carry, resume: Checkpoint) -> Carry:
        """The state of a run that was stopped; its numbers go to where they belong."""
        progress = resume.progress
        for name, now in self.settings.items():
            if (was := progress["settings"].get(name, now)) != now:
                raise InputError(f"the run was begun with {name} {was}, but {now} is given: leave it as it was")
        carry = self._placed(resume.tree(carry), at)
        self.clock.go_on(progress["last"], progress["horizon"], progress["seconds"])
        self.monitor.go_on(progress["seconds"])
        self.brake = None if progress["brake"] is None else Brake(*progress["brake"])
        self.cuts = progress["cuts"]
        seen = progress["patience"]
        if self.patience is not None and seen is not None:
            self.patience.recall(seen, None if seen["best"] is None else resume.tree(carry.iterate, BEST))
        return carry

    def _states(self, carry: Carry, at: Carry, plan: Plan, windows: Windows, init_key: Any) -> Iterator[TrainState]:
        done = started = int(carry.step)
        count, speed, ended = 1, 0.0, False
        made, working = 0, 0.0
        good = self._copied(carry)
        yield self._state(good, carry, speed, again=done > 0)
        while not ended:
            before, begun = time.monotonic(), done
            # Whole rounds of updates between which devices work apart: where states are yielded must make no difference.
            count = -(-count // self.every) * self.every
            target = done + (count if self.clock.last is None else min(count, self.clock.last - done))
            carry, sound = self._advanced(carry, plan, windows, done, target)
            taken = time.monotonic() - before
            done = target
            reached = self._copied(carry)
            if not sound or self.monitor.dead(reached.estimator):
                self._cut(begun, done, sound)
                diverged, done = done, int(good.step)
                completed = self._guessed(jax.random.fold_in(init_key, diverged), good.iterate)
                carry = self._placed(good, at)._replace(completed=completed)
                plan = plan._replace(pace=jnp.float32(CUT**self.cuts))
                yield self._state(good, carry, speed, again=True, diverged=diverged)
                continue
            taken, compiling = self.spread.agreed(taken), begun == started
            if not compiling:
                made, working = made + done - begun, working + taken
            self.clock.settle(done, made, working)
            plan = plan._replace(horizon=jnp.int32(self.clock.horizon or 0))
            ended = self.clock.ended(done)
            if compiling and not ended:
                continue  # the first call was mostly compilation: it says nothing about speed
            speed = (done - begun) / taken
            good = reached
            state = self._state(good, carry, speed, ended)
            plan = self._braked(plan, done)
            yield self._kept(state) if ended else state
            wanted = self.spacing() if callable(self.spacing) else max(self.spacing, TIMES_A_STATE * self.copying)
            count = max(1, min(int(speed * self.clock.room(self.spread.agreed(wanted))), 8 * count))

    def _advanced(self, carry: Carry, plan: Plan, windows: Windows, done: int, target: int) -> tuple[Carry, bool]:
        sound: Any = True
        while done < target:
            window, first = self.spread.together(partial(windows.at, done))
            here = min(target, first + self.supply.length) - done
            carry, sound = advance(
                carry,
                window,
                jnp.int32(first),
                jnp.int32(here),
                plan,
                estimator=self.estimator,
                optimizer=self.optimizer,
                bfloat16=self.bfloat16,
                mesh=self.spread.mesh,
                apart=self.every > 1 and self.spread.parts > 1,
            )
            done += here
        return carry, bool(sound)

    def _cut(self, begun: int, done: int, sound: bool) -> None:
        """Count a divergence, and give up after too many."""
        self.cuts += 1
        if self.cuts <= MOST_CUTS:
            return
        why = "all chains are in one state, which is no row's" if sound else "a parameter is no longer a sensible number"
        raise DivergenceError(
            f"training diverged between updates {begun} and {done}, at {CUT**MOST_CUTS:g} of its rate too: {why}; "
            "lower the rate (and standardize columns of real values, if there are any)"
        )

    def _copied(self, carry: Carry) -> Carry:
        """Copies on the host, since the next updates write over the arrays; the completed rows, which may be large, aside."""
        before = time.monotonic()
        held = self.spread.host(carry._replace(completed=None))
        self.copying = time.monotonic() - before
        return held

    def _state(
        self, held: Carry, carry: Carry, speed: float, ended: bool = False, again: bool = False, diverged: int | None = None
    ) -> TrainState:
        """`again`: a state that was shown before, and so has been measured and looked at by patience."""
        done = int(held.step)
        metrics = {"step": float(done), "updates_per_second": speed}
        if self.clock.horizon is not None:
            metrics["horizon"] = float(self.clock.horizon)
        if self.cuts:
            metrics["rate_cut"] = CUT**self.cuts
        if diverged is not None:
            metrics["diverged_at"] = float(diverged)
        metrics |= self.monitor.times(done) if again else self.monitor.measure(held.average, held.estimator, done, ended)
        if self.patience is not None and done and not again:
            self.patience.look(done, held.average, metrics)

        self.shown = number = self.shown + 1

        def checkpoint() -> Checkpoint:
            if self.shown != number:  # brake, patience and the completed rows are the run's, and have gone on
                raise InputError("a state's checkpoint must be taken before the next state is asked for")
            completed = None if carry.completed is None else self.spread.local(carry.completed)
            return self._checkpoint(held._replace(completed=completed))

        return TrainState(done, held.average, held.iterate, held.optimizer, held.estimator, metrics, checkpoint)

    def _checkpoint(self, carry: Carry) -> Checkpoint:
        best = None if self.patience is None else self.patience.best
        arrays = named_leaves(carry) | ({} if best is None else named_leaves(best.rbm, BEST))
        progress = {
            "settings": self.settings,
            "step": int(carry.step),
            "last": self.clock.last,
            "horizon": self.clock.horizon,
            "seconds": self.clock.seconds,
            "brake": self.brake,
            "cuts": self.cuts,
            "patience": None if self.patience is None else self.patience.seen(),
        }
        return Checkpoint({name: np.asarray(leaf) for name, leaf in arrays.items()}, progress)

    def _braked(self, plan: Plan, done: int) -> Plan:
        """The plan with the brake on, if patience is at its end."""
        brake = None if self.patience is None or self.brake else self.patience.brake(done)
        if brake is None or (self.clock.last or MAX_COUNT) <= brake.last:
            return plan
        self.brake, self.clock.last = brake, brake.last
        return plan._replace(brake=on_device(brake))

    def _kept(self, state: TrainState) -> TrainState:
        if self.patience is None:
            return state
        metrics = state.metrics
        if self.brake is not None:
            metrics = metrics | {"brake_first": float(self.brake.first), "brake_last": float(self.brake.last)}
        rbm, metrics = self.patience.kept(state.rbm, metrics)
        return replace(state, rbm=rbm, metrics=metrics)
