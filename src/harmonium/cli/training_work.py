"""A training run from its options to its report, as each of its processes works on it."""

from __future__ import annotations

import argparse
import contextlib
import re
import shlex
import socket
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli import checkpoints, runs, training_record
from harmonium.cli.cluster import Place
from harmonium.cli.compiled import keep_compiled_code
from harmonium.cli.inputs import print_schema
from harmonium.cli.output import print_json
from harmonium.cli.processes import PLACEMENT
from harmonium.cli.small_model import layer
from harmonium.cli.stopping import Stopping
from harmonium.cli.team import Team, team
from harmonium.cli.training_data import dataset_of
from harmonium.cli.training_progress import follow
from harmonium.cli.training_report import pictures, print_report, report
from harmonium.cli.training_settings import settings_of
from harmonium.errors import InputError, describe

if TYPE_CHECKING:
    import numpy as np

    from harmonium.data import Dataset
    from harmonium.gradients import Estimator
    from harmonium.io import Streamed
    from harmonium.model import RBM
    from harmonium.training import Checkpoint, TrainState
    from harmonium.units import Units

WITH_RESUME = {"resume", "checkpoint_every", "evaluation_seconds", *PLACEMENT}
"""The options that may be given when a run goes on."""


@dataclass
class Run:
    """`folder`, `earlier` (its config.json) and `checkpoint`: of a run that goes on."""

    options: argparse.Namespace
    folder: Path | None = None
    earlier: dict[str, Any] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None


def work(options: argparse.Namespace, place: Place | None, begun: float, boss: socket.socket | None) -> int | None:
    keep_compiled_code()
    with contextlib.ExitStack() as stack:
        crew = stack.enter_context(team(options, place, boss))
        return _work(options, begun, stack, crew)


def _work(options: argparse.Namespace, begun: float, stack: contextlib.ExitStack, crew: Team) -> int | None:
    # Everything is checked before the folder is made, so that a mistake leaves nothing behind.
    run = _taken_up(options, stack, crew) if options.resume is not None else Run(options)
    options = run.options
    dataset = crew.spread.together(lambda: _dataset(options, crew.spread.several))
    crew.same(_fingerprint(dataset), "rows")
    rbm, states = crew.spread.together(lambda: _prepared(run, dataset, crew))
    if dataset.schema is not None and crew.first:
        print_schema(dataset.schema, stderr=options.json)
    folder, config, history = _opened(run, dataset, stack, crew)
    keeper = checkpoints.Keeper(folder, options.checkpoint_every)
    with Stopping() as stopping:
        state, stopped = follow(states, folder, options, keeper, stopping, history, crew)
    kept = int(state.metrics.get("best_step", state.step))
    config |= {"updates": kept, "repeat": training_record.repeat(options, kept, state.metrics)}
    crew.by_first(lambda: _keep(state, rbm.visible, folder, dataset, config, stopped))
    if stopped is not None:
        how = f"; go on with: {_resuming(folder)}" if stopping.asked and not keeper.trouble else ""
        crew.tell(f"{stopped}; the machine after {state.step:,} updates is in {folder}{how}")
        return stopping.status if stopping.asked else 2
    if crew.first:
        checkpoints.remove(folder)
    try:
        found = report(options, state.rbm, rbm.visible, dataset, crew.spread.mesh)
    except KeyboardInterrupt:
        crew.tell(f"interrupted before the closing report; the trained machine is in {folder}")
        return 130
    if not crew.first:
        return None
    pictures(state.rbm, dataset, history, found, folder, options.seed)
    found |= {"updates": kept, "seconds": time.monotonic() - begun, "run": str(folder)}
    if options.json:
        print_json(found | {part: found[part].as_dict() for part in ("log_likelihood", "train")})
    else:
        print_report(found, dataset)
    return None


def _dataset(options: argparse.Namespace, several: bool) -> Dataset:
    from dataclasses import replace

    from harmonium import _checks
    from harmonium.io import Streamed

    if options.data is None:
        raise InputError("DATA is missing: give a named source or a file, or --resume RUN")
    _checks.positive(options.evaluation_seconds, "--evaluation-seconds")
    if options.checkpoint_every != 0:
        _checks.positive(options.checkpoint_every, "--checkpoint-every")
    dataset = dataset_of(options)
    if isinstance(dataset.train, Streamed) and not several:
        # A single process needs all rows: where they can only be read from front to back, it reads them once.
        return replace(dataset, train=dataset.train.part(0, 1))
    return dataset


def _fingerprint(dataset: Dataset) -> int:
    """A number that differs where the rows do, as far as they are in memory."""
    import numpy as np

    parts = (dataset.train, dataset.valid, dataset.test)
    shapes = repr([part.shape for part in parts]).encode()
    return zlib.crc32(b"".join([shapes, *(part.tobytes() for part in parts if isinstance(part, np.ndarray))])) >> 1


def _prepared(run: Run, dataset: Dataset, crew: Team) -> tuple[RBM, Iterator[TrainState]]:
    """The machine to start from and the states to come."""
    from harmonium import _checks, tabular, training

    options = run.options
    hidden = layer(options.hidden_units, _checks.integer(options.hidden, "--hidden"), "--hidden-units", visible=False)
    if dataset.schema is None:
        visible = layer(options.visible_units or "binary", dataset.train.shape[1], "--visible-units", visible=True)
    else:
        visible = tabular.units_of(dataset.schema)
    rbm = training.initialize(dataset.train, hidden, visible, seed=_checks.seed(options.seed))
    for part in ("valid", "test"):
        rbm.visible.check(getattr(dataset, part), f"{part} data", missing=True)
    config = settings_of(options, dataset, rbm, crew.spread.parts)
    states = training.train(
        rbm,
        dataset.train,
        config,
        valid=dataset.valid,
        seed=options.seed,
        resume=run.checkpoint,
        mesh=crew.spread.mesh,
    )
    estimator = config.make_estimator()
    _trace(rbm, estimator, dataset.train)
    return rbm, states


