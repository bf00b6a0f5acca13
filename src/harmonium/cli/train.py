"""train a model on a data set and report how likely the test data is

DATA is a named source (`harmonium data` lists them), a file (.npy, .npz or file.npz:key, .csv, .parquet, IDX; gzipped or not),
or a folder of .parquet files. The columns of a .csv or .parquet file may be of any kinds, with missing cells (empty, NA, NaN,
null, ?): the inferred kinds are printed, and --as, --ignore and --schema change them. NaN in an array is a missing cell.
Folders, sparse matrices and very large arrays are read as they are needed, and their values are taken as they are.
The run folder gets the model, metrics.jsonl, config.json (enough to repeat the run exactly) and pictures. The saved model has
the best held-out log likelihood, in nats per example. It is exact with 20 hidden units, the default; larger ones get bounds.
A run that stops, by Ctrl-C, a signal or a failure, resumes bit for bit from its last checkpoint with --resume RUN.

example:
  harmonium train digits
  harmonium train bars-and-stripes:3x3 --hidden 8
  harmonium train survey.csv --as income=real --as region=categorical --ignore id
  harmonium train images.npy --hidden 500 --binarize threshold=0.5 --minutes 10 --set batch_size=500 --out runs/mine
  harmonium train --resume runs/mine
  srun -n 4 harmonium train images.npy --hidden 2000 --minutes 600 --distributed
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import hashlib
import platform
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harmonium.cli import options as train_options
from harmonium.cli import runs
from harmonium.cli.evaluate import evaluated, likelihood_text
from harmonium.cli.inputs import schema_text
from harmonium.cli.options import RunOptions, TrainOptions, load_dataset, option_name, start_model
from harmonium.cli.output import Answer, Styled, Table, console, plain, print_text, progress_bar, write
from harmonium.cli.process import WORDS, GracefulShutdown, keep_compiled_code
from harmonium.errors import DivergenceError, InputError, describe

if TYPE_CHECKING:
    from jax.sharding import Mesh

    from harmonium.data import Dataset
    from harmonium.model import RBM
    from harmonium.training import Checkpoint, TrainConfig, TrainState
    from harmonium.units import Units

add_arguments = train_options.add_arguments
NARROW = 0.5
"""A spread of the chains below this fraction of the data's variance, or above its inverse, is worth a word."""
MAX_TRAINING_ROWS = 100_000
"""Rows of streamed data over which the training log likelihood is taken."""


