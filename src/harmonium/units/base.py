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
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import pytree
from harmonium.checks import InputError, numeric_array
from harmonium.units.listing import Listing

type_name_to_class: dict[str, type[Units]] = {}
"""The kinds of unit by the tag that model files store."""


@dataclass_transform(frozen_default=True, field_specifiers=(pytree.static,))
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
    """One character for each state of one unit, where all units have the same, in the order of `unit_states`."""

    def __post_init__(self) -> None:
        # Lists become float64 on the host. Anything else passes untouched: a pytree's node must also hold tracers.
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, (list, tuple)):
                whole = pytree.is_static(field) or any(isinstance(part, Units) for part in value)
                object.__setattr__(self, field.name, tuple(value) if whole else np.asarray(value, dtype=np.float64))

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
        """Of a layer of statistics, x itself, `[..., N]`; of one of parameters, what multiplies x in -energy(x)."""

    @abc.abstractmethod
    def shifted(self, by: Any) -> Self:
        """The layer with `by [N]` added to what multiplies x: as if the other layer always sent `by` besides."""

    def log_probability(self, x: Any, inputs: Any) -> Any:
        """ln p(x | inputs) in nats, `[..., N] -> [...]`."""
        return jnp.sum(inputs * x, axis=-1) - self.energy(x) - self.log_normaliser(inputs)

    def softplus_form(self, inputs: Any) -> tuple[Any, Any] | None:  # noqa: ARG002
        """(c `[...]`, y `[..., N]`), both affine in `inputs`, with log_normaliser = c + sum_i softplus(y_i).

        Optional: kinds of two states have it, and are enumerated many times as fast for it; None for all others.
        """
        return None

    # ---- what other laws are near

    @abc.abstractmethod
    def flat(self) -> Self:
        """The layer without preferences, where tempering begins: every parameter zero where all values are equally likely.

        A continuum has no such law: of its units the layer itself is taken.
        """

    @property
    def curvature(self) -> Any:
        """The least coefficient of x^2 / 2 in the energy far from zero, `[N]`; infinite in columns whose values are bounded.

        Where both layers are unbounded it decides whether Z is finite at all (`model.validate`).
        """
        return jnp.full(self.size, jnp.inf, self._dtype())

    @property
    def bounded(self) -> bool:
        """Whether no column takes arbitrarily large values."""
        return True

    def stepped(self, by: Self) -> Self:
        """The layer after a step `by` of its parameters; kinds with bounds go less far where the step would leave them."""
        return jax.tree.map(lambda own, step: own + step, self, by)

    def gauge(self, x: Any) -> Any:
        """The part of `x [..., N]` that, added to a bias, changes no probability: zero for all kinds but categorical ones."""
        return jnp.zeros_like(x)

    def rescaled(self, centre: Any, scale: Any) -> Self:
        """The layer of y, where x = centre + scale y, `[N]` each: energy(x) is its energy(y) plus a constant.

        Raises:
            InputError: the kind has no such law for this centre and scale.
        """
        if np.any(np.asarray(centre) != 0) or np.any(np.asarray(scale) != 1):
            raise InputError(f"the values of {self.name} units cannot be moved or scaled")
        return self

    # ---- the layer's size and its states

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of columns N."""

    @property
    def unit_states(self) -> np.ndarray | None:
        """All states of one unit, `[K, columns of one unit]`; None where units are a continuum or differ in their states."""
        return None

    @property
    def unit_tables(self) -> tuple[np.ndarray | None, ...]:
        """All states of each unit, `[K, columns of the unit]`, unit by unit; None for a unit of a continuum, of one column."""
        values = self.unit_states
        return (None,) * self.size if values is None else (values,) * (self.size // values.shape[1])

    @property
    def boundaries(self) -> np.ndarray:
        """The first column of each unit, and N, `[units + 1]`: unit u has the columns from boundaries[u] to before the next."""
        return np.cumsum([0, *(1 if table is None else table.shape[1] for table in self.unit_tables)])

    @property
    def any_state(self) -> np.ndarray:
        """Some state of the layer, `[N]`: each unit in its first, or at zero where it is a continuum."""
        return np.concatenate([np.zeros(1) if table is None else table[0] for table in self.unit_tables])

    @property
    def ranges(self) -> np.ndarray:
        """The lowest and the highest value of each column, `[2, N]`; infinite where there is none."""
        anywhere = np.array([[-np.inf], [np.inf]])
        return np.concatenate([anywhere if t is None else [t.min(axis=0), t.max(axis=0)] for t in self.unit_tables], axis=1)

    @property
    def state_count(self) -> int | None:
        """Number of states of the whole layer, the product of its units' numbers; None where it is not finite."""
        tables = self.unit_tables
        if any(table is None for table in tables):
            return None
        return math.prod(len(table) for table in tables if table is not None)

    def listing(self) -> Listing:
        """The states of all units.

        Raises:
            InputError: some units take a continuum of values.
        """
        tables = [table for table in self.unit_tables if table is not None]
        if len(tables) < len(self.unit_tables):
            raise InputError(f"{self.name} units take a continuum of values, so their states cannot be listed")
        return Listing.of(tables)

    def states(self, indices: Any) -> Any:
        """The layer's states of the given numbers, `[...] -> [..., N]`; the first unit is the most significant digit."""
        listing = self.listing()
        # Division digit by digit: a table of powers would overflow where only the indices in use are small.
        digits = []
        for count in listing.counts[::-1].tolist():
            digits.append(indices % count)
            indices = indices // count
        return listing.states(jnp.stack(digits[::-1], axis=-1), self._dtype())

    def indices(self, x: Any) -> np.ndarray:
        """The numbers of the states `x` (the inverse of `states`), `[..., N] -> [...]`, as int64 on the host."""
        listing = self.listing()
        if math.prod(listing.counts.tolist()) > np.iinfo(np.int64).max:
            raise InputError(f"{self.size} {self.name} columns have too many states to be numbered")
        return listing.digits(np.asarray(x)) @ np.array(listing.powers(), dtype=np.int64)

    @property
    def unit_symbols(self) -> tuple[str | None, ...]:
        """One character for each state of each unit; None for a unit whose states are not written so."""
        return (self.symbols,) * len(self.unit_tables)

    def write(self, x: Any) -> str:
        """One state as text, one character a unit: binary `[0, 1]` is `01`, categories count from 0 to 9 and on from a to z."""
        symbols = self._written()
        return "".join(of[digit] for of, digit in zip(symbols, self.listing().digits(np.asarray(x)), strict=True))

    def read(self, text: str, what: str) -> np.ndarray:
        """The state `[N]` that `write` would write as `text`.

        Raises:
            InputError: the text has the wrong length or an unknown character.
        """
        symbols = self._written()
        cleaned = text.replace(" ", "").replace(",", "")
        if len(cleaned) != len(symbols):
            each = f", each {' or '.join(symbols[0])}" if len(set(symbols)) == 1 else ""
            raise InputError(
                f"{what} {text!r} has {len(cleaned)} characters, but the layer has {len(symbols)} {self.name} units: "
                f"write {len(symbols)} characters{each}"
            )
        for number, (character, of) in enumerate(zip(cleaned, symbols, strict=True)):
            if character not in of:
                raise InputError(f"{what} {text!r} has {character!r}, but {self.name} unit {number + 1} is {' or '.join(of)}")
        tables = self.unit_tables
        chosen = [tables[unit][of.index(c)] for unit, (c, of) in enumerate(zip(cleaned, symbols, strict=True))]  # type: ignore[index]
        return np.concatenate(chosen).astype(np.float64)

    # ---- data

    def check(self, x: Any, what: str, missing: bool = False, expected: bool = False) -> np.ndarray:
        """Return `x` as an array `[..., N]` if it lies in the domain of these units.

        Args:
            missing: let NaN stand for a cell that is missing, of a unit of several columns for all of them.
            expected: let expected values of the units stand for their values, such as probabilities for those of binary units.

        Raises:
            InputError: a wrong number of columns, a value that is not finite, or one outside the domain.
        """
        array = numeric_array(x, what)
        if array.ndim < 1 or array.shape[-1] != self.size:
            raise InputError(
                f"{what} must have {self.size} columns (shape [..., {self.size}]), but its shape is {list(array.shape)}"
            )
        if missing and array.dtype.kind == "f" and np.isnan(array).any():
            absent = np.isnan(array)
            starts, widths = self.boundaries[:-1], np.diff(self.boundaries)
            in_part = np.logical_or.reduceat(absent, starts, axis=-1) & ~np.logical_and.reduceat(absent, starts, axis=-1)
            if in_part.any():
                torn = np.repeat(in_part, widths, axis=-1) & absent
                raise InputError(f"{what} has {_first(array, torn)}, but a unit of several columns is missing as a whole")
            self.check(np.where(absent, self.any_state, array), what, expected=expected)
            return array
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{what} has {_first(array, ~np.isfinite(array))}; every value must be a finite number")
        outside = self._outside_expected(array) if expected else self._outside_domain(array)
        if outside.any():
            kind = self.at(int(np.argwhere(outside)[0, -1]))
            raise InputError(f"{what} has {_first(array, outside)}, but a {kind.name} unit {kind._domain()}")
        return array

    def at(self, column: int) -> Units:  # noqa: ARG002
        """The layer of one kind to which a column belongs."""
        return self

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
    def zeros(cls, size: Any) -> Self:
        """A layer of `size` columns with biases of zero and precisions of one (float64 on the host), to start from."""

    # ---- helpers

    def alike(self, other: Any) -> bool:
        """Whether `other` is a layer of the same kind and size, so that one can stand in the other's place."""
        forms: list[Any] = [jax.tree.structure(layer) for layer in (self, other)]
        same: bool = forms[0] == forms[1]
        return same and all(
            np.shape(a) == np.shape(b) for a, b in zip(jax.tree.leaves(self), jax.tree.leaves(other), strict=True)
        )

    def misfit(self) -> str | None:
        """What is wrong with parameters that are finite vectors, to follow the layer's name; None if they are permissible."""
        return None

    def _dtype(self) -> Any:
        return jnp.result_type(*jax.tree.leaves(self))

    def _written(self) -> tuple[str, ...]:
        symbols = tuple(of for of in self.unit_symbols if of is not None)
        if len(symbols) < len(self.unit_symbols):
            raise InputError(f"states of {self.name} units cannot be written one character a unit")
        return symbols


def _first(array: np.ndarray, where: np.ndarray) -> str:
    place: Sequence[int] = np.argwhere(where)[0].tolist()
    value = array[tuple(place)].item()
    if len(place) == 1:
        return f"{value!r} in column {place[0] + 1}"
    return f"{value!r} in row {', '.join(str(i + 1) for i in place[:-1])}, column {place[-1] + 1}"
