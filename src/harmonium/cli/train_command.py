"""train a machine on a data set and report how likely the test data is

DATA is a named source (`harmonium data` lists them) or a file: .npy, .npz (file.npz:key), .csv, .parquet, IDX, gzipped or not.
The run folder gets the model, metrics.jsonl, config.json (enough to repeat the run exactly) and pictures. Log likelihoods
are in nats per example. With 20 hidden units, the default, they are exact; of larger machines they are bracketed.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import re
import shlex
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli import runs
from harmonium.cli.evaluate_command import evaluated, print_warnings
from harmonium.cli.machine import KINDS, add_seed, number
from harmonium.cli.show import console, print_json, print_table

if TYPE_CHECKING:
    import numpy as np
    from rich.progress import Progress

    from harmonium.data import Dataset
    from harmonium.gradients import Estimator
    from harmonium.model import RBM
    from harmonium.training import TrainState
    from harmonium.units import Units

EXAMPLE = """\
example:
  harmonium train digits
  harmonium train bars-and-stripes:3x3 --hidden 8 --estimator exact
  harmonium train images.npy --binarise threshold=0.5 --minutes 2 --out runs/mine
"""

DEFAULT_UPDATES = 20_000


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="DATA", help="a named source or a file")
    group = command.add_argument_group("the data")
    group.add_argument("--valid", metavar="FILE", help="rows for validation (default: a tenth of DATA is held out)")
    group.add_argument("--test", metavar="FILE", help="rows for the test (default: a tenth of DATA is held out)")
    group.add_argument("--binarise", metavar="HOW", help="zeros and ones from grey levels: threshold=X or stochastic")
    group = command.add_argument_group("the machine")
    group.add_argument("--hidden", metavar="N", type=int, default=20, help="number of hidden units (default: 20)")
    group.add_argument("--visible-units", choices=KINDS, default="binary", help="kind of visible units (default: binary)")
    group.add_argument("--hidden-units", choices=KINDS, default="binary", help="kind of hidden units (default: binary)")
    group = command.add_argument_group("the training")
    group.add_argument("--estimator", metavar="E", default="pcd-1", help="pcd-K, cd-K, pt-K, ptt-K or exact (default: pcd-1)")
    length = group.add_mutually_exclusive_group()
    length.add_argument("--updates", metavar="N", type=int, help=f"number of updates (default: {DEFAULT_UPDATES})")
    length.add_argument("--epochs", metavar="X", type=number, help="passes over the data instead")
    length.add_argument("--minutes", metavar="X", type=number, help="time allowed instead; the updates made are recorded")
    group.add_argument("--rate", metavar="R", type=number, default=0.05, help="learning rate (default: 0.05)")
    group.add_argument("--batch", metavar="N", type=int, default=100, help="rows in an update (default: 100)")
    group.add_argument(
        "--chains", metavar="N", type=int, default=500, help="number of chains, not of cd or exact (default: 500)"
    )
    group.add_argument(
        "--average", metavar="X", type=number, default=0.999, help="decay of the parameters' average, 0: none (default: 0.999)"
    )
    add_seed(group)
    group.add_argument(
        "--evaluation-seconds",
        metavar="X",
        type=number,
        default=60.0,
        help="time for the closing report's log likelihood, where it is not exact (default: 60)",
    )
    group = command.add_argument_group("the run folder")
    group.add_argument("--out", metavar="DIR", help="the run folder (default: runs/NAME, or the next free runs/NAME-2, ...)")
    group.add_argument("--overwrite", action="store_true", help="write into --out even if it is not empty")


def run(options: argparse.Namespace) -> int | None:
    begun = time.monotonic()
    import jax
    import optax

    from harmonium import checks, gradients, training
    from harmonium.units import type_name_to_class

    # Everything is checked before the folder is made, so that a mistake leaves nothing behind.
    rate = checks.positive(options.rate, "--rate")
    checks.positive(options.evaluation_seconds, "--evaluation-seconds")
    dataset = _dataset(options)
    estimator = gradients.by_name(options.estimator, checks.whole(options.chains, "--chains"))
    hidden = type_name_to_class[options.hidden_units].zeros(checks.whole(options.hidden, "--hidden"))
    visible = type_name_to_class[options.visible_units]
    rbm = training.initial(dataset.train, hidden, visible, seed=checks.seed(options.seed))
    base_rate = rbm.visible
    for part in ("valid", "test"):
        base_rate.check(getattr(dataset, part), f"{part} data")
    if options.updates is options.epochs is options.minutes is None:
        options.updates = DEFAULT_UPDATES
    states = training.train(
        rbm,
        dataset.train,
        estimator,
        optax.sgd(rate),
        batch_size=checks.whole(options.batch, "--batch"),
        updates=options.updates,
        epochs=options.epochs,
        minutes=options.minutes,
        average=options.average,
        valid=dataset.valid,
        seed=options.seed,
    )
    _trace(rbm, estimator, dataset.train)
    plain_name = re.sub(r"\.(npy|npz|csv|tsv|txt|parquet|idx|gz)(?=$|[.:])", "", Path(dataset.name).name)
    name = re.sub(r"[^\w.-]+", "-", plain_name).strip("-.") or "run"
    folder = runs.new_folder(name, options.out, options.overwrite)
    config = _config(options, dataset, jax.devices()[0].device_kind)
    runs.write_json(folder / runs.CONFIG, config)
    (folder / runs.METRICS).unlink(missing_ok=True)
    state, history, stopped = _follow(states, folder, options)
    config |= {"updates": state.step, "finished": stopped is None, "repeat": _repeat(options, state.step)}
    runs.write_json(folder / runs.CONFIG, config)
    _save(state.rbm, base_rate, folder, dataset, config)
    if stopped is not None:
        print(f"harmonium: {stopped}; the machine after {state.step:,} updates is in {folder}", file=sys.stderr)
        return 130 if stopped == "interrupted" else 2
    try:
        report = _report(options, state.rbm, base_rate, dataset)
    except KeyboardInterrupt:
        print(f"harmonium: interrupted before the closing report; the trained machine is in {folder}", file=sys.stderr)
        return 130
    _pictures(state.rbm, dataset, history, report, folder, options.seed)
    report |= {"updates": state.step, "seconds": time.monotonic() - begun, "run": str(folder)}
    if options.json:
        print_json(report | {part: report[part].as_dict() for part in ("log_likelihood", "train")})
    else:
        _print_report(report, dataset)
    return None


def _trace(rbm: RBM, estimator: Estimator, rows: np.ndarray) -> None:
    """Go through an update's gradient without computing it: a machine too large to be exact is found out here."""
    import jax

    key = jax.random.key(0)
    state = jax.eval_shape(estimator.init, key, rbm)
    jax.eval_shape(estimator.gradient, key, rbm, state, rows[:1].astype(rbm.weights.dtype))


