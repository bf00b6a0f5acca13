"""The training loop: batches, an estimate of the gradient, an optax optimiser, and an average of the machines.

Where cells are missing, the positive term is an expectation over p(v_m, h | v_o). It is estimated as the negative one is by
persistent chains: every row keeps values for its missing cells, which a Gibbs sweep with the observed ones held renews each
time the row is used.

All updates between two yielded states run in one compiled loop that stays on the device and works in the memory of its own
arrays. Every random number depends on the seed and the update's own number alone, so the result does not depend on where
the states were yielded.

Reference (the average of the iterates): B. Polyak and A. Juditsky, SIAM J. Control Optim. 30 (1992); with weights that forget
the first part of the run, O. Shamir and T. Zhang, ICML 2013, section 4 (polynomial-decay averaging). Persistent chains for
both terms: L. Younes, "Maximum likelihood estimation for Gibbsian fields", 1991, section 3 (imperfectly observed fields).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from harmonium import checks, model
from harmonium.checks import MOST, InputError
from harmonium.data.streams import as_streamed, sample_of
from harmonium.gradients import Estimator, centred, pcd
from harmonium.keys import key_of
from harmonium.model import RBM
from harmonium.samplers import clamped
from harmonium.training import batches
from harmonium.training.batches import Batches, Window
from harmonium.training.clock import Clock
from harmonium.training.monitor import EXACT_SECONDS, MOST_ROWS, Monitor
from harmonium.training.patience import Brake, Patience

LARGEST = 1e15
"""No parameter that means anything comes near this; long before float32 ends, training has diverged."""
NO_BRAKE = Brake(MOST - 1, MOST)
DEFAULT_OPTIMISER = optax.sgd(0.1)
STRIDE = 8
"""After the first STRIDE^2 updates, one in so many is averaged."""
MOST_COOLDOWN = 0.9
SWEEPS = 1
"""Gibbs sweeps of a row's missing cells each time the row is used: two or five came no closer to the maximum."""
TIMES_A_STATE = 10
"""Updates get at least this many times as long as copying a state took, which is long for a large machine."""


class DivergenceError(InputError):
    """Training left the sensible numbers; the last state yielded is still good."""


@dataclass(frozen=True)
class TrainState:
    """The state of a training run after `step` updates, in arrays of its own.

    `rbm` is the machine to use: the average over the last part of the run (the latest iterate itself if `average=0`).
    `iterate` is the latest. `metrics` maps names to numbers: `step`, `epoch`, `seconds`, `updates_per_second` and what
    `Monitor` measures now and then.
    """

    step: int
    rbm: RBM
    iterate: RBM
    optimiser: Any
    estimator: Any
    metrics: dict[str, float]


class _Carry(NamedTuple):
    step: Any
    iterate: RBM
    average: RBM
    optimiser: Any
    estimator: Any
    completed: Any  # the rows with their missing cells filled, [n, V]; None where none is missing


class _Plan(NamedTuple):
    """What of a run's settings may change without compiling anew; `horizon`: updates in all, 0 while that is not known;
    `brake`: from which update the steps fall to zero to which, both far away where there is none."""

    key: Any
    horizon: Any
    cooldown: Any
    average: Any
    brake: Any


