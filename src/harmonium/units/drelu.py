"""Double rectified linear units: real values whose two signs each have a distribution of their own."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium._numerics import float64
from harmonium._types import Array, Key, Result
from harmonium.errors import InputError
from harmonium.random import uniform
from harmonium.units import truncated
from harmonium.units.base import Units, units
from harmonium.units.quadratic import precision_error, rescale_precision, update_precision, variance_of


@units
class DReLU(Units):
    """Real units with energy(x) = sum_i p x_i^2 / 2 - b x_i, where b, p = b+, p+ if x_i > 0 and b-, p- otherwise.

    With equal signs it is a Gaussian unit; with b+ < 0 < b- its values stay near zero until inputs are large, and with
    b+ > 0 > b- it has two modes.

    Args:
        bias_positive, bias_negative: b+ and b-, `[N]`. precision_positive, precision_negative: p+ and p-, `[N]`, above zero.

    Reference: J. Tubiana, S. Cocco and R. Monasson, "Learning protein constitutive motifs from sequence data", eLife 8 (2019),
    and "Learning compositional representations of interacting systems with restricted Boltzmann machines", Neural Computation
    31 (2019).
    """

    bias_positive: Any
    bias_negative: Any
    precision_positive: Any
    precision_negative: Any

    name: ClassVar[str] = "drelu"

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        up = (self.precision_positive * x / 2 - self.bias_positive) * x
        down = (self.precision_negative * x / 2 - self.bias_negative) * x
        return jnp.sum(jnp.where(x > 0, up, down), axis=-1)

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch units"]:
        return jnp.logaddexp(*self._halves(inputs))

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return self.moments(inputs).bias

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        sign_key, size_key = jax.random.split(key)
        up = self._probability_above(inputs)
        positive = uniform(sign_key, up.shape, up.dtype) < up
        above, below = self._standard(inputs)
        size = truncated.sample(size_key, jnp.where(positive, above, below))
        return jnp.where(positive, size / jnp.sqrt(self.precision_positive), -size / jnp.sqrt(self.precision_negative))

    def statistics(self, x: Real[Array, "*batch N"]) -> DReLU:
        up, down = jnp.maximum(x, 0), jnp.minimum(x, 0)
        return DReLU(up, down, -(up**2) / 2, -(down**2) / 2)

    def moments(self, inputs: Real[Array, "*batch N"]) -> DReLU:
        up, (above, below) = self._probability_above(inputs), self._standard(inputs)
        (first, second), (first_below, second_below) = truncated.moments(above), truncated.moments(below)
        return DReLU(
            up * first / jnp.sqrt(self.precision_positive),
            -(1 - up) * first_below / jnp.sqrt(self.precision_negative),
            -up * second / self.precision_positive / 2,
            -(1 - up) * second_below / self.precision_negative / 2,
        )

    @property
    def bias(self) -> Float[Result, "*batch N"]:
        return self.bias_positive + self.bias_negative

    def add_field(self, by: Real[Array, "*batch N"]) -> DReLU:
        biases = self.bias_positive + by, self.bias_negative + by
        return DReLU(*biases, self.precision_positive, self.precision_negative)

    @property
    def curvature(self) -> Float[Result, " N"]:
        return jnp.minimum(self.precision_positive, self.precision_negative)

    def apply_update(self, by: DReLU, hold_scale: bool = False) -> DReLU:
        own = self.precision_positive, self.precision_negative
        up, down = update_precision(own[0], by.precision_positive), update_precision(own[1], by.precision_negative)
        if hold_scale:  # of the two together; they may differ
            back = jnp.sqrt(own[0] / up * (own[1] / down))
            up, down = up * back, down * back
        return DReLU(self.bias_positive + by.bias_positive, self.bias_negative + by.bias_negative, up, down)

    def rescale(self, center: Real[Array, " N"], scale: Real[Array, " N"]) -> DReLU:
        if np.any(np.asarray(center) != 0):
            raise InputError("the values of drelu units cannot be moved, because zero is where their distribution changes")
        return DReLU(
            self.bias_positive * scale,
            self.bias_negative * scale,
            rescale_precision(self.precision_positive, scale),
            rescale_precision(self.precision_negative, scale),
        )

    def fit_base_rate(self, data: Real[Array, "n N"]) -> DReLU:
        x = np.asarray(data, dtype=np.float64)
        mean, precision = x.mean(axis=0), 1 / variance_of(x)
        # Starts at the normal distribution with the data's mean and variance; one row of it is added, so both signs occur.
        normal = DReLU(mean * precision, mean * precision, precision, precision)
        with float64():
            one_row = normal.moments(np.zeros_like(mean))
            moments = jax.tree.map(lambda of, one: (of.sum(axis=0) + one) / (len(x) + 1), self.statistics(x), one_row)
            return jax.tree.map(np.asarray, _fit(normal, moments))

    @classmethod
    def zeros(cls, size: int) -> DReLU:
        return cls(np.zeros(size), np.zeros(size), np.ones(size), np.ones(size))

    def validation_error(self) -> str | None:
        if self.bias_negative.shape != self.bias_positive.shape:
            return f"bias_negative has {self.bias_negative.size} values, but bias_positive has {self.bias_positive.size}"
        precisions = {"precision_positive": self.precision_positive, "precision_negative": self.precision_negative}
        return precision_error(self.bias_positive, **precisions)

    def _standard(self, inputs: Real[Array, "*batch N"]) -> tuple[Float[Result, "*batch N"], Float[Result, "*batch N"]]:
        """The centers before truncation, in standard deviations, of the distribution above zero and the mirrored one below."""
        above = (inputs + self.bias_positive) / jnp.sqrt(self.precision_positive)
        return above, -(inputs + self.bias_negative) / jnp.sqrt(self.precision_negative)

    def _halves(self, inputs: Real[Array, "*batch N"]) -> tuple[Float[Result, "*batch N"], Float[Result, "*batch N"]]:
        """The logs of the integrals over the values above and below zero."""
        above, below = (truncated.log_normalizer(s) for s in self._standard(inputs))
        return above - jnp.log(self.precision_positive) / 2, below - jnp.log(self.precision_negative) / 2

    def _probability_above(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        above, below = self._halves(inputs)
        return jax.nn.sigmoid(above - below)


NEWTON_STEPS = 40


@jax.jit
def _fit(start: DReLU, expected: DReLU) -> DReLU:
    """The units whose moments are `expected`: Newton's method on the likelihood, which is concave, column by column."""
    structure = jax.tree.structure(start)

    def gain(vector: Float[Array, " 4"], moments: Float[Array, " 4"]) -> Float[Result, ""]:
        units = jax.tree.unflatten(structure, vector[:, None])
        return vector @ moments - units.log_normalizer(jnp.zeros(1))

    def of_column(vector: Float[Array, " 4"], moments: Float[Array, " 4"]) -> Float[Result, " 4"]:
        def step(_: object, vector: Float[Array, " 4"]) -> Float[Result, " 4"]:
            slope, curve = jax.grad(gain)(vector, moments), jax.hessian(gain)(vector, moments)
            direction = -jnp.linalg.solve(curve - 1e-9 * jnp.eye(4), slope)
            # No precision falls below half of what it was, and the best of ever shorter steps is taken.
            longest = jnp.min(jnp.where(direction[2:] < 0, -vector[2:] / direction[2:] / 2, 1), initial=1)
            tried = vector + (longest * 0.5 ** jnp.arange(12))[:, None] * direction
            return tried[jnp.argmax(jax.vmap(gain, (0, None))(tried, moments))]

        return jax.lax.fori_loop(0, NEWTON_STEPS, step, vector)

    columns = (jnp.stack(jax.tree.leaves(tree), axis=-1) for tree in (start, expected))
    return jax.tree.unflatten(structure, jax.vmap(of_column)(*columns).T)
