"""train a machine on a data set and report how likely the test data is

DATA is a named source (`harmonium data` lists them) or a file: .npy, .npz (file.npz:key), .csv, .parquet, IDX, gzipped or not.
A .csv or .parquet file may have columns of any kinds, and missing cells (empty, NA, NaN, null, ?): the kinds that were made
out are shown, and --as, --ignore and --schema say otherwise. A file of zeros and ones alone is taken as it is; NaN in an
array is a missing cell.
The run folder gets the model, metrics.jsonl, config.json (enough to repeat the run exactly) and pictures. Log likelihoods
are in nats per example. With 20 hidden units, the default, they are exact; of larger machines they are bracketed.
The machine kept is the one whose held-out log likelihood is best.
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

from harmonium.checks import InputError
from harmonium.cli import runs
from harmonium.cli.compiled import keep_compiled_code
from harmonium.cli.machine import EVERY_KIND, add_seed, layer, number
from harmonium.cli.show import print_json
from harmonium.cli.tables import add_columns, said_of_columns, show_schema
from harmonium.cli.training_progress import follow
from harmonium.cli.training_report import pictures, print_report, report

if TYPE_CHECKING:
    import numpy as np

    from harmonium.data import Dataset, Streamed
    from harmonium.gradients import Estimator
    from harmonium.model import RBM
    from harmonium.training.settings import Settings
    from harmonium.units import Units

EXAMPLE = """\
example:
  harmonium train digits
  harmonium train bars-and-stripes:3x3 --hidden 8
  harmonium train survey.csv --as income=real --as region=categorical --ignore id
  harmonium train images.npy --hidden 500 --binarise threshold=0.5 --minutes 10 --out runs/mine
