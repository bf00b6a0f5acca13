"""train a model on a data set and report how likely the test data is

DATA is a named source, a file or a folder (`harmonium data` lists both). The columns of a table may be of any kinds, with
missing cells (empty, NA, NaN, null, ?): the inferred kinds are printed, and --as, --ignore and --schema change them. NaN in an
array is a missing cell. Folders of Parquet files, sparse matrices and very large arrays are read as they are needed, and their
values are taken as they are.
The run folder gets the model, metrics.jsonl, config.json (enough to repeat the run exactly) and pictures. The saved model has
the best held-out log likelihood, in nats per example. With 20 hidden units, the default, it is exact. With many it is
estimated, and the report gives an interval. The progress line compares mean free energies with that of the training rows: a
held-out gap above 0 is overfitting, and chains far from 0 have left the data.
A run that stops, by Ctrl-C, a signal or a failure, resumes bit for bit from its last checkpoint with --resume RUN.

example:
  harmonium train digits
  harmonium train bars-and-stripes:3x3 --hidden 8
  harmonium train survey.csv --as income=real --as region=categorical --ignore id --weights weight
  harmonium train images.npy --hidden 500 --binarize threshold=0.5 --minutes 10 --set batch_size=500 --out runs/mine
  harmonium train --resume runs/mine
  srun -n 4 harmonium train images.npy --hidden 2000 --minutes 600 --distributed
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import errno
import functools
import hashlib
import platform
import re
import shlex
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import harmonium as hm
from harmonium.cli import runs
from harmonium.cli.evaluate import compare_with_independent, evaluate, likelihood_text, nats_per_example
from harmonium.cli.inputs import schema_text
from harmonium.cli.options import OF_MODEL, RunOptions, TrainOptions, add_arguments, repeat_command
from harmonium.cli.output import Answer, Table, console, plain, print_text, progress_bar, say
from harmonium.cli.process import WORDS, GracefulShutdown, keep_compiled_code
from harmonium.cli.start import load_dataset, load_start, say_seen, start_model
from harmonium.errors import DivergenceError, InputError, NoGainWarning, describe

if TYPE_CHECKING:
    from jax.sharding import Mesh
    from matplotlib.figure import Figure

__all__ = ["add_arguments", "run"]
REFIT = {
    True: "then fitted to training and validation rows together, for as many updates",
    False: "fitted to training and validation rows together it made these less likely, so that model is not kept",
}
REMEDY = "; try another rate (--set learning_rate=0.01), more --updates, or --set estimator=pt-10"
"""Of a model that is no better than independent units."""
MIN_ROWS_TO_REFIT = 10
"""Of fewer rows none are held out."""
MAX_TRAINING_ROWS = 100_000
"""Rows of streamed data over which the training log likelihood is taken."""


def run(arguments: argparse.Namespace) -> Answer | int | None:
    """Load, configure, train, save, evaluate."""
    started = time.monotonic()
    options = TrainOptions.of(arguments)
    keep_compiled_code()
    import jax

    from harmonium.training.rows import has_missing

    if arguments.distributed:
        hm.distributed.initialize()
    shards = 1 if arguments.hidden_shards is None else arguments.hidden_shards
    mesh = None if jax.device_count() == shards == 1 else hm.distributed.make_mesh(shards)
    is_primary = hm.distributed.is_primary()
    with contextlib.ExitStack() as stack:
        # Load. Everything is checked before there is a folder, so that a mistake leaves nothing behind.
        start = _Start(options.of_new_run()) if arguments.resume is None else _resume(options, Path(arguments.resume), stack)
        run = start.run
        model = load_start(run)
        dataset = load_dataset(run, model)
        rbm, base_rate = start_model(run, dataset, model)

        # Configure.
        # Rows that were held out of DATA serve for training in the end; those of a file of their own need not be of its kind.
        in_memory = not isinstance(dataset.train, (hm.io.Streamed, hm.data.Resampled))
        refit = in_memory and run.valid is None and dataset.entropy is None and len(dataset.train) >= MIN_ROWS_TO_REFIT
        incomplete = in_memory and has_missing(dataset.train)
        given: dict[str, Any] = {"held_out": True, "incomplete": incomplete, "refit": refit} | dict(options.settings)
        config = start.config or hm.TrainConfig.derive(
            len(dataset.train), rbm, devices=hm.distributed.row_shards(mesh), **given
        )
        if start.config is None and not config.early_stopping and "refit" not in options.settings:
            config = dataclasses.replace(config, refit=False)
        if arguments.show_config:
            parts = {"options": _options(run), "settings": config.to_dict()}
            rows = [[name, "-" if value is None else str(value)] for part in parts.values() for name, value in part.items()]
            text: list[Any] = [Table("", ["option or setting", "value"], rows), "An optimizer is set from Python only."]
            return Answer(parts, text) if is_primary else None
        record = _record(run, config, dataset, mesh, None if model is None else model.rbm)
        if model is not None and is_primary:
            say_seen(run, model, dataset)
        if start.record is not None:
            _check_unchanged(start.record, record)
        states = hm.training.train(
            rbm,
            dataset.train,
            config,
            valid=dataset.valid,
            weights=dataset.weights.get("train"),
            valid_weights=dataset.weights.get("valid"),
            seed=run.seed,
            resume=start.checkpoint,
            mesh=mesh,
        )
        folder = start.folder or _new_folder(arguments, dataset, stack)
        history: list[dict[str, float]] = []
        if is_primary:
            history = runs.trim_metrics(folder, 0 if start.checkpoint is None else start.checkpoint.step)
            runs.write_json(folder / runs.CONFIG, record)
            print_text([f"{dataset.name}: {dataset.description}"], console(stderr=True))
            if dataset.schema is not None:
                runs.write_json(folder / runs.SCHEMA, dataset.schema.description())
                print_text(schema_text(dataset.schema)[: 2 if model is None else 1], console(stderr=True))

        # Train.
        checkpoints = hm.training.CheckpointManager(folder, run.checkpoint_every, start.file)
        with GracefulShutdown() as shutdown:
            state, stopped = _follow(states, folder, checkpoints, shutdown, history)

        # Save.
        repeated = config.repeat(state.metrics, state.trials)
        record |= {"updates": int(state.metrics.get("best_step", state.step)), "finished": stopped is None}
        record["trials"] = [dataclasses.asdict(trial) for trial in state.trials]
        record["ended"] = stopped or hm.training.ENDINGS[str(state.ended)]
        # The trials of a run that is stopped are compared no further.
        record["repeat"] = None if stopped is not None and state.trials else repeated and repeat_command(run, repeated)
        if is_primary:
            _save(state.rbm, base_rate, folder, dataset, record, checkpoints)
        if stopped is not None:
            resuming = f"; resume with: {_resume_command(folder)}" if shutdown.requested and not checkpoints.trouble else ""
            say(f"{stopped}; the model after {state.step:,} updates is in {folder}{resuming}")
            return 128 + shutdown.requested if shutdown.requested else 2
        if is_primary:
            checkpoints.remove_all()

        # Evaluate.
        try:
            report = _evaluate(run, state.rbm, base_rate, dataset, mesh)
        except KeyboardInterrupt:
            say(f"no report; the trained model is in {folder}")
            raise
        trouble: list[str] = []
        if is_primary:
            _, trouble = runs.write_pictures(folder, _pictures(state.rbm, dataset, history, report, run.seed))
        if arguments.distributed:
            hm.distributed.shutdown()
        report |= {
            "updates": record["updates"],
            "updates_made": state.step,
            "ended": record["ended"],
            "trials": record["trials"],
            "refit": None if "refit" not in state.metrics else bool(state.metrics["refit"]),
            "seconds": time.monotonic() - started,
            "run": str(folder),
        }
        return _answer(report, dataset, state.trials, trouble) if is_primary else None


# ---- load and configure


class _Start(NamedTuple):
    """What a run starts from; of one that is resumed also its folder, its config.json, and its last checkpoint and the file."""

    run: RunOptions
    folder: Path | None = None
    record: dict[str, Any] | None = None
    config: hm.TrainConfig | None = None
    checkpoint: hm.training.Checkpoint | None = None
    file: Path | None = None


def _resume(options: TrainOptions, folder: Path, stack: contextlib.ExitStack) -> _Start:
    """The run in that folder, which stays locked until the stack is closed."""
    record = runs.read_config(folder)
    damaged = f"{folder / runs.CONFIG} is damaged"
    run: RunOptions = hm.io.untrusted.convert(record["options"], RunOptions, f"{damaged}: options")
    try:
        config = hm.TrainConfig.from_dict(record["settings"])
    except InputError as error:
        raise InputError(f"{damaged}: {error}") from error
    checkpoint, file = None, None
    if hm.distributed.is_primary():
        stack.enter_context(runs.lock(folder))
        checkpoint, file, damage = hm.training.latest_checkpoint(folder)
        if checkpoint is None:
            damage = [*damage, f"{folder} has no checkpoint to resume from"]
        if damage:
            then = "the run begins again" if checkpoint is None else f"resuming from update {checkpoint.step:,}"
            say(f"{'; '.join(damage)}; {then}")
    name = hm.distributed.broadcast(None if file is None else str(file))
    if checkpoint is None and name is not None:
        checkpoint, file = hm.training.Checkpoint.load(name), Path(name)
    return _Start(options.of_resumed_run(run), folder, record, config, checkpoint, file)


def _new_folder(options: argparse.Namespace, dataset: hm.data.Dataset, stack: contextlib.ExitStack) -> Path:
    """The run folder, empty but for what is not the run's, and locked until the stack is closed."""
    folder = None
    if hm.distributed.is_primary():
        name = re.sub(r"\.(npy|npz|csv|tsv|txt|parquet|idx|gz)(?=$|[.:])", "", Path(dataset.name).name)
        name = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
        folder = runs.new_folder(name, options.out, options.overwrite)
        stack.enter_context(runs.lock(folder))
        hm.training.CheckpointManager(folder).remove_all()
    return Path(hm.distributed.broadcast(str(folder)))


