"""Updates: rows, an estimate of the gradient, a step of the optimizer, and the average; many in one compiled loop.

Where cells are missing, the positive term is an expectation over p(v_m, h | v_o). It is estimated like the negative one, by
persistent chains: every row keeps values for its missing cells, and each time the row is used, a Gibbs sweep with the observed
cells held renews them.

Every random number depends on the seed and the update's own number alone, so the result does not depend on where a loop ends.

Reference (the average of the iterates): B. Polyak and A. Juditsky, SIAM J. Control Optim. 30 (1992); with weights that forget
the first part of the run, O. Shamir and T. Zhang, ICML 2013, section 4 (polynomial-decay averaging). Persistent chains for
both terms: L. Younes, "Maximum likelihood estimation for Gibbsian fields", 1991, section 3 (imperfectly observed fields).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, PyTree

from harmonium import distributed, gradients, model
from harmonium._types import Key
from harmonium.gradients import Estimator
from harmonium.model import RBM
from harmonium.samplers.gibbs import resample_missing
from harmonium.training import batches
from harmonium.training.batches import Window
from harmonium.training.optimizer import add_l1
from harmonium.training.stopping import Decay

AVERAGING_STRIDE = 8
"""After the first AVERAGING_STRIDE^2 updates, every AVERAGING_STRIDE-th is averaged."""
L1_AFTER = 20.0
"""The learning rate times the updates from which on the penalty has its full strength."""
MISSING_SWEEPS = 1
"""Gibbs sweeps of a row's missing cells each time the row is used: two or five came no closer to the maximum."""


class LoopState(NamedTuple):
    """Everything that changes from update to update; `completed`: the rows with missing cells filled, if any is."""

    step: Int[Array, ""]
    iterate: RBM
    average: RBM
    optimizer: PyTree
    estimator: PyTree
    completed: Float[Array, "rows visible"] | None


class Schedule(NamedTuple):
    """What an update depends on besides its state and rows. These are arrays, so that changing one compiles nothing anew.

    `learning_rate`: factor of the optimizer's steps. `l1`: strength of the penalty on the weights.
    `total_updates`: 0 while the length of the run is not known. `early_decay`: far away while there is none. `lr_scale`: factor
    of the learning rate since the run diverged. `limit`: the absolute value beyond which a parameter means nothing.
    """

    key: Key
    learning_rate: Float[Array, ""]
    l1: Float[Array, ""]
    total_updates: Int[Array, ""]
    final_decay: Float[Array, ""]
    early_decay: Decay
    lr_scale: Float[Array, ""]
    average: Float[Array, ""]
    limit: Float[Array, ""]

    def l1_at(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """The strength of the penalty at update `step`. At once it would hold small initial weights at zero for ever."""
        return self.l1 * jnp.minimum(1, step * self.learning_rate / L1_AFTER)

    def learning_rate_at(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """The factor of the optimizer's step at update `step`: the rate, falling linearly to zero in each decay.

        Written out rather than as optax schedules, whose lengths are Python numbers: the length of a run with a time budget
        is found while it runs, and must not compile the update anew.
        """
        left = jnp.where(self.total_updates > 0, 1 - step / self.total_updates, 1)
        rate = self.lr_scale * self.learning_rate * jnp.minimum(1, left / jnp.maximum(self.final_decay, 1e-9))
        first, last = self.early_decay
        return rate * jnp.clip((last - step) / (last - first), 0, 1)


@partial(jax.jit, static_argnames=("estimator", "optimizer"))
def initial_states(key: Key, rbm: RBM, estimator: Estimator, optimizer: optax.GradientTransformation) -> tuple[PyTree, PyTree]:
    """The optimizer's and the estimator's states at the start."""
    return optimizer.init(rbm), estimator.init(key, rbm)


def axes_of(state: LoopState, optimizer: optax.GradientTransformation) -> LoopState:
    """The names of the axes of all its arrays (`harmonium.distributed`)."""
    rbm = model.logical_axes(state.iterate)
    of_optimizer = optax.tree.map_params(
        optimizer, lambda _, axes: axes, state.optimizer, rbm, transform_non_params=lambda _: ""
    )
    of_estimator = gradients.state_axes(state.estimator)
    return LoopState("", rbm, rbm, of_optimizer, of_estimator, None if state.completed is None else "")  # type: ignore[arg-type]


@partial(jax.jit, static_argnames=("estimator", "optimizer", "bfloat16", "mesh"), donate_argnames="state")
def advance(
    state: LoopState,
    window: Window,
    first: Int[Array, ""],
    count: Int[Array, ""],
    schedule: Schedule,
    *,
    estimator: Estimator,
    optimizer: optax.GradientTransformation,
    bfloat16: bool,
    mesh: Mesh | None,
) -> tuple[LoopState, Bool[Array, ""]]:
    """`count` updates on the rows that the window holds from position state.step - first on.

    Returns:
        The state after them, and whether all parameters are sensible numbers. The given state's memory is used again.
    """

    def update(_: Int[Array, ""], state: LoopState) -> LoopState:
        position = state.step - first
        iterate = state.iterate
        key = jax.random.fold_in(schedule.key, state.step)
        v = batches.rows_at(window, position, iterate.weights.dtype, key, iterate.visible)
        rounded = RBM(iterate.visible, iterate.hidden, iterate.weights.astype(jnp.bfloat16)) if bfloat16 else iterate
        completed = state.completed
        if completed is not None:
            indices = batches.indices_at(window, position)
            v = resample_missing(jax.random.fold_in(key, 1), rounded, v, completed[indices], MISSING_SWEEPS)
            completed = completed.at[indices].set(v)
        with distributed.use(mesh):
            weights = () if window.weights is None else (window.weights,)
            gradient, estimator_state, _terms = estimator.gradient(key, rounded, state.estimator, v, *weights)
        # optax descends, so it is given the gradient of -ln p.
        descent = add_l1(jax.tree.map(jnp.negative, gradient), iterate, schedule.l1_at(state.step), estimator_state)
        step, optimizer_state = optimizer.update(descent, state.optimizer, iterate)
        rate = schedule.learning_rate_at(state.step)
        iterate = model.apply_update(iterate, jax.tree.map(lambda change: rate * change, step))
        # Averaging takes as long as the rest of the work on the weights, so most updates do without: eight successive iterates
        # are nearly equal. In the first updates the average is nearly the iterate, so it does not remember the start.
        stride = jnp.where((state.step < AVERAGING_STRIDE**2) | (schedule.average == 0), 1, AVERAGING_STRIDE)
        weight = 1 / (1 + schedule.average * state.step / stride)
        average = jax.lax.cond(
            state.step % stride == 0,
            lambda: jax.tree.map(lambda old, new: old + weight * (new - old), state.average, iterate),
            lambda: state.average,
        )
        return LoopState(state.step + 1, iterate, average, optimizer_state, estimator_state, completed)

    state = jax.lax.fori_loop(jnp.zeros_like(count), count, update, state)
    if mesh is not None:
        shardings = distributed.shardings(state, axes_of(state, optimizer), mesh)
        state = jax.tree.map(jax.lax.with_sharding_constraint, state, shardings)
    # A comparison with NaN is false.
    sound = jnp.all(jnp.array([(jnp.abs(leaf) < schedule.limit).all() for leaf in jax.tree.leaves(state.iterate)]))
    return state, sound
