"""Chains on a ladder of machines: each rung has its own Gibbs chains, and neighboring rungs exchange their states.

The lowest rungs are machines whose chains move freely; what they find climbs by exchanges. Two neighbors a and b holding
v_a and v_b exchange them with probability

    min(1, p_a(v_b) p_b(v_a) / (p_a(v_a) p_b(v_b))) = min(1, exp(F_a(v_a) + F_b(v_b) - F_a(v_b) - F_b(v_a))),

with F_a, F_b the free energies of the two machines, the hidden units being drawn anew afterwards: every rung keeps its own
distribution. (Not (beta_a - beta_b)(F(v_a) - F(v_b)): the free energy of a tempered machine is not beta times F.) The
even pairs and the odd pairs take turns, which lets states travel the ladder in one direction for long.

References: K. Hukushima and K. Nemoto, J. Phys. Soc. Japan 65 (1996) (exchange Monte Carlo); S. Syed, A. Bouchard-Cote,
G. Deligiannidis and A. Doucet, "Non-reversible parallel tempering", JRSS B 84 (2022) (even pairs and odd pairs in turn).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from harmonium import model
from harmonium.mesh import axes
from harmonium.mesh.axes import DATA, HIDDEN
from harmonium.model import RBM
from harmonium.random import uniform
from harmonium.samplers.base import Samples
from harmonium.samplers.gibbs import sweep_many

FORGETTING = 0.02
"""The least weight of the latest exchange in the running acceptance rates: they remember some hundred steps."""

_UNSEEN, _UP, _DOWN = 0, 1, 2


class Replicas(NamedTuple):
    """Where the chains of a ladder are. R rungs, of which the first `count` are in use, with C chains each.

    `v [R, C, V]`; `inputs [R, C, H]`: v @ weights of each rung's own machine. `latest [R - 1]`: the probability of an exchange
    between rungs i and i + 1, averaged over the chains, when last tried; `acceptance [R - 1]`: its running mean.
    `label [R, C]`: where the state that is here now was last, at the bottom or at the top. `round_trips`: how often a state
    went from the bottom to the top and back. `steps`: made so far.
    """

    v: Any
    inputs: Any
    acceptance: Any
    latest: Any
    label: Any
    round_trips: Any
    steps: Any

    def axes(self) -> Replicas:
        """The names of every array's axes."""
        return Replicas("rung chain visible", "rung chain hidden", "", "", "rung chain", "", "")

    def places(self) -> Replicas:
        """Where they lie on a mesh."""
        chains, one = PartitionSpec(None, DATA), PartitionSpec()
        return Replicas(chains, PartitionSpec(None, DATA, HIDDEN), one, one, chains, one, one)


def start(key: Any, machine: Callable[[Any], RBM], rungs: int, chains: int) -> Replicas:
    """Every rung's chains where its visible units alone would be, the hidden units being ignored."""

    def draw(i: Any) -> tuple[Any, Any]:
        rbm = machine(i)
        v = rbm.visible.sample(jax.random.fold_in(key, i), jnp.zeros((chains, rbm.visible.size), rbm.weights.dtype))
        return v, model.hidden_inputs(rbm, v)

    return started_at(*jax.lax.map(draw, jnp.arange(rungs)))


def started_at(v: Any, inputs: Any) -> Replicas:
    """A ladder at rest with these states, `[R, C, V]` and `[R, C, H]`."""
    rungs, chains = v.shape[:2]
    nothing = jnp.zeros((), jnp.int32)
    untried = jnp.ones(rungs - 1, v.dtype)
    return Replicas(v, inputs, untried, untried, jnp.zeros((rungs, chains), jnp.int32), nothing, nothing)


