"""Held-out log likelihood against wall-clock time on MNIST (fixed binarization), 784x500, one contender after the other.

Every contender trains on the same cores for its time, start and compilation included. Snapshots of its model are evaluated
afterwards by `hm.evaluate` on the validation rows. Test rows are used once, for the last model of a Harmonium run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import harmonium as hm
from benchmarks import here, peers
from harmonium.likelihood.log_likelihood import USELESS_WIDTH

TIMES = (10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2400)
"""Seconds after which a snapshot is taken."""
LEVELS = (-130, -120, -115, -110, -105, -100, -95, -90, -88, -87)
COLORS = {"Harmonium": "#2f5d9e", "scikit-learn": "#c2571a", "rbms": "#4b7f52", "learnergy": "#8a5a9e", "PyTorch": "#777777"}

Snapshots = list[tuple[float, hm.RBM]]


def take_snapshots(begun: float, models: Iterable[Callable[[], hm.RBM]]) -> Snapshots:
    """The models at TIMES, and the last one."""
    snapshots: Snapshots = []
    due = iter((*TIMES, np.inf))
    wanted = next(due)
    for model in models:
        now = time.monotonic() - begun
        if now >= wanted:
            snapshots.append((now, model()))
            wanted = next(seconds for seconds in due if seconds > now)
    return [*snapshots, (time.monotonic() - begun, model())]


def train_harmonium(
    train: np.ndarray | hm.data.Resampled, valid: np.ndarray, hidden: int, **settings: Any
) -> tuple[Snapshots, Any]:
    """Snapshots of `harmonium train --hidden N` with these settings, and its last state."""
    begun = time.monotonic()
    state: Any = None

    def models() -> Iterator[Callable[[], hm.RBM]]:
        nonlocal state
        for state in hm.train(hm.initialize(train, hidden), train, valid=valid, **settings):
            print(f"\r  {time.monotonic() - begun:6.0f} s, update {state.step:,}", end="", flush=True)
            yield partial(getattr, state, "rbm")

    snapshots = take_snapshots(begun, models())
    print()
    return snapshots, state


def train_peer(peer: Any, begun: float, seconds: float) -> Snapshots:
    def models() -> Iterator[Callable[[], hm.RBM]]:
        while time.monotonic() - begun < seconds:
            peer.update(20)
            yield peer.rbm

    return take_snapshots(begun, models())


def evaluate(snapshots: Snapshots, rows: np.ndarray, base_rate: hm.Binary, seconds: float = 15.0) -> list[tuple[float, Any]]:
    """The log likelihood of each snapshot but those with parameters that are not finite."""
    finite = [(at, rbm) for at, rbm in snapshots if all(np.isfinite(leaf).all() for leaf in _leaves(rbm))]
    return [(at, hm.evaluate(rbm, rows, base_rate=base_rate, seconds=seconds)) for at, rbm in finite]


def _leaves(rbm: hm.RBM) -> list[np.ndarray]:
    return [np.asarray(rbm.visible.bias), np.asarray(rbm.hidden.bias), np.asarray(rbm.weights)]


def main(folder: Path, out: Path, minutes: float = 10, peer_minutes: float = 3, hidden: int = 500) -> str:
    train, valid, test = here.mnist(folder)
    base_rate = hm.initialize(train, 1).visible
    curves: dict[str, tuple[str, list[tuple[float, Any]]]] = {}
    contenders = {
        "scikit-learn": lambda: peers.ScikitLearn(train, hidden, 100),
        "rbms": lambda: peers.Rbms(train, hidden, 500, rate=0.1, steps=1),
        "rbms, ten steps": lambda: peers.Rbms(train, hidden, 500, rate=0.1, steps=10),
        "learnergy": lambda: peers.Learnergy(train, hidden, 128),
    }
    for name, make in contenders.items():
        begun = time.monotonic()
        try:
            peer = make()
        except ImportError as error:
            print(f"{name} is missing: {error}")
            continue
        found = evaluate(train_peer(peer, begun, 60 * peer_minutes), valid, base_rate)
        curves[name] = peer.settings, found
        print(name, peer.settings, *(f"\n  {at:5.0f} s  {value}" for at, value in found), flush=True)
    final = []
    for length in sorted({2.0, minutes}):
        snapshots, state = train_harmonium(train, valid, hidden, minutes=length)
        found = evaluate(snapshots, valid, base_rate)
        curves[f"Harmonium, --minutes {length:g}"] = "defaults", found
        print(f"Harmonium, --minutes {length:g}", *(f"\n  {at:5.0f} s  {value}" for at, value in found), flush=True)
        report = hm.evaluate(state.rbm, test, base_rate=base_rate, seconds=60)
        hm.save(state.rbm, out / f"mnist-{hidden}-{length:g}min.safetensors", base_rate=base_rate, overwrite=True)
        final.append([f"{length:g}", f"{state.step:,}", str(report), f"{report.upper - report.lower:.2f}"])
        print("  test:", report, *report.warnings, flush=True)
    picture(curves).savefig(out / "mnist_race.png", dpi=120)
    columns = ["", "settings", *(f"{level}" for level in LEVELS), "best"]
    lines = [[name, settings, *_reached(found)] for name, (settings, found) in curves.items()]
    text = "Seconds until the validation log likelihood (nats, reported value) passed a level:\n\n" + here.table(columns, lines)
    ends = here.table(["--minutes", "updates", "test log likelihood", "width"], final)
    return f"{text}\n\nThe end of Harmonium's runs, on the test rows:\n\n{ends}"


def _reached(found: list[tuple[float, Any]]) -> list[str]:
    found = [(at, value) for at, value in found if value.upper - value.lower <= USELESS_WIDTH]
    firsts = [next((f"{at:.0f}" for at, value in found if value.mean >= level), "-") for level in LEVELS]
    best = max(found, key=lambda pair: pair[1].mean, default=None)
    return [*firsts, "-" if best is None else f"{best[1].mean:.2f} at {best[0]:.0f} s"]


def picture(curves: dict[str, tuple[str, list[tuple[float, Any]]]]) -> Figure:
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, (settings, found) in curves.items():
        color = next((value for key, value in COLORS.items() if name.startswith(key)), "black")
        style = "--" if "defaults" in name or name.endswith(" 2") else "-"
        times, values = [at for at, _ in found], [value.mean for _, value in found]
        label = name if settings == "defaults" else f"{name}: {settings}"
        axes.plot(times, values, style, color=color, marker=".", label=label)
        low, high = [value.lower for _, value in found], [value.upper for _, value in found]
        axes.fill_between(times, low, high, color=color, alpha=0.15, linewidth=0)
    axes.set(xscale="log", xlabel="seconds, start included", ylabel="validation log likelihood (nats/example)")
    axes.set_ylim(-150, -84)
    axes.legend(frameon=False, fontsize=7, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