def run(arguments: argparse.Namespace) -> Answer | int | None:
    """Load, configure, train, save, evaluate."""
    started = time.monotonic()
    options = TrainOptions.of(arguments)
    keep_compiled_code()
    import jax

    from harmonium import distributed, training
    from harmonium.io import Streamed

    if arguments.distributed:
        distributed.initialize()
    shards = 1 if arguments.hidden_shards is None else arguments.hidden_shards
    mesh = None if jax.device_count() == shards == 1 else distributed.make_mesh(shards)
    is_primary = distributed.is_primary()
    with contextlib.ExitStack() as stack:
        # Load. Everything is checked before a folder is made, so that a mistake leaves nothing behind.
        start = _Start(options.of_new_run()) if arguments.resume is None else _earlier(options, Path(arguments.resume), stack)
        run = start.run
        dataset = load_dataset(run)
        if isinstance(dataset.train, Streamed) and jax.process_count() == 1:
            # It needs all rows: where they can only be read from front to back, it reads them once.
            dataset = dataclasses.replace(dataset, train=dataset.train.part(0, 1))
        rbm = start_model(run, dataset)

        # Configure.
        # Rows that are the distribution itself cannot be overfitted.
        settings = ({} if dataset.entropy is None else {"l1": 0.0}) | dict(options.settings)
        devices = 1 if mesh is None else mesh.shape["data"]
        size = len(dataset.train)
        config = start.config or training.TrainConfig.derive(size, rbm, devices=devices, held_out=True, **settings)
        if arguments.show_config:
            parts = {"options": dataclasses.asdict(run), "settings": config.to_dict()}
            return Answer(parts, [_table(*part) for part in parts.items()]) if is_primary else None
        states = training.train(
            rbm, dataset.train, config, valid=dataset.valid, seed=run.seed, resume=start.checkpoint, mesh=mesh
        )
        _check_gradient(rbm, config, dataset)
        record = _record(run, config, dataset, mesh)
        if start.record is not None:
            _check_unchanged(start.record, record)
        folder = start.folder or _new_folder(arguments, dataset, stack)
        history: list[dict[str, float]] = []
        if is_primary:
            history = runs.trim_metrics(folder, 0 if start.checkpoint is None else start.checkpoint.step)
            runs.write_json(folder / runs.CONFIG, record)
            if dataset.schema is not None:
                runs.write_json(folder / runs.SCHEMA, dataset.schema.description())
                print_text(schema_text(dataset.schema), console(stderr=True))

        # Train.
        checkpoints = runs.CheckpointManager(folder, run.checkpoint_every, start.file)
        with GracefulShutdown() as shutdown:
            state, stopped = _follow(states, folder, config, checkpoints, shutdown, history)

        # Save.
        record |= {"updates": int(state.metrics.get("best_step", state.step)), "finished": stopped is None}
        record["repeat"] = _repeat(run, config, record["updates"], state.metrics)
        if is_primary:
            _save(state.rbm, rbm.visible, folder, dataset, record, checkpoints)
        if stopped is not None:
            resuming = f"; resume with: {_resume_command(folder)}" if shutdown.requested and not checkpoints.trouble else ""
            _say(f"{stopped}; the model after {state.step:,} updates is in {folder}{resuming}")
            return 128 + shutdown.requested if shutdown.requested else 2
        if is_primary:
            checkpoints.remove_all()

        # Evaluate.
        try:
            report = _evaluate(run, state.rbm, rbm.visible, dataset, mesh)
        except KeyboardInterrupt:
            _say(f"no report; the trained model is in {folder}")
            raise
        if is_primary:
            _draw(state.rbm, dataset, history, report, folder, run.seed)
        if arguments.distributed:
            distributed.shutdown()
        report |= {"updates": record["updates"], "seconds": time.monotonic() - started, "run": str(folder)}
        return _answer(report, dataset) if is_primary else None


# ---- load and configure


class _Start(NamedTuple):
    """What a run starts from; of one that is resumed also its folder, its config.json, and its last checkpoint and the file."""

    run: RunOptions
    folder: Path | None = None
    record: dict[str, Any] | None = None
    config: TrainConfig | None = None
    checkpoint: Checkpoint | None = None
    file: Path | None = None


def _earlier(options: TrainOptions, folder: Path, stack: contextlib.ExitStack) -> _Start:
    """The run in that folder, which stays locked until the stack is closed."""
    from harmonium import distributed
    from harmonium.io.untrusted import convert
    from harmonium.training import Checkpoint, TrainConfig

    record = runs.read_config(folder)
    run: RunOptions = convert(record["options"], RunOptions, f"{folder / runs.CONFIG} is damaged: options")
    config = TrainConfig.from_dict(record["settings"])
    checkpoint, file = None, None
    if distributed.is_primary():
        stack.enter_context(runs.lock(folder))
        checkpoint, file, wrong = runs.latest_checkpoint(folder)
        then = "the run begins again" if checkpoint is None else f"resuming from update {checkpoint.step:,}"
        for each in wrong:
            _say(f"{each}; {then}")
    name = distributed.broadcast(None if file is None else str(file))
    if checkpoint is None and name is not None:
        checkpoint, file = Checkpoint.load(name), Path(name)
    return _Start(options.of_resumed_run(run), folder, record, config, checkpoint, file)


def _check_gradient(rbm: RBM, config: TrainConfig, dataset: Dataset) -> None:
    """Trace an update's gradient without computing it: a model too large to be exact is found out here."""
    import jax

    from harmonium.io.streams import sample_rows

    estimator, key = config.make_estimator(), jax.random.key(0)
    state = jax.eval_shape(estimator.init, key, rbm)
    v = sample_rows(dataset.train, 1, "data")[:1].astype(rbm.weights.dtype)
    jax.eval_shape(estimator.gradient, key, rbm, state, v)


