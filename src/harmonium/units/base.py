"""The contract of every kind of unit: an exponential family in natural parameters.

With `inputs` sent by the other layer,

    p(x | inputs) = exp(inputs . x - energy(x) - log_normalizer(inputs))

and `energy` is linear in the layer's own parameters. Everything else in this package (free energies, samplers, gradients,
likelihoods, enumeration) is written in these functions and never asks for the kind.

Shapes: `x` and `inputs` are `[..., N]`, the last axis being columns; leading axes are batch. Energies and log normalizers are
sums over columns, `[...]`, in nats. A layer's fields are `[N]`, or have batch axes before it where a layer holds statistics;
those that a kind names in `matrices` are `[N, N]`.

Reference: M. Welling, M. Rosen-Zvi, G. Hinton, "Exponential family harmoniums with an application to information
retrieval", NIPS 2004, section 2.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Self, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Real

from harmonium import _pytree
from harmonium._checks import float64_array
from harmonium._types import Array, Key, Result
from harmonium.errors import InputError
from harmonium.units.codec import Codec
from harmonium.units.given import Given


class Unconnected(NamedTuple):
    """A layer in other columns, some of them without connections: x = y - shift y_chosen, and the chosen ones stay the same.

    `layer`: of y; with the `weights [N, K]` to K hidden units N(0, 1) its chosen columns have the distribution that they had. K
    is one less than there are chosen columns that were connected. `shift [N, chosen]`: zero in the rows of chosen columns.
    `relaxation`: sweeps in which Gibbs chains by way of these hidden units forget all but 1/e of where they were.
    """

    layer: Units
    weights: Float[np.ndarray, "N K"]
    shift: Float[np.ndarray, "N chosen"]
    relaxation: float = 0.0


type_name_to_class: dict[str, type[Units]] = {}
"""The kinds of unit by the tag that model files store."""


@dataclass_transform(frozen_default=True, field_specifiers=(_pytree.static,))
def units(cls: type[Units]) -> type[Units]:
    """Make a class of units a frozen dataclass, a JAX pytree, and known to model files by its `name`."""
    frozen = dataclass(frozen=True, eq=False)(cls)
    _pytree.register(frozen)
    type_name_to_class[frozen.name] = frozen
    return frozen


class Units(Codec):
    """One layer of units of one kind: the distribution, abstract (see the module's text); its values are the `Codec`'s.

    Its functions take values `x [..., N]`, what the other layer sends, `inputs [..., N]`, and a `key` of random numbers;
    those that fit parameters take `data [n, N]`, and weights of its rows.

    Raises:
        InputError: a list of parameters is no array of numbers.
    """

    bias: Any
    """What multiplies x in -energy(x), `[N]`; of a layer of statistics, x itself. A field, or a property made of fields."""
    matrices: ClassVar[tuple[str, ...]] = ()
    """The fields that are `[N, N]`."""

    def __post_init__(self) -> None:
        # Lists become float64 on the host. Anything else passes untouched: a pytree's node must also hold tracers.
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, (list, tuple)):
                keep = _pytree.is_static(field) or any(isinstance(part, Units) for part in value)
                object.__setattr__(self, field.name, tuple(value) if keep else float64_array(value, field.name))

    @property
    def size(self) -> int:
        return int(self.bias.shape[-1])

    # ---- the distribution

    @abc.abstractmethod
    def energy(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        """The layer's own part of the energy (nats at temperature 1)."""

    @abc.abstractmethod
    def log_normalizer_terms(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch units"]:
        """`log_normalizer` unit by unit, where they are `independent`; else terms that add up to it."""

    def log_normalizer(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch"]:
        """ln sum_x exp(inputs . x - energy(x)); its gradient by `inputs` is `mean`."""
        return jnp.sum(self.log_normalizer_terms(inputs), axis=-1)

    def mean(self, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        """E[x | inputs]."""
        return self.moments(inputs).bias

    @abc.abstractmethod
    def sample(self, key: Key, inputs: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        """One draw of x ~ p(x | inputs) for each leading index."""

    @abc.abstractmethod
    def statistics(self, x: Real[Array, "*batch N"]) -> Self:
        """Sufficient statistics of `x`, shaped like the parameters: energy(x) = -<parameters, statistics(x)>."""

    @abc.abstractmethod
    def moments(self, inputs: Real[Array, "*batch N"]) -> Self:
        """E[statistics(x) | inputs], shaped like the parameters: the gradient of `log_normalizer` by them."""

    def log_probability(self, x: Real[Array, "*batch N"], inputs: Real[Array, "*batches N"]) -> Float[Result, "..."]:
        """ln p(x | inputs) in nats; the leading axes combine as in NumPy."""
        return jnp.sum(inputs * x, axis=-1) - self.energy(x) - self.log_normalizer(inputs)

    def softplus_form(
        self,
        inputs: Real[Array, "*batch N"],  # noqa: ARG002
    ) -> tuple[Float[Result, "*batch"], Float[Result, "*batch N"]] | None:
        """c and y, both affine in `inputs`, with log_normalizer = c + sum_i softplus(y_i).

        Optional: kinds of two states have it, and are enumerated many times as fast by it; None for all others.
        """
        return None

    @property
    def independent(self) -> bool:
        """Whether the units are independent of each other given `inputs`."""
        return True

    def given(self, x: Real[Array, "*batch N"]) -> Any:
        """The layer given rows, NaN in the columns of free units: what `harmonium.units.given.Given` is."""
        return Given(self, x)

    def resample(
        self, key: Key, inputs: Float[Array, "*batch N"], x: Float[Array, "*batch N"], fixed: Float[Array, "*batch N"]
    ) -> Float[Result, "*batch N"]:
        """`x` with what is NaN in `fixed` drawn anew, so that p(x | inputs, fixed) stays as it is: a step of a chain.

        Units that are not independent are drawn one after another, which takes less time than all at once.
        """
        return self.given(fixed).sample(key, inputs).astype(x.dtype)

    def apart(self) -> Units:
        """Independent units, each with the energy that it has here given the others, at its distance from `center`."""
        return self

    def center(self, x: Real[Array, "*batch N"]) -> Float[Result, "*batch N"]:
        """For each column, given the others of `x` and without inputs, where units of a continuum that depend on each other
        are likeliest; zero in others."""
        return jnp.zeros_like(x)

    def marginals(self) -> Units:
        """Independent units with the distribution that each has by itself, without inputs; on the host."""
        return self

    def hold(self, x: Float[np.ndarray, " N"]) -> Self:  # noqa: ARG002
        """The layer in which no unit depends on those that have a value in `x` (NaN elsewhere), but has what they send in its
        bias; on the host."""
        return self

    def unconnect(self, chosen: Bool[np.ndarray, " N"]) -> Unconnected:
        """The layer with the chosen columns independent of each other and of the others; on the host."""
        return Unconnected(self, np.zeros((self.size, 0)), np.zeros((self.size, int(chosen.sum()))))

    # ---- distributions nearby

    @abc.abstractmethod
    def add_field(self, by: Real[Array, "*batch N"]) -> Self:
        """The layer with `by` added to what multiplies x: as if the other layer always sent `by` besides."""

    def infinite_temperature(self) -> Self:
        """The layer in which all values are equally likely, where tempering begins.

        A continuum has no such distribution: its units are left as they are.
        """
        return self

    @abc.abstractmethod
    def fit_base_rate(self, data: Real[Array, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> Self:
        """These units with the parameters under which independent units fit `data` best (one pseudo-count).

        Args:
            weights: of the rows, which then count as so many rows each; weights below 1 on average are scaled to 1.

        Raises:
            InputError: of real units, the deviation of a column is the inverse of no precision that can be learned.
        """

    def fit(self, data: Real[np.ndarray, "n N"], weights: Real[np.ndarray, " n"] | None = None) -> Self:
        """These units with the parameters under which the layer by itself fits `data` best, where training begins.

        Args:
            data: NaN where a unit is missing. weights: as in `fit_base_rate`.

        Raises:
            InputError: as `fit_base_rate`.
        """
        return self.fit_base_rate(self.fill_missing(data, weights), weights)

    @classmethod
    @abc.abstractmethod
    def zeros(cls, size: int) -> Self:
        """A layer of `size` columns with biases of zero and precisions of one (float64 on the host), to start from.

        Raises:
            InputError: the kind needs more than a number of columns: categories, or the parts of a mixed layer.
        """

    def select(self, chosen: Sequence[int]) -> Units:
        """The layer of some of the units alone, by their numbers.

        Raises:
            InputError: a unit is chosen without those that it is correlated with.
        """
        bounds = self.boundaries
        columns = np.concatenate([np.arange(bounds[unit], bounds[unit + 1]) for unit in chosen])
        return jax.tree.map(lambda leaf: leaf[..., columns], self)

    # ---- bounds of the parameters

    @property
    def curvature(self) -> Float[Result, " N"]:
        """The least coefficient of x_i^2 / 2 in the energy far from zero; infinite in columns whose values are bounded."""
        return jnp.full(self.size, jnp.inf, jnp.result_type(*jax.tree.leaves(self)))

    def whiten(self, weights: Float[Array, "N M"]) -> Float[Result, "N M"]:
        """`weights` from values y = R x, where the energy far from zero is |y|^2 / 2: of a continuum alone.

        Those of both layers decide whether Z is finite at all (`model.validate`).
        """
        return jnp.asarray(weights) / jnp.sqrt(self.curvature)[:, None]

    def scale_steps(self, steps: Float[Array, "N M"]) -> Float[Result, "N M"]:
        """`steps` of what multiplies x, on the scale on which all columns learn at one rate."""
        return steps  # type: ignore[return-value]

    @property
    def bounded(self) -> bool:
        """Whether no column takes arbitrarily large values."""
        return all(table is not None for table in self.unit_tables)

    def apply_update(self, by: Self, hold_scale: bool = False) -> Self:  # noqa: ARG002
        """The layer after a step `by` of its parameters; kinds with bounds go less far where the step would leave them.

        Args:
            hold_scale: leave the scale of unbounded values as it is. That of hidden units is arbitrary, since the weights can
                make up for it, and nothing would keep it from drifting.
        """
        return jax.tree.map(lambda own, step: own + step, self, by)

    def validation_error(self) -> str | None:
        """What is wrong with parameters that are finite vectors, to follow the layer's name; None if they are permissible."""
        return None

    def same_structure(self, other: object) -> bool:
        """Whether `other` is a layer of the same kind and size, which can replace this one."""
        if not isinstance(other, Units):
            return False
        own, others = (
            (jax.tree.structure(layer), [np.shape(leaf) for leaf in jax.tree.leaves(layer)]) for layer in (self, other)
        )
        return bool(own == others)

    def rescale(self, center: Real[Array, " N"], scale: Real[Array, " N"]) -> Self:
        """The layer of y, where x = center + scale y: energy(x) is its energy(y) plus a constant.

        Raises:
            InputError: the kind has no such distribution for this center and scale.
        """
        if np.any(np.asarray(center) != 0) or np.any(np.asarray(scale) != 1):
            raise InputError(f"the values of {self.name} units cannot be moved or scaled")
        return self
