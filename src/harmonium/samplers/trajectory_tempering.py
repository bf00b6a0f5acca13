"""Parallel trajectory tempering: the ladder consists of the models that training passed through.

The bottom rung should have no weights, so that its chains are independent draws at every step. The rungs above are models of
earlier updates, and the top is the model itself. Neighbors exchange states by free-energy differences. Training grows the
ladder: when the model has moved so far from the last rung that fewer than `threshold` of the exchanges would be accepted, the
model of the step before becomes a rung, until all allocated rungs are in use. In a trained model the path of the learning
crosses its phase transitions continuously, where a path of temperatures meets jumps.

References: N. Bereux, A. Decelle, C. Furtlehner, L. Rosset and B. Seoane, "Fast training and sampling of restricted
Boltzmann machines", ICLR 2025 (arXiv:2405.15376), and arXiv:2607.27077.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jaxtyping import Int32

from harmonium import _checks, model
from harmonium._pytree import register
from harmonium._types import Array, Key, Scalar
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.samplers import replicas
from harmonium.samplers.base import Draw, Sampler, Samples, independent_draws
from harmonium.samplers.replicas import Ladder, ModelAt

GROW_BELOW = 0.3


@register
@dataclass(frozen=True)
class Trajectory(Ladder):
    """A ladder of models and the chains on it.

    `models`: an RBM whose leaves have a leading axis of M rungs; the first `count` are in use. The chains of the top,
    the model itself, are number `count` of `replicas`, which has place for M + 1. `last`: that model at the step before.
    """

    models: RBM
    count: Int32[Array, ""]
    last: RBM

    def model_at(self, rbm: RBM) -> ModelAt:
        """The index of a rung -> its model, the top being `rbm`."""
        last = self.count - 1

        def choose(i: int | Array) -> RBM:
            return jax.tree.map(lambda rung, own: jnp.where(i > last, own, rung[jnp.minimum(i, last)]), self.models, rbm)

        return choose

    def axes(self) -> Trajectory:
        """The names of every array's axes."""
        models, last = model.logical_axes(self.models, "rung"), model.logical_axes(self.last)
        return Trajectory(self.replicas.axes(), models, "", last)  # type: ignore[arg-type]

    @property
    def in_use(self) -> Scalar:
        return self.count + 1


def trajectory_tempering(
    models: Sequence[RBM] | None = None,
    chains: int = 100,
    sweeps: int = 1,
    *,
    rungs: int = 32,
    threshold: float | None = None,
) -> Sampler:
    """The parallel trajectory tempering kernel on `chains` independent ladders.

    Args:
        models: the rungs below the model, the lowest first: one without weights, whose chains are independent draws. By
            default the ladder starts with the model's own layers without weights, and grows as the model is trained.
        chains: number of ladders C, and of samples a step.
        sweeps: Gibbs sweeps between exchanges.
        rungs: rungs allocated in all, if the ladder grows.
        threshold: the acceptance rate toward the last rung below which the model becomes a rung (0: never); by default 0 if
            models are given and 0.3 otherwise.

    Raises:
        InputError: an argument is out of range, or the models differ in shape.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> v, state = hm.sample_chains(rbm, hm.trajectory_tempering(chains=10), steps=5, seed=0)
        >>> v.shape
        (10, 2)
    """
    chains, sweeps = _checks.integer(chains, "chains"), _checks.integer(sweeps, "sweeps")
    _checks.instance(models, (Sequence, type(None)), "models", "a list of RBMs or None")
    given = [model.validate(rbm) for rbm in models or ()]
    if not all(model.same_layers(rbm, given[0]) for rbm in given):
        raise InputError("the models of a ladder must have the same layers, but they differ in kind or size")
    places = max(_checks.integer(rungs, "rungs"), len(given))
    if threshold is None:
        threshold = 0.0 if given else GROW_BELOW
    if _checks.fraction(threshold, "threshold") == 1:
        raise InputError("threshold must be below 1, or the model would become a rung at every step")

    def init(key: Key, rbm: RBM, draw: Draw = independent_draws) -> Trajectory:
        if given and not model.same_layers(rbm, given[0]):
            raise InputError(f"the models of the ladder must have the layers of {rbm!r}, but are {given[0]!r}")
        first = given or [model.independent(rbm.visible, rbm.hidden)]
        filled = first + [first[-1]] * (places - len(first))
        stacked = jax.tree.map(lambda own, *leaves: jnp.stack([jnp.asarray(leaf, own.dtype) for leaf in leaves]), rbm, *filled)
        count, last = jnp.asarray(len(first), jnp.int32), jax.tree.map(jnp.asarray, rbm)
        model_at = Trajectory(None, stacked, count, last).model_at(rbm)  # type: ignore[arg-type]
        return Trajectory(replicas.init(key, model_at, places + 1, chains, draw), stacked, count, last)

    def step(key: Key, rbm: RBM, state: Trajectory) -> tuple[Trajectory, Samples]:
        moved, samples = replicas.step(key, state.model_at(rbm), state.replicas, sweeps, jnp.asarray(state.in_use))
        after = replace(state, replicas=moved, last=rbm)
        if threshold:
            far = (moved.latest[state.count - 1] < threshold) & (state.count < places)
            after = jax.lax.cond(far, lambda: _add_rung(state, after), lambda: after)
        return after, samples

    return Sampler(init, step)


def _add_rung(before: Trajectory, after: Trajectory) -> Trajectory:
    """`after`, where the model of the step before has become the next rung, with its chains."""
    new, top = after.count, after.count + 1
    old, now = before.replicas, after.replicas
    moved = now._replace(
        v=now.v.at[top].set(now.v[new]).at[new].set(old.v[new]),
        inputs=now.inputs.at[top].set(now.inputs[new]).at[new].set(old.inputs[new]),
        acceptance=now.acceptance.at[new].set(1),
        latest=now.latest.at[new].set(1),
        label=now.label.at[top].set(now.label[new]),
    )
    models = jax.tree.map(lambda rung, own: rung.at[new].set(own), after.models, before.last)
    return replace(after, models=models, count=top, replicas=moved)
