"""`train`: what it is given is checked here and made into a run (`run`), which yields states.

All updates between two yielded states run in one compiled loop that stays on the device and works in the memory of its own
arrays (`updates`). The result does not depend on where the states were yielded, nor on whether the run was stopped meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from harmonium import _checks, gradients, model
from harmonium._checks import MAX_COUNT
from harmonium.errors import InputError
from harmonium.gradients import Estimator, centered, pcd
from harmonium.io.streams import as_streamed, sample_of
from harmonium.mesh import DATA, Spread, specs
from harmonium.model import RBM
from harmonium.training.batches import Batches
from harmonium.training.checkpoint import Checkpoint
from harmonium.training.clock import Clock
from harmonium.training.monitor import EXACT_SECONDS, MOST_ROWS, Monitor
from harmonium.training.patience import Brake, Patience
from harmonium.training.run import Run, TrainState
from harmonium.training.updates import check_apart

DEFAULT_OPTIMISER = optax.sgd(0.1)
MOST_COOLDOWN = 0.9


def train(
    rbm: RBM,
    data: Any,
    estimator: Estimator | None = None,
    optimizer: optax.GradientTransformation | None = None,
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
    resume: Checkpoint | None = None,
    mesh: Mesh | None = None,
    synchronize_every: int = 1,
) -> Iterator[TrainState]:
    """Train `rbm` on `data`, yielding a `TrainState` at the start, about every second, and at the end.

    Args:
        rbm: where to start (`initial` makes one). data: `[n, V]` in the domain of the visible units: an array, with NaN where
            a cell is missing; or, with every cell present, a memory-mapped array or SciPy sparse matrix, of which no more
            than a window of batches is read at a time.
        estimator: of the gradient; `centered(pcd(1, chains=100))` by default. optimizer: optax's; `optax.sgd(0.1)` by default.
        batch_size: rows in an update; all of them if there are fewer.
        updates, epochs, minutes: when to stop, exactly one of them. An epoch is len(data) / batch_size updates. With `minutes`
            the number of updates is settled before the cooldown, at half time at the latest; it is in the metrics from then on,
            as `horizon`, and `updates=horizon` repeats the run, unless its time was over by a tenth before and ended it.
        horizon: with `updates` or `epochs`, the length of the run that `cooldown` is a share of, if this one ends before.
        cooldown: share of the run, its last part, in which the optimizer's steps fall linearly to zero; by default 0.5 for the
            default optimizer and 0 (none) for a given one.
        patience: with `valid`, put on the brake when the best held-out log likelihood (followed, so now and then) is longer ago
            than this share of its updates: the steps then fall to zero over half as many updates again, and the run ends.
            The last state holds the best machine, as `rbm`, with its metrics and `best_step`; 0 ends no run and keeps the last.
        brake: first and last update of such a brake that is to be repeated; the last state's metrics have them as
            `brake_first` and `brake_last`.
        average: share of the run so far that the average of the iterates reaches back, in [0, 1]; 0 turns averaging off.
        valid: held-out rows `[m, V]`, for the metrics alone. seed: of every random number.
        bfloat16: round the factors of the estimator's matrix products to bfloat16, with sums and all else in float32.
        expected: rows may hold expected values of the visible units, such as gray levels that are probabilities of binary ones.
        follow: measure the states; without it their metrics are the step, the speed and the time.
        exact_seconds: an exact log likelihood is followed where one is forecast to take no longer. estimates: follow an
            estimated one elsewhere, in runs of more than some seconds.
        seconds_between_states: or a function that is asked for them after every state.
        resume: a state's `checkpoint()` to go on from, with everything else as it was; on the same machine the run goes on bit
            for bit as if it had not been stopped; on another number of devices it goes on as equally likely.
        mesh: the devices to use, as `harmonium.mesh.over` arranges them, by default one. The rows and chains of an update are
            shared by all of them, the gradient is the mean of all shares, and the random numbers are those that one device
            would draw; so an update differs from one device's by rounding alone. If the devices belong to several processes,
            each of these must make the same calls.
        synchronize_every: let the devices of a mesh make so many updates apart, each on its own rows and chains, before they
            take the mean of their machines. More than 1 where meeting takes long; then the updates are no longer one device's.

    A run that diverges (a parameter is no longer a number or absurdly large, all chains are in one state that is no row's) goes
    back to the last state yielded and goes on at half its rate, up to four times.

    Raises:
        InputError: an argument is out of range or of the wrong shape (at the call, not at the first state), or the checkpoint
            is another run's (at the first state).
        DivergenceError: the run diverged once more.
    """
    model.validate(rbm)
    shown = _sampled(rbm, data, "data", expected)
    rows = as_streamed(data) or shown
    held_out = None if valid is None else _sampled(rbm, valid, "valid", expected)
    batch_size = min(_checks.integer(batch_size, "batch_size"), len(rows))
    if (updates is not None) + (epochs is not None) + (minutes is not None) != 1:
        raise InputError("say when to stop: exactly one of updates, epochs or minutes must be given")
    if updates is not None:
        last = _checks.integer(updates, "updates")
    elif epochs is not None:
        last = max(1, round(_checks.positive(epochs, "epochs") * (len(rows) // batch_size)))
    else:
        last = None
        minutes = _checks.positive(minutes, "minutes")
    if horizon is not None and _checks.integer(horizon, "horizon") < (last or MAX_COUNT):
        raise InputError(
            f"horizon must be a number of updates, not below those to be made (and none with minutes), but is {horizon}"
        )
    if cooldown is None:
        cooldown = 0.5 if optimizer is None else 0.0
    cooldown, average = _checks.fraction(cooldown, "cooldown"), _checks.fraction(average, "average")
    if minutes is not None and cooldown > MOST_COOLDOWN:
        raise InputError(
            f"cooldown must be at most {MOST_COOLDOWN} with minutes, whose end is not known before, but is {cooldown}"
        )
    if patience != 0:
        _checks.positive(patience, "patience")
        if valid is None or not follow:
            raise InputError("patience needs held-out rows that are followed: give valid too")
    if brake is not None and not 0 <= brake[0] < brake[1] <= MAX_COUNT:
        raise InputError(f"brake must be two numbers of updates, the first before the last, but is {brake}")
    spacing = seconds_between_states
    if not callable(spacing):
        _checks.positive(spacing, "seconds_between_states")
    estimator = estimator or centered(pcd(1, chains=100))
    optimizer = optimizer or DEFAULT_OPTIMISER
    spread = Spread(mesh)
    spread.check_shared(batch_size, "rows in an update")
    if rbm.hidden.size % spread.hidden:
        raise InputError(f"{rbm.hidden.size} hidden units cannot be shared evenly by {spread.hidden} devices")
    every = _checks.integer(synchronize_every, "synchronize_every")
    if mesh is not None:
        _check_chains(rbm, estimator, spread, every)
    incomplete = rows if isinstance(rows, np.ndarray) and rows.dtype.kind == "f" and np.isnan(rows).any() else None
    if every > 1 and spread.parts > 1 and incomplete is not None:
        raise InputError("rows with missing cells are completed by all devices together: synchronize_every must be 1")
    supply = Batches(rows, rbm.visible, batch_size, _checks.seed(seed), expected, spread)
    run = Run(
        rbm=rbm,
        estimator=estimator,
        optimizer=optimizer,
        supply=supply,
        monitor=Monitor(rbm, shown, held_out, supply.in_epoch, exact_seconds, estimates, follow, spread),
        clock=Clock(last, horizon or last, minutes, cooldown, spread.agreed),
        bfloat16=bfloat16,
        spacing=spacing,
        patience=Patience(patience) if patience else None,
        incomplete=incomplete,
        settings={
            "updates": updates,
            "epochs": epochs,
            "minutes": minutes,
            "horizon": horizon,
            "rows": len(rows),
            "batch_size": batch_size,
            "seed": seed,
            "cooldown": cooldown,
            "average": average,
            "bfloat16": bfloat16,
            "patience": float(patience),
            "synchronize_every": every,
        },
        spread=spread,
        every=every,
    )
    return run.states(seed, cooldown, average, None if brake is None else Brake(*brake), resume)


def _check_chains(rbm: RBM, estimator: Estimator, spread: Spread, every: int) -> None:
    state = jax.eval_shape(estimator.init, jax.random.key(0), jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), rbm))
    if every > 1 and spread.parts > 1:
        check_apart(state)
    at = specs(state, gradients.state_axes(state), spread.hidden)
    for leaf, spec in zip(jax.tree.leaves(state), jax.tree.leaves(at), strict=True):
        if DATA in spec:
            spread.check_shared(leaf.shape[list(spec).index(DATA)], "chains")


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
