"""Real units whose values are normal together given the other layer: a precision for each pair of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import sequential_vmap
from jax.lax.linalg import triangular_solve
from jaxtyping import Bool, Float, Real

from harmonium import _pytree
from harmonium._checks import fill_masked
from harmonium._types import Array, Key, Result
from harmonium.errors import InputError
from harmonium.random import normal
from harmonium.units.base import Unconnected, Units, units
from harmonium.units.normal_fit import fit_normal
from harmonium.units.real_valued import MAX_PRECISION, Gaussian

ROWS_PER_COLUMN = 10
"""A fitted layer's ceiling is its precision times 1, and 1 more for every so many rows that each column has."""
LARGEST_CHANGE = 0.5
"""Of the precision in a step, relative to the precision itself (Frobenius norm)."""


@units
class CorrelatedGaussian(Units):
    """Real units with energy(x) = x . P x / 2 - bias . x, P a symmetric, positive definite matrix.

    p(x | inputs) is the normal distribution N(P^-1 (inputs + bias), P^-1): columns that depend on each other linearly do so
    without hidden units, which are free to learn what is not linear. Such an RBM is called semi-restricted, as its visible
    units are connected.

    Args:
        bias: `[N]`.
        precision: P, `[N, N]`; learned like any parameter.
        ceiling: `[N, N]`, which no precision that is learned exceeds in any direction; it is not learned itself, and without it
            there is none to speak of. Hidden units can learn the rows of small tables by heart in directions in which they
            find them to vary little.

    Reference: S. Osindero and G. Hinton, "Modeling image patches with a directed hierarchy of Markov random fields", NIPS 2008,
    section 3 (lateral connections between visible units).

    Example:
        >>> import harmonium as hm
        >>> hm.CorrelatedGaussian([0, 0], [[2, 1], [1, 2]]).size
        2
    """

    bias: Any
    precision: Any
    ceiling: Any = None

    name: ClassVar[str] = "correlated"
    matrices: ClassVar[tuple[str, ...]] = ("precision", "ceiling")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ceiling is None and hasattr(self.bias, "shape"):  # inside a transformation the leaves may be anything
            object.__setattr__(self, "ceiling", MAX_PRECISION * np.eye(self.size))

    # ---- the distribution

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        return jnp.sum((x @ self.precision / 2 - self.bias) * x, axis=-1)

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        half = _half(self.precision)
        return ((inputs + self.bias) @ half) ** 2 / 2 + jnp.log(jnp.diagonal(half)) + np.log(2 * np.pi) / 2

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        half = _half(self.precision)
        return (inputs + self.bias) @ half @ half.T

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        half = _half(self.precision)
        whitened = (inputs + self.bias) @ half
        return (whitened + normal(key, whitened.shape, whitened.dtype)) @ half.T

    def statistics(self, x: Real[Array, "*batch N"]) -> CorrelatedGaussian:
        squares = _outer(x)
        return CorrelatedGaussian(x, -squares / 2, jnp.zeros_like(squares))

    def moments(self, inputs: Real[Array, "*batch N"]) -> CorrelatedGaussian:
        mean, half = self.mean(inputs), _half(self.precision)
        squares = _outer(mean) + half @ half.T
        return CorrelatedGaussian(mean, -squares / 2, jnp.zeros_like(squares))

    @property
    def independent(self) -> bool:
        return False

    def given(self, x: Real[Array, "*batch N"]) -> GivenNormal:
        return GivenNormal.of(self, x)

    def resample(
        self, key: Key, inputs: Float[Array, "*batch N"], x: Float[Array, "*batch N"], fixed: Float[Array, "*batch N"]
    ) -> Float[Result, "*batch N"]:
        noise, free = normal(key, x.shape, x.dtype), jnp.isnan(fixed)
        field, precision = jnp.asarray(inputs + self.bias), jnp.asarray(self.precision, x.dtype)

        def draw(column: Any, x: Any) -> Any:
            own, scale = x[..., column], precision[column, column]
            drawn = own + (field[..., column] - x @ precision[column]) / scale + noise[..., column] / jnp.sqrt(scale)
            return x.at[..., column].set(jnp.where(free[..., column], drawn, own))

        return jax.lax.fori_loop(0, self.size, draw, jnp.asarray(x))

    def apart(self) -> Gaussian:
        return Gaussian(jnp.zeros_like(self.bias), self.curvature)

    def center(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return x - (x @ self.precision - self.bias) / self.curvature

    def marginals(self) -> CorrelatedGaussian:
        covariance = np.linalg.inv(np.asarray(self.precision, np.float64))
        variance = np.diag(covariance)
        return CorrelatedGaussian(covariance @ np.asarray(self.bias) / variance, np.diag(1 / variance))

    def hold(self, x: Float[np.ndarray, " N"]) -> CorrelatedGaussian:
        free, precision = np.isnan(x), np.asarray(self.precision)
        sent = np.where(free, np.nan_to_num(x) @ precision, 0)
        alone = np.where(np.outer(free, free), precision, np.diag(np.diag(precision)))
        bias = (np.asarray(self.bias) - sent).astype(precision.dtype)
        return CorrelatedGaussian(bias, alone.astype(precision.dtype), self.ceiling)

    def unconnect(self, chosen: Bool[np.ndarray, " N"]) -> Unconnected:
        """With c the chosen columns and r the others, x P x = y_r P_rr y_r + x_c Q x_c for

            y_r = x_r + S x_c,   S = P_rr^-1 P_rc,   Q = P_cc - P_cr S = D - U U',

        D a multiple of the diagonal of Q: the weights are U, the shift is S. A sweep by way of these hidden units takes a
        deviation of x_c to 1 - D^-1 Q times it, and 1 / the least eigenvalue of D^-1 Q is the relaxation.
        """
        precision, bias = np.asarray(self.precision, np.float64), np.array(self.bias, np.float64)
        c, r = np.flatnonzero(chosen), np.flatnonzero(~chosen)
        if not len(c):
            return super().unconnect(chosen)
        carried = np.linalg.solve(precision[np.ix_(r, r)], precision[np.ix_(r, c)])
        own = precision[np.ix_(c, c)] - precision[np.ix_(c, r)] @ carried
        bias[c] -= bias[r] @ carried
        scale = np.sqrt(np.diag(own))
        values, vectors = np.linalg.eigh(own / np.outer(scale, scale))
        weights, shift = np.zeros((self.size, len(c) - 1)), np.zeros((self.size, len(c)))
        weights[c] = scale[:, None] * vectors[:, :-1] * np.sqrt(values[-1] - values[:-1])
        shift[r] = carried
        apart = np.zeros_like(precision)
        apart[np.ix_(r, r)], apart[c, c] = precision[np.ix_(r, r)], values[-1] * scale**2
        relaxation = values[-1] / max(values[0], np.finfo(float).tiny) if len(c) > 1 else 0.0
        return Unconnected(CorrelatedGaussian(bias, apart), weights, shift, float(relaxation))

    # ---- distributions nearby

    def add_field(self, by: Real[Array, "*batch N"]) -> CorrelatedGaussian:
        return CorrelatedGaussian(self.bias + by, self.precision, self.ceiling)

    def fit_base_rate(self, data: Real[Array, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> CorrelatedGaussian:
        alone = Gaussian.zeros(self.size).fit_base_rate(data, weights)
        return CorrelatedGaussian(alone.bias, np.diag(alone.precision))

    def fit(self, data: Real[np.ndarray, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> CorrelatedGaussian:
        """As `Units.fit`; columns are as correlated as it makes rows that are left out likeliest.

        Raises:
            InputError: as `fit_base_rate`.
        """
        rows = np.asarray(fill_masked(data), np.float64)
        mean, precision = fit_normal(rows, weights)
        return CorrelatedGaussian(precision @ mean, precision, (1 + len(rows) / (ROWS_PER_COLUMN * self.size)) * precision)

    @classmethod
    def zeros(cls, size: int) -> Self:
        return cls(np.zeros(size), np.eye(size))

    def select(self, chosen: Sequence[int]) -> Units:
        own, others = np.array(chosen, int), np.setdiff1d(np.arange(self.size), chosen)
        if np.any(np.asarray(self.precision)[np.ix_(own, others)]):
            raise InputError(f"correlated units cannot be taken apart, but {list(chosen)} are asked for")
        bias, precision = self.bias[..., own], self.precision[np.ix_(own, own)]
        if len(own) == 1:
            return Gaussian(bias, jnp.diagonal(precision) if isinstance(precision, jax.Array) else np.diag(precision))
        return CorrelatedGaussian(bias, precision, self.ceiling[np.ix_(own, own)])

    # ---- bounds of the parameters

    @property
    def curvature(self) -> Float[Result, " N"]:
        return jnp.diagonal(self.precision)

    def whiten(self, weights: Float[Array, "N M"]) -> Float[Result, "N M"]:
        return _half(self.precision).T @ weights

    def scale_steps(self, steps: Float[Array, "N M"]) -> Float[Result, "N M"]:
        """Steps times the ceiling over what it is in whitened columns of variance 1: steps of whitened values, seen from the
        columns. Else what varies little would hardly learn. The precision itself would make steps longer as it rises."""
        return self._metric @ steps

    @property
    def _metric(self) -> Float[Result, "N N"]:
        return self.ceiling * jnp.mean(jnp.sum(_half(self.ceiling) ** 2, axis=1))

    def apply_update(self, by: CorrelatedGaussian, hold_scale: bool = False) -> CorrelatedGaussian:
        """As `Units.apply_update` (`by`, `hold_scale`).

        A step of the precision is smaller if need be, so that this changes by half at most and stays positive definite.
        """
        if hold_scale:
            return CorrelatedGaussian(self.bias + by.bias, self.precision, self.ceiling)
        metric, half = self._metric, _half(self.precision)
        step = metric @ (by.precision + by.precision.T) @ metric / 2
        size = jnp.linalg.norm(half.T @ step @ half)
        changed = self.precision + step * jnp.minimum(1, LARGEST_CHANGE / jnp.maximum(size, 1e-12))
        return CorrelatedGaussian(self.bias + metric @ by.bias, _limit((changed + changed.T) / 2, self.ceiling), self.ceiling)

    def validation_error(self) -> str | None:
        size = self.bias.size
        for name in self.matrices:
            matrix = getattr(self, name)
            if matrix.shape != (size, size):
                return f"{name} must have shape [{size}, {size}], as bias has {size}, but has {list(matrix.shape)}"
            if not isinstance(matrix, jax.core.Tracer) and (fault := _fault(np.asarray(matrix, np.float64))):
                return f"{name} must be {fault}"
        return None

    def rescale(self, center: Real[Array, " N"], scale: Real[Array, " N"]) -> CorrelatedGaussian:
        if not np.all(np.asarray(scale) > 0):
            raise InputError("scale must be positive in every column")
        bias = (self.bias - self.precision @ center) * scale
        return CorrelatedGaussian(bias, *(matrix * np.outer(scale, scale) for matrix in (self.precision, self.ceiling)))


def _fault(matrix: Float[np.ndarray, "N N"]) -> str | None:
    """What a matrix must be and is not, in words: symmetric and positive definite."""
    diagonal = np.diag(matrix)
    if not (diagonal > 0).all():
        return f"positive definite, but its diagonal has {diagonal.min():.3g}"
    matrix = matrix / np.sqrt(diagonal) / np.sqrt(diagonal)[:, None]  # so that scales of columns make no difference
    if not np.allclose(matrix, matrix.T, rtol=1e-5, atol=1e-5):
        return "symmetric"
    least = float(np.linalg.eigvalsh(matrix)[0])
    return None if least > 0 else f"positive definite, but with a diagonal of ones its least eigenvalue is {least:.3g}"


def _limit(precision: Float[Array, "N N"], ceiling: Float[Array, "N N"]) -> Float[Result, "N N"]:
    """The precision, in those directions in which it is above the ceiling at the ceiling."""
    root, half = _root(ceiling), _half(ceiling)
    relative = half.T @ precision @ half
    square = relative @ relative

    def clip() -> Any:
        values, vectors = jnp.linalg.eigh(relative)
        limited = root @ vectors
        return (limited * jnp.minimum(values, 1)) @ limited.T

    # No eigenvalue of a matrix is larger than the norm of its fourth power says.
    return jax.lax.cond(jnp.linalg.norm(square @ square) > 1, clip, lambda: jnp.asarray(precision))


def _outer(x: Real[Array, "*batch N"]) -> Float[Result, "*batch N N"]:
    return jnp.asarray(x)[..., :, None] * x[..., None, :]


# One matrix after another, also under `vmap`: LAPACK's functions of many matrices at once wait for each other for ever where
# two such calls meet on two cores (jax 0.10.2). Loops over them have no derivatives, so that is written out.

_root = sequential_vmap(jnp.linalg.cholesky)
_inverse = sequential_vmap(lambda root: triangular_solve(root, jnp.eye(len(root), dtype=root.dtype), lower=True))


@jax.custom_jvp
def _half(precision: Float[Array, "N N"]) -> Float[Result, "N N"]:
    """The upper triangular matrix whose product with its transpose is the inverse of `precision`: x times it is whitened."""
    return _inverse(_root(precision)).T


@_half.defjvp
def _half_jvp(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    half, (change,) = _half(*primals), tangents
    inner = half.T @ (change + change.T) @ half / 2
    return half, -half @ (jnp.triu(inner) - jnp.diag(jnp.diagonal(inner)) / 2)


@jax.jit
def _halves(precisions: Float[Array, "rows N N"]) -> Float[Result, "rows N N"]:
    return jax.lax.map(_half, precisions)


@_pytree.register
@dataclass(frozen=True, eq=False)
class GivenNormal:
    """As `harmonium.units.given.Given`, of correlated units: with f the free columns and o the others,

        p(x_f | x_o, inputs) = N(M (inputs_f + field), M),   M = P_ff^-1,   field = bias_f - P_fo x_o.

    `x [*batch, N]`, NaN in free columns; `field [*batch, N]` and `covariance`, M `[*batch, N, N]`, are zero elsewhere;
    `root`: M = root root'; `constant [*batch]`: the part of the log normalizer that no input changes.
    """

    x: Any
    field: Any
    covariance: Any
    root: Any
    constant: Any

    @classmethod
    def of(cls, layer: CorrelatedGaussian, x: Real[Array, "*batch N"]) -> GivenNormal:
        free, known = jnp.isnan(x).astype(layer.precision.dtype), jnp.nan_to_num(x).astype(layer.precision.dtype)
        field = free * (layer.bias - known @ layer.precision)
        # Elsewhere the unit matrix stands in for P: nothing there depends on anything.
        own = layer.precision * _outer(free) + (1 - free)[..., None] * jnp.eye(layer.size, dtype=free.dtype)
        halves = _halves(own.reshape(-1, layer.size, layer.size)).reshape(own.shape)
        root, log_root = halves * free[..., None], -jnp.log(jnp.diagonal(halves, axis1=-2, axis2=-1)).sum(axis=-1)
        log_volume = free.sum(axis=-1) * np.log(2 * np.pi) / 2 - log_root
        return cls(x, field, root @ jnp.swapaxes(root, -1, -2), root, log_volume - layer.energy(known))

    def sample(self, key: Key, inputs: Float[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        shape = jnp.broadcast_shapes(inputs.shape, self.x.shape)
        noise = _apply(self.root, normal(key, shape, self.root.dtype))
        return jnp.where(jnp.isnan(self.x), self._mean(inputs) + noise, self.x).astype(noise.dtype)

    def _mean(self, inputs: Float[Array, "*batch N"]) -> Any:
        return _apply(self.covariance, inputs + self.field)

    def log_normalizer(self, inputs: Float[Array, "*batch N"]) -> Float[Result, "..."]:
        free = jnp.where(jnp.isnan(self.x), inputs + self.field, 0)
        quadratic = jnp.sum(free * _apply(self.covariance, free), axis=-1) / 2
        return jnp.sum(inputs * jnp.nan_to_num(self.x), axis=-1) + quadratic + self.constant

    def moments(self, inputs: Float[Array, "*batch N"]) -> tuple[Float[Result, "*batch N"], Float[Result, "*batch N"]]:
        mean, variance = self._mean(inputs), jnp.diagonal(self.covariance, axis1=-2, axis2=-1)
        absent = jnp.isnan(self.x)
        return jnp.where(absent, mean, self.x), jnp.where(absent, mean**2 + variance, self.x**2)

    def log_normalizers(self, states: Float[Array, "K N"]) -> Float[Result, "rows K"]:
        own = self._mean(jnp.zeros_like(self.field))
        flat = states.shape[1] ** 2
        quadratic = self.covariance.reshape(-1, flat) @ _outer(states).reshape(-1, flat).T / 2
        constant = self.constant + jnp.sum(self.field * own, axis=-1) / 2
        return (jnp.nan_to_num(self.x) + own) @ states.T + quadratic + constant[:, None]

    def sum_moments(
        self, p: Float[Array, "rows K"], states: Float[Array, "K N"]
    ) -> tuple[Float[Result, "rows N"], Float[Result, "rows N"]]:
        size, total = states.shape[1], p.sum(axis=1)[:, None]
        sent = p @ states
        first = _apply(self.covariance, sent + total * self.field)
        square = (p @ _outer(states).reshape(-1, size**2)).reshape(-1, size, size)
        cross = sent[:, :, None] * self.field[:, None, :]
        square += cross + jnp.swapaxes(cross, 1, 2) + total[:, :, None] * _outer(self.field)
        spread = jnp.einsum("rij,rjk,rik->ri", self.covariance, square, self.covariance)
        return first, spread + total * jnp.diagonal(self.covariance, axis1=-2, axis2=-1)


def _apply(matrix: Float[Array, "... N N"], x: Float[Array, "... N"]) -> Any:
    """The matrix of each row times its vectors; where rows have other axes of vectors than of matrices they combine."""
    return jnp.einsum("...ij,...j->...i", matrix, x)
