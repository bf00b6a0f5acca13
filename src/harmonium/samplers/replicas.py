"""Replica exchange: every model on a ladder of models has its own Gibbs chains, and neighbors exchange their states.

The chains of the lowest models move freely, and their states climb by exchanges. Two neighbors a and b in the states v_a and
v_b exchange them with probability

    min(1, p_a(v_b) p_b(v_a) / (p_a(v_a) p_b(v_b))) = min(1, exp(F_a(v_a) + F_b(v_b) - F_a(v_b) - F_b(v_a))),

where F_a and F_b are the free energies of the two models; the hidden units are drawn anew afterwards. So every rung keeps its
own distribution. (Not (beta_a - beta_b)(F(v_a) - F(v_b)): the free energy of a tempered model is not beta times F.) Even and
odd pairs take turns, so that states keep their direction on the ladder for long.

References: K. Hukushima and K. Nemoto, J. Phys. Soc. Japan 65 (1996) (exchange Monte Carlo); S. Syed, A. Bouchard-Cote,
G. Deligiannidis and A. Doucet, "Non-reversible parallel tempering", JRSS B 84 (2022) (even pairs and odd pairs in turn).
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Int32

from harmonium import model
from harmonium._types import Array as AnyArray
from harmonium._types import Key, Scalar
from harmonium.model import RBM
from harmonium.random import uniform
from harmonium.samplers.base import Draw, Samples
from harmonium.samplers.gibbs import sweep_many

ModelAt = Callable[[Any], RBM]
"""The index of a rung -> its model (traceable)."""
MIN_WEIGHT = 0.02
"""The least weight of the latest exchange in the running acceptance rates: they remember about a hundred steps."""

_UNSEEN, _UP, _DOWN = 0, 1, 2


class Replicas(NamedTuple):
    """The current states of the chains of a ladder, of whose rungs only the first ones need be in use.

    `inputs`: v @ weights of each rung's own model. `latest`: the probability of an exchange between rungs i and i + 1,
    averaged over the chains, when last tried; `acceptance`: its running mean. `label`: whether the state that is here now was
    last at the bottom or at the top. `round_trips`: how often a state went from the bottom to the top and back. `steps`: number
    of steps so far.
    """

    v: Float[Array, "rungs chains visible"]
    inputs: Float[Array, "rungs chains hidden"]
    acceptance: Float[Array, " pairs"]
    latest: Float[Array, " pairs"]
    label: Int32[Array, "rungs chains"]
    round_trips: Int32[Array, ""]
    steps: Int32[Array, ""]

    def axes(self) -> Replicas:
        """The names of every array's axes."""
        return Replicas("rung chain visible", "rung chain hidden", "", "", "rung chain", "", "")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Ladder(abc.ABC):
    """The state of a sampler with replicas; abstract."""

    replicas: Replicas

    @property
    @abc.abstractmethod
    def in_use(self) -> Scalar:
        """The number of rungs in use; the last one is the model itself."""

    @property
    def v(self) -> Float[AnyArray, "rungs chains visible"]:
        """The visible states."""
        return self.replicas.v

    @property
    def acceptance(self) -> Float[AnyArray, " pairs"]:
        """The running acceptance rate of exchanges between neighbors."""
        return self.replicas.acceptance

    @property
    def round_trips(self) -> Scalar:
        """States that went from the bottom to the top and back, over all chains."""
        return self.replicas.round_trips


def init(key: Key, model_at: ModelAt, rungs: int, chains: int, draw: Draw) -> Replicas:
    """New chains of every rung, where `draw` puts those of its model."""

    def start(i: Array) -> tuple[Array, Array]:
        rbm = model_at(i)
        v = jnp.asarray(draw(jax.random.fold_in(key, i), rbm, chains))
        return v, model.hidden_inputs(rbm, v)

    return from_states(*jax.lax.map(start, jnp.arange(rungs)))


def from_states(v: Float[Array, "rungs chains visible"], inputs: Float[Array, "rungs chains hidden"]) -> Replicas:
    """A ladder in these states that has made no step yet."""
    rungs, chains = v.shape[:2]
    zero = jnp.zeros((), jnp.int32)
    untried = jnp.ones(rungs - 1, v.dtype)
    return Replicas(v, inputs, untried, untried, jnp.zeros((rungs, chains), jnp.int32), zero, zero)