def _table(title: str, values: dict[str, Any]) -> Table:
    return Table("", [title, "value"], [[name, "-" if value is None else str(value)] for name, value in values.items()])


def _new_folder(options: argparse.Namespace, dataset: Dataset, stack: contextlib.ExitStack) -> Path:
    """The run folder, empty but for what is not the run's, and locked until the stack is closed."""
    from harmonium import distributed

    folder = None
    if distributed.is_primary():
        name = re.sub(r"\.(npy|npz|csv|tsv|txt|parquet|idx|gz)(?=$|[.:])", "", Path(dataset.name).name)
        name = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
        folder = runs.new_folder(name, options.out, options.overwrite)
        stack.enter_context(runs.lock(folder))
        runs.CheckpointManager(folder, 0).remove_all()
    return Path(distributed.broadcast(str(folder)))


def _record(run: RunOptions, config: TrainConfig, dataset: Dataset, mesh: Mesh | None) -> dict[str, Any]:
    """What config.json holds of a run that begins."""
    import jax
    import numpy as np

    parts = {part: getattr(dataset, part) for part in ("train", "valid", "test")}
    # Reading all streamed rows once more would take too long.
    arrays = {part: rows for part, rows in parts.items() if isinstance(rows, np.ndarray)}
    digests = {part: hashlib.sha256(np.ascontiguousarray(rows, "<f8").data).hexdigest() for part, rows in arrays.items()}
    data = {name: getattr(dataset, name) for name in ("name", "held_out", "binarized", "image_shape")} | {
        "rows": {part: len(rows) for part, rows in parts.items()},
        "columns": dataset.train.shape[1],
        "schema": None if dataset.schema is None else dataset.schema.description(),
        "sha256": {part: digests.get(part) for part in parts},
    }
    computer: dict[str, Any] = {"system": platform.system(), "architecture": platform.machine()}
    computer |= {"device": jax.devices()[0].device_kind, "devices": [1, 1] if mesh is None else list(mesh.devices.shape)}
    versions = {name: version(name) for name in ("harmonium", "jax", "jaxlib", "numpy", "optax", "scikit-learn")}
    versions["python"] = platform.python_version()
    record = {"options": dataclasses.asdict(run), "settings": config.to_dict(), "updates": None, "finished": False}
    return record | {"data": data, "versions": versions, "computer": computer}


def _check_unchanged(earlier: dict[str, Any], record: dict[str, Any]) -> None:
    """The data must be what it was; of other versions or devices there is a word, since then not every bit need agree."""
    if earlier["data"].get("sha256") != record["data"]["sha256"]:
        raise InputError(f"{record['data']['name']} holds other rows than when the run began; restore its rows")
    changed = []
    for part in ("versions", "computer"):
        if isinstance(before := earlier.get(part), dict):
            now = record[part]
            changed += [f"{name} {before.get(name)} then, {now[name]} now" for name in now if before.get(name) != now[name]]
    if changed:
        _say(f"not every bit need come out as before: {', '.join(changed)}")


# ---- train