def _options(run: RunOptions) -> dict[str, Any]:
    """The options in terms of JSON, without those that a model to start from decides."""
    return {name: value for name, value in dataclasses.asdict(run).items() if run.start is None or name not in OF_MODEL}


def _record(
    run: RunOptions, config: hm.TrainConfig, dataset: hm.data.Dataset, mesh: Mesh | None, start: hm.RBM | None
) -> dict[str, Any]:
    """What config.json holds of a run that begins."""
    import jax
    import numpy as np

    computer: dict[str, Any] = {"system": platform.system(), "architecture": platform.machine()}
    computer |= {"device": jax.devices()[0].device_kind, "devices": [1, 1] if mesh is None else list(mesh.devices.shape)}
    versions = {name: version(name) for name in ("harmonium", "jax", "jaxlib", "numpy", "optax", "scikit-learn")}
    versions["python"] = platform.python_version()
    record: dict[str, Any] = {"options": _options(run), "settings": config.to_dict(), "updates": None, "finished": False}
    parameters = [np.ascontiguousarray(leaf, "<f8").data for leaf in jax.tree.leaves(start)]
    record["start"] = hashlib.sha256(b"".join(parameters)).hexdigest() if parameters else None
    return record | {"data": dataset.provenance(), "versions": versions, "computer": computer}