def _trace(rbm: RBM, estimator: Estimator, rows: np.ndarray | Streamed) -> None:
    """Go through an update's gradient without computing it: a machine too large to be exact is found out here."""
    import jax

    from harmonium.io.streams import sample_rows

    key = jax.random.key(0)
    state = jax.eval_shape(estimator.init, key, rbm)
    jax.eval_shape(estimator.gradient, key, rbm, state, sample_rows(rows, 1, "data")[:1].astype(rbm.weights.dtype))


def _opened(
    run: Run, dataset: Dataset, stack: contextlib.ExitStack, crew: Team
) -> tuple[Path, dict[str, Any], list[dict[str, float]]]:
    """The run folder, what its config.json holds by now, and the metrics of the run so far, which the first process has."""
    config: dict[str, Any] = {}
    history: list[dict[str, float]] = []

    def opened() -> str:
        nonlocal config, history
        config = training_record.config_of(run.options, dataset, crew.spread)
        folder = run.folder
        if folder is None:
            folder = runs.new_folder(_name(dataset), run.options.out, run.options.overwrite)
            stack.enter_context(checkpoints.locked(folder))
            checkpoints.remove(folder)
            (folder / runs.METRICS).unlink(missing_ok=True)
        else:
            training_record.check_unchanged(run.earlier, config)
            history = checkpoints.history(folder, 0 if run.checkpoint is None else run.checkpoint.step)
        runs.write_json(folder / runs.CONFIG, config)
        if dataset.schema is not None:
            runs.write_json(folder / runs.SCHEMA, dataset.schema.description())
        crew.tell_folder(folder)
        return str(folder)

    return Path(crew.by_first(opened)), config, history


def _keep(
    state: TrainState, base_rate: Units, folder: Path, dataset: Dataset, config: dict[str, Any], stopped: str | None
) -> None:
    try:
        training_record.save(state.rbm, base_rate, folder, dataset, config)
        runs.write_json(folder / runs.CONFIG, config | {"finished": stopped is None})
    except OSError as error:
        if not checkpoints.files(folder):
            raise
        raise InputError(f"{describe(error)}; mend that, and go on from the last checkpoint: {_resuming(folder)}") from error


def _resuming(folder: Path) -> str:
    return f"harmonium train --resume {shlex.quote(str(folder))}"


def _name(dataset: Dataset) -> str:
    """The run folder's, if none is given."""
    plain_name = re.sub(r"\.(npy|npz|csv|tsv|txt|parquet|idx|gz)(?=$|[.:])", "", Path(dataset.name).name)
    return re.sub(r"[^\w.-]+", "-", plain_name).strip("-.") or "run"


def _taken_up(options: argparse.Namespace, stack: contextlib.ExitStack, crew: Team) -> Run:
    """A run that was begun: its options and config.json, and its latest checkpoint, all read by the first process."""
    folder = Path(options.resume)
    checkpoint: Checkpoint | None = None

    def taken_up() -> tuple[dict[str, Any], dict[str, Any]]:
        nonlocal checkpoint
        settings, config = _settings_of_begun(options, folder)
        stack.enter_context(checkpoints.locked(folder))
        checkpoint, wrong = checkpoints.latest(folder)
        instead = "the run begins again" if checkpoint is None else f"update {checkpoint.step:,} is gone on from"
        for each in wrong:
            crew.tell(f"{each}; {instead}")
        return settings, config

    settings, config = crew.by_first(taken_up)
    return Run(argparse.Namespace(**vars(options) | settings), folder, config, _everywhere(checkpoint, crew))


def _settings_of_begun(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a run that was begun, and its config.json."""
    from harmonium.cli import train_command

    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    defaults = vars(parser.parse_args([]))
    given = {name: getattr(options, name) for name in defaults if getattr(options, name) != defaults[name]}
    for name in given.keys() - WITH_RESUME:
        option = "DATA" if name == "data" else "--as" if name == "kinds" else f"--{name.replace('_', '-')}"
        raise InputError(f"--resume goes on with the settings of {folder}; leave out {option}")
    config = checkpoints.begun(folder)
    if unknown := sorted(config["settings"].keys() - defaults.keys()):
        raise InputError(f"{folder / runs.CONFIG} has settings that this harmonium does not know: {', '.join(unknown)}")
    return config["settings"] | given, config


def _everywhere(checkpoint: Checkpoint | None, crew: Team) -> Checkpoint | None:
    """The first process's checkpoint."""
    import numpy as np

    from harmonium.training import Checkpoint

    spread = crew.spread
    if not spread.several:
        return checkpoint
    forms: Any = None
    if checkpoint is not None:
        forms = {name: (array.dtype.name, array.shape) for name, array in checkpoint.arrays.items()}
    told = spread.agreed(None if checkpoint is None else (forms, checkpoint.progress))
    if told is None:
        return None
    forms, progress = told
    arrays = {}
    for name, (dtype, shape) in forms.items():
        content = spread.sent(b"" if checkpoint is None else checkpoint.arrays[name].tobytes())
        arrays[name] = np.frombuffer(content, dtype).reshape(shape)
    return Checkpoint(arrays, progress)