def _dataset(options: argparse.Namespace) -> Dataset:
    from dataclasses import replace

    from harmonium import data

    missing = [part for part in data.PARTS if getattr(options, part) is None]
    dataset = data.load(options.data, options.binarise, options.seed, missing)
    for part in ("valid", "test"):
        file = getattr(options, part)
        if file is not None:
            # As `evaluate` does: a source's own rows of that part, all rows of a file.
            rows = getattr(data.load(file, options.binarise, options.seed, hold_out=()), part)
            dataset = replace(dataset, held_out=f"{dataset.held_out}; {part}: {file}")
            dataset = replace(dataset, valid=rows) if part == "valid" else replace(dataset, test=rows, entropy=None)
    return dataset


def _config(options: argparse.Namespace, dataset: Dataset, device: str) -> dict[str, Any]:
    settings = {key: value for key, value in vars(options).items() if key not in ("run", "json", "overwrite")}
    packages = ("harmonium", "jax", "jaxlib", "numpy", "optax", "scikit-learn")
    return {
        "settings": settings,
        "updates": None,
        "finished": False,
        "data": {
            "name": dataset.name,
            "held_out": dataset.held_out,
            "binarised": dataset.binarised,
            "image_shape": dataset.image_shape,
            "rows": {part: len(getattr(dataset, part)) for part in ("train", "valid", "test")},
            "columns": dataset.train.shape[1],
            "sha256": {part: _digest(getattr(dataset, part)) for part in ("train", "valid", "test")},
        },
        "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
        "machine": {"system": platform.system(), "architecture": platform.machine(), "device": device},
    }


def _repeat(options: argparse.Namespace, updates: int) -> str:
    """The command that gives the same machine again."""
    words = ["harmonium", "train", options.data, "--updates", str(updates)]
    for name, value in vars(options).items():
        if name not in ("data", "updates", "epochs", "minutes", "out", "overwrite", "json", "run") and value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _digest(rows: np.ndarray) -> str:
    import numpy as np

    return hashlib.sha256(np.ascontiguousarray(rows, dtype="<f8").data).hexdigest()


