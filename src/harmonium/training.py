"""Training: follow an estimate of the gradient of the mean ln p(v), as a generator of immutable states.

Each update takes a batch of the data, asks the estimator for a gradient and hands it to an optax optimiser; an average
of the recent machines is kept beside the latest (B. Polyak and A. Juditsky, SIAM J. Control Optim. 30 (1992)). All
updates between two yielded states run in one compiled loop. Every random number depends on the seed and the update's own
number alone, so the result does not depend on where the states were yielded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from harmonium import checks, exact, model
from harmonium.checks import InputError
from harmonium.gradients import Estimator, pcd
from harmonium.keys import key_of
from harmonium.model import RBM
from harmonium.units import Binary, Units

SECONDS_BETWEEN_STATES = 1.0
MONITOR_SECONDS = 1.0
"""The log likelihood is followed during training where one exact value is forecast to take no longer than this."""
MONITOR_SHARE = 0.2
"""The share of the time that following it may take."""


class DivergenceError(InputError):
    """Training left the finite numbers; the last state yielded is still good."""


@dataclass(frozen=True)
class TrainState:
    """The state of a training run after `step` updates.

    `rbm` is the machine to use: the running average of the iterates (the latest iterate itself if `average=0`).
    `iterate` is the latest. `metrics` maps names to numbers: `step`, `epoch`, `seconds`, `updates_per_second` and, where they
    can be had, `free_energy_gap` (held-out minus training mean free energy, nats: above zero is overfitting),
    `train_log_likelihood` and `valid_log_likelihood` (exact means, nats per example).
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
    order: Any


def initial(data: Any, hidden: int | Units, visible: type[Units] = Binary, scale: float = 0.01, seed: int = 0) -> RBM:
    """A machine to start training from: visible biases at the data's base rate, small random weights.

    Args:
        data: `[n, V]`. hidden: number of binary hidden units, or the units themselves. visible: kind of visible units.
        scale: standard deviation of the weights.

    Reference: G. Hinton, "A practical guide to training restricted Boltzmann machines", 2010, section 8.
    """
    array = checks.numeric_array(data, "data")
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"data must have shape [n, V] with at least one row and column, but has {list(array.shape)}")
    template = visible.zeros(array.shape[1])
    array = template.check(array, "data")
    if not isinstance(hidden, Units):
        hidden = Binary.zeros(checks.whole(hidden, "hidden"))
    weights = scale * np.random.default_rng(checks.seed(seed)).standard_normal((array.shape[1], hidden.size))
    return model.validate(RBM(template.fit_base_rate(array), hidden, weights))


def train(
    rbm: RBM,
    data: Any,
    estimator: Estimator | None = None,
    optimiser: optax.GradientTransformation | None = None,
    *,
    batch_size: int = 500,
    updates: int | None = None,
    epochs: float | None = None,
    minutes: float | None = None,
    average: float = 0.999,
    valid: Any = None,
    seed: int = 0,
) -> Iterator[TrainState]:
    """Train `rbm` on `data`, yielding a `TrainState` at the start, about every second, and at the end.

    Args:
        rbm: where to start (`initial` makes one). data: `[n, V]` in the domain of the visible units.
        estimator: of the gradient; `pcd(1)` by default. optimiser: optax's; `optax.sgd(0.05)` by default.
        batch_size: rows in an update; all of them if there are fewer.
        updates, epochs, minutes: when to stop, exactly one of them. An epoch is len(data) / batch_size updates. `minutes` is
            looked at between states, after one update at least; the updates made are in the last state's `step`, and
            `updates=step` repeats the run.
        average: decay of the running average of the iterates, in [0, 1); 0 turns averaging off.
        valid: held-out rows `[m, V]`, for the metrics alone. seed: of every random number.

    Raises:
        InputError: an argument is out of range or of the wrong shape (at the call, not at the first state).
        DivergenceError: a parameter is no longer finite.
    """
    model.validate(rbm)
    rows = _rows(rbm, data, "data")
    held_out = None if valid is None else _rows(rbm, valid, "valid")
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
    if not 0 <= average < 1:
        raise InputError(f"average must be at least 0 and below 1, but is {average!r}")
    estimator = estimator or pcd(1)
    optimiser = optimiser or optax.sgd(0.05)
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    return _states(rbm, rows, held_out, estimator, optimiser, batch_size, last, deadline, average, checks.seed(seed))


def _rows(rbm: RBM, data: Any, what: str) -> np.ndarray:
    array = rbm.visible.check(data, what)
    if array.ndim != 2 or len(array) == 0:
        raise InputError(f"{what} must have shape [n, {rbm.visible.size}] with n at least 1, but has {list(array.shape)}")
    # Data of small whole numbers travels as bytes; batches become floating point on the device.
    small = array.astype(np.int8)
    return small if np.array_equal(small, array) else array.astype(np.float32)