"""

DEFAULT_MINUTES, PATIENCE = 2.0, 1.0
PRECISIONS = ("auto", "float32", "bf16")


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="DATA", help="a named source or a file")
    group = command.add_argument_group("the data")
    group.add_argument("--valid", metavar="FILE", help="rows for validation (default: a tenth of DATA is held out)")
    group.add_argument("--test", metavar="FILE", help="rows for the test (default: a tenth of DATA is held out)")
    group.add_argument("--binarise", metavar="HOW", help="zeros and ones from grey levels: threshold=X or stochastic")
    add_columns(group)
    group = command.add_argument_group("the machine")
    group.add_argument("--hidden", metavar="N", type=int, default=20, help="number of hidden units (default: 20)")
    group.add_argument("--visible-units", metavar="KIND", help=f"{EVERY_KIND} (default: binary, or those of columns)")
    group.add_argument("--hidden-units", metavar="KIND", default="binary", help="likewise, of the hidden units")
    group = command.add_argument_group("how long")
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes",
        metavar="X",
        type=number,
        help=f"time allowed (default: {DEFAULT_MINUTES:g})",
    )
    length.add_argument("--updates", metavar="N", type=int, help="number of updates instead")
    length.add_argument("--epochs", metavar="X", type=number, help="passes over the data instead")
    group.add_argument(
        "--patience",
        metavar="X",
        type=number,
        help="let the rate fall to zero and end when the best held-out log likelihood is this share of its updates ago, and "
        "keep the best machine; 0: go on and keep the last (default: 1; 0 with --updates or --epochs)",
    )
    group = command.add_argument_group("the training (what is not said is chosen from the size of the data and the machine)")
    group.add_argument("--estimator", metavar="E", help="of the gradient: pcd-K, cd-K, pt-K, ptt-K or exact")
    group.add_argument("--rate", metavar="R", type=number, help="learning rate")
    group.add_argument("--momentum", metavar="X", type=number, help="of the ascent, 0: none")
    group.add_argument("--batch", metavar="N", type=int, help="rows in an update")
    group.add_argument("--chains", metavar="N", type=int, help="number of chains, not of cd or exact")
    group.add_argument("--l1", metavar="X", type=number, help="strength of the penalty on the sum of |weights|, 0: none")
    group.add_argument("--cooldown", metavar="X", type=number, help="share of the run in which the rate falls to zero")
    group.add_argument("--horizon", metavar="N", type=int, help="updates that --cooldown is a share of, if --updates are fewer")
    group.add_argument(
        "--brake", metavar="N", type=int, nargs=2, help="first and last update of a brake that --patience put on, to repeat it"
    )
    group.add_argument("--average", metavar="X", type=number, help="share of the run that the average reaches back, 0: none")
    group.add_argument("--not-centred", action="store_true", help="follow the gradient itself, not the centred one")
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="of the matrix products of pcd and cd: bf16 rounds their factors; auto does where the hardware has such products",
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
    keep_compiled_code()
    import jax

    from harmonium import checks, tables, training

    # Everything is checked before the folder is made, so that a mistake leaves nothing behind.
    checks.positive(options.evaluation_seconds, "--evaluation-seconds")
    dataset = _dataset(options)
    hidden = layer(options.hidden_units, checks.whole(options.hidden, "--hidden"), "--hidden-units", visible=False)
    schema = dataset.schema
    if schema is None:
        visible = layer(options.visible_units or "binary", dataset.train.shape[1], "--visible-units", visible=True)
    else:
        visible = tables.units_of(schema)
    rbm = training.initial(dataset.train, hidden, visible, seed=checks.seed(options.seed))
    base_rate = rbm.visible
    for part in ("valid", "test"):
        base_rate.check(getattr(dataset, part), f"{part} data", missing=True)
    if schema is not None:
        show_schema(schema, stderr=options.json)
    settings = _settings(options, dataset, rbm)
    estimator = settings.make_estimator()
    states = training.train(
        rbm,
        dataset.train,
        estimator,
        settings.make_optimiser(),
        batch_size=settings.batch,
        updates=options.updates,
        epochs=options.epochs,
        minutes=options.minutes,
        horizon=options.horizon,
        cooldown=settings.cooldown,
        patience=options.patience,
        brake=options.brake,
        average=settings.average,
        valid=dataset.valid,
        seed=options.seed,
        bfloat16=options.precision == "bf16",
    )
    _trace(rbm, estimator, dataset.train)
    plain_name = re.sub(r"\.(npy|npz|csv|tsv|txt|parquet|idx|gz)(?=$|[.:])", "", Path(dataset.name).name)
    name = re.sub(r"[^\w.-]+", "-", plain_name).strip("-.") or "run"
    folder = runs.new_folder(name, options.out, options.overwrite)
    config = _config(options, dataset, jax.devices()[0].device_kind)
    if schema is not None:
        runs.write_json(folder / runs.SCHEMA, schema.described())
    runs.write_json(folder / runs.CONFIG, config)
    (folder / runs.METRICS).unlink(missing_ok=True)
    state, history, stopped = follow(states, folder, options)
    kept = int(state.metrics.get("best_step", state.step))
    config |= {"updates": kept, "finished": stopped is None, "repeat": _repeat(options, kept, state.metrics)}
    runs.write_json(folder / runs.CONFIG, config)
    _save(state.rbm, base_rate, folder, dataset, config)
    if stopped is not None:
        print(f"harmonium: {stopped}; the machine after {state.step:,} updates is in {folder}", file=sys.stderr)
        return 130 if stopped == "interrupted" else 2
    try:
        found = report(options, state.rbm, base_rate, dataset)
    except KeyboardInterrupt:
        print(f"harmonium: interrupted before the closing report; the trained machine is in {folder}", file=sys.stderr)
        return 130
    pictures(state.rbm, dataset, history, found, folder, options.seed)
    found |= {"updates": kept, "seconds": time.monotonic() - begun, "run": str(folder)}
    if options.json:
        print_json(found | {part: found[part].as_dict() for part in ("log_likelihood", "train")})
    else:
        print_report(found, dataset)
    return None


def _settings(options: argparse.Namespace, dataset: Dataset, rbm: RBM) -> Settings:
    """What is asked for, and beside it what suits the data; written back into the options, so that the run is on record."""
    from dataclasses import fields, replace

    from harmonium import checks
    from harmonium.training.precision import bfloat16_is_native
    from harmonium.training.settings import settings_for

    if options.patience is not None and options.patience != 0:
        checks.positive(options.patience, "--patience")
    if options.updates is options.epochs is options.minutes is None:
        options.minutes = DEFAULT_MINUTES
    if options.patience is None:
        options.patience = 0.0 if options.minutes is None else PATIENCE
    chosen = settings_for(len(dataset.train), rbm, options.estimator)
    if dataset.entropy is not None:
        chosen = replace(chosen, l1=0.0)  # the rows are the law itself: there is nothing to overfit
    if options.not_centred:
        chosen = replace(chosen, centred=False)
    asked = {field.name: getattr(options, field.name, None) for field in fields(chosen)}
    chosen = replace(chosen, **{name: value for name, value in asked.items() if value is not None})
    checks.positive(chosen.rate, "--rate")
    if checks.share(chosen.momentum, "--momentum") == 1:
        raise InputError("--momentum must be below 1: with 1 no step would ever be forgotten")
    checks.whole(chosen.batch, "--batch")
    checks.whole(chosen.chains, "--chains")
    if chosen.l1 != 0:
        checks.positive(chosen.l1, "--l1")
    by_gibbs = chosen.estimator.startswith(("pcd", "cd"))
    if options.precision == "bf16" and not by_gibbs:
        raise InputError(f"--precision bf16 is for the estimators pcd-K and cd-K, but the estimator is {chosen.estimator}")
    if options.precision == "auto":
        # Real values would be rounded with their products; zeros and ones are not.
        rounded = by_gibbs and rbm.visible.state_count is not None and bfloat16_is_native()
        options.precision = "bf16" if rounded else "float32"
    for field in fields(chosen):
        if field.name != "centred":
            setattr(options, field.name, getattr(chosen, field.name))
    return chosen


def _trace(rbm: RBM, estimator: Estimator, rows: np.ndarray | Streamed) -> None:
    """Go through an update's gradient without computing it: a machine too large to be exact is found out here."""
    import jax

    from harmonium.data.streams import sample_of

    key = jax.random.key(0)
    state = jax.eval_shape(estimator.init, key, rbm)
    jax.eval_shape(estimator.gradient, key, rbm, state, sample_of(rows, 1, "data")[:1].astype(rbm.weights.dtype))