def _check_unchanged(earlier: dict[str, Any], record: dict[str, Any]) -> None:
    """The data must be what it was; other versions or devices, with which not every bit need agree, are reported."""
    if earlier["data"].get("sha256") != record["data"]["sha256"]:
        raise InputError(f"{record['data']['name']} holds other rows than when the run began; restore its rows")
    if earlier.get("start") != record["start"]:
        raise InputError(f"{record['options']['start']} holds another model than when the run began; restore that")
    before, now = (each["versions"] | each["computer"] for each in (earlier, record))
    changed = [f"{name} {before.get(name)} then, {now[name]} now" for name in now if before.get(name) != now[name]]
    if changed:
        say(f"not every bit need come out as before: {', '.join(changed)}")


# ---- train


def _follow(
    states: Iterator[hm.TrainState],
    folder: Path,
    checkpoints: hm.training.CheckpointManager,
    shutdown: GracefulShutdown,
    history: list[dict[str, float]],
) -> tuple[hm.TrainState, str | None]:
    """Train under a progress bar, adding to `history`: the last good state, and why it stopped early if it did.

    A run that is asked to stop does so at the next state, which becomes a checkpoint. Trouble in writing stops no run.
    """
    primary, state, stopped = hm.distributed.is_primary(), None, None
    bar, say_once = progress_bar(disable=not primary), functools.cache(say)
    with bar, contextlib.closing(states), warnings.catch_warnings():  # type: ignore[type-var]
        warnings.simplefilter("ignore", NoGainWarning)  # the report says it
        task = bar.add_task("compiling", total=1.0)
        try:
            for state in states:
                history.append(state.metrics)
                if primary:
                    try:
                        runs.append_line(folder / runs.METRICS, state.metrics)
                    except OSError as error:
                        say_once(f"{folder / runs.METRICS} cannot be written: {error.strerror}; training goes on")
                bar.update(task, completed=state.checkpoint.progress.fraction, description=hm.training.summarize(history))
                if "diverged_at" in state.metrics:
                    at, rate = state.metrics["diverged_at"], state.metrics["lr_reduction"]
                    back = f"back at update {state.step:,}, now at {rate:g} of the learning rate"
                    say_once(f"diverged before update {at:,.0f}: {back}")
                requested = hm.distributed.broadcast(shutdown.requested)
                if requested is not None:
                    shutdown.requested, stopped = requested, WORDS[requested]
                if primary:
                    checkpoints.save_if_due(state) if stopped is None else checkpoints.save(state)
                if checkpoints.trouble is not None:
                    say_once(f"no checkpoint: {checkpoints.trouble}" + ("; training goes on" if stopped is None else ""))
                if stopped is not None:
                    break
            else:
                bar.update(task, completed=1.0)
        except DivergenceError as error:
            stopped = str(error)
    if state is None:
        raise KeyboardInterrupt
    return state, stopped


