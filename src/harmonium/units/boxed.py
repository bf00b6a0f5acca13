"""Units that lie together in one of some boxes: a layer of which conditions leave some states only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Real

from harmonium import _pytree
from harmonium._types import Array, Key, Result
from harmonium.errors import InputError
from harmonium.random import normal, uniform
from harmonium.units import truncated
from harmonium.units.base import Units
from harmonium.units.real_valued import Gaussian, ReLU

Side: TypeAlias = tuple[int, ...] | tuple[float, float]
"""Of a box, along one of the units: the numbers of its states, or of a real one the ends of an interval."""
Numbers: TypeAlias = Float[Array, "..."]
MAX_LISTED = 1 << 12
"""States of the layer up to which they are listed."""


@_pytree.register
@dataclass(frozen=True, eq=False)
class Boxed(Units):
    """The units of `parts`, each a layer of one unit, limited to values in one of the boxes, which do not overlap.

    Its energy is the sum of the parts' energies, so that given inputs s

        ln Z(s) = ln sum_k exp(sum_u ln Z_uk(s_u)),

    where Z_uk is the sum, or the integral, of exp(s_u . x_u - energy(x_u)) over side u of box k. A draw is a box by these
    weights, and inside the box the units are independent. It is one unit in the sense of `log_normalizer_terms`. No model file
    holds such a layer: it is what `harmonium.conditioning` makes of others.

    Args:
        parts: binary, spin, categorical, Gaussian or ReLU units. boxes: one or more, each with a side for each part.
    """

    parts: tuple[Units, ...]
    boxes: tuple[tuple[Side, ...], ...] = _pytree.static()

    name: ClassVar[str] = "boxed"

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def bias(self) -> Float[Result, "*batch N"]:
        return jnp.concatenate([part.bias for part in self.parts], axis=-1)

    # ---- the distribution

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        return sum(part.energy(own) for part, own in self._with(x))  # type: ignore[return-value]

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch units"]:
        return jax.nn.logsumexp(self._log_weights(inputs), axis=-1, keepdims=True)

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        box_key, *keys = jax.random.split(key, 1 + len(self.parts))
        box = _draw_index(box_key, self._log_weights(inputs))
        drawn = []
        for number, (own, (part, s)) in enumerate(zip(keys, self._with(inputs), strict=True)):
            total, table = s + part.bias, part.unit_tables[0]
            if table is None:
                ends = (end[box] for end in self._ends(number, total.dtype))
                drawn.append(_draw_between(own, total[..., 0], part.precision[..., 0], *ends)[..., None])  # type: ignore[attr-defined]
            else:
                states = jnp.asarray(table, total.dtype)
                allowed = jnp.asarray(self._mask(number, len(table)))[box]
                drawn.append(states[_draw_index(own, jnp.where(allowed, total @ states.T, -jnp.inf))])
        return jnp.concatenate(drawn, axis=-1)

    def _log_weights(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch boxes"]:
        """Of each box, ln of the integral of exp(inputs . x - energy(x)) over it."""
        weights: Any = 0.0
        for number, (part, s) in enumerate(self._with(jnp.asarray(inputs))):
            total, table = s + part.bias, part.unit_tables[0]
            if table is None:
                weights += _log_integral(total, part.precision, *self._ends(number, total.dtype))  # type: ignore[attr-defined]
            else:
                logits = (total @ jnp.asarray(table, total.dtype).T)[..., None, :]
                weights += jax.nn.logsumexp(jnp.where(self._mask(number, len(table)), logits, -jnp.inf), axis=-1)
        return weights

    def _mask(self, number: int, states: int) -> np.ndarray:
        """Which states of that part each box has, `[boxes, states]`."""
        return np.stack([np.isin(np.arange(states), box[number]) for box in self.boxes])

    def _ends(self, number: int, dtype: np.dtype) -> tuple[Float[Result, " boxes"], Float[Result, " boxes"]]:
        """The ends of that part's sides."""
        low, high = np.array([box[number] for box in self.boxes], np.float64).T
        return jnp.asarray(low, dtype), jnp.asarray(high, dtype)

    def _with(self, x: Real[Array, "*batch N"]) -> Iterator[tuple[Units, Any]]:
        """Each part with its columns."""
        ends = np.cumsum([part.size for part in self.parts]).tolist()
        for part, end in zip(self.parts, ends, strict=True):
            yield part, x[..., end - part.size : end]

    # ---- in terms of the parts

    def statistics(self, x: Real[Array, "*batch N"]) -> Boxed:
        return Boxed(tuple(part.statistics(own) for part, own in self._with(x)), self.boxes)

    def moments(self, inputs: Real[Array, "*batch N"]) -> Boxed:
        inputs = jnp.asarray(inputs)
        layers = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*inputs.shape[:-1], leaf.shape[-1])), self)
        return jax.grad(lambda layer: layer.log_normalizer(inputs).sum())(layers)

    def add_field(self, by: Real[Array, "*batch N"]) -> Boxed:
        return Boxed(tuple(part.add_field(own) for part, own in self._with(by)), self.boxes)

    def infinite_temperature(self) -> Boxed:
        return Boxed(tuple(part.infinite_temperature() for part in self.parts), self.boxes)

    def fit_base_rate(self, data: Real[Array, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> Boxed:
        """The parts' fits, as if there were no boxes."""
        return Boxed(tuple(part.fit_base_rate(own, weights) for part, own in self._with(data)), self.boxes)

    def select(self, chosen: Sequence[int]) -> Units:
        raise InputError(f"units that lie in boxes together cannot be taken apart, but {list(chosen)} are asked for")

    @classmethod
    def zeros(cls, size: int) -> Boxed:
        raise InputError(f"a boxed layer is made of its parts, not of {size} columns: give the units themselves")

    # ---- values

    @property
    def unit_tables(self) -> tuple[np.ndarray | None, ...]:
        """One table of the joint states where these are few, else None for each column."""
        tables = [part.unit_tables[0] for part in self.parts]
        listed = [table for table in tables if table is not None]
        if len(listed) < len(tables) or sum(math.prod(map(len, box)) for box in self.boxes) > MAX_LISTED:
            return (None,) * self.size
        states = [
            np.concatenate([table[int(state)] for table, state in zip(listed, chosen, strict=True)])
            for box in self.boxes
            for chosen in product(*box)
        ]
        return (np.array(states),)

    @property
    def bounded(self) -> bool:
        return all(part.bounded for part in self.parts)

    @property
    def curvature(self) -> Float[Result, " N"]:
        return jnp.concatenate([part.curvature for part in self.parts])

    @property
    def ranges(self) -> Float[np.ndarray, "2 N"]:
        return np.concatenate([part.ranges for part in self.parts], axis=1)

    def validation_error(self) -> str | None:
        if not all(isinstance(part, (Gaussian, ReLU)) or part.unit_tables[0] is not None for part in self.parts):
            return "parts must be units of listed states, Gaussian or ReLU units"
        return None if self.boxes else "boxes must be at least one"


def _draw_index(key: Key, log_weights: Float[Result, "*batch K"]) -> Any:
    """One index for each leading one, by the weights of the last axis."""
    rising = jnp.cumsum(jnp.exp(log_weights - jnp.max(log_weights, axis=-1, keepdims=True)), axis=-1)
    at = uniform(key, (*log_weights.shape[:-1], 1), log_weights.dtype) * rising[..., -1:]
    # Below the last sum in any precision, so that nothing of weight 0 is chosen.
    return jnp.sum(rising <= at, axis=-1)


# ---- normal distributions between two ends


def _from_end(s: Numbers, precision: Numbers, low: Numbers, high: Numbers) -> tuple[Any, ...]:
    """The end from which the density falls or nearly so, the way from there into the interval (1 or -1), and in deviations
    the mode seen from that end and the width."""
    from_low = jnp.isfinite(low) & (~jnp.isfinite(high) | (s <= precision * (low + high) / 2))
    end = jnp.where(from_low, low, jnp.where(jnp.isfinite(high), high, 0))
    way, root = jnp.where(from_low, 1, -1), jnp.sqrt(precision)
    bounded = jnp.isfinite(high - low)
    width = jnp.where(bounded, jnp.where(bounded, high - low, 1) * root, jnp.inf)
    return end, way, way * (s - precision * end) / root, width


def _log_integral(s: Numbers, precision: Numbers, low: Numbers, high: Numbers) -> Any:
    """ln of the integral of exp(s x - precision x^2 / 2) from `low` to `high`."""
    end, _, mode, width = _from_end(s, precision, low, high)
    whole = (s**2 / precision - jnp.log(precision) + np.log(2 * np.pi)) / 2
    part = (s - precision * end / 2) * end - jnp.log(precision) / 2 + truncated.log_normalizer_within(mode, width)
    return jnp.where(jnp.isinf(low) & jnp.isinf(high), whole, part)


def _draw_between(key: Key, s: Numbers, precision: Numbers, low: Numbers, high: Numbers) -> Any:
    keys = jax.random.split(key)
    end, way, mode, width = _from_end(s, precision, low, high)
    root = jnp.sqrt(precision)
    whole = s / precision + normal(keys[0], s.shape, s.dtype) / root
    inside = jnp.clip(end + way * truncated.sample(keys[1], mode, width) / root, low, high)
    return jnp.where(jnp.isinf(low) & jnp.isinf(high), whole, inside)
