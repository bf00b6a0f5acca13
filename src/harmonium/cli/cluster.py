"""Whether this process is one of several that a cluster started to work as one, and which."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

from harmonium._checks import integer
from harmonium.errors import InputError

MOST_LOCAL = 256
"""Processes on one machine."""


class Place(NamedTuple):
    """A process's place among several: where the first one listens, its own number from 0, and how many there are.

    None: what JAX finds out from the cluster's environment.
    """

    coordinator: str | None
    process: int | None
    processes: int | None


class _Launcher(NamedTuple):
    """The environment variables by which a launcher of processes is known."""

    name: str
    process: str
    processes: str | None
    coordinator: str
    """JAX finds the first process's address where this one is set."""


LAUNCHERS = (
    # SLURM_NTASKS is also set where a job runs one process: what counts are the processes of this step.
    _Launcher("Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST"),
    _Launcher("Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_MCA_orte_hnp_uri"),
    _Launcher("Kubernetes", "JOB_COMPLETION_INDEX", None, "KUBERNETES_SERVICE_HOST"),
)


def place_of(options: argparse.Namespace, environment: Mapping[str, str]) -> Place | None:
    """The place that the options say, or the environment; None if this process works alone.

    Raises:
        InputError: what is said is not enough, or contradicts itself.
    """
    said = {"--coordinator": options.coordinator, "--process-id": options.process_id, "--process-count": options.process_count}
    given = [name for name, value in said.items() if value is not None]
    if options.processes is not None:
        integer(options.processes, "--processes", most=MOST_LOCAL)
        if given:
            raise InputError(
                f"--processes starts processes on this machine; leave out {given[0]}, which is for several machines"
            )
        return None
    launcher = next((each for each in LAUNCHERS if _started(each, environment)), None)
    if launcher is None and not given:
        return None
    process, count = options.process_id, options.process_count
    if launcher is not None:
        process = int(environment[launcher.process]) if process is None else process
        if count is None and launcher.processes is not None:
            count = int(environment[launcher.processes])
        if options.coordinator is None:
            _check_found(launcher, environment)
            return Place(None, options.process_id, options.process_count)
    if options.coordinator is None or process is None or count is None:
        known = zip(said, (options.coordinator, process, count), strict=True)
        missing = " and ".join(name for name, value in known if value is None)
        raise InputError(f"{given[0]} is not enough to find the others: give {missing} too")
    host, _, port = options.coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"--coordinator must be HOST:PORT, where the first process listens, but is {options.coordinator!r}")
    count = integer(count, "--process-count")
    return Place(options.coordinator, integer(process, "--process-id", least=0, most=count - 1), count)


def _started(launcher: _Launcher, environment: Mapping[str, str]) -> bool:
    """Whether it started several processes, of which this is one."""
    if launcher.process not in environment:
        return False
    if launcher.processes is None:
        return launcher.coordinator in environment
    return int(environment.get(launcher.processes, "1")) > 1


def _check_found(launcher: _Launcher, environment: Mapping[str, str]) -> None:
    if launcher.coordinator not in environment:
        raise InputError(f"this {launcher.name} does not say where its first process runs: give --coordinator HOST:PORT")
    if launcher.name == "Kubernetes" and find_spec("kubernetes") is None:
        raise InputError(
            "to find its place in a Kubernetes job it needs a package: pip install 'jax[k8s]' (or give --coordinator HOST:PORT "
            "and --process-count, or --processes 1 to work alone)"
        )