def _follow(
    states: Iterator[TrainState],
    folder: Path,
    config: TrainConfig,
    checkpoints: runs.CheckpointManager,
    shutdown: GracefulShutdown,
    history: list[dict[str, float]],
) -> tuple[TrainState, str | None]:
    """Train under a progress bar, adding to `history`: the last good state, and why it stopped early if it did.

    A run that is asked to stop does so at the next state, which becomes a checkpoint. Trouble in writing stops no run.
    """
    from harmonium import distributed

    primary, state, stopped = distributed.is_primary(), None, None
    bar = progress_bar(disable=not primary)

    @functools.cache  # each line once
    def say(text: str) -> None:
        if primary:
            bar.console.print(f"harmonium: {text}", soft_wrap=True)

    with bar, contextlib.closing(states):  # type: ignore[type-var]
        task = bar.add_task("compiling", total=1.0)
        try:
            for state in states:
                history.append(state.metrics)
                if primary:
                    try:
                        runs.append_line(folder / runs.METRICS, state.metrics)
                    except OSError as error:
                        say(f"{folder / runs.METRICS} cannot be written: {error.strerror}; training goes on")
                bar.update(task, completed=_fraction(state, config), description=progress_text(history))
                if "diverged_at" in state.metrics:
                    at, rate = state.metrics["diverged_at"], state.metrics["lr_reduction"]
                    back = f"back at update {state.step:,}, now at {rate:g} of the learning rate"
                    say(f"diverged before update {at:,.0f}: {back}")
                requested = distributed.broadcast(shutdown.requested)
                if requested is not None:
                    shutdown.requested, stopped = requested, WORDS[requested]
                if primary:
                    checkpoints.save_if_due(state) if stopped is None else checkpoints.save(state)
                if checkpoints.trouble is not None:
                    say(f"no checkpoint: {checkpoints.trouble}" + ("; training goes on" if stopped is None else ""))
                if stopped is not None:
                    break
            else:
                bar.update(task, completed=1.0)
        except DivergenceError as error:
            stopped = str(error)
    if state is None:
        raise KeyboardInterrupt
    return state, stopped


def progress_text(history: list[dict[str, float]]) -> str:
    """The progress line: the latest of each measurement."""
    now = history[-1]
    latest = {name: value for metrics in history for name, value in metrics.items()}
    parts = [f"update {now['step']:,.0f}", f"{now['updates_per_second']:,.0f}/s"]
    if "valid_log_likelihood" in latest:
        value, error = latest["valid_log_likelihood"], latest.get("log_partition_error")
        about = f"{value:.3f}" if error is None else f"about {value:.2f} +- {error:.2f}"
        parts.append(f"held-out log likelihood {about}")
    if "free_energy_gap" in latest:
        parts.append(f"gap {latest['free_energy_gap']:+.2f}")
    if "chain_spread" in latest:
        spread, gap = latest["chain_spread"], latest["chain_gap"]
        unusual = f"chains: {'only ' if spread < 1 else ''}{spread:.0%} of the data's spread"
        parts.append(f"chains {gap:+.1f}" if NARROW <= spread <= 1 / NARROW else unusual)
    return "  ".join(parts)


def _fraction(state: TrainState, config: TrainConfig) -> float:
    """The fraction of the run that is done."""
    if config.minutes is not None:
        return min(1.0, state.metrics["seconds"] / (60 * config.minutes))
    if config.epochs is not None:
        return min(1.0, state.metrics["epoch"] / config.epochs)
    return state.step / (config.updates or 1)


# ---- save


def _save(
    rbm: RBM, base_rate: Units, folder: Path, dataset: Dataset, record: dict[str, Any], checkpoints: runs.CheckpointManager
) -> None:
    """Write the model, then config.json. A model that the run folder does not take is saved in a folder for temporary files."""
    from harmonium import io

    notes = {name: getattr(dataset, name) for name in ("image_shape", "columns", "binarized")}
    notes |= {"trained_on": dataset.name, "updates": record["updates"], "schema": record["data"]["schema"]}
    notes["settings"] = record["options"] | record["settings"]
    try:
        io.save(rbm, folder / runs.MODEL, overwrite=True, base_rate=base_rate, notes=plain(notes))
        runs.write_json(folder / runs.CONFIG, record)
    except (InputError, OSError) as error:
        words = describe(error)
        with contextlib.suppress(OSError):
            other = Path(tempfile.mkdtemp(prefix="harmonium-")) / runs.MODEL
            io.save(rbm, other, base_rate=base_rate, notes=plain(notes))
            words += f"; the model is in {other}"
        if checkpoints.sound:
            words += f"; make room and resume from the last checkpoint: {_resume_command(folder)}"
        raise OSError(getattr(error, "errno", None) or 0, words) from error


def _resume_command(folder: Path) -> str:
    return f"harmonium train --resume {shlex.quote(str(folder))}"


