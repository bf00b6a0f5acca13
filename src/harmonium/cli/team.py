"""The processes of a training run, as one of them sees them: what each must do, what the first one does for all."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harmonium.cli import supervisor
from harmonium.errors import InputError, reason

if TYPE_CHECKING:
    from harmonium.cli.cluster import Place
    from harmonium.mesh import Spread

T = TypeVar("T")


class Team:
    """Everything here is to be called on all processes, in the same order."""

    def __init__(self, spread: Spread, boss: socket.socket | None = None) -> None:
        self.spread, self.first, self._boss = spread, spread.first, boss

    def by_first(self, action: Callable[[], T]) -> T:
        """What `action` returns on the first process, of a kind that JSON holds; or its failure, everywhere."""
        result: Any = self.spread.together(lambda: action() if self.first else None)
        return self.spread.agreed(result)

    def same(self, number: int, what: str) -> None:
        """Raise an `InputError` if a number that stands for `what` is not the same on all."""
        numbers = self.spread.of_each(number)
        other = next((place for place, each in enumerate(numbers) if each != numbers[0]), None)
        if other is not None:
            raise InputError(f"process {other} of {len(numbers)} has {what} other than the first's: give all the same")

    def tell(self, text: str) -> None:
        """A line on stderr, once."""
        if self.first:
            print(f"harmonium: {text}", file=sys.stderr)

    def tell_folder(self, folder: Path) -> None:
        """Let the supervisor know how to go on."""
        if self._boss is not None:
            with contextlib.suppress(OSError):
                self._boss.send(str(folder).encode())


@contextlib.contextmanager
def team(options: argparse.Namespace, place: Place | None, boss: socket.socket | None) -> Iterator[Team]:
    """The processes that work together: all devices of all of them; alone, all devices of this one, if there are several.

    Raises:
        InputError: the others were not found, or the devices cannot be arranged so.
    """
    import jax

    from harmonium import mesh
    from harmonium.mesh import Spread, over

    if place is not None:
        try:
            mesh.joined(*place)
        except InputError:
            raise
        except (ValueError, RuntimeError) as error:
            raise InputError(f"the other processes were not found: {reason(error)}") from error
    try:
        spread = Spread(over(options.hidden_shards) if jax.device_count() > 1 or options.hidden_shards != 1 else None)
        if not spread.first:
            # The first one speaks for all; what else is said goes where the runtime writes.
            sys.stdout, sys.stderr = open(os.devnull, "w"), os.fdopen(os.dup(2), "w", buffering=1)  # noqa: SIM115
        yield Team(spread, boss)
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1 or "RESOURCE_EXHAUSTED" in str(error):
            raise
        print(error, file=sys.__stderr__, flush=True)
        os._exit(supervisor.LOST)  # an orderly end would wait for the others
    if place is not None:
        mesh.left()
