"""Held-out log likelihood against wall-clock time on MNIST (fixed binarization), 784x500, one contender after the other.

Every contender trains for as long as it is given, compiling and starting included, on the same cores; what it has learned
is set aside at given times and evaluated afterwards by one evaluator, `hm.evaluate`, on the validation rows. Only the last
machine of a Harmonium run meets the test rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import harmonium as hm
from benchmarks import here, peers

TIMES = (10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2400)
"""Seconds after which a machine is set aside."""
LEVELS = (-130, -120, -115, -110, -105, -100, -95, -90, -88, -87)
COLOURS = {"Harmonium": "#2f5d9e", "scikit-learn": "#c2571a", "rbms": "#4b7f52", "learnergy": "#8a5a9e", "PyTorch": "#777777"}

Snapshots = list[tuple[float, hm.RBM]]


def of_harmonium(train: np.ndarray, valid: np.ndarray, hidden: int, minutes: float, **changes: Any) -> tuple[Snapshots, Any]:
    """The machines that `harmonium train --hidden N --minutes X` has after so many seconds, and the state that it ends with."""
    begun = time.monotonic()
    rbm = hm.initialize(train, hidden)
    states = hm.train(rbm, train, valid=valid, minutes=minutes, **changes)
    kept: Snapshots = []
    due = iter((*TIMES, np.inf))
    wanted = next(due)
    for state in states:
        now = time.monotonic() - begun
        print(f"\r  {now:6.0f} s, update {state.step:,}", end="", flush=True)
        if now >= wanted:
            kept.append((now, state.rbm))
            while wanted <= now:
                wanted = next(due)
    kept.append((time.monotonic() - begun, state.rbm))
    print()
    return kept, state


def of_peer(peer: Any, begun: float, seconds: float) -> Snapshots:
    kept: Snapshots = []
    due: Iterator[float] = iter((*(t for t in TIMES if t <= seconds), np.inf))
    wanted = next(due)
    while np.isfinite(wanted):
        peer.updates(20)
        now = time.monotonic() - begun
        if now >= wanted:
            kept.append((now, peer.machine()))
            while wanted <= now:
                wanted = next(due)
    return kept


def evaluated(kept: Snapshots, rows: np.ndarray, base_rate: hm.Binary, seconds: float = 15.0) -> list[tuple[float, Any]]:
    """The likelihood of each machine set aside, which is not computed for one that no longer holds numbers."""
    sound = [(at, rbm) for at, rbm in kept if all(np.isfinite(leaf).all() for leaf in _leaves(rbm))]
    return [(at, hm.evaluate(rbm, rows, base_rate=base_rate, seconds=seconds)) for at, rbm in sound]


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
            print(f"{name} is left out: {error}")
            continue
        found = evaluated(of_peer(peer, begun, 60 * peer_minutes), valid, base_rate)
        curves[name] = peer.settings, found
        print(name, peer.settings, *(f"\n  {at:5.0f} s  {value}" for at, value in found), flush=True)
    final = []
    for length in sorted({2.0, minutes}):
        kept, state = of_harmonium(train, valid, hidden, length)
        found = evaluated(kept, valid, base_rate)
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
    firsts = [next((f"{at:.0f}" for at, value in found if value.mean >= level), "-") for level in LEVELS]
    best = max(found, key=lambda pair: pair[1].mean, default=None)
    return [*firsts, "-" if best is None else f"{best[1].mean:.2f} at {best[0]:.0f} s"]


def picture(curves: dict[str, tuple[str, list[tuple[float, Any]]]]) -> Figure:
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, (settings, found) in curves.items():
        color = next((value for key, value in COLOURS.items() if name.startswith(key)), "black")
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
