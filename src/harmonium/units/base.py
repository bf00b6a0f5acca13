"""The contract that every kind of unit keeps.

A layer of units is an exponential family in natural parameters: with `inputs` sent by the other layer,

    p(x | inputs) = exp(inputs . x - energy(x) - log_normalizer(inputs))

and `energy` is linear in the layer's own parameters. Everything else in this package (free energies, samplers,
gradients, likelihoods, enumeration) is written in these few functions and never asks which kind it has.

Shapes: `x` and `inputs` are `[..., N]`, the last axis being columns; leading axes are batch. Energies and log
normalizers are summed over columns and come out as `[...]`, in nats.

Reference: M. Welling, M. Rosen-Zvi, G. Hinton, "Exponential family harmoniums with an application to information
retrieval", NIPS 2004, section 2.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np

from harmonium import _pytree
from harmonium._checks import numeric_array
from harmonium.errors import InputError
from harmonium.units.states import UnitByUnit

type_name_to_class: dict[str, type[Units]] = {}
"""The kinds of unit by the tag that model files store."""


@dataclass_transform(frozen_default=True, field_specifiers=(_pytree.static,))
def units(cls: type[Units]) -> type[Units]:
    """Make a class of units a frozen dataclass, a JAX pytree, and known to model files by its `name`."""
    frozen = dataclass(frozen=True, eq=False)(cls)
    _pytree.register(frozen)
    type_name_to_class[frozen.name] = frozen
    return frozen


class Units(UnitByUnit):
    """One layer of units of one kind: the abstract contract (see the module's text)."""

    def __post_init__(self) -> None:
        # Lists become float64 on the host. Anything else passes untouched: a pytree's node must also hold tracers.
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, (list, tuple)):
                whole = _pytree.is_static(field) or any(isinstance(part, Units) for part in value)
                object.__setattr__(self, field.name, tuple(value) if whole else np.asarray(value, dtype=np.float64))

    # ---- the law of the layer

    @abc.abstractmethod
    def energy(self, x: Any) -> Any:
        """The layer's own part of the energy, `[..., N] -> [...]` (nats at temperature 1)."""

    @abc.abstractmethod
    def log_normalizer_terms(self, inputs: Any) -> Any:
        """`log_normalizer` unit by unit, `[..., N] -> [..., units]`: units of one layer are independent given `inputs`."""

    def log_normalizer(self, inputs: Any) -> Any:
        """ln sum_x exp(inputs . x - energy(x)), `[..., N] -> [...]`; its gradient by `inputs` is `mean`."""
        return jnp.sum(self.log_normalizer_terms(inputs), axis=-1)

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
        """E[statistics(x) | inputs], shaped like the parameters: the gradient of `log_normalizer` by them."""

    @property
    @abc.abstractmethod
    def linear(self) -> Any:
        """Of a layer of statistics, x itself, `[..., N]`; of one of parameters, what multiplies x in -energy(x)."""

    @abc.abstractmethod
    def add_field(self, by: Any) -> Self:
        """The layer with `by [N]` added to what multiplies x: as if the other layer always sent `by` besides."""

    def log_probability(self, x: Any, inputs: Any) -> Any:
        """ln p(x | inputs) in nats, `[..., N] -> [...]`."""
        return jnp.sum(inputs * x, axis=-1) - self.energy(x) - self.log_normalizer(inputs)

    def softplus_form(self, inputs: Any) -> tuple[Any, Any] | None:  # noqa: ARG002
        """(c `[...]`, y `[..., N]`), both affine in `inputs`, with log_normalizer = c + sum_i softplus(y_i).

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

    def apply_update(self, by: Self, hold_scale: bool = False) -> Self:  # noqa: ARG002
        """The layer after a step `by` of its parameters; kinds with bounds go less far where the step would leave them.

        Args:
            hold_scale: leave the scale of unbounded values as it is. That of hidden units is arbitrary, since the weights can
                make up for it, and nothing would keep it from drifting.
        """
        return jax.tree.map(lambda own, step: own + step, self, by)

    def gauge(self, x: Any) -> Any:
        """The part of `x [..., N]` that, added to a bias, changes no probability: zero for all kinds but categorical ones."""
        return jnp.zeros_like(x)

    def rescaled(self, center: Any, scale: Any) -> Self:
        """The layer of y, where x = center + scale y, `[N]` each: energy(x) is its energy(y) plus a constant.

        Raises:
            InputError: the kind has no such law for this center and scale.
        """
        if np.any(np.asarray(center) != 0) or np.any(np.asarray(scale) != 1):
            raise InputError(f"the values of {self.name} units cannot be moved or scaled")
        return self

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
            self.check(np.where(absent, self.zero_state, array), what, expected=expected)
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

    def same_structure(self, other: Any) -> bool:
        """Whether `other` is a layer of the same kind and size, so that one can stand in the other's place."""
        forms: list[Any] = [jax.tree.structure(layer) for layer in (self, other)]
        same: bool = forms[0] == forms[1]
        return same and all(
            np.shape(a) == np.shape(b) for a, b in zip(jax.tree.leaves(self), jax.tree.leaves(other), strict=True)
        )

    def validation_error(self) -> str | None:
        """What is wrong with parameters that are finite vectors, to follow the layer's name; None if they are permissible."""
        return None


def _first(array: np.ndarray, where: np.ndarray) -> str:
    place: Sequence[int] = np.argwhere(where)[0].tolist()
    value = array[tuple(place)].item()
    if len(place) == 1:
        return f"{value!r} in column {place[0] + 1}"
    return f"{value!r} in row {', '.join(str(i + 1) for i in place[:-1])}, column {place[-1] + 1}"