def step(key: Key, model_at: ModelAt, state: Replicas, sweeps: int, count: int | Int[Array, ""]) -> tuple[Replicas, Samples]:
    """`sweeps` Gibbs sweeps on every rung, then exchanges between every second pair of neighbors.

    Args:
        count: rungs in use; the last of them is the top, whose samples are returned.
    """
    sweep_key, exchange_key, h_key = jax.random.split(key, 3)

    def move(i: Array, chains: tuple[Array, Array]) -> tuple[Array, Array]:
        v, inputs = chains
        rbm = model_at(i)
        first_key, v_key, more_key = jax.random.split(jax.random.fold_in(sweep_key, i), 3)
        h = jnp.asarray(rbm.hidden.sample(first_key, inputs[i]))
        if sweeps > 1:
            h = jnp.asarray(sweep_many(more_key, rbm, h, sweeps - 1).h)
        moved = rbm.visible.sample(v_key, model.visible_inputs(rbm, h))
        return v.at[i].set(moved), inputs.at[i].set(model.hidden_inputs(rbm, moved))

    def exchange(pair: Array, ladder: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        v, inputs, rates, label = ladder
        low = state.steps % 2 + 2 * pair
        a, b = model_at(low), model_at(low + 1)
        v_a, v_b = v[low], v[low + 1]
        a_at_b, b_at_a = model.hidden_inputs(a, v_b), model.hidden_inputs(b, v_a)
        log_ratio = exchange_log_ratio(a, b, v_a, v_b, inputs[low], a_at_b, b_at_a, inputs[low + 1])
        draw = uniform(jax.random.fold_in(exchange_key, low), log_ratio.shape, log_ratio.dtype)
        accepted = jnp.log(draw) < log_ratio

        def swap(array: Array, other_a: Array, other_b: Array) -> Array:
            chosen = accepted if array.ndim == 2 else accepted[:, None]
            array = array.at[low].set(jnp.where(chosen, other_a, array[low]))
            return array.at[low + 1].set(jnp.where(chosen, other_b, array[low + 1]))

        return (
            swap(v, v_b, v_a),
            swap(inputs, a_at_b, b_at_a),
            rates.at[low].set(jnp.mean(jnp.minimum(jnp.exp(log_ratio), 1))),
            swap(label, label[low + 1], label[low]),
        )

    v, inputs = jax.lax.fori_loop(0, count, move, (state.v, state.inputs))
    pairs = (count - state.steps % 2) // 2
    v, inputs, rates, label = jax.lax.fori_loop(0, pairs, exchange, (v, inputs, state.latest, state.label))
    low = jnp.arange(len(rates))
    tried = (low % 2 == state.steps % 2) & (low < count - 1)
    weight = jnp.maximum(1 / (1 + state.steps // 2), MIN_WEIGHT).astype(rates.dtype)
    acceptance = jnp.where(tried, state.acceptance + weight * (rates - state.acceptance), state.acceptance)
    latest = jnp.where(tried, rates, state.latest)
    round_trips = state.round_trips + jnp.sum(label[0] == _DOWN).astype(jnp.int32)
    label = label.at[0].set(_UP)
    top = count - 1
    label = label.at[top].set(jnp.where(label[top] == _UNSEEN, _UNSEEN, _DOWN))
    after = Replicas(v, inputs, acceptance, latest, label, round_trips, state.steps + 1)
    return after, Samples(v[top], model_at(top).hidden.sample(h_key, inputs[top]), inputs[top])


def exchange_log_ratio(
    a: RBM,
    b: RBM,
    v_a: Float[Array, "*chains visible"],
    v_b: Float[Array, "*chains visible"],
    a_at_a: Float[Array, "*chains hidden"],
    a_at_b: Float[Array, "*chains hidden"],
    b_at_a: Float[Array, "*chains hidden"],
    b_at_b: Float[Array, "*chains hidden"],
) -> Float[Array, "*chains"]:
    """ln of p_a(v_b) p_b(v_a) / (p_a(v_a) p_b(v_b)); `x_at_y`: the hidden inputs of v_y under model x."""
    rise_at_b = model.free_energy_difference(a, b, v_b, a_at_b, b_at_b)
    rise_at_a = model.free_energy_difference(a, b, v_a, a_at_a, b_at_a)
    return rise_at_b - rise_at_a