def _dataset(options: argparse.Namespace) -> Dataset:
    from dataclasses import replace

    from harmonium import data

    missing = [part for part in data.PARTS if getattr(options, part) is None]
    if _has_columns(options):
        return _columns(options, missing)
    dataset = data.load(options.data, options.binarise, options.seed, missing, stream=True, missing=True)
    for part in ("valid", "test"):
        file = getattr(options, part)
        if file is not None:
            # As `evaluate` does: a source's own rows of that part, all rows of a file.
            rows = getattr(data.load(file, options.binarise, options.seed, hold_out=(), missing=True), part)
            dataset = replace(dataset, held_out=f"{dataset.held_out}; {part}: {file}")
            dataset = replace(dataset, valid=rows) if part == "valid" else replace(dataset, test=rows, entropy=None)
    return dataset


def _has_columns(options: argparse.Namespace) -> bool:
    """Whether DATA is a table with a schema; how it is to be read may be said otherwise."""
    from harmonium import data

    told = next((name for name in ("kinds", "ignore", "schema") if getattr(options, name) is not None), None)
    otherwise = next((name for name in ("binarise", "visible_units") if getattr(options, name) is not None), None)
    if told is None:
        return otherwise is None and data.needs_schema(options.data)
    told = "as" if told == "kinds" else told
    if otherwise is not None:
        raise InputError(f"--{told} goes with columns as they are; leave out --{otherwise.replace('_', '-')}")
    if options.data in data.SOURCES or not data.is_table_file(options.data):
        raise InputError(f"--{told} is for the columns of a .csv or .parquet file, but DATA is {options.data}")
    return True


def _columns(options: argparse.Namespace, missing: list[str]) -> Dataset:
    from dataclasses import replace

    from harmonium import data

    dataset = data.load_columns(options.data, *said_of_columns(options), missing)
    assert dataset.schema is not None
    for part in ("valid", "test"):
        file = getattr(options, part)
        if file is not None:
            try:
                rows = dataset.schema.encode(data.read_frame(file))
            except InputError as error:
                raise InputError(f"--{part} {file}: {error}") from error
            dataset = replace(dataset, held_out=f"{dataset.held_out}; {part}: {file}")
            dataset = replace(dataset, valid=rows) if part == "valid" else replace(dataset, test=rows)
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
            "schema": None if dataset.schema is None else dataset.schema.described(),
            "sha256": {part: _digest(getattr(dataset, part)) for part in ("train", "valid", "test")},
        },
        "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
        "machine": {"system": platform.system(), "architecture": platform.machine(), "device": device},
    }


def _repeat(options: argparse.Namespace, updates: int, metrics: dict[str, float]) -> str:
    """The command that gives the same machine again."""
    words = ["harmonium", "train", options.data, "--updates", str(updates), "--patience", "0"]
    if "horizon" not in metrics:
        words += ["--cooldown", "0"]  # the run ended before it knew its length, and so before its cooldown
    elif metrics["horizon"] > updates:
        words += ["--horizon", f"{metrics['horizon']:.0f}"]
    if "brake_first" in metrics:
        words += ["--brake", *(f"{metrics[end]:.0f}" for end in ("brake_first", "brake_last"))]
    left_out = ("data", "updates", "epochs", "minutes", "patience", "horizon", "brake", "out", "overwrite", "json", "run")
    for name, value in vars(options).items():
        option = "--as" if name == "kinds" else f"--{name.replace('_', '-')}"
        if name in left_out or value is None or value is False or option in words:
            continue
        if value is True:
            words.append(option)
        for each in () if value is True else value if isinstance(value, list) else (value,):
            words += [option, str(each)]
    return shlex.join(words)


def _digest(rows: np.ndarray | Streamed) -> str | None:
    """None of rows that are not in memory: reading all of them once more would take too long."""
    import numpy as np

    if not isinstance(rows, np.ndarray):
        return None
    return hashlib.sha256(np.ascontiguousarray(rows, dtype="<f8").data).hexdigest()


def _save(rbm: RBM, base_rate: Units, folder: Path, dataset: Dataset, config: dict[str, Any]) -> None:
    from harmonium import storage
    from harmonium.cli.show import plain

    notes = {
        "trained_on": dataset.name,
        "updates": config["updates"],
        "image_shape": dataset.image_shape,
        "columns": dataset.columns,
        "binarised": dataset.binarised,
        "schema": None if dataset.schema is None else dataset.schema.described(),
        "settings": config["settings"],
    }
    storage.save(rbm, folder / runs.MODEL, overwrite=True, base_rate=base_rate, notes=plain(notes))
