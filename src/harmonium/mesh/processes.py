"""Processes that work as one, by JAX's own runtime: they find each other through a coordinator, which the first one runs.

The coordinator and the channels by which arrays are summed (Gloo on CPUs, NCCL on GPUs) neither encrypt nor ask who
connects: whoever reaches their ports takes part. The coordinator listens on the address that it is told, and where JAX finds
it from a cluster's environment on all; Gloo listens at the address that the computer's own name stands for. So they belong
in a network of their own (docs/scale.md).
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import jax

from harmonium.errors import InputError

HEARTBEAT_SECONDS = 30
"""After which a process that is no longer heard of ends the run."""
START_SECONDS = 300


def joined(coordinator: str | None, process: int | None, count: int | None) -> None:
    """Find the other processes, before anything is computed.

    Args:
        coordinator: HOST:PORT at which the first process listens, on that address alone. process: this one's number, from 0.
            count: of processes. Those that are None are what the cluster's own environment says (Slurm, Open MPI, Kubernetes).

    Raises:
        InputError: this computer's own name, at whose address Gloo listens, stands for none.
        ValueError, RuntimeError: the others are not found (JAX's own).
    """
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        raise InputError(f"this computer's name, {name}, stands for no address: add it to /etc/hosts, for example") from error
    # The command has its own way to stop in good order.
    jax.config.update("jax_enable_preemption_service", False)
    where: dict[str, Any] = {} if coordinator is None else {"coordinator_bind_address": coordinator}
    if coordinator is not None and process is not None and count is not None:
        where["cluster_detection_method"] = "deactivate"  # all is said
    jax.distributed.initialize(
        coordinator,
        count,
        process,
        initialization_timeout=START_SECONDS,
        heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        shutdown_timeout_seconds=HEARTBEAT_SECONDS,
        **where,
    )


def left() -> None:
    """Leave the others in good order, when all have come to the end."""
    with contextlib.suppress(RuntimeError):
        jax.distributed.shutdown()