# ---- save


def _save(
    rbm: hm.RBM,
    base_rate: hm.units.Units,
    folder: Path,
    dataset: hm.data.Dataset,
    record: dict[str, Any],
    checkpoints: hm.training.CheckpointManager,
) -> None:
    """Write the model, then config.json. A model that the run folder does not take is saved in a folder for temporary files."""
    notes = {name: getattr(dataset, name) for name in ("image_shape", "columns", "binarized")}
    notes |= {"trained_on": dataset.name, "updates": record["updates"], "schema": record["data"]["schema"]}
    notes["sha256"] = record["data"]["sha256"]
    if dataset.schema is not None and dataset.schema.fingerprint is not None:
        notes[hm.tabular.schema.FINGERPRINT] = dataset.schema.fingerprint.to_dict()
    notes["settings"] = record["options"] | record["settings"]
    try:
        hm.io.save(rbm, folder / runs.MODEL, overwrite=True, base_rate=base_rate, notes=plain(notes))
        runs.write_json(folder / runs.CONFIG, record)
    except (InputError, OSError) as error:
        words = describe(error)
        with contextlib.suppress(OSError):
            other = Path(tempfile.mkdtemp(prefix="harmonium-")) / runs.MODEL
            hm.io.save(rbm, other, base_rate=base_rate, notes=plain(notes))
            words += f"; the model is in {other}"
        if checkpoints.sound:
            remedy = "make room" if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) else "mend that"
            words += f"; {remedy} and resume from the last checkpoint: {_resume_command(folder)}"
        raise OSError(getattr(error, "errno", None) or 0, words) from error


def _resume_command(folder: Path) -> str:
    return f"harmonium train --resume {shlex.quote(str(folder))}"


# ---- evaluate


