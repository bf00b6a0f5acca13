"""Mixed layers: units of several kinds side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Real, Shaped

from harmonium._numerics import block_diagonal
from harmonium._types import Array, Key, Result
from harmonium.errors import InputError
from harmonium.units.base import Unconnected, Units, units
from harmonium.units.codec import Codec
from harmonium.units.given import GivenParts


def _map_parts(function: str) -> Any:
    """A method that makes a mixed layer of what this method of each part gives, called on the part's own columns."""
    return lambda self, *columns: Mixed(tuple(self._call_parts(function, *columns)))


@units
class Mixed(Units):
    """Layers of several kinds as one, `Mixed((Binary(a), Gaussian(b, p)))`: one part's columns after another's.

    Its energy is the sum of the parts' energies.

    Args:
        parts: units, at least one layer; a part may itself be mixed.

    Example:
        >>> import harmonium as hm
        >>> hm.Mixed((hm.Binary.zeros(2), hm.Gaussian.zeros(3))).size
        5
    """

    parts: tuple[Units, ...]

    name: ClassVar[str] = "mixed"

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def unit_tables(self) -> tuple[np.ndarray | None, ...]:
        return tuple(table for part in self.parts for table in part.unit_tables)

    @property
    def ranges(self) -> Float[np.ndarray, "2 N"]:
        return np.concatenate([part.ranges for part in self.parts], axis=1)

    @property
    def unit_symbols(self) -> tuple[str | None, ...]:
        return tuple(symbols for part in self.parts for symbols in part.unit_symbols)

    def split(self, x: Shaped[Array, "*batch N"]) -> list[Any]:
        """The columns of `x` of each part, `[..., columns of the part]`."""
        ends = np.cumsum([part.size for part in self.parts]).tolist()
        return [x[..., end - part.size : end] for end, part in zip(ends, self.parts, strict=True)]

    def _call_parts(self, function: str, *columns: Shaped[Array, "*batch N"]) -> list[Any]:
        """That function of each part, called on the part's own columns."""
        split = zip(self.parts, *map(self.split, columns), strict=True)
        return [getattr(part, function)(*own) for part, *own in split]

    # ---- the distribution

    statistics = _map_parts("statistics")
    moments = _map_parts("moments")
    add_field = _map_parts("add_field")
    infinite_temperature = _map_parts("infinite_temperature")
    rescale = _map_parts("rescale")

    def fit_base_rate(self, data: Real[Array, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> Mixed:
        split = zip(self.parts, self.split(data), strict=True)
        return Mixed(tuple(part.fit_base_rate(own, weights) for part, own in split))

    def resample(
        self, key: Key, inputs: Float[Array, "*batch N"], x: Float[Array, "*batch N"], fixed: Float[Array, "*batch N"]
    ) -> Float[Result, "*batch N"]:
        keys = jax.random.split(key, len(self.parts))
        split = zip(self.parts, keys, *map(self.split, (inputs, x, fixed)), strict=True)
        return jnp.concatenate([part.resample(*own) for part, *own in split], axis=-1)

    def apart(self) -> Mixed:
        return Mixed(tuple(self._call_parts("apart")))

    def center(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        return jnp.concatenate(self._call_parts("center", x), axis=-1)

    def marginals(self) -> Mixed:
        return Mixed(tuple(self._call_parts("marginals")))

    def hold(self, x: Float[np.ndarray, " N"]) -> Mixed:
        return Mixed(tuple(self._call_parts("hold", x)))

    def unconnect(self, chosen: Bool[np.ndarray, " N"]) -> Unconnected:
        parts, weights, shifts, relaxations = zip(*self._call_parts("unconnect", chosen), strict=True)
        return Unconnected(Mixed(parts), block_diagonal(weights), block_diagonal(shifts), max(relaxations))

    def fit(self, data: Real[np.ndarray, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> Mixed:
        split = zip(self.parts, self.split(data), strict=True)
        return Mixed(tuple(part.fit(own, weights) for part, own in split))

    @property
    def independent(self) -> bool:
        return all(part.independent for part in self.parts)

    def given(self, x: Real[Array, "*batch N"]) -> Any:
        if self.independent:
            return super().given(x)
        ends = np.cumsum([part.size for part in self.parts]).tolist()
        return GivenParts(tuple(self._call_parts("given", x)), tuple(ends[:-1]))

    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        return sum(self._call_parts("energy", x))

    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch units"]:
        return jnp.concatenate(self._call_parts("log_normalizer_terms", inputs), axis=-1)

    def softplus_form(
        self, inputs: Real[Array, "*batch N"]
    ) -> tuple[Float[Result, "*batch"], Float[Result, "*batch N"]] | None:
        forms = self._call_parts("softplus_form", inputs)
        if any(form is None for form in forms):
            return None
        return sum(form[0] for form in forms), jnp.concatenate([form[1] for form in forms], axis=-1)

    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        keys = jax.random.split(key, len(self.parts))
        samples = [part.sample(own, x) for part, own, x in zip(self.parts, keys, self.split(inputs), strict=True)]
        return jnp.concatenate(samples, axis=-1)

    def select(self, chosen: Sequence[int]) -> Units:
        ends = np.cumsum([len(part.boundaries) - 1 for part in self.parts]).tolist()
        first, parts = 0, []
        for part, end in zip(self.parts, ends, strict=True):
            own = [unit - first for unit in chosen if first <= unit < end]
            parts += [part.select(own)] if own else []
            first = end
        return parts[0] if len(parts) == 1 else Mixed(tuple(parts))

    @property
    def bias(self) -> Float[Result, "*batch N"]:
        return jnp.concatenate([part.bias for part in self.parts], axis=-1)

    @property
    def curvature(self) -> Float[Result, " N"]:
        return jnp.concatenate([part.curvature for part in self.parts])

    def whiten(self, weights: Float[Array, "N M"]) -> Float[Result, "N M"]:
        return self._map_rows("whiten", weights)

    def scale_steps(self, steps: Float[Array, "N M"]) -> Float[Result, "N M"]:
        return self._map_rows("scale_steps", steps)

    def _map_rows(self, function: str, weights: Float[Array, "N M"]) -> Float[Result, "N M"]:
        """That function of each part, called on its rows of weights."""
        ends = np.cumsum([part.size for part in self.parts]).tolist()
        rows = zip(self.parts, jnp.split(weights, ends[:-1]), strict=True)
        return jnp.concatenate([getattr(part, function)(own) for part, own in rows])

    def apply_update(self, by: Mixed, hold_scale: bool = False) -> Mixed:
        return Mixed(tuple(part.apply_update(step, hold_scale) for part, step in zip(self.parts, by.parts, strict=True)))

    @classmethod
    def zeros(cls, size: int) -> Mixed:
        raise InputError(f"a mixed layer is made of its parts, not of {size} columns: give the units themselves")

    # ---- bounds and domain

    def validation_error(self) -> str | None:
        return None if isinstance(self.parts, tuple) else "parts must be layers of units, at least one"

    def at(self, column: int) -> Codec:
        ends = np.cumsum([part.size for part in self.parts])
        index = int(np.searchsorted(ends, column, side="right"))
        return self.parts[index].at(column - int(ends[index] - self.parts[index].size))

    def outside_domain(self, x: Real[np.ndarray, "*batch N"], expected: bool = False) -> Bool[np.ndarray, "*batch N"]:
        split = zip(self.parts, self.split(x), strict=True)
        return np.concatenate([part.outside_domain(own, expected) for part, own in split], axis=-1)
