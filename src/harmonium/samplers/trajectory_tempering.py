"""Parallel trajectory tempering: the ladder is made of the machines that training passed through.

The bottom rung should have no weights, so that its chains are independent draws at every step; those above are machines of
earlier updates, and the top is the machine itself. Neighbours exchange states by free-energy differences. Training grows
the ladder: when the machine has moved so far from the last rung that fewer than `threshold` of the exchanges would be
accepted, what it was a step before becomes a rung, until all the rungs that were allocated are taken. In a trained machine
the path of the learning crosses its phase transitions continuously, where a path of temperatures meets jumps.

References: N. Bereux, A. Decelle, C. Furtlehner, L. Rosset and B. Seoane, "Fast training and sampling of restricted
Boltzmann machines", ICLR 2025 (arXiv:2405.15376), and arXiv:2607.27077.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from harmonium import _checks, model
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.samplers import replicas
from harmonium.samplers.base import Sampler, Samples

GROWS_BELOW = 0.3


class Trajectory(NamedTuple):
    """A ladder of machines and the chains on it.

    `machines`: an RBM whose leaves have a leading axis of M rungs, of which the first `count` are taken; the chains of the
    machine being sampled, the top, are number `count` of `rungs`, which has place for M + 1. `last`: that machine as it was
    at the step before.
    """

    machines: RBM
    count: Any
    rungs: Any
    last: RBM

    def machine(self, rbm: RBM) -> Callable[[Any], RBM]:
        """Rung number -> its machine, the top being `rbm`."""
        last = self.count - 1

        def chosen(i: Any) -> RBM:
            return jax.tree.map(lambda rung, own: jnp.where(i > last, own, rung[jnp.minimum(i, last)]), self.machines, rbm)

        return chosen

    def axes(self) -> Trajectory:
        """The names of every array's axes."""
        return Trajectory(model.logical_axes(self.machines, "rung"), "", self.rungs.axes(), model.logical_axes(self.last))

    def places(self, hidden_shards: int) -> Trajectory:
        """Where they lie on a mesh."""
        machines, last = model.places(self.machines, hidden_shards, None), model.places(self.last, hidden_shards)
        return Trajectory(machines, PartitionSpec(), self.rungs.places(), last)

    @property
    def in_use(self) -> Any:
        """Replicas in use, the top among them."""
        return self.count + 1

    @property
    def v(self) -> Any:
        """`[M + 1, C, V]`, the machine itself at `count`."""
        return self.rungs.v

    @property
    def acceptance(self) -> Any:
        """The running acceptance rate of exchanges between neighbors, `[M]`, in use up to `count`."""
        return self.rungs.acceptance

    @property
    def round_trips(self) -> Any:
        """States that went from the bottom to the top and back, in all chains together."""
        return self.rungs.round_trips


def trajectory_tempering(
    machines: Sequence[RBM] | None = None,
    chains: int = 100,
    sweeps: int = 1,
    *,
    rungs: int = 32,
    threshold: float | None = None,
) -> Sampler:
    """The parallel trajectory tempering kernel on `chains` independent ladders.

    Args:
        machines: the rungs below the machine, the lowest first: one without weights, whose chains are independent draws. By
            default the ladder starts with the machine's own layers without weights, and grows as the machine is trained.
        chains: number of ladders C, and of samples a step. sweeps: Gibbs sweeps between exchanges.
        rungs: rungs allocated in all, if the ladder grows.
        threshold: the acceptance rate toward the last rung below which the machine becomes a rung, 0: it never does; by
            default 0 if machines are given and 0.3 otherwise.

    Raises:
        InputError: an argument is out of range, or the machines differ in shape.
    """
    chains, sweeps = _checks.integer(chains, "chains"), _checks.integer(sweeps, "sweeps")
    given = [model.validate(rbm) for rbm in machines or ()]
    if not all(rbm.visible.same_structure(given[0].visible) and rbm.hidden.same_structure(given[0].hidden) for rbm in given):
        raise InputError("the machines of a ladder must have the same layers, but they differ in kind or size")
    places = max(_checks.integer(rungs, "rungs"), len(given))
    if threshold is None:
        threshold = 0.0 if given else GROWS_BELOW
    if _checks.fraction(threshold, "threshold") == 1:
        raise InputError("threshold must be below 1, or the machine would become a rung at every step")

    def init(key: Any, rbm: RBM) -> Trajectory:
        if given and not (rbm.visible.same_structure(given[0].visible) and rbm.hidden.same_structure(given[0].hidden)):
            raise InputError(f"the machines of the ladder must have the layers of {rbm!r}, but are {given[0]!r}")
        first = given or [model.independent(rbm.visible, rbm.hidden)]
        filled = first + [first[-1]] * (places - len(first))
        stacked = jax.tree.map(lambda own, *leaves: jnp.stack([jnp.asarray(leaf, own.dtype) for leaf in leaves]), rbm, *filled)
        count = jnp.asarray(len(first), jnp.int32)
        unstarted = Trajectory(stacked, count, None, jax.tree.map(jnp.asarray, rbm))
        return unstarted._replace(rungs=replicas.start(key, unstarted.machine(rbm), places + 1, chains))

    def step(key: Any, rbm: RBM, state: Trajectory) -> tuple[Trajectory, Samples]:
        moved, samples = replicas.step(key, state.machine(rbm), state.rungs, sweeps, state.in_use)
        after = state._replace(rungs=moved, last=rbm)
        if threshold:
            far = (moved.latest[state.count - 1] < threshold) & (state.count < places)
            after = jax.lax.cond(far, lambda: _with_rung(state, after), lambda: after)
        return after, samples

    return Sampler(init, step)


def _with_rung(before: Trajectory, after: Trajectory) -> Trajectory:
    """`after`, the machine of the step before having become the next rung, its chains with it."""
    new, top = after.count, after.count + 1
    held, rungs = before.rungs, after.rungs
    copied = rungs._replace(
        v=rungs.v.at[top].set(rungs.v[new]).at[new].set(held.v[new]),
        inputs=rungs.inputs.at[top].set(rungs.inputs[new]).at[new].set(held.inputs[new]),
        acceptance=rungs.acceptance.at[new].set(1),
        latest=rungs.latest.at[new].set(1),
        label=rungs.label.at[top].set(rungs.label[new]),
    )
    machines = jax.tree.map(lambda rung, own: rung.at[new].set(own), after.machines, before.last)
    return after._replace(machines=machines, count=top, rungs=copied)
