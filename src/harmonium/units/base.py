"""The contract that every kind of unit keeps.

A layer of units is an exponential family in natural parameters: with `inputs` sent by the other layer,

    p(x | inputs) = exp(inputs . x - energy(x) - log_normaliser(inputs))

and `energy` is linear in the layer's own parameters. Everything else in this package (free energies, samplers,
gradients, likelihoods, enumeration) is written in these few functions and never asks which kind it has.

Shapes: `x` and `inputs` are `[..., N]`, the last axis being columns; leading axes are batch. Energies and log
normalisers are summed over columns and come out as `[...]`, in nats.

Reference: M. Welling, M. Rosen-Zvi, G. Hinton, "Exponential family harmoniums with an application to information
retrieval", NIPS 2004, section 2.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import pytree
from harmonium.checks import InputError, numeric_array

type_name_to_class: dict[str, type[Units]] = {}
"""The kinds of unit by the tag that model files store."""


@dataclass_transform(frozen_default=True)
def units(cls: type[Units]) -> type[Units]:
    """Make a class of units a frozen dataclass, a JAX pytree, and known to model files by its `name`."""
    frozen = dataclass(frozen=True, eq=False)(cls)
    pytree.register(frozen)
    type_name_to_class[frozen.name] = frozen
    return frozen


class Units(abc.ABC):
    """One layer of units of one kind: the abstract contract (see the module's text)."""

    name: ClassVar[str]
    """Tag of the kind, as model files and the command line spell it."""
    symbols: ClassVar[str | None] = None
    """One character for each state of one unit, in the order of `unit_states`; None where states are not listed."""

    def __post_init__(self) -> None:
        # Lists become float64 on the host. Anything else passes untouched: a pytree's node must also hold tracers.
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, (list, tuple)):
                object.__setattr__(self, field.name, np.asarray(value, dtype=np.float64))

    # ---- the law of the layer

    @abc.abstractmethod
    def energy(self, x: Any) -> Any:
        """The layer's own part of the energy, `[..., N] -> [...]` (nats at temperature 1)."""

    @abc.abstractmethod
    def log_normaliser_terms(self, inputs: Any) -> Any:
        """`log_normaliser` unit by unit, `[..., N] -> [..., units]`: units of one layer are independent given `inputs`."""

    def log_normaliser(self, inputs: Any) -> Any:
        """ln sum_x exp(inputs . x - energy(x)), `[..., N] -> [...]`; its gradient by `inputs` is `mean`."""
        return jnp.sum(self.log_normaliser_terms(inputs), axis=-1)

    @abc.abstractmethod
    def mean(self, inputs: Any) -> Any:
        """E[x | inputs], `[..., N] -> [..., N]`."""

    @abc.abstractmethod
    def sample(self, key: Any, inputs: Any) -> Any:
        """One draw of x ~ p(x | inputs) for each leading index, `[..., N] -> [..., N]`."""

    @abc.abstractmethod
    def statistics(self, x: Any) -> Self:
        """Sufficient statistics of `x`, shaped like the parameters: energy(x) = -<parameters, statistics(x)>."""

    @abc.abstractmethod
    def moments(self, inputs: Any) -> Self:
        """E[statistics(x) | inputs], shaped like the parameters: the gradient of `log_normaliser` by them."""

    @property
    @abc.abstractmethod
    def linear(self) -> Any:
        """The parameter that multiplies x itself in -energy(x), `[N]`; of a layer of statistics, the mean of x."""

    @abc.abstractmethod
    def shifted(self, by: Any) -> Self:
        """The layer with `by [N]` added to `linear`: as if the other layer always sent `by` besides."""

    def log_probability(self, x: Any, inputs: Any) -> Any:
        """ln p(x | inputs) in nats, `[..., N] -> [...]`."""
        return jnp.sum(inputs * x, axis=-1) - self.energy(x) - self.log_normaliser(inputs)

    def softplus_form(self, inputs: Any) -> tuple[Any, Any] | None:  # noqa: ARG002
        """(c `[...]`, y `[..., N]`), both affine in `inputs`, with log_normaliser = c + sum_i softplus(y_i).

        Optional: kinds of two states have it, and are enumerated many times as fast for it; None for all others.
        """
        return None

    # ---- the layer's size and its states

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of columns N."""

    @property
    def unit_states(self) -> np.ndarray | None:
        """All states of one unit, `[K, columns of one unit]`; None where a unit has no finite number of states."""
        return None

    @property
    def state_count(self) -> int | None:
        """Number of states of the whole layer, K ** units; None where it is not finite."""
        if self.unit_states is None:
            return None
        count, width = self.unit_states.shape
        return int(count) ** (self.size // width)

    def states(self, indices: Any) -> Any:
        """The layer's states of the given numbers, `[...] -> [..., N]`; the first unit is the most significant digit."""
        values = self._require_states()
        count, width = values.shape
        units = self.size // width
        # Division digit by digit: a table of powers would overflow where only the indices in use are small.
        digits = []
        for _ in range(units):
            digits.append(indices % count)
            indices = indices // count
        stacked = jnp.stack(digits[::-1], axis=-1)
        chosen = jnp.asarray(values, dtype=self._dtype())[stacked]
        return chosen.reshape(*stacked.shape[:-1], self.size)

    def indices(self, x: Any) -> np.ndarray:
        """The numbers of the states `x` (the inverse of `states`), `[..., N] -> [...]`, as int64 on the host."""
        values = self._require_states()
        count, width = values.shape
        digits = self._digits(np.asarray(x))
        if int(count) ** (self.size // width) > np.iinfo(np.int64).max:
            raise InputError(f"{self.size} {self.name} columns have too many states to be numbered")
        powers = np.array([int(count) ** k for k in reversed(range(digits.shape[-1]))], dtype=np.int64)
        return digits @ powers

    def write(self, x: Any) -> str:
        """One state as text, one character of `symbols` a unit: binary `[0, 1]` is `01`."""
        symbols = self._require_symbols()
        return "".join(symbols[digit] for digit in self._digits(np.asarray(x)))

    def read(self, text: str, what: str) -> np.ndarray:
        """The state `[N]` that `write` would write as `text`.

        Raises:
            InputError: the text has the wrong length or an unknown character.
        """
        symbols = self._require_symbols()
        values = self._require_states()
        expected = self.size // values.shape[1]
        cleaned = text.replace(" ", "").replace(",", "")
        alphabet = " or ".join(symbols)
        if len(cleaned) != expected:
            raise InputError(
                f"{what} {text!r} has {len(cleaned)} characters, but the layer has {expected} {self.name} units: "
                f"write {expected} characters, each {alphabet}"
            )
        unknown = sorted(set(cleaned) - set(symbols))
        if unknown:
            raise InputError(f"{what} {text!r} has {unknown[0]!r}, but a {self.name} unit is {alphabet}")
        return np.concatenate([values[symbols.index(character)] for character in cleaned]).astype(np.float64)

    # ---- data

    def check(self, x: Any, what: str, expected: bool = False) -> np.ndarray:
        """Return `x` as an array `[..., N]` if it lies in the domain of these units.

        Args:
            expected: expected values of the units will do, such as probabilities for binary units.

        Raises:
            InputError: a wrong number of columns, a value that is not finite, or one outside the domain.
        """
        array = numeric_array(x, what)
        if array.ndim < 1 or array.shape[-1] != self.size:
            raise InputError(
                f"{what} must have {self.size} columns (shape [..., {self.size}]), but its shape is {list(array.shape)}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{what} has {_first(array, ~np.isfinite(array))}; every value must be a finite number")
        outside = self._outside_expected(array) if expected else self._outside_domain(array)
        if outside.any():
            raise InputError(f"{what} has {_first(array, outside)}, but a {self.name} unit {self._domain()}")
        return array

    @abc.abstractmethod
    def _outside_domain(self, x: np.ndarray) -> np.ndarray:
        """Where `x` is not a value these units can take."""

    def _outside_expected(self, x: np.ndarray) -> np.ndarray:
        """Where `x` is no expected value of these units; by default, where it is none of their values."""
        return self._outside_domain(x)

    @abc.abstractmethod
    def _domain(self) -> str:
        """The domain in words, to follow 'a ... unit'."""

    @abc.abstractmethod
    def fit_base_rate(self, data: Any) -> Self:
        """These units with the parameters under which independent units fit `data [n, N]` best (one pseudo-count)."""

    @classmethod
    @abc.abstractmethod
    def zeros(cls, size: int) -> Self:
        """A layer of `size` columns whose parameters are zero (float64 on the host)."""

    # ---- helpers

    def _dtype(self) -> Any:
        return jnp.result_type(*jax.tree.leaves(self))

    def _require_states(self) -> np.ndarray:
        values = self.unit_states
        if values is None:
            raise InputError(f"{self.name} units take a continuum of values, so their states cannot be listed")
        return values

    def _require_symbols(self) -> str:
        if self.symbols is None:
            raise InputError(f"states of {self.name} units cannot be written one character a unit")
        return self.symbols

    def _digits(self, x: np.ndarray) -> np.ndarray:
        values = self._require_states()
        units = x.reshape(*x.shape[:-1], -1, 1, values.shape[1])
        return np.argmax((units == values).all(axis=-1), axis=-1).astype(np.int64)


def _first(array: np.ndarray, where: np.ndarray) -> str:
    place: Sequence[int] = np.argwhere(where)[0].tolist()
    value = array[tuple(place)].item()
    if len(place) == 1:
        return f"{value!r} in column {place[0] + 1}"
    return f"{value!r} in row {', '.join(str(i + 1) for i in place[:-1])}, column {place[-1] + 1}"
