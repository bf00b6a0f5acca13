"""The normal distribution truncated at zero, or to an interval that begins there, for any s, far tails included.

Its density for y > 0 is proportional to exp(-(y - s)^2 / 2).

With M(s) = Phi(s) / phi(s) the integral of exp(s y - y^2 / 2) over y > 0, the mean is m = s + 1 / M and the second moment
1 + s m. Far below zero all of these are differences of large numbers, so there they come from the continued fraction

    M(-a) = 1 / (a + 1 / (a + 2 / (a + 3 / (a + ...)))).

Reference: M. Abramowitz and I. Stegun, "Handbook of mathematical functions", 26.2.14 (the fraction).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtr, ndtri
from jaxtyping import Float

from harmonium._types import Key, Result
from harmonium.random import uniform

TAIL = 4.0
"""Below minus this the continued fraction is used."""
TERMS, TERMS_IN_DOUBLE = 12, 32
"""Its number of terms: with these it is exact to 5e-7, and to 1e-13 in double."""
NEWTON_STEPS = 3
"""With these and `TERMS` terms, the probability of a larger value than the sample is exact to 1e-9 of itself."""


def _fraction(a: Float[Result, "..."], terms: int | None = None) -> Float[Result, "..."]:
    """2 / (a + 3 / (a + ...)), for a >= TAIL; the default number of terms is exact in the precision of `a`."""
    value: Result = jnp.zeros_like(a)
    for term in range(terms or (TERMS_IN_DOUBLE if a.dtype == np.float64 else TERMS), 1, -1):
        value = term / (a + value)
    return value


@jax.custom_jvp
def log_normalizer(s: Float[Result, "..."]) -> Float[Result, "..."]:
    """ln M(s), elementwise; its derivative is E[y]."""
    a, near = jnp.maximum(-s, TAIL), jnp.maximum(s, -TAIL)
    direct = log_ndtr(near) + near**2 / 2 + np.log(2 * np.pi) / 2
    return jnp.where(s < -TAIL, -jnp.log(_hazard(a)), direct)


def _hazard(a: Float[Result, "..."], terms: int | None = None) -> Float[Result, "..."]:
    """1 / M(-a), for a >= TAIL."""
    return a + 1 / (a + _fraction(a, terms))


@log_normalizer.defjvp
def _(primals: tuple[Result], tangents: tuple[Result]) -> tuple[Result, Result]:
    return log_normalizer(primals[0]), moments(primals[0])[0] * tangents[0]


@jax.custom_jvp
def moments(s: Float[Result, "..."]) -> tuple[Float[Result, "..."], Float[Result, "..."]]:
    """E[y] and E[y^2], elementwise."""
    a, near = jnp.maximum(-s, TAIL), jnp.maximum(s, -TAIL)
    below = _fraction(a)
    first = near + jnp.exp(-(near**2) / 2 - log_ndtr(near)) / np.sqrt(2 * np.pi)
    tail = s < -TAIL
    return jnp.where(tail, 1 / (a + below), first), jnp.where(tail, below / (a + below), 1 + near * first)


@moments.defjvp
def _(primals: tuple[Result], tangents: tuple[Result]) -> tuple[tuple[Result, Result], tuple[Result, Result]]:
    # Integration by parts: E[y^3] = s E[y^2] + 2 E[y].
    (s,), (moved,) = primals, tangents
    first, second = moments(s)
    return (first, second), ((second - first**2) * moved, (s * second + 2 * first - first * second) * moved)


def decay(s: Float[Result, "..."], width: Float[Result, "..."]) -> Float[Result, "..."]:
    """-ln p(y > width), elementwise; infinite where the width is."""
    finite = jnp.where(jnp.isfinite(width), width, 1)
    exponent = log_normalizer(s) - log_normalizer(s - finite) - finite * (s - finite / 2)
    return jnp.where(jnp.isfinite(width), jnp.maximum(exponent, np.finfo(s.dtype).tiny), jnp.inf)


def log_normalizer_within(s: Float[Result, "..."], width: Float[Result, "..."]) -> Float[Result, "..."]:
    """ln of the integral of exp(s y - y^2 / 2) over 0 < y < width, elementwise, for s of at most half the width."""
    total = log_normalizer(s) + jnp.log(-jnp.expm1(-decay(s, width)))
    # The exponent is concave: at no point of the interval is it below its value at the far end, where s is so small.
    finite = jnp.where(jnp.isfinite(width), width, 1)
    return jnp.where(jnp.isfinite(width), jnp.maximum(total, jnp.log(finite) + finite * (s - finite / 2)), total)


def sample(key: Key, s: Float[Result, "..."], width: Float[Result, "..."] | None = None) -> Float[Result, "..."]:
    """One y for each s, by the inverse of the distribution function; with a width, one of 0 < y < width.

    The probability u of a larger y is Phi(s - y) / Phi(s). In the tail this is solved for y by Newton's method in logarithms,
    which approaches the root from one side: ln u = ln M(-(a + y)) - ln M(-a) - a y - y^2 / 2 with a = -s.
    """
    u = uniform(key, s.shape, s.dtype)
    u = 1 - (u if width is None else u * -jnp.expm1(-decay(s, width)))  # above 0
    near = jnp.maximum(s, -TAIL)
    direct = jnp.maximum(near - ndtri(u * ndtr(near)), 0)
    a, target = jnp.maximum(-s, TAIL), -jnp.log(u)
    at_zero = jnp.log(_hazard(a, TERMS))
    y = 2 * target / (a + jnp.sqrt(a**2 + 2 * target))
    for _ in range(NEWTON_STEPS):
        hazard = _hazard(a + y, TERMS)
        y = jnp.maximum(y + (target - jnp.log(hazard) + at_zero - (a + y / 2) * y) / hazard, 0)
    y = jnp.where(s < -TAIL, y, direct)
    return y if width is None else jnp.minimum(y, width)