def train(
    rbm: RBM,
    data: Any,
    estimator: Estimator | None = None,
    optimiser: optax.GradientTransformation | None = None,
    *,
    batch_size: int = 100,
    updates: int | None = None,
    epochs: float | None = None,
    minutes: float | None = None,
    horizon: int | None = None,
    cooldown: float | None = None,
    patience: float = 0.0,
    brake: tuple[int, int] | None = None,
    average: float = 0.1,
    valid: Any = None,
    seed: int = 0,
    bfloat16: bool = False,
    expected: bool = False,
    follow: bool = True,
    exact_seconds: float = EXACT_SECONDS,
    estimates: bool = True,
    seconds_between_states: float | Callable[[], float] = 1.0,
) -> Iterator[TrainState]:
    """Train `rbm` on `data`, yielding a `TrainState` at the start, about every second, and at the end.

    Args:
        rbm: where to start (`initial` makes one). data: `[n, V]` in the domain of the visible units: an array, with NaN where
            a cell is missing; or, with every cell present, a memory-mapped array or SciPy sparse matrix, of which no more
            than a window of batches is read at a time.
        estimator: of the gradient; `centred(pcd(1, chains=100))` by default. optimiser: optax's; `optax.sgd(0.1)` by default.
        batch_size: rows in an update; all of them if there are fewer.
        updates, epochs, minutes: when to stop, exactly one of them. An epoch is len(data) / batch_size updates. With `minutes`
            the number of updates is settled before the cooldown, at half time at the latest; it is in the metrics from then on,
            as `horizon`, and `updates=horizon` repeats the run, unless its time was over by a tenth before and ended it.
        horizon: with `updates` or `epochs`, the length of the run that `cooldown` is a share of, if this one ends before.
        cooldown: share of the run, its last part, in which the optimiser's steps fall linearly to zero; by default 0.5 for the
            default optimiser and 0 (none) for a given one.
        patience: with `valid`, put on the brake when the best held-out log likelihood (followed, so now and then) is longer ago
            than this share of its updates: the steps then fall to zero over half as many updates again, and the run ends.
            The last state holds the best machine, as `rbm`, with its metrics and `best_step`; 0 ends no run and keeps the last.
        brake: first and last update of such a brake that is to be repeated; the last state's metrics have them as
            `brake_first` and `brake_last`.
        average: share of the run so far that the average of the iterates reaches back, in [0, 1]; 0 turns averaging off.
        valid: held-out rows `[m, V]`, for the metrics alone. seed: of every random number.
        bfloat16: round the factors of the estimator's matrix products to bfloat16, with sums and all else in float32.
        expected: rows may hold expected values of the visible units, such as grey levels that are probabilities of binary ones.
        follow: measure the states; without it their metrics are the step, the speed and the time.
        exact_seconds: an exact log likelihood is followed where one is forecast to take no longer. estimates: follow an
            estimated one elsewhere, in runs of more than some seconds.
        seconds_between_states: or a function that is asked for them after every state.

    Raises:
        InputError: an argument is out of range or of the wrong shape (at the call, not at the first state).
        DivergenceError: a parameter is no longer a number, or absurdly large.
    """
    model.validate(rbm)
    shown = _sampled(rbm, data, "data", expected)
    rows = as_streamed(data) or shown
    held_out = None if valid is None else _sampled(rbm, valid, "valid", expected)
    batch_size = min(checks.whole(batch_size, "batch_size"), len(rows))
    if (updates is not None) + (epochs is not None) + (minutes is not None) != 1:
        raise InputError("say when to stop: exactly one of updates, epochs or minutes must be given")
    if updates is not None:
        last = checks.whole(updates, "updates")
    elif epochs is not None:
        last = max(1, round(checks.positive(epochs, "epochs") * (len(rows) // batch_size)))
    else:
        last = None
        minutes = checks.positive(minutes, "minutes")
    if horizon is not None and checks.whole(horizon, "horizon") < (last or MOST):
        raise InputError(
            f"horizon must be a number of updates, not below those to be made (and none with minutes), but is {horizon}"
        )
    if cooldown is None:
        cooldown = 0.5 if optimiser is None else 0.0
    cooldown, average = checks.share(cooldown, "cooldown"), checks.share(average, "average")
    if minutes is not None and cooldown > MOST_COOLDOWN:
        raise InputError(
            f"cooldown must be at most {MOST_COOLDOWN} with minutes, whose end is not known before, but is {cooldown}"
        )
    if patience != 0:
        checks.positive(patience, "patience")
        if valid is None or not follow:
            raise InputError("patience needs held-out rows that are followed: give valid too")
    if brake is not None and not 0 <= brake[0] < brake[1] <= MOST:
        raise InputError(f"brake must be two numbers of updates, the first before the last, but is {brake}")
    spacing = seconds_between_states
    if not callable(spacing):
        checks.positive(spacing, "seconds_between_states")
    estimator = estimator or centred(pcd(1, chains=100))
    optimiser = optimiser or DEFAULT_OPTIMISER
    supply = Batches(rows, rbm.visible, batch_size, checks.seed(seed), expected)
    monitor = Monitor(rbm, shown, held_out, supply.in_epoch, exact_seconds, estimates, follow)
    incomplete = rows if isinstance(rows, np.ndarray) and rows.dtype.kind == "f" and np.isnan(rows).any() else None
    brakes = Patience(patience) if patience else None
    run = _Run(rbm, estimator, optimiser, supply, monitor, bfloat16, spacing, brakes, incomplete)
    clock = Clock(last, horizon or last, minutes, cooldown)
    return run.states(clock, cooldown, average, Brake(*brake) if brake else NO_BRAKE, seed)


def _rows(rbm: RBM, data: Any, what: str, expected: bool, missing: bool = True) -> np.ndarray:
    array = rbm.visible.check(data, what, missing, expected)
    if array.ndim != 2 or len(array) == 0:
        raise InputError(f"{what} must have shape [n, {rbm.visible.size}] with n at least 1, but has {list(array.shape)}")
    # Data of small whole numbers travels as bytes; batches become floating point on the device.
    if np.abs(array).max() <= np.iinfo(np.int8).max:
        small = array.astype(np.int8)
        if np.array_equal(small, array):
            return small
    return array.astype(np.float32)


def _sampled(rbm: RBM, data: Any, what: str, expected: bool) -> np.ndarray:
    """The rows to be followed: of streamed ones some, read at once."""
    streamed = as_streamed(data)
    if streamed is None:
        return _rows(rbm, data, what, expected)
    some = "" if len(streamed) <= MOST_ROWS else f" (of {MOST_ROWS:,} evenly spaced rows)"
    return _rows(rbm, sample_of(streamed, MOST_ROWS, what), what + some, expected, missing=False)


@dataclass
class _Run:
    rbm: RBM
    estimator: Estimator
    optimiser: optax.GradientTransformation
    supply: Batches
    monitor: Monitor
    bfloat16: bool
    spacing: float | Callable[[], float]
    patience: Patience | None
    incomplete: np.ndarray | None = None
    copying: float = 0.0

    def states(self, clock: Clock, cooldown: float, average: float, brake: Brake, seed: int) -> Iterator[TrainState]:
        init_key, update_key = jax.random.split(key_of(seed))
        # The leaves are float32 for training whatever they came as; two copies, because each is written over.
        start, copy = (jax.tree.map(lambda leaf: jnp.array(leaf, dtype=jnp.float32), self.rbm) for _ in range(2))
        completed = None if self.incomplete is None else clamped.guess(jax.random.fold_in(init_key, 1), start, self.incomplete)
        optimiser, estimator = _initial(init_key, start, self.estimator, self.optimiser)
        carry = _Carry(jnp.zeros((), jnp.int32), start, copy, optimiser, estimator, completed)
        rest = jnp.float32(cooldown), jnp.float32(average), _on_device(brake)
        plan = _Plan(update_key, jnp.int32(clock.horizon or 0), *rest)
        with closing(self.supply.windows()) as windows:
            yield from self._run(carry, plan, windows, clock)

    def _run(self, carry: _Carry, plan: _Plan, windows: Iterator[Window], clock: Clock) -> Iterator[TrainState]:
        window, first = next(windows), 0
        done, count, speed, ended = 0, 1, 0.0, False
        made, working = 0, 0.0
        braked: Brake | None = None
        yield self._state(carry, done, speed, clock)
        while not ended:
            before, begun = time.monotonic(), done
            target = done + (count if clock.last is None else min(count, clock.last - done))
            while done < target:
                if done == first + self.supply.length:
                    window, first = next(windows), done
                here = min(target - done, first + self.supply.length - done)
                carry, sound = _advance(
                    carry,
                    window,
                    jnp.int32(first),
                    jnp.int32(here),
                    plan,
                    estimator=self.estimator,
                    optimiser=self.optimiser,
                    bfloat16=self.bfloat16,
                )
                done += here
            if not bool(sound):
                raise DivergenceError(
                    f"training diverged between updates {begun} and {done}: a parameter is no longer a sensible "
                    "number; lower the rate (and standardise columns of real values, if there are any)"
                )
            taken, compiling = time.monotonic() - before, done == 1
            if not compiling:
                made, working = made + done - begun, working + taken
            clock.settle(done, made, working)
            plan = plan._replace(horizon=jnp.int32(clock.horizon or 0))
            ended = clock.ended(done)
            if compiling and not ended:
                continue  # the first call was mostly compilation: it says nothing about speed
            speed = (done - begun) / taken
            state = self._state(carry, done, speed, clock, ended)
            if self.patience is not None:
                if not braked and (brake := self.patience.brake(done)) is not None and (clock.last or MOST) > brake.last:
                    plan, braked, clock.last = plan._replace(brake=_on_device(brake)), brake, brake.last
                if ended:
                    state = self._kept(state, self.patience, braked)
            yield state
            wanted = self.spacing() if callable(self.spacing) else max(self.spacing, TIMES_A_STATE * self.copying)
            count = max(1, min(int(speed * clock.room(wanted)), 8 * count))

    def _state(self, carry: _Carry, done: int, speed: float, clock: Clock, ended: bool = False) -> TrainState:
        before = time.monotonic()
        # Copies, since the next updates write over these arrays.
        held = jax.tree.map(np.array, carry._replace(completed=None))
        self.copying = time.monotonic() - before
        metrics = {"step": float(done), "updates_per_second": speed}
        if clock.horizon is not None:
            metrics["horizon"] = float(clock.horizon)
        metrics |= self.monitor.measure(held.average, held.estimator, done, ended)
        if self.patience is not None and done:
            self.patience.look(done, held.average, metrics)
        return TrainState(done, held.average, held.iterate, held.optimiser, held.estimator, metrics)

    def _kept(self, state: TrainState, patience: Patience, braked: Brake | None) -> TrainState:
        metrics = state.metrics
        if braked is not None:
            metrics = metrics | {"brake_first": float(braked.first), "brake_last": float(braked.last)}
        rbm, metrics = patience.kept(state.rbm, metrics)
        return replace(state, rbm=rbm, metrics=metrics)


def _on_device(brake: Brake) -> Brake:
    return Brake(jnp.int32(brake.first), jnp.int32(brake.last))


@partial(jax.jit, static_argnames=("estimator", "optimiser"))
def _initial(key: Any, rbm: RBM, estimator: Estimator, optimiser: optax.GradientTransformation) -> tuple[Any, Any]:
    return optimiser.init(rbm), estimator.init(key, rbm)


@partial(jax.jit, static_argnames=("estimator", "optimiser", "bfloat16"), donate_argnames="carry")
def _advance(
    carry: _Carry,
    window: Window,
    first: Any,
    count: Any,
    plan: _Plan,
    *,
    estimator: Estimator,
    optimiser: optax.GradientTransformation,
    bfloat16: bool,
) -> tuple[_Carry, Any]:
    """`count` updates, whose rows the window holds from place carry.step - first on; and whether the parameters are sound."""

    def update(_: Any, carry: _Carry) -> _Carry:
        iterate = carry.iterate
        v = batches.batch(window, carry.step - first, iterate.weights.dtype)
        key = jax.random.fold_in(plan.key, carry.step)
        rounded = RBM(iterate.visible, iterate.hidden, iterate.weights.astype(jnp.bfloat16)) if bfloat16 else iterate
        completed = carry.completed
        if completed is not None:
            rows = batches.numbers(window, carry.step - first)
            v = clamped.renewed(jax.random.fold_in(key, 1), rounded, v, completed[rows], SWEEPS)
            completed = completed.at[rows].set(v)
        gradient, estimator_state, _terms = estimator.gradient(key, rounded, carry.estimator, v)
        # optax descends, so it is given the gradient of -ln p.
        descent = jax.tree.map(jnp.negative, gradient)
        step, optimiser_state = optimiser.update(descent, carry.optimiser, iterate)
        left = jnp.where(plan.horizon > 0, 1 - carry.step / plan.horizon, 1)
        pace = jnp.minimum(1, left / jnp.maximum(plan.cooldown, 1e-9))
        first_braked, last_braked = plan.brake
        pace *= jnp.clip((last_braked - carry.step) / (last_braked - first_braked), 0, 1)
        iterate = model.stepped(iterate, jax.tree.map(lambda change: pace * change, step))
        # Averaging takes as long as the rest of what is done to the weights, so most updates do without: the iterates of eight
        # are nearly one. In the first updates the average is nearly the iterate, so it does not remember the start.
        stride = jnp.where((carry.step < STRIDE**2) | (plan.average == 0), 1, STRIDE)
        weight = 1 / (1 + plan.average * carry.step / stride)
        average = jax.lax.cond(
            carry.step % stride == 0,
            lambda: jax.tree.map(lambda old, new: old + weight * (new - old), carry.average, iterate),
            lambda: carry.average,
        )
        return _Carry(carry.step + 1, iterate, average, optimiser_state, estimator_state, completed)

    carry = jax.lax.fori_loop(jnp.zeros_like(count), count, update, carry)
    # A comparison with NaN is false.
    sound = jnp.all(jnp.array([(jnp.abs(leaf) < LARGEST).all() for leaf in jax.tree.leaves(carry.iterate)]))
    return carry, sound
