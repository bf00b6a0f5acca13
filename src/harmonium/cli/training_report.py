"""What a finished training run has to say: how likely the data is, and pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli import runs
from harmonium.cli.evaluate import evaluated, print_warnings
from harmonium.cli.output import console, print_table

if TYPE_CHECKING:
    from jax.sharding import Mesh

    from harmonium.data import Dataset
    from harmonium.model import RBM
    from harmonium.units import Units

MOST_TRAINING_ROWS = 100_000
"""Of rows that are read as they are needed, how many the training rows' log likelihood is taken over."""


def report(
    options: argparse.Namespace, rbm: RBM, base_rate: Units, dataset: Dataset, mesh: Mesh | None = None
) -> dict[str, Any]:
    """How likely the test and the training rows are; `mesh`: the devices that share an estimate."""
    from harmonium import likelihood
    from harmonium.io.streams import sample_rows

    test = evaluated(rbm, dataset.test, base_rate, seconds=options.evaluation_seconds, seed=options.seed, mesh=mesh)
    return {
        "log_likelihood": test,
        "train": likelihood.evaluate_with(test, rbm, sample_rows(dataset.train, MOST_TRAINING_ROWS, "data")),
        "baseline": likelihood.base_rate_log_likelihood(base_rate, dataset.test),
        "bound": None if dataset.entropy is None else -dataset.entropy,
    }


def pictures(
    rbm: RBM, dataset: Dataset, history: list[dict[str, float]], found: dict[str, Any], folder: Path, seed: int
) -> None:
    import numpy as np

    import harmonium as hm
    from harmonium import exact, likelihood, plots

    curves = plots.learning_curves(history, found["baseline"], found["bound"])
    if dataset.schema is not None:  # the columns of a table make no picture
        runs.write_picture(folder / "learning_curves.png", curves, overwrite=True)
        return
    shape = dataset.image_shape
    real = dataset.test[:100]
    draw = exact.sample if likelihood.can_be_exact(rbm) else hm.sample
    fantasies = draw(rbm, len(real), seed)
    shown = dataset.test[:64]
    filled = hm.impute(rbm, shown, seed=seed).values if np.isnan(shown).any() else shown
    figures = {
        "filters": plots.filters(rbm.weights, shape),
        "fantasies": plots.side_by_side({"data (test)": real, "fantasies of the machine": fantasies}, shape),
        "reconstructions": plots.reconstructions(shown, hm.reconstruct(rbm, filled, seed=seed), shape),
        "learning_curves": curves,
    }
    for name, figure in figures.items():
        runs.write_picture(folder / f"{name}.png", figure, overwrite=True)


def print_report(found: dict[str, Any], dataset: Dataset) -> None:
    out = console()
    test = found["log_likelihood"]
    out.print(f"{dataset.name}: {len(dataset.train):,} training rows; {dataset.held_out}")
    out.print(f"test log likelihood {test}", style="bold")
    print_warnings(test, out)
    rows = [["this machine", test.mean, found["train"].mean]]
    rows.append(["independent units (the baseline)", found["baseline"], None])
    if found["bound"] is not None:
        rows.append(["best possible: minus the source's entropy", found["bound"], found["bound"]])
    print_table("", ["nats per example", "test", "training"], rows, decimals=3, out=out)
    out.print(f"{found['updates']:,} updates, {found['seconds']:.1f} s from command to report; all of it in {found['run']}")