def _follow(states: Any, folder: Path, options: argparse.Namespace) -> tuple[TrainState, list[dict[str, float]], str | None]:
    """Run the training under a progress bar; the last good state, its history, and why it stopped early if it did."""
    from harmonium.training import DivergenceError

    state: TrainState | None = None
    history: list[dict[str, float]] = []
    stopped: str | None = None
    try:
        with _progress() as progress:
            task = progress.add_task("training", total=1.0, shown="compiling")
            for state in states:
                history.append(state.metrics)
                runs.append_line(folder / runs.METRICS, state.metrics)
                progress.update(task, completed=_share(state, options), shown=_shown(history))
            progress.update(task, completed=1.0)
    except KeyboardInterrupt:
        stopped = "interrupted"
    except DivergenceError as error:
        stopped = str(error)
    if state is None:
        raise KeyboardInterrupt
    return state, history, stopped


def _progress() -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.fields[shown]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    return Progress(*columns, console=console(stderr=True))


def _share(state: TrainState, options: argparse.Namespace) -> float:
    if options.minutes is not None:
        return float(min(1.0, state.metrics["seconds"] / (60 * options.minutes)))
    if options.epochs is not None:
        return float(min(1.0, state.metrics["epoch"] / options.epochs))
    return float(state.step / options.updates)


def _shown(history: list[dict[str, float]]) -> str:
    now = history[-1]
    parts = [f"update {now['step']:,}", f"{now['updates_per_second']:,.0f}/s"]
    followed = [metrics["valid_log_likelihood"] for metrics in history if "valid_log_likelihood" in metrics]
    if followed:
        parts.append(f"held-out log likelihood {followed[-1]:.3f}")
    if "free_energy_gap" in now:
        parts.append(f"free-energy gap {now['free_energy_gap']:+.3f}")
    return "  ".join(parts)


def _save(rbm: RBM, base_rate: Units, folder: Path, dataset: Dataset, config: dict[str, Any]) -> None:
    from harmonium import storage
    from harmonium.cli.show import plain

    notes = {
        "trained_on": dataset.name,
        "updates": config["updates"],
        "image_shape": dataset.image_shape,
        "columns": dataset.columns,
        "binarised": dataset.binarised,
        "settings": config["settings"],
    }
    storage.save(rbm, folder / runs.MODEL, overwrite=True, base_rate=base_rate, notes=plain(notes))


def _report(options: argparse.Namespace, rbm: RBM, base_rate: Units, dataset: Dataset) -> dict[str, Any]:
    from harmonium import likelihood

    test = evaluated(rbm, dataset.test, base_rate, seconds=options.evaluation_seconds, seed=options.seed)
    return {
        "log_likelihood": test,
        "train": likelihood.on_other_rows(test, rbm, dataset.train),
        "baseline": likelihood.base_rate_log_likelihood(base_rate, dataset.test),
        "bound": None if dataset.entropy is None else -dataset.entropy,
    }


def _pictures(
    rbm: RBM, dataset: Dataset, history: list[dict[str, float]], report: dict[str, Any], folder: Path, seed: int
) -> None:
    import harmonium as hm
    from harmonium import exact, likelihood, plots

    shape = dataset.image_shape
    real = dataset.test[:100]
    draw = exact.sample if likelihood.can_be_exact(rbm) else hm.sample
    fantasies = draw(rbm, len(real), seed)
    shown = dataset.test[:64]
    pictures = {
        "filters": plots.filters(rbm.weights, shape),
        "fantasies": plots.side_by_side({"data (test)": real, "fantasies of the machine": fantasies}, shape),
        "reconstructions": plots.reconstructions(shown, hm.reconstruct(rbm, shown, seed=seed), shape),
        "learning_curves": plots.learning_curves(history, report["baseline"], report["bound"]),
    }
    for name, figure in pictures.items():
        runs.write_picture(folder / f"{name}.png", figure, overwrite=True)


def _print_report(report: dict[str, Any], dataset: Dataset) -> None:
    out = console()
    test = report["log_likelihood"]
    out.print(f"{dataset.name}: {len(dataset.train):,} training rows; {dataset.held_out}")
    out.print(f"test log likelihood {test}", style="bold")
    print_warnings(test, out)
    rows = [["this machine", test.mean, report["train"].mean]]
    rows.append(["independent units (the baseline)", report["baseline"], None])
    if report["bound"] is not None:
        rows.append(["best possible: minus the source's entropy", report["bound"], report["bound"]])
    print_table("", ["nats per example", "test", "training"], rows, decimals=3, out=out)
    out.print(f"{report['updates']:,} updates, {report['seconds']:.1f} s from command to report; all of it in {report['run']}")
