"""Updates: a batch, an estimate of the gradient, a step of the optimizer, and the average; many in one compiled loop.

Where cells are missing, the positive term is an expectation over p(v_m, h | v_o). It is estimated as the negative one is by
persistent chains: every row keeps values for its missing cells, which a Gibbs sweep with the observed ones held renews each
time the row is used.

Every random number depends on the seed and the update's own number alone, so where a loop ends makes no difference.

Reference (the average of the iterates): B. Polyak and A. Juditsky, SIAM J. Control Optim. 30 (1992); with weights that forget
the first part of the run, O. Shamir and T. Zhang, ICML 2013, section 4 (polynomial-decay averaging). Persistent chains for
both terms: L. Younes, "Maximum likelihood estimation for Gibbsian fields", 1991, section 3 (imperfectly observed fields).
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, PartitionSpec

from harmonium import gradients, model
from harmonium._checks import MAX_COUNT
from harmonium.errors import InputError
from harmonium.gradients import Estimator
from harmonium.mesh import ALONE, DATA, HIDDEN, Spread, axes, divided, specs
from harmonium.model import RBM
from harmonium.samplers.gibbs import resample_missing
from harmonium.training import batches
from harmonium.training.batches import Window
from harmonium.training.patience import Brake

NO_BRAKE = Brake(MAX_COUNT - 1, MAX_COUNT)
STRIDE = 8
"""After the first STRIDE^2 updates, one in so many is averaged."""
SWEEPS = 1
"""Gibbs sweeps of a row's missing cells each time the row is used: two or five came no closer to the maximum."""


class Carry(NamedTuple):
    step: Any
    iterate: RBM
    average: RBM
    optimizer: Any
    estimator: Any
    completed: Any  # the rows with their missing cells filled, [n, V]; None where none is missing


class Plan(NamedTuple):
    """What of a run's settings may change without compiling anew; `horizon`: updates in all, 0 while that is not known;
    `brake`: from which update the steps fall to zero to which, both far away where there is none; `pace`: what the steps
    are multiplied by since the run diverged, 1 before; `largest`: the absolute value beyond which a parameter means nothing;
    `every`: after how many updates devices that work apart meet."""

    key: Any
    horizon: Any
    cooldown: Any
    average: Any
    brake: Any
    pace: Any
    largest: Any
    every: Any


def on_device(brake: Brake) -> Brake:
    return Brake(jnp.int32(brake.first), jnp.int32(brake.last))


def initial_states(
    key: Any, rbm: RBM, estimator: Estimator, optimizer: optax.GradientTransformation, spread: Spread = ALONE
) -> tuple[Any, Any]:
    """The optimizer's and the estimator's states at the start, for a machine that lies on the devices already."""
    if spread.mesh is None:
        return _initial_states(key, rbm, estimator, optimizer)
    at = places(rbm, estimator, optimizer, spread.hidden)
    shardings = jax.tree.map(spread.sharding, (at.optimizer, at.estimator))
    return jax.jit(_fresh, static_argnums=(2, 3), out_shardings=shardings)(key, rbm, estimator, optimizer)


def _fresh(key: Any, rbm: RBM, estimator: Estimator, optimizer: optax.GradientTransformation) -> tuple[Any, Any]:
    return optimizer.init(rbm), estimator.init(key, rbm)


_initial_states = jax.jit(_fresh, static_argnums=(2, 3))


def places(rbm: RBM, estimator: Estimator, optimizer: optax.GradientTransformation, hidden_shards: int) -> Carry:
    """Where the arrays of a run lie on a mesh: `PartitionSpec`s in the form of its carry."""
    whole = PartitionSpec()
    start = jax.eval_shape(lambda key, rbm: _fresh(key, rbm, estimator, optimizer), jax.random.key(0), rbm)
    optimizer_state, estimator_state = start
    of_machine = specs(rbm, model.logical_axes(rbm), hidden_shards)
    of_optimizer = optax.tree.map_params(
        optimizer, lambda _, spec: spec, optimizer_state, of_machine, transform_non_params=lambda _: whole
    )
    of_estimator = specs(estimator_state, gradients.state_axes(estimator_state), hidden_shards)
    return Carry(whole, of_machine, of_machine, of_optimizer, of_estimator, whole)


