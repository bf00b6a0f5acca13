"""A training run as it goes on: its metrics to a file, its progress to the terminal."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harmonium.cli import runs
from harmonium.cli.checkpoints import Keeper
from harmonium.cli.output import console
from harmonium.cli.stopping import Stopping
from harmonium.cli.team import Team
from harmonium.errors import reason

if TYPE_CHECKING:
    from rich.progress import Progress

    from harmonium.training import TrainState

FAR = 0.5
"""A spread of the chains below this share of the data's variance, or above its inverse, is worth a word."""


def follow(
    states: Iterator[TrainState],
    folder: Path,
    options: argparse.Namespace,
    keeper: Keeper,
    stopping: Stopping,
    history: list[dict[str, float]],
    crew: Team,
) -> tuple[TrainState, str | None]:
    """Run the training under a progress bar, adding to `history`; the last good state, and why it stopped early if it did.

    A run that is asked to stop, in any of its processes, does so at the next state, which becomes a checkpoint. The first
    process writes and tells; trouble in writing is told, and the run goes on.
    """
    from harmonium.errors import DivergenceError

    state: TrainState | None = None
    stopped: str | None = None
    told: set[str] = set()

    def tell(text: str) -> None:
        if crew.first and text not in told:
            told.add(text)
            progress.console.print(f"harmonium: {text}", highlight=False, markup=False, soft_wrap=True)

    with _progress(crew.first) as progress, contextlib.closing(states):  # type: ignore[type-var]
        task = progress.add_task("training", total=1.0, shown="compiling")
        try:
            for state in states:
                history.append(state.metrics)
                if crew.first:
                    try:
                        runs.append_line(folder / runs.METRICS, state.metrics)
                    except OSError as error:
                        tell(f"{folder / runs.METRICS} cannot be written: {reason(error)}; training goes on")
                progress.update(task, completed=_share(state, options), shown=shown(history))
                if "diverged_at" in state.metrics:
                    at, rate = state.metrics["diverged_at"], state.metrics["lr_reduction"]
                    tell(f"diverged before update {at:,.0f}: back at update {state.step:,}, from here at {rate:g} of the rate")
                stopping.hear(crew.spread.of_each(stopping.asked or 0))
                stopped = stopping.word
                if crew.first:
                    keeper.look(state) if stopped is None else keeper.save(state)
                if keeper.trouble is not None:
                    tell(f"no checkpoint: {keeper.trouble}" + ("; training goes on" if stopped is None else ""))
                if stopped is not None:
                    break
            else:
                progress.update(task, completed=1.0)
        except DivergenceError as error:
            stopped = str(error)
    if state is None:
        raise KeyboardInterrupt
    return state, stopped


def shown(history: list[dict[str, float]]) -> str:
    """The progress line: what each of the latest measurements says."""
    now = history[-1]
    latest = {name: value for metrics in history for name, value in metrics.items()}
    parts = [f"update {now['step']:,.0f}", f"{now['updates_per_second']:,.0f}/s"]
    if "valid_log_likelihood" in latest:
        error = latest.get("log_partition_error")
        value = latest["valid_log_likelihood"]
        about = f"{value:.3f}" if error is None else f"about {value:.2f} +- {error:.2f}"
        parts.append(f"held-out log likelihood {about}")
    if "free_energy_gap" in latest:
        parts.append(f"gap {latest['free_energy_gap']:+.2f}")
    if "chain_spread" in latest:
        parts.append(_chains(latest["chain_spread"], latest["chain_gap"]))
    return "  ".join(parts)


def _chains(spread: float, gap: float) -> str:
    if spread < FAR:
        return f"chains: only {spread:.0%} of the data's spread"
    if spread > 1 / FAR:
        return f"chains: {spread:.0%} of the data's spread"
    return f"chains {gap:+.1f}"


def _progress(shown: bool) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(bar_width=16),
        TextColumn("{task.fields[shown]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    return Progress(*columns, console=console(stderr=True), disable=not shown)


def _share(state: TrainState, options: argparse.Namespace) -> float:
    if options.minutes is not None:
        return float(min(1.0, state.metrics["seconds"] / (60 * options.minutes)))
    if options.epochs is not None:
        return float(min(1.0, state.metrics["epoch"] / options.epochs))
    return float(state.step / options.updates)
