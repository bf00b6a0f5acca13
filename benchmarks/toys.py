"""Bars and stripes, 4x4: how close to the bound each gradient comes, and what CD-1 does meanwhile.

CD-1's log likelihood rises and falls while its reconstructions keep improving: why training is never stopped by those.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import optax
from matplotlib.figure import Figure

import harmonium as hm
from benchmarks import here
from harmonium import gradients

HIDDEN, BOUND = 12, -math.log(30)
CONTENDERS = {
    "exact": (gradients.exact, optax.sgd(0.2, momentum=0.9), 10_000),
    "parallel tempering": (lambda: hm.from_sampler(hm.parallel_tempering(chains=100, rungs=8)), optax.sgd(0.1), 80_000),
    "trajectory tempering": (lambda: hm.from_sampler(hm.trajectory_tempering(chains=100)), optax.sgd(0.1), 80_000),
    "pcd-1": (lambda: hm.pcd(1, chains=100), optax.sgd(0.1), 80_000),
    "cd-1": (lambda: hm.cd(1), optax.sgd(0.1), 80_000),
}


def main(out: Path) -> str:
    patterns = hm.data.load("bars-and-stripes:4x4").train
    lines = []
    for name, (make, optimizer, updates) in CONTENDERS.items():
        reached = []
        for seed in range(3):
            rbm = hm.initialize(patterns, HIDDEN, scale=0.1, seed=seed)
            estimator = gradients.centered(make())
            *_, state = hm.train(
                rbm, patterns, estimator=estimator, optimizer=optimizer, updates=updates, final_decay=0.5, seed=seed
            )
            reached.append(hm.exact.log_likelihood(state.rbm, patterns).mean())
        lines.append([name, f"{updates:,}", *(f"{value:.4f}" for value in reached), f"{BOUND - min(reached):.4f}"])
        print(*lines[-1], flush=True)
    figure, note = rise_and_fall(patterns)
    figure.savefig(out / "cd_rise_and_fall.png", dpi=120)
    return here.table(["gradient", "updates", "seed 0", "seed 1", "seed 2", "worst, below the bound"], lines) + f"\n\n{note}"


def rise_and_fall(patterns: np.ndarray) -> tuple[Figure, str]:
    """CD-1's exact log likelihood and its reconstructions, update by update."""
    rbm = hm.initialize(patterns, HIDDEN, scale=0.1)
    steps, exact, reconstructed = [], [], []
    states = hm.train(
        rbm,
        patterns,
        estimator=hm.cd(1),
        optimizer=optax.sgd(0.2),
        final_decay=0.0,
        updates=30_000,
        average=0,
        seconds_between_states=lambda: 0.02,
    )
    for state in states:
        steps.append(state.step)
        exact.append(hm.exact.log_likelihood(state.rbm, patterns).mean())
        reconstructed.append(hm.exact.log_reconstruction(state.rbm, patterns).mean())
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.semilogx(steps, exact, color="#2f5d9e", label="log likelihood ln p(v), exact")
    axes.semilogx(steps, reconstructed, color="#c2571a", label="log reconstruction ln p(v'=v | v), exact")
    axes.axhline(BOUND, color="black", linestyle="--", linewidth=1, label="bound of ln p(v): -ln 30")
    axes.set(xlabel="updates of CD-1", ylabel="nats per pattern", ylim=(-12, 0.3))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    best = int(np.argmax(exact))
    note = (
        f"CD-1, rate 0.2: ln p(v) rises to {exact[best]:.3f} at update {steps[best]:,} and is {exact[-1]:.3f} after "
        f"{steps[-1]:,}, while ln p(v'=v | v) goes from {reconstructed[best]:.3f} to {reconstructed[-1]:.3f} "
        "(`cd_rise_and_fall.png`)."
    )
    return figure, note