@partial(jax.jit, static_argnames=("estimator", "optimizer", "bfloat16", "mesh", "apart"), donate_argnames="carry")
def advance(
    carry: Carry,
    window: Window,
    first: Any,
    count: Any,
    plan: Plan,
    *,
    estimator: Estimator,
    optimizer: optax.GradientTransformation,
    bfloat16: bool,
    mesh: Mesh | None = None,
    apart: bool = False,
) -> tuple[Carry, Any]:
    """`count` updates, whose rows the window holds from place carry.step - first on; and whether the parameters are sound.

    `apart`: the parts of a mesh work on machines of their own, and take the mean of these every so many updates and at the end.
    """
    made = partial(_made, estimator=estimator, optimizer=optimizer, bfloat16=bfloat16, apart=apart)
    at = places(carry.iterate, estimator, optimizer, 1 if mesh is None else mesh.shape[HIDDEN])
    at = at._replace(completed=None if carry.completed is None else at.completed)
    return divided(mesh, made, (at, PartitionSpec()))(carry, window, first, count, plan)


def _made(
    carry: Carry,
    window: Window,
    first: Any,
    count: Any,
    plan: Plan,
    *,
    estimator: Estimator,
    optimizer: optax.GradientTransformation,
    bfloat16: bool,
    apart: bool,
) -> tuple[Carry, Any]:
    stop = carry.step + count

    def update(_: Any, carry: Carry) -> Carry:
        iterate = carry.iterate
        v = batches.batch(window, carry.step - first, iterate.weights.dtype)
        key = jax.random.fold_in(plan.key, carry.step)
        rounded = RBM(iterate.visible, iterate.hidden, iterate.weights.astype(jnp.bfloat16)) if bfloat16 else iterate
        completed = carry.completed
        if completed is not None:
            rows = batches.numbers(window, carry.step - first)
            v = resample_missing(jax.random.fold_in(key, 1), rounded, v, completed[rows], SWEEPS)
            # Another part may get these rows in the next epoch.
            completed = completed.at[axes.gathered(rows)].set(axes.gathered(v))
        with axes.apart() if apart else contextlib.nullcontext():
            gradient, estimator_state, _terms = estimator.gradient(key, rounded, carry.estimator, v)
        # optax descends, so it is given the gradient of -ln p.
        descent = jax.tree.map(jnp.negative, gradient)
        step, optimizer_state = optimizer.update(descent, carry.optimizer, iterate)
        left = jnp.where(plan.horizon > 0, 1 - carry.step / plan.horizon, 1)
        pace = plan.pace * jnp.minimum(1, left / jnp.maximum(plan.cooldown, 1e-9))
        first_braked, last_braked = plan.brake
        pace *= jnp.clip((last_braked - carry.step) / (last_braked - first_braked), 0, 1)
        iterate = model.apply_update(iterate, jax.tree.map(lambda change: pace * change, step))
        # Averaging takes as long as the rest of what is done to the weights, so most updates do without: the iterates of eight
        # are nearly one. In the first updates the average is nearly the iterate, so it does not remember the start.
        stride = jnp.where((carry.step < STRIDE**2) | (plan.average == 0), 1, STRIDE)
        weight = 1 / (1 + plan.average * carry.step / stride)
        average = jax.lax.cond(
            carry.step % stride == 0,
            lambda: jax.tree.map(lambda old, new: old + weight * (new - old), carry.average, iterate),
            lambda: carry.average,
        )
        after = Carry(carry.step + 1, iterate, average, optimizer_state, estimator_state, completed)
        if apart:
            meet = (after.step % plan.every == 0) | (after.step == stop)
            after = jax.lax.cond(meet, partial(_met, estimator=estimator, optimizer=optimizer), lambda carry: carry, after)
        return after

    carry = jax.lax.fori_loop(jnp.zeros_like(count), count, update, carry)
    # A comparison with NaN is false.
    sound = jnp.all(jnp.array([(jnp.abs(leaf) < plan.largest).all() for leaf in jax.tree.leaves(carry.iterate)]))
    return carry, sound


def _met(carry: Carry, estimator: Estimator, optimizer: optax.GradientTransformation) -> Carry:
    """What is one on all parts, the chains excepted, made one again: their mean."""
    at = jax.tree.leaves(places(carry.iterate, estimator, optimizer, 1)._replace(completed=None))
    leaves, form = jax.tree.flatten(carry)
    own = [DATA not in spec and jnp.issubdtype(leaf.dtype, jnp.floating) for leaf, spec in zip(leaves, at, strict=True)]
    means = iter(axes.mean([leaf for leaf, shared in zip(leaves, own, strict=True) if shared]))
    return jax.tree.unflatten(form, [next(means) if shared else leaf for leaf, shared in zip(leaves, own, strict=True)])


def check_apart(estimator_state: Any) -> None:
    """Raise an `InputError` if parts cannot work apart with such an estimator: it keeps what is no mean of theirs."""
    at = specs(estimator_state, gradients.state_axes(estimator_state), 1)
    for leaf, spec in zip(jax.tree.leaves(estimator_state), jax.tree.leaves(at), strict=True):
        if DATA not in spec and not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise InputError(
                "ladders of chains adapt at every update, so devices must meet at every one: synchronize_every must be 1"
            )
