"""Several devices, in one process or in many, that work as one. The only module that knows where arrays lie.

The devices form a mesh with the axes `data` and `hidden`. Everything else is plain `jax.jit` code: it is given arrays that
lie on a mesh, and XLA divides the work and inserts the sums over devices. Where an array lies follows from the names of its
axes, given as one string, such as "chain visible" or "visible hidden":

    row, chain     along `data`: each device has its own rows and chains
    hidden         along `hidden`: each device has its own columns of the weights (where they divide evenly)
    anything else  whole on each device; "" is an array that is whole on each

Random numbers match the single-device run: at the same total number of rows and chains, N devices reproduce its updates up to
floating-point rounding.

Processes find each other by JAX's own runtime, through a coordinator that the first one runs. The coordinator and the channels
by which arrays are summed (Gloo on CPUs, NCCL on GPUs) neither encrypt nor authenticate: whoever reaches their ports takes
part. A coordinator that is given listens on that address only, one that JAX finds from a cluster's environment listens on all
addresses, and Gloo listens at the address of the computer's own name. So run them in a private network (docs/scale.md).
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.typing import ArrayLike

from harmonium import _checks
from harmonium.errors import InputError, reason

__all__ = ["initialize", "is_primary", "make_mesh", "shutdown"]

DATA, HIDDEN = "data", "hidden"
_MESH_AXIS = {"row": DATA, "chain": DATA, "hidden": HIDDEN}

HEARTBEAT_SECONDS = 30
"""Seconds without a sign of life after which a process counts as dead, which ends the run."""
START_SECONDS = 300
"""Seconds that processes wait for one another at the start."""

Tree = TypeVar("Tree")
Value = TypeVar("Value")


def initialize(coordinator: str | None = None, process_id: int | None = None, process_count: int | None = None) -> None:
    """Start JAX's runtime for several processes, before anything is computed.

    Without arguments JAX finds the other processes from the environment of Slurm's srun, Open MPI's mpirun or an indexed
    Kubernetes job.

    Args:
        coordinator: HOST:PORT at which the first process listens, on that address only.
        process_id: from 0.
        process_count: number of processes.

    Raises:
        InputError: the other processes are not found, or this computer's own name has no address.
    """
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        raise InputError(f"this computer's name, {name}, has no address: add it to /etc/hosts, for example") from error
    # Signals are handled by whoever runs the training.
    jax.config.update("jax_enable_preemption_service", False)
    given: dict[str, Any] = {} if coordinator is None else {"coordinator_bind_address": coordinator}
    if None not in (coordinator, process_id, process_count):
        given["cluster_detection_method"] = "deactivate"
    try:
        jax.distributed.initialize(
            coordinator,
            process_count,
            process_id,
            initialization_timeout=START_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=HEARTBEAT_SECONDS,
            **given,
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"the other processes were not found ({reason(error)}): start this under srun, mpirun or an indexed Kubernetes "
            "job, or give the coordinator's HOST:PORT, the process's id and the number of processes"
        ) from error


def shutdown() -> None:
    """Leave the other processes in good order, once all have finished."""
    with contextlib.suppress(RuntimeError):
        jax.distributed.shutdown()


def is_primary() -> bool:
    """Whether this is the first process, the one that prints and writes files."""
    return jax.process_index() == 0


def make_mesh(hidden_shards: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh of data x hidden over all devices of all processes, or over the given ones.

    Args:
        hidden_shards: number of devices over which the hidden units are divided, for weights too wide for one device; rows
            and chains are divided over the others.
        devices: by default all.

    Raises:
        InputError: `hidden_shards` does not divide the number of devices, or a process's devices are not side by side.

    Example:
        >>> from harmonium import distributed
        >>> mesh = distributed.make_mesh()
    """
    devices = list(jax.devices() if devices is None else devices)
    if len(devices) % _checks.integer(hidden_shards, "hidden_shards"):
        raise InputError(f"hidden_shards must divide the number of devices, {len(devices)}, but is {hidden_shards}")
    mesh = Mesh(np.array(devices).reshape(-1, hidden_shards), (DATA, HIDDEN))
    row_part(mesh)
    return mesh


