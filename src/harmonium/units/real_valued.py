"""Units with precisions: gaussian, rectified linear and double rectified linear ones."""

from __future__ import annotations

import operator
from dataclasses import fields, replace
from functools import reduce
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium._checks import fill_masked
from harmonium._numerics import counts_of, float64, mean_and_deviation
from harmonium._types import Array, Key, Result
from harmonium.errors import InputError
from harmonium.random import normal, uniform
from harmonium.units import truncated
from harmonium.units.base import Units, units

LEAST_FRACTION = 1e-3
"""A column that hardly varies counts as varying by this fraction of the columns' average: no precision is infinite."""
MIN_PRECISION, MAX_PRECISION = 1e-6, 1e6
"""The range of a learned precision: its squares and roots are well within float32."""
MAX_CENTER = 30.0
"""How far from zero, in standard deviations, the center of a fitted truncated distribution may be."""
NEWTON_STEPS = 40
"""Of the fit of double rectified linear units."""


class Quadratic(Units):
    """Units with energy(x) = sum_i precision_i x_i^2 / 2 - bias_i x_i; abstract.

    The fields of a kind are its biases, then as many precisions: one, or one for each sign of x.
    """

    precision: Any

    changes_at_zero: ClassVar[bool] = False
    """Whether zero is a special value, so that values cannot be moved."""

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        return jnp.sum((self.precision * x / 2 - self.bias) * x, axis=-1)

    def statistics(self, x: Real[Array, "*batch N"]) -> Self:
        return type(self)(x, -(x**2) / 2)  # type: ignore[call-arg]

    def add_field(self, by: Real[Array, "*batch N"]) -> Self:
        biases, precisions = self._halves()
        return type(self)(*(bias + by for bias in biases), *precisions)

    @property
    def curvature(self) -> Float[Result, " N"]:
        return reduce(jnp.minimum, self._halves()[1])

    def apply_update(self, by: Self, hold_scale: bool = False) -> Self:
        (biases, precisions), (bias_steps, precision_steps) = self._halves(), by._halves()
        if not hold_scale:
            precisions = list(map(_update_precision, precisions, precision_steps))
        return type(self)(*map(operator.add, biases, bias_steps), *precisions)

    def rescale(self, center: Real[Array, " N"], scale: Real[Array, " N"]) -> Self:
        if self.changes_at_zero and np.any(np.asarray(center) != 0):
            raise InputError(f"the values of {self.name} units cannot be moved, because their distribution changes at zero")
        if not np.all(np.asarray(scale) > 0):
            raise InputError("scale must be positive in every column")
        biases, precisions = self._halves()
        biases = [(bias - precision * center) * scale for bias, precision in zip(biases, precisions, strict=True)]
        return type(self)(*biases, *(precision * scale**2 for precision in precisions))

    @classmethod
    def zeros(cls, size: int) -> Self:
        half = len(fields(cls)) // 2  # type: ignore[arg-type]
        return cls(*np.zeros((half, size)), *np.ones((half, size)))

    def validation_error(self) -> str | None:
        """Of a tracer, only its shape is looked at."""
        (first, *others) = fields(self)  # type: ignore[arg-type]
        bias = getattr(self, first.name)
        for name in (field.name for field in others):
            value = getattr(self, name)
            if value.shape != bias.shape:
                return f"{name} has {value.size} values, but {first.name} has {bias.size}"
            if name.startswith("bias") or isinstance(value, jax.core.Tracer):
                continue
            array = np.asarray(value)
            # Below the root of the smallest number the variances would overflow.
            least = float(np.sqrt(np.finfo(array.dtype if array.dtype.kind == "f" else np.float64).tiny))
            if not (array > least).all():
                column = int(np.flatnonzero(~(array > least))[0])
                limit = "above zero" if array[column] <= 0 else f"at least {least:.0e}"
                return f"{name} must be {limit}, but is {array[column]:g} in column {column + 1}"
        return None

    def _halves(self) -> tuple[list[Any], list[Any]]:
        """The biases and the precisions."""
        values = [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]
        return values[: len(values) // 2], values[len(values) // 2 :]


def _update_precision(precision: Float[Array, " N"], step: Float[Array, " N"]) -> Float[Result, " N"]:
    """The precision after a step, at least half and at most twice what it was.

    A precision below zero has no distribution, and the slope by it goes with the variance, the inverse: a full step from a
    small precision would leap to the other side of the best one.
    """
    return jnp.clip(precision + jnp.clip(step, -precision / 2, precision), MIN_PRECISION, MAX_PRECISION)


def variance_of(x: Float[np.ndarray, "n N"], weights: Real[np.ndarray, " n"] | None) -> Float[np.ndarray, " N"]:
    """The variance of each column, with a floor for columns that hardly vary.

    Raises:
        InputError: it is the inverse of no precision that can be learned.
    """
    _, deviation = mean_and_deviation(x, weights)
    least, most = MAX_PRECISION**-0.5, MIN_PRECISION**-0.5
    outside = (deviation > most) | (deviation < least) & (deviation == deviation.max()) & (deviation > 0)
    if outside.any():
        column = int(np.flatnonzero(outside)[0])
        raise InputError(
            f"data has a standard deviation of {deviation[column]:.3g} in column {column + 1}, but real units learn those from "
            f"{least:g} to {most:g}: standardize the columns"
        )
    return np.maximum(deviation**2, LEAST_FRACTION * ((deviation**2).mean() or 1.0))


@units
class Gaussian(Quadratic):
    """Real units with energy(x) = sum_i precision_i x_i^2 / 2 - bias_i x_i.

    p(x_i | inputs) is normal with mean (inputs_i + bias_i) / precision_i and variance 1 / precision_i.

    Args:
        bias: `[N]`.
        precision: `[N]`, above zero; learned like any parameter.

    Reference: M. Welling, M. Rosen-Zvi and G. Hinton, NIPS 2004, section 2; for the learned precision K. Cho, A. Ilin and
    T. Raiko, "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines", ICANN 2011.

    Example:
        >>> import harmonium as hm
        >>> hm.Gaussian.zeros(2)
        Gaussian(bias=array([0., 0.]), precision=array([1., 1.]))
    """

    bias: Any
    precision: Any

    name: ClassVar[str] = "gaussian"

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return ((inputs + self.bias) ** 2 / self.precision - jnp.log(self.precision) + np.log(2 * np.pi)) / 2

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return (inputs + self.bias) / self.precision

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        mean = self.mean(inputs)
        return mean + normal(key, mean.shape, mean.dtype) / jnp.sqrt(self.precision)

    def moments(self, inputs: Real[Array, "*batch N"]) -> Gaussian:
        mean = self.mean(inputs)
        return Gaussian(mean, -(mean**2 + 1 / self.precision) / 2)

    def fit_base_rate(self, data: Real[Array, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> Gaussian:
        x = np.asarray(fill_masked(data), dtype=np.float64)
        variance = variance_of(x, weights)
        return Gaussian(np.average(x, axis=0, weights=weights) / variance, 1 / variance)


@units
class ReLU(Quadratic):
    """Units x >= 0 with energy(x) = sum_i precision_i x_i^2 / 2 - bias_i x_i.

    p(x_i | inputs) is the normal distribution of mean (inputs_i + bias_i) / precision_i and variance 1 / precision_i,
    truncated at zero.

    Args:
        bias: `[N]`.
        precision: `[N]`, above zero; learned like any parameter.

    Reference: J. Tubiana and R. Monasson, "Emergence of compositional representations in restricted Boltzmann machines", Phys.
    Rev. Lett. 118 (2017). (Not the noisy rectified units of V. Nair and G. Hinton, ICML 2010, which have no energy.)

    Example:
        >>> import harmonium as hm
        >>> hm.ReLU([-1.0], [2.0])
        ReLU(bias=array([-1.]), precision=array([2.]))
    """

    bias: Any
    precision: Any

    name: ClassVar[str] = "relu"
    domain: ClassVar[str] = "is zero or above"
    changes_at_zero: ClassVar[bool] = True

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return truncated.log_normalizer(self.standard(inputs)) - jnp.log(self.precision) / 2

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return truncated.sample(key, self.standard(inputs)) / jnp.sqrt(self.precision)

    def moments(self, inputs: Real[Array, "*batch N"]) -> ReLU:
        first, second = truncated.moments(self.standard(inputs))
        return ReLU(first / jnp.sqrt(self.precision), -second / self.precision / 2)

    def standard(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        """The center of the normal distribution before truncation, given `inputs`, in standard deviations."""
        return (inputs + self.bias) / jnp.sqrt(self.precision)

    def fit_base_rate(self, data: Real[Array, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> ReLU:
        x = np.asarray(fill_masked(data), dtype=np.float64)
        return ReLU(*_fit_truncated(*(np.average(power, axis=0, weights=weights) for power in (x, x**2))))

    @property
    def ranges(self) -> Float[np.ndarray, "2 N"]:
        return np.repeat([[0.0], [np.inf]], self.size, axis=1)


def _fit_truncated(first: Float[np.ndarray, " N"], second: Float[np.ndarray, " N"]) -> tuple[np.ndarray, np.ndarray]:
    """Bias and precision of the truncated normal distributions with these first and second moments, or the nearest.

    E[y^2] / E[y]^2 falls from 2 (the exponential distribution) to 1 as s rises, so s is found by bisection.
    """
    least = 1e-3 * (first.mean() or 1.0)
    ratio = np.where(first < least, 2.0, second / np.maximum(first, least) ** 2)
    first = np.maximum(first, least)
    low, high = np.full_like(first, -MAX_CENTER), np.full_like(first, MAX_CENTER)
    with float64():
        for _ in range(60):
            middle = (low + high) / 2
            mean, square = (np.asarray(moment) for moment in truncated.moments(jnp.asarray(middle)))
            too_low = square / mean**2 > ratio
            low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
        root = np.asarray(truncated.moments(jnp.asarray(low))[0]) / first
    return low * root, root**2


@units
class DReLU(Quadratic):
    """Real units with energy(x) = sum_i p x_i^2 / 2 - b x_i, where b, p = b+, p+ if x_i > 0 and b-, p- otherwise.

    With equal signs it is a Gaussian unit; with b+ < 0 < b- its values stay near zero until inputs are large, and with
    b+ > 0 > b- it has two modes.

    Args:
        bias_positive, bias_negative: b+ and b-, `[N]`.
        precision_positive, precision_negative: p+ and p-, `[N]`, above zero.

    Reference: J. Tubiana, S. Cocco and R. Monasson, "Learning protein constitutive motifs from sequence data", eLife 8 (2019),
    and "Learning compositional representations of interacting systems with restricted Boltzmann machines", Neural Computation
    31 (2019).

    Example:
        >>> import harmonium as hm
        >>> hm.DReLU([1.0], [-1.0], [1.0], [1.0]).size
        1
    """

    bias_positive: Any
    bias_negative: Any
    precision_positive: Any
    precision_negative: Any

    name: ClassVar[str] = "drelu"
    changes_at_zero: ClassVar[bool] = True

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        up = (self.precision_positive * x / 2 - self.bias_positive) * x
        down = (self.precision_negative * x / 2 - self.bias_negative) * x
        return jnp.sum(jnp.where(x > 0, up, down), axis=-1)

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch units"]:
        above, below = self._sides()
        return jnp.logaddexp(above.log_normalizer_terms(inputs), below.log_normalizer_terms(-inputs))

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        sign_key, size_key = jax.random.split(key)
        up = self._probability_above(inputs)
        positive = uniform(sign_key, up.shape, up.dtype) < up
        above, below = self._sides()
        size = truncated.sample(size_key, jnp.where(positive, above.standard(inputs), below.standard(-inputs)))
        return jnp.where(positive, size / jnp.sqrt(above.precision), -size / jnp.sqrt(below.precision))

    def statistics(self, x: Real[Array, "*batch N"]) -> DReLU:
        up, down = jnp.maximum(x, 0), jnp.minimum(x, 0)
        return DReLU(up, down, -(up**2) / 2, -(down**2) / 2)

    def moments(self, inputs: Real[Array, "*batch N"]) -> DReLU:
        up, (above, below) = self._probability_above(inputs), self._sides()
        first, second = truncated.moments(above.standard(inputs))
        first_below, second_below = truncated.moments(below.standard(-inputs))
        return DReLU(
            up * first / jnp.sqrt(above.precision),
            -(1 - up) * first_below / jnp.sqrt(below.precision),
            -up * second / above.precision / 2,
            -(1 - up) * second_below / below.precision / 2,
        )

    @property
    def bias(self) -> Float[Result, "*batch N"]:
        return self.bias_positive + self.bias_negative

    def apply_update(self, by: DReLU, hold_scale: bool = False) -> DReLU:
        moved = super().apply_update(by)
        if not hold_scale:
            return moved
        # The scale of the two together; they may differ.
        up, down = moved.precision_positive, moved.precision_negative
        back = jnp.sqrt(self.precision_positive / up * (self.precision_negative / down))
        return replace(moved, precision_positive=up * back, precision_negative=down * back)

    def fit_base_rate(self, data: Real[Array, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> DReLU:
        x = np.asarray(fill_masked(data), dtype=np.float64)
        mean, precision = np.average(x, axis=0, weights=weights), 1 / variance_of(x, weights)
        # Starts at the normal distribution with the data's mean and variance; one row of it is added, so both signs occur.
        normal = DReLU(mean * precision, mean * precision, precision, precision)
        with float64():
            one_row = normal.moments(np.zeros_like(mean))
            counts = counts_of(weights, len(x))
            moments = jax.tree.map(lambda of, one: (counts @ of + one) / (counts.sum() + 1), self.statistics(x), one_row)
            return jax.tree.map(np.asarray, _fit(normal, moments))

    def _sides(self) -> tuple[ReLU, ReLU]:
        """The distributions of x above zero, and of -x below it, where inputs are mirrored too."""
        return ReLU(self.bias_positive, self.precision_positive), ReLU(-self.bias_negative, self.precision_negative)

    def _probability_above(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        above, below = self._sides()
        return jax.nn.sigmoid(above.log_normalizer_terms(inputs) - below.log_normalizer_terms(-inputs))


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