def _states(
    rbm: RBM,
    rows: np.ndarray,
    held_out: np.ndarray | None,
    estimator: Estimator,
    optimiser: optax.GradientTransformation,
    batch_size: int,
    last: int | None,
    deadline: float | None,
    average: float,
    seed: int,
) -> Iterator[TrainState]:
    init_key, order_key, update_key = jax.random.split(key_of(seed), 3)
    device_rows = jnp.asarray(rows)
    batches = len(rows) // batch_size
    shuffled = batch_size < len(rows)

    def update(_: Any, carry: _Carry) -> _Carry:
        order = carry.order
        if shuffled:
            order = jax.lax.cond(
                carry.step % batches == 0,
                lambda: jax.random.permutation(jax.random.fold_in(order_key, carry.step // batches), len(rows)),
                lambda: order,
            )
            chosen = jax.lax.dynamic_slice(order, (carry.step % batches * batch_size,), (batch_size,))
            batch = device_rows[chosen]
        else:
            batch = device_rows
        key = jax.random.fold_in(update_key, carry.step)
        batch = batch.astype(carry.iterate.weights.dtype)
        gradient, estimator_state, _terms = estimator.gradient(key, carry.iterate, carry.estimator, batch)
        # optax descends, so it is given the gradient of -ln p.
        descent = jax.tree.map(jnp.negative, gradient)
        step, optimiser_state = optimiser.update(descent, carry.optimiser, carry.iterate)
        iterate = optax.apply_updates(carry.iterate, step)
        # Early on the average follows closely, so that it does not remember where training began.
        decay = jnp.minimum(average, (1 + carry.step) / (10 + carry.step))
        kept = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, carry.average, iterate)
        return _Carry(carry.step + 1, iterate, kept if average else iterate, optimiser_state, estimator_state, order)

    @jax.jit
    def advance(carry: _Carry, count: Any) -> _Carry:
        return jax.lax.fori_loop(jnp.zeros_like(count), count, update, carry)

    # The leaves are float32 for training whatever they came as.
    start = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=jnp.float32), rbm)
    order = jnp.arange(len(rows))
    carry = _Carry(jnp.zeros((), jnp.int32), start, start, optimiser.init(start), estimator.init(init_key, start), order)
    monitor = _Monitor(rows, held_out, batches)
    done, count, speed, final = 0, 1, 0.0, False
    yield monitor.state(carry, done, speed, final=False)
    while not final:
        count = count if last is None else min(count, last - done)
        before = time.monotonic()
        carry = jax.block_until_ready(advance(carry, jnp.asarray(count, jnp.int32)))
        taken = time.monotonic() - before
        done += count
        if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(carry.iterate)):
            raise DivergenceError(
                f"training diverged between updates {done - count} and {done}: a parameter is not finite; lower the rate"
            )
        final = done == last or (deadline is not None and time.monotonic() >= deadline)
        if done == 1 and not final:
            # The first call was mostly compilation: it says nothing about speed.
            continue
        speed = count / taken
        yield monitor.state(carry, done, speed, final)
        room = SECONDS_BETWEEN_STATES if deadline is None else min(SECONDS_BETWEEN_STATES, deadline - time.monotonic())
        count = max(1, min(int(speed * room), 8 * count))


class _Monitor:
    """Makes states with their metrics, and keeps the cost of following the log likelihood within its share."""

    def __init__(self, rows: np.ndarray, held_out: np.ndarray | None, batches: int) -> None:
        # As many training rows as held-out ones, so that the two means are comparable.
        self.shown = rows if held_out is None else rows[: len(held_out)]
        self.held_out, self.batches = held_out, batches
        self.begun = time.monotonic()
        self.spent, self.compiled = 0.0, False

    def state(self, carry: _Carry, done: int, speed: float, final: bool) -> TrainState:
        rbm = jax.tree.map(np.asarray, carry.average)
        before = time.monotonic()
        elapsed = before - self.begun
        metrics: dict[str, float] = {
            "step": done,
            "epoch": done / self.batches,
            "seconds": elapsed,
            "updates_per_second": speed,
        }
        if self.held_out is not None:
            gap = _mean_free_energy(rbm, self.held_out) - _mean_free_energy(rbm, self.shown)
            metrics["free_energy_gap"] = float(gap)
        if exact.forecast(rbm) <= MONITOR_SECONDS and (final or self.spent <= MONITOR_SHARE * elapsed):
            log_z = exact.log_partition(rbm)
            metrics["train_log_likelihood"] = float(exact.log_likelihood(rbm, self.shown, log_z).mean())
            if self.held_out is not None:
                metrics["valid_log_likelihood"] = float(exact.log_likelihood(rbm, self.held_out, log_z).mean())
            # The first time is mostly compilation and says little about what the next will take.
            self.spent += time.monotonic() - before if self.compiled else 0.0
            self.compiled = True
        return TrainState(done, rbm, carry.iterate, carry.optimiser, carry.estimator, metrics)


@jax.jit
def _mean_free_energy(rbm: RBM, v: Any) -> Any:
    return jnp.mean(model.free_energy(rbm, v.astype(rbm.weights.dtype)))