def step(key: Any, machine: Callable[[Any], RBM], state: Replicas, sweeps: int, count: Any) -> tuple[Replicas, Samples]:
    """`sweeps` Gibbs sweeps on every rung, then exchanges between every second pair of neighbors.

    Args:
        machine: rung number -> its machine. count: rungs in use; the last of them is the top, whose samples are returned.
    """
    sweep_key, exchange_key, h_key = jax.random.split(key, 3)

    def move(i: Any, held: tuple[Any, Any]) -> tuple[Any, Any]:
        v, inputs = held
        rbm = machine(i)
        first_key, v_key, more_key = jax.random.split(jax.random.fold_in(sweep_key, i), 3)
        h = rbm.hidden.sample(first_key, inputs[i])
        if sweeps > 1:
            h = sweep_many(more_key, rbm, h, sweeps - 1).h
        moved = rbm.visible.sample(v_key, model.visible_inputs(rbm, h))
        return v.at[i].set(moved), inputs.at[i].set(model.hidden_inputs(rbm, moved))

    def exchange(pair: Any, held: tuple[Any, ...]) -> tuple[Any, ...]:
        v, inputs, rates, label = held
        low = state.steps % 2 + 2 * pair
        a, b = machine(low), machine(low + 1)
        v_a, v_b = v[low], v[low + 1]
        a_at_b, b_at_a = model.hidden_inputs(a, v_b), model.hidden_inputs(b, v_a)
        log_ratio = exchange_log_ratio(a, b, v_a, v_b, inputs[low], a_at_b, b_at_a, inputs[low + 1])
        chance = uniform(jax.random.fold_in(exchange_key, low), log_ratio.shape, log_ratio.dtype)
        accepted = jnp.log(chance) < log_ratio

        def swapped(array: Any, other_a: Any, other_b: Any) -> Any:
            chosen = accepted if array.ndim == 2 else accepted[:, None]
            array = array.at[low].set(jnp.where(chosen, other_a, array[low]))
            return array.at[low + 1].set(jnp.where(chosen, other_b, array[low + 1]))

        return (
            swapped(v, v_b, v_a),
            swapped(inputs, a_at_b, b_at_a),
            rates.at[low].set(jnp.mean(jnp.minimum(jnp.exp(log_ratio), 1))),
            swapped(label, label[low + 1], label[low]),
        )

    v, inputs = jax.lax.fori_loop(0, count, move, (state.v, state.inputs))
    pairs = (count - state.steps % 2) // 2
    v, inputs, rates, label = jax.lax.fori_loop(0, pairs, exchange, (v, inputs, state.latest, state.label))
    came_back = jnp.sum(label[0] == _DOWN).astype(jnp.int32)
    rates, came_back = axes.mean(rates), axes.total(came_back)
    low = jnp.arange(len(rates))
    tried = (low % 2 == state.steps % 2) & (low < count - 1)
    weight = jnp.maximum(1 / (1 + state.steps // 2), FORGETTING).astype(rates.dtype)
    acceptance = jnp.where(tried, state.acceptance + weight * (rates - state.acceptance), state.acceptance)
    latest = jnp.where(tried, rates, state.latest)
    round_trips = state.round_trips + came_back
    label = label.at[0].set(_UP)
    top = count - 1
    label = label.at[top].set(jnp.where(label[top] == _UNSEEN, _UNSEEN, _DOWN))
    moved = Replicas(v, inputs, acceptance, latest, label, round_trips, state.steps + 1)
    return moved, Samples(v[top], machine(top).hidden.sample(h_key, inputs[top]), inputs[top])


def exchange_log_ratio(a: RBM, b: RBM, v_a: Any, v_b: Any, a_at_a: Any, a_at_b: Any, b_at_a: Any, b_at_b: Any) -> Any:
    """ln of p_a(v_b) p_b(v_a) / (p_a(v_a) p_b(v_b)), `[...]`; `x_at_y [..., H]`: the hidden inputs of v_y under machine x."""
    rise_at_b = model.free_energy_difference(a, b, v_b, a_at_b, b_at_b)
    rise_at_a = model.free_energy_difference(a, b, v_a, a_at_a, b_at_a)
    return rise_at_b - rise_at_a