def row_shards(mesh: Mesh | None) -> int:
    """The number of parts into which rows and chains are divided.

    Raises:
        InputError: it is no mesh, or has other axes than those of `make_mesh`.
    """
    if mesh is None:
        return 1
    if _checks.instance(mesh, Mesh, "mesh", "a mesh of harmonium.distributed.make_mesh or None").axis_names != (DATA, HIDDEN):
        raise InputError(f"mesh must have the axes {DATA} and {HIDDEN}, as harmonium.distributed.make_mesh makes it")
    return mesh.shape[DATA]


def data_mesh(mesh: Mesh | None) -> Mesh | None:
    """The same devices, all of them along `data`: for work that consists of independent rows or chains."""
    row_shards(mesh)
    return mesh if mesh is None or mesh.shape[HIDDEN] == 1 else Mesh(mesh.devices.reshape(-1, 1), mesh.axis_names)


def round_up(count: int, mesh: Mesh | None) -> int:
    """`count`, or the next larger number of rows or chains that divides evenly over the mesh."""
    shards = row_shards(mesh)
    return -(-count // shards) * shards


def row_part(mesh: Mesh | None) -> tuple[int, int]:
    """Which part of the rows this process feeds, from 0, and the number of parts."""
    if mesh is None:
        return 0, 1
    own = np.array([any(device.process_index == jax.process_index() for device in row) for row in mesh.devices])
    places, parts = np.flatnonzero(own), len(own)
    if len(places) == 0 or len(places) != np.ptp(places) + 1 or places[0] % len(places) or parts % len(places):
        raise InputError("devices must be ordered by process, each process with as many, as jax.devices() orders them")
    return int(places[0]) // len(places), parts // len(places)


def shardings(tree: Any, axes: Any, mesh: Mesh | None) -> Any:
    """The sharding of every array of `tree`, for `out_shardings` of `jax.jit` and sharding constraints; None without a mesh.

    Args:
        tree: arrays, or their shapes as `jax.eval_shape` gives them.
        axes: strings that name each array's axes, in the same structure or a prefix of it.

    Raises:
        InputError: the number of rows or chains does not divide evenly over the mesh.
    """
    if mesh is None:
        return None
    row_shards(mesh)
    return jax.tree.map(lambda names, part: jax.tree.map(lambda leaf: _sharding(leaf.shape, names, mesh), part), axes, tree)


def _sharding(shape: tuple[int, ...], names: str, mesh: Mesh) -> NamedSharding:
    named = names.split()
    assert not named or len(named) == len(shape), f"axes {names!r} do not name the axes of an array of shape {shape}"
    spec = []
    for name, length in zip(named, shape, strict=False):
        axis = _MESH_AXIS.get(name)
        shards = 1 if axis is None else mesh.shape[axis]
        if axis == DATA and length % shards:
            near = max(1, length // shards) * shards
            raise InputError(f"the number of {name}s, {length}, must be divisible by {shards} devices: {near} is")
        # The columns of one part of a mixed layer need not divide evenly.
        spec.append(axis if length % shards == 0 else None)
    return NamedSharding(mesh, PartitionSpec(*spec))


def place(tree: Tree, axes: Any, mesh: Mesh | None) -> Tree:
    """Copies of arrays that every process has, on the devices; without a mesh, on the default device.

    Args:
        tree: arrays on the host or on devices.
        axes: as for `shardings`.

    Raises:
        InputError: the number of rows or chains does not divide evenly over the mesh.
    """
    if mesh is None:
        return jax.tree.map(jnp.array, tree)

    def put(leaf: jax.Array | np.ndarray, sharding: NamedSharding) -> jax.Array:
        if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
            return jax.device_put(leaf, sharding)
        host = np.array(leaf)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    tree = jax.tree.map(lambda leaf: leaf if hasattr(leaf, "shape") else np.asarray(leaf), tree)
    return jax.tree.map(put, tree, shardings(tree, axes, mesh))


def place_local(array: ArrayLike, axes: str, mesh: Mesh | None) -> jax.Array:
    """An array on the devices, from the rows that this process has (`row_part`)."""
    if mesh is None:
        return jnp.asarray(array)
    host = np.asarray(array)
    names = axes.split()
    rows = [name in ("row", "chain") for name in names]
    parts = row_part(mesh)[1]
    shape = tuple(length * (parts if is_row else 1) for length, is_row in zip(host.shape, rows, strict=True))
    return jax.make_array_from_process_local_data(_sharding(shape, axes, mesh), host, shape)


@contextlib.contextmanager
def use(mesh: Mesh | None) -> Iterator[None]:
    """While code is traced for `jax.jit`: its rows and chains lie on `mesh` (`mean_over_rows`)."""
    with contextlib.nullcontext() if mesh is None else jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
        yield


def mean_over_rows(f: Callable[..., Tree], whole: Any, *rows: Any) -> Tree:
    """f(whole, *rows), where the values of `f` are means over rows.

    On the mesh in use each device takes the means of its own rows, and only those of `f`'s results that are wanted are averaged
    over devices: once, where XLA by itself would do so for every product that goes into them.

    Args:
        whole: arrays that every device has.
        rows: trees of arrays whose first axis is that of rows or chains.
    """
    shape = jax.sharding.get_abstract_mesh().shape
    if shape.get(DATA, 1) == 1:
        return f(whole, *rows)

    def of_device(whole: Any, *rows: Any) -> Tree:
        means = f(whole, *rows)
        if shape[HIDDEN] > 1:
            return jax.lax.pmean(means, DATA)
        # Every array takes a time of its own, however short it is: vectors travel as one.
        leaves, structure = jax.tree.flatten(means)
        together, restore = ravel_pytree([leaf for leaf in leaves if leaf.ndim < 2])
        vectors = iter(restore(jax.lax.pmean(together, DATA)))
        averaged = [next(vectors) if leaf.ndim < 2 else jax.lax.pmean(leaf, DATA) for leaf in leaves]
        return jax.tree.unflatten(structure, averaged)

    in_specs = PartitionSpec(), *(PartitionSpec(DATA) for _ in rows)
    return jax.shard_map(of_device, in_specs=in_specs, out_specs=PartitionSpec(), axis_names={DATA})(whole, *rows)


def to_host(tree: Tree) -> Tree:
    """Copies of the whole arrays as NumPy arrays. All processes must call it, if an array lies on several of them."""
    return jax.tree.map(_copy, tree)


def _copy(leaf: Any) -> np.ndarray:
    if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
        return np.array(leaf)
    if not leaf.is_fully_replicated:
        assert isinstance(leaf.sharding, NamedSharding)
        leaf = jax.device_put(leaf, NamedSharding(leaf.sharding.mesh, PartitionSpec()))
    return np.array(leaf.addressable_data(0))


def broadcast(value: Value) -> Value:
    """The first process's `value`, which JSON can hold. All processes must call it, in the same order."""
    if jax.process_count() == 1:
        return value
    content = np.frombuffer(json.dumps(value).encode() if is_primary() else b"", np.uint8)
    length = int(multihost_utils.broadcast_one_to_all(np.int32(len(content))))
    # Few different lengths, since each is compiled for.
    padded = np.zeros(max(256, 1 << max(0, length - 1).bit_length()), np.uint8)
    padded[: len(content)] = content
    received: Value = json.loads(bytes(np.asarray(multihost_utils.broadcast_one_to_all(padded))[:length]))
    return received


def clock(mesh: Mesh | None) -> float:
    """Monotonic seconds; on a mesh those of the first process, so that all processes decide alike by the time."""
    return time.monotonic() if mesh is None else float(broadcast(time.monotonic()))