def _repeat(run: RunOptions, config: TrainConfig, updates: int, metrics: dict[str, float]) -> str | None:
    """The command that gives the same model again; None if the run diverged, which comes at no fixed update."""
    if "lr_reduction" in metrics:
        return None
    settings = config.to_dict() | {"minutes": None, "epochs": None, "updates": updates, "early_stopping": 0}
    if "total_updates" not in metrics:
        settings["final_decay"] = 0  # the run ended before it knew its length, and so before its final decay
    elif metrics["total_updates"] > updates:
        settings["total_updates"] = int(metrics["total_updates"])
    if "early_decay_first" in metrics:
        settings["early_decay"] = [int(metrics[f"early_decay_{end}"]) for end in ("first", "last")]
    words = ["harmonium", "train", run.data, "--updates", str(updates)]
    for field in dataclasses.fields(run):
        value = getattr(run, field.name)
        if field.name in ("data", "checkpoint_every") or value == field.default:
            continue
        for each in value if isinstance(value, list) else [value]:
            words += [option_name(field.name), str(each)]
    for name, value in settings.items():
        if value is not None and name != "updates":
            text = str(value).lower() if isinstance(value, bool) else str(value).strip("[]").replace(" ", "")
            words += ["--set", f"{name}={text}"]
    return shlex.join(words)


def _say(text: str) -> None:
    """A line on stderr, of the first process only."""
    from harmonium import distributed

    if distributed.is_primary():
        print(f"harmonium: {text}", file=sys.stderr)


# ---- evaluate


def _evaluate(run: RunOptions, rbm: RBM, base_rate: Units, dataset: Dataset, mesh: Mesh | None) -> dict[str, Any]:
    """How likely the test and the training rows are."""
    from harmonium import likelihood
    from harmonium.io.streams import sample_rows

    test = evaluated(rbm, dataset.test, base_rate, seconds=run.evaluation_seconds, seed=run.seed, mesh=mesh)
    return {
        "log_likelihood": test,
        "train": likelihood.evaluate_with(test, rbm, sample_rows(dataset.train, MAX_TRAINING_ROWS, "data")),
        "baseline": likelihood.base_rate_log_likelihood(base_rate, dataset.test),
        "bound": None if dataset.entropy is None else -dataset.entropy,
    }


def _draw(rbm: RBM, dataset: Dataset, history: list[dict[str, float]], report: dict[str, Any], folder: Path, seed: int) -> None:
    """Write the run's pictures."""
    import numpy as np

    import harmonium as hm
    from harmonium import exact, likelihood, plots

    figures = {"learning_curves": plots.learning_curves(history, report["baseline"], report["bound"])}
    if dataset.schema is None:  # the columns of a table make no picture
        shape, real, some = dataset.image_shape, dataset.test[:100], dataset.test[:64]
        draw = exact.sample if likelihood.can_be_exact(rbm) else hm.sample
        fantasies = draw(rbm, len(real), seed)
        filled = hm.impute(rbm, some, seed=seed).values if np.isnan(some).any() else some
        figures |= {
            "filters": plots.filters(rbm.weights, shape),
            "fantasies": plots.side_by_side({"data (test)": real, "fantasies of the model": fantasies}, shape),
            "reconstructions": plots.reconstructions(some, hm.reconstruct(rbm, filled, seed=seed), shape),
        }
    for name, figure in figures.items():
        write(folder / f"{name}.png", figure, overwrite=True)


def _answer(report: dict[str, Any], dataset: Dataset) -> Answer:
    test, bound = report["log_likelihood"], report["bound"]
    rows = [["this model", test.mean, report["train"].mean], ["independent units (the baseline)", report["baseline"], None]]
    if bound is not None:
        rows.append(["best possible: minus the source's entropy", bound, bound])
    text: list[str | Styled | Table] = [
        f"{dataset.name}: {len(dataset.train):,} training rows; {dataset.held_out}",
        *likelihood_text("test ", test),
        Table("", ["nats per example", "test", "training"], rows, decimals=3),
        f"{report['updates']:,} updates, {report['seconds']:.1f} s from command to report; all of it in {report['run']}",
    ]
    return Answer(report | {part: report[part].as_dict() for part in ("log_likelihood", "train")}, text)
