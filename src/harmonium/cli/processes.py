"""Commands that may run in several processes: their options, and which of them this one is."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable

from harmonium.cli import cluster, supervisor
from harmonium.cli.cluster import Place
from harmonium.errors import InputError

PLACEMENT = ("processes", "coordinator", "process_id", "process_count", "hidden_shards")
"""Options that say where something is to be computed, and nothing of what."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("several processes")
    group.add_argument("--processes", metavar="N", type=int, help="start so many on this machine; 1: join no cluster's")
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where the first process listens, on that address alone")
    group.add_argument("--process-id", metavar="I", type=int, help="this process's number, from 0")
    group.add_argument("--process-count", metavar="N", type=int, help="how many there are")
    group.add_argument(
        "--hidden-shards",
        metavar="N",
        type=int,
        default=1,
        help="devices that share the hidden units, where the weights are too wide for one (default: 1)",
    )


def run(options: argparse.Namespace, work: Callable[[Place | None, socket.socket | None], int | None]) -> int | None:
    """Call `work`, as one of several processes told its place and how to speak to the supervisor; or be that supervisor."""
    if os.name == "nt" and (options.processes or 1) > 1:
        raise InputError("--processes starts processes as only POSIX systems can: use WSL, or one process")
    boss = supervisor.take_up()
    if boss is not None:
        options.processes = None  # they are started
    place = cluster.place_of(options, os.environ)
    if boss is None and (place is not None or (options.processes or 1) > 1):
        return supervisor.supervise(options.arguments, options.processes or 1, place)
    return work(place, boss)