def _evaluate(
    run: RunOptions, rbm: hm.RBM, base_rate: hm.units.Units, dataset: hm.data.Dataset, mesh: Mesh | None
) -> dict[str, Any]:
    """How likely the test and the training rows are."""
    of_train, of_test = dataset.weights.get("train"), dataset.weights.get("test")
    density, density_of_test = dataset.log_density.get("train"), dataset.log_density.get("test")
    limits: dict[str, Any] = {
        "weights": of_test,
        "log_density": density_of_test,
        "seconds": run.evaluation_seconds,
        "seed": run.seed,
        "mesh": mesh,
    }
    test = evaluate(rbm, dataset.test, base_rate, **limits)
    if isinstance(dataset.train, hm.data.Resampled):
        trained_on = dataset.train.draw_once(rbm.visible, MAX_TRAINING_ROWS, run.seed)
    else:
        trained_on = hm.io.streams.sample_rows(dataset.train, MAX_TRAINING_ROWS, "data")
    if of_train is not None:
        of_train = of_train[hm.io.streams.evenly_spaced(len(of_train), len(trained_on))]
    if density is not None:
        density = density[hm.io.streams.evenly_spaced(len(density), len(trained_on))]
    return {
        "log_likelihood": test,
        "train": hm.likelihood.evaluate_with(test, rbm, trained_on, weights=of_train, log_density=density),
        **compare_with_independent(rbm, base_rate, test, dataset.test, REMEDY, of_test, density_of_test),
        "bound": None if dataset.entropy is None else -dataset.entropy,
    }


def _pictures(
    rbm: hm.RBM, dataset: hm.data.Dataset, history: list[dict[str, float]], report: dict[str, Any], seed: int
) -> dict[str, Figure]:
    """The run's pictures by name."""
    import numpy as np

    baseline = report["baseline"]
    if "test" in dataset.log_density:  # training counts the probabilities of bins, without the densities in them
        baseline -= float(np.average(dataset.log_density["test"], weights=dataset.weights.get("test")))
    figures = {"learning_curves": hm.plots.learning_curves(history, baseline, report["bound"])}
    if dataset.schema is not None:  # the columns of a table make no picture
        return figures
    shape, real, some = dataset.image_shape, dataset.test[:100], dataset.test[:64]
    method = "auto" if hm.likelihood.can_be_exact(rbm) else "gibbs"  # a picture is not worth the time of tempering
    fantasies = hm.sample(rbm, len(real), seed, method=method)
    filled = hm.impute(rbm, some, seed=seed).values if np.isnan(some).any() else some
    return figures | {
        "filters": hm.plots.filters(rbm.weights, shape),
        "fantasies": hm.plots.side_by_side({"data (test)": real, "fantasies of the model": fantasies}, shape),
        "reconstructions": hm.plots.reconstructions(some, hm.reconstruct(rbm, filled, seed=seed), shape),
    }


def _answer(
    report: dict[str, Any], dataset: hm.data.Dataset, trials: Sequence[hm.training.Trial], trouble: list[str]
) -> Answer:
    test, bound = report["log_likelihood"], report["bound"]
    gain, train = report["gain"], report["train"]
    rows = [
        ["this model", test.mean, test.standard_error, train.mean, train.standard_error],
        ["independent units (the baseline)", report["baseline"], report["baseline_standard_error"], None, None],
        ["difference", gain["mean"], gain["standard_error"], None, None],
    ]
    if bound is not None:
        rows.append(["best possible: minus the source's entropy", bound, None, bound, None])
    more = f" (the best of {report['updates_made']:,})" if report["updates_made"] > report["updates"] else ""
    text = [
        f"{dataset.name}: {len(dataset.train):,} training rows; {dataset.held_out}",
        *likelihood_text("test ", test, report),
        Table("", [nats_per_example(dataset), "test", "+-", "training", "+-"], rows, decimals=3),
        f"{report['updates']:,} updates{more}; ended because {report['ended']}",
        *hm.training.describe_trials(trials),
        *([] if report["refit"] is None else [REFIT[report["refit"]]]),
        f"{report['seconds']:.1f} s from command to report; all of it in {report['run']}",
    ]
    return Answer(report | {part: report[part].to_dict() for part in ("log_likelihood", "train")}, text, trouble=trouble)
