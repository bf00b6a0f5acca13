"""Every table of a small binary machine, by plain NumPy: JAX would compile anew for each size, which a hand at a slider feels.

The library's own exact functions are the oracle of the tests. Everything is float64, at the machine's temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # the page's first table must not wait for JAX
    from harmonium.model import RBM


@dataclass(frozen=True)
class Parameters:
    """`weights [V, H]`, `a [V]`, `b [H]`: a machine's parameters, or anything shaped like them (terms, steps)."""

    weights: np.ndarray
    a: np.ndarray
    b: np.ndarray

    @classmethod
    def of(cls, rbm: RBM) -> Parameters:
        """The parameters of a binary machine in float64."""
        leaves = (rbm.weights, rbm.visible.bias, rbm.hidden.bias)
        return cls(*(np.asarray(leaf, dtype=np.float64) for leaf in leaves))

    def flat(self, biases: bool) -> np.ndarray:
        """One vector `[P]`: the weights row by row, then a and b if `biases`."""
        return np.concatenate([self.weights.ravel(), self.a, self.b] if biases else [self.weights.ravel()])

    def parted(self, flat: np.ndarray) -> Parameters:
        """A vector `[P]` as `flat` makes it, in the shape of this machine; a shorter one has zeros for the biases."""
        ends = np.cumsum([self.weights.size, len(self.a), len(self.b)])
        weights, a, b = np.split(np.pad(flat, (0, ends[2] - len(flat))), ends[:2])
        return Parameters(weights.reshape(self.weights.shape), a, b)

    def moved(self, by: np.ndarray) -> Parameters:
        """The parameters after a step `by [P]`."""
        step = self.parted(by)
        return Parameters(self.weights + step.weights, self.a + step.a, self.b + step.b)

    def largest(self) -> float:
        """The largest absolute value among them."""
        return max(float(np.abs(part).max()) for part in (self.weights, self.a, self.b))

    def message(self) -> dict[str, Any]:
        """As the page knows a machine."""
        return {"weights": self.weights, "a": self.a, "b": self.b}


@dataclass(frozen=True)
class Tables:
    """All configurations of a machine; rows of v `[n, V]` and h `[m, H]` in counting order, the first unit slowest."""

    parameters: Parameters
    temperature: float

    @cached_property
    def v(self) -> np.ndarray:
        """All visible states `[n, V]`."""
        return all_bits(len(self.parameters.a))

    @cached_property
    def h(self) -> np.ndarray:
        """All hidden states `[m, H]`."""
        return all_bits(len(self.parameters.b))

    @cached_property
    def energy(self) -> np.ndarray:
        """E(v, h) `[n, m]`, of the machine itself: not divided by the temperature."""
        p = self.parameters
        # 0 - x, because -x would print 0 as -0.
        return 0.0 - self.v @ p.weights @ self.h.T - (self.v @ p.a)[:, None] - self.h @ p.b

    @cached_property
    def log_partition(self) -> float:
        """ln Z (nats)."""
        return float(log_sum(-self.energy / self.temperature))

    @cached_property
    def joint(self) -> np.ndarray:
        """p(v, h) `[n, m]`."""
        return np.exp(-self.energy / self.temperature - self.log_partition)

    @cached_property
    def log_visible(self) -> np.ndarray:
        """ln p(v) `[n]`, which stays finite where p(v) is too small to be held."""
        return np.asarray(log_sum(-self.energy / self.temperature, axis=1) - self.log_partition)

    @cached_property
    def hidden_given_visible(self) -> np.ndarray:
        """p(h | v) `[n, m]`."""
        exponent = -self.energy / self.temperature
        return np.exp(exponent - log_sum(exponent, axis=1)[:, None])

    @cached_property
    def visible_given_hidden(self) -> np.ndarray:
        """p(v | h) `[m, n]`."""
        exponent = -self.energy.T / self.temperature
        return np.exp(exponent - log_sum(exponent, axis=1)[:, None])

    @cached_property
    def hidden_means(self) -> np.ndarray:
        """p(h_j = 1 | v) `[n, H]`."""
        return sigmoid(self.hidden_inputs(self.v) / self.temperature)

    @cached_property
    def visible_means(self) -> np.ndarray:
        """p(v_i = 1 | h) `[m, V]`."""
        return sigmoid(self.visible_inputs(self.h) / self.temperature)

    def hidden_inputs(self, v: np.ndarray) -> np.ndarray:
        """S_j = b_j + sum_i w_ij v_i, `[..., V] -> [..., H]`."""
        return v @ self.parameters.weights + self.parameters.b

    def visible_inputs(self, h: np.ndarray) -> np.ndarray:
        """S_i = a_i + sum_j w_ij h_j, `[..., H] -> [..., V]`."""
        return h @ self.parameters.weights.T + self.parameters.a

    def held(self, weight: np.ndarray) -> Parameters:
        """The positive term: <v_i h_j>, <v_i>, <h_j> with p(h|v), the visible states weighted by `weight [n]`."""
        return self.expected(weight[:, None] * self.hidden_given_visible)

    def free(self) -> Parameters:
        """The negative term: the same expectations under p(v, h)."""
        return self.expected(self.joint)

    def expected(self, probability: np.ndarray) -> Parameters:
        """<v_i h_j>, <v_i>, <h_j> when the configurations have the probabilities `[n, m]`."""
        return Parameters(self.v.T @ probability @ self.h, probability.sum(axis=1) @ self.v, probability.sum(axis=0) @ self.h)

    def only(self, v: np.ndarray) -> np.ndarray:
        """All the weight on one visible state, as `held` takes it, `[V] -> [n]`."""
        return (np.arange(len(self.v)) == number_of(v)).astype(np.float64)

    def statistics(self, biases: bool) -> np.ndarray:
        """What each configuration adds to the expectations, `[n, m, P]`, flat as `Parameters.flat` is."""
        n, m = len(self.v), len(self.h)
        products = (self.v[:, None, :, None] * self.h[None, :, None, :]).reshape(n, m, -1)
        if not biases:
            return products
        v, h = np.repeat(self.v[:, None], m, axis=1), np.repeat(self.h[None], n, axis=0)
        return np.concatenate([products, v, h], axis=2)


def tables(parameters: Parameters | RBM, temperature: float) -> Tables:
    """The tables of a machine at a temperature."""
    return Tables(parameters if isinstance(parameters, Parameters) else Parameters.of(parameters), temperature)


def all_bits(n: int) -> np.ndarray:
    """All states of `n` binary units, `[2^n, n]`: 00, 01, 10, 11."""
    return (np.arange(1 << n)[:, None] >> np.arange(n)[::-1] & 1).astype(np.float64)


def number_of(bits: np.ndarray) -> int:
    """The row of `all_bits` that holds `bits`."""
    return int(bits @ (1 << np.arange(len(bits))[::-1]))


def log_sum(x: np.ndarray, axis: int | None = None) -> Any:
    """ln sum exp(x), without overflow."""
    largest = x.max(axis=axis, keepdims=True)
    return np.squeeze(np.log(np.exp(x - largest).sum(axis=axis, keepdims=True)) + largest, axis=axis)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^(-x)), without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def texts(states: np.ndarray) -> list[str]:
    """Rows of bits as text, "01"."""
    return ["".join(map(str, row)) for row in states.astype(int).tolist()]
