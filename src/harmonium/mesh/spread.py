"""Arrays on a mesh: put there, fetched from there, and what its processes have to agree on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from harmonium import _checks
from harmonium.errors import InputError
from harmonium.mesh.axes import DATA, HIDDEN

T = TypeVar("T")

PIECE = 1 << 26
"""Bytes that are sent to other processes at once."""


def over(hidden: int = 1, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of data x hidden units over all devices of all processes, or the given ones.

    Args:
        hidden: over how many devices the weights are divided by hidden units, where they are too wide for one; the rows and
            chains of an update are divided over the others.

    Raises:
        InputError: `hidden` does not divide the number of devices.
    """
    found = list(jax.devices() if devices is None else devices)
    if len(found) % _checks.integer(hidden, "hidden"):
        raise InputError(f"{len(found)} devices cannot be divided into groups of {hidden} that share the hidden units")
    return Mesh(np.array(found).reshape(-1, hidden), (DATA, HIDDEN))


def divided(mesh: Mesh | None, function: Callable[..., Any], outs: Any) -> Callable[..., Any]:
    """`function` (traceable), whose result lies where `outs` says: `PartitionSpec`s in its form."""
    if mesh is None:
        return function

    def pinned(*arguments: Any) -> Any:
        result = function(*arguments)
        return jax.tree.map(lambda x, spec: jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec)), result, outs)

    return pinned


def specs(tree: Any, axes: Any, hidden_shards: int) -> Any:
    """`PartitionSpec`s of arrays whose axes have these names."""

    def spec(names: str, leaf: Any) -> PartitionSpec:
        mesh_axis = {
            "row": DATA,
            "chain": DATA,
            "hidden": HIDDEN if leaf.shape and leaf.shape[-1] % hidden_shards == 0 else None,
        }
        return PartitionSpec(*(mesh_axis.get(name) for name in names.split()))

    return jax.tree.map(spec, axes, tree)


class Spread:
    """How arrays lie on the devices of `mesh`; without one, on a single device, as JAX puts them.

    Functions that are told to be called on all processes must be, in the same order.
    """

    def __init__(self, mesh: Mesh | None = None) -> None:
        if mesh is not None and mesh.axis_names != (DATA, HIDDEN):
            raise InputError(f"mesh must have the axes {DATA} and {HIDDEN}, as harmonium.mesh.over makes it")
        self.mesh = mesh
        self.parts, self.hidden = (1, 1) if mesh is None else mesh.devices.shape
        owners = np.zeros((1, 1), int) if mesh is None else np.vectorize(lambda device: device.process_index)(mesh.devices)
        self.several = len(np.unique(owners)) > 1
        self.first = not self.several or jax.process_index() == 0
        own = np.flatnonzero((owners == jax.process_index()).any(axis=1)) if self.several else np.arange(self.parts)
        if len(own) == 0 or len(own) != np.ptp(own) + 1 or own[0] % len(own):
            raise InputError("mesh must hold each process's devices side by side, as harmonium.mesh.over makes it")
        self.share = int(own[0]) // len(own), self.parts // len(own)
        """Which share of the rows this process feeds, and of how many."""

    def by_rows(self) -> Spread:
        """The same devices, all of them for rows, runs and chains."""
        if self.mesh is None or self.hidden == 1:
            return self
        return Spread(Mesh(self.mesh.devices.reshape(-1, 1), self.mesh.axis_names))

    def rounded(self, number: int) -> int:
        """So many, or as few more as can be shared evenly among the parts."""
        return -(-number // self.parts) * self.parts

    def check_shared(self, number: int, what: str) -> None:
        """Raise an `InputError` if so many rows or chains cannot be shared evenly among the parts."""
        if number % self.parts:
            near = max(1, number // self.parts) * self.parts
            raise InputError(f"{number} {what} cannot be shared evenly by {self.parts} devices; {near} can")

    def sharding(self, spec: PartitionSpec) -> NamedSharding | None:
        return None if self.mesh is None else NamedSharding(self.mesh, spec)

    def put(self, array: Any, spec: PartitionSpec | None = None) -> Any:
        """An array that all processes have, on the devices; by default whole on each of them."""
        sharding = self.sharding(PartitionSpec() if spec is None else spec)
        if sharding is None:
            return jnp.asarray(array)
        held = np.asarray(array)
        return jax.make_array_from_callback(held.shape, sharding, lambda part: held[part])

    def put_part(self, array: Any, spec: PartitionSpec) -> Any:
        """An array of which this process has its share, on the devices."""
        sharding = self.sharding(spec)
        return jnp.asarray(array) if sharding is None else jax.make_array_from_process_local_data(sharding, array)

    def host(self, tree: Any) -> Any:
        """Copies of whole arrays on the host (to be called on all processes)."""
        if self.several:
            assert self.mesh is not None
            tree = jax.jit(_same, out_shardings=NamedSharding(self.mesh, PartitionSpec()))(tree)
        return jax.tree.map(self.local, tree)

    def local(self, x: Any) -> np.ndarray:
        """A copy on the host of an array that is whole on each of this process's devices."""
        return np.array(x.addressable_data(0) if self.several else x)

    def agreed(self, value: Any) -> Any:
        """The first process's `value`, of a kind that JSON holds (to be called on all processes)."""
        if not self.several:
            return value
        return json.loads(self.sent(json.dumps(value).encode() if self.first else b""))

    def sent(self, content: bytes, process: int = 0) -> bytes:
        """The `content` of the process of that number (to be called on all processes)."""
        if not self.several:
            return content
        sender = jax.process_index() == process
        whole, rest = map(int, multihost_utils.broadcast_one_to_all(np.array(divmod(len(content), PIECE), np.int32), sender))
        return b"".join(
            self._piece(content[number * PIECE : (number + 1) * PIECE], PIECE if number < whole else rest, sender)
            for number in range(whole + 1)
        )

    def _piece(self, content: bytes, length: int, sender: bool) -> bytes:
        # Few different lengths, since each is compiled for.
        padded = np.zeros(max(256, 1 << max(0, length - 1).bit_length()), np.uint8)
        if sender:
            padded[:length] = np.frombuffer(content, np.uint8)
        return bytes(np.asarray(multihost_utils.broadcast_one_to_all(padded, sender))[:length])

    def same(self, tree: Any) -> Any:
        """The first process's arrays on the host, of which all have the forms (to be called on all processes)."""

        def first(leaf: Any) -> np.ndarray:
            held = np.asarray(leaf)
            return np.frombuffer(self.sent(held.tobytes()), held.dtype).reshape(held.shape)

        return jax.tree.map(first, tree) if self.several else tree

    def now(self) -> float:
        """The first process's `time.monotonic()` (to be called on all processes)."""
        return float(self.agreed(time.monotonic()))

    def together(self, action: Callable[[], T]) -> T:
        """What `action` returns on each process; where it raises an `InputError` on one, all raise it (to be called on all)."""
        if not self.several:
            return action()
        said = ""
        try:
            result = action()
        except InputError as error:
            said = str(error) or type(error).__name__
        failures = self.of_each(int(said != ""))
        if any(failures):
            number = failures.index(1)
            said = self.sent(said.encode(), number).decode()
            raise InputError(said if number == 0 else f"process {number} of {len(failures)}: {said}")
        return result

    def of_each(self, number: int) -> list[int]:
        """Every process's `number` (to be called on all processes)."""
        if not self.several:
            return [number]
        return [int(each) for each in np.ravel(multihost_utils.process_allgather(np.int32(number)))]


def _same(tree: Any) -> Any:
    return tree


ALONE = Spread()
