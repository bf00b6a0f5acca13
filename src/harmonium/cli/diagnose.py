"""say whether a machine is mixed, in equilibrium, overfitted or idle, in words and pictures

DATA's training and test rows are used if it is a named source; all rows of a file count as held out, and what needs training
rows too is left out unless --train names them. A machine that was trained on a table takes tables with those columns, without
missing cells. Chains from noise and from data must meet, tempering must find nothing that Gibbs chains do not, and so on: a
line for each verdict, "ok" or "warning", with the figure and what to do.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli import runs
from harmonium.cli.evaluate import add_rows, rows_of
from harmonium.cli.output import console, print_json
from harmonium.cli.small_model import add_seed

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from rich.progress import Progress

    from harmonium.diagnostics import Diagnosis
    from harmonium.model import RBM

EXAMPLE = """\
example:
  harmonium diagnose runs/digits digits
  harmonium diagnose runs/mine/model.safetensors test.npy --train train.npy --sweeps 5000 --out diagnosis
"""

MOST_TERMS = 1 << 30
"""Rows x weights up to which the pseudo-likelihood is summed over all units: some ten seconds."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a model file, or the run folder it is in")
    add_rows(command)
    command.add_argument(
        "--train", metavar="FILE", help="the rows the machine was trained on (default: those of DATA, if named)"
    )
    command.add_argument("--chains", metavar="N", type=int, default=100, help="chains from each start (default: 100)")
    command.add_argument("--sweeps", metavar="N", type=int, default=1000, help="sweeps of each chain (default: 1000)")
    command.add_argument("--rungs", metavar="N", type=int, help="temperatures of tempering (default: 12 to 48, as needed)")
    add_seed(command)
    command.add_argument(
        "--out", metavar="DIR", help="folder for the pictures (default: diagnosis in the run folder, or MODEL-diagnosis)"
    )
    command.add_argument("--overwrite", action="store_true", help="write into --out even if it is not empty")


def run(options: argparse.Namespace) -> None:
    begun = time.monotonic()
    from harmonium import diagnostics, io
    from harmonium.diagnostics.diagnose import check_settings

    # Everything is checked before the folder is made, so that a mistake leaves nothing behind.
    rbm, _, description = io.load_described(options.model)
    held_out, train = _rows(options, rbm, description)
    settings = {name: getattr(options, name) for name in ("chains", "sweeps", "rungs", "seed")}
    check_settings(**settings)
    folder = runs.new_folder("diagnosis", options.out or str(_default_folder(Path(options.model))), options.overwrite)
    with _progress() as progress:
        task = progress.add_task("", total=1.0)
        report = diagnostics.diagnose(
            rbm,
            held_out,
            train,
            **settings,
            progress=lambda stage, fraction: progress.update(task, description=stage, completed=fraction),
        )
        pseudo = _pseudo_log_likelihood(rbm, held_out, options.seed)
    pictures = {name: str(runs.write_picture(folder / f"{name}.png", figure, True)) for name, figure in _figures(rbm, report)}
    rows = {"held_out": len(held_out), "train": None if train is None else len(train)}
    result = _as_dict(report) | {"pseudo_log_likelihood": pseudo, "rows": rows, "pictures": pictures}
    result["seconds"] = time.monotonic() - begun
    runs.write_json(folder / "diagnosis.json", result)
    if options.json:
        print_json(result)
    else:
        _print(report, result, folder)


def _rows(options: argparse.Namespace, rbm: RBM, description: dict[str, Any]) -> tuple[np.ndarray, np.ndarray | None]:
    """Held-out rows, and training rows if they are known and not the same."""
    import numpy as np

    from harmonium import model

    train, test = rows_of(options.data, options, rbm, description)
    held_out = model.check_rows(rbm, test, options.data, 2)
    if options.train is not None:
        train = model.check_rows(rbm, rows_of(options.train, options, rbm, description)[0], options.train, 2)
    return held_out, None if np.array_equal(train, held_out) else train


def _default_folder(model: Path) -> Path:
    return model / "diagnosis" if model.is_dir() else model.with_name(f"{model.stem}-diagnosis")


def _progress() -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    out = console(stderr=True)
    columns = (BarColumn(bar_width=24), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=out, disable=not out.is_terminal)


def _pseudo_log_likelihood(rbm: RBM, rows: np.ndarray, seed: int) -> dict[str, Any] | None:
    """Its mean, summed over all units where that takes a few seconds, over one random unit a row otherwise."""
    from harmonium.likelihood import pseudo

    if rbm.visible.state_count is None:
        return None
    if len(rows) * rbm.weights.size <= MOST_TERMS:
        mean, method = pseudo.pseudo_log_likelihood(rbm, rows).mean(), "sum over all units"
    else:
        mean, method = pseudo.stochastic_pseudo_log_likelihood(rbm, rows, seed).mean(), "estimate from one random unit a row"
    return {"mean": float(mean), "method": f"{method}; no log likelihood, and no bound on one"}


def _figures(rbm: RBM, report: Diagnosis) -> Iterator[tuple[str, Figure]]:
    from harmonium import plots

    yield "energies", plots.energies(report.relaxation, report.mixing)
    yield "swap_rates", plots.swap_rates(report.swaps)
    yield "weights", plots.weight_histograms(rbm)
    yield "hidden_activations", plots.hidden_activations(report.hidden)
    yield "spectrum", plots.spectrum(report.spectrum)


def _as_dict(report: Diagnosis) -> dict[str, Any]:
    from harmonium import diagnostics

    def figures(part: Any, *left_out: str) -> dict[str, Any]:
        return {key: value for key, value in asdict(part).items() if key not in left_out}

    noise, data = diagnostics.compare_with_gibbs(report.swaps, report.relaxation)
    test, train = report.accuracy, report.train_accuracy
    hidden = report.hidden
    units = {kind: _names(getattr(hidden, kind)) for kind in ("dead", "saturated", "indifferent")}
    return {
        "verdicts": [asdict(verdict) for verdict in report.verdicts],
        "mixing": figures(report.mixing),
        "tempering": figures(report.swaps, "values") | {"gibbs_from_noise": figures(noise), "gibbs_from_data": figures(data)},
        "free_energy_gap": report.gap and figures(report.gap),
        "adversarial_accuracy": figures(test) | {"drawn": report.drawn},
        "adversarial_accuracy_on_training_rows": train and figures(train),
        "privacy_loss": train and test.accuracy - train.accuracy,
        "hidden_units": {
            "activity": hidden.activity.mean(axis=0),
            **units,
            "doubles": [_names(pair) for pair in hidden.doubles],
        },
        "spectrum": figures(report.spectrum),
    }


def _names(columns: Sequence[int]) -> list[str]:
    return [f"h{column + 1}" for column in columns]


def _print(report: Diagnosis, result: dict[str, Any], folder: Path) -> None:
    from rich import box
    from rich.table import Table

    out = console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "diagnosis", "figures"):
        table.add_column(heading, overflow="fold")
    for verdict in report.verdicts:
        table.add_row("ok" if verdict.ok else "warning", verdict.name, verdict.sentence, style=None if verdict.ok else "bold")
    out.print(table)
    pseudo = result["pseudo_log_likelihood"]
    if pseudo is not None:
        out.print(f"pseudo-log-likelihood {pseudo['mean']:.3f} nats/example ({pseudo['method']})")
    if report.gap is None:
        out.print("no training rows apart from the held-out ones: overfitting is not judged (--train names a file of them)")
    out.print(
        f"{result['seconds']:.1f} s; pictures in {folder}: {', '.join(Path(file).name for file in result['pictures'].values())}"
    )
